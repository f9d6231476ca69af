// Whole lists as tables.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <fstream>

#include "daemon/base/text.h"
#include "tests/api/api_fixture.h"
#include "tests/support/temp_folder.h"

namespace c360::api {
namespace {

class ExportApi : public ApiTest {
 protected:
  static std::vector<std::string> lines(const HttpAnswer& answer) {
    std::vector<std::string> found;
    for (const auto line : split(answer.body, '\n')) {
      if (!trimmed(line).empty()) found.emplace_back(trimmed(line));
    }
    return found;
  }
  void add_deals(int count) {
    const std::string to = std::to_string(100'000 + count);
    sql("INSERT INTO crm.record (id, kind) SELECT g, 'deal' FROM generate_series(100001, " + to +
        ") g");
    sql("INSERT INTO crm.deal (id, number, name) SELECT g, g, 'Deal ' || g FROM "
        "generate_series(100001, " +
        to + ") g");
    sql("ANALYZE crm.deal");
  }
};

TEST_F(ExportApi, IsTheListWithChosenColumns) {
  HttpClient admin = administrator();
  make_deal(admin, "Поставка", R"(, "amount": "1500.00")");
  make_deal(admin, "Другая");

  const auto answer =
      admin.get("/api/v1/deals/export?dialect=rfc4180&columns=name,amount,status&sort=name");

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("content-type"), "text/csv; charset=utf-8");
  EXPECT_EQ(answer.header("content-disposition"), "attachment; filename=\"deal.csv\"");
  EXPECT_EQ(answer.body, "name,amount,status\r\nДругая,,new\r\nПоставка,1500.00,new\r\n");
  EXPECT_EQ(lines(admin.get("/api/v1/deals/export?name=" + percent_encoded("Другая"))).size(), 2U);
  EXPECT_EQ(admin.get("/api/v1/deals/export?dialect=rfc4180&columns=name&amount.gt=1").body,
            "name\r\nПоставка\r\n");
}

TEST_F(ExportApi, SpeaksToExcelAndToPeople) {
  HttpClient admin = administrator();
  make_deal(admin, "Поставка; вторая");
  const auto answer = admin.get("/api/v1/deals/export?labels=ru&columns=name,status");
  EXPECT_EQ(answer.body, "\xEF\xBB\xBFНазвание;Статус\r\n\"Поставка; вторая\";Не обработана\r\n");
  EXPECT_EQ(lines(admin.get("/api/v1/deals/export?labels=en&columns=status")).back(),
            "Not Processed");
}

TEST_F(ExportApi, WhatASpreadsheetWouldCalculateIsText) {
  HttpClient admin = administrator();
  for (const std::string name : {"=1+1", "+7 495 1", "-2", "@SUM(A1)", "a\\\"b", "plain"}) {
    make_deal(admin, name);
  }
  const auto found = lines(admin.get("/api/v1/deals/export?columns=name&sort=id"));
  EXPECT_EQ(found, (std::vector<std::string>{"\xEF\xBB\xBFname", "'=1+1", "'+7 495 1", "'-2",
                                             "'@SUM(A1)", "\"a\"\"b\"", "plain"}));
}

TEST_F(ExportApi, HasTheRightsOfTheList) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  HttpClient leads = client(add_token(add_user("admin", {"crm-administrators"}), {"lead:read"}));
  make_deal(owner, "Mine");
  EXPECT_EQ(lines(owner.get("/api/v1/deals/export")).size(), 2U);
  EXPECT_EQ(lines(stranger.get("/api/v1/deals/export")).size(), 1U);
  EXPECT_EQ(leads.get("/api/v1/deals/export").status, 403);
}

TEST_F(ExportApi, CustomFieldsAreColumns) {
  HttpClient admin = administrator();
  created(admin.post("/api/v1/custom-fields", R"({"record_kind": "deal", "code": "size",
      "name_ru": "Размер", "name_en": "Size", "type": "number"})"));
  make_deal(admin, "A", R"(, "custom": {"size": 12.5})");
  const auto answer = admin.get("/api/v1/deals/export?dialect=rfc4180&columns=custom.size,name");
  EXPECT_EQ(lines(answer).front(), "custom.size,name");
  EXPECT_TRUE(lines(answer).back().starts_with("12.5")) << answer.body;
}

TEST_F(ExportApi, RefusesWhatAListRefusesAndWhatIsTooMuch) {
  options_.limits.max_export_rows = 2;
  restart();
  HttpClient admin = administrator();
  for (int i = 0; i < 3; ++i) make_deal(admin, "Deal");
  const auto many = admin.get("/api/v1/deals/export");
  EXPECT_EQ(many.status, 422);
  EXPECT_EQ(many.field("code"), "too_many_rows");
  EXPECT_EQ(admin.get("/api/v1/deals/export?name=x").status, 200);
  for (const std::string wrong :
       {"columns=nothing", "format=pdf", "labels=fr", "dialect=x", "limit=1", "fields=id",
        "no_field=1", "sort=nothing", "columns=name,,id"}) {
    EXPECT_EQ(admin.get("/api/v1/deals/export?name=x&" + wrong).status, 400) << wrong;
  }
}

TEST_F(ExportApi, XlsxIsABookASpreadsheetOpens) {
  HttpClient admin = administrator();
  make_deal(admin, "=1+1", R"(, "amount": "1500.50")");
  const auto answer =
      admin.get("/api/v1/deals/export?format=xlsx&columns=name,amount,created_at,status");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body.substr(0, 2), "PK");
  testing::TempFolder folder;
  const std::string path = folder.path().string() + "/deals.xlsx";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  std::fwrite(answer.body.data(), 1, answer.body.size(), file);
  std::fclose(file);
  std::FILE* unpacked = ::popen(("unzip -p '" + path + "' xl/worksheets/sheet1.xml").c_str(), "r");
  ASSERT_NE(unpacked, nullptr);
  std::string sheet(100'000, '\0');
  sheet.resize(std::fread(sheet.data(), 1, sheet.size(), unpacked));
  EXPECT_EQ(::pclose(unpacked), 0);
  EXPECT_NE(sheet.find("<t>=1+1</t>"), std::string::npos) << "a text, no formula: " << sheet;
  EXPECT_EQ(sheet.find("<f>"), std::string::npos);
  EXPECT_NE(sheet.find("<v>1500.5</v>"), std::string::npos) << "a number";
}

// How much more memory the process took at its peak while it did this, in KiB.
template <typename Work>
long peak_of(Work work) {
  const auto peak = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const long before = peak();
  work();
  return peak() - before;
}

TEST_F(ExportApi, AHundredThousandRowsTakeTheMemoryOfAPage) {
  add_deals(100'000);
  const std::string token = add_token(add_user("reader", {"crm-administrators"}), {"admin"});
  const std::string csv = "/api/v1/deals/export?dialect=rfc4180&columns=id,name,status";
  // What a client of a test keeps of the body is the client's: read in pieces, and thrown away.
  const auto count_rows = [&](const std::string& target) {
    RawConnection connection(port());
    connection.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                    token + "\r\n\r\n");
    EXPECT_EQ(connection.read_answer(true).status, 200);
    std::ptrdiff_t rows = 0;
    for (;;) {
      const auto chunk = connection.read_chunk();
      if (!chunk || chunk->empty()) return chunk ? rows : 0;
      rows += std::ranges::count(*chunk, '\n');
    }
  };
  count_rows(csv + "&id.lt=100500");  // what is made once is made
  std::ptrdiff_t rows = 0;

  const long more = peak_of([&] { rows = count_rows(csv); });

  EXPECT_EQ(rows, 100'001);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep what was freed
  EXPECT_LT(more, 20 * 1024) << "KiB";
#else
  EXPECT_GE(more, 0);
#endif
}

TEST_F(ExportApi, ABookOfAHundredThousandRowsTakesNoMoreMemoryThanItsFile) {
  HttpClient admin = administrator();
  add_deals(100'000);
  const std::string book = "/api/v1/deals/export?format=xlsx&columns=id,name,status";
  EXPECT_EQ(admin.get(book + "&id.lt=100500").status, 200);  // what is made once is made
  HttpAnswer answer;

  const long more = peak_of([&] { answer = admin.get(book); });

  ASSERT_EQ(answer.status, 200);
  testing::TempFolder folder;
  const std::string path = folder.path().string() + "/deals.xlsx";
  std::ofstream(path, std::ios::binary) << answer.body;
  std::FILE* counted = ::popen(
      ("unzip -p '" + path + "' xl/worksheets/sheet1.xml | grep -o '<row ' | wc -l").c_str(), "r");
  ASSERT_NE(counted, nullptr);
  std::array<char, 32> told{};
  ASSERT_NE(std::fgets(told.data(), told.size(), counted), nullptr);
  EXPECT_EQ(::pclose(counted), 0);
  EXPECT_EQ(std::string(told.data()), "100001\n");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep what was freed
  // The body is the client's, who joins it from pieces.
  EXPECT_LT(more, 20L * 1024 + 3 * static_cast<long>(answer.body.size() / 1024)) << "KiB";
#else
  EXPECT_GE(more, 0);
#endif
}

}  // namespace
}  // namespace c360::api

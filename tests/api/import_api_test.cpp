// Records from tables.
#include <algorithm>

#include "api/table_reader.h"
#include "daemon/base/text.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class ImportApi : public ApiTest {
 protected:
  static HttpAnswer send_csv(HttpClient& by, const std::string& target, const std::string& table) {
    return by.request("POST", target, {{"Content-Type", "text/csv; charset=utf-8"}}, table);
  }
  static std::vector<Json> lines(const HttpAnswer& answer) {
    std::vector<Json> found;
    for (const auto line : split(answer.body, '\n')) {
      if (line.empty()) continue;
      auto json = Json::parse(line);
      EXPECT_TRUE(json) << line;
      if (json) found.push_back(std::move(*json));
    }
    return found;
  }
  // A member of the last line as text.
  static std::string last(const HttpAnswer& answer, std::string_view name) {
    const auto all = lines(answer);
    const Json* value = all.empty() ? nullptr : all.back().find(name);
    return value == nullptr ? std::string() : value->dump();
  }
  // {row, problem/errors/0/pointer} of each rejected row.
  static std::vector<std::string> rejected(const HttpAnswer& answer) {
    std::vector<std::string> found;
    for (const auto& line : lines(answer)) {
      const Json* row = line.find("row");
      if (row == nullptr) continue;
      const Json& problem = *line.find("problem");
      const Json* errors = problem.find("errors");
      found.push_back(row->dump() + " " +
                      (errors != nullptr ? errors->as_array().at(0).find("pointer")->as_string()
                                         : problem.find("code")->as_string()));
    }
    return found;
  }
};

TEST_F(ImportApi, TakesTheColumnsByNameLabelAndMap) {
  HttpClient admin = administrator();

  const auto answer = send_csv(
      admin,
      "/api/v1/deals/import?map=" + percent_encoded(R"({"Сколько": "amount", "Мусор": null})"),
      "\xEF\xBB\xBFname;Описание;Сколько;Мусор;status;external_ids.erp\r\n"
      "\"Поставка; первая\";'=текст;1 500,50;x;Первичный контакт;7\r\n"
      "\r\n"
      "Вторая;;;;;\r\n");

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(last(answer, "created"), "2") << answer.body;
  EXPECT_EQ(last(answer, "stored"), "true");
  const auto deal =
      admin.get("/api/v1/deals?sort=id&fields=name,amount,status,external_ids,description,origin");
  EXPECT_EQ(deal.field("items/0/name"), "Поставка; первая");
  EXPECT_EQ(deal.field("items/0/amount"), "1500.50");
  EXPECT_EQ(deal.field("items/0/status"), "first_contact");
  EXPECT_EQ(deal.field("items/0/external_ids/erp"), "7");
  EXPECT_NE(deal.field("items/0/description").find("=текст"), std::string::npos);
  EXPECT_EQ(deal.field("items/0/origin"), "import");
  EXPECT_EQ(deal.field("items/1/name"), "Вторая");
}

TEST_F(ImportApi, StrictlyNothingIsStoredAndEveryWrongRowIsTold) {
  HttpClient admin = administrator();
  const auto answer =
      send_csv(admin, "/api/v1/deals/import", "name,amount\nA,1\nB,viel\nC,2\nD,3,4\nE,-1\n");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(rejected(answer),
            (std::vector<std::string>{"4 too_many_cells", "2 /amount", "5 /amount"}))
      << answer.body;
  EXPECT_EQ(last(answer, "stored"), "false");
  EXPECT_EQ(last(answer, "rejected"), "3");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 0);
}

TEST_F(ImportApi, LenientlyTheGoodRowsAreStoredWithProgressOnTheWay) {
  HttpClient admin = administrator();
  std::string table = "name,amount\n";
  for (int i = 0; i < 250; ++i) table += "Deal," + std::string(i % 50 == 0 ? "x" : "1") + "\n";

  const auto answer = send_csv(admin, "/api/v1/deals/import?mode=each", table);

  EXPECT_EQ(rejected(answer).size(), 5U);
  EXPECT_EQ(last(answer, "created"), "245");
  EXPECT_EQ(last(answer, "stored"), "true");
  std::vector<std::string> progress;
  for (const auto& line : lines(answer)) {
    if (const Json* told = line.find("progress")) progress.push_back(told->find("rows")->dump());
  }
  EXPECT_EQ(progress, (std::vector<std::string>{"100", "200", "250"})) << answer.body;
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 245);
}

TEST_F(ImportApi, JsonComesAsAnArrayOrAsLines) {
  HttpClient admin = administrator();
  const auto array = admin.post("/api/v1/deals/import",
                                R"([{"name": "A", "amount": "10.00"}, {"name": "B ]}\""}])");
  EXPECT_EQ(last(array, "created"), "2") << array.body;
  const auto some = admin.request("POST", "/api/v1/deals/import?mode=each",
                                  {{"Content-Type", "application/x-ndjson"}},
                                  "{\"name\": \"C\"}\n{\"colour\": 1}\n{\"name\": \"D\"}\n");
  EXPECT_EQ(rejected(some), std::vector<std::string>{"2 unknown_column"}) << some.body;
  EXPECT_EQ(last(some, "created"), "2");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 4);
}

TEST_F(ImportApi, WithAKeyTheSameTableTwiceMakesNoDoubles) {
  HttpClient admin = administrator();
  const std::string table =
      "inn,name,segment_code,acquisition_channel_code,status_code\n"
      "7707083893,Банк,small,other,potential\n500100732259,ИП Иванов,small,other,potential\n";
  const std::string target = "/api/v1/counterparties/import?key=inn&mode=each";
  EXPECT_EQ(last(send_csv(admin, target, table), "created"), "2");
  const auto again = send_csv(admin, target, table + ",Без ИНН,small,other,potential\n");
  EXPECT_EQ(last(again, "updated"), "2") << again.body;
  EXPECT_EQ(rejected(again), std::vector<std::string>{"3 key_required"});
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 2);
  EXPECT_EQ(send_csv(admin, "/api/v1/deals/import?key=name", "name\nA\n").status, 400);
}

TEST_F(ImportApi, ADryRunReportsAndStoresNothing) {
  HttpClient admin = administrator();
  for (const std::string mode : {"all", "each"}) {
    const auto answer = send_csv(admin, "/api/v1/deals/import?dry_run=true&mode=" + mode,
                                 "name,amount\nA,1\nB,x\n");
    EXPECT_EQ(rejected(answer), std::vector<std::string>{"2 /amount"}) << answer.body;
    EXPECT_EQ(last(answer, "stored"), "false");
  }
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 0);
}

TEST_F(ImportApi, WhatAnExportWroteComesBackTheSame) {
  HttpClient admin = administrator();
  make_deal(admin, "=1+1", R"(, "amount": "1500.00", "description": "a;\"b\"")");
  make_deal(admin, "Ёж", R"(, "status": "presentation")");
  const std::string columns = "?sort=id&columns=name,amount,status,description";
  for (const std::string dialect : {"&dialect=excel", "&dialect=rfc4180", "&labels=ru"}) {
    const auto before = admin.get("/api/v1/deals/export" + columns + dialect);
    sql("DELETE FROM crm.record WHERE kind = 'deal'");
    const auto taken = send_csv(admin, "/api/v1/deals/import", before.body);
    EXPECT_EQ(last(taken, "created"), "2") << taken.body;
    EXPECT_EQ(admin.get("/api/v1/deals/export" + columns + dialect).body, before.body);
  }
}

TEST_F(ImportApi, WithLenientWrongCheckDigitsAreStoredAndNamed) {
  HttpClient admin = administrator();
  const std::string table =
      "name,inn,segment_code,acquisition_channel_code,status_code\n"
      "Верный,7707083893,small,other,potential\nНеверный,7743013902,small,other,potential\n"
      "Короткий,77430,small,other,potential\n";
  const std::string target = "/api/v1/counterparties/import?mode=each";
  EXPECT_EQ(rejected(send_csv(admin, target + "&dry_run=true", table)),
            (std::vector<std::string>{"2 /inn", "3 /inn"}));

  const auto answer = send_csv(admin, target + "&lenient=true", table);

  EXPECT_EQ(last(answer, "stored"), "true") << answer.body;
  EXPECT_EQ(last(answer, "created"), "2") << answer.body;
  EXPECT_EQ(rejected(answer), std::vector<std::string>{"3 /inn"}) << "its digits are too few";
  const auto stored = admin.get("/api/v1/counterparties?sort=id&fields=name,inn,missing_fields");
  EXPECT_EQ(stored.field("items/1/inn"), "7743013902") << stored.body;
  const Json page = stored.json();
  const auto names_inn = [&](std::size_t row) {
    const auto& missing = page.find("items")->as_array().at(row).find("missing_fields")->as_array();
    return std::ranges::find(missing, Json("inn")) != missing.end();
  };
  EXPECT_FALSE(names_inn(0)) << stored.body;
  EXPECT_TRUE(names_inn(1)) << stored.body;
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto refused = send_csv(manager, target + "&lenient=true", table);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.field("code"), "administrators_only");
}

// The first hundred rows are told of while the next ones are still being written.
TEST_F(ImportApi, ProgressIsHeardBeforeTheEnd) {
  HttpClient admin = administrator();
  const std::string token = add_token(add_user("importer", {"crm-administrators"}), {"admin"});
  auto stopping = database_->begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(stopping);
  ASSERT_TRUE(stopping->query({"", "SELECT pg_advisory_xact_lock(17)"}, {}));
  sql("CREATE FUNCTION public.wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM pg_advisory_xact_lock_shared(17); RETURN NEW; END $$");
  sql("CREATE TRIGGER wait_for_test BEFORE INSERT ON crm.deal FOR EACH ROW WHEN (NEW.name = "
      "'D150') EXECUTE FUNCTION public.wait_for_test()");
  std::string table = "name\n";
  for (int i = 0; i < 200; ++i) table += "D" + std::to_string(i) + "\n";

  RawConnection connection(port());
  connection.send(
      "POST /api/v1/deals/import HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token +
      "\r\nContent-Type: text/csv\r\nContent-Length: " + std::to_string(table.size()) + "\r\n\r\n" +
      table);
  ASSERT_EQ(connection.read_answer(true).status, 200);
  std::string text;
  while (text.find('\n') == std::string::npos) {
    const auto chunk = connection.read_chunk();
    ASSERT_TRUE(chunk && !chunk->empty()) << text;
    text += *chunk;
  }
  EXPECT_NE(text.find(R"({"progress":{"rows":100)"), std::string::npos) << text;
  EXPECT_EQ(text.find("\"end\""), std::string::npos) << "the rest waits";
  ASSERT_TRUE(stopping->commit());
  for (;;) {
    const auto chunk = connection.read_chunk();
    ASSERT_TRUE(chunk) << text;
    if (chunk->empty()) break;
    text += *chunk;
  }
  EXPECT_NE(text.find(R"({"end":true,"stored":true,"rows":200,"created":200)"), std::string::npos)
      << text;
}

TEST_F(ImportApi, EachRowNeedsTheRightsOfACreation) {
  HttpClient reader = client(add_token(add_user("admin", {"crm-administrators"}), {"deal:read"}));
  EXPECT_EQ(send_csv(reader, "/api/v1/deals/import", "name\nA\n").status, 403);
  // Only an import by administrators sets what others may not.
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto answer =
      send_csv(manager, "/api/v1/deals/import?mode=each", "name,status\nA,historical\nB,new\n");
  EXPECT_EQ(rejected(answer), std::vector<std::string>{"1 status_administrators_only"})
      << answer.body;
  HttpClient admin = administrator();
  EXPECT_EQ(last(send_csv(admin, "/api/v1/deals/import", "name,status\nA,historical\n"), "created"),
            "1");
}

TEST_F(ImportApi, TablesThatAreNoneAreRefused) {
  HttpClient admin = administrator();
  const auto unknown = send_csv(admin, "/api/v1/deals/import", "name,colour\nA,red\n");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.field("code"), "unknown_column");
  EXPECT_EQ(send_csv(admin, "/api/v1/deals/import", "number\n1\n").status, 400) << "read-only";
  EXPECT_EQ(send_csv(admin, "/api/v1/deals/import?map=x", "name\nA\n").status, 400);
  EXPECT_EQ(send_csv(admin, "/api/v1/deals/import?map=%7B%22a%22:%22b%22%7D", "a\nA\n").status,
            400);
  EXPECT_EQ(send_csv(admin, "/api/v1/deals/import?mode=x", "name\nA\n").status, 400);
  EXPECT_EQ(
      admin.request("POST", "/api/v1/deals/import", {{"Content-Type", "text/plain"}}, "a").status,
      415);
  // What shows on the way is told in the last line.
  const auto quote = send_csv(admin, "/api/v1/deals/import", "name\nA\n\"B\n");
  EXPECT_EQ(quote.status, 200);
  EXPECT_NE(quote.body.find("table_syntax"), std::string::npos) << quote.body;
  EXPECT_NE(admin.post("/api/v1/deals/import", "[1]").body.find("table_syntax"), std::string::npos);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 0);
}

TEST_F(ImportApi, TablesPastTheLimitsAreRefused) {
  options_.limits.max_import_rows = 2;
  options_.max_import_bytes = 10'000;
  restart();
  HttpClient admin = administrator();
  const auto many = send_csv(admin, "/api/v1/deals/import", "name\nA\nB\nC\n");
  EXPECT_NE(many.body.find("too_many_rows"), std::string::npos) << many.body;
  EXPECT_EQ(last(many, "stored"), "false");
  EXPECT_EQ(last(send_csv(admin, "/api/v1/deals/import?mode=each", "name\nA\nB\nC\n"), "created"),
            "3");
  EXPECT_EQ(send_csv(admin, "/api/v1/deals/import", "name\n" + std::string(10'000, 'x')).status,
            413);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 3);
}

// -- Reading tables -------------------------------------------------------------------------------

ByteSource pieces_of(std::string_view text, std::size_t piece) {
  return [text, piece](std::span<char> into) mutable -> Result<std::size_t> {
    const std::size_t count = std::min({piece, into.size(), text.size()});
    std::copy_n(text.begin(), count, into.begin());
    text.remove_prefix(count);
    return count;
  };
}

using Table = std::vector<std::vector<std::string>>;

Table read_csv(std::string_view text, std::size_t piece) {
  CsvReader reader(pieces_of(text, piece));
  Table table;
  std::vector<std::string> cells;
  for (;;) {
    const auto more = reader.next(cells);
    if (!more) return {{more.error().reason}};
    if (!*more) return table;
    table.push_back(cells);
  }
}

TEST(TableReader, ReadsCsvHoweverItIsWritten) {
  struct Case {
    std::string_view text;
    Table expected;
  };
  const std::vector<Case> cases = {
      {"a,b\r\n1,2\r\n", {{"a", "b"}, {"1", "2"}}},
      {"a;b\n1,5;2", {{"a", "b"}, {"1,5", "2"}}},
      {"a\tb\r1\t2\r", {{"a", "b"}, {"1", "2"}}},
      {"\xEF\xBB\xBFone\ntwo\n", {{"one"}, {"two"}}},
      {"a,b\n\"x\r\ny\",\"say \"\"hi\"\"\"\n", {{"a", "b"}, {"x\r\ny", "say \"hi\""}}},
      {"a,b\n,\n\n\n1,\n", {{"a", "b"}, {"", ""}, {"1", ""}}},
      {"a,b\nx\"y,z\n", {{"a", "b"}, {"x\"y", "z"}}},
      {"", {}},
      {"a\n\"open", {{"table_syntax"}}},
      {"a\n\xD0\n", {{"table_syntax"}}},
  };
  for (const auto& each : cases) {
    for (const std::size_t piece : {1UL, 3UL, 100UL}) {
      EXPECT_EQ(read_csv(each.text, piece), each.expected) << each.text;
    }
  }
}

TEST(TableReader, RefusesRowsPastItsLimits) {
  EXPECT_EQ(read_csv("a\n" + std::string(kMaxTableRowBytes + 1, 'x'), 100'000),
            (Table{{"table_syntax"}}));
  EXPECT_EQ(read_csv(std::string(kMaxTableColumns, ','), 100), (Table{{"table_syntax"}}));
  const std::string endless = R"({"a": ")" + std::string(kMaxTableRowBytes, 'x');
  JsonRowReader reader(pieces_of(endless, 100'000));
  Json row;
  EXPECT_FALSE(reader.next(row));
}

TEST(TableReader, ReadsJsonRowsHoweverTheyAreJoined) {
  const auto count = [](std::string_view text) {
    JsonRowReader reader(pieces_of(text, 2));
    Json row;
    int rows = 0;
    for (;;) {
      const auto more = reader.next(row);
      if (!more) return -1;
      if (!*more) return rows;
      ++rows;
    }
  };
  EXPECT_EQ(count(R"([{"a": [1, {"b": "}"}]}, {}])"), 2);
  EXPECT_EQ(count("{}\n{}\r\n{}"), 3);
  EXPECT_EQ(count(""), 0);
  EXPECT_EQ(count("[]"), 0);
  EXPECT_EQ(count("[{}"), -1);
  EXPECT_EQ(count("[{}] {}"), -1);
  EXPECT_EQ(count("{\"a\": 1"), -1);
  EXPECT_EQ(count("17"), -1);
}

}  // namespace
}  // namespace c360::api

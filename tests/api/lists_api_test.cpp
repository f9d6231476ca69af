// Filters, order, pages.
#include <set>

#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using ListsApi = ApiTest;

std::vector<std::string> names(const HttpAnswer& answer) {
  std::vector<std::string> all;
  const Json body = answer.json();
  const Json* items = body.find("items");
  if (items == nullptr) {
    ADD_FAILURE() << answer.body;
    return all;
  }
  for (const auto& item : items->as_array()) all.push_back(item.find("name")->as_string());
  return all;
}

using Names = std::vector<std::string>;

TEST_F(ListsApi, FiltersSortsAndChoosesFields) {
  HttpClient admin = administrator();
  make_deal(admin, "A", R"(, "amount": "100.00")");
  make_deal(admin, "B", R"(, "amount": "2000.00", "status": "paused")");
  make_deal(admin, "C", R"(, "amount": "300.00", "company_text": "ООО Ромашка")");

  EXPECT_EQ(names(admin.get("/api/v1/deals?sort=name")), (Names{"A", "B", "C"}));
  EXPECT_EQ(names(admin.get("/api/v1/deals?sort=-amount")), (Names{"B", "C", "A"}));
  EXPECT_EQ(names(admin.get("/api/v1/deals?amount.gte=300&sort=name")), (Names{"B", "C"}));
  EXPECT_EQ(names(admin.get("/api/v1/deals?status=paused")), (Names{"B"}));
  EXPECT_EQ(names(admin.get("/api/v1/deals?status.in=new,paused&sort=name")),
            (Names{"A", "B", "C"}));
  EXPECT_EQ(names(admin.get("/api/v1/deals?q=%D1%80%D0%BE%D0%BC%D0%B0%D1%88%D0%BA%D0%B0")),
            (Names{"C"}));
  const auto narrow = admin.get("/api/v1/deals?fields=id,name&sort=name&limit=1&count=exact");
  EXPECT_EQ(narrow.json().find("items")->as_array().front().as_object().size(), 2U) << narrow.body;
  EXPECT_EQ(narrow.field("total"), "3");
}

TEST_F(ListsApi, RefusesWhatItDoesNotKnowAndNamesWhatItKnows) {
  HttpClient admin = administrator();
  for (const std::string query :
       {"colour=red", "amount.almost=1", "sort=colour", "fields=colour", "include=colour",
        "limit=0", "limit=201", "limit=ten", "cursor=abc", "count=roughly", "amount=much",
        "status.null=perhaps"}) {
    const auto answer = admin.get("/api/v1/deals?" + query);
    EXPECT_EQ(answer.status, 400) << query << ": " << answer.body.substr(0, 300);
  }
  EXPECT_NE(admin.get("/api/v1/deals?colour=red").field("detail").find("amount"),
            std::string::npos);
}

TEST_F(ListsApi, PagesStayWholeWhileRowsAreAddedAndChanged) {
  HttpClient admin = administrator();
  std::set<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    expected.insert(std::to_string(make_deal(admin, "Deal " + std::to_string(i))));
  }

  std::multiset<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 20; ++page) {
    const auto answer = admin.get("/api/v1/deals?limit=4&sort=-date_received,id" +
                                  (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json body = answer.json();
    for (const auto& item : body.find("items")->as_array()) {
      seen.insert(item.find("id")->number_text());
    }
    // Newer rows belong to pages already read: they must neither shift nor repeat anything.
    make_deal(admin, "Late " + std::to_string(page));
    const Json* next = body.find("next_cursor");
    if (next->is_null()) break;
    cursor = next->as_string();
  }

  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), expected);
  EXPECT_EQ(seen.size(), expected.size()) << "no row twice";
}

TEST_F(ListsApi, ACursorIsSignedAndBoundToItsList) {
  HttpClient admin = administrator();
  for (int i = 0; i < 3; ++i) make_deal(admin, "Deal");
  std::string cursor = admin.get("/api/v1/deals?limit=1").field("next_cursor");
  EXPECT_EQ(admin.get("/api/v1/deals?limit=1&cursor=" + cursor).status, 200);
  EXPECT_EQ(admin.get("/api/v1/leads?limit=1&cursor=" + cursor).status, 400);
  EXPECT_EQ(admin.get("/api/v1/deals?limit=1&sort=name&cursor=" + cursor).status, 400);
  cursor[cursor.size() / 2] = cursor[cursor.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(admin.get("/api/v1/deals?limit=1&cursor=" + cursor).status, 400);
}

TEST_F(ListsApi, ThePageHasAtMostTheLimit) {
  HttpClient admin = administrator();
  sql("INSERT INTO crm.record (id, kind) SELECT g, 'deal' FROM generate_series(100001, 100260) g "
      "RETURNING id");
  sql("INSERT INTO crm.deal (id, number, name) SELECT g, g, 'Deal' FROM "
      "generate_series(100001, 100260) g RETURNING id");
  EXPECT_EQ(names(admin.get("/api/v1/deals")).size(), 50U);
  EXPECT_EQ(names(admin.get("/api/v1/deals?limit=200")).size(), 200U);
}

}  // namespace
}  // namespace c360::api

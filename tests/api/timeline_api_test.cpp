// GET /counterparties/{id}/timeline: what happened, merged, newest first (R-003, R-017).
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class TimelineApi : public ApiTest {
 protected:
  static std::string path(std::int64_t id, std::string_view tail = {}) {
    return "/api/v1/counterparties/" + std::to_string(id) + "/timeline" + std::string(tail);
  }
  static std::int64_t make(HttpClient& by, std::string_view kind, const std::string& body) {
    const auto made = by.post("/api/v1/" + std::string(kind), body);
    EXPECT_EQ(made.status, 201) << kind << ": " << made.body;
    return made.status == 201 ? created(made) : 0;
  }
  static std::string of(std::string_view name, std::int64_t id) {
    return ",\"" + std::string(name) + "\":" + std::to_string(id);
  }
  static std::int64_t customer(HttpClient& by) {
    return make(by, "counterparties",
                R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active"})");
  }
  // "activity:17" of each row, in order.
  static std::vector<std::string> rows(const HttpAnswer& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<std::string> all;
    for (int i = 0;; ++i) {
      const std::string at = "items/" + std::to_string(i);
      const auto kind = answer.field(at + "/kind");
      if (kind.empty()) return all;
      all.push_back(kind + ":" + answer.field(at + "/id"));
    }
  }
};

TEST_F(TimelineApi, MergesWhatHappenedNewestFirst) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  const auto other = customer(admin);
  const auto self = of("counterparty_id", id);
  const auto sale = make(admin, "deals", R"({"name":"Сделка")" + self + "}");
  make(admin, "deals",
       R"({"name":"Чужая","status":"first_contact")" + of("counterparty_id", other) + "}");
  const auto request =
      make(admin, "support-requests", R"({"subject":"Сломалось","content":"Да")" + self + "}");
  ASSERT_EQ(admin
                .post("/api/v1/deals/" + std::to_string(sale) + "/status",
                      R"({"status":"first_contact"})")
                .status,
            200);
  const auto call =
      make(admin, "activities",
           R"({"type":"call","activity_date":"2020-05-01T10:00:00Z","topic":"Звонок")" +
               of("parent_record_id", sale) + "}");
  const auto paid = make(admin, "payments",
                         R"({"amount":"40.00","status":"paid","paid_amount":"40.00",)"
                         R"("fact_payment_date":"2021-03-02")" +
                             self + of("deal_id", sale) + "}");
  const auto file =
      admin.request("POST", "/api/v1/deals/" + std::to_string(sale) + "/documents?name=b.txt",
                    {{"Content-Type", "text/plain"}}, "text");
  ASSERT_EQ(file.status, 201) << file.body;

  const auto all = admin.get(path(id));

  const auto shown = rows(all);
  ASSERT_EQ(shown.size(), 5U) << all.body;
  EXPECT_EQ(shown[0], "document:" + file.field("id"));
  EXPECT_EQ(shown[1], "status:" + all.field("items/1/id"));
  EXPECT_EQ(all.field("items/1/details/changes/0/new"), "first_contact");
  EXPECT_EQ(all.field("items/1/record_kind"), "deal");
  EXPECT_EQ(shown[2], "request:" + std::to_string(request));
  EXPECT_EQ(shown[3], "payment:" + std::to_string(paid));
  EXPECT_EQ(all.field("items/3/happened_at"), "2021-03-01T21:00:00Z") << "midnight in Moscow";
  EXPECT_EQ(all.field("items/3/details/amount"), "40.00");
  EXPECT_EQ(shown[4], "activity:" + std::to_string(call));
  EXPECT_EQ(all.field("items/4/title"), "Звонок");
  EXPECT_EQ(all.field("next_cursor"), "null");
}

TEST_F(TimelineApi, ComesInPagesThatMissNothing) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  // Several at one moment, of several kinds.
  for (int i = 0; i < 5; ++i) {
    make(admin, "activities",
         R"({"type":"call","activity_date":"2020-05-01T00:00:00+03:00")" +
             of("parent_record_id", id) + "}");
    make(
        admin, "payments",
        R"({"amount":"1.00","status":"paid","paid_amount":"1.00","fact_payment_date":"2020-05-01")" +
            of("counterparty_id", id) + "}");
  }
  const auto whole = rows(admin.get(path(id, "?kind=activity,payment")));
  ASSERT_EQ(whole.size(), 10U);

  std::vector<std::string> collected;
  std::string cursor;
  do {
    const auto page = admin.get(path(
        id, "?kind=activity,payment&limit=3" + (cursor.empty() ? cursor : "&cursor=" + cursor)));
    const auto part = rows(page);
    ASSERT_LE(part.size(), 3U);
    collected.insert(collected.end(), part.begin(), part.end());
    cursor = page.field("next_cursor") == "null" ? "" : page.field("next_cursor");
  } while (!cursor.empty() && collected.size() < 20);

  EXPECT_EQ(collected, whole);
}

TEST_F(TimelineApi, ShowsWhatTheCallerMayRead) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  const auto id = customer(admin);
  const auto sale = make(admin, "deals", R"({"name":"Сделка")" + of("counterparty_id", id) + "}");
  make(admin, "activities",
       R"({"type":"call","activity_date":"2020-05-01T10:00:00Z")" + of("parent_record_id", sale) +
           "}");
  const auto own = make(admin, "activities",
                        R"({"type":"call","activity_date":"2020-05-01T10:00:00Z")" +
                            of("parent_record_id", id) + "}");
  EXPECT_EQ(seller.get(path(id)).status, 404);
  const auto seller_id = sql("SELECT id FROM crm.user WHERE login LIKE 'seller%'");
  ASSERT_EQ(admin
                .request("PUT",
                         "/api/v1/counterparties/" + std::to_string(id) + "/observers/" +
                             std::to_string(seller_id),
                         {}, "")
                .status,
            204);

  EXPECT_EQ(rows(seller.get(path(id))),
            std::vector<std::string>{"activity:" + std::to_string(own)});
  HttpClient narrow = client_of("narrow", {"crm-administrators"}, {"counterparty:read"});
  EXPECT_TRUE(rows(narrow.get(path(id))).empty()) << "the token reads customers alone";
}

TEST_F(TimelineApi, WhatIsAskedWronglyIsRefused) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  const auto code = [&](std::string_view tail) {
    const auto answer = admin.get(path(id, tail));
    EXPECT_EQ(answer.status, 400) << tail << answer.body;
    return answer.field("code");
  };
  EXPECT_EQ(code("?kind=mail"), "unknown_kind");
  EXPECT_EQ(code("?kind="), "unknown_kind");
  EXPECT_EQ(code("?limit=0"), "invalid_value");
  EXPECT_EQ(code("?limit=201"), "invalid_value");
  EXPECT_EQ(code("?cursor=abc"), "invalid_cursor");
  EXPECT_EQ(code("?cursor=" + std::string(200, 'a')), "invalid_cursor");
  EXPECT_EQ(code("?colour=red"), "unknown_parameter");
  EXPECT_EQ(admin.get(path(999'999)).status, 404);
}

}  // namespace
}  // namespace c360::api

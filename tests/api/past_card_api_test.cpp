// The Client 360 card as it stood: GET /counterparties/{id}/360?as_of=…
#include <algorithm>

#include "store/operations/card_layout.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class PastCardApi : public ApiTest {
 protected:
  using Id = std::int64_t;

  static std::string card(Id id, std::string_view tail = {}) {
    return "/api/v1/counterparties/" + std::to_string(id) + "/360" + std::string(tail);
  }
  static std::string at(std::string_view moment) { return "?as_of=" + std::string(moment); }
  static std::string record(std::string_view kind, Id id, std::string_view tail = {}) {
    return "/api/v1/" + std::string(kind) + "/" + std::to_string(id) + std::string(tail);
  }
  static std::string of(std::string_view name, Id id) {
    return ",\"" + std::string(name) + "\":" + std::to_string(id);
  }
  static Id make(HttpClient& by, std::string_view kind, const std::string& body) {
    const auto made = by.post("/api/v1/" + std::string(kind), body);
    EXPECT_EQ(made.status, 201) << kind << ": " << made.body;
    return made.status == 201 ? created(made) : 0;
  }
  static Id customer(HttpClient& by, std::string_view name = "Ромашка") {
    return make(
        by, "counterparties",
        R"({"segment_code":"small","acquisition_channel_code":"site","status_code":"active",)"
        R"("name":")" +
            std::string(name) + "\"}");
  }
  static void change(HttpClient& by, std::string_view kind, Id id, const std::string& body) {
    const auto tag = by.get(record(kind, id)).header("etag");
    const auto done = by.patch(record(kind, id), body, {{"If-Match", tag}});
    EXPECT_EQ(done.status, 200) << kind << done.body;
  }
  static void remove(HttpClient& by, std::string_view kind, Id id) {
    const auto tag = by.get(record(kind, id)).header("etag");
    EXPECT_EQ(by.del(record(kind, id), {{"If-Match", tag}}).status, 204) << kind;
  }
  // The clock of the database: what was done before it is past, what comes next is later. Written
  // as the API writes it, without the zeros at the end of a fraction.
  std::string moment() {
    return sql_text("SELECT (to_json(clock_timestamp() AT TIME ZONE 'UTC') #>> '{}') || 'Z'");
  }
  static std::vector<std::string> untracked(const HttpAnswer& answer, const std::string& list) {
    std::vector<std::string> all;
    for (int i = 0;; ++i) {
      const auto name = answer.field("untracked/" + list + "/" + std::to_string(i));
      if (name.empty()) return all;
      all.push_back(name);
    }
  }
  static bool has(const std::vector<std::string>& all, std::string_view one) {
    return std::ranges::find(all, one) != all.end();
  }
};

TEST_F(PastCardApi, ShowsTheValuesOfThen) {
  HttpClient admin = administrator();
  const Id id = customer(admin);
  const Id sale = make(admin, "deals",
                       R"({"name":"Старая","amount":"1000.00")" + of("counterparty_id", id) + "}");
  const std::string then = moment();
  change(admin, "counterparties", id, R"({"name":"Василёк","email_domains":["a.example"]})");
  change(admin, "deals", sale, R"({"name":"Средняя","amount":"5.00"})");
  const std::string later = moment();
  change(admin, "deals", sale, R"({"name":"Новая","status":"first_contact"})");

  const auto past = admin.get(card(id, at(then)));
  const auto middle = admin.get(card(id, "/crm" + at(later)));

  ASSERT_EQ(past.status, 200) << past.body;
  EXPECT_EQ(past.field("as_of"), then);
  EXPECT_EQ(past.field("tabs/main/counterparty/name"), "Ромашка");
  EXPECT_EQ(past.field("tabs/main/counterparty/email_domains/0"), "") << "empty then";
  EXPECT_EQ(past.field("tabs/crm/deals/items/0/name"), "Старая");
  EXPECT_EQ(past.field("tabs/crm/deals/items/0/amount"), "1000.00");
  EXPECT_EQ(past.field("tabs/crm/deals/items/0/status"), "new");
  EXPECT_EQ(past.field("tabs/crm/sums/pipeline/0/amount"), "1000.00");
  EXPECT_EQ(past.field("tabs/crm/deals/items/0/actions/0/name"), "") << "nothing can be done to it";
  EXPECT_EQ(past.field("tabs/history/events/total"), "1");
  EXPECT_EQ(middle.field("content/deals/items/0/name"), "Средняя");
  EXPECT_EQ(middle.field("content/deals/items/0/status"), "new");
  EXPECT_EQ(admin.get(card(id)).field("tabs/crm/deals/items/0/name"), "Новая");
}

TEST_F(PastCardApi, ALongTextComesBackWhole) {
  HttpClient admin = administrator();
  const Id id = customer(admin);
  std::string text;
  while (text.size() < 100'000) text += "Оговорено и подписано. ";
  text.pop_back();  // an editor leaves no space at the end
  change(admin, "counterparties", id, R"({"comment":")" + text + "\"}");
  const std::string then = moment();
  change(admin, "counterparties", id, R"({"comment":"Коротко"})");

  const auto past = admin.get(card(id, "/main" + at(then)));

  ASSERT_EQ(past.status, 200);
  EXPECT_EQ(past.field("content/counterparty/comment"), text);
}

TEST_F(PastCardApi, WhatCameLaterIsAbsentAndWhatWentLaterIsThere) {
  HttpClient admin = administrator();
  const Id id = customer(admin);
  const Id other = customer(admin, "Другая");
  const std::string self = of("counterparty_id", id);
  const std::string before = moment();
  const Id moved = make(admin, "deals", R"({"name":"Уйдёт")" + self + "}");
  const Id erased = make(admin, "leads", R"({"name":"Удалится")" + self + "}");
  const Id contact = make(admin, "contacts", R"({"last_name":"Иванов")" + self + "}");
  const Id comment = make(admin, "comments", R"({"text":"Первый")" + of("record_id", id) + "}");
  const Id organisation =
      make(admin, "own-organisations", R"({"full_name":"Мы","inn":"7727563778"})");
  const Id entity = make(admin, "legal-entities",
                         R"({"full_name":"ООО Ромашка","inn":"7707083893")" + self +
                             of("billed_by_organisation_id", organisation) + "}");
  const Id account =
      make(admin, "bank-accounts",
           R"({"bank_name":"Банк","bik":"044525225","account_number":"40702810938000000001")" +
               of("owner_record_id", entity) + "}");
  make(admin, "support-requests", R"({"subject":"Сломалось","content":"Да")" + self + "}");
  ASSERT_EQ(admin
                .request("POST", record("deals", moved, "/documents?name=b.txt"),
                         {{"Content-Type", "text/plain"}}, "text")
                .status,
            201);
  const std::string then = moment();
  change(admin, "deals", moved, "{" + of("counterparty_id", other).substr(1) + "}");
  change(admin, "comments", comment, R"({"text":"Второй"})");
  change(admin, "bank-accounts", account, R"({"bank_name":"Иной"})");
  remove(admin, "bank-accounts", account);
  remove(admin, "comments", comment);
  remove(admin, "contacts", contact);
  remove(admin, "leads", erased);
  ASSERT_EQ(admin.post(record("leads", erased, "/restore"), "{}").status, 200);
  make(admin, "orders", "{" + of("deal_id", moved).substr(1) + self + "}");

  const auto past = admin.get(card(id, at(then)));

  ASSERT_EQ(past.status, 200) << past.body;
  EXPECT_EQ(past.field("tabs/crm/deals/items/0/id"), std::to_string(moved));
  EXPECT_EQ(past.field("tabs/crm/deals/items/0/counterparty_id"), std::to_string(id));
  EXPECT_EQ(past.field("tabs/crm/leads/total"), "1");
  EXPECT_EQ(past.field("tabs/crm/orders/total"), "0");
  EXPECT_EQ(past.field("tabs/main/contacts/items/0/last_name"), "Иванов");
  EXPECT_EQ(past.field("tabs/main/comments/items/0/text"), "Первый");
  EXPECT_EQ(past.field("tabs/main/bank_accounts/items/0/bank_name"), "Банк");
  EXPECT_EQ(past.field("tabs/documents/documents/items/0/name"), "b.txt");
  EXPECT_EQ(past.field("tabs/support/open"), "1");
  EXPECT_EQ(past.field("tabs/main/counters/deals"), "1");
  // Before any of it: empty, whatever list.
  const auto empty = admin.get(card(id, at(before)));
  const store::CardLayout layout(*registry_, store::CardTime::past);
  for (const auto& tab : layout.tabs()) {
    for (const auto& list : tab.lists) {
      const std::string path = "tabs/" + std::string(tab.name) + "/" + std::string(list.name);
      EXPECT_EQ(empty.field(path + "/total"), "0") << path;
    }
  }
  // The other one has got the deal, with what hangs on it, since; not then.
  EXPECT_EQ(admin.get(card(other, at(then))).field("tabs/crm/deals/total"), "0");
  EXPECT_EQ(admin.get(card(other, at(then))).field("tabs/documents/documents/total"), "0");
  EXPECT_EQ(admin.get(card(other, at(moment()))).field("tabs/crm/deals/total"), "1");
  EXPECT_EQ(admin.get(card(other, at(moment()))).field("tabs/documents/documents/total"), "1");
  EXPECT_EQ(admin.get(card(id, at(moment()))).field("tabs/crm/deals/total"), "0");
}

TEST_F(PastCardApi, LinksAreThoseOfThen) {
  HttpClient admin = administrator();
  const Id id = customer(admin);
  const Id sale = make(admin, "deals", R"({"name":"Сделка"})");
  const auto links = [](Id of_record) {
    return "/api/v1/records/" + std::to_string(of_record) + "/links";
  };
  const auto made = admin.post(
      links(id), R"({"kind":"based_on","title":"Отсюда","to_id":)" + std::to_string(sale) + "}");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string then = moment();
  ASSERT_EQ(admin.del(links(id) + "/" + made.field("id")).status, 204);
  ASSERT_EQ(admin.post(links(id), R"({"kind":"web","url":"https://a.example"})").status, 201);

  const auto past = admin.get(card(id, "/main" + at(then)));

  ASSERT_EQ(past.status, 200) << past.body;
  EXPECT_EQ(past.field("content/links/total"), "1");
  EXPECT_EQ(past.field("content/links/items/0/kind"), "based_on");
  EXPECT_EQ(past.field("content/links/items/0/title"), "Отсюда");
  EXPECT_EQ(past.field("content/links/items/0/record_id"), std::to_string(sale));
  EXPECT_EQ(past.field("content/links/items/0/direction"), "out");
  const auto now = admin.get(card(id, "/main" + at(moment())));
  EXPECT_EQ(now.field("content/links/total"), "1");
  EXPECT_EQ(now.field("content/links/items/0/url"), "https://a.example");
}

TEST_F(PastCardApi, NamesWhatHistoryDoesNotTrack) {
  HttpClient admin = administrator();
  const Id id = customer(admin);

  const auto past = admin.get(card(id, at(moment())));

  ASSERT_EQ(past.status, 200) << past.body;
  EXPECT_TRUE(has(untracked(past, "counterparty"), "last_contact_at"));
  EXPECT_FALSE(has(untracked(past, "counterparty"), "name"));
  EXPECT_TRUE(has(untracked(past, "deals"), "observers"));
  EXPECT_FALSE(has(untracked(past, "deals"), "amount"));
  EXPECT_EQ(untracked(past, "mails"), std::vector<std::string>{"*"});
  EXPECT_EQ(admin.get(card(id)).json().find("untracked"), nullptr) << "of the past only";
}

TEST_F(PastCardApi, ShowsRecordsThatMayBeReadNow) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  const Id seller_id = sql("SELECT id FROM crm.user WHERE login LIKE 'seller%'");
  const Id id = customer(admin);
  const Id sale = make(admin, "deals", R"({"name":"Сделка")" + of("counterparty_id", id) + "}");
  const std::string watch = "/observers/" + std::to_string(seller_id);
  ASSERT_EQ(admin.request("PUT", record("counterparties", id, watch), {}, "").status, 204);
  ASSERT_EQ(admin.request("PUT", record("deals", sale, watch), {}, "").status, 204);
  const std::string then = moment();
  EXPECT_EQ(seller.get(card(id, at(then))).field("tabs/crm/deals/total"), "1");

  ASSERT_EQ(admin.del(record("deals", sale, watch)).status, 204);
  EXPECT_EQ(seller.get(card(id, at(then))).field("tabs/crm/deals/total"), "0")
      << "he read it then, and may not now";
  // Deleted since, it is there for nobody but administrators.
  ASSERT_EQ(admin.request("DELETE", record("counterparties", id), {{"If-Match", "*"}}, "").status,
            204);
  EXPECT_EQ(seller.get(card(id, at(then))).status, 404);
  EXPECT_EQ(admin.get(card(id, at(then))).status, 200);
  ASSERT_EQ(admin.post(record("counterparties", id, "/restore"), "{}").status, 200);
  EXPECT_EQ(seller.get(card(id, at(then))).status, 200);
  ASSERT_EQ(admin.del(record("counterparties", id, watch)).status, 204);
  EXPECT_EQ(seller.get(card(id, at(then))).status, 404);
}

TEST_F(PastCardApi, MomentsThatAreNoneAreRefused) {
  HttpClient admin = administrator();
  const std::string before = moment();
  const Id id = customer(admin);
  const auto code = [&](std::string_view value, std::string_view tab = {}) {
    const auto answer = admin.get(card(id, std::string(tab) + at(value)));
    EXPECT_EQ(answer.status, 400) << value << answer.body;
    return answer.field("code");
  };
  EXPECT_EQ(code("yesterday"), "invalid_value");
  EXPECT_EQ(code(""), "invalid_value");
  EXPECT_EQ(code("2026-02-30T00:00:00Z", "/crm"), "invalid_value");
  EXPECT_EQ(code("2999-01-01T00:00:00Z"), "in_the_future");
  EXPECT_EQ(code("2999-01-01T00:00:00Z", "/crm"), "in_the_future");
  EXPECT_EQ(admin.get(card(id, at(before))).status, 404) << "not there yet";
  EXPECT_EQ(admin.get(card(999'999, at(before))).status, 404);
}

}  // namespace
}  // namespace c360::api

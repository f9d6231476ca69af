// The Client 360 card: tabs, lists, sums, rights, pages.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "store/operations/card_layout.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class CardApi : public ApiTest {
 protected:
  static std::string path(std::int64_t id, std::string_view tail = {}) {
    return "/api/v1/counterparties/" + std::to_string(id) + "/360" + std::string(tail);
  }
  static std::int64_t make(HttpClient& by, std::string_view kind, const std::string& body) {
    const auto made = by.post("/api/v1/" + std::string(kind), body);
    EXPECT_EQ(made.status, 201) << kind << ": " << made.body;
    return made.status == 201 ? created(made) : 0;
  }
  static std::int64_t customer(HttpClient& by, std::string_view more = {}) {
    return make(by, "counterparties",
                R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active")" +
                    std::string(more) + "}");
  }
  static std::string of(std::string_view name, std::int64_t id) {
    return ",\"" + std::string(name) + "\":" + std::to_string(id);
  }
  static std::int64_t deal(HttpClient& by, std::int64_t customer_id, const std::string& amount,
                           std::string_view more = {}) {
    return make(by, "deals",
                R"({"name":"Сделка","amount":")" + amount + "\"" +
                    of("counterparty_id", customer_id) + std::string(more) + "}");
  }
  static std::vector<std::string> names(const HttpAnswer& answer, std::string_view pointer) {
    std::vector<std::string> all;
    for (int i = 0;; ++i) {
      const auto text = answer.field(std::string(pointer) + "/" + std::to_string(i));
      if (text.empty()) return all;
      all.push_back(text);
    }
  }
  // "status POST /api/v1/deals/17/status" of each.
  static std::vector<std::string> actions(const HttpAnswer& answer, const std::string& pointer) {
    const std::string at = (pointer.empty() ? pointer : pointer + "/") + "actions/";
    std::vector<std::string> all;
    for (int i = 0;; ++i) {
      const std::string one = at + std::to_string(i);
      const auto name = answer.field(one + "/name");
      if (name.empty()) return all;
      all.push_back(name + " " + answer.field(one + "/method") + " " + answer.field(one + "/href"));
    }
  }
  static bool has(const std::vector<std::string>& all, std::string_view one) {
    return std::ranges::find(all, one) != all.end();
  }
  std::int64_t user_id(std::string_view login) {
    return sql("SELECT id FROM crm.user WHERE login LIKE '" + std::string(login) + "%'");
  }
};

TEST_F(CardApi, EveryFieldOfTheCounterpartyStandsInOneGroup) {
  std::multiset<std::string_view> grouped;
  for (const auto& group : store::card_groups()) {
    grouped.insert(group.fields.begin(), group.fields.end());
  }
  const std::set<std::string_view> of_every_record = {
      "id",         "created_at", "created_by",   "updated_at", "updated_by",    "row_version",
      "deleted_at", "origin",     "external_ids", "custom",     "missing_fields"};
  const auto& counterparty = registry_->get("counterparty");
  for (const auto& field : counterparty.fields) {
    if (of_every_record.contains(field.name) || field.is_secret) continue;
    EXPECT_EQ(grouped.count(field.name), 1U) << field.name;
  }
  for (const auto name : grouped) EXPECT_TRUE(counterparty.has_field(name)) << name;
}

TEST_F(CardApi, ACustomerWithoutAnythingHasEightEmptyTabs) {
  HttpClient admin = administrator();
  const auto id = customer(admin);

  const auto card = admin.get(path(id));

  ASSERT_EQ(card.status, 200) << card.body;
  EXPECT_EQ(card.field("counterparty_id"), std::to_string(id));
  const store::CardLayout layout(*registry_);
  ASSERT_EQ(layout.tabs().size(), 8U);
  for (const auto& tab : layout.tabs()) {
    const std::string at = "tabs/" + std::string(tab.name);
    EXPECT_EQ(card.field(at + "/forbidden"), "false") << at;
    for (const auto& list : tab.lists) {
      EXPECT_EQ(card.field(at + "/" + std::string(list.name) + "/total"), "0") << at << list.name;
    }
  }
  EXPECT_EQ(card.field("tabs/main/counterparty/name"), "Ромашка");
  EXPECT_TRUE(has(names(card, "tabs/main/counterparty/missing_fields"), "inn"));
  EXPECT_EQ(card.field("tabs/history/events/items/0/event"), "created");
  EXPECT_EQ(card.field("tabs/documents/types/0/count"), "0");
  EXPECT_EQ(card.field("tabs/support/open"), "0");
  EXPECT_EQ(card.field("tabs/main/counters/deals"), "0");
}

TEST_F(CardApi, EveryTabShowsWhatThereIs) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  const auto other = customer(admin);
  const std::string self = of("counterparty_id", id);
  const auto organisation =
      make(admin, "own-organisations", R"({"full_name":"Мы","inn":"7727563778"})");
  const auto entity = make(admin, "legal-entities",
                           R"({"full_name":"ООО Ромашка","inn":"7707083893")" + self +
                               of("billed_by_organisation_id", organisation) + "}");
  make(admin, "bank-accounts",
       R"({"bank_name":"Банк","bik":"044525225","account_number":"40702810938000000001")" +
           of("owner_record_id", entity) + "}");
  make(admin, "contacts", R"({"last_name":"Иванов")" + self + "}");
  make(admin, "comments", R"({"text":"Звонил")" + of("record_id", id) + "}");
  make(admin, "activities",
       R"({"type":"reminder","remind_at":"2031-01-01T00:00:00Z")" + of("parent_record_id", id) +
           "}");
  const auto sale = deal(admin, id, "1000.00", R"(,"status":"proposal")");
  deal(admin, id, "7.00", R"(,"status":"dropped_out")");
  deal(admin, other, "5.00");
  make(admin, "leads", R"({"name":"Лид")" + self + "}");
  const auto contract =
      make(admin, "contracts",
           R"({"amount":"1.00")" + self + of("own_organisation_id", organisation) + "}");
  make(admin, "agreements",
       "{" + of("contract_id", contract).substr(1) + self +
           of("own_organisation_id", organisation) + "}");
  const auto order = make(admin, "orders", "{" + of("deal_id", sale).substr(1) + "}");
  make(admin, "payments",
       R"({"amount":"100.00","status":"planned","planned_payment_date":)"
       R"("2020-01-01")" +
           self + of("order_id", order) + "}");
  make(admin, "payments",
       R"({"amount":"40.00","status":"planned","planned_payment_date":)"
       R"("2040-01-01")" +
           self + of("order_id", order) + "}");
  make(admin, "support-requests", R"({"subject":"Не работает","content":"Сломалось")" + self + "}");
  make(admin, "correspondence-in", R"({"type_code":"letter")" + self + "}");
  make(admin, "correspondence-out",
       R"({"type_code":"letter")" + self + of("own_organisation_id", organisation) +
           of("performer_id", user_id("admin")) + "}");
  const auto project = make(admin, "projects", R"({"code":"P","name":"Проект"})");
  const auto release =
      make(admin, "releases",
           R"({"name":"1.0","start_date":"2030-01-01","planned_date":)"
           R"("2030-02-01")" +
               of("project_id", project) + of("performer_id", user_id("admin")) + "}");
  sql("INSERT INTO crm.project_counterparty (project_id, counterparty_id) VALUES (" +
      std::to_string(project) + ", " + std::to_string(id) + ") RETURNING 1");
  sql("INSERT INTO crm.release_counterparty (release_id, counterparty_id) VALUES (" +
      std::to_string(release) + ", " + std::to_string(id) + ") RETURNING 1");
  ASSERT_EQ(
      admin
          .request("POST", "/api/v1/counterparties/" + std::to_string(id) + "/documents?name=a.txt",
                   {{"Content-Type", "text/plain"}}, "text")
          .status,
      201);
  ASSERT_EQ(admin
                .request("POST", "/api/v1/deals/" + std::to_string(sale) + "/documents?name=b.txt",
                         {{"Content-Type", "text/plain"}}, "more")
                .status,
            201);
  sql("INSERT INTO ops.mailbox (code, kind) VALUES ('crm', 'crm') RETURNING id");
  sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES ('\\x" + std::string(64, 'a') +
      "', 1) RETURNING 1");
  sql("INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid, outcome, outcome_record_id, "
      "raw_sha256, size_bytes, rule_id, processed_at) SELECT id, 1, 1, 'deal_created', " +
      std::to_string(sale) + ", '\\x" + std::string(64, 'a') +
      "', 1, 'r', now() FROM ops.mailbox RETURNING id");

  const auto card = admin.get(path(id));
  const auto past = admin.get(path(id, "?as_of=" + card.field("as_of")));

  ASSERT_EQ(card.status, 200) << card.body;
  ASSERT_EQ(past.status, 200) << past.body;
  const store::CardLayout layout(*registry_);
  for (const auto& tab : layout.tabs()) {
    for (const auto& list : tab.lists) {
      const std::string at = "tabs/" + std::string(tab.name) + "/" + std::string(list.name);
      const std::string total = card.field(at + "/total");
      EXPECT_EQ(past.field(at + "/total"), total) << "of the same moment: " << at;
      EXPECT_EQ(past.field(at + "/items/0/id"), card.field(at + "/items/0/id")) << at;
      const bool two = list.name == "deals" || list.name == "payments" || list.name == "documents";
      EXPECT_EQ(total, two ? "2" : "1") << at;
      EXPECT_NE(card.field(at + "/items/0/id"), "") << at;
      if (tab.name != "main" && list.name != "versions") {
        EXPECT_EQ(card.field("tabs/main/counters/" + std::string(list.name)), total) << at;
      }
    }
  }
  for (const auto* sum : {"tabs/crm/sums/pipeline/0/weighted", "tabs/crm/sums/payments/0/due",
                          "tabs/crm/sums/payments/0/overdue", "tabs/support/open",
                          "tabs/main/counters/events", "tabs/main/counters/documents"}) {
    EXPECT_EQ(past.field(sum), card.field(sum)) << sum;
  }
  EXPECT_EQ(card.field("tabs/crm/sums/pipeline/0/amount"), "1000.00") << "lost ones do not count";
  EXPECT_EQ(card.field("tabs/crm/sums/pipeline/0/weighted"), "400.00");
  EXPECT_EQ(card.field("tabs/crm/sums/payments/0/due"), "140.00");
  EXPECT_EQ(card.field("tabs/crm/sums/payments/0/overdue"), "100.00");
  EXPECT_EQ(card.field("tabs/crm/sums/payments/0/paid"), "0");
  EXPECT_EQ(card.field("tabs/support/open"), "1");
  EXPECT_EQ(card.field("tabs/documents/documents/items/0/version"), "1.0");
  EXPECT_EQ(card.field("tabs/documents/documents/items/0/size_bytes"), "4");
  EXPECT_TRUE(has(actions(card, "tabs/crm/deals/items/1"),
                  "status POST /api/v1/deals/" + std::to_string(sale) + "/status"));
  EXPECT_TRUE(has(actions(card, "tabs/main/counterparty"),
                  "update PATCH /api/v1/counterparties/" + std::to_string(id)));
}

TEST_F(CardApi, TheCardIsOfOneMomentWhileOthersWrite) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  const auto one = std::to_string(deal(admin, id, "60.00"));
  const auto two = std::to_string(deal(admin, id, "40.00"));
  // Moves an amount to and fro; whoever reads at one moment finds 100 in both together.
  std::atomic<bool> enough = false;
  std::thread writer([&] {
    while (!enough) {
      sql("UPDATE crm.deal SET amount = CASE WHEN id = " + one +
          " THEN 100 - x.part ELSE x.part END "
          "FROM (SELECT floor(random() * 100) AS part) x WHERE id IN (" +
          one + ", " + two + ") RETURNING id");
    }
  });

  for (int i = 0; i < 15; ++i) {
    const auto card = admin.get(path(id, "?tabs=main,crm"));
    EXPECT_EQ(card.status, 200) << card.body;
    EXPECT_EQ(card.field("tabs/crm/sums/pipeline/0/amount"), "100.00");
    EXPECT_EQ(std::stod(card.field("tabs/crm/deals/items/0/amount")) +
                  std::stod(card.field("tabs/crm/deals/items/1/amount")),
              100.0);
  }
  enough = true;
  writer.join();
}

TEST_F(CardApi, AnItemIsOfferedTheActionsItsOwnRouteOffers) {
  HttpClient admin = administrator();
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto id = customer(admin);
  const auto sale = deal(admin, id, "1.00");

  for (HttpClient* each : {&admin, &manager}) {
    const auto offered = each->get("/api/v1/deals/" + std::to_string(sale) + "/actions");
    EXPECT_EQ(actions(each->get(path(id, "/crm")), "content/deals/items/0"), actions(offered, ""));
  }
}

TEST_F(CardApi, EachSeesWhatHisRolesShow) {
  HttpClient admin = administrator();
  HttpClient stranger = client_of("stranger", {});
  HttpClient observer = client_of("observer", {});
  HttpClient seller = client_of("seller", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient director = client_of("director", {"crm-cco"});
  const auto id = customer(admin, of("responsible_id", user_id("seller")));
  sql("INSERT INTO crm.record_observer (record_id, user_id) VALUES (" + std::to_string(id) + ", " +
      std::to_string(user_id("observer")) + ") RETURNING 1");
  deal(admin, id, "100.00", of("responsible_id", user_id("admin")));
  deal(admin, id, "10.00", of("responsible_id", user_id("seller")));

  EXPECT_EQ(stranger.get(path(id)).status, 404);
  EXPECT_EQ(stranger.get(path(id, "/crm")).status, 404);
  EXPECT_EQ(stranger.get(path(id, "/crm")).field("code"), "not_found");

  const auto seen = observer.get(path(id));
  ASSERT_EQ(seen.status, 200) << seen.body;
  EXPECT_EQ(seen.field("tabs/crm/deals/total"), "0") << "observes the customer, no deal of his";
  EXPECT_EQ(seen.field("tabs/main/counters/deals"), "0");
  EXPECT_EQ(seen.field("tabs/crm/sums/pipeline/0/amount"), "") << "not in the sums either";
  EXPECT_TRUE(actions(seen, "tabs/main/counterparty").empty());

  const auto own = seller.get(path(id));
  EXPECT_EQ(own.field("tabs/crm/deals/total"), "1");
  EXPECT_EQ(own.field("tabs/crm/sums/pipeline/0/amount"), "10.00");
  EXPECT_FALSE(actions(own, "tabs/main/counterparty").empty());

  const auto read = manager.get(path(id));
  EXPECT_EQ(read.field("tabs/crm/deals/total"), "2");
  EXPECT_TRUE(actions(read, "tabs/crm/deals/items/0").empty()) << "reads, does not write";
  const auto all = director.get(path(id));
  EXPECT_EQ(all.field("tabs/crm/deals/total"), "2");
  EXPECT_TRUE(std::ranges::any_of(actions(all, "tabs/crm/deals/items/0"), [](const auto& each) {
    return each.starts_with("assign POST ");
  }));
  EXPECT_EQ(all.field("tabs/correspondence/mails/forbidden"), "true") << "administrators only";
  EXPECT_EQ(all.field("tabs/correspondence/mails/total"), "null");
}

TEST_F(CardApi, WhatTheTokenMayNotReadIsForbidden) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  deal(admin, id, "1.00");
  const auto user = user_id("admin");
  HttpClient narrow = client(add_token(user, {"counterparty:read", "deal:read"}));

  const auto card = narrow.get(path(id));

  ASSERT_EQ(card.status, 200) << card.body;
  EXPECT_EQ(card.field("tabs/contracts/forbidden"), "true");
  EXPECT_EQ(card.field("tabs/contracts/contracts"), "");
  EXPECT_EQ(card.field("tabs/documents/forbidden"), "true");
  EXPECT_EQ(card.field("tabs/main/forbidden"), "false");
  EXPECT_EQ(card.field("tabs/main/contacts/forbidden"), "true");
  EXPECT_EQ(card.field("tabs/main/counters/contracts"), "null");
  EXPECT_EQ(card.field("tabs/crm/forbidden"), "false");
  EXPECT_EQ(card.field("tabs/crm/deals/total"), "1");
  EXPECT_EQ(card.field("tabs/crm/orders/forbidden"), "true");
  EXPECT_TRUE(actions(card, "tabs/crm/deals/items/0").empty()) << "no deal:write";
  EXPECT_EQ(client(add_token(user, {"deal:read"})).get(path(id)).status, 403);
  const auto one = narrow.get(path(id, "/contracts"));
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.field("content/forbidden"), "true");
}

TEST_F(CardApi, AListOfATabComesInPages) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  std::set<std::string> made;
  for (int i = 0; i < 5; ++i) made.insert(std::to_string(deal(admin, id, "1.00")));

  std::set<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 3; ++page) {
    const auto answer = admin.get(
        path(id, "/crm?limit=2&list=deals" + (cursor.empty() ? "" : "&cursor=" + cursor)));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.field("content/deals/total"), "5");
    EXPECT_EQ(answer.field("content/orders/total"), "") << "one list was asked for";
    for (int i = 0; i < 2; ++i) {
      const auto item = answer.field("content/deals/items/" + std::to_string(i) + "/id");
      if (!item.empty()) {
        EXPECT_TRUE(seen.insert(item).second);
      }
    }
    cursor = answer.field("content/deals/next_cursor");
    EXPECT_EQ(cursor == "null", page == 2);
  }
  EXPECT_EQ(seen, made);

  for (int i = 0; i < 3; ++i) {
    admin.patch("/api/v1/counterparties/" + std::to_string(id),
                R"({"comment":"c)" + std::to_string(i) + "\"}",
                {{"If-Match", "\"" + std::to_string(i + 1) + "\""}});
  }
  const auto first = admin.get(path(id, "/history?limit=3&list=events"));
  EXPECT_EQ(first.field("content/events/total"), "4");
  const auto rest = admin.get(
      path(id, "/history?limit=3&list=events&cursor=" + first.field("content/events/next_cursor")));
  EXPECT_EQ(rest.field("content/events/items/0/event"), "created");
  EXPECT_EQ(rest.field("content/events/items/1/event"), "");
  EXPECT_EQ(rest.field("content/events/next_cursor"), "null");
}

TEST_F(CardApi, OnlyTheTabsAskedForAreRead) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  const auto card = admin.get(path(id, "?tabs=crm,support&limit=1"));
  ASSERT_EQ(card.status, 200) << card.body;
  EXPECT_EQ(card.json().find("tabs")->as_object().size(), 2U);
  EXPECT_EQ(card.field("tabs/crm/label_en"), "CRM");
}

TEST_F(CardApi, WhatIsAskedWronglyIsRefused) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  const auto code = [&](std::string_view tail) {
    const auto answer = admin.get(path(id, tail));
    EXPECT_EQ(answer.status, 400) << tail << answer.body;
    return answer.field("code");
  };
  EXPECT_EQ(code("?tabs=deals"), "unknown_tab");
  EXPECT_EQ(code("?tabs="), "unknown_tab");
  EXPECT_EQ(code("?limit=0"), "invalid_value");
  EXPECT_EQ(code("?limit=101"), "invalid_value");
  EXPECT_EQ(code("?limit=ten"), "invalid_value");
  EXPECT_EQ(code("/crm?list=contracts"), "unknown_list");
  EXPECT_EQ(code("/crm?cursor=abc"), "list_required");
  EXPECT_EQ(code("/crm?list=deals&cursor=abc"), "invalid_cursor");
  EXPECT_EQ(code("/history?list=events&cursor=abc"), "invalid_cursor");
  EXPECT_EQ(admin.get(path(id, "?colour=red")).status, 400);
  EXPECT_EQ(admin.get(path(id, "/deals")).status, 404);
  EXPECT_EQ(admin.get("/api/v1/counterparties/none/360").status, 404);
  EXPECT_EQ(admin.get(path(999'999)).status, 404);
}

TEST_F(CardApi, ADeletedCustomerIsForAdministratorsAMergedOneLeadsOn) {
  HttpClient admin = administrator();
  HttpClient director = client_of("director", {"crm-cco"});
  const auto id = customer(admin);
  ASSERT_EQ(
      admin.del("/api/v1/counterparties/" + std::to_string(id), {{"If-Match", "\"1\""}}).status,
      204);
  EXPECT_EQ(director.get(path(id)).status, 404);
  EXPECT_EQ(admin.get(path(id)).status, 200);

  const auto target = customer(admin);
  sql("UPDATE crm.counterparty SET merged_into_id = " + std::to_string(target) +
      " WHERE id = " + std::to_string(id) + " RETURNING id");
  const auto moved = director.get(path(id, "/crm"));
  EXPECT_EQ(moved.status, 308);
  EXPECT_EQ(moved.header("location"), path(target, "/crm"));
  EXPECT_EQ(director.get(path(id)).header("location"), path(target));
}

// What can be done to a contract on the card is what its own route offers.
TEST_F(CardApi, AContractIsOfferedItsActions) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  const auto id = customer(seller);
  const auto contract = make(seller, "contracts", "{" + of("counterparty_id", id).substr(1) + "}");
  const std::string own = "/api/v1/contracts/" + std::to_string(contract);

  for (HttpClient* each : {&admin, &seller}) {
    const auto shown = each->get(path(id, "/contracts"));
    EXPECT_EQ(shown.field("content/contracts/items/0/id"), std::to_string(contract));
    const auto offered = actions(shown, "content/contracts/items/0");
    EXPECT_EQ(offered, actions(each->get(own + "/actions"), ""));
    EXPECT_TRUE(has(offered, "update PATCH " + own));
    EXPECT_TRUE(has(offered, "status POST " + own + "/status"));
  }
}

// A mail about a deal is one of its customer, as the mail that made the deal is.
TEST_F(CardApi, AMailThatBecameAnActivityIsOneOfTheCustomer) {
  HttpClient admin = administrator();
  const auto id = customer(admin);
  const auto sale = deal(admin, id, "1.00");
  const auto letter = make(admin, "activities",
                           R"({"type":"email","status":"completed","topic":"Re",)"
                           R"("activity_date":"2026-11-20T10:00:00Z")" +
                               of("parent_record_id", sale) + "}");
  sql("INSERT INTO ops.mailbox (code, kind) VALUES ('crm', 'crm') RETURNING id");
  sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES ('\\x" + std::string(64, 'a') +
      "', 1) RETURNING 1");
  const auto mail =
      sql("INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid, outcome, outcome_record_id, "
          "raw_sha256, size_bytes, rule_id, processed_at) SELECT id, 1, 1, 'activity_added', " +
          std::to_string(letter) + ", '\\x" + std::string(64, 'a') +
          "', 1, 'r', now() FROM ops.mailbox RETURNING id");
  sql("UPDATE crm.activity SET mail_message_id = " + std::to_string(mail) +
      " WHERE id = " + std::to_string(letter) + " RETURNING id");

  const auto card = admin.get(path(id));
  const auto past = admin.get(path(id, "?as_of=" + card.field("as_of")));

  for (const auto* each : {&card, &past}) {
    EXPECT_EQ(each->field("tabs/correspondence/mails/total"), "1") << each->body;
    EXPECT_EQ(each->field("tabs/correspondence/mails/items/0/id"), std::to_string(mail));
  }
  EXPECT_EQ(admin.get(path(customer(admin))).field("tabs/correspondence/mails/total"), "0");
}

}  // namespace
}  // namespace c360::api

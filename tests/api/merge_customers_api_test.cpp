// Two counterparties become one, and are taken apart again (domain.md 5.1).
#include <array>

#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class MergeCustomersApi : public ApiTest {
 protected:
  using Id = std::int64_t;

  static std::string path(std::string_view kind, Id id, std::string_view tail = {}) {
    return "/api/v1/" + std::string(kind) + "/" + std::to_string(id) +
           (tail.empty() ? "" : "/" + std::string(tail));
  }
  static std::string of(std::string_view name, Id id) {
    return ",\"" + std::string(name) + "\":" + std::to_string(id);
  }
  static Id make(HttpClient& by, std::string_view kind, const std::string& body) {
    const auto made = by.post("/api/v1/" + std::string(kind), body);
    EXPECT_EQ(made.status, 201) << kind << ": " << made.body;
    return made.status == 201 ? created(made) : 0;
  }
  static Id customer(HttpClient& by, std::string_view more = {}) {
    return make(by, "counterparties",
                R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active")" +
                    std::string(more) + "}");
  }
  static HttpAnswer merge(HttpClient& by, Id source, Id target, std::string_view more = {}) {
    return by.post(
        path("counterparties", source, "merge"),
        R"({"into": )" + std::to_string(target) + R"(, "confirm": true)" + std::string(more) + "}");
  }
  static HttpAnswer unmerge(HttpClient& by, Id source, Id target) {
    return by.post(path("counterparties", target, "unmerge"),
                   R"({"source": )" + std::to_string(source) + "}");
  }
  // A customer with something of everything.
  Id full_customer(HttpClient& by) {
    const Id id = customer(by, R"(,"inn":"7707083893","phone":"+7 495 111-11-11")");
    const std::string self = of("counterparty_id", id);
    const Id ours = make(by, "own-organisations", R"({"full_name":"Мы","inn":"7727563778"})");
    const Id entity = make(by, "legal-entities",
                           R"({"full_name":"ООО Ромашка","inn":"7707083893","is_primary":true)" +
                               self + of("billed_by_organisation_id", ours) + "}");
    make(by, "contacts", R"({"full_name":"Иванов","is_main":true)" + self + "}");
    make(by, "leads", R"({"name":"Лид")" + self + "}");
    const Id contract = make(by, "contracts",
                             "{" + self.substr(1) + of("own_organisation_id", ours) +
                                 of("legal_entity_id", entity) + "}");
    make(by, "agreements", "{" + of("contract_id", contract).substr(1) + self + "}");
    const Id deal =
        make(by, "deals", R"({"name":"Сделка")" + self + of("contract_id", contract) + "}");
    const Id order =
        make(by, "orders", "{" + of("deal_id", deal).substr(1) + of("contract_id", contract) + "}");
    make(by, "payments", R"({"amount":"40.00")" + self + of("order_id", order) + "}");
    make(by, "support-requests", R"({"subject":"Сломалось","content":"Да")" + self + "}");
    make(by, "correspondence-in", R"({"type_code":"letter")" + self + "}");
    make(by, "comments", R"({"text":"Слово")" + of("record_id", id) + "}");
    make(by, "support-sla",
         R"({"priority":"high","time_first_reaction":"PT1H","time_resolve":"PT4H")" + self + "}");
    const Id project = make(by, "projects", R"({"code":"P","name":"Проект"})");
    EXPECT_EQ(
        by.put(path("projects", project, "counterparties/" + std::to_string(id)), "{}").status,
        204);
    return id;
  }
  static constexpr std::array<std::string_view, 13> kOwned = {"legal_entity",
                                                              "contact",
                                                              "lead",
                                                              "deal",
                                                              "order",
                                                              "payment",
                                                              "contract",
                                                              "agreement",
                                                              "counterparty_user",
                                                              "support_request",
                                                              "correspondence_in",
                                                              "support_sla",
                                                              "project_counterparty"};
  Id owned(std::string_view table, Id id) {
    return sql("SELECT count(*) FROM crm." + std::string(table) +
               " WHERE counterparty_id = " + std::to_string(id));
  }
  // Everything that names a customer, so that what a merge and its undoing did can be compared.
  std::string state_of(Id id) {
    const std::string n = std::to_string(id);
    std::string text =
        "SELECT concat_ws(E'\\n', (SELECT to_jsonb(c) - 'row_version' - 'updated_at' - "
        "'updated_by' "
        "- 'last_contact_at' FROM crm.counterparty c WHERE c.id = " +
        n + ")";
    for (const std::string_view table : kOwned) {
      const std::string key = table == "project_counterparty" ? "project_id" : "id";
      text += ", (SELECT string_agg('" + std::string(table) + "' || t." + key +
              ", ',' ORDER BY t." + key + ") FROM crm." + std::string(table) +
              " t WHERE t.counterparty_id = " + n + ")";
    }
    for (const std::string_view marked : {"contact.is_main", "legal_entity.is_primary"}) {
      const std::string table(marked.substr(0, marked.find('.')));
      text += ", (SELECT string_agg(t.id::text, ',') FROM crm." + table +
              " t WHERE t.counterparty_id = " + n + " AND t." +
              std::string(marked.substr(marked.find('.') + 1)) + ")";
    }
    text +=
        ", (SELECT string_agg(id || text, ',' ORDER BY id) FROM crm.comment WHERE record_id = " +
        n + " AND deleted_at IS NULL)";
    return sql_text(text + ")");
  }
};

TEST_F(MergeCustomersApi, EverythingGoesToTheTargetAndTheOldIdLeadsThere) {
  HttpClient admin = administrator();
  const Id source = full_customer(admin);
  const Id target = customer(admin, R"(,"phone":"+7 495 222-22-22")");
  make(admin, "contacts",
       R"({"full_name":"Петров","is_main":true)" + of("counterparty_id", target) + "}");

  const auto done = merge(admin, source, target);

  ASSERT_EQ(done.status, 200) << done.body;
  for (const std::string_view table : kOwned) EXPECT_EQ(owned(table, source), 0) << table;
  EXPECT_EQ(owned("contact", target), 2);
  for (const std::string_view table :
       {"deal", "order", "payment", "contract", "agreement", "legal_entity", "project_counterparty",
        "support_request", "support_sla"}) {
    EXPECT_EQ(owned(table, target), 1) << table;
  }
  EXPECT_EQ(sql_text("SELECT full_name FROM crm.contact WHERE is_main AND counterparty_id = " +
                     std::to_string(target)),
            "Петров")
      << "the target keeps its main contact";
  const auto card = admin.get(path("counterparties", target));
  EXPECT_EQ(card.field("inn"), "7707083893") << "it had none";
  EXPECT_EQ(card.field("phone"), "+7 495 222-22-22") << "only what is empty is filled";
  const auto old = admin.get(path("counterparties", source));
  EXPECT_EQ(old.status, 308);
  EXPECT_EQ(old.header("location"), path("counterparties", target));
  EXPECT_EQ(admin.get(path("counterparties", source, "360")).status, 308);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.comment WHERE source = 'merge' AND record_id = " +
                std::to_string(target)),
            1);
}

TEST_F(MergeCustomersApi, ADryRunShowsWhatWouldMoveAndMovesNothing) {
  HttpClient admin = administrator();
  const Id source = full_customer(admin);
  const Id target = customer(admin);
  const std::string before = state_of(source) + state_of(target);

  const auto shown = merge(admin, source, target, R"(, "dry_run": true)");

  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(state_of(source) + state_of(target), before);
  const auto done = merge(admin, source, target);
  ASSERT_EQ(done.status, 200) << done.body;
  for (const std::string_view part : {"moved", "filled", "stays"}) {
    EXPECT_EQ(shown.json().find(part)->dump(), done.json().find(part)->dump()) << part;
  }
  EXPECT_NE(done.field("moved/deals/0"), "");
  EXPECT_NE(done.field("moved/projects/0"), "");
  EXPECT_NE(done.field("moved/support_slas/0"), "");
  EXPECT_EQ(done.field("filled/inn"), "7707083893");
}

TEST_F(MergeCustomersApi, AMergeIsUndoneToTheLastRow) {
  HttpClient admin = administrator();
  const Id source = full_customer(admin);
  const Id target = customer(admin);
  make(admin, "contacts",
       R"({"full_name":"Петров","is_main":true)" + of("counterparty_id", target) + "}");
  const std::string source_before = state_of(source);
  const std::string target_before = state_of(target);
  ASSERT_EQ(merge(admin, source, target).status, 200);
  ASSERT_NE(state_of(target), target_before);

  const auto back = unmerge(admin, source, target);

  ASSERT_EQ(back.status, 200) << back.body;
  EXPECT_EQ(state_of(source), source_before);
  EXPECT_EQ(state_of(target), target_before);
  EXPECT_EQ(admin.get(path("counterparties", source)).status, 200);
}

TEST_F(MergeCustomersApi, WhatBothAreIsJoinedAndTakenApart) {
  HttpClient admin = administrator();
  for (const std::string code : {"region", "rating"}) {
    make(
        admin, "custom-fields",
        R"({"record_kind":"counterparty","type":"text","name_ru":"Поле","name_en":"Field","code":")" +
            code + "\"}");
  }
  const Id source =
      customer(admin, R"(,"types":["partner","buyer"],"custom":{"region":"Юг","rating":"A"})");
  const Id target = customer(admin, R"(,"types":["buyer","supplier"],"custom":{"rating":"B"})");
  ASSERT_EQ(
      admin.patch(path("counterparties", source), R"({"portal_default":true})", {{"If-Match", "*"}})
          .status,
      200);
  const std::string source_before = state_of(source);
  const std::string target_before = state_of(target);

  const auto done = merge(admin, source, target);

  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.field("filled/portal_default"), "true");
  EXPECT_EQ(done.field("filled/types/2"), "partner");
  EXPECT_EQ(done.field("filled/custom/region"), "Юг");
  const auto one = admin.get(path("counterparties", target));
  EXPECT_EQ(one.field("portal_default"), "true");
  EXPECT_EQ(one.json().find("types")->dump(), R"(["buyer","supplier","partner"])");
  EXPECT_EQ(one.field("custom/region"), "Юг");
  EXPECT_EQ(one.field("custom/rating"), "B") << "its own stands";

  const auto back = unmerge(admin, source, target);
  ASSERT_EQ(back.status, 200) << back.body;
  EXPECT_EQ(state_of(source), source_before);
  EXPECT_EQ(state_of(target), target_before);
}

TEST_F(MergeCustomersApi, ACommentOfAMergeIsNoContact) {
  HttpClient admin = administrator();
  const Id source = customer(admin);
  const Id target = customer(admin);
  ASSERT_EQ(merge(admin, source, target).status, 200);

  EXPECT_EQ(admin.get(path("counterparties", target)).field("last_contact_at"), "null");
}

TEST_F(MergeCustomersApi, WhatHappenedSinceIsNamedWhenItContradicts) {
  HttpClient admin = administrator();
  const Id source = full_customer(admin);
  const Id target = customer(admin);
  const Id third = customer(admin);
  ASSERT_EQ(merge(admin, source, target).status, 200);
  const Id lead = sql("SELECT id FROM crm.lead WHERE counterparty_id = " + std::to_string(target));
  ASSERT_EQ(admin
                .patch(path("leads", lead), "{" + of("counterparty_id", third).substr(1) + "}",
                       {{"If-Match", "*"}})
                .status,
            200);

  const auto refused = unmerge(admin, source, target);

  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.field("code"), "merge_contradicted");
  EXPECT_EQ(refused.field("errors/0/pointer"), "/leads/" + std::to_string(lead));
}

TEST_F(MergeCustomersApi, RequisitesOfAnotherCompanyStayBehind) {
  HttpClient admin = administrator();
  const Id source =
      customer(admin, R"(,"inn":"7707083893","kpp":"770701001","website":"https://a.example")");
  const Id target = customer(admin, R"(,"inn":"7727563778")");

  ASSERT_EQ(merge(admin, source, target).status, 200);

  const auto card = admin.get(path("counterparties", target));
  EXPECT_EQ(card.field("inn"), "7727563778");
  EXPECT_EQ(card.field("kpp"), "null") << "it is that of the other company";
  EXPECT_EQ(card.field("website"), "https://a.example");
}

TEST_F(MergeCustomersApi, WhatTheTargetAgreedToOfItsOwnStands) {
  HttpClient admin = administrator();
  const Id source = full_customer(admin);
  const Id target = customer(admin);
  const Id own = make(admin, "support-sla",
                      R"({"priority":"high","time_first_reaction":"PT2H","time_resolve":"PT8H")" +
                          of("counterparty_id", target) + "}");

  ASSERT_EQ(merge(admin, source, target).status, 200);

  EXPECT_EQ(sql("SELECT id FROM crm.support_sla WHERE counterparty_id = " + std::to_string(target)),
            own);
  EXPECT_EQ(owned("support_sla", source), 1);
  EXPECT_EQ(unmerge(admin, source, target).status, 200);
}

TEST_F(MergeCustomersApi, ThePastCardShowsEachCustomerAsItWas) {
  HttpClient admin = administrator();
  const Id source = full_customer(admin);
  const Id target = customer(admin);
  const std::string then = sql_text(
      "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
  ASSERT_EQ(merge(admin, source, target).status, 200);

  const auto at = "360?as_of=" + then;
  const auto one = admin.get(path("counterparties", source, at));
  const auto two = admin.get(path("counterparties", target, at));

  ASSERT_EQ(one.status, 200) << one.body;
  EXPECT_EQ(one.field("tabs/crm/deals/total"), "1");
  EXPECT_EQ(one.field("tabs/main/comments/items/0/text"), "Слово");
  EXPECT_EQ(one.field("tabs/main/counterparty/merged_into_id"), "null");
  EXPECT_EQ(two.field("tabs/crm/deals/total"), "0");
  EXPECT_EQ(two.field("tabs/main/comments/total"), "0");
  EXPECT_EQ(two.field("tabs/main/counterparty/inn"), "null");
}

TEST_F(MergeCustomersApi, RowsTheCallerMayNotReadAreToldByNumberOnly) {
  HttpClient admin = administrator();
  HttpClient manager = client_of("manager", {});
  const Id source = customer(manager);
  const Id target = customer(manager);
  const Id contract = make(admin, "contracts", "{" + of("counterparty_id", source).substr(1) + "}");
  const Id deal = make(manager, "deals", R"({"name":"Моя")" + of("counterparty_id", source) + "}");
  make(admin, "deals", R"({"name":"Чужая")" + of("counterparty_id", source) + "}");

  for (const std::string_view more : {R"(, "dry_run": true)", ""}) {
    const auto done = merge(manager, source, target, more);
    ASSERT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(done.field("moved/deals/0"), std::to_string(deal));
    EXPECT_EQ(done.field("moved/deals/1"), "");
    EXPECT_EQ(done.field("moved_unseen/deals"), "1");
    EXPECT_EQ(done.field("moved/contracts/0"), "");
    EXPECT_EQ(done.field("moved_unseen/contracts"), "1");
  }
  EXPECT_EQ(sql("SELECT counterparty_id FROM crm.contract WHERE id = " + std::to_string(contract)),
            target)
      << "they move all the same";
}

TEST_F(MergeCustomersApi, AMarkThatAnotherGotMeanwhileIsToldWhenItIsUndone) {
  HttpClient admin = administrator();
  const Id source = customer(admin);
  const Id target = customer(admin);
  make(admin, "contacts",
       R"({"full_name":"Иванов","is_main":true)" + of("counterparty_id", source) + "}");
  const Id second =
      make(admin, "contacts", R"({"full_name":"Сидоров")" + of("counterparty_id", source) + "}");
  make(admin, "contacts",
       R"({"full_name":"Петров","is_main":true)" + of("counterparty_id", target) + "}");
  ASSERT_EQ(merge(admin, source, target).status, 200);
  const testing::HttpHeaders any{{"If-Match", "*"}};
  ASSERT_EQ(admin.patch(path("contacts", second), R"({"is_main":true})", any).status, 200);

  const auto refused = unmerge(admin, source, target);

  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.field("code"), "merge_contradicted");
  EXPECT_EQ(refused.field("errors/0/pointer"), "/contact_persons/" + std::to_string(second));
  EXPECT_EQ(refused.field("errors/0/code"), "main_since");
  ASSERT_EQ(admin.patch(path("contacts", second), R"({"is_main":false})", any).status, 200);
  EXPECT_EQ(unmerge(admin, source, target).status, 200);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.contact WHERE is_main AND counterparty_id = " +
                std::to_string(source)),
            1);
}

TEST_F(MergeCustomersApi, BothMustBeWritable) {
  HttpClient admin = administrator();
  HttpClient manager = client_of("manager", {"crm-manager"});
  const Id mine = customer(manager);
  const Id theirs = customer(admin);

  EXPECT_EQ(merge(manager, mine, theirs).status, 403);
  EXPECT_EQ(merge(manager, theirs, mine).status, 403);
  EXPECT_EQ(merge(manager, mine, mine).status, 400);
  EXPECT_EQ(merge(manager, mine, 999'999).status, 404);
}

}  // namespace
}  // namespace c360::api

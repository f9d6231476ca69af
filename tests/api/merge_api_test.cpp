// Two deals or two leads become one, and are taken apart again (domain.md 6.5; R-215 to R-217).
#include <algorithm>

#include "tests/api/api_fixture.h"
#include "tests/api/explanation_sample.h"

namespace c360::api {
namespace {

class MergeApi : public ApiTest {
 protected:
  static std::string path(std::string_view kind, std::int64_t id, std::string_view tail = {}) {
    return "/api/v1/" + std::string(kind) + "/" + std::to_string(id) +
           (tail.empty() ? "" : "/" + std::string(tail));
  }
  static std::string into(std::int64_t target) {
    return R"({"into": )" + std::to_string(target) + R"(, "confirm": true})";
  }
  HttpAnswer merge(HttpClient& by, std::string_view kind, std::int64_t source,
                   std::int64_t target) {
    return by.post(path(kind, source, "merge"), into(target));
  }
  HttpAnswer unmerge(HttpClient& by, std::string_view kind, std::int64_t source,
                     std::int64_t target) {
    return by.post(path(kind, target, "unmerge"), R"({"source": )" + std::to_string(source) + "}");
  }
  std::int64_t make_contact(HttpClient& by, const std::string& name, const std::string& phone) {
    return created(by.post("/api/v1/contacts",
                           R"({"full_name": ")" + name + R"(", "phone": ")" + phone + "\"}"));
  }
  void attach(HttpClient& by, std::int64_t deal, std::int64_t contact) {
    ASSERT_EQ(by.put(path("deals", deal, "contacts/" + std::to_string(contact)), "{}").status, 204);
  }
  static std::vector<std::string> ids(const Json& report, std::string_view part) {
    std::vector<std::string> list;
    for (const auto& id : report.find("moved")->find(part)->as_array()) {
      list.push_back(id.number_text());
    }
    return list;
  }
  // Everything that names a record, so that what a merge and its undoing did can be compared.
  std::string state_of(std::int64_t id) {
    const std::string n = std::to_string(id);
    return sql_text(
        "SELECT concat_ws(E'\\n', (SELECT to_jsonb(d) - 'row_version' - 'updated_at' - "
        "'updated_by' FROM crm.deal d WHERE d.id = " +
        n +
        "),"
        "(SELECT string_agg(contact_id || ' ' || is_main, ',' ORDER BY contact_id) FROM "
        "crm.record_contact WHERE record_id = " +
        n +
        "),"
        "(SELECT string_agg(user_id::text, ',' ORDER BY user_id) FROM crm.record_observer WHERE "
        "record_id = " +
        n +
        "),"
        "(SELECT string_agg(id || text, ',' ORDER BY id) FROM crm.comment WHERE record_id = " +
        n +
        " AND deleted_at IS NULL),"
        "(SELECT string_agg(id || type, ',' ORDER BY id) FROM crm.activity WHERE parent_record_id "
        "= " +
        n +
        " AND deleted_at IS NULL),"
        "(SELECT string_agg(id || status, ',' ORDER BY id) FROM crm.task WHERE record_id = " +
        n +
        "),"
        "(SELECT string_agg(id::text, ',' ORDER BY id) FROM crm.line_item WHERE parent_id = " +
        n +
        "),"
        "(SELECT string_agg(id::text, ',' ORDER BY id) FROM crm.order WHERE deal_id = " +
        n +
        "),"
        "(SELECT string_agg(id || outcome, ',' ORDER BY id) FROM ops.mail_message WHERE "
        "outcome_record_id = " +
        n + "))");
  }
  // As intake makes it: the deal names its mail, the ledger the deal.
  std::int64_t mail_of(std::int64_t deal) {
    const std::string n = std::to_string(deal);
    const std::string digest = "sha256('" + n + "')";
    sql("INSERT INTO ops.mailbox (code, kind) VALUES ('crm', 'crm') ON CONFLICT DO NOTHING");
    sql("INSERT INTO ops.rule_set (sha256, files) VALUES (" + digest + ", '[]')");
    sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES (" + digest + ", 1)");
    const auto mail = sql(
        "INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid, outcome, "
        "outcome_record_id, raw_sha256, size_bytes, rule_id, rule_set_version, processed_at) "
        "SELECT b.id, 1, " +
        n + ", 'deal_created', " + n + ", " + digest +
        ", 1, 'r', r.version, now() FROM ops.mailbox b, ops.rule_set r WHERE r.sha256 = " + digest +
        " RETURNING id");
    sql("INSERT INTO ops.mail_content (mail_message_id, mailbox_id, raw_sha256, has_effect) SELECT "
        "id, mailbox_id, raw_sha256, true FROM ops.mail_message WHERE id = " +
        std::to_string(mail));
    sql("UPDATE crm.deal SET origin = 'mail', mail_message_id = " + std::to_string(mail) +
        " WHERE id = " + n);
    return mail;
  }
  // Promises of the ledger that are broken.
  std::string broken() {
    return sql_text(
        "SELECT coalesce(string_agg(invariant, ' '), '') FROM (SELECT * FROM ops.invariant UNION "
        "ALL SELECT * FROM ops.invariant_scan) i WHERE violations > 0 AND invariant <> "
        "'raw_mail_incomplete'");
  }
  // A deal with something of everything.
  std::int64_t full_deal(HttpClient& by) {
    const auto deal = make_deal(by, "Источник", R"(, "amount": "500.00", "currency": "USD",
        "description": "<p>описание</p>", "company_text": "Ромашка & Ко",
        "number_of_users": "10-20", "request_source_code": "direct")");
    attach(by, deal, make_contact(by, "Иванов", "+7 495 111-11-11"));
    attach(by, deal, make_contact(by, "Петров", "+7 495 222-22-22"));
    by.put(path("deals", deal, "observers/" + std::to_string(add_user("watcher"))), "{}");
    EXPECT_EQ(by.post(path("deals", deal, "comments"), R"({"text": "<p>слово</p>"})").status, 201);
    EXPECT_EQ(
        by.post(path("deals", deal, "activities"), R"({"type": "call", "topic": "звонок"})").status,
        201);
    const std::string id = std::to_string(deal);
    sql("WITH r AS (INSERT INTO crm.record (kind) VALUES ('counterparty') RETURNING id), c AS "
        "(INSERT INTO crm.counterparty (id, name, name_key) SELECT id, 'К', 'К' FROM r RETURNING "
        "id), o AS (INSERT INTO crm.record (kind) VALUES ('order') RETURNING id) INSERT INTO "
        "crm.order (id, deal_id, counterparty_id) SELECT o.id, " +
        id +
        ", c.id FROM o, c "
        "RETURNING id");
    sql("INSERT INTO crm.line_item (parent_id, parent_kind, position, name, kind, unit_code, "
        "vat_rate_code, vat_percent, price, quantity, price_with_discount, amount, "
        "discount_amount, vat_amount, amount_with_vat) VALUES (" +
        id +
        ", 'deal', 1, 'Лицензия', 'product', '796', 'vat20', 20, 100, 2, 100, 200, 0, 40, 240) "
        "RETURNING id");
    sql("UPDATE crm.deal SET total_amount = 200, total_vat = 40, total_amount_with_vat = 240 "
        "WHERE id = " +
        id + " RETURNING id");
    return deal;
  }
};

TEST_F(MergeApi, EverythingGoesToTheTargetAndTheOldIdLeadsThere) {
  HttpClient owner = client_of("owner", {});
  const auto source = full_deal(owner);
  const auto target = make_deal(owner, "Основная", R"(, "company_text": "Своя")");
  attach(owner, target, make_contact(owner, "ИВАНОВ", "+7 (495) 111 11 11"));

  const auto done = merge(owner, "deals", source, target);
  ASSERT_EQ(done.status, 200) << done.body;
  const auto card = owner.get(path("deals", target));
  EXPECT_EQ(card.field("name"), "Основная") << "never merged";
  EXPECT_EQ(card.field("company_text"), "Своя") << "only what is empty is filled";
  EXPECT_EQ(card.field("amount"), "500.00");
  EXPECT_EQ(card.field("currency"), "USD") << "an amount brings its currency";
  EXPECT_EQ(card.field("description"), "&lt;p&gt;описание&lt;/p&gt;") << "as the source had it";
  EXPECT_EQ(card.field("number_of_users_max"), "20");
  EXPECT_EQ(card.field("total_amount_with_vat"), "240.00");
  const std::string t = std::to_string(target);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.record_contact WHERE record_id = " + t), 2)
      << "Иванов was there, whatever the case and the writing of his phone";
  EXPECT_EQ(sql("SELECT count(*) FROM crm.record_contact WHERE is_main AND record_id = " + t), 1);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.record_observer WHERE record_id = " + t), 1);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.order WHERE deal_id = " + t), 1);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.line_item WHERE parent_id = " + t), 1);
  EXPECT_EQ(
      sql("SELECT count(*) FROM crm.activity WHERE parent_record_id = " + t + " AND type = 'call'"),
      1);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.record_link WHERE kind = 'merged_from' AND from_id = " +
                t + " AND to_id = " + std::to_string(source)),
            1);

  for (const std::string_view tail : {"", "comments", "contacts", "actions"}) {
    const auto old = owner.get(path("deals", source, tail));
    EXPECT_EQ(old.status, 308) << tail;
    EXPECT_EQ(old.header("location"), path("deals", target, tail)) << tail;
  }
  const auto late = owner.post(path("deals", source, "status"), R"({"status": "paused"})");
  EXPECT_EQ(late.status, 308);
  EXPECT_EQ(late.header("location"), path("deals", target, "status"));
  EXPECT_EQ(owner.get(path("deals", target, "history?event=merged"))
                .json()
                .find("items")
                ->as_array()
                .size(),
            1U);
}

// R-017: the mail of a deal nobody knew the customer of is on the card of the customer it was of.
TEST_F(MergeApi, TheMailGoesAlongAndComesBack) {
  HttpClient admin = administrator();
  const auto company = created(
      admin.post("/api/v1/counterparties",
                 R"({"name": "К", "segment_code": "small", "acquisition_channel_code": "site",
          "status_code": "active"})"));
  const auto source = make_deal(admin, "Из письма");
  const auto target =
      make_deal(admin, "Основная", R"(, "counterparty_id": )" + std::to_string(company));
  const std::string mail = std::to_string(mail_of(source));
  const std::string mails = path("counterparties", company, "360/correspondence");
  ASSERT_EQ(broken(), "");
  const std::string source_before = state_of(source);
  const std::string target_before = state_of(target);
  EXPECT_EQ(admin.get(mails).field("content/mails/total"), "0");

  const auto shown = admin.post(path("deals", source, "merge"),
                                R"({"dry_run": true, "into": )" + std::to_string(target) + "}");
  const auto done = merge(admin, "deals", source, target);

  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(shown.field("moved/mails/0"), mail);
  EXPECT_EQ(done.field("moved/mails/0"), mail);
  EXPECT_EQ(done.field("filled/mail_message_id"), mail);
  EXPECT_EQ(admin.get(mails).field("content/mails/items/0/id"), mail);
  EXPECT_EQ(admin.get("/api/v1/mail/messages/" + mail).field("outcome_record_id"),
            std::to_string(target));
  mail_explainer_.answer = *Json::parse(kExplanation);
  EXPECT_EQ(admin.get(path("deals", target, "explain")).status, 200);
  EXPECT_EQ(broken(), "");

  ASSERT_EQ(unmerge(admin, "deals", source, target).status, 200);
  EXPECT_EQ(state_of(source), source_before);
  EXPECT_EQ(state_of(target), target_before);
  EXPECT_EQ(admin.get(mails).field("content/mails/total"), "0");
  EXPECT_EQ(broken(), "");
}

TEST_F(MergeApi, ATargetWithAMailOfItsOwnKeepsIt) {
  HttpClient admin = administrator();
  const auto source = make_deal(admin, "Из письма");
  const auto target = make_deal(admin, "Из другого");
  const auto one = mail_of(source);
  const auto two = mail_of(target);
  const std::string source_before = state_of(source);

  ASSERT_EQ(merge(admin, "deals", source, target).status, 200);

  EXPECT_EQ(admin.get(path("deals", target)).field("mail_message_id"), std::to_string(two));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.mail_message WHERE outcome_record_id = " +
                std::to_string(target)),
            2);
  EXPECT_EQ(sql("SELECT mail_message_id FROM crm.deal WHERE id = " + std::to_string(source)), one);
  EXPECT_EQ(broken(), "");
  ASSERT_EQ(unmerge(admin, "deals", source, target).status, 200);
  EXPECT_EQ(state_of(source), source_before);
}

TEST_F(MergeApi, TheResultCommentSaysEverythingTheSourceSaid) {
  HttpClient owner = client_of("owner", {});
  const auto source = full_deal(owner);
  const auto target = make_deal(owner, "Основная");
  ASSERT_EQ(merge(owner, "deals", source, target).status, 200);

  const std::string text = sql_text(
      "SELECT text FROM crm.comment WHERE source = 'merge' AND "
      "record_id = " +
      std::to_string(target));
  for (const std::string_view part :
       {"Сделка объединен(а) успешно.", "Название/Name: Источник", "Бюджет/Budget: 500.00",
        "Статус/Status: Не обработана", "Компания/Company: Ромашка", "Источник обращения/Request",
        "Прямая ссылка", "Ответственный/Responsible: ", "<td>Иванов</td>", "<td>Петров</td>",
        "Заказы: №"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
  EXPECT_EQ(text.find("Идентификатор YM"), std::string::npos)
      << "an attribute without a value has no line";
  EXPECT_EQ(text.find("синхронизации"), std::string::npos);
  const std::string moved = sql_text(
      "SELECT text FROM crm.comment WHERE source = 'user' AND "
      "record_id = " +
      std::to_string(target));
  EXPECT_NE(moved.find("Комментарий от "), std::string::npos) << moved;
  EXPECT_NE(moved.find(" из сделки "), std::string::npos) << moved;
}

TEST_F(MergeApi, ADryRunShowsExactlyWhatWouldMoveAndMovesNothing) {
  HttpClient owner = client_of("owner", {});
  const auto source = full_deal(owner);
  const auto target = make_deal(owner, "Основная");
  const std::string before = state_of(source) + state_of(target);

  const auto shown = owner.post(path("deals", source, "merge"),
                                R"({"dry_run": true, "into": )" + std::to_string(target) + "}");
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(state_of(source) + state_of(target), before);
  EXPECT_EQ(owner.get(path("deals", source)).status, 200);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.merge"), 0);

  const auto done = merge(owner, "deals", source, target);
  ASSERT_EQ(done.status, 200) << done.body;
  Json expected = shown.json();
  expected.set("dry_run", false);
  EXPECT_EQ(expected, done.json()) << "what was shown is what happened";
  EXPECT_EQ(ids(done.json(), "contacts").size(), 2U);
  EXPECT_EQ(ids(done.json(), "orders").size(), 0U);
  EXPECT_EQ(done.field("moved_unseen/orders"), "1") << "the caller may not read it";
  EXPECT_EQ(ids(done.json(), "comments").size(), 2U) << "the comment, and that of the call";
  EXPECT_EQ(ids(done.json(), "activities").size(), 2U) << "the call, and that of the comment";
}

TEST_F(MergeApi, SumsOfTwoCurrenciesAreNeverMixed) {
  HttpClient owner = client_of("owner", {});
  const auto source = full_deal(owner);
  const auto target = make_deal(owner, "Рублёвая", R"(, "amount": "1.00")");
  const auto done = merge(owner, "deals", source, target);
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(ids(done.json(), "line_items").size(), 0U);
  EXPECT_EQ(done.json().find("stays")->find("line_items")->as_array().size(), 1U);
  const auto card = owner.get(path("deals", target));
  EXPECT_EQ(card.field("currency"), "RUB");
  EXPECT_EQ(card.field("amount"), "1.00");
  EXPECT_NE(sql_text("SELECT text FROM crm.comment WHERE source = 'merge'").find("Лицензия"),
            std::string::npos)
      << "what stays is told";
  EXPECT_EQ(unmerge(owner, "deals", source, target).status, 200);
}

TEST_F(MergeApi, WhatMustNotBeMergedIsRefused) {
  HttpClient owner = client_of("owner", {});
  HttpClient other = client_of("other", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto mine = make_deal(owner, "Mine");
  const auto second = make_deal(owner, "Second");
  const auto foreign = make_deal(other, "Foreign");
  const auto lead = created(owner.post("/api/v1/leads", R"({"name": "L"})"));
  EXPECT_EQ(merge(owner, "deals", mine, mine).status, 400);
  EXPECT_EQ(merge(owner, "deals", mine, 99'999).status, 404);
  EXPECT_EQ(merge(owner, "deals", mine, foreign).status, 404) << "existence is not revealed";
  EXPECT_EQ(merge(owner, "deals", foreign, mine).status, 404);
  const auto kinds = merge(owner, "deals", mine, lead);
  EXPECT_EQ(kinds.status, 422) << kinds.body;
  EXPECT_EQ(kinds.field("code"), "other_kind");
  EXPECT_EQ(merge(other, "deals", foreign, lead).status, 404);
  EXPECT_EQ(merge(manager, "deals", mine, second).status, 403);
  const auto unconfirmed =
      owner.post(path("deals", mine, "merge"), R"({"into": )" + std::to_string(second) + "}");
  EXPECT_EQ(unconfirmed.status, 422);
  EXPECT_EQ(unconfirmed.field("code"), "confirm_required");
  EXPECT_EQ(owner.post(path("deals", mine, "merge"), R"({"confirm": true})").field("code"),
            "into_required");
  ASSERT_EQ(merge(owner, "deals", mine, second).status, 200);
  EXPECT_EQ(merge(owner, "deals", second, mine).status, 404) << "what was merged is no target";
}

TEST_F(MergeApi, AMergeIsUndoneToTheLastRow) {
  HttpClient owner = client_of("owner", {});
  const auto source = full_deal(owner);
  const auto target = make_deal(owner, "Основная");
  attach(owner, target, make_contact(owner, "Иванов", "+74951111111"));
  const std::string source_before = state_of(source);
  const std::string target_before = state_of(target);
  ASSERT_EQ(merge(owner, "deals", source, target).status, 200);
  ASSERT_NE(state_of(target), target_before);

  const auto undone = unmerge(owner, "deals", source, target);
  ASSERT_EQ(undone.status, 200) << undone.body;
  EXPECT_EQ(undone.field("id"), std::to_string(source));
  EXPECT_EQ(state_of(source), source_before);
  EXPECT_EQ(state_of(target), target_before);
  EXPECT_EQ(owner.get(path("deals", source)).status, 200);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.record_link WHERE kind = 'merged_from'"), 0);
  EXPECT_EQ(unmerge(owner, "deals", source, target).field("code"), "not_merged");
  // And once more, as if nothing had been.
  ASSERT_EQ(merge(owner, "deals", source, target).status, 200);
  EXPECT_EQ(unmerge(owner, "deals", source, target).status, 200);
  EXPECT_EQ(state_of(source), source_before);
}

TEST_F(MergeApi, WhatHappenedSinceIsNamedWhenItContradicts) {
  HttpClient owner = client_of("owner", {});
  const auto source = full_deal(owner);
  const auto target = make_deal(owner, "Основная");
  const auto third = make_deal(owner, "Третья");
  ASSERT_EQ(merge(owner, "deals", source, target).status, 200);
  owner.patch(path("deals", target), R"({"amount": "7.00"})", {{"If-Match", "*"}});
  const auto order = sql("UPDATE crm.order SET deal_id = " + std::to_string(third) +
                         " WHERE deal_id = " + std::to_string(target) + " RETURNING id");
  const auto comment =
      sql("UPDATE crm.comment SET text = 'anew' WHERE source = 'user' RETURNING "
          "id");
  const std::string before = state_of(target);

  const auto refused = unmerge(owner, "deals", source, target);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.field("code"), "merge_contradicted");
  std::vector<std::string> pointers;
  const Json problem = refused.json();
  for (const auto& error : problem.find("errors")->as_array()) {
    pointers.push_back(error.find("pointer")->as_string());
  }
  std::ranges::sort(pointers);
  EXPECT_EQ(pointers, (std::vector<std::string>{"/amount", "/comments/" + std::to_string(comment),
                                                "/orders/" + std::to_string(order)}));
  EXPECT_EQ(state_of(target), before);
  EXPECT_EQ(owner.get(path("deals", source)).status, 308);

  owner.patch(path("deals", target), R"({"amount": "500.00"})", {{"If-Match", "*"}});
  sql("UPDATE crm.order SET deal_id = " + std::to_string(target) + " RETURNING id");
  sql("DELETE FROM crm.comment WHERE id = " + std::to_string(comment) + " RETURNING id");
  EXPECT_EQ(unmerge(owner, "deals", source, target).status, 409) << "a row that is gone, too";
}

TEST_F(MergeApi, WhatTheTargetGotSinceStaysWithIt) {
  HttpClient owner = client_of("owner", {});
  const auto source = make_deal(owner, "Источник");
  const auto target = make_deal(owner, "Основная");
  ASSERT_EQ(merge(owner, "deals", source, target).status, 200);
  ASSERT_EQ(owner.post(path("deals", target, "comments"), R"({"text": "later"})").status, 201);
  ASSERT_EQ(unmerge(owner, "deals", source, target).status, 200);
  EXPECT_EQ(owner.get(path("deals", target, "comments")).json().find("items")->as_array().size(),
            1U);
  EXPECT_EQ(owner.get(path("deals", source, "comments")).json().find("items")->as_array().size(),
            0U);
}

TEST_F(MergeApi, LeadsAreMergedWithTheDealTheyBecame) {
  HttpClient owner = client_of("owner", {});
  const auto company = created(
      owner.post("/api/v1/counterparties",
                 R"({"name": "К", "segment_code": "small", "acquisition_channel_code": "site",
          "status_code": "potential"})"));
  const auto source = created(owner.post(
      "/api/v1/leads", R"({"name": "Лид", "counterparty_id": )" + std::to_string(company) + "}"));
  const auto target = created(owner.post("/api/v1/leads", R"({"name": "Основной"})"));
  const auto deal = owner.post(path("leads", source, "convert"), "{}").field("id");
  ASSERT_EQ(merge(owner, "leads", source, target).status, 200);
  EXPECT_EQ(owner.get(path("leads", source)).status, 308);
  const auto card = owner.get(path("leads", target));
  EXPECT_EQ(card.field("created_deal_id"), deal);
  EXPECT_EQ(card.field("counterparty_id"), std::to_string(company));
  EXPECT_EQ(card.field("status"), "new") << "never merged";
  EXPECT_EQ(owner.get("/api/v1/deals/" + deal).field("created_from_lead_id"),
            std::to_string(target));
  EXPECT_NE(sql_text("SELECT text FROM crm.comment WHERE source = 'merge'")
                .find("Лид объединен(а) успешно."),
            std::string::npos);

  ASSERT_EQ(unmerge(owner, "leads", source, target).status, 200);
  EXPECT_EQ(owner.get(path("leads", source)).field("created_deal_id"), deal);
  EXPECT_EQ(owner.get(path("leads", target)).field("created_deal_id"), "null");
  EXPECT_EQ(owner.get("/api/v1/deals/" + deal).field("created_from_lead_id"),
            std::to_string(source));
}

TEST_F(MergeApi, TheTaskToTakeTheSourceToWorkEndsAndComesBack) {
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto source = make_deal(manager, "Ничья", R"(, "responsible_id": null)");
  const auto target = make_deal(manager, "Моя");
  ASSERT_EQ(merge(manager, "deals", source, target).status, 200);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.task WHERE status = 'active'"), 0);
  ASSERT_EQ(unmerge(manager, "deals", source, target).status, 200);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.task WHERE status = 'active' AND record_id = " +
                std::to_string(source)),
            1);
}

}  // namespace
}  // namespace c360::api

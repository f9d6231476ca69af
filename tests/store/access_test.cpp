// The written matrix of rights (domain.md 3.4, design.md 11), role by role, status by status,
// operation by operation, against what the store really does. Lists and counts included.
#include <set>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::Actor;
using store::Right;

enum class Allowed : std::uint8_t { none, read, write };

class AccessMatrix : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    responsible_ = person("responsible", {});
    viewer_ = person("viewer", {});
    creator_ = person("creator", {});
    service_manager_ = person("service_manager", {});
  }

  // A row with every role filled, straight into the tables.
  std::string opportunity(const std::string& kind_name, const std::string& status,
                          bool with_responsible) {
    const std::string table = "crm." + kind_name;
    const std::string id =
        sql("INSERT INTO crm.record (kind) VALUES ('" + kind_name + "') RETURNING id");
    std::string extra_columns;
    std::string extra_values;
    if (kind_name == "deal" &&
        (status == "completed" || status == "rejected" || status == "dropped_out")) {
      extra_columns = ", closed_at";
      extra_values = ", now()";
    }
    if (status == "disqualified") {
      extra_columns = ", disqualification_reason_code";
      extra_values = ", 'spam'";
    }
    if (status == "deal_creation") {
      extra_columns = ", counterparty_id";
      extra_values = ", " + company();
    }
    sql("INSERT INTO " + table + " (id, name, status, responsible_id, created_by" + extra_columns +
        ") VALUES (" + id + ", 'x', '" + status + "', " +
        (with_responsible ? std::to_string(*responsible_.user_id) : "NULL") + ", " +
        std::to_string(*creator_.user_id) + extra_values + ")");
    observe(id);
    return id;
  }

  std::string company(bool with_responsible = true) {
    const std::string id =
        sql("INSERT INTO crm.record (kind) VALUES ('counterparty') RETURNING id");
    sql("INSERT INTO crm.counterparty (id, name, name_key, responsible_id, service_manager_id, "
        "created_by) VALUES (" +
        id + ", 'К', 'К', " + (with_responsible ? std::to_string(*responsible_.user_id) : "NULL") +
        ", " + std::to_string(*service_manager_.user_id) + ", " +
        std::to_string(*creator_.user_id) + ")");
    observe(id);
    return id;
  }

  void observe(const std::string& id) {
    sql("INSERT INTO crm.record_observer (record_id, user_id) VALUES (" + id + ", " +
        std::to_string(*viewer_.user_id) + ")");
  }

  // One row of everything that is for administrators; the key of each.
  std::map<std::string, std::string> fill_administration() {
    std::map<std::string, std::string> keys;
    keys["token"] = sql("INSERT INTO crm.api_token (user_id, name, token_sha256) VALUES (" +
                        std::to_string(*responsible_.user_id) + ", 't', sha256('t')) RETURNING id");
    keys["mailbox"] =
        sql("INSERT INTO ops.mailbox (code, kind) VALUES ('crm', 'crm') RETURNING id");
    keys["mail_import"] = sql("INSERT INTO ops.mail_import (mailbox_id, file_bytes) VALUES (" +
                              keys["mailbox"] + ", 1) RETURNING id");
    keys["mail_message"] =
        sql("INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid) VALUES (" +
            keys["mailbox"] + ", 1, 1) RETURNING id");
    sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES (sha256('a'), 1)");
    keys["mail_attachment"] =
        sql("INSERT INTO ops.mail_attachment (mail_message_id, part, file_name, mime_type, "
            "size_bytes, sha256) VALUES (" +
            keys["mail_message"] + ", '1', 'a', 'text/plain', 1, sha256('a')) RETURNING id");
    keys["quarantine"] = sql("INSERT INTO ops.quarantine (mail_message_id, reason) VALUES (" +
                             keys["mail_message"] + ", 'no_rule') RETURNING id");
    keys["quarantine_attempt"] =
        sql("INSERT INTO ops.quarantine_attempt (quarantine_id, action, outcome, reason) VALUES (" +
            keys["quarantine"] + ", 'retry', 'quarantined', 'no_rule') RETURNING id");
    keys["rule_set"] = sql(
        "INSERT INTO ops.rule_set (sha256, files) VALUES (sha256('r'), '[]') RETURNING version");
    return keys;
  }

  // Every operation says the same about the actor and the row.
  void expect(const std::string& kind_name, const std::string& id, const Actor& actor,
              Allowed allowed, const std::string& what) {
    const store::Resource& resource = kind(kind_name);
    SCOPED_TRACE(what);
    const bool readable = allowed != Allowed::none;
    const auto got = records_->get(resource, id, actor);
    EXPECT_EQ(got.has_value(), readable) << "get";
    if (!got) {
      EXPECT_EQ(got.error().code, ErrorCode::not_found);
    }
    store::Parameters filter = {{"id", id}, {"count", "exact"}};
    if (resource.has_field("status")) filter.emplace_back("status.null", "false");
    if (resource.has_field("types")) filter.emplace_back("types", "any");
    const auto page = records_->list(resource, filter, actor);
    ASSERT_TRUE(page) << describe(page.error());
    EXPECT_EQ(page->size, readable ? 1 : 0) << "list";
    EXPECT_EQ(page->total, readable ? 1 : 0) << "count of the list";
    filter.pop_back();
    if (resource.is_record) {
      const auto history = records_->history(resource, id, {}, actor);
      EXPECT_EQ(history.has_value(), readable) << "history";
    }
    const std::string_view field = resource.has_field("comment") ? "comment" : "description";
    Json change = json("{}");
    change.set(std::string(field), Json("текст " + what));
    const auto updated = records_->update(resource, id, change, actor);
    EXPECT_EQ(updated.has_value(), allowed == Allowed::write)
        << "update" << (updated ? "" : describe(updated.error()));
    if (!updated) {
      EXPECT_EQ(updated.error().code, readable ? ErrorCode::forbidden : ErrorCode::not_found);
    }
    if (allowed != Allowed::write) {
      const auto removed = records_->remove(resource, id, actor);
      ASSERT_FALSE(removed) << "remove";
      EXPECT_EQ(removed.error().code, readable ? ErrorCode::forbidden : ErrorCode::not_found);
    }
  }

  Actor responsible_, viewer_, creator_, service_manager_;
};

TEST_F(AccessMatrix, LeadsAndDealsInEveryStatus) {
  for (const std::string kind_name : {"lead", "deal"}) {
    for (const store::Status& status : kind(kind_name).statuses) {
      const std::string code(status.code);
      const std::string id = opportunity(kind_name, code, true);
      const std::string at = kind_name + " " + code + " ";
      expect(kind_name, id, responsible_, Allowed::write, at + "manager");
      expect(kind_name, id, cco_, Allowed::write, at + "cco");
      expect(kind_name, id, viewer_, Allowed::read, at + "viewers");
      expect(kind_name, id, manager_, Allowed::read, at + "allCRMManagers");
      expect(kind_name, id, admin_, Allowed::write, at + "crmAdministrators");
      expect(kind_name, id, creator_, Allowed::read, at + "creator");
      expect(kind_name, id, stranger_, Allowed::none, at + "nobody");
      expect(kind_name, id, Actor::system("job"), Allowed::write, at + "service");
    }
    const std::string open = opportunity(kind_name, "new", false);
    expect(kind_name, open, manager_, Allowed::write, kind_name + " without responsible, manager");
    expect(kind_name, open, viewer_, Allowed::read, kind_name + " without responsible, viewer");
    expect(kind_name, open, stranger_, Allowed::none, kind_name + " without responsible, nobody");
  }
}

TEST_F(AccessMatrix, CounterpartiesAndTheirContacts) {
  const std::string taken = company(true);
  const std::string open = company(false);
  const auto contact_of = [&](const std::string& counterparty) {
    const std::string id = sql("INSERT INTO crm.record (kind) VALUES ('contact') RETURNING id");
    sql("INSERT INTO crm.contact (id, full_name, counterparty_id) VALUES (" + id + ", 'П', " +
        counterparty + ")");
    return id;
  };
  const std::string contact_taken = contact_of(taken);
  const std::string contact_open = contact_of(open);
  const std::string contact_alone = contact_of("NULL");
  const std::pair<const Actor*, Allowed> roles[] = {
      {&responsible_, Allowed::write}, {&service_manager_, Allowed::write},
      {&creator_, Allowed::write},     {&cco_, Allowed::write},
      {&admin_, Allowed::write},       {&manager_, Allowed::read},
      {&viewer_, Allowed::read},       {&stranger_, Allowed::none}};
  for (const auto& [actor, allowed] : roles) {
    expect("counterparty", taken, *actor, allowed, "counterparty " + actor->login);
    expect("contact", contact_taken, *actor, allowed, "contact " + actor->login);
  }
  expect("counterparty", open, manager_, Allowed::write, "open counterparty manager");
  expect("contact", contact_open, manager_, Allowed::write, "contact of open counterparty");
  expect("contact", contact_alone, manager_, Allowed::write, "contact without counterparty");
  expect("contact", contact_alone, stranger_, Allowed::none, "contact without counterparty");
}

TEST_F(AccessMatrix, ChildrenInheritFromTheirParent) {
  const std::string deal = opportunity("deal", "new", true);
  const std::string activity =
      sql("INSERT INTO crm.record (kind) VALUES ('activity') RETURNING id");
  sql("INSERT INTO crm.activity (id, parent_record_id, type, status, activity_date) VALUES (" +
      activity + ", " + deal + ", 'call', 'completed', now())");
  const std::string comment =
      sql("INSERT INTO crm.comment (record_id, text) VALUES (" + deal + ", 'x') RETURNING id");
  const std::string task =
      sql("INSERT INTO crm.task (kind, record_id, title_ru, title_en, assignee_group_id) VALUES "
          "('custom', " +
          deal + ", 'x', 'x', 'support-line-1') RETURNING id");
  const Actor support = person("support", {"support-line-1"});
  const auto readable = [&](std::string_view kind_name, const std::string& id, const Actor& actor) {
    return records_->get(kind(kind_name), id, actor).has_value();
  };
  const auto writable = [&](std::string_view kind_name, const std::string& id, const Actor& actor,
                            std::string_view change) {
    return records_->update(kind(kind_name), id, json(change), actor).has_value();
  };
  for (const Actor* actor : {&responsible_, &cco_, &admin_, &manager_, &viewer_, &creator_}) {
    EXPECT_TRUE(readable("activity", activity, *actor)) << actor->login;
    EXPECT_TRUE(readable("comment", comment, *actor)) << actor->login;
    EXPECT_TRUE(readable("task", task, *actor)) << actor->login;
    const bool writes = actor == &responsible_ || actor == &cco_ || actor == &admin_;
    EXPECT_EQ(writable("activity", activity, *actor, R"({"topic":")" + actor->login + "\"}"),
              writes)
        << actor->login;
    EXPECT_EQ(writable("comment", comment, *actor, R"({"text":")" + actor->login + "\"}"), writes)
        << actor->login;
  }
  EXPECT_FALSE(readable("activity", activity, stranger_));
  EXPECT_FALSE(readable("comment", comment, stranger_));
  EXPECT_FALSE(readable("task", task, stranger_));
  EXPECT_TRUE(readable("task", task, support));  // a member of the group it is assigned to
}

TEST_F(AccessMatrix, AChildIsCreatedByWhoWritesTheParent) {
  const std::string deal = opportunity("deal", "new", true);
  const std::string body = R"({"text":"x","record_id":)" + deal + "}";
  EXPECT_TRUE(records_->create(kind("comment"), json(body), responsible_));
  const auto by_viewer = records_->create(kind("comment"), json(body), viewer_);
  ASSERT_FALSE(by_viewer);
  EXPECT_EQ(by_viewer.error().code, ErrorCode::forbidden);
  const auto by_stranger = records_->create(kind("comment"), json(body), stranger_);
  ASSERT_FALSE(by_stranger);
  EXPECT_EQ(by_stranger.error().code, ErrorCode::validation_failed);
}

TEST_F(AccessMatrix, AdministrationIsForAdministrators) {
  const std::map<std::string, std::string> keys = fill_administration();
  for (const auto& [kind_name, key] : keys) {
    const auto all = records_->list(kind(kind_name), {{"count", "exact"}}, admin_);
    ASSERT_TRUE(all) << describe(all.error());
    EXPECT_EQ(all->size, 1) << kind_name;
    EXPECT_EQ(all->total, 1) << kind_name;
    EXPECT_TRUE(records_->get(kind(kind_name), key, admin_)) << kind_name;
    for (const Actor* other : {&manager_, &cco_, &seller_}) {
      const auto none = records_->list(kind(kind_name), {{"count", "exact"}}, *other);
      ASSERT_TRUE(none) << describe(none.error());
      EXPECT_EQ(none->size, 0) << kind_name << " by " << other->login;
      EXPECT_EQ(none->total, 0) << kind_name << " by " << other->login;
      const auto one = records_->get(kind(kind_name), key, *other);
      ASSERT_FALSE(one) << kind_name << " by " << other->login;
      EXPECT_EQ(one.error().code, ErrorCode::not_found) << kind_name << " by " << other->login;
    }
  }
  EXPECT_TRUE(records_->get(kind("user"), std::to_string(*seller_.user_id), seller_));
  const std::string colleague = std::to_string(*admin_.user_id);
  EXPECT_TRUE(records_->get(kind("user"), colleague, seller_)) << "people choose each other";
  EXPECT_FALSE(records_->update(kind("user"), colleague, json(R"({"job_title":"x"})"), seller_));
}

TEST_F(AccessMatrix, EverybodyReadsDirectoriesFewWriteThem) {
  for (const auto& resource : registry_.all()) {
    if (resource->is_record || resource->key_type != store::KeyType::text) continue;
    if (resource->kind == "group") continue;
    SCOPED_TRACE(resource->kind);
    EXPECT_TRUE(records_->list(*resource, {}, stranger_));
    const Json body = json("{}");
    const auto by_cco = records_->create(*resource, body, cco_);
    const bool cco_edits = resource->kind == "segment" || resource->kind == "customer_status" ||
                           resource->kind == "acquisition_channel" ||
                           resource->kind == "invoice_type";
    EXPECT_EQ(by_cco.error().code, cco_edits ? ErrorCode::validation_failed : ErrorCode::forbidden);
    EXPECT_EQ(records_->create(*resource, body, manager_).error().code, ErrorCode::forbidden);
    EXPECT_EQ(records_->create(*resource, body, admin_).error().code, ErrorCode::validation_failed);
  }
}

TEST_F(AccessMatrix, TheTwoGroupsCanBeSwapped) {
  store::RecordsOptions options;
  options.cursor_key = Secret("k");
  options.access.swap_manager_cco = true;
  store::Records swapped(*database_, registry_, options, clock_);
  const std::string id = opportunity("deal", "new", true);
  const Json change = json(R"({"amount":"1.00"})");
  EXPECT_TRUE(swapped.update(kind("deal"), id, change, manager_));
  EXPECT_EQ(swapped.update(kind("deal"), id, change, cco_).error().code, ErrorCode::forbidden);
}

TEST_F(AccessMatrix, OnlyTheDirectorAndAdministratorsAssignTheResponsible) {
  const std::string id = opportunity("deal", "new", true);
  const Json assign = json(R"({"responsible_id":)" + std::to_string(*seller_.user_id) + "}");
  const auto by_manager = records_->update(kind("deal"), id, assign, responsible_);
  ASSERT_FALSE(by_manager);
  EXPECT_EQ(by_manager.error().code, ErrorCode::forbidden);
  EXPECT_EQ(by_manager.error().reason, "assign_responsible");
  EXPECT_TRUE(records_->update(kind("deal"), id, assign, cco_));
}

TEST_F(AccessMatrix, HistoricalAndCommunityAreForAdministrators) {
  for (const std::string status : {"historical", "community"}) {
    const std::string id = opportunity("deal", "new", true);
    const Json change = json(R"({"status":")" + status + "\"}");
    EXPECT_EQ(records_->update(kind("deal"), id, change, responsible_).error().code,
              ErrorCode::forbidden);
    EXPECT_EQ(records_->update(kind("deal"), id, change, cco_).error().code, ErrorCode::forbidden);
    EXPECT_TRUE(records_->update(kind("deal"), id, change, admin_));
    // Nor do they leave it without one.
    const Json back = json(R"({"status":"new"})");
    EXPECT_EQ(records_->update(kind("deal"), id, back, responsible_).error().code,
              ErrorCode::forbidden);
    EXPECT_TRUE(records_->update(kind("deal"), id, back, Actor::system("import")));
  }
}

}  // namespace
}  // namespace c360::testing

// Tasks that assignments and contracts open by themselves, and those that people make (domain.md
// 11.1, 14.1, 14.3).
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Tasks : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    initiator_ = person("initiator", {});
    performer_ = person("performer", {});
    verifier_ = person("verifier", {});
  }
  static std::string id(const store::Actor& actor) { return std::to_string(*actor.user_id); }
  std::string assignment(const std::string& more = "") {
    return make("assignment",
                R"({"title":"Позвонить","performer_user_id":)" + id(performer_) + more + "}",
                initiator_)
        .key;
  }
  std::string verified() { return assignment(R"(,"verifier_id":)" + id(verifier_)); }
  std::string change(const std::string& key, const std::string& body, const store::Actor& actor) {
    return said_to_change("assignment", key, body, actor);
  }
  // "KIND of WHO", of the one task that is active; fails where there are more.
  std::string asks(const std::string& record) {
    return sql(
        "SELECT string_agg(t.kind || ' of ' || coalesce(u.login, t.assignee_group_id), "
        "', ' ORDER BY t.id) FROM crm.task t LEFT JOIN crm.user u ON u.id = "
        "t.assignee_user_id WHERE t.status = 'active' AND t.record_id = " +
        record);
  }
  // Of every task that is closed, in order: how, and by whom it was completed.
  std::string closed(const std::string& record) {
    return sql(
        "SELECT string_agg(coalesce(t.outcome, t.status::text) || coalesce(' by ' || "
        "u.login, ''), ', ' ORDER BY t.id) FROM crm.task t LEFT JOIN crm.user u ON u.id = "
        "t.completed_by WHERE t.status <> 'active' AND t.record_id = " +
        record);
  }
  std::string active(const std::string& record) {
    return sql("SELECT id FROM crm.task WHERE status = 'active' AND record_id = " + record);
  }
  std::string complete(const std::string& task, std::string_view outcome, const store::Actor& actor,
                       std::string_view details = "{}") {
    const auto done = records_->complete_task(std::stoll(task), outcome, json(details), actor);
    return done ? "accepted" : said(done.error());
  }
  std::string custom(std::string_view body, const store::Actor& actor) {
    return make("task", body, actor).key;
  }

  store::Actor initiator_, performer_, verifier_;
};

TEST_F(Tasks, AnAssignmentAsksWhoeverHoldsItsStep) {
  const std::string key = verified();
  EXPECT_EQ(asks(key), "assignment_execute of performer");
  EXPECT_EQ(sql("SELECT title_ru || ' / ' || title_en FROM crm.task"),
            "Исполнить поручение: Позвонить / Carry out: Позвонить");
  ASSERT_EQ(change(key, R"({"status":"clarification"})", performer_), "accepted");
  EXPECT_EQ(asks(key), "assignment_clarify of initiator");
  ASSERT_EQ(change(key, R"({"status":"in_progress"})", initiator_), "accepted");
  EXPECT_EQ(asks(key), "assignment_execute of performer");
  ASSERT_EQ(change(key, R"({"status":"verification"})", performer_), "accepted");
  EXPECT_EQ(asks(key), "assignment_verify of verifier");
  ASSERT_EQ(change(key, R"({"status":"complete"})", verifier_), "accepted");
  EXPECT_EQ(asks(key), "");
  EXPECT_EQ(closed(key),
            "clarification by performer, return_to_work by initiator, done by performer, done by "
            "verifier");
  EXPECT_EQ(sql("SELECT string_agg(outcome || ' ' || version, ', ' ORDER BY id) FROM "
                "crm.history_event WHERE event = 'task_completed' AND task_id IS NOT NULL AND "
                "record_id = " +
                key),
            "clarification 2, return_to_work 3, done 4, done 5");
  ASSERT_EQ(change(key, R"({"status":"created"})", initiator_), "accepted");
  EXPECT_EQ(asks(key), "assignment_execute of performer") << "reopened";
}

TEST_F(Tasks, AnAssignmentThatIsHandedOnClosesTheTaskOfItsFormerHolder) {
  const std::string key = assignment();
  ASSERT_EQ(change(key, R"({"performer_user_id":)" + id(verifier_) + "}", initiator_), "accepted");
  EXPECT_EQ(asks(key), "assignment_execute of verifier");
  ASSERT_EQ(change(key, R"({"performer_group_id":"crm-manager"})", initiator_), "accepted");
  EXPECT_EQ(asks(key), "assignment_execute of crm-manager");
  EXPECT_EQ(closed(key), "canceled, canceled");

  // The verifier is not who is asked now.
  ASSERT_EQ(change(key, R"({"verifier_id":)" + id(verifier_) + "}", initiator_), "accepted");
  EXPECT_EQ(closed(key), "canceled, canceled");
  ASSERT_EQ(change(key, R"({"title":"Написать","due_at":"2026-12-01T00:00:00Z"})", initiator_),
            "accepted");
  EXPECT_EQ(sql("SELECT title_ru || ' ' || (due_at AT TIME ZONE 'UTC')::date FROM crm.task WHERE "
                "status = 'active'"),
            "Исполнить поручение: Написать 2026-12-01");
}

TEST_F(Tasks, WhatNoTaskLeadsToCancelsIt) {
  const std::string key = assignment();
  ASSERT_EQ(change(key, R"({"status":"archive"})", admin_), "accepted");
  EXPECT_EQ(asks(key), "");
  EXPECT_EQ(closed(key), "canceled");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'task_completed'"), "0");
}

TEST_F(Tasks, ADeletedAssignmentAsksNobodyAndARestoredOneAgain) {
  const std::string key = assignment();
  ASSERT_TRUE(records_->remove(kind("assignment"), key, initiator_));
  EXPECT_EQ(asks(key), "");
  ASSERT_TRUE(records_->restore(kind("assignment"), key, admin_));
  EXPECT_EQ(asks(key), "assignment_execute of performer");
}

TEST_F(Tasks, TheAnswerToATaskMovesTheAssignment) {
  const std::string key = verified();
  const std::string first = active(key);
  EXPECT_EQ(complete(first, "return_to_work", performer_), "validation_failed unknown_outcome");
  EXPECT_EQ(complete(first, "done", initiator_), "/status=status_not_allowed");
  EXPECT_EQ(complete(first, "done", verifier_), "forbidden read_only");
  EXPECT_EQ(complete(first, "to_work", performer_, R"({"comment":"сейчас"})"), "accepted");
  EXPECT_EQ(value("assignment", key, "status"), "in_progress");
  EXPECT_EQ(sql("SELECT comment FROM crm.task WHERE id = " + first), "сейчас");
  EXPECT_EQ(complete(first, "to_work", performer_), "conflict task_not_active");
  EXPECT_EQ(complete(active(key), "done", performer_), "accepted");
  EXPECT_EQ(value("assignment", key, "status"), "verification");
  EXPECT_EQ(complete(active(key), "done", verifier_), "accepted");
  EXPECT_EQ(value("assignment", key, "status"), "complete");
  EXPECT_NE(value("assignment", key, "completed_at"), "null");
  EXPECT_EQ(closed(key), "to_work by performer, done by performer, done by verifier");
  EXPECT_EQ(sql("SELECT count(record_id) || ' ' || count(record_key) FROM crm.history_event WHERE "
                "event = 'task_completed'"),
            "3 3")
      << "one event for each, of the assignment and of the task";

  const std::string alone = assignment();
  EXPECT_EQ(complete(active(alone), "done", performer_), "accepted");
  EXPECT_EQ(value("assignment", alone, "status"), "complete") << "nobody verifies it";
}

TEST_F(Tasks, ATaskOfAStatusThatWasLeftPastTheServiceSaysSo) {
  const std::string key = assignment();
  sql("UPDATE crm.assignment SET status = 'clarification' WHERE id = " + key);
  EXPECT_EQ(complete(active(key), "done", performer_), "conflict status_moved_on");
}

// -- Contracts ------------------------------------------------------------------------------------

class ContractTasks : public Tasks {
 protected:
  void SetUp() override {
    Tasks::SetUp();
    accountant_ = person("accountant", {"contracts-accountants"});
    director_ = person("director", {"contracts-directors"});
    sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES (sha256('x'), 0)");
    issuer_ = make("own_organisation", R"({"full_name":"ООО Мы","inn":"7727563778"})", admin_).key;
    company_ = company_of(seller_);
  }
  std::string content() {
    const std::string document =
        sql("INSERT INTO crm.record (kind) VALUES ('document') RETURNING id");
    return sql(
        "WITH v AS (INSERT INTO crm.document_version (document_id, version_no, "
        "content_sha256, size_bytes, mime_type, file_name, storage_key) VALUES (" +
        document +
        ", 1, sha256('x'), 1, 'text/plain', 'x', 'x') RETURNING id) INSERT INTO "
        "crm.document (id, type_code, name, current_version_id) SELECT " +
        document + ", 'contract', 'd" + document + "', v.id FROM v RETURNING id");
  }
  // In approval.
  std::string contract() {
    const std::string key =
        make("contract",
             R"({"own_organisation_id":)" + issuer_ + R"(,"counterparty_id":)" + company_ +
                 R"(,"party_code":"customer","kind_code":"services","signer_id":)" + id(director_) +
                 R"(,"content_document_id":)" + content() + "}",
             seller_)
            .key;
    EXPECT_EQ(asks(key), "") << "a draft";
    EXPECT_EQ(said_to_change("contract", key, R"({"status":"approval"})", seller_), "accepted");
    return key;
  }

  std::string issuer_, company_;
  store::Actor accountant_, director_;
};

TEST_F(ContractTasks, TheAccountantApprovesThenTheDirectorWhoSigns) {
  const std::string key = contract();
  EXPECT_EQ(asks(key), "contract_approve of contracts-accountants");
  EXPECT_EQ(sql("SELECT title_ru FROM crm.task"), "Согласовать договор №1");
  EXPECT_EQ(complete(active(key), "approve", seller_), "forbidden read_only");
  EXPECT_EQ(complete(active(key), "approve", accountant_), "accepted");
  EXPECT_EQ(value("contract", key, "status"), "approval");
  EXPECT_EQ(asks(key), "contract_approve of contracts-directors");
  EXPECT_EQ(complete(active(key), "approve", director_), "accepted");
  EXPECT_EQ(value("contract", key, "status"), "signing");
  EXPECT_EQ(asks(key), "contract_sign of contracts-directors");
  EXPECT_EQ(complete(active(key), "sign", director_), "accepted");
  EXPECT_EQ(value("contract", key, "status"), "counterparty_signing");
  EXPECT_EQ(asks(key), "");
  EXPECT_EQ(closed(key), "approve by accountant, approve by director, sign by director");
  EXPECT_EQ(sql("SELECT string_agg(outcome, ' ' ORDER BY id) FROM crm.history_event WHERE event = "
                "'task_completed' AND record_id = " +
                key),
            "approve approve sign");
}

TEST_F(ContractTasks, ReworkGoesBackAndAsksAgain) {
  const std::string key = contract();
  EXPECT_EQ(complete(active(key), "rework", accountant_), "accepted");
  EXPECT_EQ(value("contract", key, "status"), "rework");
  EXPECT_EQ(asks(key), "");
  EXPECT_EQ(said_to_change("contract", key, R"({"status":"approval"})", seller_), "accepted");
  EXPECT_EQ(asks(key), "contract_approve of contracts-accountants");
  // Past the task: what the director decides by the status is not what the accountant was asked.
  EXPECT_EQ(said_to_change("contract", key, R"({"status":"signing"})", director_), "accepted");
  EXPECT_EQ(asks(key), "contract_sign of contracts-directors");
  EXPECT_EQ(closed(key), "rework by accountant, canceled");
}

TEST_F(ContractTasks, AnAgreementAsksTheSame) {
  const std::string key =
      make("agreement",
           R"({"contract_id":)" + contract() + R"(,"kind_code":"services","signer_id":)" +
               id(director_) + R"(,"content_document_id":)" + content() + "}",
           seller_)
          .key;
  EXPECT_EQ(said_to_change("agreement", key, R"({"status":"approval"})", seller_), "accepted");
  EXPECT_EQ(asks(key), "contract_approve of contracts-accountants");
  EXPECT_EQ(complete(active(key), "approve", accountant_), "accepted");
  EXPECT_EQ(sql("SELECT title_ru FROM crm.task WHERE id = " + active(key)),
            "Согласовать доп. соглашение №1");
}

// -- Those of people ------------------------------------------------------------------------------

TEST_F(Tasks, OnePersonAsksAnother) {
  const std::string key =
      custom(R"({"title_ru":"Проверить","assignee_user_id":)" + id(performer_) + "}", initiator_);
  EXPECT_EQ(value("task", key, "kind"), "custom");
  EXPECT_EQ(value("task", key, "title_en"), "Проверить");
  EXPECT_EQ(value("task", key, "created_by"), id(initiator_));
  EXPECT_EQ(complete(key, "done", initiator_), "forbidden read_only") << "he asked";
  EXPECT_EQ(complete(key, "done", stranger_), "not_found not_found");
  EXPECT_EQ(complete(key, "done", performer_, R"({"status":"x"})"), "/status=unknown_field");
  EXPECT_EQ(complete(key, "refused", performer_), "validation_failed unknown_outcome");
  EXPECT_EQ(complete(key, "done", performer_, R"({"comment":"всё"})"), "accepted");
  EXPECT_EQ(complete(key, "done", performer_), "conflict task_not_active");
  EXPECT_EQ(sql("SELECT outcome || ' ' || comment || ' ' || completed_by FROM crm.task"),
            "done всё " + id(performer_));
  EXPECT_EQ(sql("SELECT string_agg(event, ' ' ORDER BY id) FROM crm.history_event WHERE "
                "record_kind = 'task' AND record_key = '" +
                key + "'"),
            "created task_completed");
}

TEST_F(Tasks, AboutARecordTheyAreAskedByWhoWritesItAndLeaveItAsItIs) {
  const std::string deal = make("deal", R"({"name":"x"})", initiator_).key;
  const std::string about = R"({"title_ru":"Позвонить","record_id":)" + deal;
  EXPECT_EQ(said_to("task", about + "}", stranger_), "/record_id=reference_not_found");
  EXPECT_EQ(said_to("task", about + "}", manager_), "forbidden parent_read_only");
  const std::string key = custom(
      about + R"(,"assignee_user_id":)" + id(performer_) +
          R"(,"outcomes":[{"id":"yes","ru":"Да","en":"Yes"},{"id":"no","ru":"Нет","en":"No"}]})",
      initiator_);
  EXPECT_EQ(complete(key, "no", performer_), "accepted") << "who may not see the deal";
  EXPECT_EQ(value("deal", deal, "row_version"), "1");
  EXPECT_EQ(sql("SELECT outcome FROM crm.history_event WHERE event = 'task_completed' AND "
                "record_id = " +
                deal),
            "no");
}

TEST_F(Tasks, WhatACustomTaskMayBeIsBounded) {
  const auto with = [](const std::string& more) { return R"({"title_ru":"x")" + more + "}"; };
  EXPECT_EQ(said_to("task", "{}", initiator_), "/title_ru=title_ru_required");
  EXPECT_EQ(said_to("task",
                    with(R"(,"assignee_group_id":"crm-cco","assignee_user_id":)" + id(initiator_)),
                    initiator_),
            "/assignee_user_id=one_assignee");
  EXPECT_EQ(said_to("task", with(R"(,"kind":"take_to_work","status":"completed")"), initiator_),
            "/kind=read_only /status=read_only");
  const std::string one = R"({"id":"a","ru":"а","en":"a"})";
  EXPECT_EQ(said_to("task", with(R"(,"outcomes":[)" + one + "]"), initiator_), "accepted");
  std::string eleven;
  for (char c = 'a'; c <= 'k'; ++c) {
    eleven += std::string(c == 'a' ? "" : ",") + R"({"id":")" + c + R"(","ru":"а","en":"a"})";
  }
  const std::string long_name = R"([{"id":"a","ru":"а","en":")" + std::string(201, 'x') + "\"}]";
  for (const std::string& wrong :
       {std::string("[]"), "[" + one + "," + one + "]", std::string(R"([{"id":"a"}])"),
        "[" + eleven + "]", long_name, std::string(R"({"id":"a"})")}) {
    EXPECT_EQ(said_to("task", with(R"(,"outcomes":)" + wrong), initiator_),
              "/outcomes=invalid_outcomes")
        << wrong;
  }
  EXPECT_EQ(said_to("task", with(R"(,"title_en":")" + std::string(1001, 'x') + "\""), initiator_),
            "/title_en=too_long");
}

TEST_F(Tasks, WhatTheQuarantineAsksIsDecidedThere) {
  const std::string key =
      sql("INSERT INTO crm.task (kind, title_ru, title_en, assignee_group_id, outcomes) VALUES "
          "('quarantine_review', 'x', 'x', 'crm-administrators', '[{\"id\": \"retry\"}]') "
          "RETURNING id");
  EXPECT_EQ(complete(key, "retry", admin_), "conflict decided_in_quarantine");
}

TEST_F(Tasks, ThoseAskedAreToldOnceAndTheAskerNot) {
  const auto told = [&] {
    const std::string all = sql(
        "SELECT string_agg(u.login || ' ' || n.event || ' ' || n.text, ' | ' ORDER BY n.id) FROM "
        "crm.notification n JOIN crm.user u ON u.id = n.user_id");
    sql("DELETE FROM crm.notification");
    return all;
  };
  told();
  assignment();
  EXPECT_EQ(told(), "performer assignment_new Вам дано поручение: Поручение: Позвонить");
  custom(R"({"title_ru":"Проверить"})", initiator_);
  EXPECT_EQ(told(), "");
  custom(R"({"title_ru":"Проверить","assignee_user_id":)" + id(performer_) + "}", initiator_);
  EXPECT_EQ(told(), "performer task_assigned Вам назначена задача: Проверить");
}

std::string text_of_migration(std::string_view ending) {
  const std::filesystem::path folder = std::string(C360_SOURCE_DIR) + "/store/migrations";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.path().string().ends_with(ending)) continue;
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  return {};
}

// An upgrade: what is open asks from then on.
TEST_F(ContractTasks, WhatWasOpenBeforeTheUpgradeAsksAfterIt) {
  contract();
  verified();
  const std::string asked = verified();
  ASSERT_EQ(change(asked, R"({"status":"clarification"})", performer_), "accepted");
  const auto tasks = [&] {
    return sql(
        "SELECT string_agg(concat_ws(' ', kind, record_id, title_ru, title_en, "
        "assignee_user_id, assignee_group_id, outcomes::text), E'\\n' ORDER BY record_id) "
        "FROM crm.task WHERE status = 'active'");
  };
  const std::string now = tasks();
  sql("DELETE FROM crm.task");
  sql("DELETE FROM crm.notification");
  const std::string migration = text_of_migration("_tasks.sql");
  const auto from = migration.find("ALTER TABLE crm.task DISABLE");
  const auto to = migration.find("-- Who is asked to decide");
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  sql(migration.substr(from, to - from));
  EXPECT_EQ(tasks(), now);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.notification"), "0");
}

}  // namespace
}  // namespace c360::testing

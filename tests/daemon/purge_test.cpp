// What is kept for a time only: that it really goes, that what is referred to stays, and that a
// failure is told.
#include "daemon/jobs/purge.h"

#include <gmock/gmock.h>

#include "store/blob.h"
#include "tests/daemon/job_fixture.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::daemon {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

constexpr hours kMonth{30 * 24};

class PurgeTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    keep_for({.deleted = kMonth});
    company_ = company_of(seller_);
    forget();
  }
  void keep_for(const RetentionConfig& retention) {
    handlers_.clear();
    add_purge_job(handlers_, *database_, retention);
  }
  std::string deal() {
    return make("deal", R"({"name":"x","counterparty_id":)" + company_ + "}", seller_).key;
  }
  // Deleted so long ago.
  void remove(std::string_view name, const std::string& key, const std::string& ago) {
    EXPECT_TRUE(records_->remove(kind(name), key, admin_));
    sql("UPDATE " + std::string(kind(name).table) + " SET deleted_at = now() - interval '" + ago +
        "' WHERE id = " + key + " RETURNING id");
  }
  bool is_there(const std::string& key) {
    return sql("SELECT count(*) FROM crm.record WHERE id = " + key) == "1";
  }
  std::string company_;
};

TEST_F(PurgeTest, ADeletedRecordGoesWithWhatBelongsToItAndItsHistoryStays) {
  const std::string old = deal();
  const std::string call =
      make("activity", R"({"type":"call","topic":"x","parent_record_id":)" + old + "}", seller_)
          .key;
  make("comment", R"({"text":"x","record_id":)" + old + "}", seller_);
  const std::string young = deal();
  const std::string alive = deal();
  remove("deal", old, "31 days");
  remove("deal", young, "29 days");
  EXPECT_EQ(run("purge"), "1 0");
  EXPECT_FALSE(is_there(old));
  EXPECT_FALSE(is_there(call));
  EXPECT_TRUE(is_there(young));
  EXPECT_TRUE(is_there(alive));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal WHERE id = " + old), "0");
  // Nothing is left of it in any table of records: no half of a record.
  EXPECT_EQ(sql("SELECT count(*) FROM crm.record r WHERE r.kind = 'activity' AND NOT EXISTS "
                "(SELECT FROM crm.activity a WHERE a.id = r.id)"),
            "0");
  EXPECT_NE(sql("SELECT count(*) FROM crm.history_event WHERE record_id = " + old), "0");
  EXPECT_EQ(run("purge"), "0 0");
}

TEST_F(PurgeTest, WhatARowThatStaysRefersToIsKeptUntilThatRowHasGone) {
  const std::string company = company_of(seller_);
  const std::string deal =
      make("deal", R"({"name":"x","counterparty_id":)" + company + "}", seller_).key;
  const std::string assignment =
      make("assignment", R"({"title":"x","parent_record_id":)" + deal + "}", seller_).key;
  remove("counterparty", company, "31 days");
  EXPECT_EQ(run("purge"), "0 0");
  remove("deal", deal, "31 days");
  // An assignment would only lose its link; that is a reference as well.
  EXPECT_EQ(run("purge"), "0 0");
  EXPECT_TRUE(is_there(company));
  EXPECT_EQ(value("assignment", assignment, "parent_record_id"), deal);
  remove("assignment", assignment, "31 days");
  while (run("purge") != "0 0") {
  }
  for (const std::string& key : {company, deal, assignment}) EXPECT_FALSE(is_there(key));
}

TEST_F(PurgeTest, WhatWasMergedShowsTheWayForEver) {
  const std::string target = deal();
  const std::string source = deal();
  remove("deal", source, "10 years");
  set("deal", source, "merged_into_id = " + target);
  EXPECT_EQ(run("purge"), "0 0");
  EXPECT_TRUE(is_there(source));
}

// A key without an index that holds deleted rows too costs a walk over the table for each record.
TEST_F(PurgeTest, WhatCanBeManyIsFoundByAnIndexOverDeletedRowsToo) {
  EXPECT_EQ(
      sql("SELECT string_agg(w.t || '.' || w.c, ' ') FROM (VALUES ('activity', 'parent_record_id'),"
          "('activity', 'contact_id'), ('activity', 'assignment_id'), ('comment', 'record_id'),"
          "('comment', 'author_contact_id'), ('document', 'parent_record_id'),"
          "('assignment', 'parent_record_id'), ('contact', 'counterparty_id'),"
          "('lead', 'counterparty_id'), ('deal', 'counterparty_id'), ('order', 'counterparty_id'),"
          "('payment', 'counterparty_id'), ('contract', 'counterparty_id'),"
          "('counterparty', 'merged_into_id'), ('lead', 'merged_into_id'),"
          "('deal', 'merged_into_id')) AS w (t, c) WHERE NOT EXISTS (SELECT FROM pg_index i JOIN "
          "pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE a.attname = "
          "w.c AND i.indrelid = format('crm.%I', w.t)::regclass AND coalesce(pg_get_expr(i.indpred,"
          " i.indrelid), '') IN ('', '(' || w.c || ' IS NOT NULL)'))"),
      "");
}

TEST_F(PurgeTest, ZeroKeepsForEver) {
  const std::string old = deal();
  remove("deal", old, "10 years");
  keep_for({});
  EXPECT_EQ(run("purge"), "0 0");
  EXPECT_TRUE(is_there(old));
}

TEST_F(PurgeTest, ManyGoInPiecesAndWhatCannotGoKeepsNothingElse) {
  sql("WITH r AS (INSERT INTO crm.record (kind) SELECT 'lead' FROM generate_series(1, 250) "
      "RETURNING id), l AS (INSERT INTO crm.lead (id, name, deleted_at) SELECT id, 'x', now() - "
      "interval '40 days' FROM r) SELECT 1");
  const std::string kept = sql("SELECT min(id) FROM crm.lead");
  sql("UPDATE crm.deal SET created_from_lead_id = " + kept + " WHERE id = " + deal() +
      " RETURNING id");
  EXPECT_EQ(run("purge"), "249 0");
  EXPECT_EQ(sql("SELECT min(id) FROM crm.lead"), kept);
}

TEST_F(PurgeTest, AFailureIsToldInTheRunAndTheOtherStepsDoTheirWork) {
  keep_for({.deleted = kMonth, .notifications = kMonth});
  remove("deal", deal(), "31 days");
  sql("WITH made AS (INSERT INTO crm.notification (user_id, event, text, in_inbox, created_at) "
      "VALUES (" +
      id_of(seller_) +
      ", 'reminder', 'x', true, now() - interval '40 days') RETURNING id) SELECT 1");
  c360::testing::TempPostgres::shared().execute(
      options_.url,
      "CREATE FUNCTION crm.refuse() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN RAISE EXCEPTION 'not this one'; END $$;"
      "CREATE TRIGGER refuse BEFORE DELETE ON crm.deal FOR EACH ROW EXECUTE FUNCTION "
      "crm.refuse()");
  run_in_two_daemons("purge", 1);
  EXPECT_THAT(
      sql("SELECT result || ' ' || processed || ' ' || failed || ' ' || error FROM "
          "ops.job_run WHERE job = 'purge'"),
      ::testing::AllOf(::testing::StartsWith("partial 1 1 deals: "), HasSubstr("not this one")));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.notification"), "0");
}

TEST_F(PurgeTest, OldNotificationsParkedEventsAndCallsGo) {
  keep_for({.notifications = kMonth, .parked_webhooks = kMonth, .service_calls = kMonth});
  sql("WITH n AS (INSERT INTO crm.notification (user_id, event, text, in_inbox, created_at) "
      "SELECT " +
      id_of(seller_) +
      ", 'reminder', 'x', true, now() - make_interval(days => d) FROM unnest(ARRAY[29, 31]) AS d),"
      "w AS (INSERT INTO ops.webhook (url, owner_id, secret, position_xid) VALUES "
      "('https://hook.example', " +
      id_of(admin_) +
      ", sha256('x'), '1') RETURNING id),"
      "e AS (INSERT INTO ops.webhook_delivery (webhook_id, event_id, xid, subject, event, body, "
      "status, queued_at) SELECT w.id, d, '1', 's', 'created', '{}', CASE d WHEN 33 THEN 'queued' "
      "ELSE 'parked' END, now() - make_interval(days => d) FROM w, unnest(ARRAY[29, 31, 33]) AS d),"
      "c AS (INSERT INTO ops.service_call (service, operation, started_at, duration_ms, outcome) "
      "SELECT 'dadata', 'find', now() - make_interval(days => d), 1, 'found' FROM "
      "unnest(ARRAY[29, 31]) AS d) SELECT 1");
  EXPECT_EQ(run("purge"), "3 0");
  EXPECT_EQ(
      sql("SELECT (SELECT count(*) FROM crm.notification) || ' ' || (SELECT "
          "string_agg(event_id::text, ',' ORDER BY event_id) FROM ops.webhook_delivery) || ' ' || "
          "(SELECT count(*) FROM ops.service_call)"),
      "1 29,33 1");
}

// -- The bytes of mails ---------------------------------------------------------------------------

class PurgedMail : public c360::testing::IntakeTest {
 protected:
  // Two deals, one mail twice, one held, an answer with a file.
  void SetUp() override {
    server.add(41, c360::testing::form_mail(1));
    server.add(42, c360::testing::form_mail(2));
    server.add(43, c360::testing::form_mail(1));
    server.add(44, c360::testing::letter("held@romashka.example", "пусто", "", " \r\n "));
    pass();
    const std::string number = one("SELECT min(number) FROM crm.deal");
    server.add(46, c360::testing::with_attachment("r1@romashka.example", "Re: Сделка #" + number));
    pass();
    ASSERT_EQ(one("SELECT string_agg(outcome, ' ' ORDER BY uid) FROM ops.mail"),
              "deal_created deal_created duplicate quarantined activity_added");
  }
  void age(const std::string& uids) {
    postgres.execute(url,
                     "UPDATE ops.mail_message SET processed_at = processed_at - interval '40 "
                     "days' WHERE uid IN (" +
                         uids + ")");
  }
  std::string purge() {
    JobHandlers handlers;
    add_purge_job(handlers, database, {.deleted = kMonth, .raw_mail = kMonth});
    EXPECT_TRUE(store::enqueue_job(database, {.kind = "purge"}));
    const auto jobs = store::take_jobs(database, {"purge"}, "a", 1);
    const std::atomic<bool> stopping = false;
    JobRun attempt(database, jobs->front(), stopping);
    const auto done = handlers.at("purge")(attempt);
    EXPECT_TRUE(store::settle_job(database, jobs->front(), {}));
    return done ? std::to_string(done->processed) + " " + std::to_string(done->failed)
                : done.error().detail;
  }
  // Uids of mails whose bytes are there.
  std::string readable() {
    return one(
        "SELECT string_agg(uid::text, ' ' ORDER BY uid) FROM ops.mail_message m WHERE EXISTS "
        "(SELECT FROM ops.blob_chunk c WHERE c.sha256 = m.raw_sha256)");
  }
  void expect_promises_kept() {
    EXPECT_EQ(one("SELECT sum(violations) FROM ops.invariant"), "0");
    EXPECT_EQ(one("SELECT sum(violations) FROM ops.invariant_scan"), "0");
    EXPECT_EQ(one("SELECT listed || ' ' || rows || ' ' || created + attached + duplicate + "
                  "quarantined FROM ops.mail_conservation"),
              "5 5 5");
  }
};

TEST_F(PurgedMail, TheBytesOfEndedMailsGoAndTheLedgerStaysTrue) {
  age("41, 42, 43, 44, 46");
  EXPECT_EQ(purge(), "3 0");
  EXPECT_EQ(readable(), "44");
  // What became a document is no bytes of a mail.
  EXPECT_EQ(one("SELECT count(*) FROM crm.document_version v WHERE NOT EXISTS (SELECT FROM "
                "ops.blob_chunk c WHERE c.sha256 = v.content_sha256)"),
            "0");
  expect_promises_kept();
  EXPECT_EQ(purge(), "0 0");
}

TEST_F(PurgedMail, BytesThatAYoungerMailSharesStay) {
  age("41");
  EXPECT_EQ(purge(), "0 0");
  age("43");
  EXPECT_EQ(purge(), "1 0");
  EXPECT_EQ(readable(), "42 44 46");
}

TEST_F(PurgedMail, BytesThatAreATemplateOrAReportStay) {
  age("41, 42, 43");
  const std::string bytes = "(SELECT raw_sha256 FROM ops.mail_message WHERE uid = ";
  postgres.execute(
      url,
      "INSERT INTO crm.document_template (code, version_no, name, kind, type_code, "
      "docx_sha256) SELECT 'x', 1, 'x', 'deal', 'invoice', " +
          bytes +
          "42);"
          "WITH r AS (INSERT INTO crm.record (kind) VALUES ('counterparty') RETURNING "
          "id) INSERT INTO crm.counterparty (id, name, name_key) SELECT id, 'x', 'x' FROM r;"
          "INSERT INTO crm.express_report (counterparty_id, inn, sha256) "
          "SELECT min(id), '7707083893', " +
          bytes + "41) FROM crm.counterparty");
  ASSERT_EQ(one("SELECT count(*) FROM crm.express_report WHERE sha256 IS NOT NULL"), "1");
  ASSERT_EQ(one("SELECT count(*) FROM crm.document_template WHERE docx_sha256 IS NOT NULL"), "1");
  EXPECT_EQ(purge(), "0 0");
  postgres.execute(url, "DELETE FROM crm.express_report; DELETE FROM crm.document_template");
  EXPECT_EQ(purge(), "2 0");
}

TEST_F(PurgedMail, BytesThatSomebodyNamesThisMomentAreLeftAlone) {
  age("42");
  auto tx = database.begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(tx->query({"", "SELECT FROM ops.blob FOR KEY SHARE"}));
  EXPECT_EQ(purge(), "0 0");
  EXPECT_TRUE(tx->commit());
  EXPECT_EQ(purge(), "1 0");
}

TEST_F(PurgedMail, TheSameMailOnceMoreBringsItsBytesBack) {
  age("41, 43");
  EXPECT_EQ(purge(), "1 0");
  const std::string bytes = c360::testing::form_mail(1);
  auto tx = database.begin(store::Pool::work, store::TxMode::read_write);
  const store::BlobContent content = store::make_blob(bytes);
  const auto gone = store::read_blob(*tx, content.sha256, 1 << 20);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().reason, "blob_not_found");
  std::size_t at = 0;
  const auto put = store::put_blob_stream(
      *tx,
      [&](std::span<char> into) -> Result<std::size_t> {
        const std::size_t count = std::min(into.size(), bytes.size() - at);
        std::copy_n(bytes.data() + at, count, into.data());
        at += count;
        return count;
      },
      content.sha256);
  ASSERT_TRUE(put) << put.error().detail;
  EXPECT_EQ(store::read_blob(*tx, content.sha256, 1 << 20).value_or("none"), bytes);
  EXPECT_TRUE(tx->commit());
  expect_promises_kept();
}

TEST_F(PurgedMail, ADeletedDealThatTheLedgerNamesStays) {
  postgres.execute(url, "UPDATE crm.deal SET deleted_at = now() - interval '40 days'");
  EXPECT_EQ(purge(), "0 0");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "2");
  expect_promises_kept();
}

}  // namespace
}  // namespace c360::daemon

// The queues behind a million rows of work that has ended: what their statements read of them, as
// PostgreSQL counts it.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "store/jobs.h"
#include "store/message_queue.h"
#include "store/schedules.h"
#include "store/webhook_queue.h"
#include "store/webhooks.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using store::Database;

constexpr int kTimes = 20;  // a prepared statement has its plan for all parameters after five
constexpr std::int64_t kMostRows = 50'000;  // of kTimes calls of each; what changed leaves a trace

class QueueHistory : public RecordsTest {
 protected:
  // The servers of a test binary go at its end, with all their databases.
  void TearDown() override {
    TempPostgres::shared().execute(
        options_.url,
        "TRUNCATE ops.job, ops.job_run, ops.webhook_delivery, crm.outbound_message CASCADE");
  }
  // Without the triggers and foreign keys of a million rows.
  void fill(const std::string& statement) {
    TempPostgres::shared().execute(options_.url,
                                   "SET session_replication_role = replica; " + statement);
    TempPostgres::shared().execute(options_.url, "ANALYZE");
  }
  struct Read {
    std::int64_t whole = 0;  // times that a table was read from end to end
    std::int64_t rows = 0;   // by indexes
  };
  Read read_of(const std::string& table) {
    return {.whole = std::stoll(sql("SELECT seq_scan FROM pg_stat_user_tables WHERE relid = '" +
                                    table + "'::regclass")),
            .rows = std::stoll(sql("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE"
                                   " relid = '" +
                                   table + "'::regclass"))};
  }
  // By connections of its own: PostgreSQL has counted it all when they are closed.
  void expect_little_read(const std::vector<std::string>& tables,
                          const std::function<void(Database&)>& work) {
    const std::string sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    const std::string before = sql(sessions);
    std::map<std::string, Read> earlier;
    for (const std::string& table : tables) earlier[table] = read_of(table);
    {
      Database database(options_, quiet_.observer);
      for (int i = 0; i < kTimes; ++i) work(database);
    }
    while (sql(sessions) != before) std::this_thread::yield();
    for (const std::string& table : tables) {
      const Read now = read_of(table);
      EXPECT_EQ(now.whole - earlier[table].whole, 0) << table;
      EXPECT_LT(now.rows - earlier[table].rows, kMostRows) << table;
    }
  }
};

TEST_F(QueueHistory, JobsReadNothingOfAMillionThatEnded) {
  fill(
      "INSERT INTO ops.job (kind, dedupe_key, record_id, status, run_at, finished_at, attempts)"
      " SELECT 'work', i::text, i, CASE WHEN i % 1000 = 0 THEN 'failed' ELSE 'done' END,"
      "        now() - interval '1 day', now() - i * interval '1 second', 1"
      "   FROM generate_series(1, 1000000) AS i;"
      "INSERT INTO ops.job_run (job, job_id, trigger, holder, started_at, finished_at, result)"
      " SELECT kind, id, 'event', 'a', finished_at, finished_at, 'ok' FROM ops.job;");

  expect_little_read({"ops.job", "ops.job_run"}, [&](Database& database) {
    const std::vector<std::string> kinds{"work"};
    const auto made = store::enqueue_job(database, {.kind = "work", .dedupe_key = "new"});
    ASSERT_TRUE(made);
    ASSERT_TRUE(store::enqueue_job(database, {.kind = "work"}));
    ASSERT_TRUE(store::until_next_job(database, kinds));
    const auto jobs = store::take_jobs(database, kinds, "a", 2);
    ASSERT_TRUE(jobs && jobs->size() == 2);
    EXPECT_TRUE(store::renew_jobs(database, *jobs));
    EXPECT_TRUE(store::note_progress(database, jobs->front(), 1, 2));
    EXPECT_TRUE(store::reclaim_jobs(database));
    EXPECT_TRUE(store::settle_job(database, jobs->front(), {}));
    EXPECT_TRUE(store::settle_job(database, jobs->back(), {}));
    EXPECT_TRUE(store::job_depths(database));
    EXPECT_TRUE(store::purge_jobs(database, hours{24 * 365}, 1'000));
  });
}

TEST_F(QueueHistory, JobsReadNothingOfAHundredThousandThatArePutOff) {
  fill(
      "INSERT INTO ops.job (kind, dedupe_key, status, run_at, priority)"
      " SELECT 'work', i::text, 'queued', now() + interval '1 day', 10"
      "   FROM generate_series(1, 100000) AS i");

  expect_little_read({"ops.job"}, [&](Database& database) {
    const std::vector<std::string> kinds{"work"};
    for (const int priority : {0, 20, -20})
      ASSERT_TRUE(store::enqueue_job(database, {.kind = "work", .priority = priority}));
    const auto jobs = store::take_jobs(database, kinds, "a", 2);
    ASSERT_TRUE(jobs && jobs->size() == 2);
    EXPECT_EQ(sql("SELECT string_agg(priority::text, ' ' ORDER BY priority DESC) FROM ops.job"
                  " WHERE status = 'running'"),
              "20 0");
    const auto last = store::take_jobs(database, kinds, "a", 2);
    ASSERT_TRUE(last && last->size() == 1);
    for (const auto& each : *jobs) EXPECT_TRUE(store::settle_job(database, each, {}));
    EXPECT_TRUE(store::settle_job(database, last->front(), {}));
  });
}

TEST_F(QueueHistory, WebhooksReadNothingOfAMillionDeliveries) {
  const Seal seal = store::webhook_seal(Secret("a key for tests"));
  const auto webhook =
      store::create_webhook(*database_, {.url = "https://receiver.example/hook"}, seal, admin_);
  ASSERT_TRUE(webhook);
  const std::string key = std::to_string(webhook->id);
  int event = 1;
  fill(
      "INSERT INTO ops.webhook_delivery (webhook_id, event_id, xid, subject, event, body, status,"
      "                                  delivered_at)"
      " SELECT " +
      key +
      ", -i, '1', i % 1000, 'updated', '{}', 'delivered', now() - i * interval '1 second'"
      "   FROM generate_series(1, 1000000) AS i");

  expect_little_read({"ops.webhook_delivery"}, [&](Database& database) {
    for (int i = 0; i < 30; ++i, ++event)
      sql("INSERT INTO ops.webhook_delivery (webhook_id, event_id, xid, subject, event, body)"
          " VALUES (" +
          key + ", " + std::to_string(event) + ", '2', " + std::to_string(event) +
          ", 'updated', '{}') RETURNING 1");
    sql("UPDATE ops.webhook SET next_look_at = now() RETURNING 1");
    auto claim = store::claim_webhook(database, "a", seconds{60}, seal);
    ASSERT_TRUE(claim && *claim);
    EXPECT_TRUE(store::feed_webhook(database, *records_, **claim));
    const auto due = store::due_deliveries(database, **claim, 100);
    ASSERT_TRUE(due && !due->empty());
    EXPECT_TRUE(store::note_failed(
        database, **claim,
        {.event_id = due->front().event_id, .delay = seconds{600}, .retry_limit = hours{72}}));
    for (const auto& each : std::span(*due).subspan(1))
      EXPECT_TRUE(store::note_delivered(database, **claim, {.event_id = each.event_id}));
    EXPECT_TRUE(store::webhook_depths(database));
    EXPECT_TRUE(store::purge_deliveries(database, hours{24 * 365}, 1'000));
    EXPECT_TRUE(store::release_webhook(database, **claim, seconds{0}));
  });
}

TEST_F(QueueHistory, MessagesReadNothingOfAMillionThatWereSent) {
  fill(
      "INSERT INTO crm.outbound_message (channel, purpose, status, address, body, dedupe_key,"
      "                                  attempts, sent_at)"
      " SELECT CASE i % 10 WHEN 0 THEN 'sms' ELSE 'email' END, 'service',"
      "        CASE WHEN i % 10000 = 0 THEN 'failed' WHEN i % 2 = 0 THEN 'delivered' ELSE 'sent' "
      "END,"
      "        'anna' || i || '@romashka.example', 'Здравствуйте!', 'd' || i, 1, now()"
      "   FROM generate_series(1, 1000000) AS i");

  expect_little_read({"crm.outbound_message"}, [&](Database& database) {
    sql("WITH made AS (INSERT INTO crm.outbound_message"
        " (channel, purpose, status, address, body, next_attempt_at)"
        " SELECT 'email', 'service', 'queued', 'new@romashka.example', 'Да', now()"
        "   FROM generate_series(1, 3) RETURNING 1) SELECT count(*) FROM made");
    const auto claim = [&] {
      auto taken = store::claim_message(database, "email", seconds{60}, true);
      EXPECT_TRUE(taken && *taken);
      return taken && *taken ? **taken : store::MessageClaim{};
    };
    EXPECT_TRUE(store::next_message(database, "email", true));
    const auto sent = claim();
    EXPECT_TRUE(store::note_sent(database, sent, "id", "", seconds{0}));
    const auto asked = store::claim_delivery_check(database, "email", seconds{60});
    ASSERT_TRUE(asked && *asked);
    EXPECT_TRUE(store::note_delivery(database, **asked, store::Delivered::yes, "", std::nullopt));
    EXPECT_TRUE(store::note_unclear(database, claim(), "who knows", "", {.delay = seconds{1}}));
    EXPECT_TRUE(store::note_refused(database, claim(), {.reason = "refused"}));
    EXPECT_TRUE(store::recover_messages(database, "email", {.retries = 1, .delay = seconds{1}}));
    EXPECT_TRUE(store::message_depths(database));
  });
}

TEST_F(QueueHistory, MessagesReadNothingOfTheAdvertisingThatWaitsForTheMorning) {
  fill(
      "INSERT INTO crm.outbound_message (channel, purpose, status, address, body, next_attempt_at)"
      " SELECT 'sms', CASE i % 3 WHEN 0 THEN 'reminder' ELSE 'promo' END, 'queued',"
      "        '+79990000001', 'Да', now() - interval '1 hour'"
      "   FROM generate_series(1, 100000) AS i");

  expect_little_read({"crm.outbound_message"}, [&](Database& database) {
    sql("INSERT INTO crm.outbound_message (channel, purpose, status, address, body,"
        " next_attempt_at) VALUES ('sms', 'service', 'queued', '+79990000002', 'Да', now())"
        " RETURNING 1");
    const auto next = store::next_message(database, "sms", true);
    ASSERT_TRUE(next);
    EXPECT_TRUE(next->is_due);
    const auto claim = store::claim_message(database, "sms", seconds{60}, true);
    ASSERT_TRUE(claim && *claim);
    EXPECT_EQ((*claim)->purpose, "service");
    EXPECT_TRUE(store::note_sent(database, **claim, "id", "", std::nullopt));
    EXPECT_FALSE(store::next_message(database, "sms", true)->is_due);
  });
}

}  // namespace
}  // namespace c360::testing

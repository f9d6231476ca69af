// A large box that is read for the first time: from its newest end, in slices, with progress, and
// beside other mailboxes.
#include "ingest/first_sync.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/ingest/intake_fixture.h"
#include "tests/support/manual_clock.h"

namespace c360::ingest {
namespace {

using c360::testing::form_mail;
using c360::testing::IntakeTest;
using c360::testing::letter;
using c360::testing::ManualClock;
using c360::testing::ScriptedServer;
using ::testing::HasSubstr;

class FirstSyncTest : public IntakeTest {
 protected:
  FirstSyncTest() {
    options.newest_first_above = 10;
    settings.batch_messages = 5;
  }
  void fill(Uid last) {
    for (Uid uid = 1; uid <= last; ++uid) server.add(uid, form_mail(static_cast<int>(uid)));
  }
  // The uids in an end state, as "36-40 50"; made by ingest, not by listing.
  std::string taken() {
    return one(
        "SELECT coalesce(string_agg(range, ' ' ORDER BY lo), '') FROM (SELECT min(uid) AS lo, "
        "min(uid) || CASE WHEN count(*) > 1 THEN '-' || max(uid) ELSE '' END AS range FROM "
        "(SELECT uid, uid - row_number() OVER (ORDER BY uid) AS run FROM ops.mail "
        "WHERE outcome = 'deal_created') t GROUP BY run) r");
  }
  std::string progress() {
    return one("SELECT sync_done || ' of ' || sync_total FROM ops.mailbox");
  }
  // A poller of a new process.
  void pass_of_another() {
    poller_.reset();
    pass();
  }
};

TEST_F(FirstSyncTest, OfALargeBoxBeginsWithTheNewestAndGoesOnAfterAKill) {
  options.pass_slice = std::chrono::milliseconds{0};  // a pass takes one batch
  fill(23);

  pass();
  EXPECT_EQ(taken(), "19-23");
  EXPECT_EQ(progress(), "5 of 23");
  server.add(24, form_mail(24));
  pass_of_another();
  EXPECT_EQ(taken(), "19-24") << "what arrives meanwhile does not wait for the backlog";
  pass_of_another();
  EXPECT_EQ(taken(), "14-24");
  EXPECT_EQ(progress(), "10 of 23");
  for (int i = 0; i < 3; ++i) pass_of_another();

  EXPECT_EQ(taken(), "1-24");
  EXPECT_EQ(progress(), "23 of 23");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "24");
}

TEST_F(FirstSyncTest, OfASmallBoxGoesInTheOrderOfArrival) {
  options.pass_slice = std::chrono::milliseconds{0};
  fill(10);
  pass();
  EXPECT_EQ(taken(), "1-5");
  EXPECT_EQ(progress(), "5 of 10");
}

TEST_F(FirstSyncTest, BoundedByACountKeepsARowOfWhatItLeavesOut) {
  settings.first_sync_limit = 8;
  fill(20);

  pass();

  EXPECT_EQ(taken(), "13-20");
  EXPECT_EQ(progress(), "8 of 8");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE outcome = 'ignored' AND rule_id = "
                "'before-first-sync' AND uid <= 12"),
            "12");
  server.add(21, form_mail(21));
  pass();
  EXPECT_EQ(taken(), "13-21") << "the bound is of the first listing only";
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE state <> 'done'"), "0");
}

TEST_F(FirstSyncTest, TheBoundLeavesNothingOutWhenTheServerNumbersAnew) {
  settings.first_sync_limit = 2;
  fill(2);
  pass();
  server.folder().uidvalidity = 2;
  for (Uid uid = 3; uid <= 6; ++uid) server.add(uid, form_mail(static_cast<int>(uid)));

  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "6");
}

TEST_F(FirstSyncTest, OfAnEmptyBoxIsOver) {
  pass();
  EXPECT_EQ(progress(), "0 of 0");
  server.add(1, form_mail(1));
  pass();
  EXPECT_EQ(taken(), "1");
  EXPECT_EQ(progress(), "0 of 0") << "it arrived later";
}

TEST_F(FirstSyncTest, TellsRateAndTimeLeft) {
  const std::int64_t id = mailbox_id();
  store::MailLog log{database};
  const store::FolderKey key{id, "INBOX", 1};
  ASSERT_TRUE(log.change_uidvalidity(key));
  std::vector<std::int64_t> uids(1'000);
  for (std::size_t i = 0; i < uids.size(); ++i) uids[i] = static_cast<std::int64_t>(i) + 1;
  ASSERT_TRUE(log.list(key, uids));
  ASSERT_EQ(log.begin_sync(key, 1'000), 1'000);
  ManualClock time;
  FirstSync sync{log, id, "crm", quiet.metrics, time};
  const auto finish = [&](int count) {
    query(
        "UPDATE ops.mail_message SET outcome = 'vanished', processed_at = "
        "now() WHERE uid IN (SELECT uid "
        "FROM ops.mail WHERE state <> 'done' ORDER BY uid DESC LIMIT " +
        std::to_string(count) + ")");
  };

  EXPECT_EQ(sync.report(false), (SyncStatus{.total = 1'000}));
  finish(100);
  time.advance(std::chrono::seconds{1});
  EXPECT_EQ(sync.report(false), std::nullopt) << "not so often";
  time.advance(std::chrono::seconds{9});
  EXPECT_EQ(sync.report(false),
            (SyncStatus{
                .total = 1'000, .done = 100, .per_minute = 600, .left = std::chrono::seconds{90}}));
  const std::string metrics = quiet.metrics.serialize();
  for (const char* line : {"client360_mailbox_sync_mails{mailbox=\"crm\",state=\"total\"} 1000",
                           "client360_mailbox_sync_mails{mailbox=\"crm\",state=\"done\"} 100",
                           "client360_mailbox_sync_mails_per_second{mailbox=\"crm\"} 10",
                           "client360_mailbox_sync_remaining_seconds{mailbox=\"crm\"} 90"})
    EXPECT_THAT(metrics, HasSubstr(line));
  time.advance(std::chrono::seconds{10});
  (void)sync.report(true);
  EXPECT_EQ(one("SELECT sync_done || ' ' || sync_per_minute || ' ' || sync_left_seconds FROM "
                "ops.mailbox"),
            "100 600 90");

  finish(900);
  EXPECT_EQ(sync.report(true), (SyncStatus{.total = 1'000, .done = 1'000}));
  EXPECT_FALSE(sync.open());
  EXPECT_EQ(one("SELECT sync_done || ' ' || sync_per_minute || ' ' || (sync_left_seconds IS NULL) "
                "FROM ops.mailbox"),
            "1000 0 true");
}

// Both share one worker. The large one holds it for a long time in all, and the small one waits for
// two of its batches.
TEST_F(FirstSyncTest, OfALargeBoxStarvesNoOtherMailbox) {
  constexpr Uid kMany = 20'000;
  for (Uid uid = 1; uid <= kMany; ++uid)
    server.add(uid, letter(std::to_string(uid) + "@a.example", "Привет"));
  ScriptedServer other;
  for (Uid uid = 1; uid <= 3; ++uid) other.add(uid, form_mail(static_cast<int>(uid)));
  WorkerPool one_worker{1};
  store::MailLog log{database};
  MailboxSettings small = settings;
  small.code = "small";
  std::vector<store::MailboxRow> rows;
  for (const char* code : {"crm", "small"})
    rows.push_back(
        {.code = code, .kind = "crm", .tls = "imaps", .folder = "INBOX", .target = "deal"});
  const auto ids = *log.sync_mailboxes(rows);
  const PollerPorts ports{database, inboxes, leases, one_worker, options, quiet.observer, clock};
  Poller large_poller{ids[0].second, settings, c360::testing::scripted_factory(server), ports};
  large_poller.start();
  while (taken().empty() && one("SELECT count(*) FROM ops.mail WHERE state = 'done'") == "0")
    std::this_thread::yield();

  Poller small_poller{ids[1].second, small, c360::testing::scripted_factory(other), ports};
  ASSERT_TRUE(small_poller.pass());

  EXPECT_EQ(one("SELECT count(*) FROM ops.mail m JOIN ops.mailbox b ON b.id = m.mailbox_id "
                "WHERE b.code = 'small' AND m.outcome = 'deal_created'"),
            "3");
  EXPECT_NE(one("SELECT count(*) FROM ops.mail WHERE state <> 'done'"), "0")
      << "the large one was done before; the test says nothing";
  large_poller.request_stop();
  large_poller.join();
}

}  // namespace
}  // namespace c360::ingest

// Several daemons, one mailbox: who stops hands it over, who freezes loses it, and nobody does
// anything twice. Who dies: kill_test.
#include <fmt/format.h>

#include <csignal>

#include "tests/support/dovecot.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::IsEmpty;

class MailboxLease : public SystemTest {
 protected:
  DaemonProcess other_{kDaemon};
  Dovecot dovecot_;
  int delivered_ = 0;

  // Between two passes of a holder is an hour.
  std::string settings() const {
    return config(
        fmt::format("[mailbox.crm]\nkind = 'crm'\nhost = '127.0.0.1'\nport = {}\nca_file = '{}'\n"
                    "username = 'crm'\npassword_file = 'crm.password'\ndelay_ms = 3600000\n"
                    "[mail]\nbatch_messages = 5\n",
                    dovecot_.imaps_port(), dovecot_.ca_file()));
  }
  void begin(DaemonProcess& daemon) {
    daemon.write("crm.password", dovecot_.options().password);
    daemon.write("client360.toml", settings());
    daemon.start();
    daemon.wait_until_ready();
  }
  // The first daemon holds the mailbox, the second waits for it.
  void begin_both(int mails) {
    deliver(mails);
    begin(daemon_);
    daemon_.wait_for_log({"event=lease_acquired"});
    begin(other_);
  }
  void deliver(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string id = std::to_string(++delivered_);
      dovecot_.deliver("crm",
                       "From: Site <noreply@site.example>\r\nMessage-ID: <lease-" + id +
                           "@site.example>\r\nSubject: Запрос стоимости\r\nMIME-Version: 1.0\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n\r\nКомпания: ООО «Смена " +
                           id + "»\r\nФИО: Петров Иван\r\n");
    }
  }
  std::string holder() { return one("SELECT holder FROM ops.mailbox_lease"); }
  std::string fence() { return one("SELECT fence FROM ops.mailbox_lease"); }
  bool becomes_another(const std::string& former) {
    return eventually([&] {
      return one("SELECT count(*) FROM ops.mailbox_lease WHERE holder <> '" + former +
                 "' AND expires_at > now()") == "1";
    });
  }
  // By the clock of the database, which leases run by.
  std::string now() { return one("SELECT clock_timestamp()"); }
  // How long after that another one took it: a lease of its first moment ends in fifteen seconds.
  bool becomes_another_within(const std::string& limit, const std::string& since,
                              const std::string& former) {
    if (!becomes_another(former)) return false;
    return one("SELECT expires_at - interval '15 s' < timestamptz '" + since + "' + interval '" +
               limit + "' FROM ops.mailbox_lease") == "t";
  }
  void expect_each_once() {
    const std::string all = std::to_string(delivered_);
    ASSERT_TRUE(eventually([&] {
      return one("SELECT count(*) FROM ops.mail WHERE outcome = 'deal_created'") == all;
    })) << daemon_.log()
        << other_.log();
    EXPECT_EQ(one("SELECT count(*) || '|' || count(DISTINCT company_text) FROM crm.deal"),
              all + "|" + all);
    EXPECT_THAT(TempPostgres::shared().query(
                    database_,
                    "SELECT invariant FROM ops.invariant WHERE violations > 0 UNION ALL "
                    "SELECT invariant FROM ops.invariant_scan WHERE violations > 0"),
                IsEmpty());
  }
};

TEST_F(MailboxLease, WhoStopsHandsItOver) {
  begin_both(10);
  expect_each_once();
  const std::string first = holder();
  const std::string before = fence();
  deliver(10);

  daemon_.signal(SIGTERM);
  ASSERT_EQ(daemon_.wait_for_exit(), 0);
  // Given back, not left to run out.
  EXPECT_EQ(one("SELECT count(*) FROM ops.mailbox_lease WHERE holder = '" + first +
                "' AND expires_at > now()"),
            "0");

  EXPECT_TRUE(becomes_another(first));
  EXPECT_GT(std::stoi(fence()), std::stoi(before));
  expect_each_once();
}

// The other one waits for nothing but its next look at the leases, not for its next pass.
TEST_F(MailboxLease, WhoStopsIsFollowedAtOnce) {
  begin_both(3);
  expect_each_once();
  const std::string first = holder();

  daemon_.signal(SIGTERM);
  ASSERT_EQ(daemon_.wait_for_exit(), 0);
  const std::string stopped = now();
  deliver(3);

  EXPECT_TRUE(becomes_another_within("5 s", stopped, first)) << other_.log();
  expect_each_once();
}

TEST_F(MailboxLease, WhoDiesIsFollowedWithinTwentySeconds) {
  begin_both(3);
  expect_each_once();
  const std::string first = holder();

  daemon_.signal(SIGKILL);
  (void)daemon_.wait_for_exit();
  const std::string died = now();
  deliver(3);

  EXPECT_TRUE(becomes_another_within("20 s", died, first)) << other_.log();
  expect_each_once();
}

TEST_F(MailboxLease, WhoFreezesAndWakesUpWritesNothingMore) {
  begin_both(60);
  ASSERT_TRUE(eventually([&] { return one("SELECT count(*) > 0 FROM crm.deal") == "t"; }));
  const std::string first = holder();

  daemon_.signal(SIGSTOP);
  // What fifteen seconds do.
  TempPostgres::shared().execute(database_, "UPDATE ops.mailbox_lease SET expires_at = now()");
  EXPECT_TRUE(becomes_another(first));
  daemon_.signal(SIGCONT);

  expect_each_once();
}

}  // namespace
}  // namespace c360::testing

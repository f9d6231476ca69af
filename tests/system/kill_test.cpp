// kill -9 at random moments while mail flows: the ledger equals the mailbox, nothing is lost,
// nothing doubled, every raw mail is there byte for byte.
#include <fmt/format.h>

#include <csignal>
#include <random>
#include <set>

#include "daemon/base/digest.h"
#include "tests/support/dovecot.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

constexpr int kMails = 1'000;
constexpr int kKills = 30;

std::string form(int id) {
  return fmt::format(
      "From: Site <noreply@site.example>\r\nTo: crm@client360.example\r\n"
      "Message-ID: <kill-{0}@site.example>\r\nDate: Mon, 10 Nov 2025 10:15:00 +0300\r\n"
      "Subject: Запрос стоимости\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
      "Компания: ООО «Поток {0}»\r\nФИО: Петров Иван\r\nE-mail: petrov{0}@primer.example\r\n"
      "YM_client_ID: 17{0}\r\n",
      id);
}

class Kill : public SystemTest {
 protected:
  Dovecot dovecot_;

  std::string mailbox() const {
    return fmt::format(
        "[mailbox.crm]\nkind = 'crm'\nhost = '127.0.0.1'\nport = {}\nca_file = '{}'\n"
        "username = 'crm'\npassword_file = 'crm.password'\ndelay_ms = 1000\n"
        "[mail]\nbatch_messages = 10\n",
        dovecot_.imaps_port(), dovecot_.ca_file());
  }
  std::string one(const std::string& sql) {
    const auto rows = TempPostgres::shared().query(database_, sql);
    return rows.empty() ? "" : rows.front();
  }
  int ended() {
    return std::stoi(one("SELECT count(*) FROM ops.mail_message WHERE state = 'done'"));
  }
};

TEST_F(Kill, ThirtyKillsWhileAThousandMailsFlowLoseAndDoubleNothing) {
  std::random_device seed;
  const unsigned chosen = seed();
  SCOPED_TRACE("seed " + std::to_string(chosen));
  std::mt19937 random{chosen};
  std::set<std::string> delivered;
  for (int id = 1; id <= kMails; ++id) {
    dovecot_.deliver("crm", form(id));
    delivered.insert(to_hex(sha256(form(id))));
  }
  daemon_.write("crm.password", dovecot_.options().password);
  daemon_.write("client360.toml", config(mailbox()));

  for (int kill = 0; kill < kKills; ++kill) {
    daemon_.start();
    // Dies before it does anything, in the middle of a batch, or between two.
    const int goal = ended() + std::uniform_int_distribution<int>{0, 30}(random);
    ASSERT_TRUE(eventually([&] { return ended() >= std::min(goal, kMails); })) << daemon_.log();
    std::this_thread::sleep_for(
        std::chrono::microseconds{std::uniform_int_distribution<int>{0, 20'000}(random)});
    daemon_.signal(SIGKILL);
    ASSERT_EQ(daemon_.wait_for_exit(), -SIGKILL);
    // What fifteen seconds do: the lease of the dead one runs out.
    TempPostgres::shared().execute(database_, "UPDATE ops.mailbox_lease SET expires_at = now()");
  }
  daemon_.start();
  ASSERT_TRUE(eventually([&] { return ended() == kMails; })) << daemon_.log();

  EXPECT_EQ(one("SELECT string_agg(DISTINCT outcome, ',') FROM ops.mail_message"), "deal_created");
  EXPECT_EQ(one("SELECT count(*) || '|' || count(DISTINCT company_text) || '|' || "
                "count(DISTINCT mail_message_id) FROM crm.deal"),
            "1000|1000|1000");
  EXPECT_EQ(one("SELECT count(*) FROM crm.contact"), "1000");
  std::set<std::string> stored;
  for (const std::string& digest : TempPostgres::shared().query(
           database_,
           "SELECT encode(sha256(string_agg(c.data, ''::bytea ORDER BY c.seq)), 'hex') "
           "FROM ops.mail_message m JOIN ops.blob_chunk c ON c.sha256 = m.raw_sha256 GROUP BY "
           "m.id"))
    stored.insert(digest);
  EXPECT_EQ(stored, delivered);
  EXPECT_TRUE(eventually([&] {
    const auto mails = dovecot_.stored("crm");
    return mails.size() == kMails && std::ranges::all_of(mails, [](const StoredMail& mail) {
             return mail.flags.contains('S');
           });
  }));
}

}  // namespace
}  // namespace c360::testing

// The database goes away in every way it can while mail flows: intake pauses and goes on by itself,
// nothing is lost or doubled, the API says when to ask again.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "daemon/base/retry.h"
#include "ingest/intake.h"
#include "tests/support/dovecot.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::IsEmpty;

constexpr int kMails = 120;

std::string form(int id) {
  return fmt::format(
      "From: Site <noreply@site.example>\r\nTo: crm@client360.example\r\n"
      "Message-ID: <outage-{0}@site.example>\r\nDate: Mon, 10 Nov 2025 10:15:00 +0300\r\n"
      "Subject: Запрос стоимости\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
      "Компания: ООО «Сбой {0}»\r\nФИО: Петров Иван\r\nE-mail: petrov{0}@primer.example\r\n",
      id);
}

// What was committed must survive a kill; the machine itself never goes down here.
std::vector<std::string> settings(std::vector<std::string> more = {}) {
  more.insert(more.end(), kReplicated.begin(), kReplicated.end());
  more.emplace_back("synchronous_commit = on");
  return more;
}

class DatabaseOutage : public SystemTest {
 protected:
  TempPostgres primary_{{.settings = settings(), .fillable = true}};
  TempPostgres* serving_ = &primary_;  // who takes writes
  std::string name_ = primary_.query(primary_.create_database(), "SELECT current_database()").at(0);
  Dovecot dovecot_;
  int delivered_ = 0;
  int statement_timeout_ms_ = 30'000;

  void SetUp() override { database_ = primary_.url(name_); }

  void begin() {
    deliver(kMails);
    daemon_.write("crm.password", dovecot_.options().password);
    std::string text = config(
        fmt::format("[mailbox.crm]\nkind = 'crm'\nhost = '127.0.0.1'\nport = {}\nca_file = '{}'\n"
                    "username = 'crm'\npassword_file = 'crm.password'\ndelay_ms = 1000\n"
                    "[mail]\nbatch_messages = 5\n",
                    dovecot_.imaps_port(), dovecot_.ca_file()));
    text.insert(text.find("api_connections"),
                fmt::format("statement_timeout_ms = {}\n", statement_timeout_ms_));
    start(text);
    ASSERT_TRUE(eventually([&] { return ended() > 0; })) << daemon_.log();
  }
  void deliver(int count) {
    for (int i = 0; i < count; ++i) dovecot_.deliver("crm", form(++delivered_));
  }
  std::string one(const std::string& sql) {
    const auto rows = serving_->query(serving_->url(name_), sql);
    return rows.empty() ? "" : rows.front();
  }
  int ended() { return std::stoi(one("SELECT count(*) FROM ops.mail WHERE state = 'done'")); }
  HttpAnswer ask() {
    return HttpClient(daemon_.port("api"))
        .get("/api/v1/deals",
             {{"Authorization", "Bearer c360_" + std::string(43, 'x')}, {"Connection", "close"}});
  }
  // 503 with the time to ask again, and readiness says no.
  void expect_away() {
    EXPECT_TRUE(eventually([&] { return ask().status == 503; })) << daemon_.log();
    const HttpAnswer refused = ask();
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_GT(std::stoi("0" + refused.header("retry-after")), 0);
    EXPECT_TRUE(eventually([&] { return admin_get("/readyz").status == 503; }));
  }
  // Everything delivered so far ends, once, and the server is told.
  void expect_all_there() {
    EXPECT_TRUE(eventually([&] { return ask().status == 401; })) << ask().body;
    ASSERT_TRUE(eventually([&] { return ended() == delivered_; })) << ended() << daemon_.log();
    EXPECT_EQ(one("SELECT string_agg(DISTINCT outcome, ',') FROM ops.mail"), "deal_created");
    const std::string all = std::to_string(delivered_);
    EXPECT_EQ(one("SELECT concat_ws('|', count(*), count(DISTINCT company_text), "
                  "count(DISTINCT mail_message_id)) FROM crm.deal WHERE origin = 'mail'"),
              all + "|" + all + "|" + all);
    EXPECT_TRUE(eventually([&] {
      return std::ranges::all_of(dovecot_.stored("crm"),
                                 [](const StoredMail& mail) { return mail.flags.contains('S'); });
    }));
    EXPECT_THAT(
        serving_->query(serving_->url(name_),
                        "SELECT invariant FROM ops.invariant WHERE violations > 0 UNION ALL "
                        "SELECT invariant FROM ops.invariant_scan WHERE violations > 0"),
        IsEmpty());
    EXPECT_TRUE(eventually([&] { return admin_get("/readyz").status == 200; }))
        << admin_get("/readyz").body;
  }
};

TEST_F(DatabaseOutage, ItRestartsAndIsKilledWhileMailsFlow) {
  begin();

  primary_.stop();
  expect_away();
  deliver(20);
  primary_.start();
  ASSERT_TRUE(eventually([&] { return ended() > 0; }));
  primary_.kill();
  expect_away();
  deliver(20);
  primary_.start();

  expect_all_there();
}

TEST_F(DatabaseOutage, TheStandbyIsPromotedWhenThePrimaryIsGone) {
  // Synchronous: what the daemon was told is committed is there as well.
  primary_.execute(primary_.url(), "ALTER SYSTEM SET synchronous_standby_names = '*'");
  TempPostgres standby(
      {.settings = settings({"synchronous_standby_names = ''"}), .standby_of = &primary_});
  primary_.execute(primary_.url(), "SELECT pg_reload_conf()");
  ASSERT_TRUE(
      eventually([&] { return one("SELECT sync_state FROM pg_stat_replication") == "sync"; }));
  database_ = fmt::format("host={},{} port={},{} user=postgres dbname={}", primary_.socket_folder(),
                          standby.socket_folder(), primary_.port(), standby.port(), name_);
  begin();

  primary_.kill();
  expect_away();
  deliver(20);
  standby.promote();
  serving_ = &standby;

  expect_all_there();
}

TEST_F(DatabaseOutage, ItOnlyReadsForAWhile) {
  begin();

  primary_.stop();
  primary_.become_read_only();
  primary_.start();
  expect_away();
  deliver(20);
  primary_.promote();

  expect_all_there();
}

TEST_F(DatabaseOutage, ItsDiskIsFull) {
  begin();
  const auto client360 = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {kCommand, "--config=" + daemon_.config_file()});
    return run_program(words);
  };
  ASSERT_EQ(client360({"user", "add", "--admin", "admin@example.test"}).exit_code, 0);
  const RanProgram made = client360({"--json", "token", "create", "--user=admin@example.test",
                                     "--name=operator", "--scopes=admin"});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  HttpClient admin(daemon_.port("api"), Json::parse(made.output)->find("token")->as_string());

  primary_.fill_disk(true);
  deliver(60);
  // The pages there are take some more rows.
  HttpAnswer refused;
  EXPECT_TRUE(eventually([&] {
    refused = admin.post("/api/v1/deals", R"({"name": "one more"})");
    return refused.status == 503;
  })) << refused.status
      << refused.body;
  EXPECT_GT(std::stoi("0" + refused.header("retry-after")), 0);
  EXPECT_EQ(admin.get("/api/v1/deals?limit=1").status, 200);  // what is there can be read
  EXPECT_TRUE(eventually([&] { return mailbox("crm") != "ready"; }));
  primary_.fill_disk(false);

  expect_all_there();
}

TEST_F(DatabaseOutage, ItHasNoConnectionToGive) {
  primary_.execute(database_,
                   "CREATE ROLE app LOGIN; GRANT pg_read_all_data, pg_write_all_data TO app;"
                   "GRANT USAGE ON ALL SEQUENCES IN SCHEMA crm, ops TO app;"
                   "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA crm, ops TO app");
  database_ = primary_.url(name_, "app");
  begin();

  primary_.execute(primary_.url(), "ALTER ROLE app CONNECTION LIMIT 0");
  primary_.execute(primary_.url(),
                   "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
  expect_away();
  deliver(20);
  primary_.execute(primary_.url(), "ALTER ROLE app CONNECTION LIMIT -1");

  expect_all_there();
}

// Slow within the limit of a statement it is only slow; slower than that, intake waits and goes on.
TEST_F(DatabaseOutage, ItIsSlow) {
  statement_timeout_ms_ = 1'000;
  begin();
  const auto slow_down = [&](const std::string& seconds) {
    primary_.execute(
        database_,
        "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_sleep(" +
            seconds +
            "); RETURN NEW; END $$; CREATE OR REPLACE TRIGGER slow BEFORE INSERT ON "
            "crm.deal FOR EACH ROW EXECUTE FUNCTION slow()");
  };
  slow_down("0.02");
  deliver(20);
  ASSERT_TRUE(eventually([&] { return ended() == delivered_; })) << ended() << daemon_.log();
  EXPECT_EQ(mailbox("crm"), "ready");

  slow_down("30");
  deliver(20);
  EXPECT_TRUE(eventually([&] { return mailbox("crm") != "ready"; }));
  EXPECT_TRUE(eventually([&] { return daemon_.log().contains("reason=statement_timeout"); }));
  primary_.execute(database_, "DROP TRIGGER slow ON crm.deal");

  expect_all_there();
}

// Who tries to connect to the database that is not there, counted in its place.
class DeafDatabase {
 public:
  explicit DeafDatabase(const TempPostgres& gone)
      : path_(fmt::format("{}/.s.PGSQL.{}", gone.socket_folder(), gone.port())) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) throw std::runtime_error("a path too long");
    std::ranges::copy(path_, address.sun_path);
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_, 128) != 0)
      throw std::runtime_error("no socket in the place of the database");
    thread_ = std::thread([this] {
      for (int client = 0; (client = ::accept(socket_, nullptr, nullptr)) >= 0; ::close(client))
        ++attempts_;
    });
  }
  DeafDatabase(const DeafDatabase&) = delete;
  DeafDatabase& operator=(const DeafDatabase&) = delete;
  ~DeafDatabase() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
    ::unlink(path_.c_str());
  }
  int attempts() const { return attempts_; }

 private:
  std::string path_;
  int socket_ = -1;
  std::atomic<int> attempts_ = 0;
  std::thread thread_;
};

// Each of its loops tries again at its own pace; one that spins would try thousands of times.
TEST_F(DatabaseOutage, WhileItIsAwayNothingSpins) {
  constexpr double kMostASecond = 20;
  constexpr int kAtOnce = 20;  // what every loop and connection does first
  begin();
  const auto failures = [&] {
    std::istringstream lines(admin_get("/metrics").body);
    double sum = 0;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("client360_mailbox_failures_total{"))
        sum += std::stod(line.substr(line.rfind(' ')));
    return sum;
  };
  primary_.stop();
  {
    const DeafDatabase deaf(primary_);
    const double failed = failures();
    const auto since = std::chrono::steady_clock::now();
    ASSERT_TRUE(eventually([&] { return failures() >= failed + 4; })) << daemon_.log();
    const double passes = failures() - failed;
    const int attempts = deaf.attempts();
    const std::chrono::duration<double> lasted = std::chrono::steady_clock::now() - since;
    EXPECT_GT(attempts, 0);
    EXPECT_LT(attempts, kAtOnce + kMostASecond * lasted.count());
    EXPECT_LT(passes, 2 + 4 * lasted.count());
  }
  deliver(5);
  primary_.start();

  expect_all_there();
}

// However long it was away: the longest wait of the intake, by its settings.
TEST(DatabasePace, LetsIntakeGoOnWithinFiveSeconds) {
  const ingest::IntakePace pace;
  for (std::uint64_t daemon = 0; daemon < 20; ++daemon) {
    Backoff backoff{pace.database, daemon};
    for (int failure = 0; failure < 1'000; ++failure) {
      const auto wait = backoff.next();
      EXPECT_LT(wait, std::chrono::seconds{5});
      EXPECT_GT(wait, std::chrono::milliseconds{100});
    }
  }
}

}  // namespace
}  // namespace c360::testing

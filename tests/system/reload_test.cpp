// Everything is taken while the daemon runs, or refused whole.
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "adapters/curl_http_client.h"
#include "tests/support/dovecot.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Requests on fresh connections, one after the other, until it goes. Lost is a request whose
// connection was made and that got no answer; a refused connection is told apart, because that
// happens to whoever asks an address that has moved away.
class Traffic {
 public:
  explicit Traffic(const std::atomic<std::uint16_t>& port)
      : thread_([this, &port](const std::stop_token& stop) {
          while (!stop.stop_requested()) ask(port);
        }) {}
  int answered() const { return answered_; }
  int lost() const { return lost_; }

 private:
  void ask(std::uint16_t port) {
    RawConnection connection(port);
    if (!connection.connected()) return;
    connection.send("GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    (connection.read_answer().status == 200 ? answered_ : lost_)++;
  }
  std::atomic<int> answered_ = 0;
  std::atomic<int> lost_ = 0;
  std::jthread thread_;
};

class Reload : public SystemTest {
 protected:
  std::size_t mark_ = 0;
  void mark() { mark_ = daemon_.log_size(); }
  void wait_applied(const std::string& changed) {
    daemon_.wait_for_log({"event=config_applied", changed}, mark_);
  }
};

TEST_F(Reload, ASignalTakesANewLogLevel) {
  start(config());
  mark();
  rewrite(config("[log]\nlevel = 'debug'\n"));
  daemon_.signal(SIGHUP);

  wait_applied("log.level");
  EXPECT_TRUE(eventually([&] { return metric("client360_config_generation") == 2; }));
  EXPECT_THAT(admin_get("/-/config").body, HasSubstr("'debug'"));
}

TEST_F(Reload, AChangedFileIsTakenByItself) {
  start(config());
  mark();

  rewrite(config("[log]\nlevel = 'warn'\n[business]\nphone_region = 'BY'\n"));

  daemon_.wait_for_log({"event=config_applied", "trigger=file", "log.level"}, mark_);
}

TEST_F(Reload, ABrokenFileIsRefusedWithItsPlacesAndChangesNothing) {
  start(config());
  const double generation = metric("client360_config_generation");
  const double hash = metric("client360_config_hash");
  mark();

  rewrite(config("[log]\nlevel = 'loud'\n[mail]\nbatch_messages = 0\n"));
  daemon_.wait_for_log({"event=config_refused", "log.level"}, mark_);
  const auto refused = reload();

  EXPECT_EQ(refused.status, 422);
  const Json answer = refused.json();
  EXPECT_EQ(answer.find("result")->as_string(), "refused");
  const auto& problems = answer.find("problems")->as_array();
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].find("line")->as_int64(), 14);
  EXPECT_EQ(problems[0].find("column")->as_int64(), 9);
  EXPECT_THAT(problems[0].find("detail")->as_string(), HasSubstr("log.level: 'loud'"));
  EXPECT_THAT(daemon_.log(mark_), HasSubstr("client360.toml:14:9: log.level"));
  EXPECT_EQ(metric("client360_config_last_reload_successful"), 0);
  EXPECT_EQ(metric("client360_config_generation"), generation);
  EXPECT_EQ(metric("client360_config_hash"), hash);
  EXPECT_EQ(admin_get("/readyz").status, 200);

  rewrite(config());
  EXPECT_EQ(reload().status, 200);
  EXPECT_TRUE(eventually([&] { return metric("client360_config_last_reload_successful") == 1; }));
}

TEST_F(Reload, AWebPageCannotReload) {
  start(config());
  EXPECT_EQ(HttpClient(daemon_.port("admin"))
                .post("/-/reload", "", {{"Origin", "https://evil.example"}})
                .status,
            403);
}

TEST_F(Reload, NothingNewIsSaidToBeUnchanged) {
  start(config());
  const auto answer = reload();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("result"), "unchanged");
}

TEST_F(Reload, TheListenerMovesAndNoRequestIsLost) {
  start(config());
  std::atomic<std::uint16_t> port = daemon_.port("api");
  const Traffic traffic(port);
  const std::uint16_t first = port;
  mark();

  rewrite(config("", "", "listen = 'localhost:0'"));
  wait_applied("api.listen");
  port = daemon_.port("api");

  EXPECT_NE(port, first);
  const int before = traffic.answered();
  EXPECT_TRUE(eventually([&] { return traffic.answered() > before + 20; }));
  EXPECT_EQ(traffic.lost(), 0);
}

TEST_F(Reload, LimitsOfTheListenerChangeInPlaceAndNoRequestIsLost) {
  // A port that was just free; the daemon's own first listener found it.
  start(config());
  const std::atomic<std::uint16_t> port = daemon_.port("api");
  const std::string listen = "listen = '127.0.0.1:" + std::to_string(port.load()) + "'\n";
  const Traffic traffic(port);

  for (int connections = 64; connections < 68; ++connections) {
    mark();
    rewrite(config("", "", listen + "max_connections = " + std::to_string(connections)));
    wait_applied("api.max_connections");
    const int before = traffic.answered();
    EXPECT_TRUE(eventually([&] { return traffic.answered() > before + 10; }));
  }
  EXPECT_EQ(traffic.lost(), 0);
}

TEST_F(Reload, AnAddressThatIsTakenIsRefusedAndTheListenerStays) {
  start(config());
  const std::uint16_t port = daemon_.port("api");

  rewrite(config("", "", "listen = '127.0.0.1:" + std::to_string(daemon_.port("admin")) + "'"));
  const auto refused = reload();

  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("cannot listen on"));
  EXPECT_EQ(HttpClient(port).get("/api/v1/openapi.json").status, 200);
}

TEST_F(Reload, AReplacedCertificateIsTaken) {
  const TempFolder old_folder;
  const TempFolder new_folder;
  TestAuthority old_authority{old_folder.path()};
  TestAuthority new_authority{new_folder.path()};
  const auto read = [](const std::filesystem::path& file) {
    std::ifstream in(file);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  const auto install = [&](TestAuthority& authority) {
    const auto files = authority.issue("api");
    // Key first would not fit the certificate for a moment: such a pair must be refused, and the
    // next change taken.
    daemon_.write("key.pem", read(files.key));
    daemon_.write("cert.pem", read(files.certificate));
  };
  install(old_authority);
  start(config("", "", "tls_certificate_file = 'cert.pem'\ntls_key_file = 'key.pem'"));
  const auto trusts = [&](const std::filesystem::path& authority) {
    adapters::CurlHttpClient client{"test"};
    const auto answer = client.send(
        {.url = "https://127.0.0.1:" + std::to_string(daemon_.port("api")) + "/api/v1/openapi.json",
         .ca_file = authority.string()});
    return answer && answer->status == 200;
  };
  ASSERT_TRUE(trusts(old_authority.ca_file()));

  install(new_authority);

  EXPECT_TRUE(eventually(
      [&] { return trusts(new_authority.ca_file()) && !trusts(old_authority.ca_file()); }));
}

TEST_F(Reload, AnotherDatabaseIsTakenOnlyIfItFits) {
  start(config());
  database_ = TempPostgres::shared().create_empty_database();
  rewrite(config());
  const auto refused = reload();
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("--migrate"));

  database_ = TempPostgres::shared().create_database();
  rewrite(config());
  EXPECT_EQ(reload().status, 200);
  EXPECT_EQ(admin_get("/readyz").status, 200);
}

// A mailbox on a private Dovecot, whose authority the daemon trusts through SSL_CERT_FILE.
class ReloadMailbox : public Reload {
 protected:
  Dovecot dovecot_;

  std::string uri(const std::string& user) const {
    return "imaps://127.0.0.1:" + std::to_string(dovecot_.imaps_port()) + "?username=" + user +
           "&password=" + dovecot_.options().password + "&delay=1000";
  }
  void SetUp() override { daemon_.environment()["SSL_CERT_FILE"] = dovecot_.ca_file(); }
};

TEST_F(ReloadMailbox, FromDisabledToAStringToAnotherAndBack) {
  start(config("", "mail-inbox-crm = 'disabled'\n"));
  EXPECT_EQ(mailbox("crm"), "none");

  rewrite(config("", "mail-inbox-crm = '" + uri("first") + "'\n"));
  EXPECT_TRUE(becomes("crm", "ready")) << mailbox("crm") << daemon_.log();
  EXPECT_THAT(daemon_.log(), HasSubstr("event=config_warning"));

  mark();
  rewrite(config("", "mail-inbox-crm = '" + uri("second") + "'\n"));
  wait_applied("mail-inbox-crm");
  daemon_.wait_for_log({"event=mailbox_connected"}, mark_);
  EXPECT_TRUE(becomes("crm", "ready"));

  rewrite(config("", "mail-inbox-crm = 'disabled'\n"));
  EXPECT_TRUE(becomes("crm", "none"));
  EXPECT_THAT(daemon_.log(), Not(HasSubstr("password=" + dovecot_.options().password)));
}

TEST_F(ReloadMailbox, AMailboxThatDidNotChangeKeepsItsConnection) {
  const std::string one = "mail-inbox-crm = '" + uri("first") + "'\n";
  start(config("", one));
  EXPECT_TRUE(becomes("crm", "ready")) << daemon_.log();
  mark();

  rewrite(
      config("[log]\nlevel = 'debug'\n", one + "mail-inbox-activity = '" + uri("other") + "'\n"));
  wait_applied("mail-inbox-activity");
  EXPECT_TRUE(becomes("activity", "ready")) << daemon_.log(mark_);

  EXPECT_THAT(daemon_.log(mark_), Not(AllOf(HasSubstr("event=mailbox_connected mailbox=crm"))));
}

TEST_F(ReloadMailbox, AChangedSecretIsTakenWithoutASignal) {
  daemon_.write("secret", "wrong\n");
  start(config(
      "[mailbox.sales]\nhost = '127.0.0.1'\nport = " + std::to_string(dovecot_.imaps_port()) +
      "\nusername = 'sales'\npassword_file = 'secret'\ndelay_ms = 1000\n"));
  EXPECT_TRUE(eventually([&] { return mailbox("sales").starts_with("not ready: "); }));
  // One mailbox that fails does not take the service out.
  EXPECT_EQ(admin_get("/readyz").status, 200);
  EXPECT_EQ(admin_get("/readyz?mailboxes=1").status, 503);
  mark();

  daemon_.write("secret", dovecot_.options().password + "\n");

  wait_applied("mailbox.sales.password_file");
  EXPECT_TRUE(becomes("sales", "ready")) << daemon_.log(mark_);
}

}  // namespace
}  // namespace c360::testing

// Everything an operator changes, one after the other, while requests and mails flow: no request is
// dropped, no mail is lost or doubled, the process stays the same.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "adapters/curl_http_client.h"
#include "daemon/base/digest.h"
#include "tests/support/dovecot.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Requests over TLS, one after the other, until it goes: every answer must be the wanted one. Who
// is refused a connection, because the listener has moved, asks where it is now.
class TlsTraffic {
 public:
  struct Server {
    std::atomic<std::uint16_t> port = 0;
    std::string ca_file;
    std::string token;
  };
  // `kept`: over one connection as long as the server keeps it; else a new one each time.
  TlsTraffic(const Server& server, std::string method, std::string target, int wanted, bool kept)
      : thread_([=, this, &server](const std::stop_token& stop) {
          auto client = std::make_unique<adapters::CurlHttpClient>("test");
          while (!stop.stop_requested() && problem().empty()) {
            if (!kept) client = std::make_unique<adapters::CurlHttpClient>("test");
            const std::string url =
                "https://127.0.0.1:" + std::to_string(server.port) + "/api/v1" + target;
            const auto answer = client->send(
                {.method = method,
                 .url = url,
                 .headers = {{"Authorization", "Bearer " + server.token},
                             {"Content-Type", "application/json"}},
                 .body = method == "POST" ? R"({"name": "made while everything changes"})" : "",
                 .ca_file = server.ca_file});
            take(answer, wanted);
          }
        }) {}

  int answered() const { return answered_; }
  std::string problem() const {
    const std::scoped_lock lock{mutex_};
    return problem_;
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }

 private:
  void take(const Result<adapters::HttpAnswer>& answer, int wanted) {
    if (answer && answer->status == wanted) {
      ++answered_;
      return;
    }
    if (!answer && answer.error().detail.contains("Failed to connect")) return;
    const std::scoped_lock lock{mutex_};
    problem_ = answer ? std::to_string(answer->status) + " " + answer->body : answer.error().detail;
  }

  std::atomic<int> answered_ = 0;
  mutable std::mutex mutex_;
  std::string problem_;
  std::jthread thread_;
};

class LiveChange : public SystemTest {
 protected:
  static constexpr int kBurst = 20;

  Dovecot dovecot_;
  TempFolder certificates_;
  std::array<TempFolder, 2> folders_;
  std::array<TestAuthority, 2> authorities_{TestAuthority{folders_[0].path()},
                                            TestAuthority{folders_[1].path()}};
  TlsTraffic::Server server_;
  std::string listen_ = "127.0.0.1:0";
  std::string activity_ = "disabled";
  std::string deal_;  // number of the deal that the activity mails name
  int mails_ = 0;
  std::map<std::string, int> delivered_;  // by user
  std::set<std::string> digests_;
  std::size_t mark_ = 0;

  std::string settings(std::string_view rest = {}) const {
    return config(
        fmt::format("[rules]\nfolder = 'rules'\n[mail]\nbatch_messages = 5\n"
                    "[mailbox.crm]\nkind = 'crm'\nhost = '127.0.0.1'\nport = {}\nca_file = '{}'\n"
                    "username = 'crm'\npassword_file = 'password'\ndelay_ms = 1000\n{}",
                    dovecot_.imaps_port(), dovecot_.ca_file(), rest),
        "mail-inbox-activity = '" + activity_ + "'\n",
        "listen = '" + listen_ +
            "'\ntls_certificate_file = 'cert.pem'\ntls_key_file = 'key.pem'\n"
            "requests_per_second = 1000000\nrequest_burst = 1000000\n");
  }
  std::string activity_uri() const {
    return fmt::format(
        "imaps://127.0.0.1:{}?username=activity&password={}&delay=1000&initialDelay=0",
        dovecot_.imaps_port(), dovecot_.options().password);
  }
  void change(std::string_view key, std::string_view rest = {}) {
    mark_ = daemon_.log_size();
    rewrite(settings(rest));
    daemon_.wait_for_log({"event=config_applied", std::string(key)}, mark_);
  }

  void install(std::size_t authority) {
    const auto files = authorities_[authority].issue("api");
    mark_ = daemon_.log_size();
    daemon_.write("key.pem", slurp(files.key));
    daemon_.write("cert.pem", slurp(files.certificate));
  }
  bool trusted(std::size_t authority) const {
    adapters::CurlHttpClient client{"test"};
    return client
        .send({.url = "https://127.0.0.1:" + std::to_string(server_.port) + "/api/v1/openapi.json",
               .ca_file = authorities_[authority].ca_file().string()})
        .has_value();
  }

  void write_rules(const std::string& first = {}) {
    for (const char* name : {"crm.toml", "activity.toml"}) {
      std::string text = slurp(std::string(C360_SOURCE_DIR) + "/parsers/rules/" + name);
      if (std::string_view(name) == "crm.toml") text.insert(text.find("[[rule]]"), first);
      daemon_.write(std::string("rules/") + name, text);
    }
  }

  std::string token() const {
    const auto client360 = [&](std::vector<std::string> words) {
      words.insert(words.begin(), {kCommand, "--config=" + daemon_.config_file()});
      const RanProgram ran = run_program(words, {});
      EXPECT_EQ(ran.exit_code, 0) << ran.output;
      return ran.output;
    };
    client360({"user", "add", "--admin", "admin@example.test"});
    const auto made =
        Json::parse(client360({"--json", "token", "create", "--user=admin@example.test",
                               "--name=test", "--scopes=admin"}));
    return made ? made->find("token")->as_string() : "";
  }

  void deliver(const std::string& user, const std::string& subject) {
    const std::string mail = fmt::format(
        "From: Anna <anna@romashka.example>\r\nTo: {0}@client360.example\r\n"
        "Message-ID: <live-{1}@site.example>\r\nDate: Mon, 10 Nov 2025 10:15:00 +0300\r\n"
        "Subject: {2}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nКомпания: ООО «Поток {1}»\r\n",
        user, ++mails_, subject);
    dovecot_.deliver(user, mail);
    ++delivered_[user];
    digests_.insert(to_hex(sha256(mail)));
  }
  // Mails for the change that follows: five at a time, so that it falls between them.
  void flow() {
    for (int i = 0; i < kBurst; ++i) {
      deliver("crm", "Запрос стоимости");
      if (i % 4 == 0) deliver("activity", "Протокол (Сделка: " + deal_ + ")");
    }
  }
  std::vector<std::string> query(const std::string& sql) {
    return TempPostgres::shared().query(database_, sql);
  }
  bool all_taken_in() {
    return query("SELECT count(*) FROM ops.mail WHERE flagged_at IS NOT NULL").front() ==
           std::to_string(mails_);
  }

  void edit_a_rule();
  void switch_a_mailbox();
  void change_the_password();
  void replace_the_certificate();
  void offer_a_broken_file();
  void move_the_listener();
};

void LiveChange::edit_a_rule() {
  flow();
  mark_ = daemon_.log_size();
  write_rules(
      "[[rule]]\nname = 'live-offer'\nwhen.subject = 'Live offer'\naction = 'create'\n"
      "set.request_category_code = 'price'\n[[rule.example]]\nsubject = 'Live offer'\n"
      "text = 'x'\ncategory = ''\n[rule.example.expect]\nrequest_category_code = 'price'\n\n");
  daemon_.wait_for_log({"event=config_applied", "rules"}, mark_);

  deliver("crm", "Live offer");
  EXPECT_TRUE(eventually([&] {
    return query("SELECT outcome FROM ops.mail WHERE rule_id = 'live-offer'").size() == 1;
  }));
}

void LiveChange::switch_a_mailbox() {
  for (int times = 0; times < 2; ++times) {
    flow();
    activity_ = activity_uri();
    change("mail-inbox-activity");
    EXPECT_TRUE(becomes("activity", "ready")) << daemon_.log(mark_);
    flow();
    activity_ = "disabled";
    change("mail-inbox-activity");
    EXPECT_TRUE(becomes("activity", "none"));
  }
  activity_ = activity_uri();
  change("mail-inbox-activity");
}

void LiveChange::change_the_password() {
  flow();
  mark_ = daemon_.log_size();
  dovecot_.change_password("another-secret");
  flow();
  daemon_.wait_for_log({"event=mailbox_failed", "mailbox=crm", "code=upstream_auth"}, mark_);
  for (const char* box : {"crm", "activity"})
    EXPECT_TRUE(eventually([&] { return mailbox(box).starts_with("not ready: "); })) << box;
  EXPECT_GE(metric(R"(client360_mailbox_failures_total{code="upstream_auth",mailbox="crm"})"), 1);
  EXPECT_EQ(metric(R"(client360_mailbox_up{mailbox="crm"})"), 0);

  // The changed file alone suffices.
  daemon_.write("password", "another-secret\n");
  EXPECT_TRUE(becomes("crm", "ready")) << daemon_.log(mark_);
  activity_ = activity_uri();
  change("mail-inbox-activity");
  EXPECT_TRUE(becomes("activity", "ready")) << daemon_.log(mark_);
  EXPECT_EQ(metric(R"(client360_mailbox_up{mailbox="crm"})"), 1);
}

void LiveChange::replace_the_certificate() {
  for (const std::size_t next : {1U, 0U}) {
    flow();
    install(next);
    EXPECT_TRUE(eventually([&] { return trusted(next) && !trusted(1 - next); }));
  }
}

void LiveChange::offer_a_broken_file() {
  flow();
  mark_ = daemon_.log_size();
  rewrite(settings("[log]\nlevel = 'loud'\n"));
  const std::string line = daemon_.wait_for_log({"event=config_refused", "log.level"}, mark_);
  EXPECT_THAT(line, HasSubstr("client360.toml:"));
  EXPECT_EQ(metric("client360_config_last_reload_successful"), 0);
  rewrite(settings());
  EXPECT_TRUE(eventually([&] { return metric("client360_config_last_reload_successful") == 1; }));
}

void LiveChange::move_the_listener() {
  for (const char* place : {"localhost:0", "127.0.0.1:0"}) {
    flow();
    listen_ = place;
    const std::uint16_t former = server_.port;
    change("api.listen");
    server_.port = daemon_.port("api");
    EXPECT_NE(server_.port, former);
  }
}

TEST_F(LiveChange, WhileRequestsAndMailsFlowNothingIsDropped) {
  daemon_.environment()["SSL_CERT_FILE"] = dovecot_.ca_file();
  daemon_.write("password", dovecot_.options().password);
  write_rules();
  install(0);
  start(settings());
  const pid_t process = daemon_.pid();
  server_.port = daemon_.port("api");
  server_.token = token();
  server_.ca_file = daemon_.write(
      "both.pem", slurp(authorities_[0].ca_file()) + slurp(authorities_[1].ca_file()));
  TlsTraffic creating(server_, "POST", "/deals", 201, false);
  TlsTraffic reading(server_, "GET", "/deals?limit=1", 200, true);
  ASSERT_TRUE(eventually([&] { return creating.answered() > 0; })) << creating.problem();
  deal_ = query("SELECT min(number) FROM crm.deal").front();

  edit_a_rule();
  switch_a_mailbox();
  change_the_password();
  replace_the_certificate();
  offer_a_broken_file();
  move_the_listener();

  const int read_before = reading.answered();
  EXPECT_TRUE(eventually([&] { return reading.answered() > read_before + 5; }));
  EXPECT_TRUE(eventually([&] { return all_taken_in(); })) << daemon_.log(mark_);
  creating.stop();
  reading.stop();
  EXPECT_EQ(creating.problem(), "");
  EXPECT_EQ(reading.problem(), "");
  EXPECT_EQ(query("SELECT count(*) FROM crm.deal WHERE origin = 'api'").front(),
            std::to_string(creating.answered()))
      << "each request made its deal once";

  EXPECT_THAT(query("SELECT outcome || ' ' || count(*) FROM ops.mail GROUP BY outcome "
                    "ORDER BY outcome"),
              ElementsAre("activity_added " + std::to_string(delivered_["activity"]),
                          "deal_created " + std::to_string(delivered_["crm"])));
  EXPECT_EQ(query("SELECT count(DISTINCT mail_message_id) FROM crm.deal WHERE origin = 'mail'"),
            query("SELECT count(*) FROM crm.deal WHERE origin = 'mail'"));
  const auto stored = query("SELECT encode(raw_sha256, 'hex') FROM ops.mail");
  EXPECT_EQ(std::set<std::string>(stored.begin(), stored.end()), digests_);
  EXPECT_TRUE(daemon_.running());
  EXPECT_EQ(daemon_.pid(), process);
  EXPECT_THAT(daemon_.log(), Not(HasSubstr("another-secret")));
}

}  // namespace
}  // namespace c360::testing

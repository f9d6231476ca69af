// Every secret that the daemon is given, planted, used by what needs it (in good answers and in
// refusals that quote it) and then looked for in everything that can be seen or kept: no log,
// metric, answer, dump, process list or recorded exchange shows one, in any spelling.
#include "adapters/webhook.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "tests/system/secrets_fixture.h"

namespace c360::testing {
namespace {

using namespace std::string_literals;

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

class Secrets : public SecretsSetting {
 protected:
  // -- What is done -------------------------------------------------------------------------------

  void take(const std::string& text) {
    rewrite(text);
    daemon_.notifications();  // a manager reads
    const HttpAnswer taken = reload();
    ASSERT_EQ(taken.status, 200) << taken.body << daemon_.log();
    shown_["reload"] += taken.body;
  }

  HttpAnswer ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    HttpAnswer answer =
        HttpClient(daemon_.port("api"))
            .request(method, "/api/v1" + path,
                     {{"Authorization", "Bearer " + token_}, {"Content-Type", "application/json"}},
                     body);
    shown_[method + " " + path] += answer.body;
    for (const auto& [name, value] : answer.headers) shown_[method + " " + path] += value + "\n";
    return answer;
  }
  RanProgram command(std::vector<std::string> words) {
    const std::string name = join(words, " ");
    words.insert(words.begin(),
                 {kCommand, "--api-url=http://127.0.0.1:" + std::to_string(daemon_.port("api"))});
    RanProgram ran = run_program(words, {{"CLIENT360_TOKEN", token_}});
    shown_["client360 " + name] += ran.output;
    return ran;
  }
  std::string one(const std::string& sql) const {
    const auto rows = server_.query(owner_url_, sql);
    return rows.empty() ? "" : rows.front();
  }
  // Pauses after refusals, and rates, are over; what waited to be sent again is given up.
  void let_time_pass() {
    server_.execute(owner_url_,
                    "UPDATE crm.outbound_message SET status = 'canceled' "
                    "WHERE status = 'queued'");
    server_.execute(owner_url_, "DELETE FROM ops.service_gate");
  }
  // A message handed over or refused; its status and reason.
  std::string say(const std::string& channel, const std::string& address) {
    let_time_pass();
    const HttpAnswer queued =
        ask("POST", "/messages",
            fmt::format(R"({{"channel":"{}","address":"{}","subject":"x","text":"Ваш заказ {}",)"
                        R"("counterparty_id":{}}})",
                        channel, address, ++said_, customer_));
    EXPECT_EQ(queued.status, 201) << queued.body;
    const std::string of = " FROM crm.outbound_message WHERE id = " + queued.field("id");
    EXPECT_TRUE(eventually([&] {
      return one("SELECT status IN ('sent', 'delivered', 'failed', 'unknown') OR "
                 "status = 'queued' AND reason IS NOT NULL" +
                 of) == "t";
    })) << channel
        << one("SELECT to_jsonb(outbound_message)" + of) << daemon_.log();
    shown_["message"] += ask("GET", "/messages/" + queued.field("id")).body;
    return one("SELECT concat_ws(' ', status, reason)" + of);
  }
  std::string say_by_sms() { return say("sms", "+79990000001"); }
  std::string say_by_mail() { return say("email", "anna@customer.example"); }
  std::string say_by_telegram() { return say("telegram", "77"); }

  void start_without_a_key_for_webhooks() {
    std::string text = good_settings(by_password(smsc()));
    const std::string key = "key_file = 'webhook'\n";
    start(text.erase(text.find(key), key.size()));
  }
  // With its secret as versions before sealing kept it.
  void keep_a_webhook_of_before() {
    const std::string secret =
        planted_.plant("former webhook secret", "PLANTED-bytes-of-a-secret-0123/+");
    ASSERT_EQ(secret.size(), 32U);
    server_.execute(owner_url_,
                    "INSERT INTO ops.webhook (name, url, owner_id, secret, position_xid) SELECT "
                    "'former', '" +
                        outside_.url() + "/hook', id, '\\x" + to_hex(secret) +
                        "', pg_snapshot_xmin(pg_current_snapshot()) FROM crm.user "
                        "WHERE login = 'ops'");
  }
  void subscribe() {
    const HttpAnswer made = ask("POST", "/webhooks", R"({"url":")" + outside_.url() + "/hook\"}");
    ASSERT_EQ(made.status, 201) << made.body;
    shown_.erase("POST /webhooks");  // the one answer that is to show it
    const std::string secret = made.field("secret");
    planted_.plant("webhook secret", secret);
    webhook_secret_ = from_base64url(url_safe(secret.substr(6))).value_or("");
    ASSERT_EQ(webhook_secret_.size(), 32U);
    planted_.plant("webhook secret, its bytes", webhook_secret_);
  }
  static std::string url_safe(std::string base64) {
    std::ranges::replace(base64, '+', '-');
    std::ranges::replace(base64, '/', '_');
    std::erase(base64, '=');
    return base64;
  }
  void make_customer() {
    const HttpAnswer made =
        ask("POST", "/counterparties",
            fmt::format(R"({{"inn":"{}","segment_code":"small","acquisition_channel_code":"site",)"
                        R"("status_code":"active"}})",
                        kInn));
    ASSERT_EQ(made.status, 201) << made.body;
    customer_ = made.field("id");
  }
  void ask_about_the_customer() {
    let_time_pass();
    ask("POST", "/lookup/clean", fmt::format(R"({{"address":"мск сухонска 11/-{}"}})", ++said_));
    ask("POST", "/counterparties/" + customer_ + "/autofill", R"({"refresh":true})");
    ask("POST", "/counterparties/" + customer_ + "/express-report", R"({"refresh":true})");
  }
  void use_everything() {
    for (const auto& [sms, taken] :
         std::map<std::string, std::string>{{smsc_by_key(), "/sys/send.php"},
                                            {sms_ru(), "/sms/send"},
                                            {sms_form(), "/form"},
                                            {smsc(), "/sys/send.php"}}) {
      take(good_settings(by_password(sms)));
      EXPECT_THAT(say_by_sms(), HasSubstr("sent")) << sms;
      command({"adapter", "probe", "sms"});
    }
    EXPECT_EQ(say_by_telegram(), "sent");
    EXPECT_EQ(say_by_mail(), "sent");
    take(good_settings(by_token(smsc())));
    EXPECT_EQ(say_by_mail(), "sent");

    ask_about_the_customer();
    EXPECT_EQ(ask("POST", "/leads", R"({"name":"Заявка","ym_client_id":"16123456789012"})").status,
              201);
    command({"job", "run", "metrica_source_sync", "--watch"});
    EXPECT_EQ(command({"adapter", "probe"}).exit_code, 0) << shown_["client360 adapter probe"];
    EXPECT_TRUE(eventually([&] {
      return one("SELECT count(*) FROM crm.express_report WHERE status = 'ready'") != "0";
    }));
    for (const std::string mailbox : {"words", "tokens"})
      EXPECT_TRUE(becomes(mailbox, "ready")) << mailbox;
    EXPECT_TRUE(eventually([&] {
      return one("SELECT count(*) FROM ops.webhook_delivery WHERE status = 'delivered'") != "0";
    }));
  }
  void meet_trouble() {
    for (const Trouble& trouble : troubles()) {
      SCOPED_TRACE(trouble.name);
      for (const std::string& path : paths()) outside_.on(path, trouble.reply(given_to(path)));
      take(settings(by_password(smsc()), trouble.timeout_ms, outside_.ca_file()));
      suffer();
    }
    answer_well();
    SCOPED_TRACE("distrusted");
    take(settings(by_password(sms_ru()), 120'000, smtp_.ca_file()));
    suffer();
  }
  void suffer() {
    let_time_pass();
    EXPECT_NE(command({"adapter", "probe"}).exit_code, 0) << shown_["client360 adapter probe"];
    ask_about_the_customer();
    for (const std::string& went : {say_by_sms(), say_by_telegram()}) EXPECT_NE(went, "sent");
  }
  // Servers that quote what they refuse.
  void be_refused_by_mail_servers() {
    const std::string plain = to_base64("\0crm@company.example\0"s + smtp_password_);
    smtp_.at("AUTH", {.reply = "535 5.7.8 " + smtp_password_ + " is wrong", .times = 1});
    take(good_settings(by_password(smsc())));
    EXPECT_THAT(say_by_mail(), HasSubstr("sign_in"));
    smtp_.at("AUTH", {.reply = "501 5.5.2 Cannot decode " + plain, .times = 1});
    let_time_pass();
    EXPECT_NE(say_by_mail(), "sent");

    let_time_pass();
    smtp_provider_.answer_next({.status = 400,
                                .body = R"({"error":"invalid_grant","error_description":")" +
                                        smtp_refresh_ + " " + smtp_client_ + " " +
                                        api_spelling(smtp_refresh_) + "\"}"});
    server_.execute(owner_url_, "DELETE FROM ops.oauth_token WHERE mailbox = 'smtp'");
    take(good_settings(by_token(smsc())));
    EXPECT_NE(say_by_mail(), "sent");

    words_.misbehave("AUTHENTICATE", 1, [this](ImapConnection& client, const ImapCommand& command) {
      client.no(command, "[AUTHENTICATIONFAILED] " + imap_password_ + " is wrong for " +
                             to_base64("\0ann\0"s + imap_password_));
    });
    words_.hang_up();
    imap_provider_.forget_refresh_tokens();
    imap_provider_.withdraw_access_tokens();
    imap_provider_.answer_next({.status = 400,
                                .body = R"({"error":"invalid_grant","error_description":")" +
                                        imap_refresh_ + " " + imap_client_ + " " +
                                        api_spelling(imap_refresh_) + "\"}"});
    tokens_.hang_up();
    EXPECT_TRUE(eventually([&] { return mailbox("tokens").starts_with("not ready"); }));
    EXPECT_TRUE(words_.wait_for("AUTHENTICATE", 2));
  }

  // -- What was seen ------------------------------------------------------------------------------

  // By the services: proof that each was used.
  std::set<std::string> used() const {
    std::string seen;
    for (const ServiceRequest& request : outside_.requests()) {
      seen += request.path + "\n" + request.body + "\n";
      for (const auto& [name, value] : request.query) seen += value + "\n";
      for (const auto& [name, value] : request.headers) seen += value + "\n";
    }
    for (const TokenServer* provider : {&imap_provider_, &smtp_provider_})
      for (const TokenRequest& request : provider->requests())
        for (const auto& [name, value] : request.fields) seen += value + "\n";
    for (const std::string& line : words_.transcript()) seen += line + "\n";
    const auto found = planted_.names_in(seen);
    std::set<std::string> names(found.begin(), found.end());
    const auto is_used = [&](const std::string& name, bool proven) {
      if (proven) names.insert(name);
    };
    is_used("database",
            one("SELECT count(*) FROM pg_stat_activity WHERE usename = 'planted'") != "0");
    is_used("smtp", !smtp_.mails().empty());
    is_used("API token", shown_.contains("POST /counterparties"));
    is_used("webhook-key-of-the-daemon",
            one("SELECT count(*) FROM ops.webhook WHERE secret IS NULL AND "
                "octet_length(secret_sealed) > 32") == "2");
    is_used("webhook secret", is_signed_by(webhook_secret_));
    is_used("webhook secret, its bytes", is_signed_by(webhook_secret_));
    is_used("former webhook secret", is_signed_by("PLANTED-bytes-of-a-secret-0123/+"));
    return names;
  }
  bool is_signed_by(const std::string& secret) const {
    return std::ranges::any_of(outside_.requests(), [&](const ServiceRequest& request) {
      return request.path == "/hook" &&
             request.headers.at("webhook-signature") ==
                 adapters::webhook_signature({.id = request.headers.at("webhook-id"),
                                              .body = request.body,
                                              .keys = {Secret(secret)}},
                                             std::stoll(request.headers.at("webhook-timestamp")));
    });
  }
  std::string of_process(const std::string& file) const {
    return bytes_of("/proc/" + std::to_string(daemon_.pid()) + "/" + file);
  }
  // Everything that somebody can look at, by its place.
  std::map<std::string, std::string> everything() {
    std::map<std::string, std::string> all = shown_;
    for (const std::string path : {"/metrics", "/-/config", "/readyz"})
      all[path] = admin_get(path).body;
    for (const std::string path :
         {"/services", "/jobs?limit=100", "/webhooks", "/messages?limit=100"})
      all[path] = ask("GET", path).body;
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"adapter", "list"}, {"adapter", "calls"}, {"job", "list"}})
      all[join(words, " ")] = command(words).output;
    const std::string file = "--config=" + daemon_.config_file();
    all["--print=config"] = run_program({kDaemon, file, "--print=config"}).output;
    all["--check-config"] = run_program({kDaemon, file, "--check-config"}).output;
    all["doctor"] = run_program({kCommand, file, "doctor"}).output;
    all["log"] = daemon_.log();
    all["dump"] = run_program({"/usr/bin/pg_dump", "--dbname=" + owner_url_}).output;
    all["cmdline"] = of_process("cmdline");
    all["environ"] = of_process("environ");
    all["helper"] = bytes_of(helper_saw_);
    // What the daemon keeps on the disk, if anything.
    const auto folder = std::filesystem::path(daemon_.config_file()).parent_path();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && !files_.contains(entry.path().string()))
        all[entry.path().string()] = bytes_of(entry.path());
    return all;
  }

  std::map<std::string, std::string> shown_;
  std::string customer_;
  int said_ = 0;
};

TEST_F(Secrets, AreUsedByWhatNeedsThemAndAreShownNowhere) {
  start_without_a_key_for_webhooks();
  sign_in();
  planted_.plant("API token", token_);
  keep_a_webhook_of_before();
  take(good_settings(by_password(smsc())));
  subscribe();
  make_customer();
  use_everything();
  meet_trouble();
  be_refused_by_mail_servers();

  EXPECT_THAT(used(), UnorderedElementsAreArray(planted_.names()));
  const auto all = everything();
  EXPECT_THAT(all.at("dump"), AllOf(HasSubstr("COPY ops.webhook "), HasSubstr(kInn)));
  EXPECT_THAT(all.at("log"), HasSubstr("level=debug"));
  EXPECT_NE(one("SELECT count(*) FROM ops.service_answer WHERE exchange IS NOT NULL"), "0");
  EXPECT_NE(one("SELECT count(*) FROM ops.oauth_token WHERE refresh_sealed IS NOT NULL"), "0");
  EXPECT_THAT(all.at("helper"), Not(IsEmpty()));
  for (const auto& [place, text] : all) EXPECT_THAT(planted_.in(text), IsEmpty()) << place;
}

}  // namespace
}  // namespace c360::testing

// A daemon with every service, account and server that is given a secret, and all of those played
// by us: each secret is planted, and each service can be made to refuse and to quote it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/bearer_sign_in.h"
#include "tests/support/planted_secrets.h"
#include "tests/support/service_server.h"
#include "tests/support/smtp_server.h"
#include "tests/support/token_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {

inline constexpr const char* kInn = "7707083893";

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}
inline std::string recorded(const std::string& name) {
  return bytes_of(std::string(C360_SOURCE_DIR) + "/tests/fixtures/" + name);
}

// The SMS gateway and the sign-in to the mail server: of each there is one at a time.
struct WayOut {
  std::string sms;   // lines of [sms]
  std::string smtp;  // lines of [smtp]
};

class SecretsSetting : public SystemTest {
 protected:
  std::string plant(const std::string& name) {
    return planted_.plant(name, "PLANTED/" + name + "+0123456789=");
  }

  void SetUp() override {
    make_database();
    imap_provider_.know(imap_refresh_);
    imap_provider_.rotate(true);
    imap_provider_.set_client_secret(imap_client_);
    smtp_provider_.set_client_secret(smtp_client_);
    smtp_provider_.know(smtp_refresh_);
    for (const auto& [name, value] :
         std::map<std::string, std::string>{{"database", database_password_},
                                            {"dadata", dadata_},
                                            {"dadata-secret", dadata_secret_},
                                            {"kontur", kontur_},
                                            {"metrika", metrika_},
                                            {"telegram", telegram_},
                                            {"smsc-password", smsc_password_},
                                            {"smsc-key", smsc_key_},
                                            {"sms-ru", sms_ru_},
                                            {"sms-form", sms_form_},
                                            {"smtp", smtp_password_},
                                            {"smtp-client", smtp_client_},
                                            {"smtp-refresh", smtp_refresh_},
                                            {"imap", imap_password_},
                                            {"imap-client", imap_client_},
                                            {"imap-refresh", imap_refresh_},
                                            {"webhook", webhook_key_}})
      files_.insert(daemon_.write(name, value + "\n"));
    make_helper();
    answer_well();
  }
  // One that asks for the password of its user.
  void make_database() {
    owner_url_ = server_.create_database();
    const std::string name = server_.query(owner_url_, "SELECT current_database()").front();
    server_.execute(owner_url_,
                    "CREATE ROLE planted LOGIN SUPERUSER PASSWORD '" + database_password_ + "'");
    const std::string access = server_.socket_folder() + "/data/pg_hba.conf";
    const std::string rest = bytes_of(access);
    std::ofstream(access) << "host all planted 127.0.0.1/32 scram-sha-256\n" << rest;
    server_.execute(owner_url_, "SELECT pg_reload_conf()");
    database_ = server_.tcp_url(name, "planted");
    ASSERT_TRUE(eventually([&] {
      try {
        server_.query(database_, "SELECT 1");
        return false;
      } catch (const std::exception&) {
        return true;
      }
    }));
  }
  // Shows what a helper of the daemon is given.
  void make_helper() {
    helper_saw_ = folder_.path() / "helper";
    helper_ = folder_.write("render", "#!/bin/sh\ncat /proc/$$/environ /proc/$$/cmdline >>'" +
                                          helper_saw_.string() + "'\nexit 1\n");
    std::filesystem::permissions(helper_, std::filesystem::perms::owner_all);
  }

  std::string settings(const WayOut& out, int timeout_ms, const std::string& ca_file) {
    const std::string trust = fmt::format(
        "ca_file = '{}'\nconnect_timeout_ms = 60000\ntimeout_ms = {}\n", ca_file, timeout_ms);
    const std::string url = outside_.url();
    const std::string imap =
        "host = '127.0.0.1'\ntls = 'none'\nallow_plain = true\nusername = 'ann'\n"
        "delay_ms = 1000\n";
    std::string text = config(fmt::format(
        "[log]\nlevel = 'debug'\n[documents]\nrenderer = '{}'\n[adapters]\nprobe_interval_s = 0\n"
        "[dadata]\napi_key_file = 'dadata'\nsecret_key_file = 'dadata-secret'\ncleaning = true\n"
        "suggestions_url = '{}'\ncleaner_url = '{}'\nprofile_url = '{}'\n"
        "lookup_timeout_ms = 30000\n{}"
        "[kontur_focus]\napi_token_file = 'kontur'\nurl = '{}'\n{}"
        "[metrika]\ntoken_file = 'metrika'\ncounter = '7'\nurl = '{}/stat/v1/data'\n{}"
        "[telegram]\noap_authtoken_file = 'telegram'\nurl = '{}'\n{}",
        helper_.string(), url, url, url, trust, url, trust, url, trust, url, trust));
    text +=
        "[sms]\n" + out.sms + trust + "[smtp]\nhost = '127.0.0.1'\nreply_timeout_ms = 60000\n" +
        "username = 'crm@company.example'\nfrom = 'crm@company.example'\n" + out.smtp +
        "[messages]\nemail_quiet_hours = ''\ntelegram_quiet_hours = ''\nsms_quiet_hours = ''\n" +
        "[webhooks]\nkey_file = 'webhook'\nallowed_networks = ['127.0.0.0/8']\nca_file = '" +
        ca_file + "'\n[mailbox.words]\n" + imap +
        fmt::format("port = {}\npassword_file = 'imap'\n[mailbox.tokens]\n", words_.port()) + imap +
        fmt::format("port = {}\noauth_token_url = '{}'\noauth_ca_file = '{}'\n", tokens_.port(),
                    imap_provider_.url(), imap_provider_.ca_file()) +
        "oauth_client_id = 'client'\noauth_client_secret_file = 'imap-client'\n"
        "oauth_refresh_token_file = 'imap-refresh'\n";
    return text.replace(text.find("api_connections"), 0, "password_file = 'database'\n");
  }
  std::string good_settings(const WayOut& out) {
    return settings(out, 120'000, outside_.ca_file());
  }
  WayOut by_password(const std::string& sms) const {
    return {.sms = sms,
            .smtp = fmt::format("port = {}\nca_file = '{}'\npassword_file = 'smtp'\n", smtp_.port(),
                                smtp_.ca_file())};
  }
  WayOut by_token(const std::string& sms) const {
    return {.sms = sms,
            .smtp = fmt::format(
                "port = {}\nca_file = '{}'\noauth_token_url = '{}'\noauth_ca_file = '{}'\n"
                "oauth_client_id = 'client'\noauth_client_secret_file = 'smtp-client'\n"
                "oauth_refresh_token_file = 'smtp-refresh'\n",
                smtp_tokens_.port(), smtp_tokens_.ca_file(), smtp_provider_.url(),
                smtp_provider_.ca_file())};
  }
  std::string smsc() const {
    return "provider = 'smsc'\nlogin = 'company'\npassword_file = 'smsc-password'\nurl = '" +
           outside_.url() + "'\n";
  }
  std::string smsc_by_key() const {
    return "provider = 'smsc'\napi_key_file = 'smsc-key'\nurl = '" + outside_.url() + "'\n";
  }
  std::string sms_ru() const {
    return "provider = 'sms_ru'\napi_key_file = 'sms-ru'\nurl = '" + outside_.url() + "'\n";
  }
  std::string sms_form() const {
    return "provider = 'form'\napi_key_file = 'sms-form'\nform_secret_field = 'auth'\n"
           "form_success = 'OK'\nurl = '" +
           outside_.url() + "/form'\n";
  }

  // -- What the services say ----------------------------------------------------------------------

  std::vector<std::string> paths() const {
    return {"/api/v1/clean/address",
            "/suggestions/api/4_1/rs/findById/party",
            "/api/v2/stat/daily",
            "/api/v2/profile/balance",
            "/api3/stat",
            "/api3/briefReport",
            "/api3/req",
            "/stat/v1/data",
            "/management/v1/counters",
            "/bot" + telegram_ + "/getMe",
            "/bot" + telegram_ + "/sendMessage",
            "/sys/send.php",
            "/sys/balance.php",
            "/sys/status.php",
            "/sms/send",
            "/my/balance",
            "/sms/status",
            "/form",
            "/hook"};
  }
  void answer_well() {
    const auto on = [this](const std::string& path, const std::string& body) {
      outside_.on(path, {.body = body});
    };
    on("/api/v1/clean/address", recorded("dadata/clean_address.json"));
    on("/suggestions/api/4_1/rs/findById/party", recorded("dadata/party_legal_max_tariff.json"));
    on("/api/v2/stat/daily", recorded("dadata/stat_daily.json"));
    on("/api/v2/profile/balance", recorded("dadata/balance.json"));
    on("/api3/stat", R"([{"methodName":"api3/briefReport","endDate":"2199-12-31","limit":500,)"
                     R"("spent":100}])");
    on("/api3/req", recorded("kontur/req_legal.json"));
    outside_.answer("/api3/briefReport", [](const ServiceRequest& request) -> ServiceReply {
      if (request.query.contains("pdf"))
        return {.body = "%PDF-1.4\n" + std::string(1'000, ' ') + "\n%%EOF\n",
                .content_type = "application/pdf"};
      return {.body = R"([{"inn":"7707083893","briefReport":{"summary":{"greenStatements":true},)"
                      R"("href":"https://focus.example/?mac=PLANTED-MAC&ltoken=PLANTED-L"}}])"};
    });
    on("/stat/v1/data", recorded("metrika/direct.json"));
    on("/management/v1/counters", R"({"rows":1,"counters":[{"id":7}]})");
    on("/bot" + telegram_ + "/getMe", R"({"ok":true,"result":{"username":"client360_bot"}})");
    on("/bot" + telegram_ + "/sendMessage", R"({"ok":true,"result":{"message_id":815}})");
    on("/sys/send.php", R"({"id":4711,"cnt":1,"cost":"2.3","balance":"497.7"})");
    on("/sys/balance.php", R"({"balance":"497.70"})");
    on("/sys/status.php", R"({"status":1})");
    on("/sms/send", R"({"status":"OK","status_code":100,"sms":{"79990000001":{"status":"OK",)"
                    R"("status_code":100,"sms_id":"000000-1"}},"balance":4122.56})");
    on("/my/balance", R"({"status":"OK","status_code":100,"balance":99.5})");
    on("/sms/status", R"({"status":"OK","status_code":100,"sms":{"000000-1":{"status":"OK",)"
                      R"("status_code":103}}})");
    outside_.on("/form", {.body = "OK 17", .content_type = "text/plain"});
    outside_.on("/hook", {.status = 204, .content_type = ""});
  }
  // What the service behind a path was given.
  std::vector<std::string> given_to(const std::string& path) const {
    const std::vector<std::pair<std::string, std::vector<std::string>>> all = {
        {"/api/v", {dadata_, dadata_secret_}},
        {"/suggestions", {dadata_}},
        {"/api3", {kontur_}},
        {"/stat/v1", {metrika_}},
        {"/management", {metrika_}},
        {"/bot", {telegram_}},
        {"/sys", {smsc_password_}},
        {"/sms", {sms_ru_}},
        {"/my", {sms_ru_}},
        {"/form", {sms_form_}}};
    for (const auto& [begin, secrets] : all)
      if (path.starts_with(begin)) return secrets;
    return {"nothing"};
  }
  // As it might quote that.
  static std::string quoted(const std::vector<std::string>& secrets) {
    std::string text;
    for (const std::string& secret : secrets) text += secret + " " + api_spelling(secret) + " ";
    return text;
  }
  static std::string api_spelling(std::string text) {
    std::string encoded;
    for (const char c : text)
      encoded += c == '/' ? "%2F" : c == '+' ? "%2B" : c == '=' ? "%3D" : std::string(1, c);
    return encoded;
  }
  struct Trouble {
    std::string name;
    std::function<ServiceReply(const std::vector<std::string>& secrets)> reply;
    int timeout_ms = 120'000;
  };
  static std::vector<Trouble> troubles() {
    using Given = std::vector<std::string>;
    const auto refusal = [](int status) {
      return [status](const Given& given) {
        return ServiceReply{
            .status = status,
            .body =
                fmt::format(R"({{"ok":false,"error_code":{0},"status":"ERROR","status_code":{0},)"
                            R"("message":"{1}","description":"{1}","error":"{1}",)"
                            R"("status_text":"{1}","errors":[{{"message":"{1}"}}]}})",
                            status, quoted(given)),
            .headers = {{"X-Request-Id", given.front()}}};
      };
    };
    const auto broken = [](Delivery delivery) {
      return [delivery](const Given& given) {
        return ServiceReply{.body = quoted(given), .delivery = delivery};
      };
    };
    return {{"refused key", refusal(401)},
            {"forbidden", refusal(403)},
            {"never", refusal(400)},
            {"too many", refusal(429)},
            {"away", refusal(503)},
            {"page",
             [](const Given& given) {
               return ServiceReply{.body = "<html>" + quoted(given) + "</html>",
                                   .content_type = "text/html"};
             }},
            {"redirect",
             [](const Given& given) {
               return ServiceReply{
                   .status = 302,
                   .headers = {{"Location", "https://10.0.0.1/?key=" + given.front()}}};
             }},
            {"half", broken(Delivery::short_of_length)},
            {"no answer", broken(Delivery::hang_up)},
            {"silence", broken(Delivery::silent), 1'000}};
  }

  PlantedSecrets planted_;
  const std::string database_password_ = plant("database");
  const std::string dadata_ = plant("dadata");
  const std::string dadata_secret_ = plant("dadata-secret");
  const std::string kontur_ = plant("kontur");
  const std::string metrika_ = plant("metrika");
  const std::string telegram_ =
      planted_.plant("telegram", "123456789:PLANTED-telegram_0123456789abcdefg");
  const std::string smsc_password_ = plant("smsc-password");
  const std::string smsc_key_ = plant("smsc-key");
  const std::string sms_ru_ = plant("sms-ru");
  const std::string sms_form_ = plant("sms-form");
  const std::string smtp_password_ = plant("smtp");
  const std::string smtp_client_ = plant("smtp-client");
  const std::string smtp_refresh_ = plant("smtp-refresh");
  const std::string imap_password_ = plant("imap");
  const std::string imap_client_ = plant("imap-client");
  const std::string imap_refresh_ = plant("imap-refresh");
  const std::string webhook_key_ = plant("webhook-key-of-the-daemon");
  std::string webhook_secret_;

  TempFolder folder_;
  TempPostgres server_{{.tcp = true}};
  std::string owner_url_;
  ServiceServer outside_;
  TokenServer imap_provider_;
  TokenServer smtp_provider_;
  SmtpServer smtp_{{.password = smtp_password_}};
  SmtpServer smtp_tokens_{{.password = "access-1"}};
  ScriptedImapServer words_{{.password = imap_password_}};
  ScriptedImapServer tokens_;
  BearerSignIn bearer_{tokens_,
                       [this](const std::string& token) { return imap_provider_.good(token); }};
  std::filesystem::path helper_;
  std::filesystem::path helper_saw_;
  std::set<std::string> files_;
};

}  // namespace c360::testing

// Every outside service asked by the operator's command, refused and then taken, and the secrets of
// all of them nowhere.
#include <fstream>
#include <iterator>

#include "tests/support/service_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ServiceProbe : public SystemTest {
 protected:
  std::string with_services() {
    const auto secret = [&](const std::string& name, const std::string& value) {
      return "'" + daemon_.write(name, value + "\n") + "'\n";
    };
    const std::string trust =
        "ca_file = '" + outside_.ca_file() + "'\nconnect_timeout_ms = 60000\ntimeout_ms = 120000\n";
    const std::string url = outside_.url();
    return config(
        "[dadata]\napi_key_file = " + secret("dadata", "PLANTED-DADATA") +
        "secret_key_file = " + secret("dadata-secret", "PLANTED-SECRET") + "suggestions_url = '" +
        url + "'\nprofile_url = '" + url + "'\n" + trust +
        "[kontur_focus]\napi_token_file = " + secret("kontur", "PLANTED-KONTUR") + "url = '" + url +
        "'\n" + trust + "[metrika]\ntoken_file = " + secret("metrika", "PLANTED-METRIKA") +
        "url = '" + url + "/stat/v1/data'\n" + trust +
        "[telegram]\noap_authtoken_file = " + secret("telegram", "1:PLANTED-TELEGRAM") + "url = '" +
        url + "'\n" + trust + "[sms]\nprovider = 'smsc'\nlogin = 'company'\npassword_file = " +
        secret("sms", "PLANTED-SMS") + "api_key_file = " + secret("sms-key", "PLANTED-SMSKEY") +
        "url = '" + url + "'\n" + trust);
  }
  // Quoting the keys, as services do.
  void refuse_all() {
    const auto refuse = [&](const std::string& path, int status, const std::string& body,
                            const std::string& type = "application/json") {
      outside_.on(path, {.status = status, .body = body, .content_type = type});
    };
    refuse("/api/v2/stat/daily", 401, R"({"message":"PLANTED-DADATA PLANTED-SECRET unknown"})");
    refuse("/api3/stat", 403, "No valid key specified", "text/plain");
    refuse("/management/v1/counters", 403, R"({"message":"PLANTED-METRIKA is invalid"})");
    refuse("/bot1:PLANTED-TELEGRAM/getMe", 401,
           R"({"ok":false,"error_code":401,"description":"Unauthorized 1:PLANTED-TELEGRAM"})");
    refuse("/sys/balance.php", 200, R"({"error":"PLANTED-SMSKEY PLANTED-SMS","error_code":2})");
  }
  void take_all() {
    outside_.on("/api/v2/stat/daily",
                {.body = R"({"date":"2026-11-22","services":{"suggestions":30},)"
                         R"("remaining":{"suggestions":9970}})"});
    outside_.on("/api3/stat", {.body = R"([{"methodName":"api3/briefReport",)"
                                       R"("endDate":"2199-12-31","limit":500,"spent":100}])"});
    outside_.on("/management/v1/counters", {.body = R"({"rows":1,"counters":[{"id":7}]})"});
    outside_.on("/bot1:PLANTED-TELEGRAM/getMe",
                {.body = R"({"ok":true,"result":{"username":"client360_bot"}})"});
    outside_.on("/sys/balance.php", {.body = R"({"balance":"497.70"})"});
  }
  RanProgram command(std::vector<std::string> words) {
    words.insert(words.begin(),
                 {kCommand, "--api-url=http://127.0.0.1:" + std::to_string(daemon_.port("api"))});
    return run_program(words, environment_);
  }
  RanProgram adapter(std::vector<std::string> words) {
    words.insert(words.begin(), "adapter");
    return command(std::move(words));
  }
  std::string dump() const {
    std::string text;
    for (const std::string table : {"ops.service_gate", "ops.service_call", "ops.service_switch",
                                    "ops.service_quota", "ops.service_answer"})
      for (const std::string& row :
           TempPostgres::shared().query(database_, "SELECT t::text FROM " + table + " t"))
        text += row + "\n";
    return text;
  }
  std::string of_process(const std::string& file) const {
    std::ifstream stream("/proc/" + std::to_string(daemon_.pid()) + "/" + file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void expect_no_secret(const std::string& more) {
    for (const std::string& text :
         {more, dump(), daemon_.log(), admin_get("/metrics").body, admin_get("/-/config").body,
          admin_get("/readyz").body, of_process("cmdline"), of_process("environ")})
      EXPECT_THAT(text, Not(HasSubstr("PLANTED")));
  }

  ServiceServer outside_;
  std::map<std::string, std::string> environment_;
};

TEST_F(ServiceProbe, NamesWhatIsRefusedAndWhatIsLeftAndNoSecret) {
  refuse_all();
  start(with_services());
  sign_in();
  environment_["CLIENT360_TOKEN"] = token_;

  const RanProgram refused = adapter({"probe"});
  EXPECT_EQ(refused.exit_code, 1) << refused.output;
  for (const std::string service : {"dadata", "kontur", "metrika", "sms", "telegram"})
    EXPECT_THAT(refused.output, HasSubstr(service));
  EXPECT_THAT(refused.output, HasSubstr("put the new key into its file and reload"));
  const HttpAnswer degraded = admin_get("/readyz");
  EXPECT_EQ(degraded.status, 200) << "the API serves all the same";
  EXPECT_TRUE(degraded.json().find("degraded")->as_bool());
  EXPECT_EQ(degraded.json().find("services")->as_array().size(), 5U) << degraded.body;
  EXPECT_EQ(metric(R"(client360_adapter_calls_total{operation="balance",outcome="auth",)"
                   R"(service="sms"})"),
            1);
  expect_no_secret(refused.output + adapter({"list"}).output + adapter({"calls"}).output);

  take_all();
  const RanProgram taken = adapter({"probe"});
  EXPECT_EQ(taken.exit_code, 0) << taken.output;
  EXPECT_THAT(taken.output, AllOf(HasSubstr("suggestions: 9970"), HasSubstr("balance: 497.70"),
                                  HasSubstr("briefReport: 400 until 2199-12-31"),
                                  HasSubstr("@client360_bot"), HasSubstr("1 counter")));
  EXPECT_FALSE(admin_get("/readyz").json().find("degraded")->as_bool());
  EXPECT_THAT(adapter({"list"}).output,
              AllOf(HasSubstr("balance: 497.70"), HasSubstr("PROBED"), HasSubstr("yes")));
  EXPECT_EQ(adapter({"probe", "telegram"}).exit_code, 0);
  EXPECT_NE(adapter({"probe", "pigeon"}).exit_code, 0);
  expect_no_secret(taken.output);
}

TEST_F(ServiceProbe, ByTheClockEachIsAskedAnIntervalApartThatAReloadChanges) {
  take_all();
  start(with_services() + "[adapters]\nprobe_interval_s = 0\n");
  sign_in();
  environment_["CLIENT360_TOKEN"] = token_;
  const auto probed = [this] {
    EXPECT_EQ(command({"job", "run", "adapter_probe", "--watch"}).exit_code, 0);
    return TempPostgres::shared().query(database_,
                                        "SELECT count(*) FROM ops.service_probe WHERE works") ==
           std::vector<std::string>{"5"};
  };
  EXPECT_FALSE(probed());
  EXPECT_TRUE(outside_.requests().empty());

  rewrite(with_services() + "[adapters]\nprobe_interval_s = 1\n");
  ASSERT_EQ(reload().status, 200);

  EXPECT_TRUE(eventually(probed)) << daemon_.log();
  EXPECT_THAT(adapter({"list"}).output, AllOf(HasSubstr("briefReport: 400"), HasSubstr("yes")));
}

}  // namespace
}  // namespace c360::testing

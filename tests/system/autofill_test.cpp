// A card filled by the running daemon from a register over TLS, and the secrets of it nowhere.
#include "tests/support/service_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFind = "/suggestions/api/4_1/rs/findById/party";

class Autofill : public SystemTest {
 protected:
  void SetUp() override {
    register_.on(kFind, {.body = R"({"suggestions":[{"value":"ООО Ромашка","data":{
        "inn":"7707083893","kpp":"773601001","type":"LEGAL","branch_type":"MAIN",
        "opf":{"short":"ООО"},"state":{"status":"ACTIVE"},
        "name":{"full_with_opf":"Общество Ромашка","short_with_opf":"ООО Ромашка"}}}]})"});
    key_file_ = daemon_.write("dadata-key", "PLANTED-KEY\n");
  }
  std::string with_register() {
    return config("[dadata]\napi_key_file = '" + key_file_ + "'\nsuggestions_url = '" +
                  register_.url() + "'\nca_file = '" + register_.ca_file() +
                  "'\nconnect_timeout_ms = 60000\ntimeout_ms = 120000\n");
  }
  void sign_in() {
    const std::string file = "--config=" + daemon_.config_file();
    ASSERT_EQ(run_program({kCommand, file, "user", "add", "--admin", "ops"}).exit_code, 0);
    const RanProgram made = run_program({kCommand, file, "--json", "token", "create", "--user=ops",
                                         "--name=test", "--scopes=admin"});
    const auto token = Json::parse(made.output);
    ASSERT_TRUE(token) << made.output;
    token_ = token->find("token")->as_string();
  }
  HttpAnswer post(const std::string& path, const std::string& body) {
    return HttpClient(daemon_.port("api"))
        .post("/api/v1/counterparties" + path, body,
              {{"Authorization", "Bearer " + token_}, {"Content-Type", "application/json"}});
  }
  HttpAnswer get(const std::string& path) {
    return HttpClient(daemon_.port("api"))
        .get("/api/v1/counterparties" + path, {{"Authorization", "Bearer " + token_}});
  }
  std::string dump() const {
    std::string text;
    for (const std::string table :
         {"ops.service_gate", "ops.service_answer", "ops.service_call", "ops.service_switch",
          "ops.job", "ops.job_run", "crm.counterparty_fact", "crm.express_report",
          "crm.history_event"})
      for (const std::string& row :
           TempPostgres::shared().query(database_, "SELECT t::text FROM " + table + " t"))
        text += row + "\n";
    return text;
  }

  ServiceServer register_;
  std::string key_file_;
  std::string token_;
};

TEST_F(Autofill, ACardFillsItselfByItsInnAndARefusedKeyIsMendedByAReload) {
  start(with_register());
  sign_in();
  const HttpAnswer made = post("", R"({"name":"Ромашка","inn":"7707083893","segment_code":"small",)"
                                   R"("acquisition_channel_code":"site","status_code":"active"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string card = "/" + made.json().find("id")->number_text();

  const HttpAnswer filled = post(card + "/autofill", "{}");
  ASSERT_EQ(filled.status, 200) << filled.body;
  EXPECT_EQ(filled.json().find("record")->find("kpp")->as_string(), "773601001");
  EXPECT_EQ(register_.requests().front().headers.at("authorization"), "Token PLANTED-KEY");
  EXPECT_EQ(post(card + "/autofill", "{}").status, 200);
  EXPECT_EQ(register_.requests().size(), 1U);

  register_.next({.status = 403, .body = R"({"message":"PLANTED-KEY is refused"})"});
  const HttpAnswer refused = post(card + "/autofill", R"({"refresh":true})");
  EXPECT_EQ(refused.status, 502) << refused.body;
  EXPECT_EQ(post(card + "/autofill", R"({"refresh":true})").status, 502);
  EXPECT_EQ(register_.requests().size(), 2U);
  daemon_.write("dadata-key", "PLANTED-OTHER\n");
  ASSERT_EQ(reload().status, 200);
  EXPECT_EQ(post(card + "/autofill", R"({"refresh":true})").status, 200);
  EXPECT_EQ(register_.requests().back().headers.at("authorization"), "Token PLANTED-OTHER");

  for (const std::string& text : {refused.body, dump(), daemon_.log(), admin_get("/metrics").body,
                                  admin_get("/-/config").body, admin_get("/readyz").body})
    EXPECT_THAT(text, Not(HasSubstr("PLANTED")));
}

// All of it by jobs of the running daemon, from one request with nothing but the INN.
TEST_F(Autofill, AnInnAloneFillsTheCardAndBringsTheExpressReportWithItsPdf) {
  ServiceServer focus;
  focus.next({.body = R"([{"inn":"7707083893","briefReport":{"summary":{"redStatements":true},)"
                      R"("href":"https://focus.example/?mac=PLANTED-MAC&ltoken=PLANTED-L"}}])"});
  focus.next({.body = "%PDF-1.4\n" + std::string(1'000, ' ') + "\n%%EOF\n",
              .content_type = "application/pdf"});
  const std::string token = daemon_.write("focus-token", "PLANTED-FOCUS\n");
  start(with_register() + "[kontur_focus]\napi_token_file = '" + token + "'\nurl = '" +
        focus.url() + "'\nca_file = '" + focus.ca_file() +
        "'\nconnect_timeout_ms = 60000\ntimeout_ms = 120000\n");
  sign_in();
  const HttpAnswer made = post("", R"({"inn":"7707083893","segment_code":"small",)"
                                   R"("acquisition_channel_code":"site","status_code":"active"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json().find("check_status")->as_string(), "pending");
  const std::string card = "/" + made.json().find("id")->number_text();

  ASSERT_TRUE(eventually([&] {
    return get(card + "/express-report").body.contains(R"("ready")") &&
           get(card).json().find("name")->as_string() == "ООО Ромашка";
  })) << dump();

  const Json filled = get(card).json();
  EXPECT_EQ(filled.find("kpp")->as_string(), "773601001");
  EXPECT_EQ(filled.find("check_status")->as_string(), "risky");
  const HttpAnswer whole = get(card + "/360");
  EXPECT_THAT(whole.body, HasSubstr("express-report_7707083893_"));
  EXPECT_THAT(whole.body, HasSubstr(R"("risk_level":"red")"));
  const HttpAnswer history = get(card + "/history");
  for (const std::string event : {"autofilled", "check_status_changed", "document_added"})
    EXPECT_THAT(history.body, HasSubstr("\"" + event + "\""));
  EXPECT_EQ(register_.requests().size(), 1U);
  EXPECT_EQ(focus.requests().size(), 2U);
  for (const std::string& text : {dump(), daemon_.log(), admin_get("/metrics").body,
                                  admin_get("/-/config").body, admin_get("/readyz").body})
    EXPECT_THAT(text, Not(HasSubstr("PLANTED")));
}

TEST_F(Autofill, WithoutAKeyTheRegisterIsOffAndSaysSo) {
  start(config());
  sign_in();

  const HttpAnswer answer = post("/autofill", R"({"inn":"7707083893"})");

  EXPECT_EQ(answer.status, 409) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr("no API key"));
}

}  // namespace
}  // namespace c360::testing

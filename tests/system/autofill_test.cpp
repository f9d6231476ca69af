// A card filled by the running daemon from a register over TLS, and the secrets of it nowhere.
#include <csignal>

#include "tests/system/autofill_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
TEST_F(Autofill, ACardAskedForFilledIsFilledWhenItIsThere) {
  start(with_register());
  sign_in();
  const std::string body = R"({"inn":"7707083893","segment_code":"small",)"
                           R"("acquisition_channel_code":"site","status_code":"active"})";

  const HttpAnswer made = post("?autofill=true", body);

  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("name"), "ООО Ромашка");
  EXPECT_EQ(made.field("kpp"), "773601001");
  EXPECT_EQ(
      one("SELECT count(*) FROM ops.job WHERE kind = 'counterparty_autofill' AND record_id = " +
          made.field("id")),
      "0");
  register_.on(kFindParty, {.body = R"({"suggestions":[]})"});
  const HttpAnswer unknown =
      post("?autofill=true", std::string(body).replace(body.find("7707083893"), 10, "6663003127"));
  EXPECT_EQ(unknown.status, 404) << unknown.body;
  EXPECT_EQ(unknown.field("code"), "inn_not_found");
  EXPECT_EQ(one("SELECT count(*) FROM crm.counterparty"), "1");
  EXPECT_EQ(register_.requests().size(), 2U);
}

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

// Every kill while the register is asked costs one question more, and none once its answer is kept.
TEST_F(Autofill, DaemonKilledWhileItAsksAndWhileItWritesFillsTheCardAfterARestart) {
  constexpr std::size_t kKills = 3;
  register_.on_request([this](const auto&) {
    if (register_.requests().size() <= kKills) daemon_.signal(SIGKILL);
  });
  execute(
      "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN PERFORM pg_sleep(600); RETURN NEW; END'");
  execute(
      "CREATE TRIGGER hold BEFORE INSERT ON crm.requisite_write FOR EACH ROW EXECUTE FUNCTION "
      "hold()");
  start(with_register());
  sign_in();
  // The answer may be lost with the daemon.
  post("", R"({"inn":"7707083893","segment_code":"small","acquisition_channel_code":"site",)"
           R"("status_code":"active"})");
  for (std::size_t kill = 1; kill <= kKills; ++kill) {
    daemon_.wait_for_exit();
    EXPECT_EQ(register_.requests().size(), kill);
    ASSERT_EQ(one("SELECT kpp IS NULL FROM crm.counterparty"), "t");
    start_where_it_was_left();
  }
  const std::string held =
      "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND "
      "datname = current_database()";
  ASSERT_TRUE(eventually([&] { return !one(held).empty(); }));
  daemon_.signal(SIGKILL);
  daemon_.wait_for_exit();
  execute("SELECT pg_terminate_backend(pid) FROM (" + held + ") AS held");
  execute("DROP TRIGGER hold ON crm.requisite_write");
  start_where_it_was_left();

  ASSERT_TRUE(eventually([&] { return one("SELECT kpp FROM crm.counterparty") == "773601001"; }))
      << dump();
  EXPECT_EQ(one("SELECT concat_ws('|', name, name_is_auto, full_name, short_name, kind, "
                "legal_form_code, registry_status, autofill_source) FROM crm.counterparty"),
            "ООО Ромашка|f|Общество Ромашка|ООО Ромашка|legal_entity|ooo|active|dadata");
  EXPECT_EQ(one("SELECT concat_ws('|', is_primary, full_name, inn, kpp) FROM crm.legal_entity"),
            "t|Общество Ромашка|7707083893|773601001");
  EXPECT_EQ(one("SELECT count(*) FROM crm.history_event WHERE event = 'autofilled'"), "1");
  EXPECT_EQ(one("SELECT count(*) FROM crm.legal_entity"), "1");
  EXPECT_LE(register_.requests().size(), 1 + kKills);
}

TEST_F(Autofill, AnotherPolicyChangesTheCardAtAReloadWithoutACall) {
  const auto with_policy = [this](const std::string& first) {
    return with_register() + "[requisites]\nbelieve = [" + first +
           ", 'import', 'mail', 'kontur']\n";
  };
  start(with_policy("'person', 'dadata'"));
  sign_in();
  const HttpAnswer made = post("", R"({"inn":"7707083893","full_name":"Как мы зовём",)"
                                   R"("segment_code":"small","acquisition_channel_code":"site",)"
                                   R"("status_code":"active"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string card = "/" + made.field("id");
  ASSERT_TRUE(eventually([&] { return get(card).field("kpp") == "773601001"; }));
  ASSERT_EQ(get(card).field("full_name"), "Как мы зовём");

  rewrite(with_policy("'dadata', 'person'"));
  ASSERT_EQ(reload().status, 200);
  EXPECT_TRUE(eventually([&] { return get(card).field("full_name") == "Общество Ромашка"; }))
      << dump();
  rewrite(with_policy("'person', 'dadata'"));
  ASSERT_EQ(reload().status, 200);
  EXPECT_TRUE(eventually([&] { return get(card).field("full_name") == "Как мы зовём"; })) << dump();

  EXPECT_EQ(register_.requests().size(), 1U);
  EXPECT_EQ(one("SELECT count(*) FROM ops.job WHERE kind = 'counterparty_repolicy'"), "2");
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

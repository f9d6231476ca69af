// Messages by the Telegram bot and by SMS through the running daemon: from the request over the API
// to the service and back, what each failure makes of them, and what is nobody's to send twice.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "tests/support/service_server.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

class PhoneMessages : public SystemTest {
 protected:
  static constexpr const char* kBot = "/bot77:token/sendMessage";
  static constexpr const char* kBotTook = R"({"ok":true,"result":{"message_id":815}})";
  static constexpr const char* kSmsc = "/sys/send.php";
  static constexpr const char* kSmscStatus = "/sys/status.php";

  void SetUp() override {
    daemon_.write("bot", "77:token\n");
    daemon_.write("sms", "key\n");
    outside_.on(kBot, {.body = kBotTook});
    outside_.on(kSmsc, {.body = R"({"id":4711,"cnt":1,"cost":"2.3","balance":"497.7"})"});
  }
  std::string settings(const std::string& provider = "smsc", int timeout_ms = 60'000,
                       const std::string& more = {}) {
    const auto at = [&](const std::string& path) {
      return fmt::format(
          "url = '{}'\nca_file = '{}'\nconnect_timeout_ms = 60000\ntimeout_ms = {}\n",
          outside_.url() + path, outside_.ca_file(), timeout_ms);
    };
    return config("[adapters]\nprobe_interval_s = 0\n[telegram]\noap_authtoken_file = 'bot'\n" +
                  at("") + "[sms]\nprovider = '" + provider + "'\napi_key_file = 'sms'\n" +
                  at(provider == "form" ? "/form" : "") + more +
                  "[messages]\ntelegram_quiet_hours = ''\nsms_quiet_hours = ''\n");
  }
  void begin(const std::string& text) {
    start(text);
    sign_in();
    const HttpAnswer made = ask("POST", "/counterparties",
                                R"({"name":"Ромашка","segment_code":"small",)"
                                R"("acquisition_channel_code":"site",)"
                                R"("status_code":"active"})");
    ASSERT_EQ(made.status, 201) << made.body;
    customer_ = made.field("id");
  }
  HttpAnswer ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    return HttpClient(daemon_.port("api"))
        .request(method, "/api/v1" + path,
                 {{"Authorization", "Bearer " + token_}, {"Content-Type", "application/json"}},
                 body);
  }
  // Its id.
  std::string queue(const std::string& channel, const std::string& text = "Счёт готов") {
    const std::string address = channel == "sms" ? "8 (999) 000-00-01" : "-100200300";
    const HttpAnswer queued =
        ask("POST", "/messages",
            fmt::format(R"({{"channel":"{}","address":"{}","text":"{}","counterparty_id":{}}})",
                        channel, address, text, customer_));
    EXPECT_EQ(queued.status, 201) << queued.body;
    EXPECT_EQ(queued.field("status"), "queued");
    return queued.field("id");
  }
  // As whoever reads it over the API sees it.
  std::string state(const std::string& id) {
    const HttpAnswer read = ask("GET", "/messages/" + id);
    const std::string reason = read.field("reason");
    return read.field("status") + (reason.empty() || reason == "null" ? "" : " " + reason);
  }
  ::testing::AssertionResult comes_to(const std::string& id, const std::string& wanted) {
    if (eventually([&] { return state(id) == wanted; })) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << ask("GET", "/messages/" + id).body << "\n"
                                         << daemon_.log();
  }
  // What minutes do: what waits for its time is due, pauses and rates are over.
  void let_time_pass() {
    one("WITH gates AS (DELETE FROM ops.service_gate), due AS (UPDATE crm.outbound_message "
        "SET next_attempt_at = now() WHERE status IN ('queued', 'sent') AND next_attempt_at > "
        "now() RETURNING 1) SELECT count(pg_notify('c360_job', '')) FROM due");
  }
  std::size_t asked(const std::string& path) const {
    const auto requests = outside_.requests();
    return static_cast<std::size_t>(
        std::ranges::count(requests, path, [](const ServiceRequest& each) { return each.path; }));
  }
  ServiceRequest last(const std::string& path) const {
    ServiceRequest found;
    for (const ServiceRequest& each : outside_.requests())
      if (each.path == path) found = each;
    return found;
  }
  static ServiceReply refused(int status, const std::string& said) {
    return {
        .status = status,
        .body = fmt::format(R"({{"ok":false,"error_code":{},"description":"{}"}})", status, said)};
  }

  ServiceServer outside_;
  std::string customer_;
};

// -- Telegram -------------------------------------------------------------------------------------

TEST_F(PhoneMessages, TheBotSendsWhatWasQueuedOverTheApi) {
  begin(settings());
  const std::string id = queue("telegram", "Счёт <b>№ 5</b> готов");

  ASSERT_TRUE(comes_to(id, "sent"));

  EXPECT_EQ(asked(kBot), 1U);
  const auto body = Json::parse(last(kBot).body);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->find("chat_id")->number_text(), "-100200300");
  EXPECT_EQ(body->find("text")->as_string(), "Счёт <b>№ 5</b> готов");
  const HttpAnswer read = ask("GET", "/messages/" + id);
  EXPECT_EQ(read.field("provider_message_id"), "815");
  EXPECT_NE(read.field("sent_at"), "null");
  EXPECT_EQ(one("SELECT outcome FROM ops.service_call WHERE service = 'telegram'"), "found");
  // Telegram tells nobody whether a message arrived.
  let_time_pass();
  EXPECT_EQ(state(id), "sent");
  EXPECT_EQ(outside_.requests().size(), 1U);
}

TEST_F(PhoneMessages, EachFailureOfTheBotMakesOfAMessageWhatItMeans) {
  begin(settings());
  outside_.on(kBot, refused(403, "Forbidden: bot was blocked by the user"));
  EXPECT_TRUE(comes_to(queue("telegram"), "failed recipient"));
  outside_.on(kBot, refused(400, "Bad Request: message is too long"));
  EXPECT_TRUE(comes_to(queue("telegram"), "failed"));

  outside_.on(kBot, refused(502, "Bad Gateway"));
  const std::string later = queue("telegram");
  EXPECT_TRUE(eventually([&] {
    const HttpAnswer read = ask("GET", "/messages/" + later);
    return read.field("status") == "queued" && read.field("attempts") == "1";
  }));
  outside_.on(kBot, {.body = kBotTook});
  let_time_pass();
  EXPECT_TRUE(comes_to(later, "sent"));
}

TEST_F(PhoneMessages, ARefusedTokenCostsNoAttemptAndANewOneSendsWhatWaited) {
  begin(settings());
  outside_.on(kBot, refused(401, "Unauthorized"));
  const std::string first = queue("telegram");
  ASSERT_TRUE(eventually([&] { return asked(kBot) == 1; }));
  const std::string second = queue("telegram");

  EXPECT_TRUE(comes_to(first, "queued"));
  EXPECT_EQ(ask("GET", "/messages/" + first).field("attempts"), "0");
  EXPECT_EQ(state(second), "queued");
  EXPECT_EQ(asked(kBot), 1U) << "nobody asks with a key that was refused";

  outside_.on("/bot77:other/sendMessage", {.body = kBotTook});
  daemon_.write("bot", "77:other\n");
  ASSERT_EQ(reload().status, 200);
  let_time_pass();
  EXPECT_TRUE(comes_to(first, "sent"));
  EXPECT_TRUE(comes_to(second, "sent"));
}

TEST_F(PhoneMessages, WhatTheBotDidNotAnswerIsSentOnceMoreAtMost) {
  begin(settings());
  outside_.on(kBot, {.delivery = Delivery::hang_up});
  const std::string id = queue("telegram");
  ASSERT_TRUE(comes_to(id, "queued unclear"));
  let_time_pass();
  ASSERT_TRUE(comes_to(id, "unknown unclear"));

  outside_.on(kBot, {.body = kBotTook});
  let_time_pass();
  ASSERT_TRUE(comes_to(queue("telegram"), "sent"));
  EXPECT_EQ(asked(kBot), 3U) << "two of the first, one of the second";
  EXPECT_EQ(state(id), "unknown unclear");
}

// -- SMS ------------------------------------------------------------------------------------------

TEST_F(PhoneMessages, AShortMessageIsSentAndAskedAboutUntilItHasArrived) {
  outside_.on(kSmscStatus, {.body = R"({"status":0})"});
  begin(settings());
  const std::string id = queue("sms");

  ASSERT_TRUE(comes_to(id, "sent"));
  EXPECT_EQ(last(kSmsc).method, "POST");
  EXPECT_THAT(last(kSmsc).body, HasSubstr("phones=79990000001&mes=%D0%A1%D1%87"));
  EXPECT_EQ(ask("GET", "/messages/" + id).field("provider_message_id"), "4711");
  let_time_pass();
  ASSERT_TRUE(eventually([&] { return asked(kSmscStatus) == 1; }));
  EXPECT_EQ(state(id), "sent") << "it is on its way";
  outside_.on(kSmscStatus, {.body = R"({"status":1})"});
  ASSERT_TRUE(eventually([&] {
    let_time_pass();
    return state(id) == "delivered";
  }));
  EXPECT_THAT(last(kSmscStatus).body, HasSubstr("phone=79990000001&id=4711"));
  EXPECT_NE(ask("GET", "/messages/" + id).field("delivered_at"), "null");
  EXPECT_EQ(asked(kSmsc), 1U);

  outside_.on(kSmscStatus, {.body = R"({"status":20})"});
  const std::string lost = queue("sms", "Второй");
  ASSERT_TRUE(comes_to(lost, "sent"));
  ASSERT_TRUE(eventually([&] {
    let_time_pass();
    return state(lost) == "failed undeliverable";
  })) << ask("GET", "/messages/" + lost).body;
}

TEST_F(PhoneMessages, EachFailureOfTheGatewayMakesOfAMessageWhatItMeans) {
  begin(settings());
  const auto says = [this](int code) {
    outside_.on(kSmsc, {.body = fmt::format(R"({{"error":"said so","error_code":{}}})", code)});
  };
  says(7);
  EXPECT_TRUE(comes_to(queue("sms"), "failed recipient"));
  says(6);
  EXPECT_TRUE(comes_to(queue("sms"), "failed"));

  says(3);
  const std::string poor = queue("sms");
  EXPECT_TRUE(comes_to(poor, "queued money"));
  EXPECT_EQ(ask("GET", "/messages/" + poor).field("attempts"), "0");
  const std::size_t before = asked(kSmsc);
  EXPECT_EQ(state(queue("sms", "Второй")), "queued");
  EXPECT_EQ(asked(kSmsc), before) << "the gateway rests for an hour";
  outside_.on(kSmsc, {.body = R"({"id":4712,"cnt":1})"});
  let_time_pass();
  EXPECT_TRUE(comes_to(poor, "sent"));
}

TEST_F(PhoneMessages, WhatTheGatewayDidNotAnswerIsUnknownAndNeverSentTwice) {
  begin(settings("smsc", 3'000));
  std::vector<std::string> unknown;
  for (const Delivery fault : {Delivery::hang_up, Delivery::silent, Delivery::short_of_length}) {
    outside_.on(kSmsc, {.body = R"({"id":4711,"cnt":1})", .delivery = fault});
    unknown.push_back(queue("sms", fmt::format("Заказ {}", unknown.size())));
    ASSERT_TRUE(comes_to(unknown.back(), "unknown unclear"));
    let_time_pass();
  }
  outside_.on(kSmsc, {.body = R"({"id":4712,"cnt":1})"});
  ASSERT_TRUE(comes_to(queue("sms"), "sent"));

  EXPECT_EQ(asked(kSmsc), unknown.size() + 1);
  for (const std::string& id : unknown) EXPECT_EQ(state(id), "unknown unclear");
}

TEST_F(PhoneMessages, AShortMessageThatNobodyHeardOfIsAskedAboutByTheNameItWasGiven) {
  outside_.on(kSmscStatus, {.body = R"({"status":1})"});
  begin(settings("smsc", 3'000));
  outside_.on(kSmsc, {.body = R"({"id":4711,"cnt":1})", .delivery = Delivery::hang_up});
  const std::string id = queue("sms");
  ASSERT_TRUE(comes_to(id, "unknown unclear"));
  one("WITH due AS (UPDATE crm.outbound_message SET next_attempt_at = now() RETURNING 1) "
      "SELECT count(pg_notify('c360_job', '')) FROM due");

  ASSERT_TRUE(comes_to(id, "delivered"));

  EXPECT_EQ(asked(kSmsc), 1U);
  const std::string sent = last(kSmsc).body;
  const std::string name = sent.substr(sent.find("&id=") + 4);
  EXPECT_THAT(last(kSmscStatus).body, HasSubstr("phone=79990000001&id=" + name + "&fmt=3"));
  EXPECT_EQ(ask("GET", "/messages/" + id).field("provider_message_id"), name);
}

TEST_F(PhoneMessages, ADaemonKilledWithAShortMessageInItsHandsLeavesItUnknown) {
  begin(settings());
  outside_.on_request([this](const ServiceRequest&) { daemon_.signal(SIGKILL); });
  const std::string id = queue("sms");
  daemon_.wait_for_exit();
  outside_.on_request({});
  ASSERT_EQ(one("SELECT status FROM crm.outbound_message"), "sending");
  one("UPDATE crm.outbound_message SET claimed_until = now() RETURNING 1");

  daemon_.start();
  ASSERT_TRUE(
      eventually([&] { return one("SELECT status FROM crm.outbound_message") == "unknown"; }));
  EXPECT_EQ(asked(kSmsc), 1U);
  EXPECT_EQ(one("SELECT reason FROM crm.outbound_message WHERE id = " + id), "unclear");
}

TEST_F(PhoneMessages, OtherGatewaysCarryTheSameAfterAReload) {
  begin(settings());
  outside_.on("/sms/send", {.body = R"({"status":"OK","status_code":100,"sms":{"79990000001":{)"
                                    R"("status":"OK","status_code":100,"sms_id":"2026-7"}}})"});
  outside_.on("/sms/status", {.body = R"({"status":"OK","status_code":100,"sms":{"2026-7":{)"
                                      R"("status":"OK","status_code":103}}})"});
  outside_.on("/form", {.body = "OK 17", .content_type = "text/plain"});

  rewrite(settings("sms_ru"));
  ASSERT_EQ(reload().status, 200);
  const std::string by_sms_ru = queue("sms");
  ASSERT_TRUE(eventually([&] {
    let_time_pass();
    return state(by_sms_ru) == "delivered";
  })) << daemon_.log();
  EXPECT_THAT(last("/sms/send").body, HasSubstr("to=79990000001"));

  rewrite(settings("form", 60'000, "form_success = 'OK'\nform_secret_field = 'auth'\n"));
  ASSERT_EQ(reload().status, 200);
  const std::string by_form = queue("sms");
  ASSERT_TRUE(comes_to(by_form, "sent"));
  EXPECT_THAT(last("/form").body, HasSubstr("auth=key"));
  EXPECT_EQ(ask("GET", "/messages/" + by_form).field("provider_message_id"), "17");
  EXPECT_EQ(asked(kSmsc), 0U);
}

}  // namespace
}  // namespace c360::testing

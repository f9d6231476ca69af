// SMSC.ru: the form that is posted, every error, and what a message that nobody answered for is.
#include "adapters/smsc.h"

#include "adapters/redactor.h"
#include "tests/adapters/channel_setting.h"

namespace c360::adapters {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kTaken = R"({"id": 4711, "cnt": 1, "cost": "2.3", "balance": "497.7"})";

class QuotaJournal final : public CallJournal {
 public:
  void record(const CallRecord& record) override { records.push_back(record); }
  void quota(const QuotaLeft& left) override { quotas.push_back(left); }
  std::vector<CallRecord> records;
  std::vector<QuotaLeft> quotas;
};

class SmscTest : public ChannelTest {
 protected:
  SmscTest() {
    options.login = "company";
    options.password = Secret("PLANTED-pass word&1");
    options.base_url = server.url();
    options.ca_file = server.ca_file();
    be_patient(options.limits.call);
    server.on("/sys/send.php", json(kTaken));
  }
  ChannelPorts ports_of(GateStates& gates) {
    ChannelPorts all = channel_ports(gates);
    all.journal = &quotas;
    return all;
  }
  CallResult<CarriedMessage> send(const ChannelMessage& message) {
    MemoryGateStates fresh;
    return Smsc{options, ports_of(fresh)}.send(message, {});
  }
  CallResult<CarriedMessage> send(const std::string& text = "Тест") {
    return send({.address = "+79990000001", .text = text});
  }
  NoAnswer none_for(ServiceReply reply) {
    server.next(std::move(reply));
    const auto sent = send();
    EXPECT_FALSE(sent);
    return sent ? NoAnswer{} : sent.error();
  }
  std::optional<CallResult<DeliveryReport>> delivery() {
    MemoryGateStates fresh;
    return Smsc{options, ports_of(fresh)}.delivery("4711", "+79990000001", {});
  }
  static std::string error(int code) {
    return R"({"error": "said so", "error_code": )" + std::to_string(code) + "}";
  }

  SmscOptions options;
  QuotaJournal quotas;
};

TEST_F(SmscTest, PostsAFormInUtf8AndReadsIdCountAndBalance) {
  const auto sent = send();

  ASSERT_TRUE(sent) << sent.error().detail;
  EXPECT_EQ(sent->state, Carried::sent);
  EXPECT_EQ(sent->provider_id, "4711");
  EXPECT_EQ(sent->segments, 1);
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_TRUE(request.query.empty()) << "a key in an address stands in logs";
  EXPECT_EQ(request.headers.at("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.body,
            "login=company&psw=PLANTED-pass%20word%261&phones=79990000001"
            "&mes=%D0%A2%D0%B5%D1%81%D1%82&charset=utf-8&fmt=3&cost=3");
  ASSERT_EQ(quotas.quotas.size(), 1U);
  EXPECT_EQ(quotas.quotas[0].service, "sms");
  EXPECT_EQ(quotas.quotas[0].name, "balance");
  EXPECT_EQ(quotas.quotas[0].left, "497.7");
}

TEST_F(SmscTest, AKeyTakesThePlaceOfThePasswordAndASenderGoesAlong) {
  options.api_key = Secret("PLANTED-key");
  options.sender = "ROMASHKA";
  ASSERT_TRUE(send({.address = "79990000001", .text = "x", .key = "message 17"}));
  ASSERT_TRUE(send({.address = "79990000001", .text = "x", .key = "message 17"}));

  const auto requests = server.requests();
  EXPECT_THAT(requests[0].body, HasSubstr("apikey=PLANTED-key&phones="));
  EXPECT_THAT(requests[0].body, Not(HasSubstr("psw")));
  EXPECT_THAT(requests[0].body, HasSubstr("&sender=ROMASHKA&id="));
  EXPECT_EQ(requests[0].body, requests[1].body) << "the same message has the same id";
}

TEST_F(SmscTest, EachErrorMeansWhatItsRowSays) {
  struct Row {
    int code;
    Outcome outcome;
    std::string reason;
    seconds wait;
  };
  const std::vector<Row> rows{{1, Outcome::permanent, "", {}},
                              {2, Outcome::auth, "", hours{1}},
                              {3, Outcome::quota, "money", hours{1}},
                              {4, Outcome::quota, "address_blocked", minutes{15}},
                              {5, Outcome::permanent, "", {}},
                              {6, Outcome::permanent, "", {}},
                              {7, Outcome::permanent, "recipient", {}},
                              {8, Outcome::permanent, "recipient", {}},
                              {9, Outcome::quota, "same_again", seconds{60}},
                              {77, Outcome::permanent, "", {}}};
  for (const Row& row : rows) {
    const NoAnswer none = none_for(json(error(row.code)));
    EXPECT_EQ(none.outcome, row.outcome) << row.code;
    EXPECT_EQ(none.reason, row.reason) << row.code;
    EXPECT_EQ(none.retry_at.value_or(clock.now()) - clock.now(), row.wait) << row.code;
    EXPECT_THAT(none.detail, HasSubstr("said so"));
  }
  // An id beside an error is no success.
  EXPECT_EQ(none_for(json(R"({"id": 5, "error": "no", "error_code": "6"})")).outcome,
            Outcome::permanent);
}

TEST_F(SmscTest, OnlyWhatConcernsAllPausesTheGateway) {
  Smsc smsc{options, ports_of(states)};
  const ChannelMessage message{.address = "79990000001", .text = "x"};
  server.next(json(error(9)));
  EXPECT_FALSE(smsc.send(message, {}));
  EXPECT_TRUE(smsc.send(message, {})) << "error 9 is about one text to one number";

  server.next(json(error(4)));
  EXPECT_FALSE(smsc.send(message, {}));
  EXPECT_EQ(smsc.send(message, {}).error().reason, "paused");
  EXPECT_EQ(smsc.probe({}).error().reason, "paused");
  clock.advance(minutes{15});
  EXPECT_TRUE(smsc.send(message, {}));
}

TEST_F(SmscTest, TheSameAgainAfterAnUnknownMeansThatTheFirstWasTaken) {
  server.next(json(error(9)));
  const auto again =
      send({.address = "79990000001", .text = "x", .key = "message 17", .maybe_sent = true});

  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(again->state, Carried::sent);
  EXPECT_THAT(server.requests()[0].body, HasSubstr("&id=" + again->provider_id));
}

TEST_F(SmscTest, WhatWasWrittenWholeAndNotAnsweredIsUnknownAndCanBeAskedAbout) {
  options.limits.call.whole = seconds{2};
  auto faults = silent_faults(kTaken);
  faults.push_back({"a page", {.body = "<html>oops</html>", .content_type = "text/html"}});
  faults.push_back({"huge", {.body = std::string(300'000, ' ')}});
  faults.push_back({"a front server", {.status = 504, .body = "<html/>"}});
  faults.push_back({"busy", {.status = 503, .body = "busy"}});
  faults.push_back({"an array", json("[1]")});
  faults.push_back({"without an id", json(R"({"cnt": 1})")});
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    server.next(fault.reply);
    const std::size_t before = server.requests().size();
    const auto sent = send({.address = "79990000001", .text = "x", .key = "message 17"});
    ASSERT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(sent->state, Carried::unknown);
    EXPECT_FALSE(sent->provider_id.empty()) << "our own id";
    EXPECT_EQ(sent->segments, 1);
    ASSERT_EQ(server.requests().size(), before + 1);
    EXPECT_THAT(server.requests().back().body, HasSubstr("&id=" + sent->provider_id));
  }
}

TEST_F(SmscTest, WhatWasNotTakenIsCertain) {
  EXPECT_EQ(none_for({.status = 307, .headers = {{"Location", "http://10.0.0.1/"}}}).reason,
            "redirect");
  options.base_url = kNobody;
  EXPECT_EQ(send().error().reason, "unreachable");
}

TEST_F(SmscTest, WhatIsNoNumberNoTextOrTooLongCostsNoCall) {
  for (const std::string number :
       {"", "+", "12345", "8 999 000", "+0999000000", "1234567890123456", "+7999000000a"}) {
    EXPECT_EQ(send({.address = number, .text = "x"}).error().reason, "recipient") << number;
  }
  EXPECT_EQ(send(" ").error().reason, "empty");
  options.limits.max_segments = 2;
  const auto longer = send(std::string(307, 'x'));
  EXPECT_EQ(longer.error().reason, "too_long");
  EXPECT_THAT(longer.error().detail, HasSubstr("sms.max_segments"));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(SmscTest, EachStatusMeansWhatItsRowSays) {
  const std::vector<std::pair<int, DeliveryState>> rows{
      {-3, DeliveryState::not_found},     {-1, DeliveryState::on_its_way},
      {0, DeliveryState::on_its_way},     {1, DeliveryState::delivered},
      {2, DeliveryState::delivered},      {3, DeliveryState::undeliverable},
      {20, DeliveryState::undeliverable}, {22, DeliveryState::undeliverable},
      {23, DeliveryState::undeliverable}, {24, DeliveryState::undeliverable},
      {25, DeliveryState::undeliverable}};
  for (const auto& [status, state] : rows) {
    server.on("/sys/status.php", json("{\"status\": " + std::to_string(status) + "}"));
    const auto report = delivery();
    ASSERT_TRUE(report && *report) << status;
    EXPECT_EQ((*report)->state, state) << status;
  }
  EXPECT_THAT(server.requests()[0].body, HasSubstr("&phone=79990000001&id=4711&fmt=3"));
  server.on("/sys/status.php", json(error(2)));
  EXPECT_EQ(delivery()->error().outcome, Outcome::auth);
  server.on("/sys/status.php", json("{}"));
  EXPECT_EQ(delivery()->error().reason, "malformed");
}

TEST_F(SmscTest, AProbeAsksForTheBalance) {
  server.on("/sys/balance.php", json(R"({"balance": "12.50"})"));
  Smsc smsc{options, ports_of(states)};
  EXPECT_EQ(smsc.probe({}).value_or(""), "balance 12.50");
  EXPECT_EQ(quotas.quotas.back().left, "12.50");
  server.on("/sys/balance.php", json(R"({"balance": "a lot"})"));
  EXPECT_TRUE(smsc.probe({}));
  EXPECT_EQ(quotas.quotas.size(), 1U) << "what is no number is not kept";
}

TEST_F(SmscTest, ThePasswordIsInNoErrorAndNoRecord) {
  (void)none_for(json(R"({"error": "PLANTED-pass word&1 is wrong", "error_code": 2})"));
  options.base_url = kNobody;
  (void)send();

  ASSERT_EQ(quotas.records.size(), 2U);
  for (const CallRecord& record : quotas.records) {
    EXPECT_THAT(record.error + record.subject, Not(HasSubstr("PLANTED")));
    if (record.exchange) {
      EXPECT_THAT(record.exchange->request_body + record.exchange->body, Not(HasSubstr("PLANTED")));
    }
  }
}

}  // namespace
}  // namespace c360::adapters

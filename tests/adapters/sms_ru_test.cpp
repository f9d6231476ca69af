// SMS.ru: the outer status speaks of the call, the inner one of the message.
#include "adapters/sms_ru.h"

#include "tests/adapters/channel_setting.h"

namespace c360::adapters {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

std::string inner(int code) {
  return R"({"status": "OK", "status_code": 100, "sms": {"79990000001": {"status": "x",
            "status_code": )" +
         std::to_string(code) + R"(, "sms_id": "000000-1", "status_text": "said so"}},
            "balance": 4122.56})";
}
std::string outer(int code) {
  return R"({"status": "ERROR", "status_text": "said so", "status_code": )" + std::to_string(code) +
         "}";
}

class SmsRuTest : public ChannelTest {
 protected:
  SmsRuTest() {
    options.api_id = Secret("PLANTED-API-ID");
    options.base_url = server.url();
    options.ca_file = server.ca_file();
    be_patient(options.limits.call);
    server.on("/sms/send", json(inner(100)));
  }
  CallResult<CarriedMessage> send() {
    MemoryGateStates fresh;
    return SmsRu{options, channel_ports(fresh)}.send({.address = "+79990000001", .text = "Тест"},
                                                     {});
  }
  NoAnswer none_for(ServiceReply reply) {
    server.next(std::move(reply));
    const auto sent = send();
    EXPECT_FALSE(sent);
    return sent ? NoAnswer{} : sent.error();
  }
  CallResult<DeliveryReport> delivery() {
    MemoryGateStates fresh;
    const auto report =
        SmsRu{options, channel_ports(fresh)}.delivery("000000-1", "79990000001", {});
    return report ? *report : CallResult<DeliveryReport>{};
  }

  SmsRuOptions options;
};

TEST_F(SmsRuTest, PostsAFormAndReadsTheIdBesideTheNumber) {
  const auto sent = send();

  ASSERT_TRUE(sent) << sent.error().detail;
  EXPECT_EQ(sent->provider_id, "000000-1");
  EXPECT_EQ(sent->segments, 1);
  EXPECT_EQ(server.requests()[0].method, "POST");
  EXPECT_EQ(server.requests()[0].body,
            "api_id=PLANTED-API-ID&to=79990000001&msg=%D0%A2%D0%B5%D1%81%D1%82&json=1");
  options.sender = "ROMASHKA";
  ASSERT_TRUE(send());
  EXPECT_THAT(server.requests()[1].body, HasSubstr("&from=ROMASHKA"));
}

TEST_F(SmsRuTest, EachCodeMeansTheSameOutsideAndInside) {
  struct Row {
    std::vector<int> codes;
    Outcome outcome;
    std::string reason;
    seconds wait;
  };
  // The clock stands at 03:00 in Moscow.
  const std::vector<Row> rows{
      {{200, 300, 301, 302, 303, 304, 305}, Outcome::auth, "", hours{1}},
      {{201}, Outcome::quota, "money", hours{1}},
      {{206}, Outcome::quota, "day_limit", hours{21}},
      {{230, 232}, Outcome::quota, "too_many_to_number", hours{21}},
      {{231}, Outcome::quota, "too_many_to_number", minutes{1}},
      {{202, 207, 209}, Outcome::permanent, "recipient", {}},
      {{203, 204, 205, 208, 210, 211, 212, 213, 214}, Outcome::permanent, "", {}},
      {{220, 500}, Outcome::retryable, "", {}},
      {{501, 505, 509}, Outcome::quota, "fraud_limit", hours{1}},
      {{999}, Outcome::permanent, "", {}}};
  for (const Row& row : rows) {
    for (const int code : row.codes) {
      for (const std::string& body : {outer(code), inner(code)}) {
        const NoAnswer none = none_for(json(body));
        EXPECT_EQ(none.outcome, row.outcome) << body;
        EXPECT_EQ(none.reason, row.reason) << body;
        EXPECT_EQ(none.retry_at.value_or(clock.now()) - clock.now(), row.wait) << body;
        EXPECT_THAT(none.detail, HasSubstr("said so"));
      }
    }
  }
}

TEST_F(SmsRuTest, TooManyToOneNumberPausesNobodyElse) {
  SmsRu sms{options, channel_ports()};
  const ChannelMessage message{.address = "79990000001", .text = "x"};
  server.next(json(inner(230)));
  EXPECT_FALSE(sms.send(message, {}));
  EXPECT_TRUE(sms.send(message, {}));
  server.next(json(inner(206)));
  EXPECT_FALSE(sms.send(message, {}));
  EXPECT_EQ(sms.send(message, {}).error().reason, "paused");
}

TEST_F(SmsRuTest, WhatWasWrittenWholeAndNotAnsweredIsUnknown) {
  options.limits.call.whole = seconds{2};
  auto faults = silent_faults(inner(100));
  faults.push_back({"a page", {.body = "<html>oops</html>", .content_type = "text/html"}});
  faults.push_back({"without the message", json(R"({"status": "OK", "status_code": 100})")});
  faults.push_back({"without a code", json(R"({"status": "OK"})")});
  faults.push_back({"without the inner code",
                    json(R"({"status_code": 100, "sms": {"79990000001": {"sms_id": "1"}}})")});
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    server.next(fault.reply);
    const std::size_t before = server.requests().size();
    const auto sent = send();
    ASSERT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(sent->state, Carried::unknown);
    EXPECT_EQ(server.requests().size(), before + 1);
  }
}

TEST_F(SmsRuTest, EachStatusMeansWhatItsRowSays) {
  struct Row {
    std::vector<int> codes;
    DeliveryState state;
  };
  const std::vector<Row> rows{
      {{100, 101, 102}, DeliveryState::on_its_way},
      {{103, 110}, DeliveryState::delivered},
      {{104, 105, 106, 107, 108, 130, 131, 132, 150}, DeliveryState::undeliverable},
      {{-1}, DeliveryState::not_found}};
  for (const Row& row : rows) {
    for (const int code : row.codes) {
      server.on("/sms/status", json(inner(code)));
      const auto report = delivery();
      ASSERT_TRUE(report) << code;
      EXPECT_EQ(report->state, row.state) << code;
    }
  }
  EXPECT_EQ(server.requests()[0].body, "api_id=PLANTED-API-ID&sms_id=000000-1&json=1");
  server.on("/sms/status", json(outer(301)));
  EXPECT_EQ(delivery().error().outcome, Outcome::auth);
}

TEST_F(SmsRuTest, AProbeAsksForTheBalance) {
  server.on("/my/balance", json(R"({"status": "OK", "status_code": 100, "balance": 99.5})"));
  EXPECT_EQ((SmsRu{options, channel_ports()}.probe({}).value_or("")), "balance 99.5");
  server.on("/my/balance", json(outer(200)));
  EXPECT_EQ((SmsRu{options, channel_ports()}.probe({}).error().outcome), Outcome::auth);
}

TEST_F(SmsRuTest, TheKeyIsInNoErrorAndNoRecord) {
  const NoAnswer none =
      none_for(json(R"({"status_code": 200, "status_text": "wrong api_id PLANTED-API-ID"})"));
  EXPECT_THAT(none.detail, Not(HasSubstr("PLANTED")));
  const auto& exchange = journal.records.back().exchange;
  ASSERT_TRUE(exchange);
  EXPECT_THAT(exchange->request_body + exchange->body, Not(HasSubstr("PLANTED")));
}

}  // namespace
}  // namespace c360::adapters

// An SMS gateway of whatever make: its fields, and how its answer is read.
#include "adapters/sms_form.h"

#include "tests/adapters/channel_setting.h"

namespace c360::adapters {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class SmsFormTest : public ChannelTest {
 protected:
  SmsFormTest() {
    options.url = server.url() + "/api/sms";
    options.fields = {{"type", "sms"}, {"line", "a&b"}};
    options.secret_field = "apikey";
    options.secret = Secret("PLANTED-FORM");
    options.ca_file = server.ca_file();
    be_patient(options.limits.call);
  }
  CallResult<CarriedMessage> send() {
    MemoryGateStates fresh;
    return SmsForm{options, channel_ports(fresh)}.send(
        {.address = "+79990000001", .text = "Тест 1"}, {});
  }
  CallResult<CarriedMessage> after(ServiceReply reply) {
    server.next(std::move(reply));
    return send();
  }

  SmsFormOptions options;
};

TEST_F(SmsFormTest, PostsTheFixedFieldsTheKeyTheNumberAndTheText) {
  options.number_field = "phone";
  options.text_field = "message";
  options.sender_field = "from";
  options.sender = "ROMASHKA";
  options.plus = true;
  ASSERT_TRUE(after(json("{}")));

  EXPECT_EQ(server.requests()[0].path, "/api/sms");
  EXPECT_EQ(server.requests()[0].method, "POST");
  EXPECT_EQ(server.requests()[0].body,
            "type=sms&line=a%26b&apikey=PLANTED-FORM&from=ROMASHKA&phone=%2B79990000001"
            "&message=%D0%A2%D0%B5%D1%81%D1%82%201");
}

TEST_F(SmsFormTest, ReadsSuccessAndIdFromJson) {
  options.success_path = "messages.0.status";
  options.success = "accepted";
  options.id_path = "messages.0.id";
  options.error_path = "messages.0.why";
  const auto sent = after(json(R"({"messages": [{"status": "accepted", "id": 55}]})"));
  ASSERT_TRUE(sent) << sent.error().detail;
  EXPECT_EQ(sent->state, Carried::sent);
  EXPECT_EQ(sent->provider_id, "55");

  const auto refused = after(json(R"({"messages": [{"status": "rejected", "why": "no money"}]})"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().outcome, Outcome::permanent);
  EXPECT_THAT(refused.error().detail, HasSubstr("no money"));
  EXPECT_FALSE(after(json(R"({"messages": []})")));
  EXPECT_FALSE(after(json(R"({"messages": {"0": {}}})")));
}

TEST_F(SmsFormTest, WithoutAValueAnythingThatIsFilledIsSuccess) {
  options.success_path = "ok";
  for (const std::string body :
       {R"({"ok": true})", R"({"ok": 1})", R"({"ok": "yes"})", R"({"ok": {}})"})
    EXPECT_TRUE(after(json(body))) << body;
  for (const std::string body :
       {R"({"ok": false})", R"({"ok": 0})", R"({"ok": ""})", R"({"ok": null})", "{}"})
    EXPECT_FALSE(after(json(body))) << body;
}

TEST_F(SmsFormTest, ReadsSuccessAndIdFromText) {
  options.success = "OK";
  const auto plain = [](std::string body) {
    return ServiceReply{.body = std::move(body), .content_type = "text/plain"};
  };
  const auto sent = after(plain("OK 12345 queued\r\n"));
  ASSERT_TRUE(sent) << sent.error().detail;
  EXPECT_EQ(sent->provider_id, "12345");
  const auto refused = after(plain("ERROR 7 apikey=PLANTED-FORM"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("ERROR 7"));
  EXPECT_THAT(refused.error().detail, Not(HasSubstr("PLANTED")));
}

TEST_F(SmsFormTest, TheStatusSpeaksFirst) {
  EXPECT_EQ(after({.status = 401, .body = "no"}).error().outcome, Outcome::auth);
  EXPECT_EQ(after({.status = 400, .body = "no"}).error().outcome, Outcome::permanent);
  EXPECT_EQ(after({.status = 429, .body = "no"}).error().outcome, Outcome::quota);
  EXPECT_EQ(after({.status = 302, .headers = {{"Location", "http://127.0.0.1/"}}}).error().reason,
            "redirect");
  EXPECT_EQ(server.requests().size(), 4U);
}

TEST_F(SmsFormTest, WhatWasWrittenWholeAndNotAnsweredIsUnknown) {
  options.success_path = "ok";
  options.limits.call.whole = seconds{2};
  auto faults = silent_faults(R"({"ok": true})");
  faults.push_back({"a page", {.body = "<html>oops</html>", .content_type = "text/html"}});
  for (const int status : {408, 500, 502, 503, 504})
    faults.push_back({"status " + std::to_string(status), {.status = status, .body = "<html/>"}});
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const auto sent = after(fault.reply);
    ASSERT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(sent->state, Carried::unknown);
  }
}

TEST_F(SmsFormTest, AProbeSendsNothing) {
  EXPECT_TRUE((SmsForm{options, channel_ports()}.probe({})));
  EXPECT_TRUE(server.requests().empty());
}

}  // namespace
}  // namespace c360::adapters

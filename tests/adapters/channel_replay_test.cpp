// Every recorded answer of the ways out to people (adapters.md, 5): tests/fixtures/channels.json
// names for each what it must come to, and no file of telegram/ and sms/ is left out.
#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "adapters/sms_form.h"
#include "adapters/sms_ru.h"
#include "adapters/smsc.h"
#include "adapters/telegram.h"
#include "tests/adapters/channel_setting.h"

namespace c360::adapters {
namespace {

using ::testing::ContainerEq;

const std::string kBotToken = "5512340001:AAExampleOfATokenOfThirtyFiveChars_";
const std::string kNumber = "+79990000001";

std::string text_of(const Json& from, const char* name) {
  const Json* value = from.find(name);
  return value == nullptr ? "" : value->as_string();
}

// What came of a case, with the names of channels.json.
using Came = std::map<std::string, std::string>;

class ChannelReplay : public ChannelTest {
 protected:
  ChannelReplay() {
    telegram_.token = Secret(kBotToken);
    telegram_.document_whole = std::chrono::seconds{60};
    smsc_.login = "company";
    smsc_.password = Secret("password");
    sms_ru_.api_id = Secret("api-id");
    form_.url = server.url() + "/form";
    for (auto* url : {&telegram_.base_url, &smsc_.base_url, &sms_ru_.base_url}) *url = server.url();
    for (auto* file : {&telegram_.ca_file, &smsc_.ca_file, &sms_ru_.ca_file, &form_.ca_file})
      *file = server.ca_file();
    for (auto* limits :
         {&telegram_.limits, &smsc_.limits.call, &sms_ru_.limits.call, &form_.limits.call})
      be_patient(*limits);
  }

  // What is waited for takes no time: all cases are of one moment.
  ChannelPorts still_ports(GateStates& gates) {
    ChannelPorts ports = channel_ports(gates);
    ports.pause = [](std::chrono::milliseconds, const std::stop_token&) { return true; };
    return ports;
  }
  // The adapter of the case, with gates of its own.
  std::unique_ptr<MessageChannel> channel_of(const Json& one, GateStates& gates) {
    const std::string service = text_of(one, "service");
    if (service == "telegram") return std::make_unique<Telegram>(telegram_, still_ports(gates));
    if (service == "smsc") return std::make_unique<Smsc>(smsc_, still_ports(gates));
    if (service == "sms_ru") return std::make_unique<SmsRu>(sms_ru_, still_ports(gates));
    SmsFormOptions form = form_;
    if (text_of(one, "form") == "json") {
      form.success_path = "messages.0.status";
      form.success = "accepted";
      form.id_path = "messages.0.id";
      form.error_path = "messages.0.why";
    } else {
      form.success = "OK";
    }
    return std::make_unique<SmsForm>(form, still_ports(gates));
  }
  ChannelMessage message_of(const Json& one) const {
    const bool is_chat = text_of(one, "service") == "telegram";
    ChannelMessage message{.address = is_chat ? "77" : kNumber, .text = "Тест", .key = "message 5"};
    if (const std::string to = text_of(one, "to"); !to.empty()) message.address = to;
    message.maybe_sent = one.find("maybe_sent") != nullptr;
    if (text_of(one, "operation") == "document")
      message.attachments = {{"Счёт.pdf", "application/pdf", "%PDF-1.4"}};
    return message;
  }
  // Every answer to the requests of a case, in order; nothing more is given.
  static std::vector<ServiceReply> replies_of(const Json& one) {
    std::vector<ServiceReply> replies;
    const std::string type = text_of(one, "type");
    replies.push_back({.status = static_cast<int>(*one.find("status")->as_int64()),
                       .body = service_fixture(text_of(one, "file")),
                       .content_type = type.empty() ? "application/json" : type});
    if (const std::string then = text_of(one, "then"); !then.empty()) {
      replies.push_back({.body = service_fixture(then)});
    } else {
      // Asked once more, the service says the same.
      replies.push_back(replies.front());
    }
    return replies;
  }
  Came play(const Json& one) {
    const std::size_t before = server.requests().size();
    const auto replies = replies_of(one);
    server.on_request([this, answered = std::make_shared<std::size_t>(), replies](const auto&) {
      if (*answered < replies.size()) server.next(replies[(*answered)++]);
    });
    MemoryGateStates gates;
    const auto channel = channel_of(one, gates);
    Came came = ask(*channel, one);
    server.on_request({});
    came["requests"] = std::to_string(server.requests().size() - before);
    return came;
  }
  Came ask(MessageChannel& channel, const Json& one) {
    const std::string operation = text_of(one, "operation");
    if (operation == "probe") {
      const auto told = channel.probe({});
      return told ? Came{{"outcome", "found"}, {"told", *told}} : refusal(told.error());
    }
    if (operation == "delivery") {
      const auto report = channel.delivery("4711", kNumber, {});
      EXPECT_TRUE(report);
      if (!report) return {};
      if (!*report) return refusal(report->error());
      return {{"outcome", "found"}, {"delivery", std::string(to_string((*report)->state))}};
    }
    const auto sent = channel.send(message_of(one), {});
    if (!sent) return refusal(sent.error());
    return {{"outcome", std::string(to_string(sent->state))},
            {"provider_id", sent->provider_id},
            {"new_address", sent->new_address},
            {"segments", std::to_string(sent->segments)}};
  }
  Came refusal(const NoAnswer& none) const {
    EXPECT_FALSE(none.detail.empty());
    EXPECT_EQ(none.outcome == Outcome::quota, none.outcome == Outcome::quota && none.retry_at);
    const auto wait = none.retry_at ? *none.retry_at - clock.now() : Instant::duration{};
    return {{"outcome", std::string(to_string(none.outcome))},
            {"reason", none.reason},
            {"wait_s", std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count())}};
  }

  TelegramOptions telegram_;
  SmscOptions smsc_;
  SmsRuOptions sms_ru_;
  SmsFormOptions form_;
};

TEST_F(ChannelReplay, EveryRecordedAnswerComesToWhatItsCaseSays) {
  const auto cases = Json::parse(service_fixture("channels.json"));
  ASSERT_TRUE(cases) << cases.error().detail;
  std::set<std::string> played;
  std::set<std::string> outcomes;
  for (const Json& one : cases->as_array()) {
    const std::string file = text_of(one, "file");
    SCOPED_TRACE(file + " " + text_of(one, "operation"));
    const Came came = play(one);

    played.insert(file);
    outcomes.insert(came.at("outcome"));
    EXPECT_EQ(came.at("requests"), one.find("expect")->find("requests") ? "2" : "1")
        << "never more often than it says";
    for (const auto& [name, value] : one.find("expect")->as_object()) {
      ASSERT_TRUE(came.contains(name)) << name;
      EXPECT_EQ(came.at(name), value.is_string() ? value.as_string() : value.number_text()) << name;
    }
  }
  EXPECT_THAT(outcomes, ContainerEq(std::set<std::string>{"sent", "unknown", "found", "retryable",
                                                          "quota", "auth", "permanent"}));

  std::set<std::string> there;
  const std::filesystem::path root = std::string(C360_SOURCE_DIR) + "/tests/fixtures";
  for (const char* folder : {"telegram", "sms"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder))
      if (entry.is_regular_file())
        there.insert(std::filesystem::relative(entry.path(), root).string());
  EXPECT_THAT(played, ContainerEq(there)) << "a case for each file, a file for each case";
}

}  // namespace
}  // namespace c360::adapters

// A Telegram bot: what is sent, what each answer means, and what is known when none comes.
#include "adapters/telegram.h"

#include <thread>

#include "daemon/base/text.h"
#include "tests/adapters/channel_setting.h"

namespace c360::adapters {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kTaken = R"({"ok": true, "result": {"message_id": 815, "chat": {"id": 77}}})";
const std::string kToken = "123456:PLANTED-telegram_token";

std::string refusal(int code, const std::string& said, const std::string& parameters = "{}") {
  return R"({"ok": false, "error_code": )" + std::to_string(code) + R"(, "description": ")" + said +
         R"(", "parameters": )" + parameters + "}";
}

const std::string kTwoParts = std::string(4'000, 'a') + "\n" + std::string(4'000, 'b');

// What was told, in order; and what cannot be kept.
struct ToldParts final : PartLog {
  bool keeps_begins = true;
  bool keeps_taken = true;
  std::vector<std::string> told{};

  Result<void> begins(int part) override {
    told.push_back(std::to_string(part) + " begins");
    return keeps_begins ? Result<void>{} : fail(ErrorCode::unavailable, "the database is away");
  }
  Result<void> taken(int part, const std::string& provider_id) override {
    told.push_back(std::to_string(part) + " taken as " + provider_id);
    return keeps_taken ? Result<void>{} : fail(ErrorCode::unavailable, "the database is away");
  }
};

class TelegramTest : public ChannelTest {
 protected:
  TelegramTest() {
    options.token = Secret(kToken);
    options.base_url = server.url();
    options.ca_file = server.ca_file();
    be_patient(options.limits);
    options.document_whole = seconds{60};
    server.on("/bot" + kToken + "/sendMessage", json(kTaken));
    server.on("/bot" + kToken + "/sendDocument", json(kTaken));
  }
  CallResult<CarriedMessage> send(const ChannelMessage& message) {
    return Telegram{options, channel_ports()}.send(message, {});
  }
  CallResult<CarriedMessage> send(const std::string& text = "Счёт готов",
                                  const std::string& chat = "77") {
    return send({.address = chat, .text = text, .key = "message 5"});
  }
  // Of a first attempt with fresh gates.
  NoAnswer none_for(ServiceReply reply) {
    MemoryGateStates fresh;
    server.next(std::move(reply));
    auto sent = Telegram{options, channel_ports(fresh)}.send({.address = "77", .text = "x"}, {});
    EXPECT_FALSE(sent);
    return sent ? NoAnswer{} : sent.error();
  }
  Json body_of(std::size_t request) {
    const auto body = Json::parse(server.requests().at(request).body);
    EXPECT_TRUE(body);
    return body ? *body : Json{};
  }

  TelegramOptions options;
};

TEST_F(TelegramTest, ATextGoesAsItIsAndIsNeverMarkup) {
  const std::string text = "<b>Скидка</b> *5* & _ещё_\n😀";
  const auto sent = send(text, "-1001234567890");

  ASSERT_TRUE(sent) << sent.error().detail;
  EXPECT_EQ(sent->state, Carried::sent);
  EXPECT_EQ(sent->provider_id, "815");
  EXPECT_EQ(sent->new_address, "");
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/bot" + kToken + "/sendMessage");
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_EQ(body_of(0).find("text")->as_string(), text);
  EXPECT_EQ(body_of(0).find("chat_id")->number_text(), "-1001234567890");
  EXPECT_EQ(body_of(0).find("parse_mode"), nullptr);
}

TEST_F(TelegramTest, AChannelHasItsNameAndWhatIsNoChatCostsNoCall) {
  ASSERT_TRUE(send("x", "@client360_news"));
  EXPECT_EQ(body_of(0).find("chat_id")->as_string(), "@client360_news");

  for (const std::string chat :
       {"", "0", "7 7", "@", "@a/b", "+79990000001", "1e5", "99999999999999999999"}) {
    const auto sent = send("x", chat);
    ASSERT_FALSE(sent) << chat;
    EXPECT_EQ(sent.error().outcome, Outcome::permanent) << chat;
    EXPECT_EQ(sent.error().reason, "recipient") << chat;
  }
  EXPECT_EQ(send(" \n ").error().reason, "empty");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(TelegramTest, ALongTextIsCutAtLineEndsAndPacedForItsChat) {
  const std::string line(3'000, 'a');
  const auto sent = send(line + "\n" + line + "\nend");

  ASSERT_TRUE(sent) << sent.error().detail;
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_EQ(body_of(0).find("text")->as_string(), line);
  EXPECT_EQ(body_of(1).find("text")->as_string(), line + "\nend");
  EXPECT_EQ(pauses, std::vector{milliseconds{1'000}}) << "a message a second in one chat";
}

TEST_F(TelegramTest, AGroupIsWrittenToLessOften) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(send("x", "-5"));

  ASSERT_EQ(pauses.size(), 3U);
  EXPECT_EQ(pauses[0], milliseconds{1'000});
  EXPECT_GT(pauses[2], milliseconds{2'000}) << "20 in a minute are too many";
  ASSERT_TRUE(send("x", "6"));
  EXPECT_EQ(pauses.size(), 3U) << "another chat";
}

TEST_F(TelegramTest, AFileGoesAsADocumentWithTheTextAsItsCaption) {
  const std::string pdf{"%PDF-1.7\r\n--client360\0binary", 28};
  const auto sent =
      send({.address = "77",
            .text = "Экспресс-отчёт",
            .attachments = {{"Отчёт \"7707\"\r\nX-Evil: 1.pdf", "application/pdf", pdf}}});

  ASSERT_TRUE(sent) << sent.error().detail;
  ASSERT_EQ(server.requests().size(), 1U);
  const auto request = server.requests().front();
  EXPECT_EQ(request.path, "/bot" + kToken + "/sendDocument");
  EXPECT_THAT(request.headers.at("content-type"), HasSubstr("multipart/form-data; boundary="));
  EXPECT_THAT(request.body, HasSubstr("name=\"chat_id\"\r\n\r\n77\r\n"));
  EXPECT_THAT(request.body, HasSubstr("name=\"caption\"\r\n\r\nЭкспресс-отчёт\r\n"));
  EXPECT_THAT(request.body,
              HasSubstr("name=\"document\"; filename=\"Отчёт %227707%22%0D%0AX-Evil: 1.pdf\"\r\n"
                        "Content-Type: application/pdf\r\n\r\n" +
                        pdf + "\r\n--"));
}

TEST_F(TelegramTest, ATextTooLongForACaptionAndSeveralFilesGoOneByOne) {
  const std::string text(1'025, 'b');
  ASSERT_TRUE(send({.address = "77", .text = text, .attachments = {{"a.txt", "text/plain", "1"}}}));
  ASSERT_TRUE(send({.address = "78",
                    .text = "two",
                    .attachments = {{"a.txt", "text/plain", "1"}, {"b.txt", "bad\r\ntype", "2"}}}));

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 5U);
  EXPECT_THAT(requests[0].path, HasSubstr("sendMessage"));
  EXPECT_THAT(requests[1].body, Not(HasSubstr("caption")));
  EXPECT_THAT(requests[4].body, HasSubstr("Content-Type: application/octet-stream\r\n"));
}

TEST_F(TelegramTest, WhatIsTooMuchCostsNoCall) {
  options.max_document_bytes = 10;
  options.max_parts = 2;

  const auto large = send({.address = "77", .attachments = {{"a", "a/b", "12345678901"}}});
  EXPECT_EQ(large.error().reason, "too_large");
  EXPECT_EQ(large.error().outcome, Outcome::permanent);
  const auto longer = send(std::string(2 * 4'096 + 1, 'x'));
  EXPECT_EQ(longer.error().reason, "too_long");
  EXPECT_THAT(longer.error().detail, HasSubstr("telegram.max_parts"));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(TelegramTest, EachRefusalMeansWhatItsRowSays) {
  struct Row {
    int code;
    std::string said;
    Outcome outcome;
    std::string reason;
  };
  const std::vector<Row> rows{
      {400, "Bad Request: chat not found", Outcome::permanent, ""},
      {400, "Bad Request: message text is empty", Outcome::permanent, ""},
      {400, "Bad Request: message is too long", Outcome::permanent, ""},
      {400, "Bad Request: PEER_ID_INVALID", Outcome::permanent, ""},
      {400, "Bad Request: not enough rights to send text messages to the chat", Outcome::permanent,
       ""},
      {400, "Bad Request: CHAT_WRITE_FORBIDDEN", Outcome::permanent, ""},
      {401, "Unauthorized", Outcome::auth, ""},
      {404, "Not Found", Outcome::auth, ""},
      {403, "Forbidden: bot was blocked by the user", Outcome::permanent, "recipient"},
      {403, "Forbidden: user is deactivated", Outcome::permanent, "recipient"},
      {403, "Forbidden: bot was kicked from the supergroup chat", Outcome::permanent, "recipient"},
      {403, "Forbidden: bot can't initiate conversation with a user", Outcome::permanent,
       "recipient"},
      {409, "Conflict: terminated by other getUpdates request", Outcome::permanent, ""},
      {413, "Request Entity Too Large", Outcome::permanent, "too_large"},
      {418, "whatever", Outcome::permanent, ""},
      {500, "Internal Server Error", Outcome::retryable, ""},
  };
  for (const Row& row : rows) {
    const std::size_t before = server.requests().size();
    const NoAnswer none = none_for(json(refusal(row.code, row.said), row.code));
    EXPECT_EQ(none.outcome, row.outcome) << row.said;
    EXPECT_EQ(none.reason, row.reason) << row.said;
    EXPECT_THAT(none.detail, HasSubstr(row.said));
    EXPECT_EQ(server.requests().size(), before + 1) << row.said;
  }
}

TEST_F(TelegramTest, TheBodyCountsBeforeTheStatus) {
  server.next(json(kTaken, 500));
  EXPECT_TRUE(send());
  EXPECT_EQ(none_for(json(refusal(403, "Forbidden: user is deactivated"), 200)).reason,
            "recipient");
}

TEST_F(TelegramTest, AnAnswerThatIsNoneOfTheServiceGoesByItsStatus) {
  const auto page = [](int status) {
    return ServiceReply{.status = status,
                        .body = "<html><h1>Bad Gateway</h1></html>",
                        .content_type = "text/html; charset=utf-8"};
  };
  for (const int status : {200, 403, 502, 503}) {
    EXPECT_EQ(none_for(page(status)).outcome, Outcome::retryable) << status;
    EXPECT_FALSE(none_for(page(status)).maybe_done) << status;
  }
  EXPECT_EQ(none_for(page(413)).outcome, Outcome::permanent);
  EXPECT_EQ(none_for({.status = 404, .body = "no", .content_type = "text/plain"}).outcome,
            Outcome::auth);
  EXPECT_EQ(none_for({.status = 400, .body = "no", .content_type = "text/plain"}).outcome,
            Outcome::permanent);
}

TEST_F(TelegramTest, ARedirectIsNotFollowedAndTheTokenStays) {
  const NoAnswer none =
      none_for({.status = 302, .headers = {{"Location", "https://169.254.169.254/steal"}}});

  EXPECT_EQ(none.outcome, Outcome::permanent);
  EXPECT_EQ(none.reason, "redirect");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(TelegramTest, MarkupThatWasRefusedIsSentOnceMoreAsPlainText) {
  const std::string said = refusal(400, "Bad Request: can't parse entities: unsupported start tag");
  server.next(json(said, 400));
  const auto sent = send("<x>");

  ASSERT_TRUE(sent) << sent.error().detail;
  EXPECT_TRUE(body_of(1).find("entities")->as_array().empty());
  EXPECT_EQ(body_of(1).find("text")->as_string(), "<x>");

  server.next(json(said, 400));
  server.next(json(said, 400));
  EXPECT_EQ(send("<x>", "78").error().outcome, Outcome::permanent);
  EXPECT_EQ(server.requests().size(), 4U) << "once";
}

TEST_F(TelegramTest, AChatThatMovedIsWrittenToAtOnceAndItsNewIdTold) {
  const std::string moved =
      refusal(400, "Bad Request: group chat was upgraded to a supergroup chat",
              R"({"migrate_to_chat_id": -1009876543210})");
  server.next(json(moved, 400));
  const auto sent = send("x", "-77");

  ASSERT_TRUE(sent) << sent.error().detail;
  EXPECT_EQ(sent->new_address, "-1009876543210");
  EXPECT_EQ(body_of(1).find("chat_id")->number_text(), "-1009876543210");

  server.next(json(moved, 400));
  server.next(json(moved, 400));
  EXPECT_EQ(send("x", "-78").error().outcome, Outcome::permanent);
  EXPECT_EQ(server.requests().size(), 4U) << "not round and round";
}

TEST_F(TelegramTest, ARateOfTheBotPausesTheBot) {
  server.next(
      json(refusal(429, "Too Many Requests: retry after 34", R"({"retry_after": 34})"), 429));
  const auto first = send();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().outcome, Outcome::quota);
  EXPECT_EQ(first.error().retry_at, clock.now() + seconds{35});

  const auto other = send("x", "78");
  EXPECT_EQ(other.error().reason, "paused");
  EXPECT_EQ(server.requests().size(), 1U);
  clock.advance(seconds{35});
  EXPECT_TRUE(send("x", "78"));
}

TEST_F(TelegramTest, AShortRateIsOfTheChatAlone) {
  server.next(json(refusal(429, "Too Many Requests: retry after 3", R"({"retry_after": 3})"), 429));
  const auto first = send();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().retry_at, clock.now() + seconds{4});

  EXPECT_EQ(send().error().reason, "paused");
  EXPECT_TRUE(send("x", "78"));
  clock.advance(seconds{4});
  EXPECT_TRUE(send());
}

TEST_F(TelegramTest, WhatWasWrittenWholeAndNotAnsweredIsUnknown) {
  for (const Fault& fault : silent_faults(kTaken)) {
    SCOPED_TRACE(fault.name);
    MemoryGateStates fresh;
    TelegramOptions hasty = options;
    hasty.limits.whole = seconds{2};
    server.next(fault.reply);
    const std::size_t before = server.requests().size();
    const auto sent =
        Telegram{hasty, channel_ports(fresh)}.send({.address = "77", .text = "x"}, {});
    ASSERT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(sent->state, Carried::unknown);
    EXPECT_THAT(sent->detail, Not(HasSubstr("PLANTED")));
    EXPECT_FALSE(sent->detail.empty());
    EXPECT_EQ(server.requests().size(), before + 1) << "never twice by itself";
    EXPECT_NE(journal.records.back().outcome, Outcome::found);
  }
}

TEST_F(TelegramTest, AKeptConnectionThatEndedDoesNotSendAMessageTwice) {
  Telegram telegram{options, channel_ports()};
  ASSERT_TRUE(telegram.send({.address = "1", .text = "x"}, {}));
  server.next({.delivery = Delivery::hang_up});
  const auto sent = telegram.send({.address = "2", .text = "x"}, {});

  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->state, Carried::unknown);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(TelegramTest, WhatDidNotLeaveOrNotWholeIsCertainlyNotSent) {
  const std::string address = options.base_url;
  options.base_url = kNobody;
  const auto refused = send();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().outcome, Outcome::retryable);
  EXPECT_EQ(refused.error().reason, "unreachable");

  options.base_url = address;
  options.ca_file.clear();
  const auto distrusted = send("x", "78");
  ASSERT_FALSE(distrusted);
  EXPECT_EQ(distrusted.error().reason, "tls");

  options.ca_file = server.ca_file();
  states.change("telegram:bot/lane/messages", [](GateState& state) { state = {}; }).value();
  server.read_at_most(100'000);
  const std::string large(std::size_t{40} << 20U, 'z');
  const auto cut = send({.address = "79", .attachments = {{"z", "application/zip", large}}});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().outcome, Outcome::retryable) << cut.error().detail;
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(TelegramTest, AFailureAfterTheFirstPartIsTriedAgainAndThenSaidOfThatPart) {
  server.next(json(kTaken));
  server.next(json(refusal(500, "Internal Server Error"), 500));
  const auto mended = send(kTwoParts);
  ASSERT_TRUE(mended);
  EXPECT_EQ(mended->state, Carried::sent);
  EXPECT_EQ(server.requests().size(), 3U);

  server.next(json(R"({"ok": true, "result": {"message_id": 900}})"));
  server.next(json(refusal(403, "Forbidden: bot was blocked by the user"), 403));
  const auto half = send(kTwoParts, "78");
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().outcome, Outcome::permanent);
  EXPECT_EQ(half.error().reason, "recipient");
  EXPECT_THAT(half.error().detail, HasSubstr("1 of 2 parts"));

  server.next(json(R"({"ok": true, "result": {"message_id": 901}})"));
  server.next({.delivery = Delivery::hang_up});
  const auto unclear = send(kTwoParts, "79");
  ASSERT_TRUE(unclear);
  EXPECT_EQ(unclear->state, Carried::unknown);
  EXPECT_EQ(unclear->provider_id, "901");
  EXPECT_THAT(unclear->detail, HasSubstr("1 of 2 parts"));
}

TEST_F(TelegramTest, EachRequestOfAPartIsToldBeforeItAndThatItWasTakenAfterIt) {
  const auto parts = std::make_shared<ToldParts>();
  server.on_request([parts](const auto&) { parts->told.emplace_back("asked"); });
  server.next(json(kTaken));
  server.next(json(refusal(500, "Internal Server Error"), 500));

  ASSERT_TRUE(send({.address = "77", .text = kTwoParts, .parts = parts.get()}));

  EXPECT_THAT(parts->told, ElementsAre("1 begins", "asked", "1 taken as 815", "2 begins", "asked",
                                       "2 begins", "asked", "2 taken as 815"));
}

TEST_F(TelegramTest, PartsThatWereTakenBeforeAreNotSentAgain) {
  const auto rest =
      send({.address = "77", .text = kTwoParts, .parts_taken = 1, .provider_id = "900"});
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->provider_id, "900");
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(body_of(0).find("text")->as_string().front(), 'b');

  const auto all =
      send({.address = "77", .text = kTwoParts, .parts_taken = 2, .provider_id = "900"});
  ASSERT_TRUE(all) << "what was taken whole is sent";
  EXPECT_EQ(all->state, Carried::sent);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(TelegramTest, WithoutAWordOfHowFarItIsNothingIsSentOn) {
  ToldParts deaf;
  deaf.keeps_begins = false;
  const auto nothing = send({.address = "77", .text = kTwoParts, .parts = &deaf});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().reason, "state_unavailable");
  EXPECT_FALSE(nothing.error().maybe_done);
  EXPECT_TRUE(server.requests().empty());

  ToldParts forgetful;
  forgetful.keeps_taken = false;
  const auto first = send({.address = "77", .text = kTwoParts, .parts = &forgetful});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->state, Carried::unknown);
  EXPECT_EQ(server.requests().size(), 1U);
}

// A reload at the moment a message is under way: the bot has it, and answers.
TEST_F(TelegramTest, AStopWaitsForTheAnswerToWhatIsWrittenWhole) {
  Telegram telegram{options, channel_ports()};
  std::stop_source stop;
  server.on_request([&](const auto&) {
    stop.request_stop();
    // libcurl asks once a second whether to go on.
    std::this_thread::sleep_for(std::chrono::milliseconds{2'500});
  });
  const auto taken = telegram.send({.address = "77", .text = "x"}, stop.get_token());
  server.on_request(nullptr);
  ASSERT_TRUE(taken) << taken.error().detail;
  EXPECT_EQ(taken->state, Carried::sent);
}

TEST_F(TelegramTest, AStopEndsTheCallUnderWayAndNoLaterOne) {
  Telegram telegram{options, channel_ports()};
  std::stop_source stop;
  server.on_request([&](const auto&) { stop.request_stop(); });
  server.next({.delivery = Delivery::silent});
  const auto broken_off = telegram.send({.address = "77", .text = "x"}, stop.get_token());
  ASSERT_TRUE(broken_off);
  EXPECT_EQ(broken_off->state, Carried::unknown);

  server.on_request(nullptr);
  EXPECT_TRUE(telegram.send({.address = "78", .text = "x"}, {}));
}

TEST_F(TelegramTest, AProbeAsksForTheBot) {
  server.on("/bot" + kToken + "/getMe",
            json(R"({"ok": true, "result": {"id": 1, "username": "client360_bot"}})"));
  const auto found = Telegram{options, channel_ports()}.probe({});
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(*found, "the bot @client360_bot");

  server.on("/bot" + kToken + "/getMe", json(refusal(401, "Unauthorized"), 401));
  EXPECT_EQ((Telegram{options, channel_ports()}.probe({}).error().outcome), Outcome::auth);
  EXPECT_EQ(send().error().reason, "paused") << "the token is refused: nobody asks";
}

TEST_F(TelegramTest, WithoutATokenOrWithOneOfAWrongFormNobodyIsAsked) {
  for (const std::string token : {"abc", "123456:a/../b", "123:a b", ":x", "123:"}) {
    options.token = Secret(token);
    EXPECT_EQ(send().error().outcome, Outcome::auth) << token;
  }
  options.token = Secret();
  EXPECT_EQ(send().error().reason, "off");
  options.token = Secret(kToken);
  options.enabled = false;
  EXPECT_EQ(send().error().reason, "off");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(TelegramTest, TheTokenIsInNoErrorAndNoRecord) {
  (void)none_for(json(refusal(400, "Bad Request: " + kToken), 400));
  options.base_url = kNobody;
  (void)send();
  (void)send({.address = "79", .attachments = {{kToken, "text/plain", kToken}}});

  ASSERT_EQ(journal.records.size(), 3U);
  for (const CallRecord& record : journal.records) {
    EXPECT_EQ(record.service, "telegram");
    EXPECT_THAT(record.operation + record.error + record.reason + record.subject,
                Not(HasSubstr("PLANTED")));
    EXPECT_FALSE(record.key_fingerprint.empty());
    if (!record.exchange) continue;
    EXPECT_THAT(record.exchange->url + record.exchange->body + record.exchange->request_body,
                Not(HasSubstr("PLANTED")));
    EXPECT_THAT(record.exchange->url, HasSubstr("/bot***/sendMessage"));
  }
}

}  // namespace
}  // namespace c360::adapters

// SMS that nobody knows the end of are asked about by the name we gave them (adapters.md 5.3,
//
#include "tests/daemon/message_fixture.h"

namespace c360::daemon {
namespace {

using adapters::DeliveryState;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;

struct Gateway {
  bool takes_names = true;
  bool maybe_sent = false;         // as the last message said
  std::vector<std::string> sent;   // by the name each would have
  std::vector<std::string> asked;  // by which name
  DeliveryState state = DeliveryState::on_its_way;
  std::optional<Instant> rests_until;  // takes no questions
};

// Takes messages without ever saying so.
class SilentChannel final : public adapters::MessageChannel {
 public:
  explicit SilentChannel(Gateway& gateway) : gateway_(gateway) {}
  adapters::CallResult<adapters::CarriedMessage> send(const adapters::ChannelMessage& message,
                                                      std::stop_token) override {
    gateway_.sent.push_back(own_name(message.key));
    gateway_.maybe_sent = message.maybe_sent;
    return adapters::CarriedMessage{.state = adapters::Carried::unknown,
                                    .provider_id = own_name(message.key),
                                    .detail = "no answer came"};
  }
  adapters::CallResult<std::string> probe(std::stop_token) override { return "well"; }
  std::string own_name(const std::string& key) const override {
    return gateway_.takes_names ? "ours-" + key : "";
  }
  std::optional<adapters::CallResult<adapters::DeliveryReport>> delivery(
      const std::string& provider_id, const std::string&, const std::stop_token&) override {
    gateway_.asked.push_back(provider_id);
    if (gateway_.rests_until)
      return adapters::CallResult<adapters::DeliveryReport>(
          std::unexpected(adapters::NoAnswer{.outcome = adapters::Outcome::quota,
                                             .reason = "rate",
                                             .retry_at = gateway_.rests_until}));
    return adapters::DeliveryReport{gateway_.state, "said so"};
  }

 private:
  Gateway& gateway_;
};

class UnknownMessages : public MessageSenderTest {
 protected:
  void SetUp() override {
    MessageSenderTest::SetUp();
    message = queue_sms();
  }
  std::int64_t queue_sms() {
    auto request = offer();
    request.channel = "sms";
    request.address = "+79990000001";
    return queue(request);
  }
  ChannelSender sender() {
    ChannelSetup setup{.name = "sms",
                       .channel = std::make_unique<SilentChannel>(gateway),
                       .rules = config.messages.sms,
                       .tells_delivery = true,
                       .settings = {}};
    setup.rules.per_minute = 10'000;
    return {*database_, std::move(setup), each(), clock, quiet_.observer};
  }
  // As if it had been unknown for so long, and its next look were due.
  void let_pass(seconds age) {
    sql("UPDATE crm.outbound_message SET next_attempt_at = now(), unclear_at = now() - interval '" +
        std::to_string(age.count()) + " seconds' WHERE next_attempt_at IS NOT NULL");
  }
  bool is_asked_about() {
    return sql("SELECT next_attempt_at IS NOT NULL FROM crm.outbound_message") == "t";
  }

  Gateway gateway;
  std::int64_t message = 0;
};

TEST_F(UnknownMessages, OneThatArrivedAllTheSameIsDelivered) {
  ChannelSender sms = sender();
  work(sms);
  ASSERT_EQ(state(), "unknown unclear");
  EXPECT_NEAR(waits(), 60, 5);
  EXPECT_THAT(gateway.asked, IsEmpty());

  let_pass(minutes{1});
  work(sms);
  EXPECT_EQ(state(), "sent") << "the gateway has it";
  EXPECT_EQ(sql("SELECT sent_at = unclear_at FROM crm.outbound_message"), "t");

  gateway.state = DeliveryState::delivered;
  sql("UPDATE crm.outbound_message SET next_attempt_at = now()");
  work(sms);
  EXPECT_EQ(state(), "delivered");
  EXPECT_FALSE(is_asked_about());
  EXPECT_EQ(gateway.sent.size(), 1U) << "never twice";
  EXPECT_EQ(gateway.asked, std::vector<std::string>(2, gateway.sent.front()));
}

TEST_F(UnknownMessages, OneThatDidNotArriveHasFailed) {
  ChannelSender sms = sender();
  work(sms);
  gateway.state = DeliveryState::undeliverable;
  let_pass(minutes{1});
  work(sms);
  EXPECT_EQ(state(), "failed undeliverable");
  EXPECT_EQ(sql("SELECT sent_at IS NULL FROM crm.outbound_message"), "t");
}

TEST_F(UnknownMessages, OneThatIsNotKnownStaysSoAndIsAskedAboutForThreeDays) {
  gateway.state = DeliveryState::not_found;
  ChannelSender sms = sender();
  work(sms);
  for (const auto& [age, next] : {std::pair{seconds{minutes{1}}, 60}, {minutes{10}, 600}}) {
    let_pass(age);
    work(sms);
    EXPECT_EQ(state(), "unknown unclear");
    EXPECT_NEAR(waits(), next, 5);
  }
  EXPECT_EQ(sql("SELECT last_error FROM crm.outbound_message"), "said so");
  let_pass(std::chrono::hours{73});
  work(sms);
  EXPECT_EQ(state(), "unknown unclear");
  EXPECT_FALSE(is_asked_about());
  EXPECT_EQ(gateway.sent.size(), 1U);
}

TEST_F(UnknownMessages, OneThatACrashLeftIsAskedAboutByTheNameItWouldHave) {
  crash_while_sending();
  gateway.state = DeliveryState::delivered;
  ChannelSender sms = sender();
  work(sms);
  ASSERT_EQ(state(), "unknown unclear");
  ASSERT_EQ(sql("SELECT provider_message_id IS NULL FROM crm.outbound_message"), "t");

  let_pass(minutes{1});
  work(sms);
  EXPECT_EQ(state(), "delivered");
  EXPECT_EQ(sql("SELECT provider_message_id FROM crm.outbound_message"), gateway.asked.front());

  // The same message, had it been sent again.
  sql("UPDATE crm.outbound_message SET status = 'queued', next_attempt_at = now()");
  work(sms);
  EXPECT_EQ(gateway.sent, gateway.asked);
}

// A question that was not answered is no answer: nothing is learnt of the message, and no patience
// is used up.
TEST_F(UnknownMessages, AQuestionNobodyTookIsAskedAgainSoon) {
  ChannelSender sms = sender();
  work(sms);
  gateway.rests_until = clock.now() + seconds{20};
  let_pass(std::chrono::hours{10});
  work(sms);
  EXPECT_EQ(state(), "unknown unclear");
  EXPECT_NEAR(waits(), 20, 5) << "not in ten hours";
  EXPECT_EQ(sql("SELECT last_error FROM crm.outbound_message"), "no answer came");
}

TEST_F(UnknownMessages, SendingDoesNotWaitForQuestionsNorTheyForIt) {
  ChannelSender sms = sender();
  work(sms);
  for (int i = 0; i < 5; ++i) queue_sms();
  sql("UPDATE crm.outbound_message SET status = 'sent', sent_at = now(), next_attempt_at = now(), "
      "provider_message_id = 'x' WHERE id IN (SELECT id FROM crm.outbound_message ORDER BY id "
      "LIMIT 4)");
  gateway.sent.clear();
  gateway.asked.clear();
  for (int turn = 0; turn < 4; ++turn) ASSERT_TRUE(sms.turn({}));
  EXPECT_EQ(gateway.sent.size(), 2U);
  EXPECT_EQ(gateway.asked.size(), 2U);
}

// A person who has it sent again within a minute of the attempt nobody heard of.
TEST_F(UnknownMessages, OneThatIsSentAgainByHandIsKnownToHaveBeenSentBefore) {
  ChannelSender sms = sender();
  work(sms);
  EXPECT_FALSE(gateway.maybe_sent);
  const auto again = store::in_transaction(
      *database_, store::Pool::work,
      [&](store::Transaction& tx) { return store::retry_message(tx, message, std::nullopt); });
  ASSERT_TRUE(again);
  work(sms);
  EXPECT_EQ(gateway.sent.size(), 2U);
  EXPECT_TRUE(gateway.maybe_sent);

  sql("UPDATE crm.outbound_message SET status = 'queued', next_attempt_at = now(), "
      "unclear_at = now() - interval '1 day'");
  work(sms);
  EXPECT_FALSE(gateway.maybe_sent) << "what is the same today is no more that of yesterday";
}

TEST_F(UnknownMessages, AGatewayThatNamesThemItselfCannotBeAsked) {
  gateway.takes_names = false;
  ChannelSender sms = sender();
  work(sms);
  EXPECT_EQ(state(), "unknown unclear");
  EXPECT_FALSE(is_asked_about());
}

}  // namespace
}  // namespace c360::daemon

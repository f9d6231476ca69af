// Messages that go as several parts, as to Telegram: what is remembered of each of them over
// attempts and crashes, and a chat that has moved.
#include "tests/daemon/message_fixture.h"

namespace c360::daemon {
namespace {

using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of two parts the first is taken, and of the second nobody knows.
class HalfChannel final : public adapters::MessageChannel {
 public:
  explicit HalfChannel(std::vector<int>& began_after) : began_after_(began_after) {}
  adapters::CallResult<adapters::CarriedMessage> send(const adapters::ChannelMessage& message,
                                                      std::stop_token) override {
    began_after_.push_back(message.parts_taken);
    if (message.parts_taken == 0) {
      EXPECT_TRUE(message.parts->begins(1));
      EXPECT_TRUE(message.parts->taken(1, "first"));
    }
    EXPECT_TRUE(message.parts->begins(2));
    return adapters::CarriedMessage{.state = adapters::Carried::unknown,
                                    .provider_id = message.provider_id};
  }
  adapters::CallResult<std::string> probe(std::stop_token) override { return "well"; }

 private:
  std::vector<int>& began_after_;
};

class MessagePartsTest : public MessageSenderTest {};

TEST_F(MessagePartsTest, ChatThatMovedIsWrittenToAtItsNewPlaceFromThenOn) {
  const std::int64_t contact = make("contact",
                                    R"({"full_name":"Анна","telegram":"-17","counterparty_id":)" +
                                        std::to_string(customer) + "}",
                                    manager_)
                                   .id;
  auto request = offer();
  request.channel = "telegram";
  request.address = "-17";
  request.contact_id = contact;
  queue(request);
  const auto claim = store::claim_message(*database_, "telegram", minutes{1}, false);
  ASSERT_TRUE(claim && *claim);

  ASSERT_TRUE(store::note_sent(*database_, **claim, "55", "-10017", std::nullopt));

  EXPECT_EQ(sql("SELECT telegram FROM crm.contact"), "-10017");
  EXPECT_EQ(sql("SELECT changes->0->>'new' FROM crm.history_event WHERE record_kind = 'contact' "
                "ORDER BY id DESC LIMIT 1"),
            "-10017");
  EXPECT_FALSE(store::note_sent(*database_, **claim, "55", "", std::nullopt));
}

TEST_F(MessagePartsTest, NextAttemptGoesOnWithThePartThatWasUnclear) {
  queue(offer());
  std::vector<int> began_after;
  auto made = channels();
  made.front().channel = std::make_unique<HalfChannel>(began_after);
  int at_work = 0;
  auto options = each();
  options.at_work = [&at_work] { ++at_work; };
  ChannelSender sender{*database_, std::move(made.front()), options, clock, quiet_.observer};

  work(sender);
  EXPECT_EQ(state(), "queued unclear");
  EXPECT_EQ(at_work, 2) << "one of each part";
  come_due();
  work(sender);

  EXPECT_EQ(state(), "unknown unclear");
  EXPECT_THAT(began_after, ElementsAre(0, 1)) << "its reader has the beginning";
  EXPECT_EQ(sql("SELECT parts_taken || ' ' || parts_begun || ' ' || provider_message_id "
                "FROM crm.outbound_message"),
            "1 2 first");
}

TEST_F(MessagePartsTest, CrashBetweenTwoPartsLeavesNothingUnclear) {
  queue(offer());
  auto made = channels();
  made.front().notes_parts = true;
  ChannelSender sender{*database_, std::move(made.front()), each(), clock, quiet_.observer};
  crash_while_sending();
  sql("UPDATE crm.outbound_message SET parts_begun = 1, parts_taken = 1");

  work(sender);

  EXPECT_EQ(state(), "sent");
  EXPECT_EQ(sql("SELECT unclear_attempts FROM crm.outbound_message"), "0");
}

TEST_F(MessagePartsTest, MessageThatEndsEveryProcessIsGivenUp) {
  queue(offer());
  auto made = channels();
  made.front().notes_parts = true;
  ChannelSender sender{*database_, std::move(made.front()), each(), clock, quiet_.observer};
  sql("UPDATE crm.outbound_message SET attempts = 6");

  for (int crash = 0; crash < 2; ++crash) {
    crash_while_sending();
    work(sender);
  }

  EXPECT_EQ(state(), "unknown unclear");
  EXPECT_THAT(server.mails(), IsEmpty());
}

TEST_F(MessagePartsTest, EachPartProlongsTheLeaseUnlessItWasLost) {
  queue(offer());
  const auto claim = store::claim_message(*database_, "email", minutes{1}, false);
  ASSERT_TRUE(claim && *claim);
  const auto left = [&] {
    return std::stoi(
        sql("SELECT round(extract(epoch FROM claimed_until - now()) / 60) "
            "FROM crm.outbound_message"));
  };

  ASSERT_TRUE(store::note_part_begun(*database_, **claim, 1, minutes{10}));
  EXPECT_EQ(left(), 10);
  ASSERT_TRUE(store::note_part_taken(*database_, **claim, 1, "17", minutes{20}));
  EXPECT_EQ(left(), 20);
  ASSERT_TRUE(store::note_sent(*database_, **claim, "17", "", std::nullopt));

  EXPECT_EQ(store::note_part_begun(*database_, **claim, 2, minutes{1}).error().reason,
            "lease_lost");
  EXPECT_EQ(store::note_part_taken(*database_, **claim, 2, "", minutes{1}).error().reason,
            "lease_lost");
}

}  // namespace
}  // namespace c360::daemon

// Messages on their way: from the queue to a real mail server, whatever happens between.
#include <future>
#include <set>
#include <thread>

#include "adapters/service_states.h"
#include "adapters/stored_gate_states.h"
#include "ingest/thread_id.h"
#include "tests/daemon/message_fixture.h"

namespace c360::daemon {
namespace {

using c360::testing::ReceivedMail;
using std::chrono::hours;
using std::chrono::minutes;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(MessageSenderTest, MailGoesOutAndItsIdNamesTheRecordItIsAbout) {
  queue(offer());

  work();

  EXPECT_EQ(state(), "sent");
  ASSERT_THAT(server.mails(), SizeIs(1));
  const parsers::Message mail = read(server.mails().front());
  EXPECT_EQ(mail.subject, "Предложение");
  EXPECT_EQ(mail.body.text, "Здравствуйте!");
  EXPECT_EQ(mail.from.front().name, "Отдел продаж");
  EXPECT_EQ(ingest::record_of_thread_id(thread_key, mail.message_id), customer);
  EXPECT_EQ(sql("SELECT provider_message_id FROM crm.outbound_message"), mail.message_id);
  EXPECT_THAT(server.mails().front().bytes, Not(HasSubstr("List-Unsubscribe")));
  EXPECT_EQ(sql("SELECT last_contact_at IS NOT NULL FROM crm.counterparty"), "t");
}

TEST_F(MessageSenderTest, RefusedRecipientFailsTheMessageForGood) {
  queue(offer());
  server.at("RCPT", {.reply = "550 5.7.1 not from you", .times = 0});
  sql("UPDATE crm.counterparty SET email = 'anna@customer.example'");

  work();
  come_due();
  work();

  EXPECT_EQ(state(), "failed recipient");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(sql("SELECT email_fault IS NULL FROM crm.counterparty"), "t")
      << "that says nothing of the address";
}

TEST_F(MessageSenderTest, AddressThatDoesNotExistIsMarkedAndNothingMoreGoesThere) {
  const std::int64_t contact =
      make("contact",
           R"({"full_name":"Анна","email":"Anna@Customer.example","counterparty_id":)" +
               std::to_string(customer) + "}",
           manager_)
          .id;
  sql("UPDATE crm.counterparty SET email = 'anna@customer.example'");
  queue(offer());
  queue(offer());
  server.at("RCPT", {.reply = "550 5.1.1 no such user", .times = 0});

  work();

  EXPECT_EQ(state(), "failed no_such_address, suppressed no_such_address");
  EXPECT_EQ(server.connections(), 1);
  const std::string said =
      sql("SELECT last_error FROM crm.outbound_message WHERE status = 'failed'");
  EXPECT_THAT(said, HasSubstr("550 5.1.1 no such user"));
  EXPECT_EQ(sql("SELECT email_fault FROM crm.contact"), said);
  EXPECT_EQ(sql("SELECT email_fault FROM crm.counterparty"), said);
  EXPECT_EQ(sql("SELECT string_agg(record_kind || ' ' || origin || ' ' || (version IS NOT NULL), "
                "', ' ORDER BY record_kind) FROM crm.history_event "
                "WHERE changes->0->>'field' = 'email_fault' AND changes->0->>'new' = '" +
                said + "' AND record_id IN (" + std::to_string(contact) + ", " +
                std::to_string(customer) + ")"),
            "contact job true, counterparty job true");
}

TEST_F(MessageSenderTest, TemporaryRefusalIsTriedAgainAfterFiveMinutesAtTheEarliest) {
  queue(offer());
  server.at("RCPT", {.reply = "450 4.7.1 greylisted"});

  work();

  EXPECT_EQ(state(), "queued deferred");
  EXPECT_NEAR(waits(), 300, 2);
  come_due();
  work();
  EXPECT_EQ(state(), "sent");
}

TEST_F(MessageSenderTest, WaitsLongerAfterEachFailureAndGivesUpAfterTheSixth) {
  queue(offer());
  server.at("RCPT", {.reply = "451 4.3.0 later", .times = 0});
  std::vector<int> waited;

  for (int attempt = 1; attempt <= 5; ++attempt) {
    work();
    waited.push_back(waits());
    come_due();
  }
  work();

  const std::vector<int> wanted{300, 300, 1'800, 7'200, 43'200};
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(waited[i], wanted[i], 2);
  EXPECT_EQ(state(), "failed deferred");
}

TEST_F(MessageSenderTest, MailThatMayHaveArrivedIsSentOnceMoreUnderTheSameId) {
  queue(offer());
  server.at(".", {.hangs_up = true, .times = 0});

  work();
  EXPECT_EQ(state(), "queued unclear");
  come_due();
  work();

  EXPECT_EQ(state(), "unknown unclear");
  ASSERT_THAT(server.mails(), SizeIs(2));
  EXPECT_EQ(read(server.mails()[0]).message_id, read(server.mails()[1]).message_id);
}

TEST_F(MessageSenderTest, WhatWasSentIsNotForgottenOverADeadlock) {
  queue(offer());
  // More often than one transaction is repeated.
  sql("CREATE SEQUENCE public.noted");
  sql("CREATE FUNCTION public.fail_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF nextval('public.noted') <= 3 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; "
      "END IF; RETURN NEW; END $$");
  sql("CREATE TRIGGER fail_first BEFORE UPDATE ON crm.outbound_message FOR EACH ROW "
      "WHEN (NEW.status = 'sent') EXECUTE FUNCTION public.fail_first()");

  work();

  EXPECT_EQ(state(), "sent");
  EXPECT_THAT(server.mails(), SizeIs(1));
}

TEST_F(MessageSenderTest, WhatCannotBeNotedHoldsNobodyUpWhoStops) {
  queue(offer());
  sql("CREATE SEQUENCE public.noted");
  sql("CREATE FUNCTION public.fail_always() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM nextval('public.noted'); RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; "
      "END $$");
  sql("CREATE TRIGGER fail_always BEFORE UPDATE ON crm.outbound_message FOR EACH ROW "
      "WHEN (NEW.status = 'sent') EXECUTE FUNCTION public.fail_always()");
  auto made = channels();
  made.front().longest_send = hours{2};
  auto options = each();
  options.after_trouble = minutes{1};
  ChannelSender sender{*database_, std::move(made.front()), options, clock, quiet_.observer};

  std::promise<bool> ended;
  std::jthread daemon(
      [&](const std::stop_token& stop) { ended.set_value(sender.turn(stop).has_value()); });
  auto noted = ended.get_future();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (sql("SELECT is_called FROM public.noted") == "f" &&
         std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  daemon.request_stop();
  const bool held_up = noted.wait_for(std::chrono::seconds{30}) != std::future_status::ready;
  EXPECT_EQ(state(), "sending") << "its lease says later that it may have been sent";

  // Who was held up is let go here, so that it fails and does not hang.
  sql("DROP TRIGGER fail_always ON crm.outbound_message");
  EXPECT_FALSE(held_up);
  EXPECT_FALSE(noted.get());
}

TEST_F(MessageSenderTest, LeaseOutlastsTheLongestSend) {
  config.telegram.token = Secret("1:token");
  config.telegram.document_whole = minutes{2};
  config.telegram.max_parts = 10;
  config.telegram.connections = 1;
  config.sms.provider = SmsProvider::sms_ru;
  config.sms.api_key = Secret("key");
  config.sms.limits.call.whole = minutes{5};

  const auto made = channels();

  ASSERT_THAT(made, SizeIs(3));
  EXPECT_EQ(made[1].name, "telegram");
  EXPECT_GT(made[1].longest_send, minutes{2});
  EXPECT_LT(made[1].longest_send, minutes{5}) << "of one part: the next one prolongs it";
  EXPECT_TRUE(made[1].notes_parts);
  EXPECT_EQ(made[2].name, "sms");
  EXPECT_GT(made[2].longest_send, minutes{5});
}

TEST_F(MessageSenderTest, AChannelHasAsManyLinesAsItsSettingsSay) {
  config.telegram.token = Secret("1:token");
  config.telegram.connections = 3;
  config.sms.provider = SmsProvider::sms_ru;
  config.sms.api_key = Secret("key");
  config.sms.connections = 2;

  std::string lines;
  for (const ChannelSetup& line : channels())
    if (line.name != "email") lines += line.name + " " + std::to_string(line.line) + ", ";

  EXPECT_EQ(lines, "telegram 1, telegram 2, telegram 3, sms 1, sms 2, ");
}

TEST_F(MessageSenderTest, WhatACrashLeavesBehindCountsAsUnclear) {
  queue(offer());
  crash_while_sending();

  work();
  EXPECT_EQ(state(), "queued unclear");
  crash_while_sending();
  work();

  EXPECT_EQ(state(), "unknown unclear");
  EXPECT_THAT(server.mails(), IsEmpty());
}

TEST_F(MessageSenderTest, ChannelThatCannotTellADoubleSendsNothingTwiceAfterACrash) {
  queue(offer());
  crash_while_sending();
  auto made = channels();
  made.front().unclear_retries = 0;
  ChannelSender sender{*database_, std::move(made.front()), each(), clock, quiet_.observer};

  work(sender);

  EXPECT_EQ(state(), "unknown unclear");
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(MessageSenderTest, TwoDaemonsSendNothingTwice) {
  constexpr int kMails = 40;
  for (int i = 0; i < kMails; ++i) {
    auto request = offer();
    request.subject = "No. " + std::to_string(i);
    queue(request);
  }
  config.messages.email.per_minute = 100'000;

  {
    std::vector<std::jthread> daemons;
    for (int i = 0; i < 2; ++i) daemons.emplace_back([this] { work(); });
  }
  work();

  std::set<std::string> subjects;
  for (const ReceivedMail& mail : server.mails()) subjects.insert(read(mail).subject);
  EXPECT_THAT(server.mails(), SizeIs(kMails));
  EXPECT_THAT(subjects, SizeIs(kMails));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.outbound_message WHERE status = 'sent'"), "40");
}

TEST_F(MessageSenderTest, AdvertisingAndRemindersWaitForTheMorningOfTheBusiness) {
  config.messages.email.quiet = *QuietHours::parse("21:00-09:00");  // it is 03:00 in Moscow
  queue(offer("promo"));
  queue(offer("reminder"));
  queue(offer("service"));

  work();
  EXPECT_EQ(state(), "queued, queued, sent");
  clock.advance(hours{6});
  work();

  EXPECT_EQ(state(), "sent, sent, sent");
}

TEST_F(MessageSenderTest, RateHoldsOverAllDaemonsAndAfterARestart) {
  config.messages.email.per_minute = 2;
  for (int i = 0; i < 3; ++i) queue(offer());

  work();
  work();
  EXPECT_THAT(server.mails(), SizeIs(1));
  clock.advance(minutes{1});
  work();

  EXPECT_THAT(server.mails(), SizeIs(2));
}

TEST_F(MessageSenderTest, ConsentWithdrawnMeanwhileKeepsTheMessageBack) {
  queue(offer("promo"));
  sql("UPDATE crm.counterparty SET promo_emails_allowed = false");

  work();

  EXPECT_EQ(state(), "suppressed no_consent");
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(MessageSenderTest, CustomerOnTheBlackListMeanwhileGetsNothing) {
  queue(offer());
  sql("UPDATE crm.counterparty SET status_code = 'blacklisted'");

  work();

  EXPECT_EQ(state(), "suppressed blacklisted");
}

TEST_F(MessageSenderTest, AdvertisingCarriesALinkThatWithdrawsTheConsent) {
  const std::int64_t id = queue(offer("promo"));

  work();

  ASSERT_THAT(server.mails(), SizeIs(1));
  const std::string bytes = server.mails().front().bytes;
  const std::string begin = "List-Unsubscribe: <https://crm.company.example/unsubscribe/";
  const auto at = bytes.find(begin);
  ASSERT_NE(at, std::string::npos);
  const std::string token =
      bytes.substr(at + begin.size(), bytes.find('>', at) - at - begin.size());
  const auto link = store::read_unsubscribe(
      *store::installation_key(*database_, store::kUnsubscribeKey, {}), token);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->counterparty_id, customer);
  EXPECT_EQ(link->message_id, id);
  EXPECT_THAT(bytes, HasSubstr("List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
  EXPECT_THAT(read(server.mails().front()).body.text, HasSubstr("/unsubscribe/" + token));
}

TEST_F(MessageSenderTest, AdvertisingWithoutAWayToRefuseItIsNotSent) {
  config.messages.public_url.clear();
  queue(offer("promo"));

  work();

  EXPECT_EQ(state(), "failed no_public_url");
}

TEST_F(MessageSenderTest, RefusedSignInStopsTheChannelUntilItsSettingsChange) {
  queue(offer());
  queue(offer());
  config.messages.smtp.password = Secret("wrong");
  config.messages.email.per_minute = 100'000;

  ASSERT_TRUE(OutsideServices(*database_, clock, quiet_.observer, config).announce());

  work();
  work();
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(
      sql("SELECT count(*) FROM crm.outbound_message WHERE status = 'queued' AND attempts = 0"),
      "2");
  const auto states = adapters::service_states(*database_, clock.now());
  ASSERT_TRUE(states);
  const auto mail = std::ranges::find(
      *states, "email", [](const adapters::ServiceStatus& each) { return each.record.service; });
  ASSERT_NE(mail, states->end());
  EXPECT_EQ(mail->state, "refused") << "the administrator sees why nothing goes out";
  config.messages.smtp.password = Secret("secret");
  clock.advance(minutes{1});
  work();

  EXPECT_EQ(state(), "sent, sent");
}

TEST_F(MessageSenderTest, ProbeLiftsARefusedSignIn) {
  queue(offer());
  config.messages.smtp.password = Secret("wrong");
  ASSERT_TRUE(OutsideServices(*database_, clock, quiet_.observer, config).announce());
  work();
  ASSERT_EQ(server.connections(), 1);

  ASSERT_TRUE(adapters::lift_refusals(*database_, "email", SystemClock{}.now()));
  clock.advance(minutes{1});
  work();

  EXPECT_EQ(server.connections(), 2);
}

TEST_F(MessageSenderTest, AnswerNamesTheMailItAnswers) {
  auto request = offer("support_reply");
  request.in_reply_to = "<question@customer.example>";
  queue(request);

  work();

  ASSERT_THAT(server.mails(), SizeIs(1));
  EXPECT_THAT(read(server.mails().front()).in_reply_to, Contains("question@customer.example"));
}

TEST_F(MessageSenderTest, DocumentsGoOutWithTheMail) {
  auto request = offer();
  request.document_version_ids = {stored_version("Предложение № 5.pdf", "%PDF-1.7 and so on")};
  queue(request);

  work();

  ASSERT_THAT(server.mails(), SizeIs(1));
  const std::string bytes = server.mails().front().bytes;
  const auto mail = parsers::read_mail(bytes);
  ASSERT_THAT(mail.message().parts, SizeIs(2));
  EXPECT_EQ(mail.message().parts[1].file_name, "Предложение № 5.pdf");
  EXPECT_EQ(mail.part_bytes(1, 1'000).value_or(""), "%PDF-1.7 and so on");
}

TEST_F(MessageSenderTest, DocumentsThatAreGoneOrTooLargeFailTheMessage) {
  auto request = offer();
  request.document_version_ids = {stored_version("a.pdf", std::string(2'000, 'x'))};
  queue(request);
  config.messages.smtp.max_mail_bytes = 2'000;
  work();
  EXPECT_EQ(state(), "failed too_large");

  sql("UPDATE crm.outbound_message SET status = 'queued', next_attempt_at = now()");
  sql("UPDATE crm.document SET deleted_at = now()");
  work();
  EXPECT_EQ(state(), "failed attachment_gone");
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(MessageSenderTest, QueuedMessageIsHeardOfAtOnce) {
  MessageSender sender{
      *database_, channels(), {.each = each(), .database = options_}, clock, quiet_.observer};
  sender.start();

  queue(offer());

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (server.mails().empty() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_THAT(server.mails(), SizeIs(1));
}

TEST_F(MessageSenderTest, DatabaseKnowsWhichChannelsAreOn) {
  ASSERT_TRUE(OutsideServices(*database_, clock, quiet_.observer, config).announce());

  EXPECT_EQ(sql("SELECT string_agg(service, ',' ORDER BY service) FROM ops.service_switch "
                "WHERE is_on AND service IN ('email', 'telegram', 'sms')"),
            "email");
}

TEST(QuietHoursTest, MayGoOverMidnight) {
  const auto night = QuietHours::parse("21:00-09:00");
  ASSERT_TRUE(night);
  const LocalSeconds day{std::chrono::days{20'000}};
  EXPECT_TRUE(night->holds_at(day + hours{21}));
  EXPECT_TRUE(night->holds_at(day + hours{8} + minutes{59}));
  EXPECT_FALSE(night->holds_at(day + hours{9}));
  const auto lunch = QuietHours::parse("12:00-13:00");
  ASSERT_TRUE(lunch);
  EXPECT_TRUE(lunch->holds_at(day + hours{12}));
  EXPECT_FALSE(lunch->holds_at(day + hours{13}));
  EXPECT_FALSE(QuietHours::parse("")->holds_at(day));
  for (const char* wrong : {"9-21", "25:00-09:00", "21:00", "21:60-09:00", "09:00-09:00", "x"})
    EXPECT_FALSE(QuietHours::parse(wrong)) << wrong;
}

}  // namespace
}  // namespace c360::daemon

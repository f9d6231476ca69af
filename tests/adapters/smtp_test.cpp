// Submission of mails: each phase, each refusal of adapters.md 5.2, and what no server may make of
// it.
#include "adapters/smtp.h"

#include <gmock/gmock.h>

#include "tests/support/connect_proxy.h"
#include "tests/support/dovecot.h"
#include "tests/support/manual_clock.h"
#include "tests/support/smtp_server.h"

namespace c360::testing {
namespace {

using adapters::CallRecord;
using adapters::CallResult;
using adapters::Carried;
using adapters::CarriedMessage;
using adapters::ChannelMessage;
using adapters::Outcome;
using adapters::SmtpChannel;
using adapters::SmtpOptions;
using adapters::SmtpTls;
using adapters::WrittenMail;
using std::chrono::milliseconds;
using std::chrono::minutes;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Gives tokens as a provider would: another one each time one was refused.
class GivenTokens final : public adapters::AccessTokens {
 public:
  explicit GivenTokens(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}
  Result<Secret> token(const Secret& refused) override {
    if (!refused.empty() && tokens_.size() > 1) tokens_.erase(tokens_.begin());
    return Secret(tokens_.front());
  }
  void interrupt() override {}

 private:
  std::vector<std::string> tokens_;
};

struct RecordedCalls final : adapters::CallJournal {
  void record(const CallRecord& record) override { records.push_back(record); }
  std::vector<CallRecord> records;
};

class Smtp : public ::testing::Test {
 protected:
  static SmtpOptions options_of(const SmtpServer& server) {
    SmtpOptions options;
    options.host = "127.0.0.1";
    options.port = server.port();
    options.username = "crm@company.example";
    options.password = Secret("secret");
    options.ca_file = server.ca_file();
    options.from = "crm@company.example";
    options.greets_as = "crm.company.example";
    options.reply = milliseconds{2'000};
    options.whole = milliseconds{3'000};
    return options;
  }
  Result<WrittenMail> write(const ChannelMessage& message) const {
    return WrittenMail{.bytes = "Subject: " + message.subject + "\r\n\r\n" + message.text,
                       .message_id = message.key + "@company.example"};
  }
  SmtpChannel channel(SmtpOptions options, std::unique_ptr<adapters::AccessTokens> tokens = {}) {
    return {std::move(options), [this](const ChannelMessage& message) { return write(message); },
            clock_, std::move(tokens)};
  }
  static ChannelMessage hello(std::string text = "Hello\r\n.\r\n..two\r\n") {
    return {.address = "anna@customer.example",
            .subject = "Offer",
            .text = std::move(text),
            .html = {},
            .key = "c360-7-1-aa",
            .in_reply_to = {},
            .unsubscribe_url = {},
            .attachments = {}};
  }
  CallResult<CarriedMessage> send(const SmtpServer& server) {
    return channel(options_of(server)).send(hello(), {});
  }
  // "outcome reason" of the refusal, or how it was carried.
  static std::string said(const CallResult<CarriedMessage>& result) {
    if (result) return std::string(to_string(result->state));
    return std::string(to_string(result.error().outcome)) + " " + result.error().reason;
  }

  ManualClock clock_;
  RecordedCalls journal_;
};

TEST_F(Smtp, GoesThroughAProxyThatSeesNeitherTheMailNorTheSignIn) {
  for (const auto tls : {SmtpServerOptions::Tls::starttls, SmtpServerOptions::Tls::implicit}) {
    const ConnectProxy proxy;
    SmtpServer server({.tls = tls});
    SmtpOptions options = options_of(server);
    options.tls = tls == SmtpServerOptions::Tls::implicit ? SmtpTls::implicit : SmtpTls::starttls;
    options.proxy = {.url = proxy.url(), .credentials = Secret("ann:word")};

    const auto sent = channel(options).send(hello(), {});

    ASSERT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(sent->state, Carried::sent);
    EXPECT_THAT(server.mails(), SizeIs(1));
    EXPECT_THAT(proxy.asked(), ElementsAre("127.0.0.1:" + std::to_string(server.port())));
    ASSERT_THAT(proxy.requests(), SizeIs(1));
    EXPECT_THAT(proxy.requests().front(), HasSubstr("Proxy-Authorization: Basic YW5uOndvcmQ="));
  }

  // A refusal of the proxy is none of the server's, and nobody goes around it.
  const ConnectProxy closed(403);
  SmtpServer server;
  SmtpOptions options = options_of(server);
  options.proxy.url = closed.url();
  const auto refused = channel(options).send(hello(), {});
  EXPECT_EQ(said(refused), "retryable unreachable");
  EXPECT_THAT(refused.error().detail, HasSubstr("by the proxy " + closed.url()));
  EXPECT_THAT(server.commands(), IsEmpty());
}

TEST_F(Smtp, MailReachesTheServerWholeAndOverTls) {
  SmtpServer server;

  const auto sent = send(server);

  ASSERT_TRUE(sent) << sent.error().detail;
  EXPECT_EQ(sent->state, Carried::sent);
  EXPECT_EQ(sent->provider_id, "c360-7-1-aa@company.example");
  ASSERT_THAT(server.mails(), SizeIs(1));
  EXPECT_EQ(server.mails().front().to, "anna@customer.example");
  EXPECT_EQ(server.mails().front().bytes, "Subject: Offer\r\n\r\nHello\r\n.\r\n..two\r\n");
  EXPECT_THAT(server.commands(),
              ElementsAre("EHLO crm.company.example", "STARTTLS", "TLS", "EHLO crm.company.example",
                          "AUTH PLAIN", StartsWith("MAIL FROM:<crm@company.example>"),
                          StartsWith("RCPT TO:<anna@customer.example>"), "DATA", "QUIT"));
}

TEST_F(Smtp, ImplicitTlsBeginsWithTheFirstByte) {
  SmtpServer server({.tls = SmtpServerOptions::Tls::implicit});
  SmtpOptions options = options_of(server);
  options.tls = SmtpTls::implicit;

  EXPECT_EQ(said(channel(options).send(hello(), {})), "sent");
}

TEST_F(Smtp, LoginIsUsedWhereThereIsNoPlain) {
  SmtpServer server({.extensions = {"AUTH LOGIN"}});

  EXPECT_EQ(said(send(server)), "sent");
  EXPECT_THAT(server.commands(), Contains("AUTH LOGIN"));
}

TEST_F(Smtp, RefusedTokenIsReplacedOnce) {
  SmtpServer server({.password = "fresh"});
  SmtpOptions options = options_of(server);
  auto tokens = std::make_unique<GivenTokens>(std::vector<std::string>{"stale", "fresh"});

  EXPECT_EQ(said(channel(options, std::move(tokens)).send(hello(), {})), "sent");
  EXPECT_THAT(server.commands(), Contains("AUTH XOAUTH2").Times(2));
}

TEST_F(Smtp, ServerWithoutStartTlsGetsNothing) {
  SmtpServer server({.tls = SmtpServerOptions::Tls::none});

  EXPECT_EQ(said(send(server)), "permanent no_starttls");
  EXPECT_THAT(server.commands(), Not(Contains(StartsWith("AUTH"))));
  EXPECT_THAT(server.mails(), IsEmpty());
}

TEST_F(Smtp, WhatStandsBehindStartTlsInClearTextIsRefused) {
  SmtpServer server;
  server.at("STARTTLS", {.behind = "250-evil\r\n250 AUTH PLAIN\r\n"});

  const auto sent = send(server);

  EXPECT_EQ(said(sent), "retryable tls");
  EXPECT_THAT(server.commands(), Not(Contains(StartsWith("AUTH"))));
}

TEST_F(Smtp, CertificateNobodyVouchesForIsRefused) {
  SmtpServer server;
  SmtpServer another;
  SmtpOptions options = options_of(server);
  options.ca_file = another.ca_file();

  const auto sent = channel(options).send(hello(), {});

  EXPECT_EQ(said(sent), "retryable tls");
  EXPECT_EQ(sent.error().retry_at, clock_.now() + minutes{5});
  EXPECT_THAT(server.commands(), Not(Contains(StartsWith("AUTH"))));
}

struct Refusal {
  const char* command;
  const char* reply;
  const char* means;
  int minutes;  // until the next attempt; 0: not said

  friend void PrintTo(const Refusal& refusal, std::ostream* out) {
    *out << refusal.command << ": " << refusal.reply;
  }
};

class SmtpRefusal : public Smtp, public ::testing::WithParamInterface<Refusal> {};

TEST_P(SmtpRefusal, MeansWhatTheTableSays) {
  SmtpServer server;
  server.at(GetParam().command, {.reply = GetParam().reply});

  const auto sent = send(server);

  EXPECT_EQ(said(sent), GetParam().means);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().retry_at.has_value(), GetParam().minutes > 0);
  if (sent.error().retry_at) {
    EXPECT_EQ(*sent.error().retry_at, clock_.now() + minutes{GetParam().minutes});
  }
  EXPECT_THAT(sent.error().detail, HasSubstr(std::string(GetParam().reply).substr(0, 3)));
  EXPECT_THAT(sent.error().detail, Not(HasSubstr("secret")));
}

INSTANTIATE_TEST_SUITE_P(
    Table, SmtpRefusal,
    ::testing::Values(Refusal{"greeting", "421 4.3.2 too busy", "retryable deferred", 5},
                      Refusal{"greeting", "554 go away", "retryable refused", 5},
                      Refusal{"STARTTLS", "454 4.7.0 no TLS now", "retryable deferred", 5},
                      Refusal{"AUTH", "535 5.7.8 wrong", "auth sign_in", 0},
                      Refusal{"AUTH", "534 5.7.9 stronger", "auth sign_in", 0},
                      Refusal{"AUTH", "454 4.7.0 later", "retryable deferred", 5},
                      Refusal{"MAIL", "530 5.7.0 sign in", "permanent configuration", 0},
                      Refusal{"MAIL", "538 5.7.11 encrypt", "permanent configuration", 0},
                      Refusal{"MAIL", "553 5.7.1 not your address", "permanent sender", 0},
                      Refusal{"MAIL", "552 5.3.4 too large", "permanent too_large", 0},
                      Refusal{"RCPT", "550 5.1.1 no such user", "permanent no_such_address", 0},
                      Refusal{"RCPT", "551 5.1.6 moved", "permanent no_such_address", 0},
                      Refusal{"RCPT", "550 5.1.8 your domain", "permanent recipient", 0},
                      Refusal{"RCPT", "550 unavailable", "permanent recipient", 0},
                      Refusal{"RCPT", "552 5.2.2 full", "permanent recipient", 0},
                      Refusal{"RCPT", "553 5.1.3 bad address", "permanent no_such_address", 0},
                      Refusal{"RCPT", "554 5.7.1 no", "permanent recipient", 0},
                      Refusal{"RCPT", "450 4.7.1 greylisted", "retryable deferred", 5},
                      Refusal{"RCPT", "451 4.3.0 later", "retryable deferred", 5},
                      Refusal{"RCPT", "452 4.5.3 too many", "quota limit", 60},
                      Refusal{"RCPT", "550 5.4.5 Daily sending quota exceeded", "quota limit", 60},
                      Refusal{"MAIL", "421 4.7.28 rate", "quota limit", 60},
                      Refusal{"MAIL", "432 4.3.2 throttled", "quota limit", 60},
                      Refusal{"MAIL", "450 4.2.1 hourly limit reached", "quota limit", 60},
                      Refusal{"RCPT", "550 5.2.2 over its limit", "permanent recipient", 0},
                      Refusal{"RCPT", "550 5.1.1 limited to members", "permanent no_such_address",
                              0},
                      Refusal{"RCPT", "450 4.2.1 its limit is reached", "retryable deferred", 5},
                      Refusal{".", "550 5.3.4 over the size limit", "permanent rejected", 0},
                      Refusal{"RCPT", "550 5.7.1 daily limit", "quota limit", 60},
                      Refusal{"DATA", "554 5.7.1 spam", "permanent rejected", 0},
                      Refusal{".", "554 5.7.1 spam", "permanent rejected", 0},
                      Refusal{".", "451 4.3.0 later", "retryable deferred", 5},
                      Refusal{".", "421 4.3.0 shutting down", "retryable deferred", 5}));

class SmtpHangUp : public Smtp, public ::testing::WithParamInterface<const char*> {};

TEST_P(SmtpHangUp, BeforeTheEndOfTheMailMeansThatNothingWasSent) {
  SmtpServer server;
  server.at(GetParam(), {.hangs_up = true});

  EXPECT_EQ(said(send(server)).substr(0, 9), "retryable");
  EXPECT_THAT(server.mails(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Phases, SmtpHangUp,
                         ::testing::Values("greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT",
                                           "DATA"));

TEST_F(Smtp, HangUpInsideALargeMailMeansThatItWasNotSent) {
  SmtpServer server;
  server.at("body", {.hangs_up = true});

  const auto sent = channel(options_of(server)).send(hello(std::string(8'000'000, 'x')), {});

  EXPECT_EQ(said(sent), "retryable unreachable");
}

TEST_F(Smtp, NoAnswerToAWholeMailMeansThatItMayHaveArrived) {
  SmtpServer server;
  for (const SmtpFault& fault :
       {SmtpFault{.hangs_up = true}, SmtpFault{.is_silent = true}, SmtpFault{.drips = true}}) {
    server.at(".", fault);

    const auto sent = send(server);

    ASSERT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(sent->state, Carried::unknown);
    EXPECT_EQ(sent->provider_id, "c360-7-1-aa@company.example");
  }
}

TEST_F(Smtp, DrippingServerIsGivenUp) {
  SmtpServer server;
  server.at("EHLO", {.drips = true});

  EXPECT_EQ(said(send(server)), "retryable timeout");
}

TEST_F(Smtp, MailLargerThanTheServerTakesIsNotSent) {
  SmtpServer server({.size_limit = 1'000});

  const auto sent = channel(options_of(server)).send(hello(std::string(1'001, 'x')), {});

  EXPECT_EQ(said(sent), "permanent too_large");
  EXPECT_THAT(server.commands(), Not(Contains(StartsWith("MAIL"))));
}

TEST_F(Smtp, MailLargerThanWeSendIsNotEvenOffered) {
  SmtpServer server;
  SmtpOptions options = options_of(server);
  options.max_mail_bytes = 100;

  EXPECT_EQ(said(channel(options).send(hello(std::string(101, 'x')), {})), "permanent too_large");
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(Smtp, AddressBeyondAsciiNeedsAServerThatTakesIt) {
  ChannelMessage message = hello();
  message.address = "анна@customer.example";
  SmtpServer modern;
  SmtpServer old({.extensions = {"AUTH PLAIN"}});

  EXPECT_EQ(said(channel(options_of(modern)).send(message, {})), "sent");
  EXPECT_THAT(modern.commands(), Contains(HasSubstr("SMTPUTF8")));
  EXPECT_EQ(said(channel(options_of(old)).send(message, {})), "permanent recipient");
}

TEST_F(Smtp, AddressCannotEndItsCommand) {
  SmtpServer server;
  for (const char* address :
       {"a@b.example>\r\nRCPT TO:<c@d.example", "a@b.example\nDATA", "no address", "a b@c.example",
        "<a@b.example>", "a@b.example,c@d.example", "@b.example", "a@", "a@-b.example"}) {
    ChannelMessage message = hello();
    message.address = address;

    EXPECT_EQ(said(channel(options_of(server)).send(message, {})), "permanent recipient");
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(Smtp, ProbeSignsInAndSendsNothing) {
  SmtpServer server;

  const auto found = channel(options_of(server)).probe({});

  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_THAT(*found, HasSubstr("10000000"));
  EXPECT_THAT(server.commands(), Not(Contains(StartsWith("MAIL"))));
  server.at("AUTH", {.reply = "535 5.7.8 wrong"});
  EXPECT_EQ(channel(options_of(server)).probe({}).error().outcome, Outcome::auth);
}

TEST_F(Smtp, EachExchangeIsRecordedWithoutASecretOrTheMail) {
  SmtpServer server;
  SmtpOptions options = options_of(server);
  options.password = Secret("PLANTED-SECRET");
  const auto attempt = [&] {
    (void)SmtpChannel{options, [this](const ChannelMessage& message) { return write(message); },
                      clock_, nullptr, &journal_}
        .send(hello("PLANTED in the mail"), {});
    return journal_.records.back();
  };

  const CallRecord wrong_password = attempt();
  EXPECT_EQ(wrong_password.outcome, Outcome::auth);
  EXPECT_EQ(wrong_password.http_status, 535);
  options.password = Secret("secret");
  const CallRecord sent = attempt();
  EXPECT_EQ(sent.outcome, Outcome::found);
  EXPECT_EQ(sent.http_status, 250);
  server.at("RCPT", {.reply = "450 4.7.1 greylisted secret"});
  const CallRecord put_off = attempt();
  EXPECT_EQ(put_off.outcome, Outcome::retryable);
  EXPECT_EQ(put_off.reason, "deferred");
  EXPECT_THAT(put_off.error, HasSubstr("450 4.7.1 greylisted ***"));
  EXPECT_EQ(put_off.retry_at, clock_.now() + minutes{5});

  ASSERT_THAT(journal_.records, SizeIs(3));
  EXPECT_NE(wrong_password.key_fingerprint, sent.key_fingerprint);
  for (const CallRecord& record : journal_.records) {
    EXPECT_EQ(record.service + " " + record.operation, "email submit");
    EXPECT_EQ(record.subject, "c360-7-1-aa");
    EXPECT_GT(record.bytes_in, 0U);
    EXPECT_THAT(record.error, Not(HasSubstr("PLANTED")));
    EXPECT_FALSE(record.exchange);
  }
}

TEST_F(Smtp, NoAnswerToAWholeMailIsRecordedAsNone) {
  SmtpServer server;
  server.at(".", {.hangs_up = true});

  const auto sent = SmtpChannel{options_of(server),
                                [this](const ChannelMessage& message) { return write(message); },
                                clock_, nullptr, &journal_}
                        .send(hello(), {});

  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->state, Carried::unknown);
  ASSERT_THAT(journal_.records, SizeIs(1));
  EXPECT_EQ(journal_.records.front().outcome, Outcome::retryable);
  EXPECT_EQ(journal_.records.front().http_status, 0);
}

TEST_F(Smtp, StopEndsAnExchangeThatHangs) {
  SmtpServer server;
  server.at("MAIL", {.is_silent = true});
  SmtpOptions options = options_of(server);
  options.reply = options.whole = milliseconds{60'000};
  std::stop_source stop;
  stop.request_stop();

  EXPECT_EQ(said(channel(options).send(hello(), stop.get_token())), "retryable interrupted");
}

// ---------------------------------------------------------------- Dovecot's submission server

// It signs us in over STARTTLS and hands the mail on to the next server.
class Submission : public Smtp {
 protected:
  SmtpOptions options() const {
    SmtpOptions options = options_of(next_);
    options.port = dovecot_.submission_port();
    options.ca_file = dovecot_.ca_file();
    return options;
  }

  SmtpServer next_{{.tls = SmtpServerOptions::Tls::none, .extensions = {"8BITMIME"}, .user = ""}};
  Dovecot dovecot_{{.plaintext_auth = false, .relay_port = next_.port()}};
};

TEST_F(Submission, MailIsHandedOnWhole) {
  const std::string text = "Hello\r\n.\r\n..two\r\n" + std::string(200'000, 'x') + "\r\n";

  const auto sent = channel(options()).send(hello(text), {});

  ASSERT_TRUE(sent) << sent.error().detail << dovecot_.log();
  EXPECT_EQ(sent->state, Carried::sent);
  ASSERT_THAT(next_.mails(), SizeIs(1));
  const ReceivedMail mail = next_.mails().front();
  EXPECT_EQ(mail.from, "crm@company.example");
  EXPECT_EQ(mail.to, "anna@customer.example");
  EXPECT_THAT(mail.bytes, ::testing::EndsWith("Subject: Offer\r\n\r\n" + text));
}

TEST_F(Submission, WrongPasswordIsSaid) {
  SmtpOptions wrong = options();
  wrong.password = Secret("stale");

  EXPECT_EQ(said(channel(wrong).send(hello(), {})), "auth sign_in");
  EXPECT_THAT(next_.mails(), IsEmpty());
}

TEST_F(Submission, RefusalOfTheNextServerIsTold) {
  next_.at("RCPT", {.reply = "550 5.1.1 no such user"});
  EXPECT_EQ(said(channel(options()).send(hello(), {})), "permanent recipient");
  next_.at(".", {.reply = "554 5.7.1 spam"});
  EXPECT_EQ(said(channel(options()).send(hello(), {})), "permanent rejected");
}

TEST_F(Submission, ProbeSignsIn) {
  const auto found = channel(options()).probe({});

  EXPECT_TRUE(found) << found.error().detail;
  EXPECT_THAT(next_.commands(), Not(Contains(StartsWith("MAIL"))));
}

}  // namespace
}  // namespace c360::testing

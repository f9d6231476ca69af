// Every misbehaviour of a server, on the whole path: the mailbox says what is wrong, recovers by
// itself once the server heals, and every mail ends in exactly one end state; the mailbox next to
// it takes in mail all the while.
#include <gmock/gmock.h>

#include "tests/ingest/hostile_fixture.h"
#include "tests/ingest/misbehaviours.h"

namespace c360::testing {
namespace {

using ingest::imap::TlsMode;

// ---------------------------------------------------------------- every command, every fault

struct Fault {
  const char* name;
  Handler handler;
  bool takes_time = false;
  bool is_an_answer = false;  // a greeting is none
  bool is_a_refusal = false;  // the session lives
};

std::vector<Fault> every_fault() {
  return {
      {"Closes", closes},
      {"Hangs", hangs, /*takes_time=*/true},
      {"Drips", drips, /*takes_time=*/true},
      {"SaysNo", answers("NO not now"), false, /*is_an_answer=*/true, /*is_a_refusal=*/true},
      {"SaysBad", answers("BAD what?"), false, /*is_an_answer=*/true, /*is_a_refusal=*/true},
      {"SaysBye", says("* BYE the house is on fire\r\n")},
      {"AnswersAnotherCommand", says("zz9 OK done\r\n"), false, /*is_an_answer=*/true},
      {"AnnouncesAHugeLiteral", says("* X {99999999999}\r\n")},
      {"SendsBrackets", says("* X " + std::string(200'000, '('))},
      {"SendsALineWithoutEnd", says("* OK " + std::string(1'100'000, 'x'))},
  };
}

class EveryCommand : public HostileTest, public ::testing::WithParamInterface<Fault> {
 protected:
  // A refusal to give out or to flag mails ends no pass.
  static std::string_view metric_of(std::string_view command) {
    if (GetParam().is_a_refusal && command == "UID FETCH") return kRetries;
    if (GetParam().is_a_refusal && command == "UID STORE") return kFlagFailures;
    return kFailures;
  }
};

TEST_P(EveryCommand, CanFailWithoutHarm) {
  const Fault& fault = GetParam();
  if (fault.takes_time) crm.imap.connect_timeout = crm.imap.command_timeout = kSoon;
  start();
  expect_recovery();  // it was never ill

  for (const char* command :
       {"", "CAPABILITY", "AUTHENTICATE", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE"}) {
    if (*command == '\0' && fault.is_an_answer) continue;
    SCOPED_TRACE(*command == '\0' ? "the greeting" : command);
    liar.misbehave(command, 0, fault.handler);
    liar.account().add("INBOX", form_mail(++forms_));
    liar.hang_up();

    expect_trouble(fault.takes_time ? "in time" : "", metric_of(command));
    expect_recovery();
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, EveryCommand, ::testing::ValuesIn(every_fault()),
                         [](const auto& fault) { return std::string(fault.param.name); });

// ---------------------------------------------------------------- the way in

TEST_F(HostileTest, AServerOfAnotherProtocolIsRecognised) {
  liar.misbehave("", 0, says("HTTP/1.1 400 Bad Request\r\n\r\n"));

  start();

  expect_failure("not IMAP");
  expect_recovery();
}

TEST_F(HostileTest, ARefusedPasswordIsSaidAndTriedAgain) {
  liar.misbehave("AUTHENTICATE", 0, answers("NO [AUTHENTICATIONFAILED] expired"));

  start();

  expect_failure("AUTHENTICATIONFAILED");
  expect_recovery();
}

// The calm mailbox makes many passes meanwhile: that is the clock.
TEST_F(HostileTest, ARefusedPasswordIsTriedAtTheSlowerPace) {
  intake_options.pace.refusal = {.first = std::chrono::hours{1}, .limit = std::chrono::hours{1}};
  liar.misbehave("AUTHENTICATE", 0, answers("NO [AUTHENTICATIONFAILED] expired"));

  start();

  expect_failure("AUTHENTICATIONFAILED");
  ASSERT_TRUE(honest.wait_for("UID SEARCH", 30));
  EXPECT_EQ(count_of("AUTHENTICATE"), 1);
  liar.heal();
  intake->poll_now("crm");
  expect_recovery();
}

TEST_F(HostileTest, AServerThatHangsUpIsNotStormed) {
  intake_options.pace.failure = {.first = std::chrono::hours{1}, .limit = std::chrono::hours{1}};
  liar.misbehave("", 0, closes);

  start();

  expect_failure("closed");
  ASSERT_TRUE(honest.wait_for("UID SEARCH", 30));
  EXPECT_EQ(count_of(""), 1);
  liar.heal();
  intake->poll_now("crm");
  expect_recovery();
}

TEST(IntakePace, IsSlowerWhereWeAreRefusedAndNeverInStep) {
  const ingest::IntakePace pace;

  EXPECT_GE(pace.refusal.first, 10 * pace.failure.first);
  EXPECT_GT(pace.refusal.limit, pace.failure.limit);
  for (const BackoffOptions& each : {pace.failure, pace.refusal, pace.mail, pace.false_alarm}) {
    std::set<std::chrono::milliseconds> firsts;
    for (std::uint64_t daemon = 0; daemon < 20; ++daemon) {
      Backoff backoff{each, daemon};
      firsts.insert(backoff.next());
      for (int failure = 0; failure < 30; ++failure) EXPECT_LE(backoff.next(), each.limit);
    }
    EXPECT_GT(firsts.size(), 10U);
    EXPECT_LE(*firsts.rbegin(), each.first);
  }
}

TEST_F(HostileTest, AWishForPatienceOfWeeksIsObeyedWithinBounds) {
  liar.misbehave(
      "SELECT", 0,
      answers("BAD Request is throttled. Suggested Backoff Time: 4000000000 milliseconds"));

  start();

  expect_failure("throttled");
  expect_recovery();
}

class HostileTls : public HostileTest {
 protected:
  // A server by STARTTLS whose certificate is good.
  ScriptedImapServer& secured(TlsMode mode) {
    ScriptedImapOptions how;
    how.tls = mode == TlsMode::imaps;
    how.certificate = authority.issue("good");
    secured_ = std::make_unique<ScriptedImapServer>(how);
    for (int i = 0; i < 3; ++i) secured_->account().add("INBOX", form_mail(++forms_));
    crm.imap.tls = mode;
    crm.imap.ca_file = authority.ca_file();
    return *secured_;
  }
  void expect_refused_certificate(TlsMode mode, const CertificateRequest& request,
                                  const std::string& complaint) {
    ScriptedImapServer& peer = secured(mode);
    peer.use_certificate(authority.issue("bad", request));

    start(peer);

    expect_failure(complaint);
    for (const std::string& command : peer.transcript())
      EXPECT_FALSE(command.starts_with("AUTHENTICATE")) << "the password was sent";
    peer.use_certificate(authority.issue("good"));
    expect_recovery();
  }
  ~HostileTls() override { intake.reset(); }  // before its server

  TempFolder folder;
  TestAuthority authority{folder.path()};
  std::unique_ptr<ScriptedImapServer> secured_;
};

TEST_F(HostileTls, AnExpiredCertificateIsNotAccepted) {
  expect_refused_certificate(TlsMode::imaps, {.valid_from_days = -20, .valid_to_days = -1},
                             "expired");
}
TEST_F(HostileTls, ACertificateOfAnotherNameIsNotAccepted) {
  expect_refused_certificate(TlsMode::starttls, {.names = {"mail.example.test"}},
                             "imap.example.test");
}
TEST_F(HostileTls, ASelfSignedCertificateIsNotAccepted) {
  expect_refused_certificate(TlsMode::imaps, {.self_signed = true}, "certificate");
}

TEST_F(HostileTls, AStrippedStarttlsSendsNoPassword) {
  ScriptedImapServer& peer = secured(TlsMode::starttls);
  peer.misbehave("CAPABILITY", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("* CAPABILITY IMAP4rev1 AUTH=PLAIN");
    client.ok(command);
  });

  start(peer);

  expect_failure("offers no STARTTLS");
  for (const std::string& command : peer.transcript())
    EXPECT_FALSE(command.starts_with("AUTHENTICATE")) << "the password was sent";
  expect_recovery();
}

TEST_F(HostileTls, AGreetingThatSignsInBeforeTlsIsNotAccepted) {
  ScriptedImapServer& peer = secured(TlsMode::starttls);
  peer.misbehave("", 0, says("* PREAUTH welcome\r\n"));

  start(peer);

  expect_failure("signs us in before TLS");
  expect_recovery();
}

TEST_F(HostileTls, BytesBetweenStarttlsAndTlsAreNotAccepted) {
  ScriptedImapServer& peer = secured(TlsMode::starttls);
  peer.misbehave("STARTTLS", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.send(command.tag + " OK go ahead\r\n* CAPABILITY IMAP4rev1\r\n");
    client.start_tls();
  });

  start(peer);

  expect_failure("between STARTTLS and TLS");
  expect_recovery();
}

TEST_F(HostileTls, AnswersBeforeTheirCommandsAreNotAccepted) {
  ScriptedImapServer& peer = secured(TlsMode::starttls);
  peer.misbehave("STARTTLS", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.ok(command);
    client.start_tls();
    client.send("a9 OK [CAPABILITY IMAP4rev1] signed in\r\n");
  });

  start(peer);

  expect_failure("nobody sent");
  expect_recovery();
}

// ---------------------------------------------------------------- time

TEST_F(HostileTest, AMailThatDripsIsGivenUp) {
  crm.imap.command_timeout = kSoon;
  crm.imap.minimum_rate = 1'000'000'000;
  liar.misbehave("UID FETCH", 0, [](ImapConnection& client, const ImapCommand&) {
    client.send("* 1 FETCH (UID 1 BODY[] {1000000}\r\n");
    for (;;) client.drip("Subject: slow\r\n");
  });

  start();

  expect_failure("in time");
  expect_recovery();
}

TEST_F(HostileTest, ALiteralLongerThanItsMessageIsGivenUp) {
  crm.imap.command_timeout = kSoon;
  crm.imap.minimum_rate = 1'000'000'000;
  liar.misbehave("UID FETCH", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("* 1 FETCH (UID 1 BODY[] {1000000}\r\nSubject: short\r\n\r\n)");
    client.ok(command);
  });

  start();

  expect_failure("in time");
  expect_recovery();
}

// ---------------------------------------------------------------- lies about mails

TEST_F(HostileTest, ALiteralShorterThanItsMessageIsNotTaken) {
  liar.misbehave("UID FETCH", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("* 1 FETCH (UID 1 BODY[] {10}\r\n" + form_mail(1) + ")");
    client.ok(command);
  });

  start();

  expect_failure("");
  expect_recovery();
}

TEST_F(HostileTest, AnswersForOtherMailsAreNotTaken) {
  liar.misbehave("UID FETCH", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("* 1 FETCH (UID 99 BODY[] {3}\r\nabc)");
    client.ok(command);
  });

  start();

  expect_trouble("sends no content", kRetries);
  expect_recovery();
}

TEST_F(HostileTest, BodiesWithoutUidsAreNotTaken) {
  liar.misbehave("UID FETCH", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("* 1 FETCH (BODY[] {3}\r\nabc)");
    client.ok(command);
  });

  start();

  expect_failure("without their uids");
  expect_recovery();
}

TEST_F(HostileTest, UidsRepeatedAndInDisorderAreEachTakenOnce) {
  liar.on("UID SEARCH", [&](ImapConnection& client, const ImapCommand& command) {
    if (!command.arguments.contains("UNSEEN") && !command.arguments.ends_with("ALL"))
      return liar.answer(client, command);
    client.line("* SEARCH 5 1 3 3");
    client.line("* SEARCH 2 5 4 1");
    client.ok(command);
  });
  liar.on("UID FETCH", [&](ImapConnection& client, const ImapCommand& command) {
    auto messages = liar.account().messages("INBOX");
    std::ranges::reverse(messages);
    for (int times = 0; times < 2; ++times) {
      for (const auto& message : messages) {
        if (!command.asks_for(message.uid)) continue;
        client.line("* 1 FETCH (BODY[] {" + std::to_string(message.bytes.size()) + "}\r\n" +
                    message.bytes + " UID " + std::to_string(message.uid) + ")");
      }
    }
    client.ok(command);
  });

  start();

  expect_recovery();
}

TEST_F(HostileTest, WhatIsSaidUnaskedDisturbsNothing) {
  const std::string noise =
      "* 9 EXISTS\r\n* 1 EXPUNGE\r\n* VANISHED 2\r\n* VANISHED (EARLIER) 3\r\n* 2 FETCH (FLAGS "
      "(\\Seen) UID 2)\r\n* 3 FETCH (UID 3 BODY[] {3}\r\nabc)\r\n* OK [ALERT] disk\r\n* NO "
      "weather\r\n"
      "* FLAGS (\\Seen)\r\n";
  for (const char* name :
       {"SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "AUTHENTICATE", "ID"}) {
    const bool lists = std::string_view(name) == "UID SEARCH";
    const bool fetches = std::string_view(name) == "UID FETCH";
    liar.on(name,
            [this, noise, lists, fetches](ImapConnection& client, const ImapCommand& command) {
              if (!fetches) client.send(noise);
              liar.answer(client, command);
              if (!lists) client.send(noise);
            });
  }

  start();

  expect_recovery();
}

TEST_F(HostileTest, AMailThatIsDeniedAndThenListedAgainIsTakenAfterAll) {
  liar.misbehave("UID FETCH", 0, answers("OK nothing for you"));
  liar.misbehave("UID SEARCH", 0, [&](ImapConnection& client, const ImapCommand& command) {
    // Lists them, and denies each one when it is asked about.
    if (command.arguments.contains("UNSEEN") || command.arguments.ends_with("ALL"))
      return liar.answer(client, command);
    client.line("* SEARCH");
    client.ok(command);
  });

  start();
  ASSERT_TRUE(comes_true(
      [&] { return one("SELECT count(*) FROM ops.mail WHERE outcome = 'vanished'") == "5"; }));

  expect_trouble("gone when they were to be fetched", kVanished);
  EXPECT_THAT(log(), ::testing::HasSubstr(" event=message_vanished mailbox=crm"));
  expect_recovery();
}

TEST_F(HostileTest, AUidBeyondAllOthersHidesNoLaterMail) {
  crm.unseen_only = false;
  liar.misbehave("UID SEARCH", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("* SEARCH 1 2 4294967295");
    client.ok(command);
  });
  intake_options.compare_interval = std::chrono::seconds{0};

  start();
  ASSERT_TRUE(comes_true(
      [&] { return one("SELECT count(*) FROM ops.mail WHERE uid = 4294967295") == "1"; }));
  expect_trouble("sends no content", kRetries);
  expect_recovery();
}

// ---------------------------------------------------------------- UIDVALIDITY

TEST_F(HostileTest, AnotherUidvalidityInEverySessionMakesNoSecondRecord) {
  crm.unseen_only = false;
  wants_flags = false;
  liar.misbehave("SELECT", 0, [&](ImapConnection& client, const ImapCommand& command) {
    static std::atomic<std::uint32_t> validity = 100;
    liar.account().set_uidvalidity(++validity);
    liar.answer(client, command);
  });

  start();
  ASSERT_TRUE(comes_true([&] {
    return one("SELECT count(DISTINCT uidvalidity) > 4 AND count(*) FILTER (WHERE outcome = "
               "'duplicate') > 4 FROM ops.mail") == "t";
  }));
  expect_trouble("UIDVALIDITY", kRebuilt);
  expect_recovery();
  EXPECT_THAT(log(), ::testing::HasSubstr(" event=mailbox_uidvalidity_changed mailbox=crm"));
}

TEST_F(HostileTest, AUidvalidityThatComesBackLosesNothing) {
  crm.unseen_only = false;
  wants_flags = false;
  liar.misbehave("UID FETCH", 0, answers("NO not now"));
  start();
  expect_trouble("not now", kRetries);
  liar.account().set_uidvalidity(8);
  ASSERT_TRUE(comes_true([&] {
    return one("SELECT count(*) FROM ops.mail WHERE uidvalidity = 7 AND outcome = "
               "'vanished'") == "5";
  }));
  liar.account().set_uidvalidity(7);

  expect_recovery();
  EXPECT_THAT(log(), ::testing::HasSubstr(" event=mailbox_uidvalidity_changed mailbox=crm"));
}

TEST_F(HostileTest, AUidvalidityThatChangesWithinTheSessionVoidsWhatWasFetched) {
  liar.misbehave("UID FETCH", 0, [&](ImapConnection& client, const ImapCommand& command) {
    client.line("* 1 FETCH (UID 1 BODY[] {3}\r\nabc)");
    client.line("* OK [UIDVALIDITY 4711] built anew");
    client.ok(command);
  });

  start();

  expect_failure("UIDVALIDITY 4711");
  expect_recovery();
}

// ---------------------------------------------------------------- flags

TEST_F(HostileTest, AReadOnlyFolderIsReadAndSaidToBe) {
  liar.misbehave("SELECT", 0, [&](ImapConnection& client, const ImapCommand& command) {
    liar.answer(client, {command.tag, "EXAMINE", command.arguments});
  });
  liar.misbehave("UID STORE", 0, answers("NO read-only"));

  start();

  expect_trouble("read-only", kFlagFailures);
  EXPECT_TRUE(comes_true([&] { return settled(liar, "crm"); }));
  EXPECT_TRUE(status().ready);
  expect_recovery();
}

TEST_F(HostileTest, FlagsRefusedForWantOfRoomDoNotHoldMailUp) {
  liar.misbehave("UID STORE", 0, answers("NO [OVERQUOTA] the box is full"));

  start();

  expect_trouble("OVERQUOTA", kFlagFailures);
  EXPECT_TRUE(comes_true([&] { return settled(liar, "crm"); }));
  liar.account().add("INBOX", form_mail(++forms_));
  EXPECT_TRUE(comes_true([&] { return settled(liar, "crm"); })) << "a mail that came later";
  EXPECT_TRUE(status().ready);
  expect_recovery();
}

TEST_F(HostileTest, AFetchOverQuotaIsTriedAgainLater) {
  liar.misbehave("UID FETCH", 0, answers("NO [OVERQUOTA] Account exceeded bandwidth limits."));

  start();

  expect_failure("OVERQUOTA");
  expect_recovery();
}

TEST_F(HostileTest, FlagsThatAreForgottenMakeNoSecondRecordAndAreNamed) {
  wants_flags = false;
  intake_options.compare_interval = std::chrono::seconds{0};
  liar.misbehave("UID STORE", 0, answers("OK done"));

  start();
  ASSERT_TRUE(comes_true([&] { return settled(liar, "crm"); }));
  intake->poll_now("crm");
  ASSERT_TRUE(liar.wait_for("SELECT", 5));  // all mails are unseen each time

  expect_trouble("as if it had never been told", kForgotten);
  EXPECT_THAT(quiet.metrics.serialize(),
              ::testing::HasSubstr(
                  "client360_mailbox_forgotten_flags{folder=\"INBOX\",mailbox=\"crm\"} 5\n"));
  EXPECT_THAT(log(), ::testing::HasSubstr(" event=flags_forgotten mailbox=crm"));
  EXPECT_TRUE(status().ready);
  // A person, or the server, finds them again.
  liar.account().change([](auto& folders) {
    for (auto& message : folders["INBOX"]) message.flags.insert("\\Seen");
  });
  expect_recovery();
  EXPECT_THAT(quiet.metrics.serialize(),
              ::testing::HasSubstr(
                  "client360_mailbox_forgotten_flags{folder=\"INBOX\",mailbox=\"crm\"} 0\n"));
}

class ForgottenRemovals : public HostileTest {
 protected:
  // The server says OK to all that makes mails leave, and does nothing.
  void expect_to_be_named() {
    wants_flags = false;
    intake_options.compare_interval = std::chrono::seconds{0};
    for (const char* command : {"UID STORE", "UID EXPUNGE", "UID COPY", "UID MOVE"})
      liar.misbehave(command, 0, answers("OK done"));
    start();
    ASSERT_TRUE(comes_true([&] { return settled(liar, "crm"); }));
    liar.account().change([](auto& folders) {
      for (auto& message : folders["INBOX"]) message.flags.insert("\\Seen");
    });

    expect_trouble("although it was asked to remove or to move it, 5", kForgotten);
    EXPECT_THAT(log(), ::testing::HasSubstr(" event=flags_forgotten mailbox=crm"));
    EXPECT_TRUE(status().ready);
    liar.account().change([](auto& folders) { folders["INBOX"].clear(); });
    EXPECT_TRUE(comes_true([&] { return status().reason.empty(); }));
    EXPECT_THAT(quiet.metrics.serialize(),
                ::testing::HasSubstr(
                    "client360_mailbox_forgotten_flags{folder=\"INBOX\",mailbox=\"crm\"} 0\n"));
    expect_equation();
    EXPECT_EQ(one("SELECT count(*) FROM ops.mail m JOIN ops.mailbox b ON b.id = m.mailbox_id WHERE "
                  "b.code = 'crm'"),
              "5");
  }
};

TEST_F(ForgottenRemovals, OfMailToBeDeletedAreNamedWhateverFlagsItHas) {
  crm.delete_after = true;

  expect_to_be_named();
}

TEST_F(ForgottenRemovals, OfMailToBeMovedAreNamedWhateverFlagsItHas) {
  crm.move_to = "Done";

  expect_to_be_named();
}

// ---------------------------------------------------------------- one mail among others

TEST_F(HostileTest, AMailThatBreaksTheConnectionDoesNotHoldTheOthersUp) {
  liar.misbehave("UID FETCH", 0, [&](ImapConnection& client, const ImapCommand& command) {
    if (command.asks_for(2)) client.close();
    liar.answer(client, command);
  });

  start();

  expect_all_but_the_second();
  expect_failure("closed");
  expect_recovery();
}

TEST_F(HostileTest, AMailThatBreaksTheConnectionForEverIsQuarantined) {
  intake_options.attempt_limit = 2;
  liar.misbehave("UID FETCH", 0, [&](ImapConnection& client, const ImapCommand& command) {
    if (command.asks_for(2)) client.close();
    liar.answer(client, command);
  });

  start();

  EXPECT_TRUE(comes_true([&] { return settled(liar, "crm"); }));
  EXPECT_EQ(one("SELECT q.reason || '|' || m.uid FROM ops.quarantine q JOIN ops.mail m ON "
                "m.id = q.mail_message_id"),
            "too_many_retries|2");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal d JOIN ops.mail m ON m.id = "
                "d.mail_message_id JOIN ops.mailbox b ON b.id = m.mailbox_id WHERE b.code = 'crm'"),
            "4");
  expect_rest_flows();
}

TEST_F(HostileTest, AMailAnnouncedAbsurdlyLongDoesNotHoldTheOthersUp) {
  liar.misbehave("UID FETCH", 0, [&](ImapConnection& client, const ImapCommand& command) {
    if (command.asks_for(2)) client.send("* 2 FETCH (UID 2 BODY[] {9000000000000}\r\nxxxx");
    liar.answer(client, command);
  });

  start();

  expect_all_but_the_second();
  expect_failure("9000000000000");
  expect_recovery();
}

TEST_F(HostileTest, OneMailRefusedIsTriedAgainAlone) {
  liar.misbehave("UID FETCH", 0, [&](ImapConnection& client, const ImapCommand& command) {
    if (command.asks_for(2)) return client.no(command, "[SERVERBUG] cannot read it");
    liar.answer(client, command);
  });

  start();

  expect_all_but_the_second();
  expect_trouble("SERVERBUG", kRetries);
  EXPECT_TRUE(comes_true([&] { return one("SELECT attempts > 2" + of_mail(2)) == "t"; }));
  EXPECT_EQ(failures("crm"), 0U);
  expect_recovery();
}

TEST_F(HostileTest, OneMailRefusedForEverIsQuarantinedWithWhatTheServerSaid) {
  intake_options.attempt_limit = 3;
  liar.misbehave("UID FETCH", 0, [&](ImapConnection& client, const ImapCommand& command) {
    if (command.asks_for(2)) return client.no(command, "[SERVERBUG] cannot read it");
    liar.answer(client, command);
  });

  start();

  EXPECT_TRUE(comes_true([&] { return settled(liar, "crm"); }));
  EXPECT_THAT(one("SELECT q.reason || '|' || m.uid || '|' || q.details FROM ops.quarantine q JOIN "
                  "ops.mail m ON m.id = q.mail_message_id"),
              ::testing::AllOf(::testing::StartsWith("too_many_retries|2|"),
                               ::testing::HasSubstr("[SERVERBUG] cannot read it")));
  expect_rest_flows();
}

// ---------------------------------------------------------------- IDLE

TEST_F(HostileTest, MailAnnouncedInEveryIdleAndNeverThereDoesNotKeepUsBusy) {
  using std::chrono::hours;
  crm.use_idle = true;
  crm.delay = hours{1};
  intake_options.pace.false_alarm = {.first = hours{1}, .limit = hours{1}};
  liar.misbehave("IDLE", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("+ idling");
    client.line("* 99 EXISTS");
    client.read_line();
    client.ok(command);
  });

  start();
  ASSERT_TRUE(
      liar.wait_for("IDLE", 2));  // the first alarm is followed at once, the next one is not
  ASSERT_TRUE(comes_true([&] { return settled(liar, "crm"); }));
  liar.account().add("INBOX", form_mail(++forms_));
  intake->poll_now("crm");

  expect_recovery();
  const auto transcript = liar.transcript();
  EXPECT_LE(std::ranges::count_if(
                transcript, [](const std::string& line) { return line.starts_with("SELECT"); }),
            4);
}

TEST_F(HostileTest, AServerThatDropsEveryIdleLosesNothing) {
  crm.use_idle = true;
  liar.misbehave("IDLE", 0, [](ImapConnection& client, const ImapCommand&) {
    client.line("+ idling");
    client.line("* OK still here");
    client.close();
  });

  start();
  ASSERT_TRUE(liar.wait_for("IDLE", 3));
  liar.account().add("INBOX", form_mail(++forms_));

  expect_recovery();
}

}  // namespace
}  // namespace c360::testing

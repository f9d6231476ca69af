// A signed-in session with a server that is broken, careless or hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/ingest/imap/client_rig.h"

namespace c360::ingest::imap {
namespace {

using namespace c360::testing;  // NOLINT: the rig is all this file talks about
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A deadline to wait for, long enough for the honest commands before it on a busy machine.
constexpr std::chrono::milliseconds kSoon{1'500};

// Answers a command with these bytes and nothing else.
ScriptedImapServer::Handler bytes(std::string text) {
  return [text = std::move(text)](ImapConnection& client, const ImapCommand&) {
    client.send(text);
    client.hang();
  };
}

struct LieCase {
  const char* what;
  std::string answer;
  const char* reason;
};

TEST(Hostile, AnswersThatAreNotImapEndTheSession) {
  std::string responses;
  for (int i = 0; i < 20'000; ++i) responses += "* X-NOISE a\r\n";
  const LieCase cases[] = {
      {"brackets", "* X " + std::string(200'000, '('), "limit_crossed"},
      {"a line without end", "* OK " + std::string(2'000'000, 'x'), "limit_crossed"},
      {"a literal that is announced too long", "* ID ({99999999999}\r\n", "limit_crossed"},
      {"a uid that does not exist", "* SEARCH 4294967296\r\n", "malformed_response"},
      {"all uids there can be", "* SEARCH 1 2\r\n* ESEARCH UID ALL 1:4294967295\r\n",
       "malformed_response"},
      {"somebody else's answer", "zz99 OK done\r\n", "malformed_response"},
      {"a wish for more", "+ go on\r\n", "malformed_response"},
      {"noise", responses, "limit_crossed"},
      {"goodbye", "* BYE the house is on fire\r\n", "server_bye"},
      {"control characters", "\x01\x02\x03\r\n", "malformed_response"},
  };
  for (const auto& one : cases) {
    ScriptedImapServer server;
    server.on("UID SEARCH", bytes(one.answer));
    ImapOptions options = options_for(server);
    options.limits.responses = 10'000;
    auto mailbox = opened(options);

    const auto found = mailbox->search({});

    ASSERT_FALSE(found) << one.what;
    EXPECT_EQ(found.error().code, ErrorCode::unavailable) << one.what;
    EXPECT_EQ(found.error().reason, one.reason) << one.what << ": " << found.error().detail;
    // The session is over: nothing is read from that stream again.
    EXPECT_EQ(mailbox->noop().error().reason, one.reason) << one.what;
  }
}

TEST(Hostile, AServerThatSaysNothingIsGivenUpAtTheDeadline) {
  ScriptedImapServer server;
  server.on("NOOP", bytes(""));
  ImapOptions options = options_for(server);
  options.command_timeout = kSoon;

  EXPECT_EQ(opened(options)->noop().error().code, ErrorCode::timeout);
}

TEST(Hostile, AServerThatDripsIsGivenUpAtTheDeadline) {
  ScriptedImapServer server;
  server.on("NOOP", [](ImapConnection& client, const ImapCommand&) {
    for (;;) client.drip("* 1 EXISTS\r\n");
  });
  ImapOptions options = options_for(server);
  options.command_timeout = kSoon;

  EXPECT_EQ(opened(options)->noop().error().code, ErrorCode::timeout);
}

TEST(Hostile, AMessageThatDripsIsGivenUpAtTheRateItMustKeep) {
  ScriptedImapServer server;
  server.account().add("INBOX", "x");
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand&) {
    client.send("* 1 FETCH (UID 1 BODY[] {1000000}\r\n");
    client.drip(std::string(1'000'000, 'x'));
  });
  ImapOptions options = options_for(server);
  options.command_timeout = kSoon;
  options.minimum_rate = 1'000'000'000;
  MessageCollector sink;

  EXPECT_EQ(opened(options)->fetch(std::vector<Uid>{1}, sink).error().code, ErrorCode::timeout);
  EXPECT_EQ(sink.discarded, 1);
}

TEST(Hostile, ASlowSinkDoesNotCountAgainstTheServer) {
  ScriptedImapServer server;
  for (int i = 0; i < 2; ++i) server.account().add("INBOX", "Subject: x\r\n\r\n");
  class SlowSink final : public FetchSink {
   public:
    Result<void> begin(std::uint64_t) override { return {}; }
    Result<void> bytes(std::string_view) override {
      std::this_thread::sleep_for(kSoon + kSoon / 4);
      return {};
    }
    Result<void> end(const FetchedMeta&) override {
      ++ended;
      return {};
    }
    void discard() override {}
    void missing(Uid) override {}
    void refused(Uid, const Error&) override {}
    int ended = 0;
  } sink;
  ImapOptions options = options_for(server);
  options.command_timeout = kSoon;

  const auto fetched = opened(options)->fetch(std::vector<Uid>{1, 2}, sink);

  EXPECT_TRUE(fetched) << fetched.error().detail;
  EXPECT_EQ(sink.ended, 2);
}

TEST(Hostile, WhatTheServerSaysUnaskedDisturbsNothing) {
  const std::string noise =
      "* 9 EXISTS\r\n* 1 EXPUNGE\r\n* VANISHED 77\r\n* OK [ALERT] disk full\r\n* NO bad weather\r\n"
      "* 2 FETCH (FLAGS (\\Seen) UID 2)\r\n* 3 FETCH (MODSEQ (7))\r\n* FLAGS (\\Seen)\r\n"
      "* X-STRANGE (a {3}\r\nb\r\n \"c\")\r\n* OK [X-CODE \"a]\"] ?\r\n* 4 RECENT\r\n";
  ScriptedImapServer server;
  for (int i = 0; i < 3; ++i) server.account().add("INBOX", "Subject: x\r\n\r\n");
  for (const char* name : {"SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "UID EXPUNGE", "NOOP",
                           "LOGIN", "AUTHENTICATE", "CAPABILITY", "ID", "LOGOUT"}) {
    server.on(name, [&](ImapConnection& client, const ImapCommand& command) {
      client.send(noise);
      server.answer(client, command);
      client.send(noise);
    });
  }
  auto mailbox = opened(server);
  MessageCollector sink;

  EXPECT_EQ(*mailbox->search({}), (std::vector<Uid>{1, 2, 3}));
  ASSERT_TRUE(mailbox->fetch(std::vector<Uid>{1, 2, 3}, sink));
  EXPECT_THAT(sink.order, ElementsAre(1, 2, 3));
  EXPECT_TRUE(mailbox->add_flag(std::vector<Uid>{1, 2}, kSeen));
  EXPECT_EQ(mailbox->expunge(std::vector<Uid>{2}), Removal::done);
  EXPECT_TRUE(mailbox->noop());
  mailbox->logout();
}

TEST(Hostile, ALiteralThatBreaksOffIsDiscarded) {
  ScriptedImapServer server;
  server.account().add("INBOX", "x");
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand&) {
    client.send("* 1 FETCH (UID 1 BODY[] {1000}\r\nonly this");
    client.close();
  });
  MessageCollector sink;

  const auto fetched = opened(server)->fetch(std::vector<Uid>{1}, sink);

  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().reason, "connection_lost");
  EXPECT_EQ(sink.discarded, 1);
  EXPECT_TRUE(sink.messages.empty());
}

TEST(Hostile, AMessageOverTheLimitIsRefusedAlone) {
  for (const bool uid_first : {true, false}) {
    ScriptedImapServer server;
    for (int i = 0; i < 3; ++i) server.account().add("INBOX", "Subject: x\r\n\r\n");
    server.on("UID FETCH", [&](ImapConnection& client, const ImapCommand& command) {
      const std::string body = " BODY[] {5000}\r\n" + std::string(5'000, 'x') + " ";
      client.line(uid_first ? "* 1 FETCH (UID 1" + body + ")" : "* 1 FETCH (" + body + "UID 1)");
      client.line("* 2 FETCH (UID 2 BODY[] {2}\r\nok)");
      client.ok(command);
    });
    ImapOptions options = options_for(server);
    options.limits.message_bytes = 4'999;
    MessageCollector sink;

    const auto fetched = opened(options)->fetch(std::vector<Uid>{1, 2}, sink);

    ASSERT_TRUE(fetched) << fetched.error().detail;
    ASSERT_TRUE(sink.refusals.contains(1));
    EXPECT_EQ(sink.refusals.at(1).code, ErrorCode::payload_too_large);
    EXPECT_EQ(sink.messages.at(2), "ok");
  }
}

TEST(Hostile, AMessageAnnouncedAbsurdlyLongEndsTheSessionButIsNamed) {
  ScriptedImapServer server;
  server.account().add("INBOX", "x");
  server.on("UID FETCH", bytes("* 1 FETCH (UID 1 BODY[] {9000000000000}\r\nxxxx"));
  MessageCollector sink;

  const auto fetched = opened(server)->fetch(std::vector<Uid>{1}, sink);

  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().reason, "limit_crossed");
  EXPECT_EQ(sink.refusals.at(1).code, ErrorCode::payload_too_large);
}

TEST(Hostile, MessagesNobodyAskedForAreNotTaken) {
  ScriptedImapServer server;
  for (int i = 0; i < 3; ++i) server.account().add("INBOX", "Subject: x\r\n\r\n");
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand& command) {
    client.line("* 9 FETCH (UID 99 BODY[] {3}\r\nabc)");
    client.line("* 9 FETCH (BODY[] {3}\r\nabc UID 98)");
    client.line("* 1 FETCH (UID 1 BODY[] {3}\r\none)");
    client.line("* 1 FETCH (UID 1 BODY[] {3}\r\ntwo)");
    client.ok(command);
  });
  MessageCollector sink;

  ASSERT_TRUE(opened(server)->fetch(std::vector<Uid>{1}, sink));

  EXPECT_THAT(sink.order, ElementsAre(1));
  EXPECT_EQ(sink.messages.at(1), "one");
  EXPECT_EQ(sink.discarded, 1);
}

TEST(Hostile, MessagesWithoutTheirUidsAreNotTakenForMissing) {
  ScriptedImapServer server;
  server.account().add("INBOX", "x");
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand& command) {
    client.line("* 1 FETCH (BODY[] {3}\r\nabc)");
    client.ok(command);
  });
  MessageCollector sink;

  EXPECT_EQ(opened(server)->fetch(std::vector<Uid>{1}, sink).error().reason, "malformed_response");
  EXPECT_TRUE(sink.gone.empty());
}

TEST(Hostile, AListCutShortDoesNotPassForTheWhole) {
  ScriptedImapServer server;
  for (int i = 0; i < 3; ++i) server.account().add("INBOX", "Subject: x\r\n\r\n");
  server.on("UID SEARCH", [](ImapConnection& client, const ImapCommand& command) {
    client.line("* SEARCH 1 2");
    client.ok(command);
  });
  auto mailbox = opened(server);

  const auto listed = mailbox->list_all();

  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::upstream_rejected);
  EXPECT_EQ(listed.error().reason, "list_incomplete");
  EXPECT_TRUE(mailbox->noop());
}

TEST(Hostile, AFolderWithoutLastingUidsIsRefused) {
  for (const char* answer :
       {"* 1 EXISTS", "* OK [UIDVALIDITY 0] x", "* OK [UIDVALIDITY 99999999999] x",
        "* OK [UIDVALIDITY 5] x\r\n* NO [UIDNOTSTICKY] never"}) {
    ScriptedImapServer server;
    server.on("SELECT", [&](ImapConnection& client, const ImapCommand& command) {
      client.line(answer);
      client.ok(command);
    });
    auto mailbox = make_imap_mailbox(options_for(server));
    ASSERT_TRUE(mailbox->connect());

    EXPECT_EQ(mailbox->select("INBOX", false).error().reason, "no_uidvalidity") << answer;
  }
}

TEST(Hostile, NamesAndFlagsThatWouldBecomeCommandsAreRefused) {
  ScriptedImapServer server;
  auto mailbox = opened(server);
  const std::size_t before = server.transcript().size();

  EXPECT_EQ(mailbox->select("a\r\nb DELETE INBOX", false).error().code, ErrorCode::invalid_request);
  EXPECT_EQ(mailbox->move(std::vector<Uid>{1}, "").error().code, ErrorCode::invalid_request);
  for (const std::string_view flag : {"", "\\", "a b", "a\r\nb", "a)", "{3}", "\"a\"", "\\*"}) {
    EXPECT_EQ(mailbox->add_flag(std::vector<Uid>{1}, flag).error().code, ErrorCode::invalid_request)
        << flag;
  }
  EXPECT_EQ(server.transcript().size(), before);
}

TEST(Idle, AServerThatRefusesItIsWaitedForWithoutIt) {
  ScriptedImapServer server;
  server.on("IDLE", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "not for you");
  });
  auto mailbox = opened(server);

  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(20)), IdleOutcome::timeout);
  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(20)), IdleOutcome::timeout);
  EXPECT_EQ(std::ranges::count(server.transcript(), "IDLE"), 1);
}

TEST(Idle, AServerThatEndsItByItselfIsNotAskedInALoop) {
  ScriptedImapServer server;
  server.on("IDLE", [](ImapConnection& client, const ImapCommand& command) {
    client.line("+ idling");
    client.ok(command);
  });
  auto mailbox = opened(server);

  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(50)), IdleOutcome::timeout);
  EXPECT_EQ(std::ranges::count(server.transcript(), "IDLE"), 1);
}

TEST(Idle, ASilentDropIsALostConnection) {
  ScriptedImapServer server;
  server.on("IDLE", [](ImapConnection& client, const ImapCommand&) {
    client.line("+ idling");
    client.line("* OK still here");
    client.close();
  });

  EXPECT_EQ(opened(server)->idle(std::chrono::minutes(5)).error().reason, "connection_lost");
}

TEST(Idle, AGoodbyeInItIsSaidSo) {
  ScriptedImapServer server;
  server.on("IDLE", bytes("+ idling\r\n* BYE session expired\r\n"));

  EXPECT_EQ(opened(server)->idle(std::chrono::minutes(5)).error().reason, "server_bye");
}

TEST(Idle, ReturnsAtOnceWhenMailCameWithAnotherCommand) {
  ScriptedImapServer server;
  server.account().add("INBOX", "x");
  server.on("NOOP", [](ImapConnection& client, const ImapCommand& command) {
    client.line("* 2 EXISTS");
    client.ok(command);
  });
  auto mailbox = opened(server);
  ASSERT_TRUE(mailbox->search({}));
  ASSERT_TRUE(mailbox->noop());

  EXPECT_EQ(mailbox->idle(std::chrono::minutes(5)), IdleOutcome::changed);
  EXPECT_EQ(mailbox->idle(std::chrono::minutes(5)), IdleOutcome::changed);
  ASSERT_TRUE(mailbox->search({}));  // now it is known
  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(5)), IdleOutcome::timeout);
}

TEST(Idle, AMessageThatGoesIsNoNews) {
  ScriptedImapServer server;
  server.account().add("INBOX", "x");
  server.on("IDLE", [](ImapConnection& client, const ImapCommand& command) {
    client.line("+ idling");
    client.line("* 1 EXPUNGE");
    client.line("* 0 EXISTS");
    client.read_line();
    client.ok(command);
  });

  EXPECT_EQ(opened(server)->idle(std::chrono::milliseconds(50)), IdleOutcome::timeout);
}

}  // namespace
}  // namespace c360::ingest::imap

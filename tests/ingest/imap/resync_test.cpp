// What SELECT tells of the time since a former one (QRESYNC, RFC 7162): heard where it makes sense,
// bounded, and left alone where it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ingest/imap/client_rig.h"

namespace c360::ingest::imap {
namespace {

using namespace c360::testing;  // NOLINT: the rig is all this file talks about
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr FolderState kKnown{.uidvalidity = 7, .modseq = 100};

class Resync : public ::testing::Test {
 protected:
  explicit Resync(const std::string& extensions = "ENABLE CONDSTORE QRESYNC")
      : server({.capabilities = "IMAP4rev1 AUTH=PLAIN SASL-IR IDLE ESEARCH " + extensions}) {
    server.on("ENABLE",
              [](ImapConnection& client, const ImapCommand& command) { client.ok(command); });
    for (int i = 0; i < 3; ++i) server.account().add("INBOX", "Subject: x\r\n\r\n");
  }

  // The honest answer comes after these lines: UIDVALIDITY 7, UIDNEXT 1000.
  void selecting_says(const std::string& lines) {
    server.misbehave("SELECT", 0,
                     [this, lines](ImapConnection& client, const ImapCommand& command) {
                       client.send(lines);
                       server.answer(client, command);
                     });
  }
  Result<SelectedMailbox> select_since(const FolderState& known = kKnown) {
    auto options = options_for(server);
    options.limits.values = 50;
    mailbox = make_imap_mailbox(options);
    const auto connected = mailbox->connect();
    EXPECT_TRUE(connected) << connected.error().detail;
    return mailbox->select_since("INBOX", known);
  }
  std::optional<FolderChanges> changes() {
    auto selected = select_since();
    EXPECT_TRUE(selected) << selected.error().detail;
    EXPECT_TRUE(mailbox->noop()) << "the session lives";
    return selected ? selected->changes : std::nullopt;
  }

  ScriptedImapServer server;
  std::unique_ptr<Mailbox> mailbox;
};

TEST_F(Resync, AsksFromTheKnownStateAndHearsWhatChangedAndWhatIsGone) {
  selecting_says(
      "* OK [HIGHESTMODSEQ 120] x\r\n* VANISHED (EARLIER) 44:45,2\r\n* VANISHED (EARLIER) 43\r\n"
      "* 3 FETCH (UID 9 FLAGS (\\seen $Done) MODSEQ (110))\r\n"
      "* 1 FETCH (MODSEQ (120) FLAGS (\\Deleted) UID 6)\r\n");

  const auto heard = changes();

  EXPECT_THAT(server.transcript(), Contains("ENABLE QRESYNC"));
  EXPECT_THAT(server.transcript(), Contains("SELECT \"INBOX\" (QRESYNC (7 100))"));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->changed, (std::vector<ListedMessage>{{6, false, true}, {9, true, false}}));
  EXPECT_EQ(heard->vanished, (std::vector<UidRange>{{2, 2}, {43, 45}}));
}

TEST_F(Resync, NothingThatHappenedIsAnAnswerToo) {
  selecting_says("* OK [HIGHESTMODSEQ 100] x\r\n");

  EXPECT_EQ(changes(), FolderChanges{});
}

TEST_F(Resync, OfAMessageNamedTwiceTheLastWordCounts) {
  selecting_says(
      "* OK [HIGHESTMODSEQ 120] x\r\n* 3 FETCH (UID 9 FLAGS ())\r\n* 2 FETCH (UID 6 FLAGS ())\r\n"
      "* 3 FETCH (UID 9 FLAGS (\\Seen))\r\n");

  const auto heard = changes();

  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->changed, (std::vector<ListedMessage>{{6, false, false}, {9, true, false}}));
}

TEST_F(Resync, AllUidsThereCanBeAreOneRange) {
  selecting_says("* OK [HIGHESTMODSEQ 120] x\r\n* VANISHED (EARLIER) 1:4294967295,7,1:3\r\n");

  const auto heard = changes();

  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->vanished, (std::vector<UidRange>{{1, 4'294'967'295}}));
}

TEST_F(Resync, WhatIsSaidOfTheFolderThatCloses) {
  selecting_says(
      "* VANISHED (EARLIER) 3\r\n* 1 FETCH (UID 6 FLAGS ())\r\n* 1 FETCH (FLAGS (\\Seen))\r\n"
      "* OK [CLOSED] the other one\r\n* OK [HIGHESTMODSEQ 100] x\r\n");

  EXPECT_EQ(changes(), FolderChanges{}) << "is not said of the one that opens";
}

TEST_F(Resync, WhatVanishesNowIsNotOfThePast) {
  selecting_says("* OK [HIGHESTMODSEQ 100] x\r\n* VANISHED 3\r\n");

  EXPECT_EQ(changes(), FolderChanges{});
}

TEST_F(Resync, AnswersThatMakeNoSenseAreNotUsed) {
  std::string ranges = "1";
  std::string messages;
  for (int uid = 3; uid < 200; uid += 2) {
    ranges += "," + std::to_string(uid);
    messages += "* 1 FETCH (UID " + std::to_string(uid) + " FLAGS ())\r\n";
  }
  const std::string grown = "* OK [HIGHESTMODSEQ 120] x\r\n";
  const std::string change = "* 1 FETCH (UID 6 FLAGS () MODSEQ (120))\r\n";
  const std::pair<const char*, std::string> cases[] = {
      {"the number grew and nothing is told", grown},
      {"the number went backwards", "* OK [HIGHESTMODSEQ 99] x\r\n" + change},
      {"there is no number", change},
      {"there is none any more", grown + change + "* OK [NOMODSEQ] x\r\n"},
      {"a number of 30 digits", "* OK [HIGHESTMODSEQ " + std::string(30, '9') + "] x\r\n" + change},
      {"a message without its uid", grown + change + "* 2 FETCH (FLAGS ())\r\n"},
      {"a message without its flags", grown + change + "* 2 FETCH (UID 7 MODSEQ (111))\r\n"},
      {"a uid that was never given", grown + "* 1 FETCH (UID 1000 FLAGS ())\r\n"},
      {"more ranges than wanted", grown + "* VANISHED (EARLIER) " + ranges + "\r\n"},
      {"more messages than wanted", grown + messages},
  };
  for (const auto& [what, lines] : cases) {
    selecting_says(lines);

    EXPECT_EQ(changes(), std::nullopt) << what;
  }
}

TEST_F(Resync, UnderAnotherUidvalidityNothingIsUsed) {
  server.account().set_uidvalidity(8);
  selecting_says("* OK [HIGHESTMODSEQ 120] x\r\n* 1 FETCH (UID 6 FLAGS ())\r\n");

  const auto selected = select_since();

  ASSERT_TRUE(selected) << selected.error().detail;
  EXPECT_EQ(selected->uidvalidity, 8U);
  EXPECT_EQ(selected->changes, std::nullopt);
}

TEST_F(Resync, ASetThatIsNoneEndsTheSession) {
  for (const char* set : {"0", "", "5:", "4294967296", "*"}) {
    selecting_says("* VANISHED (EARLIER) " + std::string(set) + "\r\n");

    const auto selected = select_since();

    ASSERT_FALSE(selected) << set;
    EXPECT_EQ(selected.error().reason, "malformed_response") << set;
  }
}

TEST_F(Resync, AServerThatRefusesTheQuestionIsStillThere) {
  server.misbehave("SELECT", 1, [](ImapConnection& client, const ImapCommand& command) {
    client.line(command.tag + " BAD what is QRESYNC?");
  });

  const auto selected = select_since();

  ASSERT_FALSE(selected);
  EXPECT_EQ(selected.error().code, ErrorCode::upstream_rejected);
  EXPECT_TRUE(mailbox->select("INBOX", false));
}

TEST_F(Resync, AServerThatRefusesToEnableItIsAskedForModSequencesAlone) {
  server.on("ENABLE", [](ImapConnection& client, const ImapCommand& command) {
    command.arguments == "QRESYNC" ? client.no(command, "not today") : client.ok(command);
  });
  selecting_says("* OK [HIGHESTMODSEQ 120] x\r\n* VANISHED (EARLIER) 1:3\r\n");

  const auto selected = select_since();

  ASSERT_TRUE(selected) << selected.error().detail;
  EXPECT_EQ(selected->highest_modseq, 120U);
  EXPECT_EQ(selected->changes, std::nullopt);
  EXPECT_THAT(server.transcript(), Contains("SELECT \"INBOX\""));
}

class WithoutQresync : public Resync {
 protected:
  WithoutQresync() : Resync("ENABLE CONDSTORE") {}
};

TEST_F(WithoutQresync, NothingIsAskedAndWhatIsSaidAllTheSameIsNotHeard) {
  selecting_says(
      "* OK [HIGHESTMODSEQ 120] x\r\n* VANISHED (EARLIER) 1:3\r\n* 1 FETCH (UID 6 FLAGS ())\r\n");

  EXPECT_EQ(changes(), std::nullopt);
  EXPECT_THAT(server.transcript(), Not(Contains(HasSubstr("QRESYNC"))));
}

TEST_F(Resync, WhatVanishesWhileWeWaitIsCountedAndAnnouncesNoMail) {
  server.misbehave("IDLE", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("+ idling");
    client.line("* VANISHED 2");
    client.line("* 2 EXISTS");
    client.read_line();
    client.ok(command);
  });
  server.misbehave("NOOP", 0, [this](ImapConnection& client, const ImapCommand& command) {
    server.account().change(
        [](auto& folders) { folders["INBOX"].erase(folders["INBOX"].begin()); });
    client.line("* VANISHED 1");
    client.ok(command);
  });
  selecting_says("* OK [HIGHESTMODSEQ 100] x\r\n");
  ASSERT_TRUE(select_since());
  server.account().change(
      [](auto& folders) { folders["INBOX"].erase(folders["INBOX"].begin() + 1); });

  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(50)), IdleOutcome::timeout);
  EXPECT_TRUE(mailbox->noop());

  const auto listed = mailbox->list_all();  // refuses a list shorter than the count
  ASSERT_TRUE(listed) << listed.error().detail;
  EXPECT_THAT(*listed, SizeIs(1));
}

TEST_F(Resync, ALieThatAllVanishedWhileWeWaitHidesNothing) {
  server.misbehave("NOOP", 0, [](ImapConnection& client, const ImapCommand& command) {
    client.line("* VANISHED 1:4294967295");
    client.ok(command);
  });
  selecting_says("* OK [HIGHESTMODSEQ 100] x\r\n");
  ASSERT_TRUE(select_since());

  EXPECT_TRUE(mailbox->noop());

  EXPECT_THAT(*mailbox->search({}), SizeIs(3));
  EXPECT_THAT(*mailbox->list_all(), SizeIs(3));
}

}  // namespace
}  // namespace c360::ingest::imap

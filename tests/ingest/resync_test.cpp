// Listing by what SELECT says has happened (QRESYNC, RFC 7162): it spares searching, it never
// changes what is taken in, and a server that lies loses nothing by it.
#include <gmock/gmock.h>

#include <random>

#include "store/mail_balance.h"
#include "tests/ingest/hostile_fixture.h"

namespace c360::testing {
namespace {

using ingest::FolderChanges;
using ingest::SelectedMailbox;

class Resync : public IntakeTest {
 protected:
  // The first listing is a comparison, the second is plain; from then on SELECT is asked.
  Resync() {
    server.resyncs = true;
    server.folder().highest_modseq = 100;
    server.add(1, form_mail(1));
    pass();
    pass();
    pass();
  }
  void compare() {
    ASSERT_TRUE(store::request_comparison(database, mailbox_id()));
    pass();
  }
  // A mail that waits for its next try: the server refuses to give it out.
  void add_refused(ingest::Uid uid) {
    server.add(uid, ScriptedMessage{.bytes = form_mail(static_cast<int>(uid)),
                                    .refused = Error{.code = ErrorCode::upstream_rejected,
                                                     .detail = "NO internal error"}});
    pass();
    ASSERT_EQ(outcome(uid), "listed");
  }
  // The server gives it out from now on, and it is due.
  void relent(ingest::Uid uid) {
    server.folder().messages.at(uid).refused.reset();
    postgres.execute(url, "UPDATE ops.mail_message SET next_attempt_at = NULL");
  }
  // Said once, in log and metric.
  void expect_distrust() const {
    EXPECT_THAT(quiet.metrics.serialize(),
                ::testing::HasSubstr("client360_events_total{event=\"modseq_distrusted\"} 1\n"));
  }
  int asked() const { return server.calls("select_since"); }
  int searches() const { return server.calls("search"); }
};

TEST_F(Resync, WhatIsNewComesWithSelectAndIsNotSearchedFor) {
  const int asked_before = asked();
  const int searches_before = searches();

  for (ingest::Uid uid = 2; uid < 6; ++uid) {
    server.add(uid, form_mail(static_cast<int>(uid)));
    pass();
    EXPECT_EQ(outcome(uid), "deal_created");
  }

  EXPECT_EQ(asked(), asked_before + 4);
  EXPECT_EQ(searches(), searches_before);
}

TEST_F(Resync, AMailThatIsGoneBeforeItsNextTryIsVanishedAtOnce) {
  add_refused(2);
  const int comparisons = server.calls("list_all");
  server.remove(2);

  pass();

  EXPECT_EQ(outcome(2), "vanished");
  EXPECT_EQ(server.calls("list_all"), comparisons + 1);
  EXPECT_EQ(one("SELECT compared_gone FROM ops.mailbox_folder"), "1");
  pass();
  EXPECT_EQ(server.calls("list_all"), comparisons + 1) << "what is told once is looked at once";
}

TEST_F(Resync, MailThatIsHandledMayGoWithoutAComparison) {
  const int comparisons = server.calls("list_all");
  server.remove(1);

  pass();

  EXPECT_EQ(server.calls("list_all"), comparisons);
  EXPECT_EQ(outcome(1), "deal_created");
}

TEST_F(Resync, AMailThatIsSaidToBeGoneAndIsNotIsKeptAndTheServerNotBelievedAgain) {
  add_refused(2);
  server.amend = [](SelectedMailbox& selected) {
    selected.changes = FolderChanges{.changed = {}, .vanished = {{1, 4'294'967'295}}};
  };

  pass();

  EXPECT_EQ(outcome(2), "listed");
  expect_distrust();
  const int before = asked();
  relent(2);
  pass();
  EXPECT_EQ(outcome(2), "deal_created");
  EXPECT_EQ(asked(), before);
}

TEST_F(Resync, WhatSelectKeepsBackTheComparisonFindsAndItIsNotAskedAgain) {
  server.amend = [](SelectedMailbox& selected) { selected.changes = FolderChanges{}; };
  server.add(2, form_mail(2));
  pass();
  ASSERT_EQ(one("SELECT count(*) FROM ops.mail WHERE uid = 2"), "0") << "nothing told of it";

  compare();

  EXPECT_EQ(outcome(2), "deal_created");
  const int before = asked();
  server.add(3, form_mail(3));
  pass();
  EXPECT_EQ(outcome(3), "deal_created");
  EXPECT_EQ(asked(), before);
  expect_distrust();
}

TEST_F(Resync, AMailThatNeverWasIsVanishedAndMakesNothing) {
  server.amend = [](SelectedMailbox& selected) {
    selected.changes->changed.push_back({.uid = 77});
  };
  server.add(2, form_mail(2));

  pass();

  EXPECT_EQ(outcome(2), "deal_created");
  EXPECT_EQ(outcome(77), "vanished");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "2");
}

TEST_F(Resync, WhereItIsRefusedMailComesInPlainlyAndItIsNotAskedAgain) {
  server.fail_next("select_since",
                   Error{.code = ErrorCode::upstream_rejected, .detail = "BAD QRESYNC"});
  server.add(2, form_mail(2));

  pass();

  EXPECT_EQ(outcome(2), "deal_created");
  const int before = asked();
  pass();
  EXPECT_EQ(asked(), before);
  expect_distrust();
}

TEST_F(Resync, AFolderThatIsGoneSaysNothingAgainstIt) {
  const Error gone{.code = ErrorCode::upstream_rejected, .detail = "NO", .reason = "nonexistent"};
  server.fail_next("select_since", gone);
  server.fail_next("select", gone);

  EXPECT_FALSE(poller().pass());
  pass();  // lists plainly
  const int before = asked();
  pass();

  EXPECT_EQ(asked(), before + 1);
}

TEST_F(Resync, WhereTheQuestionEndsTheConnectionEachTimeItIsNotAskedForEver) {
  const Error broken{
      .code = ErrorCode::timeout, .detail = "no answer", .reason = "connection_lost"};
  for (int i = 0; i < 10; ++i) server.fail_next("select_since", broken);
  const int before = asked();

  for (ingest::Uid uid = 2; uid < 12; ++uid) {
    server.add(uid, form_mail(static_cast<int>(uid)));
    if (!poller().pass()) pass();  // every other one asks nothing
    EXPECT_EQ(outcome(uid), "deal_created");
  }

  EXPECT_EQ(asked(), before + 3);
  expect_distrust();
}

TEST_F(Resync, AfterManyChangesOfOurOwnTheyAreNotNamedAgain) {
  for (ingest::Uid uid = 2; uid < 1'100; ++uid) server.add(uid, form_mail(2));
  pass();
  ASSERT_EQ(one("SELECT count(*) FROM ops.mail WHERE outcome = 'duplicate'"), "1097");
  const int asked_before = asked();
  const int searches_before = searches();

  server.add(2'000, form_mail(3));
  pass();

  EXPECT_EQ(outcome(2'000), "deal_created");
  EXPECT_EQ(asked(), asked_before);
  EXPECT_EQ(searches(), searches_before + 1);
  pass();
  EXPECT_EQ(asked(), asked_before + 1);
}

// The same things happen on two servers; one is asked, the other one has no mod-sequence.
class Twins : public IntakeTest, public ::testing::WithParamInterface<bool> {
 protected:
  Twins() {
    settings.unseen_only = GetParam();
    server.resyncs = true;
    server.folder().highest_modseq = 1;
    asked_ = make_poller(leases);
    settings.code = "plain";
    plain_ = std::make_unique<ingest::Poller>(
        store::MailLog{database}
            .sync_mailboxes(std::vector{mailbox_row("crm"), mailbox_row("plain")})
            ->back()
            .second,
        settings, scripted_factory(twin),
        ingest::PollerPorts{database, inboxes, leases, workers, options, quiet.observer, clock});
  }
  static store::MailboxRow mailbox_row(const std::string& code) {
    return {.code = code, .kind = "crm", .tls = "imaps", .folder = "INBOX", .target = "deal"};
  }
  void both(const std::function<void(ScriptedServer&)>& happens) {
    happens(server);
    happens(twin);
  }
  std::vector<std::string> ledger(const std::string& code) {
    return query(
        "SELECT m.uid || ' ' || coalesce(m.outcome, m.state) FROM ops.mail m JOIN ops.mailbox b ON "
        "b.id = m.mailbox_id WHERE b.code = '" +
        code + "' ORDER BY m.uid");
  }

  ScriptedServer twin;
  std::unique_ptr<ingest::Poller> asked_;
  std::unique_ptr<ingest::Poller> plain_;
};

TEST_P(Twins, TakeInTheSameWhateverHappens) {
  std::mt19937 random(20);  // NOLINT: the same every time
  const auto one_of = [&](ingest::Uid count) {
    return std::uniform_int_distribution<ingest::Uid>(1, count)(random);
  };
  ingest::Uid newest = 0;
  for (int round = 0; round < 40; ++round) {
    for (ingest::Uid events = one_of(4); events > 0; --events) {
      const ingest::Uid what = one_of(6);
      const ingest::Uid uid = one_of(newest + 1);
      if (what <= 2 || newest == 0) {
        ScriptedMessage mail{.bytes = form_mail(static_cast<int>(++newest))};
        if (what == 2) mail.flags.emplace(ingest::kSeen);
        both([&](ScriptedServer& each) { each.add(newest, mail); });
      } else if (what == 3) {
        both([&](ScriptedServer& each) { each.remove(uid); });
      } else {
        both([&](ScriptedServer& each) {
          const auto message = each.folder().messages.find(uid);
          if (message == each.folder().messages.end()) return;
          if (message->second.flags.erase(std::string(ingest::kSeen)) == 0)
            message->second.flags.emplace(ingest::kSeen);
          each.folder().note_change(message->second);
        });
      }
    }
    ASSERT_TRUE(asked_->pass());
    ASSERT_TRUE(plain_->pass());
    ASSERT_EQ(ledger("crm"), ledger("plain")) << "round " << round;
  }
  EXPECT_GT(server.calls("select_since"), 30);
  EXPECT_LT(server.calls("search"), 5);
  EXPECT_EQ(twin.calls("select_since"), 0);
}

INSTANTIATE_TEST_SUITE_P(Listings, Twins, ::testing::Values(true, false),
                         [](const auto& unseen) { return unseen.param ? "Unseen" : "ByUid"; });

// ---------------------------------------------------------------- the whole path

struct Lie {
  const char* name;
  std::string lines;  // of the answer to SELECT, before the honest ones
};

std::vector<Lie> every_lie() {
  const std::string grown = "* OK [HIGHESTMODSEQ #] x\r\n";
  return {
      {"SaysAllIsGone", grown + "* VANISHED (EARLIER) 1:4294967295\r\n"},
      {"SaysGoneWhatNeverWas", grown + "* VANISHED (EARLIER) 900000:4000000000\r\n"},
      {"SaysGoneWhatComes", grown + "* VANISHED (EARLIER) 5:60\r\n* 1 FETCH (UID 5 FLAGS ())\r\n"},
      {"NamesMailThatNeverWas", grown + "* 1 FETCH (UID 999 FLAGS ())\r\n"},
      {"NamesMailBeyondAll", grown + "* 1 FETCH (UID 4294967295 FLAGS ())\r\n"},
      {"SaysThatAllIsSeen", grown + "* 1 FETCH (UID 6 FLAGS (\\Seen))\r\n* 1 FETCH (UID 7 FLAGS "
                                    "(\\Seen))\r\n"},
      {"NamesNoUids", grown + "* 1 FETCH (FLAGS ())\r\n* 6 FETCH (MODSEQ (12))\r\n"},
      {"Reorders",
       "* 6 FETCH (UID 6 FLAGS ())\r\n* 1 FETCH (UID 1 FLAGS ())\r\n* 6 FETCH (UID 6 "
       "FLAGS (\\Seen))\r\n* VANISHED (EARLIER) 9,3\r\n" +
           grown},
      {"Vanishes", grown + "* VANISHED 1:4294967295\r\n* VANISHED 6\r\n"},
      {"NumberStands", "* OK [HIGHESTMODSEQ 5] x\r\n"},
      {"NumberGoesBackwards", "* OK [HIGHESTMODSEQ -] x\r\n* VANISHED (EARLIER) 1:7\r\n"},
      {"HasNoNumber", "* OK [NOMODSEQ] x\r\n* VANISHED (EARLIER) 1:7\r\n"},
      {"SendsNoSet", grown + "* VANISHED (EARLIER) 0\r\n"},
      {"SendsBrackets", grown + "* 1 FETCH " + std::string(200'000, '(')},
      {"Closes", grown + "* VANISHED (EARLIER) 1:\r\n* 1 FETCH (UID"},
  };
}

class HostileResync : public HostileTest, public ::testing::WithParamInterface<Lie> {
 protected:
  HostileResync() {
    peer.on("ENABLE",
            [](ImapConnection& client, const ImapCommand& command) { client.ok(command); });
    peer.on("SELECT", [this](ImapConnection& client, const ImapCommand& command) {
      client.line("* OK [HIGHESTMODSEQ " + std::to_string(++selects) + "] honest");
      peer.answer(client, command);
    });
    // Long after a lie may have worked: within the patience of a test, not at once.
    intake_options.compare_interval = std::chrono::seconds{2};
    for (int i = 0; i < 5; ++i) peer.account().add("INBOX", form_mail(++forms_));
  }
  ~HostileResync() override { intake.reset(); }  // before its server

  // "#": a number that grows, "-": one that falls. What breaks the stream is sent to the question
  // alone.
  void lie(ImapConnection& client, const ImapCommand& command) {
    std::string lines = GetParam().lines;
    const int count = ++selects;
    if (const auto at = lines.find('#'); at != std::string::npos)
      lines.replace(at, 1, std::to_string(count));
    if (const auto at = lines.find("EQ -"); at != std::string::npos)
      lines.replace(at + 3, 1, std::to_string(1'000'000 - count));
    const bool breaks = !lines.ends_with("\r\n") || lines.contains("EARLIER) 0");
    if (!breaks || command.arguments.contains("QRESYNC")) client.send(lines);
    if (breaks && command.arguments.contains("QRESYNC")) client.close();
    peer.answer(client, command);
  }

  std::atomic<int> selects = 10;
  ScriptedImapServer peer{{.capabilities = "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS MOVE ESEARCH "
                                           "ENABLE CONDSTORE QRESYNC"}};
};

TEST_P(HostileResync, LosesNothingAndDoublesNothing) {
  start(peer);
  expect_recovery();  // it was never ill
  ASSERT_TRUE(peer.wait_for("SELECT \"INBOX\" (QRESYNC"));

  peer.misbehave("SELECT", 0, [this](ImapConnection& client, const ImapCommand& command) {
    lie(client, command);
  });
  for (int i = 0; i < 3; ++i) {
    peer.account().add("INBOX", form_mail(++forms_));
    EXPECT_TRUE(comes_true([&] { return settled(peer, "crm"); })) << "while it lies, mail " << i;
  }
  expect_calm();

  expect_recovery();
}

INSTANTIATE_TEST_SUITE_P(Servers, HostileResync, ::testing::ValuesIn(every_lie()),
                         [](const auto& lie) { return std::string(lie.param.name); });

}  // namespace
}  // namespace c360::testing

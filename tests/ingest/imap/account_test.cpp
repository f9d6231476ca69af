// What a poller does with a mailbox, against servers of every kind: the scripted one and real ones
// (Dovecot, Cyrus, Courier), by implicit TLS, STARTTLS and plain, with and without the extensions.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <thread>

#include "ingest/imap/imap_mailbox.h"
#include "tests/ingest/imap/account.h"
#include "tests/support/message_collector.h"

namespace c360::ingest::imap {
namespace {

using c360::testing::Account;
using c360::testing::Kind;
using c360::testing::make_account;
using c360::testing::MessageCollector;
using c360::testing::Peer;

class AccountTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { account_ = make_account(GetParam()); }

  std::unique_ptr<Mailbox> connected() {
    auto mailbox = make_imap_mailbox(account_->options());
    const auto result = mailbox->connect();
    EXPECT_TRUE(result) << result.error().detail;
    return mailbox;
  }
  std::unique_ptr<Mailbox> opened() {
    auto mailbox = connected();
    const auto selected = mailbox->select("INBOX", false);
    EXPECT_TRUE(selected) << selected.error().detail;
    return mailbox;
  }
  void deliver_numbered(int count) {
    std::vector<std::string> mails;
    for (int i = 1; i <= count; ++i) mails.push_back(mail(i));
    account_->deliver(mails);
  }
  static std::string mail(int number) {
    return "Subject: " + std::to_string(number) + "\r\n\r\nBody\r\n";
  }

  bool has_idle() const { return !GetParam().bare; }

  std::unique_ptr<Account> account_;
};

TEST_P(AccountTest, SignsInAndTellsWhatTheServerCan) {
  auto mailbox = connected();

  EXPECT_TRUE(mailbox->features().has("imap4rev1"));
  EXPECT_EQ(mailbox->features().encrypted, GetParam().tls != TlsMode::none);
  mailbox->logout();
  EXPECT_FALSE(mailbox->noop());
}

TEST_P(AccountTest, AWrongPasswordIsRefusedAndNotRepeated) {
  ImapOptions options = account_->options();
  options.password = Secret("not-the-password");
  auto mailbox = make_imap_mailbox(options);

  const auto result = mailbox->connect();

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::upstream_auth) << result.error().detail;
  EXPECT_EQ(result.error().detail.find("not-the-password"), std::string::npos);
}

TEST_P(AccountTest, SelectTellsWhatAPollerNeeds) {
  deliver_numbered(3);
  auto mailbox = connected();

  const auto selected = mailbox->select("INBOX", false);

  ASSERT_TRUE(selected) << selected.error().detail;
  EXPECT_EQ(selected->name, "INBOX");
  EXPECT_NE(selected->uidvalidity, 0U);
  EXPECT_EQ(selected->exists, 3U);
  EXPECT_FALSE(selected->read_only);
  EXPECT_TRUE(selected->keywords_allowed);
}

TEST_P(AccountTest, AFolderThatIsNotThereIsRefusedAndTheSessionLives) {
  auto mailbox = connected();

  const auto selected = mailbox->select("Nirgendwo", false);

  ASSERT_FALSE(selected);
  EXPECT_EQ(selected.error().code, ErrorCode::upstream_rejected) << selected.error().detail;
  EXPECT_TRUE(mailbox->select("INBOX", false));
}

TEST_P(AccountTest, SearchesFromAUidOnAndByTheSeenFlag) {
  deliver_numbered(4);
  auto mailbox = opened();
  const auto all = mailbox->search({});
  ASSERT_TRUE(all) << all.error().detail;
  ASSERT_EQ(all->size(), 4U);
  const std::vector<Uid> second{(*all)[1]};
  ASSERT_TRUE(mailbox->add_flag(second, kSeen));

  EXPECT_EQ(*mailbox->search({.above = (*all)[1]}), (std::vector<Uid>{(*all)[2], (*all)[3]}));
  EXPECT_EQ(mailbox->search({.unseen_only = true})->size(), 3U);
  EXPECT_EQ(*mailbox->search({.above = (*all)[3]}), std::vector<Uid>{});
  EXPECT_EQ(*mailbox->search({.above = 4'294'967'295}), std::vector<Uid>{});
  EXPECT_EQ(mailbox->search({.since = std::chrono::sys_days{}})->size(), 4U);
}

// By what mails say, in any letter case and not in ASCII alone. The scripted server knows no words.
TEST_P(AccountTest, SearchesByWhatMailsSay) {
  if (GetParam().peer == Peer::scripted) return;
  const auto said = [](const std::string& from, const std::string& subject,
                       const std::string& body) {
    return "From: " + from + "\r\nTo: sales@client360.example\r\nSubject: " + subject +
           "\r\nDate: Mon, 10 Nov 2025 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
           "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
           body + "\r\n";
  };
  account_->deliver(
      std::vector{said("anna@romashka.example",
                       "=?utf-8?B?0JTQvtCz0L7QstC+0YAgNw==?=", "Good day"),  // Договор 7
                  said("boris@romashka.example", "Contract 8", "Посмотрите договор"),
                  said("anna@lutik.example", "Contract \\ \"9\"", "Good day")});
  auto mailbox = opened();
  const auto uids = *mailbox->search({});
  ASSERT_EQ(uids.size(), 3U);
  const auto found = [&](MailTerms terms) {
    const auto result = mailbox->search({.terms = std::move(terms)});
    EXPECT_TRUE(result) << result.error().detail;
    return result.value_or(std::vector<Uid>{});
  };
  using Uids = std::vector<Uid>;
  const auto day = std::chrono::sys_days{std::chrono::year{2025} / 11 / 10};
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const std::chrono::days one{1};

  EXPECT_EQ(found({.subject = "contract"}), (Uids{uids[1], uids[2]}));
  EXPECT_EQ(found({.subject = "договор"}), Uids{uids[0]});
  EXPECT_EQ(found({.body = "договор"}), Uids{uids[1]});
  EXPECT_EQ(found({.subject_or_body = "договор"}), (Uids{uids[0], uids[1]}));
  EXPECT_EQ(found({.subject_or_body = "договор", .from = "anna"}), Uids{uids[0]});
  EXPECT_EQ(found({.from = "romashka"}), (Uids{uids[0], uids[1]}));
  EXPECT_EQ(found({.subject = "\\ \"9\"", .from = "ANNA"}), Uids{uids[2]});
  EXPECT_EQ(found({.to = "sales@"}).size(), 3U);
  EXPECT_EQ(found({.sent_since = day}).size(), 3U);
  EXPECT_EQ(found({.sent_since = day + one}), Uids{});
  EXPECT_EQ(found({.sent_before = day + one}).size(), 3U);
  EXPECT_EQ(found({.sent_before = day}), Uids{});
  EXPECT_EQ(found({.received_since = today - one}).size(), 3U);
  EXPECT_EQ(found({.received_before = today - one}), Uids{});
  EXPECT_EQ(found({.subject = "x\r\na1 LOGOUT"}), Uids{});
  EXPECT_TRUE(mailbox->noop()) << "no term becomes a command";
}

// The same as a plain search finds, less what was there before; a folder in which nothing happened
// keeps its number. Courier keeps none.
TEST_P(AccountTest, ChangesSinceAModSequenceAreWhatAPlainSearchFinds) {
  deliver_numbered(3);
  auto mailbox = connected();
  const auto before = mailbox->select("INBOX", false);
  ASSERT_TRUE(before) << before.error().detail;
  const bool keeps = GetParam().peer == Peer::dovecot || GetParam().peer == Peer::cyrus;
  ASSERT_EQ(before->highest_modseq > 0, keeps && !GetParam().bare);
  if (before->highest_modseq == 0) return;
  EXPECT_EQ(mailbox->select("INBOX", false)->highest_modseq, before->highest_modseq);
  const auto old = *mailbox->search({.unseen_only = true});

  deliver_numbered(2);
  const auto after = mailbox->select("INBOX", false);

  ASSERT_TRUE(after) << after.error().detail;
  EXPECT_GT(after->highest_modseq, before->highest_modseq);
  auto plain = *mailbox->search({.unseen_only = true});
  std::erase_if(plain, [&](Uid uid) { return std::ranges::find(old, uid) != old.end(); });
  EXPECT_EQ(plain.size(), 2U);
  EXPECT_EQ(*mailbox->search({.unseen_only = true, .changed_after = before->highest_modseq}),
            plain);
  ASSERT_TRUE(mailbox->add_flag(std::vector{old[0], plain[0]}, kSeen));
  EXPECT_GT(mailbox->select("INBOX", false)->highest_modseq, after->highest_modseq);
  EXPECT_EQ(*mailbox->search({.changed_after = after->highest_modseq}),
            (std::vector{old[0], plain[0]}));
}

// What a poller knows, with what SELECT says has happened since, is what a plain listing finds.
// Dovecot and Cyrus tell it (QRESYNC), Courier does not.
TEST_P(AccountTest, WhatHappenedSinceIsWhatAPlainListingFinds) {
  deliver_numbered(6);
  auto mailbox = connected();
  const auto before = mailbox->select("INBOX", false);
  ASSERT_TRUE(before) << before.error().detail;
  const FolderState known{before->uidvalidity, std::max<std::uint64_t>(before->highest_modseq, 1)};
  const auto listed = *mailbox->list_all();
  std::map<Uid, ListedMessage> expected;
  for (const ListedMessage& message : listed) expected[message.uid] = message;
  auto other = opened();
  ASSERT_TRUE(other->add_flag(std::vector{listed[0].uid, listed[3].uid}, kSeen));
  ASSERT_TRUE(other->add_flag(std::vector{listed[3].uid}, kDeleted));
  const bool removes = !GetParam().bare;
  if (removes) {
    ASSERT_EQ(other->expunge(std::vector{listed[1].uid, listed[4].uid}), Removal::done);
  }
  deliver_numbered(2);

  const auto after = mailbox->select_since("INBOX", known);

  ASSERT_TRUE(after) << after.error().detail;
  const bool tells = GetParam().peer == Peer::dovecot || GetParam().peer == Peer::cyrus;
  ASSERT_EQ(after->changes.has_value(), tells && !GetParam().bare);
  if (!after->changes) return;
  for (const UidRange& range : after->changes->vanished) {
    std::erase_if(expected, [&](const auto& each) {
      return each.first >= range.first && each.first <= range.last;
    });
  }
  for (const ListedMessage& message : after->changes->changed) expected[message.uid] = message;
  std::vector<ListedMessage> now;
  for (const auto& [uid, message] : expected) now.push_back(message);
  EXPECT_EQ(*mailbox->list_all(), now);
  EXPECT_EQ(now.size(), 6U);
  const auto still = mailbox->select_since("INBOX", {after->uidvalidity, after->highest_modseq});
  EXPECT_EQ(still->changes, FolderChanges{});
  EXPECT_EQ(mailbox->select_since("INBOX", {after->uidvalidity + 1, known.modseq})->changes,
            std::nullopt);
}

TEST_P(AccountTest, WhatSomebodyRemovesWhileTheFolderIsOpenDisturbsNothing) {
  deliver_numbered(3);
  auto mailbox = opened();
  const auto uids = *mailbox->search({});
  auto other = opened();
  ASSERT_TRUE(other->add_flag(std::vector{uids[1]}, kDeleted));
  ASSERT_EQ(other->expunge(std::vector{uids[1]}), Removal::done);

  EXPECT_TRUE(mailbox->noop());
  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(20)), IdleOutcome::timeout);

  EXPECT_EQ(*mailbox->search({}), (std::vector{uids[0], uids[2]}));
  if (GetParam().peer == Peer::scripted) return;  // it tells nothing to other sessions
  const auto listed = mailbox->list_all();        // shorter than what was told it is refused
  ASSERT_TRUE(listed) << listed.error().detail;
  EXPECT_EQ(listed->size(), 2U);
}

TEST_P(AccountTest, ListsEveryMessageWithItsFlags) {
  deliver_numbered(5);
  auto mailbox = opened();
  const auto all = *mailbox->search({});
  ASSERT_TRUE(mailbox->add_flag(std::vector{all[0], all[3]}, kSeen));
  ASSERT_TRUE(mailbox->add_flag(std::vector{all[3], all[4]}, kDeleted));

  const auto listed = mailbox->list_all();

  ASSERT_TRUE(listed) << listed.error().detail;
  EXPECT_EQ(*listed, (std::vector<ListedMessage>{{all[0], true, false},
                                                 {all[1], false, false},
                                                 {all[2], false, false},
                                                 {all[3], true, true},
                                                 {all[4], false, true}}));
}

TEST_P(AccountTest, FetchesABatchByteForByteAndLeavesItUnseen) {
  std::vector<std::string> mails{
      "Subject: \xd0\x9f\r\n\r\n8-bit \xff and a \x01\r\n", "", "no header and no line end",
      "Subject: long\r\n\r\n" + std::string(300'000, 'x') + "\r\n", ")\r\n* BYE\r\na1 OK\r\n"};
  std::erase_if(mails, [this](const std::string& mail) { return !account_->takes(mail); });
  account_->deliver(mails);
  auto mailbox = opened();
  const auto uids = *mailbox->search({});
  ASSERT_EQ(uids.size(), mails.size());
  MessageCollector sink;

  const auto fetched = mailbox->fetch(uids, sink);

  ASSERT_TRUE(fetched) << fetched.error().detail;
  for (std::size_t i = 0; i < mails.size(); ++i) {
    // A Maildir's server sends every line end as CRLF; these mails have no other.
    EXPECT_EQ(sink.messages.at(uids[i]), mails[i]);
    EXPECT_EQ(sink.metas.at(uids[i]).literal_size, mails[i].size());
    EXPECT_EQ(sink.metas.at(uids[i]).rfc822_size, mails[i].size());
    EXPECT_TRUE(sink.metas.at(uids[i]).internal_date);
  }
  EXPECT_EQ(mailbox->search({.unseen_only = true})->size(), mails.size());
}

TEST_P(AccountTest, AMessageThatIsGoneIsMissingAndNothingElseIsDisturbed) {
  deliver_numbered(3);
  auto mailbox = opened();
  const auto uids = *mailbox->search({});
  ASSERT_EQ(mailbox->expunge(std::vector{uids[1]}), Removal::done);
  MessageCollector sink;

  const auto fetched = mailbox->fetch(uids, sink);

  ASSERT_TRUE(fetched) << fetched.error().detail;
  EXPECT_EQ(sink.gone, std::vector{uids[1]});
  EXPECT_EQ(sink.order, (std::vector{uids[0], uids[2]}));
}

TEST_P(AccountTest, FlagsHundredsOfMessagesAtOnce) {
  constexpr int kMany = 300;
  deliver_numbered(kMany);
  auto mailbox = opened();
  std::vector<Uid> odd;
  const auto all = *mailbox->search({});
  for (const Uid uid : all) {
    if (uid % 2 == 1) odd.push_back(uid);
  }

  const std::vector<std::string_view> flags{kSeen, "$Client360Done"};
  const auto flagged = mailbox->add_flags(odd, flags);

  ASSERT_TRUE(flagged) << flagged.error().detail;
  EXPECT_EQ(mailbox->search({.unseen_only = true})->size(), kMany - odd.size());
}

TEST_P(AccountTest, ExpungesOnlyWhatItWasGiven) {
  deliver_numbered(3);
  auto mailbox = opened();
  const auto uids = *mailbox->search({});
  ASSERT_TRUE(mailbox->add_flag(std::vector{uids[0]}, kDeleted));  // by somebody else

  const auto removed = mailbox->expunge(std::vector{uids[2]});

  ASSERT_TRUE(removed) << removed.error().detail;
  // Without UIDPLUS the only way would take the first one along.
  EXPECT_EQ(*removed, GetParam().bare ? Removal::left_deleted : Removal::done);
  EXPECT_EQ(mailbox->search({})->size(), GetParam().bare ? 3U : 2U);
  EXPECT_EQ(account_->contents("INBOX").front(), mail(1));
}

TEST_P(AccountTest, ExpungesWithoutUidplusWhenNothingElseIsMarked) {
  deliver_numbered(3);
  auto mailbox = opened();
  const auto uids = *mailbox->search({});

  EXPECT_EQ(mailbox->expunge(std::vector{uids[0], uids[2]}), Removal::done);
  EXPECT_EQ(account_->contents("INBOX"), std::vector{mail(2)});
}

TEST_P(AccountTest, MovesToAFolderItMakes) {
  deliver_numbered(3);
  auto mailbox = opened();
  const auto uids = *mailbox->search({});

  const auto moved = mailbox->move(std::vector{uids[0], uids[1]}, "Готово");

  ASSERT_TRUE(moved) << moved.error().detail;
  EXPECT_EQ(*moved, Removal::done);
  EXPECT_EQ(account_->contents("INBOX"), std::vector{mail(3)});
  EXPECT_EQ(account_->contents("Готово"), (std::vector{mail(1), mail(2)}));
  const auto selected = mailbox->select("Готово", true);
  ASSERT_TRUE(selected) << selected.error().detail;
  EXPECT_EQ(selected->exists, 2U);
}

TEST_P(AccountTest, CopiesToAFolderItMakes) {
  deliver_numbered(3);
  auto mailbox = opened();
  const auto uids = *mailbox->search({});

  const auto copied = mailbox->copy(std::vector{uids[0], uids[1]}, "Копии");

  ASSERT_TRUE(copied) << copied.error().detail;
  EXPECT_EQ(account_->contents("INBOX"), (std::vector{mail(1), mail(2), mail(3)}));
  EXPECT_EQ(account_->contents("Копии"), (std::vector{mail(1), mail(2)}));
  const auto onto_itself = mailbox->copy(uids, "INBOX");
  ASSERT_FALSE(onto_itself);
  EXPECT_EQ(onto_itself.error().code, ErrorCode::upstream_rejected);
  EXPECT_EQ(account_->contents("INBOX").size(), 3U);
}

TEST_P(AccountTest, AMailboxOpenedReadOnlyStaysAsItIs) {
  deliver_numbered(1);
  auto mailbox = connected();

  const auto selected = mailbox->select("INBOX", true);

  ASSERT_TRUE(selected) << selected.error().detail;
  EXPECT_TRUE(selected->read_only);
  MessageCollector sink;
  EXPECT_TRUE(mailbox->fetch(*mailbox->search({}), sink));
  EXPECT_EQ(mailbox->search({.unseen_only = true})->size(), 1U);
}

TEST_P(AccountTest, IdleEndsWhenItIsWokenAndTheSessionGoesOn) {
  auto mailbox = opened();
  std::thread other([&] { mailbox->wake(); });

  const auto outcome = mailbox->idle(std::chrono::minutes(5));

  other.join();
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(*outcome, IdleOutcome::woken);
  EXPECT_TRUE(mailbox->noop());
}

TEST_P(AccountTest, IdleEndsByItself) {
  auto mailbox = opened();

  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(20)), IdleOutcome::timeout);
  EXPECT_TRUE(mailbox->noop());
}

TEST_P(AccountTest, IdleIsRenewedWithoutAWord) {
  ImapOptions options = account_->options();
  options.idle_renewal = std::chrono::milliseconds(10);
  auto mailbox = make_imap_mailbox(options);
  ASSERT_TRUE(mailbox->connect());
  ASSERT_TRUE(mailbox->select("INBOX", false));

  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(60)), IdleOutcome::timeout);
}

TEST_P(AccountTest, IdleEndsWhenMailArrives) {
  if (!has_idle()) GTEST_SKIP() << "this server has no IDLE";
  auto mailbox = opened();
  std::thread other([&] { deliver_numbered(1); });

  const auto outcome = mailbox->idle(std::chrono::minutes(5));

  other.join();
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(*outcome, IdleOutcome::changed);
  EXPECT_EQ(mailbox->search({})->size(), 1U);
}

TEST_P(AccountTest, AnInterruptEndsIdleForGood) {
  auto mailbox = opened();
  std::thread other([&] { mailbox->interrupt(); });

  const auto outcome = mailbox->idle(std::chrono::minutes(5));

  other.join();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().reason, "interrupted");
  EXPECT_FALSE(mailbox->noop());
}

INSTANTIATE_TEST_SUITE_P(
    Servers, AccountTest,
    ::testing::Values(Kind{"ScriptedPlain", Peer::scripted, TlsMode::none},
                      Kind{"ScriptedTls", Peer::scripted, TlsMode::imaps},
                      Kind{"ScriptedStarttls", Peer::scripted, TlsMode::starttls},
                      Kind{"ScriptedBare", Peer::scripted, TlsMode::none, true},
                      Kind{"DovecotTls", Peer::dovecot, TlsMode::imaps},
                      Kind{"DovecotStarttls", Peer::dovecot, TlsMode::starttls},
                      Kind{"DovecotPlain", Peer::dovecot, TlsMode::none},
                      Kind{"DovecotBare", Peer::dovecot, TlsMode::imaps, true},
                      Kind{"CyrusTls", Peer::cyrus, TlsMode::imaps},
                      Kind{"CyrusStarttls", Peer::cyrus, TlsMode::starttls},
                      Kind{"CourierTls", Peer::courier, TlsMode::imaps},
                      Kind{"CourierStarttls", Peer::courier, TlsMode::starttls}),
    [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace c360::ingest::imap

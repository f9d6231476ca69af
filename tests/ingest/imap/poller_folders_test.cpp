// Several folders of one mailbox, with names in any script, through the whole poller and against
// real servers: each mail ends in its record, its row is kept under its folder, and its flag is set
// where it lies.
#include <gmock/gmock.h>

#include <functional>
#include <thread>

#include "ingest/imap/imap_mailbox.h"
#include "tests/ingest/imap/account.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

using ingest::imap::make_imap_mailbox;
using ingest::imap::TlsMode;

class PollerFolders : public IntakeTest, public ::testing::WithParamInterface<Kind> {
 protected:
  PollerFolders() {
    account_ = make_account(GetParam());
    settings.folders = {"INBOX", "Заявки с сайта", "Łódź & Söhne", "日本語"};
  }

  std::unique_ptr<ingest::Mailbox> connected() {
    auto mailbox = make_imap_mailbox(account_->options());
    const auto done = mailbox->connect();
    EXPECT_TRUE(done) << done.error().detail;
    return mailbox;
  }

  // Delivers to INBOX and sorts it away, as a filter on the server would; makes the folder.
  void deliver(const std::string& folder, const std::vector<std::string>& mails) {
    if (folder == "INBOX") return account_->deliver(mails);
    auto mailbox = connected();
    ASSERT_TRUE(mailbox->select("INBOX", false));
    const auto before = *mailbox->search({});
    account_->deliver(mails);
    ASSERT_TRUE(mailbox->noop());
    auto uids = *mailbox->search({});
    std::erase_if(uids,
                  [&](ingest::Uid uid) { return std::ranges::find(before, uid) != before.end(); });
    ASSERT_EQ(uids.size(), mails.size());
    const auto moved = mailbox->move(uids, folder);
    ASSERT_TRUE(moved) << moved.error().detail;
    ASSERT_EQ(account_->contents(folder).size(), uids.size());
    mailbox->logout();
  }

  // How many messages of a folder have \Seen, asked over a connection of its own.
  std::string seen_of(const std::string& folder) {
    auto mailbox = connected();
    const auto selected = mailbox->select(folder, true);
    EXPECT_TRUE(selected) << folder << ": " << selected.error().detail;
    const auto listed = mailbox->list_all();
    EXPECT_TRUE(listed);
    if (!listed) return "?";
    const auto seen = std::ranges::count_if(*listed, &ingest::ListedMessage::seen);
    return std::to_string(seen) + " of " + std::to_string(listed->size());
  }

  ingest::Poller& box() {
    if (!box_)
      box_ = std::make_unique<ingest::Poller>(
          mailbox_id(), settings,
          [options = account_->options()] { return make_imap_mailbox(options); },
          ingest::PollerPorts{database, inboxes, leases, workers, options, quiet.observer, clock});
    return *box_;
  }
  void expect_pass() {
    const auto passed = box().pass();
    ASSERT_TRUE(passed) << passed.error().detail;
  }
  std::vector<std::string> ledger() {
    return query(
        "SELECT folder || ': ' || string_agg(outcome, ' ' ORDER BY uid) FROM ops.mail "
        "GROUP BY folder ORDER BY min(id)");
  }

  std::unique_ptr<Account> account_;
  std::unique_ptr<ingest::Poller> box_;
};

TEST_P(PollerFolders, EveryFoldersMailsBecomeRecordsAndAreFlaggedWhereTheyLie) {
  int form = 0;
  for (const std::string& folder : settings.folders) {
    if (folder == "INBOX") continue;  // last: what lies there would be sorted away with the others
    deliver(folder, {form_mail(form + 1), form_mail(form + 2)});
    form += 2;
  }
  deliver("INBOX", {form_mail(7), letter("empty@romashka.example", "пусто", "", " \r\n ")});

  expect_pass();

  EXPECT_EQ(ledger(),
            (std::vector<std::string>{
                "INBOX: deal_created quarantined", "Заявки с сайта: deal_created deal_created",
                "Łódź & Söhne: deal_created deal_created", "日本語: deal_created deal_created"}));
  EXPECT_EQ(seen_of("INBOX"), "1 of 2");  // what is quarantined stays unread
  for (const std::string& folder : settings.folders) {
    if (folder == "INBOX") continue;
    EXPECT_EQ(seen_of(folder), "2 of 2") << folder;
  }
  EXPECT_EQ(one("SELECT count(*) || ' ' || count(DISTINCT folder) FROM ops.mailbox_folder "
                "WHERE last_uid > 0 AND uidvalidity > 0"),
            "4 4");
}

TEST_P(PollerFolders, NewMailIsFoundInEachOfThemAndTakenOnce) {
  for (const std::string& folder : settings.folders)
    if (folder != "INBOX") deliver(folder, {form_mail(static_cast<int>(folder.size()))});
  expect_pass();
  ASSERT_EQ(one("SELECT count(*) FROM crm.deal"), "3");

  deliver("INBOX", {form_mail(70)});
  expect_pass();
  expect_pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "4");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail"), "4");
  EXPECT_EQ(seen_of("INBOX"), "1 of 1");
}

TEST_P(PollerFolders, WhatIsDoneIsMovedToAFolderOfAnyNameAndNotTakenFromThere) {
  settings.folders = {"INBOX", "Заявки"};
  settings.move_to = "Готово & сделано";
  deliver("Заявки", {form_mail(1)});
  deliver("INBOX", {form_mail(2)});

  expect_pass();
  expect_pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "2");
  EXPECT_EQ(account_->contents("INBOX").size(), 0U);
  EXPECT_EQ(account_->contents("Заявки").size(), 0U);
  EXPECT_EQ(account_->contents(settings.move_to).size(), 2U);
}

TEST_P(PollerFolders, OneThatIsNotThereDoesNotStopTheOthersAndIsNamed) {
  settings.folders = {"Nirgendwo", "INBOX"};
  settings.delay = std::chrono::milliseconds{100};
  settings.use_idle = false;
  deliver("INBOX", {form_mail(1)});
  box().start();
  const auto eventually = [](const std::function<bool()>& what) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!what() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    return what();
  };

  EXPECT_TRUE(eventually([&] { return one("SELECT count(*) FROM crm.deal") == "1"; }));
  EXPECT_TRUE(eventually([&] { return box().status().reason.contains("folder Nirgendwo"); }))
      << box().status().reason;
  EXPECT_FALSE(box().status().ready);
  EXPECT_EQ(box().status().consecutive_failures, 0);
}

// Of the real ones here Courier takes UTF-8 (RFC 6855), so that both ways to spell a name are gone.
TEST_P(PollerFolders, TheServersSpellNamesInBothWays) {
  const bool offered = connected()->features().has("UTF8=ACCEPT");
  EXPECT_EQ(offered, GetParam().peer == Peer::courier);
}

INSTANTIATE_TEST_SUITE_P(Servers, PollerFolders,
                         ::testing::Values(Kind{"Scripted", Peer::scripted, TlsMode::none},
                                           Kind{"Dovecot", Peer::dovecot, TlsMode::imaps},
                                           Kind{"Cyrus", Peer::cyrus, TlsMode::imaps},
                                           Kind{"Courier", Peer::courier, TlsMode::imaps}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace c360::testing

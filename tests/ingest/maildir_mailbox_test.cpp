// A drop folder: mails that other programs put into new/.
#include "ingest/maildir_mailbox.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "tests/ingest/intake_fixture.h"
#include "tests/support/message_collector.h"
#include "tests/support/temp_folder.h"

namespace c360::ingest {
namespace {

using c360::testing::form_mail;
using c360::testing::IntakeTest;
using c360::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class Maildir : public IntakeTest {
 protected:
  Maildir() {
    settings.maildir = folder.path().string();
    settings.unseen_only = false;
    fs::create_directories(folder.path() / "new");
  }
  void drop(const std::string& name, const std::string& mail) const {
    std::ofstream(folder.path() / "new" / name, std::ios::binary) << mail;
  }
  std::vector<std::string> files(const std::string& part) const {
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator{folder.path() / part})
      names.push_back(file.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
  // A poller of a new process.
  void pass_once() {
    const auto poller = std::make_unique<Poller>(
        mailbox_id(), settings,
        [this] { return make_maildir_mailbox(folder.path(), settings.imap.limits.message_bytes); },
        PollerPorts{database, inboxes, leases, workers, options, quiet.observer, clock});
    const auto passed = poller->pass();
    ASSERT_TRUE(passed) << passed.error().detail;
  }
  std::vector<std::string> ends() {
    return query("SELECT uid || ' ' || coalesce(outcome, state) FROM ops.mail ORDER BY id");
  }

  TempFolder folder;
};

TEST_F(Maildir, MovesAMailToCurAfterItWasTakenIn) {
  drop("1.host", form_mail(1));
  drop("2.host", form_mail(2));

  pass_once();

  EXPECT_THAT(ends(), ElementsAre("1 deal_created", "2 deal_created"));
  EXPECT_THAT(files("new"), IsEmpty());
  EXPECT_THAT(files("cur"), ElementsAre("1.host:2,S", "2.host:2,S"));
}

TEST_F(Maildir, RemovesIt_WhereTheMailboxSaysSo) {
  settings.delete_after = true;
  drop("1.host", form_mail(1));
  pass_once();
  EXPECT_THAT(ends(), ElementsAre("1 deal_created"));
  EXPECT_THAT(files("new"), IsEmpty());
  EXPECT_THAT(files("cur"), IsEmpty());
}

TEST_F(Maildir, NumbersOutliveTheProcessAndNeverMeanAnotherFile) {
  drop("1.host", form_mail(1));
  pass_once();
  drop("0.host", form_mail(2));
  pass_once();
  drop("0.host", form_mail(3));  // a writer that uses a name again
  pass_once();
  EXPECT_THAT(ends(), ElementsAre("1 deal_created", "2 deal_created", "3 deal_created"));
}

TEST_F(Maildir, AMailWhoseMoveWasMissedIsNotTakenTwice) {
  drop("1.host", form_mail(1));
  pass_once();
  // As if the process had died between the commit and the move.
  fs::rename(folder.path() / "cur" / "1.host:2,S", folder.path() / "new" / "1.host");
  query("UPDATE ops.mail_message SET flagged_at = NULL");

  pass_once();

  EXPECT_THAT(ends(), ElementsAre("1 deal_created"));
  EXPECT_THAT(files("cur"), ElementsAre("1.host:2,S"));
}

TEST_F(Maildir, WithoutItsNumbersKnownMailIsKnownByItsBytes) {
  drop("1.host", form_mail(1));
  pass_once();
  drop("1.host", form_mail(1));
  std::ofstream(folder.path() / "client360-uids") << "client360-uids 1 77 9\n";
  pass_once();
  EXPECT_THAT(ends(), ElementsAre("1 deal_created", "9 duplicate"));
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
}

TEST_F(Maildir, WhatIsNoMailFileDoesNotStopTheOthers) {
  fs::create_symlink("/etc/passwd", folder.path() / "new" / "1.link");
  fs::create_directory(folder.path() / "new" / "2.folder");
  drop("3.host", form_mail(3));
  drop("4.big", std::string(5'000, 'x'));
  settings.imap.limits.message_bytes = 4'000;
  options.attempt_limit = 1;

  pass_once();

  EXPECT_THAT(ends(),
              ElementsAre("1 quarantined", "2 quarantined", "3 deal_created", "4 quarantined"));
  EXPECT_EQ(reason(1), "too_many_retries");
  EXPECT_EQ(reason(4), "oversize");
  EXPECT_THAT(files("new"), ElementsAre("1.link", "2.folder", "4.big"));
}

// A writer that uses a name again while the mail before is read.
TEST_F(Maildir, AMailOfTheSameNameThatCameMeanwhileIsNeitherMovedNorRemoved) {
  for (const bool remove : {false, true}) {
    SCOPED_TRACE(remove);
    drop("1.host", form_mail(1));
    auto mailbox = make_maildir_mailbox(folder.path(), 1'000'000);
    ASSERT_TRUE(mailbox->connect());
    ASSERT_TRUE(mailbox->select("INBOX", false));
    const auto first = mailbox->search({});
    ASSERT_TRUE(first);
    ASSERT_EQ(first->size(), 1U);
    c360::testing::MessageCollector collector;
    ASSERT_TRUE(mailbox->fetch(*first, collector));
    std::ofstream(folder.path() / "tmp" / "1.host", std::ios::binary) << form_mail(2);
    fs::rename(folder.path() / "tmp" / "1.host", folder.path() / "new" / "1.host");

    if (remove)
      ASSERT_TRUE(mailbox->expunge(*first));
    else
      ASSERT_TRUE(mailbox->add_flag(*first, kSeen));

    EXPECT_THAT(files("new"), ElementsAre("1.host"));
    EXPECT_THAT(files("cur"), IsEmpty());
    const auto second = mailbox->search({});
    ASSERT_TRUE(second);
    ASSERT_EQ(second->size(), 1U);
    EXPECT_GT(second->front(), first->front()) << "it has a number of its own";
    fs::remove(folder.path() / "new" / "1.host");
  }
}

TEST_F(Maildir, AFileThatGrewSinceItWasListedIsReadWhole) {
  const std::string mail = form_mail(1);
  drop("1.host", mail.substr(0, 300));
  auto mailbox = make_maildir_mailbox(folder.path(), 1'000'000);
  ASSERT_TRUE(mailbox->connect());
  ASSERT_TRUE(mailbox->select("INBOX", false));
  drop("1.host", mail);
  c360::testing::MessageCollector collector;
  ASSERT_TRUE(mailbox->fetch(std::vector<Uid>{1}, collector));
  EXPECT_THAT(collector.gone, ElementsAre(1));

  pass_once();

  EXPECT_THAT(ends(), ElementsAre("2 deal_created"));
  EXPECT_THAT(files("cur"), ElementsAre("1.host:2,S"));
}

TEST_F(Maildir, AFileThatIsGoneHasVanished) {
  drop("1.host", form_mail(1));
  auto mailbox = make_maildir_mailbox(folder.path(), 1'000'000);
  ASSERT_TRUE(mailbox->connect());
  ASSERT_TRUE(mailbox->select("INBOX", false));
  fs::remove(folder.path() / "new" / "1.host");
  c360::testing::MessageCollector collector;
  const std::vector<Uid> uids{1};
  ASSERT_TRUE(mailbox->fetch(uids, collector));
  EXPECT_THAT(collector.gone, ElementsAre(1));
}

TEST_F(Maildir, AFolderThatCannotBeMadeIsSaid) {
  std::ofstream(folder.path() / "file") << "x";
  const auto connected = make_maildir_mailbox(folder.path() / "file", 1'000)->connect();
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, ErrorCode::unavailable);
  EXPECT_THAT(connected.error().detail, ::testing::HasSubstr("file"));
}

TEST_F(Maildir, AnInterruptEndsTheWaitAndWakeOnlyCutsItShort) {
  auto mailbox = make_maildir_mailbox(folder.path(), 1'000);
  mailbox->wake();
  EXPECT_EQ(mailbox->idle(std::chrono::minutes{5}), IdleOutcome::woken);
  auto waiting = std::async(std::launch::async,
                            [&] { return mailbox->idle(std::chrono::minutes{5}).has_value(); });
  mailbox->interrupt();
  EXPECT_FALSE(waiting.get());
  EXPECT_FALSE(mailbox->connect());
}

}  // namespace
}  // namespace c360::ingest

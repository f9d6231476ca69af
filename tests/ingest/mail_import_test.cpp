// Mails from a file: one, an mbox, something else, and a process that dies in between.
#include "ingest/mail_import.h"

#include <gmock/gmock.h>

#include <future>

#include "ingest/quarantine.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::ingest {
namespace {

using c360::testing::form_mail;
using c360::testing::IntakeTest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::string_view kFrom = "From ann@a.example Mon Nov 10 10:15:00 2025\r\n";

std::string mbox(int first, int last) {
  std::string file;
  for (int i = first; i <= last; ++i) file.append(kFrom).append(form_mail(i)).append("\r\n");
  return file;
}

// In pieces of `step` bytes; after `limit` of them the sender is gone.
ImportRead reader(const std::string& file, std::size_t step = 5'000, std::size_t limit = SIZE_MAX) {
  return [&file, step, limit,
          at = std::size_t{0}](std::span<char> into) mutable -> Result<std::size_t> {
    if (at >= limit) return fail(ErrorCode::invalid_request, "the sender hung up", "cut");
    const std::size_t count = file.copy(into.data(), std::min(step, into.size()), at);
    at += count;
    return count;
  };
}

class Import : public IntakeTest {
 protected:
  Import() { (void)mailbox_id(); }

  Result<void> run(const ImportRead& read, ImportFormat format = ImportFormat::detected,
                   std::optional<std::int64_t> bytes = std::nullopt) {
    report = {};
    return MailImport{database, inboxes, options, quiet.observer, clock}.run(
        settings, {.format = format, .read = read, .bytes = bytes}, report);
  }
  // What its row says.
  std::string row(const std::string& columns) {
    return one("SELECT concat_ws(' ', " + columns +
               ") FROM ops.mail_import ORDER BY id DESC LIMIT 1");
  }
  // Of an import that must succeed.
  std::map<std::string, std::int64_t> outcomes(const std::string& file,
                                               ImportFormat format = ImportFormat::detected) {
    const auto done = run(reader(file), format);
    EXPECT_TRUE(done) << done.error().detail;
    EXPECT_EQ(report.pending, 0);
    return report.outcomes;
  }
  std::string count(const std::string& where) {
    return one("SELECT count(*) FROM ops.mail WHERE " + where);
  }

  ImportReport report;
};

TEST_F(Import, OfOneMailTakesItsWholeWay) {
  EXPECT_THAT(outcomes(form_mail(1)), ElementsAre(Pair("deal_created", 1)));
  EXPECT_EQ(report.mails, 1);
  EXPECT_EQ(one("SELECT folder || ' ' || uidvalidity || ' ' || uid || ' ' || outcome || ' ' || "
                "(flagged_at IS NOT NULL) FROM ops.mail"),
            "(import) 1 1 deal_created true");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "1");
}

TEST_F(Import, OfAnMboxTakesEveryMailOfItInBatches) {
  settings.batch_messages = 4;
  EXPECT_THAT(outcomes(mbox(1, 10)), ElementsAre(Pair("deal_created", 10)));
  EXPECT_EQ(report.mails, 10);
  EXPECT_EQ(one("SELECT string_agg(uid::text, ' ' ORDER BY uid) FROM ops.mail"),
            "1 2 3 4 5 6 7 8 9 10");
  EXPECT_THAT(outcomes(mbox(11, 12)), ElementsAre(Pair("deal_created", 2)));
  EXPECT_EQ(count("uid IN (11, 12)"), "2");
}

TEST_F(Import, OfAnArchiveWithUnixLinesKnowsTheMailsReadBefore) {
  outcomes(mbox(1, 3));
  std::string archive = mbox(1, 4);
  std::erase(archive, '\r');
  EXPECT_THAT(outcomes(archive), ElementsAre(Pair("deal_created", 1), Pair("duplicate", 3)));
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "4");
}

TEST_F(Import, TellsHowFarItIsWhileItRunsAndWhatItCameTo) {
  settings.batch_messages = 2;
  const std::string file = mbox(1, 6);
  std::vector<std::string> seen;
  const auto steps = reader(file, file.size() / 6);
  const auto watched = [&](std::span<char> into) {
    seen.push_back(
        row("status, mails, read_bytes < file_bytes, left_seconds >= 0, "
            "finished_at IS NULL, outcomes"));
    return steps(into);
  };

  ASSERT_TRUE(run(watched, ImportFormat::mbox, static_cast<std::int64_t>(file.size())));

  EXPECT_EQ(seen.front(), "running 0 t t {}");  // nothing is known of the time left
  EXPECT_THAT(seen, ::testing::Contains("running 2 t t t {\"deal_created\": 2}"));
  EXPECT_THAT(seen, ::testing::Contains("running 4 t t t {\"deal_created\": 4}"));
  EXPECT_EQ(row("id, status, mails, pending, read_bytes, file_bytes, outcomes"),
            std::to_string(report.id) + " done 6 0 " + std::to_string(file.size()) + " " +
                std::to_string(file.size()) + " {\"deal_created\": 6}");
  EXPECT_EQ(row("finished_at >= started_at, mails_per_minute > 0, left_seconds IS NULL"), "t t t");
}

TEST_F(Import, ThatFailsSaysWhatEndedItAndOneWhoseProcessDiedIsBrokenOff) {
  ASSERT_FALSE(run(reader(form_mail(1)), ImportFormat::mbox));
  EXPECT_EQ(row("status, mails, file_bytes IS NULL, finished_at IS NOT NULL"), "failed 0 t t");
  EXPECT_THAT(row("error"), HasSubstr("mbox"));
  postgres.execute(url,
                   "INSERT INTO ops.mail_import (mailbox_id, mails) SELECT id, 3 FROM ops.mailbox");

  ASSERT_TRUE(run(reader(form_mail(1))));

  EXPECT_EQ(one("SELECT string_agg(status, ' ' ORDER BY id) FROM ops.mail_import"),
            "failed broken_off done");
}

TEST_F(Import, OfMailIsRememberedForTheNewestThousand) {
  postgres.execute(
      url,
      "INSERT INTO ops.mail_import (mailbox_id, status, finished_at) SELECT id, 'done', "
      "now() FROM ops.mailbox, generate_series(1, 1200)");

  ASSERT_TRUE(run(reader(form_mail(1))));

  EXPECT_EQ(one("SELECT count(*) || ' ' || (max(id) = " + std::to_string(report.id) +
                ") FROM ops.mail_import"),
            "1000 true");
}

TEST_F(Import, OfTheSameFileAgainMakesNothingTwice) {
  const std::string file = mbox(1, 3);
  ASSERT_THAT(outcomes(file), ElementsAre(Pair("deal_created", 3)));
  EXPECT_THAT(outcomes(file), ElementsAre(Pair("duplicate", 3)));
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "3");
}

TEST_F(Import, OfAMailThatIsHeldTellsNobodyWhatAPersonMakesOfIt) {
  const std::string held = c360::testing::letter("l1@romashka.example", "Без текста", "", " ");
  ASSERT_THAT(outcomes(held), ElementsAre(Pair("quarantined", 1)));
  QuarantineDesk desk{database,
                      inboxes,
                      [](std::string_view) { return std::nullopt; },
                      {.spool_folder = spool},
                      clock};
  const std::int64_t user = std::stoll(
      one("INSERT INTO crm.user (login, last_name) VALUES ('boss', 'Boss') RETURNING id"));

  ASSERT_TRUE(desk.release(std::stoll(one("SELECT id FROM ops.quarantine")), user));

  EXPECT_EQ(count("outcome = 'deal_created' AND flagged_at IS NOT NULL"), "1");
}

TEST_F(Import, OfWhatIsNoMailTakesNothing) {
  for (const auto& [file, format, reason] :
       {std::tuple{std::string("%PDF-1.4 binary"), ImportFormat::detected, "not_a_mail"},
        {std::string("\0\1\2:", 4), ImportFormat::detected, "not_a_mail"},
        {std::string(), ImportFormat::detected, "empty"},
        {form_mail(1), ImportFormat::mbox, "not_an_mbox"}}) {
    const auto done = run(reader(file), format);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::malformed_message);
    EXPECT_EQ(done.error().reason, reason);
  }
  EXPECT_EQ(count("true"), "0");
}

TEST_F(Import, OfAMailNobodyUnderstandsEndsInQuarantine) {
  EXPECT_THAT(outcomes("From: a@b.example\r\nSubject: x\r\n\r\n"),
              ElementsAre(Pair("quarantined", 1)));
}

TEST_F(Import, CutOffInTheMiddleHasDoneWhatCameBeforeAndIsFinishedByTheSameFile) {
  settings.batch_messages = 2;
  const std::string file = mbox(1, 9);

  const auto cut = run(reader(file, 500, file.size() / 2));

  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().reason, "cut");
  const std::int64_t done = report.outcomes["deal_created"];
  EXPECT_GT(done, 0);
  EXPECT_LT(done, 9);
  EXPECT_THAT(outcomes(file), ElementsAre(Pair("deal_created", 9 - done), Pair("duplicate", done)));
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "9");
  EXPECT_EQ(count("state <> 'done'"), "0");
}

TEST_F(Import, ThatWasKilledIsFinishedByThePoller) {
  ASSERT_THAT(outcomes(mbox(1, 2)), ElementsAre(Pair("deal_created", 2)));
  // As a process leaves it that dies after storing one mail and listing another.
  query(
      "UPDATE ops.mail_message SET outcome = NULL, processed_at = NULL, "
      "rule_id = NULL, flagged_at = NULL WHERE uid = 2");
  query(
      "INSERT INTO ops.mail_message (mailbox_id, folder, uidvalidity, uid) "
      "SELECT mailbox_id, folder, uidvalidity, 3 FROM ops.mail WHERE uid = 2");
  query("DELETE FROM crm.deal WHERE id = (SELECT max(id) FROM crm.deal)");

  pass();

  EXPECT_EQ(outcome(2), "deal_created");
  EXPECT_EQ(outcome(3), "vanished");
  EXPECT_EQ(count("flagged_at IS NULL"), "0");
}

TEST_F(Import, IsOneAtATimeForAMailboxAndLeavesThePollerOut) {
  const std::string file = form_mail(1);
  std::promise<void> begun;
  std::promise<void> go;
  auto first = std::async(std::launch::async, [&] {
    ImportReport ours;
    const auto slow = [&,
                       at = std::size_t{0}](std::span<char> into) mutable -> Result<std::size_t> {
      if (at == 0) {
        begun.set_value();
        go.get_future().wait();
      }
      const std::size_t count = file.copy(into.data(), into.size(), at);
      at += count;
      return count;
    };
    return MailImport{database, inboxes, options, quiet.observer, clock}.run(settings,
                                                                             {.read = slow}, ours);
  });
  begun.get_future().wait();

  const auto second = run(reader(file));
  pass();  // the poller does not wait for it
  go.set_value();

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_EQ(second.error().reason, "import_running");
  EXPECT_TRUE(first.get());
  EXPECT_THAT(outcomes(file), ElementsAre(Pair("duplicate", 1))) << "the way is free again";
}

TEST_F(Import, OfAMailOverTheLimitHoldsThatOneBack) {
  settings.imap.limits.message_bytes = 20'000;
  const std::string file = std::string(kFrom) + form_mail(1) + "\r\n" + std::string(kFrom) +
                           form_mail(2, "Запрос стоимости", std::string(30'000, 'x') + "\r\n") +
                           "\r\n" + mbox(3, 3);
  EXPECT_THAT(outcomes(file), ElementsAre(Pair("deal_created", 2), Pair("quarantined", 1)));
  EXPECT_EQ(reason(2), "oversize");
}

TEST_F(Import, OfFiftyMegabytesHoldsAFewOfThem) {
  // Attached bytes, a piece at a time: the test has no more of it either.
  const std::string head = std::string(kFrom) +
                           "From: a@b.example\r\nSubject: Запрос стоимости\r\nMIME-Version: 1.0\r\n"
                           "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n\r\n"
                           "Компания: ООО «Пример»\r\nE-mail: p@primer.example\r\n--b\r\n"
                           "Content-Type: application/octet-stream; name=big.bin\r\n"
                           "Content-Transfer-Encoding: base64\r\n\r\n";
  const std::string line =
      "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5\r\n";
  const std::string tail = "\r\n--b--\r\n\r\n";
  std::size_t lines = (std::size_t{50} << 20U) / line.size();
  int part = 0;
  const auto read = [&](std::span<char> into) -> Result<std::size_t> {
    if (part == 0) return ++part, head.copy(into.data(), into.size());
    if (part == 1) {
      std::size_t count = 0;
      while (lines > 0 && count + line.size() <= into.size()) {
        count += line.copy(into.data() + count, line.size());
        --lines;
      }
      if (lines == 0) ++part;
      return count;
    }
    return ++part == 3 ? tail.copy(into.data(), into.size()) : 0;
  };

  const auto done = run(read);

  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_THAT(report.outcomes, ElementsAre(Pair("deal_created", 1)));
  EXPECT_EQ(one("SELECT size_bytes > 50000000 FROM ops.mail"), "t");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail_attachment WHERE size_bytes > 30000000"), "1");
}

}  // namespace
}  // namespace c360::ingest

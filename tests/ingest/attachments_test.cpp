// Attachments are looked at before anything is made of their mail; unseen none gets through.
#include "adapters/clamd_scanner.h"
#include "ingest/quarantine.h"
#include "tests/ingest/intake_fixture.h"
#include "tests/support/clamd.h"
#include "tests/support/fake_clamd.h"

#include <functional>
#include <thread>

namespace c360::testing {
namespace {

class Attachments : public IntakeTest {
 protected:
  static std::string with_file(const std::string& id, const std::string& content,
                               const std::string& encoding = "8bit") {
    return "From: Anna <anna@romashka.example>\r\nTo: crm@client360.example\r\nMessage-ID: <" + id +
           ">\r\nSubject: Вопрос\r\nMIME-Version: 1.0\r\n"
           "Content-Type: multipart/mixed; boundary=b1\r\n\r\n"
           "--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nСм. вложение.\r\n"
           "--b1\r\nContent-Type: application/octet-stream; name=\"a.bin\"\r\n"
           "Content-Transfer-Encoding: " +
           encoding + "\r\nContent-Disposition: attachment; filename=\"a.bin\"\r\n\r\n" + content +
           "\r\n--b1--\r\n";
  }
  ingest::Poller& scanning() {
    if (!scanning_)
      scanning_ = std::make_unique<ingest::Poller>(
          mailbox_id(), settings, scripted_factory(server),
          ingest::PollerPorts{database, looking, leases, workers, options, quiet.observer, clock});
    return *scanning_;
  }
  ingest::InboxOptions with_scanner() { return scanning_by(clamd.address()); }
  ingest::InboxOptions scanning_by(const std::string& address) {
    return {.spool_folder = spool,
            .attachment_bytes = 100'000,
            .scanner = std::make_shared<adapters::ClamdScanner>(
                adapters::ClamdOptions{.address = *adapters::parse_clamd_address(address)})};
  }
  // What was put off is due at once.
  void hurry() { query("UPDATE ops.mail_message SET next_attempt_at = now()"); }

  FakeClamd clamd;
  ingest::Inboxes looking{registry, records, {rules, rules_version}, with_scanner()};
  std::unique_ptr<ingest::Poller> scanning_;
};

TEST_F(Attachments, AnInfectedOneHoldsItsMailAndNotItsNeighbours) {
  server.add(1, with_file("a1@x", "harmless"));
  server.add(2, with_file("a2@x", eicar()));
  server.add(3, form_mail(3));

  ASSERT_TRUE(scanning().pass());

  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_EQ(reason(2), "attachment_blocked");
  EXPECT_EQ(one("SELECT details FROM ops.quarantine"), "a.bin (2): Eicar-Test-Signature");
  EXPECT_EQ(outcome(3), "deal_created");
  EXPECT_EQ(one("SELECT count(*) FROM crm.document"), "1");
  EXPECT_EQ(clamd.scans(), 2) << "a mail without files is nobody's business";
  for (const char* line : {"client360_mail_scans_total{result=\"clean\"} 1\n",
                           "client360_mail_scans_total{result=\"infected\"} 1\n"})
    EXPECT_TRUE(quiet.metrics.serialize().contains(line)) << line;
}

TEST_F(Attachments, WhileTheScannerIsAwayTheMailWaitsAndTheOthersDoNot) {
  options.attempt_limit = 2;
  clamd.be(FakeClamd::Mood::hangs_up);
  server.add(1, with_file("a1@x", "harmless"));
  server.add(2, form_mail(2));
  for (int pass = 0; pass < 4; ++pass) {
    ASSERT_TRUE(scanning().pass());
    hurry();
  }
  EXPECT_EQ(outcome(1), "stored") << "it waits, and does not use up its attempts";
  EXPECT_NE(one("SELECT error FROM ops.mail WHERE uid = 1").find("clamd"), std::string::npos);
  EXPECT_EQ(outcome(2), "deal_created");
  EXPECT_FALSE(server.seen(1));
  EXPECT_TRUE(
      quiet.metrics.serialize().contains("client360_mail_scans_total{result=\"unavailable\"} 4\n"));
  clamd.be(FakeClamd::Mood::honest);

  ASSERT_TRUE(scanning().pass());

  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_EQ(one("SELECT count(*) FROM crm.document"), "1");
}

// It is stored and nobody read it yet: that its bytes come again is no less doubtful.
TEST_F(Attachments, WhatHasTheBytesOfAMailThatWaitsIsFetchedOnceMoreAndSoIsThatOne) {
  clamd.be(FakeClamd::Mood::hangs_up);
  server.add(1, with_file("a1@x", "harmless"));
  ASSERT_TRUE(scanning().pass());
  ASSERT_EQ(outcome(1), "stored");
  server.add(2, with_file("a1@x", "harmless"));

  ASSERT_TRUE(scanning().pass());

  EXPECT_EQ(server.fetched(), (std::vector<ingest::Uid>{1, 2, 2, 1}));
}

// By Debian's clamd itself.
class RealClamd : public Attachments {
 protected:
  void pass_by_it() {
    if (!poller_)
      poller_ = std::make_unique<ingest::Poller>(
          mailbox_id(), settings, scripted_factory(server),
          ingest::PollerPorts{database, inboxes_, leases, workers, options, quiet.observer, clock});
    const auto passed = poller_->pass();
    ASSERT_TRUE(passed) << passed.error().detail;
  }

  Clamd real;
  ingest::Inboxes inboxes_{registry, records, {rules, rules_version}, scanning_by(real.socket())};
};

TEST_F(RealClamd, HoldsAnInfectedMailAndNoOther) {
  server.add(1, with_file("a1@x", "harmless"));
  server.add(2, with_file("a2@x", Clamd::sample()));
  server.add(3, with_file("a3@x", Clamd::zipped_sample(), "base64"));
  server.add(4, form_mail(4));

  pass_by_it();

  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_EQ(reason(2), "attachment_blocked");
  EXPECT_EQ(reason(3), "attachment_blocked") << "it looks into archives";
  EXPECT_EQ(query("SELECT DISTINCT details FROM ops.quarantine"),
            std::vector<std::string>{std::string("a.bin (2): ") + Clamd::kSignature});
  EXPECT_EQ(outcome(4), "deal_created");
  EXPECT_EQ(one("SELECT count(*) FROM crm.document"), "1");
  expect_ledger_holds();
}

TEST_F(RealClamd, WhileItIsAwayMailWithFilesWaitsAndTheOthersDoNot) {
  options.attempt_limit = 2;
  real.stop();
  server.add(1, with_file("a1@x", "harmless"));
  server.add(2, with_file("a2@x", Clamd::sample()));
  server.add(3, form_mail(3));
  for (int pass = 0; pass < 4; ++pass) {
    pass_by_it();
    hurry();
  }
  EXPECT_EQ(outcome(1), "stored");
  EXPECT_EQ(outcome(2), "stored");
  EXPECT_EQ(outcome(3), "deal_created");
  EXPECT_FALSE(server.seen(1));
  expect_ledger_holds();
  real.start();

  pass_by_it();

  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_EQ(reason(2), "attachment_blocked");
  expect_ledger_holds();
}

TEST_F(Attachments, WhileTheScannerIsAwayTheMailboxIsNotReadyAndSaysWhy) {
  clamd.be(FakeClamd::Mood::hangs_up);
  settings.delay = std::chrono::milliseconds{50};
  server.add(1, with_file("a1@x", "harmless"));
  scanning().start();
  const auto eventually = [](const std::function<bool()>& what) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!what() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    return what();
  };

  EXPECT_TRUE(eventually([&] {
    return scanning().status().reason.contains("the virus scanner does not answer: clamd");
  })) << scanning().status().reason;
  EXPECT_FALSE(scanning().status().ready);
  EXPECT_NE(one("SELECT coalesce(last_error, '') FROM ops.mailbox").find("virus scanner"),
            std::string::npos);
  clamd.be(FakeClamd::Mood::honest);
  hurry();

  EXPECT_TRUE(eventually([&] { return scanning().status().ready; })) << scanning().status().reason;
  EXPECT_EQ(outcome(1), "deal_created");
}

TEST_F(Attachments, AHeldMailShowsItsFilesAndTheyBecomeDocumentsOnceItPasses) {
  query(
      "INSERT INTO ops.mail_sender_rule (sender, action) "
      "VALUES ('anna@romashka.example', 'quarantine')");
  server.add(1, with_file("a1@x", "harmless"));
  ASSERT_TRUE(scanning().pass());
  ASSERT_EQ(outcome(1), "quarantined");
  const std::string file =
      "SELECT a.file_name || ' ' || a.size_bytes || ' ' || (a.document_id IS NOT NULL) || ' ' || "
      "(SELECT sum(length(c.data)) FROM ops.blob_chunk c WHERE c.sha256 = a.sha256) "
      "FROM ops.mail_attachment a";
  EXPECT_EQ(one(file), "a.bin 8 false 8");
  EXPECT_EQ(one("SELECT count(*) FROM crm.document"), "0");

  const std::int64_t user = std::stoll(
      one("INSERT INTO crm.user (login, last_name) VALUES ('boss', 'Boss') RETURNING id"));
  ingest::QuarantineDesk desk{database, looking, [](std::string_view) { return std::nullopt; },
                              with_scanner(), clock};
  const auto released = desk.release(std::stoll(one("SELECT id FROM ops.quarantine")), user);

  ASSERT_TRUE(released) << released.error().detail;
  EXPECT_EQ(one(file), "a.bin 8 true 8");
}

// Each is tried alone once the batch was refused: that way is watched too.
TEST_F(Attachments, NoWayAroundTheScanner) {
  postgres.execute(url,
                   "ALTER TABLE crm.deal ADD CONSTRAINT no_seven "
                   "CHECK (company_text <> 'ООО «Пример 7»')");
  server.add(1, with_file("a1@x", "harmless"));
  server.add(7, form_mail(7));

  ASSERT_TRUE(scanning().pass());

  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_EQ(reason(7), "parse_error");
  EXPECT_EQ(clamd.scans(), 2) << "once in the batch and once alone";
}

TEST_F(Attachments, ARetryLooksAgainAndAReleaseTakesAPersonsWord) {
  server.add(1, with_file("a1@x", eicar()));
  ASSERT_TRUE(scanning().pass());
  ASSERT_EQ(reason(1), "attachment_blocked");
  const std::int64_t user = std::stoll(
      one("INSERT INTO crm.user (login, last_name) VALUES ('boss', 'Boss') RETURNING id"));
  const std::int64_t entry = std::stoll(one("SELECT id FROM ops.quarantine"));
  ingest::QuarantineDesk desk{database, looking, [](std::string_view) { return std::nullopt; },
                              with_scanner(), clock};
  clamd.be(FakeClamd::Mood::hangs_up);
  EXPECT_EQ(desk.retry(entry, user).error().code, ErrorCode::unavailable);
  clamd.be(FakeClamd::Mood::honest);
  EXPECT_EQ(desk.retry(entry, user)->reason, "attachment_blocked");

  const auto released = desk.release(entry, user);

  ASSERT_TRUE(released) << released.error().detail;
  EXPECT_EQ(released->outcome, "deal_created");
}

TEST_F(Attachments, OneThatIsTooLargeHoldsItsMail) {
  server.add(1, with_file("a1@x", std::string(99'000, 'x')));
  server.add(2, with_file("a2@x", std::string(101'000, 'x')));

  ASSERT_TRUE(scanning().pass());

  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_EQ(reason(2), "attachment_blocked");
  EXPECT_NE(one("SELECT details FROM ops.quarantine").find("the limit is 100000"),
            std::string::npos);
}

TEST_F(Attachments, WrappedContentIsKeptAndNamed) {
  std::string mail = with_file("a1@x", "AAAA");
  for (auto at = mail.find("a.bin"); at != std::string::npos; at = mail.find("a.bin"))
    mail.replace(at, 5, "winmail.dat");
  server.add(1, mail);
  server.add(2, form_mail(2));

  pass();

  EXPECT_EQ(one("SELECT string_agg(special_formats::text, ' ' ORDER BY uid) FROM ops.mail"),
            "{tnef} {}");
  EXPECT_EQ(one("SELECT name FROM crm.document"), "winmail.dat");
  EXPECT_TRUE(quiet.metrics.serialize().contains(
      "client360_mail_special_formats_total{format=\"tnef\"} 1\n"));
}

}  // namespace
}  // namespace c360::testing

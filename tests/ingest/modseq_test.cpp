// Listing by mod-sequence (RFC 7162): it spares the server work and never changes what is taken in.
#include "store/mail_balance.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

class Modseq : public IntakeTest {
 protected:
  // The first listing is a comparison, the second is plain; from then on it continues.
  Modseq() {
    server.folder().highest_modseq = 100;
    server.add(1, form_mail(1));
    pass();
    server.add(2, form_mail(2));
    pass();
  }
  // As a server shows it that forgets to count the arrival.
  void arrive_unnoticed(ingest::Uid uid) {
    server.folder().messages[uid] = {.bytes = form_mail(static_cast<int>(uid))};
  }
  void compare() {
    ASSERT_TRUE(store::request_comparison(database, mailbox_id()));
    pass();
  }
  int searches() const { return server.calls("search"); }
};

TEST_F(Modseq, AFolderInWhichNothingHappenedIsNotSearched) {
  ASSERT_EQ(outcome(2), "deal_created");
  pass();  // sees what our own flag changed
  const int before = searches();

  pass();
  pass();

  EXPECT_EQ(searches(), before);
  server.add(3, form_mail(3));
  pass();
  EXPECT_EQ(searches(), before + 1);
  EXPECT_EQ(outcome(3), "deal_created");
}

TEST_F(Modseq, ASearchForTextsIsSparedToo) {
  poller_.reset();
  settings.search.subject_or_body = "стоимости";
  pass();
  pass();
  const int before = searches();

  pass();
  EXPECT_EQ(searches(), before);
  server.add(3, form_mail(3));
  server.add(4, form_mail(4, "Нечто другое"));
  pass();

  EXPECT_EQ(searches(), before + 1);
  EXPECT_EQ(outcome(3), "deal_created");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail WHERE uid = 4"), "0");
}

TEST_F(Modseq, MailThatSomebodyMarksUnreadIsFoundAsByAPlainListing) {
  server.add(3, {.bytes = form_mail(3), .flags = {"\\Seen"}});
  compare();
  ASSERT_EQ(outcome(3), "ignored");
  pass();

  auto& message = server.folder().messages[3];
  message.flags.clear();
  server.folder().note_change(message);
  pass();

  EXPECT_EQ(outcome(3), "deal_created");
}

TEST_F(Modseq, WhatAWrongNumberHidesTheComparisonFindsAndTheNumberIsNotBelievedAgain) {
  pass();
  arrive_unnoticed(3);
  pass();
  ASSERT_EQ(one("SELECT count(*) FROM ops.mail WHERE uid = 3"), "0") << "the number hid it";

  compare();
  EXPECT_EQ(outcome(3), "deal_created");
  arrive_unnoticed(4);
  pass();

  EXPECT_EQ(outcome(4), "deal_created");
}

TEST_F(Modseq, ANumberThatGoesBackwardsOrIsGoneIsNoReasonToWait) {
  pass();
  server.folder().highest_modseq = 50;
  arrive_unnoticed(3);
  pass();
  EXPECT_EQ(outcome(3), "deal_created");

  server.folder().highest_modseq = 0;  // NOMODSEQ
  arrive_unnoticed(4);
  pass();
  EXPECT_EQ(outcome(4), "deal_created");
}

TEST_F(Modseq, MailThatOnlySeemedToBeGoneIsTakenInByTheNextPass) {
  pass();
  server.add(3, ScriptedMessage{.bytes = form_mail(3), .vanishes = true});
  pass();
  ASSERT_EQ(outcome(3), "vanished");

  arrive_unnoticed(3);  // the same mail, and no change that is counted
  pass();

  EXPECT_EQ(outcome(3), "deal_created");
}

TEST_F(Modseq, UnderAnotherUidvalidityItSaysNothing) {
  pass();
  server.folder().uidvalidity = 2;
  server.folder().messages.clear();
  server.folder().messages[1] = {.bytes = form_mail(7)};
  pass();

  EXPECT_EQ(one("SELECT outcome FROM ops.mail WHERE uidvalidity = 2 AND uid = 1"), "deal_created");
}

TEST_F(Modseq, AServerThatRefusesToSearchByItIsSearchedPlainly) {
  pass();
  server.add(3, form_mail(3));
  server.fail_next("search", Error{.code = ErrorCode::upstream_rejected, .detail = "BAD MODSEQ"});
  pass();
  EXPECT_EQ(outcome(3), "deal_created");

  arrive_unnoticed(4);
  pass();
  EXPECT_EQ(outcome(4), "deal_created") << "and is not asked by it again";
}

}  // namespace
}  // namespace c360::testing

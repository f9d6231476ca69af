// The full comparison with the server: what a listing passed by and what is gone is put right, on
// time and on demand.
#include <gmock/gmock.h>

#include "store/mail_balance.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

class Comparison : public IntakeTest {
 protected:
  Comparison() { settings.unseen_only = false; }  // listed by uid: what lies below is not looked at

  void demand() {
    const auto asked = store::request_comparison(database, mailbox_id());
    ASSERT_TRUE(asked) << asked.error().detail;
  }
  std::string found() {
    return one(
        "SELECT concat_ws('|', compared_server, compared_missed, compared_gone, "
        "compared_difference) FROM ops.mailbox_folder");
  }
  store::Balance balance() {
    const auto all = store::mail_balance(database, store::Pool::work, "crm");
    EXPECT_TRUE(all);
    return all && !all->empty() ? all->front().balance : store::Balance{};
  }
  std::string healed(const std::string& kind) {
    const std::string text = quiet.metrics.serialize();
    const std::string series =
        "\nclient360_mailbox_healed_total{kind=\"" + kind + "\",mailbox=\"crm\"} ";
    const std::size_t at = text.find(series);
    if (at == std::string::npos) return "none";
    const std::size_t begin = at + series.size();
    return text.substr(begin, text.find('\n', begin) - begin);
  }
};

TEST_F(Comparison, AMailThatListingPassedByIsTakenInOnDemand) {
  server.add(41, form_mail(1));
  server.add(43, form_mail(3));
  pass();
  server.add(42, form_mail(2));
  pass();
  ASSERT_EQ(one("SELECT count(*) FROM ops.mail WHERE uid = 42"), "0");

  demand();
  pass();

  EXPECT_EQ(outcome(42), "deal_created");
  EXPECT_EQ(found(), "3|1|0|0");
  EXPECT_EQ(healed("missed"), "1");
  EXPECT_EQ(healed("gone"), "0");
  EXPECT_TRUE(balance().holds());
}

TEST_F(Comparison, AMailThatIsGoneBeforeItsNextTryIsVanished) {
  server.add(41, ScriptedMessage{.bytes = form_mail(1),
                                 .refused = Error{.code = ErrorCode::upstream_rejected,
                                                  .detail = "NO internal error"}});
  pass();
  ASSERT_EQ(outcome(41), "listed");
  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_mail_fetch_retries_total{mailbox=\"crm\"} 1\n"));
  server.remove(41);

  demand();
  pass();

  EXPECT_EQ(outcome(41), "vanished");
  EXPECT_EQ(found(), "0|0|1|0");
  EXPECT_EQ(healed("gone"), "1");
  EXPECT_TRUE(balance().holds());
}

TEST_F(Comparison, AMailThatIsNotToBeDeletedAfterAllIsTakenIn) {
  server.add(41, ScriptedMessage{.bytes = form_mail(1), .flags = {"\\Deleted"}});
  pass();
  ASSERT_EQ(one("SELECT outcome || '|' || rule_id FROM ops.mail"), "ignored|already-deleted");
  server.folder().messages.at(41).flags.clear();

  demand();
  pass();

  EXPECT_EQ(outcome(41), "deal_created");
  EXPECT_EQ(found(), "1|1|0|0");
  EXPECT_TRUE(balance().holds());
}

TEST_F(Comparison, AnEarlierSinceTakesInWhatALaterOneLeftOut) {
  const auto day = [](int year) {
    return std::chrono::sys_days{std::chrono::year{year} / std::chrono::March / 1};
  };
  server.add(41, ScriptedMessage{.bytes = form_mail(1), .internal_date = Instant{day(2025)}});
  settings.since = day(2026);
  pass();
  ASSERT_EQ(one("SELECT outcome || '|' || rule_id FROM ops.mail"), "ignored|before-since");

  settings.since = day(2024);
  poller_.reset();
  demand();
  pass();

  EXPECT_EQ(outcome(41), "deal_created");
  EXPECT_TRUE(balance().holds());
}

TEST_F(Comparison, NewMailIsNoDifference) {
  server.add(41, form_mail(1));
  pass();
  server.add(42, form_mail(2));

  demand();
  pass();

  EXPECT_EQ(found(), "2|0|0|0");
  EXPECT_EQ(healed("missed"), "0");
}

TEST_F(Comparison, ItIsMadeWhenTheIntervalIsOver) {
  pass();
  pass();
  EXPECT_EQ(server.calls("list_all"), 1);
  postgres.execute(url,
                   "UPDATE ops.mailbox_folder SET compared_at = now() - interval '16 minutes'");

  pass();

  EXPECT_EQ(server.calls("list_all"), 2);
}

TEST_F(Comparison, ADemandIsMetOnceAndSurvivesAServerThatRefuses) {
  pass();
  demand();
  server.fail_next("list_all", Error{.code = ErrorCode::upstream_rejected, .detail = "NO later"});

  server.add(41, form_mail(1));

  pass();
  EXPECT_EQ(outcome(41), "deal_created");  // new mail comes in all the same
  EXPECT_THAT(quiet.metrics.serialize(),
              HasSubstr("client360_mailbox_comparison_failures_total{mailbox=\"crm\"} 1\n"));
  pass();
  pass();

  EXPECT_EQ(server.calls("list_all"), 3);
}

// The daemon that is asked and the daemon that holds the mailbox have only the database in common.
TEST_F(Comparison, TheHolderOfTheLeaseMeetsADemandMadeElsewhere) {
  server.add(41, form_mail(1));
  pass();
  ingest::LeaseKeeper others{database, "test:2", quiet.observer, [] {}};
  const auto other = make_poller(others);
  server.add(40, form_mail(2));
  demand();

  ASSERT_TRUE(other->pass());
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail"), "1");  // not its affair
  pass();

  EXPECT_EQ(outcome(40), "deal_created");
}

}  // namespace
}  // namespace c360::testing

#include "ingest/quarantine.h"

#include "ingest/dry_run.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

class Quarantine : public IntakeTest {
 protected:
  ingest::QuarantineDesk desk{database,
                              inboxes,
                              [](std::string_view) { return std::nullopt; },
                              {.spool_folder = spool},
                              clock};
  std::int64_t user = std::stoll(
      one("INSERT INTO crm.user (login, last_name) VALUES ('boss', 'Boss') RETURNING id"));

  std::int64_t entry() { return std::stoll(one("SELECT id FROM ops.quarantine")); }
};

TEST_F(Quarantine, RetryTakesTheMailOnceItsTargetExists) {
  server.add(41, letter("r1@romashka.example", "Сделка #424242"));
  pass();
  ASSERT_EQ(reason(41), "target_not_found");
  const auto still = desk.retry(entry(), user);
  ASSERT_TRUE(still) << still.error().detail;
  EXPECT_EQ(still->outcome, "quarantined");
  EXPECT_EQ(still->reason, "target_not_found");
  server.add(42, form_mail(1));
  pass();
  postgres.execute(url, "UPDATE crm.deal SET number = 424242");

  const auto taken = desk.retry(entry(), user);

  ASSERT_TRUE(taken) << taken.error().detail;
  EXPECT_EQ(taken->outcome, "activity_added");
  EXPECT_EQ(one("SELECT status || '|' || resolved_by FROM ops.quarantine"),
            "retried|" + std::to_string(user));
  EXPECT_EQ(one("SELECT status FROM crm.task WHERE kind = 'quarantine_review' "
                "ORDER BY id DESC LIMIT 1"),
            "completed");
  pass();
  EXPECT_TRUE(server.seen(41)) << "the server is told in the next pass";
}

TEST_F(Quarantine, ReleaseMakesADealOfAMailTheRulesHeld) {
  server.add(41, letter("l1@romashka.example", "Без текста", "", " "));
  pass();
  ASSERT_EQ(reason(41), "empty_body");

  const auto released = desk.release(entry(), user);

  ASSERT_TRUE(released) << released.error().detail;
  EXPECT_EQ(released->outcome, "deal_created");
  EXPECT_EQ(one("SELECT status FROM ops.quarantine"), "released");
  EXPECT_EQ(one("SELECT name FROM crm.deal"), "Anna");
}

TEST_F(Quarantine, DiscardIsIgnoredByANamedRuleAndStaysInTheLedger) {
  server.add(41, letter("l1@romashka.example", "Без текста", "", " "));
  pass();

  const auto discarded = desk.discard(entry(), user, "спам");

  ASSERT_TRUE(discarded) << discarded.error().detail;
  EXPECT_EQ(one("SELECT outcome || '|' || rule_id FROM ops.mail_message"), "ignored|discarded");
  EXPECT_EQ(one("SELECT status || '|' || resolution FROM ops.quarantine"), "rejected|спам");
}

TEST_F(Quarantine, ADecisionIsTakenOnce) {
  server.add(41, letter("l1@romashka.example", "Без текста", "", " "));
  pass();
  ASSERT_TRUE(desk.discard(entry(), user, ""));

  const auto again = desk.release(entry(), user);

  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_EQ(desk.retry(999, user).error().code, ErrorCode::not_found);
}

TEST_F(Quarantine, ADryRunSaysWhatWouldBecomeOfAMailAndWritesNothing) {
  const auto answer =
      ingest::dry_run(*inboxes.rules(), inboxes, "crm", form_mail(1), settings, clock.now());

  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->find("outcome")->as_string(), "deal_created");
  EXPECT_EQ(answer->find("effect")->find("fields")->find("company_text")->as_string(),
            "ООО «Пример 1»");
  EXPECT_EQ(one("SELECT count(*) FROM crm.record"), "0");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail_message"), "0");
  const auto unknown =
      ingest::dry_run(*inboxes.rules(), inboxes, "nonsense", form_mail(1), settings, clock.now());
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_request);
}

}  // namespace
}  // namespace c360::testing

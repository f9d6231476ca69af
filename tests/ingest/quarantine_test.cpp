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

// Pending under a number that the server does not know any more it would wait for ever.
TEST_F(Quarantine, WhatWasNeverFetchedAndHasAnotherNumberByNowHasVanished) {
  options.attempt_limit = 1;
  const ScriptedMessage refused{
      .bytes = form_mail(1),
      .refused = Error{.code = ErrorCode::upstream_rejected, .detail = "NO internal error"}};
  server.add(41, refused);
  server.add(42, refused);
  pass();
  const auto entries = query("SELECT id FROM ops.quarantine ORDER BY id");
  ASSERT_EQ(entries.size(), 2U);
  const auto again = desk.retry(std::stoll(entries.front()), user);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(again->outcome, "pending") << "the number still holds";
  server.remove(41);
  server.remove(42);
  server.folder().uidvalidity = 9;
  server.add(1, form_mail(1));
  pass();

  const auto retried = desk.retry(std::stoll(entries.back()), user);

  ASSERT_TRUE(retried) << retried.error().detail;
  EXPECT_EQ(retried->outcome, "vanished");
  EXPECT_EQ(outcome(1), "deal_created");
  pass();
  EXPECT_EQ(query("SELECT outcome FROM ops.mail WHERE uidvalidity = 1"),
            (std::vector<std::string>{"vanished", "vanished"}));
  EXPECT_EQ(one("SELECT sum(violations) FROM ops.invariant_scan"), "0");
}

// A flag that is due for ever would be looked at in every pass.
TEST_F(Quarantine, NobodyIsToldOfAMailThatNoServerHasAnyMore) {
  for (const ingest::Uid uid : {41U, 42U, 43U})
    server.add(uid, letter("l" + std::to_string(uid) + "@romashka.example", "Без текста", "", " "));
  pass();
  const auto entries = query("SELECT id FROM ops.quarantine ORDER BY id");
  ASSERT_EQ(entries.size(), 3U);
  const auto due = [this] {
    return query("SELECT uid FROM ops.mail_message WHERE flagged_at IS NULL ORDER BY uid");
  };
  ASSERT_TRUE(desk.discard(std::stoll(entries[0]), user, "спам"));
  EXPECT_EQ(due(), std::vector<std::string>{"41"}) << "the server has it";
  for (const ingest::Uid uid : {41U, 42U, 43U}) server.remove(uid);
  server.folder().uidvalidity = 9;
  pass();

  ASSERT_TRUE(desk.discard(std::stoll(entries[1]), user, "спам"));
  ASSERT_TRUE(desk.release(std::stoll(entries[2]), user));

  EXPECT_EQ(due(), std::vector<std::string>{});
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
  EXPECT_EQ(one("SELECT outcome || '|' || rule_id FROM ops.mail"), "ignored|discarded");
  EXPECT_EQ(one("SELECT status || '|' || resolution FROM ops.quarantine"), "rejected|спам");
}

TEST_F(Quarantine, ADecisionIsTakenOnce) {
  server.add(41, letter("l1@romashka.example", "Без текста", "", " "));
  pass();
  const auto silent = desk.discard(entry(), user, " ");
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().reason, "comment_required");
  ASSERT_TRUE(desk.discard(entry(), user, "спам"));

  const auto again = desk.release(entry(), user);

  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_EQ(desk.retry(999, user).error().code, ErrorCode::not_found);
}

TEST_F(Quarantine, EachAttemptIsKept) {
  server.add(41, letter("r1@romashka.example", "Сделка #424242"));
  pass();
  ASSERT_TRUE(desk.retry(entry(), user, "once more"));
  ASSERT_TRUE(desk.retry(entry(), user));
  ASSERT_TRUE(desk.discard(entry(), user, "нет такой сделки"));

  EXPECT_EQ(
      query("SELECT concat_ws('|', action, outcome, reason, comment, user_id, rule_set_version) "
            "FROM ops.quarantine_attempt ORDER BY id"),
      (std::vector<std::string>{"retry|quarantined|target_not_found|once more|" +
                                    std::to_string(user) + "|" + std::to_string(rules_version),
                                "retry|quarantined|target_not_found|" + std::to_string(user) + "|" +
                                    std::to_string(rules_version),
                                "discard|ignored|нет такой сделки|" + std::to_string(user)}));
}

TEST_F(Quarantine, AMailGoesWhereAPersonSendsIt) {
  server.add(41, form_mail(1));
  server.add(42, letter("r1@romashka.example", "Сделка #424242"));
  server.add(43, letter("r2@romashka.example", "Сделка #424243", "", " "));
  pass();
  const std::int64_t deal = std::stoll(one("SELECT id FROM crm.deal"));
  for (const std::string& id : query("SELECT id FROM ops.quarantine ORDER BY id")) {
    const auto chosen = desk.set_target(std::stoll(id), user, deal, "туда");
    ASSERT_TRUE(chosen) << chosen.error().detail;
    EXPECT_EQ(chosen->outcome, "quarantined") << "nothing happens yet";
  }

  const auto retried = desk.retry(std::stoll(one("SELECT min(id) FROM ops.quarantine")), user);
  const auto released = desk.release(std::stoll(one("SELECT max(id) FROM ops.quarantine")), user);

  ASSERT_TRUE(retried) << retried.error().detail;
  EXPECT_EQ(retried->outcome, "activity_added");
  ASSERT_TRUE(released) << released.error().detail;
  EXPECT_EQ(released->outcome, "activity_added");
  EXPECT_EQ(query("SELECT parent_record_id FROM crm.activity"),
            std::vector<std::string>(2, std::to_string(deal)));
  EXPECT_EQ(one("SELECT string_agg(target_record_id::text, ' ') FROM ops.quarantine_attempt"), [&] {
    std::string all = std::to_string(deal);
    for (int i = 0; i < 3; ++i) all += " " + std::to_string(deal);
    return all;
  }());
}

TEST_F(Quarantine, ATargetMustBeALiveRecordThatTakesMail) {
  server.add(41, form_mail(1));
  server.add(42, letter("r1@romashka.example", "Сделка #424242"));
  pass();
  const std::int64_t contact = std::stoll(one("SELECT id FROM crm.contact"));
  const std::int64_t deal = std::stoll(one("SELECT id FROM crm.deal"));

  for (const std::int64_t id : {contact, std::int64_t{999'999}}) {
    const auto refused = desk.set_target(entry(), user, id);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::validation_failed);
  }
  ASSERT_TRUE(desk.set_target(entry(), user, deal));
  postgres.execute(url, "UPDATE crm.deal SET deleted_at = now()");
  EXPECT_FALSE(desk.set_target(entry(), user, deal));
  const auto gone = desk.retry(entry(), user);
  ASSERT_TRUE(gone) << gone.error().detail;
  EXPECT_EQ(gone->reason, "target_deleted");
  // Back to what the mail says.
  ASSERT_TRUE(desk.set_target(entry(), user, std::nullopt));
  EXPECT_EQ(desk.retry(entry(), user)->reason, "target_not_found");
}

TEST_F(Quarantine, ADryRunSaysWhatWouldBecomeOfAMailAndWritesNothing) {
  const auto answer =
      ingest::dry_run(*inboxes.rules(), inboxes, "crm", form_mail(1), settings, clock.now());

  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->find("outcome")->as_string(), "deal_created");
  EXPECT_EQ(answer->find("effect")->find("fields")->find("company_text")->as_string(),
            "ООО «Пример 1»");
  EXPECT_EQ(one("SELECT count(*) FROM crm.record"), "0");
  EXPECT_EQ(one("SELECT count(*) FROM ops.mail"), "0");
  const auto unknown =
      ingest::dry_run(*inboxes.rules(), inboxes, "nonsense", form_mail(1), settings, clock.now());
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_request);
}

}  // namespace
}  // namespace c360::testing

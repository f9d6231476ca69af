// Each promise of the ledger is broken once on purpose, past whatever guards it, and its gauge says
// so.
#include <gmock/gmock.h>

#include <algorithm>

#include "daemon/jobs/housekeeping.h"
#include "daemon/ledger_tasks.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

using ::testing::IsEmpty;

class Invariants : public IntakeTest {
 protected:
  // Mail of every kind: two deals, a reply with a file, one held, one twice, one read before.
  void SetUp() override {
    server.add(41, form_mail(1));
    server.add(42, form_mail(2));
    server.add(43, form_mail(1));
    server.add(44, letter("held@romashka.example", "пусто", "", " \r\n "));
    server.add(45, ScriptedMessage{.bytes = form_mail(5), .flags = {"\\Seen"}});
    pass();
    const std::string number = one("SELECT min(number) FROM crm.deal");
    server.add(46, with_attachment("r1@romashka.example", "Re: Сделка #" + number));
    pass();
    ASSERT_EQ(one("SELECT string_agg(outcome, ' ' ORDER BY uid) FROM ops.mail"),
              "deal_created deal_created duplicate quarantined ignored activity_added");
  }

  // What the tasks of a daemon show, by gauge, after the job that scans the ledger.
  std::string shown() {
    daemon::JobHandlers handlers;
    daemon::add_housekeeping_jobs(handlers, database, {});
    const std::atomic<bool> stopping = false;
    const store::Job job;
    daemon::JobRun run(database, job, stopping);
    const auto scanned = handlers.at("invariant_scan")(run);
    EXPECT_TRUE(scanned) << scanned.error().detail;
    for (const daemon::PeriodicTask& task : daemon::ledger_tasks(database, quiet.metrics)) {
      const auto done = task.run();
      EXPECT_TRUE(done) << task.name << ": " << done.error().detail;
    }
    return quiet.metrics.serialize();
  }
  // Name and value of every invariant that is not zero.
  std::vector<std::string> broken() {
    const std::string text = shown();
    std::vector<std::string> names;
    const std::string begin = "\nclient360_invariant_violations{invariant=\"";
    for (std::size_t at = text.find(begin); at != std::string::npos;
         at = text.find(begin, at + 1)) {
      const std::size_t name = at + begin.size();
      const std::size_t end = text.find('"', name);
      ++series_;
      if (text.substr(end, 4) != "\"} 0") names.push_back(text.substr(name, end - name));
    }
    return names;
  }
  std::string value(const std::string& series) {
    const std::string text = shown();
    const std::size_t at = text.find("\n" + series + " ");
    if (at == std::string::npos) return "none";
    const std::size_t begin = at + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  int series_ = 0;
};

TEST_F(Invariants, AllHoldAfterMailOfEveryKindAndEachHasAGauge) {
  EXPECT_THAT(broken(), IsEmpty());
  EXPECT_EQ(std::to_string(series_),
            one("SELECT count(*) FROM pg_views WHERE schemaname = 'ops' "
                "AND viewname LIKE 'invariant\\_%' AND viewname <> 'invariant_scan'"));
}

struct Break {
  std::string invariant;
  std::string sql;
};

void PrintTo(const Break& one, std::ostream* out) { *out << one.invariant; }

class Broken : public Invariants, public ::testing::WithParamInterface<Break> {};

TEST_P(Broken, IsSeenByItsGauge) {
  ASSERT_THAT(broken(), IsEmpty());

  postgres.execute(url, GetParam().sql);

  EXPECT_THAT(broken(), ::testing::Contains(GetParam().invariant));
}

constexpr const char* kListOne =
    "INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid) SELECT id, 1, 99 FROM "
    "ops.mailbox;";

INSTANTIATE_TEST_SUITE_P(
    OnPurpose, Broken,
    ::testing::Values(
        Break{"mail_without_end",
              "ALTER TABLE ops.mail_message DROP CONSTRAINT mail_message_end_check,"
              " DROP CONSTRAINT mail_message_flag_check;"
              "UPDATE ops.mail_message SET outcome = NULL WHERE outcome = 'deal_created'"},
        Break{"mail_end_without_record",
              "ALTER TABLE ops.mail_message DROP CONSTRAINT mail_message_record_check;"
              "UPDATE ops.mail_message SET outcome_record_id = NULL WHERE uid = 41"},
        Break{"mail_end_unexplained",
              "UPDATE ops.mail_message SET rule_set_version = NULL WHERE uid = 46"},
        Break{"mail_flagged_before_end",
              std::string(kListOne) +
                  "ALTER TABLE ops.mail_message DROP CONSTRAINT mail_message_flag_check;"
                  "UPDATE ops.mail_message SET flagged_at = now() WHERE uid = 99"},
        Break{"mail_pending_forgotten",
              std::string(kListOne) + "UPDATE ops.mailbox_folder SET uidvalidity = 77"},
        Break{"mail_held_without_entry",
              "UPDATE ops.quarantine SET status = 'retried', resolved_at = now()"},
        Break{"quarantine_without_task", "UPDATE ops.quarantine SET task_id = NULL"},
        Break{"effect_without_mail", "UPDATE crm.deal SET mail_message_id = NULL"},
        Break{"guard_missing",
              "ALTER TABLE ops.mail_message DISABLE TRIGGER mail_message_identity"},
        Break{"mail_conservation",
              "ALTER TABLE ops.mail_message DISABLE TRIGGER mail_message_kept;"
              "DELETE FROM ops.mail_message WHERE outcome = 'ignored';"
              "ALTER TABLE ops.mail_message ENABLE TRIGGER mail_message_kept"},
        Break{"mail_bytes_doubled",
              "DROP INDEX ops.mail_content_effect_key;"
              "UPDATE ops.mail_message d SET outcome = 'deal_created', duplicate_of_id = NULL,"
              " outcome_record_id = o.outcome_record_id, rule_id = o.rule_id,"
              " rule_set_version = o.rule_set_version"
              " FROM ops.mail o WHERE o.id = d.duplicate_of_id;"
              "UPDATE ops.mail_content SET has_effect = true"},
        Break{"mail_effect_uncounted", "UPDATE ops.mail_content SET has_effect = NOT has_effect"},
        Break{"mail_doubled",
              "DROP INDEX crm.deal_mail_key;"
              "UPDATE crm.deal SET mail_message_id = (SELECT min(mail_message_id) FROM crm.deal)"},
        Break{"board_total_wrong",
              "INSERT INTO ops.board_piece VALUES ('deal', 'new', 'RUB', 1, 1, 10)"},
        Break{"effect_of_unended_mail",
              "UPDATE ops.mail_message SET outcome = NULL, processed_at = NULL,"
              " outcome_record_id = NULL, flagged_at = NULL WHERE uid = 41"},
        Break{"raw_mail_incomplete",
              "DELETE FROM ops.blob_chunk WHERE sha256 ="
              " (SELECT raw_sha256 FROM ops.mail WHERE uid = 41)"}),
    [](const ::testing::TestParamInfo<Break>& one) { return one.param.invariant; });

TEST_F(Invariants, TheGaugesOfAMailboxSayWhatWaitsAndForHowLong) {
  EXPECT_EQ(value("client360_mailbox_pending{mailbox=\"crm\"}"), "0");
  EXPECT_EQ(value("client360_mailbox_oldest_pending_age_seconds{mailbox=\"crm\"}"), "0");
  EXPECT_EQ(value("client360_mailbox_server_difference{mailbox=\"crm\"}"), "0");

  postgres.execute(url, std::string(kListOne) +
                            "UPDATE ops.mail_message SET listed_at = now() - interval '1 hour'"
                            " WHERE uid = 99;"
                            "UPDATE ops.mailbox SET last_ok_at = now() - interval '2 hours';"
                            "UPDATE ops.mailbox_folder SET compared_difference = 3,"
                            " compared_at = now() - interval '3 hours'");

  const auto at_least = [&](const std::string& gauge, double least) {
    const std::string text = value("client360_mailbox_" + gauge + "{mailbox=\"crm\"}");
    return text != "none" && std::stod(text) >= least && std::stod(text) < least + 600;
  };
  EXPECT_EQ(value("client360_mailbox_pending{mailbox=\"crm\"}"), "1");
  EXPECT_TRUE(at_least("oldest_pending_age_seconds", 3'600));
  EXPECT_TRUE(at_least("last_good_pass_age_seconds", 7'200));
  EXPECT_TRUE(at_least("last_comparison_age_seconds", 10'800));
  EXPECT_EQ(value("client360_mailbox_server_difference{mailbox=\"crm\"}"), "3");
}

TEST_F(Invariants, TheGaugesOfAMailboxGoWithIt) {
  auto tasks = daemon::ledger_tasks(database, quiet.metrics);
  for (const auto& task : tasks) ASSERT_TRUE(task.run());
  ASSERT_NE(quiet.metrics.serialize().find("client360_mailbox_server_difference{"),
            std::string::npos);
  postgres.execute(url, "UPDATE ops.mailbox SET enabled = false");

  for (const auto& task : tasks) ASSERT_TRUE(task.run());

  EXPECT_EQ(quiet.metrics.serialize().find("client360_mailbox_server_difference{"),
            std::string::npos);
}

// However many mails ended well: none of them is read.
TEST_F(Invariants, TheFrequentOnesReadOnlyWhatIsSmall) {
  std::string plan;
  for (const std::string& line :
       query("SET enable_seqscan = off; EXPLAIN SELECT * FROM ops.invariant"))
    plan += line + "\n";

  EXPECT_EQ(plan.find("Seq Scan on mail_message"), std::string::npos) << plan;
  for (const char* index :
       {"invariant_mail_end_idx", "invariant_mail_record_idx", "invariant_mail_rule_idx",
        "invariant_mail_flag_idx", "mail_message_quarantined_idx", "invariant_deal_mail_idx"})
    EXPECT_NE(plan.find(index), std::string::npos) << index << " is not used\n" << plan;
}

}  // namespace
}  // namespace c360::testing

// The equation of the ledger: what holds it, and what the database refuses so that it holds.
#include "store/mail_balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/mail_log.h"
#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class MailBalance : public ::testing::Test {
 protected:
  TempPostgres& server_ = TempPostgres::shared();
  std::string url_ = server_.create_database();
  Quiet quiet_;
  Database database_{{.url = url_}, quiet_.observer};
  MailLog log_{database_};
  std::int64_t crm_ = add_mailbox("crm");

  std::int64_t add_mailbox(const std::string& code) {
    return number("INSERT INTO ops.mailbox (code, kind) VALUES ('" + code +
                  "', 'crm') RETURNING id");
  }
  std::int64_t number(const std::string& text) {
    const auto rows = server_.query(url_, text);
    return rows.empty() ? 0 : std::stoll(rows.front());
  }
  void sql(const std::string& text) { server_.execute(url_, text); }
  void refused(const std::string& text) { EXPECT_THROW(sql(text), std::runtime_error) << text; }
  std::int64_t a_deal() {
    return number("INSERT INTO crm.record (kind) VALUES ('deal') RETURNING id");
  }
  void list(std::vector<std::int64_t> uids, std::int64_t uidvalidity = 7,
            const std::string& folder = "INBOX") {
    ASSERT_TRUE(log_.list({crm_, folder, uidvalidity}, uids));
  }
  // The row of a UID, ended as `outcome` by SQL.
  void end(std::int64_t uid, const std::string& outcome, const std::string& more = {}) {
    sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES (sha256('" + std::to_string(uid) +
        "'), 1) ON CONFLICT DO NOTHING");
    sql("UPDATE ops.mail_message SET outcome = '" + outcome +
        "', processed_at = now(), raw_sha256 = sha256('" + std::to_string(uid) + "')" + more +
        " WHERE uid = " + std::to_string(uid));
  }
  MailboxBalance crm() {
    auto all = mail_balance(database_, Pool::api, "crm");
    EXPECT_TRUE(all) << all.error().detail;
    return all && all->size() == 1 ? all->front() : MailboxBalance{};
  }
};

TEST_F(MailBalance, EveryListedMailIsInExactlyOneTerm) {
  list({1, 2, 3, 4, 5, 6, 7, 8, 9});
  end(1, "deal_created", ", outcome_record_id = " + std::to_string(a_deal()));
  end(2, "activity_added", ", outcome_record_id = " + std::to_string(a_deal()));
  end(3, "ignored", ", rule_id = 'auto-reply'");
  end(4, "duplicate", ", duplicate_of_id = (SELECT id FROM ops.mail WHERE uid = 1)");
  end(5, "quarantined");
  sql("INSERT INTO ops.quarantine (mail_message_id, reason)"
      " SELECT id, 'no_rule' FROM ops.mail WHERE uid = 5");
  sql("UPDATE ops.mail_message SET raw_sha256 = sha256('1') WHERE uid = 6");
  end(7, "vanished");

  const MailboxBalance crm = this->crm();

  EXPECT_TRUE(crm.balance.holds());
  EXPECT_EQ(crm.balance.listed, 9);
  // created, attached, ignored, duplicate, quarantined, pending, vanished
  EXPECT_THAT(crm.balance.terms, ElementsAre(1, 1, 1, 1, 1, 3, 1));
  EXPECT_THAT(crm.ignored_by_rule, ElementsAre(Pair("auto-reply", 1)));
  EXPECT_THAT(crm.quarantined_by_reason, ElementsAre(Pair("no_rule", 1)));
}

TEST_F(MailBalance, FoldersAndUidvaliditiesAreCountedApart) {
  list({1, 2});
  list({1}, 8);
  list({1, 2, 3}, 7, "Архив");

  const MailboxBalance crm = this->crm();

  ASSERT_EQ(crm.folders.size(), 3U);
  EXPECT_EQ(crm.balance.listed, 6);
  for (const FolderBalance& folder : crm.folders) EXPECT_TRUE(folder.balance.holds());
  EXPECT_FALSE(crm.folders[0].current);  // nobody has opened it yet
}

TEST_F(MailBalance, ListingAgainCountsNothingTwice) {
  list({1, 2});
  list({1, 2, 3});
  ASSERT_TRUE(
      log_.list_ignored({crm_, "INBOX", 7}, std::vector<std::int64_t>{3, 4}, "already-seen"));

  const MailboxBalance crm = this->crm();

  EXPECT_EQ(crm.balance.listed, 4);
  EXPECT_EQ(crm.balance.rows, 4);
  EXPECT_TRUE(crm.balance.holds());
}

TEST_F(MailBalance, ARowThatIsGoneIsMissed) {
  list({1, 2});
  refused("DELETE FROM ops.mail_message WHERE uid = 1");
  sql("ALTER TABLE ops.mail_message DISABLE TRIGGER mail_message_kept;"
      "DELETE FROM ops.mail_message WHERE uid = 1");

  EXPECT_FALSE(crm().balance.holds());
  EXPECT_EQ(crm().balance.listed, 2);
  EXPECT_EQ(crm().balance.rows, 1);
}

TEST_F(MailBalance, ARowInNoTermIsSeen) {
  list({1, 2});
  sql("ALTER TABLE ops.mail_message DROP CONSTRAINT mail_message_outcome_check,"
      " DROP CONSTRAINT mail_message_raw_check;"
      "UPDATE ops.mail_message SET outcome = 'skipped', processed_at = now() WHERE uid = 1");

  EXPECT_FALSE(crm().balance.holds());
}

TEST_F(MailBalance, TheDatabaseRefusesWhatTheEquationCannotHold) {
  list({1, 2});
  const auto set = [](const std::string& what) {
    return "UPDATE ops.mail_message SET " + what + " WHERE uid = 1";
  };
  refused(set("uid = 5"));
  refused(set("folder = 'Other'"));
  refused(set("outcome = 'failed', processed_at = now()"));
  refused(set("outcome = 'skipped', processed_at = now()"));
  refused(set("processed_at = now()"));
  refused(set("outcome = 'vanished'"));
  refused(set("outcome = 'ignored', processed_at = now()"));  // by which rule?
  refused(set("flagged_at = now()"));                         // the server told before the commit
  sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES (sha256('a'), 1)");
  const std::string done = "processed_at = now(), raw_sha256 = sha256('a'), ";
  refused(set(done + "outcome = 'deal_created'"));  // which deal?
  // of which bytes?
  refused(
      set("processed_at = now(), outcome = 'duplicate', duplicate_of_id = (SELECT id FROM "
          "ops.mail WHERE uid = 2)"));
  refused(set(done + "outcome = 'duplicate'"));  // of what?
  refused(set(done + "outcome = 'duplicate', duplicate_of_id = id"));
  refused(set("duplicate_of_id = (SELECT id FROM ops.mail WHERE uid = 2)"));
  EXPECT_TRUE(crm().balance.holds());
}

TEST_F(MailBalance, TheSameBytesBecomeOneRecordInAMailbox) {
  list({1, 2});
  end(1, "deal_created", ", outcome_record_id = " + std::to_string(a_deal()));
  const auto read = [](const std::string& uid) {
    return "INSERT INTO ops.mail_content (mail_message_id, mailbox_id, raw_sha256, has_effect)"
           " SELECT id, mailbox_id, sha256('1'), true FROM ops.mail WHERE uid = " +
           uid;
  };

  sql(read("1"));
  refused(read("2"));
}

// However long the ledger is: the rows themselves are not read.
TEST_F(MailBalance, TheEquationIsCountedInAnIndex) {
  list({1, 2, 3});
  sql("VACUUM ops.mail_message");
  std::string plan;
  for (const std::string& line :
       server_.query(url_,
                     "SET enable_seqscan = off; EXPLAIN SELECT * FROM ops.mail_conservation"
                     " WHERE mailbox_id = " +
                         std::to_string(crm_)))
    plan += line + "\n";

  EXPECT_THAT(plan, HasSubstr("Index Only Scan"));
  EXPECT_THAT(plan, HasSubstr("Index Cond: (mailbox_id = "));
}

TEST_F(MailBalance, AComparisonIsAskedForWhereSomebodyCanMakeIt) {
  EXPECT_EQ(request_comparison(database_, 999).error().code, ErrorCode::not_found);
  const auto asked = request_comparison(database_, crm_);
  ASSERT_TRUE(asked) << asked.error().detail;
  ASSERT_TRUE(log_.change_uidvalidity({crm_, "INBOX", 7}));  // opened for the first time
  const auto wanted = log_.calls();
  ASSERT_TRUE(wanted);
  EXPECT_THAT(wanted->comparisons, ElementsAre(Pair("crm", *asked)));

  ASSERT_TRUE(log_.note_compared({crm_, "INBOX", 7}, {.begun = *asked, .server = 3, .missed = 1}));

  EXPECT_TRUE(log_.calls()->comparisons.empty());
  const MailboxBalance crm = this->crm();
  ASSERT_EQ(crm.folders.size(), 1U);
  EXPECT_TRUE(crm.folders[0].current);
  ASSERT_TRUE(crm.folders[0].comparison);
  EXPECT_EQ(crm.folders[0].comparison->begun, *asked);
  EXPECT_EQ(crm.folders[0].comparison->missed, 1);

  sql("UPDATE ops.mailbox SET enabled = false");
  EXPECT_EQ(request_comparison(database_, crm_).error().reason, "mailbox_disabled");
}

TEST_F(MailBalance, AMailboxThatNobodyHoldsCallsForAHolder) {
  const auto lease = acquire_lease(database_, "crm", "INBOX", "former");
  ASSERT_TRUE(lease && *lease);
  EXPECT_TRUE(log_.calls()->free.empty());

  ASSERT_TRUE(release_lease(database_, **lease));
  EXPECT_THAT(log_.calls()->free, ElementsAre(Pair("crm", "INBOX")));

  ASSERT_TRUE(acquire_lease(database_, "crm", "INBOX", "next"));
  EXPECT_TRUE(log_.calls()->free.empty());
  sql("UPDATE ops.mailbox_lease SET expires_at = now()");  // dead, and its time is over
  EXPECT_THAT(log_.calls()->free, ElementsAre(Pair("crm", "INBOX")));
}

// Every statement about a folder's mails, of a daemon that lost the mailbox and does not know yet.
TEST_F(MailBalance, ALateWriteOfAFormerHolderIsRefused) {
  const FolderKey key{crm_, "INBOX", 7};
  const auto lease = acquire_lease(database_, "crm", "INBOX", "former");
  ASSERT_TRUE(lease && *lease);
  log_.act_under(**lease);
  ASSERT_TRUE(log_.change_uidvalidity(key));
  ASSERT_TRUE(log_.list(key, std::vector<std::int64_t>{1, 2}));
  const std::vector<std::int64_t> ids = {number("SELECT min(id) FROM ops.mail")};
  sql("UPDATE ops.mailbox_lease SET holder = 'present', fence = fence + 1");
  const std::vector<std::int64_t> uids = {2, 3};

  const auto lost = [](const auto& result) {
    return !result && result.error().reason == "lease_lost";
  };
  EXPECT_TRUE(lost(log_.change_uidvalidity({crm_, "INBOX", 8})));
  EXPECT_TRUE(lost(log_.list(key, uids)));
  EXPECT_TRUE(lost(log_.list_ignored(key, uids, "already-seen")));
  EXPECT_TRUE(lost(log_.vanish(key, uids)));
  EXPECT_TRUE(lost(log_.note_compared(key, {})));
  EXPECT_TRUE(lost(log_.note_last_uid(key, 3)));
  EXPECT_TRUE(lost(log_.count_attempts(ids)));
  EXPECT_TRUE(lost(log_.defer(ids, "x", std::chrono::seconds{1})));
  EXPECT_TRUE(lost(log_.note_flagged(ids)));
  EXPECT_EQ(number("SELECT count(*) FROM ops.mail WHERE state = 'listed' AND attempts = 0"), 2);
}

}  // namespace
}  // namespace c360::store

// What the dates of records make of them, by the jobs that look at them.
#include "daemon/jobs/expiry.h"

#include <gmock/gmock.h>

#include "tests/daemon/job_fixture.h"

namespace c360::daemon {
namespace {

class ExpiryTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    company_ = company_of(seller_);
    deal_ = make("deal", R"({"name":"x","counterparty_id":)" + company_ + "}", seller_).key;
    sql("INSERT INTO ops.blob (sha256, size_bytes) VALUES (sha256('x'), 0)");
    issuer_ = make("own_organisation", R"({"full_name":"ООО Мы","inn":"7727563778"})", admin_).key;
    add_expiry_jobs(handlers_, *database_, records_port());
  }
  // A contract, or an agreement to one, with all that it must have.
  std::string paper(const std::string& kind, const std::string& contract = {}) {
    const std::string document =
        sql("INSERT INTO crm.record (kind) VALUES ('document') RETURNING id");
    sql("WITH v AS (INSERT INTO crm.document_version (document_id, version_no, content_sha256, "
        "size_bytes, mime_type, file_name, storage_key) VALUES (" +
        document +
        ", 1, sha256('x'), 1, 'text/plain', 'x', 'x') RETURNING id) INSERT INTO crm.document (id, "
        "type_code, name, current_version_id) SELECT " +
        document + ", 'contract', 'd" + document + "', v.id FROM v");
    const std::string of = kind == "agreement"
                               ? R"("contract_id":)" + contract
                               : R"("party_code":"customer","counterparty_id":)" + company_ +
                                     R"(,"own_organisation_id":)" + issuer_;
    return make(kind,
                "{" + of + R"(,"kind_code":"services","signer_id":)" + id_of(manager_) +
                    R"(,"content_document_id":)" + document + "}",
                seller_)
        .key;
  }
  std::string company_, deal_, issuer_;
};

TEST_F(ExpiryTest, APaymentPastItsDayIsOverdueAndItsHistorySaysByWhom) {
  const auto payment = [&](const std::string& day) {
    const std::string key =
        make("payment", R"({"amount":"1.00","deal_id":)" + deal_ + "}", seller_).key;
    set("payment", key, "status = 'planned', planned_payment_date = " + day);
    return key;
  };
  const std::string today = "(now() AT TIME ZONE 'Europe/Moscow')::date";
  const std::string late = payment(today + " - 1");
  const std::string due = payment(today);
  EXPECT_EQ(run("payments_overdue"), "1 0");
  EXPECT_EQ(run("payments_overdue"), "0 0");
  EXPECT_EQ(value("payment", late, "status"), "expired");
  EXPECT_EQ(value("payment", due, "status"), "planned");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_id = " + late +
                " AND event = 'status_changed' AND origin = 'job'"),
            "1");
}

TEST_F(ExpiryTest, AnActivityIsOverWhenItsTimeAndDurationHavePassed) {
  const auto activity = [&](const std::string& type, const std::string& what) {
    const std::string more = type == "reminder" ? R"(,"remind_at":"2030-01-01T00:00:00Z")" : "";
    const std::string key =
        make("activity",
             R"({"type":")" + type + R"(","topic":"x","activity_date":"2030-01-01T00:00:00Z",)" +
                 R"("parent_record_id":)" + deal_ + more + "}",
             seller_)
            .key;
    set("activity", key, what);
    return key;
  };
  const std::string hour_ago = "activity_date = now() - interval '1 hour'";
  const std::string over = activity("call", hour_ago + ", duration = interval '30 minutes'");
  const std::string lasts = activity("meeting", hour_ago + ", duration = interval '2 hours'");
  const std::string ahead = activity("call", "duration = NULL");
  const std::string untold =
      activity("reminder", hour_ago + ", remind_at = now() - interval '1 hour'");
  const std::string told = activity(
      "reminder", hour_ago + ", remind_at = now() - interval '1 hour', reminded_at = now()");
  EXPECT_EQ(run("activities_overdue"), "2 0");
  for (const std::string& key : {over, told})
    EXPECT_EQ(value("activity", key, "status"), "expired");
  for (const std::string& key : {lasts, ahead, untold})
    EXPECT_EQ(value("activity", key, "status"), "planned");
}

TEST_F(ExpiryTest, AnAssignmentGoesToTheArchiveFourteenDaysAfterItWasCompleted) {
  const auto assignment = [&](const std::string& completed) {
    const std::string key =
        make("assignment",
             R"({"title":"x","performer_user_id":)" + std::to_string(*manager_.user_id) + "}",
             seller_)
            .key;
    set("assignment", key, "status = 'complete', completed_at = now() - interval " + completed);
    return key;
  };
  const std::string old = assignment("'15 days'");
  const std::string recent = assignment("'13 days'");
  EXPECT_EQ(run("assignments_archive"), "1 0");
  EXPECT_EQ(value("assignment", old, "status"), "archive");
  EXPECT_EQ(value("assignment", recent, "status"), "complete");
}

TEST_F(ExpiryTest, AContractAndAnAgreementGoToTheArchiveTheDayAfterTheirLast) {
  const std::string today = "(now() AT TIME ZONE 'Europe/Moscow')::date";
  const std::string contract = paper("contract");
  const auto in_status = [&](const std::string& kind, const std::string& status,
                             const std::string& last_day) {
    const std::string key = paper(kind, contract);
    set(kind, key,
        "status = '" + status + "', contract_date = " + today + " - 30, valid_until = " + last_day);
    return key;
  };
  for (const std::string kind : {"contract", "agreement"}) {
    SCOPED_TRACE(kind);
    const std::string over = in_status(kind, "active", today + " - 1");
    const std::string last = in_status(kind, "active", today);
    const std::string endless = in_status(kind, "active", "NULL");
    const std::string unsigned_one = in_status(kind, "signing", today + " - 1");
    const std::string gone = in_status(kind, "active", today + " - 1");
    ASSERT_TRUE(records_->remove(this->kind(kind), gone, admin_));

    EXPECT_EQ(run("contracts_archive"), "1 0");
    EXPECT_EQ(run("contracts_archive"), "0 0");

    EXPECT_EQ(value(kind, over, "status"), "archive");
    EXPECT_EQ(value(kind, last, "status"), "active");
    EXPECT_EQ(value(kind, endless, "status"), "active");
    EXPECT_EQ(value(kind, unsigned_one, "status"), "signing");
    EXPECT_EQ(sql("SELECT origin FROM crm.history_event WHERE event = 'status_changed' AND "
                  "record_id = " +
                  over),
              "job");
  }
}

TEST_F(ExpiryTest, OfManyContractsTwoDaemonsArchiveEachOnce) {
  constexpr int kMany = 210;  // more than a page
  const std::string first = paper("contract");
  for (int i = 1; i < kMany; ++i) paper("contract");
  sql("UPDATE crm.contract SET status = 'active', contract_date = current_date - 30, valid_until = "
      "current_date - 2 RETURNING id");

  run_in_two_daemons("contracts_archive", 4);

  EXPECT_EQ(sql("SELECT count(*) FROM crm.contract WHERE status = 'archive'"),
            std::to_string(kMany));
  EXPECT_EQ(sql("SELECT count(*) || ' ' || count(DISTINCT record_id) FROM crm.history_event WHERE "
                "event = 'status_changed' AND record_id >= " +
                first),
            std::to_string(kMany) + " " + std::to_string(kMany));
}

}  // namespace
}  // namespace c360::daemon

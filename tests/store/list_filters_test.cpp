// Lists asked for what is no field find their rows by indexes (domain.md 16; R-088, R-108, R-109).
#include "store/model/list_filters.h"

#include "store/custom_fields.h"
#include "store/query.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class ListFilters : public RecordsTest {
 protected:
  // Customers as a large installation has them; payments of one in ten.
  void fill() {
    std::string all;
    for (const std::string_view text : {
             "SET session_replication_role = replica",
             "INSERT INTO crm.record (kind) SELECT 'counterparty' FROM generate_series(1, 30000)",
             "INSERT INTO crm.counterparty (id, number, name, name_key, inn, last_contact_at, "
             "next_reminder_at) SELECT r.id, 1000 + r.id, 'ООО ' || md5(r.id::text), "
             "upper(md5(r.id::text)), lpad((r.id * 7919 % 10000000000)::text, 10, '0'), CASE WHEN "
             "r.id % 20 > 0 THEN now() - r.id % 400 * interval '1 day' END, CASE WHEN r.id % 50 > 0"
             " THEN now() END FROM crm.record r WHERE r.kind = 'counterparty'",
             "INSERT INTO crm.record (kind) SELECT 'payment' FROM generate_series(1, 3000)",
             "INSERT INTO crm.payment (id, counterparty_id, amount, status, planned_payment_date, "
             "responsible_id) SELECT p.id, c.id, 1, CASE WHEN n % 50 = 0 THEN 'expired' ELSE "
             "'confirmed' END, CURRENT_DATE + 10, (SELECT min(u.id) FROM crm.user u) FROM (SELECT "
             "id, row_number() OVER () AS n FROM crm.record WHERE kind = 'payment') p JOIN (SELECT "
             "id, row_number() OVER () AS n FROM crm.counterparty) c USING (n)",
         }) {
      all += std::string(text) + ";";
    }
    TempPostgres::shared().query(options_.url, all);
    for (const std::string table : {"counterparty", "payment"})
      TempPostgres::shared().query(options_.url, "VACUUM ANALYZE crm." + table);
  }
  // How PostgreSQL comes to the first page.
  std::string plan_of(const store::Parameters& parameters, const store::Actor& actor) {
    const store::CustomFields none;
    auto plan = records_->queries().list(kind("counterparty"), parameters, actor, none);
    if (!plan) return describe(plan.error());
    const std::string text = "EXPLAIN " + std::string(plan->page.sql.text);
    auto rows = database_->execute(store::Pool::api, {"", text}, plan->page.params);
    if (!rows) return describe(rows.error());
    std::string lines;
    for (int row = 0; row < rows->size(); ++row) lines += std::string(rows->text(row, 0)) + "\n";
    return lines;
  }
};

TEST_F(ListFilters, NoneOfThemReadsTheWholeTable) {
  fill();
  const store::Parameters asked[] = {
      {{"stale_days", "390"}},
      {{"stale_days", "390"}, {"no_reminder", "true"}},
      {{"no_reminder", "true"}, {"sort", "last_contact_at"}},
      {{"overdue_payments", "true"}},
      {{"inn", "000123"}},
      {{"name", "ООО ABCDEF"}},
  };

  for (const auto& parameters : asked) {
    for (const store::Actor* actor : {&admin_, &manager_}) {
      const std::string plan = plan_of(parameters, *actor);
      SCOPED_TRACE(parameters.front().first + "=" + parameters.front().second + " of " +
                   actor->login + "\n" + plan);
      EXPECT_NE(plan.find("Index"), std::string::npos);
      EXPECT_EQ(plan.find("Seq Scan on counterparty"), std::string::npos);
      EXPECT_EQ(plan.find("Seq Scan on payment"), std::string::npos);
    }
  }
  EXPECT_NE(plan_of({{"inn", "000123"}}, admin_).find("counterparty_inn_start_idx"),
            std::string::npos);
  EXPECT_NE(plan_of({{"name", "ООО ABCDEF"}}, admin_).find("counterparty_name_key_trgm_idx"),
            std::string::npos);
}

TEST_F(ListFilters, PaymentsHeMayNotReadSayNothing) {
  const std::string customer =
      make("counterparty",
           R"({"name":"Должник","segment_code":"small","acquisition_channel_code":"site",)"
           R"("status_code":"active"})",
           seller_)
          .key;
  make("payment",
       R"({"amount":"40.00","status":"planned","planned_payment_date":"2020-01-01",)"
       R"("counterparty_id":)" +
           customer + "}",
       admin_);

  const auto found = [&](const store::Actor& actor) {
    return records_->list(kind("counterparty"), {{"overdue_payments", "true"}}, actor)->size;
  };
  EXPECT_EQ(found(admin_), 1);
  EXPECT_EQ(found(seller_), 0) << "the payment is not his to see";
  EXPECT_EQ(records_->list(kind("counterparty"), {}, seller_)->size, 1);
}

}  // namespace
}  // namespace c360::testing

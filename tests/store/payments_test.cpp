// Payments: defaults, guards, what an order has left to pay, and the matrix of rights (domain.md
// 10, 3.4).
#include <thread>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Payments : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    company_ = company_of(seller_);
    deal_ = make("deal", R"({"name":"x","counterparty_id":)" + company_ + "}", seller_).key;
    order_ = make("order", R"({"currency":"EUR","deal_id":)" + deal_ + "}", seller_).key;
    make("line_item",
         R"({"parent_id":)" + order_ +
             R"(,"name":"x","kind":"service","unit_code":"356","price":"100.00",)"
             R"("quantity":"1","vat_rate_code":"none"})",
         seller_);
    today_ = sql("SELECT (now() AT TIME ZONE 'Europe/Moscow')::date");
    tomorrow_ = sql("SELECT (now() AT TIME ZONE 'Europe/Moscow')::date + 1");
    yesterday_ = sql("SELECT (now() AT TIME ZONE 'Europe/Moscow')::date - 1");
  }
  std::string payment(const std::string& more = "") {
    return make("payment", R"({"order_id":)" + order_ + more + "}", seller_).key;
  }
  std::string change(const std::string& key, const std::string& body) {
    return said_to_change("payment", key, body, seller_);
  }
  std::string due() {
    return value("order", order_, "paid_amount") + " " + value("order", order_, "balance_due");
  }

  std::string company_, deal_, order_, today_, tomorrow_, yesterday_;
};

TEST_F(Payments, OfAnOrderTakeFromItWhatIsNotSent) {
  const store::RecordView made = make("payment", R"({"order_id":)" + order_ + "}", seller_);
  EXPECT_EQ(member(made, "number"), "1");
  EXPECT_EQ(member(made, "status"), "draft");
  EXPECT_EQ(member(made, "amount"), "100.00");
  EXPECT_EQ(member(made, "currency"), "EUR");
  EXPECT_EQ(member(made, "deal_id"), deal_);
  EXPECT_EQ(member(made, "counterparty_id"), company_);
  EXPECT_EQ(member(made, "responsible_id"), std::to_string(*seller_.user_id));
  const store::RecordView of_deal =
      make("payment", R"({"amount":"1.00","deal_id":)" + deal_ + "}", seller_);
  EXPECT_EQ(member(of_deal, "currency") + member(of_deal, "counterparty_id"), "RUB" + company_);
  EXPECT_EQ(said_to("payment", "{}", seller_),
            "/amount=amount_required /counterparty_id=counterparty_required");
  EXPECT_EQ(said_to("payment", R"({"amount":"0.00","counterparty_id":)" + company_ + "}", seller_),
            "/amount=not_positive");
}

TEST_F(Payments, OrderDealAndCurrencyAgree) {
  const std::string other =
      make("deal", R"({"name":"y","counterparty_id":)" + company_ + "}", seller_).key;
  EXPECT_EQ(
      said_to("payment", R"({"order_id":)" + order_ + R"(,"deal_id":)" + other + "}", seller_),
      "/deal_id=deal_of_other_order");
  EXPECT_EQ(said_to("payment", R"({"order_id":)" + order_ + R"(,"currency":"RUB"})", seller_),
            "/currency=currency_differs");
  // Where the order goes, its payments follow.
  const std::string key = payment();
  ASSERT_EQ(said_to_change("order", order_, R"({"deal_id":)" + other + "}", seller_), "accepted");
  EXPECT_EQ(value("payment", key, "deal_id"), other);
}

TEST_F(Payments, EachStatusHasItsGuard) {
  const std::string key = payment();
  EXPECT_EQ(change(key, R"({"status":"planned"})"),
            "/planned_payment_date=planned_payment_date_required");
  EXPECT_EQ(change(key, R"({"status":"confirmed"})"),
            "/planned_payment_date=planned_payment_date_required");
  EXPECT_EQ(change(key, R"({"status":"paid"})"), "/fact_payment_date=fact_payment_date_required");
  EXPECT_EQ(change(key, R"({"status":"canceled"})"), "/comment=comment_required");
  EXPECT_EQ(change(key, R"({"status":"partial_paid"})"), "/paid_amount=out_of_range");
  EXPECT_EQ(change(key, R"({"status":"partial_paid","paid_amount":"100.00"})"),
            "/paid_amount=out_of_range");
  EXPECT_EQ(change(key, R"({"paid_amount":"100.01"})"), "/paid_amount=out_of_range");
  EXPECT_EQ(change(key, R"({"status":"paid","fact_payment_date":")" + tomorrow_ + "\"}"),
            "/fact_payment_date=in_the_future");
  EXPECT_EQ(change(key, R"({"status":"expired","planned_payment_date":")" + today_ + "\"}"),
            "/status=not_overdue");
  EXPECT_EQ(change(key, R"({"status":"planned","planned_payment_date":")" + today_ + "\"}"),
            "accepted");
  EXPECT_EQ(change(key, R"({"status":"partial_paid","paid_amount":"40.00"})"), "accepted");
  EXPECT_EQ(due(), "40.00 60.00");
  EXPECT_EQ(member(make("payment", R"({"order_id":)" + order_ + "}", seller_), "amount"), "60.00");
  EXPECT_EQ(change(key, R"({"status":"paid","fact_payment_date":")" + today_ + "\"}"), "accepted");
  EXPECT_EQ(value("payment", key, "paid_amount"), "100.00");
  EXPECT_EQ(due(), "100.00 0.00");
}

TEST_F(Payments, ANewDayForAnOverdueOnePlansItAnew) {
  const std::string key =
      payment(R"(,"status":"planned","planned_payment_date":")" + yesterday_ + "\"");
  ASSERT_EQ(change(key, R"({"status":"expired"})"), "accepted");
  EXPECT_EQ(change(key, R"({"planned_payment_date":")" + tomorrow_ + "\"}"), "accepted");
  EXPECT_EQ(value("payment", key, "status"), "planned");
}

TEST_F(Payments, AnOrderKnowsWhatIsPaid) {
  const std::string paid = R"(,"status":"paid","fact_payment_date":")" + today_ + "\"";
  const std::string first = payment(R"(,"amount":"30.00")" + paid);
  const std::string second = payment(R"(,"amount":"90.00")" + paid);
  EXPECT_EQ(due(), "120.00 -20.00");
  ASSERT_TRUE(records_->remove(kind("payment"), second, seller_));
  EXPECT_EQ(due(), "30.00 70.00");
  EXPECT_EQ(change(first, R"({"status":"draft"})"), "accepted");  // the seller created it
  EXPECT_EQ(due(), "0.00 100.00");
  EXPECT_EQ(value("payment", first, "fact_payment_date"), "null");
}

TEST_F(Payments, AnOrderWithAPaidOneIsNotCanceledNorACanceledOnePaid) {
  const std::string key = payment();
  const std::string paid = R"({"status":"paid","fact_payment_date":")" + today_ + "\"}";
  ASSERT_EQ(said_to_change("order", order_, R"({"status":"canceled"})", seller_), "accepted");
  EXPECT_EQ(change(key, paid), "/order_id=order_canceled");
  ASSERT_EQ(said_to_change("order", order_, R"({"status":"placement"})", seller_), "accepted");
  ASSERT_EQ(change(key, paid), "accepted");
  EXPECT_EQ(said_to_change("order", order_, R"({"status":"canceled"})", seller_),
            "/status=order_has_paid_payments");
}

TEST_F(Payments, FollowTheWrittenMatrix) {
  const store::Actor creator = person("creator", {});
  const store::Actor responsible = person("responsible", {});
  const store::Actor viewer = person("viewer", {});
  const std::string key = payment(R"(,"planned_payment_date":"2026-01-01","comment":"x",)"
                                  R"("responsible_id":)" +
                                  std::to_string(*responsible.user_id));
  sql("UPDATE crm.payment SET created_by = " + std::to_string(*creator.user_id));
  sql("INSERT INTO crm.record_observer (record_id, user_id) VALUES (" + deal_ + ", " +
      std::to_string(*viewer.user_id) + ")");
  int change = 0;
  for (const store::Status& status : kind("payment").statuses) {
    const std::string code(status.code);
    sql("UPDATE crm.payment SET status = '" + code + "', fact_payment_date = " +
        (code == "paid" ? "'2026-01-01'" : "NULL") + ", paid_amount = " +
        (code == "paid"           ? "amount"
         : code == "partial_paid" ? "1"
                                  : "0"));
    const bool final_one = code == "paid" || code == "canceled";
    const std::string open_only = final_one ? "read" : "write";
    const std::vector<std::pair<const store::Actor*, std::string>> rights = {
        {&creator, "write"}, {&responsible, open_only}, {&seller_, open_only},
        {&viewer, "read"},   {&manager_, "read"},       {&cco_, "write"},
        {&admin_, "write"},  {&stranger_, "none"}};
    for (const auto& [actor, right] : rights) {
      const std::string body = R"({"comment":"c)" + std::to_string(++change) + "\"}";
      EXPECT_EQ(right_on("payment", key, body, *actor), right) << code << " " << actor->login;
    }
  }
}

TEST_F(Payments, PaidAtOnceByManyAddUp) {
  std::vector<std::string> keys;
  for (int i = 0; i < 8; ++i) keys.push_back(payment(R"(,"amount":"5.00")"));
  std::vector<std::jthread> clients;
  for (const std::string& key : keys) {
    clients.emplace_back([this, &key] {
      EXPECT_EQ(change(key, R"({"status":"paid","fact_payment_date":")" + today_ + "\"}"),
                "accepted");
    });
  }
  clients.clear();
  EXPECT_EQ(due(), "40.00 60.00");
}

TEST_F(Payments, TheDatabaseKeepsTheSameRules) {
  payment();
  const auto refused = [&](const std::string& what) {
    EXPECT_THROW(sql("UPDATE crm.payment SET " + what), std::runtime_error) << what;
  };
  refused("status = 'planned'");
  refused("status = 'confirmed'");
  refused("status = 'expired'");
  refused("status = 'paid', paid_amount = amount");
  refused("status = 'paid', fact_payment_date = '2026-01-01'");
  refused("status = 'partial_paid'");
  refused("status = 'canceled'");
  refused("amount = 0");
  refused("paid_amount = amount + 1");
  refused("currency = 'RUB'");
  refused("deal_id = " + order_);
}

}  // namespace
}  // namespace c360::testing

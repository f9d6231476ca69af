// Orders, the lines of deals and orders, their sums (domain.md 1.4, 8, 9).
#include <random>
#include <thread>

#include "store/money.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Orders : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    company_ = company_of(seller_);
    deal_ = make("deal", R"({"name":"Сделка","currency":"USD","counterparty_id":)" + company_ + "}",
                 seller_)
                .key;
  }
  std::string order(const std::string& more = "") {
    return make("order", R"({"counterparty_id":)" + company_ + more + "}", seller_).key;
  }
  static std::string line(const std::string& parent, const std::string& price,
                          const std::string& discount, const std::string& quantity,
                          const std::string& vat) {
    return R"({"parent_id":)" + parent + R"(,"name":"Работа","kind":"service","unit_code":"356",)" +
           R"("price":")" + price + R"(","discount_percent":")" + discount + R"(","quantity":")" +
           quantity + R"(","vat_rate_code":")" + vat + "\"}";
  }
  std::string product(const std::string& more = "") {
    return make("product",
                R"({"name":"Сервер","kind":"product","unit_code":"796","price":"200.00",)"
                R"("vat_rate_code":"vat20","description":"описание")" +
                    more + "}",
                admin_)
        .key;
  }
  std::string sums(std::string_view kind_name, const std::string& key) {
    return value(kind_name, key, "total_amount") + " " + value(kind_name, key, "total_vat") + " " +
           value(kind_name, key, "total_amount_with_vat");
  }

  std::string company_, deal_;
};

TEST_F(Orders, TakeFromTheDealWhatIsNotSent) {
  const std::string contract =
      make("contract", R"({"counterparty_id":)" + company_ + "}", seller_).key;
  ASSERT_EQ(said_to_change("deal", deal_, R"({"contract_id":)" + contract + "}", seller_),
            "accepted");
  const store::RecordView made = make("order", R"({"deal_id":)" + deal_ + "}", seller_);
  EXPECT_EQ(member(made, "number"), "1");
  EXPECT_EQ(member(made, "status"), "placement");
  EXPECT_EQ(member(made, "counterparty_id"), company_);
  EXPECT_EQ(member(made, "contract_id"), contract);
  EXPECT_EQ(member(made, "responsible_id"), std::to_string(*seller_.user_id));
  EXPECT_EQ(member(made, "currency"), "USD");
  EXPECT_EQ(
      member(make("order", R"({"deal_id":)" + deal_ + R"(,"currency":"EUR","responsible_id":null})",
                  seller_),
             "currency"),
      "EUR");
  EXPECT_EQ(said_to("order", "{}", seller_), "/counterparty_id=counterparty_required");
  // The right to write the deal is needed; what may not be seen gives nothing away.
  EXPECT_EQ(said_to("order", R"({"deal_id":)" + deal_ + "}", manager_),
            "forbidden parent_read_only");
  EXPECT_EQ(said_to("order", R"({"deal_id":)" + deal_ + "}", stranger_),
            "/deal_id=reference_not_found");
}

TEST_F(Orders, LinesFollowTheVectorsOfTheSpecification) {
  const std::string key = order();
  const store::RecordView first =
      make("line_item", line(key, "200.00", "0", "1500", "vat20"), seller_);
  const store::RecordView second =
      make("line_item", line(key, "99.99", "7.5", "3", "vat22"), seller_);
  const auto amounts = [](const store::RecordView& view) {
    return member(view, "price_with_discount") + " " + member(view, "amount") + " " +
           member(view, "discount_amount") + " " + member(view, "vat_amount") + " " +
           member(view, "amount_with_vat");
  };
  EXPECT_EQ(amounts(first), "200.00 300000.00 0.00 60000.00 360000.00");
  EXPECT_EQ(amounts(second), "92.49 277.47 22.50 61.04 338.51");
  EXPECT_EQ(member(first, "position") + member(second, "position"), "12");
  EXPECT_EQ(sums("order", key), "300277.47 60061.04 360338.51");
  EXPECT_EQ(value("order", key, "balance_due"), "360338.51");

  EXPECT_EQ(said_to_change("line_item", second.key, R"({"quantity":"1","vat_rate_code":"none"})",
                           seller_),
            "accepted");
  EXPECT_EQ(value("line_item", second.key, "vat_amount"), "0.00");
  EXPECT_EQ(sums("order", key), "300092.49 60000.00 360092.49");
  ASSERT_TRUE(records_->remove(kind("line_item"), first.key, seller_));
  EXPECT_EQ(sums("order", key), "92.49 0.00 92.49");
}

TEST_F(Orders, ALineCopiesItsProductAndKeepsTheCopy) {
  const std::string item = product();
  const std::string key = order();
  const store::RecordView made =
      make("line_item",
           R"({"parent_id":)" + key + R"(,"product_id":)" + item + R"(,"quantity":"2"})", seller_);
  EXPECT_EQ(member(made, "name"), "Сервер");
  EXPECT_EQ(member(made, "kind"), "product");
  EXPECT_EQ(member(made, "unit_code"), "796");
  EXPECT_EQ(member(made, "vat_percent"), "20.00");
  EXPECT_EQ(member(made, "description"), "описание");
  EXPECT_EQ(member(made, "amount"), "400.00");
  // An old rate is told, not refused.
  EXPECT_EQ(made.warnings.size(), 1U);
  EXPECT_EQ(made.warnings.empty() ? "" : made.warnings.front().code, "vat_rate_expired");

  ASSERT_EQ(said_to_change("product", item, R"({"name":"Другой","price":"1.00"})", admin_),
            "accepted");
  sql("UPDATE crm.vat_rate SET percent = 21 WHERE code = 'vat20'");
  ASSERT_EQ(said_to_change("line_item", made.key, R"({"discount_percent":"10"})", seller_),
            "accepted");
  EXPECT_EQ(value("line_item", made.key, "name"), "Сервер");
  EXPECT_EQ(value("line_item", made.key, "amount"), "360.00");
  EXPECT_EQ(value("line_item", made.key, "vat_percent"), "20.00");
  // What is sent wins over the catalogue.
  EXPECT_EQ(member(make("line_item",
                        R"({"parent_id":)" + key + R"(,"product_id":)" + item +
                            R"(,"name":"Свой","price":"5.00","quantity":"1"})",
                        seller_),
                   "name"),
            "Свой");
}

TEST_F(Orders, ALineHasTheDefaultRateOfTheDayAndTheCurrencyOfItsParent) {
  const store::RecordView made = make("line_item",
                                      R"({"parent_id":)" + deal_ +
                                          R"(,"name":"x","kind":"service","unit_code":"356",)"
                                          R"("price":"1.00","quantity":"0.5"})",
                                      seller_);
  EXPECT_EQ(member(made, "vat_rate_code"),
            sql("SELECT code FROM crm.vat_rate WHERE is_default AND daterange(valid_from, "
                "valid_to, '[]') @> (now() AT TIME ZONE 'Europe/Moscow')::date"));
  EXPECT_EQ(value("deal", deal_, "total_amount"), "0.50");
  // A price in roubles is not one in dollars.
  const std::string item = product();
  const std::string body = R"({"parent_id":)" + deal_ + R"(,"product_id":)" + item;
  EXPECT_EQ(said_to("line_item", body + R"(,"quantity":"1"})", seller_),
            "/product_id=currency_differs");
  EXPECT_EQ(said_to("line_item", body + R"(,"quantity":"1","price":"3.00"})", seller_), "accepted");
  EXPECT_EQ(said_to_change("deal", deal_, R"({"currency":"RUB"})", seller_),
            "/currency=currency_in_use");
}

TEST_F(Orders, EveryWrongFieldOfALineIsTold) {
  EXPECT_EQ(said_to("line_item", "{}", seller_),
            "/parent_id=parent_required /name=name_required /kind=kind_required "
            "/unit_code=unit_required /price=price_required /quantity=quantity_required");
  EXPECT_EQ(said_to("line_item", line(order(), "1.00", "100.01", "0", "vat0"), seller_),
            "/discount_percent=out_of_range /quantity=not_positive");
  EXPECT_EQ(
      said_to("line_item", line(order(), "9999999999999999.99", "0", "9999", "vat0"), seller_),
      "/quantity=amount_too_large");
  EXPECT_EQ(said_to("line_item", line(company_, "1.00", "0", "1", "vat0"), seller_),
            "/parent_id=parent_not_allowed");
  EXPECT_EQ(said_to("line_item", line(order(), "1.00", "0", "1", "vat99"), seller_),
            "/vat_rate_code=reference_not_found");
}

TEST_F(Orders, TheLinesOfAFinalOrderAreLocked) {
  const std::string key = order();
  const std::string item = make("line_item", line(key, "1.00", "0", "1", "vat0"), seller_).key;
  const auto completed =
      records_->update(kind("order"), key, json(R"({"status":"completed"})"), seller_);
  ASSERT_TRUE(completed) << describe(completed.error());
  ASSERT_EQ(completed->warnings.size(), 1U);
  EXPECT_EQ(completed->warnings.front().code, "balance_due");

  EXPECT_EQ(said_to("line_item", line(key, "1.00", "0", "1", "vat0"), seller_),
            "/parent_id=order_locked");
  EXPECT_EQ(said_to_change("line_item", item, R"({"quantity":"2"})", seller_),
            "/parent_id=order_locked");
  const auto removed = records_->remove(kind("line_item"), item, seller_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::conflict);
  EXPECT_EQ(said_to_change("order", key, R"({"status":"execution"})", seller_), "accepted");
  EXPECT_TRUE(records_->remove(kind("line_item"), item, seller_));
  // A deleted order is purged with its lines, whatever its status.
  make("line_item", line(key, "1.00", "0", "1", "vat0"), seller_);
  sql("UPDATE crm.order SET status = 'completed', deleted_at = now()");
  EXPECT_NO_THROW(sql("DELETE FROM crm.record WHERE id = " + key));
}

TEST_F(Orders, RightsOnLinesAreThoseOfTheOrder) {
  const std::string key = order(R"(,"deal_id":)" + deal_);
  const std::string item = make("line_item", line(key, "1.00", "0", "1", "vat0"), seller_).key;
  const store::Actor viewer = person("viewer", {});
  sql("INSERT INTO crm.record_observer (record_id, user_id) VALUES (" + deal_ + ", " +
      std::to_string(*viewer.user_id) + ")");
  int change = 0;
  const std::pair<const store::Actor*, const char*> rights[] = {
      {&seller_, "write"}, {&cco_, "write"},  {&admin_, "write"},
      {&manager_, "read"}, {&viewer, "read"}, {&stranger_, "none"}};
  for (const auto& [actor, right] : rights) {
    const std::string text = std::to_string(++change);
    EXPECT_EQ(right_on("order", key, R"({"comment":")" + text + "\"}", *actor), right)
        << actor->login;
    EXPECT_EQ(right_on("line_item", item, R"({"description":")" + text + "\"}", *actor), right)
        << actor->login;
  }
  // In every status alike.
  for (const store::Status& status : kind("order").statuses) {
    sql("UPDATE crm.order SET status = '" + std::string(status.code) + "'");
    const std::string body = R"({"comment":"s)" + std::to_string(++change) + "\"}";
    EXPECT_EQ(right_on("order", key, body, seller_), "write") << status.code;
    EXPECT_EQ(right_on("order", key, body, manager_), "read") << status.code;
    EXPECT_EQ(right_on("order", key, body, stranger_), "none") << status.code;
  }
}

TEST_F(Orders, WritersOfOneOrderLoseNoLineAndNoSum) {
  const std::string key = order();
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        const auto made = records_->create(kind("line_item"),
                                           json(line(key, "0.10", "0", "1", "vat20")), seller_);
        EXPECT_TRUE(made) << describe(made.error());
      }
    });
  }
  writers.clear();
  EXPECT_EQ(sums("order", key), "2.00 0.40 2.40");
  EXPECT_EQ(
      sql("SELECT count(*) || ' ' || max(position) FROM crm.line_item WHERE parent_id = " + key),
      "20 20");
}

// Whatever the numbers, what the service computes satisfies the database's own arithmetic.
TEST_F(Orders, AnyLineAgreesWithTheDatabase) {
  const std::string key = order();
  std::mt19937_64 random(20261122);
  const auto any = [&](std::int64_t top) {
    return std::uniform_int_distribution<std::int64_t>(0, top)(random);
  };
  const std::vector<std::string> rates = {"none", "vat0", "vat5", "vat10", "vat20", "vat22"};
  for (int i = 0; i < 60; ++i) {
    const std::string body =
        line(key, store::format_fixed(any(99'999'99), 2), store::format_fixed(any(100'00), 2),
             store::format_fixed(1 + any(999'9999), 4), rates[static_cast<std::size_t>(any(5))]);
    EXPECT_EQ(said_to("line_item", body, seller_), "accepted") << body;
  }
  EXPECT_EQ(sql("SELECT bool_and(o.total_amount = s.amount AND o.total_vat = s.vat) FROM crm.order "
                "o, (SELECT sum(round(round(price * (1 - discount_percent / 100), 2) * quantity, "
                "2)) AS amount, sum(coalesce(round(amount * vat_percent / 100, 2), 0)) AS vat FROM "
                "crm.line_item) s WHERE o.id = " +
                key),
            "t");
}

TEST_F(Orders, TheDatabaseKeepsTheSameRules) {
  const std::string key = order();
  make("line_item", line(key, "10.00", "0", "1", "vat20"), seller_);
  const auto refused = [&](const std::string& text) {
    EXPECT_THROW(sql(text), std::runtime_error) << text;
  };
  for (const std::string_view column :
       {"amount", "vat_amount", "amount_with_vat", "price_with_discount", "discount_amount"}) {
    refused("UPDATE crm.line_item SET " + std::string(column) + " = 1.23");
  }
  refused("UPDATE crm.line_item SET quantity = 0");
  refused("UPDATE crm.line_item SET discount_percent = 101");
  refused("UPDATE crm.line_item SET parent_kind = 'deal'");
  refused("UPDATE crm.line_item SET parent_id = " + deal_);
  refused("UPDATE crm.order SET total_amount_with_vat = 1");
  refused("UPDATE crm.order SET balance_due = 1");
  refused("UPDATE crm.order SET status = 'lost'");
}

}  // namespace
}  // namespace c360::testing

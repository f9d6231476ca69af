// Personal accounts, what is sold on them, invoices by type, logins of customers
// (domain.md 5.6-5.8).
#include <thread>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class PersonalAccounts : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    company_ = company_of(seller_);
    other_company_ = company_of(seller_);
  }
  std::string account(const std::string& company, const std::string& more = "") {
    return make("personal_account", R"({"counterparty_id":)" + company + more + "}", seller_).key;
  }
  std::string product() {
    return make("product",
                R"({"name":"Связь","kind":"service","unit_code":"362","price":"10.00",)"
                R"("vat_rate_code":"none"})",
                admin_)
        .key;
  }
  std::string login(const std::string& name, const std::string& more = "") {
    return R"({"counterparty_id":)" + company_ + R"(,"login":")" + name +
           R"(","email":"a@customer.example","full_name":"Пётр")" + more + "}";
  }

  std::string company_, other_company_;
};

TEST_F(PersonalAccounts, AreNumberedAfterTheirCounterparty) {
  const std::string number = value("counterparty", company_, "number");
  EXPECT_EQ(value("personal_account", account(company_), "account_no"), number + "-1");
  const std::string second = account(company_);
  EXPECT_EQ(value("personal_account", second, "account_no"), number + "-2");
  EXPECT_EQ(value("personal_account", account(company_, R"(,"account_no":"X-1")"), "account_no"),
            "X-1");
  EXPECT_EQ(said_to("personal_account",
                    R"({"counterparty_id":)" + company_ + R"(,"account_no":"X-1"})", seller_),
            "/account_no=not_unique");
  EXPECT_EQ(said_to("personal_account", "{}", seller_), "/counterparty_id=counterparty_required");
  EXPECT_EQ(said_to_change("personal_account", second, R"({"balance":"-5.00"})", seller_),
            "accepted");
  EXPECT_EQ(said_to_change("personal_account", second, R"({"credit_limit":"-5.00"})", seller_),
            "/credit_limit=negative");
}

TEST_F(PersonalAccounts, ManyAtOnceGetDifferentNumbers) {
  std::vector<std::jthread> clients;
  for (int i = 0; i < 6; ++i) clients.emplace_back([this] { account(company_); });
  clients.clear();
  EXPECT_EQ(sql("SELECT count(DISTINCT account_no) FROM crm.personal_account"), "6");
}

TEST_F(PersonalAccounts, AClosedOneHasItsDay) {
  const std::string key = account(company_);
  ASSERT_EQ(said_to_change("personal_account", key, R"({"status":"closed"})", seller_), "accepted");
  EXPECT_EQ(value("personal_account", key, "closed_on"),
            value("personal_account", key, "opened_on"));
  ASSERT_EQ(said_to_change("personal_account", key, R"({"status":"active"})", seller_), "accepted");
  EXPECT_EQ(value("personal_account", key, "closed_on"), "null");
}

TEST_F(PersonalAccounts, ItsContractIsOfTheSameCounterparty) {
  const std::string contract =
      make("contract", R"({"counterparty_id":)" + other_company_ + "}", seller_).key;
  EXPECT_EQ(
      said_to("personal_account",
              R"({"counterparty_id":)" + company_ + R"(,"contract_id":)" + contract + "}", seller_),
      "/contract_id=contract_of_other_counterparty");
}

TEST_F(PersonalAccounts, PeriodsOfAProductDoNotOverlap) {
  const std::string item = product();
  const std::string key = account(company_);
  const auto sold = [&](const std::string& from, const std::string& to) {
    return said_to("personal_account_product",
                   R"({"personal_account_id":)" + key + R"(,"product_id":)" + item +
                       R"(,"valid_from":")" + from + R"(","valid_to":)" + to + "}",
                   seller_);
  };
  EXPECT_EQ(sold("2026-01-01", R"("2026-06-30")"), "accepted");
  EXPECT_EQ(sold("2026-06-30", "null"), "/valid_from=period_overlaps");
  EXPECT_EQ(sold("2026-07-01", "null"), "accepted");
  EXPECT_EQ(sold("2025-02-01", R"("2025-01-01")"), "/valid_to=before_valid_from");
  const auto read =
      records_->get(kind("personal_account"), key, seller_, {{"include", "products"}});
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_EQ(json(read->json).find("products")->as_array().size(), 2U);
}

TEST_F(PersonalAccounts, InvoiceTypesHaveTheirTitleAndProduct) {
  const std::string body = R"({"counterparty_id":)" + company_ +
                           R"(,"invoice_type_code":"usage","invoice_name":"За связь")";
  EXPECT_EQ(said_to("counterparty_invoice_type", body + "}", seller_), "accepted");
  EXPECT_EQ(said_to("counterparty_invoice_type", body + "}", seller_),
            "/invoice_type_code=not_unique");
  EXPECT_EQ(
      said_to("counterparty_invoice_type", body + R"(,"product_id":)" + product() + "}", seller_),
      "accepted");
  EXPECT_EQ(
      said_to("counterparty_invoice_type",
              R"({"counterparty_id":)" + company_ + R"(,"invoice_type_code":"none"})", seller_),
      "/invoice_name=invoice_name_required /invoice_type_code=reference_not_found");
  EXPECT_EQ(records_->count(kind("counterparty_invoice_type"),
                            {{"self_service", "true"}, {"counterparty_id", company_}}, seller_),
            2);
}

TEST_F(PersonalAccounts, LoginsBelongToTheirCounterparty) {
  const std::string own = account(company_);
  const std::string foreign = account(other_company_);
  const std::string contact =
      make("contact", R"({"full_name":"x","counterparty_id":)" + other_company_ + "}", seller_).key;
  EXPECT_EQ(
      said_to("counterparty_user", login("a", R"(,"personal_account_ids":[)" + own + "]"), seller_),
      "accepted");
  EXPECT_EQ(
      said_to("counterparty_user",
              login("b", R"(,"personal_account_ids":[)" + foreign + R"(],"contact_id":)" + contact),
              seller_),
      "/contact_id=contact_of_other_counterparty "
      "/personal_account_ids=account_of_other_counterparty");
  EXPECT_EQ(said_to("counterparty_user", login("A"), seller_), "/login=not_unique");
  EXPECT_EQ(said_to("counterparty_user", R"({"role":"king"})", seller_),
            "/role=invalid_code /counterparty_id=counterparty_required /login=login_required "
            "/email=email_required /full_name=full_name_required");
}

TEST_F(PersonalAccounts, ADeletedContactBlocksItsLogin) {
  const std::string contact =
      make("contact", R"({"full_name":"x","counterparty_id":)" + company_ + "}", seller_).key;
  const std::string key = make("counterparty_user",
                               login("c", R"(,"status":"active","contact_id":)" + contact), seller_)
                              .key;
  ASSERT_TRUE(records_->remove(kind("contact"), contact, seller_));
  EXPECT_EQ(value("counterparty_user", key, "status"), "blocked");
}

TEST_F(PersonalAccounts, RightsAreThoseOfTheCounterparty) {
  const std::string key = account(company_);
  const std::string sold =
      make("personal_account_product",
           R"({"personal_account_id":)" + key + R"(,"product_id":)" + product() + "}", seller_)
          .key;
  const std::string user = make("counterparty_user", login("d"), seller_).key;
  const std::string title = make("counterparty_invoice_type",
                                 R"({"counterparty_id":)" + company_ +
                                     R"(,"invoice_type_code":"usage","invoice_name":"x"})",
                                 seller_)
                                .key;
  int change = 0;
  for (const auto& [name, id, field] :
       {std::tuple("personal_account", key, "name"),
        std::tuple("personal_account_product", sold, "price"),
        std::tuple("counterparty_user", user, "full_name"),
        std::tuple("counterparty_invoice_type", title, "invoice_name")}) {
    SCOPED_TRACE(name);
    const auto right = [&](const store::Actor& actor) {
      const std::string text = std::to_string(++change) + ".00";
      return right_on(name, id, std::string(R"({")") + field + R"(":")" + text + "\"}", actor);
    };
    EXPECT_EQ(right(seller_), "write");
    EXPECT_EQ(right(cco_), "write");
    EXPECT_EQ(right(admin_), "write");
    EXPECT_EQ(right(manager_), "read");
    EXPECT_EQ(right(stranger_), "none");
  }
}

}  // namespace
}  // namespace c360::testing

// What follows a deal, over the wire: contract, order, lines, payments; every field's fault by its
// pointer; who sees it.
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class SalesApi : public ApiTest {
 protected:
  static std::string faults(const HttpAnswer& answer) {
    EXPECT_EQ(answer.status, 422) << answer.body;
    std::string all;
    const Json body = answer.json();
    const Json* errors = body.find("errors");
    if (errors == nullptr) return answer.body;
    for (const Json& error : errors->as_array()) {
      all += (all.empty() ? "" : " ") + error.find("pointer")->as_string() + "=" +
             error.find("code")->as_string();
    }
    return all;
  }
  // An order with two lines, of a deal of `seller`.
  std::string order(HttpClient& seller) {
    const auto company =
        seller.post("/api/v1/counterparties",
                    R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
                    R"("status_code":"active"})");
    company_ = std::to_string(created(company));
    deal_ = std::to_string(make_deal(seller, "Сделка", R"(,"counterparty_id":)" + company_));
    const auto made = seller.post("/api/v1/orders", R"({"deal_id":)" + deal_ + "}");
    EXPECT_EQ(made.status, 201) << made.body;
    const std::string id = made.field("id");
    for (const std::string price : {"200.00", "99.99"}) {
      const auto line =
          seller.post("/api/v1/line-items",
                      R"({"parent_id":)" + id +
                          R"(,"name":"Работа","kind":"service","unit_code":"356","quantity":"2",)" +
                          R"("vat_rate_code":"vat22","price":")" + price + "\"}");
      EXPECT_EQ(line.status, 201) << line.body;
    }
    return id;
  }
  std::string company_, deal_;
};

TEST_F(SalesApi, AnOrderIsPricedPlannedAndPaid) {
  HttpClient seller = client_of("seller", {});
  const std::string id = order(seller);
  const std::string path = "/api/v1/orders/" + id;
  const auto read = seller.get(path + "?include=items,deal");
  ASSERT_EQ(read.status, 200) << read.body;
  EXPECT_EQ(read.field("counterparty_id"), company_);
  EXPECT_EQ(read.field("total_amount"), "599.98");
  EXPECT_EQ(read.field("total_amount_with_vat"), "731.98");
  EXPECT_EQ(read.field("items/1/amount_with_vat"), "243.98");
  // The ETag moved with the totals: a copy kept before the lines is stale.
  EXPECT_EQ(read.field("row_version"), "3");

  const auto payment = seller.post("/api/v1/payments", R"({"order_id":)" + id + "}");
  ASSERT_EQ(payment.status, 201) << payment.body;
  EXPECT_EQ(payment.field("amount"), "731.98");
  const std::string paid = "/api/v1/payments/" + payment.field("id");
  const auto change = [&](const std::string& body) {
    return seller.patch(paid, body, {{"If-Match", "*"}});
  };
  EXPECT_EQ(faults(change(R"({"status":"planned"})")),
            "/planned_payment_date=planned_payment_date_required");
  EXPECT_EQ(change(R"({"status":"planned","planned_payment_date":"2026-12-01"})").status, 200);
  EXPECT_EQ(faults(change(R"({"status":"paid"})")),
            "/fact_payment_date=fact_payment_date_required");
  EXPECT_EQ(change(R"({"status":"paid","fact_payment_date":"2026-01-20"})").status, 200);
  EXPECT_EQ(seller.get(path).field("balance_due"), "0.00");
  EXPECT_EQ(
      seller.get("/api/v1/payments?order_id=" + id + "&status=paid&count=exact").field("total"),
      "1");
  EXPECT_EQ(seller.get(paid + "/history?event=status_changed").field("items/0/changes/0/new"),
            "paid");
}

TEST_F(SalesApi, EveryWrongFieldHasItsPointer) {
  HttpClient admin = administrator();
  EXPECT_EQ(faults(admin.post("/api/v1/products",
                              R"({"name":"","kind":"gift","sku":7,"unit_code":"none",)"
                              R"("price":"1.234","vat_rate_code":"vat22","is_active":"yes"})")),
            "/kind=invalid_code /sku=wrong_type /price=invalid_amount /is_active=wrong_type "
            "/name=name_required /unit_code=reference_not_found");
  EXPECT_EQ(
      faults(admin.post("/api/v1/orders", R"({"counterparty_id":999999,"total_amount":"1"})")),
      "/total_amount=read_only /counterparty_id=reference_not_found");
  EXPECT_EQ(
      faults(admin.post("/api/v1/contracts", R"({"contract_date":"2026-02-30","amount":"-1.00"})")),
      "/contract_date=invalid_date /amount=negative");
  EXPECT_EQ(faults(admin.post("/api/v1/assignments", R"({"priority":9,"due_at":"tomorrow"})")),
            "/due_at=invalid_timestamp /priority=out_of_range /title=title_required");
}

TEST_F(SalesApi, WhoHasNothingToDoWithItSeesNothing) {
  HttpClient seller = client_of("seller", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient stranger = client_of("stranger", {});
  const std::string id = order(seller);
  const std::string path = "/api/v1/orders/" + id;
  EXPECT_EQ(stranger.get(path).status, 404);
  EXPECT_EQ(stranger.get("/api/v1/orders?count=exact").field("total"), "0");
  EXPECT_EQ(stranger.get("/api/v1/line-items?parent_id=" + id + "&count=exact").field("total"),
            "0");
  EXPECT_EQ(stranger.get(path + "/history").status, 404);
  EXPECT_EQ(manager.get(path).status, 200);
  EXPECT_EQ(manager.patch(path, R"({"comment":"x"})", {{"If-Match", "*"}}).status, 403);
  EXPECT_EQ(stranger.patch(path, R"({"comment":"x"})", {{"If-Match", "*"}}).status, 404);
}

TEST_F(SalesApi, ADealShowsItsPropertiesContactsMarketingAndStatus) {
  HttpClient seller = client_of("seller", {});
  const auto deal =
      std::to_string(make_deal(seller, "Сделка",
                               R"(,"amount":"1000.00","description":"Просят счёт",)"
                               R"("status":"proposal","request_category_code":"price",)"
                               R"("request_source_code":"yandex_search",)"
                               R"("site_page":"https://shop.example/price",)"
                               R"("ym_client_id":"17")"));
  const std::string path = "/api/v1/deals/" + deal;
  const auto contact =
      created(seller.post("/api/v1/contacts", R"({"full_name":"Анна","phone":"+74951234567"})"));
  ASSERT_EQ(seller.put(path + "/contacts/" + std::to_string(contact), "{}").status / 100, 2);
  for (const std::string name : {"Внедрение", "Обучение"}) {
    const auto line = seller.post(path + "/items", R"({"name":")" + name +
                                                       R"(","kind":"service","unit_code":"356",)"
                                                       R"("quantity":"1","price":"10.00",)"
                                                       R"("vat_rate_code":"vat22"})");
    EXPECT_EQ(line.status, 201) << line.body;
  }

  const auto shown = seller.get(path + "?include=contacts");

  EXPECT_EQ(shown.field("name"), "Сделка");
  EXPECT_EQ(shown.field("amount"), "1000.00");
  EXPECT_EQ(shown.field("description"), "Просят счёт");
  EXPECT_EQ(shown.field("contacts/0/full_name"), "Анна");
  EXPECT_EQ(shown.field("request_category_code"), "price");
  EXPECT_EQ(shown.field("request_source_code"), "yandex_search");
  EXPECT_EQ(shown.field("site_page"), "https://shop.example/price");
  EXPECT_EQ(shown.field("ym_client_id"), "17");
  EXPECT_EQ(shown.field("status"), "proposal");
  EXPECT_EQ(shown.field("stage_code"), "development");
  const Json enums = seller.get("/api/v1/meta/enums?lang=ru").json();
  const auto label_of = [&](std::string_view list, const std::string& code) {
    for (const Json& each : enums.find("enums")->find(list)->as_array()) {
      if (each.find("code")->as_string() == code) return each.find("name")->as_string();
    }
    return std::string();
  };
  EXPECT_EQ(label_of("deal.status", "proposal"), "Подготовка КП");
  EXPECT_EQ(label_of("deal.stage", "development"), "40% - Развитие");

  EXPECT_EQ(seller.get(path + "/items?count=exact").field("total"), "2");
  EXPECT_EQ(seller.get(path + "/items").field("items/1/name"), "Обучение");
  EXPECT_EQ(seller.get(path + "/orders?count=exact").field("total"), "0");
  EXPECT_EQ(seller.get(path + "/payments?count=exact").field("total"), "0");
}

}  // namespace
}  // namespace c360::api

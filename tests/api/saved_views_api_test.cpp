// Lists, boards and exports asked for by a view that somebody saved.
#include "tests/api/answers.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

constexpr std::string_view kViews = "/api/v1/saved-views";
constexpr std::string_view kCompanies = "/api/v1/counterparties";

class SavedViewsApi : public ApiTest {
 protected:
  static std::string company(std::string_view name, std::string_view segment) {
    return R"({"name":")" + std::string(name) + R"(","segment_code":")" + std::string(segment) +
           R"(","acquisition_channel_code":"site","status_code":"active"})";
  }
  // The view's id; a failure where it was not made.
  static std::string made(HttpClient& by, std::string_view body) {
    const auto answer = by.post(kViews, body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return answer.field("id");
  }
  static std::string by_view(std::string_view path, const std::string& view,
                             std::string_view more = {}) {
    return std::string(path) + "?view=" + view + std::string(more);
  }
};

TEST_F(SavedViewsApi, AListIsAskedForByItsView) {
  HttpClient seller = client_of("seller", {});
  for (const char* name : {"Астра", "Берёза", "Василёк"})
    created(seller.post(kCompanies, company(name, "small")));
  created(seller.post(kCompanies, company("Георгин", "enterprise")));
  const std::string view =
      made(seller, R"({"record_kind":"counterparty","name":"Малые",)"
                   R"("filters":{"segment_code":"small"},"sort":["-name"],)"
                   R"("columns":[{"field":"name","width":200},{"field":"inn","visible":false},)"
                   R"({"field":"segment_code","visible":true}]})");

  const auto list = seller.get(by_view(kCompanies, view));
  EXPECT_EQ(names(list), "Василёк Берёза Астра");
  EXPECT_EQ(list.field("items/0/segment_code"), "small");
  EXPECT_EQ(list.json().find("items")->as_array()[0].find("inn"), nullptr) << "hidden";
  EXPECT_EQ(list.json().find("items")->as_array()[0].find("status_code"), nullptr)
      << "no column of the view";

  // What the request says itself goes first.
  EXPECT_EQ(names(seller.get(by_view(kCompanies, view, "&segment_code=enterprise"))), "Георгин");
  EXPECT_EQ(names(seller.get(by_view(kCompanies, view, "&sort=name"))), "Астра Берёза Василёк");
  EXPECT_EQ(seller.get(by_view(kCompanies, view, "&fields=name,status_code"))
                .field("items/0/status_code"),
            "active");
  // Page by page as without a view.
  const auto first = seller.get(by_view(kCompanies, view, "&limit=2"));
  EXPECT_EQ(names(first), "Василёк Берёза");
  EXPECT_EQ(
      names(seller.get(by_view(kCompanies, view, "&limit=2&cursor=" + first.field("next_cursor")))),
      "Астра");

  const auto table = seller.get(by_view("/api/v1/counterparties/export", view, "&dialect=rfc4180"));
  EXPECT_EQ(table.body, "name,segment_code\r\nВасилёк,small\r\nБерёза,small\r\nАстра,small\r\n");
  EXPECT_EQ(seller
                .get(by_view("/api/v1/counterparties/export", view,
                             "&dialect=rfc4180&columns=name&segment_code=enterprise"))
                .body,
            "name\r\nГеоргин\r\n");
}

TEST_F(SavedViewsApi, ABoardIsAskedForByItsView) {
  HttpClient seller = client_of("seller", {});
  const auto company_id = created(seller.post(kCompanies, company("Астра", "small")));
  const auto deal = [&](std::string_view amount) {
    created(seller.post("/api/v1/deals", R"({"counterparty_id":)" + std::to_string(company_id) +
                                             R"(,"amount":")" + std::string(amount) + "\"}"));
  };
  deal("10.00");
  deal("2000.00");
  const std::string view = made(
      seller, R"({"record_kind":"deal","name":"Крупные","is_board":true,)"
              R"("filters":{"amount.gte":"1000","status":"new"},"columns":[{"field":"amount"}]})");
  const auto count_of = [](const HttpAnswer& board) {
    EXPECT_EQ(board.status, 200) << board.body;
    std::int64_t count = 0;
    const Json body = board.json();
    for (const Json& column : body.find("columns")->as_array())
      count += column.find("count")->as_int64().value_or(0);
    return count;
  };
  EXPECT_EQ(count_of(seller.get("/api/v1/boards/deals")), 2);
  EXPECT_EQ(count_of(seller.get(by_view("/api/v1/boards/deals", view))), 1);
  EXPECT_EQ(count_of(seller.get(by_view("/api/v1/boards/deals", view, "&amount.gte=1"))), 2);
}

TEST_F(SavedViewsApi, AViewOfAnotherPersonOrKindIsNoView) {
  HttpClient seller = client_of("seller", {});
  HttpClient colleague = client_of("colleague", {});
  HttpClient narrow = client_of("narrow", {}, {"counterparty:read"});
  const std::string own = made(seller, R"({"record_kind":"counterparty","name":"Мои"})");
  const auto code = [](const HttpAnswer& answer) {
    return std::to_string(answer.status) + " " + answer.field("code");
  };
  EXPECT_EQ(code(seller.get(by_view(kCompanies, own))), "200 ");
  EXPECT_EQ(code(colleague.get(by_view(kCompanies, own))), "400 unknown_view");
  EXPECT_EQ(colleague.get(by_view(kCompanies, own)).field("detail"),
            "Parameter view: there is no saved view " + own + " that you may read.");
  EXPECT_EQ(code(seller.get(by_view(kCompanies, "987654"))), "400 unknown_view");
  EXPECT_EQ(code(seller.get(by_view(kCompanies, "x"))), "400 unknown_view");
  EXPECT_EQ(code(seller.get(by_view("/api/v1/deals", own))), "400 wrong_view");
  EXPECT_EQ(code(narrow.get(by_view(kCompanies, own))), "403 scope_missing");
  EXPECT_EQ(code(seller.get(by_view("/api/v1/counterparties/export", "987654"))),
            "400 unknown_view");
  EXPECT_EQ(code(seller.get(by_view("/api/v1/boards/deals", own))), "400 wrong_view");
}

TEST_F(SavedViewsApi, WhatNoListWouldTakeIsNotSaved) {
  HttpClient seller = client_of("seller", {});
  EXPECT_EQ(faults(seller.post(
                kViews, R"({"record_kind":"counterparty","name":"Все ошибки",)"
                        R"("columns":[{"field":"name"},{"field":"colour"}],)"
                        R"("filters":{"colour":"red","created_at.gte":"soon","limit":"5","inn":7},)"
                        R"("sort":["-colour"],"visible_filters":"status_code"})")),
            "/columns/1/field=unknown_field /filters/colour=unknown_field "
            "/filters/created_at.gte=invalid_value /filters/limit=unknown_parameter "
            "/filters/inn=wrong_type /sort=unknown_field /visible_filters=wrong_type");
  EXPECT_EQ(faults(seller.post(kViews, R"({"record_kind":"colour","name":"Нет такого"})")),
            "/record_kind=unknown_kind");
  std::string filters;
  for (int i = 0; i < 21; ++i)
    filters += (i == 0 ? "" : ",") + ("\"f" + std::to_string(i) + "\":\"1\"");
  EXPECT_EQ(faults(seller.post(
                kViews, R"({"record_kind":"deal","name":"Много","filters":{)" + filters + "}}")),
            "/filters=too_many");
  std::string columns;
  for (int i = 0; i < 101; ++i) columns += (i == 0 ? "" : ",") + std::string(R"({"field":"id"})");
  EXPECT_EQ(faults(seller.post(
                kViews, R"({"record_kind":"deal","name":"Широко","columns":[)" + columns + "]}")),
            "/columns=too_many");
}

TEST_F(SavedViewsApi, ViewsHoldCustomFields) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  created(admin.post("/api/v1/custom-fields",
                     R"({"record_kind":"counterparty","code":"region","name_ru":"Регион",)"
                     R"("name_en":"Region","type":"text"})"));
  const auto north = created(seller.post(kCompanies, company("Север", "small")));
  created(seller.post(kCompanies, company("Юг", "small")));
  const std::string path = std::string(kCompanies) + "/" + std::to_string(north);
  ASSERT_EQ(seller.patch(path, R"({"custom":{"region":"Карелия"}})", {{"If-Match", "*"}}).status,
            200);
  const std::string view =
      made(seller, R"({"record_kind":"counterparty","name":"Карелия",)"
                   R"("filters":{"custom.region":"Карелия"},)"
                   R"("columns":[{"field":"name"},{"field":"custom.region"}]})");
  const auto list = seller.get(by_view(kCompanies, view));
  EXPECT_EQ(names(list), "Север");
  EXPECT_EQ(list.field("items/0/custom/region"), "Карелия");
  EXPECT_EQ(seller.get(by_view("/api/v1/counterparties/export", view, "&dialect=rfc4180")).body,
            "name,custom.region\r\nСевер,Карелия\r\n");

  // A field that was taken out of use takes nobody the list; a filter by it would be another list.
  const std::string columns =
      made(seller, R"({"record_kind":"counterparty","name":"Все","sort":["custom.region","-name"],)"
                   R"("columns":[{"field":"name"},{"field":"custom.region"}]})");
  sql("UPDATE crm.custom_field_def SET is_active = false");
  EXPECT_EQ(names(seller.get(by_view(kCompanies, columns))), "Юг Север");
  EXPECT_EQ(seller.get(by_view("/api/v1/counterparties/export", columns, "&dialect=rfc4180")).body,
            "name\r\nЮг\r\nСевер\r\n");
  EXPECT_EQ(seller.get(by_view(kCompanies, view)).field("code"), "stale_view");
}

}  // namespace
}  // namespace c360::api

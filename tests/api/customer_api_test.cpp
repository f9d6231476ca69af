// The card of a customer over the wire: made with its contacts at once, its marketing block, and
// what belongs to it listed inside it.
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class CustomerApi : public ApiTest {
 protected:
  static constexpr std::string_view kCompany =
      R"("name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
      R"("status_code":"active")";
  static constexpr std::string_view kPath = "/api/v1/counterparties";

  static std::string company(std::string_view more = {}) {
    return "{" + std::string(kCompany) + std::string(more) + "}";
  }
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
};

TEST_F(CustomerApi, IsMadeTogetherWithContactsOfEveryRole) {
  HttpClient seller = client_of("seller", {});
  const auto made =
      seller.post(kPath, company(R"(,"website":"https://romashka.example","contacts":[)"
                                 R"({"last_name":"Иванова","roles":["manager"],"is_main":true,)"
                                 R"("phone":"+74951234567"},)"
                                 R"({"last_name":"Петров","roles":["technical","accounting"]}])"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("location"), std::string(kPath) + "/" + made.field("id"));
  EXPECT_EQ(made.field("website"), "https://romashka.example");
  EXPECT_EQ(made.field("contacts/0/roles/0"), "manager");
  EXPECT_EQ(made.field("contacts/1/roles/1"), "accounting");

  const auto read = seller.get(std::string(kPath) + "/" + made.field("id") + "?include=contacts");
  EXPECT_EQ(read.field("contacts/0/last_name"), "Иванова") << "the main one first";
  EXPECT_EQ(read.field("contacts/1/last_name"), "Петров");
  EXPECT_EQ(read.field("row_version"), made.field("row_version"));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.contact WHERE counterparty_id = " + made.field("id")), 2);
}

TEST_F(CustomerApi, IsMadeTogetherWithLegalEntitiesAndAccounts) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  const auto ours =
      created(admin.post("/api/v1/own-organisations", R"({"full_name":"Мы","inn":"7707083893"})"));
  const std::string entity = R"({"full_name":"ООО «Ромашка»","inn":"7727563778",)"
                             R"("billed_by_organisation_id":)" +
                             std::to_string(ours);
  const auto made = seller.post(
      kPath, company(R"(,"contacts":[{"last_name":"Иванова"}],"legal_entities":[)" + entity +
                     R"(,"is_primary":true}],"personal_accounts":[{"name":"Связь"}])"));

  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("legal_entities/0/inn"), "7727563778");
  EXPECT_EQ(made.field("legal_entities/0/counterparty_id"), made.field("id"));
  EXPECT_EQ(made.field("personal_accounts/0/name"), "Связь");
  EXPECT_EQ(made.field("contacts/0/last_name"), "Иванова");
  EXPECT_EQ(seller.get(std::string(kPath) + "/" + made.field("id") + "/legal-entities")
                .field("items/0/id"),
            made.field("legal_entities/0/id"));

  const auto customers = sql("SELECT count(*) FROM crm.counterparty");
  EXPECT_EQ(faults(seller.post(
                kPath, company(R"(,"legal_entities":[)" + entity + R"(},{"inn":"7727563779"}])"))),
            "/legal_entities/1/inn=inn_checksum /legal_entities/1/full_name=full_name_required "
            "/legal_entities/1/billed_by_organisation_id="
            "billed_by_organisation_required");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), customers) << "all or nothing";
  HttpClient narrow = client_of("narrow", {}, {"counterparty:write"});
  EXPECT_EQ(narrow.post(kPath, company(R"(,"legal_entities":[)" + entity + "}]")).field("code"),
            "scope_missing");
}

TEST_F(CustomerApi, IsNotMadeWithAWrongContactAndEveryFaultIsTold) {
  HttpClient seller = client_of("seller", {});
  EXPECT_EQ(faults(seller.post(kPath, company(R"(,"contacts":[{"last_name":"A"},)"
                                              R"({"last_name":"B","roles":["nobody"]},)"
                                              R"({"last_name":"C","colour":1}])"))),
            "/contacts/1/roles=invalid_code /contacts/2/colour=unknown_field");
  EXPECT_EQ(faults(seller.post(kPath, company(R"(,"contacts":{"last_name":"A"})"))),
            "/contacts=wrong_type");
  EXPECT_EQ(faults(seller.post(kPath, company(R"(,"contacts":["A",{"counterparty_id":1}])"))),
            "/contacts/0=wrong_type /contacts/1/counterparty_id=read_only");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 0);
}

TEST_F(CustomerApi, TakesAsManyRowsInsideAsABulkRequest) {
  options_.limits.max_bulk_rows = 2;
  restart();
  HttpClient seller = client_of("seller", {});
  const std::string two = R"({"last_name":"A"},{"last_name":"B"})";
  EXPECT_EQ(seller.post(kPath, company(R"(,"contacts":[)" + two + "]")).status, 201);
  EXPECT_EQ(
      faults(seller.post(kPath, company(R"(,"contacts":[)" + two + R"(,{"last_name":"C"}])"))),
      "/contacts=too_many");
}

TEST_F(CustomerApi, NeedsTheScopeOfTheRowsInsideAndRepeatsNothing) {
  HttpClient narrow = client_of("narrow", {}, {"counterparty:read", "counterparty:write"});
  const std::string body = company(R"(,"contacts":[{"last_name":"A"}])");
  const auto refused = narrow.post(kPath, body);
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.field("detail").find("contact:write"), std::string::npos);

  HttpClient seller = client_of("seller", {});
  const auto first = seller.post(kPath, body, {{"Idempotency-Key", "one"}});
  const auto again = seller.post(kPath, body, {{"Idempotency-Key", "one"}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.contact"), 1);
}

TEST_F(CustomerApi, AnOrderIsMadeWithItsLinesAndShowsTheirTotals) {
  HttpClient seller = client_of("seller", {});
  const std::string customer = std::to_string(created(seller.post(kPath, company())));
  const std::string deal =
      std::to_string(make_deal(seller, "Сделка", R"(,"counterparty_id":)" + customer));
  const auto made = seller.post(
      "/api/v1/orders",
      R"({"deal_id":)" + deal +
          R"(,"items":[{"name":"Работа","kind":"service","unit_code":"356","quantity":"2",)"
          R"("vat_rate_code":"vat22","price":"200.00"}]})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("total_amount"), "400.00");
  EXPECT_EQ(made.field("items/0/amount_with_vat"), "488.00");
  EXPECT_EQ(seller.get("/api/v1/orders/" + made.field("id")).header("etag"), made.header("etag"));
}

TEST_F(CustomerApi, RowsAreMadeInsideARecordThatIsToBeAnothers) {
  HttpClient caller = client_of("caller", {});
  const std::string other = std::to_string(add_user("other"));
  const std::string line =
      R"({"name":"Работа","kind":"service","unit_code":"796","quantity":"2","price":"200.00",)"
      R"("vat_rate_code":"vat22"})";

  const auto made = caller.post("/api/v1/deals", R"({"name":"Сделка","responsible_id":)" + other +
                                                     R"(,"items":[)" + line + "]}");

  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("responsible_id"), other);
  EXPECT_EQ(made.field("items/0/name"), "Работа");
  EXPECT_EQ(made.field("total_amount"), "400.00");
  const std::string path = "/api/v1/deals/" + made.field("id");
  EXPECT_EQ(caller.get(path).header("etag"), made.header("etag"));
  EXPECT_EQ(caller.post(path + "/items", line).status, 403) << "afterwards it is the other's";
}

TEST_F(CustomerApi, MarketingIsReadAndChangedByItself) {
  HttpClient seller = client_of("seller", {});
  const auto made =
      seller.post(kPath, company(R"(,"inn":"7707083893","promo_emails_allowed":true)"));
  const std::string path = std::string(kPath) + "/" + made.field("id") + "/marketing";
  const auto block = seller.get(path);
  ASSERT_EQ(block.status, 200) << block.body;
  EXPECT_EQ(block.field("segment_code"), "small");
  EXPECT_EQ(block.json().find("inn"), nullptr);

  EXPECT_EQ(seller.patch(path, R"({"promo_emails_allowed":false})").status, 428);
  const auto off = seller.patch(
      path, R"({"promo_emails_allowed":false,"promo_emails_basis":"просил не писать"})",
      {{"If-Match", block.header("etag")}});
  ASSERT_EQ(off.status, 200) << off.body;
  EXPECT_EQ(off.field("promo_emails_allowed"), "false");
  EXPECT_EQ(seller.get(path).json().find("promo_emails_changed_at")->is_null(), false);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'consent_changed'"), 1);

  EXPECT_EQ(faults(seller.patch(path, R"({"inn":"7736050003","name":"x"})",
                                {{"If-Match", off.header("etag")}})),
            "/inn=unknown_field /name=unknown_field");
  HttpClient stranger = client_of("stranger", {});
  EXPECT_EQ(stranger.get(path).status, 404);
  EXPECT_EQ(stranger.patch(path, "{}", {{"If-Match", "*"}}).status, 404);
}

TEST_F(CustomerApi, RequisitesAreReadAndFilledInByThemselves) {
  HttpClient seller = client_of("seller", {});
  const auto made = seller.post(kPath, company());
  const std::string path = std::string(kPath) + "/" + made.field("id") + "/requisites";
  const auto block = seller.get(path);
  ASSERT_EQ(block.status, 200) << block.body;
  EXPECT_EQ(block.field("inn"), "null");
  EXPECT_EQ(block.json().find("segment_code"), nullptr) << "that is marketing";

  const auto filled =
      seller.patch(path, R"({"inn":"7707083893","kpp":"770701001","juridical_address":"Москва"})",
                   {{"If-Match", block.header("etag")}});
  ASSERT_EQ(filled.status, 200) << filled.body;
  EXPECT_EQ(filled.field("inn"), "7707083893");
  EXPECT_EQ(seller.get(path).field("juridical_address"), "Москва");
  EXPECT_EQ(
      faults(seller.patch(path, R"({"inn":"7707083894"})", {{"If-Match", filled.header("etag")}})),
      "/inn=inn_checksum");
  EXPECT_EQ(faults(seller.patch(path, R"({"segment_code":"small"})",
                                {{"If-Match", filled.header("etag")}})),
            "/segment_code=unknown_field");
  EXPECT_EQ(client_of("stranger", {}).get(path).status, 404);
}

TEST_F(CustomerApi, WhatBelongsToItIsListedAndMadeInsideIt) {
  HttpClient seller = client_of("seller", {});
  const std::string one =
      std::string(kPath) + "/" + std::to_string(created(seller.post(kPath, company())));
  const std::string two =
      std::string(kPath) + "/" +
      std::to_string(created(
          seller.post(kPath, R"({"name":"Лютик","segment_code":"small",)"
                             R"("acquisition_channel_code":"site","status_code":"active"})")));
  const auto deal = seller.post(one + "/deals", R"({"name":"Сделка"})");
  ASSERT_EQ(deal.status, 201) << deal.body;
  EXPECT_EQ(one, std::string(kPath) + "/" + deal.field("counterparty_id"));
  EXPECT_EQ(seller.post(two + "/deals", R"({"name":"Другая"})").status, 201);
  EXPECT_EQ(seller.get(one + "/deals?count=exact").field("total"), "1");
  EXPECT_EQ(seller.get(one + "/deals").field("items/0/name"), "Сделка");
  EXPECT_EQ(seller.get(one + "/deals?counterparty_id=1").status, 400) << "given by the path";

  const std::string order = "/api/v1/deals/" + deal.field("id");
  EXPECT_EQ(seller.post(order + "/orders", "{}").status, 201);
  EXPECT_EQ(seller.get(order + "/orders?count=exact").field("total"), "1");
  EXPECT_EQ(seller.get(order + "/payments?count=exact").field("total"), "0");
  EXPECT_EQ(seller.get(one + "/orders?count=exact").field("total"), "1");
  EXPECT_EQ(client_of("stranger", {}).get(one + "/deals").status, 404);
}

TEST_F(CustomerApi, RowsShownInsideAListNeedTheScopeOfTheirKind) {
  HttpClient seller = client_of("seller", {"crm-manager"});
  const std::string deals =
      std::string(kPath) + "/" + std::to_string(created(seller.post(kPath, company()))) + "/deals";
  HttpClient narrow = client_of("narrow", {"crm-manager"}, {"counterparty:read", "deal:read"});
  EXPECT_EQ(narrow.get(deals).status, 200);
  EXPECT_EQ(narrow.get(deals + "?include=contacts").status, 403);
  EXPECT_EQ(seller.get(deals + "?include=contacts").status, 200);
}

TEST_F(CustomerApi, RemindersAreActivitiesOfTheirOwnList) {
  HttpClient seller = client_of("seller", {});
  const std::string one =
      std::string(kPath) + "/" + std::to_string(created(seller.post(kPath, company())));
  EXPECT_EQ(
      seller.get(std::string(kPath) + "?next_reminder_at.null=true&count=exact").field("total"),
      "1");
  EXPECT_EQ(faults(seller.post(one + "/reminders", R"({"topic":"позвонить"})")),
            "/remind_at=remind_at_required");
  const auto made = seller.post(one + "/reminders",
                                R"({"topic":"позвонить","remind_at":"2099-01-01T10:00:00Z"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("type"), "reminder");
  EXPECT_EQ(seller.post(one + "/activities", R"({"type":"call","topic":"звонок"})").status, 201);
  EXPECT_EQ(seller.post(one + "/reminders", R"({"type":"call"})").status, 400);

  EXPECT_EQ(seller.get(one + "/reminders?count=exact").field("total"), "1");
  EXPECT_EQ(seller.get(one + "/activities?count=exact").field("total"), "2");
  EXPECT_EQ(seller.get(one).field("next_reminder_at"), "2099-01-01T10:00:00Z");
  EXPECT_EQ(
      seller.get(std::string(kPath) + "?next_reminder_at.null=true&count=exact").field("total"),
      "0");
}

TEST_F(CustomerApi, ListsShowBuyersUntilAskedOtherwise) {
  HttpClient seller = client_of("seller", {});
  created(seller.post(kPath, company()));
  created(seller.post(kPath, R"({"name":"Поставщик","types":["supplier"],"segment_code":"small",)"
                             R"("acquisition_channel_code":"site","status_code":"active"})"));
  const std::string list(kPath);
  EXPECT_EQ(seller.post("/api/v1/contacts", R"({"full_name":"Иванова Анна"})").status, 201)
      << "a person is a contact, never a customer";
  EXPECT_EQ(seller.get(list + "?count=exact").field("total"), "1");
  EXPECT_EQ(seller.get(list + "?types=any&count=exact").field("total"), "2");
  EXPECT_EQ(seller.get(list + "?types=supplier").field("items/0/name"), "Поставщик");
}

TEST_F(CustomerApi, TheListIsPagedFilteredSortedAndItsColumnsAreChosen) {
  HttpClient seller = client_of("seller", {});
  for (const std::string name : {"Василёк", "Астра", "Георгин", "Ёлка", "Жасмин"}) {
    created(
        seller.post(kPath, R"({"name":")" + name + R"(","segment_code":")" +
                               (name == "Астра" ? "micro" : "small") +
                               R"(","acquisition_channel_code":"site","status_code":"active"})"));
  }
  const std::string query =
      std::string(kPath) + "?segment_code=small&sort=name&limit=2&count=exact&fields=name";
  const auto first = seller.get(query);
  EXPECT_EQ(first.field("total"), "4");
  EXPECT_EQ(first.field("items/0/name"), "Василёк");
  EXPECT_EQ(first.field("items/1/name"), "Георгин");
  EXPECT_EQ(first.field("items/0/segment_code"), "") << "not a column that was chosen";
  const auto second = seller.get(query + "&cursor=" + first.field("next_cursor"));
  EXPECT_EQ(second.field("items/0/name"), "Ёлка") << "beside Е, as in Russian";
  EXPECT_EQ(second.field("items/1/name"), "Жасмин");
  EXPECT_EQ(second.field("next_cursor"), "null");
  EXPECT_EQ(seller.get(std::string(kPath) + "?sort=-name&limit=1").field("items/0/name"), "Жасмин");

  // The columns somebody wants are kept by a view.
  const auto view = seller.post("/api/v1/saved-views",
                                R"({"record_kind":"counterparty",)"
                                R"("name":"Мои","columns":[{"field":"name"},{"field":"inn"}]})");
  ASSERT_EQ(view.status, 201) << view.body;
  EXPECT_EQ(seller.get("/api/v1/saved-views/" + view.field("id")).field("columns/1/field"), "inn");
}

TEST_F(CustomerApi, IsMadeWithItsPlaceAndVersionAndChangedUnderIt) {
  const auto seller_id = add_user("seller");
  HttpClient seller = client(add_token(seller_id, {"admin"}));
  const auto colleague = add_user("colleague");

  const auto made = seller.post(kPath, company());

  ASSERT_EQ(made.status, 201) << made.body;
  const std::string path = std::string(kPath) + "/" + made.field("id");
  EXPECT_EQ(made.header("location"), path);
  EXPECT_EQ(made.header("etag"), "\"1\"");
  EXPECT_EQ(made.field("responsible_id"), std::to_string(seller_id)) << "who made it";
  EXPECT_EQ(seller.post(kPath, company(R"(,"responsible_id":)" + std::to_string(colleague)))
                .field("responsible_id"),
            std::to_string(colleague))
      << "who is to be in charge";

  EXPECT_EQ(seller.patch(path, R"({"short_name":"Р"})").status, 428);
  const auto changed = seller.patch(path, R"({"short_name":"Р"})", {{"If-Match", "\"1\""}});
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.header("etag"), "\"2\"");
  EXPECT_EQ(seller.patch(path, R"({"short_name":"С"})", {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(seller.get(path).field("short_name"), "Р");
}

TEST_F(CustomerApi, ItsDirectoriesAccountsLoginsAndInvoiceTypesHavePathsOfTheirOwn) {
  HttpClient seller = client_of("seller", {});
  HttpClient admin = administrator();
  for (const std::string directory : {"segments", "acquisition-channels", "customer-statuses"}) {
    const auto list = seller.get("/api/v1/" + directory + "?count=exact");
    EXPECT_EQ(list.status, 200) << list.body;
    EXPECT_NE(list.field("items/0/name_ru"), "") << directory;
    EXPECT_EQ(
        seller.post("/api/v1/" + directory, R"({"code":"x","name_ru":"X","name_en":"X"})").status,
        403);
    EXPECT_EQ(
        admin.post("/api/v1/" + directory, R"({"code":"x","name_ru":"X","name_en":"X"})").status,
        201);
    EXPECT_EQ(admin.patch("/api/v1/" + directory + "/x", R"({"name_ru":"Y"})", {{"If-Match", "*"}})
                  .field("name_ru"),
              "Y");
    EXPECT_EQ(admin.del("/api/v1/" + directory + "/x", {{"If-Match", "*"}}).status, 204);
  }

  const std::string path =
      std::string(kPath) + "/" + std::to_string(created(seller.post(kPath, company())));
  const auto account = seller.post(path + "/personal-accounts", R"({"opened_on":"2026-01-01"})");
  ASSERT_EQ(account.status, 201) << account.body;
  EXPECT_EQ(seller.get(path + "/personal-accounts?count=exact").field("total"), "1");
  const auto login = admin.post(path + "/counterparty-users",
                                R"({"login":"anna","email":"anna@romashka.example",)"
                                R"("full_name":"Анна","status":"invited","role":"member"})");
  ASSERT_EQ(login.status, 201) << login.body;
  const std::string of_login = "/api/v1/counterparty-users/" + login.field("id");
  EXPECT_EQ(admin.patch(of_login, R"({"status":"blocked","role":"viewer"})", {{"If-Match", "*"}})
                .field("status"),
            "blocked");
  EXPECT_EQ(admin.get(path + "/counterparty-users").field("items/0/role"), "viewer");
  const auto type = seller.post(path + "/counterparty-invoice-types",
                                R"({"invoice_type_code":"prepayment","invoice_name":"Аванс",)"
                                R"("self_service":true})");
  ASSERT_EQ(type.status, 201) << type.body;
  EXPECT_EQ(
      seller.get(path + "/counterparty-invoice-types?self_service=true&count=exact").field("total"),
      "1");
  EXPECT_EQ(
      seller.del("/api/v1/counterparty-invoice-types/" + type.field("id"), {{"If-Match", "*"}})
          .status,
      204);
  EXPECT_EQ(seller.get(path + "/counterparty-invoice-types?count=exact").field("total"), "0");
}

// domain.md 4.4.
TEST_F(CustomerApi, ANewDealWithABlacklistedOneIsConfirmed) {
  HttpClient seller = client_of("seller", {});
  const auto customer = seller.post(kPath, company()).field("id");
  sql("UPDATE crm.counterparty SET status_code = 'blacklisted' WHERE id = " + customer);
  const std::string of = R"("name":"Сделка","counterparty_id":)" + customer;

  const auto refused = seller.post("/api/v1/deals", "{" + of + "}");
  EXPECT_EQ(faults(refused), "/blacklist_confirmed=confirmation_required");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 0);
  EXPECT_EQ(seller.post("/api/v1/deals", "{" + of + R"(,"blacklist_confirmed":true})").status, 201);

  const auto lead = seller.post("/api/v1/leads", "{" + of + "}");
  ASSERT_EQ(lead.status, 201) << "a lead is no deal yet";
  const std::string path = "/api/v1/leads/" + lead.field("id");
  EXPECT_EQ(faults(seller.post(path + "/convert", "{}")),
            "/blacklist_confirmed=confirmation_required");
  ASSERT_EQ(seller.patch(path, R"({"blacklist_confirmed":true})", {{"If-Match", "*"}}).status, 200);
  const auto deal = seller.post(path + "/convert", "{}");
  EXPECT_EQ(deal.field("blacklist_confirmed"), "true") << deal.body;
}

// R-088, R-108, R-109; domain.md 16.
TEST_F(CustomerApi, ListsAreAskedForForgottenOnesAndDebtors) {
  HttpClient admin = administrator();
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto make = [&](std::string_view name, const std::string& columns) {
    const auto id =
        created(admin.post(kPath, R"({"segment_code":"small","acquisition_channel_code":"site",)"
                                  R"("status_code":"active","name":")" +
                                      std::string(name) + "\"}"));
    sql("UPDATE crm.counterparty SET " + columns + " WHERE id = " + std::to_string(id));
    return id;
  };
  const auto days = [](int count) {
    return "last_contact_at = now() - interval '" + std::to_string(count) + " days'";
  };
  const auto debtor = make("ООО «Ромашка»", days(10) + ", inn = '7707083893'");
  make("Ромашкино", days(40) + ", next_reminder_at = now(), inn = '7707049388'");
  make("ЗАО Василёк", days(50));
  make("Лютик", "last_contact_at = NULL, inn = '5001007322'");
  created(admin.post("/api/v1/payments",
                     R"({"amount":"40.00","status":"planned","planned_payment_date":"2020-01-01",)"
                     R"("counterparty_id":)" +
                         std::to_string(debtor) + "}"));
  const auto names = [](HttpClient& by, const std::string& query) {
    const auto answer = by.get(std::string(kPath) + "?" + query);
    EXPECT_EQ(answer.status, 200) << query << answer.body;
    std::string all;
    const Json body = answer.json();
    for (const Json& item : body.find("items")->as_array())
      all += (all.empty() ? "" : "|") + item.find("name")->as_string();
    return all;
  };

  EXPECT_EQ(names(admin, "stale_days=30"), "Лютик|ЗАО Василёк|Ромашкино") << "never comes first";
  EXPECT_EQ(names(admin, "stale_days=30&limit=1"), "Лютик");
  EXPECT_EQ(names(admin, "stale_days=30&no_reminder=true"), "Лютик|ЗАО Василёк");
  EXPECT_EQ(names(admin, "stale_days=45&sort=name"), "ЗАО Василёк|Лютик");
  EXPECT_EQ(names(admin, "no_reminder=false"), "Ромашкино");
  EXPECT_EQ(names(admin, "overdue_payments=true"), "ООО «Ромашка»");
  EXPECT_EQ(names(admin, "overdue_payments=false&stale_days=1"), "Лютик|ЗАО Василёк|Ромашкино");
  EXPECT_EQ(names(admin, "inn=77070"), "ООО «Ромашка»|Ромашкино");
  EXPECT_EQ(names(admin, "inn=7707083893"), "ООО «Ромашка»");
  EXPECT_EQ(names(admin, "name=%D0%A0%D0%9E%D0%9C%D0%90%D0%A8%D0%9A%D0%90"),
            "ООО «Ромашка»|Ромашкино");
  EXPECT_EQ(names(admin, "name=%D0%B2%D0%B0%D1%81%D0%B8%D0%BB%D0%B8%D0%BA"), "ЗАО Василёк")
      << "«василик» is like it";
  EXPECT_EQ(names(manager, "overdue_payments=true"), "ООО «Ромашка»");
  // The second page of customers never spoken to goes on where the first ended.
  const auto first = admin.get(std::string(kPath) + "?stale_days=30&limit=2");
  EXPECT_EQ(names(admin, "stale_days=30&limit=2&cursor=" + first.field("next_cursor")),
            "Ромашкино");
}

TEST_F(CustomerApi, ListsSayWhatTheyCannotBeAsked) {
  HttpClient admin = administrator();
  const std::string list(kPath);
  for (const std::string query :
       {"stale_days=0", "stale_days=3651", "stale_days=x", "stale_days=", "no_reminder=perhaps",
        "overdue_payments=1", "inn=77a", "inn=1234567890123", "inn=", "name=%D0%9E%D0%9E%D0%9E",
        "name=ab", "name=%FF%FF%FF", "stale_days.gt=1"}) {
    EXPECT_EQ(admin.get(list + "?" + query).status, 400) << query;
  }
  EXPECT_EQ(admin.get(list + "?name=" + std::string(2'000, 'x')).status, 400);
  EXPECT_EQ(admin.get(list + "?stale_days=3650").status, 200);
  EXPECT_EQ(admin.get("/api/v1/deals?stale_days=30").status, 400) << "deals are not asked for that";
}

}  // namespace
}  // namespace c360::api

// An installation shapes its CRM over the API, live: names, visibility and filters of sections, and
// what people must fill in.
#include "tests/api/answers.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

constexpr std::string_view kLabels = "/api/v1/section-labels";
constexpr std::string_view kRequired = "/api/v1/required-fields";
constexpr std::string_view kCompanies = "/api/v1/counterparties";

class ShapingApi : public ApiTest {
 protected:
  static std::string label(std::string_view kind, std::string_view more = {}) {
    return R"({"record_kind":")" + std::string(kind) +
           R"(","name_ru":"Партнёр","name_en":"Partner","plural_ru":"Партнёры",)"
           R"("plural_en":"Partners")" +
           std::string(more) + "}";
  }
  static std::string asked(std::string_view kind, std::string_view field,
                           std::string_view profile) {
    return R"({"record_kind":")" + std::string(kind) + R"(","field":")" + std::string(field) +
           R"(","profile":")" + std::string(profile) + "\"}";
  }
  static std::string company(std::string_view name, std::string_view more = {}) {
    return R"({"name":")" + std::string(name) +
           R"(","segment_code":"small","acquisition_channel_code":"site","status_code":"active")" +
           std::string(more) + "}";
  }
  static Json item_of(const HttpAnswer& answer, std::string_view list, std::string_view member,
                      std::string_view value) {
    const Json body = answer.json();
    for (const Json& each : body.find(list)->as_array()) {
      if (each.find(member)->as_string() == value) return each;
    }
    return {};
  }
  static Json described(HttpClient& by, std::string_view kind, std::string_view query = {}) {
    return item_of(by.get("/api/v1/meta/resources" + std::string(query)), "items", "kind", kind);
  }
  static Json section(HttpClient& by, std::string_view kind) {
    return item_of(by.get("/api/v1/workspace?counts=true"), "sections", "kind", kind);
  }
  static std::string text(const Json& object, std::string_view member) {
    const Json* found = object.is_object() ? object.find(member) : nullptr;
    return found == nullptr ? "" : found->is_string() ? found->as_string() : found->dump();
  }
  static std::string field_of(const Json& resource, std::string_view name,
                              std::string_view member) {
    for (const Json& each : resource.find("fields")->as_array()) {
      if (each.find("name")->as_string() == name) return text(each, member);
    }
    return "";
  }
  static void change(HttpClient& by, const std::string& path, std::string_view body) {
    const auto answer = by.patch(path, std::string(body), {{"If-Match", "*"}});
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
};

TEST_F(ShapingApi, ASectionIsCalledWhatTheInstallationSays) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  EXPECT_EQ(text(described(seller, "counterparty"), "label"), "Контрагент");

  ASSERT_EQ(admin.post(kLabels, label("counterparty")).status, 201);

  const Json english = described(seller, "counterparty", "?lang=en");
  EXPECT_EQ(text(english, "label"), "Partner");
  EXPECT_EQ(text(english, "label_plural"), "Partners");
  EXPECT_EQ(text(english, "label_ru"), "Партнёр");
  EXPECT_EQ(text(english, "label_plural_ru"), "Партнёры");
  EXPECT_EQ(text(described(seller, "counterparty"), "label"), "Партнёр");
  EXPECT_EQ(text(section(seller, "counterparty"), "label_ru"), "Партнёры");
  EXPECT_EQ(text(section(seller, "counterparty"), "label_en"), "Partners");
  EXPECT_EQ(text(described(seller, "deal"), "label"), "Сделка") << "the others stay";

  const std::string path = std::string(kLabels) + "/counterparty";
  change(admin, path, R"({"plural_ru":"Поставщики"})");
  EXPECT_EQ(text(section(seller, "counterparty"), "label_ru"), "Поставщики");
  EXPECT_EQ(admin.del(path, {{"If-Match", "*"}}).status, 204);
  EXPECT_EQ(text(described(seller, "counterparty"), "label"), "Контрагент");
}

TEST_F(ShapingApi, AHiddenSectionIsNotWorkedWithAndTakesNobodyARight) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  make_deal(seller, "Первая");
  EXPECT_EQ(text(described(seller, "contact"), "is_hidden"), "false");
  ASSERT_TRUE(section(seller, "contact").is_object());

  ASSERT_EQ(admin.post(kLabels, label("contact", R"(,"is_hidden":true)")).status, 201);

  EXPECT_FALSE(section(seller, "contact").is_object());
  EXPECT_EQ(text(described(seller, "contact"), "is_hidden"), "true");
  EXPECT_EQ(text(section(seller, "deal"), "count"), "1") << "each section keeps its own count";
  EXPECT_EQ(text(section(seller, "lead"), "count"), "0");
  EXPECT_EQ(seller.get("/api/v1/contacts").status, 200);
}

TEST_F(ShapingApi, AListIsFilteredAsTheInstallationSaysUnlessTheRequestNamesTheField) {
  HttpClient admin = administrator();
  created(admin.post(kCompanies, company("Buyer")));
  created(admin.post(kCompanies, company("One", R"(,"types":["partner"])")));
  created(admin.post(kCompanies, company("Two", R"(,"types":["partner"])")));
  const std::string list(kCompanies);
  EXPECT_EQ(names(admin.get(list)), "Buyer");
  EXPECT_EQ(text(described(admin, "counterparty"), "default_filters"), R"({"types":"buyer"})");
  EXPECT_EQ(admin.get(list).body.find("default_filters"), std::string::npos);

  ASSERT_EQ(admin.post(kLabels, label("counterparty", R"(,"default_filters":{"types":"partner"})"))
                .status,
            201);

  const auto partners = admin.get(list + "?count=exact");
  EXPECT_EQ(names(partners), "One Two");
  EXPECT_EQ(partners.field("total"), "2");
  EXPECT_EQ(partners.field("default_filters/types"), "partner") << "a client knows of it";
  EXPECT_EQ(text(described(admin, "counterparty"), "default_filters"), R"({"types":"partner"})");
  EXPECT_EQ(text(section(admin, "counterparty"), "count"), "2");
  EXPECT_EQ(admin.get(list + "/export?dialect=rfc4180&columns=name&sort=name").body,
            "name\r\nOne\r\nTwo\r\n");

  const auto first = admin.get(list + "?limit=1");
  EXPECT_EQ(names(first), "One");
  EXPECT_EQ(names(admin.get(list + "?limit=1&cursor=" + first.field("next_cursor"))), "Two");

  const auto buyers = admin.get(list + "?types=buyer");
  EXPECT_EQ(names(buyers), "Buyer");
  EXPECT_EQ(buyers.body.find("default_filters"), std::string::npos);
  EXPECT_EQ(names(admin.get(list + "?types=any")), "Buyer One Two");
  EXPECT_EQ(names(admin.get(list + "?types.null=false")), "Buyer One Two");

  sql("UPDATE crm.section_label SET default_filters = '{\"gone\":\"1\"}'");
  EXPECT_EQ(names(admin.get(list)), "Buyer") << "a field of another version is no filter";
  change(admin, std::string(kLabels) + "/counterparty",
         R"({"default_filters":{"gone":null,"types":"partner"}})");
  EXPECT_EQ(names(admin.get(list)), "One Two");
  change(admin, std::string(kLabels) + "/counterparty", R"({"default_filters":{"types":null}})");
  EXPECT_EQ(names(admin.get(list)), "Buyer") << "as declared again";
}

TEST_F(ShapingApi, ABoardIsFilteredTooButNotByItsColumns) {
  HttpClient admin = administrator();
  make_deal(admin, "Small", R"(, "amount": "10.00")");
  make_deal(admin, "Large", R"(, "amount": "5000.00")");
  ASSERT_EQ(admin
                .post(kLabels, label("deal", R"(,"default_filters":{"amount.gte":"1000",)"
                                             R"("status":"presentation"})"))
                .status,
            201);

  const auto board = admin.get("/api/v1/boards/deals");

  ASSERT_EQ(board.status, 200) << board.body;
  EXPECT_EQ(board.field("default_filters/amount.gte"), "1000");
  EXPECT_EQ(board.body.find("\"Small\""), std::string::npos) << board.body;
  EXPECT_NE(board.body.find("\"Large\""), std::string::npos) << board.body;
  EXPECT_EQ(names(admin.get("/api/v1/deals")), "") << "the list is filtered by both";
  EXPECT_EQ(names(admin.get("/api/v1/deals?amount.lt=100&status=new")), "Small");
}

TEST_F(ShapingApi, ASectionThatIsNoneAndFiltersNobodyCouldSendAreRefused) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {"crm-cco"});
  EXPECT_EQ(seller.post(kLabels, label("deal")).status, 403);
  const auto said = [&](std::string_view kind, const std::string& filters) {
    return faults(admin.post(kLabels, label(kind, R"(,"default_filters":)" + filters)));
  };

  EXPECT_EQ(faults(admin.post(kLabels, label("dragon"))), "/record_kind=unknown_kind");
  EXPECT_EQ(said("deal", R"({"colour":"red"})"), "/default_filters/colour=unknown_field");
  EXPECT_EQ(said("deal", R"({"sort":"name"})"), "/default_filters/sort=unknown_field");
  EXPECT_EQ(said("deal", R"({"amount":5,"status":"nowhere"})"),
            "/default_filters/amount=wrong_type /default_filters/status=invalid_value");
  EXPECT_EQ(said("deal", R"({"amount.near":"5"})"),
            "/default_filters/amount.near=unknown_operator");
  EXPECT_EQ(said("deal", "[]"), "/default_filters=wrong_type");
  // Of employees only they themselves and administrators may ask by it.
  EXPECT_EQ(said("user", R"({"email":"a@b.example"})"), "/default_filters/email=unknown_field");

  std::string many;
  for (std::size_t i = 0; i <= store::kMaxDefaultFilters; ++i) {
    many += (many.empty() ? "{\"" : ",\"") + ("amount.gt" + std::to_string(i)) + "\":\"5\"";
  }
  EXPECT_EQ(said("deal", many + "}"), "/default_filters=too_many");

  ASSERT_EQ(admin.post(kLabels, label("deal")).status, 201);
  const auto changed = admin.patch(std::string(kLabels) + "/deal",
                                   R"({"default_filters":{"colour":"red"}})", {{"If-Match", "*"}});
  EXPECT_EQ(faults(changed), "/default_filters/colour=unknown_field");
}

TEST_F(ShapingApi, WhatMustBeThereIsWhatTheInstallationAsksFor) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  const auto bare = [&](std::string_view query = {}) {
    return faults(seller.post(std::string(kCompanies) + std::string(query), R"({"name":"x"})"));
  };
  ASSERT_EQ(bare(),
            "/segment_code=segment_required "
            "/acquisition_channel_code=acquisition_channel_required /status_code=status_required");
  const std::string path = std::string(kCompanies) + "/" +
                           std::to_string(created(seller.post(kCompanies, company("Before"))));
  const auto missing = [&] { return text(seller.get(path).json(), "missing_fields"); };
  EXPECT_EQ(missing(), R"(["full_name","inn","juridical_address","post_address"])");

  const auto inn = admin.post(kRequired, asked("counterparty", "inn", "full"));
  ASSERT_EQ(inn.status, 201) << inn.body;
  created(admin.post(kRequired, asked("counterparty", "website", "full")));
  created(admin.post(kRequired, asked("counterparty", "segment_code", "none")));
  created(admin.post(kRequired, asked("counterparty", "post_address", "none")));

  EXPECT_EQ(bare(),
            "/inn=inn_required /website=website_required "
            "/acquisition_channel_code=acquisition_channel_required /status_code=status_required");
  EXPECT_EQ(missing(), R"(["full_name","juridical_address","inn","website"])");
  const Json shown = described(seller, "counterparty");
  EXPECT_EQ(field_of(shown, "inn", "needed_on_creation"), "true");
  EXPECT_EQ(field_of(shown, "inn", "needed_for_requisites"), "false");
  EXPECT_EQ(field_of(shown, "segment_code", "needed_on_creation"), "false");
  EXPECT_EQ(field_of(shown, "status_code", "needed_on_creation"), "true");

  change(admin, std::string(kRequired) + "/" + inn.field("id"), R"({"profile":"requisites"})");
  EXPECT_EQ(bare().find("/inn"), std::string::npos);
  EXPECT_NE(bare("?profile=requisites").find("/inn=inn_required"), std::string::npos);

  sql("DELETE FROM crm.required_field");
  EXPECT_EQ(missing(), R"(["full_name","inn","juridical_address","post_address"])");
}

TEST_F(ShapingApi, AnyKindOfRecordMayBeAskedForMoreByPeopleOnly) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  const auto row = admin.post(kRequired, asked("deal", "amount", "full"));
  ASSERT_EQ(row.status, 201) << row.body;
  created(admin.post(kRequired, asked("contract", "note", "full")));

  EXPECT_EQ(faults(seller.post("/api/v1/deals", R"({"name":"Поставка"})")),
            "/amount=amount_required");
  EXPECT_EQ(field_of(described(seller, "deal"), "amount", "needed_on_creation"), "true");
  store::WriteOptions of_mail;
  of_mail.profile = store::Profile::draft;
  EXPECT_TRUE(records_->create(registry_->get("deal"), *Json::parse(R"({"name":"mail"})"),
                               store::Actor::system("mail"), of_mail));
  // A contract may lack it while it is a draft.
  const auto contract = admin.post("/api/v1/contracts", "{}");
  ASSERT_EQ(contract.status, 201) << contract.body;
  EXPECT_NE(text(contract.json(), "missing_fields").find("\"note\""), std::string::npos);
  const auto moved = admin.patch("/api/v1/contracts/" + contract.field("id"),
                                 R"({"status":"approval"})", {{"If-Match", "*"}});
  EXPECT_NE(faults(moved).find("/note=note_required"), std::string::npos);

  EXPECT_EQ(admin.del(std::string(kRequired) + "/" + row.field("id"), {{"If-Match", "*"}}).status,
            204);
  make_deal(seller, "Поставка");
}

TEST_F(ShapingApi, WhatCannotBeAskedForIsRefused) {
  HttpClient admin = administrator();
  HttpClient director = client_of("director", {"crm-cco"});
  const auto said = [&](std::string_view kind, std::string_view field, std::string_view profile) {
    return faults(admin.post(kRequired, asked(kind, field, profile)));
  };
  EXPECT_EQ(director.post(kRequired, asked("deal", "amount", "full")).status, 403);
  EXPECT_EQ(director.get(kRequired).status, 200);

  EXPECT_EQ(said("dragon", "amount", "full"), "/record_kind=unknown_kind");
  EXPECT_EQ(said("segment", "name_ru", "full"), "/record_kind=unknown_kind") << "no record";
  EXPECT_EQ(said("deal", "colour", "full"), "/field=unknown_field");
  EXPECT_EQ(said("deal", "number", "full"), "/field=not_askable") << "the service gives it";
  EXPECT_EQ(said("deal", "status", "full"), "/field=not_askable") << "it has a default";
  EXPECT_EQ(said("deal", "amount", "always"), "/profile=invalid_code");
  created(admin.post(kRequired, asked("deal", "amount", "full")));
  const auto again = admin.post(kRequired, asked("deal", "amount", "none"));
  EXPECT_EQ(again.status, 409) << again.body;
  EXPECT_EQ(again.field("errors/0/pointer"), "/field");
}

}  // namespace
}  // namespace c360::api

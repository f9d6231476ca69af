// An installation adds a section of its own over the API, live: its name, its fields, its records
// and whose they are.
#include "tests/api/answers.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

constexpr std::string_view kSections = "/api/v1/sections";
constexpr std::string_view kRecords = "/api/v1/custom-records";
constexpr std::string_view kFields = "/api/v1/custom-fields";

class SectionsApi : public ApiTest {
 protected:
  static std::string section(std::string_view code, std::string_view more = {}) {
    return R"({"code":")" + std::string(code) +
           R"(","name_ru":"Автомобиль","name_en":"Vehicle","plural_ru":"Автомобили",)"
           R"("plural_en":"Vehicles")" +
           std::string(more) + "}";
  }
  static std::string field(std::string_view code, std::string_view more) {
    return R"({"record_kind":"custom","code":")" + std::string(code) +
           R"(","name_ru":"Поле","name_en":"Field")" + std::string(more) + "}";
  }
  static std::string record(std::string_view code, std::string_view name,
                            std::string_view more = {}) {
    return R"({"section_code":")" + std::string(code) + R"(","name":")" + std::string(name) + "\"" +
           std::string(more) + "}";
  }
};

TEST_F(SectionsApi, OneIsAddedWithFieldsOfItsOwn) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  ASSERT_EQ(admin.post(kSections, section("vehicle")).status, 201);
  ASSERT_EQ(admin.post(kSections, section("lease")).status, 201);
  created(admin.post(kFields, field("plate", R"(,"section_code":"vehicle","type":"text",)"
                                             R"("is_required":true)")));
  created(admin.post(kFields, field("days", R"(,"section_code":"lease","type":"number")")));
  created(admin.post(kFields, field("place", R"(,"type":"text")")));

  const auto made = seller.post(
      kRecords, record("vehicle", "Газель", R"(,"custom":{"plate":"А123ВС77","place":"Тула"})"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("custom/plate"), "А123ВС77");
  EXPECT_EQ(faults(seller.post(kRecords, record("vehicle", "Газель", R"(,"custom":{"days":3})"))),
            "/custom/days=unknown_field /custom/plate=plate_required");
  EXPECT_EQ(seller.post(kRecords, record("lease", "Аренда", R"(,"custom":{"days":3})")).status,
            201);
  EXPECT_EQ(faults(seller.post(kRecords, record("ship", "Баржа"))),
            "/section_code=reference_not_found");

  // It is a list, filtered by its section and its fields, and a record as any other.
  EXPECT_EQ(names(seller.get(std::string(kRecords) + "?section_code=vehicle")), "Газель");
  EXPECT_EQ(names(seller.get(std::string(kRecords) + "?custom.days.gte=2")), "Аренда");
  const std::string path = std::string(kRecords) + "/" + made.field("id");
  EXPECT_EQ(seller.post(path + "/comments", R"({"text":"Помыта"})").status, 201);
  EXPECT_EQ(seller.patch(path, R"({"custom":{"plate":"В001ВВ77"}})", {{"If-Match", "*"}}).status,
            200);
  EXPECT_NE(seller.get(path + "/history").body.find("В001ВВ77"), std::string::npos);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.record_title(" + made.field("id") +
                ", 'ru') t WHERE t = 'Автомобиль: Газель'"),
            1);

  // A section with records stays; one that takes no more says so.
  const auto lease = admin.get(std::string(kSections) + "/lease");
  EXPECT_EQ(admin.del(std::string(kSections) + "/lease", {{"If-Match", "*"}}).status, 409);
  ASSERT_EQ(admin
                .patch(std::string(kSections) + "/lease", R"({"is_active":false})",
                       {{"If-Match", lease.header("etag")}})
                .status,
            200);
  EXPECT_EQ(faults(seller.post(kRecords, record("lease", "Ещё одна"))),
            "/section_code=reference_not_found");
}

TEST_F(SectionsApi, ItStandsAmongTheOthersInTheWorkspaceAndTheForms) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  ASSERT_EQ(admin.post(kSections, section("vehicle")).status, 201);
  created(admin.post(kFields, field("plate", R"(,"section_code":"vehicle","type":"text")")));
  created(seller.post(kRecords, record("vehicle", "Газель")));

  const auto workspace = seller.get("/api/v1/workspace?counts=true");
  ASSERT_EQ(workspace.status, 200) << workspace.body;
  const Json body = workspace.json();
  int found = 0;
  for (const Json& each : body.find("sections")->as_array()) {
    if (each.find("kind")->as_string() != "custom") continue;
    ++found;
    EXPECT_EQ(each.find("section_code")->as_string(), "vehicle");
    EXPECT_EQ(each.find("label_ru")->as_string(), "Автомобили");
    EXPECT_EQ(each.find("count")->as_int64(), 1);
    EXPECT_EQ(names(seller.get(each.find("href")->as_string())), "Газель");
  }
  EXPECT_EQ(found, 1);
  EXPECT_NE(seller.get("/api/v1/meta/resources").body.find(R"("section_code":"vehicle")"),
            std::string::npos);
}

TEST_F(SectionsApi, WhoMayReadAndWriteIsSaidBySection) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  HttpClient colleague = client_of("colleague", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  ASSERT_EQ(admin.post(kSections, section("secret", R"(,"readers":"responsible")")).status, 201);
  ASSERT_EQ(admin.post(kSections, section("vehicle", R"(,"readers":"managers")")).status, 201);
  ASSERT_EQ(admin.post(kSections, section("idea", R"(,"writers":"everyone")")).status, 201);
  const auto status = [](HttpClient& by, std::int64_t id, bool writes) {
    const std::string path = std::string(kRecords) + "/" + std::to_string(id);
    return writes ? by.patch(path, R"({"description":"x"})", {{"If-Match", "*"}}).status
                  : by.get(path).status;
  };
  const auto secret = created(seller.post(kRecords, record("secret", "Т")));
  const auto vehicle = created(seller.post(kRecords, record("vehicle", "Газель")));
  const auto idea = created(seller.post(kRecords, record("idea", "Кофе")));
  EXPECT_EQ(status(seller, secret, true), 200);
  EXPECT_EQ(status(manager, secret, false), 404);
  EXPECT_EQ(status(manager, vehicle, false), 200);
  EXPECT_EQ(status(manager, vehicle, true), 403);
  EXPECT_EQ(status(colleague, vehicle, false), 404);
  EXPECT_EQ(status(colleague, idea, false), 200);
  EXPECT_EQ(status(colleague, idea, true), 200);
  EXPECT_EQ(names(colleague.get(kRecords)), "Кофе");
  EXPECT_EQ(seller.post(kSections, section("mine")).status, 403);
}

TEST_F(SectionsApi, WhatIsNoSectionIsRefused) {
  HttpClient admin = administrator();
  EXPECT_EQ(faults(admin.post(kSections, section("Vehicle!"))), "/code=invalid_code");
  EXPECT_EQ(faults(admin.post(kSections, section(std::string(51, 'a')))), "/code=invalid_code");
  EXPECT_EQ(faults(admin.post(kSections, section("vehicle", R"(,"readers":"responsible",)"
                                                            R"("writers":"everyone")"))),
            "/writers=writers_may_not_read");
  ASSERT_EQ(admin.post(kSections, section("vehicle")).status, 201);
  EXPECT_EQ(faults(admin.post(kFields, R"({"record_kind":"deal","code":"plate","name_ru":"Н",)"
                                       R"("name_en":"N","type":"text","section_code":"vehicle"})")),
            "/section_code=not_of_a_section");
}

}  // namespace
}  // namespace c360::api

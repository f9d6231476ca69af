// Choosing an employee from the structure of the organisation (R-214).
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class UsersApi : public ApiTest {
 protected:
  static std::vector<std::string> ids(HttpClient& by, std::string_view query) {
    const auto answer = by.get("/api/v1/users?sort=id&" + std::string(query));
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<std::string> all;
    for (int i = 0;; ++i) {
      const auto id = answer.field("items/" + std::to_string(i) + "/id");
      if (id.empty()) return all;
      all.push_back(id);
    }
  }
};

TEST_F(UsersApi, AnEmployeeIsFoundByGroupAndName) {
  HttpClient admin = administrator();
  const auto line = std::to_string(add_user("line", {"support-line-1"}));
  const auto lead = std::to_string(add_user("lead", {"support-lead"}));
  sql("UPDATE crm.user SET last_name = 'Иванова' WHERE id IN (" + line + ", " + lead +
      ") RETURNING id");
  // A department that has the line inside.
  ASSERT_EQ(
      admin.post("/api/v1/groups", R"({"id":"department","name_ru":"Отдел","name_en":"Desk"})")
          .status,
      201);
  ASSERT_EQ(admin.put("/api/v1/groups/department/nested/support-line-1", "{}").status, 204);

  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids(admin, "group=support-line-1"), Ids{line});
  EXPECT_EQ(ids(admin, "group=department"), Ids{line}) << "by way of the group inside";
  EXPECT_EQ(ids(admin, "group=support-line-1,support-lead&q=%D0%B8%D0%B2%D0%B0%D0%BD"),
            (Ids{line, lead}));
  EXPECT_EQ(ids(admin, "group=department&q=%D0%9F%D0%B5%D1%82%D1%80"), Ids{});
  EXPECT_EQ(admin.get("/api/v1/users/" + line).json().find("group"), nullptr);
}

}  // namespace
}  // namespace c360::api

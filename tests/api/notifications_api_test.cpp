// What a user finds in the application, and marks read.
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class NotificationsApi : public ApiTest {
 protected:
  std::int64_t user_id(std::string_view login) {
    return sql("SELECT id FROM crm.user WHERE login LIKE '" + std::string(login) + "%'");
  }
  // `count` of them for the user; the ids are one after the other.
  std::int64_t tell(std::int64_t user, int count) {
    return sql(
        "WITH made AS (INSERT INTO crm.notification (user_id, event, text, in_inbox) SELECT " +
        std::to_string(user) + ", 'reminder', 'note ' || n, true FROM generate_series(1, " +
        std::to_string(count) + ") AS n RETURNING id) SELECT max(id) FROM made");
  }
  static std::string unread(HttpClient& by) {
    return by.get("/api/v1/notifications/unread").field("unread");
  }
};

TEST_F(NotificationsApi, EverybodySeesAndMarksHisOwnOnly) {
  HttpClient seller = client_of("seller", {});
  HttpClient admin = client_of("admin", {"crm-administrators"});
  const auto last = tell(user_id("seller"), 3);
  EXPECT_EQ(unread(seller), "3");
  EXPECT_EQ(unread(admin), "0");
  EXPECT_EQ(admin.get("/api/v1/notifications?count=exact").field("total"), "0");
  EXPECT_EQ(admin.get("/api/v1/notifications/" + std::to_string(last)).status, 404);
  EXPECT_EQ(admin.post("/api/v1/notifications/read", R"({"ids":[)" + std::to_string(last) + "]}")
                .field("marked"),
            "0");
  const auto list = seller.get("/api/v1/notifications?read_at.null=true&sort=-id");
  EXPECT_EQ(list.field("items/0/text"), "note 3");

  EXPECT_EQ(seller.post("/api/v1/notifications/read", R"({"ids":[)" + std::to_string(last) + "]}")
                .field("unread"),
            "2");
  EXPECT_EQ(
      seller.post("/api/v1/notifications/read", R"({"up_to":)" + std::to_string(last - 2) + "}")
          .field("marked"),
      "1");
  EXPECT_EQ(seller.get("/api/v1/notifications?read_at.null=true").field("items/0/text"), "note 2");
  EXPECT_EQ(seller.post("/api/v1/notifications/read", "{}").field("marked"), "1");
  EXPECT_EQ(unread(seller), "0");
}

TEST_F(NotificationsApi, WhatIsMarkedInOneCallIsBounded) {
  HttpClient seller = client_of("seller", {});
  const auto ids = [](int count) {
    std::string list;
    for (int i = 1; i <= count; ++i) list += (i > 1 ? "," : "") + std::to_string(i);
    return R"({"ids":[)" + list + "]}";
  };
  EXPECT_EQ(seller.post("/api/v1/notifications/read", ids(500)).status, 200);
  for (const std::string& body : {ids(501), ids(0), std::string(R"({"ids":["1"]})"),
                                  std::string(R"({"up_to":"1"})"), std::string(R"({"all":true})")})
    EXPECT_EQ(seller.post("/api/v1/notifications/read", body).status, 422) << body;
}

}  // namespace
}  // namespace c360::api

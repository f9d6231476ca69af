// Telephone calls: telephony posts a number, and the talk is read among the comments (domain.md
// 13.1, design.md 11; R-101).
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class CallsApi : public ApiTest {
 protected:
  static std::string customer(HttpClient& by, const std::string& name, const std::string& phone) {
    const auto made = by.post(
        "/api/v1/counterparties",
        R"({"segment_code":"small","acquisition_channel_code":"site","status_code":"active",)"
        R"("name":")" +
            name + R"(","contacts":[{"full_name":"Пётр","phone":")" + phone + R"("}]})");
    EXPECT_EQ(made.status, 201) << made.body;
    return made.field("id");
  }
  static HttpAnswer call(HttpClient& by, const std::string& phone, const std::string& more = "") {
    return by.post("/api/v1/activities",
                   R"({"type":"call","phone_number":")" + phone + "\"" + more + "}");
  }
  static std::string comments_of(const std::string& id) {
    return "/api/v1/counterparties/" + id + "/comments";
  }
};

TEST_F(CallsApi, ACallIsPutOnTheCustomerWhoseContactHasTheNumber) {
  HttpClient telephony = client_of("telephony", {"crm-cco"});
  const std::string id = customer(telephony, "Ромашка", "+7 (495) 123-45-67");

  const auto made = call(telephony, "8 495 123 45 67",
                         R"(,"direction":"in","topic":"Цена <б/у>","result":"перезвонить",)"
                         R"("call_duration_s":61,"activity_date":"2026-01-02T10:00:00Z")");

  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("parent_record_id"), id);
  const auto contact = telephony.get("/api/v1/contacts?counterparty_id=" + id).field("items/0/id");
  EXPECT_EQ(made.field("contact_id"), contact);
  EXPECT_EQ(telephony.get("/api/v1/counterparties/" + id).field("last_contact_at"),
            "2026-01-02T10:00:00Z");
}

TEST_F(CallsApi, ATalkIsReadAmongTheCommentsUnlessLeftOut) {
  HttpClient telephony = client_of("telephony", {"crm-cco"});
  const std::string id = customer(telephony, "Ромашка", "+74951234567");
  ASSERT_EQ(telephony.post(comments_of(id), R"({"text":"Постоянный"})").status, 201);

  const auto made = call(telephony, "+74951234567", R"(,"topic":"Цена <б/у>")");

  const auto with = telephony.get(comments_of(id) + "?include=calls&count=exact");
  ASSERT_EQ(with.status, 200) << with.body;
  EXPECT_EQ(with.field("total"), "2");
  EXPECT_EQ(telephony.get(comments_of(id) + "?count=exact").field("total"), "2") << "by default";
  EXPECT_EQ(with.field("items/0/source"), "call");
  EXPECT_EQ(with.field("items/0/activity_id"), made.field("id"));
  EXPECT_EQ(with.field("items/0/text"), "Цена &lt;б/у&gt;");
  EXPECT_EQ(with.field("items/0/is_internal"), "true") << "never shown to the customer";
  const auto without = telephony.get(comments_of(id) + "?include=-calls&count=exact");
  EXPECT_EQ(without.field("total"), "1");
  EXPECT_EQ(without.field("items/0/text"), "Постоянный");
  EXPECT_EQ(telephony.get(comments_of(id) + "?include=-mails").status, 400);
  EXPECT_EQ(telephony.get("/api/v1/comments?include=-calls&count=exact").field("total"), "1");
}

TEST_F(CallsApi, TheCommentFollowsItsCall) {
  HttpClient telephony = client_of("telephony", {"crm-administrators"});
  const std::string id = customer(telephony, "Ромашка", "+74951234567");
  const auto planned = call(telephony, "+74951234567",
                            R"(,"status":"planned","activity_date":"2099-01-02T10:00:00Z")");
  const std::string path = "/api/v1/activities/" + planned.field("id");
  const testing::HttpHeaders any{{"If-Match", "*"}};
  EXPECT_EQ(telephony.get(comments_of(id) + "?count=exact").field("total"), "0")
      << "not yet a talk";

  ASSERT_EQ(telephony.patch(path, R"({"status":"completed","result":"да"})", any).status, 200);
  const auto told = telephony.get(comments_of(id));
  EXPECT_EQ(told.field("items/0/text"), "да");
  const std::string comment = "/api/v1/comments/" + told.field("items/0/id");
  EXPECT_EQ(telephony.patch(comment, R"({"text":"нет"})", any).field("errors/0/code"),
            "comment_of_call");
  ASSERT_EQ(telephony.patch(path, R"({"result":"нет"})", any).status, 200);
  EXPECT_EQ(telephony.get(comment).field("text"), "нет");
  ASSERT_EQ(telephony.del(path, any).status, 204);
  EXPECT_EQ(telephony.get(comments_of(id) + "?count=exact").field("total"), "0");
}

TEST_F(CallsApi, WhoseNumberItIsIsToldOnlyToWhoMayWriteThere) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  customer(owner, "Ромашка", "+74951234567");

  const auto hidden = call(stranger, "+74951234567");
  const auto unknown = call(stranger, "+74957654321");

  EXPECT_EQ(hidden.status, 422);
  EXPECT_EQ(unknown.status, 422);
  EXPECT_EQ(hidden.field("errors/0/pointer"), "/parent_record_id");
  EXPECT_EQ(hidden.field("errors/0/code"), unknown.field("errors/0/code"));
  EXPECT_EQ(hidden.field("detail"), unknown.field("detail"));
  EXPECT_EQ(call(owner, "+74951234567").status, 201);
}

TEST_F(CallsApi, ANumberOfTwoCustomersAsksWhichOneItWas) {
  HttpClient telephony = client_of("telephony", {"crm-cco"});
  const std::string one = customer(telephony, "Ромашка", "+74951234567");
  const std::string two = customer(telephony, "Лютик", "+74951234567");

  const auto which = call(telephony, "+74951234567");
  EXPECT_EQ(which.status, 422) << which.body;
  EXPECT_EQ(which.field("errors/0/code"), "call_ambiguous");

  const auto named = call(telephony, "+74951234567", ",\"parent_record_id\":" + two);
  ASSERT_EQ(named.status, 201) << named.body;
  const auto contact = telephony.get("/api/v1/contacts?counterparty_id=" + two);
  EXPECT_EQ(named.field("contact_id"), contact.field("items/0/id"));
}

}  // namespace
}  // namespace c360::api

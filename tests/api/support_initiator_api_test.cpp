// An employee who only asked: he sees his own support requests, comments on them and says whether
// they are done, and nothing else (domain.md 3.4, 15.1).
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class SupportInitiator : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    admin_.emplace(administrator());
    asking_.emplace(client_of("asking", {}));
    const auto made =
        admin_->post("/api/v1/counterparties",
                     R"({"name":"Мы","segment_code":"small","acquisition_channel_code":"site",)"
                     R"("status_code":"active"})");
    company_ = made.field("id");
    const auto user = sql("SELECT id FROM crm.user WHERE login LIKE 'asking%'");
    own_ = path_of(request_of(",\"initiator_user_id\":" + std::to_string(user)));
    other_ = path_of(request_of(""));
  }
  HttpAnswer request_of(const std::string& more) {
    return admin_->post(
        "/api/v1/support-requests",
        R"({"subject":"Сломалось","content":"Да","counterparty_id":)" + company_ + more + "}");
  }
  static std::string path_of(const HttpAnswer& made) {
    EXPECT_EQ(made.status, 201) << made.body;
    return "/api/v1/support-requests/" + made.field("id");
  }
  void set_status(const std::string& status) {
    EXPECT_EQ(admin_->post(own_ + "/status", R"({"status":")" + status + "\"}").status, 200);
  }

  std::optional<HttpClient> admin_;
  std::optional<HttpClient> asking_;
  std::string company_;
  std::string own_;
  std::string other_;
};

TEST_F(SupportInitiator, SeesAndCommentsHisOwnRequestsAndNothingElse) {
  EXPECT_EQ(asking_->get("/api/v1/support-requests?count=exact").field("total"), "1");
  EXPECT_EQ(asking_->get(own_).status, 200);
  EXPECT_EQ(asking_->get(other_).status, 404);
  EXPECT_EQ(asking_->get("/api/v1/counterparties/" + company_).status, 404);

  const auto said = asking_->post(own_ + "/comments", R"({"text":"Всё ещё"})");
  EXPECT_EQ(said.status, 201) << said.body;
  EXPECT_EQ(asking_->get(own_ + "/comments?count=exact").field("total"), "1");
  EXPECT_EQ(asking_->post(other_ + "/comments", R"({"text":"x"})").status, 404);

  const testing::HttpHeaders any{{"If-Match", "*"}};
  EXPECT_EQ(asking_->patch(own_, R"({"subject":"x"})", any).status, 403);
  EXPECT_EQ(asking_->del(own_, any).status, 403);
  EXPECT_EQ(asking_->post(own_ + "/status", R"({"status":"closed"})").status, 403);
  EXPECT_EQ(asking_->post(own_ + "/activities", R"({"type":"call"})").status, 403);
  EXPECT_EQ(asking_->post(own_ + "/links", R"({"kind":"web","url":"https://example.org/"})").status,
            403);
}

TEST_F(SupportInitiator, SaysWhetherItIsDoneWhenTheLineAsks) {
  EXPECT_EQ(asking_->post(own_ + "/answer", R"({"approved":true})").status, 409) << "nobody asked";
  set_status("first_line_work");
  set_status("approve");

  const auto back = asking_->post(own_ + "/answer", R"({"approved":false})");
  EXPECT_EQ(back.field("status"), "first_line_work") << back.body;
  set_status("approve");
  const auto done = asking_->post(own_ + "/answer", R"({"approved":true})");
  EXPECT_EQ(done.field("status"), "closed") << done.body;
  EXPECT_EQ(sql_text("SELECT u.login FROM crm.history_event h JOIN crm.user u ON u.id = h.actor_id "
                     "WHERE h.event = 'status_changed' ORDER BY h.id DESC LIMIT 1")
                .substr(0, 6),
            "asking")
      << "history names him";
}

TEST_F(SupportInitiator, NobodyElseSaysIt) {
  set_status("first_line_work");
  set_status("approve");
  const auto admin = admin_->post(own_ + "/answer", R"({"approved":true})");
  EXPECT_EQ(admin.status, 403) << admin.body;
  EXPECT_EQ(admin.field("code"), "initiator_only");
  EXPECT_EQ(client_of("stranger", {}).post(own_ + "/answer", R"({"approved":true})").status, 404);
}

}  // namespace
}  // namespace c360::api

// The express report over the API: asked for and shown.
#include <gmock/gmock.h>

#include "store/service_switches.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using ::testing::HasSubstr;

class ExpressReportApi : public ApiTest {
 protected:
  void turn(bool is_on) {
    ASSERT_TRUE(store::set_service_switch(*database_, {.service = "kontur", .is_on = is_on}));
  }
  static std::int64_t card(HttpClient& by, const std::string& more = {}) {
    return created(by.post("/api/v1/counterparties",
                           R"({"name":"К","segment_code":"small","status_code":"active",)"
                           R"("acquisition_channel_code":"site")" +
                               more + "}"));
  }
  static std::string path(std::int64_t id) {
    return "/api/v1/counterparties/" + std::to_string(id) + "/express-report";
  }
};

TEST_F(ExpressReportApi, IsAskedForOnceAndShowsWhereItStands) {
  HttpClient admin = administrator();
  const std::int64_t id = card(admin, R"(,"inn":"6663003127")");
  turn(true);
  EXPECT_EQ(admin.get(path(id)).json().find("status")->as_string(), "none");

  const HttpAnswer asked = admin.post(path(id), "{}");
  const HttpAnswer again = admin.post(path(id), R"({"refresh":true})");

  ASSERT_EQ(asked.status, 202) << asked.body;
  EXPECT_TRUE(asked.json().find("fresh")->as_bool());
  ASSERT_EQ(again.status, 202) << again.body;
  EXPECT_FALSE(again.json().find("fresh")->as_bool());
  EXPECT_EQ(again.json().find("job_id")->dump(), asked.json().find("job_id")->dump());
  const HttpAnswer shown = admin.get(path(id));
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.json().find("status")->as_string(), "queued");
  EXPECT_EQ(shown.json().find("check_status")->as_string(), "pending");
  EXPECT_EQ(shown.json().find("job_id")->dump(), asked.json().find("job_id")->dump());
}

TEST_F(ExpressReportApi, IsQueuedTogetherWithANewCounterparty) {
  HttpClient admin = administrator();
  turn(true);

  const std::int64_t id = card(admin, R"(,"inn":"6663003127")");
  card(admin);  // without an INN there is nothing to ask about

  EXPECT_EQ(sql("SELECT record_id FROM ops.job WHERE kind = 'express_report'"), id);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'express_report'"), 1);
  EXPECT_EQ(admin.get(path(id)).json().find("status")->as_string(), "queued");
}

TEST_F(ExpressReportApi, WithTheServiceOffOrWithoutTheRightNothingIsQueued) {
  HttpClient admin = administrator();
  const std::int64_t id = card(admin, R"(,"inn":"6663003127")");
  const HttpAnswer off = admin.post(path(id), "{}");
  EXPECT_EQ(off.status, 409) << off.body;
  EXPECT_THAT(off.body, HasSubstr("adapter_off"));
  turn(true);
  HttpClient viewer = client_of("viewer", {"crm-manager"});

  EXPECT_EQ(viewer.post(path(id), "{}").status, 403);
  EXPECT_EQ(viewer.get(path(id)).status, 200);
  EXPECT_EQ(admin.post(path(99'999), "{}").status, 404);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'express_report'"), 0);
}

}  // namespace
}  // namespace c360::api

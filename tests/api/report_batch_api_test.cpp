// Express reports of many over the API: what they would cost, their start, and who sees and steers
// them.
#include <gmock/gmock.h>

#include "store/service_switches.h"
#include "tests/api/api_fixture.h"
#include "tests/support/focus_service.h"

namespace c360::api {
namespace {

using c360::testing::company_inn;
using ::testing::HasSubstr;

class ReportBatchApi : public ApiTest {
 protected:
  static constexpr const char* kStart = "/api/v1/counterparties/express-report";

  void turn(bool is_on) {
    ASSERT_TRUE(store::set_service_switch(*database_, {.service = "kontur", .is_on = is_on}));
  }
  static std::int64_t card(HttpClient& by, int n) {
    return created(by.post("/api/v1/counterparties",
                           R"({"name":"К","segment_code":"small","status_code":"active",)"
                           R"("acquisition_channel_code":"site","inn":")" +
                               company_inn(n) + "\"}"));
  }
  static std::string path(const std::string& id, const std::string& more = "") {
    return "/api/v1/express-report-batches/" + id + more;
  }
};

TEST_F(ReportBatchApi, ADryRunSaysWhatItWouldCostAndBeginsNothing) {
  HttpClient admin = administrator();
  card(admin, 1);
  card(admin, 2);
  turn(true);

  const HttpAnswer dry =
      admin.post(kStart, R"({"filter":"q=К&status_code=active","dry_run":true})");

  ASSERT_EQ(dry.status, 200) << dry.body;
  EXPECT_EQ(dry.field("id"), "null");
  EXPECT_EQ(dry.field("plan/reports"), "2");
  EXPECT_EQ(dry.field("plan/calls"), "4");
  EXPECT_EQ(dry.field("plan/quota_left"), "null");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job"), 0);
}

TEST_F(ReportBatchApi, IsOneJobThatWhoeverBeganItSeesAndSteers) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  HttpClient other = client_of("other", {});
  const std::int64_t foreign = card(admin, 1);
  const std::int64_t own = card(seller, 2);
  turn(true);

  const HttpAnswer begun = seller.post(
      kStart, "{\"ids\":[" + std::to_string(foreign) + "," + std::to_string(own) + "]}");

  ASSERT_EQ(begun.status, 202) << begun.body;
  EXPECT_EQ(begun.field("plan/unseen"), "1");
  const std::string id = begun.field("id");
  EXPECT_EQ(begun.header("location"), path(id));
  const HttpAnswer shown = seller.get(path(id));
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.field("state"), "queued");
  EXPECT_EQ(shown.field("total"), "1");
  EXPECT_EQ(seller.get(path(id, "/items")).field("items/0/counterparty_id"), std::to_string(own));
  EXPECT_THAT(seller.get(path(id, "/items?state=failed")).body, HasSubstr(R"("items":[])"));
  EXPECT_EQ(seller.get("/api/v1/express-report-batches").field("items/0/id"), id);
  EXPECT_EQ(admin.get("/api/v1/jobs/" + id).field("progress_total"), "1");

  EXPECT_EQ(seller.post(path(id, "/pause"), "").field("state"), "paused");
  EXPECT_EQ(admin.post(path(id, "/resume"), "").field("state"), "queued");
  EXPECT_EQ(other.get(path(id)).status, 404);
  EXPECT_EQ(other.get(path(id, "/items")).status, 404);
  EXPECT_EQ(other.post(path(id, "/cancel"), "").status, 404);
  EXPECT_THAT(other.get("/api/v1/express-report-batches").body, HasSubstr(R"("items":[])"));
  EXPECT_EQ(seller.post(path(id, "/cancel"), "").field("state"), "canceled");
  EXPECT_EQ(seller.post(path(id, "/resume"), "").status, 409);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'express_report'"), 0);
}

TEST_F(ReportBatchApi, WhatTheCallerMayOnlyReadIsLeftOut) {
  HttpClient admin = administrator();
  HttpClient viewer = client_of("viewer", {"crm-manager"});
  const std::int64_t id = card(admin, 1);
  turn(true);

  const HttpAnswer asked = viewer.post(kStart, "{\"ids\":[" + std::to_string(id) + "]}");

  ASSERT_EQ(asked.status, 200) << asked.body;
  EXPECT_EQ(asked.field("plan/read_only"), "1");
  EXPECT_EQ(asked.field("id"), "null");
}

TEST_F(ReportBatchApi, WhatIsNoRequestIsRefusedWithItsPlace) {
  HttpClient admin = administrator();
  EXPECT_EQ(admin.post(kStart, R"({"ids":[1]})").status, 409);  // the service is off
  turn(true);
  for (const auto& [body, code] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "ids_required"},
           {R"({"ids":[]})", "ids_required"},
           {R"({"ids":[1],"filter":"q=x"})", "ids_required"},
           {R"({"ids":["x"]})", "invalid_value"},
           {R"({"filter":7})", "wrong_type"},
           {R"({"filter":"limit=5"})", "unknown_parameter"},
           {R"({"filter":"q=%zz"})", "query_encoding"},
           {R"({"ids":[1],"colour":"red"})", "unknown_field"},
           {R"({"ids":[1],"refresh":"yes"})", "wrong_type"}}) {
    const HttpAnswer answer = admin.post(kStart, body);
    EXPECT_EQ(answer.status, 422) << body;
    EXPECT_THAT(answer.body, HasSubstr(code)) << body;
  }
  EXPECT_EQ(admin.post(kStart, R"({"filter":"colour=red"})").status, 400);
  EXPECT_EQ(admin.get(path("1")).status, 404);
  for (const std::string wrong : {"limit=0", "limit=9999", "cursor=x"})
    EXPECT_EQ(admin.get("/api/v1/express-report-batches?" + wrong).status, 400) << wrong;
}

TEST_F(ReportBatchApi, TheSameRequestTwiceBeginsOneBatch) {
  HttpClient admin = administrator();
  const std::string body = "{\"ids\":[" + std::to_string(card(admin, 1)) + "]}";
  turn(true);
  const std::vector<std::pair<std::string, std::string>> key = {{"Idempotency-Key", "once"}};

  const HttpAnswer first = admin.post(kStart, body, key);
  const HttpAnswer again = admin.post(kStart, body, key);

  EXPECT_EQ(first.status, 202) << first.body;
  EXPECT_EQ(again.field("id"), first.field("id"));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.report_batch"), 1);
}

}  // namespace
}  // namespace c360::api

// Jobs, runs and schedules over the API.
#include "store/jobs.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class JobsApi : public ApiTest {
 protected:
  std::int64_t add(const std::string& kind) {
    auto made = store::enqueue_job(*database_, {.kind = kind, .record_id = 17});
    EXPECT_TRUE(made);
    return made ? made->id : 0;
  }
  store::Job take(const std::string& kind) {
    auto jobs = store::take_jobs(*database_, {kind}, "a", 1);
    EXPECT_TRUE(jobs && jobs->size() == 1);
    return jobs && jobs->size() == 1 ? jobs->front() : store::Job{};
  }
  void bury(const std::string& kind) {
    EXPECT_TRUE(store::settle_job(
        *database_, take(kind),
        {.end = store::JobEnd::failed,
         .error = Error{.code = ErrorCode::upstream_rejected, .detail = "no such INN"}}));
  }
  static std::string path(std::int64_t id, const std::string& more = "") {
    return "/api/v1/jobs/" + std::to_string(id) + more;
  }
};

TEST_F(JobsApi, AreListedNewestFirstByPagesAndFilters) {
  HttpClient admin = administrator();
  const auto first = add("report");
  const auto second = add("autofill");
  const auto page = admin.get("/api/v1/jobs?limit=1");
  ASSERT_EQ(page.status, 200) << page.body;
  EXPECT_EQ(page.field("items/0/id"), std::to_string(second));
  EXPECT_EQ(page.field("items/0/status"), "queued");
  EXPECT_EQ(page.field("items/0/record_id"), "17");
  const auto next = admin.get("/api/v1/jobs?limit=1&cursor=" + page.field("next_cursor"));
  EXPECT_EQ(next.field("items/0/id"), std::to_string(first));
  EXPECT_EQ(admin.get("/api/v1/jobs?kind=report").field("items/0/id"), std::to_string(first));
  EXPECT_EQ(admin.get("/api/v1/jobs?status=done").field("next_cursor"), "null");
  for (const std::string wrong : {"status=lost", "limit=0", "limit=9999", "cursor=x", "colour=1"})
    EXPECT_EQ(admin.get("/api/v1/jobs?" + wrong).status, 400) << wrong;
}

TEST_F(JobsApi, OneRestsAndGoesOn) {
  HttpClient admin = administrator();
  const auto id = add("report");

  const auto paused = admin.post(path(id, "/pause"), "");
  EXPECT_EQ(paused.field("status"), "queued") << paused.body;
  EXPECT_EQ(paused.field("paused"), "true");
  EXPECT_TRUE(store::take_jobs(*database_, {"report"}, "a", 1)->empty());
  EXPECT_EQ(admin.post(path(id, "/resume"), "").field("paused"), "false");
  take("report");
  EXPECT_EQ(admin.post(path(id + 1, "/pause"), "").status, 404);
  EXPECT_EQ(client_of("seller", {}).post(path(id, "/pause"), "").status, 403);
}

TEST_F(JobsApi, ADeadLetterSaysWhatWentWrongAndRunsAgain) {
  HttpClient admin = administrator();
  const auto id = add("report");
  bury("report");
  const auto dead = admin.get("/api/v1/jobs?status=failed");
  EXPECT_EQ(dead.field("items/0/id"), std::to_string(id));
  EXPECT_EQ(dead.field("items/0/error_code"), "upstream_rejected");
  EXPECT_EQ(dead.field("items/0/error"), "no such INN");
  const auto runs = admin.get("/api/v1/job-runs?job_id=" + std::to_string(id));
  EXPECT_EQ(runs.field("items/0/result"), "failed");
  EXPECT_EQ(runs.field("items/0/error"), "no such INN");

  EXPECT_EQ(admin.post(path(id, "/retry"), "").field("status"), "queued");
  EXPECT_EQ(admin.post(path(id, "/retry"), "").status, 409);
  bury("report");
  EXPECT_EQ(admin.post("/api/v1/jobs/retry-failed?kind=other", "").field("retried"), "0");
  EXPECT_EQ(admin.post("/api/v1/jobs/retry-failed?kind=report", "").field("retried"), "1");
  EXPECT_EQ(admin.get(path(id)).field("status"), "queued");
}

TEST_F(JobsApi, ARunningOneShowsItsProgressAndIsAskedToStop) {
  HttpClient admin = administrator();
  const auto queued = add("other");
  EXPECT_EQ(admin.post(path(queued, "/cancel"), "").field("status"), "canceled");
  EXPECT_EQ(admin.post(path(queued, "/cancel"), "").status, 409);

  const auto running = add("report");
  ASSERT_TRUE(store::note_progress(*database_, take("report"), 3, 10));
  const auto job = admin.post(path(running, "/cancel"), "");
  EXPECT_EQ(job.field("status"), "running");
  EXPECT_EQ(job.field("cancel_requested"), "true");
  EXPECT_EQ(job.field("progress_done") + "/" + job.field("progress_total"), "3/10");
}

TEST_F(JobsApi, SchedulesAreChangedPausedAndRun) {
  HttpClient admin = administrator();
  const std::string schedule = "/api/v1/job-schedules/contracts_archive";
  const auto all = admin.get("/api/v1/job-schedules");
  ASSERT_EQ(all.status, 200) << all.body;
  EXPECT_NE(all.body.find("\"payments_overdue\""), std::string::npos);

  const auto changed = admin.patch(schedule, R"({"cron":"15 4 * * mon-fri"})");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.field("cron"), "15 4 * * mon-fri");
  EXPECT_EQ(changed.field("timezone"), "Europe/Moscow");
  const auto paused = admin.patch(schedule, R"({"paused":true})");
  EXPECT_EQ(paused.field("paused"), "true");
  EXPECT_EQ(paused.field("cron"), "15 4 * * mon-fri");

  const auto wrong = admin.patch(schedule, R"({"cron":"15 24 * * *"})");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(wrong.field("errors/0/pointer"), "/cron");
  EXPECT_EQ(wrong.field("errors/0/code"), "hour");
  EXPECT_EQ(admin.patch(schedule, R"({"cron":1})").status, 422);
  EXPECT_EQ(admin.patch(schedule, R"({"kind":"x"})").status, 422);
  EXPECT_EQ(admin.patch("/api/v1/job-schedules/none", R"({"paused":true})").status, 404);

  const auto run = admin.post(schedule + "/run", "");
  ASSERT_EQ(run.status, 202) << run.body;
  EXPECT_EQ(run.field("fresh"), "true");
  EXPECT_EQ(admin.post(schedule + "/run", "").field("job_id"), run.field("job_id"));
  const auto job = admin.get(run.header("location"));
  EXPECT_EQ(job.field("schedule"), "contracts_archive");
  EXPECT_EQ(job.field("trigger"), "api");
  EXPECT_EQ(admin.post("/api/v1/job-schedules/none/run", "").status, 404);
}

TEST_F(JobsApi, AreForAdministratorsWithTheScopeOnly) {
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient unscoped = client_of("admin", {"crm-administrators"}, {"deal:write"});
  const auto id = add("report");
  for (HttpClient* client : {&manager, &unscoped}) {
    for (const std::string target : {"/api/v1/jobs", "/api/v1/job-runs", "/api/v1/job-schedules"})
      EXPECT_EQ(client->get(target).status, 403) << target;
    EXPECT_EQ(client->get(path(id)).status, 403);
    EXPECT_EQ(client->post(path(id, "/cancel"), "").status, 403);
    EXPECT_EQ(client->post("/api/v1/jobs/retry-failed", "").status, 403);
    EXPECT_EQ(client->post("/api/v1/job-schedules/purge_jobs/run", "").status, 403);
    EXPECT_EQ(client->patch("/api/v1/job-schedules/purge_jobs", R"({"paused":true})").status, 403);
  }
}

}  // namespace
}  // namespace c360::api

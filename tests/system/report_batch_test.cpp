// Express reports of many, begun and watched by the operator's command, while the daemon is killed
// again and again: each report is there once, and a crash costs one request more at most.
#include <csignal>

#include "tests/support/focus_service.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ReportBatch : public SystemTest {
 protected:
  static constexpr int kCompanies = 12;

  std::string with_focus() {
    return config("[kontur_focus]\napi_token_file = '" +
                  daemon_.write("focus-token", "PLANTED-FOCUS\n") + "'\nurl = '" +
                  focus_.server().url() + "'\nca_file = '" + focus_.server().ca_file() +
                  "'\nconnect_timeout_ms = 60000\ntimeout_ms = 120000\npdfs_per_second = 1000\n"
                  "calls_per_second = 1000\n[adapters]\nprobe_interval_s = 0\n");
  }
  // While the service is off, so that nothing is asked by itself.
  void make_companies() {
    HttpClient client(daemon_.port("api"), environment_["CLIENT360_TOKEN"]);
    for (int i = 1; i <= kCompanies; ++i) {
      const HttpAnswer made = client.post(
          "/api/v1/counterparties", R"({"segment_code":"small","acquisition_channel_code":"site",)"
                                    R"("status_code":"active","inn":")" +
                                        company_inn(i) + "\"}");
      ASSERT_EQ(made.status, 201) << made.body;
    }
  }
  RanProgram report(std::vector<std::string> words) {
    words.insert(
        words.begin(),
        {kCommand, "--api-url=http://127.0.0.1:" + std::to_string(daemon_.port("api")), "report"});
    return run_program(words, environment_);
  }
  void kill() {
    daemon_.signal(SIGKILL);
    ASSERT_EQ(daemon_.wait_for_exit(), -SIGKILL);
    // What some minutes do: what the dead one held runs out.
    TempPostgres::shared().execute(
        database_,
        "UPDATE ops.job SET locked_until = now() WHERE status = 'running';"
        "UPDATE ops.service_answer SET claimed_until = now() WHERE claimed_until > now()");
  }

  FocusService focus_;
  std::map<std::string, std::string> environment_;
};

TEST_F(ReportBatch, KilledAgainAndAgainItBuysEachReportOnceAndAtMostOneRequestMoreForACrash) {
  start(config());
  sign_in();
  environment_["CLIENT360_TOKEN"] = token_;
  make_companies();
  rewrite(with_focus());
  ASSERT_EQ(reload().status, 200);

  const RanProgram dry = report({"get", "--filter=", "--dry-run"});
  ASSERT_EQ(dry.exit_code, 0) << dry.output;
  EXPECT_THAT(dry.output, AllOf(HasSubstr("12 reports to get"), HasSubstr("at most 24 requests")));
  ASSERT_EQ(focus_.bought(), 0);
  const RanProgram begun = report({"get", "--filter="});
  ASSERT_EQ(begun.exit_code, 0) << begun.output;

  constexpr int kCrashes = 3;
  for (int crash = 1; crash <= kCrashes; ++crash) {
    ASSERT_TRUE(eventually([&] { return focus_.bought() >= crash * 5; })) << daemon_.log();
    kill();
    daemon_.start();
  }
  // What the log says of the port may be of the daemon before.
  ASSERT_TRUE(eventually(
      [&] { return HttpClient(daemon_.port("api")).get("/api/v1/openapi.json").status == 200; }));
  const std::string id = one("SELECT job_id FROM ops.report_batch");
  const RanProgram watched = report({"watch", id});

  EXPECT_EQ(watched.exit_code, 0) << watched.output << daemon_.log();
  EXPECT_THAT(watched.output, HasSubstr("batch " + id + " done 12/12, 0 failed"));
  EXPECT_EQ(one("SELECT count(*) FROM ops.report_batch_item WHERE state = 'ready'"), "12");
  EXPECT_EQ(one("SELECT count(*) || ' ' || count(DISTINCT parent_record_id) FROM crm.document "
                "WHERE type_code = 'express_report'"),
            "12 12");
  EXPECT_GE(focus_.bought(), 2 * kCompanies);
  EXPECT_LE(focus_.bought(), 2 * kCompanies + kCrashes);
  EXPECT_EQ(report({"get", "--filter="}).exit_code, 0);
  EXPECT_LE(focus_.bought(), 2 * kCompanies + kCrashes) << "all of them are still good";
  EXPECT_THAT(report({"items", id, "--state=ready"}).output, HasSubstr("ready"));
  EXPECT_THAT(daemon_.log() + watched.output, Not(HasSubstr("PLANTED")));
}

}  // namespace
}  // namespace c360::testing

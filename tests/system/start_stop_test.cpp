// The daemon as its operator meets it: starting, not starting, being watched, stopping.
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class StartStop : public SystemTest {
 protected:
  RanProgram run(std::vector<std::string> words) {
    words.insert(words.begin(), kDaemon);
    words.push_back("--config=" + daemon_.config_file());
    return run_program(words);
  }
};

TEST_F(StartStop, IsReadyAndStopsWithZero) {
  start(config());

  const auto ready = admin_get("/readyz");
  EXPECT_EQ(ready.status, 200) << ready.body;
  EXPECT_EQ(admin_get("/healthz").status, 200);
  EXPECT_EQ(HttpClient(daemon_.port("api")).get("/api/v1/openapi.json").status, 200);
  // Nothing of the admin listener answers on the other one.
  EXPECT_EQ(HttpClient(daemon_.port("api")).get("/metrics").status, 404);

  daemon_.signal(SIGTERM);
  EXPECT_EQ(daemon_.wait_for_exit(), 0);
  EXPECT_THAT(daemon_.log(), HasSubstr("event=daemon_stopped"));
}

TEST_F(StartStop, TellsTheServiceManagerWhatItDoes) {
  daemon_.environment()["WATCHDOG_USEC"] = "200000";
  start(config());
  const std::size_t ready = daemon_.wait_for_notification("READY=1");
  const std::size_t fed = daemon_.wait_for_notification("WATCHDOG=1");
  daemon_.wait_for_notification("WATCHDOG=1", fed + 1);

  daemon_.signal(SIGHUP);
  const std::size_t reloading = daemon_.wait_for_notification("RELOADING=1", ready);
  EXPECT_THAT(daemon_.notifications()[reloading], HasSubstr("MONOTONIC_USEC="));
  daemon_.wait_for_notification("READY=1", reloading + 1);

  daemon_.signal(SIGINT);
  EXPECT_EQ(daemon_.wait_for_exit(), 0);
  daemon_.wait_for_notification("STOPPING=1", reloading);
}

TEST_F(StartStop, TheMetricsAreWhatPrometheusWants) {
  start(config());
  const TempFolder folder;
  const auto file = folder.write("metrics", admin_get("/metrics").body);

  const RanProgram checked =
      run_program({"/bin/sh", "-c", "promtool check metrics < " + file.string()});

  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_EQ(checked.output, "");
  EXPECT_EQ(metric("client360_config_last_reload_successful"), 1);
  EXPECT_EQ(metric("client360_config_generation"), 1);
  EXPECT_GT(metric("client360_config_hash"), 0);
  EXPECT_GT(metric("client360_config_last_reload_success_timestamp_seconds"), 1.7e9);
}

TEST_F(StartStop, ARequestThatHangsDoesNotHoldTheStop) {
  start(config("", "", "body_grace_ms = 600000"));
  RawConnection hanging(daemon_.port("api"));
  hanging.send(
      "POST /api/v1/deals HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
      "Content-Type: application/json\r\nAuthorization: Bearer c360_x\r\n\r\n{");
  RawConnection idle(daemon_.port("api"));

  daemon_.signal(SIGTERM);

  EXPECT_EQ(daemon_.wait_for_exit(), 0);
}

TEST_F(StartStop, WaitsForADatabaseThatIsAwayAndIsNotReadyMeanwhile) {
  TempPostgres postgres;
  database_ = postgres.create_database();
  postgres.stop();
  daemon_.write("client360.toml", config());
  daemon_.start();
  daemon_.wait_for_log({"event=database_unavailable"});

  const auto waiting = admin_get("/readyz");
  EXPECT_EQ(waiting.status, 503);
  EXPECT_THAT(waiting.body, HasSubstr("waiting for the database"));
  EXPECT_EQ(admin_get("/healthz").status, 200);
  EXPECT_EQ(HttpClient(daemon_.port("api")).get("/api/v1/deals").status, 503);
  daemon_.wait_for_notification("EXTEND_TIMEOUT_USEC=");
  for (const std::string& message : daemon_.notifications())
    EXPECT_THAT(message, Not(HasSubstr("READY=1")));

  postgres.start();
  daemon_.wait_until_ready();
  daemon_.wait_for_notification("READY=1");
  EXPECT_EQ(admin_get("/readyz").status, 200);
}

TEST_F(StartStop, ReadinessTurnsRedWhileTheDatabaseIsAwayAndGreenAgain) {
  TempPostgres postgres;
  database_ = postgres.create_database();
  start(config());
  ASSERT_EQ(admin_get("/readyz").status, 200);

  postgres.kill();
  EXPECT_TRUE(eventually([&] {
    HttpClient(daemon_.port("api"))
        .get("/api/v1/deals", {{"Authorization", "Bearer c360_" + std::string(43, 'x')}});
    return admin_get("/readyz").status == 503;
  }));
  EXPECT_THAT(admin_get("/readyz").body, HasSubstr("the database cannot be reached"));

  postgres.start();
  EXPECT_TRUE(eventually([&] {
    HttpClient(daemon_.port("api"))
        .get("/api/v1/deals", {{"Authorization", "Bearer c360_" + std::string(43, 'x')}});
    return admin_get("/readyz").status == 200;
  }));
}

TEST_F(StartStop, RefusesADatabaseWithoutItsMigrationsUntilTheyAreApplied) {
  database_ = TempPostgres::shared().create_empty_database();
  rewrite(config());
  daemon_.start();
  EXPECT_EQ(daemon_.wait_for_exit(), 4);
  EXPECT_THAT(daemon_.log(), HasSubstr("client360d --migrate"));

  const RanProgram migrated = run({"--migrate"});
  EXPECT_EQ(migrated.exit_code, 0) << migrated.output;
  EXPECT_THAT(migrated.output, HasSubstr("applied 0001_"));
  EXPECT_THAT(run({"--migrate"}).output, HasSubstr("up to date"));
  daemon_.start();
  daemon_.wait_until_ready();
}

TEST_F(StartStop, AppliesMigrationsAtTheStartWhereItIsAllowedTo) {
  database_ = TempPostgres::shared().create_empty_database();
  std::string text = config();
  text.replace(text.find("api_connections"), 0, "auto_migrate = true\n");
  start(text);
  EXPECT_EQ(admin_get("/readyz").status, 200);
}

TEST_F(StartStop, ABrokenConfigurationEndsWithThreeAndEveryMistake) {
  daemon_.write("client360.toml", "[api]\nlisten = 'nowhere'\n[lok]\nlevel = 'info'\n");
  daemon_.start();

  EXPECT_EQ(daemon_.wait_for_exit(), 3);
  EXPECT_THAT(daemon_.log(), AllOf(HasSubstr("client360.toml:2:10: api.listen"),
                                   HasSubstr("client360.toml:3:2: unknown setting 'lok'")));
}

TEST_F(StartStop, EveryExitCodeIsTheDocumentedOne) {
  daemon_.write("client360.toml", config());
  EXPECT_EQ(run({"--check-config"}).exit_code, 0);
  EXPECT_EQ(run({"--nonsense"}).exit_code, 2);
  EXPECT_EQ(run({"--print=config"}).exit_code, 0);
  EXPECT_EQ(run({"--print=openapi"}).exit_code, 0);
  EXPECT_EQ(run({"--print=ddl"}).exit_code, 0);
  EXPECT_EQ(run({"--version"}).exit_code, 0);
  EXPECT_EQ(run({"--help"}).exit_code, 0);
  daemon_.write("client360.toml", "nonsense");
  EXPECT_EQ(run({"--check-config"}).exit_code, 3);
  EXPECT_EQ(run({"--print=config"}).exit_code, 3);
  daemon_.write("client360.toml", "[database]\nurl = 'host=/nowhere'\n");
  EXPECT_EQ(run({"--migrate"}).exit_code, 1);
}

TEST_F(StartStop, AnAddressThatIsTakenEndsWithOneAndSaysSo) {
  start(config());
  DaemonProcess second{kDaemon};
  second.write("client360.toml",
               config("", "", "listen = '127.0.0.1:" + std::to_string(daemon_.port("api")) + "'"));
  second.start();

  EXPECT_EQ(second.wait_for_exit(), 1);
  EXPECT_THAT(second.log(), HasSubstr("cannot listen on 127.0.0.1:"));
}

TEST_F(StartStop, PrintedDocumentsAreWhatTheySayTheyAre) {
  const auto openapi = Json::parse(run_program({kDaemon, "--print=openapi"}).output);
  ASSERT_TRUE(openapi);
  EXPECT_NE(openapi->find("paths"), nullptr);

  std::ifstream in(std::string(C360_SOURCE_DIR) + "/systemd/client360.toml");
  const std::string shipped{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(run_program({kDaemon, "--print=sample-config"}).output, shipped);
}

}  // namespace
}  // namespace c360::testing

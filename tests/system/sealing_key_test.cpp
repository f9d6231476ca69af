// The key that seals secrets in the database is replaced under the running service (5.6).
#include <csignal>

#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

class SealingKey : public SystemTest {
 protected:
  void SetUp() override {
    daemon_.write("old", "the old key, of 32 characters....\n");
    daemon_.write("new", "the new key, of 32 characters....\n");
  }
  std::string keys(const std::string& lines) const { return config("[webhooks]\n" + lines); }
  std::string doctor() {
    return run_program({kCommand, "--config=" + daemon_.config_file(), "doctor"}).output;
  }
  std::string dump() const {
    return one("SELECT string_agg(s::text, ' ' ORDER BY place, name) FROM ops.sealed_secret AS s");
  }
};

TEST_F(SealingKey, IsReplacedWhileTheServiceRunsAndAWrongOneIsRefused) {
  start(keys("key_file = 'old'\n"));
  sign_in();
  const auto made =
      HttpClient(daemon_.port("api"))
          .request("POST", "/api/v1/webhooks",
                   {{"Authorization", "Bearer " + token_}, {"Content-Type", "application/json"}},
                   R"({"url":"https://hooks.example.com/"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(doctor(), HasSubstr("3 sealed under webhooks.key_file"));
  const std::string before = dump();

  // Two keys of the installation and one webhook would be lost.
  rewrite(keys("key_file = 'new'\n"));
  const HttpAnswer refused = reload();
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("3 secrets in the database could not be read any more"));
  EXPECT_EQ(dump(), before);

  rewrite(keys("key_file = 'new'\nformer_key_file = 'old'\n"));
  ASSERT_EQ(reload().status, 200);
  EXPECT_THAT(doctor(), HasSubstr("3 sealed under webhooks.key_file; webhooks.former_key_file may "
                                  "go"));
  EXPECT_NE(dump(), before);

  rewrite(keys("key_file = 'new'\n"));
  ASSERT_EQ(reload().status, 200);
  EXPECT_EQ(one("SELECT last_error IS NULL FROM ops.webhook"), "t");
}

TEST_F(SealingKey, AServiceWithoutItSaysWhichKeyIsMissingAndGoesOnWhenItIsBack) {
  start(keys("key_file = 'old'\n"));
  daemon_.signal(SIGTERM);
  daemon_.wait_for_exit();

  rewrite(keys("key_file = 'new'\n"));
  daemon_.start();
  ASSERT_TRUE(eventually([&] { return daemon_.log().contains("is sealed under another key"); }))
      << daemon_.log();
  EXPECT_THAT(doctor(), HasSubstr("2 in the database are sealed under another key"));
  EXPECT_THAT(admin_get("/readyz").body, HasSubstr("webhooks.former_key_file"));

  rewrite(keys("key_file = 'new'\nformer_key_file = 'old'\n"));
  ASSERT_EQ(reload().status, 200);
  daemon_.wait_until_ready();
  // It serves before what was sealed is sealed anew.
  EXPECT_TRUE(eventually([&] {
    return doctor().contains("2 sealed under webhooks.key_file; webhooks.former_key_file");
  })) << doctor();
}

}  // namespace
}  // namespace c360::testing

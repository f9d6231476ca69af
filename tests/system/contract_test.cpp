// What the API says of itself, proved by tools that know nothing of this program: a linter of
// OpenAPI documents, and a client made from the document (tests/contract).
#include <fmt/format.h>

#include <filesystem>

#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

const std::string kContract = std::string(C360_SOURCE_DIR) + "/tests/contract/";

class Contract : public SystemTest {};

TEST_F(Contract, TheDocumentIsCleanBeforeAForeignLinter) {
  const auto linted = run_program({kContract + "lint", kDaemon});
  EXPECT_EQ(linted.exit_code, 0) << linted.output;
}

TEST_F(Contract, AClientMadeFromTheDocumentTellsTheWholeStory) {
  const auto drop = std::filesystem::path(daemon_.write("drop/.keep", "")).parent_path();
  start(config(fmt::format("[mailbox.crm]\nmaildir = '{}'\n", drop.string())));
  const std::string file = "--config=" + daemon_.config_file();
  run_program({kCommand, file, "user", "add", "--admin", "ops"});
  const auto token = Json::parse(run_program({kCommand, file, "--json", "token", "create",
                                              "--user=ops", "--name=t", "--scopes=admin"})
                                     .output);
  ASSERT_TRUE(token);
  ASSERT_TRUE(becomes("crm", "ready"));

  const auto told =
      run_program({kContract + "scenario", kDaemon},
                  {{"C360_URL", fmt::format("http://127.0.0.1:{}", daemon_.port("api"))},
                   {"C360_TOKEN", token->find("token")->as_string()}});
  EXPECT_EQ(told.exit_code, 0) << told.output;
  EXPECT_THAT(told.output, ::testing::HasSubstr("the story is told"));
}

}  // namespace
}  // namespace c360::testing

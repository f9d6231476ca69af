// New rules are measured against the directories as they are, in the running daemon.
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;

class RulesReload : public SystemTest {
 protected:
  static std::string rules(const std::string& source) {
    return "version = 1\nmailbox = 'crm'\n[[rule]]\nname = 'all'\naction = 'create'\n"
           "set.request_source_code = '" +
           source + "'\n";
  }
};

TEST_F(RulesReload, ACodeNoDirectoryHasIsRefusedWithItsPlaceUntilTheDirectoryHasIt) {
  const std::string file = daemon_.write("rules/crm.toml", rules("mail"));
  const std::string folder = file.substr(0, file.rfind('/'));
  start(config("[rules]\nfolder = '" + folder + "'\n"));

  daemon_.write("rules/crm.toml", rules("fair"));
  const auto refused = reload();

  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("request_source_code cannot be 'fair'"));
  const Json answer = refused.json();
  const auto& problem = answer.find("problems")->as_array().front();
  EXPECT_EQ(problem.find("line")->as_int64(), 6);
  EXPECT_THAT(problem.find("file")->as_string(), HasSubstr("crm.toml"));

  TempPostgres::shared().query(database_,
                               "INSERT INTO crm.request_source (code, name_ru, name_en) "
                               "VALUES ('fair', 'Ярмарка', 'Fair')");
  EXPECT_EQ(reload().status, 200);
}

}  // namespace
}  // namespace c360::testing

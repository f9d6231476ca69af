// What [mailbox.NAME] says about a drop folder, and about the first sync.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConfigMaildir : public ::testing::Test {
 protected:
  std::expected<Config, Problems> load(const std::string& text) const {
    const Surroundings surroundings{[](const std::string&) { return std::nullopt; }, {}};
    return parse_config(text, (folder_.path() / "c.toml").string(), surroundings);
  }
  std::vector<std::string> problems(const std::string& text) const {
    std::vector<std::string> texts;
    const auto config = load(text);
    if (config) return texts;
    for (const auto& problem : config.error())
      texts.push_back(problem.to_string().substr(folder_.path().string().size() + 1));
    return texts;
  }
  std::string drop(const std::string& name, const std::string& rest = {}) const {
    return "[mailbox." + name + "]\nmaildir = '" + folder_.path().string() + "'\n" + rest;
  }
  c360::testing::TempFolder folder_;
};

TEST_F(ConfigMaildir, ADropFolderNeedsNothingOfAServer) {
  const auto config = load(drop("files", "kind = 'activity'\nfirst_sync_limit = 500\n"));
  ASSERT_TRUE(config);
  const auto& box = config->mailboxes.front();
  EXPECT_EQ(box.maildir, folder_.path().string());
  EXPECT_EQ(box.kind, ingest::MailboxKind::activity);
  EXPECT_EQ(box.uri_masked, "maildir:" + folder_.path().string());
  EXPECT_FALSE(box.unseen_only);
  EXPECT_EQ(box.first_sync_limit, 500U);
}

TEST_F(ConfigMaildir, SettingsOfAServerBesideItAreMistakes) {
  EXPECT_THAT(
      problems(drop("files", "host = 'h'\nmove_to = 'Done'\n")),
      ElementsAre(HasSubstr("c.toml:3:8: mailbox.files.host: a drop folder (maildir) has no "
                            "such setting"),
                  HasSubstr("c.toml:4:11: mailbox.files.move_to")));
  EXPECT_THAT(problems("[mailbox.files]\nmaildir = 'none'\n"),
              ElementsAre(HasSubstr("there is no folder")));
}

TEST_F(ConfigMaildir, TheSameFolderTwiceIsAMistake) {
  EXPECT_THAT(problems(drop("a") + drop("b")), ElementsAre(HasSubstr("reads the same folder")));
}

TEST_F(ConfigMaildir, TheFolderOfImportsIsNobodysElse) {
  folder_.write("p", "x");
  EXPECT_THAT(problems("[mailbox.m]\nhost = 'h'\nusername = 'u'\npassword_file = 'p'\n"
                       "folders = ['(import)']\n"),
              ElementsAre(HasSubstr("the folder (import) is kept for imported mail")));
}

}  // namespace
}  // namespace c360::daemon

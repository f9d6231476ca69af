// The operator's command without a service: what it understands, prints and completes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "daemon/command/verbs.h"
#include "tests/support/daemon_process.h"
#include "tests/support/temp_folder.h"

namespace c360::daemon::command {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ExitCode run(const std::vector<std::string>& words) {
  const std::vector<std::string_view> arguments(words.begin(), words.end());
  return run_client360(arguments);
}

TEST(Verbs, EachIsSaidOnceAndInASentence) {
  std::set<std::string> seen;
  for (const Verb& verb : all_verbs()) {
    EXPECT_TRUE(seen.insert(std::string(verb.noun) + " " + std::string(verb.name)).second)
        << verb.noun << " " << verb.name;
    EXPECT_FALSE(verb.sentence.empty());
    EXPECT_NE(verb.run, nullptr);
  }
}

// Values are taken before the verb is known, so a name must mean the same everywhere.
TEST(Verbs, AnOptionTakesAValueEverywhereOrNowhere) {
  std::map<std::string_view, bool> takes_value;
  for (const Option& option : global_options()) takes_value[option.name] = !option.value.empty();
  for (const Verb& verb : all_verbs())
    for (const Option& option : verb.options) {
      const auto [known, added] = takes_value.emplace(option.name, !option.value.empty());
      EXPECT_EQ(known->second, !option.value.empty()) << option.name;
    }
}

TEST(Verbs, WhatIsNotUnderstoodEndsWithTwo) {
  EXPECT_EQ(run({}), ExitCode::usage);
  EXPECT_EQ(run({"mailbx"}), ExitCode::usage);
  EXPECT_EQ(run({"mailbox"}), ExitCode::usage);
  EXPECT_EQ(run({"mailbox", "probe"}), ExitCode::usage);
  EXPECT_EQ(run({"mailbox", "probe", "a", "b"}), ExitCode::usage);
  EXPECT_EQ(run({"--nonsense"}), ExitCode::usage);
  EXPECT_EQ(run({"reload", "--user=x"}), ExitCode::usage);
  EXPECT_EQ(run({"token", "create", "--user"}), ExitCode::usage);
  EXPECT_EQ(run({"completion", "fish"}), ExitCode::usage);
  EXPECT_EQ(run({"mail", "show", "../../x"}), ExitCode::usage);
}

TEST(Verbs, HelpAndVersionEndWithNull) {
  EXPECT_EQ(run({"--help"}), ExitCode::ok);
  EXPECT_EQ(run({"token", "create", "--help"}), ExitCode::ok);
  EXPECT_EQ(run({"--version"}), ExitCode::ok);
}

TEST(Verbs, ATokenFileIsOneSmallFile) {
  const testing::TempFolder folder;
  const std::string empty = folder.write("empty", "\n");
  for (const std::string& file : {std::string("/dev/zero"), folder.path().string(), empty})
    EXPECT_EQ(run({"mail", "show", "1", "--api-url=http://127.0.0.1:1", "--token-file=" + file}),
              ExitCode::usage)
        << file;
}

TEST(Verbs, AMissingConfigurationIsRefusedWithThree) {
  EXPECT_EQ(run({"--config=/nowhere/client360.toml", "check"}), ExitCode::configuration);
}

TEST(Verbs, RulesAreCheckedWhereTheyLie) {
  const testing::TempFolder folder;
  folder.write("crm.toml",
               "version = 1\nmailbox = 'crm'\n[[rule]]\nname = 'x'\n"
               "when.subject = '('\naction = 'create'\n");
  EXPECT_EQ(run({"rules", "check", folder.path().string()}), ExitCode::configuration);
  EXPECT_EQ(run({"rules", "check", std::string(C360_SOURCE_DIR) + "/parsers/rules"}), ExitCode::ok);
}

TEST(Table, AlignsByCharactersAndCutsTheLastColumn) {
  Table table{{"NAME", "WHAT"}, {}};
  table.add({"письмо", "a long story that does not fit"});
  table.add({"x", {"short", Tone::good}});

  EXPECT_EQ(render(table, {}),
            "NAME    WHAT\nписьмо  a long story that does not fit\nx       short\n");
  EXPECT_EQ(render(table, {.width = 20}), "NAME    WHAT\nписьмо  a long stor…\nx       short\n");
  EXPECT_THAT(render(table, {.colours = true}), HasSubstr("\033[32mshort\033[0m"));
}

TEST(Table, TextsFromOutsideCannotDriveTheTerminal) {
  Table table{{"A"}, {}};
  table.add({std::string("x\033[2Jy\nz")});
  EXPECT_THAT(render(table, {}), Not(HasSubstr("\033")));
  EXPECT_EQ(render(table, {}), "A\nx?[2Jy z\n");
}

TEST(Output, AnObjectIsShownAsIndentedLines) {
  const auto value =
      Json::parse(R"({"id":7,"rule":{"name":"price"},"tags":["a","b"],"none":null})");
  ASSERT_TRUE(value);
  EXPECT_EQ(render(*value), "id    7\nrule\n  name  price\ntags\n  - a\n  - b\nnone  -\n");
}

// What is typed into a bash on a terminal, completed by our script, and ran there; `typed` is for
// printf. The command itself only repeats its words.
std::string typed_into_bash(const testing::TempFolder& folder, const std::string& typed) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run({"completion", "bash"}), ExitCode::ok);
  const auto file = folder.write("completion", ::testing::internal::GetCapturedStdout() +
                                                   "client360() { echo \"ran:$*:\"; }\n");
  return testing::run_program({"/bin/bash", "-c",
                               "printf '" + typed +
                                   "\\nexit\\n' | script -qec 'bash --noprofile --rcfile " +
                                   file.string() + " -i' /dev/null"})
      .output;
}

TEST(Completion, CompletesVerbsOptionsAndFilesInAnInteractiveBash) {
  const testing::TempFolder folder;
  const std::string config = folder.write("only-one.toml", "").string();
  const std::string start = config.substr(0, config.size() - 6);

  EXPECT_THAT(typed_into_bash(folder, "client360 quar\\tli\\t"), HasSubstr("ran:quarantine list:"));
  EXPECT_THAT(typed_into_bash(folder, "client360 quarantine list --sta\\topen"),
              HasSubstr("ran:quarantine list --status=open:"));
  EXPECT_THAT(typed_into_bash(folder, "client360 --config=" + start + "\\tmailb\\tpr\\t"),
              HasSubstr("ran:--config=" + config + " mailbox probe:"));
  EXPECT_THAT(typed_into_bash(folder, "client360 rules test " + start + "\\t"),
              HasSubstr("ran:rules test " + config + ":"));
}

}  // namespace
}  // namespace c360::daemon::command

#include "daemon/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace c360::daemon {
namespace {

using ::testing::HasSubstr;

std::expected<CommandLine, std::string> parse(std::vector<std::string_view> arguments) {
  return parse_command_line(arguments);
}

TEST(CommandLine, WithoutArgumentsTheServiceRunsByTheUsualFile) {
  const auto line = parse({});

  ASSERT_TRUE(line);
  EXPECT_EQ(line->command, Command::run);
  EXPECT_EQ(line->config_file, "/etc/client360/client360.toml");
}

TEST(CommandLine, TakesValuesWithAndWithoutAnEqualsSign) {
  EXPECT_EQ(parse({"--config=a.toml"})->config_file, "a.toml");
  EXPECT_EQ(parse({"--config", "a.toml"})->config_file, "a.toml");
  EXPECT_EQ(parse({"--print", "ddl"})->command, Command::print_ddl);
  EXPECT_EQ(parse({"--print=openapi"})->command, Command::print_openapi);
}

TEST(CommandLine, KnowsEveryCommand) {
  EXPECT_EQ(parse({"--check-config"})->command, Command::check_config);
  EXPECT_EQ(parse({"--print=config"})->command, Command::print_config);
  EXPECT_EQ(parse({"--print=sample-config"})->command, Command::print_sample_config);
  EXPECT_EQ(parse({"--print=settings"})->command, Command::print_settings);
  EXPECT_EQ(parse({"--migrate"})->command, Command::migrate);
  EXPECT_EQ(parse({"--version"})->command, Command::version);
  EXPECT_EQ(parse({"-h"})->command, Command::help);
}

TEST(CommandLine, SaysWhatItDidNotUnderstand) {
  EXPECT_THAT(parse({"--prnt=config"}).error(), HasSubstr("--prnt=config"));
  EXPECT_THAT(parse({"--print=colours"}).error(), HasSubstr("known are config"));
  EXPECT_THAT(parse({"--config="}).error(), HasSubstr("needs the name of a file"));
  EXPECT_THAT(parse({"run"}).error(), HasSubstr("run"));
  EXPECT_THAT(parse({"--migrate", "--version"}).error(), HasSubstr("one command at a time"));
}

TEST(CommandLine, TheHelpNamesEveryExitCode) {
  for (const char* text : {"  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "SIGHUP", "--migrate"})
    EXPECT_THAT(std::string(help_text()), HasSubstr(text));
}

}  // namespace
}  // namespace c360::daemon

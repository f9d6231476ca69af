// The operator's command without a service: what it understands, prints and completes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "daemon/command/explain.h"
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
  EXPECT_EQ(run({"token", "create", "--portal=a", "--user=b", "--name=c"}), ExitCode::usage);
  EXPECT_EQ(run({"token", "create", "--portal=a"}), ExitCode::usage);
  EXPECT_EQ(run({"completion", "fish"}), ExitCode::usage);
  EXPECT_EQ(run({"mail", "show", "../../x"}), ExitCode::usage);
  EXPECT_EQ(run({"mail", "explain", "x"}), ExitCode::usage);
  EXPECT_EQ(run({"mail", "import"}), ExitCode::usage);
  EXPECT_EQ(run({"mail", "import", "--mailbox=../x", "a.eml", "b.eml"}), ExitCode::usage);
  EXPECT_EQ(run({"mail", "explain", "1", "--color=sometimes"}), ExitCode::usage);
  EXPECT_EQ(run({"quarantine", "show", "x"}), ExitCode::usage);
  EXPECT_EQ(run({"quarantine", "target", "1", "x"}), ExitCode::usage);
  EXPECT_EQ(run({"quarantine", "retry"}), ExitCode::usage);
  EXPECT_EQ(run({"job", "watch", "x"}), ExitCode::usage);
  EXPECT_EQ(run({"job", "run"}), ExitCode::usage);
  EXPECT_EQ(run({"job", "retry"}), ExitCode::usage);
  EXPECT_EQ(run({"job", "retry", "1", "--kind=x"}), ExitCode::usage);
  EXPECT_EQ(run({"quarantine", "retry", "1", "--all"}), ExitCode::usage);
  EXPECT_EQ(run({"quarantine", "retry", "1", "--reason=no_rule"}), ExitCode::usage);
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

constexpr std::string_view kExplanation = R"json({
 "mail": {"id": 7, "mailbox": "crm", "from_name": "Anna\u001b[2J", "from_address": "a@x.example",
          "date": "2025-11-10T07:15:00Z"},
 "outcome": {"code": "deal_created", "rule": "form", "rule_set": {"version": 3},
             "record": {"kind": "deal", "id": 12}},
 "text": {"subject": "Price", "body": "Company: A\u001b]0;x\nB \u202Etxt\nUsers: 50-60\n", "part": "1",
          "media_type": "text/plain", "transfer_encoding": "8bit", "charset": "utf-8",
          "charset_path": "declared"},
 "fields": [
  {"field": "company_text", "record_kind": "deal", "value": "A B", "source": "body", "part": "1",
   "prepared": {"in": "body", "begin": 9, "end": 17}, "raw_mail": {"begin": 109, "end": 117},
   "raw_mail_reason": null, "transformations": ["collapse"]},
  {"field": "users_min", "record_kind": "deal", "value": "50", "source": "derived", "part": "1",
   "prepared": {"in": "body", "begin": 32, "end": 37}, "raw_mail": null,
   "raw_mail_reason": "transfer_encoding", "transformations": ["range"]},
  {"field": "email_message", "record_kind": "deal", "value": null, "source": "body", "part": "1",
   "prepared": {"in": "body", "begin": 0, "end": 38}, "raw_mail": null,
   "raw_mail_reason": "whole_part", "transformations": []}],
 "unusable": [], "why_not": null, "reproduced": true, "notes": []})json";

TEST(Explanation, MarksTheTextByTheNumbersOfTheTable) {
  const std::string text = render_explanation(*Json::parse(kExplanation), {});

  EXPECT_THAT(text, HasSubstr("mail 7 in crm: deal_created (deal 12), rule form of rule set 3"));
  EXPECT_THAT(text, HasSubstr("Company: [1:A?]0;x\nB]"));
  EXPECT_THAT(text, HasSubstr("Users: [2:50-60]"));
  EXPECT_THAT(text, HasSubstr("transfer_encoding"));
  EXPECT_THAT(text, HasSubstr("(the whole text)"));
  EXPECT_THAT(text, Not(HasSubstr("\033"))) << "neither ours nor the mail's";
  EXPECT_THAT(text, Not(HasSubstr("\u202E")));
}

TEST(Explanation, ColoursAreOursAndEndWithTheLine) {
  std::string text = render_explanation(*Json::parse(kExplanation), {.colours = true});

  EXPECT_THAT(text, HasSubstr("Company: \033[30;42mA?]0;x\033[0m\n\033[30;42mB\033[0m"));
  for (std::size_t at = text.find('\033'); at != std::string::npos; at = text.find('\033', at + 1))
    EXPECT_THAT(text.substr(at, 6), ::testing::ContainsRegex("^.\\[[0-9;]*m?")) << at;
}

TEST(Explanation, OfAMailThatMadeNothingNamesTheNearestRules) {
  Json json = *Json::parse(kExplanation);
  json.set("why_not", *Json::parse(R"({"stage": "rules", "reason": "no_rule", "detail": "rule x",
      "would_match": "price", "nearest": [{"rule": "form", "condition": "when.subject",
      "detail": "nothing there matches x", "conditions_met": 1, "conditions": 2}]})"));

  const std::string text = render_explanation(json, {});

  EXPECT_THAT(text, HasSubstr("why it made nothing: rules: no_rule rule x"));
  EXPECT_THAT(text, HasSubstr("without that the rule price would have taken it"));
  EXPECT_THAT(text, HasSubstr("form          1/2  when.subject       nothing there matches x"));
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

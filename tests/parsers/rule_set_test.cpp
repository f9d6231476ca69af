#include "parsers/rule_set.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "daemon/base/json.h"
#include "parsers/rule_match.h"
#include "tests/support/temp_folder.h"

namespace c360::parsers {
namespace {

constexpr std::string_view kHead = "version = 1\nmailbox = 'crm'\n";
constexpr std::string_view kRule = "[[rule]]\nname = 'all'\naction = 'create'\n";

std::string problems_of(std::string text, const RuleSetOptions& options = {}) {
  auto set = RuleSet::load({{"crm.toml", std::move(text)}}, options);
  if (set) return "";
  std::string all;
  for (const FileProblem& problem : set.error()) all += problem.to_string() + "\n";
  return all;
}

std::string with_head(std::string_view rest) { return std::string(kHead) + std::string(rest); }

TEST(RuleSet, AFileWithANameOfItsOwnIsChosenByIt) {
  const std::string rule = "[[rule]]\nname = 'all'\naction = 'create'\n";
  const std::string head = "version = 1\nmailbox = 'crm'\n";
  const auto set = RuleSet::load(
      {{"crm.toml", head + rule}, {"partners.toml", head + "name = 'partners'\n" + rule}});
  ASSERT_TRUE(set) << set.error().front().to_string();

  const Message message;
  for (const std::string_view name : {"crm", "partners"})
    EXPECT_EQ(match(**set, name, message, prepare(message)).rules, name);
  EXPECT_EQ(match(**set, "others", message, prepare(message)).rule, "no-rule");
  EXPECT_EQ((*set)->files().back().rules, "partners");
  EXPECT_EQ((*set)->files().back().mailbox_kind, "crm");
  const auto again = RuleSet::from_files_json((*set)->files_json());
  ASSERT_TRUE(again);
  EXPECT_NE((*again)->find("partners"), nullptr);
}

TEST(RuleSet, TwoFilesOfOneNameAreRefused) {
  const std::string text =
      "version = 1\nmailbox = 'crm'\n[[rule]]\nname = 'a'\naction = 'create'\n";
  const auto set = RuleSet::load({{"a.toml", text}, {"b.toml", text}});
  ASSERT_FALSE(set);
  EXPECT_NE(set.error().front().to_string().find("name = '…' of their own"), std::string::npos);
  EXPECT_NE(problems_of("version = 1\nmailbox = 'crm'\nname = 'A b'\n").find("is a word of a-z"),
            std::string::npos);
}

struct BrokenFile {
  const char* text;      // behind version and mailbox: its first line is line 3
  const char* position;  // "line:column"
  const char* says;
};

TEST(RuleSet, EveryMistakeIsReportedWithItsPlaceAndWhatToDo) {
  const BrokenFile files[] = {
      {"[[rule]]\nname = 'a'\naction = 'make_deal'\n", "5:10", "unknown action 'make_deal'"},
      {"[[rule]]\nname = 'a'\naktion = 'create'\n", "5:1", "unknown key 'aktion'"},
      {"[[rule]]\nname = 'a'\n", "3:1", "needs an action"},
      {"[[rule]]\naction = 'create'\n", "3:1", "a rule needs a name"},
      {"[[rule]]\nname = 'Имя'\naction = 'create'\n", "4:8", "a rule needs a name"},
      {"[[rule]]\nname = 'bounce'\naction = 'ignore'\n", "4:8", "is the program's own"},
      {"[[rule]]\nname = 'a'\nwhen.subject = 'x'\naction = 'create'\n[[rule]]\nname = 'a'\naction "
       "= 'create'\n",
       "8:8", "two rules named 'a'"},
      {"[[rule]]\nname = 'a'\naction = 'create'\n[[rule]]\nname = 'b'\naction = 'ignore'\n", "6:1",
       "never reached"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nwhen.subject = 'при(вет'\n", "6:17",
       "missing ): при(вет"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nwhen.subject = 'цена(?!за)'\n", "6:21",
       "do not exist in RE2"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nwhen.body = '(a)b\\1'\n", "6:18",
       "Back-references do not exist"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nwhen.subject = '(?<key>a)'\n", "6:17",
       "(?P<name>"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nwhen.subjekt = 'x'\n", "6:6",
       "unknown key 'subjekt'"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nwhen.bounce = 'yes'\n", "6:15",
       "must be true or false"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nwhen.any = [{}]\n", "6:13",
       "a group without conditions"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nwhen.any = []\n", "6:12", "is empty"},
      {"[[rule]]\nname = 'a'\naction = 'quarantine'\nreason = 'odd'\n", "6:10",
       "quarantine needs a reason"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nreason = 'no_rule'\n", "6:10",
       "only quarantine has a reason"},
      {"[[rule]]\nname = 'a'\naction = 'add_activity'\nwhen.subject = 'x'\n", "3:1",
       "needs a target"},
      {"[[rule]]\nname = 'a'\naction = 'add_activity'\nwhen.subject = 'Сделка [0-9]+'\ntarget = { "
       "kind = 'deal', number = 'subject' }\n",
       "7:36", "when.subject has no group '1'"},
      {"[[rule]]\nname = 'a'\naction = 'add_activity'\nwhen.subject = '(x)'\ntarget = { kind = "
       "'deal', number = 'subject.key' }\n",
       "7:36", "when.subject has no group 'key'"},
      {"[[rule]]\nname = 'a'\naction = 'add_activity'\ntarget = { kind = 'deal', number = "
       "'subject' "
       "}\n",
       "6:10", "the rule needs when.subject"},
      {"[[rule]]\nname = 'a'\naction = 'add_activity'\nwhen.subject = '(x)'\ntarget = { number = "
       "'subject' }\n",
       "7:10", "exactly one of kind, alias, word"},
      {"[[rule]]\nname = 'a'\naction = 'ignore'\nset.name = 'x'\n", "3:1", "makes no record"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nform = 'website'\n", "6:8", "no [form.website]"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { label = 'А(Б' }\n", "6:28",
       "a label is plain text"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { label = 'А|' }\n", "6:26",
       "must not be empty"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { match = 'abc' }\n", "6:26",
       "has no group"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { match = '(a)', in = 'foot' }\n",
       "6:38", "must be 'body', 'subject' or 'header NAME'"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { steps = ['lower'] }\n", "6:16",
       "exactly one of label, match, from"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { label = 'A', steps = ['low'] }\n",
       "6:40", "unknown step 'low'"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { label = 'A', separator = '=' }\n",
       "6:43", "may hold : - – — only"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.'a b' = { label = 'A' }\n", "6:9",
       "is no field name"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { label = 'A', until = 'B' }\n",
       "6:39", "needs lines = true"},
      {"[[rule]]\nname = 'a'\naction = 'create'\nset.amount = 1.5\n", "6:14",
       "must be a string, a whole number, true or false"},
      {"[[subject]]\ncontains = 'x'\n[[rule]]\nname = 'a'\naction = 'create'\n", "3:1",
       "needs a category"},
      {"[[subject]]\ncategory = 'price'\ncontains = ['']\n[[rule]]\nname = 'a'\naction = "
       "'create'\n",
       "5:13", "an empty phrase"},
      {"without = ['bounces']\n[[rule]]\nname = 'a'\naction = 'create'\n", "3:12",
       "is no built-in rule"},
      {"name = 'x\n", "3:", ""},
      {"[[rule]]\nname = 'a'\nname = 'b'\n", "5:", ""},
      {"when = 2026-01-01\n", "3:8", "dates and times are not used"},
  };
  for (const BrokenFile& file : files) {
    const std::string problems = problems_of(with_head(file.text));
    EXPECT_TRUE(problems.contains("crm.toml:" + std::string(file.position)) &&
                problems.contains(file.says))
        << file.text << "--\nexpected " << file.position << " " << file.says << "\ngot\n"
        << problems;
  }
}

TEST(RuleSet, AllMistakesOfAllFilesAreReportedAtOnce) {
  auto set = RuleSet::load({{"b.toml", "version = 'x'\nmailbox = 'b'\n"},
                            {"a.toml",
                             "mailbox = 'A B'\n[[rule]]\nname = 'r'\naction = 'x'\nwhen."
                             "subject = '('\n"}});

  ASSERT_FALSE(set);
  std::vector<std::string> places;
  for (const FileProblem& problem : set.error())
    places.push_back(problem.file + ":" + std::to_string(problem.position.line));
  EXPECT_EQ(places, (std::vector<std::string>{"a.toml:1", "a.toml:1", "a.toml:2", "a.toml:4",
                                              "a.toml:5", "b.toml:1", "b.toml:1"}));
}

TEST(RuleSet, AFileWithoutVersionOrMailboxIsRefused) {
  EXPECT_TRUE(problems_of(std::string(kRule)).contains("'version' is missing"));
  EXPECT_TRUE(problems_of(std::string(kRule)).contains("'mailbox' is missing"));
  EXPECT_TRUE(problems_of(std::string(kHead)).contains("'rule' is missing"));
}

TEST(RuleSet, OneMailboxHasOneFile) {
  const std::string text = with_head(kRule);

  auto set = RuleSet::load({{"a.toml", text}, {"b.toml", text}});

  ASSERT_FALSE(set);
  EXPECT_TRUE(set.error()[0].to_string().contains("b.toml:1:1: mailbox 'crm' already has"));
}

TEST(RuleSet, AnEmptyFolderIsNoRuleSet) {
  EXPECT_FALSE(RuleSet::load({}));
  EXPECT_FALSE(RuleSet::load_folder("/nonexistent/rules"));
}

TEST(RuleSet, SaysWhichValuesItsFilesStateThemselvesAndWhere) {
  const auto set = RuleSet::load({{"crm.toml",
                                   "version = 1\nmailbox = 'crm'\n"
                                   "[[subject]]\ncategory = 'price'\ncontains = ['Цена']\n"
                                   "[[rule]]\nname = 'a'\naction = 'create_deal'\n"
                                   "set.request_source_code = 'fair'\n"
                                   "set.'contact.position' = 'CEO'\n"}});
  ASSERT_TRUE(set);

  std::vector<std::string> stated;
  for (const StatedValue& value : (*set)->stated_values())
    stated.push_back(value.kind + "." + value.field + "=" + value.value + " at " + value.file +
                     ":" + std::to_string(value.position.line));

  EXPECT_EQ(stated, (std::vector<std::string>{"deal.request_category_code=price at crm.toml:4",
                                              "contact.position=CEO at crm.toml:10",
                                              "deal.request_source_code=fair at crm.toml:9"}));
}

TEST(RuleSet, FieldsAreCheckedByWhoeverKnowsThem) {
  RuleSetOptions options;
  options.known_field = [](std::string_view kind, std::string_view field) {
    return (kind == "deal" && (field == "name" || field == "request_category_code")) ||
           (kind == "lead" && field == "name") || (kind == "contact" && field == "phone");
  };
  options.known_value = [](std::string_view, std::string_view field, std::string_view value) {
    return field != "request_category_code" || value == "price";
  };
  const auto problems = [&](const std::string& action, const std::string& lines) {
    return problems_of(with_head("[[rule]]\nname = 'a'\naction = '" + action + "'\n" + lines),
                       options);
  };

  EXPECT_EQ(problems("create",
                     "extract.name = { label = 'A' }\nextract.contact.phone = { label = "
                     "'B' }\nextract.form.odd = { label = 'C' }\nextract.inn = { label = "
                     "'D' }\n"),
            "");
  EXPECT_TRUE(problems("create", "extract.nam = { label = 'A' }\n")
                  .contains("crm.toml:6:9: a deal has no field 'nam'"));
  EXPECT_TRUE(problems("create", "set.request_category_code = 'price'\n")
                  .contains("6:5: a lead has no field"));
  EXPECT_EQ(problems("create_deal", "set.request_category_code = 'price'\n"), "");
  EXPECT_TRUE(problems("create_deal", "set.request_category_code = 'prize'\n")
                  .contains("6:29: 'prize' cannot be a value of deal request_category_code"));
  EXPECT_TRUE(problems("create", "extract.'contact.fax' = { label = 'A' }\n")
                  .contains("a contact has no field 'fax'"));
}

TEST(RuleSet, AnExampleThatFailsRefusesTheSet) {
  const auto problems = [](const std::string& example) {
    return problems_of(
        with_head("[[subject]]\ncategory = 'price'\ncontains = 'цена'\n"
                  "[[rule]]\nname = 'a'\nwhen.subject = 'цена'\naction = 'create'\n"
                  "extract.company_text = { label = 'Компания' }\n"
                  "[[rule.example]]\nsubject = 'цена'\n" +
                  example));
  };

  EXPECT_EQ(problems("text = 'Компания: А'\nexpect = { company_text = 'А' }\n"), "");
  EXPECT_TRUE(problems("text = 'Компания: А'\nexpect = { company_text = 'Б' }\n")
                  .contains("crm.toml:11:1: the example of rule 'a' fails: company_text is 'А', "
                            "expected 'Б'"));
  EXPECT_TRUE(problems("text = 'x'\nexpect = { company_text = 'Б' }\n").contains("there is no"));
  EXPECT_TRUE(
      problems("text = 'Компания: А'\nabsent = 'company_text'\n").contains("expected none"));
  EXPECT_TRUE(problems("text = 'x'\naction = 'create_lead'\n").contains("action is 'create_deal'"));
  EXPECT_TRUE(problems("text = 'x'\ncategory = 'consult'\n").contains("category is 'price'"));
  EXPECT_TRUE(problems("text = 'x'\nrule = 'no-rule'\n").contains("rule 'a' decides"));
  EXPECT_TRUE(problems("text = 'x'\nrule = 'b'\n").contains("there is no rule 'b'"));
  EXPECT_TRUE(problems("auto_reply = true\n").contains("rule 'auto-reply' decides"));
  EXPECT_TRUE(problems("mail = 'x.eml'\n").contains("not both"));
  EXPECT_TRUE(problems("mail = '../x.eml'\n").contains("plain name"));
}

TEST(RuleSet, AnExampleMayBeAMailBesideTheRules) {
  const std::string rules = with_head(
      "[[rule]]\nname = 'a'\naction = 'create'\nextract.company_text = { label = "
      "'Company' }\n[[rule.example]]\nmail = 'a.eml'\nexpect = { company_text = 'Acme' }\n");
  const std::string mail = "From: a@b.example\r\nSubject: x\r\n\r\nCompany: Acme\r\n";

  EXPECT_TRUE(RuleSet::load({{"crm.toml", rules}, {"examples/a.eml", mail}}));
  auto missing = RuleSet::load({{"crm.toml", rules}});
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error()[0].detail.contains("there is no file 'examples/a.eml'"));
}

TEST(RuleSet, AFolderIsReadWithItsExamplesAndWithoutEditorsLeftovers) {
  const testing::TempFolder folder;
  std::filesystem::create_directory(folder.path() / "examples");
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder.path() / name, std::ios::binary) << text;
  };
  write("crm.toml", with_head("[[rule]]\nname = 'a'\naction = 'create'\nextract.company_text = { "
                              "label = 'Company' }\n[[rule.example]]\nmail = 'a.eml'\nexpect = { "
                              "company_text = 'Acme' }\n"));
  write("examples/a.eml", "Subject: x\n\nCompany: Acme\n");
  write(".crm.toml.swp.toml", "broken");
  write("crm.toml~", "broken");

  auto set = RuleSet::load_folder(folder.path().string());

  ASSERT_TRUE(set) << set.error()[0].to_string();
  EXPECT_EQ((*set)->example_count(), 1U);
  EXPECT_EQ((*set)->files().size(), 1U);
}

TEST(RuleSet, TheDigestNamesTheFilesAndTheirText) {
  const std::string text = with_head(kRule);
  const auto digest = [](std::vector<RuleSource> sources) {
    return (*RuleSet::load(std::move(sources)))->sha256();
  };

  EXPECT_EQ(digest({{"crm.toml", text}}), digest({{"crm.toml", text}}));
  EXPECT_NE(digest({{"crm.toml", text}}), digest({{"crm2.toml", text}}));
  EXPECT_NE(digest({{"crm.toml", text}}), digest({{"crm.toml", text + "\n"}}));
  EXPECT_NE(digest({{"crm.toml", text}}), digest({{"crm.toml", text}, {"examples/a.eml", ""}}));
}

TEST(RuleSet, TheSummaryListsRulesInTheOrderTheyAreTried) {
  auto set = RuleSet::load({{"crm.toml",
                             "version = 3\nmailbox = 'crm'\nwithout = ['bounce']\n"
                             "[[rule]]\nname = 'off'\nenabled = false\naction = "
                             "'ignore'\n[[rule]]\nname = 'all'\naction = 'create'\n"}});

  ASSERT_TRUE(set) << set.error()[0].to_string();
  std::vector<std::string> names;
  for (const RuleSummary& rule : (*set)->rules()) names.push_back(rule.name + " " + rule.action);
  EXPECT_EQ(names, (std::vector<std::string>{"auto-reply ignore", "mailing-list ignore",
                                             "own-address ignore", "all create"}));
  EXPECT_EQ((*set)->version(), 3);
  EXPECT_NE((*set)->find("crm"), nullptr);
  EXPECT_EQ((*set)->find("support"), nullptr);
  const auto json = Json::parse((*set)->files_json());
  ASSERT_TRUE(json);
  EXPECT_EQ(json->as_array()[0].find("name")->as_string(), "crm.toml");
  const auto again =
      RuleSet::load({{"crm.toml", std::string(json->as_array()[0].find("text")->as_string())}});
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->sha256(), (*set)->sha256());
}

// -- limits --------------------------------------------------------------------------------------

TEST(RuleSetLimits, TooManyRulesAreRefused) {
  std::string text = with_head("");
  const RuleSetOptions options{.limits = {.rules = 20}};
  for (int i = 0; i < 20; ++i)
    text +=
        "[[rule]]\nname = 'r" + std::to_string(i) + "'\nwhen.subject = 'x'\naction = 'ignore'\n";
  EXPECT_EQ(problems_of(text, options), "");

  text += std::string(kRule);

  EXPECT_TRUE(problems_of(text, options).contains("crm.toml:83:1: more than 20 rules in the set"));
}

TEST(RuleSetLimits, ALongPatternIsRefused) {
  const auto rule = [](std::size_t length) {
    return with_head("[[rule]]\nname = 'a'\nwhen.subject = '" + std::string(length, 'x') +
                     "'\naction = 'ignore'\n");
  };
  const RuleSetOptions options{.limits = {.pattern_bytes = 100}};

  EXPECT_EQ(problems_of(rule(100), options), "");
  EXPECT_TRUE(problems_of(rule(101), options).contains("5:16: when.subject of rule 'a' has 101"));
}

TEST(RuleSetLimits, APatternThatNeedsTooMuchMemoryIsRefused) {
  const RuleSetOptions options{.limits = {.pattern_memory = 64U << 10U}};

  const std::string problems =
      problems_of(with_head("[[rule]]\nname = 'a'\nwhen.subject = '((\\pL{50}){20})'\naction = "
                            "'ignore'\n"),
                  options);

  EXPECT_TRUE(problems.contains("pattern too large")) << problems;
}

TEST(RuleSetLimits, LargeAndManyFilesAreRefused) {
  const RuleSetOptions small{.limits = {.file_bytes = 100}};
  EXPECT_TRUE(problems_of(with_head(kRule) + "#" + std::string(100, 'x'), small)
                  .contains("the limit is 100"));

  const RuleSetOptions few{.limits = {.files = 1}};
  auto set = RuleSet::load({{"a.toml", with_head(kRule)},
                            {"b.toml", "version = 1\nmailbox = 'b'\n" + std::string(kRule)}},
                           few);
  ASSERT_FALSE(set);
  EXPECT_TRUE(set.error()[0].detail.contains("more than 1 rule files"));
}

TEST(RuleSetLimits, TooManyLabelsAreRefused) {
  const RuleSetOptions options{.limits = {.labels = 2}};
  const auto rule = [](std::string_view labels) {
    return with_head("[[rule]]\nname = 'a'\naction = 'create'\nextract.name = { label = '" +
                     std::string(labels) + "' }\n");
  };

  EXPECT_EQ(problems_of(rule("A|B"), options), "");
  EXPECT_TRUE(problems_of(rule("A|B|C"), options).contains("more than 2 labels"));
}

TEST(RuleSetLimits, TwoThousandRulesAreLoadedAndTheRightOneIsFound) {
  std::string text = with_head("");
  for (int i = 0; i < 2000; ++i)
    text += "[[rule]]\nname = 'r" + std::to_string(i) + "'\nwhen.subject = '(?i)тема " +
            std::to_string(i) + "(?:[^0-9]|$)'\naction = 'create'\n";

  auto set = RuleSet::load({{"crm.toml", text}});

  ASSERT_TRUE(set) << set.error()[0].to_string();
  Message message;
  message.subject = "Новая Тема 1777!";
  message.body.text = "x";
  EXPECT_EQ(match(**set, "crm", message, prepare(message)).rule, "r1777");
  message.subject = "Новая Тема";
  EXPECT_EQ(match(**set, "crm", message, prepare(message)).rule, "no-rule");
}

}  // namespace
}  // namespace c360::parsers

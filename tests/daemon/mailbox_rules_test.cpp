// `rules` of a mailbox against the rule files there are.
#include "daemon/rules.h"

#include <gmock/gmock.h>

namespace c360::daemon {
namespace {

using ::testing::HasSubstr;

std::string problem_of(ingest::MailboxKind kind, const std::string& rules) {
  Config config;
  config.file = "client360.toml";
  ingest::MailboxSettings box;
  box.code = "partners";
  box.kind = kind;
  box.rules = rules;
  config.mailboxes.push_back(std::move(box));
  const auto set = load_rules(config);
  return set ? "" : set.error().front().to_string();
}

TEST(MailboxRules, MayBeThoseOfItsKindOrOfAFileOfItsKind) {
  EXPECT_EQ(problem_of(ingest::MailboxKind::crm, ""), "");
  EXPECT_EQ(problem_of(ingest::MailboxKind::support, "support"), "");
}

TEST(MailboxRules, OfAnotherKindOrOfNoFileAreRefusedWithWhatThereIs) {
  EXPECT_THAT(problem_of(ingest::MailboxKind::crm, "support"),
              HasSubstr("mailbox.partners.rules: support.toml is for mailboxes of kind support, "
                        "this one is crm"));
  EXPECT_THAT(problem_of(ingest::MailboxKind::crm, "partner"),
              HasSubstr("no rule file has name = 'partner'; there are activity, crm, support"));
}

}  // namespace
}  // namespace c360::daemon

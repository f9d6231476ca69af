// Rule files, read, checked and compiled once: what each mailbox kind does with which mail.
//
// A file is TOML (style.md 9, parsers/rules/README.md); it belongs to one mailbox kind, of which a
// file with a name of its own serves the mailboxes that choose it, and its rules are tried from top
// to bottom, the first whose conditions all hold decides. A set is checked whole: every mistake of
// every file is reported with line and column, every example of every rule must give what it
// promises. A set with one mistake does not exist.
//
// A RuleSet never changes after load and is shared by all threads.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/digest.h"
#include "daemon/base/error.h"
#include "daemon/base/toml.h"

namespace c360::parsers {

// Bounds of what a rule set may cost.
struct RuleLimits {
  std::size_t files = 100;
  std::size_t file_bytes = std::size_t{4} << 20U;      // of one rule file or one example
  std::size_t rules = 2000;                            // of the whole set
  std::size_t pattern_bytes = 4096;                    // of one pattern
  std::size_t pattern_memory = std::size_t{8} << 20U;  // RE2 max_mem of one pattern
  std::size_t labels = 1000;                           // of one file
};

// One file of a set, or one example mail ("examples/NAME.eml").
struct RuleSource {
  std::string name;  // relative to the rules folder
  std::string text;
};

struct RuleSetOptions {
  // Whether records of `kind` ("deal", "lead", "contact", "activity") have `field`. Unset: every
  // field is known. parsers does not see the registry, so its owner answers.
  std::function<bool(std::string_view kind, std::string_view field)> known_field;
  // Whether `value` may be stored there (`set.…`, `[[subject]] category`). Unset: every value may.
  std::function<bool(std::string_view kind, std::string_view field, std::string_view value)>
      known_value;
  RuleLimits limits;
  // Off for a set that was checked when it was new and whose example mails are not kept.
  bool run_examples = true;
};

// What a mail becomes. `create` in a file means the mailbox's target: create_deal or create_lead.
enum class RuleAction : std::uint8_t {
  create_deal,
  create_lead,
  add_activity,
  create_support,
  add_comment,
  ignore,
  quarantine,
};
std::string_view to_string(RuleAction action);
std::optional<RuleAction> action_from(std::string_view name);

// What a set says of one of its rules (ops.parse_rule).
struct RuleSummary {
  std::string rules;  // name of its file's rules
  std::string mailbox_kind;
  std::string name;
  std::string action;     // as written: "create" where the mailbox's target decides
  int priority = 0;       // position in its file, from 1
  bool built_in = false;  // auto-reply, bounce, mailing-list, own-address
  std::string file;
  TomlPosition position;
};

// A value a file states itself (`set.…`, `[[subject]] category`): whether there is such a code may
// change while the set is in use, so the owner of the directories can ask again at any time.
struct StatedValue {
  std::string kind;   // of the record: "deal"
  std::string field;  // "request_category_code"
  std::string value;
  std::string file;
  TomlPosition position;
};

// What a set says of one of its files.
struct RuleFileSummary {
  std::string name;
  std::string rules;  // what `rules` of a mailbox says: `name = …` of the file, else its kind
  std::string mailbox_kind;
  std::int64_t version = 0;  // `version = …` of the file
  Sha256 sha256{};
  std::string text;  // as it was read
};

struct CompiledRules;  // rule_compiled.h: one mailbox kind

class RuleSet {
 public:
  // Every *.toml of `folder`, in the order of their names, with their examples from
  // `folder`/examples.
  static std::expected<std::shared_ptr<const RuleSet>, std::vector<FileProblem>> load_folder(
      const std::string& folder, const RuleSetOptions& options = {});
  static std::expected<std::shared_ptr<const RuleSet>, std::vector<FileProblem>> load(
      std::vector<RuleSource> sources, const RuleSetOptions& options = {});

  // One digest of all files, their names and their examples: equal sets have equal digests.
  const Sha256& sha256() const { return sha256_; }
  // The highest file version: for people. Identity is the digest.
  std::int64_t version() const { return version_; }
  const std::vector<RuleFileSummary>& files() const { return files_; }
  const std::vector<RuleSummary>& rules() const { return rules_; }
  const std::vector<StatedValue>& stated_values() const { return stated_values_; }
  std::size_t example_count() const { return example_count_; }
  // [{"name", "rules", "mailbox_kind", "version", "sha256", "text"}, …]: what it takes to decide
  // again what this set decided.
  std::string files_json() const;
  // A set made from its files_json(), without examples. Its digest is another when the set had
  // example mails. invalid_request, with the first mistake, for what this program cannot use.
  static Result<std::shared_ptr<const RuleSet>> from_files_json(std::string_view files_json);

  // By RuleFileSummary::rules; nullptr when no file has that name. Alive as long as the set.
  const CompiledRules* find(std::string_view rules) const;

  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

 private:
  RuleSet();
  Sha256 sha256_{};
  std::int64_t version_ = 0;
  std::size_t example_count_ = 0;
  std::vector<RuleFileSummary> files_;
  std::vector<RuleSummary> rules_;
  std::vector<StatedValue> stated_values_;
  std::vector<std::unique_ptr<const CompiledRules>> compiled_;
};

}  // namespace c360::parsers

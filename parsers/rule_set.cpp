#include "parsers/rule_set.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "parsers/mime_reader.h"
#include "parsers/rule_compiled.h"
#include "parsers/rule_match.h"
#include "parsers/rule_reader.h"

namespace c360::parsers {

namespace {

constexpr std::array<std::string_view, 7> kActionNames = {
    "create_deal", "create_lead", "add_activity", "create_support",
    "add_comment", "ignore",      "quarantine"};
constexpr std::string_view kExamples = "examples/";

// One digest over names and contents, each with its length in front: no two sets read alike.
Sha256 digest_of(const std::vector<RuleSource>& sources) {
  Sha256Stream stream;
  for (const RuleSource& source : sources) {
    for (const std::string* text : {&source.name, &source.text}) {
      stream.update(std::to_string(text->size()) + ":");
      stream.update(*text);
    }
  }
  return stream.finish();
}

class ExampleCheck {
 public:
  ExampleCheck(const RuleSet& set, const CompiledRules& rules,
               const std::vector<RuleSource>& sources, std::vector<FileProblem>& problems)
      : set_(set), rules_(rules), sources_(sources), problems_(problems) {}

  void run(const RuleExample& example) {
    example_ = &example;
    Message message = example.message;
    if (!example.mail.empty() && !read_mail_of(example, message)) return;
    MatchOptions options;
    options.own_addresses = example.own_addresses;
    options.trace = true;
    compare(match(set_, rules_.name, message, prepare(message), options));
  }

 private:
  void fail(const std::string& detail) {
    problems_.push_back({rules_.file, example_->position,
                         "the example of rule '" + example_->rule + "' fails: " + detail});
  }

  bool read_mail_of(const RuleExample& example, Message& message) {
    const std::string name = std::string(kExamples) + example.mail;
    const auto source = std::ranges::find(sources_, name, &RuleSource::name);
    if (source == sources_.end()) {
      fail("there is no file '" + name + "' beside the rules");
      return false;
    }
    MimeOptions options;
    options.detect_types = false;
    message = read_mail(source->text, options).take_message();
    return true;
  }

  void compare(const Extraction& got) {
    if (got.rule != example_->rule) {
      fail("rule '" + got.rule + "' decides" + why_not(got));
      return;
    }
    expect("action", example_->action, std::string(to_string(got.action)));
    expect("reason", example_->reason, got.reason);
    expect("category", example_->category, got.subject_category);
    const TargetReference target = got.target.value_or(TargetReference{});
    expect("target.kind", example_->target_kind, target.kind);
    expect("target.alias", example_->target_alias, target.alias);
    expect("target.value", example_->target_value, target.value);
    for (const auto& [field, wanted] : example_->expected) {
      const ExtractedValue* value = got.find(field);
      if (value == nullptr) {
        std::string detail = "there is no ";
        detail.append(field).append(", expected '").append(wanted).append("'");
        fail(detail);
      } else {
        expect(field, wanted, value->value);
      }
    }
    for (const std::string& field : example_->absent)
      if (got.find(field) != nullptr)
        fail(field + " is '" + std::string(got.value(field)) + "', expected none");
  }

  std::string why_not(const Extraction& got) const {
    for (const RuleTrace& trace : got.trace) {
      if (trace.rule != example_->rule) continue;
      if (trace.matched) return " (it stands above)";
      return "; here " + trace.condition + " does not hold: " + trace.detail;
    }
    return "";
  }

  void expect(std::string_view what, const std::optional<std::string>& wanted,
              const std::string& found) {
    if (!wanted || *wanted == found) return;
    fail(std::string(what) + " is '" + found + "', expected '" + *wanted + "'");
  }

  const RuleSet& set_;
  const CompiledRules& rules_;
  const std::vector<RuleSource>& sources_;
  std::vector<FileProblem>& problems_;
  const RuleExample* example_ = nullptr;
};

std::vector<RuleSummary> summaries(const CompiledRules& compiled) {
  std::vector<RuleSummary> rows;
  int priority = 0;
  for (const Rule& rule : compiled.rules) {
    RuleSummary row;
    row.rules = compiled.name;
    row.mailbox_kind = compiled.mailbox_kind;
    row.name = rule.name;
    row.action = rule.creates ? "create" : std::string(to_string(rule.action));
    row.priority = ++priority;
    row.built_in = rule.built_in;
    row.file = compiled.file;
    row.position = rule.position;
    rows.push_back(std::move(row));
  }
  return rows;
}

void order_problems(std::vector<FileProblem>& problems) {
  const auto key = [](const FileProblem& problem) {
    return std::tuple(std::string_view(problem.file), problem.position.line,
                      problem.position.column, std::string_view(problem.detail));
  };
  std::ranges::sort(problems, {}, key);
  // Two readings of one form may report the same mistake.
  const auto same = [&](const FileProblem& a, const FileProblem& b) { return key(a) == key(b); };
  const auto repeated = std::ranges::unique(problems, same);
  problems.erase(repeated.begin(), repeated.end());
}

// -- the folder --------------------------------------------------------------------------------

class FolderReader {
 public:
  FolderReader(std::string folder, const RuleLimits& limits, std::vector<FileProblem>& problems)
      : folder_(std::move(folder)), limits_(limits), problems_(problems) {}

  std::vector<RuleSource> read() {
    read_all(folder_, "", ".toml", limits_.files);
    const std::string examples = folder_ + "/" + std::string(kExamples);
    std::error_code error;
    if (std::filesystem::is_directory(examples, error))
      read_all(examples, std::string(kExamples), ".eml", limits_.files * 100);
    return std::move(sources_);
  }

 private:
  void read_all(const std::string& folder, const std::string& prefix, std::string_view suffix,
                std::size_t limit) {
    std::error_code error;
    std::set<std::string> names;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      // Editors leave hidden files behind.
      if (!name.ends_with(suffix) || name.starts_with('.')) continue;
      // A pipe of that name would be waited for.
      std::error_code unknown;
      if (!entry->is_regular_file(unknown)) {
        problems_.push_back({prefix + name, {}, "is not a regular file"});
        continue;
      }
      names.insert(name);
    }
    if (error) {
      problems_.push_back({folder, {}, "cannot read the rules folder: " + error.message()});
      return;
    }
    if (names.size() > limit) {
      problems_.push_back({folder,
                           {},
                           "has " + std::to_string(names.size()) + " files, the limit is " +
                               std::to_string(limit)});
      return;
    }
    for (const std::string& name : names) {
      std::string path = folder;
      path.append("/").append(name);
      read_file(path, prefix + name);
    }
  }

  void read_file(const std::string& path, const std::string& name) {
    std::ifstream file(path, std::ios::binary);
    std::string text(limits_.file_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
    if (!file.eof() && !(file.good() && text.size() > limits_.file_bytes)) {
      problems_.push_back({name, {}, "cannot be read"});
      return;
    }
    if (text.size() > limits_.file_bytes) {
      problems_.push_back(
          {name, {}, "is over the limit of " + std::to_string(limits_.file_bytes) + " bytes"});
      return;
    }
    sources_.push_back({name, std::move(text)});
  }

  std::string folder_;
  const RuleLimits& limits_;
  std::vector<FileProblem>& problems_;
  std::vector<RuleSource> sources_;
};

}  // namespace

std::string_view to_string(RuleAction action) {
  return kActionNames[static_cast<std::size_t>(action)];
}

std::optional<RuleAction> action_from(std::string_view name) {
  const auto found = std::ranges::find(kActionNames, name);
  if (found == kActionNames.end()) return std::nullopt;
  return static_cast<RuleAction>(found - kActionNames.begin());
}

RuleSet::RuleSet() = default;
RuleSet::~RuleSet() = default;

const CompiledRules* RuleSet::find(std::string_view rules) const {
  for (const auto& one : compiled_)
    if (one->name == rules) return one.get();
  return nullptr;
}

std::string RuleSet::files_json() const {
  JsonWriter json;
  json.begin_array();
  for (const RuleFileSummary& file : files_) {
    json.begin_object()
        .member("name", file.name)
        .member("rules", file.rules)
        .member("mailbox_kind", file.mailbox_kind)
        .member("version", file.version)
        .member("sha256", to_hex(file.sha256))
        .member("text", file.text)
        .end_object();
  }
  json.end_array();
  return json.take();
}

std::expected<std::shared_ptr<const RuleSet>, std::vector<FileProblem>> RuleSet::load(
    std::vector<RuleSource> sources, const RuleSetOptions& options) {
  std::vector<FileProblem> problems;
  std::ranges::sort(sources, {}, &RuleSource::name);
  std::vector<std::unique_ptr<CompiledRules>> compiled;
  std::size_t rule_budget = options.limits.rules;
  std::size_t files = 0;
  for (const RuleSource& source : sources) {
    if (source.name.starts_with(kExamples)) continue;
    if (++files > options.limits.files) {
      problems.push_back(
          {source.name, {}, "more than " + std::to_string(options.limits.files) + " rule files"});
      break;
    }
    auto rules = read_rules(source, options, rule_budget, problems);
    if (!rules) continue;
    const auto other = std::ranges::find(
        compiled, rules->name, [](const auto& one) { return std::string_view(one->name); });
    if (other != compiled.end())
      problems.push_back({source.name,
                          {1, 1},
                          "mailbox '" + rules->name + "' already has its rules in " +
                              (*other)->file +
                              "; rules for some mailboxes only need a name = '…' of their own"});
    compiled.push_back(std::move(rules));
  }
  if (files == 0) problems.push_back({"rules", {}, "there is no rule file (*.toml)"});

  std::shared_ptr<RuleSet> set(new RuleSet());
  set->sha256_ = digest_of(sources);
  for (auto& rules : compiled) set->version_ = std::max(set->version_, rules->version);
  for (auto& rules : compiled) {
    rules->set_sha256 = set->sha256_;
    rules->set_version = set->version_;
    const auto source = std::ranges::find(sources, rules->file, &RuleSource::name);
    set->files_.push_back({rules->file, rules->name, rules->mailbox_kind, rules->version,
                           c360::sha256(source->text), source->text});
    for (RuleSummary& row : summaries(*rules)) set->rules_.push_back(std::move(row));
    std::ranges::copy(rules->stated_values, std::back_inserter(set->stated_values_));
    set->compiled_.push_back(std::move(rules));
  }
  for (const auto& rules : set->compiled_) {
    set->example_count_ += rules->examples.size();
    if (!options.run_examples) continue;
    for (const RuleExample& example : rules->examples)
      ExampleCheck(*set, *rules, sources, problems).run(example);
  }
  if (problems.empty()) return set;
  order_problems(problems);
  return std::unexpected(std::move(problems));
}

Result<std::shared_ptr<const RuleSet>> RuleSet::from_files_json(std::string_view files_json) {
  const auto files = Json::parse(files_json);
  if (!files) return std::unexpected(files.error());
  std::vector<RuleSource> sources;
  if (files->is_array())
    for (const Json& file : files->as_array()) {
      const Json* name = file.find("name");
      const Json* text = file.find("text");
      if (name != nullptr && text != nullptr && name->is_string() && text->is_string())
        sources.push_back({name->as_string(), text->as_string()});
    }
  auto set = load(std::move(sources), {.run_examples = false});
  if (set) return std::move(*set);
  return fail(ErrorCode::invalid_request,
              "this program cannot use the rule set: " + set.error().front().to_string());
}

std::expected<std::shared_ptr<const RuleSet>, std::vector<FileProblem>> RuleSet::load_folder(
    const std::string& folder, const RuleSetOptions& options) {
  std::vector<FileProblem> problems;
  std::vector<RuleSource> sources = FolderReader(folder, options.limits, problems).read();
  if (!problems.empty()) return std::unexpected(std::move(problems));
  auto set = load(std::move(sources), options);
  if (!set)
    for (FileProblem& problem : set.error())
      if (problem.file == "rules") problem.file = folder;
  return set;
}

}  // namespace c360::parsers

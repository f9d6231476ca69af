#include <array>
#include <utility>

#include "daemon/base/text.h"
#include "parsers/prepared_text.h"
#include "parsers/rule_parts.h"

namespace c360::parsers {

namespace {

constexpr std::size_t kMaxConditionDepth = 4;

class ConditionReader {
 public:
  ConditionReader(std::string what, PatternCompiler& patterns, ProblemList& problems)
      : what_(std::move(what)), patterns_(patterns), problems_(problems) {}

  std::vector<Condition> read(const TomlValue& value, const std::string& path, std::size_t depth) {
    TableReader table(value, "'" + path + "' of " + what_, problems_);
    std::vector<Condition> conditions;
    // Cheap ones first: what fails early costs least.
    flags(table, path, conditions);
    words(table, path, Facet::subject_category, "subject_category", conditions);
    words(table, path, Facet::subject_contains, "subject_contains", conditions);
    for (const auto& [facet, key] :
         {std::pair{Facet::subject, "subject"}, std::pair{Facet::from, "from"},
          std::pair{Facet::to, "to"}, std::pair{Facet::body, "body"}})
      pattern(table, path, facet, key, conditions);
    headers(table, path, conditions);
    groups(table, path, Facet::any, "any", depth, conditions);
    groups(table, path, Facet::none, "none", depth, conditions);
    return conditions;
  }

 private:
  static Condition named(Facet facet, std::string name) {
    Condition condition;
    condition.facet = facet;
    condition.name = std::move(name);
    return condition;
  }

  void flags(TableReader& table, const std::string& path, std::vector<Condition>& conditions) {
    constexpr std::array<std::pair<std::string_view, Facet>, 7> kFlags = {{
        {"auto_reply", Facet::auto_reply},
        {"bounce", Facet::bounce},
        {"list", Facet::list},
        {"own_address", Facet::own_address},
        {"empty_body", Facet::empty_body},
        {"reply", Facet::reply},
        {"attachments", Facet::attachments},
    }};
    for (const auto& [key, facet] : kFlags) {
      const auto wanted = table.boolean(key);
      if (!wanted) continue;
      conditions.push_back(named(facet, path + "." + std::string(key)));
      conditions.back().wanted = *wanted;
    }
  }

  void words(TableReader& table, const std::string& path, Facet facet, const std::string& key,
             std::vector<Condition>& conditions) {
    const auto texts = table.strings(key);
    if (texts.empty()) return;
    Condition condition = named(facet, path + "." + key);
    for (const TomlValue* text : texts) {
      std::string word = facet == Facet::subject_contains
                             ? comparable(prepare_text(text->as_string(), nullptr))
                             : text->as_string();
      if (word.empty()) problems_.add(text->position, "'" + key + "' has an empty string");
      condition.words.push_back(std::move(word));
    }
    conditions.push_back(std::move(condition));
  }

  void pattern(TableReader& table, const std::string& path, Facet facet, const std::string& key,
               std::vector<Condition>& conditions) {
    const TomlValue* text = table.text(key);
    if (text == nullptr) return;
    Condition condition = named(facet, path + "." + key);
    condition.pattern = patterns_.compile(*text, condition.name + " of " + what_);
    conditions.push_back(std::move(condition));
  }

  void headers(TableReader& table, const std::string& path, std::vector<Condition>& conditions) {
    const TomlValue* header = table.table("header");
    if (header == nullptr) return;
    for (const TomlValue::Entry& entry : header->as_table()) {
      Condition condition = named(Facet::header, path + ".header." + entry.key);
      condition.header = to_lower(entry.key);
      if (!entry.value.is_string()) {
        problems_.add(entry.value.position, condition.name + " must be a string");
        continue;
      }
      condition.pattern = patterns_.compile(entry.value, condition.name + " of " + what_);
      conditions.push_back(std::move(condition));
    }
  }

  void groups(TableReader& table, const std::string& path, Facet facet, const std::string& key,
              std::size_t depth, std::vector<Condition>& conditions) {
    const TomlValue* array = table.array(key);
    if (array == nullptr) return;
    Condition condition = named(facet, path + "." + key);
    if (depth >= kMaxConditionDepth) {
      problems_.add(array->position, "conditions are nested too deeply");
      return;
    }
    if (array->as_array().empty()) problems_.add(array->position, condition.name + " is empty");
    for (const TomlValue& group : array->as_array()) {
      if (!group.is_table()) {
        problems_.add(group.position, condition.name + " must hold tables of conditions");
        continue;
      }
      condition.groups.push_back(read(group, condition.name, depth + 1));
      if (condition.groups.back().empty())
        problems_.add(group.position, condition.name + " holds a group without conditions");
    }
    conditions.push_back(std::move(condition));
  }

  std::string what_;
  PatternCompiler& patterns_;
  ProblemList& problems_;
};

}  // namespace

std::vector<Condition> read_conditions(const TomlValue& table, const std::string& what,
                                       PatternCompiler& patterns, ProblemList& problems) {
  return ConditionReader(what, patterns, problems).read(table, "when", 0);
}

}  // namespace c360::parsers

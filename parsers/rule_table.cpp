#include "parsers/rule_table.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::parsers {

TableReader::TableReader(const TomlValue& table, std::string what, ProblemList& problems)
    : table_(table), what_(std::move(what)), problems_(problems) {}

TableReader::~TableReader() {
  std::ranges::sort(asked_);
  const auto repeated = std::ranges::unique(asked_);
  asked_.erase(repeated.begin(), repeated.end());
  for (const TomlValue::Entry& entry : table_.as_table()) {
    if (std::ranges::binary_search(asked_, entry.key)) continue;
    problems_.add(entry.key_position, "unknown key '" + entry.key + "' in " + what_ +
                                          "; known are: " + join(asked_, ", "));
  }
}

const TomlValue* TableReader::get(std::string_view key) {
  asked_.emplace_back(key);
  return table_.find(key);
}

const TomlValue* TableReader::typed(std::string_view key, bool (TomlValue::*is)() const,
                                    std::string_view wanted) {
  const TomlValue* value = get(key);
  if (value == nullptr || (value->*is)()) return value;
  problems_.add(value->position, "'" + std::string(key) + "' of " + what_ + " must be " +
                                     std::string(wanted) + ", not " +
                                     std::string(value->type_name()));
  return nullptr;
}

const TomlValue* TableReader::table(std::string_view key) {
  return typed(key, &TomlValue::is_table, "a table");
}

const TomlValue* TableReader::array(std::string_view key) {
  return typed(key, &TomlValue::is_array, "an array");
}

const TomlValue* TableReader::text(std::string_view key) {
  return typed(key, &TomlValue::is_string, "a string");
}

std::optional<std::string> TableReader::string(std::string_view key) {
  const TomlValue* value = text(key);
  if (value == nullptr) return {};
  return value->as_string();
}

std::optional<std::int64_t> TableReader::integer(std::string_view key, std::int64_t least,
                                                 std::int64_t greatest) {
  const TomlValue* value = typed(key, &TomlValue::is_integer, "a whole number");
  if (value == nullptr) return {};
  if (value->as_integer() >= least && value->as_integer() <= greatest) return value->as_integer();
  problems_.add(value->position, "'" + std::string(key) + "' of " + what_ + " must be from " +
                                     std::to_string(least) + " to " + std::to_string(greatest));
  return {};
}

std::optional<bool> TableReader::boolean(std::string_view key) {
  const TomlValue* value = typed(key, &TomlValue::is_bool, "true or false");
  if (value == nullptr) return {};
  return value->as_bool();
}

std::vector<const TomlValue*> TableReader::strings(std::string_view key) {
  std::vector<const TomlValue*> texts;
  const TomlValue* value = get(key);
  if (value == nullptr) return texts;
  if (value->is_string()) return {value};
  bool wrong = !value->is_array();
  if (!wrong) {
    for (const TomlValue& item : value->as_array()) {
      wrong = wrong || !item.is_string();
      texts.push_back(&item);
    }
  }
  if (!wrong) return texts;
  problems_.add(value->position, "'" + std::string(key) + "' of " + what_ +
                                     " must be a string or an array of strings");
  return {};
}

}  // namespace c360::parsers

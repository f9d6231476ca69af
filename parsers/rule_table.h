// A TOML table read key by key: wrong types and keys nobody asked for are reported with their
// place, all of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/toml.h"

namespace c360::parsers {

class ProblemList {
 public:
  ProblemList(std::string file, std::vector<FileProblem>& problems)
      : file_(std::move(file)), problems_(problems) {}
  void add(TomlPosition position, std::string detail) {
    problems_.push_back({file_, position, std::move(detail)});
  }
  const std::string& file() const { return file_; }
  std::size_t count() const { return problems_.size(); }

 private:
  std::string file_;
  std::vector<FileProblem>& problems_;
};

class TableReader {
 public:
  // `what` names the table in messages: "rule 'known-deal'".
  TableReader(const TomlValue& table, std::string what, ProblemList& problems);
  ~TableReader();  // reports what was not asked for
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  // nullptr, empty or the default when the key is absent or of a wrong type (reported).
  const TomlValue* get(std::string_view key);
  const TomlValue* table(std::string_view key);
  const TomlValue* array(std::string_view key);
  const TomlValue* text(std::string_view key);  // a string value with its position
  std::optional<std::string> string(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least,
                                      std::int64_t greatest);
  std::optional<bool> boolean(std::string_view key);
  // One string or an array of them.
  std::vector<const TomlValue*> strings(std::string_view key);

  TomlPosition position() const { return table_.position; }
  const std::string& what() const { return what_; }

 private:
  const TomlValue* typed(std::string_view key, bool (TomlValue::*is)() const,
                         std::string_view wanted);
  const TomlValue& table_;
  std::string what_;
  ProblemList& problems_;
  std::vector<std::string> asked_;
};

// The position of `value`, or of the table it was looked for in.
inline TomlPosition position_of(const TomlValue* value, TomlPosition otherwise) {
  return value == nullptr ? otherwise : value->position;
}

}  // namespace c360::parsers

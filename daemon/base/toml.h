// TOML 1.0 with positions: configuration and rule files are walked against a table of what may
// stand there, and every error names file, line and column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/error.h"

namespace c360 {

struct TomlPosition {
  std::uint32_t line = 0;  // from 1
  std::uint32_t column = 0;
};

class TomlValue {
 public:
  struct Entry;
  using Array = std::vector<TomlValue>;
  using Table = std::vector<Entry>;  // in the order of toml++ (by key)
  using Value = std::variant<bool, std::int64_t, double, std::string, Array, Table>;

  TomlPosition position;
  Value value;

  bool is_string() const { return std::holds_alternative<std::string>(value); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value); }
  bool is_float() const { return std::holds_alternative<double>(value); }
  bool is_bool() const { return std::holds_alternative<bool>(value); }
  bool is_array() const { return std::holds_alternative<Array>(value); }
  bool is_table() const { return std::holds_alternative<Table>(value); }
  const std::string& as_string() const { return std::get<std::string>(value); }
  std::int64_t as_integer() const { return std::get<std::int64_t>(value); }
  double as_float() const { return std::get<double>(value); }
  bool as_bool() const { return std::get<bool>(value); }
  const Array& as_array() const { return std::get<Array>(value); }
  const Table& as_table() const { return std::get<Table>(value); }
  // nullptr when absent or when this is no table.
  const TomlValue* find(std::string_view key) const;
  // "boolean", "integer", "float", "string", "array", "table".
  std::string_view type_name() const;
};

struct TomlValue::Entry {
  std::string key;
  TomlPosition key_position;
  TomlValue value;
};

// One mistake in a file, for a person: "client360.toml:12:5: unknown key 'polll'".
struct FileProblem {
  std::string file;
  TomlPosition position;
  std::string detail;
  std::string to_string() const;
};

// The whole document as a table. Dates and times are refused (no setting has one); so are texts
// over `max_bytes` (default 4 MiB).
std::expected<TomlValue, FileProblem> parse_toml(std::string_view text, std::string_view file_name,
                                                 std::size_t max_bytes = 4U << 20U);

}  // namespace c360

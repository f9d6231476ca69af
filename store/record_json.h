// Rows as JSON and JSON as values: one spelling per FieldType in both directions.
//
// Ids and integers are JSON numbers; money and decimals strings; timestamps RFC 3339 in UTC;
// intervals ISO 8601. Values in between are PostgreSQL text forms of a session in UTC with ISO
// dates and ISO intervals.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/json.h"
#include "store/database.h"
#include "store/model/field.h"

namespace c360::store {

// One value in PostgreSQL text form; null for nullopt.
void write_value(JsonWriter& out, const Field& field, std::optional<std::string_view> text);
// `"name": value` for each column of the row from `first_column` on.
void write_fields(JsonWriter& out, std::span<const Field* const> fields, const Rows& rows, int row,
                  int first_column = 0);

// A JSON value as PostgreSQL text; the fault is a stable code with a sentence.
struct ValueFault {
  std::string code;
  std::string detail;
};
struct ParsedValue {
  std::optional<std::string> text;  // nullopt: JSON null
  std::optional<ValueFault> fault;
};
// Type, length, spelling, choices and `check` of the field; `lenient` forgives its check digits.
ParsedValue parse_value(const Field& field, const Json& value, bool lenient = false);
// The same of a URL parameter: type and spelling only. A date is midnight in `time_zone` where a
// timestamp is expected.
ParsedValue parse_parameter(const Field& field, std::string_view value, std::string_view time_zone);

}  // namespace c360::store

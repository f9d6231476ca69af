#include "store/record_json.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "store/array.h"
#include "store/draft.h"
#include "store/money.h"

namespace c360::store {
namespace {

constexpr std::size_t kMaxTextBytes = 4'000'000;
constexpr std::size_t kDefaultTextCharacters = 10'000;
constexpr std::size_t kMaxJsonBytes = 262'144;
constexpr std::size_t kMaxArrayElements = 1'000;
constexpr std::int64_t kMaxId = (std::int64_t{1} << 53) - 1;  // exact in every JSON reader

// "2026-01-02 03:04:05.123456+00" -> "2026-01-02T03:04:05.123456Z"; infinities stay words.
void write_timestamp(JsonWriter& out, std::string_view text) {
  if (text.size() < 22 || text[10] != ' ' || text.substr(text.size() - 3) != "+00") {
    out.string(text);
    return;
  }
  std::string rfc3339(text.substr(0, text.size() - 3));
  rfc3339[10] = 'T';
  out.string(rfc3339 += 'Z');
}

ParsedValue wrong(std::string code, std::string detail) {
  return {std::nullopt, ValueFault{std::move(code), std::move(detail)}};
}

ParsedValue wrong_type(std::string_view expected, const Json& value) {
  return wrong("wrong_type", "Expected " + std::string(expected) + ", got " +
                                 std::string(value.type_name()) + ".");
}

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const auto digits = [&](std::size_t at, std::size_t count) {
    int number = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      if (text[i] < '0' || text[i] > '9') return -1;
      number = number * 10 + (text[i] - '0');
    }
    return number;
  };
  const int year = digits(0, 4);
  const int month = digits(5, 2);
  const int day = digits(8, 2);
  if (year < 1 || month < 1 || day < 1) return false;
  return std::chrono::year_month_day(std::chrono::year(year),
                                     std::chrono::month(static_cast<unsigned>(month)),
                                     std::chrono::day(static_cast<unsigned>(day)))
      .ok();
}

// ISO 8601: P[nY][nM][nW][nD][T[nH][nM][n[.n]S]], at least one part.
bool is_duration(std::string_view text) {
  if (text.size() < 3 || text.size() > 40 || text[0] != 'P') return false;
  std::string_view units = "YMWD";
  bool any = false;
  for (std::size_t at = 1; at < text.size();) {
    if (text[at] == 'T') {
      if (units == "HMS") return false;
      units = "HMS";
      any = false;
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    if (at == begin || at - begin > 6) return false;
    if (at < text.size() && text[at] == '.' && units == "HMS") {
      ++at;
      while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    }
    if (at == text.size() || units.find(text[at]) == std::string_view::npos) return false;
    any = true;
    ++at;
  }
  return any;
}

// RFC 5321 as far as a CRM needs it: one @, a local part, a domain of at least two labels.
bool is_email(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at > 64 || text.size() > 254) return false;
  const std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  if (local.front() == '.' || local.back() == '.' || local.find("..") != std::string_view::npos) {
    return false;
  }
  for (const char c : local) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= ' ' || u == 127 ||
        std::string_view("()<>[]:;,\\\"@").find(c) != std::string_view::npos)
      return false;
  }
  if (domain.find('.') == std::string_view::npos || domain.size() > 253) return false;
  for (const std::string_view label : split(domain, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    for (const char c : label) {
      const auto u = static_cast<unsigned char>(c);
      if (u < 128 && !std::isalnum(u) && c != '-') return false;
    }
  }
  return true;
}

bool is_url(std::string_view text) {
  const std::string lower = to_lower(text.substr(0, 8));
  const std::size_t scheme = lower.starts_with("https://")  ? 8
                             : lower.starts_with("http://") ? 7
                                                            : 0;
  if (scheme == 0 || text.size() <= scheme || text.size() > 2048) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u <= ' ' || u == 127 || c == '"' || c == '<' || c == '>';
  });
}

bool is_choice(const Field& field, std::string_view code) {
  return std::any_of(field.choices.begin(), field.choices.end(),
                     [&](const Choice& choice) { return choice.code == code; });
}

std::string known_choices(const Field& field) {
  std::string list;
  for (const Choice& choice : field.choices) {
    list += (list.empty() ? "" : ", ") + std::string(choice.code);
  }
  return list;
}

ParsedValue invalid_choice(const Field& field, std::string_view code) {
  return wrong("invalid_code", "\"" + std::string(utf8_prefix(code, 60)) +
                                   "\" is not one of: " + known_choices(field) + ".");
}

// Integers, with the range of the column.
ParsedValue parse_integer(const Field& field, std::optional<std::int64_t> number) {
  const bool small = field.column_type == "integer" || field.column_type == "smallint";
  const std::int64_t limit = field.column_type == "smallint" ? 32'767
                             : small                         ? 2'147'483'647
                                                             : kMaxId;
  if (!number) return wrong("wrong_type", "Expected a whole number.");
  if (*number > limit || *number < -limit) {
    return wrong("out_of_range", "Expected a number between -" + std::to_string(limit) + " and " +
                                     std::to_string(limit) + ".");
  }
  return {std::to_string(*number), {}};
}

std::optional<std::int64_t> integer_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::int64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return negative ? -number : number;
}

ParsedValue parse_decimal(const Field& field, std::string_view text) {
  const auto units = parse_fixed(text, field.scale);
  if (!units) {
    return wrong("invalid_amount", "Expected a decimal number with at most " +
                                       std::to_string(field.scale) +
                                       " digits after the point, as a "
                                       "string such as \"100.10\".");
  }
  if (*units < 0 && !field.may_be_negative) {
    return wrong("negative", "The value may not be negative.");
  }
  std::int64_t limit = 1;
  for (int i = 0; i < field.precision; ++i) limit *= 10;
  if (*units >= limit || *units <= -limit) return wrong("out_of_range", "The value is too large.");
  return {format_fixed(*units, field.scale), {}};
}

ParsedValue parse_words(const Field& field, std::string_view text, bool lenient) {
  if (text.size() > kMaxTextBytes || text.find('\0') != std::string_view::npos) {
    return wrong("invalid_text", "The text is too long or contains a zero character.");
  }
  const std::size_t limit = field.length_limit
                                ? field.length_limit
                                : (field.type == FieldType::text   ? kDefaultTextCharacters
                                   : field.type == FieldType::html ? 1'000'000
                                                                   : 2'048);
  if (text.size() > limit && utf8_length(text) > limit) {
    return wrong("too_long", "At most " + std::to_string(limit) + " characters.");
  }
  if (field.type == FieldType::html) return {std::string(text), {}};
  const std::string_view value = trimmed(text);
  if (value.empty()) return {std::nullopt, {}};  // an empty text is no value
  if (field.check) {
    const IdentifierCheck fault = field.check(value);
    const bool is_forgiven = lenient && fault && fault->code.ends_with("_checksum");
    if (fault && !is_forgiven) return wrong(std::string(fault->code), std::string(fault->detail));
  }
  switch (field.type) {
    case FieldType::email:
      if (!is_email(value)) return wrong("invalid_email", "This is not an e-mail address.");
      break;
    case FieldType::url:
      if (!is_url(value)) return wrong("invalid_url", "Expected an http or https address.");
      break;
    case FieldType::code:
      if (!is_choice(field, value)) return invalid_choice(field, value);
      break;
    default:
      break;
  }
  return {std::string(value), {}};
}

ParsedValue parse_array(const Field& field, const Json& value) {
  if (!value.is_array()) return wrong_type("array", value);
  if (value.as_array().size() > kMaxArrayElements) {
    return wrong("too_many", "At most " + std::to_string(kMaxArrayElements) + " elements.");
  }
  std::vector<std::string> texts;
  for (const Json& element : value.as_array()) {
    if (field.type == FieldType::integer_array) {
      const auto number = element.is_number() ? element.as_int64() : std::nullopt;
      if (!number) return wrong("wrong_type", "Expected an array of whole numbers.");
      texts.push_back(std::to_string(*number));
      continue;
    }
    if (!element.is_string()) return wrong("wrong_type", "Expected an array of strings.");
    const std::string& text = element.as_string();
    if (!field.choices.empty() && !is_choice(field, text)) return invalid_choice(field, text);
    if (text.size() > 1000 || text.find('\0') != std::string::npos) {
      return wrong("too_long", "An element has at most 1000 bytes.");
    }
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  }
  if (texts.empty() && field.name == "types") return wrong("required", "At least one type.");
  return {array_literal(texts), {}};
}

ParsedValue parse_time(const Field& field, std::string_view text) {
  if (field.type == FieldType::date) {
    if (!is_date(text)) return wrong("invalid_date", "Expected a date such as 2026-01-31.");
    return {std::string(text), {}};
  }
  if (field.type == FieldType::interval) {
    if (!is_duration(text)) {
      return wrong("invalid_duration", "Expected an ISO 8601 duration such as PT30M.");
    }
    return {std::string(text), {}};
  }
  const auto instant = from_rfc3339(text);
  if (!instant) {
    return wrong("invalid_timestamp", "Expected a time such as 2026-01-31T10:15:00Z (RFC 3339).");
  }
  return {timestamp_text(*instant), {}};
}

}  // namespace

void write_value(JsonWriter& out, const Field& field, std::optional<std::string_view> text) {
  if (!text) {
    out.null();
    return;
  }
  switch (field.type) {
    case FieldType::boolean:
      out.boolean(*text == "t");
      return;
    case FieldType::integer:
    case FieldType::reference:
      out.number(*text);
      return;
    case FieldType::timestamp:
      write_timestamp(out, *text);
      return;
    case FieldType::json:
      out.raw(*text);
      return;
    case FieldType::text_array:
    case FieldType::integer_array:
      out.begin_array();
      for (const auto& element : decode_array(*text)) {
        if (!element) continue;
        if (field.type == FieldType::integer_array) {
          out.number(*element);
        } else {
          out.string(*element);
        }
      }
      out.end_array();
      return;
    case FieldType::bytes:
      out.string(text->starts_with("\\x") ? text->substr(2) : *text);
      return;
    default:
      out.string(*text);
      return;
  }
}

void write_fields(JsonWriter& out, std::span<const Field* const> fields, const Rows& rows, int row,
                  int first_column) {
  int column = first_column;
  for (const Field* field : fields) {
    out.key(field->name);
    write_value(out, *field, rows.optional_text(row, column));
    ++column;
  }
}

ParsedValue parse_value(const Field& field, const Json& value, bool lenient) {
  if (value.is_null()) return {};
  switch (field.type) {
    case FieldType::boolean:
      if (!value.is_bool()) return wrong_type("boolean", value);
      return {value.as_bool() ? "t" : "f", {}};
    case FieldType::integer:
    case FieldType::reference:
      if (!value.is_number()) return wrong_type("number", value);
      return parse_integer(field, value.as_int64());
    case FieldType::money:
    case FieldType::decimal:
      // Whole numbers lose nothing on the way, fractions might.
      if (value.is_number() && value.as_int64()) return parse_decimal(field, value.number_text());
      if (!value.is_string()) return wrong_type("string with a decimal number", value);
      return parse_decimal(field, value.as_string());
    case FieldType::date:
    case FieldType::timestamp:
    case FieldType::interval:
      if (!value.is_string()) return wrong_type("string", value);
      return parse_time(field, value.as_string());
    case FieldType::json: {
      const bool object = field.default_value == "{}";
      if (object && !value.is_object()) return wrong_type("object", value);
      std::string text = value.dump();
      if (text.size() > kMaxJsonBytes) {
        return wrong("too_long", "At most " + std::to_string(kMaxJsonBytes) + " bytes of JSON.");
      }
      // PostgreSQL's jsonb cannot hold U+0000.
      if (text.find("\\u0000") != std::string::npos) {
        return wrong("invalid_text", "The text contains a zero character.");
      }
      return {std::move(text), {}};
    }
    case FieldType::text_array:
    case FieldType::integer_array:
      return parse_array(field, value);
    case FieldType::bytes:
      return wrong("read_only", "This value is not set here.");
    default:
      if (!value.is_string()) return wrong_type("string", value);
      return parse_words(field, value.as_string(), lenient);
  }
}

ParsedValue parse_parameter(const Field& field, std::string_view value,
                            std::string_view time_zone) {
  switch (field.type) {
    case FieldType::boolean:
      if (value == "true" || value == "false") return {value == "true" ? "t" : "f", {}};
      return wrong("wrong_type", "Expected true or false.");
    case FieldType::integer:
    case FieldType::reference:
    case FieldType::integer_array:
      return parse_integer(field, integer_of(value));
    case FieldType::money:
    case FieldType::decimal: {
      Field either_sign = field;
      either_sign.may_be_negative = true;
      return parse_decimal(either_sign, value);
    }
    case FieldType::timestamp:
      if (is_date(value)) return {std::string(value) + " " + std::string(time_zone), {}};
      return parse_time(field, value);
    case FieldType::date:
    case FieldType::interval:
      return parse_time(field, value);
    case FieldType::bytes: {
      const auto decoded = from_hex(value);
      if (!decoded) return wrong("wrong_type", "Expected hexadecimal digits.");
      return {"\\x" + std::string(value), {}};
    }
    case FieldType::code:
    case FieldType::text_array:
      if (!field.choices.empty() && !is_choice(field, value)) return invalid_choice(field, value);
      return {std::string(value), {}};
    default:
      if (value.find('\0') != std::string_view::npos) {
        return wrong("invalid_text", "The value contains a zero character.");
      }
      return {std::string(value), {}};
  }
}

}  // namespace c360::store

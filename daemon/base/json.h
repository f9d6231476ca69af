// JSON (RFC 8259): a small value read strictly, and a writer that streams into one buffer.
//
// Reading refuses: depth over 32, more than 1000 names in one object, duplicate names, bad UTF-8,
// anything after the value. Numbers keep their spelling, so that money and identifiers lose
// nothing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/error.h"

namespace c360 {

class Json {
 public:
  struct Number {
    std::string text;  // as written
    bool operator==(const Number&) const = default;
  };
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // in the order written
  using Value = std::variant<std::nullptr_t, bool, Number, std::string, Array, Object>;

  Json() : value_(nullptr) {}
  Json(std::nullptr_t) : value_(nullptr) {}              // NOLINT(google-explicit-constructor)
  Json(bool value) : value_(value) {}                    // NOLINT(google-explicit-constructor)
  Json(std::string value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Json(std::string_view value) : value_(std::string(value)) {}         // NOLINT
  Json(const char* value) : value_(std::string(value)) {}              // NOLINT
  Json(Number value) : value_(std::move(value)) {}                     // NOLINT
  Json(std::int64_t value) : value_(Number{std::to_string(value)}) {}  // NOLINT
  Json(int value) : value_(Number{std::to_string(value)}) {}           // NOLINT
  Json(Array value) : value_(std::move(value)) {}                      // NOLINT
  Json(Object value) : value_(std::move(value)) {}                     // NOLINT

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_number() const { return std::holds_alternative<Number>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // The caller has checked the type; anything else throws std::bad_variant_access (a bug).
  bool as_bool() const { return std::get<bool>(value_); }
  const std::string& as_string() const { return std::get<std::string>(value_); }
  const std::string& number_text() const { return std::get<Number>(value_).text; }
  const Array& as_array() const { return std::get<Array>(value_); }
  Array& as_array() { return std::get<Array>(value_); }
  const Object& as_object() const { return std::get<Object>(value_); }
  Object& as_object() { return std::get<Object>(value_); }
  // A number without fraction or exponent within 64 bits.
  std::optional<std::int64_t> as_int64() const;

  // A member of an object, nullptr when absent or when this is no object.
  const Json* find(std::string_view name) const;
  // Sets or adds a member; this must be an object (or null, which becomes one).
  Json& set(std::string name, Json value);
  std::string_view type_name() const;  // "null", "boolean", "number", "string", "array", "object"
  bool operator==(const Json&) const = default;

  // invalid_request with line and column where the text is not one JSON value.
  static Result<Json> parse(std::string_view text);
  std::string dump() const;

 private:
  Value value_;
};

// Streams JSON into a string. The caller keeps the grammar (asserted in debug builds by RapidJSON).
class JsonWriter {
 public:
  JsonWriter();
  ~JsonWriter();
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& null();
  JsonWriter& boolean(bool value);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& number(std::string_view spelling);  // valid JSON number text
  JsonWriter& string(std::string_view utf8);
  JsonWriter& raw(std::string_view json);  // one complete JSON value
  JsonWriter& value(const Json& json);

  // key and value in one call.
  JsonWriter& member(std::string_view name, std::string_view value) {
    return key(name).string(value);
  }
  JsonWriter& member(std::string_view name, const char* value) { return key(name).string(value); }
  JsonWriter& member(std::string_view name, std::int64_t value) { return key(name).integer(value); }
  JsonWriter& member(std::string_view name, int value) { return key(name).integer(value); }
  JsonWriter& member(std::string_view name, bool value) { return key(name).boolean(value); }

  std::string_view view() const;
  std::string take();  // the text; the writer is empty afterwards
  void clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360

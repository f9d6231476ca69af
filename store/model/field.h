// One field of a Resource: column = JSON key = filter = export column = rule target.
//
// Everything about a field is said here once; the schema check, validation, filters, sorting, JSON,
// OpenAPI and tests are derived. All views point to constants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/identifiers.h"

namespace c360::store {

struct Label {
  std::string_view ru;
  std::string_view en;
};

// JSON form in brackets. Money and decimals travel as strings, so that no reader rounds them.
enum class FieldType : std::uint8_t {
  boolean,        // [boolean]
  integer,        // bigint, integer or smallint [number]
  money,          // numeric(18,2) [string "100.10"]
  decimal,        // numeric(p,s) [string]
  text,           // [string]
  html,           // text, sanitised on write (domain.md 1.9) [string]
  citext,         // text compared without case [string]
  email,          // citext, checked [string]
  phone,          // text as written; the E.164 form goes to crm.record_phone [string]
  url,            // text, http(s) [string]
  code,           // text limited to `choices` [string]
  directory,      // text key of a directory: `target` is its kind [string]
  reference,      // bigint key of another resource: `target` is its kind [number]
  date,           // a day in the business time zone [string "2026-01-31"]
  timestamp,      // timestamptz [string, RFC 3339, Z]
  interval,       // [string, ISO 8601 duration "PT30M"]
  json,           // jsonb [any]
  text_array,     // text[]; elements limited to `choices` if there are any [array of strings]
  integer_array,  // bigint[] [array of numbers]
  bytes,          // bytea; shown as lower-case hex [string]
};

struct Choice {
  std::string_view code;
  Label label;
};

// Who may set the field beyond the write right on the record.
enum class WriteRule : std::uint8_t {
  writers,         // everybody who may write the record
  never,           // read-only: the service keeps it
  creation,        // on creation only
  responsible,     // on creation by anybody, later by crm-cco and crm-administrators (3.5)
  administrators,  // crm-administrators only
};

// A value check beyond the type: empty for a valid value.
using ValueCheck = IdentifierCheck (*)(std::string_view value);

struct Field {
  std::string_view name;
  FieldType type = FieldType::text;
  Label label;
  std::string_view doc;
  std::vector<Choice> choices;
  std::string_view target;        // kind referenced
  std::string_view target_table;  // set by the registry, or here when the target is no Resource yet
  std::string_view column_type;   // of integers that are no bigint
  std::string_view alias;         // the outside spelling of the same field, such as "requestSource"
  // PostgreSQL text form; "now" for timestamps, "today" for dates (in the business time zone).
  std::optional<std::string_view> default_value;
  std::size_t length_limit = 0;  // characters; 0: the limit of the type
  int precision = 18;            // decimal
  int scale = 2;                 // decimal
  ValueCheck check = nullptr;
  std::string expression;      // SQL over alias t instead of a column; such a field is read-only
  std::string_view own_event;  // a change is a history event of this type, such as "status_changed"
  WriteRule write = WriteRule::writers;
  bool is_not_null = false;         // NOT NULL in the schema ("R")
  bool needed_on_creation = false;  // "Rs": required by the `full` profile
  bool needed_for_requisites = false;
  bool is_unique = false;
  bool is_filterable = false;
  bool is_sortable = false;
  bool is_searchable = false;    // part of `q=`
  bool is_secret = false;        // never read back
  bool is_personal = false;      // shown to those of Access::personal, null to other readers
  bool is_tracked = true;        // in the changes of history
  bool nulls_first = false;      // when sorted upwards
  bool is_large = false;         // not in lists unless asked for by `fields=`
  bool may_be_negative = false;  // money
  bool is_generated = false;     // the database gives one where none is sent
  bool needs_write = false;      // of a reference: only who may write what it names sets it
  // The only true one among the live rows with the same values of these columns: set to true, it
  // takes the mark from the other.
  bool is_sole = false;
  std::vector<std::string_view> sole_among;
  std::string take_mark;  // the statement: $1 is the row that gets it, then sole_among

  // The builder: each returns the field itself.
  Field& labels(std::string_view ru, std::string_view en);
  Field& described(std::string_view text);
  Field& required();                 // NOT NULL; must be sent unless there is a default
  Field& required_on_creation();     // Rs
  Field& required_for_requisites();  // profile `requisites` (domain.md 5.1)
  Field& defaults_to(std::string_view value);
  Field& max_length(std::size_t characters);
  Field& checked(ValueCheck value_check);
  Field& unique();
  Field& read_only();
  Field& computed();  // read_only, kept by the service from other rows
  Field& writable_by(WriteRule rule);
  Field& filterable();
  Field& sortable();
  Field& searchable();
  Field& secret();
  Field& personal();
  Field& untracked();
  Field& signed_amount();
  Field& aliased(std::string_view outside_name);
  Field& stored_in(std::string_view table);  // target_table of a reference without a Resource
  Field& evented(std::string_view event);
  Field& empty_first();
  Field& large();
  Field& of_small_type(std::string_view type);  // "integer", "smallint"
  Field& generated();
  Field& of_writers();  // needs_write
  Field& sole(std::vector<std::string_view> among = {});

  bool has_column() const { return expression.empty(); }
  bool is_array() const {
    return type == FieldType::text_array || type == FieldType::integer_array;
  }
  // The PostgreSQL type, such as "numeric(18,2)": for casts, the draft DDL and the schema check.
  std::string sql_type() const;
};

Field text(std::string_view name);
Field html(std::string_view name);
Field citext(std::string_view name);
Field email(std::string_view name);
Field phone(std::string_view name);
Field url(std::string_view name);
Field boolean(std::string_view name);  // NOT NULL, false
Field integer(std::string_view name);
Field money(std::string_view name);
Field decimal(std::string_view name, int precision, int scale);
Field date(std::string_view name);
Field timestamp(std::string_view name);
Field interval(std::string_view name);
Field json(std::string_view name);
Field bytes(std::string_view name);
Field code(std::string_view name, std::vector<Choice> choices);
Field directory(std::string_view name, std::string_view kind);
Field reference(std::string_view name, std::string_view kind);
Field text_array(std::string_view name, std::vector<Choice> choices = {});
Field integer_array(std::string_view name);

// Made by SQL from other columns of the row; `type` decides how it is shown.
Field made_by(std::string_view name, FieldType type, std::string expression);

// A list of fields that concepts share: `opportunity_fields().add(html("offer_text"))`.
class Fields {
 public:
  Fields() = default;
  Fields& add(const Field& field) {
    list_.push_back(field);
    return *this;
  }
  Fields& add(const Fields& others) {
    list_.insert(list_.end(), others.list_.begin(), others.list_.end());
    return *this;
  }
  std::vector<Field> list() const { return list_; }

 private:
  std::vector<Field> list_;
};

}  // namespace c360::store

#include "store/model/field.h"

#include <utility>

namespace c360::store {

Field& Field::labels(std::string_view ru, std::string_view en) {
  label = {ru, en};
  return *this;
}
Field& Field::described(std::string_view text) {
  doc = text;
  return *this;
}
Field& Field::required() {
  is_not_null = true;
  return *this;
}
Field& Field::required_on_creation() {
  needed_on_creation = true;
  return *this;
}
Field& Field::required_for_requisites() {
  needed_for_requisites = true;
  return *this;
}
Field& Field::defaults_to(std::string_view value) {
  default_value = value;
  is_not_null = true;
  return *this;
}
Field& Field::max_length(std::size_t characters) {
  length_limit = characters;
  return *this;
}
Field& Field::checked(ValueCheck value_check) {
  check = value_check;
  return *this;
}
Field& Field::unique() {
  is_unique = true;
  return *this;
}
Field& Field::read_only() {
  write = WriteRule::never;
  return *this;
}
Field& Field::computed() {
  write = WriteRule::never;
  return *this;
}
Field& Field::writable_by(WriteRule rule) {
  write = rule;
  return *this;
}
Field& Field::filterable() {
  is_filterable = true;
  return *this;
}
Field& Field::sortable() {
  is_filterable = true;
  is_sortable = true;
  return *this;
}
Field& Field::searchable() {
  is_searchable = true;
  is_filterable = true;
  return *this;
}
Field& Field::secret() {
  is_secret = true;
  is_tracked = false;
  return *this;
}
Field& Field::personal() {
  is_personal = true;
  return *this;
}
Field& Field::untracked() {
  is_tracked = false;
  return *this;
}
Field& Field::signed_amount() {
  may_be_negative = true;
  return *this;
}
Field& Field::aliased(std::string_view outside_name) {
  alias = outside_name;
  return *this;
}
Field& Field::stored_in(std::string_view table) {
  target_table = table;
  return *this;
}
Field& Field::evented(std::string_view event) {
  own_event = event;
  return *this;
}
Field& Field::empty_first() {
  nulls_first = true;
  return *this;
}
Field& Field::large() {
  is_large = true;
  return *this;
}
Field& Field::of_small_type(std::string_view small) {
  column_type = small;
  return *this;
}

Field& Field::generated() {
  is_not_null = true;
  is_generated = true;
  return *this;
}
Field& Field::of_writers() {
  needs_write = true;
  return *this;
}
Field& Field::sole(std::vector<std::string_view> among) {
  is_sole = true;
  sole_among = std::move(among);
  return *this;
}

std::string Field::sql_type() const {
  switch (type) {
    case FieldType::boolean:
      return "boolean";
    case FieldType::integer:
      return std::string(column_type.empty() ? "bigint" : column_type);
    case FieldType::reference:
      return "bigint";
    case FieldType::money:
    case FieldType::decimal:
      return "numeric(" + std::to_string(precision) + "," + std::to_string(scale) + ")";
    case FieldType::text:
    case FieldType::html:
    case FieldType::phone:
    case FieldType::url:
    case FieldType::code:
    case FieldType::directory:
      return "text";
    case FieldType::citext:
    case FieldType::email:
      return "citext";
    case FieldType::date:
      return "date";
    case FieldType::timestamp:
      return "timestamptz";
    case FieldType::interval:
      return "interval";
    case FieldType::json:
      return "jsonb";
    case FieldType::text_array:
      return "text[]";
    case FieldType::integer_array:
      return "bigint[]";
    case FieldType::bytes:
      return "bytea";
  }
  return "text";
}

namespace {

Field of_type(std::string_view name, FieldType type) {
  Field field;
  field.name = name;
  field.type = type;
  return field;
}

}  // namespace

Field text(std::string_view name) { return of_type(name, FieldType::text); }
Field html(std::string_view name) { return of_type(name, FieldType::html); }
Field citext(std::string_view name) { return of_type(name, FieldType::citext); }
Field email(std::string_view name) { return of_type(name, FieldType::email); }
Field phone(std::string_view name) { return of_type(name, FieldType::phone); }
Field url(std::string_view name) { return of_type(name, FieldType::url); }
Field boolean(std::string_view name) {
  Field field = of_type(name, FieldType::boolean);
  field.defaults_to("f");
  return field;
}
Field integer(std::string_view name) { return of_type(name, FieldType::integer); }
Field money(std::string_view name) { return of_type(name, FieldType::money); }
Field decimal(std::string_view name, int precision, int scale) {
  Field field = of_type(name, FieldType::decimal);
  field.precision = precision;
  field.scale = scale;
  return field;
}
Field date(std::string_view name) { return of_type(name, FieldType::date); }
Field timestamp(std::string_view name) { return of_type(name, FieldType::timestamp); }
Field interval(std::string_view name) { return of_type(name, FieldType::interval); }
Field json(std::string_view name) { return of_type(name, FieldType::json); }
Field bytes(std::string_view name) { return of_type(name, FieldType::bytes); }
Field code(std::string_view name, std::vector<Choice> choices) {
  Field field = of_type(name, FieldType::code);
  field.choices = std::move(choices);
  return field;
}
Field directory(std::string_view name, std::string_view kind) {
  Field field = of_type(name, FieldType::directory);
  field.target = kind;
  return field;
}
Field reference(std::string_view name, std::string_view kind) {
  Field field = of_type(name, FieldType::reference);
  field.target = kind;
  return field;
}
Field text_array(std::string_view name, std::vector<Choice> choices) {
  Field field = of_type(name, FieldType::text_array);
  field.choices = std::move(choices);
  field.defaults_to("{}");
  return field;
}
Field integer_array(std::string_view name) {
  Field field = of_type(name, FieldType::integer_array);
  field.defaults_to("{}");
  return field;
}
Field made_by(std::string_view name, FieldType type, std::string expression) {
  Field field = of_type(name, type);
  field.expression = std::move(expression);
  field.write = WriteRule::never;
  field.is_tracked = false;
  return field;
}

}  // namespace c360::store

#include "store/custom_fields.h"

#include <algorithm>

#include "daemon/base/text.h"
#include "store/array.h"
#include "store/draft.h"
#include "store/money.h"

namespace c360::store {
namespace {

constexpr Sql kRead{"c360_custom_fields", R"sql(
SELECT d.record_kind, d.code, d.type, d.enum_values, d.is_required, d.is_searchable,
       d.default_value, coalesce(d.section_code, '')
FROM crm.custom_field_def d WHERE d.is_active ORDER BY d.record_kind, d.sort_order, d.id
)sql"};

constexpr int kNumberScale = 6;

FieldType type_of(std::string_view word) {
  if (word == "money") return FieldType::money;
  if (word == "bool") return FieldType::boolean;
  if (word == "date") return FieldType::date;
  if (word == "datetime") return FieldType::timestamp;
  if (word == "enum") return FieldType::code;
  if (word == "number") return FieldType::decimal;
  if (word == "user" || word == "record") return FieldType::reference;
  return FieldType::text;
}

Field field_of(const CustomField& custom) {
  Field field;
  field.name = custom.code;
  field.type = type_of(custom.type);
  if (field.type == FieldType::decimal) field.scale = kNumberScale;
  if (field.type == FieldType::reference) field.target = custom.type == "user" ? "user" : "record";
  for (const std::string& value : custom.values) field.choices.push_back({value, {value, value}});
  field.may_be_negative = true;
  return field;
}

// A day there is (PostgreSQL 15 cannot ask whether a cast will do), years as RFC 3339 has them.
constexpr std::string_view kDay =
    "((?!0000)[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29)";
constexpr std::string_view kTime =
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])";

// The value of the member in the type of the field. What another writer left there in another form
// is no value, not an error of every list.
std::string value_sql(const Field& field, std::string_view code) {
  std::string text = "t.custom->>'" + std::string(code) + "'";
  std::string pattern;
  switch (field.type) {
    case FieldType::money:
    case FieldType::decimal:
      pattern = "^-?[0-9]{1,18}([.][0-9]{1,6})?$";
      break;
    case FieldType::reference:
      pattern = "^[0-9]{1,18}$";
      break;
    case FieldType::boolean:
      pattern = "^(true|false)$";
      break;
    case FieldType::date:
      pattern = "^" + std::string(kDay) + "$";
      break;
    case FieldType::timestamp:
      pattern = "^" + std::string(kDay) + "T" + std::string(kTime) + "$";
      break;
    default:
      return text;
  }
  const bool exact = field.type == FieldType::money || field.type == FieldType::decimal;
  return "CASE WHEN " + text + " ~ '" + pattern + "' THEN (" + text +
         ")::" + (exact ? "numeric" : field.sql_type()) + " END";
}

}  // namespace

CustomField custom_field_of(const Draft& definition) {
  CustomField field;
  field.code = definition.get("code").value_or("");
  field.type = definition.get("type").value_or("");
  if (const auto values = definition.get("enum_values")) {
    for (const auto& value : decode_array(*values)) {
      if (value) field.values.push_back(*value);
    }
  }
  return field;
}

std::optional<ValueFault> fault_of(const CustomField& custom, const Json& value) {
  const Field field = field_of(custom);
  if (custom.type == "number") {
    if (!value.is_number()) {
      return ValueFault{"wrong_type",
                        "Expected number, got " + std::string(value.type_name()) + "."};
    }
    if (!parse_fixed(value.number_text(), kNumberScale)) {
      return ValueFault{"out_of_range", "Expected a number with at most " +
                                            std::to_string(kNumberScale) +
                                            " digits after the point and no exponent."};
    }
    return std::nullopt;
  }
  const ParsedValue parsed = parse_value(field, value);
  if (parsed.fault) return parsed.fault;
  if (!parsed.text) return ValueFault{"empty", "An empty text is no value; null clears it."};
  return std::nullopt;
}

void CustomFields::add(std::string_view record_kind, CustomField field) {
  Kind& kind = kinds_[std::string(record_kind)];
  const auto keep = [&](std::string text) -> std::string_view {
    kind.texts.push_back(std::make_unique<std::string>(std::move(text)));
    return *kind.texts.back();
  };
  auto as_field = std::make_unique<Field>(field_of(field));
  as_field->name = keep(std::string(kCustomPrefix) + field.code);
  for (Choice& choice : as_field->choices) {
    choice.code = keep(std::string(choice.code));
    choice.label = {choice.code, choice.code};
  }
  as_field->expression = value_sql(*as_field, field.code);
  as_field->write = WriteRule::never;
  as_field->filterable().sortable();
  kind.as_fields.insert_or_assign(field.code, std::move(as_field));
  kind.fields.push_back(std::move(field));
}

const std::vector<CustomField>& CustomFields::of(std::string_view record_kind) const {
  static const std::vector<CustomField> kNone;
  const auto kind = kinds_.find(record_kind);
  return kind == kinds_.end() ? kNone : kind->second.fields;
}

const CustomField* CustomFields::find(std::string_view record_kind, std::string_view code) const {
  const auto& fields = of(record_kind);
  const auto found = std::ranges::find(fields, code, &CustomField::code);
  return found == fields.end() ? nullptr : &*found;
}

const Field* CustomFields::as_field(std::string_view record_kind, std::string_view code) const {
  const auto kind = kinds_.find(record_kind);
  if (kind == kinds_.end()) return nullptr;
  const auto field = kind->second.as_fields.find(code);
  return field == kind->second.as_fields.end() ? nullptr : field->second.get();
}

std::string CustomFields::search_expression(std::string_view record_kind) const {
  std::string sql;
  for (const CustomField& field : of(record_kind)) {
    if (!field.is_searchable) continue;
    sql += (sql.empty() ? "concat_ws(' ', t.custom->>'" : ", t.custom->>'") + field.code + "'";
  }
  return sql.empty() ? sql : sql + ")";
}

namespace {

std::shared_ptr<const CustomFields> definitions_of(const Rows& rows) {
  auto definitions = std::make_shared<CustomFields>();
  for (int row = 0; row < rows.size(); ++row) {
    CustomField field{.code = std::string(rows.text(row, 1)),
                      .type = std::string(rows.text(row, 2)),
                      .section_code = std::string(rows.text(row, 7)),
                      .values = rows.text_array(row, 3),
                      .is_required = rows.boolean(row, 4),
                      .is_searchable = rows.boolean(row, 5),
                      .default_value = {}};
    if (const auto text = rows.optional_text(row, 6)) {
      if (auto value = Json::parse(*text); value && !value->is_null()) {
        field.default_value = std::move(*value);
      }
    }
    definitions->add(rows.text(row, 0), std::move(field));
  }
  return definitions;
}

}  // namespace

Result<std::shared_ptr<const CustomFields>> read_custom_fields(Transaction& tx) {
  const auto rows = tx.query(kRead);
  if (!rows) return std::unexpected(rows.error());
  return definitions_of(**rows);
}

CustomFieldReader::CustomFieldReader(Database& database, std::chrono::milliseconds max_age)
    : RecentlyRead(database, kRead, definitions_of, max_age) {}

namespace {

std::string pointer_to(std::string_view code) { return "/custom" + pointer_segment(code); }

std::string known_codes(const std::vector<const CustomField*>& fields) {
  std::string list;
  for (const CustomField* field : fields) list += (list.empty() ? "" : ", ") + field->code;
  return list.empty() ? "none" : list;
}

// Those of its kind, and of its section where it is one of a section.
std::vector<const CustomField*> fields_for(const Draft& draft, const CustomFields& definitions) {
  const Resource& resource = draft.resource();
  const auto section =
      resource.has_field("section_code") ? draft.get("section_code") : std::nullopt;
  std::vector<const CustomField*> fields;
  for (const CustomField& field : definitions.of(resource.kind)) {
    if (field.section_code.empty() || (section && field.section_code == *section))
      fields.push_back(&field);
  }
  return fields;
}

Json object_of(std::optional<std::string_view> text) {
  auto value = text ? Json::parse(*text) : Result<Json>(Json(Json::Object{}));
  return value && value->is_object() ? std::move(*value) : Json(Json::Object{});
}

}  // namespace

std::vector<CustomReference> check_custom(Draft& draft, const CustomFields& definitions) {
  std::vector<CustomReference> references;
  if (!draft.creating() && !draft.changed("custom")) return references;
  const auto fields = fields_for(draft, definitions);
  Json now = object_of(draft.get("custom"));
  const Json before = object_of(draft.before("custom"));
  for (const auto& [code, value] : now.as_object()) {
    const Json* old = before.find(code);
    if (old && *old == value) continue;
    const auto found = std::ranges::find_if(fields, [&](const auto* f) { return f->code == code; });
    const CustomField* field = found == fields.end() ? nullptr : *found;
    if (!field) {
      draft.wrong_at(pointer_to(code), "unknown_field",
                     "There is no such custom field; active ones: " + known_codes(fields) + ".");
    } else if (auto fault = fault_of(*field, value)) {
      draft.wrong_at(pointer_to(code), fault->code, std::move(fault->detail));
    } else if (field->type == "user" || field->type == "record") {
      references.push_back({code, field->type == "user" ? "user" : "record", value.number_text()});
    }
  }
  bool completed = false;
  for (const CustomField* field : fields) {
    if (now.find(field->code)) continue;
    if (draft.creating() && field->default_value) {
      now.set(field->code, *field->default_value);
      completed = true;
    } else if (field->is_required && (draft.creating() ? draft.context().profile != Profile::draft
                                                       : before.find(field->code) != nullptr)) {
      draft.wrong_at(pointer_to(field->code), field->code + "_required", "A value is required.");
    }
  }
  if (completed) draft.set("custom", now.dump());
  return references;
}

}  // namespace c360::store

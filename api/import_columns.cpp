#include "api/import_columns.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/base/text.h"
#include "store/sheet.h"

namespace c360::api {
namespace {

using store::Field;
using store::FieldType;

constexpr std::string_view kExternalPrefix = "external_ids.";

bool is_written(const Field& field) {
  return field.has_column() && !field.is_secret && field.write != store::WriteRule::never;
}

// Lower case of Latin and Russian letters, the languages of the labels.
std::string fold_case(std::string_view text) {
  std::string folded = to_lower(text);
  for (std::size_t i = 0; i + 1 < folded.size(); ++i) {
    if (folded[i] != '\xD0') continue;
    const auto second = static_cast<unsigned char>(folded[i + 1]);
    if (second == 0x81) {  // Ё
      folded[i] = '\xD1';
      folded[i + 1] = '\x91';
    } else if (second >= 0x90 && second <= 0x9F) {  // А to П
      folded[i + 1] = static_cast<char>(second + 0x20);
    } else if (second >= 0xA0 && second <= 0xAF) {  // Р to Я
      folded[i] = '\xD1';
      folded[i + 1] = static_cast<char>(second - 0x20);
    }
  }
  return folded;
}

bool same_word(std::string_view a, std::string_view b) {
  return !a.empty() && fold_case(trimmed(a)) == fold_case(trimmed(b));
}

std::optional<bool> truth_of(std::string_view cell) {
  constexpr std::array<std::string_view, 4> kYes = {"true", "1", "да", "yes"};
  constexpr std::array<std::string_view, 4> kNo = {"false", "0", "нет", "no"};
  const auto is = [&](std::string_view word) { return same_word(cell, word); };
  if (std::ranges::any_of(kYes, is)) return true;
  if (std::ranges::any_of(kNo, is)) return false;
  return std::nullopt;
}

bool is_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.size() <= 18 && (text.size() == 1 || text.front() != '0') &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "1 500,50" as "1500.50".
std::string decimal_of(std::string_view cell) {
  std::string text;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] == ' ') continue;
    if (cell.substr(i).starts_with("\xC2\xA0")) {  // no-break space
      ++i;
      continue;
    }
    text.push_back(cell[i] == ',' ? '.' : cell[i]);
  }
  return text;
}

// "31.12.2026" as "2026-12-31"; anything else as it is.
std::string date_of(std::string_view cell) {
  const bool dotted = cell.size() == 10 && cell[2] == '.' && cell[5] == '.';
  if (!dotted) return std::string(cell);
  return std::string(cell.substr(6, 4)) + "-" + std::string(cell.substr(3, 2)) + "-" +
         std::string(cell.substr(0, 2));
}

std::string code_of(const Field& field, std::string_view cell) {
  for (const auto& choice : field.choices) {
    if (choice.code == cell) return std::string(cell);
  }
  for (const auto& choice : field.choices) {
    if (same_word(choice.label.ru, cell) || same_word(choice.label.en, cell)) {
      return std::string(choice.code);
    }
  }
  return std::string(cell);
}

Json array_of(const Field& field, std::string_view cell) {
  Json::Array list;
  for (const std::string_view item : split(cell, ',')) {
    const std::string_view value = trimmed(item);
    if (value.empty()) continue;
    if (field.type == FieldType::integer_array && is_integer(value)) {
      list.emplace_back(Json::Number{std::string(value)});
    } else {
      list.emplace_back(code_of(field, value));
    }
  }
  return list;
}

}  // namespace

std::optional<Json> cell_value(const Field& field, std::string_view cell) {
  std::string_view text = trimmed(cell);
  if (text.size() > 1 && text.front() == '\'' && store::looks_like_formula(text.substr(1))) {
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  switch (field.type) {
    case FieldType::boolean: {
      const auto truth = truth_of(text);
      return truth ? Json(*truth) : Json(text);
    }
    case FieldType::integer:
    case FieldType::reference:
      return is_integer(text) ? Json(Json::Number{std::string(text)}) : Json(text);
    case FieldType::money:
    case FieldType::decimal:
      return Json(decimal_of(text));
    case FieldType::date:
      return Json(date_of(text));
    case FieldType::code:
      return Json(code_of(field, text));
    case FieldType::text_array:
    case FieldType::integer_array:
      return array_of(field, text);
    case FieldType::json: {
      auto json = Json::parse(text);
      return json ? std::move(*json) : Json(text);
    }
    default:
      return Json(text);
  }
}

void set_value(Json& body, const ImportColumn& column, Json value) {
  const std::string name(column.member.empty()               ? column.field->name
                         : column.pointer.starts_with("/cu") ? "custom"
                                                             : "external_ids");
  if (column.member.empty()) {
    body.set(name, std::move(value));
    return;
  }
  const Json* before = body.find(name);
  Json members = before != nullptr ? *before : Json(Json::Object{});
  members.set(column.member, std::move(value));
  body.set(name, std::move(members));
}

std::optional<ImportColumn> ImportColumns::by_name(std::string_view name) const {
  if (name.starts_with(kExternalPrefix) && resource_->has_field("external_ids")) {
    static const Field kId = store::text("external_id");
    const std::string system(name.substr(kExternalPrefix.size()));
    if (system.empty()) return std::nullopt;
    return ImportColumn{&kId, system, "/external_ids/" + system};
  }
  if (name.starts_with(store::kCustomPrefix)) {
    const auto code = name.substr(store::kCustomPrefix.size());
    const Field* field = custom_->as_field(resource_->kind, code);
    if (field == nullptr) return std::nullopt;
    return ImportColumn{field, std::string(code), "/custom/" + std::string(code)};
  }
  const Field* field = resource_->find(name);
  if (field == nullptr || !is_written(*field)) return std::nullopt;
  return ImportColumn{field, {}, "/" + std::string(name)};
}

std::optional<ImportColumn> ImportColumns::by_label(std::string_view label) const {
  for (const Field& field : resource_->fields) {
    if (!is_written(field)) continue;
    if (same_word(field.label.ru, label) || same_word(field.label.en, label)) {
      return by_name(field.name);
    }
  }
  return std::nullopt;
}

Result<ImportColumn> ImportColumns::find(std::string_view column) const {
  const std::string_view name = trimmed(column);
  if (const Json* mapped = map_.find(name)) {
    return mapped->is_null() ? ImportColumn{} : *by_name(mapped->as_string());
  }
  if (auto found = by_name(name)) return std::move(*found);
  if (auto found = by_label(name)) return std::move(*found);
  return fail(ErrorCode::invalid_request,
              "column '" + std::string(utf8_prefix(name, 100)) +
                  "' is no field that can be written; name its field in map, or leave it out with "
                  "null: map={\"" +
                  std::string(utf8_prefix(name, 100)) + "\": null}",
              "unknown_column");
}

Result<ImportColumns> ImportColumns::make(const store::Resource& resource,
                                          const store::CustomFields& custom, const Json& map) {
  ImportColumns columns(resource, custom);
  if (map.is_null()) return columns;
  if (!map.is_object()) {
    return fail(ErrorCode::invalid_request,
                "map is an object of column names and fields, such as {\"ИНН\": \"inn\"}",
                "invalid_map");
  }
  for (const auto& [column, field] : map.as_object()) {
    const bool known =
        field.is_null() || (field.is_string() && columns.by_name(field.as_string()).has_value());
    if (known) continue;
    return fail(ErrorCode::invalid_request,
                "map: column '" + std::string(utf8_prefix(column, 100)) +
                    "' is to be a field that " + std::string(resource.label_plural.en) +
                    " do not have, or that cannot be written",
                "invalid_map");
  }
  columns.map_ = map;
  return columns;
}

}  // namespace c360::api

#include "store/documents/record_fields.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/clock.h"
#include "daemon/base/text.h"
#include "store/documents/plain_paragraphs.h"
#include "store/printed_number.h"

namespace c360::store {
namespace {

bool is_printed(const Field& field) {
  return !field.is_secret && field.type != FieldType::json && field.type != FieldType::bytes &&
         field.type != FieldType::interval;
}

std::string printed(std::chrono::year_month_day day) {
  return fmt::format("{:02}.{:02}.{}", static_cast<unsigned>(day.day()),
                     static_cast<unsigned>(day.month()), static_cast<int>(day.year()));
}

// "2026-11-23", as the API spells days.
std::string printed_day(std::string_view iso) {
  const auto parts = split(iso, '-');
  if (parts.size() != 3) return std::string(iso);
  return fmt::format("{}.{}.{}", parts[2], parts[1], parts[0]);
}

std::string printed_moment(const std::string& rfc3339, const TimeZone& zone) {
  const auto instant = from_rfc3339(rfc3339);
  if (!instant) return rfc3339;
  const LocalSeconds local = zone.local(std::chrono::floor<std::chrono::seconds>(*instant));
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::hh_mm_ss time{local - day};
  return fmt::format("{} {:02}:{:02}", printed(std::chrono::year_month_day{day}),
                     time.hours().count(), time.minutes().count());
}

std::string label_of(const Resource& resource, const Field& field, const std::string& code) {
  if (field.name == "status") {
    if (const Status* status = resource.find_status(code)) return std::string(status->label.ru);
  }
  const auto choice = std::ranges::find(field.choices, code, &Choice::code);
  return choice == field.choices.end() ? code : std::string(choice->label.ru);
}

std::string text_of(const Resource& resource, const Field& field, const Json& value,
                    const TimeZone& zone) {
  // What an installation added travels as a number.
  if (value.is_number() && field.type == FieldType::decimal)
    return printed_number(value.number_text());
  if (value.is_number()) return value.number_text();
  if (!value.is_string()) return {};
  const std::string& text = value.as_string();
  switch (field.type) {
    case FieldType::money:
    case FieldType::decimal:
      return printed_number(text);
    case FieldType::date:
      return printed_day(text);
    case FieldType::timestamp:
      return printed_moment(text, zone);
    case FieldType::html:
      return join(plain_paragraphs(text), "\n");
    case FieldType::code:
    case FieldType::text_array:
      return label_of(resource, field, text);
    default:
      return text;
  }
}

Json printed_value(const Resource& resource, const Field& field, const Json* value,
                   const TimeZone& zone) {
  if (value == nullptr || value->is_null()) return std::string();
  if (value->is_bool()) return value->as_bool();
  if (!value->is_array()) return text_of(resource, field, *value, zone);
  std::vector<std::string> texts;
  for (const Json& each : value->as_array()) texts.push_back(text_of(resource, field, each, zone));
  return join(texts, ", ");
}

Json sample_value(const Field& field) {
  switch (field.type) {
    case FieldType::boolean:
      return true;
    case FieldType::integer:
    case FieldType::reference:
    case FieldType::integer_array:
      return "17";
    case FieldType::money:
    case FieldType::decimal:
      return "1\u00a0500,00";
    case FieldType::date:
      return "23.11.2026";
    case FieldType::timestamp:
      return "23.11.2026 13:05";
    default:
      return "Образец";
  }
}

}  // namespace

Json printed_custom(const Resource& resource, const CustomFields& custom, const Json* values,
                    const TimeZone& zone) {
  Json fields{Json::Object{}};
  for (const CustomField& each : custom.of(resource.kind)) {
    const Json* value = values == nullptr ? nullptr : values->find(each.code);
    const Field& field = *custom.as_field(resource.kind, each.code);
    fields.set(each.code, printed_value(resource, field, value, zone));
  }
  return fields;
}

Json record_fields(const Resource& resource, const CustomFields& custom, const Json& record,
                   const TimeZone& zone) {
  Json fields{Json::Object{}};
  for (const Field& field : resource.fields) {
    if (!is_printed(field)) continue;
    fields.set(std::string(field.name),
               printed_value(resource, field, record.find(field.name), zone));
  }
  fields.set("custom", printed_custom(resource, custom, record.find("custom"), zone));
  return fields;
}

Json sample_record(const Resource& resource, const CustomFields& custom) {
  Json fields{Json::Object{}};
  for (const Field& field : resource.fields) {
    if (is_printed(field)) fields.set(std::string(field.name), sample_value(field));
  }
  Json added{Json::Object{}};
  for (const CustomField& each : custom.of(resource.kind))
    added.set(each.code, sample_value(*custom.as_field(resource.kind, each.code)));
  fields.set("custom", std::move(added));
  return fields;
}

}  // namespace c360::store

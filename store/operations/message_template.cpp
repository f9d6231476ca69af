#include "store/operations/message_template.h"

#include <algorithm>
#include <array>
#include <vector>

#include "store/array.h"
#include "store/custom_fields.h"
#include "store/documents/template.h"
#include "store/documents/template_check.h"
#include "store/model/registry.h"
#include "store/records.h"

namespace c360::store {
namespace {

constexpr Sql kTemplate{"message_template", R"sql(
SELECT channel, CASE $2 WHEN 'en' THEN subject_en ELSE subject_ru END,
       CASE $2 WHEN 'en' THEN body_en ELSE body_ru END, placeholders
  FROM crm.message_template WHERE code = $1 AND is_active)sql"};

constexpr std::array<std::string_view, 4> kTexts = {"subject_ru", "subject_en", "body_ru",
                                                    "body_en"};
constexpr std::array<std::string_view, 3> kKnown = {"contact", "counterparty", "sender"};
constexpr std::size_t kMaxPlaceholders = 50;

bool is_placeholder(std::string_view name) {
  if (name.empty() || name.size() > 50 || name.front() < 'a' || name.front() > 'z') return false;
  return std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

Json values_of(Json parameters, const MessageNames& names) {
  parameters.set("contact",
                 Json::Object{{"full_name", names.contact}, {"custom", names.contact_custom}});
  parameters.set("counterparty",
                 Json::Object{{"name", names.counterparty}, {"custom", names.counterparty_custom}});
  parameters.set("sender", Json::Object{{"name", names.sender}});
  return parameters;
}

// Of the custom fields that these texts name those there are, with something in each.
Json sample_custom(const Records& records, const Draft& draft, std::string_view kind) {
  const std::string prefix = std::string(kind) + "." + std::string(kCustomPrefix);
  Json sample = Json::Object{};
  for (const std::string_view field : kTexts) {
    const std::string text(draft.get(field).value_or(""));
    for (const TemplateTag& tag : template_tags(text)) {
      if (!tag.name.starts_with(prefix)) continue;
      const std::string code(tag.name.substr(prefix.size()));
      const Parameters named{{std::string(kCustomPrefix) + code + ".null", "true"}};
      if (records.check_list(records.registry().get(kind), named, draft.actor()))
        sample.set(code, Json("x"));
    }
  }
  return sample;
}

std::vector<std::string> placeholders_of(Draft& draft) {
  std::vector<std::string> names;
  for (auto& name : decode_array(draft.get("placeholders").value_or("{}"))) {
    const std::string text = name.value_or("");
    if (!is_placeholder(text) || std::ranges::find(kKnown, text) != kKnown.end()) {
      draft.wrong("placeholders", "invalid_placeholder",
                  "\"" + text.substr(0, 50) +
                      "\": a name is a lower-case word of a-z, 0-9 and _, and not one of contact, "
                      "counterparty, sender.");
    } else if (std::ranges::find(names, text) != names.end()) {
      draft.wrong("placeholders", "twice", "\"" + text + "\" stands there twice.");
    } else {
      names.push_back(text);
    }
  }
  if (names.size() > kMaxPlaceholders)
    draft.wrong("placeholders", "too_many",
                "At most " + std::to_string(kMaxPlaceholders) + " placeholders.");
  return names;
}

std::unexpected<Error> wrong(std::vector<FieldError> fields) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The message cannot be made of the template.",
              .reason = fields.front().code};
  error.fields = std::move(fields);
  return std::unexpected(std::move(error));
}

}  // namespace

void check_message_template(const Records& records, Draft& draft) {
  Json sample = Json::Object{};
  for (const std::string& name : placeholders_of(draft)) sample.set(name, Json("x"));
  sample = values_of(std::move(sample),
                     {.contact = "x",
                      .counterparty = "x",
                      .sender = "x",
                      .contact_custom = sample_custom(records, draft, "contact"),
                      .counterparty_custom = sample_custom(records, draft, "counterparty")});
  for (const std::string_view field : kTexts) {
    const auto text = draft.get(field);
    if (!text) continue;
    const auto fine = check_template(*text, &sample);
    if (!fine) {
      for (const FieldError& fault : fine.error().fields)
        draft.wrong(field, fault.code, fault.detail);
    } else if (const auto tried = fill_text(*text, sample); !tried) {
      draft.wrong(field, tried.error().reason, tried.error().detail);
    }
  }
  if (draft.get("channel") != "email") return;
  for (const std::string_view field : {"subject_ru", "subject_en"}) {
    if (draft.get(field).value_or("").empty())
      draft.wrong(field, "subject_required", "A mail has a subject.");
  }
}

Result<MessageTexts> fill_message(Transaction& tx, std::string_view code, std::string_view language,
                                  const Json& parameters, const MessageNames& names) {
  auto rows = tx.query(kTemplate, std::move(Params{}.add(code).add(language)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty())
    return wrong({{"/template_code", "unknown_template", "There is no such template in use."}});
  const std::vector<std::string> placeholders = (*rows)->text_array(0, 3);
  std::vector<FieldError> faults;
  for (const auto& [name, value] : parameters.as_object()) {
    if (std::ranges::find(placeholders, name) == placeholders.end())
      faults.push_back({"/parameters" + pointer_segment(name), "unknown_field",
                        "The template has no such placeholder."});
  }
  for (const std::string& name : placeholders) {
    const Json* value = parameters.find(name);
    if (value == nullptr || value->is_null())
      faults.push_back({"/parameters" + pointer_segment(name), "required", "A value is required."});
    else if (!value->is_string())
      faults.push_back({"/parameters" + pointer_segment(name), "wrong_type", "Expected a string."});
  }
  if (!faults.empty()) return wrong(std::move(faults));
  MessageTexts texts{.channel = std::string((*rows)->text(0, 0))};
  const std::string subject((*rows)->text(0, 1));
  const std::string text((*rows)->text(0, 2));
  const Json values = values_of(parameters, names);
  auto filled_subject = fill_text(subject, values);
  if (!filled_subject) return std::unexpected(std::move(filled_subject).error());
  auto filled = fill_text(text, values);
  if (!filled) return std::unexpected(std::move(filled).error());
  texts.subject = std::move(*filled_subject);
  texts.text = std::move(*filled);
  return texts;
}

}  // namespace c360::store

#include "store/documents/template.h"

#include <kainjow/mustache.hpp>
#include <vector>

#include "store/documents/template_check.h"

namespace c360::store {
namespace {

namespace mustache = kainjow::mustache;

mustache::data value_of(const Json& json) {
  if (json.is_object()) {
    mustache::data object{mustache::data::type::object};
    for (const auto& [name, value] : json.as_object()) object.set(name, value_of(value));
    return object;
  }
  if (json.is_array()) {
    mustache::data list{mustache::data::type::list};
    for (const Json& each : json.as_array()) list.push_back(value_of(each));
    return list;
  }
  if (json.is_string() && !json.as_string().empty()) return {json.as_string()};
  return {json.is_bool() && json.as_bool() ? mustache::data::type::bool_true
                                           : mustache::data::type::bool_false};
}

struct TooLarge {};

Result<std::string> filled(std::string_view text, const Json& data, bool is_html) {
  if (auto fine = check_template(text); !fine) return std::unexpected(std::move(fine).error());
  if (takes_more_steps(text, data, kMaxFillingSteps)) {
    return fail(ErrorCode::validation_failed,
                "Filling the template would go through more than " +
                    std::to_string(kMaxFillingSteps) +
                    " tags and rows: it has lists inside lists, or too many tags for so many rows.",
                "too_many_steps");
  }
  mustache::mustache page{std::string(text)};
  if (!is_html) page.set_custom_escape([](const std::string& value) { return value; });
  std::string result;
  try {
    page.render(value_of(data), [&](const std::string& piece) {
      if (result.size() + piece.size() > kMaxFilledBytes) throw TooLarge{};
      result += piece;
    });
  } catch (const TooLarge&) {
    return fail(ErrorCode::validation_failed,
                "The document would be larger than " + std::to_string(kMaxFilledBytes) + " bytes.",
                "document_too_large");
  }
  if (!page.is_valid()) {
    return fail(ErrorCode::validation_failed,
                "The template cannot be filled: " + page.error_message(), "template_invalid");
  }
  return result;
}

}  // namespace

Result<void> check_template(std::string_view text, const Json* sample) {
  const std::vector<TemplateFault> faults = template_faults(text, sample);
  if (faults.empty()) return {};
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The template cannot be used.",
              .reason = faults.front().code};
  for (const TemplateFault& each : faults) {
    error.fields.push_back(
        {"/page", each.code, "Line " + std::to_string(each.line) + ": " + each.detail});
  }
  return std::unexpected(std::move(error));
}

Result<std::string> fill_template(std::string_view text, const Json& data) {
  return filled(text, data, true);
}

Result<std::string> fill_text(std::string_view text, const Json& data) {
  return filled(text, data, false);
}

}  // namespace c360::store

// Templates of documents: text with the fields of a value tree (content.h) in it, in the words of
// mustache(5):
//
//   {{seller.name}}                       a value, escaped for HTML
//   {{#lines}}<tr>…{{/lines}}             once for each of a list; once where a value is there
//   {{^contract}}…{{/contract}}           where there is none
//   {{! … }}                              a remark
//
// Nothing else: no unescaped value, no other template, no other delimiters. A template is
// somebody's text, so it is bounded in size and depth, and what it makes is bounded too.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/json.h"

namespace c360::store {

inline constexpr std::size_t kMaxTemplateBytes = std::size_t{512} * 1024;
inline constexpr std::size_t kMaxTemplateDepth = 8;  // of sections inside each other
inline constexpr std::size_t kMaxFilledBytes = std::size_t{8} * 1024 * 1024;
// Tags gone through, and rows of lists entered, in one filling: also by those that print nothing.
inline constexpr std::size_t kMaxFillingSteps = 1'000'000;

// validation_failed with every fault at "/page" and its line: unclosed_tag, unclosed_section,
// wrong_end, section_in_itself, too_deep, tag_not_allowed, template_too_large, text_encoding; with
// a `sample`, the value tree of a document that has everything, unknown_field too.
Result<void> check_template(std::string_view text, const Json* sample = nullptr);

// Values are strings, true and false, lists of objects, objects; empty strings and null count as
// not there. What check_template says; validation_failed, reasons document_too_large and, before
// anything is filled, too_many_steps.
Result<std::string> fill_template(std::string_view text, const Json& data);
// The same of a plain text: values stand as they are.
Result<std::string> fill_text(std::string_view text, const Json& data);

}  // namespace c360::store

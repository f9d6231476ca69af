// What is wrong with the tags of a template (template.h), whatever stands around them: HTML, or the
// text of a DOCX.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"

namespace c360::store {

struct TemplateFault {
  std::size_t line = 1;
  std::string code;
  std::string detail;  // names the tag
};

// At most a hundred, by line: what check_template says. `sample`: the value tree names are looked
// up in; null: any will do.
std::vector<TemplateFault> template_faults(std::string_view text, const Json* sample);

// One tag of a text that has no faults.
struct TemplateTag {
  char sign = '\0';       // '#', '^', '/', '!'; '\0': a value
  std::string_view name;  // of the field
  std::size_t begin = 0;  // of the first {
  std::size_t end = 0;    // behind the last }
};
std::vector<TemplateTag> template_tags(std::string_view text);

// Whether filling a text that has no faults goes through more tags and rows than that. It is found
// out by going through them, so for no more than `limit` steps.
bool takes_more_steps(std::string_view text, const Json& data, std::size_t limit);

}  // namespace c360::store

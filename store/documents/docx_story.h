// A part of a DOCX with text of its own: the body, a header, a footer, notes. What is wrong with
// its tags, and where.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"
#include "store/documents/docx_xml.h"

namespace c360::store {

struct DocxStory {
  std::string name;  // of the part
  XmlDocument document;

  // The part as a file.
  std::string xml() const;
};

// None: a part of another kind (styles, settings). Errors as parse_docx_part().
Result<std::optional<DocxStory>> read_story(const DocxPart& part, const DocxLimits& limits);

// Each with the part, the paragraph and the tag in its detail.
std::vector<FieldError> story_faults(const DocxStory& story, const Json* sample);

}  // namespace c360::store

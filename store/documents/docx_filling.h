// Fills the tags of a story (docx_story.h) that has no faults.
#pragma once

#include "store/documents/docx_story.h"

namespace c360::store {

// What all parts of one document may take together.
struct DocxBudget {
  std::size_t copies = 0;
  std::size_t nodes = 0;
};

// docx_too_many_copies: then the story is half filled and of no use.
Result<void> fill_story(DocxStory& story, const Json& data, DocxBudget& budget);

}  // namespace c360::store

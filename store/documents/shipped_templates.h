// The templates that come with the program: store/documents/templates/*.html for what is printed,
// and store/documents/templates/docx for Word.
#pragma once

#include <span>
#include <string_view>

namespace c360::store {

struct ShippedTemplate {
  std::string_view code;  // proposal, invoice, act
  std::string_view text;
};
std::span<const ShippedTemplate> shipped_templates();

// The parts of the DOCX files as they lie in the folder: "common/word/styles.xml" is of all of
// them, "invoice/word/document.xml" of that one.
struct ShippedPart {
  std::string_view path;
  std::string_view xml;
};
std::span<const ShippedPart> shipped_docx_parts();

// The DOCX template with this code, packed once; empty: none is shipped.
std::string_view shipped_docx(std::string_view code);

}  // namespace c360::store

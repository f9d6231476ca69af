// The XML of a part of a DOCX: what libxml2 holds, and the text of a paragraph with the places it
// comes from. WordprocessingML in both its namespaces, transitional and strict (ISO/IEC 29500-1).
#pragma once

#include <libxml/tree.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/documents/docx.h"
#include "store/documents/docx_package.h"

namespace c360::store {

struct FreeXml {
  void operator()(xmlDoc* document) const { xmlFreeDoc(document); }
};
using XmlDocument = std::unique_ptr<xmlDoc, FreeXml>;

// docx_doctype, docx_xml, docx_too_deep. Reads no other file, resolves no entity.
Result<XmlDocument> parse_docx_part(const DocxPart& part, const DocxLimits& limits);

// An element of WordprocessingML with this name.
bool is_word(const xmlNode* node, std::string_view name);
std::vector<xmlNode*> elements_of(const xmlNode* parent);
// The nearest element above with this name; null: none.
xmlNode* ancestor(const xmlNode* node, std::string_view name);

// A stretch of a paragraph's text: what a w:t says, or one tab that stands for anything else that a
// run may hold (a tab, a break, a picture) and no tag reaches over.
struct TextPiece {
  xmlNode* element = nullptr;  // the w:t
  std::size_t begin = 0;
  std::size_t end = 0;
};
struct JoinedText {
  std::string text;
  std::vector<TextPiece> pieces;

  // The one that has the letter at `at`, a w:t.
  const TextPiece& piece_at(std::size_t at) const;
};
// Of what stands in these nodes, paragraphs inside (of a text box) apart.
JoinedText joined_text(std::span<xmlNode* const> nodes);

// No letter, and nothing to see.
bool is_blank(const xmlNode* paragraph);

// Replaces what a w:t says; its blanks count.
void set_text(xmlNode* element, std::string_view text);

}  // namespace c360::store

#include "store/documents/docx_xml.h"

#include <libxml/parser.h>

#include <algorithm>
#include <array>
#include <limits>

#include "daemon/base/text.h"

namespace c360::store {
namespace {

constexpr std::string_view kTransitional =
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
constexpr std::string_view kStrict = "http://purl.oclc.org/ooxml/wordprocessingml/main";

std::string_view view_of(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

struct FreeParser {
  void operator()(xmlParserCtxt* parser) const { xmlFreeParserCtxt(parser); }
};

// Called at <!DOCTYPE, before anything of it is read.
void refuse_doctype(void* context, const xmlChar*, const xmlChar*, const xmlChar*) {
  auto* parser = static_cast<xmlParserCtxt*>(context);
  *static_cast<bool*>(parser->_private) = true;
  xmlStopParser(parser);
}

bool too_deep(const xmlDoc* document, std::size_t limit) {
  std::size_t depth = 1;
  for (const xmlNode* node = xmlDocGetRootElement(document); node != nullptr;) {
    if (node->type == XML_ELEMENT_NODE && node->children != nullptr) {
      node = node->children;
      if (++depth > limit + 1) return true;  // the text inside is no element
      continue;
    }
    while (node != nullptr && node->next == nullptr) {
      node = node->parent;
      --depth;
      if (node == nullptr || node->type == XML_DOCUMENT_NODE) return false;
    }
    node = node == nullptr ? nullptr : node->next;
  }
  return false;
}

template <std::size_t kCount>
bool is_one_of(const xmlNode* node, const std::array<std::string_view, kCount>& names) {
  return std::ranges::any_of(names, [&](std::string_view name) { return is_word(node, name); });
}

// Joins the text of runs; what is deleted, and what only describes, is none.
class Joiner {
 public:
  JoinedText joined;

  void visit(const xmlNode* node) {
    static constexpr std::array<std::string_view, 8> kSilent = {
        "p", "pPr", "rPr", "sdtPr", "del", "moveFrom", "txbxContent", "tbl"};
    if (node->type != XML_ELEMENT_NODE || is_one_of(node, kSilent)) return;
    if (is_word(node, "r")) {
      for (xmlNode* each = node->children; each != nullptr; each = each->next) take(each);
      return;
    }
    for (const xmlNode* each = node->children; each != nullptr; each = each->next) visit(each);
  }

 private:
  void take(xmlNode* inside) {
    static constexpr std::array<std::string_view, 6> kSilent = {
        "rPr", "delText", "instrText", "delInstrText", "lastRenderedPageBreak", "fldChar"};
    if (inside->type != XML_ELEMENT_NODE || is_one_of(inside, kSilent)) return;
    const std::size_t begin = joined.text.size();
    const bool is_text = is_word(inside, "t");
    if (is_text) {
      for (const xmlNode* each = inside->children; each != nullptr; each = each->next) {
        if (each->type == XML_TEXT_NODE) joined.text += view_of(each->content);
      }
      std::replace(joined.text.begin() + static_cast<std::ptrdiff_t>(begin), joined.text.end(),
                   '\n', ' ');  // paragraphs are told apart by it
    } else {
      joined.text += '\t';
    }
    joined.pieces.push_back({is_text ? inside : nullptr, begin, joined.text.size()});
  }
};

}  // namespace

bool is_word(const xmlNode* node, std::string_view name) {
  if (node == nullptr || node->type != XML_ELEMENT_NODE || node->ns == nullptr) return false;
  if (view_of(node->name) != name) return false;
  const std::string_view space = view_of(node->ns->href);
  return space == kTransitional || space == kStrict;
}

std::vector<xmlNode*> elements_of(const xmlNode* parent) {
  std::vector<xmlNode*> elements;
  for (xmlNode* each = parent->children; each != nullptr; each = each->next) {
    if (each->type == XML_ELEMENT_NODE) elements.push_back(each);
  }
  return elements;
}

xmlNode* ancestor(const xmlNode* node, std::string_view name) {
  for (xmlNode* each = node->parent; each != nullptr; each = each->parent) {
    if (is_word(each, name)) return each;
  }
  return nullptr;
}

Result<XmlDocument> parse_docx_part(const DocxPart& part, const DocxLimits& limits) {
  static const bool kReady = (xmlInitParser(), true);  // once, before threads use it
  const auto refused = [&](std::string_view code, std::string_view what) {
    return docx_refused(code, part.name + ": " + std::string(what));
  };
  if (static_cast<std::size_t>(std::ranges::count_if(
          part.xml, [](char each) { return each == '<' || each == '='; })) > limits.part_nodes) {
    return refused("docx_too_many_nodes",
                   "more than " + std::to_string(limits.part_nodes) + " tags and attributes.");
  }
  const std::unique_ptr<xmlParserCtxt, FreeParser> parser(kReady ? xmlNewParserCtxt() : nullptr);
  if (!parser || part.xml.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return fail(ErrorCode::internal, "There is no memory to read a document.");
  bool has_doctype = false;
  parser->_private = &has_doctype;
  parser->sax->internalSubset = refuse_doctype;
  parser->sax->externalSubset = refuse_doctype;
  XmlDocument document(xmlCtxtReadMemory(
      parser.get(), part.xml.data(), static_cast<int>(part.xml.size()), nullptr, nullptr,
      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA));
  if (has_doctype || (document && document->intSubset != nullptr)) {
    return refused("docx_doctype", "a document type declaration is refused.");
  }
  if (!document || xmlDocGetRootElement(document.get()) == nullptr) {
    const char* why = parser->lastError.message;
    return refused("docx_xml",
                   "line " + std::to_string(parser->lastError.line) + ": " +
                       (why == nullptr ? std::string("no XML") : std::string(trimmed(why))) + ".");
  }
  if (too_deep(document.get(), limits.depth)) {
    return refused("docx_too_deep",
                   "more than " + std::to_string(limits.depth) + " elements in each other.");
  }
  return document;
}

const TextPiece& JoinedText::piece_at(std::size_t at) const {
  return *std::ranges::upper_bound(pieces, at, {}, &TextPiece::end);
}

JoinedText joined_text(std::span<xmlNode* const> nodes) {
  Joiner joiner;
  for (const xmlNode* each : nodes) joiner.visit(each);
  return std::move(joiner.joined);
}

bool is_blank(const xmlNode* paragraph) {
  const JoinedText joined = joined_text(elements_of(paragraph));
  const bool shows = std::ranges::any_of(
      joined.pieces, [](const TextPiece& each) { return each.element == nullptr; });
  if (shows || !trimmed(joined.text).empty()) return false;
  for (const xmlNode* each : elements_of(paragraph)) {
    if (!is_word(each, "pPr")) continue;
    for (const xmlNode* property : elements_of(each)) {
      if (is_word(property, "sectPr")) return false;  // the end of a section of pages
    }
  }
  return true;
}

void set_text(xmlNode* element, std::string_view text) {
  xmlNode* old = element->children;
  while (old != nullptr) {
    xmlNode* next = old->next;
    xmlUnlinkNode(old);
    xmlFreeNode(old);
    old = next;
  }
  xmlAddChild(element, xmlNewDocTextLen(element->doc, reinterpret_cast<const xmlChar*>(text.data()),
                                        static_cast<int>(text.size())));
  xmlNodeSetSpacePreserve(element, 1);
}

}  // namespace c360::store

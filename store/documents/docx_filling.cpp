#include "store/documents/docx_filling.h"

#include <algorithm>
#include <array>

#include "daemon/base/text.h"
#include "store/documents/template_check.h"

namespace c360::store {
namespace {

using Nodes = std::vector<xmlNode*>;

void drop(xmlNode* node) {
  xmlUnlinkNode(node);
  xmlFreeNode(node);
}

std::size_t node_count(const xmlNode* node) {
  std::size_t count = 1;
  for (const xmlNode* each = node->children; each != nullptr; each = each->next)
    count += node_count(each);
  return count;
}

xmlNode* new_word(xmlNode* like, const char* name) {
  return xmlNewDocNode(like->doc, like->ns, reinterpret_cast<const xmlChar*>(name), nullptr);
}

// With all that is in it; null without memory. Not by xmlDocCopyNode: that one declares the
// namespaces anew in each copy.
xmlNode* cloned(xmlNode* node, xmlNode* parent) {
  xmlNode* made = nullptr;
  xmlDOMWrapCloneNode(nullptr, node->doc, node, &made, node->doc, parent, 1, 0);
  return made;
}

// What Word wants once in a document: the ids of paragraphs, and bookmarks.
void strip_ids(xmlNode* node) {
  for (xmlAttr* each = node->properties; each != nullptr;) {
    xmlAttr* next = each->next;
    const std::string_view name = reinterpret_cast<const char*>(each->name);
    if (name == "paraId" || name == "textId") xmlRemoveProp(each);
    each = next;
  }
  for (xmlNode* each : elements_of(node)) {
    if (is_word(each, "bookmarkStart") || is_word(each, "bookmarkEnd")) {
      drop(each);
    } else {
      strip_ids(each);
    }
  }
}

void strip_ids_of(std::vector<xmlNode*>& copies) {
  std::erase_if(copies, [](xmlNode* each) {
    const bool is_mark = is_word(each, "bookmarkStart") || is_word(each, "bookmarkEnd");
    if (is_mark) drop(each);
    return is_mark;
  });
  std::ranges::for_each(copies, strip_ids);
}

// As XML 1.0 may hold it (2.2).
std::string printable(std::string_view value) {
  std::string text = replace_invalid_utf8(value);
  std::erase_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n'; });
  for (const std::string_view none : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {
    for (auto at = text.find(none); at != std::string::npos; at = text.find(none, at))
      text.erase(at, none.size());
  }
  return text;
}

bool is_there(const Json* value) {
  if (value == nullptr) return false;
  if (value->is_string()) return !value->as_string().empty();
  if (value->is_array()) return !value->as_array().empty();
  return value->is_object() || (value->is_bool() && value->as_bool());
}

bool opens(const TemplateTag& tag) { return tag.sign == '#' || tag.sign == '^'; }

// A section whose ends stand in different paragraphs: a copy of the tag, and its paragraphs.
struct SpreadSection {
  char sign = '\0';
  std::string name;
  xmlNode* first = nullptr;  // the paragraph of its beginning
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Where the end of one stands, if it was found.
struct SectionEnd {
  xmlNode* paragraph = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Goes through tags in their order and knows which sections are open.
class OpenSections {
 public:
  struct Open {
    SpreadSection section;
    const xmlNode* cell;
  };

  // The section this tag has ended, if it ended one.
  std::optional<Open> take(const TemplateTag& tag, xmlNode* paragraph, const xmlNode* cell) {
    if (opens(tag)) {
      open_.push_back({{tag.sign, std::string(tag.name), paragraph, tag.begin, tag.end}, cell});
    } else if (tag.sign == '/' && !open_.empty()) {
      Open ended = std::move(open_.back());
      open_.pop_back();
      return ended;
    }
    return std::nullopt;
  }
  bool empty() const { return open_.empty(); }
  std::size_t depth() const { return open_.size(); }
  const SpreadSection& outermost() const { return open_.front().section; }

 private:
  std::vector<Open> open_;
};

void paragraphs_in(xmlNode* node, Nodes& found) {
  for (xmlNode* each : elements_of(node)) {
    if (is_word(each, "p")) found.push_back(each);
    paragraphs_in(each, found);
  }
}

class Filler {
 public:
  Filler(const Json& data, DocxBudget& budget) : budget_(budget) { inside_.push_back(&data); }

  bool too_much() const { return too_much_; }

  void fill_children(xmlNode* parent) {
    fill_blocks(elements_of(parent));
    mend(parent);
  }

 private:
  // Siblings: paragraphs, tables, rows, cells, and what may stand around them.
  void fill_blocks(Nodes nodes) {
    for (std::size_t i = 0; i < nodes.size() && !too_much_;) {
      if (is_word(nodes[i], "p")) {
        i = fill_from_paragraph(nodes, i);
      } else if (is_word(nodes[i], "tr")) {
        i = fill_from_row(nodes, i);
      } else {
        fill_children(nodes[i]);
        if (is_word(nodes[i], "tbl") && !has_row(nodes[i])) drop(nodes[i]);
        ++i;
      }
    }
  }

  // Paragraphs -----------------------------------------------------------------------------------

  std::size_t fill_from_paragraph(const Nodes& nodes, std::size_t at) {
    OpenSections open;
    SectionEnd end;
    SpreadSection section;
    std::size_t last = at;
    for (; last < nodes.size(); ++last) {
      if (!is_word(nodes[last], "p")) continue;
      const JoinedText text = joined_text(elements_of(nodes[last]));
      for (const TemplateTag& tag : template_tags(text.text)) {
        const bool ends = open.depth() == 1 && tag.sign == '/';
        open.take(tag, nodes[last], nullptr);
        if (ends) end = {nodes[last], tag.begin, tag.end};
        if (ends && last != at) break;
      }
      if (open.empty()) break;
      if (last == at) section = open.outermost();
    }
    if (last == at || last == nodes.size()) {
      fill_paragraph(nodes[at]);
      return at + 1;
    }
    Nodes unit(nodes.begin() + static_cast<std::ptrdiff_t>(at),
               nodes.begin() + static_cast<std::ptrdiff_t>(last) + 1);
    erase(end.paragraph, end.begin, end.end);
    erase(section.first, section.begin, section.end);
    drop_marker(unit, false, [](const xmlNode* each) { return is_blank(each); });
    drop_marker(unit, true, [](const xmlNode* each) { return is_blank(each); });
    repeat(unit, section, [this](Nodes copies) { fill_blocks(std::move(copies)); });
    return last + 1;
  }

  // The paragraph or row that held the tag and nothing else, at an end of what is repeated.
  template <typename IsBlank>
  static void drop_marker(Nodes& unit, bool at_end, IsBlank is_blank_one) {
    if (unit.empty()) return;
    xmlNode* marker = at_end ? unit.back() : unit.front();
    if (!is_blank_one(marker)) return;
    drop(marker);
    unit.erase(at_end ? unit.end() - 1 : unit.begin());
  }

  // Rows -----------------------------------------------------------------------------------------

  std::size_t fill_from_row(const Nodes& nodes, std::size_t at) {
    OpenSections open;
    SectionEnd end;
    std::optional<SpreadSection> of_row = section_over_cells(nodes[at], open, end);
    if (open.empty() && !of_row) {
      fill_children(nodes[at]);
      return at + 1;
    }
    std::size_t last = at;
    if (!open.empty()) {
      of_row = open.outermost();
      while (!open.empty() && ++last < nodes.size()) end = end_in_row(nodes[last], open);
      if (last == nodes.size()) return last;
    }
    Nodes unit(nodes.begin() + static_cast<std::ptrdiff_t>(at),
               nodes.begin() + static_cast<std::ptrdiff_t>(last) + 1);
    erase(end.paragraph, end.begin, end.end);
    erase(of_row->first, of_row->begin, of_row->end);
    if (unit.size() > 1) drop_marker(unit, false, is_blank_row);
    if (unit.size() > 1) drop_marker(unit, true, is_blank_row);
    repeat(unit, *of_row, [this](Nodes copies) { fill_blocks(std::move(copies)); });
    return last + 1;
  }

  // The outermost section that begins in one cell of the row and ends in another. Those that do
  // not end in the row stay in `open`.
  static std::optional<SpreadSection> section_over_cells(xmlNode* row, OpenSections& open,
                                                         SectionEnd& end) {
    std::optional<SpreadSection> found;
    std::size_t depth = 0;
    Nodes paragraphs;
    paragraphs_in(row, paragraphs);
    for (xmlNode* paragraph : paragraphs) {
      const xmlNode* cell = cell_of(paragraph, row);
      const JoinedText text = joined_text(elements_of(paragraph));  // holds the names of its tags
      for (const TemplateTag& tag : template_tags(text.text)) {
        const auto ended = open.take(tag, paragraph, cell);
        if (!ended || ended->cell == cell) continue;
        if (found && depth <= open.depth()) continue;
        found = ended->section;
        depth = open.depth();
        end = {paragraph, tag.begin, tag.end};
      }
    }
    return found;
  }

  // Of the outermost section, if this row ends it.
  static SectionEnd end_in_row(xmlNode* row, OpenSections& open) {
    if (!is_word(row, "tr")) return {};
    Nodes paragraphs;
    paragraphs_in(row, paragraphs);
    for (xmlNode* paragraph : paragraphs) {
      const JoinedText text = joined_text(elements_of(paragraph));  // holds the names of its tags
      for (const TemplateTag& tag : template_tags(text.text)) {
        open.take(tag, paragraph, nullptr);
        if (open.empty()) return {paragraph, tag.begin, tag.end};
      }
    }
    return {};
  }

  static const xmlNode* cell_of(const xmlNode* paragraph, const xmlNode* row) {
    const xmlNode* cell = paragraph;
    while (cell->parent != row) cell = cell->parent;
    return cell;
  }

  static bool is_blank_row(xmlNode* row) {
    Nodes paragraphs;
    paragraphs_in(row, paragraphs);
    return std::ranges::all_of(paragraphs, [](const xmlNode* each) { return is_blank(each); });
  }

  static bool has_row(const xmlNode* table) {
    const Nodes inside = elements_of(table);
    return std::ranges::any_of(inside, [](const xmlNode* each) {
      return is_word(each, "tr") || (!is_word(each, "tblPr") && has_row(each));
    });
  }

  // Inside one paragraph --------------------------------------------------------------------------

  void fill_paragraph(xmlNode* paragraph) {
    const Nodes nodes = elements_of(paragraph);
    const auto text = joined_text(nodes);
    const auto tags = template_tags(text.text);
    if (!tags.empty()) {
      fill_line(nodes, tags);
      // A paragraph that held a condition and has nothing left to say.
      const bool had_section = std::ranges::any_of(tags, opens);
      if (had_section) drop_empty_runs(paragraph);
      if (had_section && is_blank(paragraph) && stands_beside_another(paragraph)) {
        drop(paragraph);
        return;
      }
    }
    fill_boxes(paragraph);
  }

  // What cutting runs in two leaves behind: a run with one w:t that says nothing.
  static void drop_empty_runs(const xmlNode* node) {
    for (xmlNode* each : elements_of(node)) {
      if (!is_word(each, "r")) {
        if (!is_word(each, "p")) drop_empty_runs(each);
        continue;
      }
      const Nodes inside = elements_of(each);
      const bool has_format = !inside.empty() && is_word(inside.front(), "rPr");
      if (inside.size() != (has_format ? 2U : 1U) || !is_word(inside.back(), "t")) continue;
      const JoinedText text = joined_text(std::span<xmlNode* const>(&each, 1));
      if (text.text.empty()) drop(each);
    }
  }

  static bool stands_beside_another(const xmlNode* paragraph) {
    const Nodes siblings = elements_of(paragraph->parent);
    return std::ranges::any_of(
        siblings, [&](const xmlNode* each) { return each != paragraph && is_word(each, "p"); });
  }

  void fill_boxes(xmlNode* node) {
    for (xmlNode* each : elements_of(node)) {
      if (is_word(each, "txbxContent")) {
        fill_children(each);
      } else {
        fill_boxes(each);
      }
    }
  }

  // From the last tag to the first, so that the places of those before stay as they are.
  void fill_line(Nodes nodes, const std::vector<TemplateTag>& tags) {
    // The text is gone through for each tag: a long one full of tags costs as many nodes would.
    constexpr std::size_t kBytesOfANode = 4'096;
    if (!tags.empty() && !pay_for(0, tags.size() * tags.back().end / kBytesOfANode)) return;
    std::vector<std::size_t> ends;  // of sections whose beginning is to come, by index
    for (std::size_t i = tags.size(); i-- > 0 && !too_much_;) {
      const TemplateTag& tag = tags[i];
      if (tag.sign == '/') {
        ends.push_back(i);
      } else if (opens(tag)) {
        const TemplateTag& close = tags[ends.back()];
        ends.pop_back();
        if (ends.empty()) fill_section(nodes, tag, close);
      } else if (ends.empty()) {
        const bool is_value = tag.sign == '\0';
        replace(nodes, tag.begin, tag.end, is_value ? value_of(tag.name) : std::string());
      }
    }
  }

  void fill_section(Nodes& nodes, const TemplateTag& open, const TemplateTag& close) {
    xmlNode* behind = split(nodes, close.begin, close.end);
    xmlNode* first = split(nodes, open.begin, open.end);
    Nodes unit;
    for (xmlNode* each = first; each != behind; each = each->next) {
      if (each->type == XML_ELEMENT_NODE) unit.push_back(each);
    }
    // What is left of the section is not done yet; the rest of `nodes` is, or goes.
    const xmlNode* before = first->prev;
    const auto holds = [&](const xmlNode* each) {
      for (const xmlNode* node = before; node != nullptr; node = node->parent) {
        if (node == each) return true;
      }
      return false;
    };
    const auto kept = std::ranges::find_if(nodes, holds);
    if (kept != nodes.end()) nodes.erase(kept + 1, nodes.end());
    repeat(unit, {open.sign, std::string(open.name), nullptr, 0, 0}, [this](Nodes copies) {
      const auto text = joined_text(copies);
      fill_line(std::move(copies), template_tags(text.text));
    });
  }

  // Cuts the tag out and its run in two; the second one, with the same formatting.
  static xmlNode* split(const Nodes& nodes, std::size_t begin, std::size_t end) {
    const JoinedText text = joined_text(nodes);
    const TextPiece& piece = text.piece_at(begin);
    xmlNode* element = piece.element;
    xmlNode* run = element->parent;
    xmlNode* second = new_word(run, "r");
    xmlAddNextSibling(run, second);
    for (xmlNode* each : elements_of(run)) {
      if (is_word(each, "rPr")) xmlAddChild(second, cloned(each, second));
    }
    replace(nodes, begin, end, "");
    xmlNode* rest = xmlAddChild(second, new_word(run, "t"));
    const std::string_view said = text.text;
    set_text(element, said.substr(piece.begin, begin - piece.begin));
    set_text(rest, end < piece.end ? said.substr(end, piece.end - end) : std::string_view());
    for (xmlNode* each = element->next; each != nullptr;) {
      xmlNode* next = each->next;
      xmlUnlinkNode(each);
      xmlAddChild(second, each);
      each = next;
    }
    return second;
  }

  static void erase(xmlNode* paragraph, std::size_t begin, std::size_t end) {
    replace(elements_of(paragraph), begin, end, "");
  }

  // The value takes the place of the first letter; lines of it are parted by breaks.
  static void replace(const Nodes& nodes, std::size_t begin, std::size_t end,
                      const std::string& value) {
    const JoinedText text = joined_text(nodes);
    const TextPiece& first = text.piece_at(begin);
    for (const TextPiece& each : text.pieces) {
      if (each.element == nullptr || each.end <= begin || each.begin >= end) continue;
      std::string_view said = text.text;
      said = said.substr(each.begin, each.end - each.begin);
      const std::size_t from = std::max(begin, each.begin) - each.begin;
      const std::size_t to = std::min(end, each.end) - each.begin;
      if (each.element == first.element) {
        write_lines(each.element, said.substr(0, from), value, said.substr(to));
      } else {
        set_text(each.element, std::string(said.substr(0, from)).append(said.substr(to)));
      }
    }
  }

  static void write_lines(xmlNode* element, std::string_view before, const std::string& value,
                          std::string_view after) {
    const auto lines = split_lines(value);
    std::string text(before);
    for (std::size_t i = 0;; ++i) {
      text += lines[i];
      if (i + 1 == lines.size()) break;
      set_text(element, text);
      text.clear();
      xmlNode* line_break = xmlAddNextSibling(element, new_word(element, "br"));
      element = xmlAddNextSibling(line_break, new_word(element, "t"));
    }
    set_text(element, text.append(after));
  }

  static std::vector<std::string_view> split_lines(const std::string& value) {
    auto lines = c360::split(value, '\n');
    if (lines.empty()) lines.emplace_back();
    return lines;
  }

  // Values ---------------------------------------------------------------------------------------

  // The innermost that knows the name decides.
  const Json* find(std::string_view name) const {
    if (name == ".") return inside_.back();
    for (auto each = inside_.rbegin(); each != inside_.rend(); ++each) {
      const Json* value = *each;
      for (const std::string_view part : c360::split(name, '.')) {
        value = value->find(part);
        if (value == nullptr) break;
      }
      if (value != nullptr) return value;
    }
    return nullptr;
  }

  std::string value_of(std::string_view name) const {
    const Json* value = find(name);
    return value != nullptr && value->is_string() ? printable(value->as_string()) : std::string();
  }

  // Copies of the unit for each value of the section, in front of it, filled; then it goes.
  template <typename Fill>
  void repeat(const Nodes& unit, const SpreadSection& section, const Fill& fill) {
    const Json* value = find(section.name);
    const bool is_inverted = section.sign == '^';
    std::vector<const Json*> each_value;
    if (is_inverted && !is_there(value)) each_value.push_back(inside_.back());
    if (!is_inverted && is_there(value)) {
      each_value.push_back(value);
      if (value->is_array()) {
        each_value.clear();
        for (const Json& each : value->as_array()) each_value.push_back(&each);
      }
    }
    std::size_t nodes = 0;
    for (const xmlNode* each : unit) nodes += node_count(each);
    bool is_first = true;
    for (const Json* each : each_value) {
      if (unit.empty() || !pay_for(unit.size(), nodes)) break;
      Nodes copies = copy(unit);
      if (!is_first) strip_ids_of(copies);
      is_first = false;
      inside_.push_back(each);
      fill(std::move(copies));
      inside_.pop_back();
    }
    for (xmlNode* each : unit) drop(each);
  }

  bool pay_for(std::size_t copies, std::size_t nodes) {
    too_much_ = too_much_ || budget_.copies < copies || budget_.nodes < nodes;
    if (too_much_) return false;
    budget_.copies -= copies;
    budget_.nodes -= nodes;
    return true;
  }

  static Nodes copy(const Nodes& unit) {
    Nodes copies;
    xmlNode* parent = unit.front()->parent;
    for (xmlNode* each : unit) {
      xmlNode* made = cloned(each, parent);
      if (made == nullptr) continue;
      xmlAddPrevSibling(unit.front(), made);
      copies.push_back(made);
    }
    return copies;
  }

  // Word calls a cell damaged that does not end with a paragraph, and a header without any.
  static void mend(xmlNode* parent) {
    static constexpr std::array<std::string_view, 5> kNeedOne = {"hdr", "ftr", "txbxContent",
                                                                 "footnote", "endnote"};
    const Nodes inside = elements_of(parent);
    const bool is_cell = is_word(parent, "tc");
    const bool ends_well = !inside.empty() && is_word(inside.back(), "p");
    const bool has_one =
        std::ranges::any_of(inside, [](const xmlNode* each) { return is_word(each, "p"); });
    const bool needs_one =
        std::ranges::any_of(kNeedOne, [&](std::string_view name) { return is_word(parent, name); });
    if ((is_cell && !ends_well) || (needs_one && !has_one))
      xmlAddChild(parent, new_word(parent, "p"));
  }

  DocxBudget& budget_;
  std::vector<const Json*> inside_;  // the values names are looked up in, the innermost last
  bool too_much_ = false;
};

}  // namespace

Result<void> fill_story(DocxStory& story, const Json& data, DocxBudget& budget) {
  Filler filler(data, budget);
  filler.fill_children(xmlDocGetRootElement(story.document.get()));
  if (!filler.too_much()) return {};
  return docx_refused("docx_too_many_copies",
                      story.name + ": what is repeated would make the document too long.");
}

}  // namespace c360::store

#include "store/documents/docx_story.h"

#include <algorithm>
#include <array>
#include <map>

#include "daemon/base/text.h"
#include "store/documents/template_check.h"

namespace c360::store {
namespace {

// A tag and where it stands: its place in the text of its paragraph.
struct PlacedTag {
  TemplateTag tag;
  std::string name;
  std::size_t paragraph = 0;  // from 0
  std::size_t partner = 0;    // of a section: the index of its other end
};

// Sections that are repeated together: from one sibling to another; the same for a row's cells.
struct Unit {
  const xmlNode* first = nullptr;
  const xmlNode* last = nullptr;
};

std::vector<const xmlNode*> line_of_ancestors(const xmlNode* node) {
  std::vector<const xmlNode*> line;
  for (; node != nullptr; node = node->parent) line.push_back(node);
  std::ranges::reverse(line);
  return line;
}

bool is_inside(const xmlNode* node, const xmlNode* above) {
  for (; node != nullptr; node = node->parent) {
    if (node == above) return true;
  }
  return false;
}

bool holds_paragraph(const xmlNode* node) {
  const auto inside = elements_of(node);
  return std::ranges::any_of(
      inside, [](const xmlNode* each) { return is_word(each, "p") || holds_paragraph(each); });
}

// Reads a story once for its text, and each section for the place it takes.
class StoryCheck {
 public:
  StoryCheck(const DocxStory& story, const Json* sample) : story_(story), sample_(sample) {
    collect(xmlDocGetRootElement(story.document.get()));
  }

  std::vector<FieldError> faults() {
    std::string text;
    for (std::size_t at = 0; at < texts_.size(); ++at) {
      check_ends(at);
      text.append(texts_[at].text).append("\n");
    }
    if (!faults_.empty()) return std::move(faults_);
    for (const TemplateFault& each : template_faults(text, sample_))
      wrong(each.line - 1, each.code, each.detail);
    if (faults_.empty()) check_sections();
    return std::move(faults_);
  }

 private:
  static constexpr std::size_t kMostTags = 2'000;
  static constexpr std::size_t kMostFaults = 100;

  void collect(xmlNode* node) {
    if (is_word(node, "p")) {
      paragraphs_.push_back(node);
      texts_.push_back(joined_text(elements_of(node)));
    }
    for (xmlNode* each : elements_of(node)) collect(each);
  }

  void wrong(std::size_t paragraph, std::string_view code, const std::string& detail) {
    if (faults_.size() == kMostFaults) return;
    faults_.push_back(
        {"/docx", std::string(code),
         story_.name + ", paragraph " + std::to_string(paragraph + 1) + ": " + detail});
  }

  // A tag ends in the paragraph it began in.
  void check_ends(std::size_t paragraph) {
    const std::string_view text = texts_[paragraph].text;
    const std::size_t last = text.rfind("{{");
    if (last == std::string_view::npos || text.find("}}", last) != std::string_view::npos) return;
    wrong(paragraph, "unclosed_tag",
          "The tag " + std::string(utf8_prefix(text.substr(last), 40)) + " has no }}.");
  }

  void check_sections() {
    if (!pair_tags()) return;
    for (std::size_t i = 0; i < tags_.size(); ++i) {
      const char sign = tags_[i].tag.sign;
      if (sign == '#' || sign == '^') check_section(i);
    }
  }

  bool pair_tags() {
    std::vector<std::size_t> open;
    for (std::size_t at = 0; at < texts_.size(); ++at) {
      for (const TemplateTag& tag : template_tags(texts_[at].text)) {
        const std::size_t index = tags_.size();
        if (index == kMostTags) {
          wrong(at, "too_many_tags", "More than " + std::to_string(kMostTags) + " tags.");
          return false;
        }
        tags_.push_back({tag, std::string(tag.name), at, index});
        if (tag.sign == '#' || tag.sign == '^') open.push_back(index);
        if (tag.sign != '/') continue;
        if (open.empty() || tags_[open.back()].name != tag.name) {
          wrong(at, "wrong_end", "The end of " + std::string(tag.name) + " is in a remark.");
          return false;
        }
        tags_[index].partner = open.back();
        tags_[open.back()].partner = index;
        open.pop_back();
      }
    }
    for (const std::size_t each : open)
      wrong(tags_[each].paragraph, "unclosed_section",
            "The section " + tags_[each].name + " has no end.");
    return open.empty();
  }

  void check_section(std::size_t begin) {
    const PlacedTag& open = tags_[begin];
    const PlacedTag& close = tags_[open.partner];
    if (open.paragraph == close.paragraph) {
      if (!stands_in_line(open, close)) across(open);
      return;
    }
    const auto unit = unit_of(open, close);
    if (!unit || !encloses_whole_sections(*unit, begin)) across(open);
  }

  void across(const PlacedTag& open) {
    wrong(open.paragraph, "section_across",
          "The section " + open.name +
              " begins and ends where nothing between can be repeated: put both tags into one "
              "paragraph, into one table row, or into paragraphs of their own side by side.");
  }

  // Between two runs of the same paragraph, hyperlink or content control.
  bool stands_in_line(const PlacedTag& open, const PlacedTag& close) const {
    const JoinedText& text = texts_[open.paragraph];
    const xmlNode* first = text.piece_at(open.tag.begin).element->parent;
    const xmlNode* last = text.piece_at(close.tag.begin).element->parent;
    if (first->parent != last->parent) return false;
    for (const xmlNode* each = first; each != nullptr; each = each->next) {
      if (each->type == XML_ELEMENT_NODE && holds_paragraph(each)) return false;  // a text box
      if (each == last) return true;
    }
    return false;
  }

  std::optional<Unit> unit_of(const PlacedTag& open, const PlacedTag& close) const {
    const xmlNode* first = paragraphs_[open.paragraph];
    const xmlNode* last = paragraphs_[close.paragraph];
    const auto from = line_of_ancestors(first);
    const auto to = line_of_ancestors(last);
    const auto [fork, other] = std::ranges::mismatch(from, to);
    if (fork == from.end() || other == to.end()) return std::nullopt;  // a text box in the other
    const xmlNode* common = *(fork - 1);
    if (is_word(common, "tr")) return Unit{common, common};
    if (is_word(*fork, "tr") && is_word(*other, "tr")) return Unit{*fork, *other};
    if (*fork != first || *other != last) return std::nullopt;
    if (!leads(open) || !trails(close)) return std::nullopt;
    return Unit{first, last};
  }

  // Nothing before it in its paragraph but the beginnings of sections around it.
  bool leads(const PlacedTag& open) const {
    std::string_view before = texts_[open.paragraph].text;
    before = before.substr(0, open.tag.begin);
    return only_tags(before, '#') || only_tags(before, '^');
  }
  bool trails(const PlacedTag& close) const {
    const std::string_view text = texts_[close.paragraph].text;
    return only_tags(text.substr(close.tag.end), '/');
  }
  static bool only_tags(std::string_view text, char sign) {
    std::size_t at = 0;
    for (const TemplateTag& tag : template_tags(text)) {
      const bool fits = sign == '/' ? tag.sign == '/' : tag.sign == '#' || tag.sign == '^';
      if (!fits || !trimmed(text.substr(at, tag.begin - at)).empty()) return false;
      at = tag.end;
    }
    return trimmed(text.substr(at)).empty();
  }

  // No other section reaches into the unit with one end, and a row is repeated by sections inside
  // each other only.
  bool encloses_whole_sections(const Unit& unit, std::size_t begin) {
    const std::size_t end = tags_[begin].partner;
    std::size_t first = begin;
    while (first > 0 && is_inside(paragraphs_[tags_[first - 1].paragraph], unit.first)) --first;
    std::size_t last = end;
    while (last + 1 < tags_.size() &&
           is_inside(paragraphs_[tags_[last + 1].paragraph], unit.last)) {
      ++last;
    }
    for (std::size_t i = first; i <= last; ++i) {
      const std::size_t partner = tags_[i].partner;
      const bool around = std::min(i, partner) < begin && std::max(i, partner) > end;
      if (!around && (partner < first || partner > last)) return false;
    }
    if (unit.first != unit.last || !is_word(unit.first, "tr")) return true;
    const auto [row, is_first] = last_end_.try_emplace(unit.first, end);
    const bool beside = !is_first && row->second < begin;
    row->second = std::max(row->second, end);
    return !beside;
  }

  const DocxStory& story_;
  const Json* sample_;
  std::vector<const xmlNode*> paragraphs_;
  std::vector<JoinedText> texts_;
  std::vector<PlacedTag> tags_;
  std::map<const xmlNode*, std::size_t> last_end_;  // of the sections that repeat a row
  std::vector<FieldError> faults_;
};

}  // namespace

std::string DocxStory::xml() const {
  xmlChar* bytes = nullptr;
  int size = 0;
  xmlDocDumpMemoryEnc(document.get(), &bytes, &size, "UTF-8");
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  xmlFree(bytes);
  return text;
}

Result<std::optional<DocxStory>> read_story(const DocxPart& part, const DocxLimits& limits) {
  auto document = parse_docx_part(part, limits);
  if (!document) return std::unexpected(std::move(document).error());
  static constexpr std::array<std::string_view, 5> kStories = {"document", "hdr", "ftr",
                                                               "footnotes", "endnotes"};
  const xmlNode* root = xmlDocGetRootElement(document->get());
  const bool is_story =
      std::ranges::any_of(kStories, [&](std::string_view name) { return is_word(root, name); });
  if (!is_story) return std::nullopt;
  return DocxStory{part.name, std::move(*document)};
}

std::vector<FieldError> story_faults(const DocxStory& story, const Json* sample) {
  return StoryCheck(story, sample).faults();
}

}  // namespace c360::store

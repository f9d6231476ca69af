// Lines of the form "Label: value", found for all labels of a rule file in one pass over the text.
//
// A line of the table is what the pattern
//   (?im)^[ \t>*•]*(?:LABEL)[ \t]*:[ \t]*(.*?)[ \t\r]*$
// finds (domain.md 18.2), or the same with a dash where the label allows one; tests compare both.
// Letter case is ignored for ASCII, Latin-1 and Cyrillic letters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/message.h"

namespace c360::parsers {

// What may stand behind a label: a set of bits.
enum LabelSeparators : std::uint8_t {
  separator_colon = 1,
  separator_hyphen = 2,
  separator_en_dash = 4,
  separator_em_dash = 8,
};

using LabelId = std::uint32_t;

struct LabelLine {
  LabelId label = 0;
  std::size_t line_begin = 0;
  std::size_t label_begin = 0;  // behind ">", "*", "•" and blanks
  Span value;                   // without blanks at both ends; may be empty
  bool collapsed = false;       // found inside a line with other labels: ends at the next one
};

// Words to recognise, as a trie over case-folded characters.
class WordTrie {
 public:
  void add(std::u32string_view word, std::uint32_t value);
  // Child of `node` for the folded character, 0 when there is none; the root is node 0.
  std::uint32_t step(std::uint32_t node, char32_t folded) const {
    if (node == 0 && folded < root_.size()) return root_[folded];
    for (const auto& [c, next] : nodes_[node].edges)
      if (c == folded) return next;
    return 0;
  }
  const std::vector<std::uint32_t>& values(std::uint32_t node) const { return nodes_[node].values; }

 private:
  struct Node {
    std::vector<std::pair<char32_t, std::uint32_t>> edges;
    std::vector<std::uint32_t> values;
  };
  std::vector<Node> nodes_{1};
  std::array<std::uint32_t, 0x530> root_{};  // edges of the root for the usual alphabets
};

// Behind the ">", "*", "•" and blanks that may stand in front of a label.
std::size_t after_line_prefix(std::string_view text, std::size_t at, std::size_t end);

// Case folding as RE2 does it for the alphabets named above.
char32_t fold_rare_letter(char32_t c);
inline char32_t fold_letter(char32_t c) {
  if (c < 0x80) return c >= U'A' && c <= U'Z' ? c + 32 : c;
  if (c >= 0x430 && c <= 0x45F) return c;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return fold_rare_letter(c);
}

// Letters, digits and '_' of the alphabets named above and of Greek.
bool is_word_letter(char32_t c);

class LabelTable {
 public:
  enum class Use : std::uint8_t {
    value,       // a label of one value
    text,        // its value may run over several lines
    terminator,  // no label line: only ends a text of several lines
  };
  // The same label with the same separators and use gets the same id.
  LabelId add(std::string_view label, std::uint8_t separators, Use use = Use::value);
  std::size_t size() const { return labels_.size(); }
  bool is_label(LabelId id) const { return labels_[id].use != Use::terminator; }
  const std::string& text(LabelId id) const { return labels_[id].text; }

  // All label lines, ascending by line_begin. Where no line of its own is found for the labels
  // inside a line, that line is read in the collapsed form.
  std::vector<LabelLine> find(std::string_view text) const;
  // Only what stands at the beginning of a line.
  std::vector<LabelLine> find_at_line_starts(std::string_view text) const;

 private:
  struct Label {
    std::string text;
    std::u32string folded;
    std::uint8_t separators = separator_colon;
    Use use = Use::value;
  };
  struct Found {
    std::vector<LabelLine> lines;
    std::vector<Span> crowded;  // lines in which several labels may stand
  };
  // How many lines begin with a label, in the whole text and at the line looked at.
  struct LineStarts {
    std::vector<std::uint32_t> lines_per_label;
    std::size_t label_lines = 0;
    std::size_t own_lines = 0;  // 1 when the line looked at is one of them
  };
  Found scan(std::string_view text) const;
  void find_in_line(std::string_view text, Span line, std::vector<LabelLine>& found) const;
  std::vector<LabelLine> find_inside(std::string_view text, Span line) const;
  // The longest label that ends before `end` (a separator), inside the line that begins at
  // `line_begin`; nothing of it stands before `floor`.
  bool label_before(std::string_view text, std::size_t floor, std::size_t end,
                    std::uint8_t separator, LabelLine& line) const;
  bool is_collapsed(const std::vector<LabelLine>& inside, const LineStarts& starts) const;

  std::vector<Label> labels_;
  WordTrie forward_;
  WordTrie backward_;
  bool dashes_ = false;  // some label allows a dash
};

}  // namespace c360::parsers

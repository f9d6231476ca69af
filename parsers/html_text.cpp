#include "parsers/html_text.h"

#include <algorithm>
#include <array>

#include "daemon/base/text.h"
#include "parsers/html_events.h"

namespace c360::parsers {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& sorted) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

constexpr std::array<std::string_view, 39> kBlocks = {
    "address", "article", "aside", "blockquote", "body",  "caption",  "center", "dd",
    "details", "dir",     "div",   "dl",         "dt",    "fieldset", "figure", "footer",
    "form",    "h1",      "h2",    "h3",         "h4",    "h5",       "h6",     "header",
    "hr",      "li",      "main",  "menu",       "nav",   "ol",       "p",      "pre",
    "section", "table",   "tbody", "tfoot",      "thead", "tr",       "ul"};
static_assert(std::is_sorted(kBlocks.begin(), kBlocks.end()));

constexpr std::array<std::string_view, 5> kInvisible = {"head", "script", "style", "template",
                                                        "title"};

bool is_white(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
constexpr std::string_view kNoBreakSpace = "\xC2\xA0";

// At most one blank line stands for any number of breaks.
constexpr int kMostBreaks = 2;

class TextBuilder final : public HtmlHandler {
 public:
  TextBuilder(HtmlText& result, std::size_t limit) : result_(result), limit_(limit) {}

  bool start_element(std::string_view name, const std::vector<HtmlAttribute>&) override {
    if (is_one_of(name, kInvisible)) {
      ++invisible_;
    } else if (name == "br") {
      break_line();
    } else if (is_one_of(name, kBlocks)) {
      if (name == "pre") ++preformatted_;
      // A block at the start of a cell stays on the cell's line.
      if (!tab_) end_line();
    }
    return true;
  }

  bool end_element(std::string_view name) override {
    if (is_one_of(name, kInvisible)) {
      if (invisible_ > 0) --invisible_;
    } else if (name == "td" || name == "th") {
      // The cell's own paragraphs end with the cell.
      tab_ = true;
      breaks_ = 0;
    } else if (is_one_of(name, kBlocks)) {
      if (name == "pre" && preformatted_ > 0) --preformatted_;
      end_line();
    }
    return true;
  }

  bool text(std::string_view text, Span source) override {
    if (invisible_ > 0) return true;
    const bool verbatim = source.end - source.begin == text.size();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const std::size_t white = white_at(text, at);
      const auto place = [&](std::size_t from, std::size_t to) {
        return verbatim ? Span{source.begin + from, source.begin + to} : source;
      };
      if (white > 0) {
        at += white;
        if (preformatted_ > 0 && text[begin] == '\n') {
          break_line();
        } else {
          blank(place(begin, at));
        }
        continue;
      }
      while (at < text.size() && white_at(text, at) == 0) ++at;
      word(text.substr(begin, at - begin), place(begin, at));
      if (result_.text.size() > limit_) return cut();
    }
    return true;
  }

 private:
  // How many bytes of white space begin at `at`; 0 when none.
  static std::size_t white_at(std::string_view text, std::size_t at) {
    if (is_white(text[at])) return 1;
    return text.substr(at).starts_with(kNoBreakSpace) ? kNoBreakSpace.size() : 0;
  }

  void break_line() {
    if (result_.text.empty()) return;
    breaks_ = std::min(breaks_ + 1, kMostBreaks);
  }

  void end_line() {
    if (!result_.text.empty()) breaks_ = std::max(breaks_, 1);
    tab_ = false;
  }

  void blank(Span source) {
    if (blank_ && source.begin <= blank_source_.end) {
      blank_source_.end = std::max(blank_source_.end, source.end);
    } else if (!blank_) {
      blank_source_ = source;
    }
    blank_ = true;
  }

  void word(std::string_view text, Span source) {
    separate();
    append(text, source);
  }

  // What stands between the last word and the next one.
  void separate() {
    std::string& text = result_.text;
    if (!text.empty()) {
      if (breaks_ > 0) {
        text.append(static_cast<std::size_t>(breaks_), '\n');
      } else if (tab_) {
        text += '\t';
      } else if (blank_) {
        append(" ", blank_source_);
      }
    }
    breaks_ = 0;
    tab_ = false;
    blank_ = false;
  }

  void append(std::string_view text, Span source) {
    const std::size_t begin = result_.text.size();
    result_.text += text;
    const std::size_t end = result_.text.size();
    const bool straight = source.end - source.begin == text.size();
    SpanMap& spans = result_.spans;
    if (straight && straight_ && !spans.empty() && spans.back().text.end == begin &&
        spans.back().source.end == source.begin) {
      spans.back().text.end = end;
      spans.back().source.end = source.end;
    } else {
      spans.push_back({{begin, end}, source});
      straight_ = straight;
    }
  }

  bool cut() {
    result_.truncated = true;
    result_.text.resize(utf8_prefix(result_.text, limit_).size());
    while (!result_.spans.empty() && result_.spans.back().text.begin >= result_.text.size()) {
      result_.spans.pop_back();
    }
    if (!result_.spans.empty() && result_.spans.back().text.end > result_.text.size()) {
      SpanMapEntry& last = result_.spans.back();
      if (last.source.end - last.source.begin == last.text.end - last.text.begin) {
        last.source.end -= last.text.end - result_.text.size();
      }
      last.text.end = result_.text.size();
    }
    return false;
  }

  HtmlText& result_;
  std::size_t limit_;
  std::size_t invisible_ = 0;
  std::size_t preformatted_ = 0;
  int breaks_ = 0;
  bool tab_ = false;
  bool blank_ = false;
  Span blank_source_;
  bool straight_ = false;
};

}  // namespace

HtmlText html_to_text(std::string_view html, const HtmlLimits& limits) {
  HtmlText result;
  TextBuilder builder(result, limits.text_bytes);
  if (!parse_html(html, builder, limits.depth)) result.truncated = true;
  return result;
}

}  // namespace c360::parsers

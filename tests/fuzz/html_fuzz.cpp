// Any text as HTML. Its sanitised form is read here by a tokenizer of our own, strict where
// browsers are lenient: tags and attributes of the allow-list (domain.md 1.9), everything closed,
// quoted and escaped. Its visible text is UTF-8 with places inside the HTML.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "daemon/base/text.h"
#include "parsers/html_sanitizer.h"
#include "parsers/html_text.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace c360;           // NOLINT: one file, one purpose
using namespace c360::parsers;  // NOLINT
using c360::testing::require;

constexpr std::array<std::string_view, 20> kTags = {
    "a",   "b",    "blockquote", "br",    "em",    "i",  "img", "li", "ol", "p",
    "pre", "span", "strong",     "table", "tbody", "td", "th",  "tr", "u",  "ul"};

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::ranges::any_of(starts, [&](auto start) { return text.starts_with(start); });
}

class SafeHtml {
 public:
  explicit SafeHtml(std::string_view html) : rest_(html) {}

  void check() {
    while (!rest_.empty()) {
      if (rest_.starts_with("</")) {
        end_tag();
      } else if (rest_.front() == '<') {
        start_tag();
      } else {
        text(rest_.substr(0, rest_.find('<')));
      }
    }
    require(open_.empty());
  }

 private:
  void expect(std::string_view token) {
    require(rest_.starts_with(token));
    rest_.remove_prefix(token.size());
  }

  std::string_view name() {
    const std::size_t end = rest_.find_first_not_of("abcdefghijklmnopqrstuvwxyz");
    require(end != rest_.npos && end > 0);
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return found;
  }

  void end_tag() {
    expect("</");
    require(!open_.empty() && name() == open_.back());
    expect(">");
    open_.pop_back();
  }

  void start_tag() {
    expect("<");
    const std::string_view tag = name();
    require(std::ranges::find(kTags, tag) != kTags.end());
    while (rest_.starts_with(' ')) attribute(tag);
    expect(">");
    if (tag != "br" && tag != "img") open_.push_back(tag);
  }

  void attribute(std::string_view tag) {
    expect(" ");
    const std::string_view which = name();
    expect("=\"");
    const std::size_t end = rest_.find('"');
    require(end != rest_.npos);
    const std::string_view value = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    require(value.find_first_of("<>") == value.npos);
    const std::string lower = to_lower(value);
    if (which == "href") {
      require(tag == "a" && starts_with_any(lower, {"http:", "https:", "mailto:", "tel:"}));
    } else if (which == "src") {
      require(tag == "img" && lower.starts_with("cid:"));
    } else if (which == "style") {
      require(lower.find_first_of("\\/&@") == lower.npos);
      require(lower.find("url(") == lower.npos && lower.find("expression(") == lower.npos);
    } else {
      require(tag == "img" && which == "alt");
    }
  }

  void text(std::string_view stretch) {
    require(stretch.find_first_of(">\"") == stretch.npos);
    rest_.remove_prefix(stretch.size());
  }

  std::string_view rest_;
  std::vector<std::string_view> open_;
};

// Without tags and white space, of which the parser drops some at the beginning.
std::string words(std::string_view html) {
  std::string text;
  for (bool inside = false; const char c : html) {
    if (c == '<') inside = true;
    if (!inside && static_cast<unsigned char>(c) > ' ') text += c;
    if (c == '>') inside = false;
  }
  return text;
}

void check_sanitizer(std::string_view html) {
  const SanitizedHtml safe = sanitize_html(html);
  require(is_valid_utf8(safe.html));
  SafeHtml(safe.html).check();
  if (safe.truncated) return;
  const SanitizedHtml again = sanitize_html(safe.html);
  SafeHtml(again.html).check();
  testing::require_equal(words(safe.html), words(again.html));
}

void check_text(std::string_view html, const HtmlLimits& limits) {
  const HtmlText text = html_to_text(html, limits);
  require(is_valid_utf8(text.text) && text.text.size() <= limits.text_bytes);
  std::size_t last = 0;
  for (const SpanMapEntry& entry : text.spans) {
    require(last <= entry.text.begin && entry.text.begin < entry.text.end);
    require(entry.text.end <= text.text.size());
    require(entry.source.begin <= entry.source.end && entry.source.end <= html.size());
    last = entry.text.end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string html = replace_invalid_utf8(c360::testing::as_text(data, size));
  check_text(html, {});
  check_text(html, {.text_bytes = 20, .depth = 5});
  check_sanitizer(html);
  return 0;
}

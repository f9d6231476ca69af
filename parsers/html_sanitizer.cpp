#include "parsers/html_sanitizer.h"

#include <algorithm>
#include <array>
#include <vector>

#include "daemon/base/text.h"
#include "parsers/html_events.h"

namespace c360::parsers {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& sorted) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

constexpr auto kAllowed = std::to_array<std::string_view>(
    {"a",   "b",    "blockquote", "br",    "em",    "i",  "img", "li", "ol", "p",
     "pre", "span", "strong",     "table", "tbody", "td", "th",  "tr", "u",  "ul"});
static_assert(std::is_sorted(kAllowed.begin(), kAllowed.end()));

// Gone with all they contain.
constexpr auto kRemoved = std::to_array<std::string_view>(
    {"applet", "canvas", "form", "frameset", "head", "iframe", "math", "noembed", "noframes",
     "object", "script", "select", "style", "svg", "template", "textarea", "title", "video",
     "xmp"});
static_assert(std::is_sorted(kRemoved.begin(), kRemoved.end()));

// Unwrapped, but their text must not run into its neighbours.
constexpr auto kBlocks = std::to_array<std::string_view>(
    {"address", "article", "center", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4",
     "h5", "h6", "header", "hr", "main", "section"});
static_assert(std::is_sorted(kBlocks.begin(), kBlocks.end()));

constexpr auto kStyles = std::to_array<std::string_view>(
    {"background-color", "color", "font-size", "font-style", "font-weight", "text-align",
     "text-decoration", "vertical-align", "width"});
static_assert(std::is_sorted(kStyles.begin(), kStyles.end()));

constexpr auto kSchemes = std::to_array<std::string_view>({"http", "https", "mailto", "tel"});

constexpr std::size_t kLongestUrl = 4096;
constexpr std::size_t kLongestStyle = 1024;

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

// Browsers drop tabs and line ends inside a URL and controls around it before they look at the
// scheme (URL standard, 4.4): so must we.
std::string without_controls(std::string_view url) {
  std::string clean;
  for (const char c : url) {
    if (static_cast<unsigned char>(c) > 0x20 && c != 0x7F) clean += c;
    if (c == ' ' && !clean.empty()) clean += ' ';
  }
  while (!clean.empty() && clean.back() == ' ') clean.pop_back();
  return clean;
}

// The URL if its scheme may stay, empty otherwise; relative URLs have nothing to be relative to.
std::string safe_url(std::string_view raw) {
  if (raw.size() > kLongestUrl) return {};
  std::string url = without_controls(raw);
  const std::size_t colon = url.find(':');
  if (colon == std::string::npos) return {};
  const std::string scheme = to_lower(std::string_view(url).substr(0, colon));
  return is_one_of(scheme, kSchemes) ? url : std::string();
}

// "rgb(1, 2, 3)" is the only function a value may contain; no url(), no expression(), no escapes.
bool is_safe_value(std::string_view value) {
  if (value.starts_with("rgb(") || value.starts_with("rgba(")) {
    const std::size_t open = value.find('(');
    return value.back() == ')' &&
           value.substr(open + 1, value.size() - open - 2).find_first_not_of("0123456789.,% ") ==
               value.npos;
  }
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '#' ||
           c == '%' || c == '.' || c == '-' || c == ' ';
  });
}

std::string safe_style(std::string_view style) {
  if (style.size() > kLongestStyle) return {};
  std::string safe;
  for (const std::string_view declaration : split(style, ';')) {
    const std::size_t colon = declaration.find(':');
    if (colon == declaration.npos) continue;
    const std::string property = to_lower(trimmed(declaration.substr(0, colon)));
    const std::string value = to_lower(trimmed(declaration.substr(colon + 1)));
    if (!is_one_of(property, kStyles) || !is_safe_value(value)) continue;
    if (!safe.empty()) safe += "; ";
    safe += property + ": " + value;
  }
  return safe;
}

class Writer final : public HtmlHandler {
 public:
  Writer(SanitizedHtml& result, const SanitizerOptions& options)
      : result_(result), options_(options) {}

  bool start_element(std::string_view name, const std::vector<HtmlAttribute>& attributes) override {
    if (is_one_of(name, kRemoved)) {
      ++removed_;
      result_.changed = true;
      return true;
    }
    if (removed_ > 0) return true;
    if (!is_one_of(name, kAllowed)) {
      unwrap(name);
      return true;
    }
    if (name == "img") return image(attributes);
    result_.html += '<';
    result_.html += name;
    write_attributes(name, attributes);
    result_.html += '>';
    if (name != "br") open_.emplace_back(name);
    return within_limit();
  }

  bool end_element(std::string_view name) override {
    if (is_one_of(name, kRemoved)) {
      if (removed_ > 0) --removed_;
      return true;
    }
    if (removed_ > 0) return true;
    if (!is_one_of(name, kAllowed)) {
      unwrap(name);
      return true;
    }
    const auto match = std::find(open_.rbegin(), open_.rend(), name);
    if (match == open_.rend()) return true;
    const auto count = static_cast<std::size_t>(match - open_.rbegin()) + 1;
    for (std::size_t i = 0; i < count; ++i) close();
    return within_limit();
  }

  bool text(std::string_view text, Span) override {
    if (removed_ > 0) return true;
    append_escaped(result_.html, text);
    return within_limit();
  }

  void finish() {
    while (!open_.empty()) close();
  }

 private:
  bool within_limit() {
    if (result_.html.size() <= options_.limits.text_bytes) return true;
    result_.truncated = true;
    return false;
  }

  void close() {
    result_.html += "</" + open_.back() + ">";
    open_.pop_back();
  }

  void unwrap(std::string_view name) {
    if (name != "html" && name != "body") result_.changed = true;
    if (!is_one_of(name, kBlocks) || result_.html.empty()) return;
    const std::string_view html = result_.html;
    if (!html.ends_with("<br>") && !html.ends_with("</p>") && !html.ends_with("<td>")) {
      result_.html += "<br>";
    }
  }

  void attribute(std::string_view name, std::string_view value) {
    result_.html += ' ';
    result_.html += name;
    result_.html += "=\"";
    append_escaped(result_.html, value);
    result_.html += '"';
  }

  void write_attributes(std::string_view tag, const std::vector<HtmlAttribute>& attributes) {
    bool href = false;
    bool style = false;
    for (const HtmlAttribute& one : attributes) {
      std::string value;
      if (tag == "a" && one.name == "href" && !href) {
        value = safe_url(one.value);
        href = !value.empty();
      } else if (one.name == "style" && !style) {
        value = safe_style(one.value);
        style = !value.empty();
      }
      if (value != one.value || value.empty()) result_.changed = true;
      if (!value.empty()) attribute(one.name, value);
    }
  }

  // Only pictures of the mail itself are shown; others tell their sender who reads it and when.
  bool image(const std::vector<HtmlAttribute>& attributes) {
    std::string source;
    std::string_view alternative;
    std::string style;
    for (const HtmlAttribute& one : attributes) {
      if (one.name == "alt") {
        alternative = one.value;
      } else if (one.name == "src" && source.empty()) {
        source = picture_url(one.value);
        if (source != one.value) result_.changed = true;
      } else if (one.name == "style" && style.empty()) {
        style = safe_style(one.value);
        if (style != one.value) result_.changed = true;
      } else {
        result_.changed = true;
      }
    }
    if (source.empty()) {
      result_.changed = true;
      append_escaped(result_.html, alternative);
      return within_limit();
    }
    result_.html += "<img";
    attribute("src", source);
    if (!alternative.empty()) attribute("alt", alternative);
    if (!style.empty()) attribute("style", style);
    result_.html += '>';
    return within_limit();
  }

  // What cid_url made of a picture when the HTML was stored: it may be sent back.
  static bool is_document_url(std::string_view url) {
    constexpr std::string_view kBefore = "/api/v1/documents/";
    constexpr std::string_view kAfter = "/content";
    if (!url.starts_with(kBefore) || !url.ends_with(kAfter)) return false;
    if (url.size() <= kBefore.size() + kAfter.size()) return false;
    const std::string_view id =
        url.substr(kBefore.size(), url.size() - kBefore.size() - kAfter.size());
    return std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; });
  }

  std::string picture_url(std::string_view raw) const {
    std::string url = without_controls(raw.substr(0, kLongestUrl));
    if (is_document_url(url)) return url;
    if (!equal_ignoring_case(std::string_view(url).substr(0, 4), "cid:")) return {};
    const std::string_view id = std::string_view(url).substr(4);
    return options_.cid_url ? options_.cid_url(id) : "cid:" + std::string(id);
  }

  SanitizedHtml& result_;
  const SanitizerOptions& options_;
  std::vector<std::string> open_;
  std::size_t removed_ = 0;
};

}  // namespace

SanitizedHtml sanitize_html(std::string_view html, const SanitizerOptions& options) {
  SanitizedHtml result;
  Writer writer(result, options);
  if (!parse_html(html, writer, options.limits.depth)) result.truncated = true;
  writer.finish();
  return result;
}

}  // namespace c360::parsers

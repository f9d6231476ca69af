#include "parsers/html_events.h"

#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

namespace c360::parsers {
namespace {

// Bytes of all element and attribute names together. The parser compares each attribute of a tag
// with all before it: without this bound a tag of 1 MB takes minutes. Mail programs use some 100
// names.
constexpr std::size_t kNameBytes = 4000;
// The longest UTF-8 character: a report in the middle of a text stands one character ahead.
constexpr std::size_t kLookAhead = 4;
constexpr std::size_t kLongestReference = 64;  // bytes of "&name;" or "&#0001055;"

std::string_view view(const xmlChar* text) {
  return text == nullptr ? std::string_view()
                         : std::string_view(reinterpret_cast<const char*>(text));  // NOLINT
}

bool is_unwanted(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

class Driver {
 public:
  Driver(std::string_view html, HtmlHandler& handler, std::size_t depth)
      : html_(html), handler_(handler), depth_(depth) {}

  bool run() {
    static std::once_flag once;
    std::call_once(once, xmlInitParser);
    htmlSAXHandler sax{};
    sax.startElement = [](void* self, const xmlChar* name, const xmlChar** attributes) {
      static_cast<Driver*>(self)->start(name, attributes);
    };
    sax.endElement = [](void* self, const xmlChar* name) { static_cast<Driver*>(self)->end(name); };
    sax.characters = [](void* self, const xmlChar* text, int length) {
      static_cast<Driver*>(self)->characters(text, length);
    };
    sax.ignorableWhitespace = sax.characters;
    sax.cdataBlock = sax.characters;
    if (html_.empty()) return true;
    // Not the push interface: in libxml2 2.9.14 it loses everything after the first element of a
    // text that is not wrapped in <html>.
    const int size = static_cast<int>(std::min<std::size_t>(html_.size(), INT_MAX));
    const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> context(
        // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): its size is given.
        htmlCreateMemoryParserCtxt(html_.data(), size), &htmlFreeParserCtxt);
    if (!context) return false;
    context_ = context.get();
    *context_->sax = sax;
    context_->userData = this;
    constexpr int kOptions = HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_NOERROR |
                             HTML_PARSE_NOWARNING | HTML_PARSE_IGNORE_ENC | HTML_PARSE_NOIMPLIED;
    htmlCtxtUseOptions(context_, kOptions);
    xmlSwitchEncoding(context_, XML_CHAR_ENCODING_UTF8);
    xmlDictSetLimit(context_->dict, kNameBytes);
    htmlParseDocument(context_);
    return !too_deep_;
  }

 private:
  void stop() {
    stopped_ = true;
    xmlStopParser(context_);
  }

  void start(const xmlChar* name, const xmlChar** attributes) {
    if (stopped_) return;
    if (context_->nameNr > 0 && static_cast<std::size_t>(context_->nameNr) > depth_) {
      too_deep_ = true;
      stop();
      return;
    }
    // The parser wraps text without any element around it in a paragraph nobody wrote.
    if (view(name) == "p") {
      paragraphs_.push_back(attributes != nullptr || stands_in_source());
      if (!paragraphs_.back()) return;
    }
    attributes_.clear();
    for (; attributes != nullptr && *attributes != nullptr; attributes += 2) {  // NOLINT
      attributes_.push_back({view(attributes[0]), view(attributes[1])});        // NOLINT
    }
    if (!handler_.start_element(view(name), attributes_)) stop();
  }

  void end(const xmlChar* name) {
    if (stopped_) return;
    if (view(name) == "p" && !paragraphs_.empty()) {
      const bool written = paragraphs_.back();
      paragraphs_.pop_back();
      if (!written) return;
    }
    if (!handler_.end_element(view(name))) stop();
  }

  void characters(const xmlChar* text, int length) {
    if (stopped_ || length <= 0) return;
    const std::string_view stretch(reinterpret_cast<const char*>(text),  // NOLINT
                                   static_cast<std::size_t>(length));
    const Span place = locate(stretch);
    last_end_ = place.end;
    if (!handler_.text(stretch, place)) stop();
  }

  std::size_t position() const {
    const auto offset = static_cast<std::size_t>(context_->input->cur - context_->input->base);
    return std::min(html_.size(), context_->input->consumed + offset);
  }

  // Whether the parser stands behind "<p" with no tag between.
  bool stands_in_source() const {
    constexpr std::size_t kWindow = 64;
    const std::size_t read = position();
    std::string_view before = html_.substr(read - std::min(read, kWindow), std::min(read, kWindow));
    if (const std::size_t tag = before.rfind('>'); tag != before.npos) before.remove_prefix(tag);
    for (std::size_t at = before.find('<'); at != before.npos; at = before.find('<', at + 1)) {
      if (at + 1 < before.size() && (before[at + 1] | 0x20) == 'p') return true;
    }
    return false;
  }

  // The parser has just read past the stretch, or stands on its last character.
  Span locate(std::string_view stretch) const {
    const std::size_t read = position();
    // A character reference ends where the parser stands and contains no other "&".
    if (stretch.size() <= 8) {
      const std::size_t from = std::max(last_end_, read - std::min(read, kLongestReference));
      const std::size_t reference = html_.substr(from, read - from).rfind('&');
      if (reference != html_.npos && is_reference(from + reference, read)) {
        return {from + reference, read};
      }
    }
    if (ends_at(stretch, read)) return {read - stretch.size(), read};
    if (stretch.size() > kLongestReference) {
      // Reported in the middle of a long text: the last character is not yet read past.
      for (std::size_t end = read + 1; end <= read + kLookAhead; ++end) {
        if (ends_at(stretch, end)) return {end - stretch.size(), end};
      }
    }
    // A stray "<" or "&" is reported after what follows it was looked at, or before it is read.
    const std::size_t window = stretch.size() + kLongestReference;
    const std::size_t from = std::max(last_end_, read - std::min(read, window));
    if (from < read) {
      const std::size_t found = html_.substr(from, read - from).rfind(stretch);
      if (found != html_.npos) return {from + found, from + found + stretch.size()};
    }
    if (ends_at(stretch, read + stretch.size())) return {read, read + stretch.size()};
    return {std::min(last_end_, read), read};
  }

  bool ends_at(std::string_view stretch, std::size_t end) const {
    return end <= html_.size() && end >= last_end_ + stretch.size() &&
           html_.substr(end - stretch.size(), stretch.size()) == stretch;
  }

  // "&name;" or "&#1234;" and nothing else in [begin, end).
  bool is_reference(std::size_t begin, std::size_t end) const {
    const std::string_view body = html_.substr(begin + 1, end - begin - 1);
    if (body.empty()) return false;
    if (body.front() == '#') {
      return body.size() > 1 &&
             body.substr(1).find_first_not_of("0123456789abcdefABCDEFxX;") == body.npos;
    }
    return body.back() == ';' && std::all_of(body.begin(), body.end() - 1, [](char c) {
             return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
           });
  }

  std::string_view html_;
  HtmlHandler& handler_;
  std::size_t depth_;
  htmlParserCtxtPtr context_ = nullptr;
  std::vector<HtmlAttribute> attributes_;
  std::vector<bool> paragraphs_;  // open ones: whether the source has their tag
  std::size_t last_end_ = 0;      // of the last stretch
  bool stopped_ = false;
  bool too_deep_ = false;
};

}  // namespace

bool parse_html(std::string_view html, HtmlHandler& handler, std::size_t depth) {
  // The parser leaves out control characters without a word, and stops at NUL.
  if (std::any_of(html.begin(), html.end(), is_unwanted)) {
    std::string clean(html);
    std::replace_if(clean.begin(), clean.end(), is_unwanted, ' ');
    return Driver(clean, handler, depth).run();
  }
  return Driver(html, handler, depth).run();
}

}  // namespace c360::parsers

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
    const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> context(
        htmlCreateMemoryParserCtxt(html_.data(),
                                   static_cast<int>(std::min<std::size_t>(html_.size(), INT_MAX))),
        &htmlFreeParserCtxt);
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
    attributes_.clear();
    for (; attributes != nullptr && *attributes != nullptr; attributes += 2) {  // NOLINT
      attributes_.push_back({view(attributes[0]), view(attributes[1])});        // NOLINT
    }
    if (!handler_.start_element(view(name), attributes_)) stop();
  }

  void end(const xmlChar* name) {
    if (!stopped_ && !handler_.end_element(view(name))) stop();
  }

  void characters(const xmlChar* text, int length) {
    if (stopped_ || length <= 0) return;
    const std::string_view stretch(reinterpret_cast<const char*>(text),  // NOLINT
                                   static_cast<std::size_t>(length));
    const Span place = locate(stretch);
    last_end_ = place.end;
    if (!handler_.text(stretch, place)) stop();
  }

  // The parser has just read past the stretch, or stands on its last character.
  Span locate(std::string_view stretch) const {
    const std::size_t read = std::min(
        html_.size(), context_->input->consumed +
                          static_cast<std::size_t>(context_->input->cur - context_->input->base));
    // A character reference ends where the parser stands and contains no other "&".
    if (read > 0 && stretch.size() <= 8) {
      const std::size_t reference = html_.rfind('&', read - 1);
      if (reference != html_.npos && reference >= last_end_ && is_reference(reference, read)) {
        return {reference, read};
      }
    }
    for (std::size_t end = read; end <= std::min(html_.size(), read + kLookAhead); ++end) {
      if (end >= stretch.size() && end - stretch.size() >= last_end_ &&
          html_.substr(end - stretch.size(), stretch.size()) == stretch) {
        return {end - stretch.size(), end};
      }
    }
    // A stray "<" or "&" is reported after what follows it was looked at.
    const std::size_t found = html_.substr(0, read).rfind(stretch);
    if (found != html_.npos && found >= last_end_) return {found, found + stretch.size()};
    return {std::min(last_end_, read), read};
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
  std::size_t last_end_ = 0;  // of the last stretch
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

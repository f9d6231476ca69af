// RFC 2045 parameters with RFC 2231 continuations and charsets (declared in header_fields.h).
#include <algorithm>
#include <charconv>
#include <map>

#include "daemon/base/text.h"
#include "parsers/charset.h"
#include "parsers/encoded_word.h"
#include "parsers/header_fields.h"

namespace c360::parsers {
namespace {

constexpr std::size_t kMaximumParameters = 200;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      bytes += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

// One parameter as written: name with its marks, value unquoted.
struct Written {
  std::string name;
  std::string value;
};

class ParameterReader {
 public:
  explicit ParameterReader(std::string_view body) : body_(body) {}

  // Up to the first semicolon, without blanks and comments.
  std::string value() {
    std::string value;
    while (at_ < body_.size() && body_[at_] != ';') {
      if (body_[at_] == '(') {
        skip_comment();
        continue;
      }
      // "text/plain charset=utf-8": the semicolon is missing
      if (is_blank(body_[at_]) && value.find('/') != std::string::npos && parameter_follows())
        break;
      if (!is_blank(body_[at_]) && body_[at_] != '"') value += body_[at_];
      ++at_;
    }
    return to_lower(replace_invalid_utf8(value));
  }

  bool next(Written& written) {
    while (at_ < body_.size() && (body_[at_] == ';' || is_blank(body_[at_]))) ++at_;
    if (at_ >= body_.size()) return false;
    if (body_[at_] == '(') {
      skip_comment();
      return next(written);
    }
    written.name.clear();
    written.value.clear();
    while (at_ < body_.size() && body_[at_] != '=' && body_[at_] != ';') {
      if (!is_blank(body_[at_])) written.name += body_[at_];
      ++at_;
    }
    written.name = to_lower(replace_invalid_utf8(written.name));
    if (at_ >= body_.size() || body_[at_] == ';') {
      written.name.clear();  // a name without a value says nothing
      return true;
    }
    ++at_;
    while (at_ < body_.size() && is_blank(body_[at_])) ++at_;
    at_ < body_.size() && body_[at_] == '"' ? read_quoted(written.value) : read_bare(written.value);
    return true;
  }

 private:
  bool parameter_follows() const {
    std::size_t i = at_;
    while (i < body_.size() && is_blank(body_[i])) ++i;
    const std::size_t name = i;
    while (i < body_.size() && ((body_[i] | 0x20) >= 'a' && (body_[i] | 0x20) <= 'z')) ++i;
    return i > name && i < body_.size() && body_[i] == '=';
  }

  void skip_comment() {
    int depth = 0;
    while (at_ < body_.size()) {
      const char c = body_[at_++];
      if (c == '\\' && at_ < body_.size()) ++at_;
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) return;
    }
  }

  void read_quoted(std::string& value) {
    ++at_;
    while (at_ < body_.size() && body_[at_] != '"') {
      char c = body_[at_++];
      // A backslash before anything else is a Windows path, not an escape.
      if (c == '\\' && at_ < body_.size() && (body_[at_] == '"' || body_[at_] == '\\')) {
        c = body_[at_++];
      }
      if (c != '\r' && c != '\n') value += c;
    }
    if (at_ < body_.size()) ++at_;
    // What stands between the closing quote and the semicolon is dropped.
    while (at_ < body_.size() && body_[at_] != ';') {
      if (is_blank(body_[at_]) && parameter_follows()) return;
      ++at_;
    }
  }

  void read_bare(std::string& value) {
    while (at_ < body_.size() && body_[at_] != ';') {
      if (body_[at_] == '=') {
        // An encoded word may contain a semicolon.
        if (const std::size_t end = encoded_word_end(body_, at_); end != std::string_view::npos) {
          value.append(body_, at_, end - at_);
          at_ = end;
          continue;
        }
      }
      if (is_blank(body_[at_]) && parameter_follows()) break;
      if (body_[at_] != '\r' && body_[at_] != '\n') value += body_[at_];
      ++at_;
    }
    value = std::string(trimmed(value));
  }

  std::string_view body_;
  std::size_t at_ = 0;
};

// The pieces of one RFC 2231 parameter.
struct Extended {
  std::map<unsigned, std::pair<std::string, bool>> pieces;  // value, percent-encoded
  std::size_t order = 0;                                    // of its first piece
};

std::string joined(const Extended& extended, std::string_view hint) {
  std::string bytes;
  std::string charset;
  bool encoded_any = false;
  for (const auto& [number, piece] : extended.pieces) {
    std::string_view value = piece.first;
    if (piece.second && number == extended.pieces.begin()->first) {
      const std::size_t first = value.find('\'');
      const std::size_t second =
          first == std::string_view::npos ? first : value.find('\'', first + 1);
      if (second != std::string_view::npos) {
        charset = std::string(value.substr(0, first));
        value.remove_prefix(second + 1);
      }
    }
    encoded_any = encoded_any || piece.second;
    bytes += piece.second ? percent_decoded(value) : std::string(value);
  }
  if (!encoded_any) return decode_header_text(bytes, hint);
  std::string text = header_to_utf8(bytes, charset.empty() ? hint : std::string_view(charset));
  return text.find("=?") == std::string::npos ? text : decode_header_text(text, hint);
}

// "name*0*" into name, number and whether it is percent-encoded; false for a plain name.
bool split_marks(std::string_view written, std::string& name, unsigned& number, bool& encoded) {
  const std::size_t star = written.find('*');
  if (star == std::string_view::npos || star == 0) return false;
  name = std::string(written.substr(0, star));
  std::string_view rest = written.substr(star + 1);
  encoded = rest.empty() || rest.ends_with('*');
  if (rest.ends_with('*')) rest.remove_suffix(1);
  number = 0;
  if (rest.empty()) return true;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return error == std::errc{} && end == rest.data() + rest.size();
}

}  // namespace

const std::string* Parameterized::find(std::string_view name) const {
  for (const Parameter& parameter : parameters) {
    if (parameter.name == name) return &parameter.value;
  }
  return nullptr;
}

Parameterized parse_parameters(std::string_view body, std::string_view charset_hint) {
  ParameterReader reader(body);
  Parameterized result;
  result.value = reader.value();
  std::map<std::string, Extended> extended;
  Written written;
  for (std::size_t count = 0; count < kMaximumParameters && reader.next(written); ++count) {
    std::string name;
    unsigned number = 0;
    bool encoded = false;
    if (split_marks(written.name, name, number, encoded)) {
      extended[name].pieces.try_emplace(number, std::move(written.value), encoded);
    } else if (!written.name.empty() && result.find(written.name) == nullptr) {
      result.parameters.push_back({written.name, decode_header_text(written.value, charset_hint)});
    }
  }
  for (const auto& [name, pieces] : extended) {
    std::string value = joined(pieces, charset_hint);
    const auto same = std::find_if(result.parameters.begin(), result.parameters.end(),
                                   [&](const Parameter& p) { return p.name == name; });
    if (same != result.parameters.end()) {
      same->value = std::move(value);
    } else {
      result.parameters.push_back({name, std::move(value)});
    }
  }
  return result;
}

}  // namespace c360::parsers

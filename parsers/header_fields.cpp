#include "parsers/header_fields.h"

#include <algorithm>
#include <optional>

#include "daemon/base/text.h"
#include "parsers/encoded_word.h"
#include "parsers/punycode.h"

namespace c360::parsers {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// RFC 5322, 3.6.8: printable ASCII except the colon; 8-bit bytes are seen and kept.
bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7F;
  });
}

std::string_view without_trailing_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Collects one address after another.
class AddressReader {
 public:
  AddressReader(std::string_view body, std::string_view hint, std::size_t limit)
      : body_(body), hint_(hint), limit_(limit) {}

  std::vector<Address> read() {
    while (at_ < body_.size() && found_.size() < limit_) step();
    finish(false);
    if (!pending_.empty()) add(pending_, {});
    return std::move(found_);
  }

 private:
  void step() {
    const char c = body_[at_];
    switch (c) {
      case '"':
        read_quoted();
        return;
      case '(':
        read_comment();
        return;
      case '<':
        read_angle();
        return;
      case ',':
        ++at_;
        finish(true);
        return;
      case ';':
        ++at_;
        finish(false);
        return;
      case ':':
        ++at_;
        // A group's name, dropped with the colon; a colon inside an address is a route's.
        if (!has_angle_ && phrase_.find('@') == std::string::npos) {
          phrase_.clear();
          pending_.clear();
        } else {
          phrase_ += ':';
        }
        return;
      default:
        read_text();
    }
  }

  void read_text() {
    if (body_[at_] == '=') {
      const std::size_t end = encoded_word_end(body_, at_);
      if (end != std::string_view::npos) {
        phrase_.append(body_, at_, end - at_);
        at_ = end;
        return;
      }
    }
    if (body_[at_] == '\\' && at_ + 1 < body_.size()) ++at_;
    phrase_ += body_[at_++];
  }

  void read_quoted() {
    std::size_t end = at_ + 1;
    std::string text;
    while (end < body_.size() && body_[end] != '"') {
      if (body_[end] == '\\' && end + 1 < body_.size()) ++end;
      text += body_[end++];
    }
    if (end == body_.size()) {
      // Never closed: the quote is a plain character, what follows is read as usual.
      phrase_ += ' ';
      ++at_;
      return;
    }
    const std::size_t next = end + 1;
    // "john doe"@example.org: a quoted local part stays quoted.
    if (next < body_.size() && body_[next] == '@') {
      phrase_.append(body_, at_, next - at_);
    } else {
      phrase_ += text;
      quoted_text_ = std::move(text);
      quoted_ = true;
    }
    at_ = next;
  }

  void read_comment() {
    std::string text;
    int depth = 0;
    std::size_t i = no_comment_closes_ ? body_.size() : at_;
    for (; i < body_.size(); ++i) {
      const char c = body_[i];
      if (c == '\\' && i + 1 < body_.size()) {
        text += body_[++i];
        continue;
      }
      if (c == '(' && depth++ == 0) continue;
      if (c == ')' && --depth == 0) break;
      text += c;
    }
    if (i == body_.size()) {
      // Never closed: a plain character. Others are not looked at again, or a field of brackets
      // would cost quadratic time.
      no_comment_closes_ = true;
      phrase_ += ' ';
      ++at_;
      return;
    }
    if (comment_.empty()) comment_ = text;
    phrase_ += ' ';
    at_ = i + 1;
  }

  void read_angle() {
    std::size_t begin = at_ + 1;
    while (begin < body_.size() && (body_[begin] == '<' || is_blank(body_[begin]))) ++begin;
    std::size_t end = body_.find('>', begin);
    if (end == std::string_view::npos) {
      end = std::min(body_.find(',', begin), body_.size());
      at_ = end;
    } else {
      at_ = end + 1;
      while (at_ < body_.size() && body_[at_] == '>') ++at_;
    }
    const std::string_view inside = body_.substr(begin, end - begin);
    if (has_angle_ && !angle_.empty()) return;  // the first one counts
    angle_ = bare_address(inside);
    has_angle_ = true;
  }

  // Without blanks and comments, and without the route of RFC 5322, 4.4.
  static std::string bare_address(std::string_view text) {
    if (text.starts_with('@')) {
      if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
        text.remove_prefix(colon + 1);
      }
    }
    std::string address;
    bool quoted = false;
    int comment = 0;
    for (const char c : text) {
      if (c == '"' && comment == 0) quoted = !quoted;
      if (c == '(' && !quoted) ++comment;
      if (comment == 0 && (quoted ? c != '\r' && c != '\n' : !is_blank(c))) address += c;
      if (c == ')' && !quoted && comment > 0) --comment;
    }
    if (address.starts_with("mailto:")) address.erase(0, 7);
    return address;
  }

  void finish(bool comma) {
    const std::string phrase(trimmed(phrase_));
    const bool lone_word = !has_angle_ && phrase.find('@') == std::string::npos;
    if (has_angle_) {
      std::string name = pending_.empty() ? phrase : pending_ + ", " + phrase;
      pending_.clear();
      if (name.empty()) name = comment_;
      if (!name.empty() || !angle_.empty()) add_named(name, angle_);
    } else if (!phrase.empty() && lone_word && comma) {
      // "Doe, John <j@example.org>": perhaps the first half of an unquoted name.
      if (!pending_.empty()) add({}, pending_);
      pending_ = phrase;
      reset();
      return;
    } else if (!phrase.empty()) {
      flush_pending();
      // A quoted string alone is a local part (RFC 5322, 3.4.1), and stays quoted.
      const bool local = lone_word && quoted_ && phrase == quoted_text_;
      lone_word ? add({}, local ? '"' + phrase + '"' : phrase) : add_bare(phrase);
    }
    if (!comma) flush_pending();
    reset();
  }

  void flush_pending() {
    if (!pending_.empty()) add({}, pending_);
    pending_.clear();
  }

  // "Name user@example.org" or "user@example.org (Name)" or an encoded address.
  void add_bare(std::string_view phrase) {
    if (phrase.find("=?") != std::string_view::npos) {
      const std::string decoded = decode_header_text(phrase, hint_);
      if (const std::size_t open = decoded.find('<'); open != std::string::npos) {
        const std::size_t close = std::min(decoded.find('>', open), decoded.size());
        add(std::string(trimmed(decoded.substr(0, open))),
            bare_address(std::string_view(decoded).substr(open + 1, close - open - 1)));
        return;
      }
      add(comment_, bare_address(decoded));
      return;
    }
    const std::size_t at = phrase.rfind('@');
    const bool spaced = at != std::string_view::npos && at > 0 && is_blank(phrase[at - 1]);
    const std::size_t blank = phrase.find_last_of(" \t\r\n", at);
    if (quoted_ && !spaced && blank != std::string_view::npos) {
      add_named(trimmed(phrase.substr(0, blank)), bare_address(phrase.substr(blank + 1)));
      return;
    }
    // "one@example.org two@example.org": without a comma the first counts.
    if (!quoted_ && !spaced && blank != std::string_view::npos) {
      const std::size_t first = phrase.find('@');
      const std::size_t begin = phrase.find_last_of(" \t\r\n", first) + 1;  // npos + 1 is 0
      const std::size_t end = phrase.find_first_of(" \t\r\n", first);
      if (end < at) return add({}, bare_address(phrase.substr(begin, end - begin)));
    }
    add_named(comment_, bare_address(phrase));
  }

  void add_named(std::string_view raw_name, std::string address) {
    std::string name = decode_header_text(raw_name, hint_);
    // Outlook's second pair of quotes; around an address it says that no name is known.
    if (name.size() > 2 && name.front() == '\'' && name.back() == '\'' &&
        name.find('@') == std::string::npos) {
      name = name.substr(1, name.size() - 2);
    }
    add(std::move(name), std::move(address));
  }

  void add(std::string name, std::string address) {
    if (found_.size() >= limit_) return;
    if (address.find("=?") != std::string::npos || !is_valid_utf8(address)) {
      address = decode_header_text(address, hint_);
    }
    std::erase_if(address, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    while (!address.empty() && address.back() == '>') address.pop_back();  // "a@b>"
    address = with_readable_host(std::move(address));
    // Words that are no address: a name with nothing behind it.
    if (name.empty() && address.find('@') == std::string::npos && !address.starts_with('"') &&
        address.find(' ') != std::string::npos) {
      name = decode_header_text(address, hint_);
      address.clear();
    }
    if (name.empty() && address.empty()) return;
    found_.push_back({std::move(name), std::move(address)});
  }

  // "xn--e1afmkfd.example" as people write it; both spellings are one address.
  static std::string with_readable_host(std::string address) {
    const std::size_t at = address.rfind('@');
    if (at == std::string::npos || to_lower(address.substr(at)).find("xn--") == std::string::npos)
      return address;
    if (const auto host = readable_host_name(std::string_view(address).substr(at + 1)))
      address.replace(at + 1, std::string::npos, *host);
    return address;
  }

  void reset() {
    phrase_.clear();
    comment_.clear();
    angle_.clear();
    has_angle_ = false;
    quoted_ = false;
  }

  std::string_view body_;
  std::string_view hint_;
  std::size_t limit_;
  std::size_t at_ = 0;
  std::string phrase_;
  std::string comment_;
  std::string angle_;
  std::string pending_;
  std::string quoted_text_;  // the last quoted string
  bool has_angle_ = false;
  bool quoted_ = false;
  bool no_comment_closes_ = false;
  std::vector<Address> found_;
};

}  // namespace

std::vector<RawField> split_header(std::string_view block, std::size_t limit) {
  std::vector<RawField> fields;
  fields.reserve(32);
  bool open = false;  // the last line belongs to fields.back()
  for (std::size_t at = 0; at < block.size();) {
    std::size_t end = block.find('\n', at);
    end = end == std::string_view::npos ? block.size() : end + 1;
    const std::string_view line = block.substr(at, end - at);
    if (line.front() == ' ' || line.front() == '\t') {
      if (open) {
        RawField& field = fields.back();
        field.place.end = end;
        const std::size_t body = static_cast<std::size_t>(field.body.data() - block.data());
        field.body = without_trailing_blanks(block.substr(body, end - body));
      }
      at = end;
      continue;
    }
    open = false;
    const std::size_t colon = line.find(':');
    const std::string_view name =
        without_trailing_blanks(line.substr(0, std::min(colon, line.size())));
    if (colon != std::string_view::npos && is_field_name(name)) {
      if (fields.size() == limit) break;
      std::string_view body = line.substr(colon + 1);
      while (!body.empty() && (body.front() == ' ' || body.front() == '\t')) body.remove_prefix(1);
      fields.push_back({name, without_trailing_blanks(body), {at, end}});
      open = true;
    }
    at = end;
  }
  return fields;
}

std::vector<Address> parse_addresses(std::string_view body, std::string_view charset_hint,
                                     std::size_t limit) {
  return AddressReader(body, charset_hint, limit).read();
}

std::vector<std::string> parse_message_ids(std::string_view body, std::size_t limit) {
  std::vector<std::string> ids;
  const auto add = [&](std::string_view raw) {
    std::string id;
    for (const char c : raw) {
      if (!is_blank(c) && c != '\0') id += c;
    }
    if (!is_valid_utf8(id)) id = replace_invalid_utf8(id);
    if (!id.empty() && ids.size() < limit) ids.push_back(std::move(id));
  };
  if (body.find('<') == std::string_view::npos) {
    std::size_t at = 0;
    while (at < body.size()) {
      while (at < body.size() && (is_blank(body[at]) || body[at] == ',')) ++at;
      std::size_t end = at;
      while (end < body.size() && !is_blank(body[end]) && body[end] != ',') ++end;
      if (body.substr(at, end - at).find('@') != std::string_view::npos) {
        add(body.substr(at, end - at));
      }
      at = end;
    }
    return ids;
  }
  std::size_t at = body.find('<');
  while (at != std::string_view::npos) {
    const std::size_t end = body.find_first_of("<>", at + 1);
    if (end == std::string_view::npos) {
      add(body.substr(at + 1));
      break;
    }
    if (body[end] == '>') add(body.substr(at + 1, end - at - 1));
    at = body[end] == '<' ? end : body.find('<', end);
  }
  return ids;
}

std::string parse_message_id(std::string_view body) {
  std::vector<std::string> ids = parse_message_ids(body, 1);
  if (!ids.empty()) return std::move(ids.front());
  // Not an id by the book, but what the mail goes by.
  return decode_header_text(trimmed(body));
}

}  // namespace c360::parsers

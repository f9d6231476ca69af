#include "parsers/simple_tree.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

bool is_name_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7F && c != ':';
}

// "Name: body" with nothing before the colon that RFC 5322, 3.6.8 does not have.
bool is_field_line(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && is_name_byte(line[at])) ++at;
  return at > 0 && at < line.size() && line[at] == ':';
}

// Fields, folded or not, and the blank line behind them; no NUL, no CR that ends no line.
bool is_plain_header(std::string_view block) {
  bool begun = false;
  while (!block.empty()) {
    const std::size_t newline = block.find('\n');
    if (newline == block.npos) return false;
    std::string_view line = block.substr(0, newline);
    block.remove_prefix(newline + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) return begun && block.empty();
    if (line.find('\r') != line.npos || line.find('\0') != line.npos) return false;
    const bool folded = line.front() == ' ' || line.front() == '\t';
    if (folded ? !begun : !is_field_line(line)) return false;
    begun = true;
  }
  return false;
}

// The fields that say what the content is.
struct ContentFields {
  std::string_view type;
  std::string_view disposition;
  std::string_view encoding;
  std::string_view id;
  bool doubtful = false;  // one stands twice, or is of those that nobody writes here

  void take(const RawField& field) {
    constexpr std::string_view kPrefix = "content-";
    if (!equal_ignoring_case(field.name.substr(0, kPrefix.size()), kPrefix)) return;
    const std::array<std::pair<std::string_view, std::string_view*>, 4> known = {
        {{"type", &type},
         {"disposition", &disposition},
         {"transfer-encoding", &encoding},
         {"id", &id}}};
    const std::string_view rest = field.name.substr(kPrefix.size());
    for (const auto& [name, body] : known) {
      if (!equal_ignoring_case(rest, name)) continue;
      doubtful = doubtful || !body->empty() || field.body.empty();
      *body = field.body;
      return;
    }
    doubtful = doubtful || equal_ignoring_case(rest, "location");
  }
};

constexpr std::size_t kMostParameters = 16;

// "type/subtype; name=token; name=\"text\"" with blanks and folds where RFC 2045, 5.1 has them, and
// no name twice or in the spelling of RFC 2231.
class PlainType {
 public:
  explicit PlainType(std::string_view body) : rest_(body) {}

  bool holds() {
    if (!word("/") || !skip('/') || !word("")) return false;
    std::vector<std::string> names;
    for (blanks(); !rest_.empty(); blanks()) {
      if (!skip(';')) return false;
      blanks();
      const std::string_view before = rest_;
      if (!word("=")) return false;
      std::string name = to_lower(before.substr(0, before.size() - rest_.size()));
      // Each is compared with all before it, and none of those we know has so many.
      if (names.size() == kMostParameters) return false;
      if (std::ranges::find(names, name) != names.end()) return false;
      names.push_back(std::move(name));
      if (!skip('=') || !(rest_.starts_with('"') ? quoted() : word(""))) return false;
    }
    return true;
  }

 private:
  // Letters, digits and what boundaries have of token characters, at least one of them.
  bool word(std::string_view but) {
    constexpr std::string_view kMarks = "-_.+=/:";
    std::size_t length = 0;
    while (length < rest_.size()) {
      const char c = rest_[length];
      const bool mark = kMarks.find(c) != kMarks.npos && but.find(c) == but.npos;
      if (!mark && std::isalnum(static_cast<unsigned char>(c)) == 0) break;
      ++length;
    }
    rest_.remove_prefix(length);
    return length > 0;
  }
  bool quoted() {
    const std::size_t end = rest_.find_first_of("\"\\\n", 1);
    if (end == rest_.npos || rest_[end] != '"') return false;
    const std::string_view text = rest_.substr(1, end - 1);
    if (text != trimmed(text)) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  std::string_view rest_;
};

// What a header says, but for the place of the content; none where GMime has to be asked.
std::optional<MimeNode> described(std::string_view block) {
  if (!is_plain_header(block)) return std::nullopt;
  ContentFields fields;
  for (const RawField& field : split_header(block, block.size())) fields.take(field);
  if (fields.doubtful || !PlainType(fields.type).holds()) return std::nullopt;
  MimeNode node;
  node.content_type = parse_parameters(fields.type);
  node.media_type = node.content_type.value;
  node.disposition = parse_parameters(fields.disposition);
  node.transfer_encoding = encoding_label(fields.encoding);
  if (!fields.id.empty()) node.content_id = parse_message_id(fields.id);
  return node;
}

bool is_text(const MimeNode& node) {
  return node.media_type == "text/plain" || node.media_type == "text/html";
}

std::size_t after_blank_line(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    if (end == text.npos) return text.npos;
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.empty() || line == "\r") return at;
  }
  return text.npos;
}

// A boundary that is what it looks like (RFC 2046, 5.1.1), without the characters that a comment or
// a missing quote could have had a part in.
bool is_plain_boundary(std::string_view boundary) {
  constexpr std::string_view kOthers = "'+_,-./:=?";
  return !boundary.empty() && boundary.size() <= 70 &&
         std::ranges::all_of(boundary, [&](unsigned char c) {
           return std::isalnum(c) != 0 || kOthers.find(static_cast<char>(c)) != kOthers.npos;
         });
}

// The parts of a multipart in `text`, whose header ended at `from`: between its boundaries, without
// the line end before each. Nothing else may look like a boundary, and the last one must be there.
std::optional<std::vector<Span>> parts_between(std::string_view text, std::size_t from,
                                               std::string_view boundary) {
  std::vector<Span> parts;
  std::optional<std::size_t> begin;
  for (std::size_t at = from; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.starts_with("--")) {
      const bool crlf = line.ends_with('\r');
      if (crlf) line.remove_suffix(1);
      line.remove_prefix(2);
      // Where line ends are mixed GMime leaves one at the end of the part, or takes a byte of it.
      const bool alike = text.substr(0, at).ends_with("\r\n") == crlf;
      if (!alike || !line.starts_with(boundary)) return std::nullopt;
      const std::string_view rest = line.substr(boundary.size());
      if (!rest.empty() && rest != "--") return std::nullopt;
      if (begin) {
        const std::size_t line_end = crlf ? 2 : 1;
        if (at < *begin + line_end) return std::nullopt;
        parts.push_back({*begin, at - line_end});
      }
      begin = end + 1;
      if (!rest.empty()) {
        // What follows is for nobody, but it must not look like more.
        if (parts.empty() || text.find("\n--", end) != text.npos) return std::nullopt;
        return parts;
      }
    }
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<MimeTree> alternatives(MimeNode top, std::string_view text, std::size_t header_end,
                                     const MimeLimits& limits) {
  const std::string* boundary = top.content_type.find("boundary");
  if (boundary == nullptr || !is_plain_boundary(*boundary)) return std::nullopt;
  const auto parts = parts_between(text, header_end, *boundary);
  if (!parts || parts->size() > limits.parts || limits.depth == 0) return std::nullopt;
  top.kind = MimeNode::Kind::multipart;
  MimeTree tree;
  tree.nodes.push_back(std::move(top));
  for (const Span& part : *parts) {
    const std::size_t content = after_blank_line(text.substr(0, part.end), part.begin);
    if (content == text.npos || content >= part.end) return std::nullopt;
    auto node = described(text.substr(part.begin, content - part.begin));
    if (!node || !is_text(*node)) return std::nullopt;
    node->path = std::to_string(tree.nodes.size());
    node->raw = {content, part.end};
    tree.nodes.front().children.push_back(tree.nodes.size());
    tree.nodes.push_back(std::move(*node));
  }
  return tree;
}

}  // namespace

std::optional<MimeTree> simple_tree(const MailSource& source, Span range, std::size_t header_end,
                                    const MimeLimits& limits) {
  if (!source.in_memory() || limits.parts == 0 || header_end <= range.begin ||
      header_end >= range.end) {
    return std::nullopt;
  }
  const std::string_view text = source.bytes().substr(0, range.end);
  auto top = described(text.substr(range.begin, header_end - range.begin));
  if (!top) return std::nullopt;
  if (top->media_type == "multipart/alternative") {
    return alternatives(std::move(*top), text, header_end, limits);
  }
  if (!is_text(*top)) return std::nullopt;
  top->path = "1";
  top->raw = {header_end, range.end};
  MimeTree tree;
  tree.nodes.push_back(std::move(*top));
  return tree;
}

}  // namespace c360::parsers

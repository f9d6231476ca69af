#include "ingest/imap/lexer.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::ingest::imap {
namespace {

// Wider than ATOM-CHAR: '%', '*', '\\' and ']' occur in flags and codes, 8-bit in sloppy servers.
bool is_atom_char(int c) {
  return c > 0x20 && c != 0x7f && c != '(' && c != ')' && c != '{' && c != '"';
}

bool is_digit(int c) { return c >= '0' && c <= '9'; }

std::string shown(int c) {
  if (c > 0x20 && c < 0x7f) return std::string{'\'', static_cast<char>(c), '\''};
  return "byte " + std::to_string(c);
}

}  // namespace

void Lexer::refuse(std::string_view what) {
  if (error_) return;
  error_ = Error{.code = ErrorCode::unavailable,
                 .detail = "the server's answer is not IMAP: " + std::string(what),
                 .reason = "malformed_response"};
}

void Lexer::stop(Error error) {
  if (!error_) error_ = std::move(error);
}

void Lexer::fail_limit(std::string_view what, std::uint64_t limit) {
  if (error_) return;
  error_ = Error{.code = ErrorCode::unavailable,
                 .detail = "the server's answer has " + std::string(what) + " over the limit of " +
                           std::to_string(limit),
                 .reason = "limit_crossed"};
}

void Lexer::begin_response() {
  line_bytes_ = 0;
  values_ = 0;
}

bool Lexer::refill() {
  if (error_) return false;
  auto more = source_.more();
  if (!more) {
    error_ = more.error();
    return false;
  }
  chunk_ = *more;
  return !chunk_.empty();
}

int Lexer::peek() {
  if (error_) return -1;
  if (chunk_.empty() && !refill()) return -1;
  return static_cast<unsigned char>(chunk_.front());
}

int Lexer::take() {
  const int c = peek();
  if (c < 0) return c;
  chunk_.remove_prefix(1);
  if (++line_bytes_ > limits_.line_bytes) {
    fail_limit("a line", limits_.line_bytes);
    return -1;
  }
  return c;
}

bool Lexer::accept(char wanted) {
  if (peek() != static_cast<unsigned char>(wanted)) return false;
  return take() >= 0;
}

void Lexer::expect(char wanted) {
  const int c = peek();
  if (c == static_cast<unsigned char>(wanted)) {
    take();
  } else if (c >= 0) {
    refuse(shown(c) + " where " + shown(wanted) + " belongs");
  }
}

bool Lexer::at_line_end() {
  const int c = peek();
  return c == '\r' || c == '\n';
}

void Lexer::expect_line_end() {
  accept('\r');
  expect('\n');
}

std::string Lexer::atom() {
  std::string text;
  while (is_atom_char(peek())) text += static_cast<char>(take());
  if (text.empty() && ok()) refuse(shown(peek()) + " where a word belongs");
  return text;
}

std::string Lexer::fetch_item() {
  std::string item;
  while (is_atom_char(peek()) && peek() != '[') item += static_cast<char>(take());
  if (accept('[')) {
    item += '[';
    while (ok() && peek() != ']' && !at_line_end()) {
      if (peek() == '"') {
        item += quoted();
      } else {
        item += static_cast<char>(take());
      }
    }
    expect(']');
    item += ']';
    while (is_atom_char(peek())) item += static_cast<char>(take());  // "<0>" of a partial fetch
  }
  if (item.empty() && ok()) refuse(shown(peek()) + " where an item of a message belongs");
  return item;
}

std::uint64_t Lexer::number(std::uint64_t limit) {
  if (!is_digit(peek())) {
    if (ok()) refuse(shown(peek()) + " where a number belongs");
    return 0;
  }
  std::uint64_t value = 0;
  while (is_digit(peek())) {
    const auto digit = static_cast<std::uint64_t>(take() - '0');
    if (!ok()) return 0;
    if (value > (limit - digit) / 10) {
      refuse("a number over " + std::to_string(limit));
      return 0;
    }
    value = value * 10 + digit;
  }
  return ok() ? value : 0;
}

std::uint32_t Lexer::nonzero_number32() {
  const std::uint64_t value = number(UINT32_MAX);
  if (value == 0 && ok()) refuse("a zero where a uid or a count from 1 belongs");
  return static_cast<std::uint32_t>(value);
}

std::string Lexer::quoted() {
  std::string text;
  expect('"');
  while (ok() && peek() != '"') {
    if (at_line_end()) {
      refuse("a line end within quotes");
      break;
    }
    if (accept('\\') && peek() != '"' && peek() != '\\') text += '\\';  // sloppy: keep both
    const int c = take();
    if (c >= 0) text += static_cast<char>(c);
  }
  expect('"');
  return text;
}

bool Lexer::literal_ahead() { return peek() == '{' || peek() == '~'; }

std::uint64_t Lexer::literal_size() {
  accept('~');  // literal8, RFC 3516
  expect('{');
  const std::uint64_t size = number(INT64_MAX);
  accept('+');
  expect('}');
  expect_line_end();
  return ok() ? size : 0;
}

void Lexer::stream(std::uint64_t size, const std::function<Result<void>(std::string_view)>& to) {
  while (size > 0) {
    if (peek() < 0) return;
    const auto piece =
        chunk_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(size, chunk_.size())));
    chunk_.remove_prefix(piece.size());
    size -= piece.size();
    if (auto taken = to(piece); !taken) {
      error_ = taken.error();
      return;
    }
  }
}

void Lexer::skip(std::uint64_t size) {
  stream(size, [](std::string_view) { return Result<void>{}; });
}

std::string Lexer::small_literal() {
  const std::uint64_t size = literal_size();
  if (size > limits_.literal_bytes) {
    fail_limit("a literal", limits_.literal_bytes);
    return {};
  }
  line_bytes_ += static_cast<std::size_t>(size);  // it is kept, so it counts
  std::string text;
  text.reserve(static_cast<std::size_t>(size));
  stream(size, [&text](std::string_view piece) {
    text += piece;
    return Result<void>{};
  });
  return text;
}

std::optional<std::string> Lexer::nstring() {
  if (peek() == '"') return quoted();
  if (literal_ahead()) return small_literal();
  std::string text = atom();
  if (equal_ignoring_case(text, "NIL")) return std::nullopt;
  return text;
}

void Lexer::count_value() {
  if (++values_ > limits_.values) fail_limit("values", limits_.values);
}

Value Lexer::value() { return nested_value(0); }

Value Lexer::nested_value(std::size_t depth) {
  Value value;
  count_value();
  if (peek() == '"') {
    value.kind = Value::Kind::string;
    value.text = quoted();
  } else if (literal_ahead()) {
    value.kind = Value::Kind::string;
    value.text = small_literal();
  } else if (accept('(')) {
    value.kind = Value::Kind::list;
    if (depth >= limits_.nesting) fail_limit("brackets within brackets", limits_.nesting);
    while (ok() && !accept(')')) {
      if (accept(' ')) continue;
      value.items.push_back(nested_value(depth + 1));
    }
  } else {
    value.text = atom();
    if (equal_ignoring_case(value.text, "NIL")) {
      value.text.clear();
    } else {
      value.kind = Value::Kind::atom;
    }
  }
  return value;
}

void Lexer::skip_value() { skip_nested(0); }

void Lexer::skip_nested(std::size_t depth) {
  count_value();
  if (peek() == '"') {
    quoted();
  } else if (literal_ahead()) {
    const std::uint64_t size = literal_size();
    if (size > limits_.message_bytes) fail_limit("a literal", limits_.message_bytes);
    skip(size);
  } else if (accept('(')) {
    if (depth >= limits_.nesting) fail_limit("brackets within brackets", limits_.nesting);
    while (ok() && !accept(')')) {
      if (!accept(' ')) skip_nested(depth + 1);
    }
  } else {
    atom();
  }
}

std::string Lexer::text(std::size_t keep, char stop) {
  std::string kept;
  while (ok() && !at_line_end() && peek() != static_cast<unsigned char>(stop)) {
    const int c = take();
    if (c >= 0 && kept.size() < keep) kept += static_cast<char>(c);
  }
  return kept;
}

}  // namespace c360::ingest::imap

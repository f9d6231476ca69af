// The tokens of the server's side of IMAP (RFC 9051, section 9): atoms, quoted strings, literals,
// NIL and lists, read straight from the stream.
//
// It fails once: the first problem is kept, every later call does nothing and returns an empty
// value, so that a grammar can be read in a row and checked at its end. Loops must ask ok().
// Every limit is checked before anything is allocated; a number is refused, not wrapped.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "ingest/imap/byte_source.h"
#include "ingest/imap/options.h"

namespace c360::ingest::imap {

// Anything the server may send where we do not care, or care little.
struct Value {
  enum class Kind : std::uint8_t { nil, atom, string, list };

  Kind kind = Kind::nil;
  std::string text;          // of an atom (as sent) or a quoted string or literal (decoded)
  std::vector<Value> items;  // of a list

  bool is_list() const { return kind == Kind::list; }
};

class Lexer {
 public:
  // Both outlive the lexer.
  Lexer(ByteSource& source, const ImapLimits& limits) : source_(source), limits_(limits) {}

  bool ok() const { return !error_; }
  // Only when not ok().
  std::unexpected<Error> error() const { return std::unexpected(*error_); }
  // For what the caller does not like about well-formed input.
  void refuse(std::string_view what);
  // Another's failure becomes ours.
  void stop(Error error);

  // A new response: its budgets of bytes and values begin anew.
  void begin_response();
  // The bytes so far do not count: for lists of uids, which have a limit of their own.
  void forgive_line() { line_bytes_ = 0; }
  // Whether every byte that arrived was read (STARTTLS, IDLE).
  bool drained() const { return chunk_.empty(); }
  // Forget what arrived.
  void drop_input() { chunk_ = {}; }

  int peek();  // the next byte, -1 after a failure
  int take();
  bool accept(char wanted);  // takes it when it is next
  void expect(char wanted);
  void expect_space() { expect(' '); }
  // CRLF; a bare LF is taken too, which some servers send after odd texts.
  void expect_line_end();
  bool at_line_end();

  // At least one character: no space, control, bracket, brace or quote. 8-bit is let through.
  std::string atom();
  // An atom up to a '[', and then all to its ']': "BODY[HEADER.FIELDS (DATE)]<0>".
  std::string fetch_item();
  std::uint64_t number(std::uint64_t limit = UINT64_MAX);
  std::uint32_t nonzero_number32();
  // A quoted string, a literal or an atom; none for NIL.
  std::optional<std::string> nstring();
  Value value();
  void skip_value();
  // Up to the end of the line or to `stop`, neither taken; at most `keep` bytes are kept.
  std::string text(std::size_t keep, char stop = '\n');

  // Whether a literal is next: "{" or "~{".
  bool literal_ahead();
  // "{123}", "{123+}", "~{123}" with its CRLF. The bytes follow.
  std::uint64_t literal_size();
  // Hands over the `size` bytes of a literal. The function's error becomes the lexer's.
  void stream(std::uint64_t size, const std::function<Result<void>(std::string_view)>& to);
  void skip(std::uint64_t size);

 private:
  void fail_limit(std::string_view what, std::uint64_t limit);
  bool refill();
  std::string quoted();
  std::string small_literal();
  Value nested_value(std::size_t depth);
  void skip_nested(std::size_t depth);
  void count_value();

  ByteSource& source_;
  const ImapLimits& limits_;
  std::string_view chunk_;
  std::size_t line_bytes_ = 0;
  std::size_t values_ = 0;
  std::optional<Error> error_;
};

}  // namespace c360::ingest::imap

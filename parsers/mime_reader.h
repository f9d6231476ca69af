// A raw mail as a Message, and its parts as bytes: GMime behind our types.
//
// Reading never fails on what a mail contains: a broken mail yields what can be read of it, and a
// crossed limit is named in Message::truncations. The mail is given as bytes or as a file; neither
// is copied, and both must outlive the ParsedMail. A ParsedMail belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "parsers/charset.h"
#include "parsers/message.h"

namespace c360::parsers {

// Bounds of what one mail may cost. The names are those of Message::truncations.
struct MimeLimits {
  std::size_t header_bytes = std::size_t{1} << 20U;  // of one header block; the rest is not read
  std::size_t header_fields = 1000;                  // kept of the mail's own header
  std::size_t header_field_bytes = std::size_t{64} << 10U;  // of one decoded field body
  std::size_t addresses = 1000;                             // of one field
  std::size_t parts = 1000;                                 // leaves
  std::size_t depth = 20;                                   // multiparts and attached mails
  std::size_t text_bytes = std::size_t{1} << 20U;           // decoded, of each text body
  std::size_t boundary_lines = 20000;  // lines that begin with "--": each may cost GMime an object
};

struct MimeOptions {
  MimeLimits limits;
  bool detect_types = true;  // ask libmagic about attachments (some 100 µs each)
};

// Takes one piece of a part; an error stops the reading and is passed on.
using PartSink = std::function<Result<void>(std::string_view)>;

class ParsedMail {
 public:
  ParsedMail(ParsedMail&&) noexcept;
  ParsedMail& operator=(ParsedMail&&) noexcept;
  ~ParsedMail();

  const Message& message() const;
  Message& message();
  Message take_message();  // the parts stay readable by their index in Message::parts

  // The decoded bytes of Message::parts[index] in pieces of at most 64 KiB. not_found for an index
  // past the end; otherwise only the sink's own error or a failure to read the file (unavailable).
  Result<void> read_part(std::size_t index, const PartSink& sink) const;
  // The first `limit` bytes of it at once.
  Result<std::string> part_bytes(std::size_t index, std::size_t limit) const;
  // A text part as UTF-8 by the charset chain, at most MimeLimits::text_bytes of it.
  Result<DecodedText> part_text(std::size_t index) const;

 private:
  friend ParsedMail read_mail(std::string_view raw, const MimeOptions& options);
  friend Result<ParsedMail> read_mail_file(int fd, const MimeOptions& options);
  struct State;
  explicit ParsedMail(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// `raw` is the mail as received: CRLF or LF, with or without a leading mbox "From " line.
ParsedMail read_mail(std::string_view raw, const MimeOptions& options = {});

// The mail in a regular file open for reading, from its beginning; for mails too big for memory.
// The descriptor stays the caller's. unavailable where the file cannot be read.
Result<ParsedMail> read_mail_file(int fd, const MimeOptions& options = {});

}  // namespace c360::parsers

// The tree of a mail's parts: the door to GMime.
//
// GMime finds the parts; the tree that comes out holds only names and places, so GMime's objects
// live no longer than the call. Decoding reads the raw mail in place (TransferDecoder).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/header_fields.h"
#include "parsers/mail_source.h"
#include "parsers/mime_reader.h"

namespace c360::parsers {

enum class TransferEncoding : std::uint8_t { identity, base64, quoted_printable, uuencode };

// The word of a Content-Transfer-Encoding, in lower case.
std::string encoding_label(std::string_view label);

// By that word; labels nobody knows mean identity (RFC 2045, 6.4 would refuse the part).
TransferEncoding transfer_encoding(std::string_view label);

struct MimeNode {
  enum class Kind : std::uint8_t { leaf, multipart, attached_mail };
  Kind kind = Kind::leaf;
  std::string path;  // IMAP section number; empty for a multipart at the top
  std::string media_type;
  Parameterized content_type;
  Parameterized disposition;
  std::string transfer_encoding;  // lower case, as declared
  std::string content_id;
  std::string content_location;
  Span raw;             // of leaves and attached mails: the content
  bool nested = false;  // inside an attached mail
  std::vector<std::size_t> children;
  bool operator==(const MimeNode&) const = default;
};

struct MimeTree {
  std::vector<MimeNode> nodes;  // the root first; never empty
  std::vector<std::string> truncations;
  bool operator==(const MimeTree&) const = default;
};

// The tree of the mail in `range` of `source`, whose header ends at `header_end`.
Result<MimeTree> read_mime_tree(const MailSource& source, Span range, std::size_t header_end,
                                const MimeLimits& limits);
// The same by GMime, whatever the mail is.
Result<MimeTree> gmime_tree(const MailSource& source, Span range, std::size_t header_end,
                            const MimeLimits& limits);

// Decodes one part piece by piece. Broken encodings yield what can be decoded.
class TransferDecoder {
 public:
  explicit TransferDecoder(TransferEncoding encoding);
  ~TransferDecoder();
  TransferDecoder(const TransferDecoder&) = delete;
  TransferDecoder& operator=(const TransferDecoder&) = delete;

  // The decoded form of the next piece; valid until the next call. Identity passes through.
  std::string_view decode(std::string_view piece);
  std::string_view finish();  // what was held back

 private:
  std::string_view step(std::string_view piece);
  void skip_to_begin(std::string_view& piece);
  struct State;
  std::unique_ptr<State> state_;
  TransferEncoding encoding_;
  std::string out_;
};

}  // namespace c360::parsers

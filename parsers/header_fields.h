// The structured header fields of a mail: addresses, message ids, parameters.
//
// All take the body of a field as it stands in the mail (folded, encoded) and are forgiving: a
// broken field yields what can be read of it. Linear in the length of the field.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "parsers/message.h"

namespace c360::parsers {

// One field of a header block; the body may be folded.
struct RawField {
  std::string_view name;
  std::string_view body;
  Span place;  // of the whole field with its line end, in the block
};

// The fields of `block` in order, at most `limit`. Lines that are no field and no continuation are
// passed over.
std::vector<RawField> split_header(std::string_view block, std::size_t limit);

// RFC 5322, 3.4 with what is seen in the wild: groups flattened, names in comments, commas in
// unquoted names, semicolons between addresses, missing brackets; of addresses without a comma
// between them the first. Hosts are in Unicode ("xn--e1afmkfd.example" as "пример.example"). At
// most `limit` addresses.
std::vector<Address> parse_addresses(std::string_view body, std::string_view charset_hint,
                                     std::size_t limit);

// The ids of a References, In-Reply-To or Message-ID field, in order, without angle brackets. Text
// without any bracket is taken word by word, if the words look like ids.
std::vector<std::string> parse_message_ids(std::string_view body, std::size_t limit = 1000);
std::string parse_message_id(std::string_view body);

struct Parameter {
  std::string name;  // lower case, without the marks of RFC 2231
  std::string value;
  bool operator==(const Parameter&) const = default;
};

// A field such as `attachment; filename*0*=utf-8''%D0%9A; filename*1=.pdf`.
struct Parameterized {
  std::string value;  // lower case, without blanks
  std::vector<Parameter> parameters;
  const std::string* find(std::string_view name) const;
  bool operator==(const Parameterized&) const = default;
};

// RFC 2045, 5.1 and RFC 2231 (continuations, charsets), RFC 2047 inside values, raw 8-bit values,
// unquoted values with blanks. Where a parameter is given in both forms, RFC 2231 wins; otherwise
// the first one.
Parameterized parse_parameters(std::string_view body, std::string_view charset_hint = {});

}  // namespace c360::parsers

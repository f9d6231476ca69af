// A look at the lines of a raw mail before GMime builds a tree of it.
//
// GMime allocates some hundred bytes for every header field and about a kilobyte for every part,
// so a hostile mail of 50 MB could cost gigabytes. The scan finds where the header ends and where
// the first limit is crossed: the rest is then not shown to GMime.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "parsers/mail_source.h"
#include "parsers/mime_reader.h"

namespace c360::parsers {

struct MimeScan {
  std::size_t header_end = 0;  // past the blank line that ends the header, or where reading stops
  std::size_t end = 0;         // where reading stops
  std::string_view crossed;    // the limit's name; empty when reading stops at the end
};

Result<MimeScan> scan_mime(const MailSource& source, Span range, const MimeLimits& limits);

// Past the blank line that ends the header which begins at range.begin; range.end where none does.
Result<std::size_t> header_end(const MailSource& source, Span range);

// Where the entity that begins at range.begin ends: before the line end in front of the next line
// that begins with one of `boundaries`.
Result<std::size_t> entity_end(const MailSource& source, Span range,
                               const std::vector<std::string>& boundaries);

}  // namespace c360::parsers

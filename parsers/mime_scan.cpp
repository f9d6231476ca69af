#include "parsers/mime_scan.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

// Header blocks of all parts together, in multiples of what one may have.
constexpr std::size_t kAllHeadersFactor = 4;
constexpr std::size_t kAllFieldsFactor = 50;
// GMime reads the addresses of every header by itself and recurses once for each colon that could
// begin a group ("a:a:a:"), some 200 bytes of stack each. RFC 5322, 3.4 nests no groups at all.
constexpr std::size_t kMaxColons = 1000;

bool looks_like_field(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ':') return i > 0;
    const auto c = static_cast<unsigned char>(line[i]);
    if (c <= 0x20 || c == 0x7F) break;
  }
  return false;
}

bool names_message_type(std::string_view line) {
  constexpr std::string_view kMessage = "message/";
  for (std::size_t at = line.find('/'); at != line.npos; at = line.find('/', at + 1)) {
    if (at + 1 >= kMessage.size() &&
        equal_ignoring_case(line.substr(at + 1 - kMessage.size(), kMessage.size()), kMessage)) {
      return true;
    }
  }
  return false;
}

// The fields GMime reads as lists of addresses.
bool names_addresses(std::string_view line) {
  const std::string_view name = trimmed(line.substr(0, line.find(':')));
  for (const std::string_view field : {"from", "sender", "reply-to", "to", "cc", "bcc"}) {
    if (equal_ignoring_case(name, field)) return true;
  }
  return false;
}

bool is_blank_line(std::string_view line) { return line == "\n" || line == "\r\n"; }

class Scanner {
 public:
  Scanner(const MailSource& source, const MimeLimits& limits, MimeScan& scan)
      : source_(source), limits_(limits), scan_(scan) {}

  bool line(std::string_view beginning, Span place) {
    const bool blank = is_blank_line(beginning);
    if (!address_line(beginning, place)) return cross("addresses", place);
    if (blank && in_header_) {
      if (first_header_) scan_.header_end = place.end;
      first_header_ = false;
      in_header_ = message_follows_;
      message_follows_ = false;
      block_bytes_ = 0;
      return true;
    }
    if (beginning.starts_with("--") && !first_header_) {
      in_header_ = true;
      message_follows_ = false;
      block_bytes_ = 0;
      return ++boundaries_ <= limits_.boundary_lines || cross("parts", place);
    }
    return !in_header_ || blank || header_line(beginning, place);
  }

 private:
  // Wherever the line stands: what GMime takes for a header is for GMime to say. False when a field
  // of addresses holds too many colons.
  bool address_line(std::string_view beginning, Span place) {
    const bool folded = beginning.front() == ' ' || beginning.front() == '\t';
    if (!folded) {
      colons_ = 0;
      addresses_ = names_addresses(beginning);
    }
    if (!addresses_) return true;
    const auto counted = source_.for_each_piece(place, [&](std::string_view piece) {
      colons_ += static_cast<std::size_t>(std::ranges::count(piece, ':'));
      return true;
    });
    if (!counted) return false;
    return colons_ <= kMaxColons;
  }

  bool header_line(std::string_view beginning, Span place) {
    const bool folded = beginning.front() == ' ' || beginning.front() == '\t';
    const bool field = !folded && looks_like_field(beginning);
    // After a line that only looked like a boundary no header follows.
    if (!first_header_ && !folded && !field) in_header_ = false;
    block_bytes_ += place.end - place.begin;
    all_bytes_ += place.end - place.begin;
    if (field) ++fields_;
    if (block_bytes_ > limits_.header_bytes ||
        all_bytes_ > kAllHeadersFactor * limits_.header_bytes) {
      return cross("header_bytes", place);
    }
    if (fields_ > kAllFieldsFactor * limits_.header_fields) return cross("header_fields", place);
    if (names_message_type(beginning)) message_follows_ = true;
    return true;
  }

  bool cross(std::string_view limit, Span place) {
    scan_.crossed = limit;
    scan_.end = place.begin;
    if (first_header_) scan_.header_end = place.begin;
    return false;
  }

  const MailSource& source_;
  const MimeLimits& limits_;
  MimeScan& scan_;
  bool addresses_ = false;  // in a field of addresses, with so many colons
  std::size_t colons_ = 0;
  bool in_header_ = true;
  bool first_header_ = true;
  bool message_follows_ = false;  // the header names a message type: another header comes
  std::size_t block_bytes_ = 0;
  std::size_t all_bytes_ = 0;
  std::size_t fields_ = 0;
  std::size_t boundaries_ = 0;
};

}  // namespace

Result<MimeScan> scan_mime(const MailSource& source, Span range, const MimeLimits& limits) {
  MimeScan scan;
  scan.header_end = scan.end = range.end;
  Scanner scanner(source, limits, scan);
  const auto read = source.for_each_line(range, [&](std::string_view beginning, Span place) {
    return scanner.line(beginning, place);
  });
  if (!read) return std::unexpected(read.error());
  return scan;
}

Result<std::size_t> header_end(const MailSource& source, Span range) {
  std::size_t end = range.end;
  const auto read = source.for_each_line(range, [&](std::string_view beginning, Span place) {
    if (!is_blank_line(beginning)) return true;
    end = place.end;
    return false;
  });
  if (!read) return std::unexpected(read.error());
  return end;
}

Result<std::size_t> entity_end(const MailSource& source, Span range,
                               const std::vector<std::string>& boundaries) {
  std::size_t end = range.end;
  std::size_t before = range.begin;  // the end of the line before, without its line end
  const auto read = source.for_each_line(range, [&](std::string_view beginning, Span place) {
    if (beginning.starts_with("--")) {
      const std::string_view rest = beginning.substr(2);
      for (const std::string& boundary : boundaries) {
        if (boundary.empty() || !rest.starts_with(boundary)) continue;
        end = before;
        return false;
      }
    }
    before = place.end - (beginning.ends_with("\r\n") ? 2 : 1);
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return std::max(end, range.begin);
}

}  // namespace c360::parsers

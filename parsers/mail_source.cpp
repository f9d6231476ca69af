#include "parsers/mail_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace c360::parsers {

Result<std::size_t> MailSource::read_piece(Span range, std::string& buffer) const {
  const std::size_t wanted = std::min(buffer.size(), range.end - range.begin);
  while (true) {
    const ssize_t got = pread(fd_, buffer.data(), wanted, static_cast<off_t>(range.begin));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    return fail(ErrorCode::unavailable,
                "cannot read the spooled mail at byte " + std::to_string(range.begin) + ": " +
                    std::strerror(errno) + "; check the spool folder's disk");  // NOLINT
  }
}

Result<std::string_view> MailSource::view(Span range, std::string& scratch) const {
  range.end = std::min(range.end, size_);
  range.begin = std::min(range.begin, range.end);
  if (in_memory()) return bytes_.substr(range.begin, range.end - range.begin);
  scratch.clear();
  const auto read = for_each_piece(range, [&](std::string_view piece) {
    scratch += piece;
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return std::string_view(scratch);
}

}  // namespace c360::parsers

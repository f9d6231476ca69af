// Lines of a stored mail as they travel: a file of a Unix system ends them with LF, a server sends
// the same mail with CRLF (RFC 5322, 2.1), and both must be one mail to the SHA-256 that tells
// doubles.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace c360::ingest {

// Of one mail at a time, piece by piece. The end of its first line decides: after a bare LF every
// bare LF becomes CRLF, else nothing is changed.
class LineEnds {
 public:
  // Another mail begins.
  void begin();
  // The piece as it travels; valid until the next call and as long as the piece.
  std::string_view write(std::string_view piece);

 private:
  enum class Form : std::uint8_t { unknown, wire, file };

  Form form_ = Form::unknown;
  char last_ = '\0';  // of the piece before
  std::string converted_;
};

}  // namespace c360::ingest

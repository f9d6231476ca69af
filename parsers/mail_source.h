// Where the raw bytes of a mail are: in memory or in a file, read in place.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "parsers/message.h"

namespace c360::parsers {

class MailSource {
 public:
  static constexpr std::size_t kPieceBytes = std::size_t{64} << 10U;
  static constexpr std::size_t kLineBytes = 256;  // of a line's beginning: a boundary has 70

  MailSource() = default;
  explicit MailSource(std::string_view bytes) : bytes_(bytes), size_(bytes.size()) {}
  MailSource(int fd, std::size_t size) : fd_(fd), size_(size) {}

  std::size_t size() const { return size_; }
  bool in_memory() const { return fd_ < 0; }
  int fd() const { return fd_; }
  std::string_view bytes() const { return bytes_; }  // in memory only

  // Calls take(std::string_view) for [range.begin, range.end) piece by piece until it returns
  // false. unavailable where the file cannot be read. Memory comes as one piece.
  template <typename Take>
  Result<void> for_each_piece(Span range, Take&& take) const {
    range.end = range.end < size_ ? range.end : size_;
    if (in_memory()) {
      if (range.begin < range.end) take(bytes_.substr(range.begin, range.end - range.begin));
      return {};
    }
    std::string buffer(kPieceBytes, '\0');
    while (range.begin < range.end) {
      const auto read = read_piece(range, buffer);
      if (!read) return std::unexpected(read.error());
      if (*read == 0 || !take(std::string_view(buffer.data(), *read))) return {};
      range.begin += *read;
    }
    return {};
  }

  // Calls take(beginning, place) for each line of the range until it returns false: its first bytes
  // (at most kLineBytes, with the line end where it is that short) and where it stands.
  template <typename Take>
  Result<void> for_each_line(Span range, Take&& take) const {
    std::string beginning;   // of a line that began in an earlier piece
    std::size_t before = 0;  // bytes of that line in earlier pieces
    std::size_t at = range.begin;
    bool go_on = true;
    auto read = for_each_piece(range, [&](std::string_view piece) {
      while (!piece.empty() && go_on) {
        const std::size_t newline = piece.find('\n');
        const std::size_t length = newline == piece.npos ? piece.size() : newline + 1;
        std::string_view start = piece.substr(0, length < kLineBytes ? length : kLineBytes);
        if (before != 0 || newline == piece.npos) {
          beginning += start.substr(0, kLineBytes - beginning.size());
          start = beginning;
        }
        before += length;
        piece.remove_prefix(length);
        if (newline == piece.npos) break;
        go_on = take(start, Span{at, at + before});
        at += before;
        before = 0;
        beginning.clear();
      }
      return go_on;
    });
    if (read && go_on && before != 0) take(std::string_view(beginning), Span{at, at + before});
    return read;
  }

  // The range at once; `scratch` holds it where the source is a file.
  Result<std::string_view> view(Span range, std::string& scratch) const;

 private:
  Result<std::size_t> read_piece(Span range, std::string& buffer) const;

  std::string_view bytes_;
  int fd_ = -1;
  std::size_t size_ = 0;
};

}  // namespace c360::parsers

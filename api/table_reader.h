// Rows of an uploaded table, one after another: CSV (RFC 4180), a JSON array of objects, or lines
// of JSON objects. In the memory of one row.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"

namespace c360::api {

inline constexpr std::size_t kMaxTableRowBytes = std::size_t{1024} * 1024;
inline constexpr std::size_t kMaxTableColumns = 300;

// Up to `into.size()` bytes; 0 at the end.
using ByteSource = std::function<Result<std::size_t>(std::span<char> into)>;

// Reads byte by byte through a buffer.
class ByteReader {
 public:
  explicit ByteReader(ByteSource source) : source_(std::move(source)) {}
  // The next byte without taking it; -1 at the end.
  Result<int> peek();
  void take() { ++at_; }

 private:
  ByteSource source_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  bool ended_ = false;
};

// The separator (comma, semicolon or tab) is that of the first line; a byte order mark is skipped;
// line ends are CRLF, LF or CR.
class CsvReader {
 public:
  explicit CsvReader(ByteSource source) : bytes_(std::move(source)) {}

  // The cells of the next row, empty lines left out; false at the end. invalid_request, reason
  // table_syntax, for a quote that is not closed, a row past the limits, and text that is no UTF-8.
  Result<bool> next(std::vector<std::string>& cells);

 private:
  Result<void> begin();
  Result<void> read_row(std::vector<std::string>& cells);
  Result<void> read_quoted(std::string& cell, std::size_t& size);

  ByteReader bytes_;
  char separator_ = 0;  // 0: not known yet
};

// `[{…}, {…}]`, or one object after another with blanks, line ends or commas between.
class JsonRowReader {
 public:
  explicit JsonRowReader(ByteSource source) : bytes_(std::move(source)) {}

  // False at the end. invalid_request where the text is no such list.
  Result<bool> next(Json& row);

 private:
  Result<int> skip_blanks();

  ByteReader bytes_;
  bool begun_ = false;
  bool in_array_ = false;
};

}  // namespace c360::api

#include "api/table_reader.h"

#include <algorithm>
#include <array>

#include "daemon/base/text.h"

namespace c360::api {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;
constexpr int kEnd = -1;

std::unexpected<Error> wrong_table(std::string detail) {
  return fail(ErrorCode::invalid_request, std::move(detail), "table_syntax");
}

std::unexpected<Error> row_too_long() {
  return wrong_table("a row is longer than " + std::to_string(kMaxTableRowBytes) + " bytes");
}

}  // namespace

Result<int> ByteReader::peek() {
  if (at_ == size_) {
    if (ended_) return kEnd;
    buffer_.resize(kBufferBytes);
    auto count = source_(std::span<char>(buffer_.data(), buffer_.size()));
    if (!count) return std::unexpected(std::move(count).error());
    at_ = 0;
    size_ = *count;
    ended_ = size_ == 0;
    if (ended_) return kEnd;
  }
  return static_cast<unsigned char>(buffer_[at_]);
}

// -- CSV ------------------------------------------------------------------------------------------

Result<void> CsvReader::begin() {
  constexpr std::array<int, 3> kMark = {0xEF, 0xBB, 0xBF};
  for (const int expected : kMark) {
    auto byte = bytes_.peek();
    if (!byte) return std::unexpected(std::move(byte).error());
    if (*byte != expected) return {};
    bytes_.take();
  }
  return {};
}

Result<void> CsvReader::read_quoted(std::string& cell, std::size_t& size) {
  bytes_.take();
  for (;;) {
    auto byte = bytes_.peek();
    if (!byte) return std::unexpected(std::move(byte).error());
    if (*byte == kEnd) return wrong_table("a quoted cell is not closed");
    bytes_.take();
    if (*byte == '"') {
      auto next = bytes_.peek();
      if (!next) return std::unexpected(std::move(next).error());
      if (*next != '"') return {};
      bytes_.take();
    }
    cell.push_back(static_cast<char>(*byte));
    if (++size > kMaxTableRowBytes) return row_too_long();
  }
}

Result<void> CsvReader::read_row(std::vector<std::string>& cells) {
  std::size_t size = 0;
  cells.emplace_back();
  for (;;) {
    auto byte = bytes_.peek();
    if (!byte) return std::unexpected(std::move(byte).error());
    if (*byte == kEnd) return {};
    const char c = static_cast<char>(*byte);
    if (c == '"' && cells.back().empty()) {
      if (auto read = read_quoted(cells.back(), size); !read) return read;
      continue;
    }
    bytes_.take();
    if (c == '\n' || c == '\r') return {};
    // The first separator of the header is that of the table.
    if (separator_ == 0 && (c == ',' || c == ';' || c == '\t')) separator_ = c;
    if (c == separator_) {
      if (cells.size() == kMaxTableColumns) {
        return wrong_table("a row has more than " + std::to_string(kMaxTableColumns) + " cells");
      }
      cells.emplace_back();
      continue;
    }
    cells.back().push_back(c);
    if (++size > kMaxTableRowBytes) return row_too_long();
  }
}

Result<bool> CsvReader::next(std::vector<std::string>& cells) {
  const bool first = separator_ == 0;
  if (first) {
    if (auto begun = begin(); !begun) return std::unexpected(std::move(begun).error());
  }
  for (;;) {
    auto byte = bytes_.peek();
    if (!byte) return std::unexpected(std::move(byte).error());
    if (*byte == kEnd) return false;
    cells.clear();
    if (auto read = read_row(cells); !read) return std::unexpected(std::move(read).error());
    if (cells.size() == 1 && trimmed(cells.front()).empty()) continue;
    if (!std::ranges::all_of(cells, [](const auto& cell) { return is_valid_utf8(cell); })) {
      return wrong_table("the text is not UTF-8; save the table as CSV UTF-8");
    }
    if (separator_ == 0) separator_ = ',';  // a table of one column
    return true;
  }
}

// -- JSON -----------------------------------------------------------------------------------------

Result<int> JsonRowReader::skip_blanks() {
  for (;;) {
    auto byte = bytes_.peek();
    if (!byte) return byte;
    const bool blank =
        *byte == ' ' || *byte == '\n' || *byte == '\r' || *byte == '\t' || (*byte == ',' && begun_);
    if (!blank) return byte;
    bytes_.take();
  }
}

Result<bool> JsonRowReader::next(Json& row) {
  auto byte = skip_blanks();
  if (!byte) return std::unexpected(std::move(byte).error());
  if (!begun_ && *byte == '[') {
    in_array_ = true;
    bytes_.take();
    byte = skip_blanks();
    if (!byte) return std::unexpected(std::move(byte).error());
  }
  begun_ = true;
  if (*byte == kEnd) {
    if (in_array_) return wrong_table("the JSON array is not closed");
    return false;
  }
  if (*byte == ']' && in_array_) {
    bytes_.take();
    in_array_ = false;
    byte = skip_blanks();
    if (!byte) return std::unexpected(std::move(byte).error());
    if (*byte != kEnd) return wrong_table("something follows the JSON array");
    return false;
  }
  if (*byte != '{') return wrong_table("the rows are JSON objects");
  std::string text;
  int depth = 0;
  bool in_string = false;
  bool escaped = false;
  do {
    byte = bytes_.peek();
    if (!byte) return std::unexpected(std::move(byte).error());
    if (*byte == kEnd) return wrong_table("a JSON object is not closed");
    bytes_.take();
    const char c = static_cast<char>(*byte);
    text.push_back(c);
    if (text.size() > kMaxTableRowBytes) return row_too_long();
    if (in_string) {
      if (!escaped && c == '"') in_string = false;
      escaped = !escaped && c == '\\';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  } while (depth > 0);
  auto parsed = Json::parse(text);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  row = std::move(*parsed);
  return true;
}

}  // namespace c360::api

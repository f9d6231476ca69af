// Rows for spreadsheets: CSV as it goes along, XLSX into a file. Both in the memory of one row.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/model/field.h"

namespace c360::store {

// Rows of one XLSX sheet, its header included (ECMA-376).
inline constexpr std::uint64_t kMaxSheetRows = 1'048'576;

// How values are written: names and codes for programs, words of a language for people.
enum class SheetWords : std::uint8_t { codes, ru, en };

// A value as a person or an import reads it. `text` is PostgreSQL's.
std::string cell_text(const Field& field, std::string_view text, SheetWords words);

// RFC 4180 with CRLF; UTF-8.
struct CsvDialect {
  char separator = ',';
  bool byte_order_mark = false;
};

class CsvWriter {
 public:
  explicit CsvWriter(CsvDialect dialect) : dialect_(dialect) {
    if (dialect_.byte_order_mark) text_ = "\xEF\xBB\xBF";
  }
  // A text that a spreadsheet would take for a formula gets an apostrophe in front (domain.md 16).
  void text(std::string_view value);
  void number(std::string_view value) { add(value); }  // and what else cannot be a formula
  void empty() { add({}); }
  void end_row();
  std::size_t size() const { return text_.size(); }
  std::string take();  // what was written since the last time

 private:
  void add(std::string_view value);

  CsvDialect dialect_;
  std::string text_;
  bool in_row_ = false;
};

// Whether a spreadsheet would calculate it: = + - @, tab or carriage return in front.
bool looks_like_formula(std::string_view value);

// libxlsxwriter with constant memory: rows go to a file as they come. unavailable where the folder
// of temporary files cannot be written or is full.
class XlsxWriter {
 public:
  static Result<XlsxWriter> create();
  XlsxWriter(XlsxWriter&&) noexcept;
  XlsxWriter& operator=(XlsxWriter&&) noexcept;
  ~XlsxWriter();  // removes the file

  void header(const std::vector<std::string>& names);
  // The next cell of the row; a type of its own where the field has one: numbers, dates, booleans.
  void cell(const Field& field, std::optional<std::string_view> text, SheetWords words);
  void end_row();
  // Ends the file; its size.
  Result<std::uint64_t> finish();
  // The file, piece by piece, after finish().
  Result<void> read(const std::function<Result<void>(std::string_view piece)>& sink) const;

 private:
  struct State;
  explicit XlsxWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace c360::store

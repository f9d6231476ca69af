#include "store/sheet.h"

#include <unistd.h>
#include <xlsxwriter.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "daemon/base/text.h"
#include "store/array.h"

namespace c360::store {
namespace {

constexpr std::size_t kMaxCellCharacters = 32'767;  // of XLSX
constexpr std::size_t kExactDigits = 15;            // of a double
constexpr std::size_t kPiece = std::size_t{64} * 1024;

std::string_view word_of(const Label& label, SheetWords words) {
  return words == SheetWords::en ? label.en : label.ru;
}

std::string choice_word(const Field& field, std::string_view code, SheetWords words) {
  if (words == SheetWords::codes) return std::string(code);
  const auto choice = std::ranges::find(field.choices, code, &Choice::code);
  if (choice == field.choices.end()) return std::string(code);
  return std::string(word_of(choice->label, words));
}

// "2026-01-31 10:15:00.25+00" as RFC 3339.
std::string rfc3339_of(std::string_view text) {
  if (text.size() < 22 || text[10] != ' ' || !text.ends_with("+00")) return std::string(text);
  std::string time(text.substr(0, text.size() - 3));
  time[10] = 'T';
  return time + "Z";
}

bool is_numeric(const Field& field) {
  return field.type == FieldType::integer || field.type == FieldType::reference ||
         field.type == FieldType::money || field.type == FieldType::decimal;
}

// A double holds fifteen digits; longer numbers stay text.
bool fits_double(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
             text, [](char c) { return c >= '0' && c <= '9'; })) <= kExactDigits;
}

int number_at(std::string_view text, std::size_t at, std::size_t size) {
  return std::atoi(std::string(text.substr(at, size)).c_str());
}

// Years a spreadsheet knows (it counts from 1900); other dates stay text.
std::optional<lxw_datetime> sheet_time(std::string_view text) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  lxw_datetime time{};
  time.year = number_at(text, 0, 4);
  time.month = number_at(text, 5, 2);
  time.day = number_at(text, 8, 2);
  if (time.year < 1901 || time.year > 9999) return std::nullopt;
  if (text.size() >= 19) {
    time.hour = number_at(text, 11, 2);
    time.min = number_at(text, 14, 2);
    time.sec = std::atof(std::string(text.substr(17, text.find('+', 17) - 17)).c_str());
  }
  return time;
}

std::unexpected<Error> unwritable(std::string_view what) {
  return fail(ErrorCode::unavailable,
              "the temporary file of the sheet cannot be written: " + std::string(what),
              "temporary_files");
}

}  // namespace

bool looks_like_formula(std::string_view value) {
  return !value.empty() &&
         std::string_view("=+-@\t\r").find(value.front()) != std::string_view::npos;
}

std::string cell_text(const Field& field, std::string_view text, SheetWords words) {
  switch (field.type) {
    case FieldType::boolean: {
      constexpr std::array<std::array<std::string_view, 3>, 2> kWords = {
          {{"false", "Нет", "No"}, {"true", "Да", "Yes"}}};
      return std::string(kWords.at(text == "t" ? 1 : 0).at(static_cast<std::size_t>(words)));
    }
    case FieldType::code:
      return choice_word(field, text, words);
    case FieldType::timestamp:
      return rfc3339_of(text);
    case FieldType::text_array:
    case FieldType::integer_array: {
      std::string list;
      for (const auto& element : decode_array(text)) {
        if (!element) continue;
        list.append(list.empty() ? "" : ",").append(choice_word(field, *element, words));
      }
      return list;
    }
    default:
      return std::string(text);
  }
}

// -- CSV ------------------------------------------------------------------------------------------

void CsvWriter::text(std::string_view value) {
  if (!looks_like_formula(value)) return add(value);
  add("'" + std::string(value));
}

void CsvWriter::add(std::string_view value) {
  if (in_row_) text_ += dialect_.separator;
  in_row_ = true;
  const char special[] = {dialect_.separator, '"', '\r', '\n', '\0'};
  if (value.find_first_of(special) == std::string_view::npos) {
    text_ += value;
    return;
  }
  text_ += '"';
  for (const char c : value) {
    if (c == '"') text_ += '"';
    text_ += c;
  }
  text_ += '"';
}

void CsvWriter::end_row() {
  text_ += "\r\n";
  in_row_ = false;
}

std::string CsvWriter::take() { return std::exchange(text_, {}); }

// -- XLSX -----------------------------------------------------------------------------------------

struct XlsxWriter::State {
  std::string path;
  lxw_workbook* workbook = nullptr;
  lxw_worksheet* sheet = nullptr;
  lxw_format* bold = nullptr;
  lxw_format* date = nullptr;
  lxw_format* time = nullptr;
  lxw_format* money = nullptr;
  lxw_row_t row = 0;
  lxw_col_t column = 0;

  State() = default;
  ~State() {
    if (workbook != nullptr) workbook_close(workbook);
    if (!path.empty()) ::unlink(path.c_str());
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  void write_text(std::string_view text, lxw_format* format = nullptr) {
    std::string cut(text);
    if (utf8_length(cut) > kMaxCellCharacters) cut = utf8_prefix(cut, kMaxCellCharacters);
    worksheet_write_string(sheet, row, column, cut.c_str(), format);
  }
};

XlsxWriter::XlsxWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
XlsxWriter::XlsxWriter(XlsxWriter&&) noexcept = default;
XlsxWriter& XlsxWriter::operator=(XlsxWriter&&) noexcept = default;
XlsxWriter::~XlsxWriter() = default;

Result<XlsxWriter> XlsxWriter::create() {
  auto state = std::make_unique<State>();
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/client360-sheet-XXXXXX";
  const int file = ::mkstemp(path.data());
  if (file < 0) return unwritable(std::strerror(errno));
  ::close(file);
  state->path = path;
  lxw_workbook_options options{};
  options.constant_memory = LXW_TRUE;
  state->workbook = workbook_new_opt(path.c_str(), &options);
  if (state->workbook == nullptr) return unwritable("no workbook");
  state->sheet = workbook_add_worksheet(state->workbook, nullptr);
  if (state->sheet == nullptr) return unwritable("no sheet");
  state->bold = workbook_add_format(state->workbook);
  format_set_bold(state->bold);
  state->date = workbook_add_format(state->workbook);
  format_set_num_format(state->date, "dd.mm.yyyy");
  state->time = workbook_add_format(state->workbook);
  format_set_num_format(state->time, "dd.mm.yyyy hh:mm:ss");
  state->money = workbook_add_format(state->workbook);
  format_set_num_format(state->money, "#,##0.00");
  return XlsxWriter(std::move(state));
}

void XlsxWriter::header(const std::vector<std::string>& names) {
  worksheet_freeze_panes(state_->sheet, 1, 0);
  for (const std::string& name : names) {
    state_->write_text(name, state_->bold);
    ++state_->column;
  }
  end_row();
}

void XlsxWriter::cell(const Field& field, std::optional<std::string_view> text, SheetWords words) {
  State& at = *state_;
  if (text) {
    const bool is_time = field.type == FieldType::date || field.type == FieldType::timestamp;
    auto time = is_time ? sheet_time(*text) : std::nullopt;
    if (is_numeric(field) && fits_double(*text)) {
      worksheet_write_number(at.sheet, at.row, at.column, std::atof(std::string(*text).c_str()),
                             field.type == FieldType::money ? at.money : nullptr);
    } else if (field.type == FieldType::boolean && words == SheetWords::codes) {
      worksheet_write_boolean(at.sheet, at.row, at.column, *text == "t" ? 1 : 0, nullptr);
    } else if (time) {
      worksheet_write_datetime(at.sheet, at.row, at.column, &*time,
                               field.type == FieldType::date ? at.date : at.time);
    } else {
      at.write_text(cell_text(field, *text, words));
    }
  }
  ++at.column;
}

void XlsxWriter::end_row() {
  ++state_->row;
  state_->column = 0;
}

Result<std::uint64_t> XlsxWriter::finish() {
  const lxw_error error = workbook_close(std::exchange(state_->workbook, nullptr));
  if (error != LXW_NO_ERROR) return unwritable(lxw_strerror(error));
  std::FILE* file = std::fopen(state_->path.c_str(), "rb");
  if (file == nullptr) return unwritable(std::strerror(errno));
  std::fseek(file, 0, SEEK_END);
  const long size = std::ftell(file);
  std::fclose(file);
  if (size <= 0) return unwritable("it is empty");
  return static_cast<std::uint64_t>(size);
}

Result<void> XlsxWriter::read(
    const std::function<Result<void>(std::string_view piece)>& sink) const {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(state_->path.c_str(), "rb"),
                                                             std::fclose);
  if (!file) return unwritable(std::strerror(errno));
  std::string piece(kPiece, '\0');
  for (;;) {
    const std::size_t count = std::fread(piece.data(), 1, piece.size(), file.get());
    if (count > 0) {
      if (auto sent = sink(std::string_view(piece).substr(0, count)); !sent) return sent;
    }
    if (std::ferror(file.get()) != 0) return unwritable("it cannot be read back");
    if (std::feof(file.get()) != 0) return {};
  }
}

}  // namespace c360::store

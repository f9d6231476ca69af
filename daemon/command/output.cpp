#include "daemon/command/output.h"

#include <spdlog/fmt/fmt.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "daemon/base/text.h"
#include "daemon/base/unicode_forms.h"

namespace c360::daemon::command {

namespace {

// ECMA-48, by Tone.
constexpr std::array<std::string_view, 5> kColours = {"", "\033[32m", "\033[33m", "\033[31m",
                                                      "\033[2m"};
constexpr std::string_view kNoColour = "\033[0m";
constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 10;  // of a column that is cut

std::vector<std::size_t> column_widths(const Table& table) {
  std::vector<std::size_t> widths;
  for (const std::string& name : table.header) widths.push_back(utf8_length(name));
  for (const auto& row : table.rows)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], utf8_length(row[i].text));
  return widths;
}

// At most `width` characters; what is cut ends in an ellipsis.
std::string cut(std::string_view text, std::size_t width) {
  if (utf8_length(text) <= width) return std::string(text);
  std::size_t at = 0;
  for (std::size_t i = 0; i + 1 < width; ++i) next_code_point(text, at);
  return std::string(text.substr(0, at)) + "…";
}

std::string coloured(std::string_view text, Tone tone, bool colours) {
  if (!colours || tone == Tone::plain) return std::string(text);
  return fmt::format("{}{}{}", kColours[static_cast<std::size_t>(tone)], text, kNoColour);
}

std::string render_row(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                       const Style& style) {
  std::string line;
  std::size_t used = 0;
  for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
    const bool last = i + 1 == row.size();
    std::string text = row[i].text;
    if (last && style.width > 0)
      text = cut(text, std::max(kNarrowest, style.width > used ? style.width - used : 0));
    line += coloured(text, row[i].tone, style.colours);
    if (last) break;
    line.append(widths[i] - utf8_length(text) + kGap, ' ');
    used += widths[i] + kGap;
  }
  while (line.ends_with(' ')) line.pop_back();
  return line + '\n';
}

std::string scalar(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return printable(value.as_string());
  if (value.is_bool()) return value.as_bool() ? "yes" : "no";
  if (value.is_number()) return value.number_text();
  return value.dump();
}

bool is_scalar(const Json& value) { return !value.is_array() && !value.is_object(); }

}  // namespace

Style Style::of_terminal() {
  Style style;
  if (isatty(STDOUT_FILENO) == 0) return style;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
  const char* term = std::getenv("TERM");
  style.colours =
      std::getenv("NO_COLOR") == nullptr && term != nullptr && std::string_view(term) != "dumb";
  return style;
}

std::optional<Style> Style::asked_for(std::string_view when) {
  if (when != "auto" && when != "always" && when != "never") return std::nullopt;
  Style style = of_terminal();
  if (when != "auto") style.colours = when == "always";
  return style;
}

std::string printable_lines(std::string_view text) {
  const std::string valid = replace_invalid_utf8(text);
  std::string safe;
  safe.reserve(valid.size());
  for (std::size_t at = 0; at < valid.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(valid, at);
    const bool control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
    if (control || is_invisible(c)) {
      safe.push_back('?');
    } else {
      safe.append(valid, begin, at - begin);
    }
  }
  return safe;
}

std::string printable(std::string_view text) {
  std::string safe = printable_lines(text);
  std::ranges::replace_if(safe, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return safe;
}

std::string render(const Table& table, const Style& style) {
  Table safe = table;
  for (auto& row : safe.rows)
    for (Cell& cell : row) cell.text = printable(cell.text);
  const auto widths = column_widths(safe);
  std::vector<Cell> header;
  for (const std::string& name : safe.header) header.emplace_back(name, Tone::faint);
  std::string text = render_row(header, widths, style);
  for (const auto& row : safe.rows) text += render_row(row, widths, style);
  return text;
}

std::string render(const Json& value, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string text;
  if (value.is_object()) {
    std::size_t width = 0;
    for (const auto& [key, member] : value.as_object()) width = std::max(width, key.size());
    for (const auto& [key, member] : value.as_object()) {
      if (is_scalar(member)) {
        text += fmt::format("{}{:<{}}  {}\n", margin, key, width, scalar(member));
      } else {
        text += fmt::format("{}{}\n{}", margin, key, render(member, indent + 2));
      }
    }
    return text;
  }
  if (value.is_array()) {
    for (const Json& item : value.as_array()) {
      if (is_scalar(item)) {
        text += fmt::format("{}- {}\n", margin, scalar(item));
        continue;
      }
      std::string inner = render(item, indent + 2);
      if (inner.size() > indent) inner.replace(indent, 1, "-");
      text += inner;
    }
    return text.empty() ? margin + "(none)\n" : text;
  }
  return margin + scalar(value) + '\n';
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

bool was_printed() { return std::ferror(stdout) == 0; }

void complain(std::string_view text) { fmt::print(stderr, "{}\n", text); }

}  // namespace c360::daemon::command

// What the operator sees: aligned tables, JSON on request, colours on a terminal only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"

namespace c360::daemon::command {

enum class Tone : std::uint8_t { plain, good, warning, bad, faint };

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
  Cell(std::string t, Tone n = Tone::plain) : text(std::move(t)), tone(n) {}  // NOLINT
  Cell(std::string_view t, Tone n = Tone::plain) : text(t), tone(n) {}        // NOLINT
  Cell(const char* t, Tone n = Tone::plain) : text(t), tone(n) {}             // NOLINT
};

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<Cell>> rows;

  void add(std::vector<Cell> row) { rows.push_back(std::move(row)); }
};

// How to draw: of the terminal behind standard output, or plain where there is none.
struct Style {
  bool colours = false;
  std::size_t width = 0;  // 0: unlimited; otherwise the last column is cut to fit
  static Style of_terminal();
  // "auto" (of the terminal), "always", "never"; nullopt for anything else.
  static std::optional<Style> asked_for(std::string_view when);
};

std::string render(const Table& table, const Style& style);
// A JSON object or list as indented "key: value" lines, for what has no table of its own.
std::string render(const Json& value, std::size_t indent = 0);
// Control characters of texts from outside, which could drive a terminal, and those that turn the
// direction of reading or hide, as "?".
std::string printable(std::string_view text);
// The same for a text of several lines: line ends and tabs stay.
std::string printable_lines(std::string_view text);

void print(std::string_view text);     // standard output
bool was_printed();                    // false once some of it could not be written
void complain(std::string_view text);  // standard error, one line

}  // namespace c360::daemon::command

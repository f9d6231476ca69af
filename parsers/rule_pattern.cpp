#include "parsers/rule_pattern.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "daemon/base/text.h"

namespace c360::parsers {

namespace {

std::string_view line_of(std::string_view text, std::uint32_t line) {
  for (std::uint32_t i = 1; i < line; ++i) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The character at `column` (from 1) of a line and whether its two neighbours are the same.
bool is_single_quote(std::string_view line, std::uint32_t column) {
  std::size_t at = 0;
  for (std::uint32_t i = 1; i < column && at < line.size(); ++i) next_code_point(line, at);
  const std::string_view rest = line.substr(at);
  return rest.starts_with('\'') && !rest.starts_with("'''");
}

// What other languages of patterns have and RE2 has not.
std::string_view missing_in_re2(std::string_view pattern) {
  for (const std::string_view look : {"(?=", "(?!", "(?<=", "(?<!"})
    if (pattern.contains(look))
      return ". Look-ahead and look-behind do not exist in RE2: match the neighbouring text and "
             "put the wanted part into group 1";
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    if (pattern[i + 1] >= '1' && pattern[i + 1] <= '9')
      return ". Back-references do not exist in RE2";
    ++i;
  }
  if (pattern.contains("(?<") || pattern.contains("(?'"))
    return ". Named groups are written (?P<name>…)";
  return "";
}

}  // namespace

TomlPosition PatternCompiler::place_in(const TomlValue& text, std::size_t offset) const {
  TomlPosition place = text.position;
  // Exact inside '…': there is no escaping, so what stands in the file is the pattern.
  if (offset == std::string_view::npos ||
      !is_single_quote(line_of(source_, place.line), place.column))
    return place;
  const std::string_view before = std::string_view(text.as_string()).substr(0, offset);
  place.column += 1 + static_cast<std::uint32_t>(utf8_length(before));
  return place;
}

Pattern PatternCompiler::compile(const TomlValue& text, const std::string& what) {
  const std::string& pattern = text.as_string();
  if (pattern.size() > limits_.pattern_bytes) {
    problems_.add(text.position, what + " has " + std::to_string(pattern.size()) +
                                     " bytes, the limit is " +
                                     std::to_string(limits_.pattern_bytes));
    return nullptr;
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(limits_.pattern_memory));
  auto compiled = std::make_unique<const RE2>(pattern, options);
  if (compiled->ok()) return compiled;
  const std::string& part = compiled->error_arg();
  const std::size_t offset = part.empty() ? std::string::npos : pattern.find(part);
  problems_.add(place_in(text, offset),
                what + ": " + compiled->error() + std::string(missing_in_re2(pattern)));
  return nullptr;
}

Pattern PatternCompiler::compile_with_group(const TomlValue& text, const std::string& what) {
  Pattern compiled = compile(text, what);
  if (compiled && compiled->NumberOfCapturingGroups() < 1) {
    problems_.add(text.position, what + " has no group: put the wanted part into ( )");
    return nullptr;
  }
  return compiled;
}

std::vector<std::string> PatternCompiler::labels(const TomlValue& text, const std::string& what) {
  constexpr std::string_view kSpecial = "\\^$.[]()*+{}:>";
  std::vector<std::string> found;
  const std::string& pattern = text.as_string();
  if (pattern.size() > limits_.pattern_bytes) {
    problems_.add(text.position, what + " is too long");
    return {};
  }
  if (const auto at = pattern.find_first_of(kSpecial); at != std::string::npos) {
    problems_.add(place_in(text, at), what +
                                          ": a label is plain text, with | between "
                                          "alternatives and ? behind a character that may be "
                                          "missing; for anything else use `match`");
    return {};
  }
  for (const std::string_view alternative : split(pattern, '|')) {
    // Every '?' doubles the spellings.
    std::vector<std::string> spellings{""};
    for (std::size_t at = 0; at < alternative.size();) {
      const std::size_t begin = at;
      next_code_point(alternative, at);
      const std::string_view letter = alternative.substr(begin, at - begin);
      const bool optional = at < alternative.size() && alternative[at] == '?';
      if (optional) ++at;
      const std::size_t count = spellings.size();
      if (optional && count > 8) break;
      for (std::size_t i = 0; i < count; ++i) {
        if (optional) spellings.push_back(spellings[i]);
        spellings[i] += letter;
      }
    }
    for (std::string& spelling : spellings) {
      if (spelling.empty() || trimmed(spelling) != spelling || spelling.starts_with("•")) {
        problems_.add(text.position, what +
                                         ": a label must not be empty or begin or end with a "
                                         "blank or a bullet");
        return {};
      }
      found.push_back(std::move(spelling));
    }
  }
  return found;
}

std::optional<int> group_number(const RE2& pattern, std::string_view group) {
  int number = 0;
  const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), number);
  if (error == std::errc{} && end == group.data() + group.size()) {
    if (number < 1 || number > pattern.NumberOfCapturingGroups()) return {};
    return number;
  }
  const auto& names = pattern.NamedCapturingGroups();
  const auto found = names.find(std::string(group));
  if (found == names.end()) return {};
  return found->second;
}

}  // namespace c360::parsers

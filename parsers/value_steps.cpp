#include "parsers/value_steps.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "daemon/base/identifiers.h"
#include "daemon/base/text.h"
#include "parsers/prepared_text.h"

namespace c360::parsers {

namespace {

constexpr std::array<std::string_view, 9> kWords = {"address", "name",   "url", "collapse", "lower",
                                                    "upper",   "digits", "inn", "range"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string only_digits(std::string_view text) {
  std::string digits;
  std::ranges::copy_if(text, std::back_inserter(digits), is_digit);
  return digits;
}

std::string collapsed(std::string_view text) {
  std::string result;
  bool gap = false;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      gap = true;
      continue;
    }
    if (gap && !result.empty()) result.push_back(' ');
    gap = false;
    result.push_back(c);
  }
  return result;
}

bool ends_address(char c) {
  constexpr std::string_view kEnds = " \t\r\n<>()[],;:\"";
  return kEnds.find(c) != std::string_view::npos;
}

// The first word with something on both sides of one '@', without "mailto:".
std::string_view address_in(std::string_view text) {
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && !ends_address(text[begin - 1]) && text[begin - 1] != '@') --begin;
    std::size_t end = at + 1;
    while (end < text.size() && !ends_address(text[end]) && text[end] != '@') ++end;
    while (end > at + 1 && (text[end - 1] == '.' || text[end - 1] == '\'')) --end;
    const bool second_at = end < text.size() && text[end] == '@';
    if (begin < at && end > at + 1 && !second_at) return text.substr(begin, end - begin);
  }
  return {};
}

std::string display_name(std::string_view text) {
  if (const auto bracket = text.find('<'); bracket != std::string_view::npos && bracket > 0)
    text = text.substr(0, bracket);
  text = trimmed(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = trimmed(text.substr(1, text.size() - 2));
  return std::string(text);
}

std::string bare_url(std::string_view text) {
  if (text.size() > 2 && text.front() == '<' && text.back() == '>')
    text = text.substr(1, text.size() - 2);
  return std::string(trimmed(text));
}

// What a text about a quantity consists of.
struct Token {
  enum class Kind : std::uint8_t { number, dash, from, to, more, less, negation, other };
  Kind kind = Kind::other;
  int number = 0;
};

Token::Kind word_kind(std::string_view word) {
  using enum Token::Kind;
  constexpr auto kMeanings = std::to_array<std::pair<std::string_view, Token::Kind>>({
      {"от", from},     {"с", from},       {"from", from},   {"between", from}, {"at", from},
      {"least", from},  {"минимум", from}, {"до", to},       {"по", to},        {"to", to},
      {"and", to},      {"up", to},        {"максимум", to}, {"более", more},   {"больше", more},
      {"свыше", more},  {"over", more},    {"more", more},   {"above", more},   {"менее", less},
      {"меньше", less}, {"less", less},    {"under", less},  {"below", less},   {"не", negation},
      {"no", negation}, {"not", negation},
  });
  const auto* found =
      std::ranges::find(kMeanings, word, &std::pair<std::string_view, Token::Kind>::first);
  return found == kMeanings.end() ? other : found->second;
}

// Digits with blanks between groups of three: "1 000".
std::optional<int> read_number(std::string_view text, std::size_t& at) {
  std::string digits;
  while (at < text.size() && is_digit(text[at])) digits.push_back(text[at++]);
  const auto group_follows = [&] {
    return at + 3 < text.size() && text[at] == ' ' && is_digit(text[at + 1]) &&
           is_digit(text[at + 2]) && is_digit(text[at + 3]) &&
           (at + 4 == text.size() || !is_digit(text[at + 4]));
  };
  if (digits.size() <= 3) {
    while (group_follows()) {
      digits += text.substr(at + 1, 3);
      at += 4;
    }
  }
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{}) return {};
  return number;
}

bool is_dash(char32_t c) { return c == U'-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212; }
bool ends_word(char32_t c) {
  return c == U' ' || c == U'+' || c == U'<' || c == U'>' || c == U'~' || c == U'.' || c == U',' ||
         (c >= U'0' && c <= U'9') || is_dash(c);
}

// nullopt: a number too large.
std::optional<std::vector<Token>> tokens_of(std::string_view text) {
  using enum Token::Kind;
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    if (is_digit(text[at])) {
      const auto number = read_number(text, at);
      if (!number) return {};
      tokens.push_back({Token::Kind::number, *number});
      continue;
    }
    const std::size_t begin = at;
    const char32_t c = next_code_point(text, at);
    if (c == U' ' || c == U'~') continue;
    if (is_dash(c)) {
      tokens.push_back({dash});
    } else if (c == U'>' || c == U'+') {
      tokens.push_back({more});
    } else if (c == U'<') {
      tokens.push_back({less});
    } else if (c == U'.' || c == U',') {
      tokens.push_back({other});
    } else {
      while (at < text.size()) {
        std::size_t next = at;
        if (ends_word(next_code_point(text, next))) break;
        at = next;
      }
      tokens.push_back({word_kind(text.substr(begin, at - begin))});
    }
  }
  return tokens;
}

}  // namespace

std::string_view to_string(ValueStep step) { return kWords[static_cast<std::size_t>(step)]; }

std::optional<ValueStep> value_step(std::string_view word) {
  const auto* found = std::ranges::find(kWords, word);
  if (found == kWords.end()) return {};
  return static_cast<ValueStep>(found - kWords.begin());
}

StepResult apply(ValueStep step, std::string value) {
  const auto or_empty = [](std::string result) {
    std::string rejected = result.empty() ? "empty" : "";
    return StepResult{std::move(result), std::move(rejected)};
  };
  switch (step) {
    case ValueStep::address: {
      const std::string_view found = address_in(value);
      if (found.empty()) return {std::move(value), "not_an_address"};
      return {std::string(found), {}};
    }
    case ValueStep::name: {
      std::string name = display_name(value);
      if (name.empty() || name.contains('@')) return {std::move(value), "not_a_name"};
      return {std::move(name), {}};
    }
    case ValueStep::url:
      return or_empty(bare_url(value));
    case ValueStep::collapse:
      return or_empty(collapsed(value));
    case ValueStep::lower:
      return {to_lower(value), {}};
    case ValueStep::upper:
      return {to_upper(value), {}};
    case ValueStep::digits:
      return or_empty(only_digits(value));
    case ValueStep::inn: {
      std::string digits = only_digits(value);
      const IdentifierCheck fault = check_inn(digits);
      return {std::move(digits), fault ? std::string(fault->code) : std::string()};
    }
    case ValueStep::range:
      break;
  }
  return {std::move(value), {}};
}

NumberRange number_range(std::string_view text) {
  using enum Token::Kind;
  const auto tokens = tokens_of(comparable(prepare_text(text, nullptr)));
  if (!tokens) return {};

  std::vector<int> numbers;
  bool at_least = false;
  bool at_most = false;
  bool from_seen = false;
  bool negated = false;  // «не более 50»
  for (const Token& token : *tokens) {
    if (token.kind == number) numbers.push_back(token.number);
    if (token.kind == more || token.kind == less)
      ((token.kind == more) != negated ? at_least : at_most) = true;
    negated = token.kind == negation;
    if (token.kind == from) from_seen = true;
    if (token.kind == to && numbers.empty()) at_most = true;
  }
  if (numbers.size() == 2) {
    // Only a dash or «до» between the two makes a range; "3 отдела, 20 человек" is not one.
    const auto first = std::ranges::find(*tokens, number, &Token::kind);
    const auto joint = first + 1;
    if (joint->kind != dash && joint->kind != to) return {};
    if ((joint + 1)->kind != number || numbers[0] > numbers[1]) return {};
    return {numbers[0], numbers[1]};
  }
  if (numbers.size() != 1) return {};
  if (at_most && at_least) return {};
  if (at_most) return {{}, numbers[0]};
  if (at_least || from_seen) return {numbers[0], {}};
  return {numbers[0], numbers[0]};
}

}  // namespace c360::parsers

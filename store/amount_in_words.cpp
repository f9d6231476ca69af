#include "store/amount_in_words.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "store/printed_number.h"

namespace c360::store {
namespace {

using Words = std::array<std::string_view, 3>;  // 1, 2-4, many

constexpr std::array<std::string_view, 20> kOnes = {
    "",           "один",        "два",        "три",          "четыре",
    "пять",       "шесть",       "семь",       "восемь",       "девять",
    "десять",     "одиннадцать", "двенадцать", "тринадцать",   "четырнадцать",
    "пятнадцать", "шестнадцать", "семнадцать", "восемнадцать", "девятнадцать"};
constexpr std::array<std::string_view, 10> kTens = {
    "",          "",           "двадцать",  "тридцать",    "сорок",
    "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"};
constexpr std::array<std::string_view, 10> kHundreds = {
    "",        "сто",      "двести",  "триста",    "четыреста",
    "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот"};

struct Scale {
  std::int64_t size;
  Words words;
  bool is_feminine;
};
// numeric(18,2) has sixteen digits before the point.
constexpr std::array<Scale, 5> kScales = {{
    {1'000'000'000'000'000, {"квадриллион", "квадриллиона", "квадриллионов"}, false},
    {1'000'000'000'000, {"триллион", "триллиона", "триллионов"}, false},
    {1'000'000'000, {"миллиард", "миллиарда", "миллиардов"}, false},
    {1'000'000, {"миллион", "миллиона", "миллионов"}, false},
    {1'000, {"тысяча", "тысячи", "тысяч"}, true},
}};
constexpr Words kRoubles = {"рубль", "рубля", "рублей"};
constexpr Words kKopecks = {"копейка", "копейки", "копеек"};

std::string_view form_of(std::int64_t count, const Words& words) {
  const std::int64_t last = count % 10;
  const std::int64_t two = count % 100;
  if (two >= 11 && two <= 14) return words[2];
  if (last == 1) return words[0];
  return last >= 2 && last <= 4 ? words[1] : words[2];
}

void add(std::string& text, std::string_view word) {
  if (word.empty()) return;
  if (!text.empty()) text += ' ';
  text += word;
}

// 0 … 999; nothing for 0.
void add_below_thousand(std::string& text, std::int64_t number, bool is_feminine) {
  add(text, kHundreds[static_cast<std::size_t>(number / 100)]);
  std::int64_t rest = number % 100;
  if (rest >= 20) {
    add(text, kTens[static_cast<std::size_t>(rest / 10)]);
    rest %= 10;
  }
  if (is_feminine && rest == 1) {
    add(text, "одна");
  } else if (is_feminine && rest == 2) {
    add(text, "две");
  } else {
    add(text, kOnes[static_cast<std::size_t>(rest)]);
  }
}

// The first letter, one of а … я, becomes capital.
void capitalise(std::string& text) {
  const auto second = static_cast<unsigned char>(text[1]);
  if (text[0] == '\xD0') {
    text[1] = static_cast<char>(second - 0x20);  // а … п
  } else {
    text[0] = '\xD0';
    text[1] = static_cast<char>(second + 0x20);  // р … я
  }
}

}  // namespace

std::string amount_in_words(Money money, std::string_view currency) {
  if (currency != "RUB") {
    return printed_number(to_string(money)) + "\u00a0" + std::string(currency);
  }
  std::string text;
  if (money.units < 0) add(text, "минус");
  const std::int64_t units = money.units < 0 ? -money.units : money.units;
  const std::int64_t roubles = units / 100;
  std::int64_t rest = roubles;
  for (const Scale& scale : kScales) {
    const std::int64_t count = rest / scale.size;
    rest %= scale.size;
    if (count == 0) continue;
    add_below_thousand(text, count, scale.is_feminine);
    add(text, form_of(count, scale.words));
  }
  add_below_thousand(text, rest, false);
  if (roubles == 0) add(text, "ноль");
  add(text, form_of(roubles, kRoubles));
  const std::int64_t kopecks = units % 100;
  add(text, (kopecks < 10 ? "0" : "") + std::to_string(kopecks));
  add(text, form_of(kopecks, kKopecks));
  capitalise(text);
  return text;
}

}  // namespace c360::store

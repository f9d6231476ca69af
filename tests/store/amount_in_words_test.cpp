// The vectors of domain.md 1.4, and what holds for every amount.
#include "store/amount_in_words.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace c360::store {
namespace {

std::string words(std::string_view amount) { return amount_in_words(*parse_money(amount)); }

TEST(AmountInWords, FollowsTheVectorsOfTheSpecification) {
  EXPECT_EQ(words("672000.00"), "Шестьсот семьдесят две тысячи рублей 00 копеек");
  EXPECT_EQ(words("1.01"), "Один рубль 01 копейка");
  EXPECT_EQ(words("2002.02"), "Две тысячи два рубля 02 копейки");
  EXPECT_EQ(words("0.00"), "Ноль рублей 00 копеек");
}

TEST(AmountInWords, AgreesWithTheNumber) {
  EXPECT_EQ(words("11.11"), "Одиннадцать рублей 11 копеек");
  EXPECT_EQ(words("21.21"), "Двадцать один рубль 21 копейка");
  EXPECT_EQ(words("112.14"), "Сто двенадцать рублей 14 копеек");
  EXPECT_EQ(words("1000.00"), "Одна тысяча рублей 00 копеек");
  EXPECT_EQ(words("1000000.00"), "Один миллион рублей 00 копеек");
  EXPECT_EQ(words("2000001.50"), "Два миллиона один рубль 50 копеек");
  EXPECT_EQ(words("40.22"), "Сорок рублей 22 копейки");
  EXPECT_EQ(words("-5.00"), "Минус пять рублей 00 копеек");
  EXPECT_EQ(words("9999999999999999.99"),
            "Девять квадриллионов девятьсот девяносто девять триллионов девятьсот девяносто девять "
            "миллиардов девятьсот девяносто девять миллионов девятьсот девяносто девять тысяч "
            "девятьсот девяносто девять рублей 99 копеек");
}

TEST(AmountInWords, OtherCurrenciesAreDigitsAndTheirCode) {
  EXPECT_EQ(amount_in_words(*parse_money("7527.00"), "EUR"), "7\u00a0527,00\u00a0EUR");
}

// Two amounts never read the same, and none has a double blank or a small first letter.
TEST(AmountInWords, IsDifferentForEveryAmount) {
  std::mt19937_64 random(20261122);
  std::set<std::int64_t> amounts;
  while (amounts.size() < 2000) {
    const auto digits = std::uniform_int_distribution<int>(1, 18)(random);
    std::int64_t top = 1;
    for (int i = 0; i < digits; ++i) top *= 10;
    amounts.insert(std::uniform_int_distribution<std::int64_t>(0, top - 1)(random));
  }
  std::set<std::string> texts;
  for (const std::int64_t amount : amounts) {
    const std::string text = amount_in_words(Money{amount});
    EXPECT_EQ(text.find("  "), std::string::npos) << amount;
    EXPECT_EQ(text[0], '\xD0') << amount;
    EXPECT_LT(static_cast<unsigned char>(text[1]), 0xB0U) << amount;
    texts.insert(text);
  }
  EXPECT_EQ(texts.size(), amounts.size());
}

}  // namespace
}  // namespace c360::store

#include "store/money.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/temp_postgres.h"

namespace c360::testing {
namespace {

using store::Line;
using store::Money;
using store::parse_fixed;
using store::parse_money;
using store::Percent;
using store::Quantity;

Line line(std::string_view price, std::string_view discount, std::string_view quantity,
          std::optional<std::string_view> vat) {
  Line made;
  made.price = *parse_money(price);
  made.discount = Percent{*parse_fixed(discount, 2)};
  made.quantity = Quantity{*parse_fixed(quantity, 4)};
  if (vat) made.vat = Percent{*parse_fixed(*vat, 2)};
  return made;
}

TEST(MoneyText, IsReadExactlyOrNotAtAll) {
  struct Case {
    std::string_view text;
    std::optional<std::int64_t> units;
  };
  const Case cases[] = {{"0", 0},
                        {"100.10", 10010},
                        {"100.1", 10010},
                        {"-12", -1200},
                        {"0.01", 1},
                        {"9999999999999999.99", 999'999'999'999'999'999},
                        {"000100.10", 10010},
                        {"100.101", {}},
                        {"", {}},
                        {"-", {}},
                        {".5", {}},
                        {"5.", {}},
                        {"1e3", {}},
                        {"1,5", {}},
                        {"1 000", {}},
                        {"+1", {}},
                        {"10000000000000000.00", {}},
                        {"12345678901234567890", {}},
                        {"1.2.3", {}},
                        {"NaN", {}}};
  for (const Case& each : cases) EXPECT_EQ(parse_fixed(each.text, 2), each.units) << each.text;
}

TEST(MoneyText, IsWrittenWithTwoDigits) {
  EXPECT_EQ(store::to_string(Money{10010}), "100.10");
  EXPECT_EQ(store::to_string(Money{-1}), "-0.01");
  EXPECT_EQ(store::to_string(Money{0}), "0.00");
  EXPECT_EQ(store::format_fixed(15000000, 4), "1500.0000");
}

TEST(MoneyRounding, IsHalfAwayFromZero) {
  const auto rounded = [](std::int64_t units) {
    return static_cast<std::int64_t>(store::rounded(units, 3, 2));
  };
  EXPECT_EQ(rounded(1004), 100);
  EXPECT_EQ(rounded(1005), 101);
  EXPECT_EQ(rounded(-1005), -101);
  EXPECT_EQ(rounded(-1004), -100);
}

TEST(LineAmounts, FollowTheVectorsOfTheSpecification) {
  const auto round = store::line_amounts(line("200", "0", "1500", "20"));
  ASSERT_TRUE(round);
  EXPECT_EQ(to_string(round->price_with_discount), "200.00");
  EXPECT_EQ(to_string(round->amount), "300000.00");
  EXPECT_EQ(to_string(round->discount_amount), "0.00");
  EXPECT_EQ(to_string(round->vat_amount), "60000.00");
  EXPECT_EQ(to_string(round->amount_with_vat), "360000.00");

  const auto odd = store::line_amounts(line("99.99", "7.5", "3", "22"));
  ASSERT_TRUE(odd);
  EXPECT_EQ(to_string(odd->price_with_discount), "92.49");
  EXPECT_EQ(to_string(odd->amount), "277.47");
  EXPECT_EQ(to_string(odd->discount_amount), "22.50");
  EXPECT_EQ(to_string(odd->vat_amount), "61.04");
  EXPECT_EQ(to_string(odd->amount_with_vat), "338.51");
}

TEST(LineAmounts, WithoutVatHaveNone) {
  const auto amounts = store::line_amounts(line("10", "0", "1.5", std::nullopt));
  ASSERT_TRUE(amounts);
  EXPECT_EQ(to_string(amounts->vat_amount), "0.00");
  EXPECT_EQ(to_string(amounts->amount_with_vat), "15.00");
}

TEST(LineAmounts, TooLargeAreRefusedNotWrapped) {
  const auto amounts = store::line_amounts(line("9999999999999999.99", "0", "2", "20"));
  ASSERT_FALSE(amounts);
  EXPECT_EQ(amounts.error().reason, "amount_too_large");
}

TEST(LineTotals, AreSumsOfRoundedLines) {
  const auto one = store::line_amounts(line("0.05", "0", "1", "10"));
  ASSERT_TRUE(one);
  EXPECT_EQ(to_string(one->vat_amount), "0.01");  // 0.005 rounds away from zero
  const store::LineAmounts lines[] = {*one, *one, *one};
  const auto sums = store::totals(lines);
  ASSERT_TRUE(sums);
  EXPECT_EQ(to_string(sums->total_amount), "0.15");
  EXPECT_EQ(to_string(sums->total_vat), "0.03");
  EXPECT_EQ(to_string(sums->total_amount_with_vat), "0.18");
}

// -- What holds for any value.

TEST(MoneyProperties, WhatIsWrittenIsReadBack) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto units = static_cast<std::int64_t>(random() % 999'999'999'999'999'999U) *
                       (random() % 2 == 0 ? 1 : -1) / (i % 2 == 0 ? 1 : 10'000'000'000);
    EXPECT_EQ(parse_money(to_string(Money{units}))->units, units);
  }
}

TEST(MoneyProperties, RoundingIsSymmetricAndNeverFurtherThanHalf) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    const auto units = static_cast<std::int64_t>(random() >> (random() % 40 + 2));
    const auto near = static_cast<std::int64_t>(store::rounded(units, 6, 2));
    EXPECT_EQ(static_cast<std::int64_t>(store::rounded(-units, 6, 2)), -near);
    EXPECT_LE(std::abs(near * 10'000 - units), 5'000);
  }
}

// PostgreSQL's numeric rounds half away from zero as well, and shares no line of code.
TEST(MoneyProperties, LinesAreWhatTheDatabaseMakesOfTheFormulas) {
  std::mt19937 random(3);
  std::string rows;
  std::vector<std::string> ours;
  for (int i = 0; i < 3'000; ++i) {
    const std::string price = to_string(Money{static_cast<std::int64_t>(random() % 10'000'000)});
    const std::string discount = store::format_fixed(random() % 3 == 0 ? 0 : random() % 10'001, 2);
    const std::string quantity = store::format_fixed(random() % 10'000'000 + 1, 4);
    const std::string vat = store::format_fixed(random() % 4 == 0 ? 2'200 : random() % 10'001, 2);
    const auto made = store::line_amounts(line(price, discount, quantity, vat));
    ASSERT_TRUE(made);
    ours.push_back(to_string(made->price_with_discount) + " " + to_string(made->amount) + " " +
                   to_string(made->discount_amount) + " " + to_string(made->vat_amount) + " " +
                   to_string(made->amount_with_vat));
    rows += (rows.empty() ? "(" : ",(") + std::to_string(i) + "," + price + "," + discount + "," +
            quantity + "," + vat + ")";
  }
  auto& postgres = TempPostgres::shared();
  const auto theirs = postgres.query(
      postgres.url(),
      "SELECT pd || ' ' || a || ' ' || round(p * q, 2) - a || ' ' || round(a * v / 100, 2) || ' ' "
      "|| a + round(a * v / 100, 2) FROM (SELECT *, round(pd * q, 2) AS a FROM (SELECT *, "
      "round(p * (1 - d / 100), 2) AS pd FROM (VALUES " +
          rows + ") r(i, p, d, q, v)) x) y ORDER BY i");
  EXPECT_EQ(ours, theirs);
}

}  // namespace
}  // namespace c360::testing

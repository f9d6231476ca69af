#include "store/array.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/database.h"
#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;

const std::vector<std::optional<std::string>> kNasty = {
    "",           "plain", "NULL",   "null",
    std::nullopt, "a\"b",  "c\\d",   "\\",
    "\"",         "{}",    "{a,b}",  "a,b",
    " a ",        "\t\n",  "'",      "Ромашка «ООО»",
    "\\\"",       "$1",    "a\r\nb", std::string(100'000, 'x')};

TEST(Array, EveryTextComesBackFromTheServerAsItWent) {
  Quiet quiet;
  Database database({.url = TempPostgres::shared().url()}, quiet.observer);

  auto rows = database.execute(
      Pool::api,
      {"", "SELECT $1::text[], coalesce(element, '<null>') FROM unnest($1::text[]) AS element"},
      std::move(Params{}.add_array(std::span(kNasty))));

  ASSERT_TRUE(rows) << rows.error().detail;
  ASSERT_EQ(rows->size(), static_cast<int>(kNasty.size()));
  for (int i = 0; i < rows->size(); ++i) {
    EXPECT_EQ(rows->text(i, 1), kNasty[static_cast<std::size_t>(i)].value_or("<null>"));
  }
  EXPECT_EQ(decode_array(rows->text(0, 0)), kNasty);
}

TEST(Array, EmptyArraysStayEmpty) {
  Quiet quiet;
  Database database({.url = TempPostgres::shared().url()}, quiet.observer);

  auto rows = database.execute(
      Pool::api,
      {"", "SELECT cardinality($1::bigint[]), cardinality($2::text[]), cardinality($3::bytea[])"},
      std::move(Params{}
                    .add_array(std::span<const std::int64_t>())
                    .add_array(std::span<const std::string>())
                    .add_bytes_array({})));

  ASSERT_TRUE(rows) << rows.error().detail;
  for (int column = 0; column < 3; ++column) EXPECT_EQ(rows->int64(0, column), 0);
}

TEST(Array, NumbersAndBytesAreExact) {
  Quiet quiet;
  Database database({.url = TempPostgres::shared().url()}, quiet.observer);
  const std::vector<std::int64_t> numbers = {0, -1, INT64_MAX, INT64_MIN};
  const std::string all_bytes = [] {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    return bytes;
  }();
  const std::vector<std::string_view> contents = {"", all_bytes, "\\x00"};

  auto rows = database.execute(
      Pool::api, {"", "SELECT n, b FROM unnest($1::bigint[], $2::bytea[]) AS t (n, b)"},
      std::move(Params{}.add_array(numbers).add_bytes_array(contents)));

  ASSERT_TRUE(rows) << rows.error().detail;
  ASSERT_EQ(rows->size(), 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(rows->int64(i, 0), numbers[static_cast<std::size_t>(i)]);
    if (i < 3) {
      EXPECT_EQ(rows->bytes(i, 1), contents[static_cast<std::size_t>(i)]);
    }
  }
  EXPECT_TRUE(rows->is_null(3, 1));
}

TEST(Array, WhatIsNotOneDimensionIsRefused) {
  for (const char* text : {"", "{", "{a", "{\"a}", "{a}b", "[0:1]={a,b}", "{\"a\\", "a"}) {
    EXPECT_THROW(decode_array(text), std::logic_error) << text;
  }
}

}  // namespace
}  // namespace c360::store

#include "ingest/imap/lexer.h"

#include <gtest/gtest.h>

#include "tests/ingest/imap/memory_source.h"

namespace c360::ingest::imap {
namespace {

using c360::testing::MemorySource;

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

// A value as text, to compare in one line: atoms bare, strings quoted, NIL, lists.
std::string shown(const Value& value) {
  if (value.kind == Value::Kind::nil) return "NIL";
  if (value.kind == Value::Kind::atom) return value.text;
  if (value.kind == Value::Kind::string) return '"' + value.text + '"';
  std::string text = "(";
  for (const Value& item : value.items) text += (text.size() > 1 ? " " : "") + shown(item);
  return text + ")";
}

struct ValueCase {
  std::string_view input;
  std::string_view expected;
};

TEST(Lexer, ReadsEveryKindOfValue) {
  const ValueCase cases[] = {
      {"atom ", "atom"},
      {"nil ", "NIL"},
      {"12 ", "12"},
      {"\\Seen)", "\\Seen"},
      {"\"quoted \\\"text\\\" \\\\ here\" ", "\"quoted \"text\" \\ here\""},
      {"\"\" ", "\"\""},
      {"{5}\r\na\r\nb(", "\"a\r\nb(\""},
      {"{2+}\r\nab", "\"ab\""},
      {"{0}\r\n ", "\"\""},
      {"() ", "()"},
      {"(a (b \"c\") NIL ({1}\r\nd)) ", "(a (b \"c\") NIL (\"d\"))"},
      {"( a  b ) ", "(a b)"},
  };
  for (const auto& [input, expected] : cases) {
    for (const std::size_t piece : {1U, 2U, 1'000U}) {
      MemorySource source{std::string(input) + " ", piece};
      const ImapLimits limits;
      Lexer lexer{source, limits};
      const Value value = lexer.value();
      ASSERT_TRUE(lexer.ok()) << input << ": " << lexer.error().error().detail;
      EXPECT_EQ(shown(value), expected);
    }
  }
}

TEST(Lexer, KeepsTheBytesOfABinaryLiteral) {
  MemorySource source{std::string("~{3}\r\na\0b ", 11), 1};
  const ImapLimits limits;
  Lexer lexer{source, limits};

  EXPECT_EQ(lexer.value().text, std::string("a\0b", 3));
  EXPECT_TRUE(lexer.ok());
}

struct BadCase {
  std::string input;
  std::string_view reason;
};

TEST(Lexer, RefusesWhatIsNotImapAndWhatIsTooMuch) {
  const BadCase cases[] = {
      {")", "malformed_response"},
      {"\"no end\r\n", "malformed_response"},
      {"{5\r\nabcde", "malformed_response"},
      {"{}\r\n", "malformed_response"},
      {"{-1}\r\n", "malformed_response"},
      {"{18446744073709551616}\r\n", "malformed_response"},
      {"{99999999999999999999999999}\r\n", "malformed_response"},
      {"(a b", "connection_lost"},
      {"{5}\r\nabc", "connection_lost"},
      {"{65537}\r\n", "limit_crossed"},
      {repeated("(", 200'000), "limit_crossed"},
      {"(" + repeated("a ", 100'001) + ")", "limit_crossed"},
      {repeated("a", 1'048'577), "limit_crossed"},
      {"\"" + repeated("a", 1'048'577), "limit_crossed"},
      {"(" + repeated("{60000}\r\n" + repeated("x", 60'000), 18) + ")", "limit_crossed"},
  };
  for (const auto& [input, reason] : cases) {
    MemorySource source{input};
    const ImapLimits limits;
    Lexer lexer{source, limits};
    lexer.value();
    ASSERT_FALSE(lexer.ok()) << input.substr(0, 40);
    EXPECT_EQ(lexer.error().error().reason, reason) << input.substr(0, 40);
  }
}

TEST(Lexer, SkipsUnderTheSameLimitsButForWhatIsNotKept) {
  const BadCase cases[] = {
      {")", "malformed_response"},
      {"{104857601}\r\n", "limit_crossed"},
      {repeated("(", 200'000), "limit_crossed"},
      {"(" + repeated("a ", 100'001) + ")", "limit_crossed"},
      {"{70000}\r\n" + repeated("x", 70'000) + " ", ""},
  };
  for (const auto& [input, reason] : cases) {
    MemorySource source{input};
    const ImapLimits limits;
    Lexer lexer{source, limits};
    lexer.skip_value();
    ASSERT_EQ(lexer.ok(), reason.empty()) << input.substr(0, 40);
    if (!lexer.ok()) {
      EXPECT_EQ(lexer.error().error().reason, reason) << input.substr(0, 40);
    }
  }
}

TEST(Lexer, NestsAsDeepAsTheLimitAndNoDeeper) {
  const ImapLimits limits;
  for (const std::size_t depth : {limits.nesting, limits.nesting + 1}) {
    MemorySource source{repeated("(", depth) + "a" + repeated(")", depth) + " "};
    Lexer lexer{source, limits};
    lexer.value();
    EXPECT_EQ(lexer.ok(), depth == limits.nesting);
  }
}

TEST(Lexer, RefusesANumberThatDoesNotFitInsteadOfWrappingIt) {
  const ImapLimits limits;
  for (const auto& [text, fits] : {std::pair{"4294967295 ", true}, std::pair{"4294967296 ", false},
                                   std::pair{"0 ", false}, std::pair{"-1 ", false}}) {
    MemorySource source{text};
    Lexer lexer{source, limits};
    const auto number = lexer.nonzero_number32();
    EXPECT_EQ(lexer.ok(), fits) << text;
    if (fits) {
      EXPECT_EQ(number, 4'294'967'295U);
    }
  }
}

TEST(Lexer, StreamsALiteralWithoutKeepingIt) {
  const ImapLimits limits;
  MemorySource source{"{300000}\r\n" + repeated("x", 300'000) + ")", 1'000};
  Lexer lexer{source, limits};

  const std::uint64_t size = lexer.literal_size();
  std::size_t received = 0;
  std::size_t largest = 0;
  lexer.stream(size, [&](std::string_view piece) {
    received += piece.size();
    largest = std::max(largest, piece.size());
    return Result<void>{};
  });

  EXPECT_TRUE(lexer.accept(')'));
  EXPECT_EQ(received, 300'000U);
  EXPECT_LE(largest, 1'000U);
}

TEST(Lexer, KeepsTheFirstFailureAndDoesNothingAfterIt) {
  const ImapLimits limits;
  MemorySource source{"{10}\r\n0123456789 rest"};
  Lexer lexer{source, limits};
  lexer.stream(lexer.literal_size(), [](std::string_view) {
    return Result<void>(fail(ErrorCode::internal, "the disk is full"));
  });

  EXPECT_EQ(lexer.peek(), -1);
  EXPECT_EQ(lexer.value().text, "");
  lexer.refuse("something else");
  EXPECT_EQ(lexer.error().error().detail, "the disk is full");
}

}  // namespace
}  // namespace c360::ingest::imap

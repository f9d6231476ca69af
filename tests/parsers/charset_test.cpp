#include "parsers/charset.h"

#include <gtest/gtest.h>

#include "daemon/base/text.h"
#include "parsers/charset_name.h"

namespace c360::parsers {
namespace {

// "Привет" in windows-1251, koi8-r, cp866.
constexpr std::string_view kHello1251 = "\xCF\xF0\xE8\xE2\xE5\xF2";
constexpr std::string_view kHelloKoi8 = "\xF0\xD2\xC9\xD7\xC5\xD4";
constexpr std::string_view kHello866 = "\x8F\xE0\xA8\xA2\xA5\xE2";
constexpr std::string_view kHello = "Привет";

TEST(CharsetName, SpellingsOfOneCharsetMeanTheSame) {
  struct Case {
    const char* label;
    const char* name;
  };
  for (const Case& one : std::initializer_list<Case>{{"CP1251", "windows-1251"},
                                                     {"cp-1251", "windows-1251"},
                                                     {"x-cp1251", "windows-1251"},
                                                     {"win-1251", "windows-1251"},
                                                     {"\"windows-1251\"", "windows-1251"},
                                                     {"ks_c_5601-1987", "cp949"},
                                                     {"KOI8R", "koi8-r"},
                                                     {"koi8", "koi8-r"},
                                                     {"utf8", "utf-8"},
                                                     {"UTF_8", "utf-8"},
                                                     {"unicode-1-1-utf-8", "utf-8"},
                                                     {"cp65001", "utf-8"},
                                                     {"latin1", "iso-8859-1"},
                                                     {"iso8859-15", "iso-8859-15"},
                                                     {"ISO_8859-5:1988", "iso-8859-5"},
                                                     {"iso-8859-8-i", "iso-8859-8"},
                                                     {"gb2312", "gb18030"},
                                                     {"x-sjis", "cp932"},
                                                     {"us-ascii", "us-ascii"},
                                                     {"unknown-8bit", ""},
                                                     {"", ""},
                                                     {"x-made-up", "x-made-up"}}) {
    EXPECT_EQ(canonical_charset(one.label), one.name) << one.label;
  }
}

TEST(CharsetName, AHostileLabelIsCutAndNeverAPath) {
  EXPECT_LE(canonical_charset(std::string(100000, 'a')).size(), 64U);
  EXPECT_EQ(canonical_charset("utf-8//TRANSLIT"), "utf-8");
  EXPECT_EQ(canonical_charset("../../etc/passwd").find('/'), std::string::npos);
}

TEST(Charset, TheDeclaredCharsetIsTakenWhereItConvertsCleanly) {
  for (const auto& [bytes, label] : {std::pair{kHello1251, "windows-1251"},
                                     {kHelloKoi8, "koi8-r"},
                                     {kHello866, "cp866"},
                                     {kHello, "utf-8"}}) {
    const DecodedText decoded = to_utf8(bytes, label);

    EXPECT_EQ(decoded.text, kHello) << label;
    EXPECT_EQ(decoded.charset, label);
    EXPECT_EQ(decoded.path, CharsetPath::declared);
    EXPECT_FALSE(decoded.replaced);
  }
}

TEST(Charset, AWrongAsciiLabelDoesNotLoseTheCyrillic) {
  const DecodedText utf8 = to_utf8(kHello, "us-ascii");
  EXPECT_EQ(utf8.text, kHello);
  EXPECT_EQ(utf8.path, CharsetPath::utf8);

  const std::string letter =
      "\xC4\xEE\xE1\xF0\xFB\xE9 \xE4\xE5\xED\xFC, \xEF\xF0\xEE\xF8\xF3 \xF1\xE2\xFF\xE7\xE0\xF2\xFC"
      "\xF1\xFF \xF1\xEE \xEC\xED\xEE\xE9";
  const DecodedText guessed = to_utf8(letter, "us-ascii");
  EXPECT_EQ(guessed.text, "Добрый день, прошу связаться со мной");
  EXPECT_EQ(guessed.path, CharsetPath::guessed);
}

TEST(Charset, KoiEightIsGuessedWhereNothingIsDeclared) {
  const std::string letter =
      "\xE4\xCF\xC2\xD2\xD9\xCA \xC4\xC5\xCE\xD8, \xD0\xD2\xCF\xDB\xD5 \xD3\xD7\xD1\xDA\xC1\xD4\xD8"
      "\xD3\xD1 \xD3\xCF \xCD\xCE\xCF\xCA";

  EXPECT_EQ(to_utf8(letter, "").text, "Добрый день, прошу связаться со мной");
}

TEST(Charset, WhatNothingFitsIsWindows1251WithReplacement) {
  const DecodedText decoded = to_utf8("\x81\x98", "utf-8");

  EXPECT_EQ(decoded.text, "Ѓ\xEF\xBF\xBD");
  EXPECT_TRUE(decoded.replaced);
  EXPECT_EQ(decoded.path, CharsetPath::fallback);
}

TEST(Charset, AnUnknownLabelIsAsGoodAsNone) {
  EXPECT_EQ(to_utf8(kHello, "x-made-up").text, kHello);
  EXPECT_EQ(to_utf8("plain", "x-made-up").path, CharsetPath::utf8);
}

TEST(Charset, AStrayByteDoesNotMakeChineseOutOfRussian) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += kHello;
  const DecodedText decoded = to_utf8(text + "\xFF" + text, "utf-8");

  EXPECT_EQ(decoded.text, text + "\xEF\xBF\xBD" + text);
  EXPECT_EQ(decoded.charset, "utf-8");
  EXPECT_TRUE(decoded.replaced);
}

TEST(Charset, Latin1WithWindowsQuotesIsWindows1252) {
  EXPECT_EQ(to_utf8("\x93"
                    "a"
                    "\x94",
                    "iso-8859-1")
                .text,
            "“a”");
  EXPECT_EQ(to_utf8("\xE9", "iso-8859-1").text, "é");
  // A control of ISO 8859-1 that no program means as a dagger.
  EXPECT_EQ(to_utf8("\xC3\x86 ", "iso-8859-1").text, "Ã\u0086 ");
}

TEST(Charset, SevenBitsThatDeclareNothingStayAsTheyAre) {
  // RFC 2045, 5.2: without a charset they are US-ASCII, escapes included.
  EXPECT_EQ(to_utf8("\x1B$B$3$s\x1B(B", "").text, "\x1B$B$3$s\x1B(B");
}

TEST(Charset, MultiByteCharsetsAreConverted) {
  EXPECT_EQ(to_utf8("\x1B$B$3$s\x1B(B", "iso-2022-jp").text, "こん");
  EXPECT_EQ(to_utf8("\xC4\xE3\xBA\xC3", "gb2312").text, "你好");
  EXPECT_EQ(to_utf8("\xB0\xA1", "ks_c_5601-1987").text, "가");
  EXPECT_EQ(to_utf8(std::string_view("\xFF\xFE\x1F\x04\x40\x04", 6), "utf-16").text, "Пр");
  EXPECT_EQ(to_utf8("+BB8-", "utf-7").text, "П");
}

TEST(Charset, NulBytesAndByteOrderMarksVanish) {
  EXPECT_EQ(to_utf8(std::string_view("a\0b", 3), "utf-8").text, "ab");
  EXPECT_EQ(to_utf8(std::string_view("\xCF\0\xF0", 3), "windows-1251").text, "Пр");
  EXPECT_EQ(to_utf8("\xEF\xBB\xBFx", "").text, "x");
}

TEST(Charset, LineEndsBecomeLf) {
  EXPECT_EQ(to_utf8("a\r\nb\rc\n", "utf-8").text, "a\nb\nc\n");
  EXPECT_EQ(to_utf8("\xCF\r\n\xF0\r\xE8", "windows-1251").text, "П\nр\nи");
  EXPECT_EQ(to_utf8("a\r\nb", "utf-8", LineEnds::keep).text, "a\r\nb");
}

// Each entry's source, decoded again, is the text of the entry.
void expect_traceable(std::string_view bytes, const char* label) {
  const DecodedText decoded = to_utf8(bytes, label);
  std::size_t at = 0;
  std::size_t source = 0;
  for (const SpanMapEntry& entry : decoded.spans) {
    EXPECT_GE(entry.text.begin, at);
    EXPECT_GE(entry.source.begin, source);
    at = entry.text.end;
    source = entry.source.end;
    ASSERT_LE(entry.source.end, bytes.size());
    const auto piece = bytes.substr(entry.source.begin, entry.source.end - entry.source.begin);
    EXPECT_EQ(to_utf8(piece, decoded.charset).text,
              decoded.text.substr(entry.text.begin, entry.text.end - entry.text.begin))
        << label;
  }
  EXPECT_EQ(at, decoded.text.size());
}

TEST(Charset, EveryStretchOfTextCanBeTracedToItsBytes) {
  expect_traceable("one\r\ntwo\r\nthree", "utf-8");
  expect_traceable("Привет\r\nмир\n\n", "utf-8");
  expect_traceable("\xCF\xF0\xE8\xE2\xE5\xF2\r\n\xEC\xE8\xF0\r\n", "windows-1251");
  expect_traceable("\xC4\xE3\xBA\xC3\r\n\xC4\xE3\n", "gb2312");
  std::string big;
  for (int i = 0; i < 5000; ++i) big += "\xCF\xF0";
  expect_traceable(big, "windows-1251");
}

TEST(Charset, AnAsciiTextHasOneEntryARun) {
  EXPECT_EQ(to_utf8("one\ntwo\nthree\n", "us-ascii").spans.size(), 1U);
}

TEST(ToSource, FindsACharacterInsideASingleByteStretch) {
  const DecodedText decoded = to_utf8("\xCF\xF0\xE8\xE2\xE5\xF2 \xEC\xE8\xF0", "windows-1251");
  const std::size_t world = decoded.text.find("мир");

  const Span source = to_source(decoded.spans, decoded.text, {world, world + 4});

  EXPECT_EQ(source, (Span{7, 9}));
}

TEST(ToSource, SpansSeveralEntriesAndNothing) {
  const DecodedText decoded = to_utf8("one\r\ntwo", "utf-8");

  EXPECT_EQ(to_source(decoded.spans, decoded.text, {1, 6}), (Span{1, 7}));
  EXPECT_EQ(to_source({}, "", {0, 0}), (Span{0, 0}));
}

TEST(HeaderCharset, RawTextIsUtf8OrWindows1251) {
  EXPECT_EQ(header_to_utf8(kHello, ""), kHello);
  EXPECT_EQ(header_to_utf8(kHello1251, ""), kHello);
  EXPECT_EQ(header_to_utf8(kHelloKoi8, "koi8-r"), kHello);
}

// Found by tests/fuzz/mime_fuzz.cpp: glibc decodes four bytes beyond U+10FFFF and encodes them
// again.
TEST(Charset, WhatLiesBeyondUnicodeIsReplaced) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += kHello;
  const DecodedText decoded = to_utf8(text + "\xF5\xAC\x8A\x9D!", "utf-8");

  EXPECT_TRUE(is_valid_utf8(decoded.text));
  EXPECT_TRUE(decoded.text.starts_with(text + "\xEF\xBF\xBD")) << decoded.text;
  EXPECT_TRUE(decoded.replaced);
}

TEST(Charset, AThousandUnknownLabelsDoNotPileUp) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(to_utf8(kHello, "x-unknown-" + std::to_string(i)).text, kHello);
  }
}

}  // namespace
}  // namespace c360::parsers

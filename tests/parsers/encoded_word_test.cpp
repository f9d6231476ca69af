#include "parsers/encoded_word.h"

#include <gtest/gtest.h>

namespace c360::parsers {
namespace {

struct Case {
  const char* raw;
  const char* text;
};

TEST(EncodedWord, IsDecodedInEveryFormSeen) {
  for (const Case& one :
       std::initializer_list<Case>{{"plain", "plain"},
                                   {"", ""},
                                   {"=?utf-8?Q?=D0=9F=D1=80?=", "Пр"},
                                   {"=?UTF-8?b?0J/RgA==?=", "Пр"},
                                   {"=?koi8-r?B?8NLJ18XU?=", "Привет"},
                                   {"=?windows-1251?Q?=CF=F0=E8?=", "При"},
                                   {"=?utf-8*ru?Q?=D0=9F?=", "П"},  // RFC 2231, 5
                                   {"=?utf-8?Q?a_b?=", "a b"},
                                   {"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"},  // blanks between vanish
                                   {"=?utf-8?Q?a?=\r\n =?utf-8?Q?b?=", "ab"},
                                   {"=?utf-8?Q?a?= c =?utf-8?Q?b?=", "a c b"},
                                   {"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"},  // no blank between
                                   {"x=?utf-8?Q?a?=y", "xay"},
                                   {"=?utf-8?Q?a b?=", "a b"},           // a blank inside
                                   {"=?utf-8?B?0J/R\r\n gA==?=", "Пр"},  // folded inside
                                   {"=?utf-8?X?a?=", "=?utf-8?X?a?="},
                                   {"=?utf-8?Q?a", "=?utf-8?Q?a"},
                                   {"=??Q?a?=", "=??Q?a?="},
                                   {"=?utf-8?Q?\?=", ""},
                                   {"a\r\n b", "a b"},
                                   {"a\tb", "a b"}}) {
    EXPECT_EQ(decode_header_text(one.raw), one.text) << one.raw;
  }
}

// GMime 3.2.13 stops at the padding of the first word.
TEST(EncodedWord, PaddedBase64WordsOfOneCharsetAreAllRead) {
  EXPECT_EQ(
      decode_header_text("=?utf-8?B?0JfQsNC/0YDQvtGBIA==?= =?utf-8?B?0YHRgtC+0LjQvNC+0YHRgtC4?="),
      "Запрос стоимости");
}

TEST(EncodedWord, ACharacterSplitBetweenWordsIsJoined) {
  EXPECT_EQ(decode_header_text("=?utf-8?Q?=D0?= =?utf-8?Q?=9F?="), "П");
  EXPECT_EQ(decode_header_text("=?utf-8?B?0A==?=\r\n =?UTF-8?Q?=9F?="), "П");
}

TEST(EncodedWord, WordsOfDifferentCharsetsAreDecodedEachByItself) {
  EXPECT_EQ(decode_header_text("=?koi8-r?B?8NLJ18XU?= =?windows-1251?Q?,_=EC=E8=F0?="),
            "Привет, мир");
}

TEST(EncodedWord, RawEightBitTextIsUtf8ThenTheHintThenWindows1251) {
  EXPECT_EQ(decode_header_text("Привет"), "Привет");
  EXPECT_EQ(decode_header_text("\xCF\xF0\xE8\xE2\xE5\xF2"), "Привет");
  EXPECT_EQ(decode_header_text("\xF0\xD2\xC9\xD7\xC5\xD4", "koi8-r"), "Привет");
  EXPECT_EQ(decode_header_text("Привет", "koi8-r"), "Привет");
}

TEST(EncodedWord, ControlsAndLineEndsNeverReachTheText) {
  EXPECT_EQ(decode_header_text("=?utf-8?Q?a=0D=0ABcc:_x?="), "a  Bcc: x");
  EXPECT_EQ(decode_header_text("=?utf-8?Q?a=00b?="), "ab");
}

TEST(EncodedWord, ManyMarksCostLinearTime) {
  std::string raw;
  for (int i = 0; i < 20000; ++i) raw += "=?";
  EXPECT_FALSE(decode_header_text(raw).empty());
  raw.clear();
  for (int i = 0; i < 5000; ++i) raw += "=?utf-8?B?";
  EXPECT_FALSE(decode_header_text(raw).empty());
}

std::string base64(std::initializer_list<std::string_view> pieces) {
  Base64Decoder decoder;
  std::string bytes;
  for (const std::string_view piece : pieces) decoder.decode(piece, bytes);
  return bytes;
}

TEST(Base64, IsDecodedPieceByPieceWithAnythingBetween) {
  EXPECT_EQ(base64({"aGVsbG8="}), "hello");
  EXPECT_EQ(base64({"a", "GVs", "bG", "8="}), "hello");
  EXPECT_EQ(base64({"aGVs\r\nbG8=\r\n"}), "hello");
  EXPECT_EQ(base64({"aGVsbG8"}), "hello");  // no padding
  EXPECT_EQ(base64({"aGVsbG8=", "aGVsbG8="}), "hellohello");
  EXPECT_EQ(base64({"aGVs*bG8="}), "hello");
  EXPECT_EQ(base64({""}), "");
}

}  // namespace
}  // namespace c360::parsers

// How long a text is in UTF-16 units and in SMS segments, and where a long one is cut.
#include "adapters/message_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace c360::adapters {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(MessageText, CountsUtf16Units) {
  EXPECT_EQ(utf16_units(""), 0U);
  EXPECT_EQ(utf16_units("abc"), 3U);
  EXPECT_EQ(utf16_units("Счёт"), 4U);
  EXPECT_EQ(utf16_units("😀"), 2U);
}

TEST(MessageText, IsCutAtTheLastLineEndThatFits) {
  EXPECT_THAT(split_at_line_ends("", 10), IsEmpty());
  EXPECT_THAT(split_at_line_ends(" \n\n ", 2), IsEmpty());
  EXPECT_THAT(split_at_line_ends("whole", 5), ElementsAre("whole"));
  EXPECT_THAT(split_at_line_ends("one\ntwo\nthree", 8), ElementsAre("one\ntwo", "three"));
  EXPECT_THAT(split_at_line_ends("one two three", 8), ElementsAre("one two", "three"));
  EXPECT_THAT(split_at_line_ends("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(split_at_line_ends("abc\ndef", 3), ElementsAre("abc", "def"));
}

TEST(MessageText, NoCharacterIsCut) {
  EXPECT_THAT(split_at_line_ends("😀😀😀", 3), ElementsAre("😀", "😀", "😀"));
  EXPECT_THAT(split_at_line_ends("Счёт", 3), ElementsAre("Счё", "т"));
}

TEST(MessageText, SegmentsOfTheDefaultAlphabet) {
  EXPECT_EQ(sms_segments(""), 0);
  EXPECT_EQ(sms_segments("a"), 1);
  EXPECT_EQ(sms_segments(times(160, "a")), 1);
  EXPECT_EQ(sms_segments(times(161, "a")), 2);
  EXPECT_EQ(sms_segments(times(306, "a")), 2);
  EXPECT_EQ(sms_segments(times(307, "a")), 3);
  EXPECT_EQ(sms_segments(times(160, "é")), 1);
  EXPECT_EQ(sms_segments(times(80, "€")), 1) << "an extension counts 2";
  EXPECT_EQ(sms_segments(times(81, "€")), 2);
  EXPECT_EQ(sms_segments(times(154, "€")), 3) << "76 in a segment of 153, none is cut";
}

TEST(MessageText, OneCharacterOutsideMakesAllOfThemWide) {
  EXPECT_EQ(sms_segments(times(70, "я")), 1);
  EXPECT_EQ(sms_segments(times(71, "я")), 2);
  EXPECT_EQ(sms_segments(times(134, "я")), 2);
  EXPECT_EQ(sms_segments(times(135, "я")), 3);
  EXPECT_EQ(sms_segments(times(70, "a") + "`"), 2);
  EXPECT_EQ(sms_segments(times(35, "😀")), 1);
  EXPECT_EQ(sms_segments(times(67, "😀")), 3) << "33 in a segment of 67, none is cut";
}

}  // namespace
}  // namespace c360::adapters

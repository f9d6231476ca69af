#include "parsers/phone.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace c360::parsers {
namespace {

struct Case {
  const char* text;
  const char* e164;  // empty: no number
  const char* extension;
};

class PhoneVectors : public ::testing::TestWithParam<Case> {};

TEST_P(PhoneVectors, AreReadAsTheDomainSays) {
  const Case& one = GetParam();

  const auto phone = parse_phone(one.text);

  if (*one.e164 == '\0') {
    EXPECT_FALSE(phone) << one.text << " " << phone->e164;
  } else {
    ASSERT_TRUE(phone) << one.text;
    EXPECT_EQ(phone->e164, one.e164) << one.text;
    EXPECT_EQ(phone->extension, one.extension) << one.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Domain206, PhoneVectors,
                         ::testing::Values(Case{"+7 (495) 123-45-67 доб. 12", "+74951234567", "12"},
                                           Case{"8 495 123 45 67", "+74951234567", ""},
                                           Case{"4951234567", "+74951234567", ""},
                                           Case{"8(800)555-35-35", "+78005553535", ""},
                                           Case{"+375 29 123-45-67", "+375291234567", ""},
                                           Case{"0044 20 7946 0958", "+442079460958", ""},
                                           Case{"123-45-67", "", ""}));

INSTANTIATE_TEST_SUITE_P(Habits, PhoneVectors,
                         ::testing::Values(Case{"+8 495 123 45 67", "+74951234567", ""},
                                           Case{"7 495 123-45-67", "+74951234567", ""},
                                           Case{"8 (999) 123-45-67 вн 305", "+79991234567", "305"},
                                           Case{"+7 495 123-45-67, ext. 7", "+74951234567", "7"},
                                           Case{"+7 495 123-45-67 #42", "+74951234567", "42"},
                                           Case{"+7 495 123-45-67 (доб.15)", "+74951234567", "15"},
                                           Case{"Тел.: +7 495 123-45-67", "+74951234567", ""},
                                           Case{"", "", ""}, Case{"нет", "", ""}, Case{"+", "", ""},
                                           Case{"00000000000000000000000000000", "", ""}));

TEST(Phone, TheCountryOfANumberWithoutACodeIsConfiguration) {
  const auto phone = parse_phone("020 7946 0958", "GB");

  ASSERT_TRUE(phone);
  EXPECT_EQ(phone->e164, "+442079460958");
}

// A slash between the groups is nothing the short way knows: the library reads it.
TEST(Phone, PlainRussianNumbersAreReadAsTheLibraryReadsThem) {
  std::mt19937 random{20'260'506};
  std::uniform_int_distribution<int> digit{0, 9};
  for (int i = 0; i < 2000; ++i) {
    std::string number(10, '0');
    for (char& c : number) c = static_cast<char>('0' + digit(random));
    const std::string plain = "+7 (" + number.substr(0, 3) + ") " + number.substr(3);
    const std::string slashed = "+7/" + number.substr(0, 3) + "/" + number.substr(3);

    EXPECT_EQ(parse_phone(plain), parse_phone(slashed)) << plain;
  }
}

TEST(PhoneProperties, ANumberIsTheSameHoweverItIsWritten) {
  std::mt19937 random{1};
  std::uniform_int_distribution<int> digit{0, 9};
  int read = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string number = "9";
    for (int k = 0; k < 9; ++k) number += static_cast<char>('0' + digit(random));
    const auto phone = parse_phone("+7" + number);
    const std::string area = number.substr(0, 3);
    const std::string first = number.substr(3, 3);
    const std::string last = number.substr(6, 2) + "-" + number.substr(8);
    for (const std::string& written : {"8" + number, "8 (" + area + ") " + first + "-" + last,
                                       "+7 " + area + " " + first + " " + last,
                                       "8-" + area + "-" + first + "-" + last, "7" + number}) {
      EXPECT_EQ(parse_phone(written), phone) << written;
    }
    if (!phone) continue;
    ++read;
    EXPECT_EQ(phone->e164, "+7" + number);
    EXPECT_EQ(parse_phone(phone->e164), phone) << "read again, it is itself";
  }
  EXPECT_GT(read, 1000);
}

TEST(PhoneProperties, AnyTextIsANumberInE164OrNone) {
  static constexpr std::string_view kBytes = "0123456789+()-. /,;#xдобext\t*abc\xFF";
  std::mt19937 random{2};
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (std::size_t length = random() % 24; length > 0; --length) {
      text += kBytes[random() % kBytes.size()];
    }
    const auto phone = parse_phone(text);
    if (!phone) continue;
    EXPECT_TRUE(phone->e164.starts_with('+')) << text;
    EXPECT_GE(phone->e164.size(), 6U) << text;
    EXPECT_LE(phone->e164.size(), 16U) << text << ": E.164 has fifteen digits at most";
    EXPECT_EQ(phone->e164.find_first_not_of("0123456789", 1), std::string::npos) << text;
    EXPECT_EQ(phone->extension.find_first_not_of("0123456789"), std::string::npos) << text;
  }
}

TEST(Phone, AnOverlongTextIsNoNumber) {
  EXPECT_FALSE(parse_phone(std::string(kMaximumPhoneBytes + 1, '4')));
}

}  // namespace
}  // namespace c360::parsers

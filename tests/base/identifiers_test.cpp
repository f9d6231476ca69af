#include "daemon/base/identifiers.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

namespace c360 {
namespace {

std::string code(const IdentifierCheck& check) {
  return check ? std::string(check->code) : "valid";
}

struct Case {
  const char* value;
  const char* expected;
};

TEST(Identifiers, AnInnIsCheckedByLengthAlphabetZerosAndCheckDigits) {
  for (const auto& [value, expected] : {
           Case{"7707083893", "valid"},
           Case{"7727563778", "valid"},
           Case{"7452027843", "valid"},
           Case{"771409116994", "valid"},
           Case{"500100732259", "valid"},
           Case{"7743013902", "inn_checksum"},
           Case{"781633333333", "inn_checksum"},
           Case{"771409116995", "inn_checksum"},
           Case{"771409116984", "inn_checksum"},
           Case{"0000000000", "inn_zeros"},
           Case{"000000000000", "inn_zeros"},
           Case{"", "inn_length"},
           Case{"770708389", "inn_length"},
           Case{"77070838931", "inn_length"},
           Case{"770708389A", "inn_format"},
           Case{" 707083893", "inn_format"},
           Case{"٧٧٧٧٧", "inn_format"},
       })
    EXPECT_EQ(code(check_inn(value)), expected) << value;
}

TEST(Identifiers, AKppMayHaveTwoLettersInTheMiddle) {
  for (const auto& [value, expected] : {
           Case{"770701001", "valid"},
           Case{"7707AZ001", "valid"},
           Case{"7707az001", "kpp_format"},
           Case{"770A01001", "kpp_format"},
           Case{"77070100X", "kpp_format"},
           Case{"000000000", "kpp_zeros"},
           Case{"77070100", "kpp_length"},
           Case{"", "kpp_length"},
       })
    EXPECT_EQ(code(check_kpp(value)), expected) << value;
}

TEST(Identifiers, AnOgrnHasThirteenOrFifteenDigitsAndACheckDigit) {
  for (const auto& [value, expected] : {
           Case{"1057749631994", "valid"},
           Case{"1027403766830", "valid"},
           Case{"1027700132195", "valid"},
           Case{"311774622301134", "valid"},
           Case{"1057749631995", "ogrn_checksum"},
           Case{"311774622301135", "ogrn_checksum"},
           Case{"0000000000000", "ogrn_zeros"},
           Case{"000000000000000", "ogrn_zeros"},
           Case{"10577496319940", "ogrn_length"},
           Case{"105774963199O", "ogrn_format"},
       })
    EXPECT_EQ(code(check_ogrn(value)), expected) << value;
}

TEST(Identifiers, AnOkpoHasEightOrTenDigitsAndACheckDigit) {
  for (const auto& [value, expected] : {
           Case{"93281776", "valid"},
           Case{"0117474665", "valid"},
           Case{"93281777", "okpo_checksum"},
           Case{"0117474666", "okpo_checksum"},
           Case{"00000000", "okpo_zeros"},
           Case{"932817760", "okpo_length"},
           Case{"9328177X", "okpo_format"},
       })
    EXPECT_EQ(code(check_okpo(value)), expected) << value;
}

TEST(Identifiers, AnOkpoWhoseFirstSumGivesTenIsCountedAgainFromThree) {
  // 1*1 + 2*0 + 3*3 = 10 -> 10; again 3*1 + 5*3 = 18 -> 7.
  EXPECT_EQ(code(check_okpo("10300007")), "valid");
  EXPECT_EQ(code(check_okpo("10300000")), "okpo_checksum");
}

TEST(Identifiers, AGlnEndsWithItsEan13Digit) {
  EXPECT_EQ(code(check_gln("4006381333931")), "valid");
  EXPECT_EQ(code(check_gln("4006381333932")), "gln_checksum");
  EXPECT_EQ(code(check_gln("0000000000000")), "gln_zeros");
  EXPECT_EQ(code(check_gln("400638133393")), "gln_length");
  EXPECT_EQ(code(check_gln("400638133393X")), "gln_format");
}

TEST(Identifiers, AccountsFitTheirBik) {
  EXPECT_EQ(code(check_bik("044525225")), "valid");
  EXPECT_EQ(code(check_bik("04452522")), "bik_length");
  EXPECT_EQ(code(check_bik("04452522A")), "bik_format");
  EXPECT_EQ(code(check_bik("000000000")), "bik_zeros");

  EXPECT_EQ(code(check_correspondent_account("30101810400000000225", "044525225")), "valid");
  EXPECT_EQ(code(check_correspondent_account("30101810500000000225", "044525225")),
            "correspondent_account_checksum");
  EXPECT_EQ(code(check_settlement_account("40702810938000000001", "044525225")), "valid");
  EXPECT_EQ(code(check_settlement_account("40702810838000000001", "044525225")),
            "settlement_account_checksum");
  EXPECT_EQ(code(check_settlement_account("40702810938000000001", "044525226")),
            "settlement_account_checksum");
  EXPECT_EQ(code(check_settlement_account("4070281093800000000", "044525225")),
            "settlement_account_length");
  EXPECT_EQ(code(check_settlement_account("4070281093800000000X", "044525225")),
            "settlement_account_format");
  EXPECT_EQ(code(check_settlement_account("00000000000000000000", "044525225")),
            "settlement_account_zeros");
  EXPECT_EQ(code(check_correspondent_account("301", "044525225")), "correspondent_account_length");
  EXPECT_EQ(code(check_correspondent_account("00000000000000000000", "044525225")),
            "correspondent_account_zeros");
}

TEST(Identifiers, AccountsOfTheTreasuryAndOfAWrongBikAreCheckedByLengthOnly) {
  EXPECT_EQ(code(check_settlement_account("03100643000000017300", "014525988")), "valid");
  EXPECT_EQ(code(check_correspondent_account("40102810545370000003", "024525988")), "valid");
  EXPECT_EQ(code(check_settlement_account("0310064300000001730", "014525988")),
            "settlement_account_length");
  EXPECT_EQ(code(check_settlement_account("40702810838000000001", "0445")), "valid");
}

TEST(Identifiers, InnOgrnAndKppMustBeOfOneKind) {
  EXPECT_TRUE(check_consistency("7707083893", "1027700132195", "770701001").empty());
  EXPECT_TRUE(check_consistency("771409116994", "311774622301134", "").empty());
  EXPECT_TRUE(check_consistency("", "", "770701001").empty());
  EXPECT_TRUE(check_consistency("7707083893", "", "").empty());

  const auto person = check_consistency("771409116994", "1027700132195", "770701001");
  ASSERT_EQ(person.size(), 2U);
  EXPECT_EQ(person[0].field, "ogrn");
  EXPECT_EQ(person[0].fault.code, "inn_ogrn_mismatch");
  EXPECT_EQ(person[1].field, "kpp");
  EXPECT_EQ(person[1].fault.code, "kpp_not_allowed");

  const auto organisation = check_consistency("7707083893", "311774622301134", "770701001");
  ASSERT_EQ(organisation.size(), 1U);
  EXPECT_EQ(organisation[0].fault.code, "inn_ogrn_mismatch");

  const auto by_ogrn = check_consistency("", "311774622301134", "770701001");
  ASSERT_EQ(by_ogrn.size(), 1U);
  EXPECT_EQ(by_ogrn[0].field, "kpp");
}

// -- What holds for any value, tried on some thousands of them.

std::string digits(std::mt19937& random, std::size_t count) {
  std::string text(count, '0');
  for (char& digit : text) digit = static_cast<char>('0' + random() % 10);
  return text;
}

// The digits that make the text valid when one is put at `place`.
std::string fitting(std::string text, std::size_t place,
                    const std::function<IdentifierCheck(std::string_view)>& check) {
  std::string fit;
  for (char digit = '0'; digit <= '9'; ++digit) {
    text[place] = digit;
    if (!check(text)) fit += digit;
  }
  return fit;
}

TEST(IdentifierProperties, ExactlyOneCheckDigitFits) {
  std::mt19937 random(1);
  for (int i = 0; i < 2'000; ++i) {
    const std::string region = "77" + digits(random, 6);
    EXPECT_EQ(fitting(region + "10", 9, check_inn).size(), 1U) << region;
    EXPECT_EQ(fitting("1" + digits(random, 11) + "0", 12, check_ogrn).size(), 1U);
    EXPECT_EQ(fitting("3" + digits(random, 13) + "0", 14, check_ogrn).size(), 1U);
    EXPECT_EQ(fitting(digits(random, 12) + "0", 12, check_gln).size(), 1U);
    const auto account = [](std::string_view text) {
      return check_settlement_account(text, "044525225");
    };
    EXPECT_EQ(fitting("40702810" + digits(random, 12), 8, account).size(), 1U);
  }
}

TEST(IdentifierProperties, ThePersonsInnHasTwoCheckDigitsOneAfterTheOther) {
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    const std::string begin = "50" + digits(random, 7) + "1";
    int valid = 0;
    for (char eleventh = '0'; eleventh <= '9'; ++eleventh)
      valid += static_cast<int>(fitting(begin + eleventh + "0", 11, check_inn).size());
    EXPECT_EQ(valid, 1) << begin;
  }
}

TEST(IdentifierProperties, AGlnWithOneWrongDigitIsNeverTaken) {
  std::mt19937 random(3);
  for (int i = 0; i < 500; ++i) {
    std::string gln = digits(random, 12) + "0";
    gln[12] = fitting(gln, 12, check_gln).front();
    for (std::size_t place = 0; place < gln.size(); ++place)
      EXPECT_EQ(fitting(gln, place, check_gln), std::string(1, gln[place])) << gln << " " << place;
  }
}

TEST(IdentifierProperties, AnyBytesAreAnsweredWithAFault) {
  std::mt19937 random(4);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 24, '\0');
    for (char& byte : text) byte = static_cast<char>(random() % 256);
    text += 'x';  // no identifier has it
    for (const auto& check : {check_inn, check_ogrn, check_okpo, check_gln, check_bik, check_kpp})
      EXPECT_NE(code(check(text)), "valid");
  }
}

}  // namespace
}  // namespace c360

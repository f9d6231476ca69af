#include "daemon/base/company_name.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/text.h"
#include "daemon/base/unicode_forms.h"

namespace c360 {
namespace {

struct Case {
  const char* name;
  const char* key;
  const char* form;
};

TEST(CompanyName, TheKeyIsTheNameWithoutQuotesCaseAndLegalForm) {
  for (const auto& [name, key, form] : {
           Case{"ООО «Ромашка»", "РОМАШКА", "ООО"},
           Case{"Общество с ограниченной ответственностью \"Ромашка\"", "РОМАШКА", "ООО"},
           Case{"ромашка, ООО", "РОМАШКА", "ООО"},
           Case{"OOO Ромашка", "РОМАШКА", "ООО"},
           Case{"АО \"Натур Ингредиентс Северо-Запад\"", "НАТУР ИНГРЕДИЕНТС СЕВЕРО ЗАПАД", "АО"},
           Case{"ИП Иванов Пётр", "ИВАНОВ ПЕТР", "ИП"},
           Case{"Индивидуальный предприниматель Иванов Петр", "ИВАНОВ ПЕТР", "ИП"},
           Case{"LLC \"Звёзды\"", "ЗВЕЗДЫ", "LLC"},
           Case{"Acme Corp.", "ACME", "CORP"},
           Case{"Благотворительный фонд \"Накормим весь мир\"",
                "БЛАГОТВОРИТЕЛЬНЫЙ ФОНД НАКОРМИМ ВЕСЬ МИР", ""},
           Case{"АО", "", "АО"},
       })
    EXPECT_EQ(company_name(name), (CompanyName{key, form})) << name;
}

TEST(CompanyName, LegalFormsOfEveryKindAreSetApart) {
  for (const auto& [name, key, form] : {
           Case{"О.О.О. «Ромашка»", "РОМАШКА", "ООО"},
           Case{"ooo ромашка", "РОМАШКА", "ООО"},
           Case{"AO Ромашка", "РОМАШКА", "АО"},
           Case{"3AO Ромашка", "РОМАШКА", "ЗАО"},
           Case{"PAO Ромашка", "РОМАШКА", "ПАО"},
           Case{"Публичное акционерное общество «Ромашка»", "РОМАШКА", "ПАО"},
           Case{"Ромашка (закрытое акционерное общество)", "РОМАШКА", "ЗАО"},
           Case{"Acme Logistics GmbH", "ACME LOGISTICS", "GMBH"},
           Case{"Acme GmbH & Co. KG", "ACME", "GMBH & CO KG"},
           Case{"Acme Limited", "ACME", "LTD"},
           Case{"Acme Co., Ltd.", "ACME", "LTD"},
           Case{"Acme Sp. z o.o.", "ACME", "SP Z O O"},
           Case{"Acme s.r.o.", "ACME", "SRO"},
       })
    EXPECT_EQ(company_name(name), (CompanyName{key, form})) << name;
}

TEST(CompanyName, AFormInsideANameBelongsToTheName) {
  for (const auto& [name, key, form] : {
           Case{"Завод ООО Свет", "ЗАВОД ООО СВЕТ", ""},
           Case{"ООО «Ромашка Лтд АО»", "РОМАШКА ЛТД АО", "ООО"},  // one form only
           Case{"AS Consulting", "AS CONSULTING", ""},
           Case{"AS", "AS", ""},
           Case{"ООО «Гранит & Ко»", "ГРАНИТ & КО", "ООО"},
           Case{"Аорта", "АОРТА", ""},
       })
    EXPECT_EQ(company_name(name), (CompanyName{key, form})) << name;
}

TEST(CompanyName, CompatibilityFormsAndInvisibleCharactersMakeNoDifference) {
  for (const auto& [name, key, form] : {
           Case{"ООО\u00A0«Ромашка»", "РОМАШКА", "ООО"},
           Case{"\uFEFFООО\u200B «Ромаш\u00ADка»\u200B", "РОМАШКА", "ООО"},
           Case{"ＡＣＭＥ　Ｌｔｄ．", "ACME", "LTD"},
           Case{"ИП Иванов Пе\u0308тр", "ИВАНОВ ПЕТР", "ИП"},
           Case{"Чаи\u0306ка", "ЧАЙКА", ""},
           Case{"O\uFB03ce \u2163", "OFFICE IV", ""},
           Case{"Завод №\u00A05", "ЗАВОД NO 5", ""},
           Case{"\u2116 1", "NO 1", ""},
       })
    EXPECT_EQ(company_name(name), (CompanyName{key, form})) << name;
}

TEST(CompanyName, NothingToCompareGivesAnEmptyKey) {
  EXPECT_EQ(company_name("").key, "");
  EXPECT_EQ(company_name(" «» - ,.").key, "");
}

TEST(CompanyName, ANameOverTheLimitIsCutAtACharacter) {
  std::string name;
  for (std::size_t i = 0; i < kMaxCompanyNameBytes; ++i) name += "я";

  const CompanyName cut = company_name(name);

  EXPECT_LE(cut.key.size(), kMaxCompanyNameBytes);
  EXPECT_TRUE(is_valid_utf8(cut.key));
}

// -- Whatever the name ----------------------------------------------------------------------------

std::string any_name(std::mt19937& random) {
  static const std::vector<std::string> kWords = {
      "Ромашка", "Звёзды", "Acme",        "Натур", "5",      "Север", "Ёлка",
      "Groß",    "de",     "Ингредиентс", "О",     "стекло", "Plus24"};
  std::string name;
  for (std::size_t i = 1 + random() % 3; i > 0; --i) {
    name += (name.empty() ? "" : " ") + kWords[random() % kWords.size()];
  }
  return name;
}

TEST(CompanyNameProperties, TheKeyOfAKeyIsItself) {
  std::mt19937 random(1);
  for (int i = 0; i < 5'000; ++i) {
    const std::string key = company_name(any_name(random)).key;
    EXPECT_EQ(company_name(key).key, key);
  }
}

TEST(CompanyNameProperties, FormQuotesCaseAndPunctuationMakeNoDifference) {
  static const std::vector<std::pair<std::string, std::string>> kQuotes = {
      {"", ""}, {"«", "»"}, {"\"", "\""}, {"“", "”"}, {"(", ")"}, {"„", "“"}};
  static const std::vector<std::pair<std::string, std::string>> kForms = {
      {"ООО", "ООО"},
      {"OOO", "ООО"},
      {"Общество с ограниченной ответственностью", "ООО"},
      {"ПАО", "ПАО"},
      {"ооо", "ООО"}};
  static const std::vector<std::string> kBetween = {" ", "  ", ", ", " - ", "\t"};
  std::mt19937 random(2);
  for (int i = 0; i < 5'000; ++i) {
    const std::string name = any_name(random);
    const auto& [left, right] = kQuotes[random() % kQuotes.size()];
    const auto& [form, short_form] = kForms[random() % kForms.size()];
    const std::string& between = kBetween[random() % kBetween.size()];
    const std::string cased = random() % 2 == 0 ? to_lower(name) : name;
    const std::string written = random() % 2 == 0 ? form + between + left + cased + right
                                                  : left + cased + right + between + form;
    EXPECT_EQ(company_name(written), (CompanyName{company_name(name).key, short_form})) << written;
  }
}

TEST(CompanyNameProperties, AKeyHasSingleBlanksAndNoQuotesWhateverTheName) {
  static const std::vector<std::string> kPieces = {
      "«",  "»",   "\"", "(",   ")",      "[",      ".", ",", ";", ":", "/",
      "\\", "_",   "-",  "—",   " ",      "\t",     "ё", "Ё", "ж", "a", "Z",
      "7",  "ООО", "АО", "Ltd", "\u00a0", "\u200b", "№", "'", "ﬁ", "漢"};
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string name;
    for (std::size_t length = random() % 12; length > 0; --length) {
      name += kPieces[random() % kPieces.size()];
    }
    const std::string key = company_name(name).key;
    EXPECT_TRUE(is_valid_utf8(key)) << name;
    EXPECT_FALSE(key.starts_with(' ') || key.ends_with(' ') || key.contains("  ")) << name;
    for (const std::string piece : {"«", "»", "\"", "(", "[", ".", ",", "Ё", "ё", "ж", "a"}) {
      EXPECT_FALSE(key.contains(piece)) << name << " gives " << key;
    }
  }
}

TEST(UnicodeForms, LettersWithMarksAreComposed) {
  EXPECT_EQ(compose("и\u0306 е\u0308 E\u0301 u\u0308"), "й ё É ü");
  EXPECT_EQ(compose("ж\u0301"), "ж\u0301");  // no such letter: left as it is
  EXPECT_EQ(compose("\u0301a"), "\u0301a");
}

}  // namespace
}  // namespace c360

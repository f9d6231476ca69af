#include "daemon/base/company_name.h"

#include <gtest/gtest.h>

#include <string>

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

TEST(UnicodeForms, LettersWithMarksAreComposed) {
  EXPECT_EQ(compose("и\u0306 е\u0308 E\u0301 u\u0308"), "й ё É ü");
  EXPECT_EQ(compose("ж\u0301"), "ж\u0301");  // no such letter: left as it is
  EXPECT_EQ(compose("\u0301a"), "\u0301a");
}

}  // namespace
}  // namespace c360

#include "daemon/base/company_name.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "daemon/base/text.h"
#include "daemon/base/unicode_forms.h"

namespace c360 {

namespace {

using Words = std::vector<std::string_view>;

enum class Place : std::uint8_t { both, end_only };

struct LegalForm {
  std::string_view words;  // as they stand in a prepared name
  std::string_view form;
  Place place = Place::both;
};

// Longer rows first where one is the start of another: the first that fits is taken. Two-letter
// Latin forms count at the end only ("AS Consulting" is a name).
constexpr std::array kLegalForms = std::to_array<LegalForm>({
    {"ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ", "ООО"},
    {"ОБЩЕСТВО С ДОПОЛНИТЕЛЬНОЙ ОТВЕТСТВЕННОСТЬЮ", "ОДО"},
    {"ТОВАРИЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ", "ТОО"},
    {"НЕПУБЛИЧНОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО", "НАО"},
    {"ПУБЛИЧНОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО", "ПАО"},
    {"ОТКРЫТОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО", "ОАО"},
    {"ЗАКРЫТОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО", "ЗАО"},
    {"АКЦИОНЕРНОЕ ОБЩЕСТВО", "АО"},
    {"ИНДИВИДУАЛЬНЫЙ ПРЕДПРИНИМАТЕЛЬ", "ИП"},
    {"ФЕДЕРАЛЬНОЕ ГОСУДАРСТВЕННОЕ УНИТАРНОЕ ПРЕДПРИЯТИЕ", "ФГУП"},
    {"ФЕДЕРАЛЬНОЕ ГОСУДАРСТВЕННОЕ БЮДЖЕТНОЕ УЧРЕЖДЕНИЕ", "ФГБУ"},
    {"ФЕДЕРАЛЬНОЕ ГОСУДАРСТВЕННОЕ АВТОНОМНОЕ УЧРЕЖДЕНИЕ", "ФГАУ"},
    {"ФЕДЕРАЛЬНОЕ ГОСУДАРСТВЕННОЕ КАЗЕННОЕ УЧРЕЖДЕНИЕ", "ФГКУ"},
    {"ГОСУДАРСТВЕННОЕ УНИТАРНОЕ ПРЕДПРИЯТИЕ", "ГУП"},
    {"МУНИЦИПАЛЬНОЕ УНИТАРНОЕ ПРЕДПРИЯТИЕ", "МУП"},
    {"ГОСУДАРСТВЕННОЕ БЮДЖЕТНОЕ УЧРЕЖДЕНИЕ", "ГБУ"},
    {"ГОСУДАРСТВЕННОЕ АВТОНОМНОЕ УЧРЕЖДЕНИЕ", "ГАУ"},
    {"ГОСУДАРСТВЕННОЕ КАЗЕННОЕ УЧРЕЖДЕНИЕ", "ГКУ"},
    {"МУНИЦИПАЛЬНОЕ БЮДЖЕТНОЕ УЧРЕЖДЕНИЕ", "МБУ"},
    {"МУНИЦИПАЛЬНОЕ АВТОНОМНОЕ УЧРЕЖДЕНИЕ", "МАУ"},
    {"МУНИЦИПАЛЬНОЕ КАЗЕННОЕ УЧРЕЖДЕНИЕ", "МКУ"},
    {"АВТОНОМНАЯ НЕКОММЕРЧЕСКАЯ ОРГАНИЗАЦИЯ", "АНО"},
    {"НЕКОММЕРЧЕСКАЯ ОРГАНИЗАЦИЯ", "НКО"},
    {"НЕКОММЕРЧЕСКОЕ ПАРТНЕРСТВО", "НП"},
    {"УНИТАРНОЕ ПРЕДПРИЯТИЕ", "УП"},
    {"КРЕСТЬЯНСКОЕ ФЕРМЕРСКОЕ ХОЗЯЙСТВО", "КФХ"},
    {"СЕЛЬСКОХОЗЯЙСТВЕННЫЙ ПРОИЗВОДСТВЕННЫЙ КООПЕРАТИВ", "СПК"},
    {"ТОВАРИЩЕСТВО СОБСТВЕННИКОВ ЖИЛЬЯ", "ТСЖ"},
    {"ГЛАВА КФХ", "КФХ"},
    {"О О О", "ООО"},
    {"O O O", "ООО"},  // Latin
    {"ООО", "ООО"},
    {"ОДО", "ОДО"},
    {"ТОО", "ТОО"},
    {"НАО", "НАО"},
    {"ПАО", "ПАО"},
    {"ОАО", "ОАО"},
    {"ЗАО", "ЗАО"},
    {"АО", "АО"},
    {"ИП", "ИП"},
    {"ФГУП", "ФГУП"},
    {"ФГБУ", "ФГБУ"},
    {"ФГАУ", "ФГАУ"},
    {"ФГКУ", "ФГКУ"},
    {"ГУП", "ГУП"},
    {"МУП", "МУП"},
    {"ГБУ", "ГБУ"},
    {"ГАУ", "ГАУ"},
    {"ГКУ", "ГКУ"},
    {"МБУ", "МБУ"},
    {"МАУ", "МАУ"},
    {"МКУ", "МКУ"},
    {"АНО", "АНО"},
    {"НКО", "НКО"},
    {"НП", "НП"},
    {"ЧУП", "ЧУП"},
    {"УП", "УП"},
    {"КФХ", "КФХ"},
    {"СПК", "СПК"},
    {"ТСЖ", "ТСЖ"},
    {"LIMITED LIABILITY COMPANY", "LLC"},
    {"PUBLIC JOINT STOCK COMPANY", "PJSC"},
    {"JOINT STOCK COMPANY", "JSC"},
    {"GMBH & CO KG", "GMBH & CO KG"},
    {"G M B H", "GMBH"},
    {"SP Z O O", "SP Z O O"},
    {"L L C", "LLC"},
    {"S R O", "SRO", Place::end_only},
    {"S R L", "SRL", Place::end_only},
    {"S P A", "SPA", Place::end_only},
    {"S A", "SA", Place::end_only},
    {"B V", "BV", Place::end_only},
    {"N V", "NV", Place::end_only},
    {"CO LTD", "LTD", Place::end_only},
    {"LLC", "LLC"},
    {"LLP", "LLP"},
    {"LTD", "LTD"},
    {"LIMITED", "LTD", Place::end_only},
    {"INC", "INC"},
    {"INCORPORATED", "INC", Place::end_only},
    {"CORP", "CORP"},
    {"CORPORATION", "CORP", Place::end_only},
    {"PLC", "PLC"},
    {"PJSC", "PJSC"},
    {"OJSC", "OJSC"},
    {"CJSC", "CJSC"},
    {"JSC", "JSC"},
    {"GMBH", "GMBH"},
    {"SARL", "SARL"},
    {"SRL", "SRL", Place::end_only},
    {"SRO", "SRO", Place::end_only},
    {"AG", "AG", Place::end_only},
    {"KG", "KG", Place::end_only},
    {"SA", "SA", Place::end_only},
    {"AB", "AB", Place::end_only},
    {"AS", "AS", Place::end_only},
    {"OY", "OY", Place::end_only},
    {"BV", "BV", Place::end_only},
    {"NV", "NV", Place::end_only},
});

// Marks that separate words or wrap them; '&' and '+' belong to names.
bool separates(char32_t c) {
  constexpr std::u32string_view kMarks = U"\"'`()[]{}<>.,;:/\\_-\t\n\r «»‘’‚‛“”„‟‹›´";
  return kMarks.contains(c) || (c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFE58 ||
         c == 0xFE63;
}

// Upper case words and single spaces.
std::string prepared(std::string_view name) {
  const std::string upper = to_upper(compatibility_form(utf8_prefix(name, kMaxCompanyNameBytes)));
  std::string result;
  bool gap = false;
  for (std::size_t at = 0; at < upper.size();) {
    char32_t c = next_code_point(upper, at);
    if (separates(c)) {
      gap = true;
      continue;
    }
    if (gap && !result.empty()) result.push_back(' ');
    gap = false;
    if (c == U'Ё') c = U'Е';
    append_utf8(result, c);
  }
  return result;
}

// Latin letters (and a three) that look like Cyrillic ones, as they slip in on a keyboard.
std::string as_cyrillic(std::string_view word) {
  constexpr std::u32string_view kLatin = U"ABCEHKMOPTXY3";
  constexpr std::u32string_view kCyrillic = U"АВСЕНКМОРТХУЗ";
  std::string result;
  for (std::size_t at = 0; at < word.size();) {
    const char32_t c = next_code_point(word, at);
    const auto index = kLatin.find(c);
    append_utf8(result, index == std::u32string_view::npos ? c : kCyrillic[index]);
  }
  return result;
}

// The form a word of another alphabet stands for: "OOO" looks like «ООО», "PAO" sounds like «ПАО».
std::string cyrillic_form(std::string_view word) {
  if (word == "PAO") return "ПАО";
  if (word == "ZAO") return "ЗАО";
  if (word.size() > 8) return std::string(word);
  std::string look = as_cyrillic(word);
  constexpr std::array<std::string_view, 5> kForms = {"ООО", "ОАО", "ЗАО", "АО", "ТОО"};
  return std::ranges::find(kForms, look) != kForms.end() ? look : std::string(word);
}

bool same_words(std::span<const std::string> words, const Words& form) {
  return std::ranges::equal(words, form);
}

struct Forms {
  std::vector<std::pair<Words, const LegalForm*>> rows;
  Forms() {
    for (const LegalForm& row : kLegalForms) rows.emplace_back(split(row.words, ' '), &row);
  }
};

const Forms& forms() {
  static const Forms kForms;
  return kForms;
}

std::string joined(const Words& words, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) {
    if (i > begin) text.push_back(' ');
    text += words[i];
  }
  return text;
}

}  // namespace

CompanyName company_name(std::string_view name) {
  const std::string text = prepared(name);
  if (text.empty()) return {};
  const Words words = split(text, ' ');
  std::vector<std::string> folded;
  folded.reserve(words.size());
  for (const std::string_view word : words) folded.push_back(cyrillic_form(word));

  const std::span<const std::string> all(folded);
  for (const auto& [form, row] : forms().rows) {
    if (row->place == Place::end_only) continue;
    if (form.size() <= all.size() && same_words(all.first(form.size()), form))
      return {joined(words, form.size(), words.size()), std::string(row->form)};
  }
  for (const auto& [form, row] : forms().rows) {
    if (row->place == Place::end_only && form.size() == all.size()) continue;
    if (form.size() <= all.size() && same_words(all.last(form.size()), form))
      return {joined(words, 0, words.size() - form.size()), std::string(row->form)};
  }
  return {joined(words, 0, words.size()), {}};
}

}  // namespace c360

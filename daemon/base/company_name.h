// The key by which companies are compared (domain.md 20.7): «ООО "Ромашка"», «Общество с
// ограниченной ответственностью Ромашка» and «ромашка, ооо» are one company.
#pragma once

#include <string>
#include <string_view>

namespace c360 {

struct CompanyName {
  // Upper case words with single spaces, Ё = Е, no quotes, no legal form. Empty where the name is
  // nothing but a legal form; an empty key never matches anything.
  std::string key;
  // The short form as it is usually written: "ООО", "АО", "ИП", "LLC" …; empty where none is named.
  std::string legal_form;
  bool operator==(const CompanyName&) const = default;
};

// Longer names are cut to it (at a character) before they are read.
inline constexpr std::size_t kMaxCompanyNameBytes = 4096;

// `name` is valid UTF-8 as a person wrote it. A legal form counts at the start or, where there is
// none, at the end; inside a name it is part of the name. What NFKC covers: unicode_forms.h.
CompanyName company_name(std::string_view name);

}  // namespace c360

// The spellings of charset names in mails, and what iconv calls the same.
#pragma once

#include <string>
#include <string_view>

namespace c360::parsers {

// The name iconv knows for a label: "cp-1251" and "x-cp1251" are "windows-1251", "ks_c_5601-1987"
// is "cp949". Lower case; empty for labels that mean "not known"; labels nobody has heard of come
// back as they are.
std::string canonical_charset(std::string_view label);

}  // namespace c360::parsers

#include "parsers/phone.h"

#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <array>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr std::size_t kLongestExtension = 11;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The marks of an extension, lower case; each is followed by its digits at the end of the text.
constexpr auto kExtensionMarks = std::to_array<std::string_view>(
    {"добавочный", "доб.", "доб", "extension", "ext.", "ext", "внутр.", "внутр", "вн.", "вн", "#"});

// Cuts "доб. 12" off the end of `text`; the digits. libphonenumber knows most of these marks, but
// not "вн".
std::string take_extension(std::string& text) {
  std::size_t digits = text.size();
  while (digits > 0 && is_digit(text[digits - 1])) --digits;
  if (digits == text.size() || text.size() - digits > kLongestExtension) return {};
  std::string_view before = std::string_view(text).substr(0, digits);
  while (!before.empty() && (before.back() == ' ' || before.back() == ':' || before.back() == '.' ||
                             before.back() == '\t')) {
    before.remove_suffix(1);
  }
  // The dot of "доб." was taken with the blanks: compare with and without.
  for (const std::string_view mark : kExtensionMarks) {
    if (!before.ends_with(mark)) continue;
    std::string extension = text.substr(digits);
    text.resize(before.size() - mark.size());
    while (!text.empty() &&
           (text.back() == ' ' || text.back() == ',' || text.back() == '(' || text.back() == ';')) {
      text.pop_back();
    }
    return extension;
  }
  return {};
}

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), is_digit);
  return digits;
}

// What is written in Russia and means the same: "+8 495 …", "00…", "7 495 …" and "8 495 …"
// without a plus (domain.md 20.6).
std::string international(std::string_view text, std::string_view region) {
  const std::string digits = digits_of(text);
  const bool plus = text.find('+') != std::string_view::npos;
  if (plus && digits.size() == 11 && digits.front() == '8') return "+7" + digits.substr(1);
  if (plus) return std::string(text);
  if (digits.starts_with("00") && digits.size() > 9) return "+" + digits.substr(2);
  if (region == "RU" && digits.size() == 11 && (digits.front() == '7' || digits.front() == '8')) {
    return "+7" + digits.substr(1);
  }
  if (region == "RU" && digits.size() == 10) return "+7" + digits;
  return std::string(text);
}

// Nearly every phone a form brings: "+7" or what stands for it, then ten digits of a geographic,
// mobile or toll-free range, written with blanks, dashes and brackets. Their E.164 form is the
// digits (domain.md 20.6), and the library's dozen regular expressions, a tenth of reading a small
// mail, say the same.
bool is_plain_russian(std::string_view international) {
  constexpr std::string_view kSeparators = " -()";
  constexpr std::string_view kRanges = "3489";
  const std::string digits = digits_of(international);
  return digits.size() == 11 && digits.front() == '7' && kRanges.contains(digits[1]) &&
         international.starts_with("+7") &&
         std::ranges::all_of(international.substr(1), [kSeparators](char c) {
           return is_digit(c) || kSeparators.contains(c);
         });
}

}  // namespace

std::optional<Phone> parse_phone(std::string_view text, std::string_view region) {
  if (text.size() > kMaximumPhoneBytes) return std::nullopt;
  std::string number = to_lower(trimmed(text));
  if (digits_of(number).size() < 5) return std::nullopt;
  std::string extension = take_extension(number);
  const std::string whole = international(number, region);
  if (is_plain_russian(whole)) return Phone{"+" + digits_of(whole), std::move(extension)};
  const PhoneNumberUtil& util = *PhoneNumberUtil::GetInstance();
  PhoneNumber parsed;
  if (util.Parse(whole, std::string(region), &parsed) != PhoneNumberUtil::NO_PARSING_ERROR) {
    return std::nullopt;
  }
  // "Possible" and not "valid": numbering plans change faster than the library.
  if (util.IsPossibleNumberWithReason(parsed) != PhoneNumberUtil::IS_POSSIBLE) return std::nullopt;
  Phone phone;
  if (extension.empty()) extension = parsed.extension();
  util.Format(parsed, PhoneNumberUtil::E164, &phone.e164);
  phone.extension = extension.substr(0, kLongestExtension);
  return phone;
}

}  // namespace c360::parsers

#include "daemon/base/mail_status.h"

#include <algorithm>
#include <array>

#include "daemon/base/text.h"

namespace c360 {

namespace {

constexpr std::array<std::string_view, 5> kNoSuchAddress = {"5.1.1", "5.1.2", "5.1.3", "5.1.6",
                                                            "5.1.10"};

}  // namespace

std::string mail_status(std::string_view text) {
  const std::string_view first = text.substr(0, text.find(' '));
  const auto parts = split(first, '.');
  if (parts.size() != 3) return {};
  for (const std::string_view part : parts) {
    const bool number = !part.empty() && part.size() <= 3 &&
                        std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    if (!number) return {};
  }
  return std::string(first);
}

bool denies_address(std::string_view status) {
  return std::ranges::find(kNoSuchAddress, status) != kNoSuchAddress.end();
}

}  // namespace c360

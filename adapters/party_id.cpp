#include "adapters/party_id.h"

#include <spdlog/fmt/fmt.h>

#include "daemon/base/identifiers.h"
#include "daemon/base/text.h"

namespace c360::adapters {

CallResult<PartyId> parse_party_id(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string digits(text);
  std::erase_if(digits, [](char c) { return c == ' ' || c == '-'; });
  const bool is_ogrn = digits.size() == 13 || digits.size() == 15;
  const auto fault = is_ogrn ? check_ogrn(digits) : check_inn(digits);
  if (fault)
    return no_answer(Outcome::permanent, "bad_id",
                     fmt::format("\"{}\": {}", utf8_prefix(text, kShown), fault->detail));
  return PartyId{is_ogrn ? PartyId::Kind::ogrn : PartyId::Kind::inn, std::move(digits)};
}

}  // namespace c360::adapters

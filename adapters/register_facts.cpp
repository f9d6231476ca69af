#include "adapters/register_facts.h"

#include <spdlog/fmt/fmt.h>

namespace c360::adapters {

namespace {

std::string iso_date(std::chrono::year_month_day date) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace

store::RegisterFacts register_facts(const Requisites& requisites, std::string source,
                                    Instant obtained_at) {
  store::RegisterFacts facts{.source = std::move(source),
                             .obtained_at = obtained_at,
                             .values = {},
                             .legal_form = requisites.legal_form.value_or(""),
                             .warnings = requisites.warnings};
  const auto add = [&](std::string_view field, const std::optional<std::string>& value) {
    if (value && !value->empty()) facts.values.emplace_back(field, *value);
  };
  const auto add_date = [&](std::string_view field, const auto& date) {
    if (date) facts.values.emplace_back(field, iso_date(*date));
  };
  add("inn", requisites.inn);
  add("kind", std::string(to_string(requisites.kind())));
  add("full_name", requisites.full_name);
  add("short_name", requisites.short_name);
  add("name", requisites.short_name ? requisites.short_name : requisites.full_name);
  add("kpp", requisites.kpp);
  add("ogrn", requisites.ogrn);
  add_date("ogrn_on", requisites.ogrn_on);
  add("okpo", requisites.okpo);
  add("okved", requisites.okved);
  add_date("registered_on", requisites.registered_on);
  add_date("liquidated_on", requisites.liquidated_on);
  add("juridical_address", requisites.juridical_address);
  add("post_address", requisites.juridical_address);
  add("ceo_name", requisites.ceo_name);
  add("ceo_position", requisites.ceo_position);
  add_date("ceo_since", requisites.ceo_since);
  if (!requisites.phones.empty()) add("phone", requisites.phones.front());
  if (!requisites.emails.empty()) add("email", requisites.emails.front());
  add("unreliable", requisites.unreliable ? "true" : "false");
  if (requisites.status == RegistryStatus::unknown) {
    facts.warnings.emplace_back("registry_status: a word this program does not know");
  } else {
    add("registry_status", std::string(to_string(requisites.status)));
  }
  return facts;
}

}  // namespace c360::adapters

#include "adapters/dadata_answers.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "adapters/answer_fields.h"
#include "adapters/answer_shape.h"
#include "daemon/base/foreign_json.h"
#include "daemon/base/identifiers.h"
#include "daemon/base/text.h"

namespace c360::adapters::dadata {

namespace {

constexpr std::size_t kMaxContacts = 100;  // of one company
constexpr std::size_t kMaxEmail = 254;     // RFC 5321, 4.5.3.1.3

std::unexpected<NoAnswer> unusable(std::string detail) {
  return no_answer(Outcome::retryable, "malformed", std::move(detail), 200);
}
std::unexpected<NoAnswer> unknown(std::string detail) {
  return no_answer(Outcome::not_found, "", std::move(detail), 200);
}

RegistryStatus status_of(const AnswerFields& data) {
  constexpr std::array<std::string_view, 5> kWords{"ACTIVE", "LIQUIDATING", "LIQUIDATED",
                                                   "BANKRUPT", "REORGANIZING"};
  const auto word = data.text("state.status");
  if (!word) return RegistryStatus::unknown;
  const auto found = std::ranges::find(kWords, *word);
  if (found != kWords.end()) return static_cast<RegistryStatus>(found - kWords.begin());
  data.warn("state.status", fmt::format("is {}, which is not known here",
                                        utf8_prefix(*word, NoAnswer::kMaxDetail / 10)));
  return RegistryStatus::unknown;
}

// The value where it is one; a wrong one is dropped with a warning.
std::optional<std::string> checked(const AnswerFields& data, std::string_view path,
                                   IdentifierCheck (*check)(std::string_view)) {
  auto value = data.text(path);
  if (!value) return std::nullopt;
  if (const auto fault = check(*value)) {
    data.warn(path, fmt::format("is wrong: {}", fault->detail));
    return std::nullopt;
  }
  return value;
}

// Foreign representations have an accreditation number of 11 digits in its place.
std::optional<std::string> ogrn_of(const AnswerFields& data) {
  const auto value = data.text("ogrn");
  if (value && value->size() == 11) return std::nullopt;
  return checked(data, "ogrn", check_ogrn);
}

std::optional<std::string> person_name(const AnswerFields& fio) {
  std::vector<std::string> parts;
  for (const std::string_view name : {"surname", "name", "patronymic"})
    if (auto part = fio.text(name)) parts.push_back(std::move(*part));
  if (parts.empty()) return std::nullopt;
  return join(parts, " ");
}

bool is_declared_unreliable(const AnswerFields& data) {
  bool found = data.flag("invalid") || data.at("invalidity") != nullptr ||
               data.at("address.invalidity") != nullptr;
  for (const std::string_view list : {"managers", "founders"})
    data.each(list, [&](const AnswerFields& one) { found |= one.at("invalidity") != nullptr; });
  return found;
}

// Exactly one local@domain, in lower case; empty for anything else.
std::string email_address(std::string_view text) {
  const std::string address = to_lower(trimmed(text));
  const std::size_t at = address.find('@');
  const bool is_one = at != std::string::npos && at > 0 && at + 1 < address.size() &&
                      address.find('@', at + 1) == std::string::npos &&
                      address.size() <= kMaxEmail &&
                      address.find_first_of("<>()[]\\\"", 0) == std::string::npos;
  return is_one ? address : std::string();
}

void add_once(std::vector<std::string>& list, std::string value) {
  if (value.empty() || list.size() >= kMaxContacts) return;
  if (std::ranges::find(list, value) == list.end()) list.push_back(std::move(value));
}

std::vector<std::string> emails_of(const AnswerFields& data) {
  std::vector<std::string> emails;
  data.each("emails", [&](const AnswerFields& one) {
    // The source may hold several, separated anyhow.
    auto written = one.text("data.source");
    if (!written) written = one.text("value");
    if (!written) return;
    std::string list = std::move(*written);
    std::ranges::replace_if(list, [](char c) { return c == ',' || c == ';'; }, ' ');
    for (const std::string_view part : split(list, ' ')) add_once(emails, email_address(part));
  });
  return emails;
}

void read_names(const AnswerFields& suggestion, const AnswerFields& data, Requisites& into) {
  into.full_name = data.text("name.full_with_opf");
  if (!into.full_name) into.full_name = suggestion.text("value");
  into.short_name = data.text("name.short_with_opf");
  if (!into.short_name) into.short_name = suggestion.text("value");
  if (!into.short_name) into.short_name = into.full_name;
}

void read_head(const AnswerFields& data, Requisites& into) {
  if (into.type == PartyType::individual) {
    into.ceo_name = person_name(data.below("fio"));
    return;
  }
  into.ceo_name = data.text("management.name");
  into.ceo_position = data.text("management.post");
  into.ceo_since = data.date_of_ms("management.start_date");
}

// Empty where the suggestion has no valid INN: then it is about nobody.
std::optional<Requisites> requisites_of(const AnswerFields& suggestion,
                                        std::vector<std::string>& warnings) {
  const AnswerFields data = suggestion.below("data");
  const auto inn = checked(data, "inn", check_inn);
  if (!inn) return std::nullopt;
  Requisites read{.inn = *inn};
  const auto type = data.text("type");
  read.type = type ? (*type == "INDIVIDUAL" ? PartyType::individual : PartyType::legal)
                   : (inn->size() == 12 ? PartyType::individual : PartyType::legal);
  read.kpp = checked(data, "kpp", check_kpp);
  read.ogrn = ogrn_of(data);
  read.ogrn_on = data.date_of_ms("ogrn_date");
  read_names(suggestion, data, read);
  read.okpo = checked(data, "okpo", check_okpo);
  read.okved = data.text("okved");
  read.legal_form = data.text("opf.short");
  if (const auto branch = data.text("branch_type"))
    read.branch_type = *branch == "BRANCH" ? BranchType::branch : BranchType::main;
  read.status = status_of(data);
  read.registered_on = data.date_of_ms("state.registration_date");
  read.liquidated_on = data.date_of_ms("state.liquidation_date");
  read.juridical_address = data.text("address.unrestricted_value");
  if (!read.juridical_address) read.juridical_address = data.text("address.value");
  read_head(data, read);
  read.unreliable = is_declared_unreliable(data);
  data.each("phones", [&](const AnswerFields& one) {
    add_once(read.phones, one.text("value").value_or(""));
  });
  read.emails = emails_of(data);
  read.warnings = warnings;
  return read;
}

// Those with a valid INN.
std::vector<Party> parties_of(const Json& suggestions) {
  std::vector<Party> parties;
  for (const Json& suggestion : suggestions.as_array()) {
    std::vector<std::string> warnings;
    auto read = requisites_of(AnswerFields{suggestion, warnings}, warnings);
    if (read) parties.push_back({std::move(*read), suggestion.dump()});
  }
  return parties;
}

CallResult<const Json*> suggestions_of(const Json& answer) {
  const Json* suggestions = answer.find("suggestions");
  if (suggestions == nullptr || !suggestions->is_array())
    return unusable("the answer has no array `suggestions`");
  if (suggestions->as_array().empty()) return unknown("DaData knows nothing of that");
  return suggestions;
}

// The better the greater: head office, then alive, then the newest.
auto rank(const Requisites& one) {
  return std::tuple{one.branch_type != BranchType::branch, one.status != RegistryStatus::liquidated,
                    one.registered_on.value_or(std::chrono::year_month_day{})};
}

Address address_of(const AnswerFields& data, std::string value) {
  return {.value = std::move(value),
          .postal_code = data.text("postal_code"),
          .country = data.text("country"),
          .region = data.text("region_with_type"),
          .area = data.text("area_with_type"),
          .city = data.text("city_with_type"),
          .settlement = data.text("settlement_with_type"),
          .street = data.text("street_with_type"),
          .house = data.text("house"),
          .block = data.text("block"),
          .flat = data.text("flat"),
          .fias_id = data.text("fias_id"),
          .kladr_id = data.text("kladr_id"),
          .timezone = data.text("timezone"),
          .latitude = data.text("geo_lat"),
          .longitude = data.text("geo_lon")};
}

CallResult<const Json*> only_element(const Json& answer) {
  if (answer.as_array().size() != 1 || !answer.as_array().front().is_object())
    return unusable("one text was asked about, the answer has not one object");
  return &answer.as_array().front();
}

}  // namespace

CallResult<Party> read_party(const Json& answer, const PartyId& asked, std::string_view kpp) {
  const auto suggestions = suggestions_of(answer);
  if (!suggestions) return std::unexpected(suggestions.error());
  std::vector<Party> parties = parties_of(**suggestions);
  std::erase_if(parties, [&](const Party& one) {
    const Requisites& found = one.requisites;
    return asked.kind == PartyId::Kind::inn ? found.inn != asked.digits
                                            : found.ogrn != asked.digits;
  });
  if (parties.empty())
    return no_answer(Outcome::retryable, "malformed",
                     fmt::format("asked about {}, answered about somebody else", asked.digits),
                     200);
  if (!kpp.empty()) {
    std::erase_if(parties, [&](const Party& one) { return one.requisites.kpp != kpp; });
    if (parties.empty()) return unknown(fmt::format("no division with KPP {}", kpp));
  }
  return std::move(*std::ranges::max_element(
      parties, {}, [](const Party& one) { return rank(one.requisites); }));
}

CallResult<std::vector<Party>> read_parties(const Json& answer) {
  const auto suggestions = suggestions_of(answer);
  if (!suggestions) return std::unexpected(suggestions.error());
  std::vector<Party> parties = parties_of(**suggestions);
  if (parties.empty()) return unusable("no suggestion has a valid INN");
  return parties;
}

CallResult<Bank> read_bank(const Json& answer, std::string_view bik) {
  const auto suggestions = suggestions_of(answer);
  if (!suggestions) return std::unexpected(suggestions.error());
  for (const Json& suggestion : (*suggestions)->as_array()) {
    Bank bank{.bik = std::string(bik)};
    const AnswerFields data = AnswerFields{suggestion, bank.warnings}.below("data");
    if (data.text("bic") != bik) continue;
    bank.name = data.text("name.payment");
    if (!bank.name) bank.name = AnswerFields{suggestion, bank.warnings}.text("value");
    bank.city = data.text("payment_city");
    bank.correspondent_account = data.text("correspondent_account");
    if (bank.correspondent_account &&
        check_correspondent_account(*bank.correspondent_account, bik)) {
      data.warn("correspondent_account", "does not fit the BIK");
      bank.correspondent_account.reset();
    }
    bank.swift = data.text("swift");
    bank.inn = checked(data, "inn", check_inn);
    bank.kpp = checked(data, "kpp", check_kpp);
    bank.registration_number = data.text("registration_number");
    bank.kind = data.text("opf.type");
    bank.address = data.text("address.unrestricted_value");
    bank.status = status_of(data);
    return bank;
  }
  return unusable("asked about one BIK, answered about another");
}

CallResult<std::vector<Address>> read_addresses(const Json& answer) {
  const auto suggestions = suggestions_of(answer);
  if (!suggestions) return std::unexpected(suggestions.error());
  std::vector<Address> addresses;
  std::vector<std::string> warnings;
  for (const Json& suggestion : (*suggestions)->as_array()) {
    const AnswerFields fields{suggestion, warnings};
    auto value = fields.text("value");
    if (!value) continue;
    addresses.push_back(address_of(fields.below("data"), std::move(*value)));
    addresses.back().with_postal_code = fields.text("unrestricted_value");
  }
  if (addresses.empty()) return unusable("no suggestion has a value");
  return addresses;
}

CallResult<CleanAddress> read_clean_address(const Json& answer) {
  const auto element = only_element(answer);
  if (!element) return std::unexpected(element.error());
  std::vector<std::string> warnings;
  const AnswerFields fields{**element, warnings};
  const auto quality = fields.integer("qc");
  auto value = fields.text("result");
  if (quality == 2 || !value) return unknown("no address was recognised");
  CleanAddress clean{.address = address_of(fields, std::move(*value))};
  if (quality == 1) {
    clean.quality = CleanAddress::Quality::assumed;
  } else if (quality != 0) {
    clean.quality = CleanAddress::Quality::ambiguous;
  }
  return clean;
}

CallResult<CleanPhone> read_clean_phone(const Json& answer) {
  const auto element = only_element(answer);
  if (!element) return std::unexpected(element.error());
  std::vector<std::string> warnings;
  const AnswerFields fields{**element, warnings};
  const auto quality = fields.integer("qc");
  auto phone = fields.text("phone");
  constexpr int kForeign = 7;
  if (!phone || (quality != 0 && quality != kForeign))
    return unknown("no phone was recognised for sure");
  return CleanPhone{.phone = std::move(*phone),
                    .type = fields.text("type"),
                    .extension = fields.text("extension"),
                    .timezone = fields.text("timezone"),
                    .is_foreign = quality == kForeign};
}

CallResult<DailyUsage> read_usage(const Json& answer) {
  std::vector<std::string> warnings;
  const AnswerFields fields{answer, warnings};
  if (fields.at("services") == nullptr) return unusable("the answer has no `services`");
  return DailyUsage{.date = fields.text("date").value_or(""),
                    .suggestions_used = fields.integer("services.suggestions").value_or(0),
                    .cleaned = fields.integer("services.clean").value_or(0),
                    .suggestions_left = fields.integer("remaining.suggestions"),
                    .cleanings_left = fields.integer("remaining.clean")};
}

CallResult<std::string> read_balance(const Json& answer) {
  std::vector<std::string> warnings;
  auto balance = AnswerFields{answer, warnings}.text("balance");
  if (!balance) return unusable("the answer has no `balance`");
  return std::move(*balance);
}

std::string needed_of_parties(const std::string& body) {
  return only_shape(body, R"({"suggestions": [{"value": 1, "data": {
    "inn": 1, "kpp": 1, "ogrn": 1, "ogrn_date": 1, "type": 1, "branch_type": 1, "okpo": 1,
    "okved": 1, "invalid": 1, "invalidity": 1,
    "name": {"full_with_opf": 1, "short_with_opf": 1}, "opf": {"short": 1},
    "fio": {"surname": 1, "name": 1, "patronymic": 1},
    "management": {"name": 1, "post": 1, "start_date": 1},
    "managers": [{"invalidity": 1}], "founders": [{"invalidity": 1}],
    "state": {"status": 1, "registration_date": 1, "liquidation_date": 1},
    "address": {"value": 1, "unrestricted_value": 1, "invalidity": 1},
    "phones": [{"value": 1}], "emails": [{"value": 1, "data": {"source": 1}}]}}]})");
}

std::string refusal_text(const std::string& body) {
  const auto document = parse_foreign_json(body);
  if (!document) return {};
  for (const std::string_view name : {"message", "detail", "reason", "title", "error", "code"}) {
    const Json* value = document->find(name);
    if (value != nullptr && value->is_string() && !trimmed(value->as_string()).empty())
      return clean_text(value->as_string());
  }
  return {};
}

}  // namespace c360::adapters::dadata

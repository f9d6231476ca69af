#include "adapters/kontur_answers.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "adapters/answer_fields.h"
#include "adapters/answer_shape.h"
#include "daemon/base/digest.h"
#include "daemon/base/identifiers.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::year_month_day;

constexpr std::size_t kSmallestPdf = 500;
constexpr std::size_t kPdfEnds = 1'024;  // where its marks are looked for (ISO 32000, Annex H)
constexpr std::size_t kMaxWatchedRead = 100'000;

// "/api3/req" as the counters of the program name it.
std::string_view method_of(std::string_view name) {
  name = trimmed(name);
  if (name.starts_with('/')) name.remove_prefix(1);
  if (name.starts_with("api3/")) name.remove_prefix(5);
  return name;
}

std::unexpected<NoAnswer> unusable(std::string detail) {
  return no_answer(Outcome::retryable, "malformed", std::move(detail), 200);
}

std::optional<std::string> checked(const AnswerFields& fields, std::string_view path,
                                   IdentifierCheck (*check)(std::string_view)) {
  auto value = fields.text(path);
  if (!value) return std::nullopt;
  if (const auto fault = check(*value)) {
    fields.warn(path, fmt::format("is wrong: {}", fault->detail));
    return std::nullopt;
  }
  return value;
}

// "обл" and the like stand behind the name, "г" and "ул" before it.
bool stands_behind(std::string_view kind) {
  constexpr std::array<std::string_view, 6> kBehind{"обл", "край", "р-н", "ао", "аобл", "у"};
  return std::ranges::find(kBehind, to_lower(kind)) != kBehind.end();
}

void add_part(std::vector<std::string>& parts, const AnswerFields& address, std::string_view name,
              std::string_view kind_name) {
  const AnswerFields part = address.below(name);
  const auto value = part.text("topoValue");
  if (!value) return;
  const auto kind = part.text(kind_name);
  if (!kind) {
    parts.push_back(*value);
  } else if (stands_behind(*kind)) {
    parts.push_back(fmt::format("{} {}", *value, *kind));
  } else {
    parts.push_back(fmt::format("{} {}", *kind, *value));
  }
}

std::optional<std::string> address_of(const AnswerFields& address) {
  if (auto line = address.text("oneLineFormatOfAddress")) return line;
  std::vector<std::string> parts;
  if (auto zip = address.text("zipCode")) parts.push_back(std::move(*zip));
  for (const std::string_view name : {"regionName", "district", "city", "settlement", "street"})
    add_part(parts, address, name, "topoShortName");
  for (const std::string_view name : {"house", "bulk", "flat"})
    add_part(parts, address, name, "topoFullName");
  if (parts.empty()) return std::nullopt;
  return join(parts, ", ");
}

RegistryStatus status_of(const AnswerFields& body) {
  if (body.flag("status.dissolved")) return RegistryStatus::liquidated;
  if (body.flag("status.bankrupting")) return RegistryStatus::bankrupt;
  if (body.flag("status.dissolving")) return RegistryStatus::liquidating;
  if (body.flag("status.reorganizing")) return RegistryStatus::reorganizing;
  return RegistryStatus::active;
}

void read_state(const AnswerFields& body, Requisites& into) {
  into.status = status_of(body);
  into.registered_on = body.iso_date("registrationDate");
  into.liquidated_on = body.iso_date("dissolutionDate");
  if (!into.liquidated_on && into.status == RegistryStatus::liquidated)
    into.liquidated_on = body.iso_date("status.date");
  into.okpo = checked(body, "okpo", check_okpo);
  into.legal_form = body.text("opf");
}

void read_head(const AnswerFields& company, Requisites& into) {
  bool found = false;
  const auto take = [&](std::string_view name) {
    return [&, name](const AnswerFields& head) {
      into.unreliable |= head.flag("isInaccuracy");
      if (found || !head.text(name)) return;
      found = true;
      into.ceo_name = head.text(name);
      into.ceo_position = head.text("position");
      into.ceo_since = head.iso_date("firstDate");
    };
  };
  company.each("heads", take("fio"));
  company.each("managementCompanies", take("name"));
}

void read_company_body(const AnswerFields& company, Requisites& into) {
  into.type = PartyType::legal;
  into.kpp = checked(company, "kpp", check_kpp);
  into.full_name = company.text("legalName.full");
  into.short_name = company.text("legalName.short");
  if (!into.short_name) into.short_name = into.full_name;
  into.juridical_address = address_of(company.below("legalAddress.parsedAddressRF"));
  into.unreliable = company.flag("legalAddress.isInaccuracy");
  read_head(company, into);
  read_state(company, into);
}

void read_person_body(const AnswerFields& person, Requisites& into) {
  into.type = PartyType::individual;
  if (const auto fio = person.text("fio")) {
    into.full_name = "Индивидуальный предприниматель " + *fio;
    into.short_name = "ИП " + *fio;
    into.ceo_name = fio;
  }
  read_state(person, into);
}

Risk risk_of(const AnswerFields& element) {
  const AnswerFields summary = element.below("briefReport.summary");
  return {.green = summary.flag("greenStatements"),
          .yellow = summary.flag("yellowStatements"),
          .red = summary.flag("redStatements")};
}

bool is_about(const AnswerFields& element, const PartyId& asked) {
  return element.text(asked.kind == PartyId::Kind::inn ? "inn" : "ogrn") == asked.digits;
}

// The element of the answer that is meant; several where a registration was struck off.
CallResult<const Json*> choose(const Json& answer, const PartyId& asked,
                               std::string_view known_ogrn) {
  if (answer.as_array().empty())
    return no_answer(Outcome::not_found, "", "Kontur.Focus knows nothing of that", 200);
  const Json* best = nullptr;
  std::tuple<bool, bool, year_month_day> best_rank;
  std::vector<std::string> warnings;
  for (const Json& element : answer.as_array()) {
    const AnswerFields fields{element, warnings};
    if (!is_about(fields, asked)) continue;
    const AnswerFields body = fields.below(fields.at("UL") != nullptr ? "UL" : "IP");
    const std::tuple rank{!known_ogrn.empty() && fields.text("ogrn") == known_ogrn,
                          !body.flag("status.dissolved"),
                          body.iso_date("registrationDate").value_or(year_month_day{})};
    if (best != nullptr && rank <= best_rank) continue;
    best = &element;
    best_rank = rank;
  }
  if (best == nullptr)
    return unusable(fmt::format("asked about {}, answered about somebody else", asked.digits));
  return best;
}

}  // namespace

std::string_view to_string(RiskLevel level) {
  constexpr std::array<std::string_view, 4> kNames{"none", "green", "yellow", "red"};
  return kNames[static_cast<std::size_t>(level)];
}

RiskLevel Risk::level() const {
  if (red) return RiskLevel::red;
  if (yellow) return RiskLevel::yellow;
  return green ? RiskLevel::green : RiskLevel::none;
}

std::string express_report_name(std::string_view inn, year_month_day day) {
  return fmt::format("express-report_{}_{:04}-{:02}-{:02}.pdf", inn, static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

bool MethodUsage::covers(std::string_view method) const {
  return std::ranges::find(methods, method) != methods.end();
}

std::string MethodUsage::name() const { return join(methods, ", "); }

std::optional<std::int64_t> MethodUsage::left() const {
  if (!limit) return std::nullopt;
  return std::max<std::int64_t>(0, *limit - spent);
}

namespace kontur {

CallResult<FocusCompany> read_company(const Json& answer, const PartyId& asked,
                                      std::string_view known_ogrn) {
  const auto element = choose(answer, asked, known_ogrn);
  if (!element) return std::unexpected(element.error());
  std::vector<std::string> warnings;
  const AnswerFields fields{**element, warnings};
  const auto inn = checked(fields, "inn", check_inn);
  const bool is_company = fields.at("UL") != nullptr;
  if (!inn || (!is_company && fields.at("IP") == nullptr))
    return unusable("the element has no valid INN, or neither UL nor IP");
  FocusCompany found{
      .requisites = {.inn = *inn}, .risk = risk_of(fields), .raw = (*element)->dump()};
  found.requisites.ogrn = checked(fields, "ogrn", check_ogrn);
  if (is_company) {
    read_company_body(fields.below("UL"), found.requisites);
  } else {
    read_person_body(fields.below("IP"), found.requisites);
  }
  found.requisites.warnings = std::move(warnings);
  return found;
}

CallResult<RegisterDetails> read_details(const Json& answer, const PartyId& asked) {
  const auto element = choose(answer, asked, {});
  if (!element) return std::unexpected(element.error());
  RegisterDetails details;
  const AnswerFields fields{**element, details.warnings};
  const AnswerFields body = fields.below(fields.at("UL") != nullptr ? "UL" : "IP");
  details.okved = body.text("activities.principalActivity.code");
  details.ogrn_on = body.iso_date("regInfo.ogrnDate");
  return details;
}

CallResult<Risk> read_brief(const Json& answer, const PartyId& asked, std::string_view known_ogrn) {
  const auto element = choose(answer, asked, known_ogrn);
  if (!element) return std::unexpected(element.error());
  std::vector<std::string> warnings;
  const AnswerFields fields{**element, warnings};
  const Json* summary = fields.at("briefReport.summary");
  if (summary == nullptr || !summary->is_object())
    return unusable("the report has no object `briefReport.summary`");
  return risk_of(fields);
}

std::string needed_of(const std::string& body) {
  const std::string body_shape = R"({
    "kpp": 1, "okpo": 1, "opf": 1, "fio": 1, "legalName": {"short": 1, "full": 1},
    "legalAddress": {"parsedAddressRF": 1, "isInaccuracy": 1},
    "status": 1, "registrationDate": 1, "dissolutionDate": 1,
    "heads": [{"fio": 1, "position": 1, "firstDate": 1, "isInaccuracy": 1}],
    "managementCompanies": [{"name": 1, "position": 1, "firstDate": 1, "isInaccuracy": 1}],
    "activities": {"principalActivity": {"code": 1}}, "regInfo": {"ogrnDate": 1}})";
  return only_shape(body, R"([{"inn": 1, "ogrn": 1, "briefReport": {"summary": 1}, "UL": )" +
                              body_shape + R"(, "IP": )" + body_shape + "}]");
}

CallResult<ReportPdf> read_pdf(const HttpAnswer& answer) {
  const std::string_view field = answer.header("content-type").value_or("");
  const std::string type = to_lower(trimmed(field.substr(0, field.find(';'))));
  if (type != "application/pdf" && type != "application/octet-stream")
    return malformed(answer, fmt::format("the report is {}, not a PDF", type));
  const std::string_view body = answer.body;
  if (body.size() < kSmallestPdf || !body.substr(0, kPdfEnds).contains("%PDF-") ||
      !body.substr(body.size() - std::min(body.size(), kPdfEnds)).contains("%%EOF"))
    return malformed(answer, fmt::format("the report of {} bytes is no whole PDF", body.size()));
  return ReportPdf{.content = answer.body, .sha256 = to_hex(sha256(body))};
}

std::vector<WatchedParty> read_watched(const Json& answer) {
  std::vector<WatchedParty> parties;
  std::vector<std::string> warnings;
  for (const Json& element : answer.as_array()) {
    const AnswerFields fields{element, warnings};
    const auto inn = checked(fields, "inn", check_inn);
    if (!inn || parties.size() >= kMaxWatchedRead) continue;
    parties.push_back({*inn, checked(fields, "ogrn", check_ogrn).value_or("")});
  }
  return parties;
}

bool counts(std::string_view counter, std::span<const std::string_view> methods) {
  for (const std::string_view part : split(counter, ','))
    for (const std::string_view name : split(part, '&'))
      if (std::ranges::find(methods, method_of(name)) != methods.end()) return true;
  return false;
}

CallResult<std::vector<MethodUsage>> read_usage(const Json& answer) {
  std::vector<MethodUsage> rows;
  std::vector<std::string> warnings;
  for (const Json& element : answer.as_array()) {
    const AnswerFields fields{element, warnings};
    const auto names = fields.text("methodName");
    if (!names) continue;
    MethodUsage row{.limit = fields.integer("limit"),
                    .spent = fields.integer("spent").value_or(0),
                    .ends_on = fields.iso_date("endDate")};
    for (const std::string_view name : split(*names, '&'))
      row.methods.emplace_back(method_of(name));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return unusable("the usage names no method");
  return rows;
}

}  // namespace kontur
}  // namespace c360::adapters

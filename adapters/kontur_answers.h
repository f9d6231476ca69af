// The answers of Kontur.Focus as values (adapters.md, 2.2 to 2.5), checked.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/call_outcome.h"
#include "adapters/party_id.h"
#include "adapters/requisites.h"
#include "daemon/base/json.h"

namespace c360::adapters {

enum class RiskLevel : std::uint8_t { none, green, yellow, red };
std::string_view to_string(RiskLevel level);

// The flags of an express report; several may stand together.
struct Risk {
  bool green = false;       // favourable facts
  bool yellow = false;      // to be looked at
  bool red = false;         // significant risks
  RiskLevel level() const;  // the worst of them
};

struct FocusCompany {
  Requisites requisites;
  Risk risk;
  std::string raw;  // the element as JSON
};

struct RegisterDetails {
  std::optional<std::string> okved;
  std::optional<std::chrono::year_month_day> ogrn_on;
  std::vector<std::string> warnings;
};

struct ReportPdf {
  std::string content;  // a whole PDF, 500 bytes … 32 MiB
  std::string sha256;   // of the content, in hex
};
// "express-report_7707083893_2026-11-22.pdf": a name from the service is never used.
std::string express_report_name(std::string_view inn, std::chrono::year_month_day day);

struct WatchedParty {
  std::string inn;
  std::string ogrn;  // may be empty
};

// One counter of the contract; several methods may share it.
struct MethodUsage {
  std::vector<std::string> methods;   // "req", "egrDetails", without the path
  std::optional<std::int64_t> limit;  // empty: unlimited
  std::int64_t spent = 0;
  std::optional<std::chrono::year_month_day> ends_on;

  bool covers(std::string_view method) const;
  // As counters are kept and shown: "req, egrDetails".
  std::string name() const;
  std::optional<std::int64_t> left() const;  // empty: unlimited
};

namespace kontur {

// What each kind of question draws on: names of counters of the contract, one or more of which
// count it (adapters.md, 2.5).
inline constexpr std::array<std::string_view, 1> kReportMethods{"briefReport"};
inline constexpr std::array<std::string_view, 2> kRequisitesMethods{"req", "egrDetails"};
inline constexpr std::array<std::string_view, 3> kWatchMethods{"req", "req/mon", "monList"};

// Whether the counter of that name, as MethodUsage::name() or the service spells it, counts one of
// these methods.
bool counts(std::string_view counter, std::span<const std::string_view> methods);

CallResult<FocusCompany> read_company(const Json& answer, const PartyId& asked,
                                      std::string_view known_ogrn);
CallResult<RegisterDetails> read_details(const Json& answer, const PartyId& asked);
CallResult<Risk> read_brief(const Json& answer, const PartyId& asked, std::string_view known_ogrn);
// Of any of these three what is read.
std::string needed_of(const std::string& body);
CallResult<ReportPdf> read_pdf(const HttpAnswer& answer);
std::vector<WatchedParty> read_watched(const Json& answer);
CallResult<std::vector<MethodUsage>> read_usage(const Json& answer);

}  // namespace kontur
}  // namespace c360::adapters

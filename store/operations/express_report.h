// The express report of a counterparty (domain.md 5.1; adapters.md 2.3):
//
//   none -> queued -> running -> ready | not_found | failed;  ready -> stale -> queued
//
// crm.express_report says where it stands, `check_status` and `risk_level` of the card what came of
// it, and the PDF is a document of the counterparty, former reports its older versions. The service
// is asked outside of any transaction; each step here is one of its job's. An answer about a card
// that has another INN by now changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "store/records.h"

namespace c360::store {

inline constexpr std::string_view kExpressReportJob = "express_report";

// Whom the job asks about.
struct ReportTarget {
  std::string inn;
  std::string ogrn;                   // may be empty
  std::optional<Instant> not_before;  // what was bought earlier does not do
};
// It runs from here on. None: the counterparty is gone, or is not asked about any more.
Result<std::optional<ReportTarget>> begin_express_report(Transaction& tx, std::int64_t id);

// What the flags of the report come to.
struct ReportLevel {
  bool green = false;
  bool yellow = false;
  bool red = false;
  std::string_view level;  // green, yellow, red, none
  Instant obtained_at;
};
// Before the PDF is there: the level is known and the card shows it.
Result<void> note_risk_level(Records& records, Transaction& tx, std::int64_t id,
                             const ReportTarget& target, const ReportLevel& level,
                             const Actor& actor);

struct ReportFile {
  Sha256 sha256{};  // in the content store
  std::int64_t size_bytes = 0;
  std::string file_name;
  Instant obtained_at;
};
// The document, the status of the check and the history of both.
Result<void> finish_express_report(Records& records, Transaction& tx, std::int64_t id,
                                   const ReportTarget& target, const ReportLevel& level,
                                   const ReportFile& file, const Actor& actor);
// The service knows nothing of the INN.
Result<void> note_report_unknown(Records& records, Transaction& tx, std::int64_t id,
                                 const ReportTarget& target, const Actor& actor);
// Given up. What the card says of an earlier check stays.
Result<void> note_report_failed(Records& records, Transaction& tx, std::int64_t id,
                                const ReportTarget& target, std::string_view reason,
                                std::string_view detail, const Actor& actor);

// Queues jobs for reports older than their service switch allows, failed ones too, then for cards
// never asked about (they got their INN while the service was off), `limit` at most, oldest first;
// how many. None where the service is off; a twentieth of the contract is left to people
// (adapters.md, 2.5).
Result<std::int64_t> queue_stale_reports(Database& database, int limit);

// GET /counterparties/{id}/express-report: a JSON object; status `none` where there is none. Rights
// are the caller's affair.
Result<std::string> express_report_json(Database& database, std::int64_t id);

}  // namespace c360::store

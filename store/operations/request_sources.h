// Leads and deals that know the visitor's id of Yandex.Metrika and not where he came from
// (domain.md 6.1, 19; adapters.md 4.3).
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/records.h"

namespace c360::store {

// After so many answers without data the source is `unknown`.
inline constexpr int kSourceAttempts = 4;

struct Sourceless {
  std::string kind;  // lead, deal
  std::int64_t id = 0;
  std::int64_t version = 0;
  std::string client_id;
  std::chrono::year_month_day received;  // UTC; when it was made where nobody said
  int attempts = 0;                      // that brought no data
  std::string place;                     // of the list; opaque
};
// Oldest first, `limit` behind `place` (empty: from the beginning).
Result<std::vector<Sourceless>> sourceless_records(Database& database, const std::string& place,
                                                   int limit);
// The codes of the directory.
Result<std::set<std::string, std::less<>>> request_source_codes(Database& database);
// precondition_failed where somebody has changed the record meanwhile.
Result<void> set_request_source(Records& records, Transaction& tx, const Sourceless& record,
                                std::string_view code, const Actor& actor);
// Counts an answer without data; true: that was the last, and the source is `unknown` now.
Result<bool> note_no_source(Records& records, Transaction& tx, const Sourceless& record,
                            const Actor& actor);

}  // namespace c360::store

// The watch list of Kontur.Focus, as the service was told of it, and what comes of the changes it
// tells (adapters.md, 2.6): each day on which requisites of a company changed its cards are
// refreshed, by what the registers say now.
//
// The list is only added to: the service tells of companies that nobody has a card of any more too,
// and of those nothing happens.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace c360::store {

inline constexpr std::string_view kWatchJob = "counterparty_watch";

// INNs of cards the service may be asked about and was not told of by the key in use, `limit` at
// most. Those it did not recognise come again after 30 days; liquidated companies never.
Result<std::vector<std::string>> unwatched_inns(Database& database, int limit);
// In `tx`: it was told of `inns` and recognised some. The first time, what changes after `through`
// is asked for from then on. No round trip.
void queue_watched(Transaction& tx, const std::vector<std::string>& inns,
                   const std::vector<std::string>& recognised, std::chrono::sys_days through);

// The last day whose changes were asked for; none: nobody is watched.
Result<std::optional<std::chrono::sys_days>> watched_through(Database& database);
// In `tx`: the companies that changed on `day`, the next one. What is kept of the registers about
// them does not do any more, and their cards are to be refreshed; how many.
Result<std::int64_t> queue_changed(Transaction& tx, const std::vector<std::string>& inns,
                                   std::chrono::sys_days day);

}  // namespace c360::store

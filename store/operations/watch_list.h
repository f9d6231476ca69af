// The watch list of Kontur.Focus, as the service was told of it, and what comes of the changes it
// tells (adapters.md, 2.6): each day on which requisites of a company changed its cards are
// refreshed, by what the registers say now.
//
// A company that nobody has a card of any more leaves the list.
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

// INNs behind `after` of cards the service may be asked about and was not told of by the key in
// use, `limit` at most, in order. Those it did not recognise come again after 30 days; liquidated
// companies never.
Result<std::vector<std::string>> unwatched_inns(Database& database, std::string_view after,
                                                int limit);
// In `tx`: it was told of `inns` and recognised some. The first time, what changes after `through`
// is asked for from then on. No round trip.
void queue_watched(Transaction& tx, const std::vector<std::string>& inns,
                   const std::vector<std::string>& recognised, std::chrono::sys_days through);

// None: of all that are watched somebody has a card. Otherwise `limit` at most of those that stay.
Result<std::optional<std::vector<std::string>>> watch_list_without_gone(Database& database,
                                                                        int limit);
// In `tx`: the list begins anew with `inns`; the others were not told yet. No round trip.
void queue_watch_list_anew(Transaction& tx, const std::vector<std::string>& inns);

// The last day whose changes were asked for; none: nobody is watched.
Result<std::optional<std::chrono::sys_days>> watched_through(Database& database);
// In `tx`: the companies that changed on `day`, the next one. What is kept of the registers about
// them does not do any more, and their cards are to be refreshed; how many.
Result<std::int64_t> queue_changed(Transaction& tx, const std::vector<std::string>& inns,
                                   std::chrono::sys_days day);

}  // namespace c360::store

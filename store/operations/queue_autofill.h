// Which cards the registers of companies are asked about by the clock (adapters.md, 1.6; domain.md,
// 19), if either is on. Jobs are spread over hours, so that people find the service free.
//
// The ages below hold for every card; where the watch list of Kontur.Focus is kept (watch_list.h),
// a card is refreshed besides as soon as the service says that its company changed.
#pragma once

#include <cstdint>
#include <string_view>

#include "store/database.h"

namespace c360::store {

inline constexpr std::string_view kAutofillJob = "counterparty_autofill";
inline constexpr std::string_view kRefreshJob = "counterparty_refresh";

// Of counterparties with an INN that lack requisites and that nobody asked about in the last 30
// days, or 7 where the register knew nothing; `limit` at most, the oldest first. How many jobs.
Result<std::int64_t> queue_missing_autofills(Database& database, int limit);
// Of those whose facts are older than 30 days, 7 for a company in trouble; never again once it has
// been liquidated for 90 days.
Result<std::int64_t> queue_due_refreshes(Database& database, int limit);

// Whether the settings let the service be asked about the card: it is on, and for imported cards
// too where this is one.
Result<bool> may_ask_service(Database& database, std::string_view service, std::int64_t id);

}  // namespace c360::store

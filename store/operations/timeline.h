// The timeline of a counterparty: what happened with it and with what was sold to it, merged,
// newest first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/operations/list_batch.h"

namespace c360::store {

inline constexpr int kDefaultTimelineRows = 50;
inline constexpr int kMaxTimelineRows = 200;

// activity, status, request, document, payment.
std::span<const std::string_view> timeline_kinds();

struct TimelineQuery {
  std::int64_t id = 0;
  std::vector<std::string_view> kinds;  // of timeline_kinds(); empty: all
  int limit = kDefaultTimelineRows;
  std::string_view cursor;
};

struct TimelineView {
  std::optional<std::int64_t> moved_to;  // merged: nothing else is set
  std::string items;                     // a JSON array
  std::optional<std::string> next_cursor;
};

// One snapshot. Rows of records the actor may not read, or whose kind the token does not permit,
// are left out. not_found where the counterparty is not seen; invalid_request for a wrong cursor.
Result<TimelineView> read_timeline(Database& database, const Records& records,
                                   const TimelineQuery& query, const Actor& actor,
                                   const TokenPermits& permits);

}  // namespace c360::store

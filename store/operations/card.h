// The Client 360 card of a counterparty: everything known about it, of one moment (domain.md 21).
//
// One REPEATABLE READ snapshot and two round trips whatever the number of rows: the pages, counts
// and sums of all lists travel together, then what the caller may do to the rows shown. Rows the
// caller may not read are neither shown nor counted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/clock.h"
#include "store/operations/action.h"
#include "store/operations/card_layout.h"

namespace c360::store {

inline constexpr int kDefaultCardItems = 10;  // of each list
inline constexpr int kMaxCardItems = 100;

struct CardQuery {
  std::int64_t id = 0;
  std::vector<const CardTab*> tabs;
  int limit = kDefaultCardItems;
  std::string_view list;                      // of the only tab asked for: this list alone
  std::string_view cursor;                    // its next rows
  std::string_view path_prefix = "/api/v1/";  // of the href of an action
  // The card as it stood then, with a layout of the past: of the records the caller may read now.
  // Nothing can be done to what is past.
  std::optional<Instant> as_of;
};

struct CardView {
  std::optional<std::int64_t> moved_to;                      // merged: nothing else is set
  std::string as_of;                                         // RFC 3339: the moment of the snapshot
  std::vector<std::pair<const CardTab*, std::string>> tabs;  // as JSON objects
};

// not_found where the counterparty is not seen, or was not there then; invalid_request for a limit
// or cursor that is none, or a moment that has not come.
Result<CardView> read_card(Database& database, const Records& records, const Actions& actions,
                           const CardLayout& layout, const CardQuery& query, const Actor& actor,
                           const TokenPermits& permits);

}  // namespace c360::store

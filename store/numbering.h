// Gapless series: invoices and acts per year and organisation, correspondence per year (domain.md
// 1.5). Records with a sequence (deals, leads, …) are numbered by Records itself, with gaps.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "daemon/base/error.h"
#include "store/database.h"

namespace c360::store {

struct Series {
  std::string_view name;                            // "invoice", "act", "outgoing", "incoming"
  int year = 0;                                     // in the business time zone
  std::optional<std::int64_t> own_organisation_id;  // none: the series has no organisation
};

// The next number, from 1. The counter's row stays locked until the transaction ends: a rollback
// gives the number back, so there are no gaps, and writers of one series wait for each other. Take
// it last. One round trip. invalid_request for a year outside 1990-9999.
Result<std::int64_t> next_number(Transaction& tx, const Series& series);

}  // namespace c360::store

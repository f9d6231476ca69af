// Rows as they stood at a moment past: the values of now with every later change of history taken
// back (domain.md 21). What history does not track is shown as it is now, and can be named.
//
// The texts read two settings of their transaction, set by queue_past_moment(), so that one text
// serves every moment and every customer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

inline constexpr std::string_view kPastMoment = "current_setting('c360.as_of')::timestamptz";
inline constexpr std::string_view kPastCard = "current_setting('c360.card')::bigint";

// `moment`: PostgreSQL text form of a timestamptz; `record_id`: whose card is read.
void queue_past_moment(Transaction& tx, std::string_view moment, std::int64_t record_id);

// What FROM takes: the rows of the kind that were there at the moment, among those for which
// `candidates` holds (SQL over n, the row as it is now). Their columns are those of now, for rights
// are of now; the column `past` is the row as it was.
std::string past_rows(const Resource& kind, std::string_view candidates);
// The rows whose `column` named `owner` then or names it now. `owner` is SQL.
std::string once_owned(const Resource& kind, std::string_view column, std::string_view owner);
// Ids of rows of the kind that a change of `column` took away from `owner` since.
std::string taken_away(const Resource& kind, std::string_view column, std::string_view owner);

// The kind as it reads from past_rows(): every field gives its value of then. `view` must outlive
// it; it has no deleted rows of its own.
Resource as_it_was(const Resource& kind, std::string_view view);
// SQL over t, of then: columns by way of t.past, now() as the moment.
std::string expression_of_then(std::string_view expression);
// Fields that may have changed without a trace.
std::vector<std::string_view> fields_without_history(const Resource& kind);

}  // namespace c360::store

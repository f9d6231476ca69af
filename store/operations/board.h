// A board: the records of one kind in columns by their status, with counts and sums (domain.md 6.3,
// 7.2; ). Every kind with statuses on the board has one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/records.h"

namespace c360::store {

// The columns of a kind, in the order of its statuses; empty: it has no board.
std::vector<const Status*> board_columns(const Resource& resource);
// What is summed: the budget, the amount, the total; nullptr where a kind has no money.
const Field* board_amount(const Resource& resource);

struct BoardSum {
  std::string currency;
  std::string amount;                   // "1000.00"
  std::optional<std::string> weighted;  // by the percent of the stage, where it has one
};
struct BoardColumn {
  const Status* status = nullptr;
  std::int64_t count = 0;
  std::vector<BoardSum> sums;
  Page cards;
};

inline constexpr int kDefaultBoardCards = 20;  // of each column
inline constexpr int kMaxBoardCards = 100;

// Columns, counts and first cards of one moment. `parameters`: the filters of the list, `limit`
// cards a column, and `column` with `cursor` for more of one column. Only what the actor may read
// is counted. Errors: invalid_request.
Result<std::vector<BoardColumn>> read_board(Database& database, const Records& records,
                                            const Resource& resource, const Parameters& parameters,
                                            const Actor& actor);

// The pieces that changes append to the kept totals become one row a column and currency. Any
// daemon may, at any time; one does. Errors: those of the database.
Result<void> fold_board_totals(Database& database);

}  // namespace c360::store

#include "store/numbering.h"

namespace c360::store {
namespace {

constexpr Sql kNextNumber{"c360_next_number", R"sql(
INSERT INTO crm.number_counter AS c (series, year, own_organisation_id, last_value)
VALUES ($1::text, $2::integer, $3::bigint, 1)
ON CONFLICT (series, year, own_organisation_id) DO UPDATE SET last_value = c.last_value + 1
RETURNING last_value
)sql"};

}  // namespace

Result<std::int64_t> next_number(Transaction& tx, const Series& series) {
  if (series.year < 1990 || series.year > 9999) {
    return fail(ErrorCode::invalid_request, "A series needs a year between 1990 and 9999.",
                "invalid_year");
  }
  Params params;
  params.add(series.name).add(series.year).add(series.own_organisation_id);
  const auto rows = tx.query(kNextNumber, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return (*rows)->int64(0, 0);
}

}  // namespace c360::store

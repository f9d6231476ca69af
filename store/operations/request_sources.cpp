#include "store/operations/request_sources.h"

#include <charconv>

#include "daemon/base/json.h"

namespace c360::store {
namespace {

// $1 and $2 the place before, $3 how many. The counter is of the program and no change of theirs.
constexpr Sql kPage{"sourceless_page", R"sql(
SELECT r.kind, r.id, r.row_version, r.ym_client_id,
       to_char(r.received AT TIME ZONE 'UTC', 'YYYYMMDD'), r.source_sync_attempts,
       (extract(epoch FROM r.received) * 1000000)::bigint || ' ' || r.id
  FROM (SELECT 'lead' AS kind, id, row_version, ym_client_id, source_sync_attempts,
               coalesce(date_received, created_at) AS received
          FROM crm.lead
         WHERE ym_client_id IS NOT NULL AND request_source_code IS NULL AND deleted_at IS NULL
        UNION ALL
        SELECT 'deal', id, row_version, ym_client_id, source_sync_attempts,
               coalesce(date_received, created_at)
          FROM crm.deal
         WHERE ym_client_id IS NOT NULL AND request_source_code IS NULL AND deleted_at IS NULL) AS r
 WHERE ((extract(epoch FROM r.received) * 1000000)::bigint, r.id) > ($1::bigint, $2::bigint)
 ORDER BY r.received, r.id LIMIT $3)sql"};
constexpr Sql kCodes{"sourceless_codes", "SELECT code FROM crm.request_source WHERE is_active"};
constexpr Sql kCountLead{"sourceless_lead", R"sql(
UPDATE crm.lead SET source_sync_attempts = source_sync_attempts + 1
 WHERE id = $1 AND request_source_code IS NULL RETURNING source_sync_attempts)sql"};
constexpr Sql kCountDeal{"sourceless_deal", R"sql(
UPDATE crm.deal SET source_sync_attempts = source_sync_attempts + 1
 WHERE id = $1 AND request_source_code IS NULL RETURNING source_sync_attempts)sql"};

int digits(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::chrono::year_month_day day_of(std::string_view text) {
  return std::chrono::year{digits(text.substr(0, 4))} /
         std::chrono::month{static_cast<unsigned>(digits(text.substr(4, 2)))} /
         std::chrono::day{static_cast<unsigned>(digits(text.substr(6, 2)))};
}

}  // namespace

Result<std::vector<Sourceless>> sourceless_records(Database& database, const std::string& place,
                                                   int limit) {
  const std::size_t blank = place.find(' ');
  const bool first = blank == std::string::npos;
  Params params;
  params.add(first ? std::string("-9223372036854775808") : place.substr(0, blank));
  params.add(first ? std::string("0") : place.substr(blank + 1)).add(limit);
  auto rows = database.execute(Pool::work, kPage, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  std::vector<Sourceless> found;
  for (int row = 0; row < rows->size(); ++row)
    found.push_back({.kind = std::string(rows->text(row, 0)),
                     .id = rows->int64(row, 1),
                     .version = rows->int64(row, 2),
                     .client_id = std::string(rows->text(row, 3)),
                     .received = day_of(rows->text(row, 4)),
                     .attempts = static_cast<int>(rows->int64(row, 5)),
                     .place = std::string(rows->text(row, 6))});
  return found;
}

Result<std::set<std::string, std::less<>>> request_source_codes(Database& database) {
  auto rows = database.execute(Pool::work, kCodes);
  if (!rows) return std::unexpected(rows.error());
  std::set<std::string, std::less<>> codes;
  for (int row = 0; row < rows->size(); ++row) codes.emplace(rows->text(row, 0));
  return codes;
}

Result<void> set_request_source(Records& records, Transaction& tx, const Sourceless& record,
                                std::string_view code, const Actor& actor) {
  const Json changes = Json::Object{{"request_source_code", Json(code)}};
  auto done =
      records.update(tx, records.registry().get(record.kind), std::to_string(record.id), changes,
                     actor, {.expected_version = record.version, .finish = Finish::run});
  if (!done) return std::unexpected(std::move(done).error());
  return {};
}

Result<bool> note_no_source(Records& records, Transaction& tx, const Sourceless& record,
                            const Actor& actor) {
  const auto rows =
      tx.query(record.kind == "lead" ? kCountLead : kCountDeal, std::move(Params{}.add(record.id)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty() || (*rows)->int64(0, 0) < kSourceAttempts) return false;
  if (auto set = set_request_source(records, tx, record, "unknown", actor); !set)
    return std::unexpected(set.error());
  return true;
}

}  // namespace c360::store

#include "store/service_gates.h"

namespace c360::store {

namespace {

constexpr Sql kEnsure{"gate_ensure", R"sql(
  INSERT INTO ops.service_gate (key) VALUES ($1) ON CONFLICT DO NOTHING)sql"};
// All calls of all daemons come through here, one after the other, so nobody waits until it is on
// the disk: a server that loses its power forgets the counts of the last second, not the answers
// that were paid for, which are written after it.
constexpr Sql kLock{"gate_lock", R"sql(
  SELECT state, set_config('synchronous_commit', 'off', true)
    FROM ops.service_gate WHERE key = $1 FOR UPDATE)sql"};
constexpr Sql kSave{"gate_save", R"sql(
  UPDATE ops.service_gate SET state = $2, changed_at = now() WHERE key = $1)sql"};
constexpr Sql kAll{"gate_all", R"sql(
SELECT g.key, g.state FROM ops.service_gate AS g
  JOIN ops.service_switch AS s ON s.service = split_part(g.key, ':', 1)
 ORDER BY g.key)sql"};
constexpr Sql kPurge{"gate_purge", R"sql(
DELETE FROM ops.service_gate WHERE key IN (
  SELECT g.key FROM ops.service_gate AS g
   WHERE g.changed_at < now() - $1::bigint * interval '1 hour'
     AND NOT EXISTS (SELECT FROM ops.service_switch AS s
                      WHERE s.service = split_part(g.key, ':', 1))
   LIMIT $2))sql"};

}  // namespace

Result<void> change_service_gate(Database& database, std::string_view key,
                                 const std::function<Result<void>(std::string& state)>& change) {
  auto tx = database.begin(Pool::work, TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  auto locked = tx->query(kLock, Params{}.add(key));
  if (locked && (*locked)->empty()) {
    tx->queue(kEnsure, Params{}.add(key));
    locked = tx->query(kLock, Params{}.add(key));
  }
  if (!locked) return std::unexpected(locked.error());
  const std::string before((*locked)->text(0, 0));
  std::string state = before;
  if (auto done = change(state); !done) return done;
  if (state != before) tx->queue(kSave, Params{}.add(key).add(state));
  return tx->commit();
}

Result<std::vector<StoredServiceGate>> service_gates(Database& database) {
  auto rows = database.execute(Pool::work, kAll);
  if (!rows) return std::unexpected(rows.error());
  std::vector<StoredServiceGate> gates;
  for (int row = 0; row < rows->size(); ++row)
    gates.push_back({std::string(rows->text(row, 0)), std::string(rows->text(row, 1))});
  return gates;
}

Result<std::int64_t> purge_recipient_gates(Database& database, std::chrono::hours age,
                                           std::int64_t limit) {
  auto rows =
      database.execute(Pool::work, kPurge,
                       std::move(Params{}.add(static_cast<std::int64_t>(age.count())).add(limit)));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

}  // namespace c360::store

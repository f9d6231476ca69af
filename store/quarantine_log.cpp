#include "store/quarantine_log.h"

namespace c360::store {

namespace {

constexpr Sql kAttempt{"quarantine_attempt", R"sql(
  INSERT INTO ops.quarantine_attempt (quarantine_id, action, user_id, comment, target_record_id,
                                      rule_set_version, rule_id, outcome, reason, details, record_id)
  VALUES ($1::bigint, $2, $3::bigint, nullif($4, ''), $5::bigint, $6::bigint, nullif($7, ''), $8,
          nullif($9, ''), nullif($10, ''), $11::bigint))sql"};
constexpr Sql kTarget{"quarantine_target", R"sql(
  SELECT r.id, r.kind FROM ops.quarantine q JOIN crm.record r ON r.id = q.target_record_id
  WHERE q.id = $1::bigint)sql"};
constexpr Sql kSetTarget{"quarantine_set_target",
                         "UPDATE ops.quarantine SET target_record_id = $2::bigint "
                         "WHERE id = $1::bigint"};
constexpr Sql kOpen{"quarantine_open", R"sql(
  SELECT q.id FROM ops.quarantine q
  JOIN ops.mail_message m ON m.id = q.mail_message_id
  JOIN ops.mailbox b ON b.id = m.mailbox_id
  WHERE q.status = 'open' AND q.id > $1::bigint AND ($2 = '' OR q.reason = $2)
    AND ($3 = '' OR b.code = $3)
  ORDER BY q.id LIMIT $4::bigint)sql"};

}  // namespace

void queue_attempt(Transaction& tx, const QuarantineAttempt& attempt) {
  Params params;
  params.add(attempt.quarantine_id).add(attempt.action).add(attempt.user_id).add(attempt.comment);
  params.add(attempt.target_record_id).add(attempt.rule_set_version).add(attempt.rule);
  params.add(attempt.outcome).add(attempt.reason).add(attempt.details).add(attempt.record_id);
  tx.queue(kAttempt, std::move(params));
}

Result<std::optional<QuarantineTarget>> quarantine_target(Transaction& tx,
                                                          std::int64_t quarantine_id) {
  auto rows = tx.query(kTarget, std::move(Params{}.add(quarantine_id)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return std::nullopt;
  return QuarantineTarget{.record_id = (*rows)->int64(0, 0),
                          .kind = std::string((*rows)->text(0, 1))};
}

void queue_quarantine_target(Transaction& tx, std::int64_t quarantine_id,
                             std::optional<std::int64_t> record_id) {
  tx.queue(kSetTarget, std::move(Params{}.add(quarantine_id).add(record_id)));
}

Result<std::vector<std::int64_t>> open_quarantine(Database& database,
                                                  const QuarantineFilter& filter,
                                                  std::size_t limit) {
  Params params;
  params.add(filter.after).add(filter.reason).add(filter.mailbox);
  params.add(static_cast<std::int64_t>(limit));
  auto rows = database.execute(Pool::api, kOpen, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::int64_t> ids;
  for (int row = 0; row < rows->size(); ++row) ids.push_back(rows->int64(row, 0));
  return ids;
}

}  // namespace c360::store

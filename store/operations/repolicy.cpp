#include "store/operations/repolicy.h"

#include "daemon/base/json.h"
#include "daemon/base/json_lookup.h"
#include "store/job_payload.h"

namespace c360::store {
namespace {

constexpr Sql kLock{"repolicy_lock",
                    "SELECT pg_advisory_xact_lock(hashtext('counterparty_repolicy'))"};
constexpr Sql kQueue{"repolicy_queue", R"sql(
INSERT INTO ops.job (kind, payload, priority)
SELECT $1, jsonb_build_object('policy', $2::jsonb), -20
 WHERE EXISTS (SELECT FROM crm.counterparty_fact)
   AND $2::jsonb IS DISTINCT FROM (
         SELECT payload -> 'policy' FROM ops.job
          WHERE id = greatest((SELECT max(id) FROM ops.job
                                WHERE kind = $1 AND status IN ('queued', 'running')),
                              (SELECT max(job_id) FROM ops.job_run WHERE job = $1)))
RETURNING id)sql"};
constexpr Sql kOvertaken{"repolicy_overtaken", R"sql(
SELECT EXISTS (SELECT FROM ops.job WHERE id > $1::bigint AND kind = $2))sql"};
constexpr Sql kCount{"repolicy_count", "SELECT count(*) FROM crm.counterparty_fact"};
constexpr Sql kAfter{"repolicy_after", R"sql(
SELECT counterparty_id, source FROM crm.counterparty_fact
 WHERE (counterparty_id, source) > ($1::bigint, $2::text)
 ORDER BY counterparty_id, source LIMIT $3::integer)sql"};

std::string sources_json(const std::vector<std::string>& policy) {
  JsonWriter json;
  json.begin_array();
  for (const std::string& source : policy) json.string(source);
  return json.end_array().take();
}

}  // namespace

Result<bool> queue_repolicy(Database& database, const std::vector<std::string>& policy) {
  bool queued = false;
  auto done = in_transaction(database, Pool::work, [&](Transaction& tx) -> Result<void> {
    // A statement sees what was committed before it began: the lock comes in one of its own.
    if (auto locked = tx.query(kLock, {}); !locked) return std::unexpected(locked.error());
    const auto rows = tx.query(kQueue, Params{}.add(kRepolicyJob).add(sources_json(policy)));
    if (!rows) return std::unexpected(rows.error());
    queued = !(*rows)->empty();
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return queued;
}

Result<std::vector<std::string>> policy_of(const Job& job) {
  const auto payload = Json::parse(job.payload);
  const Json* sources = payload ? payload->find("policy") : nullptr;
  if (sources == nullptr || !sources->is_array())
    return fail(ErrorCode::validation_failed, "the payload of the job has no array `policy`");
  std::vector<std::string> policy;
  for (const Json& source : sources->as_array())
    if (source.is_string()) policy.push_back(source.as_string());
  return policy;
}

RepolicyPlace repolicy_place(const Job& job) {
  const auto payload = Json::parse(job.payload);
  if (!payload) return {};
  return {.last = {.counterparty_id = static_cast<std::int64_t>(offset_of(*payload, "after")),
                   .source = text_of(*payload, "source")},
          .done = static_cast<std::int64_t>(offset_of(*payload, "done"))};
}

Result<void> keep_repolicy_place(Database& database, const Job& job, const RepolicyPlace& place) {
  JsonWriter json;
  json.begin_object()
      .member("after", place.last.counterparty_id)
      .member("source", place.last.source)
      .member("done", place.done)
      .end_object();
  return keep_job_payload(database, job, json.take());
}

Result<bool> is_repolicy_overtaken(Database& database, const Job& job) {
  auto rows = database.execute(Pool::work, kOvertaken, Params{}.add(job.id).add(kRepolicyJob));
  if (!rows) return std::unexpected(rows.error());
  return rows->boolean(0, 0);
}

Result<std::int64_t> count_facts(Database& database) {
  auto rows = database.execute(Pool::work, kCount);
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

Result<std::vector<FactKey>> facts_after(Database& database, const FactKey& last, int limit) {
  auto rows =
      database.execute(Pool::work, kAfter,
                       std::move(Params{}.add(last.counterparty_id).add(last.source).add(limit)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<FactKey> keys;
  for (int row = 0; row < rows->size(); ++row)
    keys.push_back({rows->int64(row, 0), std::string(rows->text(row, 1))});
  return keys;
}

}  // namespace c360::store

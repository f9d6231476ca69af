#include "store/operations/report_batch.h"

#include <algorithm>
#include <set>
#include <span>

#include "daemon/base/json.h"
#include "store/custom_fields.h"
#include "store/operations/express_report.h"

namespace c360::store {
namespace {

constexpr int kPriority = -10;  // behind what a person waits for

constexpr Sql kTerms{"report_batch_terms", R"sql(
SELECT s.is_on, s.batch_limit, s.reports_per_second,
       (SELECT min(floor(q.remaining))::bigint FROM ops.service_quota AS q
         WHERE q.service = 'kontur' AND q.name ~ '(^|[ ,&/])briefReport($|[ ,&])' AND q.remaining IS NOT NULL)
  FROM ops.service_switch AS s WHERE s.service = 'kontur')sql"};
// The subject of an answer is the INN, as adapters/focus_reports.cpp keeps it.
constexpr std::string_view kJudge = R"sql(
SELECT t.id, {write}, t.inn IS NOT NULL AND NOT 'inn' = ANY (t.unverified_fields),
       coalesce(r.status = 'ready'
                AND r.obtained_at >= now() - s.report_days * interval '1 day', false),
       t.inn,
       EXISTS (SELECT FROM ops.service_answer AS a WHERE a.service = 'kontur'
                  AND a.method = 'briefReport' AND a.subject = t.inn AND a.valid_until > now()),
       EXISTS (SELECT FROM ops.service_answer AS a WHERE a.service = 'kontur'
                  AND a.subject = t.inn AND a.valid_until > now()
                  AND (a.method = 'briefReport.pdf' OR a.method = 'briefReport' AND a.is_negative)),
       $2::bigint
  FROM crm.counterparty AS t
  JOIN ops.service_switch AS s ON s.service = 'kontur'
  LEFT JOIN crm.express_report AS r ON r.counterparty_id = t.id AND r.inn = t.inn
 WHERE t.id = ANY ($1::bigint[]) AND t.deleted_at IS NULL AND {read}
 ORDER BY t.id)sql";

constexpr Sql kOpen{"report_batch_open", R"sql(
SELECT count(*) FROM ops.job
 WHERE kind = $1 AND status IN ('queued', 'running') AND created_by IS NOT DISTINCT FROM $2)sql"};
constexpr Sql kStart{"report_batch_start", R"sql(
WITH batch AS (
  INSERT INTO ops.report_batch (job_id, wants_fresh, filter, plan) VALUES ($1, $2, $3, $4::jsonb)),
items AS (
  INSERT INTO ops.report_batch_item (job_id, counterparty_id) SELECT $1, unnest($5::bigint[]))
UPDATE ops.job SET progress_total = cardinality($5::bigint[]) WHERE id = $1)sql"};

constexpr Sql kNext{"report_batch_next", R"sql(
SELECT j.is_paused OR j.cancel_requested, i.counterparty_id, i.attempts
  FROM ops.job AS j
  LEFT JOIN LATERAL (
    SELECT counterparty_id, attempts FROM ops.report_batch_item
     WHERE job_id = j.id AND state = 'pending'
     ORDER BY attempts, counterparty_id LIMIT 1) AS i ON true
 WHERE j.id = $1)sql"};
// Asked about as of the moment the batch was: what was bought since does for it, before a crash
// too.
constexpr Sql kAsk{"report_batch_ask", R"sql(
WITH wish AS (
  SELECT c.id, c.inn, b.wants_fresh, b.asked_at, j.created_by,
         EXISTS (SELECT FROM crm.express_report AS r
                  WHERE r.counterparty_id = c.id AND r.inn = c.inn AND r.status = 'ready'
                    AND r.obtained_at >= CASE WHEN b.wants_fresh THEN b.asked_at
                          ELSE now() - s.report_days * interval '1 day' END) AS is_kept
    FROM crm.counterparty AS c
    JOIN ops.report_batch AS b ON b.job_id = $1
    JOIN ops.job AS j ON j.id = b.job_id
    JOIN ops.service_switch AS s ON s.service = 'kontur'
   WHERE c.id = $2 AND c.deleted_at IS NULL AND c.inn IS NOT NULL),
asked AS (
  INSERT INTO crm.express_report AS r (counterparty_id, inn, wants_fresh, requested_at, requested_by)
  SELECT id, inn, wants_fresh, asked_at, created_by FROM wish WHERE NOT is_kept
  ON CONFLICT (counterparty_id) DO UPDATE
     SET status = 'queued', inn = excluded.inn, wants_fresh = excluded.wants_fresh,
         requested_at = excluded.requested_at, requested_by = excluded.requested_by
   WHERE r.status NOT IN ('queued', 'running') OR r.inn <> excluded.inn
      OR (excluded.wants_fresh AND NOT r.wants_fresh))
SELECT coalesce(bool_or(is_kept), false) FROM wish)sql"};
constexpr Sql kEnd{"report_batch_end", R"sql(
WITH ended AS (
  UPDATE ops.report_batch_item
     SET state = $3, reason = nullif($4, ''), detail = nullif($5, ''), ended_at = clock_timestamp()
   WHERE job_id = $1 AND counterparty_id = $2 AND state = 'pending'
  RETURNING job_id),
worked AS (
  UPDATE ops.report_batch AS b SET worked_ms = b.worked_ms + $6::bigint
    FROM ended WHERE b.job_id = ended.job_id)
UPDATE ops.job AS j
   SET progress_done = j.progress_done + 1,
       progress_failed = j.progress_failed + CASE WHEN $3 = 'failed' THEN 1 ELSE 0 END
  FROM ended WHERE j.id = ended.job_id)sql"};
constexpr Sql kAttempt{"report_batch_attempt", R"sql(
UPDATE ops.report_batch_item SET attempts = attempts + 1, reason = $3, detail = $4
 WHERE job_id = $1 AND counterparty_id = $2 AND state = 'pending')sql"};
constexpr Sql kWait{"report_batch_wait", R"sql(
UPDATE ops.report_batch SET wait_reason = nullif($2, ''), wait_remedy = nullif($3, '')
 WHERE job_id = $1)sql"};
constexpr Sql kFailed{"report_batch_failed", R"sql(
SELECT count(*) FROM ops.report_batch_item WHERE job_id = $1 AND state = 'failed')sql"};

// $1 the id of one, or none; $2 the user, or none for every batch; $3 ids below; $4 how many.
constexpr Sql kShow{"report_batch_show", R"sql(
SELECT j.id, json_build_object(
  'id', j.id,
  'state', CASE WHEN j.status = 'queued' AND j.is_paused THEN 'paused'
                WHEN j.status = 'queued' AND b.wait_reason IS NOT NULL AND j.run_at > now()
                THEN 'waiting' ELSE j.status END,
  'paused', j.is_paused, 'refresh', b.wants_fresh, 'filter', b.filter, 'plan', b.plan,
  'total', j.progress_total, 'done', j.progress_done, 'failed', j.progress_failed,
  'left_seconds', CASE
     WHEN j.status IN ('done', 'failed', 'canceled') THEN NULL
     WHEN j.progress_done = 0 THEN (b.plan ->> 'takes_seconds')::bigint
     ELSE ceil((j.progress_total - j.progress_done) * b.worked_ms / 1000.0 / j.progress_done) END,
  'reason', CASE WHEN j.status IN ('queued', 'running') THEN b.wait_reason ELSE j.error_code END,
  'detail', j.last_error,
  'remedy', CASE WHEN j.status IN ('queued', 'running') THEN b.wait_remedy END,
  'until', CASE WHEN j.status = 'queued' AND j.run_at > now() AND NOT j.is_paused
                THEN j.run_at END,
  'created_at', j.created_at, 'created_by', j.created_by, 'finished_at', j.finished_at)::text
  FROM ops.report_batch AS b JOIN ops.job AS j ON j.id = b.job_id
 WHERE ($1::bigint IS NULL OR j.id = $1::bigint) AND ($2::bigint IS NULL OR j.created_by = $2::bigint)
   AND ($3::bigint IS NULL OR j.id < $3::bigint)
 ORDER BY j.id DESC LIMIT $4)sql"};
constexpr Sql kItems{"report_batch_items", R"sql(
SELECT counterparty_id, json_build_object(
  'counterparty_id', counterparty_id, 'state', state, 'attempts', attempts, 'reason', reason,
  'detail', detail, 'ended_at', ended_at)::text
  FROM ops.report_batch_item
 WHERE job_id = $1 AND ($2 = '' OR state = $2) AND counterparty_id > $3
 ORDER BY counterparty_id LIMIT $4)sql"};

struct Terms {
  int limit = 0;
  int per_second = 1;
  std::optional<std::int64_t> left;
};

Result<Terms> terms_now(Transaction& tx) {
  const auto rows = tx.query(kTerms);
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty() || !(*rows)->boolean(0, 0))
    return fail(ErrorCode::conflict, "Kontur.Focus is off: no key is set, or it is switched off.",
                "adapter_off");
  return Terms{.limit = static_cast<int>((*rows)->int64(0, 1)),
               .per_second = static_cast<int>((*rows)->int64(0, 2)),
               .left = (*rows)->optional_int64(0, 3)};
}

std::unexpected<Error> too_many(std::string_view pointer, int limit) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "At most " + std::to_string(limit) +
                        " counterparties in one batch (kontur_focus.batch_limit).",
              .reason = "too_many"};
  error.fields.push_back({std::string(pointer), error.reason, error.detail});
  return std::unexpected(std::move(error));
}

// What the list has, whole; one row more than the limit is enough to know that it is too long.
Result<std::vector<std::int64_t>> listed(Records& records, Transaction& tx, const BatchWish& wish,
                                         const Actor& actor, int limit) {
  const auto custom = read_custom_fields(tx);
  if (!custom) return std::unexpected(custom.error());
  Parameters parameters = wish.filter;
  const Resource& counterparty = records.registry().get("counterparty");
  const auto sections = records.sections(tx);
  if (!sections) return std::unexpected(sections.error());
  (*sections)->filter_by_default(counterparty, parameters);
  parameters.emplace_back("fields", "id");
  parameters.emplace_back("sort", "id");
  auto plan = records.queries().list(counterparty, parameters, actor, **custom, limit);
  if (!plan) return std::unexpected(std::move(plan).error());
  const auto rows = tx.query(plan->page.sql, std::move(plan->page.params));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->size() > limit) return too_many("/filter", limit);
  std::vector<std::int64_t> ids;
  for (int row = 0; row < (*rows)->size(); ++row) ids.push_back((*rows)->int64(row, 0));
  return ids;
}

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
  return text.replace(text.find(mark), mark.size(), by);
}

// Sorts the rows of kJudge into the plan. One answer does for several branches of one company.
void judge(const Rows& rows, const BatchWish& wish, BatchPlan& plan) {
  std::set<std::string, std::less<>> levels;
  std::set<std::string, std::less<>> files;
  std::set<std::string, std::less<>> companies;
  for (int row = 0; row < rows.size(); ++row) {
    if (!rows.boolean(row, 1)) {
      ++plan.read_only;
    } else if (!rows.boolean(row, 2)) {
      ++plan.without_inn;
    } else if (!wish.fresh && rows.boolean(row, 3)) {
      ++plan.kept;
    } else {
      plan.wanted.push_back(rows.int64(row, 0));
      const std::string subject(rows.text(row, 4));
      if (wish.fresh || !rows.boolean(row, 5)) levels.insert(subject);
      if (wish.fresh || !rows.boolean(row, 6)) files.insert(subject);
    }
  }
  companies.insert(levels.begin(), levels.end());
  companies.insert(files.begin(), files.end());
  plan.found = rows.size();
  plan.calls = static_cast<std::int64_t>(levels.size() + files.size());
  plan.charged = static_cast<std::int64_t>(companies.size());
}

Result<BatchPage> page_of(Result<Rows> rows, int limit) {
  if (!rows) return std::unexpected(rows.error());
  BatchPage page;
  for (int row = 0; row < rows->size(); ++row) page.rows.emplace_back(rows->text(row, 1));
  if (rows->size() == limit) page.next = rows->int64(limit - 1, 0);
  return page;
}

std::optional<std::int64_t> owner(const Actor& actor) {
  return actor.is_administrator() ? std::nullopt : actor.user_id;
}

}  // namespace

Result<BatchPlan> plan_report_batch(Records& records, Transaction& tx, const BatchWish& wish,
                                    const Actor& actor) {
  const auto terms = terms_now(tx);
  if (!terms) return std::unexpected(terms.error());
  std::vector<std::int64_t> ids = wish.ids;
  if (wish.filter_text) {
    auto found = listed(records, tx, wish, actor, terms->limit);
    if (!found) return std::unexpected(std::move(found).error());
    ids = std::move(*found);
  }
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  if (std::cmp_greater(ids.size(), terms->limit)) return too_many("/ids", terms->limit);

  const Resource& counterparty = records.registry().get("counterparty");
  const AccessRules& access = records.access();
  const auto right = [&](Right wanted) {
    return access.predicate(actor, counterparty, wanted, "t", "$2::bigint").sql;
  };
  std::string sql = replaced(std::string(kJudge), "{write}", right(Right::write));
  const Plan plan_of_rows =
      records.queries().keep_always(replaced(std::move(sql), "{read}", right(Right::read)));
  const auto rows = tx.query(
      plan_of_rows.sql,
      std::move(Params{}.add_array(std::span<const std::int64_t>(ids)).add(actor.user_id)));
  if (!rows) return std::unexpected(rows.error());
  BatchPlan plan{.left = terms->left};
  judge(**rows, wish, plan);
  plan.unseen = static_cast<std::int64_t>(ids.size()) - plan.found;
  const auto wanted = static_cast<std::int64_t>(plan.wanted.size());
  plan.takes = std::chrono::seconds{(wanted + terms->per_second - 1) / terms->per_second};
  return plan;
}

Result<std::int64_t> start_report_batch(Transaction& tx, const BatchWish& wish,
                                        const BatchPlan& plan, const Actor& actor) {
  if (plan.wanted.empty()) return 0;
  const auto open = tx.query(kOpen, std::move(Params{}.add(kReportBatchJob).add(actor.user_id)));
  if (!open) return std::unexpected(open.error());
  if ((*open)->int64(0, 0) >= kMaxOpenBatches)
    return fail(ErrorCode::conflict,
                std::to_string(kMaxOpenBatches) +
                    " batches of reports of yours are not finished yet; wait for one, or cancel "
                    "it.",
                "too_many_batches");
  const Ticket ticket = queue_job(tx, {.kind = std::string(kReportBatchJob),
                                       .priority = kPriority,
                                       .created_by = actor.user_id,
                                       .trigger = "api"});
  if (auto made = tx.run(); !made) return std::unexpected(made.error());
  const std::int64_t id = enqueued(tx.rows(ticket)).id;
  tx.queue(kStart, std::move(Params{}
                                 .add(id)
                                 .add(wish.fresh)
                                 .add(wish.filter_text)
                                 .add(to_json(plan, false))
                                 .add_array(std::span<const std::int64_t>(plan.wanted))));
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  return id;
}

std::string to_json(const BatchPlan& plan, bool dry_run) {
  JsonWriter json;
  json.begin_object()
      .member("dry_run", dry_run)
      .member("found", plan.found)
      .member("reports", static_cast<std::int64_t>(plan.wanted.size()))
      .member("kept", plan.kept)
      .member("without_inn", plan.without_inn)
      .member("read_only", plan.read_only)
      .member("unseen", plan.unseen)
      .member("calls", plan.calls)
      .member("charged", plan.charged)
      .key("quota_left");
  plan.left ? json.integer(*plan.left) : json.null();
  json.member("is_enough", plan.is_enough())
      .member("takes_seconds", static_cast<std::int64_t>(plan.takes.count()))
      .end_object();
  return json.take();
}

Result<BatchStep> next_batch_item(Transaction& tx, const Job& job) {
  const auto rows = tx.query(kNext, Params{}.add(job.id));
  if (!rows) return std::unexpected(rows.error());
  BatchStep step;
  if ((*rows)->empty()) return step;
  step.rests = (*rows)->boolean(0, 0);
  const auto id = (*rows)->optional_int64(0, 1);
  if (step.rests || !id) return step;
  step.item = BatchItem{.counterparty_id = *id, .attempts = static_cast<int>((*rows)->int64(0, 2))};
  const auto asked = tx.query(kAsk, std::move(Params{}.add(job.id).add(*id)));
  if (!asked) return std::unexpected(asked.error());
  step.is_kept = (*asked)->boolean(0, 0);
  return step;
}

void queue_batch_item_end(Transaction& tx, const Job& job, const BatchItemEnd& end) {
  tx.queue(kEnd, std::move(Params{}
                               .add(job.id)
                               .add(end.counterparty_id)
                               .add(end.state)
                               .add(end.reason)
                               .add(end.detail)
                               .add(static_cast<std::int64_t>(end.took.count()))));
}

void queue_batch_item_attempt(Transaction& tx, const Job& job, std::int64_t counterparty_id,
                              std::string_view reason, std::string_view detail) {
  tx.queue(kAttempt, std::move(Params{}.add(job.id).add(counterparty_id).add(reason).add(detail)));
}

Result<void> note_batch_wait(Database& database, const Job& job, std::string_view reason,
                             std::string_view remedy) {
  auto rows =
      database.execute(Pool::work, kWait, std::move(Params{}.add(job.id).add(reason).add(remedy)));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::int64_t> failed_batch_items(Database& database, const Job& job) {
  auto rows = database.execute(Pool::work, kFailed, Params{}.add(job.id));
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

Result<std::string> report_batch_json(Database& database, std::int64_t id, const Actor& actor) {
  auto rows = database.execute(Pool::api, kShow,
                               std::move(Params{}.add(id).add(owner(actor)).add_null().add(1)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(ErrorCode::not_found,
                "There is no batch " + std::to_string(id) + ", or it is somebody else's.");
  return std::string(rows->text(0, 1));
}

Result<BatchPage> list_report_batches(Database& database, std::optional<std::int64_t> before,
                                      int limit, const Actor& actor) {
  return page_of(
      database.execute(Pool::api, kShow,
                       std::move(Params{}.add_null().add(owner(actor)).add(before).add(limit))),
      limit);
}

Result<BatchPage> list_batch_items(Database& database, std::int64_t id, std::string_view state,
                                   std::int64_t above, int limit, const Actor& actor) {
  if (auto seen = report_batch_json(database, id, actor); !seen)
    return std::unexpected(seen.error());
  return page_of(database.execute(Pool::api, kItems,
                                  std::move(Params{}.add(id).add(state).add(above).add(limit))),
                 limit);
}

const std::vector<std::string>& batch_item_states() {
  static const std::vector<std::string> kStates = {"pending",   "ready",  "kept",
                                                   "not_found", "failed", "gone"};
  return kStates;
}

}  // namespace c360::store

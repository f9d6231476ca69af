// What the write of a record brings with it in other tables, in the same transaction: searched
// phones, the take-to-work task, the main contact of a counterparty.
#include <algorithm>

#include "daemon/base/json.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

constexpr Sql kDeletePhones{"c360_phones_delete", R"sql(
DELETE FROM crm.record_phone WHERE record_id = $1::bigint AND source_field = ANY ($2::text[])
)sql"};
constexpr Sql kInsertPhones{"c360_phones_insert", R"sql(
INSERT INTO crm.record_phone (record_id, source_field, raw, e164, extension)
SELECT coalesce($1::bigint, currval('crm.record_id_seq')), p.field, p.raw, p.e164, p.extension
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS p(field, raw, e164, extension)
ON CONFLICT DO NOTHING
)sql"};
constexpr Sql kInsertUserPhones{"c360_user_phones", R"sql(
WITH gone AS (DELETE FROM crm.user_phone WHERE user_id = $1::bigint
                                         AND source_field = ANY ($2::text[]))
INSERT INTO crm.user_phone (user_id, source_field, raw, e164, extension)
SELECT coalesce($1::bigint, currval(pg_get_serial_sequence('crm.user', 'id'))), p.field, p.raw,
       p.e164, p.extension
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS p(field, raw, e164, extension)
WHERE p.e164 IS NOT NULL
ON CONFLICT (user_id, source_field, raw)
DO UPDATE SET e164 = excluded.e164, extension = excluded.extension
)sql"};
constexpr Sql kOpenTask{"c360_task_open", R"sql(
INSERT INTO crm.task (kind, record_id, title_ru, title_en, assignee_group_id, outcomes)
VALUES ('take_to_work', coalesce($1::bigint, currval('crm.record_id_seq')), $2::text, $3::text,
        $4::text, $5::jsonb)
ON CONFLICT DO NOTHING
)sql"};
constexpr Sql kCancelTakeToWork{"c360_task_cancel", R"sql(
UPDATE crm.task SET status = 'canceled', completed_at = now()
WHERE record_id = $1::bigint AND kind = 'take_to_work' AND status = 'active'
)sql"};
constexpr Sql kCancelTasks{"c360_tasks_cancel", R"sql(
UPDATE crm.task SET status = 'canceled', completed_at = now()
WHERE record_id = $1::bigint AND status = 'active'
)sql"};
// $3 user, $4 request, $5 origin: of the history of whoever loses or gets the mark.
constexpr Sql kDemoteMain{"c360_contact_demote", R"sql(
WITH lost AS (
    UPDATE crm.contact c SET is_main = false, row_version = c.row_version + 1, updated_at = now(),
                             updated_by = $3::bigint
    WHERE c.counterparty_id = $1::bigint AND c.is_main AND c.id IS DISTINCT FROM $2::bigint
    RETURNING c.id, c.row_version)
INSERT INTO crm.history_event (record_id, record_kind, event, changes, actor_id, version, request_id,
                               origin)
SELECT l.id, 'contact', 'updated', '[{"field": "is_main", "old": true, "new": false}]', $3::bigint,
       l.row_version, nullif($4::text, ''), $5::text FROM lost l
)sql"};
// Of one that this transaction made the mark is part of its making.
constexpr Sql kPromoteMain{"c360_contact_promote", R"sql(
WITH got AS (
    UPDATE crm.contact c
    SET is_main = true, row_version = c.row_version + f.older::integer, updated_at = now(),
        updated_by = $2::bigint
    FROM (SELECT DISTINCT ON (k.counterparty_id) k.id, k.created_at <> now() AS older
          FROM crm.contact k
          WHERE k.counterparty_id = ANY ($1::bigint[]) AND k.deleted_at IS NULL
            AND NOT EXISTS (SELECT FROM crm.contact m
                            WHERE m.counterparty_id = k.counterparty_id AND m.is_main
                              AND m.deleted_at IS NULL)
          ORDER BY k.counterparty_id, k.id) f
    WHERE c.id = f.id
    RETURNING c.id, c.row_version, f.older)
INSERT INTO crm.history_event (record_id, record_kind, event, changes, actor_id, version, request_id,
                               origin)
SELECT g.id, 'contact', 'updated', '[{"field": "is_main", "old": false, "new": true}]', $2::bigint,
       g.row_version, nullif($3::text, ''), $4::text FROM got g WHERE g.older
)sql"};
constexpr Sql kRemoveCommentActivity{"c360_comment_activity_remove", R"sql(
UPDATE crm.activity SET deleted_at = now(), row_version = row_version + 1, updated_at = now()
WHERE comment_id = $1::bigint AND deleted_at IS NULL
)sql"};

void queue_phones(Transaction& tx, const Draft& draft, std::optional<std::int64_t> id,
                  const RecordsOptions& options) {
  const Resource& resource = draft.resource();
  const bool of_user = resource.kind == "user";
  if (!resource.is_record && !of_user) return;
  std::vector<std::string> touched;
  std::vector<std::optional<std::string>> fields;
  std::vector<std::optional<std::string>> raw;
  std::vector<std::optional<std::string>> e164;
  std::vector<std::optional<std::string>> extensions;
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    const Field& field = resource.fields[i];
    if (field.type != FieldType::phone || !draft.changed(i)) continue;
    touched.emplace_back(field.name);
    const auto value = draft.get(i);
    if (!value || !options.normalise_phone) continue;
    const auto normalised = options.normalise_phone(*value);
    if (!normalised) continue;
    fields.emplace_back(std::string(field.name));
    raw.emplace_back(std::string(*value));
    e164.emplace_back(normalised->e164);
    extensions.emplace_back(normalised->extension);
  }
  if (touched.empty()) return;
  if (id && !draft.creating() && !of_user) {
    Params gone;
    gone.add(*id).add_array(std::span<const std::string>(touched));
    tx.queue(kDeletePhones, std::move(gone));
  }
  if (fields.empty() && !of_user) return;
  Params params;
  params.add(id);
  params.add_array(std::span<const std::optional<std::string>>(fields));
  params.add_array(std::span<const std::optional<std::string>>(raw));
  params.add_array(std::span<const std::optional<std::string>>(e164));
  params.add_array(std::span<const std::optional<std::string>>(extensions));
  tx.queue(of_user ? kInsertUserPhones : kInsertPhones, std::move(params));
}

void queue_take_to_work(Transaction& tx, const Draft& draft, std::optional<std::int64_t> id,
                        const AccessRules& access) {
  const Resource& resource = draft.resource();
  if (resource.refusal_outcome.empty()) return;
  const bool refused = draft.get("status") == resource.refusal_status;
  if (draft.creating()) {
    if (draft.has("responsible_id") || refused) return;
    Params params;
    params.add(id).add(kTakeToWorkRu).add(kTakeToWorkEn).add(access.manager_group());
    params.add(take_to_work_outcomes(resource));
    tx.queue(kOpenTask, std::move(params));
    return;
  }
  const bool taken = draft.changed("responsible_id") && draft.has("responsible_id");
  if (id && (taken || (refused && draft.changed("status")))) {
    tx.queue(kCancelTakeToWork, Params{}.add(*id));
  }
}

}  // namespace

std::string take_to_work_outcomes(const Resource& resource) {
  Json::Array outcomes;
  const auto add = [&](std::string_view id, std::string_view ru, std::string_view en) {
    outcomes.push_back(Json::Object{{"id", Json(id)}, {"ru", Json(ru)}, {"en", Json(en)}});
  };
  add("take_to_work", "Взять в работу", "Take to work");
  if (resource.refusal_outcome == "disqualify") {
    add("disqualify", "Дисквалифицировать", "Disqualify");
  } else {
    add(resource.refusal_outcome, "Отсеять", "Drop out");
  }
  return Json(std::move(outcomes)).dump();
}

namespace {

void add_actor(Params& params, const Actor& actor) {
  params.add(actor.user_id).add(std::string_view(actor.request_id));
  params.add(std::string_view(actor.origin));
}

// The marks that only one row has move to this one.
void queue_sole_marks(Transaction& tx, const Draft& draft, std::optional<std::int64_t> id) {
  const Resource& resource = draft.resource();
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    const Field& field = resource.fields[i];
    if (!field.is_sole || draft.get(i) != "t") continue;
    bool moves = draft.changed(i);
    Params params;
    params.add(id);
    for (const std::string_view column : field.sole_among) {
      moves = moves || draft.changed(column);
      params.add(draft.get(column));
    }
    add_actor(params, draft.actor());
    if (moves) tx.queue(Sql{{}, field.take_mark}, std::move(params));
  }
}

}  // namespace

void queue_effects_before(Transaction& tx, const Draft& draft, std::optional<std::int64_t> id) {
  queue_sole_marks(tx, draft, id);
  if (draft.resource().kind != "contact") return;
  // The mark moves: the former main contact loses it before this one gets it.
  if (draft.get("is_main") != "t" || !draft.has("counterparty_id")) return;
  if (!draft.changed("is_main") && !draft.changed("counterparty_id")) return;
  Params params;
  params.add(*draft.get("counterparty_id")).add(id);
  add_actor(params, draft.actor());
  tx.queue(kDemoteMain, std::move(params));
}

void queue_effects(Transaction& tx, const Draft& draft, std::optional<std::int64_t> id,
                   const RecordsOptions& options, const AccessRules& access) {
  queue_phones(tx, draft, id, options);
  queue_take_to_work(tx, draft, id, access);
  if (draft.resource().kind == "contact" && !draft.creating() && draft.changed("counterparty_id")) {
    if (const auto old = draft.before("counterparty_id")) {
      queue_promote_main(tx, {std::stoll(std::string(*old))}, draft.actor());
    }
  }
}

void queue_removal_effects(Transaction& tx, const Draft& draft, std::int64_t id) {
  const Resource& resource = draft.resource();
  if (resource.is_record) tx.queue(kCancelTasks, Params{}.add(id));
  if (resource.kind == "contact") {
    if (const auto counterparty = draft.before("counterparty_id")) {
      queue_promote_main(tx, {std::stoll(std::string(*counterparty))}, draft.actor());
    }
  }
  if (resource.kind == "comment") tx.queue(kRemoveCommentActivity, Params{}.add(id));
}

void queue_promote_main(Transaction& tx, const std::vector<std::int64_t>& counterparties,
                        const Actor& actor) {
  if (counterparties.empty()) return;
  Params params;
  params.add_array(std::span<const std::int64_t>(counterparties));
  add_actor(params, actor);
  tx.queue(kPromoteMain, std::move(params));
}

}  // namespace c360::store

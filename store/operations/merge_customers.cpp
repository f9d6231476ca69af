#include "store/operations/merge_customers.h"

#include <vector>

namespace c360::store {
namespace {

constexpr Sql kDeferPins{"c360_merge_defer", "SET CONSTRAINTS ALL DEFERRED"};

// $1 the source, $2 the target, $3 user, $4 request, $5 origin.
constexpr Sql kDemoteContacts{"c360_merge_demote_contacts", R"sql(
WITH demoted AS (
    UPDATE crm.contact c
    SET is_main = false, row_version = c.row_version + 1, updated_at = now(), updated_by = $3::bigint
    WHERE c.counterparty_id = $1::bigint AND c.is_main
      AND EXISTS (SELECT FROM crm.contact t WHERE t.counterparty_id = $2::bigint AND t.is_main
                  AND t.deleted_at IS NULL)
    RETURNING c.id, c.row_version), told AS (
    INSERT INTO crm.history_event (record_id, record_kind, event, changes, actor_id, version,
                                   request_id, origin)
    SELECT d.id, 'contact', 'updated', '[{"field": "is_main", "old": true, "new": false}]',
           $3::bigint, d.row_version, nullif($4::text, ''), $5::text FROM demoted d)
SELECT id FROM demoted ORDER BY id
)sql"};
constexpr Sql kDemoteEntities{"c360_merge_demote_entities", R"sql(
WITH demoted AS (
    UPDATE crm.legal_entity c
    SET is_primary = false, row_version = c.row_version + 1, updated_at = now(),
        updated_by = $3::bigint
    WHERE c.counterparty_id = $1::bigint AND c.is_primary
      AND EXISTS (SELECT FROM crm.legal_entity t WHERE t.counterparty_id = $2::bigint
                  AND t.is_primary AND t.deleted_at IS NULL)
    RETURNING c.id, c.row_version), told AS (
    INSERT INTO crm.history_event (record_id, record_kind, event, changes, actor_id, version,
                                   request_id, origin)
    SELECT d.id, 'legal_entity', 'updated', '[{"field": "is_primary", "old": true, "new": false}]',
           $3::bigint, d.row_version, nullif($4::text, ''), $5::text FROM demoted d)
SELECT id FROM demoted ORDER BY id
)sql"};
// The same back: $1 ids, $2 the source that has them again.
constexpr Sql kPromoteContacts{"c360_unmerge_promote_contacts", R"sql(
WITH promoted AS (
    UPDATE crm.contact c
    SET is_main = true, row_version = c.row_version + 1, updated_at = now(), updated_by = $3::bigint
    WHERE c.id = ANY ($1::bigint[]) AND c.counterparty_id = $2::bigint AND NOT c.is_main
    RETURNING c.id, c.row_version)
INSERT INTO crm.history_event (record_id, record_kind, event, changes, actor_id, version, request_id,
                               origin)
SELECT p.id, 'contact', 'updated', '[{"field": "is_main", "old": false, "new": true}]', $3::bigint,
       p.row_version, nullif($4::text, ''), $5::text FROM promoted p
)sql"};
constexpr Sql kPromoteEntities{"c360_unmerge_promote_entities", R"sql(
WITH promoted AS (
    UPDATE crm.legal_entity c
    SET is_primary = true, row_version = c.row_version + 1, updated_at = now(),
        updated_by = $3::bigint
    WHERE c.id = ANY ($1::bigint[]) AND c.counterparty_id = $2::bigint AND NOT c.is_primary
    RETURNING c.id, c.row_version)
INSERT INTO crm.history_event (record_id, record_kind, event, changes, actor_id, version, request_id,
                               origin)
SELECT p.id, 'legal_entity', 'updated', '[{"field": "is_primary", "old": false, "new": true}]',
       $3::bigint, p.row_version, nullif($4::text, ''), $5::text FROM promoted p
)sql"};

// Consent is never filled in; a refusal goes along, unless the target agreed after it.
constexpr Sql kCarriedRefusal{"c360_merge_refusal", R"sql(
SELECT coalesce(nullif(s.promo_emails_basis, ''),
                'Отказ контрагента № ' || s.number || ', объединённого с этим'),
       t.promo_emails_basis
FROM crm.counterparty s, crm.counterparty t
WHERE s.id = $1::bigint AND t.id = $2::bigint AND t.promo_emails_allowed
  AND NOT s.promo_emails_allowed AND s.promo_emails_changed_at IS NOT NULL
  AND coalesce(t.promo_emails_changed_at <= s.promo_emails_changed_at, true)
)sql"};

constexpr Sql kJoinProjects{"c360_merge_projects", R"sql(
WITH gone AS (DELETE FROM crm.project_counterparty WHERE counterparty_id = $1::bigint
              RETURNING project_id),
joined AS (INSERT INTO crm.project_counterparty (project_id, counterparty_id)
           SELECT project_id, $2::bigint FROM gone ON CONFLICT DO NOTHING RETURNING project_id)
SELECT g.project_id, j.project_id IS NOT NULL FROM gone g LEFT JOIN joined j USING (project_id)
ORDER BY 1
)sql"};
constexpr Sql kJoinReleases{"c360_merge_releases", R"sql(
WITH gone AS (DELETE FROM crm.release_counterparty WHERE counterparty_id = $1::bigint
              RETURNING release_id),
joined AS (INSERT INTO crm.release_counterparty (release_id, counterparty_id)
           SELECT release_id, $2::bigint FROM gone ON CONFLICT DO NOTHING RETURNING release_id)
SELECT g.release_id, j.release_id IS NOT NULL FROM gone g LEFT JOIN joined j USING (release_id)
ORDER BY 1
)sql"};
// $1 the target, $2 the source, $3 what the source had, $4 what the target got by it.
constexpr Sql kPartProjects{"c360_unmerge_projects", R"sql(
WITH gone AS (DELETE FROM crm.project_counterparty
              WHERE counterparty_id = $1::bigint AND project_id = ANY ($4::bigint[]))
INSERT INTO crm.project_counterparty (project_id, counterparty_id)
SELECT p.id, $2::bigint FROM crm.project p WHERE p.id = ANY ($3::bigint[]) ON CONFLICT DO NOTHING
)sql"};
constexpr Sql kPartReleases{"c360_unmerge_releases", R"sql(
WITH gone AS (DELETE FROM crm.release_counterparty
              WHERE counterparty_id = $1::bigint AND release_id = ANY ($4::bigint[]))
INSERT INTO crm.release_counterparty (release_id, counterparty_id)
SELECT r.id, $2::bigint FROM crm.release r WHERE r.id = ANY ($3::bigint[]) ON CONFLICT DO NOTHING
)sql"};

void add_actor(Params& params, const Actor& actor) {
  params.add(actor.user_id).add(std::string_view(actor.request_id));
  params.add(std::string_view(actor.origin));
}

Json ids_of(const Rows& rows) {
  Json::Array ids;
  for (int row = 0; row < rows.size(); ++row) ids.emplace_back(rows.int64(row, 0));
  return ids;
}

Json links_of(const Rows& rows) {
  Json::Array links;
  for (int row = 0; row < rows.size(); ++row) {
    links.push_back(Json::Object{{"id", rows.int64(row, 0)}, {"joined", rows.boolean(row, 1)}});
  }
  return links;
}

std::vector<std::int64_t> plain_ids(const Json* list) {
  std::vector<std::int64_t> ids;
  if (list == nullptr) return ids;
  for (const Json& each : list->as_array()) ids.push_back(each.as_int64().value_or(0));
  return ids;
}

std::vector<std::int64_t> link_ids(const Json* list, bool joined_only) {
  std::vector<std::int64_t> ids;
  if (list == nullptr) return ids;
  for (const Json& each : list->as_array()) {
    if (joined_only && !each.find("joined")->as_bool()) continue;
    ids.push_back(each.find("id")->as_int64().value_or(0));
  }
  return ids;
}

}  // namespace

void queue_deferred_pins(Transaction& tx) { tx.queue(kDeferPins); }

Result<std::optional<CarriedRefusal>> carried_refusal(Transaction& tx, std::int64_t source,
                                                      std::int64_t target) {
  const auto rows = tx.query(kCarriedRefusal, std::move(Params{}.add(source).add(target)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return std::nullopt;
  CarriedRefusal refusal{.basis = std::string((*rows)->text(0, 0)), .basis_before = {}};
  if (const auto before = (*rows)->optional_text(0, 1)) refusal.basis_before = *before;
  return refusal;
}

Result<Json> join_customers(Transaction& tx, std::int64_t source, std::int64_t target,
                            const Actor& actor) {
  Params both;
  both.add(source).add(target);
  Params marks = both;
  add_actor(marks, actor);
  const Ticket contacts = tx.queue(kDemoteContacts, marks);
  const Ticket entities = tx.queue(kDemoteEntities, std::move(marks));
  const Ticket projects = tx.queue(kJoinProjects, both);
  const Ticket releases = tx.queue(kJoinReleases, std::move(both));
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  return Json(Json::Object{{"contacts_demoted", ids_of(tx.rows(contacts))},
                           {"entities_demoted", ids_of(tx.rows(entities))},
                           {"projects", links_of(tx.rows(projects))},
                           {"releases", links_of(tx.rows(releases))}});
}

void queue_parting(Transaction& tx, std::int64_t target, std::int64_t source, const Json& joined,
                   const Actor& actor) {
  const auto promote = [&](const Sql& sql, std::string_view list) {
    const auto ids = plain_ids(joined.find(list));
    Params params;
    params.add_array(std::span<const std::int64_t>(ids)).add(source);
    add_actor(params, actor);
    tx.queue(sql, std::move(params));
  };
  const auto part = [&](const Sql& sql, std::string_view list) {
    const auto had = link_ids(joined.find(list), false);
    const auto got = link_ids(joined.find(list), true);
    Params params;
    params.add(target).add(source).add_array(std::span<const std::int64_t>(had));
    params.add_array(std::span<const std::int64_t>(got));
    tx.queue(sql, std::move(params));
  };
  promote(kPromoteContacts, "contacts_demoted");
  promote(kPromoteEntities, "entities_demoted");
  part(kPartProjects, "projects");
  part(kPartReleases, "releases");
}

}  // namespace c360::store

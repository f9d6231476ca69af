#include "store/operations/record_links.h"

#include <algorithm>
#include <array>

#include "daemon/base/text.h"
#include "store/history.h"
#include "store/record_json.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

constexpr std::array<std::string_view, 4> kKinds = {"related", "based_on", "reply_to", "web"};

constexpr Sql kThere{"c360_link_there", R"sql(
SELECT FROM crm.record_link
WHERE from_id = $1::bigint AND kind = $3::text AND to_id IS NOT DISTINCT FROM $2::bigint
  AND url IS NOT DISTINCT FROM nullif($4::text, '')
)sql"};
constexpr Sql kInsert{"c360_link_insert", R"sql(
INSERT INTO crm.record_link (from_id, to_id, kind, url, title, created_by)
VALUES ($1::bigint, $2::bigint, $3::text, nullif($4::text, ''), nullif($5::text, ''), $6::bigint)
RETURNING id
)sql"};
constexpr Sql kRead{"c360_link_read", R"sql(
SELECT l.kind, l.to_id, to_jsonb(l) FROM crm.record_link l WHERE id = $2::bigint AND from_id = $1::bigint FOR UPDATE
)sql"};
constexpr Sql kDelete{"c360_link_delete", "DELETE FROM crm.record_link WHERE id = $1::bigint"};

// The name each kind of record shows; NULL where it has none.
std::string name_of(const Registry& registry, const std::string& id) {
  std::string sql = "CASE r.kind";
  for (const auto& each : registry.all()) {
    if (!each->is_record || each->name_field.empty()) continue;
    if (!each->field(each->name_field).has_column()) continue;
    sql += " WHEN '" + std::string(each->kind) + "' THEN (SELECT n." +
           std::string(each->name_field) + "::text FROM " + std::string(each->table) +
           " n WHERE n.id = " + id + ")";
  }
  return sql + " END";
}

constexpr std::string_view kLinksOfRecord = R"sql(
SELECT l.id, l.kind, 'out' AS direction, l.to_id AS other_id, l.url, l.title, l.created_by,
       l.created_at
FROM crm.record_link l WHERE l.from_id = $1::bigint
UNION ALL
SELECT l.id, l.kind, 'in', l.from_id, l.url, l.title, l.created_by, l.created_at
FROM crm.record_link l WHERE l.to_id = $1::bigint
)sql";

// Those of now, each end where it was before later merges; and those taken away since, which
// history keeps whole.
constexpr std::string_view kLinksOfThen = R"sql(
WITH moment AS (SELECT current_setting('c360.as_of')::timestamptz AS at),
later AS (SELECT g.source_id, g.target_id, g.moved FROM crm.merge g, moment
          WHERE g.source_id = $1::bigint AND g.undone_at IS NULL AND g.merged_at > moment.at
          UNION ALL
          SELECT g.source_id, g.target_id, g.moved FROM crm.merge g, moment
          WHERE g.target_id = $1::bigint AND g.undone_at IS NULL AND g.merged_at > moment.at),
came AS (SELECT v.id::bigint AS id FROM later, jsonb_array_elements_text(
             coalesce(moved -> 'links_from', '[]') || coalesce(moved -> 'links_to', '[]')) v(id)
         WHERE target_id = $1::bigint),
went AS (SELECT v.id::bigint AS id, side FROM later, (VALUES ('links_from'), ('links_to')) s(side),
             jsonb_array_elements_text(coalesce(moved -> side, '[]')) v(id)
         WHERE source_id = $1::bigint),
gone AS (SELECT jsonb_populate_record(NULL::crm.record_link, c.change #> '{old,link}') AS link
         FROM moment, crm.history_event h CROSS JOIN jsonb_array_elements(h.changes) c(change)
         WHERE h.happened_at > moment.at AND h.changes @> '[{"field": "links"}]'
           AND (h.changes @> jsonb_build_array(jsonb_build_object('field', 'links', 'old',
                    jsonb_build_object('link', jsonb_build_object('from_id', $1::bigint))))
                OR h.changes @> jsonb_build_array(jsonb_build_object('field', 'links', 'old',
                    jsonb_build_object('link', jsonb_build_object('to_id', $1::bigint)))))
           AND c.change #> '{old,link}' IS NOT NULL),
links AS (SELECT l.id, l.kind, 'out' AS direction, l.to_id AS other_id, l.url, l.title,
                 l.created_by, l.created_at
          FROM crm.record_link l
          WHERE l.from_id = $1::bigint AND l.id NOT IN (SELECT id FROM came)
             OR l.id IN (SELECT id FROM went WHERE side = 'links_from')
          UNION ALL
          SELECT l.id, l.kind, 'in', l.from_id, l.url, l.title, l.created_by, l.created_at
          FROM crm.record_link l
          WHERE l.to_id = $1::bigint AND l.id NOT IN (SELECT id FROM came)
             OR l.id IN (SELECT id FROM went WHERE side = 'links_to')
          UNION ALL
          SELECT (link).id, (link).kind,
                 CASE WHEN (link).from_id = $1::bigint THEN 'out' ELSE 'in' END,
                 CASE WHEN (link).from_id = $1::bigint THEN (link).to_id ELSE (link).from_id END,
                 (link).url, (link).title, (link).created_by, (link).created_at FROM gone)
SELECT links.* FROM links, moment WHERE links.created_at <= moment.at
)sql";

// `links`: the statement that gives them. What was deleted since was there then.
std::string links_sql(const Records& records, const Actor& actor, std::string_view links,
                      bool live_only) {
  const Predicate seen =
      records.access().record_predicate(actor, Right::read, "x.other_id", "$2::bigint");
  return "SELECT x.id, x.kind, x.direction, x.other_id, r.kind, " +
         name_of(records.registry(), "x.other_id") +
         ", x.url, x.title, x.created_by, x.created_at FROM (" + std::string(links) +
         ") x LEFT JOIN crm.record r ON r.id = x.other_id WHERE (x.other_id IS NULL OR (" +
         (live_only ? "coalesce(crm.record_is_live(x.other_id), false) AND " : "") + seen.sql +
         " AND r.kind = ANY ($3::text[]))) AND ($2::bigint IS NULL OR true) ORDER BY x.id DESC "
         "LIMIT " +
         std::to_string(kMaxLinks);
}

Result<void> check(const NewLink& link, std::int64_t id) {
  Error error{.code = ErrorCode::validation_failed, .detail = "The link cannot be made as asked."};
  const auto wrong = [&](std::string_view field, std::string_view code, std::string_view detail) {
    error.fields.push_back({"/" + std::string(field), std::string(code), std::string(detail)});
  };
  const bool web = link.kind == "web";
  if (std::ranges::find(kKinds, link.kind) == kKinds.end()) {
    wrong("kind", "unknown_choice", "One of related, based_on, reply_to, web.");
  }
  if (web && link.to_id) wrong("to_id", "not_allowed", "A link to the web has a url instead.");
  if (!web && !link.to_id) wrong("to_id", "to_required", "The record at the other end.");
  if (!web && !link.url.empty()) wrong("url", "not_allowed", "Only a link of kind web has one.");
  const bool address = link.url.starts_with("https://") || link.url.starts_with("http://");
  if (web && (!address || link.url.size() > kMaxLinkUrlBytes)) {
    wrong("url", "invalid_url", "An http or https address of at most 2000 bytes.");
  }
  if (utf8_length(link.title) > kMaxLinkTitleCharacters) {
    wrong("title", "too_long", "At most 500 characters.");
  }
  if (link.to_id == id) wrong("to_id", "same_record", "A record is not linked to itself.");
  if (error.fields.empty()) return {};
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

// Locks the record for its link; not_found, forbidden.
Result<std::optional<std::int64_t>> lock_for_link(Records& records, Transaction& tx,
                                                  const Resource& resource, std::int64_t id,
                                                  const Actor& actor) {
  const AccessRules& access = records.access();
  const Predicate read = access.predicate(actor, resource, Right::read, "t", "$2::bigint");
  const Predicate write = access.predicate(actor, resource, Right::write, "t", "$2::bigint");
  const Plan plan = records.queries().keep_always(
      "SELECT " + write.sql + ", t.row_version, $2::bigint FROM " + std::string(resource.table) +
      " t WHERE t.id = $1::bigint AND t.deleted_at IS NULL AND " + read.sql +
      " FOR NO KEY UPDATE OF t");
  const auto rows = tx.query(plan.sql, Params{}.add(id).add(actor.user_id));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return no_such(resource, std::to_string(id));
  if (!(*rows)->boolean(0, 0)) {
    return fail(ErrorCode::forbidden,
                "You may read this " + std::string(resource.label.en) + ", but not change it.",
                "read_only");
  }
  return (*rows)->optional_int64(0, 1);
}

// `link`: the whole row, of one that goes: the card of the past shows it again.
std::string change(std::string_view side, std::int64_t link_id, const std::string& what,
                   std::optional<Json> link = {}) {
  Json value = Json::Object{{"id", link_id}, {"to", what}};
  if (link) value.set("link", std::move(*link));
  const Json none = nullptr;
  return Json(Json::Array{Json::Object{{"field", "links"},
                                       {"old", side == "old" ? value : none},
                                       {"new", side == "new" ? value : none}}})
      .dump();
}

}  // namespace

Ticket queue_links(Transaction& tx, const Records& records, std::int64_t id, const Actor& actor,
                   std::span<const std::string_view> kinds) {
  const Plan links = records.queries().keep_always(links_sql(records, actor, kLinksOfRecord, true));
  return tx.queue(links.sql, Params{}.add(id).add(actor.user_id).add_array(kinds));
}

Ticket queue_past_links(Transaction& tx, const Records& records, std::int64_t id,
                        const Actor& actor, std::span<const std::string_view> kinds) {
  const Plan links = records.queries().keep_always(links_sql(records, actor, kLinksOfThen, false));
  return tx.queue(links.sql, Params{}.add(id).add(actor.user_id).add_array(kinds));
}

std::string links_json(const Rows& rows) {
  static const Field kNumber = integer("id");
  static const Field kText = text("text");
  static const Field kTime = timestamp("created_at");
  constexpr std::array<std::pair<std::string_view, const Field*>, 10> kShown = {
      {{"id", &kNumber},
       {"kind", &kText},
       {"direction", &kText},
       {"record_id", &kNumber},
       {"record_kind", &kText},
       {"name", &kText},
       {"url", &kText},
       {"title", &kText},
       {"created_by", &kNumber},
       {"created_at", &kTime}}};
  JsonWriter out;
  out.begin_array();
  for (int row = 0; row < rows.size(); ++row) {
    out.begin_object();
    int column = 0;
    for (const auto& [name, field] : kShown) {
      out.key(name);
      write_value(out, *field, rows.optional_text(row, column++));
    }
    out.end_object();
  }
  out.end_array();
  return out.take();
}

Result<std::string> read_links(Database& database, const Records& records, const Resource& resource,
                               std::int64_t id, const Actor& actor,
                               std::span<const std::string_view> kinds) {
  const Predicate read =
      records.access().predicate(actor, resource, Right::read, "t", "$2::bigint");
  const Plan seen = records.queries().keep_always(
      "SELECT $2::bigint FROM " + std::string(resource.table) +
      " t WHERE t.id = $1::bigint AND t.deleted_at IS NULL AND " + read.sql);
  auto tx = database.begin(Pool::api, TxMode::snapshot);
  if (!tx) return std::unexpected(tx.error());
  const Ticket record = tx->queue(seen.sql, Params{}.add(id).add(actor.user_id));
  const Ticket found = queue_links(*tx, records, id, actor, kinds);
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  if (tx->rows(record).empty()) return no_such(resource, std::to_string(id));

  return links_json(tx->rows(found));
}

Result<std::int64_t> add_link(Records& records, Transaction& tx, const Resource& resource,
                              std::int64_t id, const NewLink& link, const Actor& actor) {
  const auto version = lock_for_link(records, tx, resource, id, actor);
  if (!version) return std::unexpected(version.error());
  if (auto checked = check(link, id); !checked) return std::unexpected(checked.error());
  if (link.to_id) {
    const Predicate seen =
        records.access().record_predicate(actor, Right::read, "$1::bigint", "$2::bigint");
    const Plan plan = records.queries().keep_always(
        "SELECT $2::bigint WHERE coalesce(crm.record_is_live($1::bigint), false) AND " + seen.sql);
    const auto other = tx.query(plan.sql, Params{}.add(*link.to_id).add(actor.user_id));
    if (!other) return std::unexpected(other.error());
    if ((*other)->empty()) {
      return fail(ErrorCode::not_found,
                  "There is no record " + std::to_string(*link.to_id) + ", or you may not see it.",
                  "not_found");
    }
  }
  Params params;
  params.add(id).add(link.to_id).add(std::string_view(link.kind)).add(std::string_view(link.url));
  const auto there = tx.query(kThere, params);
  if (!there) return std::unexpected(there.error());
  if (!(*there)->empty()) {
    return fail(ErrorCode::conflict, "The record has this link already.", "already_linked");
  }
  params.add(std::string_view(link.title)).add(actor.user_id);
  const auto made = tx.query(kInsert, std::move(params));
  if (!made) return std::unexpected(made.error());
  const std::int64_t link_id = (*made)->int64(0, 0);
  const std::string what = link.to_id ? std::to_string(*link.to_id) : link.url;
  queue_history(tx, subject_of(resource, std::to_string(id)),
                {{"updated", change("new", link_id, what)}}, *version, actor);
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  return link_id;
}

Result<void> remove_link(Records& records, Transaction& tx, const Resource& resource,
                         std::int64_t id, std::int64_t link_id, const Actor& actor) {
  const auto version = lock_for_link(records, tx, resource, id, actor);
  if (!version) return std::unexpected(version.error());
  const auto found = tx.query(kRead, Params{}.add(id).add(link_id));
  if (!found) return std::unexpected(found.error());
  if ((*found)->empty()) {
    return fail(ErrorCode::not_found, "The record has no link " + std::to_string(link_id) + ".",
                "not_found");
  }
  if ((*found)->text(0, 0) == "merged_from") {
    return fail(ErrorCode::conflict, "It says what was merged into the record; it stays.",
                "kept_by_the_service");
  }
  const std::string to((*found)->text(0, 1));
  auto link = Json::parse((*found)->text(0, 2));
  if (!link) return std::unexpected(link.error());
  tx.queue(kDelete, Params{}.add(link_id));
  queue_history(tx, subject_of(resource, std::to_string(id)),
                {{"updated", change("old", link_id, to, std::move(*link))}}, *version, actor);
  return tx.run();
}

}  // namespace c360::store

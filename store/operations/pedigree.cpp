#include "store/operations/pedigree.h"

#include <algorithm>

#include "daemon/base/json.h"
#include "daemon/base/json_lookup.h"
#include "store/query_parts.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

// Values as history spells them: JSON's text of each.
constexpr Sql kChanges{"c360_pedigree_changes", R"sql(
SELECT c.change ->> 'field', c.change ->> 'old', c.change ->> 'new', h.origin, h.actor_id,
       h.happened_at, w.source, w.obtained_at, coalesce(w.is_decided, false)
FROM crm.history_event h
LEFT JOIN LATERAL jsonb_array_elements(h.changes) AS c(change) ON h.event <> 'created'
LEFT JOIN crm.requisite_write w ON w.counterparty_id = h.record_id
     AND w.field = c.change ->> 'field' AND w.written_at = h.happened_at
WHERE h.record_id = $1::bigint
  AND (h.event = 'created' OR c.change ->> 'field' = ANY ($2::text[]))
ORDER BY h.id
)sql"};
constexpr Sql kFacts{"c360_pedigree_facts", R"sql(
SELECT source, facts::text, obtained_at FROM crm.counterparty_fact
WHERE counterparty_id = $1::bigint ORDER BY source
)sql"};

std::string source_of(std::string_view origin) {
  if (origin == "mail" || origin == "import") return std::string(origin);
  return origin == "api" || origin == "portal" ? "person" : "system";
}

std::optional<std::string> own(std::optional<std::string_view> text) {
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

RequisiteEntry entry_of(const Rows& rows, int row) {
  const auto written_by = rows.optional_text(row, 6);
  return {.value = own(rows.optional_text(row, 2)),
          .source = written_by ? std::string(*written_by) : source_of(rows.text(row, 3)),
          .actor_id = rows.optional_int64(row, 4),
          .at = rows.instant(row, 5),
          .obtained_at = rows.instant(row, 7),
          .is_decided = rows.boolean(row, 8)};
}

void read_changes(const Rows& rows, Pedigree& pedigree) {
  RequisiteEntry created{.source = "system"};
  for (int row = 0; row < rows.size(); ++row) {
    const auto field = rows.optional_text(row, 0);
    if (!field) {
      created = entry_of(rows, row);
      continue;
    }
    auto& entries = pedigree.entries[std::string(*field)];
    if (entries.empty()) {
      entries.push_back(created);
      entries.back().value = own(rows.optional_text(row, 1));
    }
    entries.push_back(entry_of(rows, row));
  }
  // What never changed is as it was made; what changed past the history is the program's.
  for (const std::string_view field : kRequisiteFields) {
    auto& entries = pedigree.entries[std::string(field)];
    if (entries.empty()) entries.push_back(created);
  }
}

std::string columns_sql() {
  std::string columns;
  for (const std::string_view field : kRequisiteFields)
    columns += ", t." + std::string(field) + "::text";
  return columns;
}

void write_optional(JsonWriter& json, std::string_view name,
                    const std::optional<std::string>& text) {
  json.key(name);
  text ? json.string(*text) : json.null();
}

void write_entry(JsonWriter& json, const RequisiteEntry& entry) {
  const auto time = [](const std::optional<Instant>& at) {
    return at ? std::optional(to_rfc3339(*at)) : std::nullopt;
  };
  write_optional(json, "value", entry.value);
  json.member("source", entry.source);
  write_optional(json, "at", time(entry.at));
  write_optional(json, "obtained_at", time(entry.obtained_at));
  json.key("actor_id");
  entry.actor_id ? json.integer(*entry.actor_id) : json.null();
}

void write_items(JsonWriter& json, const Pedigree& pedigree) {
  json.key("items").begin_array();
  for (const std::string_view field : kRequisiteFields) {
    const auto& entries = pedigree.entries.find(field)->second;
    const bool said_nothing = entries.size() == 1 && !entries.back().value;
    if (said_nothing) continue;
    json.begin_object().member("field", field);
    write_entry(json, entries.back());
    json.key("earlier").begin_array();
    for (std::size_t i = entries.size() - 1; i-- > 0;) {
      json.begin_object();
      write_entry(json, entries[i]);
      json.end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

void write_conflicts(JsonWriter& json, const Pedigree& pedigree, const Rows& facts) {
  json.key("conflicts").begin_array();
  for (int row = 0; row < facts.size(); ++row) {
    const auto said = Json::parse(facts.text(row, 1));
    if (!said) continue;
    const auto obtained = facts.instant(row, 2);
    for (const std::string_view field : kRequisiteFields) {
      const std::string theirs = text_of(*said, field);
      const RequisiteEntry& ours = pedigree.current(field);
      if (theirs.empty() || !ours.value || *ours.value == theirs) continue;
      json.begin_object().member("field", field).member("ours", *ours.value);
      json.member("ours_source", ours.source).member("theirs", theirs);
      json.member("source", facts.text(row, 0));
      json.member("obtained_at", obtained ? to_rfc3339(*obtained) : std::string());
      json.end_object();
    }
  }
  json.end_array();
}

}  // namespace

Result<Pedigree> read_pedigree(const Records& records, Transaction& tx, std::int64_t id,
                               const Actor& actor, bool lock) {
  const Resource& resource = records.registry().get("counterparty");
  const AccessRules& access = records.access();
  const Predicate read = access.predicate(actor, resource, Right::read, "t", "$2::bigint");
  const Predicate write = access.predicate(actor, resource, Right::write, "t", "$2::bigint");
  const Plan plan = records.queries().keep_always(
      "SELECT " + write.sql + ", t.row_version, t.name_is_auto" + columns_sql() +
      ", $2::bigint FROM crm.counterparty t WHERE t.id = $1::bigint AND t.deleted_at IS NULL AND " +
      read.sql + (lock ? " FOR NO KEY UPDATE OF t" : ""));
  const Ticket row = tx.queue(plan.sql, Params{}.add(id).add(actor.user_id));
  // After the lock: what another one just committed is in it.
  const Ticket changes = tx.queue(
      kChanges, Params{}.add(id).add_array(std::span<const std::string_view>(kRequisiteFields)));
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  const Rows& rows = tx.rows(row);
  if (rows.empty()) return no_such(resource, std::to_string(id));
  if (lock && !rows.boolean(0, 0))
    return fail(ErrorCode::forbidden, "You may read this Counterparty, but not change it.",
                "read_only");
  Pedigree pedigree{.version = rows.int64(0, 1), .name_is_auto = rows.boolean(0, 2), .entries = {}};
  read_changes(tx.rows(changes), pedigree);
  int column = 3;
  for (const std::string_view field : kRequisiteFields) {
    auto& entries = pedigree.entries[std::string(field)];
    const auto value = own(rows.optional_text(0, column++));
    if (entries.size() > 1 && entries.back().value != value)
      entries.push_back({.source = "system"});
    entries.back().value = value;
  }
  return pedigree;
}

Result<std::string> pedigree_json(Database& database, const Records& records, std::int64_t id,
                                  const Actor& actor) {
  auto tx = database.begin(Pool::api, TxMode::snapshot);
  if (!tx) return std::unexpected(tx.error());
  const Ticket facts = tx->queue(kFacts, Params{}.add(id));
  const auto pedigree = read_pedigree(records, *tx, id, actor, /*lock=*/false);
  if (!pedigree) return std::unexpected(pedigree.error());
  JsonWriter json;
  json.begin_object();
  write_items(json, *pedigree);
  write_conflicts(json, *pedigree, tx->rows(facts));
  return json.end_object().take();
}

}  // namespace c360::store

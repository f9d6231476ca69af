#include "store/operations/timeline.h"

#include <algorithm>
#include <array>

#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "store/record_json.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

// One kind of row. Where two happened at once the later source comes first.
struct Source {
  std::string_view name;
  std::string_view kind;  // of the record whose rights count; empty: of h.record_id
  std::string_view rows;  // SELECT … of the columns id, at, record_id, title, details, over x
};

// $1 the counterparty, $8 the business time zone. `own` is the customer and what names it.
constexpr std::string_view kOwn =
    "WITH own AS MATERIALIZED (SELECT $1::bigint AS id"
    " UNION ALL SELECT o.id FROM crm.lead o WHERE o.counterparty_id = $1::bigint AND o.deleted_at "
    "IS "
    "NULL"
    " UNION ALL SELECT o.id FROM crm.deal o WHERE o.counterparty_id = $1::bigint AND o.deleted_at "
    "IS "
    "NULL"
    " UNION ALL SELECT o.id FROM crm.order o WHERE o.counterparty_id = $1::bigint AND o.deleted_at "
    "IS NULL"
    " UNION ALL SELECT o.id FROM crm.payment o WHERE o.counterparty_id = $1::bigint AND "
    "o.deleted_at "
    "IS NULL"
    " UNION ALL SELECT o.id FROM crm.contract o WHERE o.counterparty_id = $1::bigint AND "
    "o.deleted_at IS NULL"
    " UNION ALL SELECT o.id FROM crm.agreement o WHERE o.counterparty_id = $1::bigint AND "
    "o.deleted_at IS NULL"
    " UNION ALL SELECT o.id FROM crm.support_request o WHERE o.counterparty_id = $1::bigint AND "
    "o.deleted_at IS NULL) ";

constexpr std::array<Source, 5> kSources = {{
    {"payment", "payment",
     "SELECT x.id, coalesce(x.fact_payment_date::timestamp AT TIME ZONE $8::text, x.created_at) AS "
     "at, x.id AS record_id, x.number::text AS title, json_build_object('status', x.status, "
     "'amount', x.amount::text, 'currency', x.currency, 'planned_payment_date', "
     "x.planned_payment_date, 'fact_payment_date', x.fact_payment_date) AS details FROM "
     "crm.payment "
     "x WHERE x.counterparty_id = $1::bigint AND x.deleted_at IS NULL"},
    {"document", "document",
     "SELECT x.id, x.created_at AS at, x.parent_record_id AS record_id, x.name AS title, "
     "json_build_object('type_code', x.type_code, 'status', x.status) AS details FROM own JOIN "
     "crm.document x ON x.parent_record_id = own.id WHERE x.deleted_at IS NULL"},
    {"request", "support_request",
     "SELECT x.id, x.created_at AS at, x.id AS record_id, x.subject AS title, "
     "json_build_object('number', x.number, 'status', x.status, 'priority', x.priority) AS details "
     "FROM crm.support_request x WHERE x.counterparty_id = $1::bigint AND x.deleted_at IS NULL"},
    {"status", "",
     "SELECT x.id, x.happened_at AS at, x.record_id, NULL::text AS title, "
     "json_build_object('event', x.event, 'changes', x.changes, 'actor_id', x.actor_id) AS details "
     "FROM own JOIN crm.history_event x ON x.record_id = own.id WHERE x.event IN "
     "('status_changed', "
     "'customer_status_changed') AND x.record_kind = ANY ($7::text[])"},
    {"activity", "activity",
     "SELECT x.id, x.activity_date AS at, x.parent_record_id AS record_id, x.topic AS title, "
     "json_build_object('type', x.type, 'status', x.status, 'direction', x.direction, 'result', "
     "x.result, 'responsible_id', x.responsible_id) AS details FROM own JOIN crm.activity x ON "
     "x.parent_record_id = own.id WHERE x.deleted_at IS NULL"},
}};

constexpr auto kNames = [] {
  std::array<std::string_view, kSources.size()> names;
  for (std::size_t i = 0; i < kSources.size(); ++i) names[i] = kSources[i].name;
  return names;
}();

// Where a page ended: the moment in PostgreSQL text form, the place of the source, the id.
struct Position {
  std::string at = "infinity";
  int source = 0;
  std::int64_t id = 0;
};

std::optional<std::int64_t> number_in(std::string_view text) {
  const bool digits = !text.empty() && text.size() <= 18 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::optional<std::int64_t>(std::stoll(std::string(text))) : std::nullopt;
}

// MICROSECONDS|SOURCE|ID in base64url; of our own making or none.
Result<Position> position_of(std::string_view cursor) {
  if (cursor.empty()) return Position{};
  const auto text = cursor.size() <= 100 ? from_base64url(cursor) : std::nullopt;
  const auto parts = text ? split(*text, '|') : std::vector<std::string_view>{};
  if (parts.size() == 3) {
    const auto source = number_in(parts[1]);
    const auto id = number_in(parts[2]);
    const auto at = from_rfc3339(parts[0]);
    if (at && source && id && *source < static_cast<std::int64_t>(kSources.size())) {
      return Position{to_rfc3339(*at), static_cast<int>(*source), *id};
    }
  }
  return fail(ErrorCode::invalid_request, "Parameter cursor: it was not made for this list.",
              "invalid_cursor");
}

std::string timeline_sql(const Records& records, const TimelineQuery& query, const Actor& actor,
                         const TokenPermits& permits) {
  std::string all;
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    const Source& source = kSources[i];
    const bool asked =
        query.kinds.empty() || std::ranges::find(query.kinds, source.name) != query.kinds.end();
    if (!asked) continue;
    Predicate seen;
    if (source.kind.empty()) {
      seen = records.access().record_predicate(actor, Right::read, "x.record_id", "$2::bigint");
    } else {
      const Resource& kind = records.registry().get(source.kind);
      if (!permits(kind, Right::read)) continue;
      seen = records.access().predicate(actor, kind, Right::read, "x", "$2::bigint");
    }
    if (seen.never) continue;
    const std::string place = std::to_string(i);
    all += (all.empty() ? "" : " UNION ALL ") + ("(SELECT '" + std::string(source.name)) +
           "' AS kind, " + place + " AS source, s.* FROM (" + std::string(source.rows) + " AND " +
           seen.sql + ") s WHERE (s.at, " + place +
           ", s.id) < ($3::timestamptz, $4::integer, $5::bigint) ORDER BY s.at DESC, s.id DESC "
           "LIMIT $6::bigint)";
  }
  if (all.empty()) {
    all =
        "SELECT '' AS kind, 0 AS source, 0::bigint AS id, now() AS at, 0::bigint AS record_id, "
        "NULL::text AS title, NULL::json AS details WHERE false";
  }
  return std::string(kOwn) +
         "SELECT e.kind, e.source, e.id, e.at, e.record_id, r.kind, e.title, e.details FROM (" +
         all +
         ") e JOIN crm.record r ON r.id = e.record_id WHERE ($2::bigint IS NULL OR $3::timestamptz "
         "IS NOT NULL) AND $4::integer IS NOT NULL AND $5::bigint IS NOT NULL AND $7::text[] IS "
         "NOT "
         "NULL AND $8::text IS NOT NULL ORDER BY e.at DESC, e.source DESC, e.id DESC LIMIT "
         "$6::bigint";
}

std::string rows_json(const Rows& rows, int size) {
  static const Field kTime = timestamp("at");
  JsonWriter out;
  out.begin_array();
  for (int row = 0; row < size; ++row) {
    out.begin_object()
        .member("kind", rows.text(row, 0))
        .member("id", rows.int64(row, 2))
        .key("happened_at");
    write_value(out, kTime, rows.optional_text(row, 3));
    out.member("record_id", rows.int64(row, 4)).member("record_kind", rows.text(row, 5));
    const auto title = rows.optional_text(row, 6);
    out.key("title");
    title ? out.string(*title) : out.null();
    out.key("details").raw(rows.text(row, 7)).end_object();
  }
  out.end_array();
  return out.take();
}

std::string cursor_after(const Rows& rows, int row) {
  static const Field kTime = timestamp("at");
  JsonWriter at;
  write_value(at, kTime, rows.optional_text(row, 3));
  const std::string_view quoted = at.view();
  return to_base64url(std::string(quoted.substr(1, quoted.size() - 2)) + "|" +
                      std::string(rows.text(row, 1)) + "|" + std::string(rows.text(row, 2)));
}

}  // namespace

std::span<const std::string_view> timeline_kinds() { return kNames; }

Result<TimelineView> read_timeline(Database& database, const Records& records,
                                   const TimelineQuery& query, const Actor& actor,
                                   const TokenPermits& permits) {
  const Resource& counterparty = records.registry().get("counterparty");
  const std::string key = std::to_string(query.id);
  const auto from = position_of(query.cursor);
  if (!from) return std::unexpected(from.error());
  auto self = records.queries().get(counterparty, key, {}, actor);
  if (!self) return std::unexpected(self.error());
  std::vector<std::string_view> kinds;
  for (const auto& each : records.registry().all()) {
    if (each->is_record && permits(*each, Right::read)) kinds.push_back(each->kind);
  }
  const Plan plan = records.queries().keep({}, timeline_sql(records, query, actor, permits));

  auto tx = database.begin(Pool::api, TxMode::snapshot);
  if (!tx) return std::unexpected(tx.error());
  const Ticket seen = tx->queue(self->plan.sql, std::move(self->plan.params));
  Params params;
  params.add(query.id).add(actor.user_id).add(std::string_view(from->at)).add(from->source);
  params.add(from->id).add(query.limit + 1).add_array(std::span<const std::string_view>(kinds));
  params.add(std::string_view(records.options().limits.time_zone));
  const Ticket found = tx->queue(plan.sql, std::move(params));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());

  const Rows& row = tx->rows(seen);
  const int state = static_cast<int>(self->columns.size());
  if (row.empty()) return no_such(counterparty, key);
  TimelineView view;
  view.moved_to = row.optional_int64(0, state + 1);
  if (view.moved_to) return view;
  if (row.boolean(0, state) && !actor.is_administrator()) return no_such(counterparty, key);
  const Rows& rows = tx->rows(found);
  const int size = std::min(rows.size(), query.limit);
  view.items = rows_json(rows, size);
  if (rows.size() > size) view.next_cursor = cursor_after(rows, size - 1);
  return view;
}

}  // namespace c360::store

#include "store/feed.h"

#include <array>
#include <charconv>
#include <utility>

#include "daemon/base/json.h"
#include "store/history_rows.h"
#include "store/query_parts.h"
#include "store/record_json.h"

namespace c360::store {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Rows of history one read looks at, whoever may see them.
constexpr int kStretch = 2'000;

// With % for the changes.
constexpr std::string_view kColumns =
    "s.id, s.record_id, s.record_key, s.record_kind, s.event, s.happened_at, s.actor_id, "
    "concat_ws(' ', u.last_name, u.first_name), s.on_behalf_of_id, s.role, s.task_id, s.outcome, "
    "s.version, s.comment, %, s.request_id, s.origin, s.mail_message_id";

constexpr std::string_view kAllChanges = "s.changes";
constexpr std::string_view kUser = "$6::bigint";  // who reads

constexpr Sql kNewest{"c360_feed_newest", R"sql(
SELECT h.xid::text, h.id FROM crm.history_event h
WHERE h.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY h.xid DESC, h.id DESC LIMIT 1
)sql"};

constexpr Sql kEnd{"c360_feed_end", "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"};

std::uint64_t transaction_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The key of the row behind an event of the kind, over alias s.
std::string key_of(const Resource& resource) {
  if (resource.is_record) return "s.record_id";
  return resource.key_type == KeyType::number
             ? "s.record_key::bigint"
             : "s.record_key::" + resource.field(resource.key).sql_type();
}

// Whether the actor may read the row behind an event of the kind, over alias s.
std::string visible(const AccessRules& access, const Resource& resource, const Actor& actor) {
  const Predicate rights = access.predicate(actor, resource, Right::read, "t", kUser);
  if (rights.always || rights.never) return rights.sql;
  return "EXISTS (SELECT FROM " + std::string(resource.table) + " t WHERE t." +
         std::string(resource.key) + " = " + key_of(resource) + " AND " + rights.sql + ")";
}

// What the events of these kinds say of themselves, over alias s.
std::string columns_of(const AccessRules& access, const std::vector<const Resource*>& kinds,
                       const Actor& actor) {
  std::string cases;
  for (const Resource* resource : kinds) {
    const std::string changes =
        shown_changes(access, *resource, actor, "s", key_of(*resource), kUser);
    if (changes == kAllChanges) continue;
    cases += " WHEN '" + std::string(resource->kind) + "' THEN " + changes;
  }
  std::string columns(kColumns);
  const std::string all(kAllChanges);
  const std::string shown =
      cases.empty() ? all : "CASE s.record_kind" + cases + " ELSE " + all + " END";
  return columns.replace(columns.find('%'), 1, shown);
}

std::string event_json(const Rows& rows, int row, int column, const FeedPosition& position) {
  static const Field kTime = timestamp("happened_at");
  static const Field kNumber = integer("id");
  static const Field kText = text("text");
  static const Field kJson = json("changes");
  static const std::array<std::pair<std::string_view, const Field*>, 18> kShown = {
      {{"id", &kNumber},
       {"record_id", &kNumber},
       {"record_key", &kText},
       {"record_kind", &kText},
       {"event", &kText},
       {"happened_at", &kTime},
       {"actor_id", &kNumber},
       {"actor", &kText},
       {"on_behalf_of_id", &kNumber},
       {"role", &kText},
       {"task_id", &kNumber},
       {"outcome", &kText},
       {"version", &kNumber},
       {"comment", &kText},
       {"changes", &kJson},
       {"request_id", &kText},
       {"origin", &kText},
       {"mail_message_id", &kNumber}}};
  JsonWriter out;
  out.begin_object().member("cursor", position.text());
  for (const auto& [name, field] : kShown) {
    out.key(name);
    write_value(out, *field, rows.optional_text(row, column++));
  }
  out.end_object();
  return out.take();
}

}  // namespace

std::string FeedPosition::text() const {
  return std::to_string(transaction) + "." + std::to_string(event);
}

std::optional<FeedPosition> FeedPosition::parse(std::string_view text) {
  FeedPosition position;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto read = [](std::string_view digits, auto& value) {
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && stop == digits.data() + digits.size() && !digits.empty() &&
           digits.front() != '-';
  };
  if (!read(text.substr(0, dot), position.transaction) ||
      !read(text.substr(dot + 1), position.event)) {
    return std::nullopt;
  }
  return position;
}

// A stretch of history first, by its index alone, then what of it the actor may see: rights never
// make one read look at more than the stretch.
Plan Feed::plan_of(const FeedQuery& query, const Actor& actor) const {
  std::string rights = "CASE s.record_kind";
  for (const Resource* resource : query.kinds) {
    rights += " WHEN '" + std::string(resource->kind) + "' THEN " +
              visible(records_.access(), *resource, actor);
  }
  rights += " ELSE false END";
  std::string wanted;
  if (!query.events.empty()) wanted += " AND s.event = ANY ($4::text[])";
  if (query.record_id) wanted += " AND s.record_id = $5::bigint";
  std::string sql =
      "WITH s AS MATERIALIZED (SELECT h.* FROM crm.history_event h"
      " WHERE (h.xid, h.id) > ($1::xid8, $2::bigint)"
      " AND h.xid < pg_snapshot_xmin(pg_current_snapshot())"
      " ORDER BY h.xid, h.id LIMIT " +
      std::to_string(kStretch) +
      "), l AS (SELECT count(*) AS size, pg_snapshot_xmin(pg_current_snapshot())::text AS horizon"
      " FROM s), z AS (SELECT s.xid::text AS xid, s.id FROM s ORDER BY s.xid DESC, s.id DESC"
      " LIMIT 1), e AS (SELECT s.* FROM s WHERE " +
      (query.kinds.empty() ? std::string("false") : rights) + wanted +
      " ORDER BY s.xid, s.id LIMIT $3::bigint)"
      " SELECT l.size, l.horizon, z.xid, z.id, s.xid::text, $4::text[] IS NULL, $5::bigint IS NULL,"
      " $6::bigint IS NULL, " +
      columns_of(records_.access(), query.kinds, actor) +
      " FROM l LEFT JOIN z ON true LEFT JOIN e s ON true LEFT JOIN crm.user u ON u.id = s.actor_id"
      " ORDER BY s.xid, s.id";
  Plan plan = records_.queries().keep({}, std::move(sql));
  plan.params.add(std::to_string(query.after.transaction)).add(query.after.event);
  plan.params.add(query.limit);
  plan.params.add_array(std::span<const std::string>(query.events));
  plan.params.add(query.record_id).add(actor.user_id);
  return plan;
}

Result<FeedPage> Feed::read(const FeedQuery& query, const Actor& actor) const {
  Plan plan = plan_of(query, actor);
  auto rows = database_.execute(Pool::api, plan.sql, std::move(plan.params));
  if (!rows) return std::unexpected(std::move(rows).error());
  constexpr int kSize = 0;
  constexpr int kHorizon = 1;
  constexpr int kLast = 2;
  constexpr int kTransaction = 4;
  constexpr int kFirstShown = 8;
  constexpr int kEvent = kFirstShown + 4;
  const std::uint64_t horizon = transaction_of(rows->text(0, kHorizon));
  if (query.after.transaction > horizon) {
    return fail(ErrorCode::invalid_request,
                "The cursor lies in the future of this database, so it was made by another one, or "
                "before a restore: take a snapshot and begin with its cursor.",
                "cursor_unknown");
  }
  FeedPage page;
  for (int row = 0; row < rows->size() && !rows->is_null(row, kTransaction); ++row) {
    FeedEvent event;
    event.position = {transaction_of(rows->text(row, kTransaction)), rows->int64(row, kFirstShown)};
    event.event = rows->text(row, kEvent);
    event.json = event_json(*rows, row, kFirstShown, event.position);
    page.events.push_back(std::move(event));
  }
  const bool full = page.events.size() == static_cast<std::size_t>(query.limit);
  const bool stretched = rows->int64(0, kSize) == kStretch;
  page.more = full || stretched;
  page.moved = rows->int64(0, kSize) > 0;
  if (full) {
    page.position = page.events.back().position;
  } else if (stretched) {
    page.position = {transaction_of(rows->text(0, kLast)), rows->int64(0, kLast + 1)};
  } else {
    // All that was finished by now has been seen; what follows has this transaction or a later one.
    page.position = std::max(query.after, FeedPosition{horizon, 0});
  }
  return page;
}

Result<FeedPosition> Feed::end() const {
  auto rows = database_.execute(Pool::api, kEnd);
  if (!rows) return std::unexpected(std::move(rows).error());
  return FeedPosition{transaction_of(rows->text(0, 0)), 0};
}

Result<FeedPosition> FeedWatch::newest() const {
  auto rows = database_.execute(Pool::api, kNewest);
  if (!rows) return std::unexpected(std::move(rows).error());
  if (rows->empty()) return FeedPosition{};
  return FeedPosition{transaction_of(rows->text(0, 0)), rows->int64(0, 1)};
}

Result<bool> FeedWatch::wait(const FeedPosition& position, SteadyClock::time_point deadline,
                             const std::function<bool()>& gone) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (newest_ > position) return true;
    const auto now = SteadyClock::now();
    if (now >= deadline) return false;
    if (!looking_ && now - looked_at_ >= interval_) {
      looking_ = true;
      lock.unlock();
      auto found = newest();
      lock.lock();
      looking_ = false;
      looked_at_ = SteadyClock::now();
      if (found) newest_ = *found;
      looked_.notify_all();
      if (!found) return std::unexpected(std::move(found).error());
      continue;
    }
    lock.unlock();
    if (gone()) return false;
    lock.lock();
    looked_.wait_until(lock, std::min(deadline, now + interval_));
  }
}

}  // namespace c360::store

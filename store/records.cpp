#include "store/records.h"

#include <algorithm>

#include "daemon/base/digest.h"
#include "store/array.h"
#include "store/history_rows.h"
#include "store/query_parts.h"
#include "store/record_json.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

constexpr Sql kToday{"c360_today", R"sql(
SELECT d.day, d.day::timestamp AT TIME ZONE $2::text, (d.day + 1)::timestamp AT TIME ZONE $2::text
FROM (SELECT ($1::timestamptz AT TIME ZONE $2::text)::date AS day) d
)sql"};

}  // namespace

std::string array_literal(std::span<const std::string> elements) { return array_text(elements); }
std::string array_literal(std::span<const std::int64_t> elements) { return array_text(elements); }

Records::Records(Database& database, const Registry& registry, RecordsOptions options,
                 const Clock& clock)
    : state_(std::make_unique<State>(database, registry, std::move(options), clock)) {}
Records::~Records() = default;

const AccessRules& Records::access() const { return state_->access; }
const RecordsOptions& Records::options() const { return state_->options; }
const QueryMaker& Records::queries() const { return state_->queries; }
const Registry& Records::registry() const { return state_->registry; }
std::shared_ptr<const Sections> Records::sections() const { return state_->sections.current(); }
Result<std::shared_ptr<const Sections>> Records::sections(Transaction& tx) const {
  return state_->sections.current(tx);
}
std::shared_ptr<const RequiredFields> Records::required_fields() const {
  return state_->required_fields.current();
}

// -- Shared ---------------------------------------------------------------------------------------

std::vector<const Field*> readable_columns(const Resource& resource) {
  std::vector<const Field*> columns;
  for (const Field& field : resource.fields) {
    if (!field.is_secret) columns.push_back(&field);
  }
  return columns;
}

std::string key_type_of(const Resource& resource) {
  return resource.field(resource.key).sql_type();
}

bool is_key(const Resource& resource, std::string_view key) {
  if (resource.key_type == KeyType::text) return !key.empty() && key.size() <= 200;
  return !key.empty() && key.size() <= 18 && key.front() != '0' &&
         std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::unexpected<Error> no_such(const Resource& resource, std::string_view key) {
  return fail(ErrorCode::not_found,
              "There is no " + std::string(resource.label.en) + " " +
                  std::string(key.substr(0, 100)) + ", or you may not see it.",
              "not_found");
}

RecordView view_of(const Resource& resource, const std::vector<const Field*>& columns,
                   const std::vector<std::string>& includes, const Rows& rows, int row,
                   std::vector<Warning> warnings) {
  RecordView view;
  JsonWriter out;
  out.begin_object();
  write_fields(out, columns, rows, row);
  int column = static_cast<int>(columns.size());
  for (const std::string& include : includes) {
    const auto value = rows.optional_text(row, column++);
    out.key(include);
    if (value) {
      out.raw(*value);
    } else {
      out.null();
    }
  }
  if (!warnings.empty()) {
    out.key("warnings").begin_array();
    for (const Warning& warning : warnings) {
      out.begin_object().member("code", warning.code).member("detail", warning.detail);
      if (warning.id) out.member("id", *warning.id);
      out.end_object();
    }
    out.end_array();
  }
  out.end_object();
  view.json = out.take();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const int at = static_cast<int>(i);
    if (columns[i]->name == resource.key) view.key = std::string(rows.text(row, at));
    if (columns[i]->name == "row_version") view.version = rows.int64(row, at);
  }
  if (resource.key_type == KeyType::number && !view.key.empty()) view.id = std::stoll(view.key);
  view.warnings = std::move(warnings);
  return view;
}

WriteContext Records::State::context(const Actor& actor, const WriteOptions& write) const {
  return {clock.now(), write.profile, write.lenient, write.strict, access.is_cco(actor), {}};
}

bool wants_today(const Resource& resource) {
  return !resource.related.sql.empty() ||
         std::ranges::any_of(resource.fields,
                             [](const Field& field) { return field.default_value == "today"; });
}

Result<std::string> Records::State::today(Transaction& tx) {
  const Instant now = clock.now();
  {
    const std::scoped_lock lock(day_mutex);
    if (now >= day_begins && now < day_ends) return day;
  }
  Params params;
  params.add(timestamp_text(now)).add(options.limits.time_zone);
  auto rows = tx.query(kToday, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  const std::scoped_lock lock(day_mutex);
  day = std::string((*rows)->text(0, 0));
  day_begins = *(*rows)->instant(0, 1);
  day_ends = *(*rows)->instant(0, 2);
  return day;
}

std::optional<Ticket> Records::State::queue_related(Transaction& tx, const Draft& draft) const {
  const Related& related = draft.resource().related;
  if (related.sql.empty()) return std::nullopt;
  Params params;
  for (const std::string_view name : related.parameters) {
    if (name == "today") {
      params.add(draft.context().today);
    } else {
      params.add(draft.get(name));
    }
  }
  return tx.queue(Sql{{}, related.sql}, std::move(params));
}

Result<void> Records::State::finish(Transaction& tx, const WriteOptions& write,
                                    const Resource& resource) const {
  auto done = write.finish == Finish::commit ? tx.commit() : tx.run();
  if (!done) return std::unexpected(explained(std::move(done.error()), resource));
  return {};
}

// -- Reading --------------------------------------------------------------------------------------

Result<RecordView> Records::get(const Resource& resource, std::string_view key, const Actor& actor,
                                const Parameters& parameters) {
  if (!is_key(resource, key)) return no_such(resource, key);
  auto plan = state_->queries.get(resource, key, parameters, actor);
  if (!plan) return std::unexpected(plan.error());
  auto rows = state_->database.execute(Pool::api, plan->plan.sql, std::move(plan->plan.params));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return no_such(resource, key);
  const int state_column = static_cast<int>(plan->columns.size() + plan->includes.size());
  const bool deleted = rows->boolean(0, state_column);
  if (const auto merged = rows->optional_int64(0, state_column + 1)) {
    RecordView moved;
    moved.key = std::string(key);
    moved.moved_to = merged;
    return moved;
  }
  if (deleted && !actor.is_administrator()) return no_such(resource, key);
  return view_of(resource, plan->columns, plan->includes, *rows, 0);
}

Page page_of(const ListPlan& plan, const Rows& rows, const QueryMaker& queries) {
  Page page;
  page.size = std::min(rows.size(), plan.limit);
  const int include_column = static_cast<int>(plan.columns.size());
  const int order_column = include_column + static_cast<int>(plan.includes.size());
  JsonWriter out;
  out.begin_array();
  for (int row = 0; row < page.size; ++row) {
    out.begin_object();
    write_fields(out, plan.columns, rows, row);
    int column = include_column;
    for (const std::string& include : plan.includes) {
      const auto value = rows.optional_text(row, column++);
      out.key(include);
      if (value) {
        out.raw(*value);
      } else {
        out.null();
      }
    }
    out.end_object();
  }
  out.end_array();
  page.items = out.take();
  if (rows.size() > plan.limit) {
    std::vector<std::optional<std::string>> values;
    const int last = page.size - 1;
    const int keys = static_cast<int>(plan.order.size());
    for (int i = 0; i + 1 < keys; ++i) {
      const auto value = rows.optional_text(last, order_column + i);
      values.push_back(value ? std::optional(std::string(*value)) : std::nullopt);
    }
    page.next_cursor = queries.cursor(plan, values, rows.text(last, order_column + keys - 1));
  }
  return page;
}

namespace {

void read_total(Page& page, const ListPlan& plan, const Rows& rows) {
  page.total = rows.int64(0, 0);
  if (plan.count != Count::estimated) return;
  constexpr std::int64_t kExactUpTo = 10'000;
  if (*page.total <= kExactUpTo) return;
  page.total = std::max(*page.total, rows.int64(0, 1));
  page.total_is_estimated = true;
}

// Only lists that speak of them need the definitions.
template <typename State>
std::shared_ptr<const CustomFields> custom_fields_for(State& state, const Resource& resource,
                                                      const Parameters& parameters) {
  static const auto kNone = std::make_shared<const CustomFields>();
  const bool named = std::ranges::any_of(parameters, [](const auto& parameter) {
    const auto& [name, value] = parameter;
    return name == "q" || name.starts_with(kCustomPrefix) ||
           (name == "sort" && value.find(kCustomPrefix) != std::string::npos);
  });
  return named && resource.is_record ? state.custom_fields.current() : kNone;
}

}  // namespace

Result<Page> Records::list(const Resource& resource, const Parameters& parameters,
                           const Actor& actor) {
  const auto custom = custom_fields_for(*state_, resource, parameters);
  auto plan = state_->queries.list(resource, parameters, actor, *custom);
  if (!plan) return std::unexpected(plan.error());
  if (!plan->total) {
    auto rows = state_->database.execute(Pool::api, plan->page.sql, std::move(plan->page.params));
    if (!rows) return std::unexpected(rows.error());
    return page_of(*plan, *rows, state_->queries);
  }
  // Page and count of one moment, in one round trip.
  auto tx = state_->database.begin(Pool::api, TxMode::snapshot);
  if (!tx) return std::unexpected(tx.error());
  const Ticket rows = tx->queue(plan->page.sql, std::move(plan->page.params));
  const Ticket total = tx->queue(plan->total->sql, std::move(plan->total->params));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  Page page = page_of(*plan, tx->rows(rows), state_->queries);
  read_total(page, *plan, tx->rows(total));
  return page;
}

Result<void> Records::check_list(const Resource& resource, const Parameters& parameters,
                                 const Actor& actor) const {
  const auto custom = state_->custom_fields.current();
  auto plan = state_->queries.list(resource, parameters, actor, *custom);
  if (!plan) return std::unexpected(std::move(plan).error());
  return {};
}

Result<std::int64_t> Records::count(const Resource& resource, const Parameters& parameters,
                                    const Actor& actor) {
  Parameters counting;
  for (const auto& [name, value] : parameters) {
    if (name == "cursor" || name == "count" || name == "limit" || name == "sort" ||
        name == "fields" || name == "include") {
      continue;
    }
    counting.emplace_back(name, value);
  }
  counting.emplace_back("count", "exact");
  const auto custom = state_->custom_fields.current();
  auto plan = state_->queries.list(resource, counting, actor, *custom);
  if (!plan) return std::unexpected(plan.error());
  auto rows = state_->database.execute(Pool::api, plan->total->sql, std::move(plan->total->params));
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

Result<Page> Records::history(const Resource& resource, std::string_view key,
                              const Parameters& parameters, const Actor& actor) {
  if (!is_key(resource, key)) return no_such(resource, key);
  int limit = state_->options.limits.default_page;
  std::int64_t before = INT64_MAX;
  std::string event;
  for (const auto& [name, value] : parameters) {
    const bool digits =
        !value.empty() && value.size() <= 18 &&
        std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (name == "limit") {
      const std::int64_t asked = digits ? std::stoll(value) : 0;
      if (asked < 1 || asked > state_->options.limits.max_page) {
        return fail(ErrorCode::invalid_request,
                    "Parameter limit: expected a number between 1 and " +
                        std::to_string(state_->options.limits.max_page) + ".",
                    "invalid_value");
      }
      limit = static_cast<int>(asked);
    } else if (name == "cursor") {
      const auto text = from_base64url(value);
      if (!text || text->empty() || text->size() > 18 ||
          !std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '9'; })) {
        return fail(ErrorCode::invalid_request, "Parameter cursor: it was not made for this list.",
                    "invalid_cursor");
      }
      before = std::stoll(*text);
    } else if (name == "event") {
      event = value;
    } else if (name != "lang") {
      return fail(ErrorCode::invalid_request,
                  "Parameter " + name + ": unknown; known: limit, cursor, event.",
                  "unknown_parameter");
    }
  }
  const Predicate rights =
      state_->access.predicate(actor, resource, Right::read, "t", "$2::bigint");
  Plan visible = state_->queries.keep(
      {}, "SELECT 1 FROM " + std::string(resource.table) + " t WHERE t." +
              std::string(resource.key) + " = $1::" + key_type_of(resource) + " AND " + rights.sql);
  visible.params.add(key);
  if (!rights.always && !rights.never) visible.params.add(actor.user_id);
  const std::string subject =
      resource.is_record
          ? "h.record_id = $1::bigint"
          : "h.record_kind = '" + std::string(resource.kind) + "' AND h.record_key = $1::text";
  const std::string changes = shown_changes(state_->access, resource, actor, "h",
                                            "$1::" + key_type_of(resource), "$5::bigint");
  Plan events = state_->queries.keep(
      {}, "SELECT " + history_columns(changes) +
              " FROM crm.history_event h LEFT JOIN crm.user u ON u.id = h.actor_id"
              " WHERE " +
              subject +
              " AND h.id < $2::bigint"
              " AND ($3::text = '' OR h.event = ANY (string_to_array($3::text, ',')))"
              " ORDER BY h.id DESC LIMIT $4::bigint");
  events.params.add(key).add(before).add(std::string_view(event)).add(limit + 1);
  if (changes.find("$5") != std::string::npos) events.params.add(actor.user_id);

  auto tx = state_->database.begin(Pool::api, TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  const Ticket seen = tx->queue(visible.sql, std::move(visible.params));
  const Ticket found = tx->queue(events.sql, std::move(events.params));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  const Rows& rows = tx->rows(found);
  // What went for good has nothing left but its history: for administrators.
  const bool gone = !resource.soft_delete && actor.is_administrator() && !rows.empty();
  if (tx->rows(seen).empty() && !gone) return no_such(resource, key);

  Page page;
  page.size = std::min(rows.size(), limit);
  page.items = history_json(rows, page.size);
  if (rows.size() > limit) page.next_cursor = to_base64url(rows.text(limit - 1, 0));
  return page;
}

}  // namespace c360::store

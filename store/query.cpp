#include "store/query.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "daemon/base/digest.h"
#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "store/custom_fields.h"
#include "store/query_filters.h"
#include "store/query_parts.h"
#include "store/record_json.h"

namespace c360::store {
namespace {

constexpr std::size_t kSignatureBytes = 16;
constexpr std::string_view kEstimateLimit = "10001";

// Parameters that are no filters.
constexpr std::string_view kReserved[] = {"q",      "sort",  "fields", "include", "limit",
                                          "cursor", "count", "lang",   "deleted"};

bool is_reserved(std::string_view name) {
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

std::optional<std::string_view> parameter(const Parameters& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::unexpected<Error> wrong(std::string_view parameter_name, std::string detail,
                             std::string reason) {
  Error error{ErrorCode::invalid_request,
              "Parameter " + std::string(parameter_name) + ": " + std::move(detail),
              std::move(reason),
              {},
              {}};
  return std::unexpected(std::move(error));
}

}  // namespace

std::string_view filter_field(std::string_view filter) {
  const std::size_t from = filter.starts_with(kCustomPrefix) ? kCustomPrefix.size() : 0;
  return filter.substr(0, filter.find('.', from));
}

bool names_field(const Parameters& parameters, std::string_view field) {
  return std::ranges::any_of(
      parameters, [&](const auto& parameter) { return filter_field(parameter.first) == field; });
}

struct QueryMaker::State {
  const Registry& registry;
  const AccessRules& access;
  Secret cursor_key;
  QueryLimits limits;

  struct Kept {
    std::string name;
    std::string text;
  };
  mutable std::shared_mutex mutex;
  // Texts by themselves; the short shapes of the hot paths lead to the same entries.
  mutable std::unordered_map<std::string, std::unique_ptr<const Kept>> by_text;
  mutable std::unordered_map<std::string, const Kept*> by_shape;

  // The resources as those see them who are not shown the personal fields of every row, by the
  // condition that shows them. Few: by kind, placeholder and what of the actor decides.
  mutable std::map<std::string, std::unique_ptr<const Resource>> reserved;

  Plan keep(std::string_view shape, std::string text, bool always) const;
  const Resource* as_shown(const Resource* resource, const Predicate& personal) const;
  std::string signature(std::string_view payload) const {
    const Sha256 mac = hmac_sha256(cursor_key.reveal(), payload);
    return std::string(as_bytes_view(mac).substr(0, kSignatureBytes));
  }
};

QueryMaker::QueryMaker(const Registry& registry, const AccessRules& access, Secret cursor_key,
                       QueryLimits limits)
    : state_(
          new State{registry, access, std::move(cursor_key), std::move(limits), {}, {}, {}, {}}) {}
QueryMaker::~QueryMaker() = default;

std::optional<Sql> QueryMaker::kept(std::string_view shape) const {
  const std::shared_lock lock(state_->mutex);
  const auto found = state_->by_shape.find(std::string(shape));
  if (found == state_->by_shape.end()) return std::nullopt;
  return Sql{found->second->name, found->second->text};
}

Plan QueryMaker::State::keep(std::string_view shape, std::string text, bool always) const {
  {
    const std::shared_lock lock(mutex);
    const auto found = by_text.find(text);
    if (found != by_text.end() && (shape.empty() || by_shape.contains(std::string(shape)))) {
      return {Sql{found->second->name, found->second->text}, {}, nullptr};
    }
  }
  const std::unique_lock lock(mutex);
  if (!always && by_text.size() >= limits.max_prepared_shapes) {
    auto copy = std::make_shared<const std::string>(std::move(text));
    return {Sql{{}, *copy}, {}, copy};
  }
  auto& entry = by_text[text];
  if (!entry) {
    entry = std::make_unique<const Kept>(
        Kept{"c360_q" + std::to_string(by_text.size()), std::move(text)});
  }
  if (!shape.empty()) by_shape.emplace(std::string(shape), entry.get());
  return {Sql{entry->name, entry->text}, {}, nullptr};
}

// Nobody filters, sorts or searches by what he is not shown of every row: how many rows there are,
// and in which order, would tell it.
const Resource* QueryMaker::State::as_shown(const Resource* resource,
                                            const Predicate& personal) const {
  if (personal.always || std::ranges::none_of(resource->fields, &Field::is_personal)) {
    return resource;
  }
  const std::string name =
      std::string(resource->kind) + " " + std::string(resource->rows_from()) + " " + personal.sql;
  const std::unique_lock lock(mutex);
  auto& shown = reserved[name];
  if (shown) return shown.get();
  auto copy = std::make_unique<Resource>(*resource);
  for (Field& field : copy->fields) {
    if (!field.is_personal) continue;
    field.expression = "CASE WHEN " + personal.sql + " THEN " + expression_of(field) + " END";
    field.is_filterable = field.is_sortable = field.is_searchable = false;
  }
  shown = std::move(copy);
  return shown.get();
}

Plan QueryMaker::keep(std::string_view shape, std::string text) const {
  return state_->keep(shape, std::move(text), false);
}

Plan QueryMaker::keep_always(std::string text) const {
  return state_->keep({}, std::move(text), true);
}

// -- Cursors --------------------------------------------------------------------------------------

std::string QueryMaker::cursor(const ListPlan& plan,
                               const std::vector<std::optional<std::string>>& values,
                               std::string_view key) const {
  Json::Array payload;
  payload.emplace_back(plan.shape);
  for (const auto& value : values) payload.push_back(value ? Json(*value) : Json(nullptr));
  payload.emplace_back(std::string(key));
  std::string text = Json(std::move(payload)).dump();
  return to_base64url(state_->signature(text) + text);
}

namespace {

// The values of a cursor, the key last; none where it was not made by us for this list.
std::optional<std::vector<std::optional<std::string>>> cursor_values(std::string_view text,
                                                                     std::string_view shape,
                                                                     std::size_t expected) {
  const auto payload = Json::parse(text);
  if (!payload || !payload->is_array() || payload->as_array().size() != expected + 2) {
    return std::nullopt;
  }
  const Json::Array& array = payload->as_array();
  if (!array[0].is_string() || array[0].as_string() != shape) return std::nullopt;
  std::vector<std::optional<std::string>> values;
  for (std::size_t i = 1; i < array.size(); ++i) {
    if (array[i].is_string()) {
      values.emplace_back(array[i].as_string());
    } else if (array[i].is_null()) {
      values.emplace_back(std::nullopt);
    } else {
      return std::nullopt;
    }
  }
  if (!values.back()) return std::nullopt;
  return values;
}

Result<std::vector<SortKey>> parse_sort(const Resource& resource, const CustomFields& custom,
                                        std::string_view text, std::size_t max_fields) {
  std::vector<SortKey> order;
  for (std::string_view item : split(text, ',')) {
    item = trimmed(item);
    const bool descending = item.starts_with('-');
    if (descending || item.starts_with('+')) item.remove_prefix(1);
    const Field* field = find_field(resource, custom, item);
    if (!field || !field->is_sortable) {
      std::string known;
      for (const Field& each : resource.fields) {
        if (each.is_sortable) known += (known.empty() ? "" : ", ") + std::string(each.name);
      }
      return wrong(
          "sort", "\"" + std::string(item) + "\" cannot be sorted by; known fields: " + known + ".",
          "unknown_field");
    }
    if (order.size() == max_fields) {
      return wrong("sort", "at most " + std::to_string(max_fields) + " fields.", "too_many");
    }
    order.push_back({field, descending});
    if (field->name == resource.key) break;  // unique: nothing after it matters
  }
  return order;
}

Result<std::vector<const Field*>> parse_columns(const Resource& resource,
                                                std::optional<std::string_view> text,
                                                bool with_large) {
  std::vector<const Field*> columns;
  if (!text) {
    for (const Field& field : resource.fields) {
      if (!field.is_secret && (with_large || !field.is_large)) columns.push_back(&field);
    }
    return columns;
  }
  columns.push_back(&resource.field(resource.key));
  for (const std::string_view item : split(*text, ',')) {
    const Field* field = resource.find(trimmed(item));
    if (!field || field->is_secret) {
      std::string known;
      for (const Field& each : resource.fields) {
        if (!each.is_secret) known += (known.empty() ? "" : ", ") + std::string(each.name);
      }
      return wrong("fields",
                   "unknown field \"" + std::string(item) + "\"; known fields: " + known + ".",
                   "unknown_field");
    }
    if (std::find(columns.begin(), columns.end(), field) == columns.end()) columns.push_back(field);
  }
  return columns;
}

// Whether the condition that shows personal columns stands in the statement, with its placeholder.
bool asks_personal(const std::vector<const Field*>& columns, const Predicate& personal) {
  return !personal.always && !personal.never &&
         std::ranges::any_of(columns, [](const Field* field) { return field->is_personal; });
}

}  // namespace

// -- One record -----------------------------------------------------------------------------------

Result<GetPlan> QueryMaker::get(const Resource& declared, std::string_view key,
                                const Parameters& parameters, const Actor& actor) const {
  const Predicate personal = state_->access.personal(actor, declared, "t", "$2::bigint");
  const Resource& resource = *state_->as_shown(&declared, personal);
  for (const auto& [name, value] : parameters) {
    if (name != "fields" && name != "include" && name != "lang") {
      return wrong(name, "unknown; known parameters: fields, include, lang.", "unknown_parameter");
    }
  }
  GetPlan plan;
  auto columns = parse_columns(resource, parameter(parameters, "fields"), true);
  if (!columns) return std::unexpected(columns.error());
  plan.columns = std::move(*columns);

  const Predicate rights =
      state_->access.predicate(actor, resource, Right::read, "t", "$2::bigint");
  std::string shape;
  if (parameters.empty()) {
    shape = "get " + std::string(resource.kind) + " " + state_->access.shape(actor);
  }
  bool asks = (!rights.always && !rights.never) || asks_personal(plan.columns, personal);
  if (const auto known = shape.empty() ? std::nullopt : kept(shape)) {
    plan.plan.sql = *known;
  } else {
    auto includes = include_columns(state_->registry, resource, parameter(parameters, "include"),
                                    {state_->access, actor, "$2::bigint"});
    if (!includes) return std::unexpected(includes.error());
    std::string sql = "SELECT " + column_list(plan.columns);
    for (const IncludeColumn& include : *includes) {
      sql += ", " + include.sql;
      plan.includes.push_back(include.name);
    }
    asks = asks || asks_user(*includes);
    sql += ", " + state_of_row(resource) + " FROM " + std::string(resource.rows_from()) +
           " t WHERE t." + std::string(resource.key) +
           " = $1::" + resource.field(resource.key).sql_type() + " AND " + rights.sql;
    plan.plan = keep(shape, std::move(sql));
  }
  plan.plan.params.add(key);
  if (asks) plan.plan.params.add(actor.user_id);
  return plan;
}

// -- Lists ----------------------------------------------------------------------------------------

std::string ListRows::row_by_row() const {
  return " FROM " + table + " t WHERE " + rights + condition;
}

std::string ListRows::by_keys() const {
  return " FROM " + table + " t WHERE t." + key + " IN (" + keys + ")" + condition;
}

std::string ListRows::is_long() const {
  return "EXISTS (SELECT FROM " + table + " t WHERE TRUE" + condition + " OFFSET " +
         std::to_string(tried) + ")";
}

namespace {

struct ListText {
  std::string where;  // " AND …"
  ParameterList params;
};

// `select` over the rows, of which there are few or many: whichever way is the shorter one. It is
// one value.
std::string one_value(const ListRows& rows, const std::string& begin, const std::string& end) {
  const std::string each = begin + rows.row_by_row() + end;
  if (rows.keys.empty()) return "SELECT " + each;
  return "SELECT CASE WHEN " + rows.is_long() + " THEN (SELECT " + begin + rows.by_keys() + end +
         ") ELSE (SELECT " + each + ") END";
}

// The first rows in order. Asking row by row stops as soon as the page is full; who may read too
// few for that pays for `tried` rows, and then for what he may read.
std::string page_text(const ListRows& rows, const std::string& select, const std::string& order,
                      int limit) {
  const std::string first = order + " LIMIT " + std::to_string(limit);
  if (rows.keys.empty()) return select + rows.row_by_row() + first;
  return "WITH head AS MATERIALIZED (" + select + " FROM (SELECT t.* FROM " + rows.table +
         " t WHERE TRUE" + rows.condition + order + " LIMIT " + std::to_string(rows.tried) +
         ") t WHERE " + rows.rights + first +
         "), seen AS MATERIALIZED (SELECT (SELECT count(*) FROM head) < " + std::to_string(limit) +
         " AND " + rows.is_long() +
         " AS too_few) SELECT * FROM head WHERE NOT (SELECT too_few FROM seen)"
         " UNION ALL SELECT * FROM (" +
         select + rows.by_keys() + first + ") rest WHERE (SELECT too_few FROM seen)";
}

Result<void> add_search(const Resource& resource, const CustomFields& custom, std::string_view text,
                        const QueryLimits& limits, ListText& list) {
  std::string expression = search_expression(resource);
  if (expression.empty()) {
    return wrong("q", "this list has no search.", "unknown_parameter");
  }
  if (text.size() > limits.max_search_bytes || !is_valid_utf8(text) ||
      text.find('\0') != std::string_view::npos) {
    return wrong("q", "at most " + std::to_string(limits.max_search_bytes) + " bytes of UTF-8.",
                 "too_long");
  }
  if (const std::string more = custom.search_expression(resource.kind); !more.empty()) {
    expression = "(" + expression + " || ' ' || " + more + ")";
  }
  const bool digits =
      !text.empty() && text.size() <= 15 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  std::string condition;
  int words = 0;
  for (const std::string_view word : split(text, ' ')) {
    if (trimmed(word).empty() || ++words > 5) continue;
    condition += (condition.empty() ? "" : " AND ") + expression + " ILIKE " +
                 list.params.add("%" + escaped_like(trimmed(word)) + "%");
  }
  if (condition.empty()) return {};
  if (digits && resource.has_field("number") &&
      resource.field("number").type == FieldType::integer) {
    condition =
        "(" + condition + ") OR t.number = " + list.params.add(std::string(text)) + "::bigint";
  }
  list.where += " AND (" + condition + ")";
  return {};
}

Result<void> add_deleted(const Resource& resource, const Parameters& parameters, const Actor& actor,
                         ListText& list) {
  const auto deleted = parameter(parameters, "deleted");
  if (!resource.soft_delete) {
    if (deleted)
      return wrong("deleted", "rows of this list are never hidden.", "unknown_parameter");
    return {};
  }
  if (!deleted) {
    list.where += " AND t.deleted_at IS NULL";
    return {};
  }
  if (!actor.is_administrator()) {
    return fail(ErrorCode::forbidden, "Only CRM administrators see deleted records.",
                "administrators_only");
  }
  if (*deleted == "only") {
    list.where += " AND t.deleted_at IS NOT NULL";
  } else if (*deleted != "include") {
    return wrong("deleted", "expected include or only.", "invalid_value");
  }
  return {};
}

// What the caller may read of the rows that a declared filter asks after.
Predicate filter_rights(const Registry& registry, const Reader& reader, const ListFilter& filter) {
  if (filter.reads.empty()) return {"TRUE", true, false};
  return reader.access.predicate(reader.actor, registry.get(filter.reads), Right::read, "p",
                                 reader.user);
}

// Whether the placeholder of the reader stands in one of the filters.
bool filters_ask_user(const Registry& registry, const Reader& reader, const Resource& resource,
                      const Parameters& parameters) {
  return std::ranges::any_of(list_filters(resource.kind), [&](const ListFilter& filter) {
    if (!parameter(parameters, filter.name)) return false;
    const Predicate rights = filter_rights(registry, reader, filter);
    return !rights.always && !rights.never;
  });
}

// As the request says, as one of its filters wants it, or as the list has it.
std::string_view sort_of(const Resource& resource, const Parameters& parameters) {
  if (const auto asked = parameter(parameters, "sort")) return *asked;
  for (const ListFilter& filter : list_filters(resource.kind)) {
    if (!filter.sort.empty() && parameter(parameters, filter.name)) return filter.sort;
  }
  return resource.default_sort;
}

Result<void> add_filters(const Registry& registry, const Reader& reader, const Resource& resource,
                         const CustomFields& custom, const Parameters& parameters,
                         const QueryLimits& limits, ListText& list) {
  std::size_t filters = 0;
  for (const auto& [name, value] : parameters) {
    if (is_reserved(name) || (name == "scope" && !resource.scopes.empty())) continue;
    if (++filters > limits.max_filters) {
      return wrong(name, "at most " + std::to_string(limits.max_filters) + " filters.", "too_many");
    }
    const ListFilter* declared = find_list_filter(resource.kind, name);
    auto condition =
        declared != nullptr
            ? list_filter_condition(*declared, value, limits,
                                    filter_rights(registry, reader, *declared).sql, list.params)
            : filter_condition(resource, custom, name, value, limits, limits.time_zone,
                               list.params);
    if (!condition) return std::unexpected(condition.error());
    if (!condition->empty()) list.where += " AND " + *condition;
  }
  for (const Resource::DefaultFilter& filter : resource.default_filters) {
    const bool asked = std::any_of(parameters.begin(), parameters.end(), [&](const auto& given) {
      return given.first == filter.field ||
             given.first.starts_with(std::string(filter.field) + ".");
    });
    if (!asked) list.where += " AND " + default_condition(resource, filter);
  }
  return {};
}

Result<void> add_scope(const Resource& resource, const Parameters& parameters, const Actor& actor,
                       ListText& list) {
  const auto wanted = parameter(parameters, "scope");
  if (resource.scopes.empty() || !wanted) return {};
  const auto found = std::ranges::find(resource.scopes, *wanted, &Resource::Scope::name);
  if (found == resource.scopes.end()) {
    std::string known;
    for (const auto& each : resource.scopes) {
      known += (known.empty() ? "" : ", ") + std::string(each.name);
    }
    return wrong("scope", "expected one of " + known + ".", "invalid_value");
  }
  if (!found->needs.empty() && !parameter(parameters, found->needs)) {
    return wrong("scope", std::string(*wanted) + " needs " + std::string(found->needs) + ".",
                 std::string(found->needs) + "_required");
  }
  std::string condition(found->condition);
  if (condition.find('%') != std::string::npos) {
    const std::string user =
        list.params.add(actor.user_id ? std::to_string(*actor.user_id) : "0") + "::bigint";
    for (std::size_t at = 0; (at = condition.find('%', at)) != std::string::npos;) {
      condition.replace(at, 1, user);
      at += user.size();
    }
  }
  list.where += " AND (" + condition + ")";
  return {};
}

int limit_of(const Parameters& parameters, const QueryLimits& limits, bool& valid) {
  valid = true;
  const auto text = parameter(parameters, "limit");
  if (!text) return limits.default_page;
  int limit = 0;
  for (const char c : *text) {
    if (c < '0' || c > '9' || limit > limits.max_page) {
      valid = false;
      return 0;
    }
    limit = limit * 10 + (c - '0');
  }
  valid = !text->empty() && limit >= 1 && limit <= limits.max_page;
  return limit;
}

}  // namespace

Result<Plan> QueryMaker::grouped(const Resource& resource, const Parameters& parameters,
                                 const Actor& actor, const CustomFields& custom,
                                 std::string_view select, int keys, bool confined) const {
  auto plan = list(resource, parameters, actor, custom, 0, confined);
  if (!plan) return std::unexpected(plan.error());
  std::string by = " GROUP BY 1";
  for (int key = 2; key <= keys; ++key) by += ", " + std::to_string(key);
  const ListRows& rows = plan->rows;
  const std::string begin = "SELECT " + std::string(select);
  std::string sql = begin + rows.row_by_row();
  if (!rows.keys.empty()) {
    sql += " AND NOT " + rows.is_long() + by + " UNION ALL " + begin + rows.by_keys() + " AND " +
           rows.is_long();
  }
  Plan groups = keep({}, sql + by + " ORDER BY 1");
  groups.params = std::move(plan->filters);
  return groups;
}

Result<ListPlan> QueryMaker::list(const Resource& declared, const Parameters& parameters,
                                  const Actor& actor, const CustomFields& custom, int page_rows,
                                  bool confined) const {
  const Predicate personal = state_->access.personal(actor, declared, "t", "$1::bigint");
  const Resource& resource = *state_->as_shown(&declared, personal);
  const QueryLimits& limits = state_->limits;
  ListPlan plan;
  bool valid = true;
  plan.limit = page_rows > 0 ? page_rows : limit_of(parameters, limits, valid);
  if (!valid) {
    return wrong("limit",
                 "expected a number between 1 and " + std::to_string(limits.max_page) + ".",
                 "invalid_value");
  }
  auto columns = parse_columns(resource, parameter(parameters, "fields"), false);
  if (!columns) return std::unexpected(columns.error());
  plan.columns = std::move(*columns);
  const Reader reader{state_->access, actor, "$1::bigint"};
  auto includes =
      include_columns(state_->registry, resource, parameter(parameters, "include"), reader);
  if (!includes) return std::unexpected(includes.error());
  const std::string_view sort = sort_of(resource, parameters);
  auto order = parse_sort(resource, custom, sort, limits.max_sort_fields);
  if (!order) return std::unexpected(order.error());
  plan.order = std::move(*order);
  if (plan.order.empty() || plan.order.back().field->name != resource.key) {
    const bool descending = !plan.order.empty() && plan.order.front().descending;
    plan.order.push_back({&resource.field(resource.key), descending});
  }
  plan.shape = std::string(resource.kind) + " " + std::string(sort);

  ListText list;
  const Predicate rights =
      state_->access.predicate(actor, resource, Right::read, "t", "$1::bigint");
  if (!rights.always && !rights.never) {
    list.params.add_user(actor);
  } else if (asks_user(*includes) || asks_personal(plan.columns, personal) ||
             filters_ask_user(state_->registry, reader, resource, parameters)) {
    // Said in the count too, which has the parameters of the page.
    list.params.add_user(actor);
    list.where += " AND ($1::bigint IS NULL OR TRUE)";
  }
  list.where += parts_left_out(resource, parameter(parameters, "include"));
  if (auto done = add_deleted(resource, parameters, actor, list); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = add_filters(state_->registry, reader, resource, custom, parameters, limits, list);
      !done) {
    return std::unexpected(done.error());
  }
  if (auto done = add_scope(resource, parameters, actor, list); !done) {
    return std::unexpected(done.error());
  }
  if (const auto text = parameter(parameters, "q")) {
    if (auto done = add_search(resource, custom, *text, limits, list); !done) {
      return std::unexpected(done.error());
    }
  }

  plan.rows = {.table = std::string(resource.rows_from()),
               .key = std::string(resource.key),
               .rights = rights.sql,
               // The deleted ones are for administrators, who read all.
               .keys = confined || parameter(parameters, "deleted")
                           ? std::string()
                           : state_->access.readable_keys(actor, resource, "$1::bigint"),
               .condition = list.where,
               .tried = limits.rows_tried};
  plan.filters = list.params.params();
  if (const auto count = parameter(parameters, "count")) {
    if (*count == "exact") {
      plan.count = Count::exact;
      plan.total = keep({}, one_value(plan.rows, "count(*)", ""));
    } else if (*count == "estimated") {
      // Exact while it is cheap, then the planner's idea of the whole table.
      plan.count = Count::estimated;
      plan.total =
          keep({}, "SELECT (" +
                       one_value(plan.rows, "count(*) FROM (SELECT",
                                 " LIMIT " + std::string(kEstimateLimit) + ") counted") +
                       "), (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = '" +
                       std::string(resource.table) + "'::regclass)");
    } else if (*count != "none") {
      return wrong("count", "expected exact, estimated or none.", "invalid_value");
    }
    if (plan.total) plan.total->params = plan.filters;
  }

  if (const auto cursor_text = parameter(parameters, "cursor")) {
    const auto bytes = cursor_text->size() <= limits.max_cursor_bytes ? from_base64url(*cursor_text)
                                                                      : std::nullopt;
    std::optional<std::vector<std::optional<std::string>>> values;
    if (bytes && bytes->size() > kSignatureBytes) {
      const std::string_view payload = std::string_view(*bytes).substr(kSignatureBytes);
      const std::string_view given = std::string_view(*bytes).substr(0, kSignatureBytes);
      if (equal_constant_time(state_->signature(payload), given)) {
        values = cursor_values(payload, plan.shape, plan.order.size() - 1);
      }
    }
    if (!values) {
      return wrong("cursor",
                   "it was not made for this list and order; start again without a cursor.",
                   "invalid_cursor");
    }
    list.where += " AND " + keyset_condition(plan.order, *values, list.params);
  }

  std::string select = "SELECT " + column_list(plan.columns);
  for (const IncludeColumn& include : *includes) {
    select += ", " + include.sql;
    plan.includes.push_back(include.name);
  }
  for (const SortKey& key : plan.order) select += ", " + expression_of(*key.field) + "::text";
  ListRows rows = plan.rows;
  rows.condition = list.where;
  // The limit stands in the text: the planner of a prepared statement must know that it is small.
  plan.page =
      keep({}, page_text(rows, select, " ORDER BY " + order_by(plan.order), plan.limit + 1));
  plan.page.params = list.params.params();
  return plan;
}

}  // namespace c360::store

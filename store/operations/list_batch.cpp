#include "store/operations/list_batch.h"

#include <algorithm>
#include <span>

#include "store/record_json.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

int key_column(const ListPlan& plan, const Resource& kind) {
  const auto found = std::ranges::find(plan.columns, kind.key, &Field::name);
  return static_cast<int>(found - plan.columns.begin());
}

}  // namespace

ListBatch::ListBatch(const Records& records, const Actions& actions, const Actor& actor,
                     const TokenPermits& permits, Transaction& tx, std::string_view path_prefix)
    : records_(records),
      actions_(actions),
      actor_(actor),
      permits_(permits),
      tx_(tx),
      path_prefix_(path_prefix) {}

bool ListBatch::readable(const Resource& kind) const {
  return permits_(kind, Right::read) &&
         !records_.access().predicate(actor_, kind, Right::read, "t", "$1::bigint").never;
}

Result<ListBatch::Index> ListBatch::count(const ShownList& list, const Parameters& more) {
  Read read{.list = &list};
  read.forbidden = !readable(*list.kind);
  if (!read.forbidden) {
    Parameters parameters = list.parameters;
    parameters.insert(parameters.end(), more.begin(), more.end());
    parameters.emplace_back("count", "exact");
    auto plan = records_.queries().list(*list.shown, parameters, actor_, custom_, 0, true);
    if (!plan) return std::unexpected(plan.error());
    read.plan = std::move(*plan);
    read.total = tx_.queue(read.plan.total->sql, std::move(read.plan.total->params));
  }
  reads_.push_back(std::move(read));
  return reads_.size() - 1;
}

Result<ListBatch::Index> ListBatch::add(const ShownList& list, const Parameters& more, int limit) {
  Parameters parameters = more;
  parameters.emplace_back("limit", std::to_string(limit));
  auto index = count(list, parameters);
  if (!index) return index;
  Read& read = reads_[*index];
  if (!read.forbidden) read.page = tx_.queue(read.plan.page.sql, std::move(read.plan.page.params));
  return index;
}

std::optional<Ticket> ListBatch::queue_offered(const Resource& kind,
                                               const std::vector<std::int64_t>& ids) {
  if (ids.empty() || !permits_(kind, Right::write)) return std::nullopt;
  const Plan plan = records_.queries().keep_always(
      "SELECT t.id, " + offered_expression(records_, actions_, kind, actor_, "t", "$2::bigint") +
      ", $2::bigint FROM " + std::string(kind.table) + " t WHERE t.id = ANY ($1::bigint[])");
  return tx_.queue(plan.sql,
                   Params{}.add_array(std::span<const std::int64_t>(ids)).add(actor_.user_id));
}

void ListBatch::queue_actions() {
  for (Read& read : reads_) {
    if (!read.page) continue;
    std::vector<std::int64_t> ids;
    const Rows& rows = tx_.rows(*read.page);
    const int key = key_column(read.plan, *read.list->kind);
    for (int row = 0; row < std::min(rows.size(), read.plan.limit); ++row) {
      ids.push_back(rows.int64(row, key));
    }
    read.actions = queue_offered(*read.list->kind, ids);
  }
}

std::optional<std::int64_t> ListBatch::total(Index index) const {
  const Read& read = reads_[index];
  if (read.forbidden) return std::nullopt;
  return tx_.rows(read.total).int64(0, 0);
}

ListBatch::ActionsById ListBatch::offered_by(const std::optional<Ticket>& ticket) const {
  ActionsById offered;
  if (!ticket) return offered;
  const Rows& rows = tx_.rows(*ticket);
  for (int row = 0; row < rows.size(); ++row) {
    offered.emplace(rows.int64(row, 0), rows.text_array(row, 1));
  }
  return offered;
}

void write_actions(JsonWriter& out, const std::string& path,
                   const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const bool update = name == "update";
    const bool itself = update || name == "delete";
    out.begin_object()
        .member("name", std::string_view{name})
        .member("method", update   ? "PATCH"
                          : itself ? "DELETE"
                                   : "POST");
    const std::string href = itself ? path : path + "/" + name;
    out.member("href", std::string_view{href}).end_object();
  }
}

void ListBatch::write_actions(JsonWriter& out, const Resource& kind, const ActionsById& offered,
                              std::int64_t id) const {
  out.key("actions").begin_array();
  const auto found = offered.find(id);
  if (found != offered.end()) {
    const std::string path =
        std::string(path_prefix_) + std::string(kind.path) + "/" + std::to_string(id);
    c360::store::write_actions(out, path, found->second);
  }
  out.end_array();
}

void ListBatch::write(JsonWriter& out, Index index) const {
  const Read& read = reads_[index];
  out.key(read.list->name).begin_object().member("forbidden", read.forbidden);
  if (read.forbidden) {
    out.key("total").null().key("items").begin_array().end_array();
    out.key("next_cursor").null().end_object();
    return;
  }
  const Rows& rows = tx_.rows(*read.page);
  const int size = std::min(rows.size(), read.plan.limit);
  const int includes = static_cast<int>(read.plan.columns.size());
  const int key = key_column(read.plan, *read.list->kind);
  const ActionsById offered = offered_by(read.actions);
  out.member("total", *total(index)).key("items").begin_array();
  for (int row = 0; row < size; ++row) {
    out.begin_object();
    write_fields(out, read.plan.columns, rows, row);
    int column = includes;
    for (const std::string& include : read.plan.includes) {
      const auto value = rows.optional_text(row, column++);
      out.key(include);
      value ? out.raw(*value) : out.null();
    }
    write_actions(out, *read.list->kind, offered, rows.int64(row, key));
    out.end_object();
  }
  out.end_array().key("next_cursor");
  const auto next = page_of(read.plan, rows, records_.queries()).next_cursor;
  next ? out.string(*next) : out.null();
  out.end_object();
}

}  // namespace c360::store

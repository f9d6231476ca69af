// SQL made from a Resource: columns, filters, search, order, pages.
//
// A list is asked for by the decoded parameters of its URL (design.md 5):
//   status=new,paused  amount.gte=1000  name.like=ромашка  closed_at.null=true  q=…
//   sort=-date_received,id  fields=id,name  include=contacts  limit=50  cursor=…  count=exact
// An unknown name or operator is invalid_request with the list of known ones. The SQL text of a
// shape (resource, rights, filters, order, columns) is made once and kept, so that it is prepared.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/secret.h"
#include "store/access.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

class CustomFields;  // store/custom_fields.h

using Parameters = std::vector<std::pair<std::string, std::string>>;  // decoded, in order

// "amount" of "amount.gte", "custom.region" of "custom.region.in"
std::string_view filter_field(std::string_view filter);
// Whether one of them filters by the field.
bool names_field(const Parameters& parameters, std::string_view field);

enum class Count : std::uint8_t { none, exact, estimated };

struct QueryLimits {
  int default_page = 50;
  int max_page = 500;
  std::size_t max_filters = 30;
  std::size_t max_values = 500;  // of one `in` list
  std::size_t max_sort_fields = 5;
  std::size_t max_search_bytes = 200;
  std::size_t max_cursor_bytes = 2'000;
  std::size_t max_prepared_shapes = 2'000;  // further shapes are sent unprepared
  std::string time_zone = "Europe/Moscow";  // business.timezone: midnight of a date in a filter
  // Rows of a list whose rights are asked one by one; beyond that the set of what the actor may
  // read leads. One person reads every second row, another three of a million.
  int rows_tried = 1'000;
};

// One statement ready to be queued. `keep` holds the text of a shape that is not kept for ever:
// the plan must live until the statement has run.
struct Plan {
  Sql sql;
  Params params;
  std::shared_ptr<const std::string> keep;
};

struct SortKey {
  const Field* field = nullptr;
  bool descending = false;
};

// The rows of a list before order and limit, as SQL over alias t.
struct ListRows {
  std::string table;
  std::string key;
  std::string rights;     // over one row
  std::string keys;       // the same as a set of keys; empty: `rights` is all there is
  std::string condition;  // " AND …", the filters
  int tried = 0;          // QueryLimits::rows_tried

  std::string row_by_row() const;  // " FROM … WHERE …"
  std::string by_keys() const;     // the same rows, led by `keys`
  std::string is_long() const;     // SQL: more rows than `tried`, whoever may read them
};

// A list as understood: what the columns of the page mean.
struct ListPlan {
  Plan page;
  std::optional<Plan> total;
  Count count = Count::none;
  int limit = 0;                      // the page holds one row more if there is a next page
  std::vector<const Field*> columns;  // first columns of the page
  std::vector<std::string> includes;  // then one JSON column each
  std::vector<SortKey> order;         // then their values as text; the last one is the key
  std::string shape;                  // what a cursor is bound to
  ListRows rows;                      // without the cursor
  Params filters;                     // of `rows`
};

struct GetPlan {
  Plan plan;
  std::vector<const Field*> columns;
  std::vector<std::string> includes;
};

// Names of all that `include=` shows inside rows of the resource besides its references: "contacts,
// comments, stage".
std::string shown_names(const Resource& resource);

class QueryMaker {
 public:
  // `cursor_key` signs cursors; every daemon on one database must have the same one.
  QueryMaker(const Registry& registry, const AccessRules& access, Secret cursor_key,
             QueryLimits limits = {});
  ~QueryMaker();
  QueryMaker(const QueryMaker&) = delete;
  QueryMaker& operator=(const QueryMaker&) = delete;

  // `custom` has the fields that may be named besides the declared ones; the plan refers to them.
  // `page_rows` is for the program's own walks over whole lists: instead of `limit`, and not
  // bounded by max_page. `confined`: the parameters leave few rows, such as those of one customer,
  // so rights are always asked row by row and the statement stays short.
  Result<ListPlan> list(const Resource& resource, const Parameters& parameters, const Actor& actor,
                        const CustomFields& custom, int page_rows = 0, bool confined = false) const;
  // `fields` and `include` of `parameters`. Behind the columns: is the row deleted, merged_into_id.
  Result<GetPlan> get(const Resource& resource, std::string_view key, const Parameters& parameters,
                      const Actor& actor) const;
  // What a list would count, in groups: `select` over alias t, grouped by its first `keys` columns.
  Result<Plan> grouped(const Resource& resource, const Parameters& parameters, const Actor& actor,
                       const CustomFields& custom, std::string_view select, int keys,
                       bool confined = false) const;
  // The cursor that continues after the row: its sort values but the last, and its key.
  std::string cursor(const ListPlan& plan, const std::vector<std::optional<std::string>>& values,
                     std::string_view key) const;
  // Keeps `text` for ever under a name made from `shape`, unless there are too many shapes.
  Plan keep(std::string_view shape, std::string text) const;
  // The same for texts made by the program alone, never by a request: always kept.
  Plan keep_always(std::string text) const;
  // The kept text of a shape, if it was made before.
  std::optional<Sql> kept(std::string_view shape) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::store

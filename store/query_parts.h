// The pieces query.cpp puts together: expressions, conditions and order over alias t.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/custom_fields.h"
#include "store/query.h"

namespace c360::store {

// Parameters while the text is being made: add() gives the placeholder.
class ParameterList {
 public:
  std::string add(std::string text) {
    params_.add(std::move(text));
    return "$" + std::to_string(params_.size());
  }
  std::string add_texts(const std::vector<std::string>& texts) {
    params_.add_array(std::span<const std::string>(texts));
    return "$" + std::to_string(params_.size());
  }
  void add_user(const Actor& actor) { params_.add(actor.user_id); }
  const Params& params() const { return params_; }

 private:
  Params params_;
};

struct IncludeColumn {
  std::string name;
  std::string sql;         // one JSON value
  bool asks_user = false;  // the placeholder of the reader stands in it
};

// Who reads, and the placeholder of his id.
struct Reader {
  const AccessRules& access;
  const Actor& actor;
  std::string_view user;
};

// The field as a value: a column of t or its expression.
std::string expression_of(const Field& field);
// An expression over alias t, of another alias.
std::string moved_to(std::string_view expression, std::string_view alias);
std::string column_list(const std::vector<const Field*>& columns);
// Two columns behind the others of a single row: is it deleted, and into what was it merged.
std::string state_of_row(const Resource& resource);
// `include=responsible,contacts,tasks,stage`: references without their `_id` or `_code`,
// collections, what is attached to the record, blocks of the record itself. Of a row the reader may
// not read only the key and the kind are shown, and of a customer the name.
Result<std::vector<IncludeColumn>> include_columns(const Registry& registry,
                                                   const Resource& resource,
                                                   std::optional<std::string_view> include,
                                                   const Reader& reader);
bool asks_user(const std::vector<IncludeColumn>& columns);
// " AND NOT (…)" of the parts that `include=-NAME` leaves out of a list.
std::string parts_left_out(const Resource& resource, std::optional<std::string_view> include);
// What `q=` is compared with: equal to the expression of the table's trigram index.
std::string search_expression(const Resource& resource);
std::string escaped_like(std::string_view text);
// `name` is FIELD or FIELD.OPERATOR; empty text where the filter says nothing (types=any).
Result<std::string> filter_condition(const Resource& resource, const CustomFields& custom,
                                     std::string_view name, std::string_view value,
                                     const QueryLimits& limits, std::string_view time_zone,
                                     ParameterList& params);
// A declared field, or `custom.CODE` as this installation defines it; nullptr for neither.
const Field* find_field(const Resource& resource, const CustomFields& custom,
                        std::string_view name);
std::string default_condition(const Resource& resource, const Resource::DefaultFilter& filter);
std::string order_by(const std::vector<SortKey>& order);
// Everything behind the row with these values; the key is the last of both.
std::string keyset_condition(const std::vector<SortKey>& order,
                             const std::vector<std::optional<std::string>>& values,
                             ParameterList& params);

}  // namespace c360::store

#include "store/query_parts.h"

#include <algorithm>

#include "daemon/base/text.h"
#include "store/model/list_filters.h"
#include "store/record_json.h"

namespace c360::store {
namespace {

constexpr std::string_view kNameCollation = " COLLATE \"ru-RU-x-icu\"";

enum class Compare : std::uint8_t { eq, ne, gt, gte, lt, lte, in, like, null, under };

struct CompareName {
  std::string_view name;
  Compare compare;
  std::string_view sql;
};
constexpr CompareName kCompares[] = {
    {"eq", Compare::eq, "="},      {"ne", Compare::ne, "<>"},
    {"gt", Compare::gt, ">"},      {"gte", Compare::gte, ">="},
    {"lt", Compare::lt, "<"},      {"lte", Compare::lte, "<="},
    {"in", Compare::in, "= ANY"},  {"like", Compare::like, "ILIKE"},
    {"null", Compare::null, "IS"}, {"under", Compare::under, "IN"},
};

bool is_textual(const Field& field) {
  switch (field.type) {
    case FieldType::text:
    case FieldType::citext:
    case FieldType::email:
    case FieldType::phone:
    case FieldType::url:
    case FieldType::html:
      return true;
    default:
      return false;
  }
}

bool is_ordered(const Field& field) {
  switch (field.type) {
    case FieldType::integer:
    case FieldType::money:
    case FieldType::decimal:
    case FieldType::date:
    case FieldType::timestamp:
    case FieldType::interval:
      return true;
    default:
      return false;
  }
}

// `status=new,paused` means one of them; a text may contain commas itself.
bool splits_at_commas(const Field& field) {
  return !is_textual(field) && !is_ordered(field) && field.type != FieldType::boolean;
}

bool applies(const Field& field, Compare compare) {
  switch (compare) {
    case Compare::eq:
    case Compare::ne:
    case Compare::null:
      return true;
    case Compare::in:
      return field.type != FieldType::boolean;
    case Compare::like:
      return is_textual(field);
    case Compare::under:
      return field.target == "folder";
    default:
      return is_ordered(field);
  }
}

std::string operators_of(const Field& field) {
  std::string list;
  for (const CompareName& each : kCompares) {
    if (applies(field, each.compare)) list += (list.empty() ? "" : ", ") + std::string(each.name);
  }
  return list;
}

std::unexpected<Error> wrong(std::string_view name, std::string detail, std::string reason) {
  return fail(ErrorCode::invalid_request, "Filter " + std::string(name) + ": " + std::move(detail),
              std::move(reason));
}

// Names sort as a Russian reader expects; codes, keys and addresses by their bytes.
std::string_view collation_of(const Field& field) {
  if (field.is_unique && field.type != FieldType::citext) return {};
  return field.type == FieldType::text || field.type == FieldType::citext ||
                 field.type == FieldType::email
             ? kNameCollation
             : std::string_view{};
}

std::string sort_expression(const Field& field) {
  return expression_of(field) + std::string(collation_of(field));
}

// The PostgreSQL type a sort or filter value is cast to.
std::string type_of(const Field& field) { return field.sql_type(); }

Result<std::vector<std::string>> parse_values(const Field& field, std::string_view name,
                                              std::string_view value, bool split_it,
                                              const QueryLimits& limits,
                                              std::string_view time_zone) {
  std::vector<std::string> values;
  const std::vector<std::string_view> items =
      split_it ? split(value, ',') : std::vector<std::string_view>{value};
  if (items.size() > limits.max_values) {
    return wrong(name, "at most " + std::to_string(limits.max_values) + " values.", "too_many");
  }
  for (const std::string_view item : items) {
    const ParsedValue parsed = parse_parameter(field, item, time_zone);
    if (parsed.fault) {
      return wrong(name, "\"" + std::string(utf8_prefix(item, 60)) + "\": " + parsed.fault->detail,
                   "invalid_value");
    }
    values.push_back(parsed.text.value_or(""));
  }
  return values;
}

// A phone is found by its digits from the end, however it was written.
std::string phone_condition(std::string_view value, ParameterList& params) {
  std::string reversed;
  for (auto c = value.rbegin(); c != value.rend() && reversed.size() < 10; ++c) {
    if (*c >= '0' && *c <= '9') reversed += *c;
  }
  if (reversed.size() < 4) return {};
  return "EXISTS (SELECT FROM crm.record_phone p WHERE p.record_id = t.id AND reverse(p.e164) "
         "LIKE " +
         params.add(reversed + "%") + ")";
}

}  // namespace

std::string expression_of(const Field& field) {
  if (!field.expression.empty()) return "(" + field.expression + ")";
  return "t." + std::string(field.name);
}

std::string moved_to(std::string_view expression, std::string_view alias) {
  std::string text;
  for (std::size_t at = 0; at < expression.size(); ++at) {
    const char before = at > 0 ? expression[at - 1] : ' ';
    const bool word_before = std::isalnum(static_cast<unsigned char>(before)) || before == '_';
    if (!word_before && expression.substr(at).starts_with("t.")) {
      text += alias;
    } else {
      text += expression[at];
    }
  }
  return text;
}

std::string column_list(const std::vector<const Field*>& columns) {
  std::string list;
  for (const Field* field : columns) list += (list.empty() ? "" : ", ") + expression_of(*field);
  return list;
}

std::string state_of_row(const Resource& resource) {
  const std::string deleted = resource.soft_delete ? "t.deleted_at IS NOT NULL" : "false";
  const std::string merged = resource.has_field("merged_into_id")
                                 ? expression_of(resource.field("merged_into_id"))
                                 : "NULL::bigint";
  return deleted + ", " + merged;
}

std::string search_expression(const Resource& resource) {
  std::string sql;
  for (const Field& field : resource.fields) {
    if (!field.is_searchable) continue;
    sql += (sql.empty() ? "(" : " || ' ' || ") + ("coalesce(t." + std::string(field.name)) +
           "::text, '')";
  }
  return sql.empty() ? sql : sql + ")";
}

std::string escaped_like(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

const Field* find_field(const Resource& resource, const CustomFields& custom,
                        std::string_view name) {
  if (name.starts_with(kCustomPrefix))
    return custom.as_field(resource.kind, name.substr(kCustomPrefix.size()));
  return resource.find(name);
}

Result<std::string> filter_condition(const Resource& resource, const CustomFields& custom,
                                     std::string_view name, std::string_view value,
                                     const QueryLimits& limits, std::string_view time_zone,
                                     ParameterList& params) {
  const std::size_t dot =
      name.find('.', name.starts_with(kCustomPrefix) ? kCustomPrefix.size() : 0);
  const std::string_view field_name = name.substr(0, dot);
  const Field* field = find_field(resource, custom, field_name);
  if (!field || !field->is_filterable) {
    std::string known;
    for (const Field& each : resource.fields) {
      if (each.is_filterable) known += (known.empty() ? "" : ", ") + std::string(each.name);
    }
    for (const ListFilter& each : list_filters(resource.kind)) {
      known += (known.empty() ? "" : ", ") + std::string(each.name);
    }
    for (const CustomField& each : custom.of(resource.kind)) {
      known += (known.empty() ? "" : ", ") + std::string(kCustomPrefix) + each.code;
    }
    return fail(ErrorCode::invalid_request,
                "Unknown filter \"" + std::string(utf8_prefix(name, 100)) + "\"; known: " + known +
                    "; besides q, sort, fields, include, limit, cursor, count, deleted, lang.",
                "unknown_field");
  }
  const CompareName* compare = &kCompares[0];
  if (dot != std::string_view::npos) {
    const auto* found =
        std::find_if(std::begin(kCompares), std::end(kCompares),
                     [&](const CompareName& each) { return each.name == name.substr(dot + 1); });
    if (found == std::end(kCompares) || !applies(*field, found->compare)) {
      return wrong(
          name,
          "unknown operator; " + std::string(field_name) + " has " + operators_of(*field) + ".",
          "unknown_operator");
    }
    compare = found;
  }
  const std::string expression = expression_of(*field);
  if (compare->compare == Compare::null) {
    if (value != "true" && value != "false") {
      return wrong(name, "expected true or false.", "invalid_value");
    }
    return expression + (value == "true" ? " IS NULL" : " IS NOT NULL");
  }
  if (field->is_array() && value == "any") return std::string();
  if (compare->compare == Compare::like) {
    if (value.size() > limits.max_search_bytes || value.find('\0') != std::string_view::npos) {
      return wrong(name, "at most " + std::to_string(limits.max_search_bytes) + " bytes.",
                   "too_long");
    }
    return expression + " ILIKE " + params.add("%" + escaped_like(value) + "%");
  }
  if (field->type == FieldType::phone && resource.is_record && compare->compare == Compare::eq) {
    std::string condition = phone_condition(value, params);
    if (condition.empty()) return wrong(name, "at least four digits.", "invalid_value");
    return condition;
  }
  const bool list = compare->compare == Compare::in ||
                    ((compare->compare == Compare::eq || compare->compare == Compare::ne) &&
                     splits_at_commas(*field));
  auto values = parse_values(*field, name, value, list, limits, time_zone);
  if (!values) return std::unexpected(values.error());
  const std::string type = type_of(*field);
  if (field->is_array()) {
    const std::string overlap = expression + " && " + params.add_texts(*values) + "::text[]" +
                                (field->type == FieldType::integer_array ? "::bigint[]" : "");
    return compare->compare == Compare::ne ? "NOT (" + overlap + ")" : overlap;
  }
  if (list && values->size() > 1) {
    const std::string any = params.add_texts(*values) + "::text[]::" + type + "[]";
    if (compare->compare == Compare::ne) {
      return "(" + expression + " IS NULL OR " + expression + " <> ALL (" + any + "))";
    }
    return expression + " = ANY (" + any + ")";
  }
  const std::string right = params.add(values->front()) + "::" + type;
  if (compare->compare == Compare::under) {
    return expression + " IN (SELECT crm.folders_under(" + right + "))";
  }
  if (compare->compare == Compare::ne) return expression + " IS DISTINCT FROM " + right;
  const std::string_view sign = compare->compare == Compare::in ? "=" : compare->sql;
  return expression + " " + std::string(sign) + " " + right;
}

std::string default_condition(const Resource& resource, const Resource::DefaultFilter& filter) {
  if (filter.operation == "visible") {
    std::string hidden;
    for (const Status& status : resource.statuses) {
      if (status.hidden) hidden += (hidden.empty() ? "'" : ", '") + std::string(status.code) + "'";
    }
    return "t." + std::string(filter.field) + " NOT IN (" + hidden + ")";
  }
  const Field& field = resource.field(filter.field);
  if (field.is_array()) {
    return "t." + std::string(filter.field) + " @> '{" + std::string(filter.value) + "}'";
  }
  return "t." + std::string(filter.field) + " = '" + std::string(filter.value) + "'";
}

std::string order_by(const std::vector<SortKey>& order) {
  std::string sql;
  for (const SortKey& key : order) {
    sql += (sql.empty() ? "" : ", ") + sort_expression(*key.field);
    if (key.descending) sql += " DESC";
    if (key.field->nulls_first) sql += key.descending ? " NULLS LAST" : " NULLS FIRST";
  }
  return sql;
}

std::string keyset_condition(const std::vector<SortKey>& order,
                             const std::vector<std::optional<std::string>>& values,
                             ParameterList& params) {
  std::vector<std::string> placeholders;
  for (std::size_t i = 0; i < order.size(); ++i) {
    placeholders.push_back(values[i] ? params.add(*values[i]) + "::" + type_of(*order[i].field)
                                     : std::string());
  }
  // One direction and no empty values: a row comparison, which an index answers by one range.
  const bool uniform = std::all_of(order.begin(), order.end(), [&](const SortKey& key) {
    return key.descending == order.front().descending &&
           (key.field->is_not_null || key.field->name == order.back().field->name);
  });
  if (uniform) {
    std::string left;
    std::string right;
    for (std::size_t i = 0; i < order.size(); ++i) {
      left += (i ? ", " : "") + sort_expression(*order[i].field);
      right += (i ? ", " : "") + placeholders[i];
    }
    return "(" + left + ") " + (order.front().descending ? "<" : ">") + " (" + right + ")";
  }
  // Otherwise: equal in the first i keys and behind in the next. Empty values come last upwards and
  // first downwards, as PostgreSQL has it, unless the field says the contrary.
  std::string any;
  std::string equal;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const SortKey& key = order[i];
    const std::string expression = sort_expression(*key.field);
    const bool nulls_last = key.field->nulls_first ? key.descending : !key.descending;
    std::string behind;
    if (placeholders[i].empty()) {
      behind = nulls_last ? "FALSE" : expression + " IS NOT NULL";
    } else {
      behind = expression + (key.descending ? " < " : " > ") + placeholders[i];
      if (nulls_last && !key.field->is_not_null) {
        behind = "(" + behind + " OR " + expression + " IS NULL)";
      }
    }
    any += (any.empty() ? "(" : " OR (") + equal + behind + ")";
    equal += placeholders[i].empty() ? expression + " IS NULL AND "
                                     : expression + " = " + placeholders[i] + " AND ";
  }
  return "(" + any + ")";
}

}  // namespace c360::store

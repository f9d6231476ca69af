#include "store/saved_views.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "store/custom_fields.h"
#include "store/records.h"

namespace c360::store {
namespace {

constexpr std::string_view kView = "view";

Result<Json> read_view(Records& records, const std::string& id, const Actor& actor) {
  auto shown = records.get(records.registry().get("saved_view"), id, actor, {});
  if (shown) return Json::parse(shown->json);
  if (shown.error().code != ErrorCode::not_found) return std::unexpected(shown.error());
  return fail(ErrorCode::invalid_request,
              "Parameter view: there is no saved view " + id + " that you may read.",
              "unknown_view");
}

std::string member_text(const Json& view, std::string_view member) {
  const Json* value = view.find(member);
  return value != nullptr ? value->dump() : std::string();
}

bool is_named(const Parameters& parameters, std::string_view name) {
  return std::ranges::find(parameters, name, &Parameters::value_type::first) != parameters.end();
}

// Those of the names, separated by commas, that a list still takes: a field that is there no more
// takes nobody the list.
std::string still_known(const Records& records, const Resource& resource, const std::string& names,
                        std::string_view parameter, const Actor& actor) {
  const auto takes = [&](std::string_view name) {
    const bool is_custom_column = parameter == "fields" && name.starts_with(kCustomPrefix);
    const Parameters asked = is_custom_column
                                 ? Parameters{{std::string(name) + ".null", "true"}}
                                 : Parameters{{std::string(parameter), std::string(name)}};
    return records.check_list(resource, asked, actor).has_value();
  };
  if (names.empty() || (names.find(kCustomPrefix) == std::string::npos && takes(names)))
    return names;
  std::string known;
  for (const std::string_view name : split(names, ',')) {
    if (takes(name)) known.append(known.empty() ? "" : ",").append(name);
  }
  return known;
}

std::optional<std::string> take_id(Parameters& parameters) {
  const auto found = std::ranges::find(parameters, kView, &Parameters::value_type::first);
  if (found == parameters.end()) return std::nullopt;
  std::string id = std::move(found->second);
  parameters.erase(found);
  return id;
}

}  // namespace

Parameters view_filters(std::string_view json) {
  Parameters filters;
  const auto object = Json::parse(json);
  if (!object || !object->is_object()) return filters;
  for (const auto& [name, value] : object->as_object()) {
    if (value.is_string()) filters.emplace_back(name, value.as_string());
  }
  return filters;
}

std::string view_columns(std::string_view json) {
  std::string columns;
  const auto list = Json::parse(json);
  if (!list || !list->is_array()) return columns;
  for (const Json& column : list->as_array()) {
    const Json* field = column.is_object() ? column.find("field") : nullptr;
    const Json* visible = column.is_object() ? column.find("visible") : nullptr;
    if (field == nullptr || !field->is_string()) continue;
    if (visible != nullptr && visible->is_bool() && !visible->as_bool()) continue;
    columns += (columns.empty() ? "" : ",") + field->as_string();
  }
  return columns;
}

std::string view_sort(std::string_view json) {
  std::string sort;
  const auto list = Json::parse(json);
  if (!list || !list->is_array()) return sort;
  for (const Json& key : list->as_array()) {
    if (key.is_string()) sort += (sort.empty() ? "" : ",") + key.as_string();
  }
  return sort;
}

Result<std::string> take_view(Records& records, const Resource& resource, Parameters& parameters,
                              const Actor& actor) {
  const auto id = take_id(parameters);
  if (!id) return std::string();
  const auto view = read_view(records, *id, actor);
  if (!view) return std::unexpected(view.error());
  const Json* kind = view->find("record_kind");
  if (kind == nullptr || !kind->is_string() || kind->as_string() != resource.kind) {
    return fail(ErrorCode::invalid_request,
                "Parameter view: view " + *id + " is one of other records than '" +
                    std::string(resource.kind) + "'.",
                "wrong_view");
  }
  const Parameters asked = parameters;
  Parameters filters = view_filters(member_text(*view, "filters"));
  // Without one of its filters the list would be a longer one than its maker saved.
  if (const auto checked = records.check_list(resource, filters, actor); !checked) {
    return fail(ErrorCode::invalid_request,
                "Parameter view: view " + *id + " is out of date: " + checked.error().detail,
                "stale_view");
  }
  for (auto& filter : filters) {
    if (!names_field(asked, filter_field(filter.first))) parameters.push_back(std::move(filter));
  }
  std::string sort =
      still_known(records, resource, view_sort(member_text(*view, "sort")), "sort", actor);
  if (!sort.empty() && !is_named(asked, "sort")) parameters.emplace_back("sort", std::move(sort));
  return still_known(records, resource, view_columns(member_text(*view, "columns")), "fields",
                     actor);
}

Result<void> apply_view(Records& records, const Resource& resource, Parameters& parameters,
                        const Actor& actor) {
  const auto columns = take_view(records, resource, parameters, actor);
  if (!columns) return std::unexpected(columns.error());
  if (!columns->empty() && !is_named(parameters, "fields")) {
    parameters.emplace_back("fields", fields_of_columns(*columns));
  }
  return {};
}

std::string fields_of_columns(std::string_view columns) {
  std::string fields;
  bool has_custom = false;
  for (const std::string_view column : split(columns, ',')) {
    const bool is_custom = column.starts_with(kCustomPrefix);
    if (is_custom && std::exchange(has_custom, true)) continue;
    fields.append(fields.empty() ? "" : ",").append(is_custom ? "custom" : column);
  }
  return fields;
}

}  // namespace c360::store

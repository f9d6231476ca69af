#include "api/shown_beside.h"

#include <algorithm>
#include <array>

#include "api/action_routes.h"
#include "api/auth.h"
#include "api/record_routes.h"
#include "daemon/base/text.h"
#include "store/operations/list_batch.h"
#include "store/operations/record_links.h"

namespace c360::api {
namespace {

constexpr std::array<std::string_view, 2> kNames = {"links", "actions"};

}  // namespace

ShownBeside::ShownBeside(const ApiServices& services)
    : services_(services), actions_(services.records.registry()) {}

std::vector<std::string_view> ShownBeside::take(const store::Resource& resource,
                                                store::Parameters& parameters) const {
  std::vector<std::string_view> taken;
  if (!resource.holds_attached_rows()) return taken;
  const auto include =
      std::ranges::find(parameters, "include", &store::Parameters::value_type::first);
  if (include == parameters.end()) return taken;
  std::string rest;
  for (const std::string_view each : split(include->second, ',')) {
    const auto known = std::ranges::find(kNames, trimmed(each));
    if (known == kNames.end()) {
      rest.append(rest.empty() ? "" : ",").append(each);
    } else if (std::ranges::find(taken, *known) == taken.end()) {
      taken.push_back(*known);
    }
  }
  if (rest.empty()) {
    parameters.erase(include);
  } else {
    include->second = std::move(rest);
  }
  return taken;
}

Result<void> ShownBeside::show(const std::vector<std::string_view>& names,
                               const store::Resource& resource, std::int64_t id,
                               const Request& request, std::string& json) const {
  for (const std::string_view name : names) {
    auto shown = name == "links" ? links(resource, id, request) : actions(resource, id, request);
    if (!shown) return std::unexpected(std::move(shown).error());
    json.insert(json.size() - 1, ",\"" + std::string(name) + "\":" + *shown);
  }
  return {};
}

Result<std::string> ShownBeside::links(const store::Resource& resource, std::int64_t id,
                                       const Request& request) const {
  const auto kinds = readable_kinds(services_.records.registry(), request);
  return store::read_links(services_.database, services_.records, resource, id, actor_of(request),
                           kinds);
}

Result<std::string> ShownBeside::actions(const store::Resource& resource, std::int64_t id,
                                         const Request& request) const {
  auto offered = store::offered_actions(services_.database, services_.records, actions_, resource,
                                        id, actor_of(request));
  if (!offered) return std::unexpected(std::move(offered).error());
  keep_permitted(request, services_.records.registry(), actions_, resource, offered->names);
  JsonWriter out;
  out.begin_array();
  store::write_actions(
      out, std::string(kApiPrefix) + "/" + std::string(resource.path) + "/" + std::to_string(id),
      offered->names);
  out.end_array();
  return out.take();
}

std::vector<std::string_view> readable_kinds(const store::Registry& registry,
                                             const Request& request) {
  std::vector<std::string_view> kinds;
  for (const auto& each : registry.all()) {
    if (each->is_record && request.caller->has_scope(scope_of(*each, false))) {
      kinds.push_back(each->kind);
    }
  }
  return kinds;
}

}  // namespace c360::api

// What the routes of record_routes.h do. Each handler keeps references to the services and to its
// Resource, which outlive the route table.
#pragma once

#include <memory>

#include "api/api.h"
#include "api/router.h"
#include "api/shown_beside.h"
#include "store/model/resource.h"

namespace c360::api {

RouteHandler list_handler(const ApiServices& services, const store::Resource& resource);
RouteHandler get_handler(const ApiServices& services, const store::Resource& resource,
                         std::shared_ptr<const ShownBeside> beside);
RouteHandler create_handler(const ApiServices& services, const store::Resource& resource,
                            const ApiOptions& options);
RouteHandler update_handler(const ApiServices& services, const store::Resource& resource,
                            const ApiOptions& options);
RouteHandler remove_handler(const ApiServices& services, const store::Resource& resource);
RouteHandler restore_handler(const ApiServices& services, const store::Resource& resource);
RouteHandler history_handler(const ApiServices& services, const store::Resource& resource);

RouteHandler linked_handler(const ApiServices& services, const store::Resource& resource,
                            const store::Collection& collection);
RouteHandler link_handler(const ApiServices& services, const store::Resource& resource,
                          const store::Collection& collection, const ApiOptions& options);
RouteHandler unlink_handler(const ApiServices& services, const store::Resource& resource,
                            const store::Collection& collection);
// What a row made or shown inside a record has besides its parent: {"type", "reminder"}.
using FixedFields = std::vector<std::pair<std::string, std::string>>;
RouteHandler children_handler(const ApiServices& services, const store::Resource& parent,
                              const store::Resource& child, const store::Collection& collection,
                              FixedFields fixed = {});
RouteHandler create_child_handler(const ApiServices& services, const store::Resource& parent,
                                  const store::Resource& child, const store::Collection& collection,
                                  const ApiOptions& options, FixedFields fixed = {});
RouteHandler complete_task_handler(const ApiServices& services, const ApiOptions& options);

// Shared with the document and mail routes.
store::Parameters parameters_of(const Request& request);
// forbidden where the request names a saved view, and its token may read none.
Result<void> admit_view(const Request& request, const store::Registry& registry);
// `by_default`: filters of the installation that the request left to it.
void write_page(store::Page&& page, Response& response, const store::Parameters& by_default = {});
// The member default_filters; nothing where there are none.
void write_default_filters(JsonWriter& out, const store::Parameters& filters);
void write_record(store::RecordView&& view, const store::Resource& resource, Response& response,
                  int status);
// 308 to the record this one was merged into; `tail` is what follows the id in the path.
void redirect_to(std::int64_t id, const store::Resource& resource, std::string_view tail,
                 Response& response);
// not_found unless the caller sees the record; false when it was merged and `response` redirects.
Result<bool> sees_record(const ApiServices& services, const store::Resource& resource,
                         const Request& request, std::string_view tail, Response& response);
// true, false, or not there; invalid_request for anything else.
Result<bool> flag_parameter(const Request& request, std::string_view name);
// `profile`, `strict` and `lenient` of a creation; forbidden where the caller may not be lenient.
Result<store::WriteOptions> creation_options(const Request& request);
// "/api/v1/deals/17"
std::string location_of(const store::Resource& resource, std::string_view key);
// The body as one JSON object.
Result<Json> read_object(Request& request, std::uint64_t limit, std::string& text);

}  // namespace c360::api

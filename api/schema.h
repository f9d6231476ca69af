// JSON Schema (2020-12) made from the declarations: what requests may hold and what answers hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"
#include "store/model/registry.h"

namespace c360::api {

namespace schema {

Json string(std::string_view doc = {});
Json integer(std::string_view doc = {});
Json boolean(std::string_view doc = {});
Json date_time(std::string_view doc = {});
Json one_of(std::vector<std::string> codes, std::string_view doc = {});
Json array(Json items, std::string_view doc = {});
// `required`: names that always stand there.
Json object(Json::Object properties, std::vector<std::string> required = {},
            std::string_view doc = {});
Json nullable(Json schema);  // the same, or null
Json any(std::string_view doc = {});
Json ref(std::string_view component);  // "#/components/schemas/NAME"

}  // namespace schema

// "deal" -> "Deal", "mail_message" -> "MailMessage".
std::string component_name(std::string_view kind);

// One field as it stands in answers, or as a request may set it.
Json field_schema(const store::Field& field, bool in_answer);
Json record_schema(const store::Resource& resource, const store::Registry& registry);
Json create_schema(const store::Resource& resource);
// What POST of one record takes: the same with the rows that may be made inside it. The name of its
// component, and its schema where that is one of its own.
std::string creation_component(const store::Resource& resource, const store::Registry& registry);
std::optional<Json> create_with_rows_schema(const store::Resource& resource,
                                            const store::Registry& registry);
Json update_schema(const store::Resource& resource);
// Rows of a link table shown inside a record: the child with the columns of the link.
std::string linked_component(const store::Resource& resource, const store::Collection& collection);
Json linked_schema(const store::Collection& collection, const store::Registry& registry);
Json history_event_schema();
Json feed_event_schema();  // the same with its cursor and subject
Json page_schema(std::string_view item_component);
// Of a list or a board: {"types": "partner"}.
Json default_filters_schema(std::string doc);
inline constexpr std::string_view kFilteredByDefault =
    "What this installation filters by, because the request names no filter of the field; "
    "FIELD.null=false shows all that have a value";
// Whether a request may set the field at all.
bool is_writable(const store::Field& field, bool on_creation);

}  // namespace c360::api

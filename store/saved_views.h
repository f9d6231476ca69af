// A list as somebody keeps it under a name: columns, filters and order of crm.saved_view put under
// what a request names itself (domain.md 16; ).
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "store/actor.h"
#include "store/model/resource.h"
#include "store/query.h"

namespace c360::store {

class Records;

inline constexpr std::size_t kMaxViewColumns = 100;
inline constexpr std::size_t kMaxViewFilters = 20;

// How a view writes its filters, columns and order: {"FILTER": "VALUE"}, [{"field": …, "visible":
// …}], ["-FIELD"]; here as a list takes them: {"amount.gte", "1000"}, "name,custom.region" (the
// visible ones), "-created_at". What was stored before they were checked, and is none of these,
// says nothing.
Parameters view_filters(std::string_view json);
std::string view_columns(std::string_view json);
std::string view_sort(std::string_view json);

// Takes `view=ID` out of the parameters of a list and adds the filters of that view whose field
// they do not name, and its order unless they have one; gives its columns, separated by commas.
// Nothing without `view`. Columns and keys of the order that are there no more are left out.
// invalid_request: the actor reads no such view (unknown_view), it is one of other records
// (wrong_view), or a filter of it is none any more (stale_view).
Result<std::string> take_view(Records& records, const Resource& resource, Parameters& parameters,
                              const Actor& actor);
// And its columns as `fields`, unless the parameters choose their own.
Result<void> apply_view(Records& records, const Resource& resource, Parameters& parameters,
                        const Actor& actor);
// As `fields` of a list, which shows the members of `custom` together: "name,custom" of
// "name,custom.region,custom.size".
std::string fields_of_columns(std::string_view columns);

}  // namespace c360::store

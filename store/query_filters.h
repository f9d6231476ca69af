// A declared filter of a list (store/model/list_filters.h), asked with a value: its SQL over t.
#pragma once

#include <string>
#include <string_view>

#include "store/model/list_filters.h"
#include "store/query_parts.h"

namespace c360::store {

// `rights` are those on the rows the filter reads, over p. invalid_request.
Result<std::string> list_filter_condition(const ListFilter& filter, std::string_view value,
                                          const QueryLimits& limits, std::string_view rights,
                                          ParameterList& params);

}  // namespace c360::store

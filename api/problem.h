// Errors as RFC 9457 problem details, one function for every answer that is no success.
#pragma once

#include <optional>
#include <string_view>

#include "api/response.h"
#include "daemon/base/error.h"
#include "daemon/base/json.h"

namespace c360::api {

// What stands in every problem beside the error.
struct ProblemContext {
  std::string_view instance;  // the path asked for
  std::string_view request_id;
  std::optional<int> status{};  // instead of the code's own (408, 414, 431, 505)
  bool russian = false;         // title, detail and the sentences of fields
};

// Fills `response`: type = error code, title, status, detail, instance, request_id, code = the
// reason where there is one, errors[] with JSON pointers; Retry-After and WWW-Authenticate where
// they belong. The detail of an `internal` error is not shown: it goes to the log.
void write_problem(Response& response, const Error& error, const ProblemContext& context);

// The same of one row of many, as an object of `writer`: type, detail, code, errors.
void write_row_problem(JsonWriter& writer, const Error& error, bool russian = false);
Json row_problem_schema();

// The JSON Schema of what write_problem writes, for the OpenAPI document.
Json problem_schema();

}  // namespace c360::api

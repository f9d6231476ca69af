// The route table: which function answers which method and path, who may call it, and what the
// OpenAPI document says about it. Everything stands in one Route; nothing is declared twice.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/request.h"
#include "api/response.h"
#include "api/server.h"
#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/event.h"
#include "daemon/base/json.h"

namespace c360::api {

class Authenticator;

// Who may call a route. There is no default: a route without a decision does not compile into a
// table (Router throws).
enum class Access : std::uint8_t {
  undecided,
  open,    // no token: it holds no data
  caller,  // any valid token
  scope,   // a token with Route::scope
};

enum class ParameterPlace : std::uint8_t { path, query, header };

struct Parameter {
  std::string name;
  ParameterPlace place = ParameterPlace::query;
  std::string doc;
  Json schema;  // JSON Schema 2020-12
  bool required = false;
  // A prefix family such as "amount." operators: `name` matches itself and `name.<operator>`.
  bool with_operators = false;
};

struct Answer {
  int status = 200;
  std::string doc;
  std::string media_type;                      // empty: no body
  Json schema;                                 // of a JSON body; null: none
  std::vector<std::string> headers;            // such as "ETag"
  std::vector<std::string> other_media_types;  // besides media_type, of bytes
};

using RouteHandler = std::function<Result<void>(Request& request, Response& response)>;

struct Route {
  Method method = Method::get;
  std::string path;  // "/api/v1/deals/{id}"
  Access access = Access::undecided;
  std::string scope;                        // "deal:read" with Access::scope
  std::vector<std::string> further_scopes;  // needed too: of what the route makes besides
  std::string operation_id;
  std::string summary;
  std::string tag;
  RouteHandler handler;

  std::vector<Parameter> parameters;
  std::vector<std::string> request_media_types;  // empty: the route takes no body
  Json request_schema;
  std::uint64_t max_body_bytes = std::uint64_t{1024} * 1024;
  std::vector<Answer> answers;  // the good ones; problems are the same for all
  // Query parameters are checked against `parameters`: 400 with the known ones. Off for routes that
  // check them themselves (lists).
  bool check_query = true;
  bool hidden = false;  // not in the OpenAPI document (static files)
};

// Sends a request to its route: HEAD as GET without a body, OPTIONS, 404, 405 with Allow, 415,
// tokens and scopes, errors as problems, exceptions as `internal`. Immutable once built; any
// thread.
class Router final : public Handler {
 public:
  // `authenticator` may be null when every route is open (the admin listener on its own address).
  // Throws std::logic_error for a route without an access decision, or two with the same place.
  Router(std::vector<Route> routes, Authenticator* authenticator, const Observer& observer);
  ~Router() override;

  void handle(Request& request, Response& response) override;
  void finished(const Request& request, const Response& response,
                std::chrono::nanoseconds took) override;
  const std::vector<Route>& routes() const;

 private:
  struct Node;
  struct State;
  Result<void> dispatch(Request& request, Response& response);
  std::unique_ptr<State> state_;
};

}  // namespace c360::api

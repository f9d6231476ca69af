#include "api/router.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "api/auth.h"
#include "api/problem.h"
#include "api/russian.h"
#include "daemon/base/text.h"

namespace c360::api {
namespace {

constexpr std::string_view kNoRoute = "none";

std::vector<std::string_view> segments_of(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return split(path, '/');
}

bool is_template_segment(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// The media type without its parameters.
std::string_view media_type_of(std::string_view content_type) {
  return trimmed(content_type.substr(0, content_type.find(';')));
}

bool has_body(const Request& request) {
  const auto size = request.body->declared_size();
  return (size && *size > 0) || request.header("transfer-encoding").has_value();
}

Result<void> check_media_type(const Request& request, const Route& route) {
  if (route.request_media_types.empty() || !has_body(request)) return {};
  const auto given = request.header("content-type");
  const auto type = given ? media_type_of(*given) : std::string_view{};
  for (const auto& known : route.request_media_types) {
    if (known == "*/*" || equal_ignoring_case(known, type)) return {};
  }
  return fail(ErrorCode::unsupported_media_type,
              "Content-Type is '" + std::string(type.substr(0, 80)) +
                  "'; taken here: " + join(route.request_media_types, ", "));
}

Result<void> check_query(const Request& request, const Route& route) {
  if (!route.check_query) return {};
  for (const auto& sent : request.query) {
    const bool known = std::ranges::any_of(route.parameters, [&](const Parameter& parameter) {
      return parameter.place == ParameterPlace::query && parameter.name == sent.name;
    });
    if (known) continue;
    std::vector<std::string> names;
    for (const auto& parameter : route.parameters) {
      if (parameter.place == ParameterPlace::query) names.push_back(parameter.name);
    }
    return fail(ErrorCode::invalid_request,
                "unknown query parameter '" + std::string(utf8_prefix(sent.name, 80)) +
                    "'; known: " + (names.empty() ? std::string("none") : join(names, ", ")),
                "unknown_parameter");
  }
  return {};
}

}  // namespace

// One path of the table with its methods, and what is counted of each.
struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  std::unique_ptr<Node> parameter;                      // any one segment
  std::vector<std::pair<Method, std::size_t>> methods;  // index of the route

  std::string allow() const {
    std::vector<std::string> names;
    for (const auto& [method, index] : methods) {
      names.emplace_back(to_string(method));
      if (method == Method::get) names.emplace_back("HEAD");
    }
    names.emplace_back("OPTIONS");
    return join(names, ", ");
  }
};

struct Router::State {
  // What is counted of a route. Its series appear with its first request: of the thousand routes an
  // installation uses some dozens, and every scrape carries what there is.
  struct Counted {
    struct Series {
      Histogram duration;
      std::vector<std::pair<int, Counter>> by_status;  // of the answers the route declares
    };
    std::once_flag begun;
    std::optional<Series> series;
  };
  std::vector<Route> routes;
  std::vector<Counted> counted;
  Node root;
  Authenticator* authenticator;
  const Observer& observer;

  State(std::vector<Route> all, Authenticator* a, const Observer& o)
      : routes(std::move(all)), counted(routes.size()), authenticator(a), observer(o) {}

  void add(std::size_t index);
  const Counted::Series& series_of(const Route& route);
  // nullptr when no path matches. Literal segments win over parameters.
  static const Node* match(const Node& node, std::span<const std::string_view> segments,
                           std::vector<std::string_view>& values);
};

void Router::State::add(std::size_t index) {
  const Route& route = routes[index];
  if (route.access == Access::undecided || (route.access == Access::scope && route.scope.empty())) {
    throw std::logic_error("route " + route.path + " has no access decision");
  }
  if (route.access != Access::open && authenticator == nullptr) {
    throw std::logic_error("route " + route.path + " needs tokens and there is no authenticator");
  }
  Node* node = &root;
  for (const auto segment : segments_of(route.path)) {
    auto& next =
        is_template_segment(segment) ? node->parameter : node->children[std::string(segment)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
  }
  for (const auto& [method, other] : node->methods) {
    if (method == route.method) throw std::logic_error("two routes at " + route.path);
  }
  node->methods.emplace_back(route.method, index);
}

const Router::State::Counted::Series& Router::State::series_of(const Route& route) {
  Counted& row = counted[static_cast<std::size_t>(&route - routes.data())];
  std::call_once(row.begun, [&] {
    const auto method = to_string(route.method);
    Metrics& metrics = observer.metrics();
    Counted::Series series{
        metrics.histogram(Metric::http_request_duration_seconds, {route.path, method}), {}};
    for (const auto& answer : route.answers) {
      series.by_status.emplace_back(
          answer.status, metrics.counter(Metric::http_requests_total,
                                         {route.path, method, std::to_string(answer.status)}));
    }
    row.series = std::move(series);
  });
  return *row.series;
}

const Router::Node* Router::State::match(const Node& node,
                                         std::span<const std::string_view> segments,
                                         std::vector<std::string_view>& values) {
  if (segments.empty()) return node.methods.empty() ? nullptr : &node;
  const auto literal = node.children.find(segments.front());
  if (literal != node.children.end()) {
    if (const Node* found = match(*literal->second, segments.subspan(1), values)) return found;
  }
  if (!node.parameter || segments.front().empty()) return nullptr;
  values.push_back(segments.front());
  if (const Node* found = match(*node.parameter, segments.subspan(1), values)) return found;
  values.pop_back();
  return nullptr;
}

Router::Router(std::vector<Route> routes, Authenticator* authenticator, const Observer& observer)
    : state_(std::make_unique<State>(std::move(routes), authenticator, observer)) {
  for (std::size_t i = 0; i < state_->routes.size(); ++i) state_->add(i);
}

Router::~Router() = default;

const std::vector<Route>& Router::routes() const { return state_->routes; }

Result<void> Router::dispatch(Request& request, Response& response) {
  if (request.path == "*" && request.method == Method::options) {
    response.status = 204;
    return {};
  }
  const auto segments = segments_of(request.path);
  std::vector<std::string_view> values;
  const Node* node = State::match(state_->root, segments, values);
  if (node == nullptr) {
    return fail(ErrorCode::not_found, "there is nothing at this path; see /api/v1/openapi.json",
                "no_route");
  }
  if (request.method == Method::options) {
    response.status = 204;
    response.add_header("Allow", node->allow());
    return {};
  }
  const Method wanted = request.method == Method::head ? Method::get : request.method;
  const auto found =
      std::ranges::find(node->methods, wanted, &std::pair<Method, std::size_t>::first);
  if (found == node->methods.end()) {
    response.add_header("Allow", node->allow());
    return fail(ErrorCode::method_not_allowed,
                std::string(to_string(request.method)) + " is not offered here; see Allow");
  }
  const Route& route = state_->routes[found->second];
  request.route = &route;
  for (const auto value : values) {
    auto decoded = percent_decoded(value, false);
    if (!decoded) {
      return fail(ErrorCode::invalid_request, "the path is not percent-encoded UTF-8",
                  "path_encoding");
    }
    request.path_values.push_back(std::move(*decoded));
  }
  if (route.access != Access::open) {
    auto caller = state_->authenticator->admit(request, route);
    if (!caller) return std::unexpected(std::move(caller).error());
    request.caller = std::move(*caller);
    request.authenticator = state_->authenticator;
  }
  if (auto checked = check_query(request, route); !checked) return checked;
  if (auto checked = check_media_type(request, route); !checked) return checked;
  request.body->set_limit(route.max_body_bytes);
  return route.handler(request, response);
}

void Router::handle(Request& request, Response& response) {
  Result<void> done;
  try {
    done = dispatch(request, response);
  } catch (const std::exception& bug) {
    done = fail(ErrorCode::internal, bug.what(), "exception");
  }
  if (done) return;
  const Error& error = done.error();
  if (error.code == ErrorCode::internal) {
    state_->observer.observe(event::request_failed,
                             {{"request_id", request.request_id},
                              {"route", request.route ? request.route->path : kNoRoute},
                              {"detail", error.detail}});
  }
  write_problem(response, error,
                {.instance = request.path,
                 .request_id = request.request_id,
                 .russian = wants_russian(request)});
}

void Router::finished(const Request& request, const Response& response,
                      std::chrono::nanoseconds took) {
  const double seconds = std::chrono::duration<double>(took).count();
  Metrics& metrics = state_->observer.metrics();
  if (request.route == nullptr) {
    metrics
        .counter(Metric::http_requests_total,
                 {kNoRoute, to_string(request.method), std::to_string(response.status)})
        .add();
  } else {
    const auto& counted = state_->series_of(*request.route);
    counted.duration.observe(seconds);
    const auto known =
        std::ranges::find(counted.by_status, response.status, &std::pair<int, Counter>::first);
    if (known != counted.by_status.end()) {
      known->second.add();
    } else {
      metrics
          .counter(Metric::http_requests_total,
                   {request.route->path, to_string(request.route->method),
                    std::to_string(response.status)})
          .add();
    }
  }
  // The fields cost more than the request's own bookkeeping: made only when somebody reads them.
  if (!state_->observer.log().enabled(event::request_finished.level)) return;
  state_->observer.observe(event::request_finished,
                           {{"listener", request.listener},
                            {"request_id", request.request_id},
                            {"method", to_string(request.method)},
                            {"route", request.route ? request.route->path : kNoRoute},
                            {"status", response.status},
                            {"code", response.error_code},
                            {"seconds", seconds}});
}

}  // namespace c360::api

#include "api/record_handlers.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "api/autofill_routes.h"
#include "api/preconditions.h"
#include "api/record_routes.h"
#include "api/write_once.h"
#include "daemon/base/text.h"
#include "store/nested.h"
#include "store/saved_views.h"

namespace c360::api {
namespace {

using store::Collection;
using store::Finish;
using store::Records;
using store::RecordView;
using store::Resource;
using store::Transaction;
using store::WriteOptions;

// Creates in the transaction given, or in one of its own.
Result<void> create_record(Records& records, const Resource& resource, const Json& body,
                           const store::Actor& actor, WriteOptions options,
                           Transaction* transaction, Response& response) {
  Result<RecordView> made = fail(ErrorCode::internal, "");
  if (transaction != nullptr) {
    options.finish = Finish::run;
    made = records.create(*transaction, resource, body, actor, options);
  } else {
    made = records.create(resource, body, actor, options);
  }
  if (!made) return std::unexpected(std::move(made).error());
  response.add_header("Location", location_of(resource, made->key));
  write_record(std::move(*made), resource, response, 201);
  return {};
}

// With rows inside it and what `then` adds, which are made in the same transaction.
Result<void> create_with_rows(const ApiServices& services, const Resource& resource,
                              const Json& body, const std::vector<store::NestedRows>& rows,
                              const store::Actor& actor, const WriteOptions& options,
                              const AfterCreation& then, Transaction* transaction,
                              Response& response) {
  RecordView view;
  const auto work = [&](Transaction& tx) -> Result<void> {
    auto made = store::create_with_rows(services.records, tx, resource, body, rows, actor, options);
    if (!made) return std::unexpected(std::move(made).error());
    view = std::move(*made);
    return then ? then(tx, view) : Result<void>{};
  };
  auto done = transaction != nullptr
                  ? work(*transaction)
                  : store::in_transaction(services.database, store::Pool::api, work);
  if (!done) return done;
  response.add_header("Location", location_of(resource, view.key));
  write_record(std::move(view), resource, response, 201);
  return {};
}

// Rows inside are written with the scope of their own kind.
Result<void> admit_rows(const Request& request, const std::vector<store::NestedRows>& nested) {
  for (const auto& rows : nested) {
    const std::string scope = scope_of(*rows.kind.child, true);
    if (request.caller == nullptr || request.caller->has_scope(scope)) continue;
    return fail(ErrorCode::forbidden,
                "/" + rows.kind.name + ": the token has no scope '" + scope + "'", "scope_missing");
  }
  return {};
}

// What the creation would refuse, told before anybody pays for a call: nothing of it stays.
Result<void> try_creation(const ApiServices& services, const Resource& resource,
                          const Request& request, Json body, const WriteOptions& write,
                          std::size_t max_rows) {
  const auto rows = store::take_nested_rows(services.records.registry(), resource, body, max_rows);
  if (!rows) return std::unexpected(rows.error());
  if (auto admitted = admit_rows(request, *rows); !admitted) return admitted;
  auto tx = services.database.begin(store::Pool::api, store::TxMode::read_write);
  if (!tx) return std::unexpected(std::move(tx).error());
  auto made = store::create_with_rows(services.records, *tx, resource, body, *rows,
                                      actor_of(request), write);
  if (!made) return std::unexpected(std::move(made).error());
  return {};
}

// What every POST of a new record does with its body.
Result<void> create_once(const ApiServices& services, const Resource& resource,
                         const Request& request, std::string_view text, Json& body,
                         const WriteOptions& write, std::size_t max_rows, Response& response,
                         const AfterCreation& then = {}) {
  auto rows = store::take_nested_rows(services.records.registry(), resource, body, max_rows);
  if (!rows) return std::unexpected(std::move(rows).error());
  if (auto admitted = admit_rows(request, *rows); !admitted) return admitted;
  const store::Actor actor = actor_of(request);
  return write_once(
      services, request, text, response, [&](Transaction* transaction, Response& answer) {
        if (!rows->empty() || then) {
          return create_with_rows(services, resource, body, *rows, actor, write, then, transaction,
                                  answer);
        }
        return create_record(services.records, resource, body, actor, write, transaction, answer);
      });
}

}  // namespace

std::string location_of(const Resource& resource, std::string_view key) {
  return std::string(kApiPrefix) + "/" + std::string(resource.path) + "/" + percent_encoded(key);
}

Result<bool> flag_parameter(const Request& request, std::string_view name) {
  const auto value = request.query_value(name);
  if (!value || *value == "false") return false;
  if (*value == "true") return true;
  return fail(ErrorCode::invalid_request, std::string(name) + " is true or false");
}

Result<WriteOptions> creation_options(const Request& request) {
  WriteOptions options;
  const auto profile = request.query_value("profile").value_or("full");
  if (profile == "requisites") {
    options.profile = store::Profile::requisites;
  } else if (profile != "full") {
    return fail(ErrorCode::invalid_request, "profile is full or requisites");
  }
  auto strict = flag_parameter(request, "strict");
  if (!strict) return std::unexpected(strict.error());
  options.strict = *strict;
  auto lenient = flag_parameter(request, "lenient");
  if (!lenient) return std::unexpected(lenient.error());
  if (*lenient && !actor_of(request).is_administrator()) {
    return fail(ErrorCode::forbidden, "lenient is for imports by CRM administrators",
                "administrators_only");
  }
  options.lenient = *lenient;
  return options;
}

store::Parameters parameters_of(const Request& request) {
  store::Parameters parameters;
  parameters.reserve(request.query.size());
  for (const auto& [name, value] : request.query) {
    if (name != "lang") parameters.emplace_back(name, value);
  }
  return parameters;
}

Result<Json> read_object(Request& request, std::uint64_t limit, std::string& text) {
  auto body = request.read_body(limit);
  if (!body) return std::unexpected(std::move(body).error());
  text = std::move(*body);
  auto json = Json::parse(text);
  if (!json) return json;
  if (!json->is_object()) {
    return fail(ErrorCode::invalid_request,
                "the body is a JSON " + std::string(json->type_name()) + ", not an object");
  }
  return json;
}

void write_default_filters(JsonWriter& out, const store::Parameters& filters) {
  if (filters.empty()) return;
  out.key("default_filters").begin_object();
  for (const auto& [name, value] : filters) out.member(name, std::string_view{value});
  out.end_object();
}

Result<void> admit_view(const Request& request, const store::Registry& registry) {
  const std::string scope = scope_of(registry.get("saved_view"), false);
  if (!request.query_value("view") || request.caller == nullptr || request.caller->has_scope(scope))
    return {};
  return fail(ErrorCode::forbidden, "view: the token has no scope '" + scope + "'",
              "scope_missing");
}

void write_page(store::Page&& page, Response& response, const store::Parameters& by_default) {
  std::string& body = response.body;
  body.clear();
  body.reserve(page.items.size() + 128);
  body.append("{\"items\":").append(page.items).append(",\"next_cursor\":");
  if (page.next_cursor) {
    // A cursor is base64url: nothing in it needs escaping.
    body.append("\"").append(*page.next_cursor).append("\"");
  } else {
    body.append("null");
  }
  if (page.total) {
    body.append(",\"total\":").append(std::to_string(*page.total));
    if (page.total_is_estimated) body.append(",\"total_is_estimated\":true");
  }
  if (!by_default.empty()) {
    JsonWriter out;
    out.begin_object();
    write_default_filters(out, by_default);
    body.append(",").append(out.end_object().view().substr(1));
  } else {
    body.append("}");
  }
  response.content_type = kJson;
}

void write_record(RecordView&& view, const Resource& resource, Response& response, int status) {
  response.status = status;
  response.content_type = kJson;
  response.body = std::move(view.json);
  if (resource.has_versions && view.version > 0) {
    response.add_header("ETag", etag_of(view.version));
  }
}

void redirect_to(std::int64_t id, const Resource& resource, std::string_view tail,
                 Response& response) {
  response.status = 308;
  response.add_header("Location", location_of(resource, std::to_string(id)) + std::string(tail));
}

Result<bool> sees_record(const ApiServices& services, const Resource& resource,
                         const Request& request, std::string_view tail, Response& response) {
  auto view = services.records.get(resource, request.path_value(0), actor_of(request),
                                   {{"fields", std::string(resource.key)}});
  if (!view) return std::unexpected(std::move(view).error());
  if (!view->moved_to) return true;
  redirect_to(*view->moved_to, resource, tail, response);
  return false;
}

namespace {

// The rows of a collection are shown whole: they need the scope of their own kind.
Result<void> admit_included(const Request& request, const Resource& resource,
                            const store::Registry& registry) {
  const auto included = request.query_value("include");
  if (!included || request.caller == nullptr) return {};
  for (const std::string_view name : split(*included, ',')) {
    const store::Collection* collection = resource.find_shown(trimmed(name));
    if (collection == nullptr) continue;
    const Resource* kind = registry.find(collection->kind);
    if (kind == nullptr || request.caller->has_scope(scope_of(*kind, false))) continue;
    return fail(ErrorCode::forbidden,
                "include=" + std::string(name) + ": the token has no scope '" +
                    scope_of(*kind, false) + "'",
                "scope_missing");
  }
  return {};
}

// Search keys that follow other rows; they leave the version as it is.
constexpr std::array<std::string_view, 2> kFollowed = {"last_contact_at", "next_reminder_at"};

// 200, or 304 to whom has just this.
void write_if_changed(RecordView&& view, const Resource& resource, const Request& request,
                      Response& response) {
  const bool more = request.query_value("include").has_value() ||
                    std::ranges::any_of(kFollowed, [&](std::string_view field) {
                      return resource.has_field(field);
                    });
  const std::string etag = more ? etag_of(view.version, view.json) : etag_of(view.version);
  const bool tagged = resource.has_versions && view.version > 0;
  if (tagged && if_none_match(request, etag)) {
    response.status = 304;
  } else {
    response.status = 200;
    response.content_type = kJson;
    response.body = std::move(view.json);
  }
  if (tagged) response.add_header("ETag", etag);
}

}  // namespace

RouteHandler list_handler(const ApiServices& services, const Resource& resource) {
  return [&records = services.records, &resource](Request& request,
                                                  Response& response) -> Result<void> {
    if (auto admitted = admit_included(request, resource, records.registry()); !admitted)
      return admitted;
    auto parameters = parameters_of(request);
    if (auto admitted = admit_view(request, records.registry()); !admitted) return admitted;
    if (auto view = store::apply_view(records, resource, parameters, actor_of(request)); !view) {
      return view;
    }
    const auto added = records.sections()->filter_by_default(resource, parameters);
    auto page = records.list(resource, parameters, actor_of(request));
    if (!page) return std::unexpected(std::move(page).error());
    write_page(std::move(*page), response, added);
    return {};
  };
}

RouteHandler get_handler(const ApiServices& services, const Resource& resource,
                         std::shared_ptr<const ShownBeside> beside) {
  return [&records = services.records, &resource, beside = std::move(beside)](
             Request& request, Response& response) -> Result<void> {
    if (auto admitted = admit_included(request, resource, records.registry()); !admitted)
      return admitted;
    auto parameters = parameters_of(request);
    const auto others = beside->take(resource, parameters);
    auto view = records.get(resource, request.path_value(0), actor_of(request), parameters);
    if (!view) return std::unexpected(std::move(view).error());
    if (view->moved_to) {
      redirect_to(*view->moved_to, resource, "", response);
      return {};
    }
    if (!others.empty()) {
      auto id = request.path_id(0);
      if (!id) return std::unexpected(id.error());
      if (auto shown = beside->show(others, resource, *id, request, view->json); !shown) {
        return shown;
      }
    }
    write_if_changed(std::move(*view), resource, request, response);
    return {};
  };
}

RouteHandler create_handler(const ApiServices& services, const Resource& resource,
                            const ApiOptions& options) {
  return [services, &resource, limit = options.max_json_bytes,
          max_rows = options.limits.max_bulk_rows](Request& request,
                                                   Response& response) -> Result<void> {
    auto write = creation_options(request);
    if (!write) return std::unexpected(write.error());
    std::string text;
    auto body = read_object(request, limit, text);
    if (!body) return std::unexpected(std::move(body).error());
    const auto filled = flag_parameter(request, "autofill");
    if (!filled) return std::unexpected(filled.error());
    if (!*filled)
      return create_once(services, resource, request, text, *body, *write, max_rows, response);
    // Nobody pays twice for one request.
    const auto before = answered_before(services, request, text, response);
    if (!before) return std::unexpected(before.error());
    if (*before) return {};
    if (auto fits = try_creation(services, resource, request, *body, *write, max_rows); !fits)
      return fits;
    const auto fill = filling_of(services, resource, *body, actor_of(request));
    if (!fill) return std::unexpected(fill.error());
    return create_once(services, resource, request, text, *body, *write, max_rows, response, *fill);
  };
}

RouteHandler update_handler(const ApiServices& services, const Resource& resource,
                            const ApiOptions& options) {
  return [services, &resource, limit = options.max_json_bytes](Request& request,
                                                               Response& response) -> Result<void> {
    WriteOptions write;
    if (resource.has_versions) {
      auto version = required_version(request);
      if (!version) return std::unexpected(version.error());
      write.expected_version = *version;
    }
    std::string text;
    auto changes = read_object(request, limit, text);
    if (!changes) return std::unexpected(std::move(changes).error());
    const store::Actor actor = actor_of(request);
    const std::string& key = request.path_value(0);
    return write_once(services, request, text, response,
                      [&](Transaction* transaction, Response& answer) -> Result<void> {
                        Result<RecordView> changed = fail(ErrorCode::internal, "");
                        if (transaction != nullptr) {
                          write.finish = Finish::run;
                          changed = services.records.update(*transaction, resource, key, *changes,
                                                            actor, write);
                        } else {
                          changed = services.records.update(resource, key, *changes, actor, write);
                        }
                        if (!changed) return std::unexpected(std::move(changed).error());
                        write_record(std::move(*changed), resource, answer, 200);
                        return {};
                      });
  };
}

RouteHandler remove_handler(const ApiServices& services, const Resource& resource) {
  return [services, &resource](Request& request, Response& response) -> Result<void> {
    WriteOptions write;
    if (resource.has_versions) {
      auto version = required_version(request);
      if (!version) return std::unexpected(version.error());
      write.expected_version = *version;
    }
    const store::Actor actor = actor_of(request);
    const std::string& key = request.path_value(0);
    return write_once(services, request, {}, response,
                      [&](Transaction* transaction, Response& answer) -> Result<void> {
                        Result<void> removed;
                        if (transaction != nullptr) {
                          write.finish = Finish::run;
                          removed =
                              services.records.remove(*transaction, resource, key, actor, write);
                        } else {
                          removed = services.records.remove(resource, key, actor, write);
                        }
                        if (removed) answer.status = 204;
                        return removed;
                      });
  };
}

RouteHandler restore_handler(const ApiServices& services, const Resource& resource) {
  return [&records = services.records, &resource](Request& request,
                                                  Response& response) -> Result<void> {
    WriteOptions write;
    auto version = offered_version(request);
    if (!version) return std::unexpected(version.error());
    write.expected_version = *version;
    auto restored = records.restore(resource, request.path_value(0), actor_of(request), write);
    if (!restored) return std::unexpected(std::move(restored).error());
    write_record(std::move(*restored), resource, response, 200);
    return {};
  };
}

RouteHandler history_handler(const ApiServices& services, const Resource& resource) {
  return [&records = services.records, &resource](Request& request,
                                                  Response& response) -> Result<void> {
    auto page =
        records.history(resource, request.path_value(0), parameters_of(request), actor_of(request));
    if (!page) return std::unexpected(std::move(page).error());
    write_page(std::move(*page), response);
    return {};
  };
}

RouteHandler linked_handler(const ApiServices& services, const Resource& resource,
                            const Collection& collection) {
  return [services, &resource, name = std::string(collection.name)](
             Request& request, Response& response) -> Result<void> {
    auto view = services.records.get(resource, request.path_value(0), actor_of(request),
                                     {{"fields", std::string(resource.key)}, {"include", name}});
    if (!view) return std::unexpected(std::move(view).error());
    if (view->moved_to) {
      redirect_to(*view->moved_to, resource, "/" + name, response);
      return {};
    }
    auto json = Json::parse(view->json);
    if (!json) return std::unexpected(std::move(json).error());
    const Json* items = json->find(name);
    Json page = Json::Object{};
    page.set("items", items != nullptr ? *items : Json(Json::Array{}));
    page.set("next_cursor", nullptr);
    response.json(page.dump());
    return {};
  };
}

RouteHandler link_handler(const ApiServices& services, const Resource& resource,
                          const Collection& collection, const ApiOptions& options) {
  return [services, &resource, name = collection.name, limit = options.max_json_bytes](
             Request& request, Response& response) -> Result<void> {
    auto text = request.read_body(limit);
    if (!text) return std::unexpected(std::move(text).error());
    bool is_main = false;
    if (!text->empty()) {
      auto json = Json::parse(*text);
      if (!json) return std::unexpected(std::move(json).error());
      const Json* sent = json->find("is_main");
      if (!json->is_object() || (sent != nullptr && !sent->is_bool())) {
        return fail(ErrorCode::invalid_request, "the body is {\"is_main\": true or false}");
      }
      is_main = sent != nullptr && sent->as_bool();
    }
    auto done = services.records.link(resource, request.path_value(0), name, request.path_value(1),
                                      actor_of(request), is_main);
    if (done) response.status = 204;
    return done;
  };
}

RouteHandler unlink_handler(const ApiServices& services, const Resource& resource,
                            const Collection& collection) {
  return [services, &resource, name = collection.name](Request& request,
                                                       Response& response) -> Result<void> {
    auto done = services.records.unlink(resource, request.path_value(0), name,
                                        request.path_value(1), actor_of(request));
    if (done) response.status = 204;
    return done;
  };
}

namespace {

constexpr std::string_view kLeadOfDeal = "created_from_lead_id";

// Takes `wanted` out of what is to be included; false: it is not among it.
bool take_included(store::Parameters& parameters, std::string_view wanted) {
  const auto include =
      std::ranges::find(parameters, "include", &store::Parameters::value_type::first);
  if (include == parameters.end()) return false;
  std::string others;
  bool found = false;
  for (const std::string_view name : split(include->second, ',')) {
    if (trimmed(name) == wanted) {
      found = true;
    } else {
      others.append(others.empty() ? "" : ",").append(name);
    }
  }
  if (!found) return false;
  include->second = std::move(others);
  if (include->second.empty()) parameters.erase(include);
  return true;
}

// include=lead among the activities of a deal: those of the lead it was made from too (domain.md
// 13.1). Each is shown to whom it is shown by itself.
Result<void> add_lead(const ApiServices& services, const Resource& deal, const Request& request,
                      FixedFields& given) {
  auto view = services.records.get(deal, request.path_value(0), actor_of(request),
                                   {{"fields", std::string(kLeadOfDeal)}});
  if (!view) return std::unexpected(std::move(view).error());
  auto record = Json::parse(view->json);
  if (!record) return std::unexpected(std::move(record).error());
  const Json* lead = record->find(kLeadOfDeal);
  if (lead == nullptr || !lead->is_number()) return {};
  given.back().first += ".in";
  given.back().second += "," + lead->number_text();
  return {};
}

}  // namespace

RouteHandler children_handler(const ApiServices& services, const Resource& parent,
                              const Resource& child, const Collection& collection,
                              FixedFields fixed) {
  return
      [services, &parent, &child, fixed = std::move(fixed),
       column = std::string(collection.parent_column), tail = "/" + std::string(collection.name)](
          Request& request, Response& response) -> Result<void> {
        if (auto admitted = admit_included(request, child, services.records.registry()); !admitted)
          return admitted;
        auto seen = sees_record(services, parent, request, tail, response);
        if (!seen) return std::unexpected(std::move(seen).error());
        if (!*seen) return {};
        FixedFields given = fixed;
        given.emplace_back(column, request.path_value(0));
        auto parameters = parameters_of(request);
        for (const auto& [name, value] : parameters) {
          const std::string_view field = std::string_view(name).substr(0, name.find('.'));
          if (std::ranges::find(given, field, &FixedFields::value_type::first) != given.end()) {
            return fail(ErrorCode::invalid_request, std::string(field) + " is given by the path");
          }
        }
        if (child.kind == "activity" && parent.has_field(kLeadOfDeal) &&
            take_included(parameters, "lead")) {
          if (auto added = add_lead(services, parent, request, given); !added) return added;
        }
        for (auto& each : given) parameters.push_back(std::move(each));
        auto page = services.records.list(child, parameters, actor_of(request));
        if (!page) return std::unexpected(std::move(page).error());
        write_page(std::move(*page), response);
        return {};
      };
}

RouteHandler create_child_handler(const ApiServices& services, const Resource& parent,
                                  const Resource& child, const Collection& collection,
                                  const ApiOptions& options, FixedFields fixed) {
  return [services, &parent, &child, fixed = std::move(fixed),
          column = std::string(collection.parent_column), tail = "/" + std::string(collection.name),
          limit = options.max_json_bytes, max_rows = options.limits.max_bulk_rows](
             Request& request, Response& response) -> Result<void> {
    auto seen = sees_record(services, parent, request, tail, response);
    if (!seen) return std::unexpected(std::move(seen).error());
    if (!*seen) return {};
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    std::string text;
    auto body = read_object(request, limit, text);
    if (!body) return std::unexpected(std::move(body).error());
    std::vector<std::pair<std::string, Json>> given{{column, Json(*id)}};
    for (const auto& [name, value] : fixed) given.emplace_back(name, Json(value));
    for (auto& [name, value] : given) {
      if (const Json* sent = body->find(name); sent != nullptr && *sent != value) {
        return fail(ErrorCode::invalid_request, name + " is given by the path");
      }
      body->set(name, std::move(value));
    }
    return create_once(services, child, request, text, *body, {}, max_rows, response);
  };
}

RouteHandler complete_task_handler(const ApiServices& services, const ApiOptions& options) {
  return [services, limit = options.max_json_bytes](Request& request,
                                                    Response& response) -> Result<void> {
    auto id = request.path_id(0);
    if (!id) return std::unexpected(id.error());
    std::string text;
    auto body = read_object(request, limit, text);
    if (!body) return std::unexpected(std::move(body).error());
    const Json* outcome = body->find("outcome");
    if (outcome == nullptr || !outcome->is_string()) {
      return fail(ErrorCode::invalid_request,
                  "outcome is one of the task's outcomes, such as take_to_work");
    }
    Json details = Json::Object{};
    for (const auto& [name, value] : body->as_object()) {
      if (name != "outcome") details.set(name, value);
    }
    const store::Actor actor = actor_of(request);
    return write_once(services, request, text, response,
                      [&](Transaction* transaction, Response& answer) -> Result<void> {
                        auto& records = services.records;
                        auto view =
                            transaction != nullptr
                                ? records.complete_task(*transaction, *id, outcome->as_string(),
                                                        details, actor, {.finish = Finish::run})
                                : records.complete_task(*id, outcome->as_string(), details, actor);
                        if (!view) return std::unexpected(std::move(view).error());
                        answer.json(view->json);
                        if (view->version > 0) answer.add_header("ETag", etag_of(view->version));
                        return {};
                      });
  };
}

}  // namespace c360::api

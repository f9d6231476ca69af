#include "api/feed_routes.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <string>
#include <utility>

#include "api/auth.h"
#include "api/record_handlers.h"
#include "api/record_routes.h"
#include "api/schema.h"
#include "daemon/base/text.h"
#include "store/feed.h"

namespace c360::api {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using store::FeedPage;
using store::FeedPosition;
using store::FeedQuery;
using store::in_feed;
using store::Operation;
using store::Resource;

constexpr std::string_view kEventStream = "text/event-stream";
constexpr std::string_view kLines = "application/x-ndjson";
constexpr int kDefaultPage = 200;
// An idle stream says that it is alive; proxies end what is silent for a minute.
constexpr milliseconds kSilence{15'000};
// A token that was revoked, and rights that were taken away, end a stream about this fast.
constexpr milliseconds kReadmission{2'000};
// Stretches of history without an event for the caller that one request looks through.
constexpr int kMaxStretches = 20;

// What the feed's requests share.
struct FeedService {
  FeedService(const ApiServices& s, const ApiLimits& l)
      : services(s), limits(l), feed(s.database, s.records), watch(s.database) {}

  const ApiServices services;
  const ApiLimits limits;
  store::Feed feed;
  store::FeedWatch watch;
  std::atomic<std::size_t> readers{0};
};

// One of the readers that may wait at the same time.
class ReaderSlot {
 public:
  static Result<std::shared_ptr<ReaderSlot>> take(std::shared_ptr<FeedService> service) {
    if (service->readers.fetch_add(1) >= service->limits.max_event_readers) {
      service->readers.fetch_sub(1);
      return fail(ErrorCode::unavailable,
                  std::to_string(service->limits.max_event_readers) +
                      " requests wait for events already (api.max_event_readers); come again, or "
                      "read without wait",
                  "too_many_readers");
    }
    return std::make_shared<ReaderSlot>(std::move(service));
  }
  explicit ReaderSlot(std::shared_ptr<FeedService> service) : service_(std::move(service)) {}
  ~ReaderSlot() { service_->readers.fetch_sub(1); }
  ReaderSlot(const ReaderSlot&) = delete;
  ReaderSlot& operator=(const ReaderSlot&) = delete;

 private:
  std::shared_ptr<FeedService> service_;
};

// -- What was asked for ---------------------------------------------------------------------------

// The kinds asked for that the token may read; all of those without `kind`. A kind asked for by
// name without its scope is forbidden, not silently left out.
Result<std::vector<const Resource*>> kinds_of(const Request& request,
                                              const store::Registry& registry) {
  std::vector<const Resource*> kinds;
  const auto asked = request.query_value("kind");
  if (!asked) {
    for (const auto& resource : registry.all()) {
      if (in_feed(*resource) && request.caller->has_scope(scope_of(*resource, false))) {
        kinds.push_back(resource.get());
      }
    }
    return kinds;
  }
  for (const std::string_view name : split(*asked, ',')) {
    const Resource* resource = registry.find(trimmed(name));
    if (resource == nullptr || !in_feed(*resource)) {
      return fail(ErrorCode::invalid_request,
                  "kind: there is no kind '" + std::string(utf8_prefix(name, 60)) +
                      "'; see /api/v1/meta/resources",
                  "unknown_kind");
    }
    if (!request.caller->has_scope(scope_of(*resource, false))) {
      return fail(ErrorCode::forbidden,
                  "the token has no scope '" + scope_of(*resource, false) + "'", "scope_missing");
    }
    kinds.push_back(resource);
  }
  return kinds;
}

Result<std::int64_t> number_parameter(const Request& request, std::string_view name,
                                      std::int64_t otherwise, std::int64_t least,
                                      std::int64_t most) {
  const auto text = request.query_value(name);
  if (!text) return otherwise;
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || stop != text->data() + text->size() || value < least ||
      value > most) {
    return fail(ErrorCode::invalid_request,
                std::string(name) + " is a number between " + std::to_string(least) + " and " +
                    std::to_string(most),
                "invalid_value");
  }
  return value;
}

// `after`, or Last-Event-ID of a stream that goes on; without either the beginning of history.
Result<FeedPosition> position_of(const Request& request, const store::Feed& feed) {
  auto text = request.query_value("after");
  if (const auto last = request.header("last-event-id"); last && !last->empty()) text = last;
  if (!text) return FeedPosition{};
  if (*text == "latest") return feed.end();
  if (const auto position = FeedPosition::parse(*text)) return *position;
  return fail(ErrorCode::invalid_request,
              "after is a cursor of this feed, or latest; leave it out to begin with the oldest",
              "invalid_cursor");
}

Result<FeedQuery> query_of(const Request& request, const FeedService& service, int max_page) {
  FeedQuery query;
  auto kinds = kinds_of(request, service.services.records.registry());
  if (!kinds) return std::unexpected(std::move(kinds).error());
  query.kinds = std::move(*kinds);
  auto position = position_of(request, service.feed);
  if (!position) return std::unexpected(std::move(position).error());
  query.after = *position;
  auto limit = number_parameter(request, "limit", std::min(kDefaultPage, max_page), 1, max_page);
  if (!limit) return std::unexpected(std::move(limit).error());
  query.limit = static_cast<int>(*limit);
  if (request.query_value("record_id")) {
    auto record = number_parameter(request, "record_id", 0, 1, INT64_MAX);
    if (!record) return std::unexpected(std::move(record).error());
    query.record_id = *record;
  }
  if (const auto events = request.query_value("event")) {
    for (const auto name : split(*events, ',')) query.events.emplace_back(trimmed(name));
  }
  return query;
}

// -- Pages ----------------------------------------------------------------------------------------

// Looks through stretches that hold nothing for the caller, a bounded number of them.
Result<FeedPage> next_page(const FeedService& service, FeedQuery& query,
                           const store::Actor& actor) {
  for (int stretch = 1;; ++stretch) {
    auto page = service.feed.read(query, actor);
    if (!page) return page;
    query.after = page->position;
    if (!page->events.empty() || !page->more || stretch == kMaxStretches) return page;
  }
}

void write_events(const FeedPage& page, Response& response) {
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const auto& event : page.events) writer.raw(event.json);
  writer.end_array()
      .member("next_cursor", page.position.text())
      .member("more", page.more)
      .end_object();
  response.json(writer.view());
}

std::function<bool()> nobody_waits(const Request& request) {
  return [peer = request.peer] { return peer != nullptr && peer->gone(); };
}

Result<void> answer_page(const std::shared_ptr<FeedService>& service, Request& request,
                         FeedQuery query, Response& response) {
  const auto most = std::chrono::floor<std::chrono::seconds>(service->limits.max_event_wait);
  auto wait = number_parameter(request, "wait", 0, 0, most.count());
  if (!wait) return std::unexpected(std::move(wait).error());
  const auto deadline = SteadyClock::now() + std::chrono::seconds{*wait};
  std::shared_ptr<ReaderSlot> slot;
  for (;;) {
    auto page = next_page(*service, query, actor_of(request));
    if (!page) return std::unexpected(std::move(page).error());
    if (!page->events.empty() || page->more || SteadyClock::now() >= deadline) {
      write_events(*page, response);
      return {};
    }
    if (!slot) {
      auto taken = ReaderSlot::take(service);
      if (!taken) return std::unexpected(std::move(taken).error());
      slot = std::move(*taken);
    }
    auto woken = service->watch.wait(query.after, deadline, nobody_waits(request));
    if (!woken) return std::unexpected(std::move(woken).error());
    if (!*woken) {
      write_events(*page, response);
      return {};
    }
    // Rights may have changed while it waited.
    auto caller = request.readmitted();
    if (!caller) return std::unexpected(std::move(caller).error());
  }
}

// -- Streams --------------------------------------------------------------------------------------

// WHATWG HTML, 9.2: JSON has no line ends of its own, so one data line is enough.
std::string event_lines(const store::FeedEvent& event) {
  return "id: " + event.position.text() + "\nevent: " + event.event + "\ndata: " + event.json +
         "\n\n";
}

// Runs while the client reads. The request outlives the stream of its answer.
Result<void> stream_events(FeedService& service, Request& request, FeedQuery query,
                           const BodySink& sink) {
  const milliseconds silence = std::min(kSilence, service.limits.max_event_wait);
  if (auto sent = sink("retry: 2000\n\n"); !sent) return sent;
  auto spoke = SteadyClock::now();
  auto admitted = spoke;
  for (;;) {
    auto page = next_page(service, query, actor_of(request));
    if (!page) return std::unexpected(std::move(page).error());
    for (const auto& event : page->events) {
      if (auto sent = sink(event_lines(event)); !sent) return sent;
    }
    if (!page->events.empty()) spoke = SteadyClock::now();
    const auto gone = nobody_waits(request);
    if (gone()) return {};
    if (SteadyClock::now() - admitted >= kReadmission) {
      if (!request.readmitted()) return {};  // the client comes again and is told why
      admitted = SteadyClock::now();
    }
    if (page->more) continue;
    const auto wake = std::min(spoke + silence, admitted + kReadmission);
    auto woken = service.watch.wait(query.after, wake, gone);
    if (!woken) return std::unexpected(std::move(woken).error());
    if (SteadyClock::now() >= spoke + silence) {
      // With the position, so that a reconnection does not look through the same again.
      if (auto sent = sink(": alive\nid: " + query.after.text() + "\n\n"); !sent) return sent;
      spoke = SteadyClock::now();
    }
  }
}

RouteHandler events_handler(std::shared_ptr<FeedService> service, int max_page) {
  return [service = std::move(service), max_page](Request& request,
                                                  Response& response) -> Result<void> {
    auto query = query_of(request, *service, max_page);
    if (!query) return std::unexpected(std::move(query).error());
    const auto accept = request.header("accept").value_or("");
    if (accept.find(kEventStream) == std::string_view::npos) {
      return answer_page(service, request, std::move(*query), response);
    }
    // A cursor that is none is told before the stream begins.
    if (auto first = service->feed.read(*query, actor_of(request)); !first) {
      return std::unexpected(std::move(first).error());
    }
    auto slot = ReaderSlot::take(service);
    if (!slot) return std::unexpected(std::move(slot).error());
    response.content_type = kEventStream;
    response.chunked = true;
    response.add_header("X-Accel-Buffering", "no");
    response.stream = [service, slot = *slot, &request,
                       query = std::move(*query)](const BodySink& sink) {
      return stream_events(*service, request, query, sink);
    };
    return {};
  };
}

// -- Snapshot -------------------------------------------------------------------------------------

// All that the caller may read of the kind: no default filter, every field, oldest id first.
store::Parameters everything_of(const Resource& resource, int limit) {
  std::string fields;
  for (const auto& field : resource.fields) {
    if (!field.is_secret) fields.append(fields.empty() ? "" : ",").append(field.name);
  }
  store::Parameters parameters = {{"sort", std::string(resource.key)},
                                  {"limit", std::to_string(limit)},
                                  {"fields", std::move(fields)}};
  for (const auto& filter : resource.default_filters) {
    parameters.emplace_back(std::string(filter.field) + ".null", "false");
  }
  return parameters;
}

// The cursor comes first: whatever changes while the records are read is in the feed behind it.
Result<void> stream_snapshot(FeedService& service, Request& request,
                             const std::vector<const Resource*>& kinds, int limit,
                             const FeedPosition& position, const BodySink& sink) {
  if (auto sent = sink("{\"cursor\":\"" + position.text() + "\"}\n"); !sent) return sent;
  std::int64_t records = 0;
  for (const Resource* resource : kinds) {
    store::Parameters parameters = everything_of(*resource, limit);
    for (bool more = true; more;) {
      auto page = service.services.records.list(*resource, parameters, actor_of(request));
      if (!page) return std::unexpected(std::move(page).error());
      records += page->size;
      if (page->size > 0) {
        std::string line = "{\"kind\":\"" + std::string(resource->kind) + "\",\"records\":";
        line.append(page->items).append("}\n");
        if (auto sent = sink(line); !sent) return sent;
      }
      more = page->next_cursor.has_value();
      if (!more) continue;
      if (parameters.back().first == "cursor") parameters.pop_back();
      parameters.emplace_back("cursor", *page->next_cursor);
    }
  }
  return sink("{\"end\":true,\"records\":" + std::to_string(records) + ",\"cursor\":\"" +
              position.text() + "\"}\n");
}

RouteHandler snapshot_handler(std::shared_ptr<FeedService> service, int max_page) {
  return [service = std::move(service), max_page](Request& request,
                                                  Response& response) -> Result<void> {
    auto kinds = kinds_of(request, service->services.records.registry());
    if (!kinds) return std::unexpected(std::move(kinds).error());
    std::erase_if(*kinds, [](const Resource* each) { return !each->offers(Operation::list); });
    auto position = service->feed.end();
    if (!position) return std::unexpected(std::move(position).error());
    response.content_type = kLines;
    response.chunked = true;
    response.stream = [service, &request, kinds = std::move(*kinds), max_page,
                       position = *position](const BodySink& sink) {
      return stream_snapshot(*service, request, kinds, max_page, position, sink);
    };
    return {};
  };
}

// -- The routes -----------------------------------------------------------------------------------

Parameter query_parameter(std::string name, std::string doc, Json schema) {
  return {.name = std::move(name), .doc = std::move(doc), .schema = std::move(schema)};
}

Json bounded(std::int64_t least, std::int64_t most) {
  Json json = schema::integer();
  json.set("minimum", least);
  json.set("maximum", most);
  return json;
}

Json feed_page_schema() {
  return schema::object(
      {{"items", schema::array(schema::ref("FeedEvent"))},
       {"next_cursor", schema::string("Send it as `after`; also where there are no items")},
       {"more", schema::boolean("There may be more right now")}},
      {"items", "next_cursor", "more"});
}

}  // namespace

void add_feed_routes(std::vector<Route>& routes, const ApiServices& services,
                     const ApiOptions& options) {
  auto service = std::make_shared<FeedService>(services, options.limits);
  Route events{.method = Method::get,
               .path = std::string(kApiPrefix) + "/events",
               .access = Access::caller,
               .operation_id = "list_events",
               .summary =
                   "What changed, in the order of the transactions; of each kind with its "
                   "scope and rights. With Accept: text/event-stream as it happens",
               .tag = "events",
               .handler = events_handler(service, options.max_page)};
  events.parameters = {
      query_parameter("after",
                      "next_cursor of the page before; latest: from now on; without it "
                      "from the oldest",
                      schema::string()),
      query_parameter("kind", "Only these kinds, separated by commas", schema::string()),
      query_parameter("event", "Only these, separated by commas: created, status_changed, …",
                      schema::string()),
      query_parameter("record_id", "Only of this record", schema::integer()),
      query_parameter("limit", "Events of a page", bounded(1, options.max_page)),
      query_parameter(
          "wait", "Seconds to wait for the first event where there is none",
          bounded(0,
                  std::chrono::floor<std::chrono::seconds>(options.limits.max_event_wait).count())),
      {.name = "Last-Event-ID",
       .place = ParameterPlace::header,
       .doc = "Instead of `after`, as a reconnecting stream sends it",
       .schema = schema::string()}};
  events.answers = {{.doc = "Events, oldest first; with Accept: text/event-stream a stream of them "
                            "(id, event, data)",
                     .media_type = std::string(kJson),
                     .schema = feed_page_schema(),
                     .other_media_types = {std::string(kEventStream)}}};
  routes.push_back(std::move(events));

  Route snapshot{.method = Method::get,
                 .path = std::string(kApiPrefix) + "/events/snapshot",
                 .access = Access::caller,
                 .operation_id = "get_snapshot",
                 .summary = "All records the caller may read, and the cursor the feed goes on from",
                 .tag = "events",
                 .handler = snapshot_handler(service, options.max_page)};
  snapshot.parameters = {
      query_parameter("kind", "Only these kinds, separated by commas", schema::string())};
  snapshot.answers = {{.doc = "Lines of JSON: {cursor}, then {kind, records} many times, at last "
                              "{end, records, cursor}; without the last one it is not whole",
                       .media_type = std::string(kLines)}};
  routes.push_back(std::move(snapshot));
}

}  // namespace c360::api

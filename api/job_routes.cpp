#include "api/job_routes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/auth.h"
#include "api/query_number.h"
#include "api/record_handlers.h"
#include "api/schema.h"
#include "store/job_lists.h"
#include "store/jobs.h"
#include "store/schedules.h"

namespace c360::api {
namespace {

constexpr std::string_view kScope = "admin";
constexpr int kMostRetried = 10'000;  // dead letters of one request

// The scope lets the token in; the group lets the person in.
Result<void> for_administrators(const Request& request) {
  if (request.caller->actor.is_administrator()) return {};
  return fail(ErrorCode::forbidden, "jobs are the affair of the group crm-administrators",
              "administrators_only");
}

Result<std::string> one_of_these(const Request& request, std::string_view name,
                                 const std::vector<std::string>& known) {
  std::string value(request.query_value(name).value_or(""));
  if (value.empty() || std::ranges::find(known, value) != known.end()) return value;
  std::string list;
  for (const std::string& word : known) list += (list.empty() ? "" : ", ") + word;
  return fail(ErrorCode::invalid_request, std::string(name) + " is one of " + list,
              "invalid_value");
}

const std::vector<std::string>& statuses() {
  static const std::vector<std::string> kStatuses = {"queued", "running", "done", "failed",
                                                     "canceled"};
  return kStatuses;
}

const std::vector<std::string>& results() {
  static const std::vector<std::string> kResults = {"ok", "failed", "skipped", "partial"};
  return kResults;
}

void write_page(const std::vector<store::JobListRow>& rows, int limit, Response& response) {
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const auto& row : rows) writer.raw(row.json);
  writer.end_array().key("next_cursor");
  // A full page may be followed by another.
  rows.size() == static_cast<std::size_t>(limit) ? writer.string(std::to_string(rows.back().id))
                                                 : writer.null();
  writer.end_object();
  response.json(writer.view());
}

// -- Handlers -------------------------------------------------------------------------------------

Result<void> answer_jobs(store::Database& database, int max_page, const Request& request,
                         Response& response) {
  auto status = one_of_these(request, "status", statuses());
  if (!status) return std::unexpected(status.error());
  auto record = query_number(request, "record_id");
  if (!record) return std::unexpected(record.error());
  auto before = query_number(request, "cursor");
  if (!before) return std::unexpected(before.error());
  auto limit = page_size(request, max_page);
  if (!limit) return std::unexpected(limit.error());
  auto rows =
      store::list_jobs(database, {.status = *status,
                                  .kind = std::string(request.query_value("kind").value_or("")),
                                  .record_id = *record,
                                  .before = *before,
                                  .limit = *limit});
  if (!rows) return std::unexpected(rows.error());
  write_page(*rows, *limit, response);
  return {};
}

Result<void> answer_runs(store::Database& database, int max_page, const Request& request,
                         Response& response) {
  auto result = one_of_these(request, "result", results());
  if (!result) return std::unexpected(result.error());
  auto job = query_number(request, "job_id");
  if (!job) return std::unexpected(job.error());
  auto before = query_number(request, "cursor");
  if (!before) return std::unexpected(before.error());
  auto limit = page_size(request, max_page);
  if (!limit) return std::unexpected(limit.error());
  auto rows =
      store::list_job_runs(database, {.job = std::string(request.query_value("job").value_or("")),
                                      .result = *result,
                                      .job_id = *job,
                                      .before = *before,
                                      .limit = *limit});
  if (!rows) return std::unexpected(rows.error());
  write_page(*rows, *limit, response);
  return {};
}

Result<void> answer_job(store::Database& database, const Request& request, Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  auto json = store::job_json(database, *id);
  if (!json) return std::unexpected(json.error());
  response.json(*json);
  return {};
}

Result<void> cancel(store::Database& database, const Request& request, Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  if (auto done = store::cancel_job(database, *id); !done) return std::unexpected(done.error());
  return answer_job(database, request, response);
}

Result<void> pause(store::Database& database, const Request& request, Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  if (auto done = store::pause_job(database, *id); !done) return done;
  return answer_job(database, request, response);
}

Result<void> resume(store::Database& database, const Request& request, Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  if (auto done = store::resume_job(database, *id); !done) return done;
  return answer_job(database, request, response);
}

Result<void> retry(store::Database& database, const Request& request, Response& response) {
  auto id = request.path_id(0);
  if (!id) return std::unexpected(id.error());
  if (auto done = store::retry_job(database, *id); !done) return done;
  return answer_job(database, request, response);
}

Result<void> retry_failed(store::Database& database, const Request& request, Response& response) {
  auto count =
      store::retry_failed_jobs(database, request.query_value("kind").value_or(""), kMostRetried);
  if (!count) return std::unexpected(count.error());
  JsonWriter writer;
  writer.begin_object().member("retried", *count).end_object();
  response.json(writer.view());
  return {};
}

Result<void> answer_schedules(store::Database& database, Response& response) {
  auto rows = store::list_schedules(database);
  if (!rows) return std::unexpected(rows.error());
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const auto& row : *rows) writer.raw(row);
  writer.end_array().end_object();
  response.json(writer.view());
  return {};
}

Result<void> answer_schedule(store::Database& database, const Request& request,
                             Response& response) {
  auto json = store::schedule_json(database, request.path_value(0));
  if (!json) return std::unexpected(json.error());
  response.json(*json);
  return {};
}

Result<store::ScheduleChange> change_of(const Json& body) {
  store::ScheduleChange change;
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The schedule cannot be changed as asked; see errors."};
  for (const auto& [name, value] : body.as_object()) {
    if (name == "cron" && value.is_string()) {
      change.cron = value.as_string();
    } else if (name == "paused" && value.is_bool()) {
      change.paused = value.as_bool();
    } else if (name == "cron" || name == "paused") {
      error.fields.push_back({"/" + name, "wrong_type",
                              name == "cron" ? "Send a cron expression." : "Send true or false."});
    } else {
      error.fields.push_back({"/" + name, "unknown_field", "Known are cron and paused."});
    }
  }
  if (error.fields.empty()) return change;
  return std::unexpected(std::move(error));
}

Result<void> change(const ApiServices& services, std::uint64_t limit, Request& request,
                    Response& response) {
  std::string text;
  auto body = read_object(request, limit, text);
  if (!body) return std::unexpected(body.error());
  auto wanted = change_of(*body);
  if (!wanted) return std::unexpected(wanted.error());
  auto zone = TimeZone::named(services.records.options().limits.time_zone);
  if (!zone) return std::unexpected(zone.error());
  if (auto done = store::change_schedule(services.database, request.path_value(0), *wanted, *zone);
      !done)
    return done;
  return answer_schedule(services.database, request, response);
}

Result<void> run_now(store::Database& database, const Request& request, Response& response) {
  auto made = store::run_schedule(database, request.path_value(0), request.caller->actor.user_id);
  if (!made) return std::unexpected(made.error());
  JsonWriter writer;
  writer.begin_object().member("job_id", made->id).member("fresh", made->fresh).end_object();
  response.json(writer.view(), 202);
  response.add_header("Location", std::string(kApiPrefix) + "/jobs/" + std::to_string(made->id));
  return {};
}

// -- What the document says -----------------------------------------------------------------------

Json job_schema() {
  using schema::date_time;
  using schema::integer;
  using schema::nullable;
  using schema::string;
  return schema::object({{"id", integer()},
                         {"kind", string("What it does")},
                         {"schedule", nullable(string("The schedule that made it"))},
                         {"status", schema::one_of(statuses(), "failed: given up, a dead letter")},
                         {"priority", integer("Larger goes first")},
                         {"run_at", date_time("Not before")},
                         {"attempts", integer()},
                         {"max_attempts", integer("Then it is failed")},
                         {"trigger", schema::one_of({"schedule", "api", "event"})},
                         {"planned_at", nullable(date_time("The slot of the schedule"))},
                         {"record_id", nullable(integer("What it is about"))},
                         {"dedupe_key", nullable(string("One unfinished job of the kind has it"))},
                         {"payload", schema::any("Of its kind")},
                         {"progress_done", integer()},
                         {"progress_total", nullable(integer("null: not known"))},
                         {"progress_failed", integer("Of progress_done")},
                         {"paused", schema::boolean("Nobody takes it until it is resumed")},
                         {"cancel_requested", schema::boolean("It is asked to stop")},
                         {"error_code", nullable(string("Of the last attempt"))},
                         {"error", nullable(string("What went wrong at the last attempt"))},
                         {"created_at", date_time()},
                         {"created_by", nullable(integer("A user"))},
                         {"finished_at", nullable(date_time())}},
                        {"id", "kind", "status", "attempts"});
}

Json run_schema() {
  using schema::date_time;
  using schema::integer;
  using schema::nullable;
  using schema::string;
  return schema::object({{"id", integer()},
                         {"job", string("Name of the schedule, or kind of the job")},
                         {"job_id", nullable(integer("null: the job was purged"))},
                         {"trigger", schema::one_of({"schedule", "api", "event"})},
                         {"planned_at", nullable(date_time("The slot of the schedule"))},
                         {"record_id", nullable(integer())},
                         {"holder", string("The process that ran it")},
                         {"attempt", integer()},
                         {"started_at", date_time()},
                         {"finished_at", nullable(date_time("null: under way"))},
                         {"result", nullable(schema::one_of(results()))},
                         {"processed", integer()},
                         {"failed", integer()},
                         {"error", nullable(string())},
                         {"next_run_at", nullable(date_time("When it is tried again"))}},
                        {"id", "job", "attempt", "started_at"});
}

Json job_schedule_schema() {
  using schema::date_time;
  using schema::nullable;
  using schema::string;
  return schema::object(
      {{"name", string()},
       {"kind", string("Of the jobs it makes")},
       {"cron", string("Five fields, six with seconds in front, or @daily and the like")},
       {"timezone", string("That its times were counted in")},
       {"paused", schema::boolean()},
       {"next_run_at", nullable(date_time("null: paused"))},
       {"last_planned_at", nullable(date_time())},
       {"last_started_at", nullable(date_time())},
       {"last_result", nullable(schema::one_of(results()))}},
      {"name", "kind", "cron", "paused"});
}

Json page_of(Json item) {
  return schema::object(
      {{"items", schema::array(std::move(item))},
       {"next_cursor",
        schema::nullable(schema::string("Send it as `cursor`; null: that was all"))}},
      {"items", "next_cursor"});
}

Parameter in_path(std::string name, std::string doc, Json schema) {
  return {.name = std::move(name),
          .place = ParameterPlace::path,
          .doc = std::move(doc),
          .schema = std::move(schema),
          .required = true};
}
Parameter job_id_in_path() { return in_path("id", "Id of the job", schema::integer()); }
Parameter schedule_in_path() { return in_path("name", "Name of the schedule", schema::string()); }

Parameter filter(std::string name, std::string doc, Json schema = schema::string()) {
  return {.name = std::move(name), .doc = std::move(doc), .schema = std::move(schema)};
}

Route job_route(Method method, const std::string& path, std::string operation, std::string summary,
                Json answer, RouteHandler handler) {
  return {.method = method,
          .path = std::string(kApiPrefix) + path,
          .access = Access::scope,
          .scope = std::string(kScope),
          .operation_id = std::move(operation),
          .summary = std::move(summary),
          .tag = "jobs",
          .handler = [handler = std::move(handler)](Request& request,
                                                    Response& response) -> Result<void> {
            if (auto allowed = for_administrators(request); !allowed) return allowed;
            return handler(request, response);
          },
          .answers = {
              {.doc = "As asked", .media_type = std::string(kJson), .schema = std::move(answer)}}};
}

void add_queue_routes(std::vector<Route>& routes, store::Database& database, int max_page) {
  const auto paging = [&](Route& route) {
    route.parameters.push_back(filter("limit", "Items of a page", schema::integer()));
    route.parameters.push_back(filter("cursor", "next_cursor of the page before"));
  };
  Route list = job_route(Method::get, "/jobs", "list_jobs",
                         "Jobs, newest first; status=failed are the dead letters",
                         page_of(job_schema()), [&database, max_page](Request& q, Response& r) {
                           return answer_jobs(database, max_page, q, r);
                         });
  list.parameters = {filter("status", "Only these", schema::one_of(statuses())),
                     filter("kind", "Only of this kind"),
                     filter("record_id", "Only about this record", schema::integer())};
  paging(list);
  routes.push_back(std::move(list));

  Route runs = job_route(Method::get, "/job-runs", "list_job_runs", "Attempts, newest first",
                         page_of(run_schema()), [&database, max_page](Request& q, Response& r) {
                           return answer_runs(database, max_page, q, r);
                         });
  runs.parameters = {filter("job", "Only of this schedule or kind"),
                     filter("result", "Only these", schema::one_of(results())),
                     filter("job_id", "Only of this job", schema::integer())};
  paging(runs);
  routes.push_back(std::move(runs));

  Route all =
      job_route(Method::post, "/jobs/retry-failed", "retry_failed_jobs",
                "Dead letters once more, 10,000 at most; one whose work another job does "
                "by now stays",
                schema::object({{"retried", schema::integer("How many")}}, {"retried"}),
                [&database](Request& q, Response& r) { return retry_failed(database, q, r); });
  all.parameters = {filter("kind", "Only of this kind")};
  routes.push_back(std::move(all));
}

void add_one_job_routes(std::vector<Route>& routes, store::Database& database) {
  const auto add = [&](Route route) {
    route.parameters = {job_id_in_path()};
    routes.push_back(std::move(route));
  };
  add(job_route(Method::get, "/jobs/{id}", "get_job", "One job with its progress", job_schema(),
                [&database](Request& q, Response& r) { return answer_job(database, q, r); }));
  add(job_route(Method::post, "/jobs/{id}/cancel", "cancel_job",
                "A queued job is canceled at once, a running one is asked to stop", job_schema(),
                [&database](Request& q, Response& r) { return cancel(database, q, r); }));
  add(job_route(Method::post, "/jobs/{id}/pause", "pause_job",
                "A queued job is taken by nobody, a running one that works in pieces rests after "
                "the piece under way",
                job_schema(),
                [&database](Request& q, Response& r) { return pause(database, q, r); }));
  add(job_route(Method::post, "/jobs/{id}/resume", "resume_job",
                "It goes on, at once also where it waits for its time", job_schema(),
                [&database](Request& q, Response& r) { return resume(database, q, r); }));
  add(job_route(Method::post, "/jobs/{id}/retry", "retry_job",
                "A failed or canceled job once more, with all its attempts", job_schema(),
                [&database](Request& q, Response& r) { return retry(database, q, r); }));
}

void add_schedule_routes(std::vector<Route>& routes, const ApiServices& services,
                         const ApiOptions& options) {
  store::Database& database = services.database;
  routes.push_back(
      job_route(Method::get, "/job-schedules", "list_job_schedules", "What runs by the clock",
                schema::object({{"items", schema::array(job_schedule_schema())}}, {"items"}),
                [&database](Request&, Response& r) { return answer_schedules(database, r); }));

  const auto add = [&](Route route) {
    route.parameters = {schedule_in_path()};
    routes.push_back(std::move(route));
  };
  add(job_route(Method::get, "/job-schedules/{name}", "get_job_schedule", "One schedule",
                job_schedule_schema(),
                [&database](Request& q, Response& r) { return answer_schedule(database, q, r); }));

  Route patch =
      job_route(Method::patch, "/job-schedules/{name}", "change_job_schedule",
                "Another time, pause, go on; the next run counts from now", job_schedule_schema(),
                [services, limit = options.max_json_bytes](Request& q, Response& r) {
                  return change(services, limit, q, r);
                });
  patch.request_media_types = {"application/merge-patch+json", std::string(kJson)};
  patch.request_schema =
      schema::object({{"cron", schema::string("Five fields, six with seconds in front, or @daily "
                                              "and the like, in the time zone of the business")},
                      {"paused", schema::boolean()}});
  add(std::move(patch));

  Route run = job_route(
      Method::post, "/job-schedules/{name}/run", "run_job_schedule",
      "Run now, besides its times, also where it is paused",
      schema::object({{"job_id", schema::integer()},
                      {"fresh", schema::boolean("false: a run that is not finished was there")}},
                     {"job_id", "fresh"}),
      [&database](Request& q, Response& r) { return run_now(database, q, r); });
  run.answers.front().status = 202;
  run.answers.front().headers = {"Location"};
  add(std::move(run));
}

}  // namespace

void add_job_routes(std::vector<Route>& routes, const ApiServices& services,
                    const ApiOptions& options) {
  add_queue_routes(routes, services.database, options.max_page);
  add_one_job_routes(routes, services.database);
  add_schedule_routes(routes, services, options);
}

}  // namespace c360::api

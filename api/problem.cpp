#include "api/problem.h"

#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "api/russian.h"

namespace c360::api {
namespace {

constexpr std::string_view kInternalDetail =
    "the service met an error of its own; the log has it under the request id";
constexpr std::string_view kInternalDetailRu =
    "внутренняя ошибка службы; в журнале она записана под этим request id";

std::string_view internal_detail(bool russian) {
  return russian ? kInternalDetailRu : kInternalDetail;
}

constexpr int kUnavailableStatus = 503;
constexpr std::chrono::seconds kAskAgain{2};

// What a crossed limit of HTTP itself answers, where the code alone says less.
struct StatusOfReason {
  std::string_view reason;
  int status;
};
constexpr std::array kStatusOfReason = {
    StatusOfReason{"request_timeout", 408},
    StatusOfReason{"range_not_satisfiable", 416},
};

int status_of(const Error& error) {
  for (const auto& row : kStatusOfReason) {
    if (row.reason == error.reason) return row.status;
  }
  return traits(error.code).http_status;
}

void write_fields(JsonWriter& writer, const Error& error) {
  if (error.fields.empty()) return;
  writer.key("errors").begin_array();
  for (const auto& field : error.fields) {
    writer.begin_object()
        .member("pointer", std::string_view{field.pointer})
        .member("code", std::string_view{field.code})
        .member("detail", std::string_view{field.detail})
        .end_object();
  }
  writer.end_array();
}

Json text_schema(std::string_view doc) {
  return Json::Object{{"type", "string"}, {"description", doc}};
}

Json type_schema() {
  Json::Array codes;
  for (const auto& row : kErrorTraits) codes.emplace_back(row.name);
  return Json::Object{{"type", "string"}, {"enum", std::move(codes)}};
}

Json errors_schema() {
  Json::Object field{
      {"type", "object"},
      {"required", Json::Array{"pointer", "code", "detail"}},
      {"properties", Json::Object{{"pointer", text_schema("JSON pointer (RFC 6901)")},
                                  {"code", text_schema("Stable word")},
                                  {"detail", text_schema("A sentence for a person")}}},
      {"additionalProperties", false}};
  return Json::Object{{"type", "array"}, {"items", Json(std::move(field))}};
}

}  // namespace

void write_problem(Response& response, const Error& thought, const ProblemContext& context) {
  const Error error = context.russian ? in_russian(thought) : thought;
  const ErrorTraits& row = traits(error.code);
  const int status = context.status.value_or(status_of(error));
  std::string_view title = status != row.http_status ? reason_phrase(status) : row.title;
  if (context.russian) title = russian_title(error.code);
  JsonWriter writer;
  writer.begin_object()
      .member("type", row.name)
      .member("title", title)
      .member("status", status)
      .member("detail", error.code == ErrorCode::internal ? internal_detail(context.russian)
                                                          : std::string_view{error.detail})
      .member("instance", context.instance)
      .member("request_id", context.request_id);
  if (!error.reason.empty()) writer.member("code", std::string_view{error.reason});
  write_fields(writer, error);
  writer.end_object();

  response.status = status;
  response.content_type = kProblemJson;
  response.body = writer.take();
  response.stream = nullptr;
  response.error_code = row.name;
  // A part that is away comes back by itself: every 503 says when to ask again.
  const auto retry_after = error.retry_after              ? error.retry_after
                           : status == kUnavailableStatus ? std::optional{kAskAgain}
                                                          : std::nullopt;
  if (retry_after) response.add_header("Retry-After", std::to_string(retry_after->count()));
  if (error.code == ErrorCode::unauthenticated) {
    // RFC 6750, 3: no error parameter where no token came at all.
    response.add_header("WWW-Authenticate", error.reason == "token_missing"
                                                ? "Bearer realm=\"client360\""
                                                : "Bearer realm=\"client360\", "
                                                  "error=\"invalid_token\"");
  }
}

void write_row_problem(JsonWriter& writer, const Error& thought, bool russian) {
  const Error error = russian ? in_russian(thought) : thought;
  writer.begin_object()
      .member("type", traits(error.code).name)
      .member("detail", error.code == ErrorCode::internal ? internal_detail(russian)
                                                          : std::string_view{error.detail});
  if (!error.reason.empty()) writer.member("code", std::string_view{error.reason});
  write_fields(writer, error);
  writer.end_object();
}

Json row_problem_schema() {
  return Json::Object{
      {"type", "object"},
      {"description", "What is wrong with one row of many"},
      {"required", Json::Array{"type", "detail"}},
      {"properties", Json::Object{{"type", type_schema()},
                                  {"detail", text_schema("A sentence for a person")},
                                  {"code", text_schema("Finer than the type")},
                                  {"errors", errors_schema()}}},
      {"additionalProperties", false}};
}

Json problem_schema() {
  return Json::Object{
      {"type", "object"},
      {"description", "Problem details (RFC 9457)"},
      {"required", Json::Array{"type", "title", "status", "detail", "instance", "request_id"}},
      {"properties",
       Json::Object{
           {"type", type_schema()},
           {"title", text_schema("The type in words")},
           {"status", Json::Object{{"type", "integer"}, {"minimum", 400}, {"maximum", 599}}},
           {"detail", text_schema("What was tried, what came back, what to do")},
           {"instance", text_schema("The path asked for")},
           {"request_id", text_schema("As in the answer's X-Request-Id and in the log")},
           {"code", text_schema("Finer than the type, such as row_version_stale")},
           {"errors", errors_schema()}}},
      {"additionalProperties", false}};
}

}  // namespace c360::api

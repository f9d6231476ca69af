#include <spdlog/fmt/fmt.h>

#include <cstdlib>

#include "adapters/curl_http_client.h"
#include "daemon/base/text.h"
#include "daemon/command/verbs.h"
#include "daemon/regular_file.h"

namespace c360::daemon::command {

namespace {

constexpr std::size_t kMaxTokenFileBytes = 4096;
constexpr std::chrono::milliseconds kCallLimit{65'000};  // a reload may wait for the database
constexpr std::chrono::milliseconds kConnectLimit{3'000};
constexpr std::chrono::seconds kUploadStall{
    600};  // what was sent must be stored before more is read

// A listener on every address is reached on loopback.
std::string host_of(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  if (host == "::") return "[::1]";
  return host.contains(':') ? "[" + host + "]" : host;
}

// The problem of RFC 9457 as one sentence, with every wrong field.
Error error_of(const adapters::HttpAnswer& answer, const std::string& url) {
  Error error{
      ErrorCode::upstream_rejected, fmt::format("{} answered {}", url, answer.status), {}, {}, {}};
  const auto problem = Json::parse(answer.body);
  if (!problem || !problem->is_object()) return error;
  if (const Json* detail = problem->find("detail"); detail != nullptr && detail->is_string())
    error.detail = fmt::format("{} ({})", detail->as_string(), answer.status);
  if (const Json* fields = problem->find("errors"); fields != nullptr && fields->is_array())
    for (const Json& field : fields->as_array()) {
      const Json* pointer = field.find("pointer");
      const Json* detail = field.find("detail");
      if (pointer != nullptr && detail != nullptr && pointer->is_string() && detail->is_string())
        error.fields.push_back({pointer->as_string(), {}, detail->as_string()});
    }
  if (answer.status == 401 && !error.detail.contains("token create"))
    error.detail += "; make a token with `client360 token create` and pass it in $CLIENT360_TOKEN";
  return error;
}

}  // namespace

struct Context::Connections {
  adapters::CurlHttpClient http{fmt::format("client360/{}", kVersion)};
};

Context::Context(Arguments globals)
    : globals_(std::move(globals)),
      style_(Style::asked_for(globals_.option("color", "auto")).value_or(Style{})),
      log_(LogTarget::none),
      observer_(log_, metrics_),
      connections_(std::make_unique<Connections>()) {}

Context::~Context() = default;

std::string Context::config_file() const {
  return globals_.option("config", CommandLine{}.config_file);
}

Result<const Config*> Context::config() {
  if (!config_) {
    auto loaded = load_config(config_file(), Surroundings::of_process());
    if (!loaded) {
      std::vector<std::string> lines;
      for (const FileProblem& problem : loaded.error()) lines.push_back(problem.to_string());
      return fail(ErrorCode::invalid_request, join(lines, "\n"), "configuration");
    }
    config_ = std::make_unique<Config>(std::move(*loaded));
  }
  return config_.get();
}

Result<store::Database*> Context::database() {
  auto loaded = config();
  if (!loaded) return std::unexpected(loaded.error());
  if (!database_)
    database_ = std::make_unique<store::Database>((*loaded)->database.options, observer_);
  return database_.get();
}

bool Context::has_token() const {
  return globals_.has("token-file") || std::getenv("CLIENT360_TOKEN") != nullptr;
}

Result<std::string> Context::token() const {
  if (const std::string file = globals_.option("token-file"); !file.empty()) {
    const auto text = read_regular_file(file, kMaxTokenFileBytes);
    if (!text || trimmed(*text).empty())
      return fail(ErrorCode::invalid_request,
                  fmt::format("--token-file: {} is no file with one token in it, or not one we may "
                              "read",
                              file),
                  "usage");
    return std::string(trimmed(text->substr(0, text->find('\n'))));
  }
  if (const char* text = std::getenv("CLIENT360_TOKEN")) return std::string(text);
  return fail(ErrorCode::unauthenticated,
              "this needs an API token in $CLIENT360_TOKEN or --token-file=FILE; make one with "
              "`client360 token create --user=LOGIN --name=operator --scopes=admin`",
              "usage");
}

Result<std::string> Context::base_url(std::string_view option, bool admin) {
  if (globals_.has(option)) {
    std::string url = globals_.option(option);
    while (url.ends_with('/')) url.pop_back();
    return url;
  }
  auto loaded = config();
  if (!loaded) return std::unexpected(loaded.error());
  const api::ServerOptions& listener = admin ? (*loaded)->admin : (*loaded)->api;
  return fmt::format("{}://{}:{}", listener.certificate_file.empty() ? "http" : "https",
                     host_of(listener.host), listener.port);
}

Result<Json> Context::call(adapters::HttpRequest request, std::string_view media_type,
                           const std::string& token, int accepted) {
  request.connect_timeout = kConnectLimit;
  request.allow_plain_http = true;
  request.ca_file = globals_.option("ca-file");
  request.headers.emplace_back("Accept", "application/json");
  if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
  if (!request.body.empty() || request.upload)
    request.headers.emplace_back("Content-Type", std::string(media_type));
  auto answer = connections_->http.send(request);
  if (!answer) {
    Error error = answer.error();
    if (error.code != ErrorCode::invalid_request)
      error.detail += "; is client360d running? (systemctl status client360d)";
    return std::unexpected(std::move(error));
  }
  const bool good = (answer->status >= 200 && answer->status < 300) || answer->status == accepted;
  if (!good) return std::unexpected(error_of(*answer, request.url));
  if (answer->body.empty()) return Json{};
  return Json::parse(answer->body);
}

Result<Json> Context::admin(std::string_view method, std::string_view path, int accepted) {
  auto base = base_url("admin-url", true);
  if (!base) return std::unexpected(base.error());
  return call(
      {.method = std::string(method), .url = *base + std::string(path), .timeout = kCallLimit}, {},
      {}, accepted);
}

Result<Json> Context::api(std::string_view method, std::string_view path, std::string body,
                          std::string_view media_type) {
  auto secret = token();
  if (!secret) return std::unexpected(secret.error());
  auto base = base_url("api-url", false);
  if (!base) return std::unexpected(base.error());
  return call({.method = std::string(method),
               .url = *base + "/api/v1" + std::string(path),
               .body = std::move(body),
               .timeout = kCallLimit},
              media_type, *secret, 0);
}

Result<Json> Context::api_upload(std::string_view path, adapters::HttpUpload upload,
                                 std::string_view media_type) {
  auto secret = token();
  if (!secret) return std::unexpected(secret.error());
  auto base = base_url("api-url", false);
  if (!base) return std::unexpected(base.error());
  return call({.method = "POST",
               .url = *base + "/api/v1" + std::string(path),
               .upload = std::move(upload),
               .timeout = std::chrono::milliseconds{0},
               .stall_limit = kUploadStall},
              media_type, *secret, 0);
}

void Context::show(const Json& value, const std::string& human) const {
  print(json() ? value.dump() + "\n" : human);
}

}  // namespace c360::daemon::command

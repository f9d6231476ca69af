#include "adapters/curl_http_client.h"

#include <curl/curl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <new>

#include "adapters/target_policy.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

// A server slower than this for HttpRequest::stall_limit is given up even where the total deadline
// is long.
constexpr long kSlowBytesPerSecond = 16;
constexpr std::size_t kMaxHeaderFields = 200;
constexpr std::size_t kMaxHeaderBytes = 64 << 10;
constexpr long kUploadBuffer = 256 << 10;
constexpr std::chrono::milliseconds kPatienceAtStop{
    5'000};  // as of a mail handed over whole (smtp)

struct Call {
  HttpAnswer answer;
  std::size_t limit = 0;
  bool too_long = false;
  std::size_t header_bytes = 0;
  const HttpUpload* upload = nullptr;
  std::optional<Error> unread;  // why the upload ended
  const TargetPolicy* targets = nullptr;
  bool internal = false;  // an address was refused
};

std::size_t give_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& call = *static_cast<Call*>(user);
  auto read = call.upload->read(std::span(data, size * count));
  if (read) return *read;
  call.unread = std::move(read.error());
  return CURL_READFUNC_ABORT;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& call = *static_cast<Call*>(user);
  const std::size_t bytes = size * count;
  if (call.answer.body.size() + bytes > call.limit) {
    call.too_long = true;
    return 0;  // ends the call with CURLE_WRITE_ERROR
  }
  call.answer.body.append(data, bytes);
  return bytes;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& call = *static_cast<Call*>(user);
  const std::string_view line{data, size * count};
  call.header_bytes += line.size();
  if (call.header_bytes > kMaxHeaderBytes) return 0;  // ends the call with CURLE_WRITE_ERROR
  if (line.starts_with("HTTP/")) call.answer.headers.clear();  // after 100 Continue
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos && call.answer.headers.size() < kMaxHeaderFields)
    call.answer.headers.emplace_back(to_lower(line.substr(0, colon)),
                                     std::string(trimmed(line.substr(colon + 1))));
  return line.size();
}

// After the name was resolved: what is checked is what is connected to.
curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& call = *static_cast<Call*>(user);
  if (!call.targets->allows(address->addr)) {
    call.internal = true;
    return CURL_SOCKET_BAD;  // libcurl goes on to the next address of the name
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Whether to break a call off. What is sent once and is written whole has been done in nearly every
// case: its answer is waited for a little, or nobody would ever know.
struct Ending {
  const std::atomic<bool>& cancelled;
  const HttpRequest& request;
  std::optional<std::chrono::steady_clock::time_point> seen{};

  bool is_over(curl_off_t uploaded) {
    if (!cancelled.load()) return false;
    const bool is_written = request.once && !request.body.empty() &&
                            static_cast<std::uint64_t>(uploaded) >= request.body.size();
    if (!is_written) return true;
    const auto now = std::chrono::steady_clock::now();
    if (!seen) seen = now;
    return now - *seen > kPatienceAtStop;
  }
};

// libcurl asks at least once a second.
int is_cancelled(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t uploaded) {
  return static_cast<Ending*>(user)->is_over(uploaded) ? 1 : 0;
}

bool is_about_tls(CURLcode result) {
  return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
         result == CURLE_SSL_CONNECT_ERROR;
}

// The answer broke off or is no HTTP: half of it is none of it. `asked`: the request was sent.
bool is_about_form(CURLcode result, const Call& call, bool asked) {
  return result == CURLE_PARTIAL_FILE || result == CURLE_WEIRD_SERVER_REPLY ||
         result == CURLE_BAD_CONTENT_ENCODING ||
         (result == CURLE_UNSUPPORTED_PROTOCOL && asked) ||  // what libcurl takes for HTTP/0.9
         (result == CURLE_WRITE_ERROR && !call.too_long);
}

// A query may hold keys (Kontur's does) and is nobody's business in an error.
std::string_view shown(std::string_view url) { return url.substr(0, url.find('?')); }

// A body counts as written when the connection has taken its last byte.
bool is_written(CURL* handle, const HttpRequest& request) {
  long sent = 0;
  curl_off_t uploaded = 0;
  curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent);
  curl_easy_getinfo(handle, CURLINFO_SIZE_UPLOAD_T, &uploaded);
  const std::uint64_t body = request.upload ? request.upload->size : request.body.size();
  return sent > 0 && static_cast<std::uint64_t>(uploaded) >= body;
}

ErrorCode code_of(CURLcode result) {
  if (is_about_tls(result)) return ErrorCode::upstream_rejected;
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::timeout;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return ErrorCode::invalid_request;
    case CURLE_FILESIZE_EXCEEDED:
      return ErrorCode::upstream_rejected;
    default:
      return ErrorCode::unavailable;
  }
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

HeaderList header_list(const HttpRequest& request) {
  HeaderList list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    // The list keeps its first element; only an empty one begins anew.
    if (list == nullptr) list.reset(longer);
  };
  for (const auto& [name, value] : request.headers) add(fmt::format("{}: {}", name, value));
  add("Expect:");  // no pause for 100 Continue
  return list;
}

}  // namespace

std::optional<std::string_view> HttpAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return std::nullopt;
}

struct CurlHttpClient::State {
  CURL* handle = nullptr;
  std::string user_agent;
  bool written = false;
  std::atomic<bool> cancelled = false;
};

CurlHttpClient::CurlHttpClient(std::string user_agent) : state_(std::make_unique<State>()) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  state_->handle = curl_easy_init();
  if (state_->handle == nullptr) throw std::bad_alloc();
  state_->user_agent = std::move(user_agent);
}

CurlHttpClient::~CurlHttpClient() { curl_easy_cleanup(state_->handle); }

void CurlHttpClient::cancel() { state_->cancelled = true; }
bool CurlHttpClient::was_written() const { return state_->written; }

Result<HttpAnswer> CurlHttpClient::send(const HttpRequest& request) {
  CURL* handle = state_->handle;
  curl_easy_reset(handle);  // options go, the connection stays
  Call call;
  call.limit = request.max_answer_bytes;
  Ending ending{.cancelled = state_->cancelled, .request = request};
  std::array<char, CURL_ERROR_SIZE> text{};
  const HeaderList headers = header_list(request);

  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "HEAD") set(CURLOPT_NOBODY, 1L);
  if (request.upload) {
    call.upload = &*request.upload;
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.upload->size));
    set(CURLOPT_READFUNCTION, give_body);
    set(CURLOPT_READDATA, &call);
    set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  } else if (!request.body.empty() || request.method == "POST") {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_USERAGENT, state_->user_agent.c_str());
  set(CURLOPT_ACCEPT_ENCODING, "");
  set(CURLOPT_PROTOCOLS_STR, request.allow_plain_http ? "https,http" : "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  if (request.once) {
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
  }
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, kSlowBytesPerSecond);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_limit.count()));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.max_answer_bytes));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // what a proxy says is no part of the answer
  apply_proxy(handle, request.proxy);
  if (request.targets != nullptr) {
    call.targets = request.targets;
    set(CURLOPT_NOPROXY, "*");  // it would be the proxy's address that is checked
    set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    set(CURLOPT_OPENSOCKETDATA, &call);
  }
  if (!request.ca_file.empty()) set(CURLOPT_CAINFO, request.ca_file.c_str());
  set(CURLOPT_ERRORBUFFER, text.data());
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, &call);
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, &call);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, is_cancelled);
  set(CURLOPT_XFERINFODATA, &ending);

  const CURLcode result = curl_easy_perform(handle);
  state_->written = is_written(handle, request);
  if (call.unread) return std::unexpected(std::move(*call.unread));
  if (result != CURLE_OK) {
    if (call.too_long || result == CURLE_FILESIZE_EXCEEDED)
      return fail(ErrorCode::upstream_rejected,
                  fmt::format("{}: the answer is over {} bytes", shown(request.url), call.limit),
                  "too_large");
    if (call.internal && result == CURLE_COULDNT_CONNECT)
      return fail(ErrorCode::upstream_rejected,
                  fmt::format("{}: its address is an internal one", shown(request.url)),
                  "internal_address");
    const bool cancelled = result == CURLE_ABORTED_BY_CALLBACK;
    long sent = 0;
    curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent);
    const bool formless = is_about_form(result, call, sent > 0);
    return fail(formless ? ErrorCode::unavailable : code_of(result),
                fmt::format("{}{}: {}", shown(request.url), by_the_proxy(request.proxy),
                            text[0] != '\0' ? text.data() : curl_easy_strerror(result)),
                cancelled              ? "interrupted"
                : is_about_tls(result) ? "tls"
                : formless             ? "malformed"
                                       : "");
  }
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  call.answer.status = static_cast<int>(status);
  return std::move(call.answer);
}

}  // namespace c360::adapters

// An outside HTTP service as the program calls it. Every call is bounded as a whole: name lookup,
// connection, TLS, the request and a dripping answer together.
//
// CurlHttpClient implements it. One object per worker: it keeps its connection and is not
// thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/http_proxy.h"
#include "daemon/base/error.h"

namespace c360::adapters {

class TargetPolicy;  // target_policy.h

// A body too long to be held: read as the service takes it.
struct HttpUpload {
  std::uint64_t size = 0;  // all of it; less is an error of the call
  // Fills the buffer with what comes next; 0 at the end. Its errors end the call.
  std::function<Result<std::size_t>(std::span<char> into)> read;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<HttpUpload> upload{};                // instead of `body`
  std::chrono::milliseconds timeout{10'000};         // the whole call; 0: as long as bytes move
  std::chrono::seconds stall_limit{10};              // without bytes for longer it is given up
  std::chrono::milliseconds connect_timeout{3'000};  // part of it
  std::size_t max_answer_bytes = std::size_t{8} << 20U;
  bool allow_plain_http = false;  // otherwise https only
  // Sent at most once: over a connection of its own, because a client repeats by itself what a kept
  // connection brought no answer to (RFC 9110, 9.2.2 forbids that for what is not idempotent).
  bool once = false;
  std::string ca_file;  // PEM, instead of the system's authorities; empty: those
  // Asked for every host; without one what the environment says (https_proxy, no_proxy), if
  // anything.
  HttpProxy proxy{};
  // Asked about each address before a connection is made to it, and no proxy is used; none: any
  // address. Outlives the call.
  const TargetPolicy* targets = nullptr;
};

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  std::optional<std::string_view> header(std::string_view name) const;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Any status is an answer. Redirects are not followed. Errors: unavailable when the service
  // cannot be reached or its answer breaks off or is no HTTP, with header fields over 64 KiB too
  // (reason malformed), timeout past the limit, upstream_rejected for a certificate that does not
  // hold (tls), an answer over max_answer_bytes after decoding (too_large) or a host without an
  // address that `targets` allows (internal_address), invalid_request for a url that cannot be
  // called. Their texts show the url without its query.
  virtual Result<HttpAnswer> send(const HttpRequest& request) = 0;
  // Whether the latest request was written to its last byte. Where send() brought no answer the
  // service may have acted on it then, and cannot have otherwise.
  virtual bool was_written() const = 0;
  // Any thread. Ends the call under way within a second, and every later one at once, with
  // unavailable, reason `interrupted`.
  virtual void cancel() = 0;
};

}  // namespace c360::adapters

// The answer a handler fills in; the server adds Date, Content-Length, X-Request-Id, Connection and
// the security headers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/error.h"

namespace c360::api {

inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kProblemJson = "application/problem+json";

// Where a streamed body goes, piece by piece. An error means that the client is gone: stop.
using BodySink = std::function<Result<void>(std::string_view piece)>;
// Called once after the header is sent. An error breaks the connection, so that the client sees a
// short body and not a wrong one.
using BodyStream = std::function<Result<void>(const BodySink& sink)>;

struct Response {
  int status = 200;
  std::string content_type;  // empty: no Content-Type
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Instead of `body`, with its exact size in bytes.
  BodyStream stream;
  std::uint64_t stream_size = 0;
  // `stream` ends where it ends: chunked, or to HTTP/1.0 until the connection closes. Each piece
  // has the time of a body of its own, so that a stream may last and a client still must read.
  bool chunked = false;
  // Replaces the default Content-Security-Policy (default-src 'none').
  std::string content_security_policy;
  // Replaces the default Cache-Control (no-store).
  std::string cache_control;
  bool close = false;      // close the connection after this answer
  std::string error_code;  // the ErrorCode name of a problem, for the log

  void add_header(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
  }
  void json(std::string_view text, int code = 200) {
    status = code;
    content_type = kJson;
    body.assign(text);
  }
  void text(std::string_view plain, int code = 200) {
    status = code;
    content_type = "text/plain; charset=utf-8";
    body.assign(plain);
  }
  // Ready for the next request, keeping the buffer of a moderate body.
  void clear();
};

std::string_view reason_phrase(int status);

}  // namespace c360::api

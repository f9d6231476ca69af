// One HTTP request as handlers see it (RFC 9110, 9112). Views point into the connection's buffer
// and live until the answer is sent. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/error.h"

namespace c360::api {

class Authenticator;  // auth.h
struct Caller;        // who asks: auth.h
struct Route;         // router.h

enum class Method : std::uint8_t { get, head, post, put, patch, remove, options };
std::string_view to_string(Method method);  // "GET"
std::optional<Method> method_from(std::string_view token);

// The body as it arrives. Reading is bounded by a size, a time to first byte and a rate; a client
// that crosses one gets the answer for the error and loses the connection.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Up to `size` bytes into `buffer`; 0 at the end. payload_too_large past the limit,
  // invalid_request for broken framing, timeout (answered 408) for a body that drips.
  virtual Result<std::size_t> read(char* buffer, std::size_t size) = 0;
  // Bytes allowed from now on in all; the server's default is ServerOptions::max_body_bytes.
  virtual void set_limit(std::uint64_t bytes) = 0;
  virtual std::optional<std::uint64_t> declared_size() const = 0;  // Content-Length
};

// Whoever waits for the answer.
class Peer {
 public:
  virtual ~Peer() = default;
  // Nobody does any more, or the server is stopping: a handler that waits gives up.
  virtual bool gone() const = 0;
};

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

struct QueryParameter {
  std::string name;   // decoded
  std::string value;  // decoded
};

struct Request {
  Method method = Method::get;
  std::string_view target;  // as sent, with the query
  std::string_view path;    // as sent, without the query; never empty
  std::vector<HeaderField> headers;
  std::vector<QueryParameter> query;
  std::string remote_address;  // without the port
  std::string request_id;      // X-Request-Id when it is sane, else a UUID v7
  std::string_view listener;   // ServerOptions::name
  bool secure = false;         // over TLS
  BodyReader* body = nullptr;  // never null inside a handler
  const Peer* peer = nullptr;  // null outside a server

  // Set by the router.
  const Route* route = nullptr;
  std::vector<std::string> path_values;  // decoded, in the order of the template's {names}
  std::shared_ptr<const Caller> caller;  // null where the route is open
  Authenticator* authenticator = nullptr;

  // The value of a field, case-insensitive; nullopt when absent. Repeated fields: the first.
  std::optional<std::string_view> header(std::string_view name) const;
  std::optional<std::string_view> query_value(std::string_view name) const;
  // The value of "{name}" of the route's template.
  const std::string& path_value(std::size_t index) const { return path_values.at(index); }
  // A path value that must be a record id: not_found when it is no positive 64-bit integer.
  Result<std::int64_t> path_id(std::size_t index) const;
  // Asks once more who calls, for what lasts: a token that was revoked is an error, changed groups
  // are in `caller` afterwards.
  Result<void> readmitted();
  // The whole body, at most `limit` bytes.
  Result<std::string> read_body(std::uint64_t limit);
};

// %XX decoding; nullopt for broken escapes, NUL, other control characters or bad UTF-8.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_blank);
std::string percent_encoded(std::string_view text);  // all but RFC 3986 unreserved

}  // namespace c360::api

// An HTTP/1.1 client for tests: plain sockets on loopback, one connection kept while the server
// keeps it, and raw connections for what no polite client sends. Every wait ends after 30 s.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/json.h"

namespace c360::testing {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpAnswer {
  int status = 0;  // 0: the connection ended without an answer
  HttpHeaders headers;
  std::string body;

  // Case-insensitive; empty when absent.
  std::string header(std::string_view name) const;
  bool has_header(std::string_view name) const;
  // The body as JSON; null where it is none (and a test failure is added).
  Json json() const;
  // A string, number or boolean of the JSON body as text: field("detail"), field("items/0/name").
  std::string field(std::string_view path) const;
};

// Bytes on a socket to 127.0.0.1.
class RawConnection {
 public:
  // Not connected when nobody listens: connected() says so.
  explicit RawConnection(std::uint16_t port);
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection& operator=(RawConnection&& other) noexcept;
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool connected() const { return socket_ >= 0; }
  bool send(std::string_view bytes);  // false when the peer is gone
  // One answer with its body (Content-Length); status 0 when the connection ends before.
  HttpAnswer read_answer(bool without_body = false);
  // The next piece of a chunked body, after read_answer(true); empty: the last one; nullopt: the
  // connection ended before.
  std::optional<std::string> read_chunk();
  // Whether the peer ends the connection (waits for it); unread bytes are thrown away.
  bool wait_for_close();
  // Whether bytes or the end are there now.
  bool readable() const;
  void end_sending();
  void close();

 private:
  bool fill();
  int socket_ = -1;
  std::string input_;
};

struct HttpExchange {
  std::string method;
  std::string target;
  HttpHeaders headers;
  std::string body;
  HttpAnswer answer;
};

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port, std::string token = {})
      : port_(port), token_(std::move(token)) {}

  HttpAnswer request(std::string_view method, std::string_view target, HttpHeaders headers = {},
                     std::string_view body = {});
  HttpAnswer get(std::string_view target, HttpHeaders headers = {}) {
    return request("GET", target, std::move(headers));
  }
  HttpAnswer post(std::string_view target, std::string_view json, HttpHeaders headers = {});
  HttpAnswer patch(std::string_view target, std::string_view json, HttpHeaders headers = {});
  HttpAnswer put(std::string_view target, std::string_view json, HttpHeaders headers = {});
  HttpAnswer del(std::string_view target, HttpHeaders headers = {}) {
    return request("DELETE", target, std::move(headers));
  }

  void set_token(std::string token) { token_ = std::move(token); }
  // Sees every exchange, such as the check against the OpenAPI document.
  void on_exchange(std::function<void(const HttpExchange&)> observer) {
    observer_ = std::move(observer);
  }

 private:
  std::uint16_t port_;
  std::string token_;
  std::optional<RawConnection> connection_;
  std::function<void(const HttpExchange&)> observer_;
};

}  // namespace c360::testing

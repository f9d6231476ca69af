// An HTTP/1.1 listener: one thread per connection from a bounded pool, every wait and every input
// bounded, whatever the client does. The API and the admin listener are each one HttpServer with a
// Router of their own. The server knows nothing of routes, tokens or records.
//
// Connections are Poco's (TCPServer, its ThreadPool, sockets, TLS); the message syntax is read by
// http_parser.h, strictly (RFC 9112), because Poco's reader accepts Content-Length beside
// Transfer-Encoding, and answers every crossed limit with a bare 400.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/event.h"

namespace c360::api {

struct Request;
struct Response;

// What answers. Called from many threads at once.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void handle(Request& request, Response& response) = 0;
  // After the last byte of the answer was handed to the kernel.
  virtual void finished(const Request&, const Response&, std::chrono::nanoseconds) {}
};

struct ServerOptions {
  std::string name = "api";  // metric and log label of the listener
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: a free one, see port()
  // Of another HttpServer on the same address: listen() shares its socket instead of binding one,
  // so that no connection waiting in the kernel is lost when that server stops.
  int listening_socket = -1;
  // Both set: TLS 1.2 or newer.
  std::string certificate_file;  // PEM, the chain
  std::string private_key_file;  // PEM

  std::size_t max_threads = 512;
  std::size_t max_queued = 512;  // accepted and waiting for a thread; past it: closed
  int backlog = 1024;
  std::size_t stack_bytes = std::size_t{256} * 1024;
  // One address; loopback is exempt unless cap_loopback, because a reverse proxy lives there.
  std::size_t max_connections_per_address = 128;
  bool cap_loopback = false;

  std::chrono::milliseconds first_byte_timeout{10'000};  // of a new connection
  std::chrono::milliseconds keep_alive_timeout{15'000};  // between two requests
  std::size_t max_keep_alive_requests = 1'000;
  std::chrono::milliseconds header_timeout{5'000};            // first byte to end of header: 408
  std::size_t max_request_line_bytes = 8'192;                 // 414
  std::size_t max_header_bytes = std::size_t{32} * 1024;      // 431
  std::size_t max_header_fields = 100;                        // 431
  std::size_t max_query_parameters = 100;                     // 400
  std::uint64_t max_body_bytes = std::uint64_t{1024} * 1024;  // 413; routes may set their own
  // A body (and an answer) may take body_grace plus its size at this rate: 408.
  std::chrono::milliseconds body_grace{10'000};
  std::uint64_t min_body_bytes_per_second = 1'024;
  // Refused answers: how long and how much is read on, so that the answer is not lost in a reset.
  std::chrono::milliseconds linger_timeout{1'000};
  std::size_t linger_bytes = std::size_t{256} * 1024;
};

class HttpServer {
 public:
  // `handler` and `observer` must outlive the server.
  HttpServer(ServerOptions options, Handler& handler, const Observer& observer);
  ~HttpServer();  // stop() with 10 s
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Everything that can fail: binds, listens, reads the certificate. Who connects waits in the
  // kernel until serve(). unavailable when the address is taken or not ours, invalid_request when
  // host or certificate cannot be used; the detail names them.
  Result<void> listen();
  // Accepts from now on.
  void serve();
  // Accepts no more once this returns, in milliseconds. Where a `successor` shares the listening
  // socket it goes on there; else what the kernel holds is taken in and the address is free again.
  // Nobody who was connected is left without an answer.
  void stop_accepting(bool successor);
  // stop_accepting(), lets requests under way finish until `grace` is over, then breaks them.
  // Connections between two requests may send one more within `idle_grace`; its answer says close.
  // Idempotent. True when nothing had to be broken.
  bool stop(std::chrono::milliseconds grace = std::chrono::milliseconds{10'000},
            std::chrono::milliseconds idle_grace = std::chrono::milliseconds{0});
  // From another thread than the one in stop(): the idle grace is over.
  void end_idle();
  std::uint16_t port() const;    // 0 before listen()
  int listening_socket() const;  // for ServerOptions::listening_socket; -1 before listen()
  bool shares_socket() const;    // made with ServerOptions::listening_socket
  std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::api

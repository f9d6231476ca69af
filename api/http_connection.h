// One connection of the listener from its first byte to its last: reads requests, calls the
// handler, writes answers. Runs on a thread of the server's pool.
#pragma once

#include <Poco/Net/TCPServerConnection.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "api/http_body.h"
#include "api/http_parser.h"
#include "api/request.h"
#include "api/response.h"
#include "api/server.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"

namespace c360::api {

class HttpConnection;

// What the connections of one listener share.
struct ServerContext {
  ServerContext(ServerOptions o, Handler& h, const Observer& obs);

  const ServerOptions options;
  Handler& handler;
  const Observer& observer;
  const Gauge open_connections;
  SystemClock clock;
  std::atomic<bool> stopping{false};   // every answer is the last of its connection
  std::atomic<bool> idle_ends{false};  // nobody is waited for between two requests
  std::atomic<std::size_t> running{0};
  std::atomic<int> capped{0};  // accepted and closed at once

  std::mutex mutex;
  std::set<HttpConnection*> connections;           // guarded by mutex
  std::map<std::string, std::size_t> per_address;  // guarded by mutex

  void count_refusal(std::string_view reason, std::string_view address) const;
  // Whether one more connection of the address stays within the cap.
  bool admits(const std::string& address);
};

class HttpConnection final : public Poco::Net::TCPServerConnection, private Peer {
 public:
  HttpConnection(const Poco::Net::StreamSocket& socket, ServerContext& context);
  ~HttpConnection() override;
  void run() override;

  // From the stopping thread: wakes a wait for the next request once idle connections end; `all`
  // also breaks what runs. A connection that was just made has a moment for its first request.
  void interrupt(bool all);

 private:
  using Deadline = InputBuffer::Deadline;

  // Bounded as a whole, not by the byte: as long as a first byte, then as a header.
  bool shake_hands();
  void serve();
  // One request; false when the connection ends.
  bool serve_one(std::size_t number);
  // Waits for the first byte and reads until the head is whole, into head_bytes_. False at the end
  // of the connection (nothing to answer).
  bool read_head(std::size_t number);
  bool wait_for_request(std::size_t number);
  void answer_refusal(const Refusal& refusal);
  bool answer(Request& request, HttpBody& body, bool keep_alive);
  bool drain(HttpBody& body);

  Result<std::size_t> receive(char* buffer, std::size_t size, Deadline deadline);
  Result<void> send(std::string_view bytes, Deadline deadline);
  Result<void> send_response(const Request& request, bool keep_alive);
  Result<void> send_stream();
  void compose_head(const Request& request, bool keep_alive);
  // Of a stream without a size.
  Result<void> send_chunks(bool framed);
  bool gone() const override;
  void linger();
  bool keeps_alive(const Head& head, std::size_t number) const;

  ServerContext& context_;
  std::string address_;
  InputBuffer input_;
  std::string head_bytes_;
  std::string output_;
  Response response_;
  bool http10_ = false;  // the request under way
  std::atomic<bool> idle_{false};
  std::atomic<bool> fresh_{true};  // no byte of a request yet
  std::atomic<std::chrono::steady_clock::time_point> fresh_since_{std::chrono::steady_clock::now()};
};

}  // namespace c360::api

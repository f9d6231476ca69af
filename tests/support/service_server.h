// An outside service over real TLS that answers as recorded, or as no service should: late, drop by
// drop, half, too much, with another type, another certificate.
//
//   ServiceServer dadata;
//   dadata.on("/suggestions/api/4_1/rs/findById/party", {.body = recorded});
//   dadata.next({.status = 429, .headers = {{"Retry-After", "7"}}});
//   ... options.suggestions_url = dadata.url(), options.ca_file = dadata.ca_file()
//
// Thread-safe; gone with the object, which ends its connections.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace c360::testing {

struct ServiceRequest {
  std::string method;
  std::string path;                            // without the query
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// How the answer reaches the client.
enum class Delivery {
  whole,
  silent,           // nothing at all, until the client goes
  hang_up,          // the connection ends instead
  drip,             // the header, then a byte now and then, until the client goes
  short_of_length,  // half of the body that Content-Length promised
  open_chunk,       // chunked, without its last chunk
  endless,          // chunked, the body again and again until the client goes
  no_http,          // something that is not HTTP
  long_header,      // more header fields than anybody wants
};

struct ServiceReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";  // empty: none is sent
  std::map<std::string, std::string> headers{};
  Delivery delivery = Delivery::whole;
  bool gzip = false;
};

class ServiceServer {
 public:
  explicit ServiceServer(const CertificateRequest& certificate = {});
  ~ServiceServer();
  ServiceServer(const ServiceServer&) = delete;
  ServiceServer& operator=(const ServiceServer&) = delete;

  std::string url() const;  // scheme, host and port
  std::string ca_file() const { return authority_.ca_file().string(); }

  // What requests to the path get from now on; others get 404.
  void on(const std::string& path, ServiceReply reply);
  // The reply depends on the request; called from several threads.
  void answer(const std::string& path, std::function<ServiceReply(const ServiceRequest&)> reply);
  // The next request gets this, wherever it goes; several are used up in order.
  void next(ServiceReply reply);
  // From now on a connection ends when so many bytes of a request have arrived.
  void read_at_most(std::size_t bytes);
  // Runs in the request's thread before it is answered.
  void on_request(std::function<void(const ServiceRequest&)> hook);

  // From now on requests() stays as it is: there will be more than memory is for.
  void keep_no_requests();

  std::vector<ServiceRequest> requests() const;
  int connections() const;

 private:
  class Connection;
  class Factory;
  struct Listener;
  ServiceReply reply_to(const ServiceRequest& request);
  // False when the server ends.
  bool wait_a_little();
  bool ends() const;
  bool has_enough(std::size_t bytes) const;

  TempFolder folder_;
  TestAuthority authority_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::function<ServiceReply(const ServiceRequest&)>> replies_;
  std::deque<ServiceReply> scripted_;
  std::vector<ServiceRequest> requests_;
  std::function<void(const ServiceRequest&)> hook_;
  int connections_ = 0;
  bool keeps_requests_ = true;
  std::size_t most_bytes_ = 0;  // 0: whole requests
  bool ends_ = false;
  std::unique_ptr<Listener> listener_;
};

}  // namespace c360::testing

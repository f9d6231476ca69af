// An HTTP proxy on this machine: takes CONNECT (RFC 9110, 9.3.6) to any host and hands bytes to and
// fro, or refuses it.
//
//   ConnectProxy proxy;
//   ... options.find.proxy.url = proxy.url()
//
// Thread-safe; gone with the object, which ends its connections.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace c360::testing {

class ConnectProxy {
 public:
  // `status` is what it answers; the tunnel is there with 200 alone.
  explicit ConnectProxy(int status = 200);
  ~ConnectProxy();
  ConnectProxy(const ConnectProxy&) = delete;
  ConnectProxy& operator=(const ConnectProxy&) = delete;

  std::string url() const;                    // http://127.0.0.1:PORT
  std::vector<std::string> asked() const;     // HOST:PORT of each CONNECT
  std::vector<std::string> requests() const;  // their heads as they came

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::testing

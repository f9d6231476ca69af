// HttpClient by libcurl: the one library here with a real deadline over a whole call.
#pragma once

#include <memory>
#include <string>

#include "adapters/http_client.h"

namespace c360::adapters {

class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(std::string user_agent);
  ~CurlHttpClient() override;
  CurlHttpClient(const CurlHttpClient&) = delete;
  CurlHttpClient& operator=(const CurlHttpClient&) = delete;

  Result<HttpAnswer> send(const HttpRequest& request) override;
  bool was_written() const override;
  void cancel() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::adapters

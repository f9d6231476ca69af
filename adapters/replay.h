// Recorded answers played again: the same question gets the same answer and nobody is asked. With
// this and the mail the same records come out again.
//
// Secrets are in neither: exchanges are recorded redacted, and a question is redacted before it is
// looked up. One worker's, as every HttpClient.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http_client.h"
#include "adapters/redactor.h"
#include "adapters/service_call.h"

namespace c360::adapters {

// One JSON object; a body that is no UTF-8 stands in it as base64url.
std::string to_json(const RecordedExchange& exchange);
// invalid_request for what to_json() did not write.
Result<RecordedExchange> recorded_exchange(std::string_view json);

class ReplayClient final : public HttpClient {
 public:
  ReplayClient(std::vector<RecordedExchange> exchanges, Redactor redactor);
  // The latest one recorded of that method, url and body; upstream_rejected, reason not_recorded,
  // where there is none.
  Result<HttpAnswer> send(const HttpRequest& request) override;
  bool was_written() const override { return true; }
  void cancel() override { cancelled_ = true; }

 private:
  std::vector<RecordedExchange> exchanges_;
  Redactor redactor_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace c360::adapters

// One call to an outside service, as every adapter makes it: the gate is asked, the request sent,
// the answer judged by the adapter, the gate told, and the whole recorded without a secret.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "adapters/call_outcome.h"
#include "adapters/redactor.h"
#include "adapters/service_gate.h"
#include "daemon/base/clock.h"
#include "daemon/base/json.h"

namespace c360::adapters {

// Question and answer, redacted: what a replay needs and a person may see.
struct RecordedExchange {
  std::string method;
  std::string url;
  std::string request_body;
  int status = 0;
  std::string content_type;
  std::string body;  // as received but for the secrets; may be binary
  bool operator==(const RecordedExchange&) const = default;
};

// adapters.md, 0.5.
struct CallRecord {
  std::string service;
  std::string operation;
  std::string subject;          // whose call: a record id, as the caller named it
  std::string key_fingerprint;  // of the key used
  Instant started_at;
  std::chrono::milliseconds duration{};
  int attempt = 1;  // at the same question
  Outcome outcome = Outcome::found;
  int http_status = 0;  // of mail the server's reply code; 0: no answer arrived
  std::string reason;
  std::string error;  // at most NoAnswer::kMaxDetail bytes, redacted
  std::size_t bytes_in = 0;
  std::string request_id;  // the service's own, where it names one
  std::optional<Instant> retry_at;
  std::optional<RecordedExchange> exchange;  // of an answer that arrived, whatever it says
};

// What an answer says is left of what was paid for or is allowed.
struct QuotaLeft {
  std::string service;
  std::string name;                  // "suggestions", "balance", the methods of a counter
  std::optional<std::string> left;   // a decimal number; nothing: without limit
  std::optional<std::string> limit;  // the same; nothing: not told
  std::optional<Instant> renews_at;  // a new period begins; nothing: not told
  std::optional<Instant> ends_at;    // the contract is over; nothing: not told
};

// Where records go. Called in the thread of the call; a call refused by the gate is recorded too.
class CallJournal {
 public:
  virtual ~CallJournal() = default;
  virtual void record(const CallRecord& record) = 0;
  virtual void quota(const QuotaLeft& left) { (void)left; }
};

struct ServicePorts {
  HttpClient& http;  // of this worker
  GateStates& states;
  const Clock& clock;
  // Waits for the rate; false when interrupted.
  std::function<bool(std::chrono::milliseconds)> pause;
  CallJournal* journal = nullptr;  // none: nothing is recorded
  int attempt = 1;                 // at the question that calls are made for, as it is recorded
};

struct ServiceCall {
  std::string operation;
  std::string subject;
  HttpRequest request;
  // Nobody waits for the answer after it (retryable, timeout), whatever the request allows itself.
  std::optional<std::chrono::steady_clock::time_point> deadline{};
  int attempt = 1;  // as ServicePorts::attempt, where the ports are of many questions
};

// Not thread-safe: one worker's, as its HttpClient is. Ports outlive it.
class ServiceCaller {
 public:
  ServiceCaller(Redactor redactor, std::string key_fingerprint, ServicePorts ports);

  // `read` turns the answer, of any status, into CallResult<T>; it is not called where none
  // arrived. Error texts are redacted here, whatever `read` put into them.
  template <typename Read>
  std::invoke_result_t<Read, const HttpAnswer&> run(const ServiceGate& gate,
                                                    const ServiceCall& call, const Read& read) {
    std::optional<std::invoke_result_t<Read, const HttpAnswer&>> result;
    auto none = exchange(gate, call, [&](const HttpAnswer& answer) -> std::optional<NoAnswer> {
      result.emplace(read(answer));
      if (*result) return std::nullopt;
      return result->error();
    });
    if (none) return std::unexpected(std::move(*none));
    return std::move(*result);
  }

  Instant now() const { return ports_.clock.now(); }
  // Tells the journal; a value that is no decimal number is dropped.
  void told(const QuotaLeft& left) const;

 private:
  using Judge = std::function<std::optional<NoAnswer>(const HttpAnswer&)>;
  std::optional<NoAnswer> exchange(const ServiceGate& gate, const ServiceCall& call,
                                   const Judge& judge);
  std::optional<NoAnswer> wait_turn(const ServiceGate& gate, const ServiceCall& call);
  std::optional<NoAnswer> send(const ServiceCall& call, const Judge& judge, CallRecord& record);
  RecordedExchange recorded(const HttpRequest& request, const HttpAnswer& answer) const;

  Redactor redactor_;
  std::string key_fingerprint_;
  ServicePorts ports_;
};

// What a status means where the service says nothing special: nothing for 200; 3xx permanent
// (redirect: they are never followed), another 2xx malformed, 408 and 5xx retryable, 429 quota with
// its Retry-After, 401 and 403 auth, another 4xx permanent. `said` is the service's text.
std::optional<NoAnswer> refusal_of(const HttpAnswer& answer, const std::string& said, Instant now);

enum class JsonKind : std::uint8_t { object, array };
// The body of a 200. malformed: another media type than JSON's, no JSON, another kind of document.
CallResult<Json> json_answer(const HttpAnswer& answer, JsonKind kind);

}  // namespace c360::adapters

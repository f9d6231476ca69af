// Yandex.Metrika as the job asks it: behind its gate, few calls at a time (adapters.md, 4).
//
// Built anew with other settings by a reload. Thread-safe.
#pragma once

#include <string>
#include <utility>

#include "adapters/call_sessions.h"
#include "adapters/metrika.h"
#include "adapters/service_gate.h"

namespace c360::adapters {

struct TrafficSourcesOptions {
  MetrikaOptions metrika;
  bool enabled = true;
  std::size_t connections = 2;  // calls at the same time of one daemon; the service takes 3

  bool is_on() const { return enabled && !metrika.token.empty(); }
};

struct TrafficSourcesPorts {
  GateStates& states;
  const Clock& clock;
  CallSessions::Connect connect;
  CallJournal* journal = nullptr;  // called from several threads; none: nothing is recorded
};

class TrafficSources {
 public:
  // What the ports name outlives it.
  TrafficSources(TrafficSourcesOptions options, TrafficSourcesPorts ports)
      : options_(std::move(options)),
        ports_(std::move(ports)),
        sessions_(ports_.connect, options_.connections) {}

  // One attempt; as Metrika::first_source. permanent/off when switched off.
  CallResult<TrafficSource> first_source(const std::string& client_id,
                                         std::chrono::year_month_day received,
                                         const std::string& subject, int attempt = 1);
  // Any thread: calls under way end with retryable, reason interrupted.
  void interrupt() { sessions_.interrupt(); }

  const TrafficSourcesOptions& options() const { return options_; }

 private:
  const TrafficSourcesOptions options_;
  const TrafficSourcesPorts ports_;
  CallSessions sessions_;
};

}  // namespace c360::adapters

// The HTTP connection of one way out to people: made when it is first wanted, broken off when the
// stop token of the message says so, and made anew after that. Of one thread at a time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>

#include "adapters/http_client.h"
#include "adapters/service_call.h"

namespace c360::adapters {

// What a channel needs besides its settings. What it names outlives the channel.
struct ChannelPorts {
  std::function<std::unique_ptr<HttpClient>()> connect;
  GateStates& states;
  const Clock& clock;
  CallJournal* journal = nullptr;  // none: nothing is recorded
};

class ChannelHttp final : public HttpClient {
 public:
  explicit ChannelHttp(std::function<std::unique_ptr<HttpClient>()> connect)
      : connect_(std::move(connect)) {}

  // Of the calls that follow.
  void end_with(std::stop_token stop) { stop_ = std::move(stop); }
  Result<HttpAnswer> send(const HttpRequest& request) override;
  bool was_written() const override { return written_; }
  // Nothing to do here: the stop token ends calls.
  void cancel() override {}
  // False when stopped.
  bool pause(std::chrono::milliseconds wait) const;

  // `this` for the ports of calls.
  ServicePorts ports(const ChannelPorts& channel) {
    return {.http = *this,
            .states = channel.states,
            .clock = channel.clock,
            .pause = [this](std::chrono::milliseconds wait) { return pause(wait); },
            .journal = channel.journal};
  }

 private:
  const std::function<std::unique_ptr<HttpClient>()> connect_;
  std::unique_ptr<HttpClient> client_;
  std::stop_token stop_;
  bool written_ = false;
};

}  // namespace c360::adapters

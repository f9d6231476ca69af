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
  // False when stopped; none: really waits.
  std::function<bool(std::chrono::milliseconds, const std::stop_token&)> pause{};
};

class ChannelHttp final : public HttpClient {
 public:
  // `ports` outlives it.
  explicit ChannelHttp(const ChannelPorts& ports) : channel_(ports) {}

  // Of the calls that follow.
  void end_with(std::stop_token stop) { stop_ = std::move(stop); }
  Result<HttpAnswer> send(const HttpRequest& request) override;
  bool was_written() const override { return written_; }
  // Nothing to do here: the stop token ends calls.
  void cancel() override {}
  // False when stopped.
  bool pause(std::chrono::milliseconds wait) const;

  // Of the calls made through this.
  ServicePorts ports() {
    return {.http = *this,
            .states = channel_.states,
            .clock = channel_.clock,
            .pause = [this](std::chrono::milliseconds wait) { return pause(wait); },
            .journal = channel_.journal};
  }

 private:
  const ChannelPorts& channel_;
  std::unique_ptr<HttpClient> client_;
  std::stop_token stop_;
  bool written_ = false;
};

}  // namespace c360::adapters

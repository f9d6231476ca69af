// What the tests of every way out to people need: the server of a service, and the faults after
// which nobody knows whether a message arrived.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "adapters/channel_http.h"
#include "adapters/message_channel.h"
#include "tests/adapters/service_setting.h"

namespace c360::adapters {

class ChannelTest : public ServiceTest {
 protected:
  ChannelPorts channel_ports() { return channel_ports(states); }
  ChannelPorts channel_ports(GateStates& gates) {
    return {.connect = [] { return std::make_unique<CurlHttpClient>("client360/test"); },
            .states = gates,
            .clock = clock,
            .journal = &journal,
            .pause =
                [this](std::chrono::milliseconds wait, const std::stop_token&) {
                  pauses.push_back(wait);
                  clock.advance(std::chrono::ceil<std::chrono::seconds>(wait));
                  return true;
                }};
  }

  struct Fault {
    std::string name;
    ServiceReply reply;
  };
  // The request arrives whole and no complete answer comes back.
  static std::vector<Fault> silent_faults(const std::string& good) {
    return {{"silent", {.delivery = Delivery::silent}},
            {"hangs up", {.delivery = Delivery::hang_up}},
            {"drips", {.delivery = Delivery::drip}},
            {"truncated", {.body = good, .delivery = Delivery::short_of_length}},
            {"without the last chunk", {.body = good, .delivery = Delivery::open_chunk}},
            {"endless", {.body = std::string(1'000, ' '), .delivery = Delivery::endless}},
            {"no HTTP", {.delivery = Delivery::no_http}},
            {"half a document", {.body = good.substr(0, good.size() / 2)}}};
  }

  static ServiceReply json(std::string body, int status = 200) {
    return {.status = status, .body = std::move(body)};
  }
};

// Where nobody listens.
inline const std::string kNobody = "https://127.0.0.1:1";

}  // namespace c360::adapters

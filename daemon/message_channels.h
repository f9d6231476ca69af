// The ways out to people by the configuration in force, each with its rules: the one place where a
// channel is made.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "adapters/message_channel.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/config.h"
#include "store/database.h"

namespace c360::daemon {

struct ChannelSetup {
  std::string name;  // email, telegram, sms
  std::unique_ptr<adapters::MessageChannel> channel;
  ChannelRules rules;
  // How often a message is sent again that may have arrived (adapters.md, 5.0).
  int unclear_retries = 0;
  std::chrono::milliseconds longest_send{60'000};  // of one message
  bool tells_delivery = false;                     // can be asked whether a message arrived
  std::size_t max_attachment_bytes = 0;            // of all of a message; 0: it takes none
  std::string settings;  // fingerprint: with others a pause for a refused sign-in is void
};

struct ChannelPorts {
  store::Database& database;
  const Clock& clock;
  const Observer& observer;
  std::string holder;  // of claims: this process run
};

// Those that are on. What `ports` names outlives them.
std::vector<ChannelSetup> make_message_channels(const Config& config, const ChannelPorts& ports);

}  // namespace c360::daemon

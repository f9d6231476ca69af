// The ways out to people by the configuration in force, each with its rules for the queue.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "adapters/message_channel.h"
#include "daemon/config.h"
#include "daemon/outside_services.h"

namespace c360::daemon {

struct ChannelSetup {
  std::string name;  // email, telegram, sms
  std::unique_ptr<adapters::MessageChannel> channel;
  ChannelRules rules;
  // How often a message is sent again that may have arrived (adapters.md, 5.0).
  int unclear_retries = 0;
  // Of one message; of one step of it, where the channel notes its parts.
  std::chrono::milliseconds longest_send{60'000};
  bool notes_parts = false;     // tells its PartLog of every request, so silence is a certainty
  bool tells_delivery = false;  // can be asked whether a message arrived
  std::size_t max_attachment_bytes = 0;  // of all of a message; 0: it takes none
  std::string settings;  // fingerprint: with others a pause for a refused sign-in is void
  int line = 1;          // of several that carry at the same time, from 1
};

// Those that are on. `services`, of the same configuration, outlives them.
std::vector<ChannelSetup> make_message_channels(const Config& config, OutsideServices& services);

}  // namespace c360::daemon

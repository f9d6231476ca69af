// The way out to people by mail, made of the configuration: a submission server, and mails written
// by GMime.
#pragma once

#include <memory>
#include <string>

#include "adapters/message_channel.h"
#include "adapters/service_call.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/message_config.h"
#include "store/database.h"

namespace c360::daemon {

struct EmailPorts {
  store::Database& database;
  const Clock& clock;
  const Observer& observer;
  std::string holder;                        // of claims: this process run
  adapters::CallJournal* journal = nullptr;  // none: nothing is recorded
};

// Null where it is off. What the ports name outlives the channel.
std::unique_ptr<adapters::MessageChannel> email_channel(const MessageConfig& config,
                                                        const EmailPorts& ports);

// Fingerprint of what a pause for a refused sign-in belongs to.
std::string email_settings(const MessageConfig& config);

}  // namespace c360::daemon

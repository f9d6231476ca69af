// The ways out to people that end on a telephone, made of the configuration: the Telegram bot and
// the SMS gateway.
#pragma once

#include <memory>
#include <string>

#include "adapters/channel_http.h"
#include "adapters/message_channel.h"
#include "daemon/config.h"

namespace c360::daemon {

// Null where it is off. What the ports name outlives the channel.
std::unique_ptr<adapters::MessageChannel> telegram_channel(
    const adapters::TelegramOptions& telegram, const adapters::ChannelPorts& ports);
std::unique_ptr<adapters::MessageChannel> sms_channel(const SmsConfig& sms,
                                                      const adapters::ChannelPorts& ports);

// Fingerprints of what a pause of theirs belongs to.
std::string telegram_settings(const adapters::TelegramOptions& telegram);
std::string sms_settings(const SmsConfig& sms);

}  // namespace c360::daemon

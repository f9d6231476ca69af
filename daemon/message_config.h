// What may be set about messages to people outside: [smtp] and [messages].
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/oauth.h"
#include "adapters/smtp.h"
#include "daemon/base/time_zone.h"

namespace c360::daemon {

// Hours of the day, on the clock of the business, in which nobody is disturbed with what can wait.
// They may go over midnight: "21:00-09:00".
struct QuietHours {
  std::chrono::minutes from{0};
  std::chrono::minutes until{0};

  // Empty: none. nullopt: not understood.
  static std::optional<QuietHours> parse(std::string_view text);
  bool holds_at(LocalSeconds now) const;
};

// Of one channel.
struct ChannelRules {
  std::string quiet_text;  // as written
  QuietHours quiet;        // for advertising and reminders
  int per_minute = 30;     // of all daemons together
};

struct MessageConfig {
  adapters::SmtpOptions smtp;     // an empty host: mail is off
  adapters::OAuthSettings oauth;  // of smtp; an empty token_url: a password
  std::string from_name;
  std::string reply_to;
  ChannelRules email;
  ChannelRules telegram;
  ChannelRules sms;
  std::string public_url;  // where customers reach our API, for the links in mails; empty: nowhere
};

}  // namespace c360::daemon

// The settings table in its parts, one file for each, and what their rows are written with.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

#include "daemon/base/text.h"
#include "daemon/settings.h"

namespace c360::daemon {

std::span<const Setting<Config>> mail_intake_settings();  // how mail comes in, for all mailboxes
std::span<const Setting<Config>> process_settings();      // the process itself, what it keeps
std::span<const Setting<Config>> crm_settings();          // what the CRM does by itself
std::span<const Setting<Config>> register_settings();     // DaData, Metrika, and of all services
std::span<const Setting<Config>> focus_settings();        // Kontur.Focus
std::span<const Setting<Config>> message_settings();      // what goes out: webhooks, mail, when
std::span<const Setting<Config>> phone_settings();        // Telegram and short messages

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Row = Setting<Config>;
using Type = SettingType;

// Of every service that may have a proxy of its own.
inline constexpr std::string_view kProxySentence =
    "http://HOST:PORT or socks5h://HOST:PORT, by which this service alone is reached; empty: what "
    "the environment says.";
inline constexpr std::string_view kProxyCredentialsSentence =
    "File with NAME:PASSWORD for a proxy that asks for them, or credential:NAME. A new file is "
    "taken at once.";

inline std::size_t size_of(const SettingValue& value) {
  return static_cast<std::size_t>(value.integer);
}
inline milliseconds ms_of(const SettingValue& value) { return milliseconds{value.integer}; }
inline seconds seconds_of(const SettingValue& value) { return seconds{value.integer}; }

// Other systems write `disabled` where a key would stand.
inline Secret service_key(Secret&& secret) {
  return to_lower(trimmed(secret.reveal())) == "disabled" ? Secret() : std::move(secret);
}

}  // namespace c360::daemon

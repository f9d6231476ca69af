// THE settings table: one row per setting, in settings/, a file for each part. Loading,
// --check-config, --print=config, the sample file and the documentation all come from these rows;
// nothing about a setting is said anywhere else. Every setting is reloadable.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.h"

namespace c360::daemon {

enum class SettingType : std::uint8_t {
  text,
  integer,
  boolean,
  choice,       // one of `choices`
  address,      // host:port
  file,         // a path, relative to the configuration file; its content is watched
  folder,       // a path, relative to the configuration file
  secret_file,  // a path, or "credential:NAME" of systemd; the value is what the file holds
  date,         // YYYY-MM-DD
  text_list,
  mailbox_uri,  // `disabled` or imap(s)://… (domain.md 17.3); shown without its password
};

// What a row's `store` receives; the member that fits the type is filled.
struct SettingValue {
  std::string text;
  Secret secret;
  std::int64_t integer = 0;
  bool boolean = false;
  ListenAddress address;
  std::vector<std::string> list;
};

// Target is Config for a setting of the file, MailboxTable for one of a [mailbox.NAME] table.
template <typename Target>
struct Setting {
  std::string_view key;            // dotted; the table is what stands before the last dot
  SettingType type;                //
  std::string_view default_value;  // in TOML; empty: there is none
  std::string_view sentence;       // what it does, for a person
  void (*store)(Target&, SettingValue&&);
  std::int64_t min = 0;  // bounds of an integer
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view unit = {};     // of an integer
  std::string_view choices = {};  // separated by '|'
  bool secret = false;            // never printed
  bool environment = false;       // ${NAME} in the value is replaced from the environment
};

// A [mailbox.NAME] table before it is checked as a whole.
struct MailboxTable {
  ingest::MailboxSettings settings;
  bool enabled = true;
  std::string uri;
  std::string tls;  // empty: not said
  std::int64_t port = 0;
  bool allow_plain = false;
  adapters::OAuthSettings oauth;  // of no use without a token_url
};

std::span<const Setting<Config>> settings();
std::span<const Setting<MailboxTable>> mailbox_settings();

// The settings that take one mailbox as a string, and the mailbox each makes.
struct PlainMailboxKey {
  std::string_view key;
  ingest::MailboxKind kind;
};
std::span<const PlainMailboxKey> plain_mailbox_keys();

// What a table of the file is about, for the sample; empty when it needs no word.
std::string_view table_sentence(std::string_view table);

}  // namespace c360::daemon

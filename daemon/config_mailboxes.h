// The mailboxes of a configuration: [mailbox.NAME] tables, and the plain keys that hold one as a
// string.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/config.h"
#include "daemon/config_values.h"
#include "parsers/mailbox_uri.h"

namespace c360::daemon {

// One object per load; used after the settings of the file were taken.
class ConfigMailboxes {
 public:
  ConfigMailboxes(Config& config, ConfigValues& values) : config_(config), values_(values) {}

  // Fills config.mailboxes, sorted by code; notes every mistake.
  void take(const TomlValue& document);

 private:
  void take_plain_key(std::string_view key, ingest::MailboxKind kind, TomlPosition position);
  void take_table(const TomlValue::Entry& entry);
  void check_keys(const TomlValue::Entry& entry, const std::string& prefix);
  void finish(const TomlValue::Entry& entry, const std::string& prefix, MailboxTable table);
  // False when a problem was noted.
  bool finish_string(const TomlValue::Entry& entry, const std::string& prefix, MailboxTable& table);
  void finish_fields(TomlPosition position, const std::string& prefix, MailboxTable& table);
  // A drop folder: no setting of a server goes with it.
  void finish_maildir(const TomlValue::Entry& entry, const std::string& prefix,
                      MailboxTable& table);
  // Moves what oauth_… says into the mailbox; notes what does not go together.
  void finish_oauth(const TomlValue::Entry& entry, const std::string& prefix, MailboxTable& table);
  // Fills `box` from the string. False: disabled. Nothing: problems were noted.
  std::optional<bool> apply_uri(const std::string& key, TomlPosition position,
                                ingest::MailboxSettings& box);
  // False: it asks for what this version does not do, which was noted.
  void add(ingest::MailboxSettings box, TomlPosition position);
  void check_whole();

  Config& config_;
  ConfigValues& values_;
  std::map<std::string, TomlPosition> positions_;  // by code; of the first that has it
};

}  // namespace c360::daemon

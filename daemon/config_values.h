// One setting at a time: from what stands in the file to a checked value, with the secrets, files
// and environment variables it names. Gathers every mistake.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/digest.h"
#include "daemon/config.h"
#include "daemon/settings.h"

namespace c360::daemon {

// Where a setting stands in the file; `value` is null where it does not.
struct Place {
  const TomlValue* value = nullptr;
  TomlPosition position;
};

// What conversion asks of a row, whatever the row fills.
struct ValueRules {
  SettingType type = SettingType::text;
  std::string_view default_value;
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::string_view unit;
  std::string_view choices;
  bool secret = false;
  bool environment = false;
};
template <typename Target>
ValueRules rules_of(const Setting<Target>& row) {
  return {row.type, row.default_value, row.min,    row.max,
          row.unit, row.choices,       row.secret, row.environment};
}

// One object per load.
class ConfigValues {
 public:
  // `config` gets the effective settings, warnings and watched files. Both outlive this object.
  ConfigValues(Config& config, const Surroundings& surroundings);

  // Converts the value and stores it through the row; a mistake is noted and nothing stored.
  template <typename Target>
  void take(const Setting<Target>& row, const std::string& prefix, Target& target, Place place) {
    auto value = convert(rules_of(row), prefix + std::string(row.key), place);
    if (value) row.store(target, std::move(*value));
  }
  // The credential systemd passed for the setting `key`, or nothing.
  Secret default_secret(const std::string& key);

  void problem(TomlPosition position, std::string detail);
  void warning(TomlPosition position, std::string detail);
  Problems& problems() { return problems_; }
  Sha256Stream& digest() { return digest_; }

  // Mailbox strings by the key of their setting: as expanded, and whether a variable stood in it.
  const std::string& uri(const std::string& key) { return uris_[key].text; }
  bool uri_is_literal(const std::string& key) { return uris_[key].literal; }

  // The name under which systemd may pass the secret of a setting: database.password_file is
  // database-password, mailbox.sales.password_file is mailbox-sales-password.
  static std::string credential_name(std::string key);

 private:
  struct Uri {
    std::string text;
    bool literal = false;
  };
  std::optional<SettingValue> convert(const ValueRules& rules, const std::string& key, Place place);
  void convert_value(const ValueRules& rules, const std::string& key, const TomlValue& source,
                     const Place& place, SettingValue& value, EffectiveSetting& effective);
  void convert_list(const std::string& key, const TomlValue& source, const Place& place,
                    SettingValue& value, EffectiveSetting& effective);
  void convert_text(const ValueRules& rules, const std::string& key, const Place& place,
                    SettingValue& value, EffectiveSetting& effective);
  void convert_address(const std::string& key, const Place& place, SettingValue& value);
  void convert_path(SettingType type, const std::string& key, const Place& place,
                    SettingValue& value, EffectiveSetting& effective);
  void check_choice(const std::string& key, std::string_view choices, const Place& place,
                    const std::string& text);
  void check_no_literal_password(const std::string& key, const Place& place,
                                 const std::string& written);
  // ${NAME}; false when a problem was noted.
  bool expand(bool allowed, const std::string& key, const Place& place, std::string& text);
  std::string absolute(const std::string& path) const;

  std::string credential_file(const std::string& name) const;  // empty: there is none
  // Which file holds the secret; nothing where there is none or a problem was noted.
  std::optional<std::string> secret_file(const std::string& key, const Place& place,
                                         const SettingValue& value, EffectiveSetting& effective);
  void read_secret(const std::string& key, const Place& place, SettingValue& value,
                   EffectiveSetting& effective);

  Config& config_;
  const Surroundings& surroundings_;
  const std::string folder_;  // of the configuration file
  Problems problems_;
  Sha256Stream digest_;
  std::map<std::string, Uri> uris_;
};

}  // namespace c360::daemon

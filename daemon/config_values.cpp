#include "daemon/config_values.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "daemon/base/clock.h"
#include "daemon/base/text.h"
#include "daemon/config_text.h"
#include "daemon/regular_file.h"
#include "parsers/mailbox_uri.h"

namespace c360::daemon {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxSecretBytes = 64U << 10U;
constexpr std::size_t kMaxNamedFileBytes = 4U << 20U;  // certificates and the like

TomlValue default_of(std::string_view text) {
  if (text.empty()) return TomlValue{{}, std::string()};
  auto document = parse_toml(fmt::format("x = {}", text), "the settings table");
  if (!document) throw std::logic_error(document.error().to_string());
  return *document->find("x");
}

std::string fingerprint(std::string_view text) { return to_hex(sha256(text)); }

}  // namespace

ConfigValues::ConfigValues(Config& config, const Surroundings& surroundings)
    : config_(config),
      surroundings_(surroundings),
      folder_(fs::path(config.file).parent_path().string()) {}

void ConfigValues::problem(TomlPosition position, std::string detail) {
  problems_.push_back({config_.file, position, std::move(detail)});
}

void ConfigValues::warning(TomlPosition position, std::string detail) {
  config_.warnings.push_back({config_.file, position, std::move(detail)});
}

std::optional<SettingValue> ConfigValues::convert(const ValueRules& rules, const std::string& key,
                                                  Place place) {
  EffectiveSetting effective;
  effective.key = key;
  effective.set = place.value != nullptr;
  TomlValue fallback;
  const TomlValue* source = place.value;
  if (source == nullptr) {
    fallback = default_of(rules.default_value);
    source = &fallback;
  }
  SettingValue value;
  const std::size_t before = problems_.size();
  convert_value(rules, key, *source, place, value, effective);
  if (effective.fingerprint.empty()) effective.fingerprint = effective.value;
  config_.effective.push_back(std::move(effective));
  if (problems_.size() > before) return std::nullopt;
  return value;
}

void ConfigValues::convert_value(const ValueRules& rules, const std::string& key,
                                 const TomlValue& source, const Place& place, SettingValue& value,
                                 EffectiveSetting& effective) {
  const auto wrong_type = [&](std::string_view wanted) {
    problem(place.position, fmt::format("{}: {} is wanted, this is {} {}", key, wanted,
                                        article(source.type_name()), source.type_name()));
  };
  switch (rules.type) {
    case SettingType::integer:
      if (!source.is_integer()) return wrong_type("an integer");
      value.integer = source.as_integer();
      if (value.integer < rules.min || value.integer > rules.max)
        problem(place.position,
                fmt::format("{}: {} is out of range, {} to {}{}{} are allowed", key, value.integer,
                            rules.min, rules.max, rules.unit.empty() ? "" : " ", rules.unit));
      effective.value = std::to_string(value.integer);
      break;
    case SettingType::boolean:
      if (!source.is_bool()) return wrong_type("true or false");
      value.boolean = source.as_bool();
      effective.value = value.boolean ? "true" : "false";
      break;
    case SettingType::text_list:
      convert_list(key, source, place, value, effective);
      break;
    default:
      if (!source.is_string()) return wrong_type("a string");
      value.text = source.as_string();
      convert_text(rules, key, place, value, effective);
  }
}

void ConfigValues::convert_list(const std::string& key, const TomlValue& source, const Place& place,
                                SettingValue& value, EffectiveSetting& effective) {
  const auto good = [](const TomlValue& item) {
    return item.is_string() && !item.as_string().empty();
  };
  if (!source.is_array() || !std::ranges::all_of(source.as_array(), good)) {
    problem(place.position,
            fmt::format("{}: a list of strings is wanted, such as ['a', 'b']", key));
    return;
  }
  std::vector<std::string> shown;
  for (const TomlValue& item : source.as_array()) {
    value.list.push_back(item.as_string());
    shown.push_back(toml_string(item.as_string()));
  }
  effective.value = "[" + join(shown, ", ") + "]";
}

void ConfigValues::convert_text(const ValueRules& rules, const std::string& key, const Place& place,
                                SettingValue& value, EffectiveSetting& effective) {
  const std::string written = value.text;
  if (!expand(rules.environment, key, place, value.text)) return;
  effective.value = toml_string(value.text);
  switch (rules.type) {
    case SettingType::choice:
      check_choice(key, rules.choices, place, value.text);
      break;
    case SettingType::address:
      convert_address(key, place, value);
      break;
    case SettingType::file:
    case SettingType::folder:
      convert_path(rules.type, key, place, value, effective);
      break;
    case SettingType::secret_file:
      read_secret(key, place, value, effective);
      break;
    case SettingType::date:
      if (!value.text.empty() && !from_rfc3339(value.text + "T00:00:00Z"))
        problem(place.position,
                fmt::format("{}: '{}' is no date; wanted is YYYY-MM-DD", key, value.text));
      break;
    case SettingType::mailbox_uri:
      uris_[key] = {value.text, value.text == written};
      effective.value = toml_string(parsers::masked_mailbox_uri(value.text));
      effective.fingerprint = fingerprint(value.text);
      break;
    default:
      if (!rules.secret) break;
      check_no_literal_password(key, place, written);
      effective.value = toml_string(masked_database_url(value.text));
      effective.fingerprint = fingerprint(value.text);
  }
}

void ConfigValues::convert_address(const std::string& key, const Place& place,
                                   SettingValue& value) {
  auto address = parse_listen_address(value.text);
  if (address) {
    value.address = std::move(*address);
    return;
  }
  problem(place.position,
          fmt::format("{}: '{}' is no address; wanted is HOST:PORT or [IPv6]:PORT, such as "
                      "127.0.0.1:8360",
                      key, value.text));
}

void ConfigValues::convert_path(SettingType type, const std::string& key, const Place& place,
                                SettingValue& value, EffectiveSetting& effective) {
  if (value.text.empty()) return;
  value.text = absolute(value.text);
  effective.value = toml_string(value.text);
  std::error_code error;
  if (type == SettingType::folder) {
    if (!fs::is_directory(value.text, error))
      problem(place.position, fmt::format("{}: there is no folder {}", key, value.text));
    return;
  }
  config_.watched.push_back(value.text);
  const auto content = read_regular_file(value.text, kMaxNamedFileBytes);
  if (!content) {
    problem(place.position, fmt::format("{}: the file {} cannot be read", key, value.text));
    return;
  }
  digest_.update(*content);
  effective.fingerprint = value.text + " " + fingerprint(*content);
}

void ConfigValues::check_choice(const std::string& key, std::string_view choices,
                                const Place& place, const std::string& text) {
  const auto known = split(choices, '|');
  if (std::ranges::find(known, text) != known.end()) return;
  std::vector<std::string> names;
  for (const std::string_view name : known) names.emplace_back(name);
  problem(place.position,
          fmt::format("{}: '{}' is not known; choose one of {}", key, text, join(names, ", ")));
}

void ConfigValues::check_no_literal_password(const std::string& key, const Place& place,
                                             const std::string& written) {
  if (!has_literal_password(written)) return;
  problem(place.position,
          fmt::format("{}: a password does not belong into this file; put it into a file named by "
                      "{}password_file, or write ${{NAME}}",
                      key, key.substr(0, key.find('.') + 1)));
}

bool ConfigValues::expand(bool allowed, const std::string& key, const Place& place,
                          std::string& text) {
  std::string result;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text.find("${", at);
    const std::size_t close = open == std::string::npos ? open : text.find('}', open);
    if (close == std::string::npos) break;
    const std::string name = text.substr(open + 2, close - open - 2);
    if (!allowed) {
      problem(place.position,
              fmt::format("{}: ${{{}}} is not replaced in this setting; write the value itself",
                          key, name));
      return false;
    }
    const auto value = surroundings_.environment(name);
    if (!value) {
      problem(place.position, fmt::format("{}: the environment has no variable {}", key, name));
      return false;
    }
    result.append(text, at, open - at).append(*value);
    at = close + 1;
  }
  text = result + text.substr(at);
  return true;
}

std::string ConfigValues::absolute(const std::string& path) const {
  if (path.empty() || fs::path(path).is_absolute() || folder_.empty()) return path;
  return (fs::path(folder_) / path).lexically_normal().string();
}

std::string ConfigValues::credential_name(std::string key) {
  constexpr std::string_view kEnd = "_file";
  if (key.ends_with(kEnd)) key.resize(key.size() - kEnd.size());
  std::ranges::replace(key, '.', '-');
  std::ranges::replace(key, '_', '-');
  return key;
}

// systemd.exec(5), LoadCredential=. One of a single byte is the unit's SetCredential= fallback, a
// line break (it cannot be empty): nobody gave us a secret.
std::string ConfigValues::credential_file(const std::string& name) const {
  if (surroundings_.credentials_directory.empty() || name.contains('/')) return {};
  const fs::path file = fs::path(surroundings_.credentials_directory) / name;
  std::error_code error;
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) <= 1) return {};
  return file.string();
}

std::optional<std::string> ConfigValues::secret_file(const std::string& key, const Place& place,
                                                     const SettingValue& value,
                                                     EffectiveSetting& effective) {
  constexpr std::string_view kCredential = "credential:";
  if (place.value == nullptr) {
    std::string file = credential_file(credential_name(key));
    effective.value = file.empty() ? "''" : toml_string("credential:" + credential_name(key));
    if (file.empty()) return std::nullopt;
    return file;
  }
  if (value.text.starts_with(kCredential)) {
    const std::string name = value.text.substr(kCredential.size());
    std::string file = credential_file(name);
    if (!file.empty()) return file;
    problem(place.position,
            fmt::format("{}: systemd passed no credential '{}'; add LoadCredential={}:FILE to the "
                        "service",
                        key, name, name));
    return std::nullopt;
  }
  if (value.text.empty()) return std::nullopt;  // as --print=config writes a secret nobody gave
  std::string file = absolute(value.text);
  effective.value = toml_string(file);
  config_.watched.push_back(file);
  return file;
}

void ConfigValues::read_secret(const std::string& key, const Place& place, SettingValue& value,
                               EffectiveSetting& effective) {
  const auto file = secret_file(key, place, value, effective);
  if (!file) return;
  auto content = read_regular_file(*file, kMaxSecretBytes);
  if (!content) {
    problem(place.position, fmt::format("{}: the file {} cannot be read or is over {} bytes", key,
                                        *file, kMaxSecretBytes));
    return;
  }
  while (!content->empty() && (content->back() == '\n' || content->back() == '\r'))
    content->pop_back();
  if (content->empty()) {
    problem(place.position, fmt::format("{}: the file {} is empty", key, *file));
    return;
  }
  if (content->contains('\0')) {
    problem(place.position,
            fmt::format("{}: the file {} holds a NUL, which no secret may", key, *file));
    return;
  }
  digest_.update(*content);
  effective.fingerprint = *file + " " + fingerprint(*content);
  value.secret = Secret(std::move(*content));
}

Secret ConfigValues::default_secret(const std::string& key) {
  SettingValue value;
  EffectiveSetting unused;
  read_secret(key, {}, value, unused);
  return std::move(value.secret);
}

}  // namespace c360::daemon

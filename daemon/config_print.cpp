// The ways a configuration and its table are shown.
#include <spdlog/fmt/fmt.h>

#include <limits>
#include <map>
#include <set>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "daemon/config.h"
#include "daemon/settings.h"

namespace c360::daemon {

namespace {

std::string_view table_of(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
}

std::string_view name_of(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

// The text in lines of at most `width` characters, each after `prefix`.
std::string wrapped(std::string_view text, std::string_view prefix, std::size_t width) {
  std::string result;
  std::string line{prefix};
  for (const std::string_view word : split(text, ' ')) {
    if (line.size() > prefix.size() && line.size() + 1 + word.size() > width) {
      result += line + '\n';
      line = prefix;
    }
    if (line.size() > prefix.size()) line += ' ';
    line += word;
  }
  return result + line + '\n';
}

template <typename Target>
std::string bounds_of(const Setting<Target>& row) {
  if (!row.choices.empty()) {
    std::vector<std::string> names;
    for (const std::string_view name : split(row.choices, '|')) names.emplace_back(name);
    return "one of " + join(names, ", ");
  }
  if (row.type != SettingType::integer) return {};
  std::string text = fmt::format("{} to {}", row.min, row.max);
  if (!row.unit.empty()) text += fmt::format(" {}", row.unit);
  return text;
}

std::string_view type_name(SettingType type) {
  switch (type) {
    case SettingType::integer:
      return "integer";
    case SettingType::boolean:
      return "true or false";
    case SettingType::choice:
      return "word";
    case SettingType::address:
      return "host:port";
    case SettingType::file:
      return "file";
    case SettingType::folder:
      return "folder";
    case SettingType::secret_file:
      return "file with a secret";
    case SettingType::date:
      return "date";
    case SettingType::text_list:
      return "list of strings";
    case SettingType::mailbox_uri:
      return "mailbox string";
    case SettingType::text:
      break;
  }
  return "string";
}

template <typename Target>
std::string sample_setting(const Setting<Target>& row) {
  constexpr std::size_t kWidth = 96;
  std::string sentence{row.sentence};
  if (const std::string bounds = bounds_of(row); !bounds.empty())
    sentence += fmt::format(" ({})", bounds);
  if (row.environment) sentence += " ${NAME} is replaced from the environment.";
  const std::string_view value =
      row.type == SettingType::secret_file ? "'FILE'" : row.default_value;
  return wrapped(sentence, "# ", kWidth) + fmt::format("#{} = {}\n", name_of(row.key), value);
}

template <typename Target>
std::string table_row(const Setting<Target>& row, std::string_view prefix) {
  const auto cell = [](std::string_view text) {
    std::string safe;
    for (const char c : text) {
      if (c == '|') safe += '\\';
      safe += c;
    }
    return safe;
  };
  std::string type{type_name(row.type)};
  if (const std::string bounds = bounds_of(row); !bounds.empty()) type += ", " + bounds;
  return fmt::format("| `{}{}` | {} | {} | {} |\n", prefix, row.key, cell(type),
                     row.default_value.empty() ? "" : fmt::format("`{}`", cell(row.default_value)),
                     cell(row.sentence));
}

}  // namespace

std::string print_config(const Config& config) {
  std::string text = fmt::format("# {} as in force; secrets are masked\n", config.file);
  std::string_view table;
  for (const EffectiveSetting& setting : config.effective) {
    if (table_of(setting.key) != table) {
      table = table_of(setting.key);
      text += fmt::format("\n[{}]\n", table);
    }
    const std::string_view value = setting.value.empty() ? "''" : std::string_view(setting.value);
    text +=
        fmt::format("{} = {}{}\n", name_of(setting.key), value, setting.set ? "" : "  # default");
  }
  return text;
}

std::string config_json(const Config& config) {
  JsonWriter writer;
  writer.begin_object().member("file", config.file).member("hash", config.hash);
  writer.key("settings").begin_array();
  for (const EffectiveSetting& setting : config.effective)
    writer.begin_object()
        .member("key", setting.key)
        .member("value", setting.value)
        .member("set", setting.set)
        .end_object();
  writer.end_array().key("mailboxes").begin_array();
  for (const ingest::MailboxSettings& box : config.mailboxes)
    writer.begin_object()
        .member("mailbox", box.code)
        .member("kind", to_string(box.kind))
        .member("rules", box.rules_name())
        .member("responsible", box.responsible)
        .member("uri", box.uri_masked)
        .end_object();
  writer.end_array().key("warnings").begin_array();
  for (const FileProblem& warning : config.warnings) writer.string(warning.to_string());
  writer.end_array().end_object();
  return writer.take();
}

std::string sample_config() {
  std::string text =
      "# client360d: the configuration. Written by `client360d --print=sample-config`.\n"
      "#\n"
      "# Every setting stands here with its default, switched off by the leading '#'. All of them\n"
      "# are taken while the service runs: save the file, or `systemctl reload client360d`. A "
      "file\n"
      "# with a mistake is refused as a whole and the former one stays in force;\n"
      "# `client360d --check-config` says what is wrong, with line and column.\n"
      "#\n"
      "# Secrets stand in files of their own. A file named here is watched and taken when it\n"
      "# changes; a credential of systemd (LoadCredential=) is read again only at a restart.\n"
      "# Paths are relative to the folder of this file.\n\n";
  std::string_view table;
  for (const auto& row : settings()) {
    if (table_of(row.key) != table) {
      table = table_of(row.key);
      text += '\n';
      if (const auto sentence = table_sentence(table); !sentence.empty())
        text += fmt::format("# {}\n", sentence);
      text += fmt::format("[{}]\n", table);
    }
    text += sample_setting(row);
  }
  text +=
      "\n# A mailbox; as many as there are. The name is in logs and metrics and in the ledger of\n"
      "# mail: renaming a mailbox makes it a new one.\n"
      "#[mailbox.sales]\n";
  for (const auto& row : mailbox_settings()) text += sample_setting(row);
  return text;
}

std::string settings_table() {
  std::string text = "| Setting | Type | Default | Meaning |\n| --- | --- | --- | --- |\n";
  for (const auto& row : settings()) text += table_row(row, "");
  for (const auto& row : mailbox_settings()) text += table_row(row, "mailbox.NAME.");
  return text;
}

}  // namespace c360::daemon

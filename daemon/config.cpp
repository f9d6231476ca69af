#include "daemon/config.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "daemon/config_text.h"
#include "daemon/settings.h"
#include "parsers/mailbox_uri.h"

namespace c360::daemon {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxSecretBytes = 64U << 10U;
constexpr std::size_t kMaxNamedFileBytes = 4U << 20U;  // certificates and the like
constexpr std::size_t kMaxMailboxes = 2'000;

std::optional<std::string> read_small_file(const std::string& path, std::size_t limit) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string content(limit + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(in.gcount()));
  if (content.size() > limit || in.bad()) return std::nullopt;
  return content;
}

// Everything one load gathers. One object per load.
class Loader {
 public:
  Loader(std::string file, const Surroundings& surroundings)
      : file_(std::move(file)),
        folder_(fs::path(file_).parent_path().string()),
        surroundings_(surroundings) {
    config_.file = file_;
    config_.watched.push_back(file_);
  }

  std::expected<Config, Problems> load(std::string_view text) {
    digest_.update(text);
    auto document = parse_toml(text, file_);
    if (!document) return std::unexpected(Problems{document.error()});
    walk(*document);
    for (const auto& row : settings()) take(row, "", config_, find(*document, row.key));
    take_mailboxes(*document);
    check_whole();
    if (!problems_.empty()) {
      std::ranges::stable_sort(problems_, {}, [](const FileProblem& problem) {
        return std::pair(problem.position.line, problem.position.column);
      });
      return std::unexpected(std::move(problems_));
    }
    config_.hash = to_hex(digest_.finish());
    return std::move(config_);
  }

 private:
  struct Place {
    const TomlValue* value = nullptr;
    TomlPosition position;
  };

  void problem(TomlPosition position, std::string detail) {
    problems_.push_back({file_, position, std::move(detail)});
  }
  void warning(TomlPosition position, std::string detail) {
    config_.warnings.push_back({file_, position, std::move(detail)});
  }

  static Place find(const TomlValue& document, std::string_view key) {
    const TomlValue* at = &document;
    for (const std::string_view step : split(key, '.')) {
      at = at->find(step);
      if (at == nullptr) return {};
    }
    return {at, at->position};
  }

  TomlPosition position_of(std::string_view key) const {
    const auto found = positions_.find(key);
    return found == positions_.end() ? TomlPosition{} : found->second;
  }

  // --- unknown keys -----------------------------------------------------------------------------

  void walk(const TomlValue& document) { walk_table(document, ""); }

  void walk_table(const TomlValue& table, const std::string& prefix) {
    for (const auto& entry : table.as_table()) {
      const std::string key = prefix + entry.key;
      if (prefix.empty() && entry.key == "mailbox" && entry.value.is_table()) continue;
      const bool known =
          std::ranges::any_of(settings(), [&](const auto& r) { return r.key == key; });
      const bool inner = std::ranges::any_of(
          settings(), [&](const auto& r) { return r.key.starts_with(key + "."); });
      if (known) {
        positions_[key] = entry.value.position;
      } else if (inner && entry.value.is_table()) {
        walk_table(entry.value, key + ".");
      } else if (inner) {
        problem(entry.value.position,
                fmt::format("{}: a table is wanted, this is {} {}", key,
                            article(entry.value.type_name()), entry.value.type_name()));
      } else {
        unknown(entry, key);
      }
    }
  }

  void unknown(const TomlValue::Entry& entry, const std::string& key) {
    std::vector<std::string_view> names;
    for (const auto& row : settings()) {
      names.push_back(row.key);
      for (std::size_t dot = row.key.find('.'); dot != std::string_view::npos;
           dot = row.key.find('.', dot + 1))
        names.push_back(row.key.substr(0, dot));
    }
    names.emplace_back("mailbox");
    problem(entry.key_position, fmt::format("unknown setting '{}'{}", key, suggestion(key, names)));
  }

  // --- one setting ------------------------------------------------------------------------------

  template <typename Target>
  void take(const Setting<Target>& row, const std::string& prefix, Target& target, Place place) {
    const std::string key = prefix + std::string(row.key);
    EffectiveSetting& effective = config_.effective.emplace_back();
    effective.key = key;
    effective.set = place.value != nullptr;

    TomlValue fallback;
    const TomlValue* source = place.value;
    if (source == nullptr) {
      if (row.default_value.empty() && row.type != SettingType::secret_file) return;
      fallback = default_of(row.default_value);
      source = &fallback;
    }
    SettingValue value;
    const std::size_t before = problems_.size();
    convert(row, key, *source, place, value, effective);
    if (problems_.size() > before) return;
    row.store(target, std::move(value));
  }

  static TomlValue default_of(std::string_view text) {
    if (text.empty()) return TomlValue{{}, std::string()};
    auto document = parse_toml(fmt::format("x = {}", text), "the settings table");
    if (!document) throw std::logic_error(document.error().to_string());
    return *document->find("x");
  }

  template <typename Target>
  void convert(const Setting<Target>& row, const std::string& key, const TomlValue& source,
               const Place& place, SettingValue& value, EffectiveSetting& effective) {
    const auto wrong_type = [&](std::string_view wanted) {
      problem(place.position, fmt::format("{}: {} is wanted, this is {} {}", key, wanted,
                                          article(source.type_name()), source.type_name()));
    };
    switch (row.type) {
      case SettingType::integer:
        if (!source.is_integer()) return wrong_type("an integer");
        value.integer = source.as_integer();
        if (value.integer < row.min || value.integer > row.max)
          problem(place.position, fmt::format("{}: {} is out of range, {} to {}{}{} are allowed",
                                              key, value.integer, row.min, row.max,
                                              row.unit.empty() ? "" : " ", row.unit));
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
        convert_text(row, key, place, value, effective);
    }
    if (effective.fingerprint.empty()) effective.fingerprint = effective.value;
  }

  void convert_list(const std::string& key, const TomlValue& source, const Place& place,
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

  template <typename Target>
  void convert_text(const Setting<Target>& row, const std::string& key, const Place& place,
                    SettingValue& value, EffectiveSetting& effective) {
    const std::string written = value.text;
    if (!expand(row.environment, key, place, value.text)) return;
    effective.value = toml_string(value.text);
    switch (row.type) {
      case SettingType::choice:
        check_choice(key, row.choices, place, value.text);
        break;
      case SettingType::address:
        if (auto address = parse_listen_address(value.text)) {
          value.address = std::move(*address);
        } else {
          problem(place.position,
                  fmt::format("{}: '{}' is no address; wanted is HOST:PORT or [IPv6]:PORT, such as "
                              "127.0.0.1:8360",
                              key, value.text));
        }
        break;
      case SettingType::file:
      case SettingType::folder:
        convert_path(row.type, key, place, value, effective);
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
        uris_[key] = value.text;
        literal_uris_[key] = written;
        effective.value = toml_string(parsers::masked_mailbox_uri(value.text));
        effective.fingerprint = fingerprint(value.text);
        break;
      default:
        if (row.secret) {
          check_no_literal_password(key, place, written);
          effective.value = toml_string(masked_database_url(value.text));
          effective.fingerprint = fingerprint(value.text);
        }
    }
  }

  static std::string fingerprint(std::string_view text) { return to_hex(sha256(text)); }

  // ${NAME}; false when a problem was reported.
  bool expand(bool allowed, const std::string& key, const Place& place, std::string& text) {
    std::string result;
    std::size_t at = 0;
    while (true) {
      const std::size_t open = text.find("${", at);
      if (open == std::string::npos) break;
      const std::size_t close = text.find('}', open);
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

  void check_choice(const std::string& key, std::string_view choices, const Place& place,
                    const std::string& text) {
    const auto known = split(choices, '|');
    if (std::ranges::find(known, text) != known.end()) return;
    std::vector<std::string> names;
    for (const std::string_view name : known) names.emplace_back(name);
    problem(place.position,
            fmt::format("{}: '{}' is not known; choose one of {}", key, text, join(names, ", ")));
  }

  std::string absolute(const std::string& path) const {
    if (path.empty() || fs::path(path).is_absolute() || folder_.empty()) return path;
    return (fs::path(folder_) / path).lexically_normal().string();
  }

  void convert_path(SettingType type, const std::string& key, const Place& place,
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
    const auto content = read_small_file(value.text, kMaxNamedFileBytes);
    if (!content) {
      problem(place.position, fmt::format("{}: the file {} cannot be read", key, value.text));
      return;
    }
    digest_.update(*content);
    effective.fingerprint = value.text + " " + fingerprint(*content);
  }

  // The name under which systemd may pass the secret of a setting: database.password_file is
  // database-password, mailbox.sales.password_file is mailbox-sales-password.
  static std::string credential_name(std::string key) {
    std::ranges::replace(key, '.', '-');
    constexpr std::string_view kEnd = "_file";
    if (key.ends_with(kEnd)) key.resize(key.size() - kEnd.size());
    std::ranges::replace(key, '_', '-');
    return key;
  }

  // systemd.exec(5), LoadCredential=; empty when there is no such file.
  std::string credential_file(const std::string& name) const {
    if (surroundings_.credentials_directory.empty() || name.contains('/')) return {};
    const fs::path file = fs::path(surroundings_.credentials_directory) / name;
    std::error_code error;
    // An empty one is the unit's SetCredential= fallback: nobody gave us a secret.
    if (!fs::is_regular_file(file, error) || fs::file_size(file, error) == 0) return {};
    return file.string();
  }

  void read_secret(const std::string& key, const Place& place, SettingValue& value,
                   EffectiveSetting& effective) {
    constexpr std::string_view kCredential = "credential:";
    std::string file;
    if (place.value == nullptr) {
      file = credential_file(credential_name(key));
      effective.value = file.empty() ? "''" : toml_string("credential:" + credential_name(key));
      if (file.empty()) return;
    } else if (value.text.starts_with(kCredential)) {
      const std::string name = value.text.substr(kCredential.size());
      file = credential_file(name);
      if (file.empty()) {
        problem(place.position,
                fmt::format("{}: systemd passed no credential '{}'; add LoadCredential={}:FILE to "
                            "the service",
                            key, name, name));
        return;
      }
    } else if (value.text.empty()) {
      problem(place.position, fmt::format("{}: the name of a file is wanted", key));
      return;
    } else {
      file = absolute(value.text);
      effective.value = toml_string(file);
      config_.watched.push_back(file);
    }
    auto content = read_small_file(file, kMaxSecretBytes);
    if (!content) {
      problem(place.position, fmt::format("{}: the file {} cannot be read or is over {} bytes", key,
                                          file, kMaxSecretBytes));
      return;
    }
    while (!content->empty() && (content->back() == '\n' || content->back() == '\r'))
      content->pop_back();
    if (content->empty()) {
      problem(place.position, fmt::format("{}: the file {} is empty", key, file));
      return;
    }
    digest_.update(*content);
    effective.fingerprint = file + " " + fingerprint(*content);
    value.secret = Secret(std::move(*content));
  }

  void check_no_literal_password(const std::string& key, const Place& place,
                                 const std::string& written) {
    if (!has_literal_password(written)) return;
    problem(place.position,
            fmt::format("{}: a password does not belong into this file; put it into a file named "
                        "by {}password_file, or write ${{NAME}}",
                        key, key.substr(0, key.find('.') + 1)));
  }

  // --- mailboxes --------------------------------------------------------------------------------

  void take_mailboxes(const TomlValue& document) {
    for (const auto& [key, kind] : plain_mailbox_keys()) take_plain_key(key, kind);
    const TomlValue* tables = document.find("mailbox");
    if (tables == nullptr || !tables->is_table()) {
      if (tables != nullptr) problem(tables->position, "mailbox: tables [mailbox.NAME] are wanted");
      return;
    }
    if (tables->as_table().size() > kMaxMailboxes)
      problem(tables->position, fmt::format("mailbox: more than {} mailboxes", kMaxMailboxes));
    for (const auto& entry : tables->as_table()) take_mailbox_table(entry);
  }

  void take_plain_key(std::string_view key, ingest::MailboxKind kind) {
    const std::string& text = uris_[std::string(key)];
    const std::string name{to_string(kind)};
    SettingValue secret;
    EffectiveSetting unused;
    read_secret(fmt::format("mailbox.{}.password_file", name), {}, secret, unused);
    ingest::MailboxSettings box = config_.mailbox_defaults;
    box.code = name;
    box.kind = kind;
    box.imap.password = std::move(secret.secret);
    const auto enabled = apply_uri(std::string(key), position_of(key), text, box);
    if (!enabled.value_or(false)) return;
    if (kind == ingest::MailboxKind::support) {
      warning(
          position_of(key),
          fmt::format("{}: support mail comes with a later version; the mailbox stays off", key));
      return;
    }
    add_mailbox(std::move(box), position_of(key));
  }

  // Fills `box` from the string. False: disabled. Nothing: problems were reported.
  std::optional<bool> apply_uri(const std::string& key, TomlPosition position,
                                const std::string& text, ingest::MailboxSettings& box) {
    const auto setting = parsers::read_mailbox_uri(text, !box.imap.password.empty());
    // "disabled" and nothing at all are no reason to speak.
    if (setting.disabled()) return false;
    for (const auto& remark : setting.errors)
      problem(position, fmt::format("{}: {}", key, remark.text));
    if (!setting.ok()) return std::nullopt;
    for (const auto& remark : setting.warnings)
      warning(position, fmt::format("{}: {}", key, remark.text));

    const parsers::MailboxUri& uri = *setting.mailbox;
    if (!uri.password.empty() && text == literal_uris_[key])
      warning(position,
              fmt::format("{}: the password stands in this file; better is a password_file or "
                          "${{NAME}}",
                          key));
    if (!uri.search.empty() || !uri.copy_to.empty())
      warning(position,
              fmt::format("{}: searchTerm.* and copyTo are not used by this version", key));
    box.imap.host = uri.host;
    box.imap.port = uri.port;
    box.imap.tls = uri.tls == parsers::MailboxTls::implicit ? ingest::imap::TlsMode::imaps
                                                            : ingest::imap::TlsMode::starttls;
    box.imap.username = uri.username;
    if (!uri.password.empty()) box.imap.password = uri.password;
    box.imap.connect_timeout = uri.connect_timeout;
    if (uri.auth_mechanisms.size() == 1)
      box.imap.auth = equal_ignoring_case(uri.auth_mechanisms.front(), "login")
                          ? ingest::imap::AuthMechanism::login
                          : ingest::imap::AuthMechanism::plain;
    box.folders = {uri.folder};
    box.unseen_only = uri.unseen_only;
    box.delete_after = uri.delete_after;
    box.move_to = uri.move_to;
    box.delay = uri.delay;
    box.initial_delay = uri.initial_delay;
    if (uri.batch) box.batch_messages = *uri.batch;
    box.uri_masked = parsers::masked_mailbox_uri(text);
    return true;
  }

  void take_mailbox_table(const TomlValue::Entry& entry) {
    if (!is_mailbox_code(entry.key)) {
      problem(entry.key_position,
              fmt::format("mailbox '{}': a name has 1 to 40 of a-z, 0-9, - and _ and begins with a "
                          "letter",
                          entry.key));
      return;
    }
    const std::string prefix = fmt::format("mailbox.{}.", entry.key);
    if (!entry.value.is_table()) {
      problem(entry.value.position, fmt::format("mailbox.{}: a table is wanted", entry.key));
      return;
    }
    check_mailbox_keys(entry, prefix);

    const std::size_t before = problems_.size();
    MailboxTable table;
    table.settings = config_.mailbox_defaults;
    table.settings.code = entry.key;
    for (const auto& row : mailbox_settings()) {
      const TomlValue* value = entry.value.find(row.key);
      take(row, prefix, table, {value, value == nullptr ? TomlPosition{} : value->position});
    }
    if (problems_.size() > before) return;
    finish_mailbox(entry, prefix, std::move(table));
  }

  void check_mailbox_keys(const TomlValue::Entry& entry, const std::string& prefix) {
    std::vector<std::string_view> names;
    for (const auto& row : mailbox_settings()) names.push_back(row.key);
    for (const auto& inner : entry.value.as_table()) {
      if (std::ranges::find(names, inner.key) != names.end()) continue;
      if (inner.key == "password") {
        problem(inner.key_position,
                fmt::format("{}password: a password does not belong into this file; name a file "
                            "with password_file",
                            prefix));
        continue;
      }
      problem(inner.key_position, fmt::format("unknown setting '{}{}'{}", prefix, inner.key,
                                              suggestion(inner.key, names)));
    }
  }

  void finish_mailbox(const TomlValue::Entry& entry, const std::string& prefix,
                      MailboxTable table) {
    const TomlPosition position = entry.key_position;
    auto& box = table.settings;
    const bool plain = table.tls == "none";
    if (entry.value.find("uri") != nullptr) {
      for (const std::string_view key : {"host", "port", "username"})
        if (const TomlValue* value = entry.value.find(key))
          problem(value->position, fmt::format("{}{}: uri says it already", prefix, key));
      // What the table says beside the string wins over the string.
      const ingest::MailboxSettings said = box;
      const auto enabled =
          apply_uri(prefix + "uri", entry.value.find("uri")->position, table.uri, box);
      if (!enabled) return;
      if (!*enabled) table.enabled = false;
      restore_said(entry.value, said, box);
      if (plain) box.imap.tls = ingest::imap::TlsMode::none;
    } else {
      if (box.imap.host.empty()) problem(position, fmt::format("{}host is missing", prefix));
      if (box.imap.username.empty())
        problem(position, fmt::format("{}username is missing", prefix));
      if (box.imap.password.empty() && table.enabled)
        problem(position, fmt::format("{}password_file is missing (or the credential {})", prefix,
                                      credential_name(prefix + "password_file")));
      using ingest::imap::TlsMode;
      box.imap.tls = plain                  ? TlsMode::none
                     : table.tls == "imaps" ? TlsMode::imaps
                                            : TlsMode::starttls;
      const int usual = box.imap.tls == TlsMode::imaps ? 993 : 143;
      box.imap.port = static_cast<std::uint16_t>(table.port == 0 ? usual : table.port);
      box.uri_masked = fmt::format("{}://{}@{}:{}", table.tls == "imaps" ? "imaps" : "imap",
                                   box.imap.username, box.imap.host, box.imap.port);
    }
    if (plain && !table.allow_plain)
      problem(position,
              fmt::format("{}tls: 'none' sends the password readable over the network; if that is "
                          "meant, add allow_plain = true",
                          prefix));
    if (box.folders.empty()) problem(position, fmt::format("{}folders: at least one", prefix));
    if (box.delay < parsers::kMinimumDelay) {
      warning(position, fmt::format("{}delay_ms: {} ms is raised to {} ms", prefix,
                                    box.delay.count(), parsers::kMinimumDelay.count()));
      box.delay = parsers::kMinimumDelay;
    }
    if (box.delete_after && !box.move_to.empty())
      problem(position, fmt::format("{}delete and move_to exclude each other", prefix));
    if (table.enabled) add_mailbox(std::move(box), position);
  }

  static void restore_said(const TomlValue& table, const ingest::MailboxSettings& said,
                           ingest::MailboxSettings& box) {
    const auto has = [&](std::string_view key) { return table.find(key) != nullptr; };
    if (has("folders")) box.folders = said.folders;
    if (has("unseen")) box.unseen_only = said.unseen_only;
    if (has("delete")) box.delete_after = said.delete_after;
    if (has("move_to")) box.move_to = said.move_to;
    if (has("delay_ms")) box.delay = said.delay;
    if (has("initial_delay_ms")) box.initial_delay = said.initial_delay;
    if (has("auth")) box.imap.auth = said.imap.auth;
    if (has("password_file")) box.imap.password = said.imap.password;
  }

  void add_mailbox(ingest::MailboxSettings box, TomlPosition position) {
    positions_["mailbox:" + box.code] = position;
    config_.mailboxes.push_back(std::move(box));
  }

  // --- what concerns several settings -----------------------------------------------------------

  void check_whole() {
    const auto& api = config_.api;
    if (api.certificate_file.empty() != api.private_key_file.empty())
      problem(position_of(api.certificate_file.empty() ? "api.tls_key_file"
                                                       : "api.tls_certificate_file"),
              "api: tls_certificate_file and tls_key_file belong together");
    if (api.port != 0 && api.port == config_.admin.port && api.host == config_.admin.host)
      problem(position_of("admin.listen"), "admin.listen: api.listen has the same address");
    check_timezone();
    check_mailboxes();
    std::ranges::sort(config_.watched);
    const auto [first, last] = std::ranges::unique(config_.watched);
    config_.watched.erase(first, last);
    std::ranges::sort(config_.mailboxes, {}, &ingest::MailboxSettings::code);
    config_.api.name = "api";
    config_.admin.name = "admin";
    config_.admin.max_threads = 32;
    config_.admin.max_queued = 64;
  }

  void check_timezone() {
    const std::string& zone = config_.timezone;
    std::error_code error;
    const bool sane = !zone.empty() && !zone.contains("..") && !zone.starts_with('/');
    if (sane && fs::is_regular_file("/usr/share/zoneinfo/" + zone, error)) return;
    problem(position_of("business.timezone"),
            fmt::format("business.timezone: '{}' is no time zone; names are such as Europe/Moscow",
                        zone));
  }

  void check_mailboxes() {
    std::map<std::string, const ingest::MailboxSettings*> codes;
    std::map<std::string, const ingest::MailboxSettings*> folders;
    for (const auto& box : config_.mailboxes) {
      const TomlPosition position = position_of("mailbox:" + box.code);
      if (!codes.emplace(box.code, &box).second)
        problem(position, fmt::format("mailbox '{0}' stands twice, as [mailbox.{0}] and as "
                                      "mail-inbox-{0}",
                                      box.code));
      for (const std::string& folder : box.folders) {
        const std::string place = fmt::format("{}:{}/{}/{}", to_lower(box.imap.host), box.imap.port,
                                              box.imap.username, folder);
        const auto [other, added] = folders.emplace(place, &box);
        if (added) continue;
        if (other->second->kind == box.kind) {
          problem(position, fmt::format("mailbox '{}' reads the same folder {} as mailbox '{}': "
                                        "every mail would be taken in twice",
                                        box.code, folder, other->second->code));
        } else {
          warning(position, fmt::format("mailbox '{}' and mailbox '{}' share the folder {}: two "
                                        "purposes should not share one mailbox",
                                        box.code, other->second->code, folder));
        }
      }
    }
  }

  const std::string file_;
  const std::string folder_;
  const Surroundings& surroundings_;
  Config config_;
  Problems problems_;
  Sha256Stream digest_;
  std::map<std::string, TomlPosition, std::less<>> positions_;
  std::map<std::string, std::string> uris_;          // as expanded
  std::map<std::string, std::string> literal_uris_;  // as written
};

}  // namespace

std::string ListenAddress::to_string() const {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 3) return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return std::nullopt;  // an IPv6 address needs its brackets
  }
  if (host.contains(' ')) return std::nullopt;
  ListenAddress address{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  return address;
}

Surroundings Surroundings::of_process() {
  Surroundings surroundings;
  surroundings.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY"))
    surroundings.credentials_directory = folder;
  return surroundings;
}

std::expected<Config, Problems> parse_config(std::string_view text, const std::string& file,
                                             const Surroundings& surroundings) {
  return Loader(file, surroundings).load(text);
}

std::expected<Config, Problems> load_config(const std::string& file,
                                            const Surroundings& surroundings) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return std::unexpected(Problems{{file,
                                     {},
                                     "the file cannot be read; --config=FILE names another, "
                                     "client360d --print=sample-config writes one to begin with"}});
  std::ostringstream text;
  text << in.rdbuf();
  return parse_config(text.str(), file, surroundings);
}

std::vector<std::string> changed_settings(const Config& previous, const Config& next) {
  std::map<std::string_view, const EffectiveSetting*> before;
  for (const EffectiveSetting& setting : previous.effective) before[setting.key] = &setting;
  std::vector<std::string> changed;
  for (const EffectiveSetting& setting : next.effective) {
    const auto found = before.find(setting.key);
    if (found == before.end() || found->second->fingerprint != setting.fingerprint)
      changed.push_back(setting.key);
    if (found != before.end()) before.erase(found);
  }
  std::set<std::string> gone;
  for (const auto& [key, setting] : before) gone.emplace(key.substr(0, key.rfind('.')));
  changed.insert(changed.end(), gone.begin(), gone.end());
  return changed;
}

}  // namespace c360::daemon

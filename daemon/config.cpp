#include "daemon/config.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>

#include "adapters/clamd_scanner.h"
#include "adapters/mail_address.h"
#include "daemon/base/text.h"
#include "daemon/config_mailboxes.h"
#include "daemon/config_text.h"
#include "daemon/config_values.h"
#include "daemon/phone_config.h"
#include "daemon/proxy_config.h"
#include "daemon/regular_file.h"
#include "daemon/settings.h"
#include "store/operations/pedigree.h"

namespace c360::daemon {

namespace {

// Read whole up to here, so that parse_toml() can say how much too long a file is.
constexpr std::size_t kMaxReadBytes = 64U << 20U;
constexpr std::size_t kMaxProblems = 100;  // told at once

// One load of one file.
class Loader {
 public:
  Loader(const std::string& file, const Surroundings& surroundings)
      : config_(with_file(file)), values_(config_, surroundings) {}

  std::expected<Config, Problems> load(std::string_view text) {
    values_.digest().update(text);
    auto document = parse_toml(text, config_.file);
    if (!document) return std::unexpected(Problems{document.error()});
    take_alias(*document);
    walk(*document, "");
    for (const auto& row : settings()) values_.take(row, "", config_, find(*document, row.key));
    ConfigMailboxes(config_, values_).take(*document);
    check_whole();
    Problems& problems = values_.problems();
    if (!problems.empty()) {
      std::ranges::sort(problems, {}, [](const FileProblem& problem) {
        return std::tuple(problem.position.line, problem.position.column, problem.detail);
      });
      if (problems.size() > kMaxProblems) {
        const std::size_t more = problems.size() - kMaxProblems;
        problems.resize(kMaxProblems);
        problems.push_back({config_.file, {}, fmt::format("and {} more problems", more)});
      }
      return std::unexpected(std::move(problems));
    }
    config_.hash = to_hex(values_.digest().finish());
    return std::move(config_);
  }

 private:
  static Config with_file(const std::string& file) {
    Config config;
    config.file = file;
    config.watched.push_back(file);
    return config;
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

  // The reference calls the block of DaData by the name of its record source (design.md 11).
  void take_alias(TomlValue& document) {
    constexpr std::string_view kAlias = "findCounterpartyByInn";
    constexpr std::string_view kName = "dadata";
    auto& table = std::get<TomlValue::Table>(document.value);
    const auto found = std::ranges::find(table, kAlias, &TomlValue::Entry::key);
    if (found == table.end()) return;
    if (document.find(kName) != nullptr) {
      values_.problem(found->key_position,
                      fmt::format("[{}] is another name of [{}]: keep one", kAlias, kName));
      return;
    }
    found->key = kName;
  }

  // Every key of the file must be a setting, or a table that has some.
  void walk(const TomlValue& table, const std::string& prefix) {
    for (const auto& entry : table.as_table()) {
      const std::string key = prefix + entry.key;
      if (prefix.empty() && entry.key == "mailbox") continue;  // ConfigMailboxes' own
      const bool known =
          std::ranges::any_of(settings(), [&](const auto& row) { return row.key == key; });
      const bool inner = std::ranges::any_of(
          settings(), [&](const auto& row) { return row.key.starts_with(key + "."); });
      if (known) {
        positions_[key] = entry.value.position;
      } else if (inner && entry.value.is_table()) {
        walk(entry.value, key + ".");
      } else if (inner) {
        values_.problem(entry.value.position,
                        fmt::format("{}: a table is wanted, this is {} {}", key,
                                    article(entry.value.type_name()), entry.value.type_name()));
      } else {
        unknown(entry, key);
      }
    }
  }

  void unknown(const TomlValue::Entry& entry, const std::string& key) {
    std::vector<std::string_view> names{"mailbox"};
    for (const auto& row : settings()) {
      names.push_back(row.key);
      for (std::size_t dot = row.key.find('.'); dot != std::string_view::npos;
           dot = row.key.find('.', dot + 1))
        names.push_back(row.key.substr(0, dot));
    }
    values_.problem(entry.key_position,
                    fmt::format("unknown setting '{}'{}", key, suggestion(key, names)));
  }

  // What concerns several settings.
  void check_whole() {
    const auto& api = config_.api;
    const TomlPosition certificate = position_of("api.tls_certificate_file");
    const TomlPosition key = position_of("api.tls_key_file");
    if ((certificate.line != 0) != (key.line != 0))  // one that cannot be read has its own problem
      values_.problem(certificate.line != 0 ? certificate : key,
                      "api: tls_certificate_file and tls_key_file belong together");
    if (api.port != 0 && api.port == config_.admin.port && api.host == config_.admin.host)
      values_.problem(position_of("admin.listen"), "admin.listen: api.listen has the same address");
    check_timezone();
    check_sources();
    check_networks();
    check_webhook_keys();
    check_url("dadata.suggestions_url", config_.dadata.dadata.suggestions_url);
    check_url("dadata.cleaner_url", config_.dadata.dadata.cleaner_url);
    check_url("dadata.profile_url", config_.dadata.dadata.profile_url);
    check_url("kontur_focus.url", config_.kontur_focus.kontur.base_url);
    check_proxy("dadata.proxy", config_.dadata.dadata.find.proxy);
    check_proxy("kontur_focus.proxy", config_.kontur_focus.kontur.json.proxy);
    check_proxy("metrika.proxy", config_.metrika.metrika.limits.proxy);
    check_proxy("telegram.proxy", config_.telegram.limits.proxy);
    check_proxy("sms.proxy", config_.sms.limits.call.proxy);
    check_proxy("smtp.proxy", config_.messages.smtp.proxy);
    check_proxy("smtp.oauth_proxy", config_.messages.oauth.proxy);
    check_metrika();
    check_smtp();
    check_messages();
    check_phone_channels(config_, [this](std::string_view setting, std::string detail) {
      values_.problem(position_of(setting), std::move(detail));
    });
    if (!config_.clamd.empty() && !adapters::parse_clamd_address(config_.clamd))
      values_.problem(position_of("mail.clamd"),
                      fmt::format("mail.clamd: '{}' is neither HOST:PORT nor the path of a socket",
                                  config_.clamd));
    const std::string& renderer = config_.renderer.path;
    if (!renderer.empty() && !renderer.starts_with('/'))
      values_.problem(position_of("documents.renderer"),
                      fmt::format("documents.renderer: '{}' is not the whole path of a socket or "
                                  "program",
                                  renderer));
    std::ranges::sort(config_.watched);
    const auto doubles = std::ranges::unique(config_.watched);
    config_.watched.erase(doubles.begin(), doubles.end());
    config_.api.name = "api";
    config_.admin.name = "admin";
    config_.admin.max_threads = 32;
    config_.admin.max_queued = 64;
  }

  void check_timezone() {
    const std::string& zone = config_.timezone;
    std::error_code error;
    const bool sane = !zone.empty() && !zone.contains("..") && !zone.starts_with('/');
    if (sane && std::filesystem::is_regular_file("/usr/share/zoneinfo/" + zone, error)) return;
    values_.problem(
        position_of("business.timezone"),
        fmt::format("business.timezone: '{}' is no time zone; names are such as Europe/Moscow",
                    zone));
  }

  void check_sources() {
    const auto& known = store::kRequisiteSources;
    if (std::ranges::is_permutation(config_.believed_sources, known)) return;
    values_.problem(position_of("requisites.believe"),
                    "requisites.believe: each of person, import, mail, dadata and kontur stands "
                    "there once");
  }

  // The one address with a path, and maybe a query, of the operator's.
  void check_metrika() {
    const auto& metrika = config_.metrika.metrika;
    const bool sane = metrika.url.starts_with("https://") &&
                      metrika.url.find_first_of("#@ ") == std::string::npos;
    if (!sane)
      values_.problem(position_of("metrika.url"),
                      fmt::format("metrika.url: '{}' is no https://HOST/PATH", metrika.url));
    if (metrika.counter.find_first_not_of("0123456789") != std::string::npos)
      values_.problem(position_of("metrika.counter"), "metrika.counter: digits only");
  }

  void check_webhook_keys() {
    const auto check = [&](std::string_view name, const Secret& key) {
      const std::size_t size = key.reveal().size();
      if (size > 0 && size < kMinWebhookKeyBytes)
        values_.problem(position_of(name),
                        fmt::format("{}: the key has {} characters, {} are needed: openssl rand "
                                    "-hex 32",
                                    name, size, kMinWebhookKeyBytes));
    };
    const WebhookConfig& webhooks = config_.webhooks;
    check("webhooks.key_file", webhooks.key);
    check("webhooks.former_key_file", webhooks.former_key);
    if (webhooks.key.empty() && !webhooks.former_key.empty())
      values_.problem(position_of("webhooks.former_key_file"),
                      "webhooks.former_key_file: it is replaced by the key of webhooks.key_file, "
                      "which is not set");
  }

  void check_networks() {
    for (const std::string& text : config_.webhooks.allowed_networks) {
      if (const auto network = adapters::Network::parse(text)) {
        config_.webhooks.limits.targets.allowed.push_back(*network);
      } else {
        values_.problem(position_of("webhooks.allowed_networks"),
                        fmt::format("webhooks.allowed_networks: '{}' is no network such as "
                                    "10.1.0.0/16 or fd00::/8",
                                    text));
      }
    }
  }

  void check_smtp() {
    MessageConfig& messages = config_.messages;
    const adapters::SmtpOptions& smtp = messages.smtp;
    if (smtp.host.empty()) return;
    const auto wrong = [&](std::string_view key, std::string_view what) {
      values_.problem(position_of(key), fmt::format("{}: {}", key, what));
    };
    if (smtp.host.find_first_of("/@?#: ") != std::string::npos)
      wrong("smtp.host", "the name or address of a server alone");
    if (!adapters::is_mail_address(smtp.from))
      wrong("smtp.from", "wanted is the address mails come from, such as crm@company.example");
    if (!messages.reply_to.empty() && !adapters::is_mail_address(messages.reply_to))
      wrong("smtp.reply_to", "is no mail address");
    if (smtp.username.empty()) return;
    if (smtp.tls == adapters::SmtpTls::none)
      wrong("smtp.tls", "nobody signs in in clear text: starttls or implicit");
    adapters::OAuthSettings& oauth = messages.oauth;
    if (oauth.token_url.empty()) {
      if (smtp.password.empty()) wrong("smtp.password_file", "is missing");
      return;
    }
    if (!oauth.token_url.starts_with("https://"))
      wrong("smtp.oauth_token_url", "wanted is https://HOST/PATH");
    if (oauth.client_id.empty()) wrong("smtp.oauth_client_id", "is missing");
    oauth.subject = smtp.username;
    oauth.reads_mail = false;
    if (!oauth.refresh_token.empty()) return;
    oauth.grant = adapters::OAuthGrant::client_credentials;
    if (oauth.client_secret.empty())
      wrong("smtp.oauth_refresh_token_file", "is missing, and there is no client secret either");
  }

  void check_messages() {
    MessageConfig& messages = config_.messages;
    const auto quiet = [&](std::string_view key, ChannelRules& rules) {
      if (const auto hours = QuietHours::parse(rules.quiet_text)) {
        rules.quiet = *hours;
      } else {
        values_.problem(position_of(key),
                        fmt::format("{}: '{}' is not HH:MM-HH:MM", key, rules.quiet_text));
      }
    };
    quiet("messages.email_quiet_hours", messages.email);
    quiet("messages.telegram_quiet_hours", messages.telegram);
    quiet("messages.sms_quiet_hours", messages.sms);
    std::string& url = messages.public_url;
    if (url.ends_with('/')) url.pop_back();
    if (!url.empty() && (!url.starts_with("https://") ||
                         url.find_first_of("?#@<> \"", 8) != std::string::npos || url.size() < 10))
      values_.problem(position_of("messages.public_url"),
                      fmt::format("messages.public_url: '{}' is no https://HOST or "
                                  "https://HOST/PATH",
                                  url));
  }

  // Scheme, host, and a port where one is wanted: paths are the service's.
  void check_url(std::string_view key, const std::string& url) {
    constexpr std::string_view kScheme = "https://";
    const bool sane = url.starts_with(kScheme) && url.size() > kScheme.size() &&
                      url.find_first_of("/?#@ ", kScheme.size()) == std::string::npos;
    if (!sane)
      values_.problem(position_of(key),
                      fmt::format("{}: '{}' is no https://HOST or https://HOST:PORT", key, url));
  }

  void check_proxy(const std::string& key, const adapters::HttpProxy& proxy) {
    const auto fault = proxy_fault(proxy);
    if (!fault) return;
    const std::string at = fault->in_credentials ? key + "_credentials_file" : key;
    values_.problem(position_of(at), at + ": " + fault->text);
  }

  Config config_;
  ConfigValues values_;
  std::map<std::string, TomlPosition, std::less<>> positions_;
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
  const auto text = read_regular_file(file, kMaxReadBytes);
  if (!text)
    return std::unexpected(Problems{
        {file,
         {},
         fmt::format("the file cannot be read (a regular file of at most {} bytes is expected); "
                     "--config=FILE names another, client360d --print=sample-config writes one to "
                     "begin with",
                     kMaxReadBytes)}});
  return parse_config(*text, file, surroundings);
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

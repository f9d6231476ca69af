#include "daemon/config_mailboxes.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

#include "adapters/oauth_scope.h"
#include "adapters/service_account.h"
#include "daemon/base/text.h"
#include "daemon/config_text.h"
#include "daemon/proxy_config.h"
#include "ingest/mail_import.h"
#include "parsers/mailbox_uri.h"

namespace c360::daemon {

namespace {

using ingest::imap::TlsMode;

constexpr std::size_t kMaxMailboxes = 2'000;

void copy_uri(const parsers::MailboxUri& uri, ingest::MailboxSettings& box) {
  using ingest::imap::AuthMechanism;
  box.imap.host = uri.host;
  box.imap.port = uri.port;
  box.imap.tls = uri.tls == parsers::MailboxTls::implicit ? TlsMode::imaps : TlsMode::starttls;
  box.imap.username = uri.username;
  if (!uri.password.empty()) box.imap.password = uri.password;
  box.imap.connect_timeout = uri.connect_timeout;
  if (uri.auth_mechanisms.size() == 1)
    box.imap.auth = equal_ignoring_case(uri.auth_mechanisms.front(), "login")
                        ? AuthMechanism::login
                        : AuthMechanism::plain;
  box.folders = {uri.folder};
  box.unseen_only = uri.unseen_only;
  box.delete_after = uri.delete_after;
  box.move_to = uri.move_to;
  box.copy_to = uri.copy_to;
  box.search = uri.search;
  box.delay = uri.delay;
  box.initial_delay = uri.initial_delay;
  if (uri.batch) box.batch_messages = *uri.batch;
}

// Who asks there sends a secret along: nothing but https, and no password in the address.
// INBOX is spelt in any case (RFC 9051, 5.1), and so are all folders of some servers: what is put
// into one that is read comes back for ever, so the doubt counts.
bool is_same_folder(std::string_view a, std::string_view b) { return equal_ignoring_case(a, b); }

bool is_token_url(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme) || url.size() > 2'000) return false;
  if (!std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; }))
    return false;
  url.remove_prefix(kScheme.size());
  const auto host = url.substr(0, url.find_first_of("/?"));
  return !host.empty() && !host.contains('@');
}

// What belongs to which grant: what is missing, and what is of no use.
template <typename Problem>
void check_grant(const TomlValue::Entry& entry, const adapters::OAuthSettings& oauth,
                 const Problem& problem) {
  using enum adapters::OAuthGrant;
  const auto unwanted = [&](std::string_view key, std::string_view why) {
    if (entry.value.find(key) != nullptr) problem(key, why);
  };
  if (adapters::reads_mail_only(oauth.scope))
    problem("oauth_scope",
            "mail:imap_ro reads alone: no mail can be marked as read with it; ask for "
            "mail:imap_full");
  if (oauth.grant != jwt_bearer) {
    if (oauth.client_id.empty()) problem("oauth_client_id", "is missing");
    unwanted("oauth_service_account_file", "is for oauth_grant = 'jwt_bearer'");
  }
  switch (oauth.grant) {
    case refresh_token:
      if (oauth.refresh_token.empty()) problem("oauth_refresh_token_file", "is missing");
      return;
    case client_credentials:
      if (oauth.client_secret.empty())
        problem("oauth_client_secret_file", "is missing; client_credentials needs it");
      return unwanted("oauth_refresh_token_file", "client_credentials has no refresh token");
    case jwt_bearer:
      break;
  }
  if (oauth.scope.empty())
    problem("oauth_scope", "is missing; with jwt_bearer Google wants https://mail.google.com/");
  for (const char* key :
       {"oauth_client_id", "oauth_client_secret_file", "oauth_refresh_token_file"})
    unwanted(key, "jwt_bearer has the service account alone");
  if (oauth.service_account.empty())
    return problem("oauth_service_account_file", "is missing; jwt_bearer needs it");
  if (const auto account = adapters::read_service_account(oauth.service_account); !account)
    problem("oauth_service_account_file", account.error().detail);
}

// What the table says beside its string wins over the string.
void restore_said(const TomlValue& table, const ingest::MailboxSettings& said,
                  ingest::MailboxSettings& box) {
  const auto has = [&](std::string_view key) { return table.find(key) != nullptr; };
  if (has("folders")) box.folders = said.folders;
  if (has("unseen")) box.unseen_only = said.unseen_only;
  if (has("delete")) box.delete_after = said.delete_after;
  if (has("move_to")) box.move_to = said.move_to;
  if (has("delay_ms")) box.delay = said.delay;
  if (has("initial_delay_ms")) box.initial_delay = said.initial_delay;
  if (has("auth") || box.oauth) box.imap.auth = said.imap.auth;
  if (has("password_file")) box.imap.password = said.imap.password;
}

}  // namespace

void ConfigMailboxes::take(const TomlValue& document) {
  for (const auto& [key, kind] : plain_mailbox_keys()) {
    const TomlValue* value = document.find(key);
    take_plain_key(key, kind, value == nullptr ? TomlPosition{} : value->position);
  }
  if (const TomlValue* tables = document.find("mailbox")) {
    if (!tables->is_table()) {
      values_.problem(tables->position, "mailbox: tables [mailbox.NAME] are wanted");
      return;
    }
    if (tables->as_table().size() > kMaxMailboxes) {
      values_.problem(tables->position, fmt::format("mailbox: more than {}", kMaxMailboxes));
      return;
    }
    for (const auto& entry : tables->as_table()) take_table(entry);
  }
  check_whole();
  std::ranges::sort(config_.mailboxes, {}, &ingest::MailboxSettings::code);
}

void ConfigMailboxes::take_plain_key(std::string_view key, ingest::MailboxKind kind,
                                     TomlPosition position) {
  const std::string code{to_string(kind)};
  ingest::MailboxSettings box = config_.mailbox_defaults;
  box.code = code;
  box.kind = kind;
  box.imap.password = values_.default_secret(fmt::format("mailbox.{}.password_file", code));
  if (!apply_uri(std::string(key), position, box).value_or(false)) return;
  add(std::move(box), position);
}

std::optional<bool> ConfigMailboxes::apply_uri(const std::string& key, TomlPosition position,
                                               ingest::MailboxSettings& box) {
  const std::string& text = values_.uri(key);
  const auto setting =
      parsers::read_mailbox_uri(text, !box.imap.password.empty() || box.oauth.has_value());
  if (setting.disabled()) return false;
  for (const auto& remark : setting.errors)
    values_.problem(position, fmt::format("{}: {}", key, remark.text));
  if (!setting.ok()) return std::nullopt;
  for (const auto& remark : setting.warnings)
    values_.warning(position, fmt::format("{}: {}", key, remark.text));

  const parsers::MailboxUri& uri = *setting.mailbox;
  if (!uri.password.empty() && values_.uri_is_literal(key))
    values_.warning(position, fmt::format("{}: the password stands in this file; better is a "
                                          "password_file or ${{NAME}}",
                                          key));
  copy_uri(uri, box);
  box.uri_masked = parsers::masked_mailbox_uri(text);
  return true;
}

void ConfigMailboxes::take_table(const TomlValue::Entry& entry) {
  if (!is_mailbox_code(entry.key)) {
    values_.problem(entry.key_position,
                    fmt::format("mailbox '{}': a name has 1 to 40 of a-z, 0-9, - and _ and begins "
                                "with a letter",
                                entry.key));
    return;
  }
  const std::string prefix = fmt::format("mailbox.{}.", entry.key);
  if (!entry.value.is_table()) {
    values_.problem(entry.value.position, fmt::format("mailbox.{}: a table is wanted", entry.key));
    return;
  }
  check_keys(entry, prefix);

  const std::size_t before = values_.problems().size();
  MailboxTable table;
  table.settings = config_.mailbox_defaults;
  table.settings.code = entry.key;
  for (const auto& row : mailbox_settings()) {
    const TomlValue* value = entry.value.find(row.key);
    values_.take(row, prefix, table, {value, value == nullptr ? TomlPosition{} : value->position});
  }
  if (values_.problems().size() > before) return;
  finish(entry, prefix, std::move(table));
}

void ConfigMailboxes::check_keys(const TomlValue::Entry& entry, const std::string& prefix) {
  std::vector<std::string_view> names;
  for (const auto& row : mailbox_settings()) names.push_back(row.key);
  for (const auto& inner : entry.value.as_table()) {
    if (std::ranges::find(names, inner.key) != names.end()) continue;
    if (inner.key == "password" || inner.key == "oauth_refresh_token" ||
        inner.key == "oauth_client_secret" || inner.key == "oauth_service_account") {
      values_.problem(inner.key_position,
                      fmt::format("{0}{1}: a secret does not belong into this file; name a file "
                                  "with {1}_file",
                                  prefix, inner.key));
      continue;
    }
    values_.problem(inner.key_position, fmt::format("unknown setting '{}{}'{}", prefix, inner.key,
                                                    suggestion(inner.key, names)));
  }
}

void ConfigMailboxes::finish(const TomlValue::Entry& entry, const std::string& prefix,
                             MailboxTable table) {
  const TomlPosition position = entry.key_position;
  auto& box = table.settings;
  finish_oauth(entry, prefix, table);
  if (!box.maildir.empty()) {
    finish_maildir(entry, prefix, table);
  } else if (entry.value.find("uri") == nullptr) {
    finish_fields(position, prefix, table);
  } else if (!finish_string(entry, prefix, table)) {
    return;
  }
  if (table.tls == "none") {
    box.imap.tls = TlsMode::none;
    if (!table.allow_plain)
      values_.problem(position,
                      fmt::format("{}tls: 'none' sends the password readable over the network; if "
                                  "that is meant, add allow_plain = true",
                                  prefix));
  }
  if (box.folders.empty())
    values_.problem(position, fmt::format("{}folders: at least one", prefix));
  if (box.delay < parsers::kMinimumDelay) {
    values_.warning(position, fmt::format("{}delay_ms: {} ms is raised to {} ms", prefix,
                                          box.delay.count(), parsers::kMinimumDelay.count()));
    box.delay = parsers::kMinimumDelay;
  }
  if (box.delete_after && !box.move_to.empty())
    values_.problem(position, fmt::format("{}delete and move_to exclude each other", prefix));
  if (box.oauth) box.oauth->subject = box.imap.username;
  if (!box.move_to.empty() && std::ranges::any_of(box.folders, [&](const std::string& folder) {
        return is_same_folder(folder, box.move_to);
      }))
    values_.problem(position, fmt::format("{}move_to: '{}' is one of the folders that are read: "
                                          "what is moved there would be taken in again, for ever",
                                          prefix, box.move_to));
  if (table.enabled) add(std::move(box), position);
}

void ConfigMailboxes::finish_maildir(const TomlValue::Entry& entry, const std::string& prefix,
                                     MailboxTable& table) {
  constexpr std::array<std::string_view, 13> kOfServers{
      "uri",     "host",        "port",           "tls",           "allow_plain",
      "ca_file", "server_name", "username",       "password_file", "auth",
      "folders", "move_to",     "oauth_token_url"};
  for (const std::string_view key : kOfServers)
    if (const TomlValue* value = entry.value.find(key))
      values_.problem(
          value->position,
          fmt::format("{}{}: a drop folder (maildir) has no such setting", prefix, key));
  auto& box = table.settings;
  table.tls.clear();
  box.imap.password = Secret();
  box.unseen_only = false;
  box.uri_masked = "maildir:" + box.maildir;
}

void ConfigMailboxes::finish_oauth(const TomlValue::Entry& entry, const std::string& prefix,
                                   MailboxTable& table) {
  using ingest::imap::AuthMechanism;
  const auto problem = [&](std::string_view key, std::string_view text) {
    const TomlValue* value = entry.value.find(key);
    values_.problem(value == nullptr ? entry.key_position : value->position,
                    fmt::format("{}{}: {}", prefix, key, text));
  };
  const AuthMechanism auth = table.settings.imap.auth;
  const bool by_token = auth == AuthMechanism::xoauth2 || auth == AuthMechanism::oauthbearer;
  if (table.oauth.token_url.empty()) {
    if (by_token) problem("auth", "signs in with a token, and there is no oauth_token_url");
    for (const auto& inner : entry.value.as_table())
      if (inner.key.starts_with("oauth_") && inner.key != "oauth_token_url")
        problem(inner.key, "is of no use without oauth_token_url");
    return;
  }
  if (auth == AuthMechanism::plain || auth == AuthMechanism::login)
    problem("auth",
            "signs in with a password; with oauth_token_url choose auto, xoauth2 or "
            "oauthbearer");
  if (entry.value.find("password_file") != nullptr)
    problem("password_file", "with oauth_token_url there is no password");
  if (!is_token_url(table.oauth.token_url))
    problem("oauth_token_url", "wanted is https://HOST/PATH, without a user name or a fragment");
  check_grant(entry, table.oauth, problem);
  if (const auto fault = proxy_fault(table.oauth.proxy))
    problem(fault->in_credentials ? "oauth_proxy_credentials_file" : "oauth_proxy", fault->text);
  table.settings.imap.password = Secret();  // also one that systemd passed
  table.settings.oauth = std::move(table.oauth);
}

bool ConfigMailboxes::finish_string(const TomlValue::Entry& entry, const std::string& prefix,
                                    MailboxTable& table) {
  for (const std::string_view key : {"host", "port", "username"})
    if (const TomlValue* value = entry.value.find(key))
      values_.problem(value->position, fmt::format("{}{}: uri says it already", prefix, key));
  const ingest::MailboxSettings said = table.settings;
  const auto enabled = apply_uri(prefix + "uri", entry.value.find("uri")->position, table.settings);
  if (!enabled) return false;
  if (!*enabled) table.enabled = false;
  restore_said(entry.value, said, table.settings);
  return true;
}

void ConfigMailboxes::finish_fields(TomlPosition position, const std::string& prefix,
                                    MailboxTable& table) {
  auto& imap = table.settings.imap;
  if (imap.host.empty()) values_.problem(position, fmt::format("{}host is missing", prefix));
  if (imap.username.empty())
    values_.problem(position, fmt::format("{}username is missing", prefix));
  if (imap.password.empty() && !table.settings.oauth && table.enabled)
    values_.problem(position,
                    fmt::format("{}password_file is missing (or the credential {}, or oauth_…)",
                                prefix, ConfigValues::credential_name(prefix + "password_file")));
  imap.tls = table.tls == "imaps" ? TlsMode::imaps : TlsMode::starttls;
  const std::int64_t usual = imap.tls == TlsMode::imaps ? 993 : 143;
  imap.port = static_cast<std::uint16_t>(table.port == 0 ? usual : table.port);
  table.settings.uri_masked = fmt::format("{}://{}@{}:{}", table.tls == "imaps" ? "imaps" : "imap",
                                          imap.username, imap.host, imap.port);
}

void ConfigMailboxes::add(ingest::MailboxSettings box, TomlPosition position) {
  if (!positions_.emplace(box.code, position).second)
    values_.problem(position, fmt::format("mailbox '{0}' stands twice, as [mailbox.{0}] and as "
                                          "mail-inbox-{0}",
                                          box.code));
  if (!box.copy_to.empty() && is_same_folder(box.copy_to, box.move_to))
    values_.problem(position, fmt::format("mailbox {}: copyTo and the folder that handled mail is "
                                          "moved to are both '{}': each mail would lie there twice",
                                          box.code, box.copy_to));
  for (const std::string& folder : box.folders) {
    if (is_same_folder(folder, box.copy_to))
      values_.problem(position,
                      fmt::format("mailbox {}: copyTo: '{}' is one of the folders that are "
                                  "read: every copy would be taken in again, for ever",
                                  box.code, box.copy_to));
  }
  config_.mailboxes.push_back(std::move(box));
}

void ConfigMailboxes::check_whole() {
  std::map<std::string, const ingest::MailboxSettings*> folders;
  for (const auto& box : config_.mailboxes) {
    const TomlPosition position = positions_[box.code];
    for (const std::string& folder : box.folders) {
      if (folder == ingest::kImportFolder)
        values_.problem(position, fmt::format("mailbox '{}': the folder {} is kept for imported "
                                              "mail",
                                              box.code, folder));
      const std::string place = !box.maildir.empty()
                                    ? "maildir:" + box.maildir
                                    : fmt::format("{}:{}/{}/{}", to_lower(box.imap.host),
                                                  box.imap.port, box.imap.username, folder);
      const auto [other, added] = folders.emplace(place, &box);
      if (added) continue;
      if (other->second->kind == box.kind) {
        values_.problem(position, fmt::format("mailbox '{}' reads the same folder {} as mailbox "
                                              "'{}': every mail would be taken in twice",
                                              box.code, folder, other->second->code));
      } else {
        values_.warning(position,
                        fmt::format("mailbox '{}' and mailbox '{}' share the folder {}: two "
                                    "purposes should not share one mailbox",
                                    box.code, other->second->code, folder));
      }
    }
  }
}

}  // namespace c360::daemon

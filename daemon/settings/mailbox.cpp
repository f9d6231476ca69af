#include <array>

#include "daemon/settings/rows.h"

namespace c360::daemon {

namespace {

using Box = Setting<MailboxTable>;

ingest::imap::AuthMechanism auth_of(std::string_view name) {
  using ingest::imap::AuthMechanism;
  if (name == "plain") return AuthMechanism::plain;
  if (name == "xoauth2") return AuthMechanism::xoauth2;
  if (name == "oauthbearer") return AuthMechanism::oauthbearer;
  return name == "login" ? AuthMechanism::login : AuthMechanism::automatic;
}

adapters::OAuthGrant grant_of(std::string_view name) {
  if (name == "client_credentials") return adapters::OAuthGrant::client_credentials;
  if (name == "jwt_bearer") return adapters::OAuthGrant::jwt_bearer;
  return adapters::OAuthGrant::refresh_token;
}

std::optional<std::chrono::sys_days> date_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto instant = from_rfc3339(text + "T00:00:00Z");
  if (!instant) return std::nullopt;
  return std::chrono::floor<std::chrono::days>(*instant);
}

constexpr std::array kMailboxSettings = {
    Box{.key = "enabled",
        .type = Type::boolean,
        .default_value = "true",
        .sentence = "false: the mailbox is off.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.enabled = v.boolean; }},
    Box{.key = "kind",
        .type = Type::choice,
        .default_value = "'crm'",
        .sentence = "crm: mail becomes deals or leads; activity: mail becomes activities by the "
                    "suffix of its subject; support: mail becomes support requests.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.kind = ingest::mailbox_kind_of(v.text); },
        .choices = "crm|activity|support"},
    Box{.key = "maildir",
        .type = Type::folder,
        .default_value = "''",
        .sentence = "A Maildir instead of a server: what other programs put into its new/ is taken "
                    "in, then moved to cur/, or removed with delete = true.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.maildir = std::move(v.text); }},
    Box{.key = "uri",
        .type = Type::mailbox_uri,
        .default_value = "''",
        .sentence = "The mailbox as one string, instead of host, port, tls, username and so on.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.uri = std::move(v.text); },
        .secret = true,
        .environment = true},
    Box{.key = "host",
        .type = Type::text,
        .default_value = "''",
        .sentence = "The IMAP server.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.imap.host = std::move(v.text); }},
    Box{.key = "port",
        .type = Type::integer,
        .default_value = "0",
        .sentence = "0: 993 for imaps, 143 otherwise.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.port = v.integer; },
        .min = 0,
        .max = 65'535},
    Box{.key = "tls",
        .type = Type::choice,
        .default_value = "'imaps'",
        .sentence =
            "imaps: TLS from the first byte; starttls: demanded, never given up; none: only "
            "with allow_plain.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.tls = std::move(v.text); },
        .choices = "imaps|starttls|none"},
    Box{.key = "allow_plain",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "The password may cross the network readable. Only on a trusted line.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.allow_plain = v.boolean; }},
    Box{.key = "ca_file",
        .type = Type::file,
        .default_value = "''",
        .sentence = "PEM, trusted besides the system's authorities.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.imap.ca_file = std::move(v.text); }},
    Box{.key = "server_name",
        .type = Type::text,
        .default_value = "''",
        .sentence = "The name the certificate must show; empty: host.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.imap.server_name = std::move(v.text); }},
    Box{.key = "username",
        .type = Type::text,
        .default_value = "''",
        .sentence = "The account.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.imap.username = std::move(v.text); },
        .environment = true},
    Box{.key = "password_file",
        .type = Type::secret_file,
        .sentence = "File with the password, or credential:NAME. Without it the credential "
                    "mailbox-NAME-password is used if systemd passed one.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.imap.password = std::move(v.secret); },
        .secret = true},
    Box{.key = "auth",
        .type = Type::choice,
        .default_value = "'auto'",
        .sentence =
            "auto: SASL PLAIN where announced, else LOGIN; with oauth_token_url XOAUTH2, or "
            "OAUTHBEARER where only that is announced.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.imap.auth = auth_of(v.text); },
        .choices = "auto|plain|login|xoauth2|oauthbearer"},
    Box{.key = "oauth_token_url",
        .type = Type::text,
        .default_value = "''",
        .sentence = "Sign in with OAuth 2.0 instead of a password: the provider's token endpoint, "
                    "https://oauth2.googleapis.com/token, "
                    "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token, "
                    "https://oauth.yandex.ru/token or https://o2.mail.ru/token.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.token_url = std::move(v.text); }},
    Box{.key = "oauth_grant",
        .type = Type::choice,
        .default_value = "'refresh_token'",
        .sentence = "refresh_token: a person has consented; client_credentials: the application "
                    "itself has the right (Microsoft 365); jwt_bearer: a service account signs for "
                    "the mailbox, which the domain has delegated to it (Google Workspace).",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.grant = grant_of(v.text); },
        .choices = "refresh_token|client_credentials|jwt_bearer"},
    Box{.key = "oauth_client_id",
        .type = Type::text,
        .default_value = "''",
        .sentence = "The application as it is registered with the provider; jwt_bearer takes it "
                    "from the service account.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.client_id = std::move(v.text); },
        .environment = true},
    Box{.key = "oauth_client_secret_file",
        .type = Type::secret_file,
        .sentence = "File with the application's secret, or credential:NAME; some applications "
                    "have none.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.oauth.client_secret = std::move(v.secret); },
        .secret = true},
    Box{.key = "oauth_refresh_token_file",
        .type = Type::secret_file,
        .sentence = "File with the refresh token that was consented to, or credential:NAME. What "
                    "the provider replaces it with is kept in the database, sealed under this one; "
                    "a new file is taken at once.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.oauth.refresh_token = std::move(v.secret); },
        .secret = true},
    Box{.key = "oauth_service_account_file",
        .type = Type::secret_file,
        .sentence = "File with the key of the service account, JSON as Google gives it out, or "
                    "credential:NAME; for jwt_bearer. A new file is taken at once.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.oauth.service_account = std::move(v.secret); },
        .secret = true},
    Box{.key = "oauth_scope",
        .type = Type::text,
        .default_value = "''",
        .sentence = "Sent with every request for a token; empty: not sent. Microsoft wants "
                    "https://outlook.office.com/IMAP.AccessAsUser.All offline_access, or "
                    "https://outlook.office365.com/.default with client_credentials; Google wants "
                    "https://mail.google.com/ with jwt_bearer.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.scope = std::move(v.text); }},
    Box{.key = "oauth_ca_file",
        .type = Type::file,
        .default_value = "''",
        .sentence = "PEM, trusted for oauth_token_url instead of the system's authorities.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.ca_file = std::move(v.text); }},
    Box{.key = "oauth_proxy",
        .type = Type::text,
        .default_value = "''",
        .sentence = kProxySentence,
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.proxy.url = std::move(v.text); }},
    Box{.key = "oauth_proxy_credentials_file",
        .type = Type::secret_file,
        .sentence = kProxyCredentialsSentence,
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.oauth.proxy.credentials = std::move(v.secret); },
        .secret = true},
    Box{.key = "oauth_connect_timeout_ms",
        .type = Type::integer,
        .default_value = "3000",
        .sentence = "Of oauth_token_url: name lookup, TCP and TLS together.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.connect_timeout = ms_of(v); },
        .min = 100,
        .max = 30'000,
        .unit = "ms"},
    Box{.key = "oauth_first_byte_s",
        .type = Type::integer,
        .default_value = "10",
        .sentence = "The first byte of an answer, and every later silence.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.first_byte = seconds_of(v); },
        .min = 1,
        .max = 30,
        .unit = "s"},
    Box{.key = "oauth_timeout_ms",
        .type = Type::integer,
        .default_value = "15000",
        .sentence = "A request for a token, however slowly its bytes come.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.timeout = ms_of(v); },
        .min = 100,
        .max = 30'000,
        .unit = "ms"},
    Box{.key = "oauth_max_answer_bytes",
        .type = Type::integer,
        .default_value = "262144",
        .sentence = "A longer answer for a token, unpacked, is refused.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.oauth.max_answer_bytes = size_of(v); },
        .min = 4'096,
        .max = 1 << 24,
        .unit = "bytes"},
    Box{.key = "folders",
        .type = Type::text_list,
        .default_value = "['INBOX']",
        .sentence =
            "Folders that are read, by the names people see; '\\Junk' and the like: the one "
            "the server marks so (RFC 6154), in whatever language.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.folders = std::move(v.list); }},
    Box{.key = "unseen",
        .type = Type::boolean,
        .default_value = "true",
        .sentence = "true: unread mail only; false: all mail not taken in before.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.unseen_only = v.boolean; }},
    Box{.key = "delete",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "true: delete mail after it was taken in; false: mark it read.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.delete_after = v.boolean; }},
    Box{.key = "move_to",
        .type = Type::text,
        .default_value = "''",
        .sentence = "Folder to move mail to after it was taken in; empty: it stays.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.move_to = std::move(v.text); }},
    Box{.key = "flag_quarantined",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "true: mail in quarantine is marked, deleted or moved like other mail.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.flag_quarantined = v.boolean; }},
    Box{.key = "delay_ms",
        .type = Type::integer,
        .default_value = "60000",
        .sentence = "Pause between two passes; IDLE shortens it. Under 1000 it becomes 1000 with a "
                    "warning.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.delay = ms_of(v); },
        .min = 1,
        .max = 86'400'000,
        .unit = "ms"},
    Box{.key = "initial_delay_ms",
        .type = Type::integer,
        .default_value = "0",
        .sentence = "Pause before the first pass.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.initial_delay = ms_of(v); },
        .min = 0,
        .max = 86'400'000,
        .unit = "ms"},
    Box{.key = "idle",
        .type = Type::boolean,
        .default_value = "true",
        .sentence = "Use IMAP IDLE where the server offers it.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.use_idle = v.boolean; }},
    Box{.key = "rules",
        .type = Type::text,
        .default_value = "''",
        .sentence = "The rules that read its mail: `name` of a rule file of the same kind; empty: "
                    "the file of the kind.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.rules = std::move(v.text); }},
    Box{.key = "responsible",
        .type = Type::text,
        .default_value = "''",
        .sentence =
            "Who is responsible for what its mail makes, unless a rule says who: login, "
            "e-mail or id of an employee. Of a support mailbox the assignee. While there is "
            "no such active employee it has nobody and the mailbox is not ready.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.responsible = std::move(v.text); }},
    Box{.key = "target",
        .type = Type::choice,
        .default_value = "'deal'",
        .sentence = "What a new request becomes, unless its rule says otherwise.",
        .store =
            [](MailboxTable& t, SettingValue&& v) {
              t.settings.target =
                  v.text == "lead" ? ingest::MailTarget::lead : ingest::MailTarget::deal;
            },
        .choices = "deal|lead"},
    Box{.key = "first_sync_limit",
        .type = Type::integer,
        .default_value = "0",
        .sentence = "Of a mailbox that is read for the first time only so many of its newest mails "
                    "are taken; the others are in the ledger, ignored by the built-in rule "
                    "before-first-sync; 0: all.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.first_sync_limit = size_of(v); },
        .min = 0,
        .max = 5'000'000},
    Box{.key = "since",
        .type = Type::date,
        .default_value = "''",
        .sentence = "Older mail is not listed, YYYY-MM-DD.",
        .store = [](MailboxTable& t, SettingValue&& v) { t.settings.since = date_of(v.text); }},
    Box{.key = "authserv_id",
        .type = Type::text,
        .default_value = "''",
        .sentence =
            "The name our own mail server puts first into Authentication-Results (RFC 8601): "
            "its word on senders is taken. Empty: nobody's.",
        .store = [](MailboxTable& t,
                    SettingValue&& v) { t.settings.authserv_id = std::move(v.text); }},
    Box{.key = "own_addresses",
        .type = Type::text_list,
        .default_value = "[]",
        .sentence = "More sender addresses of our own, besides mail.own_addresses.",
        .store =
            [](MailboxTable& t, SettingValue&& v) {
              for (std::string& address : v.list)
                t.settings.own_addresses.push_back(std::move(address));
            }},
};

}  // namespace

std::span<const Setting<MailboxTable>> mailbox_settings() { return kMailboxSettings; }

}  // namespace c360::daemon

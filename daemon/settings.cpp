#include "daemon/settings.h"

#include <array>
#include <cstdlib>

namespace c360::daemon {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Type = SettingType;

std::size_t size_of(const SettingValue& value) { return static_cast<std::size_t>(value.integer); }
milliseconds ms_of(const SettingValue& value) { return milliseconds{value.integer}; }
seconds seconds_of(const SettingValue& value) { return seconds{value.integer}; }

LogTarget target_of(std::string_view name) {
  if (name == "stdout") return LogTarget::standard_output;
  if (name == "stderr") return LogTarget::standard_error;
  return name == "none" ? LogTarget::none : LogTarget::automatic;
}

using Row = Setting<Config>;
constexpr auto kMailboxStringSentence =
    "`disabled`, or a mailbox as one string: imaps://HOST[:PORT]?username=U&password=P"
    "&delete=false&unseen=true&delay=60000. Better is a [mailbox.NAME] table with password_file.";

constexpr std::array kSettings = {
    Row{.key = "mail-inbox-crm",
        .type = Type::mailbox_uri,
        .default_value = "'disabled'",
        .sentence = kMailboxStringSentence,
        .store = [](Config&, SettingValue&&) {},  // config.cpp makes mailbox `crm` of it
        .secret = true,
        .environment = true},
    Row{.key = "mail-inbox-activity",
        .type = Type::mailbox_uri,
        .default_value = "'disabled'",
        .sentence = "The same for mail that becomes activities by the suffix of its subject.",
        .store = [](Config&, SettingValue&&) {},
        .secret = true,
        .environment = true},
    Row{.key = "mail-inbox-sd",
        .type = Type::mailbox_uri,
        .default_value = "'disabled'",
        .sentence = "The same for mail that becomes support requests.",
        .store = [](Config&, SettingValue&&) {},
        .secret = true,
        .environment = true},

    Row{.key = "database.url",
        .type = Type::text,
        .default_value = "'postgresql:///client360?host=/run/postgresql'",
        .sentence = "libpq connection string, several hosts allowed; without the password, unless "
                    "it comes from ${NAME}.",
        .store = [](Config& c, SettingValue&& v) { c.database.options.url = std::move(v.text); },
        .secret = true,
        .environment = true},
    Row{.key = "database.password_file",
        .type = Type::secret_file,
        .sentence = "File with the password, or credential:NAME. Without it the credential "
                    "database-password is used if systemd passed one.",
        .store = [](Config& c,
                    SettingValue&& v) { c.database.options.password = std::move(v.secret); },
        .secret = true},
    Row{.key = "database.migrate_url",
        .type = Type::text,
        .default_value = "''",
        .sentence = "Connection string of the schema's owner, used by --migrate and auto_migrate "
                    "only; empty: the same as url.",
        .store = [](Config& c, SettingValue&& v) { c.database.migrate_url = std::move(v.text); },
        .secret = true,
        .environment = true},
    Row{.key = "database.migrate_password_file",
        .type = Type::secret_file,
        .sentence = "File with the password for migrate_url, or credential:NAME.",
        .store = [](Config& c,
                    SettingValue&& v) { c.database.migrate_password = std::move(v.secret); },
        .secret = true},
    Row{.key = "database.app_role",
        .type = Type::text,
        .default_value = "''",
        .sentence = "Role of the running daemon that migrations grant its rights to; empty: the "
                    "owner runs the daemon too.",
        .store = [](Config& c, SettingValue&& v) { c.database.app_role = std::move(v.text); }},
    Row{.key = "database.auto_migrate",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "Apply pending migrations at start instead of refusing to start.",
        .store = [](Config& c, SettingValue&& v) { c.database.auto_migrate = v.boolean; }},
    Row{.key = "database.pooled",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "The connection goes through pgBouncer in transaction mode.",
        .store = [](Config& c, SettingValue&& v) { c.database.options.pooled = v.boolean; }},
    Row{.key = "database.api_connections",
        .type = Type::integer,
        .default_value = "8",
        .sentence = "Connections for requests.",
        .store = [](Config& c,
                    SettingValue&& v) { c.database.options.api_connections = size_of(v); },
        .min = 1,
        .max = 200},
    Row{.key = "database.work_connections",
        .type = Type::integer,
        .default_value = "6",
        .sentence = "Connections for mail and jobs.",
        .store = [](Config& c,
                    SettingValue&& v) { c.database.options.work_connections = size_of(v); },
        .min = 1,
        .max = 200},
    Row{.key = "database.wait_timeout_ms",
        .type = Type::integer,
        .default_value = "2000",
        .sentence = "Wait for a free connection, then the request is answered 503.",
        .store = [](Config& c, SettingValue&& v) { c.database.options.wait_timeout = ms_of(v); },
        .min = 10,
        .max = 60'000,
        .unit = "ms"},
    Row{.key = "database.statement_timeout_ms",
        .type = Type::integer,
        .default_value = "30000",
        .sentence = "The server ends a statement that takes longer.",
        .store = [](Config& c,
                    SettingValue&& v) { c.database.options.statement_timeout = ms_of(v); },
        .min = 100,
        .max = 3'600'000,
        .unit = "ms"},
    Row{.key = "database.lock_timeout_ms",
        .type = Type::integer,
        .default_value = "5000",
        .sentence = "Wait for a lock of another transaction.",
        .store = [](Config& c, SettingValue&& v) { c.database.options.lock_timeout = ms_of(v); },
        .min = 10,
        .max = 600'000,
        .unit = "ms"},

    Row{.key = "api.listen",
        .type = Type::address,
        .default_value = "'127.0.0.1:8360'",
        .sentence = "Address and port of the REST interface.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.api.host = std::move(v.address.host);
              c.api.port = v.address.port;
            }},
    Row{.key = "api.tls_certificate_file",
        .type = Type::file,
        .default_value = "''",
        .sentence = "PEM chain; with it and the key the listener speaks TLS 1.2 or newer. A "
                    "replaced file is taken at once.",
        .store = [](Config& c, SettingValue&& v) { c.api.certificate_file = std::move(v.text); }},
    Row{.key = "api.tls_key_file",
        .type = Type::file,
        .default_value = "''",
        .sentence = "PEM key of the certificate.",
        .store = [](Config& c, SettingValue&& v) { c.api.private_key_file = std::move(v.text); }},
    Row{.key = "api.max_connections",
        .type = Type::integer,
        .default_value = "512",
        .sentence = "Connections served at the same time.",
        .store = [](Config& c, SettingValue&& v) { c.api.max_threads = size_of(v); },
        .min = 4,
        .max = 10'000},
    Row{.key = "api.max_queued_connections",
        .type = Type::integer,
        .default_value = "512",
        .sentence = "Connections that wait to be served; more are closed.",
        .store = [](Config& c, SettingValue&& v) { c.api.max_queued = size_of(v); },
        .min = 1,
        .max = 10'000},
    Row{.key = "api.max_connections_per_address",
        .type = Type::integer,
        .default_value = "128",
        .sentence = "Connections of one client address; loopback is exempt, because a reverse "
                    "proxy lives there.",
        .store = [](Config& c,
                    SettingValue&& v) { c.api.max_connections_per_address = size_of(v); },
        .min = 1,
        .max = 10'000},
    Row{.key = "api.keep_alive_ms",
        .type = Type::integer,
        .default_value = "15000",
        .sentence = "How long an idle connection is kept between two requests.",
        .store = [](Config& c, SettingValue&& v) { c.api.keep_alive_timeout = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "api.header_timeout_ms",
        .type = Type::integer,
        .default_value = "5000",
        .sentence = "From the first byte of a request to the end of its header.",
        .store = [](Config& c, SettingValue&& v) { c.api.header_timeout = ms_of(v); },
        .min = 100,
        .max = 120'000,
        .unit = "ms"},
    Row{.key = "api.max_header_bytes",
        .type = Type::integer,
        .default_value = "32768",
        .sentence = "Size of a request's header.",
        .store = [](Config& c, SettingValue&& v) { c.api.max_header_bytes = size_of(v); },
        .min = 1'024,
        .max = 1 << 20,
        .unit = "bytes"},
    Row{.key = "api.max_import_bytes",
        .type = Type::integer,
        .default_value = "1073741824",
        .sentence = "Longest file of POST /mail/import and of POST /{resource}/import; it streams, "
                    "whatever its length.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.max_import_bytes = static_cast<std::uint64_t>(v.integer);
            },
        .min = 1'024,
        .max = 1LL << 40,
        .unit = "bytes"},
    Row{.key = "api.max_bulk_rows",
        .type = Type::integer,
        .default_value = "1000",
        .sentence = "Rows of one POST /{resource}/bulk.",
        .store = [](Config& c, SettingValue&& v) { c.limits.max_bulk_rows = size_of(v); },
        .min = 1,
        .max = 100'000},
    Row{.key = "api.max_bulk_bytes",
        .type = Type::integer,
        .default_value = "16777216",
        .sentence = "Body of one POST /{resource}/bulk.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.limits.max_bulk_bytes = static_cast<std::uint64_t>(v.integer);
            },
        .min = 1'024,
        .max = 1LL << 30,
        .unit = "bytes"},
    Row{.key = "api.max_export_rows",
        .type = Type::integer,
        .default_value = "1000000",
        .sentence = "Rows of one GET /{resource}/export; a sheet of XLSX holds 1,048,576.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.limits.max_export_rows = static_cast<std::uint64_t>(v.integer);
            },
        .min = 1,
        .max = 100'000'000},
    Row{.key = "api.max_import_rows",
        .type = Type::integer,
        .default_value = "20000",
        .sentence = "Rows of one POST /{resource}/import with mode=all, which is one transaction; "
                    "mode=each takes any number.",
        .store = [](Config& c, SettingValue&& v) { c.limits.max_import_rows = size_of(v); },
        .min = 1,
        .max = 1'000'000},
    Row{.key = "api.max_event_readers",
        .type = Type::integer,
        .default_value = "64",
        .sentence = "Requests that wait for events of GET /events at the same time; each holds a "
                    "connection.",
        .store = [](Config& c, SettingValue&& v) { c.limits.max_event_readers = size_of(v); },
        .min = 1,
        .max = 5'000},
    Row{.key = "api.max_event_wait_ms",
        .type = Type::integer,
        .default_value = "60000",
        .sentence = "Longest `wait` of GET /events, and how long a stream of events stays silent "
                    "before it says that it is alive.",
        .store = [](Config& c, SettingValue&& v) { c.limits.max_event_wait = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "api.max_body_bytes",
        .type = Type::integer,
        .default_value = "1048576",
        .sentence = "Size of a request's body; uploads have limits of their own.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.api.max_body_bytes = static_cast<std::uint64_t>(v.integer);
            },
        .min = 1'024,
        .max = 1 << 30,
        .unit = "bytes"},
    Row{.key = "api.body_grace_ms",
        .type = Type::integer,
        .default_value = "10000",
        .sentence = "Time a body may take besides its size at min_body_bytes_per_second.",
        .store = [](Config& c, SettingValue&& v) { c.api.body_grace = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "api.min_body_bytes_per_second",
        .type = Type::integer,
        .default_value = "1024",
        .sentence = "A client slower than this loses its connection.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.api.min_body_bytes_per_second = static_cast<std::uint64_t>(v.integer);
            },
        .min = 1,
        .max = 1 << 30,
        .unit = "bytes/s"},

    Row{.key = "api.requests_per_second",
        .type = Type::integer,
        .default_value = "200",
        .sentence = "Requests of one token, refilled at this rate; 0: no limit.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.rate.requests_per_second = static_cast<double>(v.integer);
            },
        .min = 0,
        .max = 1'000'000},
    Row{.key = "api.request_burst",
        .type = Type::integer,
        .default_value = "1000",
        .sentence = "Requests of one token at once, before the rate applies.",
        .store = [](Config& c, SettingValue&& v) { c.rate.burst = static_cast<double>(v.integer); },
        .min = 1,
        .max = 1'000'000},

    Row{.key = "admin.listen",
        .type = Type::address,
        .default_value = "'127.0.0.1:8361'",
        .sentence = "Address and port of /metrics, /healthz, /readyz, /-/reload and /-/config. It "
                    "has no password: keep it on loopback or a private network.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.admin.host = std::move(v.address.host);
              c.admin.port = v.address.port;
            }},

    Row{.key = "log.level",
        .type = Type::choice,
        .default_value = "'info'",
        .sentence = "The least level that is written.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.log.level = log_level_from(v.text).value_or(LogLevel::info);
            },
        .choices = "debug|info|warn|error"},
    Row{.key = "log.target",
        .type = Type::choice,
        .default_value = "'auto'",
        .sentence = "Where to; auto: fields in the journal under systemd, else standard output.",
        .store = [](Config& c, SettingValue&& v) { c.log.target = target_of(v.text); },
        .choices = "auto|stdout|stderr|none"},

    Row{.key = "rules.folder",
        .type = Type::folder,
        .default_value = "''",
        .sentence = "Folder with crm.toml, activity.toml, support.toml and their example mails; "
                    "empty: the rules built into the program.",
        .store = [](Config& c, SettingValue&& v) { c.rules_folder = std::move(v.text); }},

    Row{.key = "support.reopen_days",
        .type = Type::integer,
        .default_value = "7",
        .sentence = "An answer to a request closed for longer makes a new request; before that it "
                    "opens the old one again.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.mailbox_defaults.reopen_within = std::chrono::days{v.integer};
            },
        .min = 0,
        .max = 3'650,
        .unit = "days"},

    Row{.key = "business.timezone",
        .type = Type::text,
        .default_value = "'Europe/Moscow'",
        .sentence = "The zone in which days begin and end.",
        .store = [](Config& c, SettingValue&& v) { c.timezone = std::move(v.text); }},
    Row{.key = "business.phone_region",
        .type = Type::text,
        .default_value = "'RU'",
        .sentence = "Country of a phone number without a country code, ISO 3166-1 alpha-2.",
        .store = [](Config& c,
                    SettingValue&& v) { c.intake.default_phone_region = std::move(v.text); }},
    Row{.key = "crm.groups.swap_manager_cco",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "Exchange the meaning of the groups crm-manager and crm-cco, for installations "
                    "that filled them the other way round.",
        .store = [](Config& c, SettingValue&& v) { c.swap_manager_cco = v.boolean; }},

    Row{.key = "requisites.believe",
        .type = Type::text_list,
        .default_value = "['person', 'import', 'mail', 'dadata', 'kontur']",
        .sentence = "Whose word about a requisite of a counterparty counts, the first most. A "
                    "register replaces the words of those after it; what differs otherwise is told "
                    "as a conflict. Empty fields are always filled.",
        .store = [](Config& c, SettingValue&& v) { c.believed_sources = std::move(v.list); }},
    Row{.key = "dadata.enabled",
        .type = Type::boolean,
        .default_value = "true",
        .sentence = "false: DaData is never asked. Without a key it is off too.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.enabled = v.boolean; }},
    Row{.key = "dadata.api_key_file",
        .type = Type::secret_file,
        .sentence = "File with the API key, or credential:NAME. Without it the credential "
                    "dadata-api-key is used if systemd passed one. A new file is taken at once.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.dadata.token = std::move(v.secret); },
        .secret = true},
    Row{.key = "dadata.secret_key_file",
        .type = Type::secret_file,
        .sentence = "File with the secret key, or credential:NAME. With it a refusal for a day "
                    "that is used up is told from one of the key.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.dadata.secret = std::move(v.secret); },
        .secret = true},
    Row{.key = "dadata.suggestions_url",
        .type = Type::text,
        .default_value = "'https://suggestions.dadata.ru'",
        .sentence = "Scheme and host of the suggestions, or of an installation of your own.",
        .store = [](Config& c,
                    SettingValue&& v) { c.dadata.dadata.suggestions_url = std::move(v.text); }},
    Row{.key = "dadata.profile_url",
        .type = Type::text,
        .default_value = "'https://dadata.ru'",
        .sentence = "Scheme and host that tell what is left of the day.",
        .store = [](Config& c,
                    SettingValue&& v) { c.dadata.dadata.profile_url = std::move(v.text); }},
    Row{.key = "dadata.ca_file",
        .type = Type::file,
        .default_value = "''",
        .sentence = "PEM, trusted for these hosts instead of the system's authorities.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.dadata.ca_file = std::move(v.text); }},
    Row{.key = "dadata.connections",
        .type = Type::integer,
        .default_value = "4",
        .sentence = "Calls at the same time of one daemon.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.workers = size_of(v); },
        .min = 1,
        .max = 16},
    Row{.key = "dadata.calls_per_second",
        .type = Type::integer,
        .default_value = "20",
        .sentence = "Of all daemons together; the service refuses more than 30.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.dadata.dadata.find.rate.calls = static_cast<int>(v.integer);
            },
        .min = 1,
        .max = 1'000},
    Row{.key = "dadata.day_limit",
        .type = Type::integer,
        .default_value = "0",
        .sentence = "Calls a day of Moscow of all daemons together, then nobody asks until "
                    "midnight; 0: what the tariff allows.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.dadata.find.day_calls = v.integer; },
        .min = 0,
        .max = 100'000'000},
    Row{.key = "dadata.month_limit",
        .type = Type::integer,
        .default_value = "0",
        .sentence = "The same of a month.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.dadata.find.month_calls = v.integer; },
        .min = 0,
        .max = 1'000'000'000},
    Row{.key = "dadata.connect_timeout_ms",
        .type = Type::integer,
        .default_value = "3000",
        .sentence = "Name lookup, TCP and TLS together.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.dadata.find.connect = ms_of(v); },
        .min = 100,
        .max = 60'000,
        .unit = "ms"},
    Row{.key = "dadata.timeout_ms",
        .type = Type::integer,
        .default_value = "10000",
        .sentence = "The whole call, however slowly its bytes come.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.dadata.find.whole = ms_of(v); },
        .min = 100,
        .max = 120'000,
        .unit = "ms"},
    Row{.key = "dadata.max_answer_bytes",
        .type = Type::integer,
        .default_value = "8388608",
        .sentence = "A longer answer, unpacked, is refused.",
        .store = [](Config& c,
                    SettingValue&& v) { c.dadata.dadata.find.max_answer_bytes = size_of(v); },
        .min = 65'536,
        .max = 1 << 28,
        .unit = "bytes"},
    Row{.key = "dadata.keep_hours",
        .type = Type::integer,
        .default_value = "24",
        .sentence = "How long an answer is good; it is not bought again before.",
        .store = [](Config& c, SettingValue&& v) { c.dadata.found_for = hours{v.integer}; },
        .min = 1,
        .max = 8'760,
        .unit = "h"},
    Row{.key = "dadata.keep_unknown_minutes",
        .type = Type::integer,
        .default_value = "60",
        .sentence = "How long it is believed that the register knows nothing of an INN.",
        .store = [](Config& c,
                    SettingValue&& v) { c.dadata.not_found_for = std::chrono::minutes{v.integer}; },
        .min = 1,
        .max = 10'080,
        .unit = "minutes"},

    Row{.key = "mail.max_message_bytes",
        .type = Type::integer,
        .default_value = "104857600",
        .sentence = "A longer mail goes to quarantine unread.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.mailbox_defaults.imap.limits.message_bytes = static_cast<std::uint64_t>(v.integer);
            },
        .min = 4'096,
        .max = 1LL << 31,
        .unit = "bytes"},
    Row{.key = "mail.batch_messages",
        .type = Type::integer,
        .default_value = "100",
        .sentence = "Mails fetched and committed together.",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.batch_messages = size_of(v); },
        .min = 1,
        .max = 10'000},
    Row{.key = "mail.batch_bytes",
        .type = Type::integer,
        .default_value = "8388608",
        .sentence = "A batch ends when it holds this much.",
        .store = [](Config& c, SettingValue&& v) { c.mailbox_defaults.batch_bytes = size_of(v); },
        .min = 65'536,
        .max = 1 << 30,
        .unit = "bytes"},
    Row{.key = "mail.own_addresses",
        .type = Type::text_list,
        .default_value = "[]",
        .sentence = "Our own sender addresses: mail from them is ignored in every mailbox.",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.own_addresses = std::move(v.list); }},
    Row{.key = "mail.max_attachment_bytes",
        .type = Type::integer,
        .default_value = "0",
        .sentence =
            "A mail with a larger attachment is held as attachment_blocked; 0: the limit of "
            "the mail alone counts.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.intake.attachment_bytes = static_cast<std::uint64_t>(v.integer);
            },
        .min = 0,
        .max = 1 << 30,
        .unit = "bytes"},
    Row{.key = "mail.clamd",
        .type = Type::text,
        .default_value = "''",
        .sentence =
            "clamd that looks at every attachment: HOST:PORT or the path of its socket. While "
            "it is away mail with attachments waits. Empty: nobody looks.",
        .store = [](Config& c, SettingValue&& v) { c.clamd = std::move(v.text); }},
    Row{.key = "mail.clamd_timeout_ms",
        .type = Type::integer,
        .default_value = "30000",
        .sentence = "Limit of one attachment at clamd.",
        .store = [](Config& c, SettingValue&& v) { c.clamd_timeout = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "mail.loop_limit",
        .type = Type::integer,
        .default_value = "200",
        .sentence =
            "More answers of one sender within mail.loop_window_minutes are held as a loop, "
            "unless a sender rule allows him. 0: they are not counted.",
        .store = [](Config& c, SettingValue&& v) { c.mailbox_defaults.loop_limit = v.integer; },
        .min = 0,
        .max = 1'000'000},
    Row{.key = "mail.loop_window_minutes",
        .type = Type::integer,
        .default_value = "60",
        .sentence = "The window of mail.loop_limit.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.mailbox_defaults.loop_window = std::chrono::minutes{v.integer};
            },
        .min = 1,
        .max = 10'080,
        .unit = "minutes"},
    Row{.key = "mail.attempt_limit",
        .type = Type::integer,
        .default_value = "5",
        .sentence = "Failed tries of one mail before it goes to quarantine.",
        .store = [](Config& c,
                    SettingValue&& v) { c.intake.attempt_limit = static_cast<int>(v.integer); },
        .min = 1,
        .max = 1'000},
    Row{.key = "mail.compare_interval_s",
        .type = Type::integer,
        .default_value = "900",
        .sentence = "How often the ledger is compared with everything the server lists.",
        .store = [](Config& c, SettingValue&& v) { c.intake.compare_interval = seconds_of(v); },
        .min = 5,
        .max = 86'400,
        .unit = "s"},
    Row{.key = "mail.pass_limit_s",
        .type = Type::integer,
        .default_value = "300",
        .sentence = "A pass over a mailbox without progress for longer is an alarm.",
        .store = [](Config& c, SettingValue&& v) { c.intake.pass_limit = seconds_of(v); },
        .min = 5,
        .max = 86'400,
        .unit = "s"},
    Row{.key = "mail.connect_timeout_ms",
        .type = Type::integer,
        .default_value = "30000",
        .sentence = "Name lookup, TCP, TLS and greeting together.",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.imap.connect_timeout = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "mail.command_timeout_ms",
        .type = Type::integer,
        .default_value = "60000",
        .sentence = "From an IMAP command to the end of its answer; a fetch has it per mail.",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.imap.command_timeout = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "mail.idle_renewal_s",
        .type = Type::integer,
        .default_value = "1680",
        .sentence = "IDLE is renewed this often; servers drop it after 30 minutes (RFC 2177).",
        .store = [](Config& c,
                    SettingValue&& v) { c.mailbox_defaults.imap.idle_renewal = seconds_of(v); },
        .min = 1,
        .max = 1'740,
        .unit = "s"},
    Row{.key = "mail.prepare_threads",
        .type = Type::integer,
        .default_value = "4",
        .sentence = "Threads that read and apply mail: a mailbox keeps two of them busy while much "
                    "comes in.",
        .store = [](Config& c, SettingValue&& v) { c.intake.prepare_threads = size_of(v); },
        .min = 1,
        .max = 64},
    Row{.key = "mail.spool_folder",
        .type = Type::folder,
        .default_value = "'/tmp'",
        .sentence = "Where a mail over spool_bytes lies while it is worked on (unlinked files).",
        .store = [](Config& c, SettingValue&& v) { c.intake.spool_folder = std::move(v.text); }},
    Row{.key = "mail.spool_bytes",
        .type = Type::integer,
        .default_value = "1048576",
        .sentence = "A longer mail is not held in memory.",
        .store = [](Config& c, SettingValue&& v) { c.intake.spool_bytes = size_of(v); },
        .min = 4'096,
        .max = 1 << 30,
        .unit = "bytes"},

    Row{.key = "idempotency.keep_hours",
        .type = Type::integer,
        .default_value = "72",
        .sentence = "How long the answer under an Idempotency-Key is kept.",
        .store = [](Config& c, SettingValue&& v) { c.retention.idempotency = hours{v.integer}; },
        .min = 1,
        .max = 8'760,
        .unit = "h"},
    Row{.key = "retention.history_months_ahead",
        .type = Type::integer,
        .default_value = "3",
        .sentence = "Monthly history partitions made in advance.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.retention.history_months_ahead = static_cast<int>(v.integer);
            },
        .min = 1,
        .max = 24,
        .unit = "months"},

    Row{.key = "retention.jobs_days",
        .type = Type::integer,
        .default_value = "30",
        .sentence = "How long finished jobs and their runs are shown; failed jobs stay until they "
                    "are run again.",
        .store = [](Config& c, SettingValue&& v) { c.retention.jobs = hours{v.integer * 24}; },
        .min = 1,
        .max = 3'650,
        .unit = "days"},

    Row{.key = "jobs.threads",
        .type = Type::integer,
        .default_value = "2",
        .sentence = "Jobs under way at the same time in this daemon; each may use a connection of "
                    "database.work_connections.",
        .store = [](Config& c, SettingValue&& v) { c.job_threads = size_of(v); },
        .min = 1,
        .max = 64},

    Row{.key = "service.stop_limit_ms",
        .type = Type::integer,
        .default_value = "10000",
        .sentence = "What is under way at a stop may take this long; then it is broken off.",
        .store = [](Config& c, SettingValue&& v) { c.service.stop_limit = ms_of(v); },
        .min = 500,
        .max = 10'000,
        .unit = "ms"},
    Row{.key = "service.loop_limit_s",
        .type = Type::integer,
        .default_value = "120",
        .sentence = "The systemd watchdog is fed only while every loop has reported within this.",
        .store = [](Config& c, SettingValue&& v) { c.service.loop_limit = seconds_of(v); },
        .min = 10,
        .max = 3'600,
        .unit = "s"},
    Row{.key = "service.reload_delay_ms",
        .type = Type::integer,
        .default_value = "500",
        .sentence = "A changed file is read when nothing has changed for this long.",
        .store = [](Config& c, SettingValue&& v) { c.service.reload_delay = ms_of(v); },
        .min = 10,
        .max = 60'000,
        .unit = "ms"},
};

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

constexpr std::array kPlainKeys = {
    PlainMailboxKey{"mail-inbox-crm", ingest::MailboxKind::crm},
    PlainMailboxKey{"mail-inbox-activity", ingest::MailboxKind::activity},
    PlainMailboxKey{"mail-inbox-sd", ingest::MailboxKind::support},
};

struct TableSentence {
  std::string_view table;
  std::string_view sentence;
};
constexpr std::array kTables = {
    TableSentence{"database", "PostgreSQL 15 or newer."},
    TableSentence{"api", "The REST interface, /api/v1."},
    TableSentence{"admin", "Metrics, health and reload, for Prometheus and the operator."},
    TableSentence{"rules", "How mail is read."},
    TableSentence{"mail", "Limits common to all mailboxes."},
    TableSentence{"support", "The service desk."},
    TableSentence{"requisites", "Where the requisites of counterparties come from."},
    TableSentence{"dadata", "The register of companies: https://dadata.ru."},
    TableSentence{"service", "The process itself."},
};

}  // namespace

std::span<const Setting<Config>> settings() { return kSettings; }
std::span<const Setting<MailboxTable>> mailbox_settings() { return kMailboxSettings; }
std::span<const PlainMailboxKey> plain_mailbox_keys() { return kPlainKeys; }

std::string_view table_sentence(std::string_view table) {
  for (const TableSentence& row : kTables)
    if (row.table == table) return row.sentence;
  return {};
}

}  // namespace c360::daemon

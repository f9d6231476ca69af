#include <array>

#include "daemon/settings/rows.h"

namespace c360::daemon {

namespace {

constexpr std::array kRows = {
    Row{.key = "kontur_focus.enabled",
        .type = Type::boolean,
        .default_value = "true",
        .sentence = "false: Kontur.Focus is never asked. Without a key it is off too.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.enabled = v.boolean; }},
    Row{.key = "kontur_focus.api_token_file",
        .type = Type::secret_file,
        .sentence = "File with the key, or credential:NAME. Without it the credential "
                    "kontur-focus-api-token is used if systemd passed one. A new file is taken at "
                    "once.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.kontur_focus.kontur.token = service_key(std::move(v.secret));
            },
        .secret = true},
    Row{.key = "kontur_focus.url",
        .type = Type::text,
        .default_value = "'https://focus-api.kontur.ru'",
        .sentence = "Scheme and host of the service.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.kontur.base_url = std::move(v.text); }},
    Row{.key = "kontur_focus.ca_file",
        .type = Type::file,
        .default_value = "''",
        .sentence = "PEM, trusted for this host instead of the system's authorities.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.kontur.ca_file = std::move(v.text); }},
    Row{.key = "kontur_focus.proxy",
        .type = Type::text,
        .default_value = "''",
        .sentence = kProxySentence,
        .store =
            [](Config& c, SettingValue&& v) {
              c.kontur_focus.kontur.json.proxy.url = v.text;
              c.kontur_focus.kontur.pdf.proxy.url = std::move(v.text);
            }},
    Row{.key = "kontur_focus.proxy_credentials_file",
        .type = Type::secret_file,
        .sentence = kProxyCredentialsSentence,
        .store =
            [](Config& c, SettingValue&& v) {
              c.kontur_focus.kontur.json.proxy.credentials = v.secret;
              c.kontur_focus.kontur.pdf.proxy.credentials = std::move(v.secret);
            },
        .secret = true},
    Row{.key = "kontur_focus.after_import",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "Get the express report of imported counterparties too: each is paid for. That "
                    "of one made otherwise is got as soon as it has an INN.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.on_import = v.boolean; }},
    Row{.key = "kontur_focus.report_days",
        .type = Type::integer,
        .default_value = "30",
        .sentence = "After so many days a report is stale.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.report_for = std::chrono::days{v.integer}; },
        .min = 1,
        .max = 3'650,
        .unit = "days"},
    Row{.key = "kontur_focus.recheck",
        .type = Type::boolean,
        .default_value = "true",
        .sentence = "Ask again for stale reports: at most 500 a day, the oldest first.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.recheck = v.boolean; }},
    Row{.key = "kontur_focus.watch",
        .type = Type::boolean,
        .default_value = "false",
        .sentence = "Keep the counterparties on the watch list of the service and refresh, each "
                    "morning, the cards of those whose requisites changed the day before, without "
                    "waiting for the monthly refresh. The contract must have it.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.watch = v.boolean; }},
    Row{.key = "kontur_focus.batch_limit",
        .type = Type::integer,
        .default_value = "1000",
        .sentence = "Counterparties whose reports are asked for together; more are refused.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.batch_limit = static_cast<int>(v.integer); },
        .min = 1,
        .max = 100'000},
    Row{.key = "kontur_focus.connections",
        .type = Type::integer,
        .default_value = "2",
        .sentence = "Calls at the same time of one daemon, without PDFs.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.connections = size_of(v); },
        .min = 1,
        .max = 16},
    Row{.key = "kontur_focus.pdf_connections",
        .type = Type::integer,
        .default_value = "1",
        .sentence = "PDFs got at the same time by one daemon.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.pdf_connections = size_of(v); },
        .min = 1,
        .max = 16},
    Row{.key = "kontur_focus.calls_per_second",
        .type = Type::integer,
        .default_value = "5",
        .sentence = "Of all daemons together, without PDFs.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.kontur_focus.kontur.json.rate.calls = static_cast<int>(v.integer);
            },
        .min = 1,
        .max = 1'000},
    Row{.key = "kontur_focus.pdfs_per_second",
        .type = Type::integer,
        .default_value = "1",
        .sentence = "Of all daemons together.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.kontur_focus.kontur.pdf.rate.calls = static_cast<int>(v.integer);
            },
        .min = 1,
        .max = 1'000},
    Row{.key = "kontur_focus.day_limit",
        .type = Type::integer,
        .default_value = "0",
        .sentence = "Reports a day of Moscow of all daemons together, then nobody asks until "
                    "midnight; 0: what the contract allows.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.kontur_focus.kontur.json.day_calls = v.integer;
              c.kontur_focus.kontur.pdf.day_calls = v.integer;
            },
        .min = 0,
        .max = 100'000'000},
    Row{.key = "kontur_focus.month_limit",
        .type = Type::integer,
        .default_value = "0",
        .sentence = "The same of a month.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.kontur_focus.kontur.json.month_calls = v.integer;
              c.kontur_focus.kontur.pdf.month_calls = v.integer;
            },
        .min = 0,
        .max = 1'000'000'000},
    Row{.key = "kontur_focus.connect_timeout_ms",
        .type = Type::integer,
        .default_value = "5000",
        .sentence = "Name lookup, TCP and TLS together.",
        .store =
            [](Config& c, SettingValue&& v) {
              c.kontur_focus.kontur.json.connect = ms_of(v);
              c.kontur_focus.kontur.pdf.connect = ms_of(v);
            },
        .min = 100,
        .max = 60'000,
        .unit = "ms"},
    Row{.key = "kontur_focus.first_byte_s",
        .type = Type::integer,
        .default_value = "15",
        .sentence = "The first byte of an answer, and every later silence.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.kontur.json.first_byte = seconds_of(v); },
        .min = 1,
        .max = 300,
        .unit = "s"},
    Row{.key = "kontur_focus.timeout_ms",
        .type = Type::integer,
        .default_value = "30000",
        .sentence = "The whole call but for a PDF, however slowly its bytes come.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.kontur.json.whole = ms_of(v); },
        .min = 100,
        .max = 300'000,
        .unit = "ms"},
    Row{.key = "kontur_focus.pdf_first_byte_s",
        .type = Type::integer,
        .default_value = "60",
        .sentence = "The same of a PDF.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.kontur.pdf.first_byte = seconds_of(v); },
        .min = 1,
        .max = 600,
        .unit = "s"},
    Row{.key = "kontur_focus.pdf_timeout_ms",
        .type = Type::integer,
        .default_value = "120000",
        .sentence = "The same for a PDF.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.kontur.pdf.whole = ms_of(v); },
        .min = 100,
        .max = 600'000,
        .unit = "ms"},
    Row{.key = "kontur_focus.max_answer_bytes",
        .type = Type::integer,
        .default_value = "16777216",
        .sentence = "A longer answer, unpacked, is refused.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.kontur.json.max_answer_bytes = size_of(v); },
        .min = 65'536,
        .max = 1 << 28,
        .unit = "bytes"},
    Row{.key = "kontur_focus.max_pdf_bytes",
        .type = Type::integer,
        .default_value = "33554432",
        .sentence = "A longer PDF is refused.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.kontur.pdf.max_answer_bytes = size_of(v); },
        .min = 65'536,
        .max = 1 << 28,
        .unit = "bytes"},
    Row{.key = "kontur_focus.keep_hours",
        .type = Type::integer,
        .default_value = "24",
        .sentence = "How long a risk level is good; it is not asked for again before.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.risk_for = hours{v.integer}; },
        .min = 1,
        .max = 8'760,
        .unit = "h"},
    Row{.key = "kontur_focus.keep_whole_answers",
        .type = Type::boolean,
        .default_value = "true",
        .sentence = "false: of an answer only what the program reads is kept, without owners, "
                    "managers and their INN; those of before go when they run out.",
        .store = [](Config& c, SettingValue&& v) { c.kontur_focus.keeps_whole = v.boolean; }},
    Row{.key = "kontur_focus.keep_unknown_hours",
        .type = Type::integer,
        .default_value = "24",
        .sentence = "How long it is believed that the service knows nothing of an INN.",
        .store = [](Config& c,
                    SettingValue&& v) { c.kontur_focus.not_found_for = hours{v.integer}; },
        .min = 1,
        .max = 8'760,
        .unit = "h"},
};

}  // namespace

std::span<const Setting<Config>> focus_settings() { return kRows; }

}  // namespace c360::daemon

// The configuration as a value: what one TOML file, the secrets it names and the environment say,
// checked against THE settings table (settings.h).
//
// Parts never see the file: each gets its own small struct from here. A Config never changes; a
// reload makes another one and compares. Every mistake is reported with file, line and column, all
// at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/focus_reports.h"
#include "adapters/helper_renderer.h"
#include "adapters/party_register.h"
#include "adapters/service_gate.h"
#include "adapters/telegram.h"
#include "adapters/traffic_sources.h"
#include "api/limits.h"
#include "api/server.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "daemon/base/toml.h"
#include "daemon/message_config.h"
#include "daemon/sms_config.h"
#include "daemon/webhook_config.h"
#include "ingest/intake.h"
#include "ingest/mailbox_settings.h"
#include "store/database.h"

namespace c360::daemon {

// Where a listener listens. `host` is an address or a name; "[::1]:8360" in text for IPv6.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;  // 0: any free port, for tests
  bool operator==(const ListenAddress&) const = default;
  std::string to_string() const;
};
std::optional<ListenAddress> parse_listen_address(std::string_view text);

struct DatabaseConfig {
  // No transaction waits for anything but the database. One that does has a daemon that is frozen,
  // and must not keep the mailbox from the next for longer than the lease does.
  store::DatabaseOptions options{.idle_in_transaction_timeout = std::chrono::seconds{15}};
  std::string migrate_url;  // empty: the same as options.url
  Secret migrate_password;
  std::string app_role;  // the run-time role that migrations grant to; empty: none
  bool auto_migrate = false;
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  LogTarget target = LogTarget::automatic;
};

struct ServiceConfig {
  std::chrono::milliseconds stop_limit{};
  std::chrono::seconds loop_limit{};  // a loop silent for longer stops the watchdog
  std::chrono::milliseconds reload_delay{};
};

// Requests of one token; 0: no limit.
struct RateConfig {
  double requests_per_second = 0;
  double burst = 0;
};

struct RetentionConfig {
  std::chrono::hours idempotency{};
  int history_months_ahead = 0;
  std::chrono::hours jobs{};  // finished ones and their runs
  // Of the job `purge`; 0: kept for ever.
  std::chrono::hours deleted{};          // deleted records
  std::chrono::hours raw_mail{};         // the bytes of mails that have ended
  std::chrono::hours notifications{};    // of users
  std::chrono::hours parked_webhooks{};  // events nobody took
  std::chrono::hours service_calls{};    // the journal of calls to outside services
};

// A setting as it is in force.
struct EffectiveSetting {
  std::string key;          // "api.listen", "mailbox.sales.host"
  std::string value;        // TOML spelling; masked where it is a secret
  bool set = false;         // it stands in the file; otherwise this is the default
  std::string fingerprint;  // equal when setting, secret and content of a named file are equal
};

struct Config {
  std::string file;
  DatabaseConfig database;
  api::ServerOptions api;
  api::ServerOptions admin;
  RateConfig rate;
  LogConfig log;
  ingest::IntakeOptions intake;  // without holder and beat, which App adds
  std::string clamd;             // as written; empty: no scanner
  std::chrono::milliseconds clamd_timeout{};
  adapters::HelperRendererOptions renderer;  // an empty path: none
  ServiceConfig service;
  RetentionConfig retention;
  std::size_t job_threads = 0;
  int stale_days = 0;                     // without contact, of a customer
  std::chrono::seconds probe_interval{};  // of outside services; 0: not by the clock
  adapters::RetryPolicy service_retry;    // of jobs whose outside service did not answer
  std::uint64_t max_import_bytes = 0;
  api::ApiLimits limits;
  adapters::PartyRegisterOptions dadata;
  adapters::FocusReportsOptions kontur_focus;
  adapters::TrafficSourcesOptions metrika;
  adapters::TelegramOptions telegram;
  SmsConfig sms;
  WebhookConfig webhooks;
  MessageConfig messages;
  std::vector<std::string> believed_sources;  // of requisites, the one believed most first
  std::string timezone;
  bool swap_manager_cco = false;
  std::string rules_folder;                        // empty: the rules built into the program
  std::vector<ingest::MailboxSettings> mailboxes;  // enabled ones, in the order of their codes

  // What every mailbox starts with; part of `mailboxes` in the end.
  ingest::MailboxSettings mailbox_defaults;
  std::vector<EffectiveSetting> effective;  // in the order of the table
  std::vector<FileProblem> warnings;
  std::vector<std::string> watched;  // the file itself, secrets, certificates
  std::string hash;                  // hex SHA-256 over the file and the files it names
};

// Keys whose setting, secret or file content differs, in the order of `next`. A mailbox that is
// gone is named by its table.
std::vector<std::string> changed_settings(const Config& previous, const Config& next);

// What loading reads besides the file; tests hand in their own.
struct Surroundings {
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::string credentials_directory;  // $CREDENTIALS_DIRECTORY, systemd.exec(5); empty: none
  static Surroundings of_process();
};

using Problems = std::vector<FileProblem>;

std::expected<Config, Problems> load_config(const std::string& file,
                                            const Surroundings& surroundings);
std::expected<Config, Problems> parse_config(std::string_view text, const std::string& file,
                                             const Surroundings& surroundings);

// --print=config: valid TOML, secrets masked.
std::string print_config(const Config& config);
// GET /-/config: the same as JSON.
std::string config_json(const Config& config);
// --print=sample-config: every setting with its sentence, commented out at its default.
std::string sample_config();
// --print=settings: a Markdown table of all settings.
std::string settings_table();

}  // namespace c360::daemon

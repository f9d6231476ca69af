// The table of all metrics: one row each, in the order of the enum. Names follow
// client360_<noun>_<unit>_total; every row says what the number means to the person on call.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace c360 {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

// Bucket bounds in seconds.
inline constexpr std::array kLatencyBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                               0.25,  0.5,    1.0,   2.5,  5.0,   10.0};
// From minutes to days: how long a mail took.
inline constexpr std::array kDelayBuckets = {1.0,   5.0,    15.0,   60.0,    300.0,   900.0,
                                             3600., 14400., 86400., 604800., 2592000.};

enum class Buckets : std::uint8_t { none, latency, delay };

enum class Metric : std::uint16_t {
  build_info,
  events_total,
  config_last_reload_successful,
  config_last_reload_success_timestamp_seconds,
  config_hash,
  config_generation,
  config_reloads_total,
  mail_outcomes_total,
  mail_quarantined_total,
  mail_rule_matches_total,
  mail_flag_failures_total,
  mail_size_mismatches_total,
  mail_charset_paths_total,
  mail_processing_delay_seconds,
  mail_batch_seconds,
  mailbox_up,
  mailbox_pending,
  mailbox_last_pass_timestamp_seconds,
  mailbox_failures_total,
  quarantine_open,
  http_requests_total,
  http_request_duration_seconds,
  http_connections,
  http_refused_total,
  database_connections,
  database_waits_seconds,
  database_errors_total,
  count,
};

struct MetricRow {
  Metric metric;
  MetricType type;
  std::string_view name;
  std::string_view help;
  std::array<std::string_view, 3> labels{};
  Buckets buckets = Buckets::none;
};

inline constexpr std::array kMetricTable = {
    MetricRow{Metric::build_info,
              MetricType::gauge,
              "client360_build_info",
              "Always 1; the version that runs",
              {"version"}},
    MetricRow{Metric::events_total,
              MetricType::counter,
              "client360_events_total",
              "Named events as logged",
              {"event"}},
    MetricRow{Metric::config_last_reload_successful,
              MetricType::gauge,
              "client360_config_last_reload_successful",
              "1 when the last offered configuration was taken, 0 when it was refused",
              {}},
    MetricRow{Metric::config_last_reload_success_timestamp_seconds,
              MetricType::gauge,
              "client360_config_last_reload_success_timestamp_seconds",
              "When a configuration was last taken, seconds since the epoch",
              {}},
    MetricRow{Metric::config_hash,
              MetricType::gauge,
              "client360_config_hash",
              "First 48 bits of the SHA-256 over configuration and rules in use",
              {}},
    MetricRow{Metric::config_generation,
              MetricType::gauge,
              "client360_config_generation",
              "How many configurations were taken since the start",
              {}},
    MetricRow{Metric::config_reloads_total,
              MetricType::counter,
              "client360_config_reloads_total",
              "Reloads by result: applied, unchanged, refused",
              {"result"}},
    MetricRow{Metric::mail_outcomes_total,
              MetricType::counter,
              "client360_mail_outcomes_total",
              "Mails by mailbox and end state",
              {"mailbox", "outcome"}},
    MetricRow{Metric::mail_quarantined_total,
              MetricType::counter,
              "client360_mail_quarantined_total",
              "Mails quarantined, by reason",
              {"mailbox", "reason"}},
    MetricRow{Metric::mail_rule_matches_total,
              MetricType::counter,
              "client360_mail_rule_matches_total",
              "Mails by the rule that decided",
              {"mailbox", "rule"}},
    MetricRow{Metric::mail_flag_failures_total,
              MetricType::counter,
              "client360_mail_flag_failures_total",
              "Flagging attempts the server refused; they are retried",
              {"mailbox"}},
    MetricRow{Metric::mail_size_mismatches_total,
              MetricType::counter,
              "client360_mail_size_mismatches_total",
              "Mails taken although their length is not what the server says",
              {"mailbox"}},
    MetricRow{Metric::mail_charset_paths_total,
              MetricType::counter,
              "client360_mail_charset_paths_total",
              "How the charset of a text part was found: declared, utf8, guessed, fallback",
              {"path"}},
    MetricRow{Metric::mail_processing_delay_seconds,
              MetricType::histogram,
              "client360_mail_processing_delay_seconds",
              "From INTERNALDATE to committed",
              {"mailbox"},
              Buckets::delay},
    MetricRow{Metric::mail_batch_seconds,
              MetricType::histogram,
              "client360_mail_batch_seconds",
              "Time of one batch by stage: fetch, store, prepare, apply, flag",
              {"mailbox", "stage"},
              Buckets::latency},
    MetricRow{Metric::mailbox_up,
              MetricType::gauge,
              "client360_mailbox_up",
              "1 while the last pass over the mailbox succeeded",
              {"mailbox"}},
    MetricRow{Metric::mailbox_pending,
              MetricType::gauge,
              "client360_mailbox_pending",
              "Mails listed and not yet in an end state",
              {"mailbox"}},
    MetricRow{Metric::mailbox_last_pass_timestamp_seconds,
              MetricType::gauge,
              "client360_mailbox_last_pass_timestamp_seconds",
              "When the last good pass over the mailbox ended, seconds since the epoch",
              {"mailbox"}},
    MetricRow{Metric::mailbox_failures_total,
              MetricType::counter,
              "client360_mailbox_failures_total",
              "Failed passes over the mailbox, by error code",
              {"mailbox", "code"}},
    MetricRow{Metric::quarantine_open,
              MetricType::gauge,
              "client360_quarantine_open",
              "Mails in quarantine that wait for a person",
              {"reason"}},
    MetricRow{Metric::http_requests_total,
              MetricType::counter,
              "client360_http_requests_total",
              "Requests answered",
              {"route", "method", "status"}},
    MetricRow{Metric::http_request_duration_seconds,
              MetricType::histogram,
              "client360_http_request_duration_seconds",
              "From the whole header to the answer",
              {"route", "method"},
              Buckets::latency},
    MetricRow{Metric::http_connections,
              MetricType::gauge,
              "client360_http_connections",
              "Open connections",
              {"listener"}},
    MetricRow{Metric::http_refused_total,
              MetricType::counter,
              "client360_http_refused_total",
              "Connections and requests refused before a route was found, by reason",
              {"reason"}},
    MetricRow{Metric::database_connections,
              MetricType::gauge,
              "client360_database_connections",
              "Connections by pool and state",
              {"pool", "state"}},
    MetricRow{Metric::database_waits_seconds,
              MetricType::histogram,
              "client360_database_waits_seconds",
              "Wait for a pooled connection",
              {"pool"},
              Buckets::latency},
    MetricRow{Metric::database_errors_total,
              MetricType::counter,
              "client360_database_errors_total",
              "Failed statements by error code",
              {"code"}},
};
static_assert(
    [] {
      for (std::size_t i = 0; i < kMetricTable.size(); ++i) {
        if (kMetricTable[i].metric != static_cast<Metric>(i)) return false;
      }
      return kMetricTable.size() == static_cast<std::size_t>(Metric::count);
    }(),
    "kMetricTable and enum Metric must be in the same order");

}  // namespace c360

// Yandex.Metrika (adapters.md, 4): where a visitor came from first, by the client id that a form
// put into its mail.
//
// One object per worker, not thread-safe: it uses its worker's HttpClient. Every call makes at most
// one request. Retries are the caller's; so is how many workers there are (at most 2).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/service_call.h"
#include "adapters/service_options.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

struct MetrikaOptions {
  Secret token;         // empty: every call is permanent/off
  std::string counter;  // its number; may stand in the address instead, as `ids`
  std::string url = "https://api-metrika.yandex.net/stat/v1/data";  // may have a query
  int search_years = 2;  // how far before the request the first visit is looked for
  CallLimits limits{.first_byte = std::chrono::seconds{20},
                    .whole = std::chrono::milliseconds{30'000},
                    .max_answer_bytes = std::size_t{4} << 20U,
                    .rate = {.calls = 10},
                    // Nobody waits for a source: a turn of the long rate is waited for, whatever
                    // the other daemons take of it.
                    .longest_wait = std::chrono::milliseconds{10'000}};
  // The service allows 200 reports in 5 minutes: 180 and a burst stay below.
  Rate long_rate{.calls = 180, .per = std::chrono::milliseconds{300'000}, .burst = 20};
  std::string ca_file;  // PEM, instead of the system's authorities; empty: those
};

struct TrafficSource {
  std::string source;                 // "organic", "direct", "ad", "referral", "social", …
  std::optional<std::string> engine;  // of an organic one: "yandex_search", "google_search", …

  // The code of the request source, `is_known` being the directory: the engine of an organic visit
  // (yandex_mobile counts as yandex_search), else the source; `other` for what is not in it.
  std::string request_source(const std::function<bool(std::string_view)>& is_known) const;
};

class Metrika {
 public:
  Metrika(MetrikaOptions options, ServicePorts ports);

  // The first visit up to the day the request came in (UTC). permanent/bad_id for an id that is not
  // 1 to 20 digits; not_found when the service saw no such visitor; permanent as well when it
  // refuses the filter: both are an attempt of this one request and no reason to stop the others.
  CallResult<TrafficSource> first_source(const std::string& client_id,
                                         std::chrono::year_month_day received,
                                         const std::string& subject = {}, int attempt = 1);
  // How many counters the token sees: whether it works, without a report.
  CallResult<std::int64_t> counters();

 private:
  std::string url_for(const std::string& client_id, std::chrono::year_month_day received) const;
  std::optional<NoAnswer> refused(const HttpAnswer& answer) const;

  MetrikaOptions options_;
  ServiceCaller caller_;
  ServiceGate gate_;
};

}  // namespace c360::adapters

#include "adapters/traffic_sources.h"

namespace c360::adapters {

CallResult<TrafficSource> TrafficSources::first_source(const std::string& client_id,
                                                       std::chrono::year_month_day received,
                                                       const std::string& subject, int attempt) {
  if (!options_.is_on())
    return no_answer(Outcome::permanent, "off",
                     "Metrika is off: no token is set, or it is "
                     "switched off in the settings");
  const auto session = sessions_.borrow(options_.metrika.limits.whole);
  if (!session)
    return no_answer(Outcome::retryable, "busy", "no connection to Metrika was free in time");
  Metrika metrika(
      options_.metrika,
      {.http = *session,
       .states = ports_.states,
       .clock = ports_.clock,
       .pause = [this](std::chrono::milliseconds wait) { return sessions_.pause(wait); },
       .journal = ports_.journal});
  return metrika.first_source(client_id, received, subject, attempt);
}

}  // namespace c360::adapters

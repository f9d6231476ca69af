#include "daemon/secret_sealing.h"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace c360::daemon {
namespace {

constexpr std::chrono::seconds kPeriod{60};

void show(const store::SealCounts& counts, Metrics& metrics) {
  for (const auto& [under, count] : {std::pair{"current", counts.current},
                                     {"former", counts.former},
                                     {"none", counts.unsealed},
                                     {"unknown", counts.unknown}})
    metrics.gauge(Metric::sealed_secrets, {under}).set(static_cast<double>(count));
}

}  // namespace

store::SecretSeals seals_of(const Config& config) {
  return store::secret_seals(config.webhooks.key, config.webhooks.former_key);
}

Result<store::SealCounts> seal_secrets(store::Database& database, const Config& config,
                                       const Observer& observer) {
  const store::SecretSeals seals = seals_of(config);
  const auto sealed = store::reseal_secrets(database, seals);
  if (!sealed) return std::unexpected(sealed.error());
  if (*sealed > 0) observer.observe(event::secrets_sealed, {{"count", *sealed}});
  auto counts = store::count_sealed(database, seals);
  if (!counts) return counts;
  show(*counts, observer.metrics());
  if (counts->unknown == 0) return counts;
  return fail(ErrorCode::conflict,
              fmt::format("{} secrets in the database are sealed under another key than those of "
                          "webhooks.key_file and webhooks.former_key_file; set the one they were "
                          "sealed with",
                          counts->unknown),
              "sealed_by_another_key");
}

PeriodicTask sealing(store::Database& database,
                     std::function<std::shared_ptr<const Config>()> config,
                     const Observer& observer) {
  return {"sealed_secrets", kPeriod,
          [&database, config = std::move(config), &observer]() -> Result<void> {
            const auto counts = seal_secrets(database, *config(), observer);
            if (!counts) return std::unexpected(counts.error());
            return {};
          }};
}

}  // namespace c360::daemon

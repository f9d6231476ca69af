#include "daemon/renderer_check.h"

#include <utility>

namespace c360::daemon {

void report_missing_restraints(const adapters::HelperRendererOptions& options,
                               const Observer& observer, const adapters::GivenUp& given_up) {
  if (options.path.empty()) return;
  const auto missing = adapters::HelperRenderer(options).missing_restraints(given_up);
  if (!missing) return;
  for (const std::string& each : *missing) {
    observer.observe(event::renderer_unconfined, {{"detail", each}});
  }
}

RendererCheck::RendererCheck(adapters::HelperRendererOptions options, const Observer& observer)
    : thread_([options = std::move(options), &observer](const std::stop_token& stop) {
        report_missing_restraints(options, observer, [&stop] { return stop.stop_requested(); });
      }) {}

}  // namespace c360::daemon

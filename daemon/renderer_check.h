// Asks the renderer of documents once which of its restraints this machine cannot put on, and logs
// each: an old kernel makes it weaker without a word otherwise. On a thread of its own, which the
// start does not wait for.
#pragma once

#include <thread>

#include "adapters/helper_renderer.h"
#include "daemon/base/event.h"

namespace c360::daemon {

// In this thread. One that is away says so with the first document, and in `client360 doctor`.
void report_missing_restraints(const adapters::HelperRendererOptions& options,
                               const Observer& observer, const adapters::GivenUp& given_up = {});

class RendererCheck {
 public:
  RendererCheck(adapters::HelperRendererOptions options, const Observer& observer);
  // Ends a question under way.
  ~RendererCheck() = default;
  RendererCheck(const RendererCheck&) = delete;
  RendererCheck& operator=(const RendererCheck&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace c360::daemon

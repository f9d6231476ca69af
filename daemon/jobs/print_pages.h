// The job that prints the pages of generated documents (store/operations/rendered_pages.h).
#pragma once

#include <memory>

#include "adapters/document_renderer.h"
#include "daemon/job_worker.h"
#include "store/database.h"

namespace c360::daemon {

// `renderer` null: the documents wait until there is one, or until somebody looks at them.
void add_print_jobs(JobHandlers& handlers, store::Database& database,
                    std::shared_ptr<const adapters::DocumentRenderer> renderer);

}  // namespace c360::daemon

#include "daemon/jobs/print_pages.h"

#include "store/operations/rendered_pages.h"

namespace c360::daemon {

namespace {

Result<JobYield> print(store::Database& database, const adapters::DocumentRenderer& renderer,
                       JobRun& run) {
  const std::int64_t id = run.job().record_id.value_or(0);
  std::optional<store::UnprintedPage> page;
  {
    auto tx = database.begin(store::Pool::work, store::TxMode::read_only);
    if (!tx) return std::unexpected(tx.error());
    auto found = store::unprinted_page(*tx, id);
    if (!found) return std::unexpected(std::move(found).error());
    page = std::move(*found);
  }
  // Printed by whoever looked at it first, or made anew, or deleted.
  if (!page) return JobYield{};
  const auto pdf = renderer.pdf(page->html, [&run] { return run.stopping(); });
  if (!pdf) return std::unexpected(pdf.error());
  auto tx = database.begin(store::Pool::work, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  run.check(*tx);
  if (auto added = store::add_print(*tx, id, *page, *pdf, store::Actor::system("job")); !added) {
    return std::unexpected(added.error());
  }
  run.done_with(*tx);
  if (auto committed = tx->commit(); !committed) return std::unexpected(committed.error());
  return JobYield{.processed = 1};
}

}  // namespace

void add_print_jobs(JobHandlers& handlers, store::Database& database,
                    std::shared_ptr<const adapters::DocumentRenderer> renderer) {
  if (!renderer) return;
  handlers[std::string(store::kPrintPageJob)] = [&database,
                                                 renderer = std::move(renderer)](JobRun& run) {
    return print(database, *renderer, run);
  };
}

}  // namespace c360::daemon

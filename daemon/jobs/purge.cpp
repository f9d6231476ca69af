#include "daemon/jobs/purge.h"

#include <memory>

#include "daemon/jobs/piecewise.h"
#include "store/model/registry.h"
#include "store/operations/purge.h"
#include "store/service_calls.h"

namespace c360::daemon {

namespace {

using std::chrono::hours;
using store::PurgedPiece;
using store::Transaction;

constexpr int kRecords = 10;  // of one transaction, each with what belongs to it
constexpr int kMails = 500;
constexpr int kRows = 5'000;

// One run over everything.
class Purge {
 public:
  Purge(store::Database& database, const store::Registry& registry,
        const RetentionConfig& retention, JobRun& run)
      : database_(database), registry_(registry), retention_(retention), run_(run) {}

  Result<JobYield> work() {
    for (const auto& resource : registry_.all()) {
      if (!resource->is_record || !resource->soft_delete) continue;
      if (auto done = step(resource->path, retention_.deleted,
                           [&](hours age) {
                             return by_place([&](Transaction& tx, const std::string& place) {
                               return store::purge_deleted(tx, *resource, age, place, kRecords);
                             });
                           });
          !done)
        return std::unexpected(done.error());
    }
    if (auto done = step("raw mail", retention_.raw_mail,
                         [&](hours age) {
                           return by_place([&](Transaction& tx, const std::string& place) {
                             return store::purge_raw_mail(tx, age, place, kMails);
                           });
                         });
        !done)
      return std::unexpected(done.error());
    if (auto done = rows("notifications", retention_.notifications, store::purge_notifications);
        !done)
      return std::unexpected(done.error());
    if (auto done = rows("parked webhook events", retention_.parked_webhooks,
                         store::purge_parked_deliveries);
        !done)
      return std::unexpected(done.error());
    if (auto done = rows("calls to services", retention_.service_calls,
                         [this](Transaction&, hours age, int limit) {
                           return store::purge_service_calls(database_, age, limit);
                         });
        !done)
      return std::unexpected(done.error());
    return yield_;
  }

 private:
  // Piece by piece until one is not full.
  template <typename Remove>
  Result<void> rows(std::string_view what, hours age, Remove remove) {
    return step(what, age, [&](hours limit) -> Result<void> {
      auto done = in_pieces(database_, run_, kRows,
                            [&](Transaction& tx) { return remove(tx, limit, kRows); });
      if (!done) return std::unexpected(done.error());
      yield_.processed += done->processed;
      return {};
    });
  }

  // From place to place until there is no more.
  template <typename Remove>
  Result<void> by_place(Remove remove) {
    PurgedPiece piece{.more = true, .place = {}};
    while (piece.more) {
      if (run_.stopping()) return fail(ErrorCode::unavailable, "told to stop");
      auto done =
          store::in_transaction(database_, store::Pool::work, [&](Transaction& tx) -> Result<void> {
            run_.check(tx);
            auto next = remove(tx, piece.place);
            if (!next) return std::unexpected(next.error());
            piece = std::move(*next);
            return {};
          });
      if (!done) return done;
      yield_.processed += piece.gone;
      if (auto shown = run_.progress(yield_.processed); !shown) return shown;
    }
    return {};
  }

  // An age of 0 keeps everything. What another try may mend ends the run; anything else is told.
  template <typename Step>
  Result<void> step(std::string_view what, hours age, Step remove) {
    if (age == hours{0}) return {};
    auto done = remove(age);
    if (done || done.error().temporary() || done.error().reason == "lease_lost") return done;
    ++yield_.failed;
    if (!yield_.trouble) yield_.trouble = with_context(done.error(), what).error();
    return {};
  }

  store::Database& database_;
  const store::Registry& registry_;
  const RetentionConfig& retention_;
  JobRun& run_;
  JobYield yield_;
};

}  // namespace

void add_purge_job(JobHandlers& handlers, store::Database& database,
                   const RetentionConfig& retention) {
  const auto registry = std::make_shared<const store::Registry>(store::Registry::standard());
  handlers["purge"] = [&database, registry, retention](JobRun& run) {
    return Purge(database, *registry, retention, run).work();
  };
}

}  // namespace c360::daemon

// The change feed: history read in the order of its transactions (design.md 5).
//
// A reader never goes past the oldest transaction still running (pg_snapshot_xmin), so what commits
// late is not skipped: it appears behind the reader, in front of him. Positions are pairs of
// transaction id and event id; they mean something in one database only, and not after it was
// restored from a logical dump.
#pragma once

#include <chrono>
#include <compare>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/records.h"

namespace c360::store {

// Everything up to and including it has been read.
struct FeedPosition {
  std::uint64_t transaction = 0;
  std::int64_t event = 0;

  auto operator<=>(const FeedPosition&) const = default;
  std::string text() const;  // "812.1044"
  static std::optional<FeedPosition> parse(std::string_view text);
};

struct FeedQuery {
  FeedPosition after;
  std::vector<const Resource*> kinds;  // what the caller may read and wants; none: no event
  std::vector<std::string> events;     // "created", …; empty: all
  std::optional<std::int64_t> record_id;
  int limit = 200;
};

struct FeedEvent {
  FeedPosition position;
  std::string event;
  std::string json;  // one object, as in the history of a record, with `cursor` and the subject
};

struct FeedPage {
  std::vector<FeedEvent> events;
  FeedPosition position;  // go on from here, also where there are no events
  bool more = false;      // there may be more right now
  bool moved = false;     // there were events after the position read from, wanted or not
};

// Whether changes of the kind are told at all.
inline bool in_feed(const Resource& resource) {
  return resource.is_record || resource.offers(Operation::history);
}

// Thread-safe.
class Feed {
 public:
  Feed(Database& database, const Records& records) : database_(database), records_(records) {}

  // Events the actor may see now, of records he may read now; of rows that are gone for good only
  // what everybody with the kind may read. Looks at a bounded stretch of history, so an empty page
  // with `more` is normal. invalid_request, reason cursor_unknown, for a position of the future:
  // it was made by another database.
  Result<FeedPage> read(const FeedQuery& query, const Actor& actor) const;
  // Where a reader stands who wants what comes from now on.
  Result<FeedPosition> end() const;

 private:
  Plan plan_of(const FeedQuery& query, const Actor& actor) const;

  Database& database_;
  const Records& records_;
};

// Tells many waiting readers that there is something new, with one query at a time for all of them
// and none while nobody waits. Writers are not burdened: nothing notifies. Thread-safe.
class FeedWatch {
 public:
  explicit FeedWatch(Database& database,
                     std::chrono::milliseconds interval = std::chrono::milliseconds{200})
      : database_(database), interval_(interval) {}

  // True as soon as an event beyond `position` can be read, false at `deadline` or when `gone`,
  // asked every interval, says that nobody waits any more. Errors: of the database.
  Result<bool> wait(const FeedPosition& position, std::chrono::steady_clock::time_point deadline,
                    const std::function<bool()>& gone);

 private:
  Result<FeedPosition> newest() const;

  Database& database_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;  // guards the rest
  std::condition_variable looked_;
  bool looking_ = false;
  std::chrono::steady_clock::time_point looked_at_{};
  FeedPosition newest_;
};

}  // namespace c360::store

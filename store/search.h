// Search over all records: names, numbers, INN, e-mails and texts by their words (Russian and
// English stems, the last letters may be missing), names with typing errors by their trigrams,
// phones by their digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/records.h"

namespace c360::store {

inline constexpr std::size_t kMaxSearchBytes = 200;

struct SearchPiece {
  std::string text;
  bool matches = false;
};

struct SearchHit {
  const Resource* resource = nullptr;
  std::int64_t id = 0;
  std::string title;
  double score = 0;
  std::string field;                 // where the match is; empty: in several fields together
  std::vector<SearchPiece> snippet;  // a stretch of it
};

struct SearchQuery {
  std::string text;
  std::vector<const Resource*> kinds;
  int limit = 20;
};

// Whether search knows records of the kind.
bool is_searched(const Resource& resource);

// The best hits first, of what the actor may read. Thread-safe.
class Search {
 public:
  Search(Database& database, const Records& records) : database_(database), records_(records) {}
  // invalid_request for a text without a letter or digit, or past the limit.
  Result<std::vector<SearchHit>> find(const SearchQuery& query, const Actor& actor) const;

 private:
  Result<std::vector<SearchHit>> candidates(const SearchQuery& query, const Actor& actor) const;
  Result<void> add_places(const SearchQuery& query, std::vector<SearchHit>& hits) const;

  Database& database_;
  const Records& records_;
};

// Brings the index up to the feed: at most `max_events` events a step, in one transaction, by one
// daemon at a time. The number of events read; 0: nothing to do, or another one is at it.
Result<std::int64_t> index_changes(Database& database, const Registry& registry,
                                   std::int64_t max_events = 500);

}  // namespace c360::store

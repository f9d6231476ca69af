#include "ingest/imap/uid_set.h"

#include <algorithm>

namespace c360::ingest::imap {

std::vector<UidRange> to_ranges(std::span<const Uid> uids) {
  std::vector<Uid> sorted(uids.begin(), uids.end());
  std::ranges::sort(sorted);
  std::vector<UidRange> ranges;
  for (const Uid uid : sorted) {
    if (uid == 0) continue;
    if (!ranges.empty() && uid <= std::uint64_t{ranges.back().last} + 1) {
      ranges.back().last = uid;
    } else {
      ranges.push_back({uid, uid});
    }
  }
  return ranges;
}

std::vector<Uid> to_uids(std::vector<UidRange> ranges) {
  std::ranges::sort(ranges, {}, &UidRange::first);
  std::vector<Uid> uids;
  uids.reserve(static_cast<std::size_t>(total_size(ranges)));
  std::uint64_t next = 0;  // the smallest uid not yet taken
  for (const UidRange& range : ranges) {
    for (std::uint64_t uid = std::max<std::uint64_t>(next, range.first); uid <= range.last; ++uid) {
      uids.push_back(static_cast<Uid>(uid));
    }
    next = std::max(next, std::uint64_t{range.last} + 1);
  }
  return uids;
}

std::vector<UidRange> merged(std::vector<UidRange> ranges) {
  std::ranges::sort(ranges, {}, &UidRange::first);
  std::vector<UidRange> apart;
  for (const UidRange& range : ranges) {
    if (!apart.empty() && range.first <= std::uint64_t{apart.back().last} + 1) {
      apart.back().last = std::max(apart.back().last, range.last);
    } else {
      apart.push_back(range);
    }
  }
  return apart;
}

std::uint64_t total_size(std::span<const UidRange> ranges) {
  std::uint64_t total = 0;
  for (const UidRange& range : ranges) total += range.size();
  return total;
}

std::vector<std::string> to_sequence_sets(std::span<const UidRange> ranges, std::size_t limit) {
  std::vector<std::string> sets;
  for (const UidRange& range : ranges) {
    std::string item = std::to_string(range.first);
    if (range.last != range.first) item += ":" + std::to_string(range.last);
    if (sets.empty() || sets.back().size() + 1 + item.size() > limit) {
      sets.push_back(std::move(item));
    } else {
      sets.back() += ",";
      sets.back() += item;
    }
  }
  return sets;
}

}  // namespace c360::ingest::imap

#include "ingest/imap/uid_set.h"

#include <algorithm>
#include <utility>

namespace c360::ingest::imap {

namespace {

constexpr unsigned kHalf = 16;
constexpr Uid kLower = 0xffff;
constexpr std::size_t kMostDoubles = std::size_t{2}
                                     << kHalf;  // in a block, until they are thrown out

}  // namespace

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

void UidSet::add(Uid first, Uid last) {
  told_ += std::uint64_t{last} - first + 1;
  const Uid last_block = last >> kHalf;
  for (Uid block = first >> kHalf; block <= last_block; ++block) {
    const Uid from = block == first >> kHalf ? first & kLower : 0;
    const Uid to = block == last_block ? last & kLower : kLower;
    put(blocks_[static_cast<std::uint16_t>(block)], static_cast<std::uint16_t>(from),
        static_cast<std::uint16_t>(to));
  }
}

void UidSet::put(Block& block, std::uint16_t first, std::uint16_t last) {
  for (std::uint32_t uid = first; uid <= last; ++uid) {
    if (block.size() >= kMostDoubles) sort(block);
    block.push_back(static_cast<std::uint16_t>(uid));
  }
}

void UidSet::sort(Block& block) {
  if (!std::ranges::is_sorted(block)) std::ranges::sort(block);
  const auto doubles = std::ranges::unique(block);
  block.erase(doubles.begin(), doubles.end());
}

void UidSet::add(UidSet&& others) {
  told_ += std::exchange(others.told_, 0);
  if (blocks_.empty()) {
    blocks_ = std::exchange(others.blocks_, {});
    return;
  }
  while (!others.blocks_.empty()) {
    auto next = others.blocks_.extract(others.blocks_.begin());
    Block& block = blocks_[next.key()];
    for (const std::uint16_t uid : next.mapped()) put(block, uid, uid);
  }
}

std::vector<Uid> UidSet::take() {
  std::size_t count = 0;
  for (auto& [upper, block] : blocks_) {
    sort(block);
    count += block.size();
  }
  std::vector<Uid> uids;
  uids.reserve(count);
  while (!blocks_.empty()) {
    const auto next = blocks_.extract(blocks_.begin());
    const Uid upper = Uid{next.key()} << kHalf;
    for (const std::uint16_t lower : next.mapped()) uids.push_back(upper | lower);
  }
  told_ = 0;
  return uids;
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

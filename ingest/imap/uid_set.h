// Sequence sets of uids (RFC 9051, section 9 `sequence-set`), compact in memory and on the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ingest/mailbox.h"

namespace c360::ingest::imap {

// Ascending, apart, and without doubles, from any order.
std::vector<UidRange> to_ranges(std::span<const Uid> uids);
// Ascending and without doubles from ranges in any order, overlapping or not.
std::vector<Uid> to_uids(std::vector<UidRange> ranges);
// The same as ranges: ascending and apart.
std::vector<UidRange> merged(std::vector<UidRange> ranges);
// How many uids to_uids() would give at most.
std::uint64_t total_size(std::span<const UidRange> ranges);

// Uids as a search tells them, in any order and with doubles. However they lie, and five million of
// them in a list without end, each costs some bytes.
class UidSet {
 public:
  // `first` <= `last`; each of them is spelled out.
  void add(Uid first, Uid last);
  void add(UidSet&& others);
  std::uint64_t told() const { return told_; }  // doubles counted
  // Ascending and without doubles; empty afterwards.
  std::vector<Uid> take();

 private:
  // The lower halves of uids that share their upper one, as they came.
  using Block = std::vector<std::uint16_t>;
  static void sort(Block& block);
  static void put(Block& block, std::uint16_t first, std::uint16_t last);

  std::map<std::uint16_t, Block> blocks_;  // by the upper half
  std::uint64_t told_ = 0;
};

// "1:3,7,9:12", split so that no piece is longer than `limit` characters (at least 21).
std::vector<std::string> to_sequence_sets(std::span<const UidRange> ranges, std::size_t limit);

}  // namespace c360::ingest::imap

// Sequence sets of uids (RFC 9051, section 9 `sequence-set`), compact in memory and on the wire.
#pragma once

#include <cstddef>
#include <cstdint>
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

// "1:3,7,9:12", split so that no piece is longer than `limit` characters (at least 21).
std::vector<std::string> to_sequence_sets(std::span<const UidRange> ranges, std::size_t limit);

}  // namespace c360::ingest::imap

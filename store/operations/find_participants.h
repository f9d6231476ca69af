// Who of a mail's senders and recipients we know: users of ours and contacts, by address. Set-wise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/database.h"

namespace c360::store {

struct Participants {
  std::vector<std::int64_t> user_ids;
  std::vector<std::int64_t> contact_ids;  // at most a few per address, oldest first
};

class ParticipantLookup {
 public:
  // One list of addresses per mail. Queued when made; results() after run().
  ParticipantLookup(Transaction& tx, std::span<const std::vector<std::string>> addresses);
  std::vector<Participants> results() const;

 private:
  Transaction& tx_;
  std::size_t count_;
  Ticket ticket_ = 0;
};

}  // namespace c360::store

// Whether who writes has to do with the record he writes to: one of us, or a contact or portal
// account of the record or of its counterparty. Set-wise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/database.h"

namespace c360::store {

struct SenderOfRecord {
  std::string email;
  std::int64_t record_id = 0;
};

// Queued when made; results() after run().
class KnownSenderLookup {
 public:
  KnownSenderLookup(Transaction& tx, std::span<const SenderOfRecord> senders);
  std::vector<bool> results() const;

 private:
  Transaction& tx_;
  std::size_t count_;
  Ticket ticket_ = 0;
};

}  // namespace c360::store

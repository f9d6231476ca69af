// What goes after a time (domain.md 1.2, 19). Each call does a piece in the caller's transaction
// and says where it came, so that a run goes on where it is and the next one finds what is left.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "store/database.h"
#include "store/model/resource.h"

namespace c360::store {

struct PurgedPiece {
  bool more = false;      // there is more behind `place`
  std::string place;      // for the next piece; opaque
  std::int64_t gone = 0;  // records, mails
};

// Records of the kind deleted for longer than `age`, with what belongs to them, unless a row that
// stays refers to one of them (crm.purge_records). `place` is empty for the first piece.
Result<PurgedPiece> purge_deleted(Transaction& tx, const Resource& resource, std::chrono::hours age,
                                  const std::string& place, int limit);
// The bytes of mails that ended before `age` ago and are not held, where nothing else has the same
// bytes. The ledger, what was read of the mail, and its attachments stay.
Result<PurgedPiece> purge_raw_mail(Transaction& tx, std::chrono::hours age,
                                   const std::string& place, int limit);
// How many; `limit` at most.
Result<std::int64_t> purge_notifications(Transaction& tx, std::chrono::hours age, int limit);
Result<std::int64_t> purge_parked_deliveries(Transaction& tx, std::chrono::hours age, int limit);

}  // namespace c360::store

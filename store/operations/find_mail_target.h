// The record a mail names by kind and number, or by an alias of the activity mailbox
// (domain.md 18.2, 18.5): `crm.activity_target` says which aliases mean what. Set-wise: one round
// trip for a batch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/database.h"

namespace c360::store {

struct MailTargetQuery {
  std::string kind;          // "deal"; empty: the alias decides
  std::string alias;         // as written
  std::string search_field;  // "number", or "id" of the record; empty: the alias decides
  std::string value;
};

enum class MailTargetStatus : std::uint8_t { found, unknown_alias, not_found, deleted, ambiguous };

struct MailTarget {
  MailTargetStatus status = MailTargetStatus::not_found;
  std::int64_t record_id = 0;  // merged records are followed to where they went
  std::string kind;
};

// Queues the lookup when made; call results() after run(): that may ask again for merged targets.
class MailTargetLookup {
 public:
  MailTargetLookup(Transaction& tx, std::span<const MailTargetQuery> queries);
  Result<std::vector<MailTarget>> results();

 private:
  Transaction& tx_;
  std::size_t count_;
  Ticket ticket_ = 0;
};

// The live record at the end of a chain of merges; not_found or deleted when there is none.
Result<MailTarget> follow_merges(Transaction& tx, std::int64_t record_id);

}  // namespace c360::store

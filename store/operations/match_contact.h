// Whether a person named in a mail is one we know (domain.md 18.7), inside a counterparty: same
// e-mail; else same phone and no different e-mail; else same full name and nothing that
// contradicts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace c360::store {

struct ContactIdentity {
  std::string full_name;
  std::string email;
  std::string e164;  // the phone, normalised; empty when it cannot be
};

struct KnownContact {
  std::int64_t id = 0;
  std::int64_t version = 0;
  std::int64_t counterparty_id = 0;
  ContactIdentity identity;
  std::string position, department, phone;  // as stored: empty ones may be filled
  bool is_main = false;
};

// The rule itself, also for contacts of one record or of one batch.
bool same_contact(const ContactIdentity& a, const ContactIdentity& b);

struct ContactClue {
  std::int64_t counterparty_id = 0;
  ContactIdentity identity;
};

// Locks the counterparties for the transaction, so that two batches of mail do not make one person
// twice, and queues one lookup; read results() after run(). For each clue the live contacts of its
// counterparty that share an e-mail, a phone or a name, oldest first, and whether the counterparty
// has any at all.
class ContactLookup {
 public:
  ContactLookup(Transaction& tx, std::span<const ContactClue> clues);
  struct Found {
    std::vector<KnownContact> contacts;
    bool counterparty_has_main = false;
  };
  std::vector<Found> results() const;

 private:
  Transaction& tx_;
  std::size_t count_;
  Ticket contacts_ = 0;
  Ticket mains_ = 0;
};

}  // namespace c360::store

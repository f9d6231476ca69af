// Links by which a customer withdraws his consent to advertising: they name the customer
// and the message they came with, and prove that we made them.
//
//   COUNTERPARTY-MESSAGE-PROOF
//
// PROOF is the first 128 bits of HMAC-SHA256(key, "unsubscribe COUNTERPARTY-MESSAGE"), in hex.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/secret.h"
#include "store/records.h"

namespace c360::store {

struct UnsubscribeLink {
  std::int64_t counterparty_id = 0;
  std::int64_t message_id = 0;
};

// `key` is the installation's own (installation_keys.h, kUnsubscribeKey).
std::string sign_unsubscribe(const Secret& key, const UnsubscribeLink& link);
// nullopt for what we did not make; takes the same time whatever is wrong with it.
std::optional<UnsubscribeLink> read_unsubscribe(const Secret& key, std::string_view token);

// Withdraws the consent, with its basis and a row of history; nothing where there is none any more,
// or no such customer.
Result<void> withdraw_consent(Database& database, Records& records, const UnsubscribeLink& link,
                              std::string_view request_id);

}  // namespace c360::store

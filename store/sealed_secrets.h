// What the database keeps sealed (daemon/base/seal.h) under the key of webhooks.key_file: secrets
// of webhooks (webhooks.h) and the keys this installation made for itself (installation_keys.h).
// The key can be replaced while all of it is in use: what is sealed under the former one is read
// with it and sealed anew. Any thread, any number of daemons.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/seal.h"
#include "daemon/base/secret.h"
#include "store/database.h"

namespace c360::store {

struct SecretSeals {
  SealRing webhook;
  SealRing installation;
};
// By the keys of the configuration; either may be empty.
SecretSeals secret_seals(const Secret& key, const Secret& former);

// How many secrets there are, by what they are sealed under.
struct SealCounts {
  std::int64_t current = 0;
  std::int64_t former = 0;
  std::int64_t unsealed = 0;  // of versions before sealing, and where there was no key yet
  std::int64_t unknown = 0;   // a key that is neither; they are of no use until it is back
};
Result<SealCounts> count_sealed(Database& database, const SecretSeals& seals);

// What can be read and is not sealed under the newest key, sealed under it; how many. Set-wise, in
// one transaction under a lock that one daemon gets and the others do not wait for. A secret that
// is replaced meanwhile stays as it was put. Without a key: nothing.
Result<std::int64_t> reseal_secrets(Database& database, const SecretSeals& seals);

}  // namespace c360::store

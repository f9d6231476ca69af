// Text kept where others may look, such as a database and its backups: AES-256-GCM under a key made
// from a secret they do not have, by OpenSSL EVP.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/digest.h"
#include "daemon/base/secret.h"

namespace c360 {

class Seal {
 public:
  // `secret` is a random one of at least 128 bits (a token), not a word of a person: it is not
  // stretched. Another `purpose` makes another key.
  Seal(const Secret& secret, std::string_view purpose);

  // Never the same twice: nonce, ciphertext and tag.
  std::string close(std::string_view text) const;
  // Nothing where it was closed under another key or changed since.
  std::optional<Secret> open(std::string_view sealed) const;
  // Equal for equal keys, and says nothing about them.
  const Sha256& id() const { return id_; }

 private:
  Secret key_;
  Sha256 id_;
};

}  // namespace c360

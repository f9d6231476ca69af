// Text kept where others may look, such as a database and its backups: AES-256-GCM under a key made
// from a secret they do not have, by OpenSSL EVP.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// The key in force, which closes, and the one it replaces, which opens what was closed before.
class SealRing {
 public:
  SealRing() = default;  // opens nothing
  SealRing(Seal newest) : seals_{std::move(newest)} {}
  // Secrets that are empty are none; without a newest one there is no former one either.
  SealRing(const Secret& newest, const Secret& former, std::string_view purpose);

  // Null where there is no key.
  const Seal* newest() const { return seals_.empty() ? nullptr : seals_.data(); }
  const Seal* former() const { return seals_.size() < 2 ? nullptr : &seals_[1]; }
  // By either.
  std::optional<Secret> open(std::string_view sealed) const;
  // What sealed text may name that can be opened here.
  std::vector<std::string_view> ids() const;  // as long as this lives

 private:
  std::vector<Seal> seals_;
};

}  // namespace c360

// Signatures by RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3), by OpenSSL EVP.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/secret.h"

namespace c360 {

// The raw signature of `message` by a private RSA key in PEM (PKCS #8 or PKCS #1). Nothing where
// that is no such key, one that wants a password, or one of fewer than 2048 bits.
std::optional<std::string> sign_rs256(const Secret& private_key_pem, std::string_view message);

}  // namespace c360

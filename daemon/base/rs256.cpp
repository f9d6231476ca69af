#include "daemon/base/rs256.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

namespace c360 {

namespace {

constexpr int kLeastBits = 2'048;  // RFC 7518, 3.3

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

// OpenSSL would ask at the terminal.
int no_password(char*, int, int, void*) { return -1; }

Key read_key(std::string_view pem) {
  const std::unique_ptr<BIO, Free> bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  Key key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr)};
  ERR_clear_error();  // of this thread, which TLS shares
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA ||
      EVP_PKEY_get_bits(key.get()) < kLeastBits)
    return nullptr;
  return key;
}

}  // namespace

std::optional<std::string> sign_rs256(const Secret& private_key_pem, std::string_view message) {
  const Key key = read_key(private_key_pem.reveal());
  if (!key) return std::nullopt;
  const std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
  const auto* const bytes = reinterpret_cast<const unsigned char*>(message.data());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
  std::size_t size = signature.size();
  const bool fine =
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes, message.size()) == 1;
  if (!fine) {
    ERR_clear_error();
    return std::nullopt;
  }
  signature.resize(size);
  return signature;
}

}  // namespace c360

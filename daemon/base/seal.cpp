#include "daemon/base/seal.h"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

namespace c360 {

namespace {

constexpr std::size_t kNonceBytes = 12;  // NIST SP 800-38D, 8.2.2: random ones, far below 2^32
constexpr std::size_t kTagBytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int size_of(std::string_view text) { return static_cast<int>(text.size()); }

void require(int succeeded) {
  if (succeeded != 1) throw std::runtime_error("OpenSSL refuses AES-256-GCM");
}

}  // namespace

Seal::Seal(const Secret& secret, std::string_view purpose)
    : key_(std::string(as_bytes_view(
          hmac_sha256(secret.reveal(), "client360 seal key\n" + std::string(purpose))))),
      id_(hmac_sha256(secret.reveal(), "client360 seal id\n" + std::string(purpose))) {}

std::string Seal::close(std::string_view text) const {
  const std::string nonce = random_bytes(kNonceBytes);
  std::string closed(text.size(), '\0');
  std::string tag(kTagBytes, '\0');
  const Context context{EVP_CIPHER_CTX_new()};
  int written = 0;
  require(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_.reveal()),
                             bytes_of(std::string_view(nonce))));
  require(
      EVP_EncryptUpdate(context.get(), bytes_of(closed), &written, bytes_of(text), size_of(text)));
  require(EVP_EncryptFinal_ex(context.get(), bytes_of(closed) + written, &written));
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes),
                              tag.data()));
  return nonce + closed + tag;
}

std::optional<Secret> Seal::open(std::string_view sealed) const {
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  std::string tag{sealed.substr(sealed.size() - kTagBytes)};
  sealed = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string text(sealed.size(), '\0');
  const Context context{EVP_CIPHER_CTX_new()};
  int written = 0;
  require(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_.reveal()),
                             bytes_of(nonce)));
  require(EVP_DecryptUpdate(context.get(), bytes_of(text), &written, bytes_of(sealed),
                            size_of(sealed)));
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes),
                              tag.data()));
  if (EVP_DecryptFinal_ex(context.get(), bytes_of(text) + written, &written) != 1)
    return std::nullopt;
  return Secret(std::move(text));
}

SealRing::SealRing(const Secret& newest, const Secret& former, std::string_view purpose) {
  if (newest.empty()) return;
  seals_.emplace_back(newest, purpose);
  if (!former.empty()) seals_.emplace_back(former, purpose);
}

std::optional<Secret> SealRing::open(std::string_view sealed) const {
  for (const Seal& seal : seals_) {
    if (auto text = seal.open(sealed)) return text;
  }
  return std::nullopt;
}

std::vector<std::string_view> SealRing::ids() const {
  std::vector<std::string_view> ids;
  for (const Seal& seal : seals_) ids.push_back(as_bytes_view(seal.id()));
  return ids;
}

}  // namespace c360

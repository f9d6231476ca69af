#include "tests/support/service_account.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <stdexcept>

#include "daemon/base/digest.h"

namespace c360::testing {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

EVP_PKEY* the_key() {
  static const Key key{EVP_RSA_gen(2'048U)};
  if (!key) throw std::runtime_error("no RSA key");
  return key.get();
}

std::string pem_of(EVP_PKEY* key) {
  const std::unique_ptr<BIO, Free> bio{BIO_new(BIO_s_mem())};
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    throw std::runtime_error("no PEM");
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

bool signed_by_us(std::string_view message, const std::string& signature) {
  const std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, the_key()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                          message.size()) == 1;
}

std::optional<Json> decoded(std::string_view part) {
  const auto text = from_base64url(part);
  if (!text) return std::nullopt;
  auto json = Json::parse(*text);
  if (!json || !json->is_object()) return std::nullopt;
  return *json;
}

}  // namespace

std::string TestServiceAccount::private_key() { return pem_of(the_key()); }

std::string TestServiceAccount::strange_key(int bits) {
  return pem_of(Key{EVP_RSA_gen(static_cast<std::size_t>(bits))}.get());
}

std::string TestServiceAccount::file_with(const std::string& private_key) {
  JsonWriter json;
  json.begin_object().member("type", "service_account").member("project_id", "project");
  json.member("private_key_id", kKeyId).member("private_key", private_key);
  json.member("client_email", kEmail).member("client_id", "1234567890").end_object();
  return json.take() + "\n";
}

std::string TestServiceAccount::file() { return file_with(private_key()); }

std::optional<Json> TestServiceAccount::verified(const std::string& token) {
  const auto first = token.find('.');
  const auto second = token.rfind('.');
  if (first == std::string::npos || first == second) return std::nullopt;
  const auto header = decoded(std::string_view(token).substr(0, first));
  const auto signature = from_base64url(std::string_view(token).substr(second + 1));
  if (!header || !signature) return std::nullopt;
  const Json wanted{Json::Object{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", kKeyId}}};
  if (*header != wanted || !signed_by_us(std::string_view(token).substr(0, second), *signature))
    return std::nullopt;
  return decoded(std::string_view(token).substr(first + 1, second - first - 1));
}

}  // namespace c360::testing

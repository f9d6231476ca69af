#include "tests/support/test_certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>
#include <utility>

namespace c360::testing {
namespace {

void check(bool fine, const char* what) {
  if (!fine) throw std::runtime_error(std::string("test certificates: ") + what);
}

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};

using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

void set_name(X509* certificate, const std::string& name) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                   0) == 1,
        "subject");
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

Certificate blank(EVP_PKEY* key, const std::string& name, long serial, int from_days, int to_days) {
  Certificate certificate(X509_new());
  check(certificate != nullptr, "X509_new");
  constexpr long kDay = 86'400;
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_days * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to_days * kDay);
  check(X509_set_pubkey(certificate.get(), key) == 1, "public key");
  set_name(certificate.get(), name);
  return certificate;
}

std::unique_ptr<std::FILE, Free> open_for_writing(const std::filesystem::path& path) {
  std::unique_ptr<std::FILE, Free> file(std::fopen(path.c_str(), "w"));
  check(file != nullptr, "cannot write a file");
  return file;
}

}  // namespace

struct TestAuthority::Pair {
  Key key;
  Certificate certificate;
};

TestAuthority::TestAuthority(std::filesystem::path folder) : folder_(std::move(folder)) {
  authority_ = std::make_unique<Pair>();
  authority_->key.reset(EVP_EC_gen("P-256"));
  check(authority_->key != nullptr, "EVP_EC_gen");
  // A name of its own: of two authorities with one name, OpenSSL tries the first only.
  authority_->certificate = blank(authority_->key.get(),
                                  "test authority " + folder_.filename().string(), serial_, -2, 60);
  X509* certificate = authority_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  check(X509_sign(certificate, authority_->key.get(), EVP_sha256()) > 0, "sign");
  check(PEM_write_X509(open_for_writing(ca_file()).get(), certificate) == 1, "write");
}

TestAuthority::~TestAuthority() = default;

CertificateFiles TestAuthority::issue(const std::string& name, const CertificateRequest& request) {
  const Key key(EVP_EC_gen("P-256"));
  check(key != nullptr, "EVP_EC_gen");
  const Certificate certificate =
      blank(key.get(), name, ++serial_, request.valid_from_days, request.valid_to_days);
  X509* issuer = request.self_signed ? certificate.get() : authority_->certificate.get();
  EVP_PKEY* signer = request.self_signed ? key.get() : authority_->key.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
  std::string alternatives;
  for (const std::string& dns : request.names) alternatives += ",DNS:" + dns;
  for (const std::string& address : request.addresses) alternatives += ",IP:" + address;
  if (!alternatives.empty()) {
    add_extension(certificate.get(), issuer, NID_subject_alt_name, alternatives.substr(1));
  }
  check(X509_sign(certificate.get(), signer, EVP_sha256()) > 0, "sign");

  const CertificateFiles files{folder_ / (name + ".pem"), folder_ / (name + ".key")};
  check(PEM_write_X509(open_for_writing(files.certificate).get(), certificate.get()) == 1, "write");
  check(PEM_write_PrivateKey(open_for_writing(files.key).get(), key.get(), nullptr, nullptr, 0,
                             nullptr, nullptr) == 1,
        "write");
  return files;
}

}  // namespace c360::testing

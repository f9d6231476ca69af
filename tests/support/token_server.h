// The token endpoint of an OAuth 2.0 provider over real TLS: it knows one client and one service
// account (service_account.h), and issues, rotates and refuses as a test says.
//
//   TokenServer provider;
//   provider.rotate(true);
//   ... settings.token_url = provider.url(), settings.ca_file = provider.ca_file()
//
// Thread-safe; gone with the object, which ends its connections.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace c360::testing {

struct TokenRequest {
  std::string method;
  std::string path;
  std::string content_type;
  std::string body;
  std::map<std::string, std::string> fields;  // of the form, decoded
};

struct TokenAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers{};
};

class TokenServer {
 public:
  explicit TokenServer(const CertificateRequest& certificate = {});
  ~TokenServer();
  TokenServer(const TokenServer&) = delete;
  TokenServer& operator=(const TokenServer&) = delete;

  std::string url() const;
  std::string ca_file() const { return authority_.ca_file().string(); }

  // Of the honest answer: a refresh token is good while it is known here, and exchanged for
  // "access-1", "access-2" and so on.
  void know(const std::string& refresh_token);
  // Of the client "client"; "client secret" before.
  void set_client_secret(const std::string& secret);
  void forget_refresh_tokens();
  // Each answer carries a new refresh token, "refresh-1" and so on, and ends the former one.
  void rotate(bool rotates);
  void set_lifetime(int seconds);
  // The mailbox of `subject` is delegated to the service account, for Google's scope. An assertion
  // is good when it is signed by it, made for this endpoint, for an hour at most, and by a clock
  // within 5 minutes of the time set here (or the real one).
  void delegate(const std::string& subject);
  void set_time(std::int64_t unix_seconds);
  // What an IMAP server asks: whether the access token was issued and not withdrawn.
  bool good(const std::string& access_token) const;
  void withdraw_access_tokens();

  // The next request gets this instead; several are used up in order.
  void answer_next(TokenAnswer answer);
  // Runs in the request's thread before it is answered.
  void on_request(std::function<void(const TokenRequest&)> hook);

  std::vector<TokenRequest> requests() const;

 private:
  class Factory;
  class Requests;
  TokenAnswer answer(const TokenRequest& request);
  TokenAnswer issue(const TokenRequest& request);
  std::optional<TokenAnswer> refuse_assertion(const std::string& assertion) const;

  TempFolder folder_;
  TestAuthority authority_;
  mutable std::mutex mutex_;
  std::set<std::string> refresh_tokens_;
  std::set<std::string> access_tokens_;
  std::deque<TokenAnswer> scripted_;
  std::vector<TokenRequest> requests_;
  std::function<void(const TokenRequest&)> hook_;
  std::string client_secret_ = "client secret";
  bool rotates_ = false;
  int lifetime_ = 3'600;
  std::set<std::string> delegated_;
  std::optional<std::int64_t> time_;
  int issued_ = 0;
  struct Listener;
  std::unique_ptr<Listener> listener_;
};

}  // namespace c360::testing

// The sign-in of a mail provider that takes access tokens: AUTHENTICATE XOAUTH2 and OAUTHBEARER of
// a ScriptedImapServer, with a challenge before each refusal, as adapters.md 6.1 has it.
//
// Made before the first connection, and outlives the server's.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/scripted_imap_server.h"

namespace c360::testing {

class BearerSignIn {
 public:
  // `good` says whether an access token holds now.
  BearerSignIn(ScriptedImapServer& server, std::function<bool(const std::string&)> good);
  BearerSignIn(const BearerSignIn&) = delete;
  BearerSignIn& operator=(const BearerSignIn&) = delete;

  // The decoded messages so far, in order.
  std::vector<std::string> messages() const;
  // What clients answered to challenges.
  std::vector<std::string> answers() const;
  // The token this connection signed in with; nothing before.
  std::optional<std::string> token_of(const ImapConnection& client) const;

 private:
  void authenticate(ImapConnection& client, const ImapCommand& command);

  std::function<bool(const std::string&)> good_;
  mutable std::mutex mutex_;
  std::vector<std::string> messages_;
  std::vector<std::string> answers_;
  std::map<const ImapConnection*, std::string> tokens_;
};

}  // namespace c360::testing

#include "tests/support/bearer_sign_in.h"

#include <algorithm>

#include "daemon/base/digest.h"

namespace c360::testing {

namespace {

std::string from_base64(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return from_base64url(text.substr(0, text.find('='))).value_or("");
}

}  // namespace

BearerSignIn::BearerSignIn(ScriptedImapServer& server, std::function<bool(const std::string&)> good)
    : good_(std::move(good)) {
  server.on("AUTHENTICATE", [this](ImapConnection& client, const ImapCommand& command) {
    authenticate(client, command);
  });
}

void BearerSignIn::authenticate(ImapConnection& client, const ImapCommand& command) {
  const auto blank = command.arguments.find(' ');
  std::string initial;
  if (blank == std::string::npos) {
    client.line("+ ");
    initial = client.read_line();
  } else {
    initial = command.arguments.substr(blank + 1);
  }
  const std::string message = from_base64(initial);
  constexpr std::string_view kLabel = "auth=Bearer ";
  const auto at = message.find(kLabel);
  const std::string token =
      at == std::string::npos
          ? ""
          : message.substr(at + kLabel.size(), message.find('\x01', at) - at - kLabel.size());
  const bool good = good_(token);
  {
    const std::scoped_lock lock{mutex_};
    messages_.push_back(message);
    if (good) tokens_[&client] = token;
  }
  if (good) return client.ok(command, "welcome");
  client.line("+ " + to_base64(R"({"status":"401","schemes":"bearer"})"));
  const std::string answer = client.read_line();
  {
    const std::scoped_lock lock{mutex_};
    answers_.push_back(answer);
  }
  client.no(command, "[AUTHENTICATIONFAILED] Invalid credentials (Failure)");
}

std::vector<std::string> BearerSignIn::messages() const {
  const std::scoped_lock lock{mutex_};
  return messages_;
}
std::vector<std::string> BearerSignIn::answers() const {
  const std::scoped_lock lock{mutex_};
  return answers_;
}
std::optional<std::string> BearerSignIn::token_of(const ImapConnection& client) const {
  const std::scoped_lock lock{mutex_};
  const auto found = tokens_.find(&client);
  if (found == tokens_.end()) return std::nullopt;
  return found->second;
}

}  // namespace c360::testing

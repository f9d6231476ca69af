#include "tests/support/token_server.h"

#include <Poco/Net/Context.h>
#include <Poco/Net/HTMLForm.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/StreamCopier.h>
#include <Poco/ThreadPool.h>

#include <chrono>
#include <sstream>

#include "tests/support/service_account.h"

namespace c360::testing {

using namespace Poco::Net;

class TokenServer::Requests final : public HTTPRequestHandler {
 public:
  explicit Requests(TokenServer& server) : server_(server) {}

  void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
    TokenRequest seen{.method = request.getMethod(),
                      .path = request.getURI(),
                      .content_type = request.getContentType(),
                      .body = {},
                      .fields = {}};
    Poco::StreamCopier::copyToString(request.stream(), seen.body);
    std::istringstream body(seen.body);
    HTMLForm form;
    form.read(body);
    for (const auto& [name, value] : form) seen.fields[name] = value;

    const TokenAnswer answer = server_.answer(seen);
    response.setStatus(std::to_string(answer.status));
    response.setContentType(answer.content_type);
    for (const auto& [name, value] : answer.headers) response.set(name, value);
    response.setContentLength(static_cast<std::streamsize>(answer.body.size()));
    response.send() << answer.body;
  }

 private:
  TokenServer& server_;
};

class TokenServer::Factory final : public HTTPRequestHandlerFactory {
 public:
  explicit Factory(TokenServer& server) : server_(server) {}
  HTTPRequestHandler* createRequestHandler(const HTTPServerRequest&) override {
    return new Requests(server_);
  }

 private:
  TokenServer& server_;
};

struct TokenServer::Listener {
  SecureServerSocket socket;
  Poco::ThreadPool threads{2, 16};
  HTTPServer server;

  Listener(TokenServer& owner, const CertificateFiles& files)
      : socket(SocketAddress("127.0.0.1", 0), 64,
               new Context(Context::TLS_SERVER_USE, files.key.string(), files.certificate.string(),
                           "", Context::VERIFY_NONE)),
        server(new Factory(owner), threads, socket, new HTTPServerParams) {
    server.start();
  }
  ~Listener() {
    server.stopAll(true);
    threads.joinAll();
  }
};

TokenServer::TokenServer(const CertificateRequest& certificate)
    : authority_(folder_.path()),
      listener_(std::make_unique<Listener>(*this, authority_.issue("tokens", certificate))) {}

TokenServer::~TokenServer() = default;

std::string TokenServer::url() const {
  return "https://127.0.0.1:" + std::to_string(listener_->socket.address().port()) + "/token";
}

void TokenServer::know(const std::string& refresh_token) {
  const std::scoped_lock lock{mutex_};
  refresh_tokens_.insert(refresh_token);
}
void TokenServer::set_client_secret(const std::string& secret) {
  const std::scoped_lock lock{mutex_};
  client_secret_ = secret;
}
void TokenServer::forget_refresh_tokens() {
  const std::scoped_lock lock{mutex_};
  refresh_tokens_.clear();
}
void TokenServer::rotate(bool rotates) {
  const std::scoped_lock lock{mutex_};
  rotates_ = rotates;
}
void TokenServer::set_lifetime(int seconds) {
  const std::scoped_lock lock{mutex_};
  lifetime_ = seconds;
}
bool TokenServer::good(const std::string& access_token) const {
  const std::scoped_lock lock{mutex_};
  return access_tokens_.contains(access_token);
}
void TokenServer::withdraw_access_tokens() {
  const std::scoped_lock lock{mutex_};
  access_tokens_.clear();
}
void TokenServer::answer_next(TokenAnswer answer) {
  const std::scoped_lock lock{mutex_};
  scripted_.push_back(std::move(answer));
}
void TokenServer::on_request(std::function<void(const TokenRequest&)> hook) {
  const std::scoped_lock lock{mutex_};
  hook_ = std::move(hook);
}
std::vector<TokenRequest> TokenServer::requests() const {
  const std::scoped_lock lock{mutex_};
  return requests_;
}

TokenAnswer TokenServer::answer(const TokenRequest& request) {
  std::function<void(const TokenRequest&)> hook;
  {
    const std::scoped_lock lock{mutex_};
    requests_.push_back(request);
    hook = hook_;
  }
  if (hook) hook(request);
  const std::scoped_lock lock{mutex_};
  if (scripted_.empty()) return issue(request);
  TokenAnswer next = std::move(scripted_.front());
  scripted_.pop_front();
  return next;
}

void TokenServer::delegate(const std::string& subject) {
  const std::scoped_lock lock{mutex_};
  delegated_.insert(subject);
}
void TokenServer::set_time(std::int64_t unix_seconds) {
  const std::scoped_lock lock{mutex_};
  time_ = unix_seconds;
}

// In Google's words.
std::optional<TokenAnswer> TokenServer::refuse_assertion(const std::string& assertion) const {
  const auto claims = TestServiceAccount::verified(assertion);
  if (!claims)
    return TokenAnswer{
        400, R"({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})"};
  const auto text = [&](const char* name) {
    const Json* value = claims->find(name);
    return value != nullptr && value->is_string() ? value->as_string() : std::string();
  };
  const auto seconds = [&](const char* name) {
    const Json* value = claims->find(name);
    return value == nullptr ? 0 : value->as_int64().value_or(0);
  };
  const auto now = time_.value_or(
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  const std::int64_t issued = seconds("iat");
  if (std::abs(issued - now) > 300 || seconds("exp") <= now || seconds("exp") > issued + 3'600)
    return TokenAnswer{400,
                       R"({"error": "invalid_grant", "error_description": "Invalid JWT: Token )"
                       R"(must be a short-lived token (60 minutes)."})"};
  if (text("iss") != TestServiceAccount::kEmail || text("aud") != url())
    return TokenAnswer{400, R"({"error": "invalid_grant", "error_description": "Not for us."})"};
  if (text("scope") != "https://mail.google.com/" || !delegated_.contains(text("sub")))
    return TokenAnswer{401, R"({"error": "unauthorized_client", "error_description": "Client is )"
                            R"(unauthorized to retrieve access tokens using this method."})"};
  return std::nullopt;
}

TokenAnswer TokenServer::issue(const TokenRequest& request) {
  const auto field = [&](const std::string& name) {
    const auto found = request.fields.find(name);
    return found == request.fields.end() ? std::string() : found->second;
  };
  const bool by_refresh = field("grant_type") == "refresh_token";
  if (field("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer") {
    if (auto refusal = refuse_assertion(field("assertion"))) return *refusal;
  } else if (field("client_id") != "client" || field("client_secret") != client_secret_)
    return {401, R"({"error": "invalid_client", "error_description": "not known here"})"};
  if (by_refresh && !refresh_tokens_.contains(field("refresh_token")))
    return {400, R"({"error": "invalid_grant", "error_description": "expired or revoked"})"};
  ++issued_;
  const std::string access = "access-" + std::to_string(issued_);
  access_tokens_.insert(access);
  std::string body = R"({"token_type": "Bearer", "access_token": ")" + access +
                     R"(", "expires_in": )" + std::to_string(lifetime_);
  if (by_refresh && rotates_) {
    const std::string refresh = "refresh-" + std::to_string(issued_);
    refresh_tokens_.erase(field("refresh_token"));
    refresh_tokens_.insert(refresh);
    body += R"(, "refresh_token": ")" + refresh + "\"";
  }
  return {200, body + "}"};
}

}  // namespace c360::testing

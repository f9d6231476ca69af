#include "api/write_once.h"

#include <string>

#include "api/auth.h"
#include "daemon/base/text.h"
#include "store/idempotency.h"
#include "store/operations/action.h"

namespace c360::api {
namespace {

std::string header_lines(const Response& response) {
  std::string lines = "Content-Type: " + response.content_type + "\r\n";
  for (const auto& [name, value] : response.headers) {
    lines.append(name).append(": ").append(value).append("\r\n");
  }
  return lines;
}

void restore(const store::StoredAnswer& stored, Response& response) {
  response.clear();
  response.status = stored.status;
  response.body = stored.body;
  for (const auto line : split(stored.headers, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = trimmed(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "Content-Type") {
      response.content_type = value;
    } else {
      response.add_header(std::string(name), std::string(value));
    }
  }
  response.add_header("Idempotency-Replayed", "true");
}

Result<void> claimed(store::Database& database, const store::IdempotencyRequest& claim,
                     Response& response, const Effect& effect) {
  auto transaction = database.begin(store::Pool::api, store::TxMode::read_write);
  if (!transaction) return std::unexpected(transaction.error());
  store::queue_idempotency_claim(*transaction, claim);
  if (auto done = effect(&*transaction, response); !done) return done;
  store::queue_idempotency_answer(
      *transaction, claim,
      {.status = response.status, .headers = header_lines(response), .body = response.body});
  return transaction->commit();
}

store::IdempotencyRequest claim_of(const ApiServices& services, const Request& request,
                                   std::string_view key, std::string_view body) {
  return {.user_id = request.caller->actor.user_id.value_or(0),
          .key = std::string(key),
          .request_sha256 = store::request_digest(to_string(request.method), request.target, body),
          .kept = services.idempotency_kept};
}

}  // namespace

Result<void> write_once(const ApiServices& services, const Request& request, std::string_view body,
                        Response& response, const Effect& effect) {
  const auto key = request.header("idempotency-key");
  if (!key) return effect(nullptr, response);
  if (auto checked = store::check_idempotency_key(*key); !checked) return checked;
  const store::IdempotencyRequest claim = claim_of(services, request, *key, body);
  store::Database& database = services.database;
  for (int attempt = 1;; ++attempt) {
    response.clear();
    auto done = claimed(database, claim, response, effect);
    if (done) return {};
    if (store::worth_another_try(done.error()) && attempt < store::kActionAttempts) {
      store::wait_before_attempt(attempt);
      continue;
    }
    auto stored = store::settle_idempotency(database, claim, done.error());
    if (!stored) return std::unexpected(std::move(stored).error());
    restore(*stored, response);
    return {};
  }
}

Result<bool> answered_before(const ApiServices& services, const Request& request,
                             std::string_view body, Response& response) {
  const auto key = request.header("idempotency-key");
  if (!key) return false;
  if (auto checked = store::check_idempotency_key(*key); !checked)
    return std::unexpected(std::move(checked).error());
  auto stored =
      store::find_idempotent_answer(services.database, claim_of(services, request, *key, body));
  if (!stored) return std::unexpected(std::move(stored).error());
  if (!*stored) return false;
  restore(**stored, response);
  return true;
}

}  // namespace c360::api

#include "store/idempotency.h"

#include <algorithm>
#include <utility>

namespace c360::store {
namespace {

constexpr Sql kClaim{
    "idempotency.claim",
    "SELECT ops.claim_idempotency_key($1, $2, $3::bytea, $4::bigint * interval '1 hour')"};
constexpr Sql kAnswer{"idempotency.answer",
                      "UPDATE ops.idempotency_key SET status = $3, headers = $4, body = $5"
                      " WHERE user_id = $1 AND key = $2"};
constexpr Sql kFind{"idempotency.find",
                    "SELECT request_sha256, status, headers, body FROM ops.idempotency_key"
                    " WHERE user_id = $1 AND key = $2 AND expires_at > now()"};
constexpr Sql kPurge{"idempotency.purge",
                     "DELETE FROM ops.idempotency_key WHERE (user_id, key) IN"
                     " (SELECT user_id, key FROM ops.idempotency_key WHERE expires_at <= now()"
                     "   ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)"};

std::unexpected<Error> in_progress() {
  auto error = fail(ErrorCode::conflict,
                    "The first request with this Idempotency-Key is still under way. Ask again "
                    "with the same key in a moment.",
                    "idempotency_in_progress");
  error.error().retry_after = std::chrono::seconds(1);
  return error;
}

struct Kept {
  bool known = false;  // the key
  std::optional<StoredAnswer> answer;
};

Result<Kept> find_kept(Database& database, const IdempotencyRequest& request) {
  auto rows =
      database.execute(Pool::api, kFind, std::move(Params{}.add(request.user_id).add(request.key)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return Kept{};
  if (rows->bytes(0, 0) != as_bytes_view(request.request_sha256)) {
    return fail(ErrorCode::validation_failed,
                "This Idempotency-Key was used for another request. Use a new key for each "
                "request.",
                "idempotency_key_reused");
  }
  if (rows->is_null(0, 1)) return Kept{.known = true, .answer = std::nullopt};
  return Kept{.known = true,
              .answer = StoredAnswer{static_cast<int>(rows->int64(0, 1)),
                                     std::string(rows->text(0, 2)), std::string(rows->text(0, 3))}};
}

}  // namespace

Sha256 request_digest(std::string_view method, std::string_view target, std::string_view body) {
  // Neither a method nor a target holds a line feed: no two requests look the same joined.
  Sha256Stream digest;
  digest.update(method);
  digest.update("\n");
  digest.update(target);
  digest.update("\n");
  digest.update(body);
  return digest.finish();
}

Result<void> check_idempotency_key(std::string_view key) {
  const bool visible = std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!key.empty() && key.size() <= kMaxIdempotencyKeyBytes && visible) return {};
  return fail(ErrorCode::invalid_request,
              "Idempotency-Key is 1 to " + std::to_string(kMaxIdempotencyKeyBytes) +
                  " visible ASCII characters, such as a UUID.",
              "idempotency_key_invalid");
}

void queue_idempotency_claim(Transaction& tx, const IdempotencyRequest& request) {
  tx.queue(kClaim, std::move(Params{}
                                 .add(request.user_id)
                                 .add(request.key)
                                 .add_bytes(as_bytes_view(request.request_sha256))
                                 .add(static_cast<std::int64_t>(request.kept.count()))));
}

void queue_idempotency_answer(Transaction& tx, const IdempotencyRequest& request,
                              const StoredAnswer& answer) {
  tx.queue(kAnswer, std::move(Params{}
                                  .add(request.user_id)
                                  .add(request.key)
                                  .add(answer.status)
                                  .add(answer.headers)
                                  .add(answer.body)));
}

Result<StoredAnswer> settle_idempotency(Database& database, const IdempotencyRequest& request,
                                        const Error& error) {
  if (error.reason == "idempotency_in_progress") return in_progress();
  // A lost COMMIT is settled by looking whether the answer is there.
  const bool unknown = error.reason == "commit_unknown";
  if (error.reason != "idempotency_key_exists" && !unknown) return std::unexpected(error);
  auto kept = find_kept(database, request);
  if (!kept) return std::unexpected(std::move(kept).error());
  // Gone again: the first one was purged between the claim and this look.
  if (!kept->known && unknown) return std::unexpected(error);
  if (!kept->answer) return in_progress();
  return std::move(*kept->answer);
}

Result<std::optional<StoredAnswer>> find_idempotent_answer(Database& database,
                                                           const IdempotencyRequest& request) {
  auto kept = find_kept(database, request);
  if (!kept) return std::unexpected(std::move(kept).error());
  return std::move(kept->answer);
}

Result<std::int64_t> purge_idempotency(Database& database, std::int64_t limit) {
  auto rows = database.execute(Pool::work, kPurge, std::move(Params{}.add(limit)));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

}  // namespace c360::store

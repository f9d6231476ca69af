#include "store/service_answers.h"

#include <utility>

namespace c360::store {

namespace {

constexpr Sql kClaim{"answer_claim", R"sql(
  INSERT INTO ops.service_answer AS t (service, method, subject, claimed_by, claimed_until)
  VALUES ($1, $2, $3, $4, clock_timestamp() + $5::bigint * interval '1 millisecond')
  ON CONFLICT (service, method, subject) DO UPDATE
     SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
   WHERE t.claimed_until <= clock_timestamp()
     AND ($6::boolean OR t.valid_until <= clock_timestamp())
     AND ($7::bigint IS NULL OR t.calls = $7::bigint)
  RETURNING 1)sql"};
constexpr Sql kRead{"answer_read", R"sql(
  SELECT calls, exchange, is_negative, obtained_at, failure, valid_until > clock_timestamp()
  FROM ops.service_answer WHERE service = $1 AND method = $2 AND subject = $3)sql"};
// The claim of somebody who took over from us stays his.
constexpr Sql kKeep{"answer_keep", R"sql(
  INSERT INTO ops.service_answer AS t (service, method, subject, exchange, is_negative, obtained_at,
                                       valid_until, calls)
  VALUES ($1, $2, $3, CASE WHEN $6::boolean THEN NULL ELSE $5 END, $6::boolean, clock_timestamp(),
          clock_timestamp() + $7::bigint * interval '1 second', 1)
  ON CONFLICT (service, method, subject) DO UPDATE
     SET exchange = excluded.exchange, is_negative = excluded.is_negative,
         obtained_at = excluded.obtained_at, valid_until = excluded.valid_until, failure = NULL,
         calls = t.calls + 1,
         claimed_until = CASE WHEN t.claimed_by = $4 THEN '-infinity' ELSE t.claimed_until END
  RETURNING obtained_at)sql"};
constexpr Sql kFail{"answer_fail", R"sql(
  UPDATE ops.service_answer
     SET failure = $5, calls = calls + 1, claimed_until = '-infinity'
   WHERE service = $1 AND method = $2 AND subject = $3 AND claimed_by = $4)sql"};
constexpr Sql kDrop{"answer_drop", R"sql(
  UPDATE ops.service_answer SET claimed_until = '-infinity'
   WHERE service = $1 AND method = $2 AND subject = $3 AND claimed_by = $4)sql"};
constexpr Sql kPurge{"answer_purge", R"sql(
  DELETE FROM ops.service_answer WHERE (service, method, subject) IN (
    SELECT service, method, subject FROM ops.service_answer
    WHERE valid_until < clock_timestamp() - $1::bigint * interval '1 hour'
      AND claimed_until < clock_timestamp() - $1::bigint * interval '1 hour'
    ORDER BY valid_until LIMIT $2::bigint))sql"};

Params subject(const AnswerKey& key) {
  return std::move(Params{}.add(key.service).add(key.method).add(key.subject));
}

std::optional<std::string> own_text(const Rows& rows, int column) {
  const auto text = rows.optional_text(0, column);
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

}  // namespace

Result<ServiceAnswer> claim_answer(Database& database, const AnswerClaim& claim) {
  Params params = subject(claim.key);
  params.add(claim.holder).add(static_cast<std::int64_t>(claim.lease.count()));
  params.add(claim.fresh).add(claim.seen);
  auto claimed = database.execute(Pool::work, kClaim, std::move(params));
  if (!claimed) return std::unexpected(claimed.error());
  if (!claimed->empty()) return ServiceAnswer{.claimed = true};
  auto rows = database.execute(Pool::work, kRead, subject(claim.key));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return ServiceAnswer{};
  return ServiceAnswer{.valid = rows->boolean(0, 5),
                       .calls = rows->int64(0, 0),
                       .exchange = own_text(*rows, 1),
                       .is_negative = rows->boolean(0, 2),
                       .obtained_at = rows->instant(0, 3),
                       .failure = own_text(*rows, 4)};
}

Result<Instant> keep_answer(Database& database, const AnswerKey& key, const std::string& holder,
                            const NewAnswer& answer) {
  Params params = subject(key);
  params.add(holder).add(answer.exchange).add(answer.is_negative);
  params.add(static_cast<std::int64_t>(answer.good_for.count()));
  auto rows = database.execute(Pool::work, kKeep, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return *rows->instant(0, 0);
}

Result<void> keep_failure(Database& database, const AnswerKey& key, const std::string& holder,
                          const std::string& failure) {
  auto rows = database.execute(Pool::work, kFail, std::move(subject(key).add(holder).add(failure)));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<void> drop_claim(Database& database, const AnswerKey& key, const std::string& holder) {
  auto rows = database.execute(Pool::work, kDrop, std::move(subject(key).add(holder)));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::int64_t> purge_answers(Database& database, std::chrono::hours age, std::int64_t limit) {
  auto rows = database.execute(Pool::work, kPurge,
                               Params{}.add(static_cast<std::int64_t>(age.count())).add(limit));
  if (!rows) return std::unexpected(rows.error());
  return rows->affected();
}

}  // namespace c360::store

#include "store/oauth_tokens.h"

#include <utility>

namespace c360::store {

namespace {

constexpr Sql kClaim{"oauth_claim", R"sql(
  INSERT INTO ops.oauth_token AS t (mailbox, grant_id, claimed_by, claimed_until)
  VALUES ($1, $2::bytea, $3, clock_timestamp() + $4::bigint * interval '1 millisecond')
  ON CONFLICT (mailbox, grant_id) DO UPDATE
     SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
   WHERE t.claimed_until <= clock_timestamp() OR t.claimed_by = excluded.claimed_by
  RETURNING generation, refresh_sealed, access_sealed,
            (extract(epoch FROM renew_at - clock_timestamp()) * 1000)::bigint)sql"};
constexpr Sql kRead{"oauth_read", R"sql(
  SELECT generation, refresh_sealed, access_sealed,
         (extract(epoch FROM renew_at - clock_timestamp()) * 1000)::bigint
  FROM ops.oauth_token WHERE mailbox = $1 AND grant_id = $2::bytea)sql"};
constexpr Sql kRelease{"oauth_release", R"sql(
  UPDATE ops.oauth_token SET claimed_until = '-infinity'
  WHERE mailbox = $1 AND grant_id = $2::bytea AND claimed_by = $3)sql"};
constexpr Sql kSave{"oauth_save", R"sql(
  INSERT INTO ops.oauth_token AS t (mailbox, grant_id, generation, refresh_sealed, access_sealed,
                                    renew_at)
  VALUES ($1, $2::bytea, 1, $3::bytea, $4::bytea,
          clock_timestamp() + $5::bigint * interval '1 millisecond')
  ON CONFLICT (mailbox, grant_id) DO UPDATE
     SET generation = t.generation + 1,
         refresh_sealed = coalesce(excluded.refresh_sealed, t.refresh_sealed),
         access_sealed = excluded.access_sealed, renew_at = excluded.renew_at,
         claimed_until = '-infinity', updated_at = now()
  RETURNING generation)sql"};

Params identity(const OAuthTokenKey& key) {
  return std::move(Params{}.add(key.mailbox).add_bytes(as_bytes_view(key.grant_id)));
}

std::optional<std::string> optional_bytes(const Rows& rows, int column) {
  if (rows.is_null(0, column)) return std::nullopt;
  return rows.bytes(0, column);
}

StoredOAuthToken stored(const Rows& rows, bool claimed) {
  return {.claimed = claimed,
          .generation = rows.int64(0, 0),
          .refresh_sealed = optional_bytes(rows, 1),
          .access_sealed = optional_bytes(rows, 2),
          .renew_in = std::chrono::milliseconds{rows.int64(0, 3)}};
}

}  // namespace

Result<StoredOAuthToken> claim_oauth_token(Database& database, const OAuthTokenKey& key,
                                           std::chrono::milliseconds duration) {
  auto rows = database.execute(
      Pool::work, kClaim,
      std::move(identity(key).add(key.holder).add(static_cast<std::int64_t>(duration.count()))));
  if (!rows) return std::unexpected(rows.error());
  if (!rows->empty()) return stored(*rows, true);
  rows = database.execute(Pool::work, kRead, identity(key));
  if (!rows) return std::unexpected(rows.error());
  return rows->empty() ? StoredOAuthToken{} : stored(*rows, false);
}

Result<void> release_oauth_token(Database& database, const OAuthTokenKey& key) {
  auto rows = database.execute(Pool::work, kRelease, std::move(identity(key).add(key.holder)));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::int64_t> save_oauth_token(Database& database, const OAuthTokenKey& key,
                                      const std::optional<std::string>& refresh_sealed,
                                      const std::optional<std::string>& access_sealed,
                                      std::chrono::milliseconds renew_in) {
  Params params = identity(key);
  refresh_sealed ? params.add_bytes(*refresh_sealed) : params.add_null();
  access_sealed ? params.add_bytes(*access_sealed) : params.add_null();
  access_sealed ? params.add(static_cast<std::int64_t>(renew_in.count())) : params.add_null();
  auto rows = database.execute(Pool::work, kSave, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return rows->int64(0, 0);
}

}  // namespace c360::store

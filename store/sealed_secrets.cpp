#include "store/sealed_secrets.h"

#include <array>
#include <string_view>
#include <vector>

#include "daemon/base/digest.h"

namespace c360::store {
namespace {

// $1 and $2 ids of the keys in force of webhooks and of the installation, $3 and $4 of the former.
constexpr Sql kCount{"sealed_secrets.count", R"sql(
WITH each AS (
  SELECT s.sealed, s.key_id,
         CASE place WHEN 'installation_key' THEN $2::bytea ELSE $1::bytea END AS newest,
         CASE place WHEN 'installation_key' THEN $4::bytea ELSE $3::bytea END AS former
    FROM ops.sealed_secret AS s)
SELECT count(*) FILTER (WHERE key_id = newest),
       count(*) FILTER (WHERE key_id = former AND key_id IS DISTINCT FROM newest),
       count(*) FILTER (WHERE sealed IS NULL),
       count(*) FILTER (WHERE sealed IS NOT NULL AND (key_id = newest) IS NOT TRUE
                          AND (key_id = former) IS NOT TRUE)
  FROM each)sql"};

constexpr Sql kTry{"sealed_secrets.try",
                   "SELECT pg_try_advisory_xact_lock(hashtext('ops.sealed_secret'))"};
constexpr Sql kStale{"sealed_secrets.stale", R"sql(
SELECT place, name, plain, sealed FROM ops.sealed_secret
 WHERE sealed IS NULL
    OR key_id IS DISTINCT FROM CASE place WHEN 'installation_key' THEN $2::bytea ELSE $1::bytea END
)sql"};

// $1 names, $2 digests of what was read, $3 what it is now, $4 the key's id. Versions stay: who
// signs at this moment goes on with what he has read.
constexpr Sql kWebhookSecret{"sealed_secrets.webhook", R"sql(
UPDATE ops.webhook AS w SET secret = NULL, secret_sealed = n.sealed, secret_key_id = $4::bytea
  FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS n (id, was, sealed)
 WHERE w.id = n.id::bigint AND sha256(coalesce(w.secret_sealed, w.secret)) = n.was)sql"};
constexpr Sql kWebhookFormer{"sealed_secrets.webhook_former", R"sql(
UPDATE ops.webhook AS w
   SET former_secret = NULL, former_sealed = n.sealed, former_key_id = $4::bytea
  FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS n (id, was, sealed)
 WHERE w.id = n.id::bigint AND sha256(coalesce(w.former_sealed, w.former_secret)) = n.was)sql"};
constexpr Sql kInstallationKey{"sealed_secrets.installation", R"sql(
UPDATE ops.installation_key AS k SET value = NULL, sealed = n.sealed, key_id = $4::bytea
  FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS n (name, was, sealed)
 WHERE k.name = n.name AND sha256(coalesce(k.sealed, k.value)) = n.was)sql"};

void add_id(Params& params, const Seal* seal) {
  seal == nullptr ? params.add_null() : params.add_bytes(as_bytes_view(seal->id()));
}

// What is sealed anew of one place.
class Resealed {
 public:
  Resealed(std::string_view place, const Sql& sql, const Seal& seal)
      : place_(place), sql_(sql), seal_(seal) {}

  std::string_view place() const { return place_; }
  void add(std::string_view name, std::string_view was, const Secret& text) {
    names_.emplace_back(name);
    digests_.push_back(sha256(was));
    sealed_.push_back(seal_.close(text.reveal()));
  }
  Result<std::int64_t> write(Transaction& tx) const {
    if (names_.empty()) return 0;
    std::vector<std::string_view> digests;
    for (const Sha256& each : digests_) digests.push_back(as_bytes_view(each));
    Params params;
    params.add_array(std::span<const std::string>(names_))
        .add_bytes_array(digests)
        .add_bytes_array(std::vector<std::string_view>(sealed_.begin(), sealed_.end()));
    add_id(params, &seal_);
    auto rows = tx.query(sql_, std::move(params));
    if (!rows) return std::unexpected(rows.error());
    return (*rows)->affected();
  }

 private:
  const std::string_view place_;
  const Sql sql_;
  const Seal& seal_;
  std::vector<std::string> names_;
  std::vector<Sha256> digests_;
  std::vector<std::string> sealed_;
};

Result<std::int64_t> reseal(Transaction& tx, const SecretSeals& seals) {
  auto ours = tx.query(kTry);
  if (!ours) return std::unexpected(ours.error());
  if (!(*ours)->boolean(0, 0)) return 0;
  Params newest;
  add_id(newest, seals.webhook.newest());
  add_id(newest, seals.installation.newest());
  auto stale = tx.query(kStale, std::move(newest));
  if (!stale) return std::unexpected(stale.error());

  std::array<Resealed, 3> places = {
      Resealed{"webhook_secret", kWebhookSecret, *seals.webhook.newest()},
      Resealed{"webhook_former", kWebhookFormer, *seals.webhook.newest()},
      Resealed{"installation_key", kInstallationKey, *seals.installation.newest()}};
  const Rows& rows = **stale;
  for (int row = 0; row < rows.size(); ++row) {
    const bool is_plain = !rows.is_null(row, 2);
    const std::string was = rows.bytes(row, is_plain ? 2 : 3);
    for (Resealed& place : places) {
      if (place.place() != rows.text(row, 0)) continue;
      const SealRing& ring =
          place.place() == "installation_key" ? seals.installation : seals.webhook;
      const auto text = is_plain ? std::optional(Secret(was)) : ring.open(was);
      if (text) place.add(rows.text(row, 1), was, *text);
    }
  }
  std::int64_t count = 0;
  for (const Resealed& place : places) {
    auto written = place.write(tx);
    if (!written) return written;
    count += *written;
  }
  return count;
}

}  // namespace

SecretSeals secret_seals(const Secret& key, const Secret& former) {
  return {.webhook = {key, former, "webhook"}, .installation = {key, former, "installation"}};
}

Result<SealCounts> count_sealed(Database& database, const SecretSeals& seals) {
  Params params;
  add_id(params, seals.webhook.newest());
  add_id(params, seals.installation.newest());
  add_id(params, seals.webhook.former());
  add_id(params, seals.installation.former());
  auto rows = database.execute(Pool::work, kCount, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  return SealCounts{.current = rows->int64(0, 0),
                    .former = rows->int64(0, 1),
                    .unsealed = rows->int64(0, 2),
                    .unknown = rows->int64(0, 3)};
}

Result<std::int64_t> reseal_secrets(Database& database, const SecretSeals& seals) {
  if (seals.webhook.newest() == nullptr) return 0;
  std::int64_t count = 0;
  auto done = in_transaction(database, Pool::work, [&](Transaction& tx) -> Result<void> {
    auto sealed = reseal(tx, seals);
    if (!sealed) return std::unexpected(sealed.error());
    count = *sealed;
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return count;
}

}  // namespace c360::store

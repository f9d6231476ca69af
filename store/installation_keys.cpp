#include "store/installation_keys.h"

#include <string>

#include "daemon/base/digest.h"

namespace c360::store {
namespace {

constexpr std::size_t kKeyBytes = 32;

constexpr Sql kRead{"installation_keys.read",
                    "SELECT value, sealed FROM ops.installation_key WHERE name = $1"};
constexpr Sql kMake{"installation_keys.make", R"sql(
INSERT INTO ops.installation_key (name, value, sealed, key_id)
VALUES ($1, $2::bytea, $3::bytea, $4::bytea) ON CONFLICT (name) DO NOTHING)sql"};

Result<void> make(Database& database, std::string_view name, const SealRing& seals) {
  const Secret key{random_bytes(kKeyBytes)};
  Params params;
  params.add(name);
  if (const Seal* seal = seals.newest()) {
    params.add_null().add_bytes(seal->close(key.reveal())).add_bytes(as_bytes_view(seal->id()));
  } else {
    params.add_bytes(key.reveal()).add_null().add_null();
  }
  auto made = database.execute(Pool::work, kMake, std::move(params));
  if (!made) return std::unexpected(made.error());
  return {};
}

}  // namespace

Result<Secret> installation_key(Database& database, std::string_view name, const SealRing& seals) {
  auto rows = database.execute(Pool::work, kRead, std::move(Params{}.add(name)));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) {
    if (auto made = make(database, name, seals); !made) return std::unexpected(made.error());
    rows = database.execute(Pool::work, kRead, std::move(Params{}.add(name)));
    if (!rows) return std::unexpected(rows.error());
  }
  if (rows->empty())
    return fail(ErrorCode::internal, "ops.installation_key does not keep " + std::string(name));
  if (!rows->is_null(0, 0)) return Secret(rows->bytes(0, 0));
  if (auto key = seals.open(rows->bytes(0, 1))) return std::move(*key);
  return fail(ErrorCode::conflict,
              "the key " + std::string(name) + " in ops.installation_key is sealed under " +
                  (seals.newest() == nullptr ? "a key, and webhooks.key_file names none"
                                             : "another key than those of webhooks.key_file and "
                                               "webhooks.former_key_file") +
                  "; set the one it was sealed with",
              "sealed_by_another_key");
}

}  // namespace c360::store

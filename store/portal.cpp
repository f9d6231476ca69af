#include "store/portal.h"

#include <array>

namespace c360::store {
namespace {

constexpr std::array<std::string_view, 10> kScopes = {"support_request:read",
                                                      "support_request:write",
                                                      "comment:read",
                                                      "comment:write",
                                                      "document:read",
                                                      "document:write",
                                                      "counterparty_user:read",
                                                      "personal_account:read",
                                                      "personal_account_product:read",
                                                      "counterparty_invoice_type:read"};

constexpr Sql kAccount{"c360_portal_account", R"sql(
SELECT a.id, a.counterparty_id, a.role FROM crm.counterparty_user a
WHERE a.user_id = $1::bigint AND a.status = 'active'
)sql"};
constexpr Sql kFindLogin{"c360_portal_login",
                         "SELECT id FROM crm.counterparty_user WHERE login = $1::citext"};
constexpr Sql kLock{"c360_portal_lock", R"sql(
SELECT a.status, a.user_id, a.login, a.full_name FROM crm.counterparty_user a
WHERE a.id = $1::bigint FOR NO KEY UPDATE
)sql"};
// The login of an employee may be the same word, so the user's has the id in it.
constexpr Sql kMakeUser{"c360_portal_user", R"sql(
WITH made AS (
    INSERT INTO crm.user (login, last_name, kind)
    VALUES ('portal:' || $1::bigint, $2::text, 'portal') RETURNING id
)
UPDATE crm.counterparty_user AS a SET user_id = made.id FROM made WHERE a.id = $1::bigint
RETURNING a.user_id
)sql"};
constexpr Sql kTokenOf{"c360_portal_token_of", R"sql(
SELECT FROM crm.api_token t JOIN crm.counterparty_user a ON a.user_id = t.user_id
WHERE a.id = $1::bigint AND t.id = $2::bigint
)sql"};

// `more` is a further condition on the login, pa.
std::string reads_request(std::string_view request, std::string_view user,
                          std::string_view more = {}) {
  const std::string row(request);
  return "EXISTS (SELECT FROM crm.counterparty_user pa WHERE pa.user_id = " + std::string(user) +
         " AND pa.status = 'active' AND pa.counterparty_id = " + row +
         ".counterparty_id AND (pa.role = 'admin' OR " + row + ".initiator_account_id = pa.id OR " +
         row + ".initiator_contact_id = pa.contact_id)" + std::string(more) + ")";
}

std::string on_request(std::string_view id, std::string_view user, std::string_view more = {}) {
  return "EXISTS (SELECT FROM crm.support_request ps WHERE ps.id = " + std::string(id) +
         " AND ps.deleted_at IS NULL AND " + reads_request("ps", user, more) + ")";
}

// `account` is an alias of crm.personal_account: of his counterparty, and where his login names
// some only those.
std::string reads_account(std::string_view account, std::string_view user) {
  const std::string row(account);
  return "EXISTS (SELECT FROM crm.counterparty_user pa WHERE pa.user_id = " + std::string(user) +
         " AND pa.status = 'active' AND pa.counterparty_id = " + row +
         ".counterparty_id AND (pa.personal_account_ids = '{}' OR " + row +
         ".id = ANY (pa.personal_account_ids)))";
}

// What he may issue to himself (R-073): the affair of who pays.
std::string reads_invoice_type(std::string_view type, std::string_view user) {
  const std::string row(type);
  return "(" + row + ".is_active AND " + row +
         ".self_service AND EXISTS (SELECT FROM crm.counterparty_user pa WHERE pa.user_id = " +
         std::string(user) + " AND pa.status = 'active' AND pa.counterparty_id = " + row +
         ".counterparty_id AND pa.role IN ('admin', 'accountant')))";
}

}  // namespace

std::string portal_reads(const Resource& resource, std::string_view alias, std::string_view user) {
  const std::string row(alias);
  if (resource.kind == "support_request") return reads_request(alias, user);
  if (resource.kind == "comment") {
    return "(NOT " + row + ".is_internal AND " + on_request(row + ".record_id", user) + ")";
  }
  if (resource.kind == "document") return on_request(row + ".parent_record_id", user);
  if (resource.kind == "counterparty_user") {
    return "EXISTS (SELECT FROM crm.counterparty_user pa WHERE pa.user_id = " + std::string(user) +
           " AND pa.status = 'active' AND (pa.id = " + row +
           ".id OR pa.role = 'admin' AND pa.counterparty_id = " + row + ".counterparty_id))";
  }
  if (resource.kind == "personal_account") return reads_account(alias, user);
  if (resource.kind == "personal_account_product") {
    return "EXISTS (SELECT FROM crm.personal_account ac WHERE ac.id = " + row +
           ".personal_account_id AND ac.deleted_at IS NULL AND " + reads_account("ac", user) + ")";
  }
  if (resource.kind == "counterparty_invoice_type") return reads_invoice_type(alias, user);
  return {};
}

std::string portal_reads_record(std::string_view id, std::string_view user) {
  return on_request(id, user);
}

std::string portal_comments_on_record(std::string_view id, std::string_view user) {
  return on_request(id, user, " AND pa.role <> 'viewer'");
}

Result<PortalAccount> portal_account(Transaction& tx, std::int64_t user_id) {
  const auto rows = tx.query(kAccount, Params{}.add(user_id));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) {
    return fail(ErrorCode::forbidden, "This is for portal users of counterparties.", "portal_only");
  }
  return PortalAccount{.id = (*rows)->int64(0, 0),
                       .counterparty_id = (*rows)->int64(0, 1),
                       .role = std::string((*rows)->text(0, 2))};
}

Result<std::int64_t> find_portal_login(Database& database, std::string_view login) {
  auto rows = database.execute(Pool::api, kFindLogin, Params{}.add(login));
  if (!rows) return std::unexpected(std::move(rows).error());
  if (rows->empty()) {
    return fail(ErrorCode::not_found,
                "No counterparty has a portal user " + std::string(login) +
                    "; POST /api/v1/counterparty-users makes one.",
                "login_not_found");
  }
  return rows->int64(0, 0);
}

Result<NewToken> create_portal_token(Transaction& tx, const PortalTokenRequest& request,
                                     const Actor& actor) {
  const auto rows = tx.query(kLock, Params{}.add(request.account_id));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) {
    return fail(ErrorCode::not_found,
                "There is no portal user " + std::to_string(request.account_id) + ".",
                "login_not_found");
  }
  if ((*rows)->text(0, 0) != "active") {
    return fail(
        ErrorCode::conflict,
        "The portal user is " + std::string((*rows)->text(0, 0)) + "; only an active one gets in.",
        "not_active");
  }
  auto user_id = (*rows)->optional_int64(0, 1);
  if (!user_id) {
    const std::string name((*rows)->text(0, 3));
    const auto made = tx.query(kMakeUser, Params{}.add(request.account_id).add(name));
    if (!made) return std::unexpected(made.error());
    user_id = (*made)->int64(0, 0);
  }
  return create_token_of(tx, *user_id,
                         {.name = request.name,
                          .scopes = {kScopes.begin(), kScopes.end()},
                          .expires_at = request.expires_at},
                         actor);
}

Result<void> check_portal_token(Database& database, std::int64_t account_id,
                                std::int64_t token_id) {
  const auto rows = database.execute(Pool::api, kTokenOf, Params{}.add(account_id).add(token_id));
  if (!rows) return std::unexpected(rows.error());
  if (!rows->empty()) return {};
  return fail(ErrorCode::not_found, "There is no token " + std::to_string(token_id) + ".",
              "token_not_found");
}

}  // namespace c360::store

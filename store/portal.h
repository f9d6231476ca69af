// Portal users of counterparties (domain.md 5.7): employees of a customer who get in by tokens of
// their own and see only what is theirs.
//
// To the store such a person is an actor whose user is of kind `portal` and in no group. What is
// not granted here is closed to him, whatever `everyone` may do: AccessRules asks here and nowhere
// else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/model/resource.h"
#include "store/tokens.h"

namespace c360::store {

inline bool is_portal(const Actor& actor) { return actor.user_id && actor.origin == "portal"; }

// What he may read, as a condition over a row `alias`; empty: nothing of that kind. Support
// requests that he or his contact made, all of his counterparty with the role admin; their comments
// that are not internal, and their documents; his own login, with the role admin those of his
// counterparty; the personal accounts his login names (all of his counterparty where it names none)
// and what is sold on them; with the roles admin and accountant the invoice types that the customer
// issues to himself.
std::string portal_reads(const Resource& resource, std::string_view alias, std::string_view user);
// Whether he may read the record `id` (SQL), or comment on it: not with the role viewer.
std::string portal_reads_record(std::string_view id, std::string_view user);
std::string portal_comments_on_record(std::string_view id, std::string_view user);

struct PortalAccount {
  std::int64_t id = 0;
  std::int64_t counterparty_id = 0;
  std::string role;  // admin, member, accountant, viewer
};
// Of the user of kind portal; forbidden where there is none (any more).
Result<PortalAccount> portal_account(Transaction& tx, std::int64_t user_id);
// The login's id; not_found.
Result<std::int64_t> find_portal_login(Database& database, std::string_view login);

struct PortalTokenRequest {
  std::int64_t account_id = 0;
  std::string name;  // what for, as TokenRequest::name
  std::optional<Instant> expires_at;
};
// A token of the login, with the scopes of every portal token; its user is made with the first one.
// The rights on the login are the caller's to check. not_found, conflict (not_active) unless the
// login is active, validation_failed as create_token. Leaves the transaction open.
Result<NewToken> create_portal_token(Transaction& tx, const PortalTokenRequest& request,
                                     const Actor& actor);
// not_found where the token is not the login's.
Result<void> check_portal_token(Database& database, std::int64_t account_id, std::int64_t token_id);

}  // namespace c360::store

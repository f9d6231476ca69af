#include "store/tokens.h"

#include <algorithm>
#include <utility>

#include "store/history.h"
#include "store/retried.h"

namespace c360::store {
namespace {

constexpr Sql kCreate{"token.create",
                      "INSERT INTO crm.api_token (user_id, name, prefix, token_sha256, scopes,"
                      " expires_at)"
                      " SELECT id, $2, $3, $4::bytea, $5::text[], $6::timestamptz FROM crm.user"
                      "  WHERE id = $1::bigint AND is_active"
                      " RETURNING id"};
// Portal users get theirs by create_portal_token, with the scopes of those.
constexpr Sql kFindUser{"token.user",
                        "SELECT id FROM crm.user"
                        " WHERE login = $1::citext AND is_active AND kind <> 'portal'"};
constexpr Sql kList{"token.list",
                    "SELECT t.id, u.login, t.name, t.prefix, t.scopes, t.created_at, t.expires_at,"
                    " t.last_used_at, t.revoked_at"
                    "  FROM crm.api_token AS t JOIN crm.user AS u ON u.id = t.user_id"
                    " WHERE $1::citext IS NULL OR u.login = $1::citext ORDER BY t.id"};
constexpr Sql kRevoke{"token.revoke",
                      "UPDATE crm.api_token SET revoked_at = coalesce(revoked_at, now())"
                      " WHERE id = $1 RETURNING id, revoked_at = now(), revoked_at"};
// Groups: those of the user, those around them, and so on; UNION ends at a circle. Of many requests
// at once one notes the use: the others do not wait for it (SKIP LOCKED).
constexpr Sql kAuthenticate{"token.authenticate", R"sql(
WITH RECURSIVE token AS MATERIALIZED (
    SELECT t.id, t.user_id, t.scopes, t.expires_at, t.last_used_at, u.login, u.kind
      FROM crm.api_token AS t JOIN crm.user AS u ON u.id = t.user_id
     WHERE t.token_sha256 = $1::bytea AND t.revoked_at IS NULL AND u.is_active
       AND (t.expires_at IS NULL OR t.expires_at > now())
       AND (u.kind <> 'portal' OR EXISTS (
           SELECT FROM crm.counterparty_user AS a JOIN crm.counterparty AS c
                    ON c.id = a.counterparty_id
            WHERE a.user_id = u.id AND a.status = 'active' AND c.deleted_at IS NULL))
), used AS (
    UPDATE crm.api_token AS t SET last_used_at = now()
     WHERE t.id IN (SELECT l.id FROM crm.api_token AS l JOIN token USING (id)
                     WHERE token.last_used_at IS NULL
                        OR token.last_used_at < now() - interval '1 minute'
                       FOR UPDATE OF l SKIP LOCKED)
    RETURNING t.user_id
), login AS (
    UPDATE crm.counterparty_user AS a SET last_login_at = now() FROM used
     WHERE a.user_id = used.user_id
), member AS (
    SELECT m.group_id FROM crm.group_member AS m JOIN token USING (user_id)
     WHERE token.kind <> 'portal'
    UNION
    SELECT n.parent_id FROM crm.group_nesting AS n JOIN member ON n.child_id = member.group_id
)
SELECT id, user_id, login, kind, scopes, expires_at,
       ARRAY(SELECT group_id FROM member ORDER BY group_id)
  FROM token)sql"};

// Enough of the token to tell two apart, far too little to guess the rest.
constexpr std::size_t kPrefixBytes = kTokenPrefix.size() + 6;

// `admin`, or two words with a colon.
bool is_scope(std::string_view scope) {
  const auto word = [](std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
  };
  const auto colon = scope.find(':');
  if (colon == std::string_view::npos) return scope == "admin";
  return word(scope.substr(0, colon)) && word(scope.substr(colon + 1));
}

Result<void> check(const TokenRequest& request) {
  std::vector<FieldError> fields;
  if (request.name.empty() || request.name.size() > kMaxTokenNameBytes) {
    fields.push_back(
        {"/name", "length", "A name has 1 to " + std::to_string(kMaxTokenNameBytes) + " bytes."});
  }
  if (request.scopes.empty() || request.scopes.size() > kMaxTokenScopes) {
    fields.push_back(
        {"/scopes", "count", "A token has 1 to " + std::to_string(kMaxTokenScopes) + " scopes."});
  }
  for (std::size_t i = 0; i < request.scopes.size() && i < kMaxTokenScopes; ++i) {
    if (is_scope(request.scopes[i])) continue;
    fields.push_back({"/scopes/" + std::to_string(i), "format",
                      "A scope is `admin`, `RESOURCE:read` or `RESOURCE:write`."});
  }
  if (request.expires_at && *request.expires_at <= SystemClock().now()) {
    fields.push_back({"/expires_at", "past", "The token would be expired when it is made."});
  }
  if (fields.empty()) return {};
  auto error = fail(ErrorCode::validation_failed, "The token cannot be made as asked.");
  error.error().fields = std::move(fields);
  return error;
}

std::unexpected<Error> no_such_user(const std::string& who) {
  return fail(ErrorCode::not_found,
              "There is no active user " + who + ". `client360 user add` makes one.",
              "user_not_found");
}

void queue_token_event(Transaction& tx, std::int64_t id, HistoryEvent event, const Actor& actor) {
  queue_history(tx, {.kind = "token", .key = std::to_string(id), .is_record = false},
                {std::move(event)}, std::nullopt, actor);
}

}  // namespace

Result<NewToken> create_token(Database& database, const TokenRequest& request, const Actor& actor) {
  if (auto fine = check(request); !fine) return std::unexpected(fine.error());
  return retried(database, [&](Transaction& tx) -> Result<NewToken> {
    const auto user = tx.query(kFindUser, Params{}.add(request.login));
    if (!user) return std::unexpected(user.error());
    if ((*user)->empty()) return no_such_user(request.login);
    auto made = create_token_of(tx, (*user)->int64(0, 0), request, actor);
    if (!made) return made;
    if (auto done = tx.commit(); !done) return std::unexpected(done.error());
    return made;
  });
}

Result<NewToken> create_token_of(Transaction& tx, std::int64_t user_id, const TokenRequest& request,
                                 const Actor& actor) {
  if (auto fine = check(request); !fine) return std::unexpected(fine.error());
  std::string token(kTokenPrefix);
  token += to_base64url(random_bytes(32));
  NewToken made{.prefix = token.substr(0, kPrefixBytes)};
  const Sha256 digest = sha256(token);
  made.token = Secret(std::move(token));
  const auto found = tx.query(kCreate, std::move(Params{}
                                                     .add(user_id)
                                                     .add(request.name)
                                                     .add(made.prefix)
                                                     .add_bytes(as_bytes_view(digest))
                                                     .add_array(request.scopes)
                                                     .add(request.expires_at)));
  if (!found) return std::unexpected(found.error());
  const Rows* rows = *found;
  if (rows->empty()) return no_such_user(std::to_string(user_id));
  made.id = rows->int64(0, 0);
  queue_token_event(tx, made.id, {"created", "[]"}, actor);
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  return made;
}

Result<std::vector<TokenInfo>> list_tokens(Database& database, std::string_view login) {
  Params params;
  params.add(login.empty() ? std::optional<std::string_view>() : login);
  auto rows = database.execute(Pool::api, kList, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  std::vector<TokenInfo> tokens;
  tokens.reserve(static_cast<std::size_t>(rows->size()));
  for (int row = 0; row < rows->size(); ++row) {
    tokens.push_back({.id = rows->int64(row, 0),
                      .login = std::string(rows->text(row, 1)),
                      .name = std::string(rows->text(row, 2)),
                      .prefix = std::string(rows->text(row, 3)),
                      .scopes = rows->text_array(row, 4),
                      .created_at = rows->instant(row, 5),
                      .expires_at = rows->instant(row, 6),
                      .last_used_at = rows->instant(row, 7),
                      .revoked_at = rows->instant(row, 8)});
  }
  return tokens;
}

Result<void> revoke_token(Database& database, std::int64_t id, const Actor& actor) {
  return retried(database, [&](Transaction& tx) -> Result<void> {
    const auto rows = tx.query(kRevoke, std::move(Params{}.add(id)));
    if (!rows) return std::unexpected(rows.error());
    if ((*rows)->empty()) {
      return fail(ErrorCode::not_found, "There is no token " + std::to_string(id) + ".",
                  "token_not_found");
    }
    if ((*rows)->boolean(0, 1)) {
      queue_token_event(tx, id,
                        {"updated", R"([{"field":"revoked_at","old":null,"new":")" +
                                        to_rfc3339(*(*rows)->instant(0, 2)) + "\"}]"},
                        actor);
    }
    return tx.commit();
  });
}

Result<Principal> authenticate_token(Database& database, const Sha256& token_sha256) {
  auto rows = database.execute(Pool::api, kAuthenticate,
                               std::move(Params{}.add_bytes(as_bytes_view(token_sha256))));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) {
    return fail(ErrorCode::unauthenticated, "The token is unknown, revoked or expired.",
                "token_invalid");
  }
  Principal principal;
  principal.token_id = rows->int64(0, 0);
  principal.kind = rows->text(0, 3);
  principal.expires_at = rows->instant(0, 5);
  principal.actor.user_id = rows->int64(0, 1);
  principal.actor.login = rows->text(0, 2);
  principal.actor.is_service = principal.kind == "service" || principal.kind == "portal";
  if (principal.kind == "portal") principal.actor.origin = "portal";
  principal.actor.scopes = rows->text_array(0, 4);
  principal.actor.groups = rows->text_array(0, 6);
  return principal;
}

}  // namespace c360::store

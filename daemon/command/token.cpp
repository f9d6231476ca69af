// client360 token create, list, revoke. They open the database, because the first token must come
// from somewhere.
#include "store/tokens.h"

#include <spdlog/fmt/fmt.h>

#include <charconv>

#include "daemon/base/text.h"
#include "daemon/command/verbs.h"
#include "store/portal.h"

namespace c360::daemon::command {

namespace {

Result<std::optional<Instant>> expiry_of(const Arguments& arguments) {
  const std::string text = arguments.option("expires");
  if (text.empty()) return std::nullopt;
  auto instant = from_rfc3339(text.contains('T') ? text : text + "T00:00:00Z");
  if (!instant)
    return fail(ErrorCode::invalid_request,
                fmt::format("--expires={}: a date YYYY-MM-DD or an RFC 3339 time is wanted", text),
                "usage");
  return instant;
}

Result<store::NewToken> make_portal_token(store::Database& database, const std::string& login,
                                          store::PortalTokenRequest request) {
  auto account = store::find_portal_login(database, login);
  if (!account) return std::unexpected(account.error());
  request.account_id = *account;
  Result<store::NewToken> made = fail(ErrorCode::internal, "");
  auto done = store::in_transaction(
      database, store::Pool::api, [&](store::Transaction& tx) -> Result<void> {
        made = store::create_portal_token(tx, request, store::Actor::system("system"));
        if (!made) return std::unexpected(made.error());
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return made;
}

Result<ExitCode> show_made(Context& context, const store::NewToken& made) {
  Json value{Json::Object{}};
  value.set("id", made.id).set("token", made.token.reveal()).set("prefix", made.prefix);
  context.show(value, fmt::format("token {} (it is shown this once; keep it now):\n{}\n", made.id,
                                  made.token.reveal()));
  if (!was_printed())
    complain(fmt::format("token {0} was made and could not be shown: `client360 token revoke {0}`",
                         made.id));
  return ExitCode::ok;
}

// Its scopes are those of every portal user.
Result<ExitCode> create_for_portal(Context& context, const Arguments& arguments,
                                   std::optional<Instant> expires) {
  const std::string name = arguments.option("name");
  if (name.empty() || !arguments.option("user").empty() || !arguments.list("scopes").empty())
    return fail(ErrorCode::invalid_request,
                "--portal goes with --name and --expires, without --user and --scopes", "usage");
  auto database = context.database();
  if (!database) return std::unexpected(database.error());
  auto made = make_portal_token(**database, arguments.option("portal"),
                                {.account_id = 0, .name = name, .expires_at = expires});
  if (!made) return std::unexpected(made.error());
  return show_made(context, *made);
}

Result<ExitCode> create(Context& context, const Arguments& arguments) {
  auto expires = expiry_of(arguments);
  if (!expires) return std::unexpected(expires.error());
  if (!arguments.option("portal").empty()) return create_for_portal(context, arguments, *expires);
  store::TokenRequest request{.login = arguments.option("user"),
                              .name = arguments.option("name"),
                              .scopes = arguments.list("scopes"),
                              .expires_at = *expires};
  if (request.login.empty() || request.name.empty() || request.scopes.empty())
    return fail(ErrorCode::invalid_request,
                "--user, --name and --scopes are needed, such as --user=you@example.org "
                "--name=website --scopes=deal:write,counterparty:read",
                "usage");
  auto database = context.database();
  if (!database) return std::unexpected(database.error());
  auto made = store::create_token(**database, request, store::Actor::system("system"));
  if (!made) return std::unexpected(made.error());
  return show_made(context, *made);
}

std::string time_of(const std::optional<Instant>& instant) {
  return instant ? to_rfc3339(*instant).substr(0, 19) + "Z" : "-";
}

Cell state_of(const store::TokenInfo& token, Instant now) {
  if (token.revoked_at) return {"revoked", Tone::faint};
  if (token.expires_at && *token.expires_at <= now) return {"expired", Tone::faint};
  return {"good", Tone::good};
}

Result<ExitCode> list(Context& context, const Arguments& arguments) {
  auto database = context.database();
  if (!database) return std::unexpected(database.error());
  auto tokens = store::list_tokens(**database, arguments.option("user"));
  if (!tokens) return std::unexpected(tokens.error());
  Table table{{"ID", "USER", "NAME", "BEGINS", "STATE", "EXPIRES", "LAST USED", "SCOPES"}, {}};
  Json::Array rows;
  for (const store::TokenInfo& token : *tokens) {
    const Cell state = state_of(token, context.clock().now());
    table.add({std::to_string(token.id), token.login, token.name, token.prefix, state,
               time_of(token.expires_at), time_of(token.last_used_at), join(token.scopes, ",")});
    Json row{Json::Object{}};
    row.set("id", token.id).set("user", token.login).set("name", token.name);
    row.set("prefix", token.prefix).set("state", state.text);
    Json::Array scopes(token.scopes.begin(), token.scopes.end());
    row.set("scopes", std::move(scopes));
    rows.push_back(std::move(row));
  }
  context.show(rows, rows.empty() ? "there is no token; `client360 token create` makes one\n"
                                  : render(table, context.style()));
  return ExitCode::ok;
}

Result<ExitCode> revoke(Context& context, const Arguments& arguments) {
  const std::string& text = arguments.positional[0];
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size())
    return fail(ErrorCode::invalid_request,
                text + ": the id of a token is a number; see `client360 token list`", "usage");
  auto database = context.database();
  if (!database) return std::unexpected(database.error());
  if (auto revoked = store::revoke_token(**database, id, store::Actor::system("system")); !revoked)
    return std::unexpected(revoked.error());
  Json value{Json::Object{}};
  value.set("id", id).set("revoked", true);
  context.show(value, fmt::format("token {} opens nothing any more\n", id));
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> token_verbs() {
  return {{"token",
           "create",
           "",
           "Make a key for an API client; shown once",
           {{"user", "LOGIN", "for whom it speaks"},
            {"portal", "LOGIN", "instead: a portal user of a counterparty; needs no scopes"},
            {"name", "NAME", "what for, such as website"},
            {"scopes", "LIST", "comma list, such as deal:write,counterparty:read or admin"},
            {"expires", "DATE", "YYYY-MM-DD or RFC 3339; default: never"}},
           create},
          {"token",
           "list",
           "",
           "All tokens, revoked and expired ones too",
           {{"user", "LOGIN", "of one user only"}},
           list},
          {"token", "revoke", "ID", "From now on it opens nothing", {}, revoke}};
}

}  // namespace c360::daemon::command

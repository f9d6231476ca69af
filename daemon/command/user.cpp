// client360 user add: the first user must come from somewhere.
#include <spdlog/fmt/fmt.h>

#include "daemon/base/text.h"
#include "daemon/command/verbs.h"
#include "store/actor.h"
#include "store/records.h"

namespace c360::daemon::command {

namespace {

constexpr store::Sql kFindUser{"command_find_user", "SELECT id FROM crm.user WHERE login = $1"};
constexpr store::Sql kJoinGroups{"command_join_groups", R"sql(
INSERT INTO crm.group_member (group_id, user_id)
SELECT g, $1 FROM unnest($2::text[]) AS g
ON CONFLICT DO NOTHING)sql"};

Json user_body(const std::string& login, const Arguments& arguments) {
  Json body{Json::Object{}};
  body.set("login", login);
  if (arguments.has("last-name")) body.set("last_name", arguments.option("last-name"));
  if (arguments.has("first-name")) body.set("first_name", arguments.option("first-name"));
  if (const auto email = arguments.option("email", login.contains('@') ? login : "");
      !email.empty())
    body.set("email", email);
  if (arguments.has("service")) body.set("kind", "service");
  return body;
}

Result<std::int64_t> create_user(store::Database& database, store::Transaction& tx,
                                 const Json& body) {
  const SystemClock clock;
  const store::Registry registry = store::Registry::standard();
  store::Records records{database, registry, {}, clock};
  auto made = records.create(tx, registry.get("user"), body, store::Actor::system("system"),
                             {.finish = store::Finish::run});
  if (!made) return std::unexpected(made.error());
  return made->id;
}

Result<ExitCode> add(Context& context, const Arguments& arguments) {
  const std::string& login = arguments.positional[0];
  std::vector<std::string> groups = arguments.list("groups");
  if (arguments.has("admin")) groups.emplace_back(store::kCrmAdministratorsGroup);
  auto database = context.database();
  if (!database) return std::unexpected(database.error());

  auto tx = (*database)->begin(store::Pool::api, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  auto found = tx->query(kFindUser, store::Params{}.add(login));
  if (!found) return std::unexpected(found.error());
  const bool exists = !(*found)->empty();
  std::int64_t id = exists ? (*found)->int64(0, 0) : 0;
  if (!exists) {
    auto made = create_user(**database, *tx, user_body(login, arguments));
    if (!made) return std::unexpected(made.error());
    id = *made;
  }
  if (!groups.empty()) tx->queue(kJoinGroups, store::Params{}.add(id).add_array(std::span(groups)));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());

  Json value{Json::Object{}};
  Json::Array joined(groups.begin(), groups.end());
  value.set("id", id).set("login", login).set("created", !exists);
  value.set("groups", std::move(joined));
  context.show(value,
               fmt::format("user {} {} with id {}{}\n", login, exists ? "exists" : "was made", id,
                           groups.empty() ? "" : ", now in " + join(groups, ", ")));
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> user_verbs() {
  return {{"user",
           "add",
           "LOGIN",
           "Make a user, or put an existing one into more groups",
           {{"admin", "", "member of crm-administrators"},
            {"groups", "LIST", "comma list of groups, such as crm-manager"},
            {"first-name", "NAME", "first name"},
            {"last-name", "NAME", "last name; default: the login"},
            {"email", "ADDRESS", "default: the login, where it is an address"},
            {"service", "", "a program, not a person"}},
           add}};
}

}  // namespace c360::daemon::command

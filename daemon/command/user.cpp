// client360 user add: the first user must come from somewhere.
#include <spdlog/fmt/fmt.h>

#include "daemon/base/text.h"
#include "daemon/command/verbs.h"
#include "store/actor.h"
#include "store/records.h"

namespace c360::daemon::command {

namespace {

constexpr store::Sql kFindUser{"command_find_user", "SELECT id FROM crm.user WHERE login = $1"};

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

// The id of the user, made unless there is one of this login.
Result<std::int64_t> find_or_make(store::Records& records, store::Transaction& tx,
                                  const std::string& login, const Json& body, bool& exists) {
  auto found = tx.query(kFindUser, store::Params{}.add(login));
  if (!found) return std::unexpected(found.error());
  exists = !(*found)->empty();
  if (exists) return (*found)->int64(0, 0);
  auto made = records.create(tx, records.registry().get("user"), body,
                             store::Actor::system("system"), {.finish = store::Finish::run});
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
  const SystemClock clock;
  const store::Registry registry = store::Registry::standard();
  store::Records records{**database, registry, {}, clock};
  bool exists = false;
  auto id = find_or_make(records, *tx, login, user_body(login, arguments), exists);
  if (!id) return std::unexpected(id.error());
  for (const std::string& group : groups) {
    auto joined = records.link(*tx, registry.get("group"), group, "members", std::to_string(*id),
                               store::Actor::system("system"), false, store::Finish::run);
    if (!joined) return std::unexpected(joined.error());
  }
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());

  Json value{Json::Object{}};
  Json::Array joined(groups.begin(), groups.end());
  value.set("id", *id).set("login", login).set("created", !exists);
  value.set("groups", std::move(joined));
  context.show(value,
               fmt::format("user {} {} with id {}{}\n", login, exists ? "exists" : "was made", *id,
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

// The scopes of tokens (design.md 11): every route refuses a token without its scope, whoever the
// user is; what a token may not ask for it is not told by the way either; and no token gives itself
// more than it has.
#include "daemon/base/text.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class RightsOfTokens : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    user_ = add_user("administrator", {"crm-administrators"});
    for (const auto& route : api_->router().routes()) {
      if (route.access == Access::scope) scopes_.insert(route.scope);
      scopes_.insert(route.further_scopes.begin(), route.further_scopes.end());
    }
  }
  // Of an administrator: nothing but the scope stands between him and the route.
  HttpClient with(const std::vector<std::string>& scopes) {
    return HttpClient(port(), add_token(user_, scopes));
  }
  // A token with every scope there is but this one; neither `admin` nor, of a reading scope, the
  // writing one, which include it.
  HttpClient without(const std::string& scope) {
    std::vector<std::string> others;
    const std::string resource = scope.substr(0, scope.find(':'));
    for (const std::string& each : scopes_) {
      const bool includes = scope.ends_with(":read") && each == resource + ":write";
      if (each != scope && each != "admin" && !includes) others.push_back(each);
    }
    return with(others);
  }
  static std::string target_of(const Route& route) {
    std::string path = route.path;
    while (path.find('{') != std::string::npos) {
      const auto at = path.find('{');
      path.replace(at, path.find('}') - at + 1, "999999");
    }
    return path;
  }

  std::int64_t user_ = 0;
  std::set<std::string> scopes_;
};

TEST_F(RightsOfTokens, EveryRouteRefusesATokenWithoutItsScope) {
  std::map<std::string, HttpClient> clients;
  int asked = 0;
  for (const auto& route : api_->router().routes()) {
    std::vector<std::string> needed = route.further_scopes;
    if (route.access == Access::scope) needed.push_back(route.scope);
    for (const std::string& scope : needed) {
      ++asked;
      const auto client = clients.try_emplace(scope, without(scope)).first;
      const auto answer = client->second.request(to_string(route.method), target_of(route));
      EXPECT_EQ(answer.status, 403) << to_string(route.method) << " " << route.path;
      EXPECT_EQ(answer.field("code"), "scope_missing")
          << to_string(route.method) << " " << route.path << ": " << answer.body;
    }
  }
  EXPECT_GT(asked, 500);
}

TEST_F(RightsOfTokens, ARouteAsksForNoOtherScopeThanItSays) {
  std::map<std::string, HttpClient> clients;
  for (const auto& route : api_->router().routes()) {
    if (route.access != Access::scope || route.method != Method::get) continue;
    const auto client = clients.try_emplace(route.scope, with({route.scope})).first;
    const auto answer = client->second.get(target_of(route));
    EXPECT_EQ(answer.body.find("scope_missing"), std::string::npos) << route.path << answer.body;
  }
}

// Routes for any token show of each kind what its scope opens.
TEST_F(RightsOfTokens, WhatIsOfManyKindsShowsThoseOfTheScopesAlone) {
  HttpClient all = with({"admin"});
  HttpClient leads = with({"lead:read"});
  const std::string deal = std::to_string(make_deal(all, "Zebra"));
  const std::string lead =
      std::to_string(created(all.post("/api/v1/leads", R"({"name": "Zebra"})")));

  const auto snapshot = leads.get("/api/v1/events/snapshot");
  EXPECT_EQ(snapshot.body.find("\"kind\":\"deal\""), std::string::npos) << snapshot.body;
  EXPECT_NE(snapshot.body.find("\"kind\":\"lead\""), std::string::npos) << snapshot.body;
  const auto events = leads.get("/api/v1/events");
  EXPECT_EQ(events.body.find("\"record_kind\":\"deal\""), std::string::npos) << events.body;
  EXPECT_NE(events.body.find("\"record_kind\":\"lead\""), std::string::npos) << events.body;
  for (const std::string_view path :
       {"/search?q=zebra&kind=deal", "/events?kind=deal", "/events/snapshot?kind=deal"}) {
    EXPECT_EQ(leads.get(std::string(kApiPrefix) + std::string(path)).field("code"), "scope_missing")
        << path;
  }
  for (const std::string_view what : {"/actions", "/links"}) {
    const std::string records = std::string(kApiPrefix) + "/records/";
    EXPECT_EQ(leads.get(records + lead + std::string(what)).status, 200) << what;
    const auto hidden = leads.get(records + deal + std::string(what));
    EXPECT_NE(hidden.status, 200) << what << hidden.body;
  }
  EXPECT_EQ(leads.get("/api/v1/workspace").body.find("Zebra\",\"kind\":\"deal"), std::string::npos);
}

TEST_F(RightsOfTokens, NoTokenGivesItselfMoreThanItHas) {
  std::vector<std::string> all_but_admin;
  for (const std::string& scope : scopes_) {
    if (scope != "admin") all_but_admin.push_back(scope);
  }
  HttpClient token = with(all_but_admin);
  const std::string own = token.get("/api/v1/me").field("token_id");
  const std::string wider = R"({"login": "administrator", "name": "x", "scopes": ["admin"]})";
  const auto made = token.post("/api/v1/tokens", wider);
  EXPECT_EQ(made.status, 403) << made.body;
  EXPECT_EQ(made.field("code"), "scope_missing");
  for (const std::string_view method : {"PATCH", "PUT", "POST"}) {
    const auto changed = token.request(method, "/api/v1/tokens/" + own,
                                       {{"Content-Type", "application/json"}, {"If-Match", "*"}},
                                       R"({"scopes": ["admin"]})");
    EXPECT_TRUE(changed.status == 405 || changed.status == 404) << method << changed.body;
  }
  EXPECT_EQ(token.get("/api/v1/me").json().find("scopes")->as_array().size(), all_but_admin.size());

  // The scope alone does it as little as the group alone.
  HttpClient director = client_of("director", {"crm-cco", "crm-manager"}, {"admin"});
  EXPECT_EQ(director.post("/api/v1/tokens", wider).field("code"), "administrators_only");
}

// The token of a customer's login has the scopes of those, whatever the body asks for.
TEST_F(RightsOfTokens, ATokenForACustomerIsNoWiderThanThose) {
  HttpClient all = with({"admin"});
  HttpClient token = with({"counterparty_user:write"});
  const auto company =
      created(all.post("/api/v1/counterparties", R"({"name": "Zebra", "segment_code": "small",
      "acquisition_channel_code": "site", "status_code": "active"})"));
  const auto login = created(all.post("/api/v1/counterparty-users",
                                      R"({"login": "p", "email": "p@example.org", "full_name": "x",
      "status": "active", "counterparty_id": )" +
                                          std::to_string(company) + "}"));
  const std::string path = "/api/v1/counterparty-users/" + std::to_string(login) + "/tokens";
  EXPECT_EQ(token.post(path, R"({"name": "x", "scopes": ["admin"]})").status, 422);
  const auto made = token.post(path, R"({"name": "x"})");
  ASSERT_EQ(made.status, 201) << made.body;
  HttpClient customer(port(), made.field("token"));
  EXPECT_EQ(customer.get("/api/v1/me").body.find("\"admin\""), std::string::npos);
  EXPECT_EQ(customer.get("/api/v1/deals").status, 403);
}

}  // namespace
}  // namespace c360::api

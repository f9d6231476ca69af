// Who gets in, and what each sees.
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using RightsApi = ApiTest;

TEST_F(RightsApi, WithoutAGoodTokenNobodyGetsIn) {
  HttpClient nobody = client("");
  const auto missing = nobody.get("/api/v1/deals");
  EXPECT_EQ(missing.status, 401);
  EXPECT_EQ(missing.header("www-authenticate"), "Bearer realm=\"client360\"");
  EXPECT_EQ(missing.field("code"), "token_missing");

  HttpClient stranger = client("c360_no_such_token");
  const auto unknown = stranger.get("/api/v1/deals");
  EXPECT_EQ(unknown.status, 401);
  EXPECT_NE(unknown.header("www-authenticate").find("invalid_token"), std::string::npos);
  EXPECT_EQ(nobody.get("/api/v1/deals", {{"Authorization", "Basic YTpi"}}).status, 401);
  EXPECT_EQ(nobody.get("/api/v1/deals", {{"Authorization", "Bearer "}}).status, 401);
  EXPECT_EQ(
      nobody.get("/api/v1/deals", {{"Authorization", "Bearer " + std::string(600, 'x')}}).status,
      401);
}

TEST_F(RightsApi, RevokedExpiredAndInactiveTokensAreRefusedAtOnce) {
  const auto user = add_user("user", {"crm-manager"});
  HttpClient expired = client(add_token(user, {"admin"}, "now() - interval '1 second'"));
  EXPECT_EQ(expired.get("/api/v1/deals").status, 401);

  HttpClient good = client(add_token(user, {"admin"}, "now() + interval '1 hour'"));
  EXPECT_EQ(good.get("/api/v1/deals").status, 200);
  sql("UPDATE crm.user SET is_active = false WHERE id = " + std::to_string(user) + " RETURNING id");
  EXPECT_EQ(good.get("/api/v1/deals").status, 401);
  sql("UPDATE crm.user SET is_active = true WHERE id = " + std::to_string(user) + " RETURNING id");
  EXPECT_EQ(good.get("/api/v1/deals").status, 200);
  sql("UPDATE crm.api_token SET revoked_at = now() RETURNING id");
  EXPECT_EQ(good.get("/api/v1/deals").status, 401);
}

TEST_F(RightsApi, ARememberedTokenIsForgottenInTime) {
  class MovedClock final : public Clock {
   public:
    Instant now() const override { return SystemClock().now(); }
    std::chrono::steady_clock::time_point steady() const override {
      return SystemClock().steady() + moved;
    }
    std::chrono::milliseconds moved{0};
  } clock;
  Authenticator authenticator(
      *database_, {.cache_time = std::chrono::milliseconds{1'000}, .requests_per_second = 0},
      clock);
  const std::string token = add_token(add_user("user"), {"deal:read"});
  const std::string field = "Bearer " + token;
  Request request;
  request.headers = {{"Authorization", field}};
  const Route route{.access = Access::scope, .scope = "deal:read"};

  EXPECT_TRUE(authenticator.admit(request, route));
  sql("UPDATE crm.api_token SET revoked_at = now() RETURNING id");
  EXPECT_TRUE(authenticator.admit(request, route)) << "remembered for a second";
  clock.moved = std::chrono::milliseconds{1'001};
  EXPECT_FALSE(authenticator.admit(request, route));
}

TEST_F(RightsApi, ScopesLimitATokenBelowItsUser) {
  const auto user = add_user("admin", {"crm-administrators"});
  HttpClient reader = client(add_token(user, {"deal:read"}));
  EXPECT_EQ(reader.get("/api/v1/deals").status, 200);
  const auto refused = reader.post("/api/v1/deals", R"({"name": "A"})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.field("code"), "scope_missing");
  EXPECT_EQ(reader.get("/api/v1/leads").status, 403);
  EXPECT_EQ(reader.get("/api/v1/mail/messages").status, 403);
  // Contacts of a deal are contacts, by whatever way.
  HttpClient both = client(add_token(user, {"deal:write", "contact:read"}));
  const auto deal = both.post("/api/v1/deals", R"({"name": "A"})");
  ASSERT_EQ(deal.status, 201);
  const std::string path = "/api/v1/deals/" + deal.field("id");
  for (const std::string& way : {path + "/contacts", path + "?include=contacts",
                                 std::string("/api/v1/deals?include=contacts")}) {
    EXPECT_EQ(reader.get(way).status, 403) << way;
    EXPECT_EQ(reader.get(way).field("code"), "scope_missing") << way;
    EXPECT_EQ(both.get(way).status, 200) << way;
  }

  HttpClient writer = client(add_token(user, {"deal:write"}));
  EXPECT_EQ(writer.post("/api/v1/deals", R"({"name": "A"})").status, 201);
  EXPECT_EQ(writer.get("/api/v1/deals").status, 200) << "write includes read";
  HttpClient nothing = client(add_token(user, {}));
  EXPECT_EQ(nothing.get("/api/v1/deals").status, 403);
  EXPECT_EQ(nothing.get("/api/v1/me").status, 200);
}

TEST_F(RightsApi, ColleaguesAreChosenByGroupAndLoginsOfCustomersAreNot) {
  const auto seller = add_user("seller", {"crm-manager"});
  sql("INSERT INTO crm.user (login, last_name, kind) VALUES ('portal:1', 'Клиент', 'portal') "
      "RETURNING id");
  HttpClient director = client_of("director", {"crm-cco"});
  const auto managers = director.get("/api/v1/users?group=crm-manager&count=exact");
  ASSERT_EQ(managers.status, 200) << managers.body;
  EXPECT_EQ(managers.field("total"), "1");
  EXPECT_EQ(managers.field("items/0/id"), std::to_string(seller));
  EXPECT_EQ(director.get("/api/v1/users?kind=portal&count=exact").field("total"), "0");
  EXPECT_EQ(administrator().get("/api/v1/users?kind=portal&count=exact").field("total"), "1");
  EXPECT_EQ(director.get("/api/v1/groups/crm-manager").field("name_en"), "CRM manager");
  EXPECT_EQ(director
                .patch("/api/v1/users/" + std::to_string(seller), R"({"job_title":"x"})",
                       {{"If-Match", "*"}})
                .status,
            403);
}

TEST_F(RightsApi, WhatAnActionMakesNeedsTheScopeOfItsKind) {
  const auto user = add_user("director", {"crm-cco"});
  HttpClient deals = client(add_token(user, {"deal:write"}));
  HttpClient both = client(add_token(user, {"deal:write", "contract:write"}));
  const std::string path = "/api/v1/deals/" + std::to_string(make_deal(deals, "A"));

  const auto refused = deals.post(path + "/contracts", "{}");
  EXPECT_EQ(refused.status, 403) << refused.body;
  EXPECT_EQ(refused.field("code"), "scope_missing");
  EXPECT_NE(refused.field("detail").find("contract:write"), std::string::npos);
  EXPECT_EQ(both.post(path + "/contracts", "{}").field("errors/0/code"), "counterparty_required");
}

TEST_F(RightsApi, RolesDecideWhatIsSeenAndChanged) {
  HttpClient owner = client_of("owner", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient director = client_of("director", {"crm-cco"});
  HttpClient admin = administrator();
  HttpClient stranger = client_of("stranger", {});
  const auto observer_id = add_user("observer");
  HttpClient observer = client(add_token(observer_id, {"admin"}));
  const std::string path = "/api/v1/deals/" + std::to_string(make_deal(owner, "Mine"));
  EXPECT_EQ(owner.request("PUT", path + "/observers/" + std::to_string(observer_id)).status, 204);

  EXPECT_EQ(owner.get(path).status, 200);
  EXPECT_EQ(manager.get(path).status, 200);
  EXPECT_EQ(director.get(path).status, 200);
  EXPECT_EQ(admin.get(path).status, 200);
  EXPECT_EQ(observer.get(path).status, 200);
  EXPECT_EQ(stranger.get(path).status, 404) << "existence is not revealed";
  EXPECT_EQ(stranger.get(path + "/history").status, 404);
  EXPECT_EQ(stranger.get(path + "/comments").status, 404);
  EXPECT_EQ(stranger.patch(path, R"({"name": "X"})", {{"If-Match", "\"1\""}}).status, 404);
  EXPECT_EQ(stranger.get("/api/v1/deals?count=exact").field("total"), "0");
  EXPECT_EQ(observer.get("/api/v1/deals?count=exact").field("total"), "1");

  const testing::HttpHeaders any{{"If-Match", "*"}};
  EXPECT_EQ(observer.patch(path, R"({"name": "X"})", any).status, 403);
  EXPECT_EQ(manager.patch(path, R"({"name": "X"})", any).status, 403);
  EXPECT_EQ(observer.del(path, any).status, 403);
  EXPECT_EQ(director.patch(path, R"({"name": "B"})", any).status, 200);
  EXPECT_EQ(admin.patch(path, R"({"name": "C"})", any).status, 200);
  EXPECT_EQ(owner.patch(path, R"({"name": "D"})", any).status, 200);
}

TEST_F(RightsApi, MailIsForAdministrators) {
  HttpClient manager = client_of("manager", {"crm-manager"});
  EXPECT_EQ(manager.get("/api/v1/mail/messages?count=exact").field("total"), "0");
  EXPECT_EQ(manager.post("/api/v1/mail/quarantine/1/retry", "").status, 403);
  EXPECT_EQ(manager.get("/api/v1/rules").status, 403);
}

TEST_F(RightsApi, TokensAreMadeShownOnceAndRevoked) {
  HttpClient admin = administrator();
  const auto user = add_user("client");
  const std::string login =
      sql_text("SELECT login FROM crm.user WHERE id = " + std::to_string(user));
  const auto made = admin.post("/api/v1/tokens", R"({"name": "website", "scopes": ["deal:read"],
      "login": ")" + login + R"("})");
  ASSERT_EQ(made.status, 201) << made.body;
  HttpClient website = client(made.field("token"));
  EXPECT_EQ(website.get("/api/v1/deals").status, 200);
  EXPECT_EQ(website.post("/api/v1/tokens", "{}").status, 403);
  EXPECT_EQ(admin.get("/api/v1/tokens").body.find(made.field("token")), std::string::npos);

  EXPECT_EQ(admin.del("/api/v1/tokens/" + made.field("id")).status, 204);
  EXPECT_EQ(website.get("/api/v1/deals").status, 401);
  EXPECT_EQ(admin.del("/api/v1/tokens/999999").status, 404);
  EXPECT_EQ(admin.post("/api/v1/tokens", R"({"name": 1})").status, 422);
  EXPECT_EQ(admin.post("/api/v1/tokens", R"({"colour": 1})").status, 422);
}

TEST_F(RightsApi, ATokenHasItsShareOfRequests) {
  options_.auth.requests_per_second = 1;
  options_.auth.burst = 3;
  restart();
  const auto user = add_user("user");
  HttpClient eager = client(add_token(user, {"admin"}));
  HttpClient other = client(add_token(user, {"admin"}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(eager.get("/api/v1/me").status, 200);
  const auto refused = eager.get("/api/v1/me");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("retry-after"), "1");
  EXPECT_EQ(other.get("/api/v1/me").status, 200) << "each token has its own";
}

}  // namespace
}  // namespace c360::api

// The table of routes as a whole, and the document made from it.
#include <set>

#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class OpenApi : public ApiTest {
 protected:
  // A path of the route with ids that are not there.
  static std::string concrete(const Route& route) {
    std::string path;
    for (std::size_t i = 0; i < route.path.size(); ++i) {
      if (route.path[i] == '{') {
        path += "999999";
        i = route.path.find('}', i);
      } else {
        path += route.path[i];
      }
    }
    return path;
  }
};

TEST_F(OpenApi, EveryRouteHasAScopeDecision) {
  const std::set<std::string> open = {"/api/v1/openapi.json", "/docs",
                                      "/docs/init.js",        "/docs/swagger-ui-bundle.js",
                                      "/docs/swagger-ui.css", "/unsubscribe/{token}"};
  // Of a record of any kind: the scope of its kind is asked for once that is known.
  const std::set<std::string> any_token = {"/api/v1/events",
                                           "/api/v1/events/snapshot",
                                           "/api/v1/me",
                                           "/api/v1/meta/enums",
                                           "/api/v1/search",
                                           "/api/v1/meta/resources",
                                           "/api/v1/workspace",
                                           "/api/v1/records/{id}/actions",
                                           "/api/v1/records/{id}/links",
                                           "/api/v1/records/{id}/links/{link_id}"};
  for (const auto& route : api_->router().routes()) {
    EXPECT_NE(route.access, Access::undecided) << route.path;
    EXPECT_EQ(route.access == Access::open, open.contains(route.path)) << route.path;
    EXPECT_EQ(route.access == Access::caller, any_token.contains(route.path)) << route.path;
    if (route.access != Access::scope) continue;
    const bool writes = route.method != Method::get && route.operation_id != "test_rules";
    EXPECT_TRUE(route.scope == "admin" || route.scope.ends_with(writes ? ":write" : ":read"))
        << to_string(route.method) << " " << route.path << ": " << route.scope;
  }
}

TEST_F(OpenApi, NoRouteAnswersWithoutATokenOrItsScope) {
  HttpClient nobody = client("");
  HttpClient nothing = client_of("nothing", {"crm-administrators"}, {});
  for (const auto& route : api_->router().routes()) {
    if (route.access == Access::open) continue;
    const std::string path = concrete(route);
    EXPECT_EQ(nobody.request(to_string(route.method), path).status, 401) << path;
    if (route.access != Access::scope) continue;
    EXPECT_EQ(nothing.request(to_string(route.method), path).status, 403) << path;
  }
}

TEST_F(OpenApi, EveryRouteAnswersAsDeclared) {
  HttpClient admin = administrator();
  for (const auto& route : api_->router().routes()) {
    if (route.hidden) continue;
    const std::string path = concrete(route);
    // The client checks each answer against the document.
    const auto answer = admin.request(to_string(route.method), path);
    EXPECT_NE(answer.status, 500) << to_string(route.method) << " " << path << answer.body;
    EXPECT_NE(answer.status, 0) << path;
    EXPECT_NE(answer.status, 405) << path;
    // What is looked up elsewhere is no record, and this API is connected to nobody.
    const bool is_record = route.path.find('{') != std::string::npos && route.tag != "lookup";
    if (route.method == Method::get && is_record) {
      EXPECT_EQ(answer.status, 404) << path << ": " << answer.body.substr(0, 300);
    }
  }
}

TEST_F(OpenApi, TheDocumentIsWholeAndDescribesEveryVisibleRoute) {
  for (const auto& fault : validator_->check_document()) ADD_FAILURE() << fault;
  const Json& paths = *validator_->document().find("paths");
  for (const auto& route : api_->router().routes()) {
    if (route.hidden) continue;
    EXPECT_NE(paths.find(route.path), nullptr) << route.path;
    EXPECT_FALSE(route.summary.empty()) << route.path;
    EXPECT_FALSE(route.answers.empty()) << route.path;
  }
}

TEST_F(OpenApi, TheDocsPageNeedsNobodyElse) {
  HttpClient reader(port());
  const auto page = reader.get("/docs");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body.find("http://"), std::string::npos);
  EXPECT_EQ(page.body.find("https://"), std::string::npos);
  const auto policy = page.header("content-security-policy");
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(policy.find("script-src 'self';"), std::string::npos) << "no inline script";
  for (const std::string path : {"/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"}) {
    const auto asset = reader.get(path);
    EXPECT_EQ(asset.status, 200);
    EXPECT_EQ(asset.header("content-encoding"), "gzip");
    EXPECT_EQ(asset.body.substr(0, 2), "\x1f\x8b");
    EXPECT_GT(asset.body.size(), 10'000U);
  }
  EXPECT_EQ(reader.get("/docs/init.js").status, 200);
}

TEST_F(OpenApi, ItsExamplesFitTheirSchemas) {
  const Json& problem =
      *validator_->document().find("components")->find("responses")->find("Problem");
  const Json& media = *problem.find("content")->find("application/problem+json");
  EXPECT_TRUE(validator_->check_schema(*media.find("schema"), *media.find("example")).empty());
}

TEST_F(OpenApi, TheValidatorSeesWhatIsWrong) {
  const Json schema = *validator_->document().find("components")->find("schemas")->find("Deal");
  EXPECT_FALSE(validator_->check_schema(schema, Json(Json::Object{{"id", "17"}})).empty());
  EXPECT_FALSE(validator_->check_schema(schema, Json(Json::Object{{"colour", 1}})).empty());
  EXPECT_FALSE(validator_->check_schema(schema, Json(Json::Object{{"status", "nowhere"}})).empty());
  EXPECT_FALSE(
      validator_->check_schema(schema, Json(Json::Object{{"created_at", "yesterday"}})).empty());
  EXPECT_TRUE(validator_->check_schema(schema, Json(Json::Object{{"id", 17}})).empty());
}

}  // namespace
}  // namespace c360::api

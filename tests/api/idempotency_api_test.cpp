// The same request again: the same answer, one effect.
#include <future>
#include <set>

#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using IdempotencyApi = ApiTest;

TEST_F(IdempotencyApi, ARepeatedCreateGivesTheFirstAnswer) {
  HttpClient admin = administrator();
  const testing::HttpHeaders key{{"Idempotency-Key", "order-1"}};

  const auto first = admin.post("/api/v1/deals", R"({"name": "A"})", key);
  const auto second = admin.post("/api/v1/deals", R"({"name": "A"})", key);

  EXPECT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(second.status, 201) << second.body;
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.header("etag"), first.header("etag"));
  EXPECT_EQ(second.header("location"), first.header("location"));
  EXPECT_EQ(second.header("idempotency-replayed"), "true");
  EXPECT_FALSE(first.has_header("idempotency-replayed"));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 1);
}

TEST_F(IdempotencyApi, TheAnswerIsKeptAsLongAsTheSettingSays) {
  idempotency_kept_ = std::chrono::hours{5};
  restart();
  HttpClient admin = administrator();

  ASSERT_EQ(
      admin.post("/api/v1/deals", R"({"name": "A"})", {{"Idempotency-Key", "order-1"}}).status,
      201);

  EXPECT_EQ(sql("SELECT extract(epoch FROM expires_at - created_at)::bigint / 3600 "
                "FROM ops.idempotency_key"),
            5);
}

TEST_F(IdempotencyApi, AnotherBodyUnderTheKeyIsRefused) {
  HttpClient admin = administrator();
  const testing::HttpHeaders key{{"Idempotency-Key", "order-1"}};
  EXPECT_EQ(admin.post("/api/v1/deals", R"({"name": "A"})", key).status, 201);
  const auto other = admin.post("/api/v1/deals", R"({"name": "B"})", key);
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(other.field("code"), "idempotency_key_reused");
  EXPECT_EQ(admin.post("/api/v1/deals", "{}", {{"Idempotency-Key", "with blank"}}).status, 400);
  EXPECT_EQ(admin.post("/api/v1/deals", "{}", {{"Idempotency-Key", std::string(256, 'k')}}).status,
            400);
}

TEST_F(IdempotencyApi, KeysOfTwoUsersAreTwoKeys) {
  HttpClient one = client_of("one", {"crm-manager"});
  HttpClient two = client_of("two", {"crm-manager"});
  const testing::HttpHeaders key{{"Idempotency-Key", "k"}};
  EXPECT_EQ(one.post("/api/v1/deals", R"({"name": "A"})", key).status, 201);
  EXPECT_EQ(two.post("/api/v1/deals", R"({"name": "B"})", key).status, 201);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 2);
}

TEST_F(IdempotencyApi, ARefusedRequestDoesNotUseUpItsKey) {
  HttpClient admin = administrator();
  const testing::HttpHeaders key{{"Idempotency-Key", "k"}};
  EXPECT_EQ(admin.post("/api/v1/deals", R"({"amount": "x"})", key).status, 422);
  EXPECT_EQ(admin.post("/api/v1/deals", R"({"name": "A"})", key).status, 201);
}

TEST_F(IdempotencyApi, ChangesAndDeletesAreRepeatedHarmlessly) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  const testing::HttpHeaders change{{"If-Match", "\"1\""}, {"Idempotency-Key", "change"}};
  const auto first = admin.patch(path, R"({"name": "B"})", change);
  const auto again = admin.patch(path, R"({"name": "B"})", change);
  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(again.status, 200) << "not 412: it is the same request";
  EXPECT_EQ(again.header("etag"), "\"2\"");
  const testing::HttpHeaders remove{{"If-Match", "\"2\""}, {"Idempotency-Key", "remove"}};
  EXPECT_EQ(admin.del(path, remove).status, 204);
  EXPECT_EQ(admin.del(path, remove).status, 204);
}

TEST_F(IdempotencyApi, OfManyAtOnceOneHasTheEffect) {
  const std::string token = add_token(add_user("admin", {"crm-administrators"}), {"admin"});
  std::vector<std::future<HttpAnswer>> answers;
  for (int i = 0; i < 8; ++i) {
    answers.push_back(std::async(std::launch::async, [this, token] {
      HttpClient racer(port(), token);
      HttpAnswer answer;
      // "Still under way" asks to come again.
      for (int attempt = 0; attempt < 200; ++attempt) {
        answer = racer.post("/api/v1/deals", R"({"name": "Once"})", {{"Idempotency-Key", "race"}});
        if (answer.status != 409) break;
      }
      return answer;
    }));
  }
  std::set<std::string> bodies;
  for (auto& answer : answers) {
    const HttpAnswer got = answer.get();
    EXPECT_EQ(got.status, 201) << got.body;
    bodies.insert(got.body);
  }
  EXPECT_EQ(bodies.size(), 1U);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 1);
}

}  // namespace
}  // namespace c360::api

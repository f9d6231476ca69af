// Webhooks as administrators keep them.
#include "store/webhook_queue.h"
#include "store/webhooks.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class WebhooksApi : public ApiTest {
 protected:
  static constexpr const char* kPath = "/api/v1/webhooks";
  static std::string target(const std::string& id, const std::string& more = "") {
    return std::string(kPath) + "/" + id + more;
  }
  std::string made(HttpClient& by, const std::string& more = "") {
    const auto answer =
        by.post(kPath, R"({"url":"https://hooks.example.com/a","name":"Store")" + more + "}");
    EXPECT_EQ(answer.status, 201) << answer.body;
    return answer.field("id");
  }
};

TEST_F(WebhooksApi, TheSecretIsShownOnceAndNeverAgain) {
  HttpClient admin = administrator();
  const auto answer = admin.post(
      kPath, R"({"url":"https://hooks.example.com/a","kinds":["deal"],"events":["created"]})");
  ASSERT_EQ(answer.status, 201) << answer.body;
  const std::string secret = answer.field("secret");
  EXPECT_EQ(secret.substr(0, 6), "whsec_");
  EXPECT_EQ(secret.size(), 6U + 44U);
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  const auto read = admin.get(answer.header("location"));
  ASSERT_EQ(read.status, 200) << read.body;
  EXPECT_EQ(read.field("kinds/0"), "deal");
  EXPECT_EQ(read.field("events/0"), "created");
  EXPECT_EQ(read.field("state"), "active");
  EXPECT_EQ(read.field("queued") + read.field("parked") + read.field("failures"), "000");
  for (const auto& text : {read.body, admin.get(kPath).body})
    EXPECT_EQ(text.find("whsec_"), std::string::npos);

  const auto rotated = admin.post(target(answer.field("id"), "/rotate-secret?overlap_s=60"), "");
  ASSERT_EQ(rotated.status, 200) << rotated.body;
  EXPECT_NE(rotated.field("secret"), secret);
  EXPECT_NE(admin.get(target(answer.field("id"))).field("former_secret_until"), "null");
  EXPECT_EQ(admin.post(target(answer.field("id"), "/rotate-secret?overlap_s=-1"), "").status, 400);
  // The history says what was done, not the secret.
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_kind = 'webhook'"), 2);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE changes::text LIKE '%whsec%'"), 0);
}

TEST_F(WebhooksApi, TheDatabaseHoldsTheSecretsSealedOnly) {
  HttpClient admin = administrator();
  const auto answer = admin.post(kPath, R"({"url":"https://hooks.example.com/a"})");
  const auto rotated = admin.post(target(answer.field("id"), "/rotate-secret"), "");
  ASSERT_EQ(rotated.status, 200) << rotated.body;
  for (const auto& shown : {answer.field("secret"), rotated.field("secret")})
    EXPECT_EQ(sql("SELECT count(*) FROM ops.webhook AS w WHERE to_jsonb(w)::text LIKE '%' ||"
                  " encode(decode('" +
                  shown.substr(6) + "', 'base64'), 'hex') || '%'"),
              0);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.webhook WHERE secret IS NULL AND former_secret IS NULL"
                " AND octet_length(secret_sealed) > 32 AND octet_length(former_sealed) > 32"),
            1);
}

TEST_F(WebhooksApi, WithoutAKeyToSealItNoSecretIsMade) {
  const std::string id = [&] {
    HttpClient admin = administrator();
    return made(admin);
  }();
  options_.webhook_key = {};
  restart();
  HttpClient admin = administrator();
  const auto refused =
      admin.post(kPath, R"({"url":"https://hooks.example.com/"})", {{"Accept-Language", "ru"}});
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.field("code"), "webhook_key_missing");
  EXPECT_THAT(refused.field("detail"), ::testing::HasSubstr("ключ"));
  EXPECT_THAT(refused.field("detail"), ::testing::HasSubstr("webhooks.key_file"));
  EXPECT_EQ(admin.post(target(id, "/rotate-secret"), "").field("code"), "webhook_key_missing");
  EXPECT_EQ(sql("SELECT count(*) FROM ops.webhook"), 1);
}

TEST_F(WebhooksApi, EverythingWrongIsToldAtOnce) {
  HttpClient admin = administrator();
  const auto wrong = admin.post(
      kPath,
      R"({"url":"ftp://hooks.example.com/","kinds":["deal","ship"],"events":["X"],"state":"on","colour":1})");
  ASSERT_EQ(wrong.status, 422) << wrong.body;
  std::string all;
  for (int i = 0; i < 5; ++i) {
    const std::string at = "errors/" + std::to_string(i);
    all += wrong.field(at + "/pointer") + "=" + wrong.field(at + "/code") + " ";
  }
  EXPECT_EQ(all,
            "/url=bad_url /kinds/1=unknown_code /events/0=unknown_code "
            "/state=unknown_code /colour=unknown_field ");
  EXPECT_EQ(admin.post(kPath, "{}").field("errors/0/code"), "required");
  for (const std::string url :
       {"https://u:p@hooks.example.com/", "https://a b/", "ftp://hooks.example.com", "hooks"})
    EXPECT_EQ(admin.post(kPath, R"({"url":")" + url + "\"}").status, 422) << url;
}

TEST_F(WebhooksApi, IsChangedInTheVersionThatWasReadAndRemoved) {
  HttpClient admin = administrator();
  const std::string id = made(admin);
  const auto read = admin.get(target(id));
  const std::string tag = read.header("etag");
  EXPECT_EQ(admin.patch(target(id), R"({"state":"paused"})").status, 428);
  const auto paused =
      admin.patch(target(id), R"({"state":"paused","kinds":["order"]})", {{"If-Match", tag}});
  ASSERT_EQ(paused.status, 200) << paused.body;
  EXPECT_EQ(paused.field("state"), "paused");
  EXPECT_EQ(paused.field("name"), "Store");
  EXPECT_EQ(paused.field("kinds/0"), "order");
  EXPECT_EQ(admin.patch(target(id), R"({"state":"active"})", {{"If-Match", tag}}).status, 412);
  EXPECT_EQ(sql_text("SELECT changes::text FROM crm.history_event WHERE record_kind = 'webhook'"
                     " ORDER BY id DESC LIMIT 1"),
            R"([{"new": ["order"], "old": [], "field": "kinds"}, )"
            R"({"new": "paused", "old": "active", "field": "state"}])");

  EXPECT_EQ(admin.del(target(id), {{"If-Match", tag}}).status, 412);
  EXPECT_EQ(admin.del(target(id), {{"If-Match", paused.header("etag")}}).status, 204);
  EXPECT_EQ(admin.get(target(id)).status, 404);
  EXPECT_EQ(admin.get(target(id, "/deliveries")).status, 404);
  EXPECT_EQ(admin.post(target(id, "/replay"), "").status, 404);
}

TEST_F(WebhooksApi, IsTakenOverByWhoeverAsksAndNotGivenToOthers) {
  HttpClient admin = administrator();
  const std::string id = made(admin);
  HttpClient next = client_of("next", {"crm-administrators"});
  const testing::HttpHeaders any{{"If-Match", "*"}};
  const auto user = [&](const std::string& login) {
    return std::to_string(sql("SELECT id FROM crm.user WHERE login LIKE '" + login + "%'"));
  };
  for (const std::string& other : {user("admin"), std::string("null"), std::string("\"1\"")})
    EXPECT_EQ(next.patch(target(id), R"({"owner_id":)" + other + "}", any).field("errors/0/code"),
              "not_yourself")
        << other;
  const auto taken = next.patch(target(id), R"({"owner_id":)" + user("next") + "}", any);
  ASSERT_EQ(taken.status, 200) << taken.body;
  EXPECT_EQ(taken.field("owner_id"), user("next"));
}

TEST_F(WebhooksApi, TheLogShowsWhatWaitsAndWhatWasParkedAndReplayBringsItBack) {
  HttpClient admin = administrator();
  const std::string id = made(admin);
  make_deal(admin, "Pumps");
  auto claim = store::claim_webhook(*database_, "a", std::chrono::seconds{60},
                                    store::webhook_seal(options_.webhook_key));
  ASSERT_TRUE(claim && *claim);
  ASSERT_TRUE(store::feed_webhook(*database_, *records_, **claim));
  const auto due = store::due_deliveries(*database_, **claim, 10);
  ASSERT_TRUE(due && !due->empty());
  const auto event = due->front().event_id;
  sql("UPDATE ops.webhook_delivery SET queued_at = now() - interval '4 days' RETURNING 1");
  ASSERT_TRUE(store::note_failed(*database_, **claim,
                                 {.event_id = event,
                                  .http_status = 422,
                                  .error = "the receiver answered 422",
                                  .retry_limit = std::chrono::hours{72}}));

  const auto parked = admin.get(target(id, "/deliveries?status=parked"));
  ASSERT_EQ(parked.status, 200) << parked.body;
  EXPECT_EQ(parked.field("items/0/event_id"), std::to_string(event));
  EXPECT_EQ(parked.field("items/0/http_status"), "422");
  EXPECT_EQ(parked.field("items/0/last_error"), "the receiver answered 422");
  EXPECT_EQ(admin.get(target(id)).field("parked"), "1");
  EXPECT_EQ(admin.get(target(id)).field("last_error"), "the receiver answered 422");
  const auto first = admin.get(target(id, "/deliveries?limit=1"));
  EXPECT_EQ(
      admin.get(target(id, "/deliveries?limit=1&cursor=" + first.field("next_cursor"))).status,
      200);
  for (const std::string wrong : {"status=x", "limit=0", "limit=9999", "cursor=x", "colour=1"})
    EXPECT_EQ(admin.get(target(id, "/deliveries?" + wrong)).status, 400) << wrong;

  const auto back = admin.post(target(id, "/replay"), "");
  ASSERT_EQ(back.status, 200) << back.body;
  EXPECT_EQ(back.field("parked"), "0");
  const auto begun = admin.post(target(id, "/replay?after=0.0"), "");
  EXPECT_EQ(begun.field("cursor"), "0.0");
  EXPECT_EQ(admin.post(target(id, "/replay?after=x"), "").status, 400);
  EXPECT_EQ(admin.post(target(id, "/replay?after=99999999999.1"), "").field("code"),
            "cursor_unknown");
}

TEST_F(WebhooksApi, ThereIsALimitToTheirNumber) {
  HttpClient admin = administrator();
  const std::string id = made(admin);
  sql("WITH made AS (INSERT INTO ops.webhook (url, owner_id, secret_sealed, position_xid)"
      " SELECT url, owner_id, secret_sealed, position_xid FROM ops.webhook, generate_series(2, " +
      std::to_string(store::kMaxWebhooks) + ") RETURNING 1) SELECT count(*) FROM made");
  const auto refused = admin.post(kPath, R"({"url":"https://hooks.example.com/"})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.field("code"), "too_many_webhooks");
}

TEST_F(WebhooksApi, AreForAdministratorsWithTheScopeOnly) {
  HttpClient admin = administrator();
  const std::string id = made(admin);
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient unscoped = client_of("other-admin", {"crm-administrators"}, {"deal:write"});
  for (HttpClient* client : {&manager, &unscoped}) {
    EXPECT_EQ(client->get(kPath).status, 403);
    EXPECT_EQ(client->post(kPath, R"({"url":"https://hooks.example.com/"})").status, 403);
    EXPECT_EQ(client->get(target(id)).status, 403);
    EXPECT_EQ(client->patch(target(id), "{}", {{"If-Match", "*"}}).status, 403);
    EXPECT_EQ(client->del(target(id), {{"If-Match", "*"}}).status, 403);
    EXPECT_EQ(client->post(target(id, "/rotate-secret"), "").status, 403);
    EXPECT_EQ(client->post(target(id, "/replay"), "").status, 403);
    EXPECT_EQ(client->get(target(id, "/deliveries")).status, 403);
  }
}

}  // namespace
}  // namespace c360::api

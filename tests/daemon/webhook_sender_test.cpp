// Webhooks delivered to a real HTTPS server, by one sender and by several as in several daemons.
#include "daemon/webhook_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <optional>
#include <set>

#include "adapters/curl_http_client.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "store/sealed_secrets.h"
#include "store/webhooks.h"
#include "tests/store/records_fixture.h"
#include "tests/support/service_server.h"

namespace c360::daemon {
namespace {

using c360::testing::Delivery;
using c360::testing::ServiceReply;
using c360::testing::ServiceRequest;
using c360::testing::ServiceServer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ServiceReply kTaken{.status = 204, .content_type = ""};

class WebhookSenderTest : public c360::testing::RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    receiver.on("/hook", kTaken);
    options.config.limits.targets.allowed = {*adapters::Network::parse("127.0.0.0/8")};
    options.config.limits.ca_file = receiver.ca_file();
    options.config.key = Secret("a key of thirty-two characters..");
    options.config.threads = 1;
    options.records = [this] {
      return std::shared_ptr<store::Records>(std::shared_ptr<void>(), records_.get());
    };
    options.connect = [] { return std::make_unique<adapters::CurlHttpClient>("client360/test"); };
    options.poll = milliseconds{10};
    options.first_pause = options.first_refusal = milliseconds{1};
    options.longest_pause = options.longest_refusal = milliseconds{20};
  }

  Seal seal() const { return store::webhook_seal(options.config.key); }
  store::NewWebhook subscribe(store::WebhookDraft draft = {},
                              std::optional<store::Actor> owner = std::nullopt) {
    if (!draft.url) draft.url = receiver.url() + "/hook";
    auto made = store::create_webhook(*database_, draft, seal(), owner.value_or(admin_));
    EXPECT_TRUE(made) << made.error().detail;
    return made ? *made : store::NewWebhook{};
  }
  // `count` events of each record, in turn.
  void happen(std::int64_t records, std::int64_t count = 1, std::int64_t first = 900'001) {
    sql("WITH made AS (INSERT INTO crm.history_event (record_id, record_kind, event, version)"
        " SELECT " +
        std::to_string(first) + " + r, 'deal', 'updated', n FROM generate_series(1, " +
        std::to_string(count) + ") AS n, generate_series(0, " + std::to_string(records - 1) +
        ") AS r ORDER BY n, r RETURNING id) SELECT count(*) FROM made");
  }
  std::unique_ptr<WebhookSender> sender(const std::string& holder = "a") {
    options.holder = holder;
    auto made = std::make_unique<WebhookSender>(*database_, options, clock_, quiet_.observer);
    made->start();
    return made;
  }
  ::testing::AssertionResult becomes(const std::string& query, const std::string& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{120};
    std::string last;
    while ((last = sql(query)) != wanted)
      if (std::chrono::steady_clock::now() > deadline)
        return ::testing::AssertionFailure() << query << " stays " << last;
    return ::testing::AssertionSuccess();
  }
  ::testing::AssertionResult delivered(std::int64_t count) {
    return becomes("SELECT count(*) FROM ops.webhook_delivery WHERE status = 'delivered'",
                   std::to_string(count));
  }
  static std::string member(const ServiceRequest& request, const char* name) {
    const auto body = Json::parse(request.body);
    const Json* value = body ? body->find(name) : nullptr;
    if (value == nullptr) return "none";
    return value->is_string() ? value->as_string() : value->dump();
  }
  static std::vector<std::string> ids(const std::vector<ServiceRequest>& requests) {
    std::vector<std::string> list;
    for (const auto& each : requests) list.push_back(each.headers.at("webhook-id"));
    return list;
  }

  ServiceServer receiver;
  WebhookSenderOptions options;
};

TEST_F(WebhookSenderTest, AnEventArrivesSignedAsTheFeedHasItAndIsNotedInTheLog) {
  const auto webhook = subscribe();
  happen(1);
  const auto running = sender();
  ASSERT_TRUE(delivered(1));

  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 1U);
  const ServiceRequest& request = requests.front();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_EQ(member(request, "event"), "updated");
  EXPECT_EQ(member(request, "record_id"), "900001");
  EXPECT_EQ(request.headers.at("webhook-id"),
            "wh" + std::to_string(webhook.id) + "-" + member(request, "id"));
  EXPECT_EQ(
      request.headers.at("webhook-signature"),
      adapters::webhook_signature(
          {.id = request.headers.at("webhook-id"), .body = request.body, .keys = {webhook.key}},
          std::stoll(request.headers.at("webhook-timestamp"))));
  const auto log = store::list_webhook_deliveries(*database_, {.webhook_id = webhook.id});
  ASSERT_TRUE(log && log->size() == 1);
  const auto row = Json::parse(log->front().json);
  EXPECT_EQ(row->find("cursor")->as_string(), member(request, "cursor"));
  EXPECT_EQ(row->find("http_status")->as_int64(), 204);
  EXPECT_EQ(row->find("attempts")->as_int64(), 1);
}

TEST_F(WebhookSenderTest, TwoDaemonsTellEachReceiverOfEachEventOnceAndInTheOrderOfItsRecord) {
  receiver.on("/other", kTaken);
  subscribe();
  subscribe({.url = receiver.url() + "/other"});
  happen(10, 20);
  options.config.threads = 2;
  options.turn = milliseconds{30};  // so that they change hands
  const auto first = sender("a");
  const auto second = sender("b");
  ASSERT_TRUE(delivered(400));

  std::map<std::string, std::map<std::string, std::vector<int>>> seen;
  for (const auto& request : receiver.requests())
    seen[request.path][member(request, "record_id")].push_back(
        std::stoi(member(request, "version")));
  std::vector<int> in_order(20);
  for (int i = 0; i < 20; ++i) in_order[static_cast<std::size_t>(i)] = i + 1;
  ASSERT_EQ(seen.size(), 2U);
  for (const auto& [path, records] : seen) {
    EXPECT_EQ(records.size(), 10U) << path;
    for (const auto& [record, versions] : records) EXPECT_EQ(versions, in_order) << path << record;
  }
}

TEST_F(WebhookSenderTest, AReceiverThatIsNotWellIsLeftAloneAndThenGetsAllInOrder) {
  subscribe();
  receiver.next({.status = 503});
  receiver.next({.delivery = Delivery::hang_up});
  receiver.next({.delivery = Delivery::no_http});
  receiver.next({.status = 429, .headers = {{"Retry-After", "1"}}});
  receiver.next({.status = 404});
  happen(3);
  const auto running = sender();
  ASSERT_TRUE(delivered(3));

  std::vector<std::string> records;
  for (const auto& request : receiver.requests()) records.push_back(member(request, "record_id"));
  // Nothing else gets through to it before the first one has.
  EXPECT_THAT(records, ElementsAre("900001", "900001", "900001", "900001", "900001", "900001",
                                   "900002", "900003"));
  // libcurl asks once more by itself where a kept connection turns out to be gone.
  EXPECT_GE(std::stoi(sql("SELECT max(attempts) FROM ops.webhook_delivery")), 5);
  EXPECT_EQ(sql("SELECT failures FROM ops.webhook"), "0");
}

TEST_F(WebhookSenderTest, NobodyAtTheAddressAndOneWhoIsSlowAreToldFromOneAnother) {
  options.config.limits.timeout = milliseconds{300};
  receiver.next({.delivery = Delivery::silent});
  const auto webhook = subscribe();
  options.first_pause = options.longest_pause = seconds{600};
  happen(1);
  const auto running = sender();
  ASSERT_TRUE(becomes("SELECT failures FROM ops.webhook", "1"));
  EXPECT_THAT(sql("SELECT last_error FROM ops.webhook"), HasSubstr("imed out"));
  EXPECT_EQ(sql("SELECT http_status IS NULL FROM ops.webhook_delivery"), "t");

  // A new address is tried at once. Port 1 of loopback is nobody's.
  const store::WebhookDraft nobody{.url = "https://127.0.0.1:1/hook"};
  ASSERT_TRUE(store::change_webhook(*database_, webhook.id, nobody, std::nullopt, admin_));
  ASSERT_TRUE(becomes("SELECT attempts FROM ops.webhook_delivery", "2"));
  EXPECT_THAT(sql("SELECT last_error FROM ops.webhook"), HasSubstr("onnect"));
  const store::WebhookDraft back{.url = receiver.url() + "/hook"};
  ASSERT_TRUE(store::change_webhook(*database_, webhook.id, back, std::nullopt, admin_));
  EXPECT_TRUE(delivered(1));
}

TEST_F(WebhookSenderTest, ARefusedEventHoldsBackTheLaterOnesOfItsRecordOnly) {
  subscribe();
  receiver.next({.status = 422});
  happen(2, 2);
  options.first_refusal = options.longest_refusal = seconds{600};
  const auto running = sender();
  ASSERT_TRUE(delivered(2));
  EXPECT_EQ(sql("SELECT string_agg(subject || ' ' || attempts, ', ' ORDER BY event_id)"
                "  FROM ops.webhook_delivery WHERE status = 'queued'"),
            "900001 1, 900001 0");

  sql("UPDATE ops.webhook_delivery SET next_attempt_at = now() WHERE status = 'queued'"
      " RETURNING 1");
  ASSERT_TRUE(delivered(4));
  std::vector<std::string> versions;
  for (const auto& request : receiver.requests())
    if (member(request, "record_id") == "900001") versions.push_back(member(request, "version"));
  EXPECT_THAT(versions, ElementsAre("1", "1", "2"));
}

TEST_F(WebhookSenderTest, ARedirectIsNotFollowed) {
  const ServiceServer inside;
  subscribe();
  receiver.on("/hook", {.status = 302, .headers = {{"Location", inside.url() + "/admin"}}});
  happen(1);
  const auto running = sender();
  ASSERT_TRUE(becomes("SELECT attempts > 1 FROM ops.webhook_delivery", "t"));
  EXPECT_EQ(inside.connections(), 0);
  EXPECT_THAT(sql("SELECT last_error FROM ops.webhook"), HasSubstr("redirects are not followed"));
  EXPECT_EQ(sql("SELECT http_status FROM ops.webhook_delivery"), "302");
}

TEST_F(WebhookSenderTest, AnInternalAddressIsRefusedWhateverNameLeadsToIt) {
  options.config.limits.targets.allowed.clear();
  std::string url = receiver.url() + "/hook";
  url.replace(url.find("127.0.0.1"), std::string("127.0.0.1").size(), "localhost");
  subscribe({.url = url});
  happen(1);
  const auto running = sender();
  ASSERT_TRUE(becomes("SELECT attempts > 1 FROM ops.webhook_delivery", "t"));
  EXPECT_EQ(receiver.connections(), 0);
  EXPECT_THAT(sql("SELECT last_error FROM ops.webhook"), HasSubstr("internal"));
}

TEST_F(WebhookSenderTest, WhatWaitedForThreeDaysIsParkedAndComesAgainWhenAsked) {
  const auto webhook = subscribe();
  receiver.next({.status = 500});
  happen(2);
  options.first_pause = options.longest_pause = seconds{600};
  {
    const auto running = sender();
    ASSERT_TRUE(becomes("SELECT failures FROM ops.webhook", "1"));
  }
  sql("UPDATE ops.webhook_delivery SET queued_at = now() - interval '73 hours',"
      " next_attempt_at = now() RETURNING 1");
  sql("UPDATE ops.webhook SET next_look_at = now() RETURNING 1");
  receiver.next({.status = 500});
  {
    const auto running = sender("b");
    ASSERT_TRUE(becomes("SELECT count(*) FROM ops.webhook_delivery WHERE status = 'parked'", "2"));
  }
  happen(1);  // a later one of the same record is not held back
  sql("UPDATE ops.webhook SET next_look_at = now() RETURNING 1");
  const auto running = sender("c");
  ASSERT_TRUE(delivered(1));
  const auto again = store::replay_parked(*database_, webhook.id, admin_);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, 2);
  EXPECT_TRUE(delivered(3));
}

TEST_F(WebhookSenderTest, TheDaysOfAnEventDoNotRunWhileItsWebhookIsPaused) {
  const auto webhook = subscribe();
  options.first_pause = options.longest_pause = seconds{600};
  receiver.next({.status = 500});
  happen(1);
  {
    const auto running = sender();
    ASSERT_TRUE(becomes("SELECT failures FROM ops.webhook", "1"));
  }
  const auto turn = [&](const char* state) {
    return store::change_webhook(*database_, webhook.id, {.state = state}, std::nullopt, admin_);
  };
  ASSERT_TRUE(turn("paused"));
  sql("UPDATE ops.webhook_delivery SET queued_at = now() - interval '73 hours' RETURNING 1");
  ASSERT_TRUE(turn("active"));
  receiver.next({.status = 500});

  const auto running = sender("b");

  ASSERT_TRUE(becomes("SELECT attempts FROM ops.webhook_delivery", "2"));
  EXPECT_EQ(sql("SELECT status FROM ops.webhook_delivery"), "queued");
}

TEST_F(WebhookSenderTest, AReplayFromAPointSendsTheSameEventsAgain) {
  const auto webhook = subscribe();
  happen(1, 4);
  const auto running = sender();
  ASSERT_TRUE(delivered(4));
  const auto first = receiver.requests();
  const auto from = store::FeedPosition::parse(member(first[1], "cursor"));
  ASSERT_TRUE(from);
  ASSERT_TRUE(store::replay_webhook(*database_, webhook.id, *from, admin_));
  ASSERT_TRUE(
      becomes("SELECT count(*) FROM ops.webhook_delivery"
              " WHERE status = 'delivered' AND queued_at > (SELECT max(happened_at)"
              " FROM crm.history_event WHERE record_kind = 'webhook')",
              "2"));
  const auto second = ids(receiver.requests());
  EXPECT_EQ(second, (std::vector<std::string>{second[0], second[1], second[2], second[3], second[2],
                                              second[3]}));
  // A cursor of another database.
  const auto future =
      store::replay_webhook(*database_, webhook.id, {.transaction = 1ULL << 60U}, admin_);
  ASSERT_FALSE(future);
  EXPECT_EQ(future.error().reason, "cursor_unknown");
}

TEST_F(WebhookSenderTest, WhatWasSentAndNotNotedIsSentAgainUnderTheSameId) {
  subscribe();
  happen(1);
  // The daemon is gone before it hears the answer: another one has its lease.
  std::atomic<int> calls = 0;
  receiver.on_request([&](const ServiceRequest&) {
    if (calls++ == 0)
      sql("UPDATE ops.webhook SET fence = fence + 1, holder = 'gone',"
          " claimed_until = now() - interval '1 second' RETURNING 1");
  });
  const auto running = sender();
  ASSERT_TRUE(delivered(1));
  const auto sent = ids(receiver.requests());
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0], sent[1]);
  // The first of them has left no trace.
  EXPECT_EQ(sql("SELECT attempts FROM ops.webhook_delivery"), "1");
  receiver.on_request({});
}

TEST_F(WebhookSenderTest, OnlyWhatWasAskedForAndTheOwnerMayReadIsDelivered) {
  const auto all = subscribe();
  const auto blind = subscribe({}, stranger_);
  const auto chosen = subscribe(
      {.kinds = std::vector<std::string>{"deal"}, .events = std::vector<std::string>{"created"}});
  const auto deal = records_->create(kind("deal"), json(R"({"name":"Pumps"})"), admin_);
  ASSERT_TRUE(deal) << deal.error().detail;
  happen(1);
  const auto running = sender();
  const std::string passed =
      "SELECT count(*) FROM ops.webhook WHERE (position_xid, position_event) >="
      " (SELECT max(xid), 0 FROM crm.history_event)";
  ASSERT_TRUE(becomes(passed, "3"));
  ASSERT_TRUE(becomes("SELECT count(*) FROM ops.webhook_delivery WHERE status = 'queued'", "0"));
  const auto told = [&](const store::NewWebhook& webhook, const std::string& what) {
    return sql("SELECT count(*) FROM ops.webhook_delivery WHERE webhook_id = " +
               std::to_string(webhook.id) + what);
  };
  EXPECT_EQ(told(chosen, ""), "1");
  EXPECT_EQ(told(chosen, " AND event = 'created'"), "1");
  EXPECT_EQ(told(blind, ""), "0");
  EXPECT_NE(told(all, " AND event = 'created'"), "0");
}

TEST_F(WebhookSenderTest, APausedOneAndOneOfAnInactiveOwnerWait) {
  const auto paused = subscribe({.state = "paused"});
  const auto owner = person("leaver", {"crm-administrators"});
  const auto orphan = subscribe({}, owner);
  // What was queued before he left waits too.
  sql("INSERT INTO ops.webhook_delivery (webhook_id, event_id, xid, subject, event, body) VALUES "
      "(" +
      std::to_string(orphan.id) + ", 1, '1', '900001', 'updated', '{}') RETURNING 1");
  sql("UPDATE crm.user SET is_active = false WHERE login = 'leaver' RETURNING 1");
  receiver.on("/other", kTaken);
  subscribe({.url = receiver.url() + "/other"});
  happen(1);
  const auto running = sender();
  ASSERT_TRUE(delivered(1));
  EXPECT_EQ(receiver.requests().front().path, "/other");
  ASSERT_TRUE(
      store::change_webhook(*database_, paused.id, {.state = "active"}, std::nullopt, admin_));
  sql("UPDATE crm.user SET is_active = true WHERE login = 'leaver' RETURNING 1");
  EXPECT_TRUE(
      becomes("SELECT count(*) FROM ops.webhook_delivery WHERE status = 'delivered'"
              " AND subject = '900001'",
              "4"));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.webhook_delivery WHERE webhook_id = " +
                std::to_string(orphan.id) + " AND subject = '900001'"),
            "2");
}

TEST_F(WebhookSenderTest, OneWhoseOwnerLeftSaysSoUntilAnAdministratorTakesItOver) {
  const auto webhook = subscribe({}, person("leaver", {"crm-administrators"}));
  happen(1);
  sql("UPDATE crm.user SET is_active = false WHERE login = 'leaver' RETURNING 1");
  const auto running = sender();
  ASSERT_TRUE(
      becomes("SELECT coalesce(max(last_error), '') FROM ops.webhook",
              "nothing is sent: the owner of webhook " + std::to_string(webhook.id) +
                  " is not active any more; an administrator takes it over by PATCH with his "
                  "owner_id"));
  EXPECT_TRUE(receiver.requests().empty());

  ASSERT_TRUE(store::change_webhook(*database_, webhook.id, {.owner_id = admin_.user_id},
                                    std::nullopt, admin_));

  ASSERT_TRUE(delivered(1));
  EXPECT_EQ(sql("SELECT last_error IS NULL FROM ops.webhook"), "t");
}

TEST_F(WebhookSenderTest, OneWhoComesBackIsTheOwnerAgain) {
  subscribe({}, person("leaver", {"crm-administrators"}));
  sql("UPDATE crm.user SET is_active = false WHERE login = 'leaver' RETURNING 1");
  const auto running = sender();
  ASSERT_TRUE(becomes("SELECT last_error IS NULL FROM ops.webhook", "f"));
  sql("UPDATE crm.user SET is_active = true WHERE login = 'leaver' RETURNING 1");
  sql("UPDATE ops.webhook SET next_look_at = now() RETURNING 1");
  EXPECT_TRUE(becomes("SELECT last_error IS NULL FROM ops.webhook", "t"));
}

// What was read under the former address and keys goes no further than the event under way.
TEST_F(WebhookSenderTest, AChangeAmidABatchHoldsForTheNextEvent) {
  receiver.on("/other", kTaken);
  const auto webhook = subscribe();
  std::atomic<int> calls = 0;
  std::optional<Secret> newest;
  receiver.on_request([&](const ServiceRequest&) {
    if (calls++ != 0) return;
    auto key = store::rotate_webhook_key(*database_, webhook.id, seconds{0}, seal(), admin_);
    ASSERT_TRUE(key);
    newest = *key;
    ASSERT_TRUE(store::change_webhook(*database_, webhook.id, {.url = receiver.url() + "/other"},
                                      std::nullopt, admin_));
  });
  happen(3);
  {
    const auto running = sender();
    ASSERT_TRUE(delivered(3));
  }
  receiver.on_request({});
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].path, "/hook");
  for (std::size_t i = 1; i < requests.size(); ++i) {
    const ServiceRequest& each = requests[i];
    EXPECT_EQ(each.path, "/other");
    EXPECT_EQ(each.headers.at("webhook-signature"),
              adapters::webhook_signature(
                  {.id = each.headers.at("webhook-id"), .body = each.body, .keys = {*newest}},
                  std::stoll(each.headers.at("webhook-timestamp"))));
  }
}

TEST_F(WebhookSenderTest, AFailureOfTheFormerAddressSaysNothingOfTheNewOne) {
  options.first_pause = options.longest_pause = seconds{600};
  receiver.on("/other", kTaken);
  const auto webhook = subscribe();
  std::atomic<int> calls = 0;
  receiver.next({.status = 503});
  receiver.on_request([&](const ServiceRequest&) {
    if (calls++ != 0) return;
    ASSERT_TRUE(store::change_webhook(*database_, webhook.id, {.url = receiver.url() + "/other"},
                                      std::nullopt, admin_));
  });
  happen(1);
  {
    const auto running = sender();
    ASSERT_TRUE(delivered(1));
  }
  receiver.on_request({});
  EXPECT_EQ(sql("SELECT failures FROM ops.webhook"), "0");
}

// Only what happened moves it: other transactions come and go.
TEST_F(WebhookSenderTest, TheRowOfAnIdleOneIsNotWrittenForItsPosition) {
  subscribe();
  const std::string position = "SELECT position_xid || '.' || position_event FROM ops.webhook";
  auto claim = store::claim_webhook(*database_, "a", seconds{60}, seal());
  ASSERT_TRUE(claim && *claim);
  ASSERT_TRUE(store::feed_webhook(*database_, *records_, **claim));  // its own creation
  const std::string begun = sql(position);
  sql("CREATE TABLE public.elsewhere AS SELECT 1 AS n");
  EXPECT_FALSE(*store::feed_webhook(*database_, *records_, **claim));
  EXPECT_EQ(sql(position), begun);
  happen(1);
  ASSERT_TRUE(store::feed_webhook(*database_, *records_, **claim));
  EXPECT_NE(sql(position), begun);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.webhook_delivery"), "1");
}

TEST_F(WebhookSenderTest, WhatSomebodyPausedOnPurposeHasNoAge) {
  const auto webhook = subscribe();
  sql("INSERT INTO ops.webhook_delivery (webhook_id, event_id, xid, subject, event, body, "
      "queued_at)"
      " VALUES (" +
      std::to_string(webhook.id) +
      ", 1, '1', '900001', 'updated', '{}', now() - interval '2 hours') RETURNING 1");
  const auto age = [&] { return store::webhook_depths(*database_)->front().oldest; };
  EXPECT_GE(age(), std::chrono::hours{2});
  ASSERT_TRUE(
      store::change_webhook(*database_, webhook.id, {.state = "paused"}, std::nullopt, admin_));
  EXPECT_EQ(age(), milliseconds{0});
  EXPECT_EQ(store::webhook_depths(*database_)->front().queued, 1);
}

TEST_F(WebhookSenderTest, DuringARotationBothSecretsSign) {
  const auto webhook = subscribe();
  const auto key =
      store::rotate_webhook_key(*database_, webhook.id, seconds{3'600}, seal(), admin_);
  ASSERT_TRUE(key);
  happen(1);
  const auto running = sender();
  ASSERT_TRUE(delivered(1));
  const ServiceRequest request = receiver.requests().front();
  const auto at = std::stoll(request.headers.at("webhook-timestamp"));
  const adapters::WebhookMessage message{
      .id = request.headers.at("webhook-id"), .body = request.body, .keys = {*key, webhook.key}};
  EXPECT_EQ(request.headers.at("webhook-signature"), adapters::webhook_signature(message, at));
}

TEST_F(WebhookSenderTest, SecretsOfBeforeSealingSignAsEverAndAreSealedOnce) {
  const auto webhook = subscribe();
  const std::string former = random_bytes(store::kWebhookKeyBytes);
  sql("UPDATE ops.webhook SET secret_sealed = NULL, secret_key_id = NULL, secret = '\\x" +
      to_hex(webhook.key.reveal()) +
      "', former_until = now() + interval '1 hour', former_secret = '\\x" + to_hex(former) +
      "' RETURNING 1");
  const auto signed_by_both = [&](const ServiceRequest& request) {
    return request.headers.at("webhook-signature") ==
           adapters::webhook_signature({.id = request.headers.at("webhook-id"),
                                        .body = request.body,
                                        .keys = {webhook.key, Secret(former)}},
                                       std::stoll(request.headers.at("webhook-timestamp")));
  };
  happen(1);
  {
    options.config.key = {};
    const auto unsealed = sender();
    ASSERT_TRUE(delivered(1));
  }
  options.config.key = Secret("a key of thirty-two characters..");
  sql("DELETE FROM ops.installation_key");
  const auto seals = store::secret_seals(options.config.key, {});
  EXPECT_EQ(store::count_sealed(*database_, seals)->unsealed, 2);
  EXPECT_EQ(*store::reseal_secrets(*database_, seals), 2);
  EXPECT_EQ(store::count_sealed(*database_, seals)->current, 2);
  EXPECT_EQ(sql("SELECT coalesce(secret, former_secret) IS NULL FROM ops.webhook"), "t");
  happen(1, 1, 900'002);
  const auto sealed = sender();
  ASSERT_TRUE(delivered(2));
  for (const ServiceRequest& request : receiver.requests()) EXPECT_TRUE(signed_by_both(request));
}

TEST_F(WebhookSenderTest, WhatIsSealedUnderAnotherKeyIsSentByNobodyUntilTheKeyIsBack) {
  subscribe();
  happen(1);
  options.unread_patience = options.gauge_interval = milliseconds{0};
  // Sealed by this version, and by one that did not name the key.
  for (const std::string key_id : {"secret_key_id", "NULL"})
    for (const std::string other : {"another key of 32 characters....", ""}) {
      options.config.key = Secret(other);
      sql("UPDATE ops.webhook SET next_look_at = now(), last_error = NULL, secret_key_id = " +
          key_id + " RETURNING 1");
      const auto running = sender();
      ASSERT_TRUE(
          becomes("SELECT coalesce(max(last_error), '') LIKE '%webhooks.key_file%'"
                  " FROM ops.webhook WHERE holder IS NULL",
                  "t"));
    }
  EXPECT_TRUE(receiver.requests().empty());
  EXPECT_EQ(sql("SELECT count(*) FROM ops.webhook_delivery"), "0");

  options.config.key = Secret("a key of thirty-two characters..");
  sql("UPDATE ops.webhook SET next_look_at = now() RETURNING 1");
  const auto running = sender();
  ASSERT_TRUE(delivered(1));
  EXPECT_EQ(sql("SELECT last_error IS NULL FROM ops.webhook"), "t");
}

TEST_F(WebhookSenderTest, WhileAKeyIsReplacedADaemonWithTheFormerOneAloneHindersNobody) {
  const auto webhook = subscribe();
  const Secret former = options.config.key;
  const Secret newest{"the key that replaces the former."};
  sql("DELETE FROM ops.installation_key");
  ASSERT_EQ(*store::reseal_secrets(*database_, store::secret_seals(newest, former)), 1);
  // Reloaded later than the other; the other looks every 10 ms.
  const auto late = sender("late");
  options.config.key = newest;
  options.config.former_key = former;
  const auto running = sender("early");
  for (int i = 0; i < 20; ++i) happen(1, 1, 900'001 + i);
  ASSERT_TRUE(delivered(20));
  EXPECT_EQ(sql("SELECT last_error IS NULL FROM ops.webhook"), "t");
  for (const ServiceRequest& request : receiver.requests())
    EXPECT_EQ(
        request.headers.at("webhook-signature"),
        adapters::webhook_signature(
            {.id = request.headers.at("webhook-id"), .body = request.body, .keys = {webhook.key}},
            std::stoll(request.headers.at("webhook-timestamp"))));
}

TEST_F(WebhookSenderTest, TheQueueIsBoundedAndTheRestStaysInTheHistory) {
  options.first_pause = options.longest_pause = seconds{600};
  const auto webhook = subscribe();
  auto claim = store::claim_webhook(*database_, "a", seconds{60}, seal());
  ASSERT_TRUE(claim && *claim);
  happen(1, 250);
  (*claim)->queued = store::kMaxQueuedDeliveries - 150;
  auto more = store::feed_webhook(*database_, *records_, **claim);
  ASSERT_TRUE(more) << more.error().detail;
  EXPECT_FALSE(*more);  // there is more, and no room for it
  EXPECT_FALSE(*store::feed_webhook(*database_, *records_, **claim));
  EXPECT_EQ(sql("SELECT count(*) FROM ops.webhook_delivery"), "200");
  // Nobody else gets it meanwhile, and who lost it changes nothing.
  EXPECT_FALSE(*store::claim_webhook(*database_, "b", seconds{60}, seal()));
  sql("UPDATE ops.webhook SET fence = fence + 1 RETURNING 1");
  const auto noted = store::note_delivered(*database_, **claim, {.event_id = webhook.id});
  ASSERT_FALSE(noted);
  EXPECT_EQ(noted.error().reason, "lease_lost");
}

}  // namespace
}  // namespace c360::daemon

// How the outside services do, as administrators see it.
#include <gmock/gmock.h>

#include "adapters/stored_gate_states.h"
#include "store/service_calls.h"
#include "store/service_gates.h"
#include "store/service_quotas.h"
#include "store/service_switches.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using ::testing::HasSubstr;

class ServicesApi : public ApiTest {
 protected:
  void turn_on(const std::string& service) {
    ASSERT_TRUE(store::set_service_switch(*database_, {.service = service, .is_on = true}));
  }
  void call(const std::string& service, const std::string& outcome, const std::string& error = {}) {
    ASSERT_TRUE(store::keep_service_call(*database_, {.service = service,
                                                      .operation = "briefReport",
                                                      .subject = "counterparty 7",
                                                      .key_fingerprint = "abcdef",
                                                      .started_at = clock_.now(),
                                                      .http_status = 200,
                                                      .outcome = outcome,
                                                      .error = error}));
  }
  void gate(const std::string& key, const adapters::GateState& state) {
    ASSERT_TRUE(store::change_service_gate(*database_, key, [&](std::string& text) -> Result<void> {
      text = adapters::to_json(state);
      return {};
    }));
  }
  static Json state_of(HttpClient& by, const std::string& service) {
    const HttpAnswer answer = by.get("/api/v1/services");
    EXPECT_EQ(answer.status, 200) << answer.body;
    const Json body = answer.json();
    for (const Json& each : body.find("items")->as_array())
      if (each.find("service")->as_string() == service) return each;
    return {};
  }
  static std::string text(const Json& state, std::string_view member) {
    const Json* value = state.find(member);
    return value != nullptr && value->is_string() ? value->as_string() : "";
  }
};

TEST_F(ServicesApi, EachSaysHowItDoesAndWhatToDo) {
  HttpClient admin = administrator();
  EXPECT_EQ(text(state_of(admin, "kontur"), "state"), "not_configured");
  EXPECT_THAT(text(state_of(admin, "kontur"), "remedy"), HasSubstr("key"));
  turn_on("kontur");
  EXPECT_EQ(text(state_of(admin, "kontur"), "state"), "unused");
  call("kontur", "found");
  EXPECT_EQ(text(state_of(admin, "kontur"), "state"), "ok");
  call("kontur", "retryable", "the answer is HTML");
  EXPECT_EQ(text(state_of(admin, "kontur"), "state"), "failing");
  EXPECT_EQ(text(state_of(admin, "kontur"), "last_error"), "the answer is HTML");

  const Instant later = clock_.now() + std::chrono::hours{1};
  gate("kontur:key/lane/json", {.open_until = later});
  EXPECT_EQ(text(state_of(admin, "kontur"), "state"), "unreachable");
  adapters::GatePause pause{.cause = adapters::Outcome::quota, .until = later, .detail = "limit"};
  gate("kontur:key/operation/briefReport", {.pause = pause});
  EXPECT_EQ(text(state_of(admin, "kontur"), "state"), "paused");
  pause.cause = adapters::Outcome::auth;
  gate("kontur:key", {.pause = pause});
  EXPECT_EQ(text(state_of(admin, "kontur"), "state"), "refused");
  EXPECT_EQ(text(state_of(admin, "kontur"), "until"), to_rfc3339(later));
  EXPECT_EQ(text(state_of(admin, "metrika"), "state"), "not_configured");
}

TEST_F(ServicesApi, CallsAreListedNewestFirstInPages) {
  HttpClient admin = administrator();
  for (int i = 0; i < 51; ++i) call("kontur", i % 2 == 0 ? "found" : "quota");
  call("dadata", "auth", "refused");

  const HttpAnswer page = admin.get("/api/v1/service-calls?service=kontur");
  ASSERT_EQ(page.status, 200) << page.body;
  EXPECT_EQ(page.json().find("items")->as_array().size(), 50U);
  const HttpAnswer rest = admin.get("/api/v1/service-calls?service=kontur&cursor=" +
                                    page.json().find("next_cursor")->as_string());
  EXPECT_EQ(rest.json().find("items")->as_array().size(), 1U);
  EXPECT_TRUE(rest.json().find("next_cursor")->is_null());
  const HttpAnswer refused = admin.get("/api/v1/service-calls?outcome=auth");
  EXPECT_THAT(refused.body, HasSubstr(R"("error" : "refused")"));
  EXPECT_EQ(admin.get("/api/v1/service-calls?service=x").status, 400);
  EXPECT_EQ(admin.get("/api/v1/service-calls?cursor=x").status, 400);
  EXPECT_EQ(*store::purge_service_calls(*database_, std::chrono::hours{-100'000}, 100), 52);
}

TEST_F(ServicesApi, WhatIsLeftStandsBesideAndNothingLeftIsAState) {
  HttpClient admin = administrator();
  turn_on("sms");
  ASSERT_TRUE(store::keep_service_quota(
      *database_, {.service = "sms", .name = "balance", .remaining = "12.5"}));
  const Json left = state_of(admin, "sms");
  EXPECT_EQ(text(left, "state"), "unused");
  EXPECT_EQ(text(left.find("quotas")->as_array().at(0), "remaining"), "12.5");

  ASSERT_TRUE(store::keep_service_quota(
      *database_, {.service = "sms", .name = "balance", .remaining = "-0.10"}));
  EXPECT_EQ(text(state_of(admin, "sms"), "state"), "spent");
  ASSERT_TRUE(
      store::keep_service_quota(*database_, {.service = "sms",
                                             .name = "balance",
                                             .remaining = "0",
                                             .renews_at = clock_.now() - std::chrono::hours{1}}));
  EXPECT_EQ(text(state_of(admin, "sms"), "state"), "unused") << "of a day that is over";
}

TEST_F(ServicesApi, AProbeNeedsAServiceThatThereIs) {
  HttpClient admin = administrator();
  EXPECT_EQ(admin.post("/api/v1/services/pigeon/probe", "").status, 404);
  EXPECT_EQ(admin.post("/api/v1/services/kontur/probe", "").status, 503) << "nobody is wired";
}

TEST_F(ServicesApi, OnlyAdministratorsSeeThem) {
  HttpClient seller = client_of("seller", {"crm-manager"}, {"admin"});

  EXPECT_EQ(seller.get("/api/v1/services").status, 403);
  EXPECT_EQ(seller.get("/api/v1/service-calls").status, 403);
  EXPECT_EQ(seller.post("/api/v1/services/kontur/probe", "").status, 403);
}

}  // namespace
}  // namespace c360::api

// Every fault a service can have, seen through an adapter: what comes of it, what is recorded, and
// that no secret is in any of it.
#include "adapters/service_call.h"

#include "adapters/dadata.h"
#include "tests/adapters/service_setting.h"
#include "tests/support/connect_proxy.h"

namespace c360::adapters {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kToken = "PLANTED-0123/=&TOKEN\"x";
constexpr const char* kSecret = "PLANTED-SECRET-4567";

class FaultTest : public ServiceTest {
 protected:
  FaultTest() {
    options.token = Secret(kToken);
    options.secret = Secret(kSecret);
    options.suggestions_url = options.cleaner_url = options.profile_url = server.url();
    options.ca_file = server.ca_file();
    be_patient(options.find);
    be_patient(options.clean);
    good = service_fixture("dadata/party_legal_max_tariff.json");
  }
  CallResult<Party> find() {
    // Each call of a test is the first one: nothing is paused, no breaker is open.
    MemoryGateStates fresh;
    auto set = ports();
    const ServicePorts alone{set.http, fresh, set.clock, set.pause, set.journal};
    return Dadata{options, alone}.find_party({.id = "7707083893", .subject = "counterparty 7"});
  }
  NoAnswer none_for(ServiceReply reply) {
    server.next(std::move(reply));
    const auto party = find();
    EXPECT_FALSE(party);
    return party ? NoAnswer{} : party.error();
  }

  DadataOptions options;
  std::string good;
};

TEST_F(FaultTest, ADrippingOrSilentServiceIsCutAtTheDeadlineOfTheWholeCall) {
  options.find.whole = milliseconds{400};
  for (const Delivery delivery : {Delivery::drip, Delivery::silent}) {
    const NoAnswer none = none_for({.delivery = delivery});
    EXPECT_EQ(none.outcome, Outcome::retryable);
    EXPECT_EQ(none.reason, "timeout");
  }
}

TEST_F(FaultTest, AServiceSilentForLongerThanItsFirstByteMayTakeIsGivenUp) {
  options.find.first_byte = seconds{1};

  const NoAnswer none = none_for({.delivery = Delivery::silent});

  EXPECT_EQ(none.outcome, Outcome::retryable);
  EXPECT_THAT(none.detail, HasSubstr("too slow")) << "and not at the end of the whole call";
}

TEST_F(FaultTest, HalfAnAnswerIsMalformed) {
  for (const Delivery delivery : {Delivery::short_of_length, Delivery::open_chunk,
                                  Delivery::no_http, Delivery::long_header}) {
    const NoAnswer none = none_for({.body = good, .delivery = delivery});
    EXPECT_EQ(none.outcome, Outcome::retryable);
    EXPECT_EQ(none.reason, "malformed") << static_cast<int>(delivery) << " " << none.detail;
  }
  EXPECT_EQ(none_for({.delivery = Delivery::hang_up}).outcome, Outcome::retryable);
}

TEST_F(FaultTest, TooMuchIsPermanentWhetherAnnouncedEndlessOrPacked) {
  options.find.max_answer_bytes = 1'000'000;
  const std::string million(1'000'001, ' ');
  for (ServiceReply reply :
       {ServiceReply{.body = million}, ServiceReply{.body = million, .gzip = true},
        ServiceReply{.body = std::string(100'000, ' '), .delivery = Delivery::endless}}) {
    const NoAnswer none = none_for(std::move(reply));
    EXPECT_EQ(none.outcome, Outcome::permanent);
    EXPECT_EQ(none.reason, "too_large");
  }
}

TEST_F(FaultTest, ABombOfAThousandfoldStopsAtTheLimit) {
  options.find.max_answer_bytes = 2'000'000;
  const NoAnswer none = none_for({.body = std::string(64'000'000, '0'), .gzip = true});
  EXPECT_EQ(none.reason, "too_large");
}

TEST_F(FaultTest, APackedAnswerWithinTheLimitIsRead) {
  server.next({.body = good, .gzip = true});
  EXPECT_TRUE(find());
}

TEST_F(FaultTest, AnotherTypeOrNoJsonIsMalformedWithItsStatus) {
  const std::vector<ServiceReply> replies{
      {.body = "<html>Maintenance</html>", .content_type = "text/html"},
      {.body = good, .content_type = "text/html"},
      {.body = "<html>"},
      {.body = ""},
      {.body = "[]"},
      {.body = "{}"},
      {.body = R"({"suggestions": 5})"},
      {.body = good + "x"},
      {.body = "{\"suggestions\": [\"\xff\"]}"},
      {.status = 204, .content_type = ""},
      {.status = 206, .body = good},
      {.body = R"({"suggestions": )" + std::string(70, '[') + std::string(70, ']') + "}"}};
  for (const ServiceReply& reply : replies) {
    const NoAnswer none = none_for(reply);
    EXPECT_EQ(none.outcome, Outcome::retryable) << reply.body;
    EXPECT_EQ(none.reason, "malformed") << reply.body;
    EXPECT_EQ(none.http_status, reply.status);
  }
}

TEST_F(FaultTest, JsonOfAnyUsualTypeIsReadAndTheLastOfTwoNamesCounts) {
  for (const std::string type : {"text/json", "application/problem+json; charset=utf-8", "",
                                 "APPLICATION/JSON;charset=UTF-8"}) {
    server.next({.body = R"({"suggestions": [], )" + good.substr(good.find('{') + 1),
                 .content_type = type});
    EXPECT_TRUE(find()) << type;
  }
}

TEST_F(FaultTest, ARedirectIsNotFollowedAndTakesNoKeyAnywhere) {
  c360::testing::ServiceServer internal;
  for (const int status : {301, 302, 307, 308}) {
    const NoAnswer none =
        none_for({.status = status, .headers = {{"Location", internal.url() + "/latest/meta"}}});
    EXPECT_EQ(none.outcome, Outcome::permanent);
    EXPECT_EQ(none.reason, "redirect");
  }
  EXPECT_EQ(internal.connections(), 0);
}

TEST_F(FaultTest, AThrottledCallWaitsAsLongAsItIsTold) {
  const auto wait_of = [&](std::map<std::string, std::string> headers) {
    const NoAnswer none = none_for({.status = 429, .headers = std::move(headers)});
    EXPECT_EQ(none.outcome, Outcome::quota);
    return none.retry_at ? *none.retry_at - clock.now() : Instant::duration{};
  };
  EXPECT_EQ(wait_of({{"Retry-After", "7"}}), seconds{7});
  EXPECT_EQ(wait_of({{"Retry-After", "Sun, 22 Nov 2026 00:01:30 GMT"}}), seconds{90});
  EXPECT_EQ(wait_of({{"Retry-After", "Sun, 22 Nov 2020 00:00:00 GMT"}}), seconds{1});
  EXPECT_EQ(wait_of({{"Retry-After", "0"}}), seconds{1});
  EXPECT_EQ(wait_of({{"Retry-After", "99999999999999999999"}}), seconds{86'400});
  EXPECT_EQ(wait_of({{"Retry-After", "soon"}}), seconds{1}) << "counts as absent";
  EXPECT_EQ(wait_of({}), seconds{1});
}

TEST_F(FaultTest, ACertificateThatDoesNotHoldIsAnAlarmAndNothingIsSent) {
  const std::vector<c360::testing::CertificateRequest> wrong{
      {.valid_from_days = -30, .valid_to_days = -1},
      {.self_signed = true},
      {.names = {"other.example.test"}, .addresses = {}}};
  for (const auto& certificate : wrong) {
    c360::testing::ServiceServer untrusted{certificate};
    options.suggestions_url = untrusted.url();
    options.ca_file = untrusted.ca_file();
    const auto party = find();
    ASSERT_FALSE(party);
    EXPECT_EQ(party.error().outcome, Outcome::retryable);
    EXPECT_EQ(party.error().reason, "tls");
    EXPECT_EQ(party.error().retry_at, clock.now() + minutes{5});
    EXPECT_TRUE(untrusted.requests().empty());
  }
  options.suggestions_url = "http://127.0.0.1:1";
  EXPECT_EQ(find().error().outcome, Outcome::permanent) << "no fall-back to clear text";
}

TEST_F(FaultTest, AProxyOfTheServiceIsGoneThroughAndSeesNoKey) {
  const c360::testing::ConnectProxy proxy;
  options.find.proxy.url = proxy.url();
  server.next({.body = good});

  const auto party = find();

  ASSERT_TRUE(party) << party.error().detail;
  const std::string host = server.url().substr(std::string("https://").size());
  EXPECT_THAT(proxy.asked(), ElementsAre(host));
  EXPECT_EQ(server.connections(), 1);
  for (const std::string& head : proxy.requests()) EXPECT_THAT(head, Not(HasSubstr("PLANTED")));

  // One that refuses is a failure of the way, and nobody goes around it.
  const c360::testing::ConnectProxy closed(407);
  options.find.proxy.url = closed.url();
  const auto refused = find();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().outcome, Outcome::retryable);
  EXPECT_THAT(refused.error().detail, HasSubstr("407"));
  EXPECT_THAT(refused.error().detail, HasSubstr("by the proxy " + closed.url()));
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(FaultTest, AProxyThatAsksForAPasswordGetsItAndNobodyElse) {
  const c360::testing::ConnectProxy proxy;
  options.find.proxy = {.url = proxy.url(), .credentials = Secret("ann:PLANTED:pass word")};
  server.next({.body = good});

  ASSERT_TRUE(find());

  ASSERT_EQ(proxy.requests().size(), 1U);
  EXPECT_THAT(proxy.requests().front(),
              HasSubstr("Proxy-Authorization: Basic YW5uOlBMQU5URUQ6cGFzcyB3b3Jk\r\n"));
  const auto asked = server.requests().front();
  for (const auto& [name, value] : asked.headers)
    EXPECT_THAT(value, Not(HasSubstr("YW5uOlBMQU5URUQ")));

  const c360::testing::ConnectProxy closed(407);
  options.find.proxy.url = closed.url();
  const auto refused = find();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, Not(HasSubstr("PLANTED")));
  EXPECT_THAT(refused.error().detail, Not(HasSubstr("ann")));
}

TEST_F(FaultTest, NobodyThereIsRetryableAndAStopEndsTheCall) {
  options.suggestions_url = "https://127.0.0.1:1";
  EXPECT_EQ(find().error().reason, "unreachable");

  options.suggestions_url = server.url();
  server.on_request([&](const auto&) { http.cancel(); });
  const NoAnswer none = none_for({.delivery = Delivery::silent});
  EXPECT_EQ(none.outcome, Outcome::retryable);
  EXPECT_EQ(none.reason, "interrupted");
}

TEST_F(FaultTest, TheBreakerOpensAndATrialClosesIt) {
  Dadata dadata{options, ports()};
  const auto ask = [&] { return dadata.find_party({.id = "7707083893"}); };
  const std::string path = "/suggestions/api/4_1/rs/findById/party";
  server.on(path, {.status = 502});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask().error().outcome, Outcome::retryable);
    clock.advance(seconds{1});
  }
  EXPECT_EQ(ask().error().reason, "breaker_open");
  EXPECT_EQ(server.requests().size(), 5U);

  clock.advance(seconds{30});
  server.on(path, {.body = good});
  EXPECT_TRUE(ask());
  EXPECT_TRUE(ask());
}

TEST_F(FaultTest, CallsWaitForTheirTurnAndTooManyAreRefused) {
  options.find.rate = {.calls = 10};
  options.find.longest_wait = milliseconds{100};
  Dadata dadata{options, ports()};
  server.on("/suggestions/api/4_1/rs/findById/party", {.body = good});

  EXPECT_TRUE(dadata.find_party({.id = "7707083893"}));
  EXPECT_TRUE(dadata.find_party({.id = "7707083893"}));
  EXPECT_EQ(dadata.find_party({.id = "7707083893"}).error().reason, "rate");
  EXPECT_EQ(pauses, std::vector<milliseconds>{milliseconds{100}});
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(FaultTest, EveryCallIsRecorded) {
  server.next({.body = good, .headers = {{"X-Request-Id", "r-1"}}});
  ASSERT_TRUE(find());
  (void)none_for({.status = 429, .body = "{}"});

  ASSERT_EQ(journal.records.size(), 2U);
  const CallRecord& found = journal.records[0];
  EXPECT_EQ(found.service, "dadata");
  EXPECT_EQ(found.operation, "findById/party");
  EXPECT_EQ(found.subject, "counterparty 7");
  EXPECT_EQ(found.key_fingerprint, fingerprint(kToken));
  EXPECT_EQ(found.outcome, Outcome::found);
  EXPECT_EQ(found.http_status, 200);
  EXPECT_EQ(found.bytes_in, good.size());
  EXPECT_EQ(found.request_id, "r-1");
  EXPECT_EQ(journal.records[1].outcome, Outcome::quota);
  EXPECT_TRUE(journal.records[1].retry_at);
}

TEST_F(FaultTest, NoSecretIsInAnErrorOrARecordWhereverTheServicePutsIt) {
  const std::string quoted = R"(PLANTED-0123/=&TOKEN\"x)";
  server.on("/api/v2/stat/daily", {.status = 500});
  std::vector<std::string> texts;
  for (const ServiceReply& reply : std::vector<ServiceReply>{
           {.status = 403,
            .body = R"({"message": "Feature disabled for token ')" + quoted + R"('"})"},
           {.status = 400,
            .body = R"({"detail": "PLANTED-SECRET-4567 PLANTED-0123%2F%3D%26TOKEN%22x"})"},
           {.body = quoted + kSecret, .headers = {{"X-Request-Id", kToken}}},
           {.body = quoted, .content_type = std::string("text/") + kSecret},
           {.status = 302, .headers = {{"Location", std::string("/") + kToken}}},
           {.body = R"({"suggestions": [{"value": ")" + quoted + R"("}]})"}}) {
    const NoAnswer none = none_for(reply);
    texts.push_back(none.detail + none.reason);
    EXPECT_LE(none.detail.size(), NoAnswer::kMaxDetail);
  }
  for (const CallRecord& record : journal.records) {
    texts.push_back(record.error + record.reason + record.request_id + record.key_fingerprint);
    if (!record.exchange) continue;
    const RecordedExchange& kept = *record.exchange;
    texts.push_back(kept.url + kept.request_body + kept.content_type + kept.body);
  }
  EXPECT_GT(texts.size(), 12U);
  for (const std::string& text : texts) {
    EXPECT_THAT(text, Not(HasSubstr("PLANTED"))) << text;
    EXPECT_THAT(text, Not(HasSubstr("4567")));
  }
}

TEST(Redactor, TakesOutParametersThatServicesPutIntoAddresses) {
  EXPECT_EQ(Redactor{{}}("https://f/briefReport?ogrn=1&mac=AB%2F&ltoken=x_y\\u0026z"),
            "https://f/briefReport?ogrn=1&mac=***&ltoken=***\\u0026z");
  EXPECT_EQ(Redactor{{}}("?key=abc&inn=1"), "?key=***&inn=1");
  EXPECT_EQ(Redactor{{}}.line("a\nb\x01\xff", 100), "a b\xef\xbf\xbd");
  EXPECT_EQ(Redactor{{}}.line("приветъ", 5), "пр");
}

}  // namespace
}  // namespace c360::adapters

// What people type, looked up over the API at DaData as recorded: over TLS, with its gates and kept
// answers in a real database.
#include <gmock/gmock.h>

#include <memory>
#include <thread>
#include <vector>

#include "adapters/dadata_lookups.h"
#include "adapters/stored_gate_states.h"
#include "tests/adapters/service_setting.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using adapters::service_fixture;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ServiceReply;

constexpr const char* kParties = "/suggestions/api/4_1/rs/suggest/party";
constexpr const char* kAddresses = "/suggestions/api/4_1/rs/suggest/address";
constexpr const char* kBank = "/suggestions/api/4_1/rs/findById/bank";
constexpr const char* kCleanAddress = "/api/v1/clean/address";
constexpr const char* kCleanPhone = "/api/v1/clean/phone";
constexpr const char* kAddress = R"({"address":"мск сухонска 11/-89"})";

class LookupApiTest : public ApiTest {
 protected:
  void SetUp() override {
    settings_.dadata.token = Secret("PLANTED-KEY");
    settings_.dadata.secret = Secret("PLANTED-SECRET");
    settings_.dadata.suggestions_url = settings_.dadata.cleaner_url = settings_.dadata.profile_url =
        service_.url();
    settings_.dadata.ca_file = service_.ca_file();
    for (adapters::CallLimits* limits : {&settings_.dadata.find, &settings_.dadata.clean}) {
      adapters::be_patient(*limits);
      limits->rate = {.calls = 1'000, .burst = 1'000};
    }
    settings_.cleaning = true;
    settings_.lookup_budget = std::chrono::seconds{60};
    service_.on(kParties, {.body = service_fixture("dadata/party_suggest.json")});
    service_.on(kAddresses, {.body = service_fixture("dadata/address_suggest.json")});
    service_.on(kBank, {.body = service_fixture("dadata/bank.json")});
    service_.on(kCleanAddress, {.body = service_fixture("dadata/clean_address.json")});
    service_.on(kCleanPhone, {.body = service_fixture("dadata/clean_phone.json")});
    ApiTest::SetUp();
    connect();
  }
  // With the settings as they are now; the fixture's API has no register.
  void connect() {
    server_.reset();
    api_.reset();
    const adapters::PartyRegisterPorts ports{
        .database = *database_, .states = states(), .clock = clock_, .connect = [] {
          return std::make_unique<adapters::CurlHttpClient>("client360/test");
        }};
    lookups_.reset();
    parties_ = std::make_unique<adapters::PartyRegister>(settings_, "one", ports);
    lookups_ = std::make_unique<adapters::DadataLookups>(settings_, "one", *parties_, ports);
    api_ = std::make_unique<Api>(ApiServices{.database = *database_,
                                             .records = *records_,
                                             .clock = clock_,
                                             .observer = observer_,
                                             .lookups = lookups_.get()},
                                 options_);
    server_ = std::make_unique<HttpServer>(server_options_, api_->handler(), observer_);
    ASSERT_TRUE(server_->listen());
    server_->serve();
  }
  adapters::GateStates& states() {
    if (!states_) states_ = std::make_unique<adapters::StoredGateStates>(*database_);
    return *states_;
  }
  static std::string problem_of(const HttpAnswer& answer) {
    return std::to_string(answer.status) + " " + answer.field("code");
  }
  std::size_t calls() const { return service_.requests().size(); }

  testing::ServiceServer service_;
  adapters::PartyRegisterOptions settings_;
  std::unique_ptr<adapters::StoredGateStates> states_;
  std::unique_ptr<adapters::PartyRegister> parties_;
  std::unique_ptr<adapters::DadataLookups> lookups_;
};

TEST_F(LookupApiTest, CompaniesAndAddressesThatFitAreFoundByWhatWasTyped) {
  HttpClient admin = administrator();

  const HttpAnswer companies = admin.get("/api/v1/lookup/parties?q=sber%20bank&limit=20");
  const HttpAnswer addresses = admin.get("/api/v1/lookup/addresses?q=vavilova");

  ASSERT_EQ(companies.status, 200) << companies.body;
  EXPECT_EQ(companies.field("items/0/fields/inn"), "7707083893");
  EXPECT_EQ(companies.field("items/0/fields/short_name"), "ПАО СБЕРБАНК");
  EXPECT_EQ(companies.field("items/1/fields/inn"), "6311990087");
  ASSERT_EQ(addresses.status, 200) << addresses.body;
  EXPECT_EQ(addresses.field("items/0/value"), "г Москва, ул Вавилова, д 19");
  EXPECT_EQ(addresses.field("items/0/postal_code"), "117312");
  const auto asked = service_.requests();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[0].body, R"({"query":"sber bank","count":20})");
  EXPECT_EQ(asked[1].body, R"({"query":"vavilova","count":10})");
}

TEST_F(LookupApiTest, WhereNothingFitsTheListIsEmpty) {
  service_.on(kParties, {.body = R"({"suggestions":[]})"});
  service_.on(kAddresses, {.body = R"({"suggestions":[]})"});
  HttpClient admin = administrator();

  EXPECT_EQ(admin.get("/api/v1/lookup/parties?q=x").body, R"({"items":[]})");
  EXPECT_EQ(admin.get("/api/v1/lookup/addresses?q=x").body, R"({"items":[]})");
}

TEST_F(LookupApiTest, ABankIsFoundByItsBikAndBoughtOnce) {
  HttpClient admin = administrator();

  const HttpAnswer first = admin.get("/api/v1/lookup/banks/044525225");
  connect();  // what is kept outlives the process
  HttpClient later = client_of("later", {});
  const HttpAnswer second = later.get("/api/v1/lookup/banks/044525225");

  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.field("name"), "ПАО Сбербанк");
  EXPECT_EQ(first.field("correspondent_account"), "30101810400000000225");
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(calls(), 1U);
}

TEST_F(LookupApiTest, ABadBikIsRefusedBeforeAnyCallAndAnUnknownOneIsNotFoundOnce) {
  service_.on(kBank, {.body = R"({"suggestions":[]})"});
  HttpClient admin = administrator();

  for (const char* bik : {"04452522", "0445252255", "04452522A", "000000000"})
    EXPECT_EQ(problem_of(admin.get("/api/v1/lookup/banks/" + std::string(bik))), "400 bad_id");
  EXPECT_EQ(calls(), 0U);
  EXPECT_EQ(problem_of(admin.get("/api/v1/lookup/banks/044525999")), "404 bik_not_found");
  EXPECT_EQ(problem_of(admin.get("/api/v1/lookup/banks/044525999")), "404 bik_not_found");
  EXPECT_EQ(calls(), 1U);
}

TEST_F(LookupApiTest, AQuestionPastItsLimitsIsRefusedBeforeAnyCall) {
  HttpClient admin = administrator();
  const std::string longest(300, 'x');

  for (const char* path : {"/api/v1/lookup/parties?", "/api/v1/lookup/addresses?"}) {
    const std::string to = path;
    for (const std::string& query :
         {std::string("q="), std::string("q=%20"), "q=" + longest + "x", std::string("limit=3"),
          std::string("q=x&limit=0"), std::string("q=x&limit=21"), std::string("q=x&limit=2x")})
      EXPECT_EQ(admin.get(to + query).status, 400) << query;
    EXPECT_EQ(calls(), 0U);
  }
  EXPECT_EQ(admin.get("/api/v1/lookup/parties?q=" + longest + "&limit=20").status, 200);
  for (const std::string& body :
       {std::string("{}"), std::string(R"({"address":"x","phone":"1"})"),
        std::string(R"({"address":" "})"), std::string(R"({"email":"x"})"),
        std::string(R"({"phone":7})"), R"({"address":")" + longest + "x\"}"})
    EXPECT_EQ(admin.post("/api/v1/lookup/clean", body).status, 422) << body;
  EXPECT_EQ(calls(), 1U);
}

TEST_F(LookupApiTest, AnAddressAndAPhoneAreSpelledAsTheyShouldBe) {
  HttpClient admin = administrator();

  const HttpAnswer address = admin.post("/api/v1/lookup/clean", kAddress);
  const HttpAnswer phone = admin.post("/api/v1/lookup/clean", R"({"phone":"тел 7165219 доб139"})");

  ASSERT_EQ(address.status, 200) << address.body;
  EXPECT_EQ(address.field("address/value"), "г Москва, ул Вавилова, д 19");
  EXPECT_EQ(address.field("address/quality"), "good");
  ASSERT_EQ(phone.status, 200) << phone.body;
  EXPECT_EQ(phone.field("phone/value"), "+7 495 716-52-19 доб. 139");
  EXPECT_EQ(phone.field("phone/is_foreign"), "false");
  const auto asked = service_.requests();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[1].body, R"(["тел 7165219 доб139"])");
  EXPECT_EQ(asked[1].headers.at("x-secret"), "PLANTED-SECRET");
}

TEST_F(LookupApiTest, CleaningCostsMoneySoItIsOffUntilItIsSwitchedOnAndHasItsSecret) {
  settings_.cleaning = adapters::PartyRegisterOptions{}.cleaning;
  connect();
  HttpClient admin = administrator();
  EXPECT_EQ(problem_of(admin.post("/api/v1/lookup/clean", kAddress)), "409 off");
  settings_.cleaning = true;
  settings_.dadata.secret = Secret();
  connect();
  admin = client_of("again", {"crm-administrators"});
  EXPECT_EQ(problem_of(admin.post("/api/v1/lookup/clean", kAddress)), "409 off");
  EXPECT_EQ(admin.get("/api/v1/lookup/banks/044525225").status, 200) << "it needs the key alone";
  settings_.enabled = false;
  connect();
  admin = client_of("off", {"crm-administrators"});
  for (const char* path : {"parties?q=x", "addresses?q=x", "banks/044525225"})
    EXPECT_EQ(problem_of(admin.get("/api/v1/lookup/" + std::string(path))), "409 off");

  EXPECT_EQ(calls(), 1U);
}

TEST_F(LookupApiTest, ATokenThatOnlyReadsLooksUpAndSpendsNoMoney) {
  HttpClient reader = client_of("reader", {"crm-administrators"}, {"counterparty:read"});
  HttpClient other = client_of("other", {"crm-administrators"}, {"deal:write"});

  EXPECT_EQ(reader.get("/api/v1/lookup/parties?q=x").status, 200);
  EXPECT_EQ(reader.post("/api/v1/lookup/clean", kAddress).status, 403);
  EXPECT_EQ(other.get("/api/v1/lookup/banks/044525225").status, 403);

  EXPECT_EQ(calls(), 1U);
}

TEST_F(LookupApiTest, ARequestRepeatedUnderItsKeyIsPaidForOnce) {
  HttpClient admin = administrator();
  const testing::HttpHeaders headers{{"Idempotency-Key", "clean-1"}};

  const HttpAnswer first = admin.post("/api/v1/lookup/clean", kAddress, headers);
  const HttpAnswer second = admin.post("/api/v1/lookup/clean", kAddress, headers);

  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.header("idempotency-replayed"), "true");
  EXPECT_EQ(calls(), 1U);
}

TEST_F(LookupApiTest, WhatIsNotRecognisedIsPaidForOnceToo) {
  service_.on(kCleanAddress, {.body = R"([{"result":null,"qc":2}])"});
  service_.on(kCleanPhone, {.body = R"([{"phone":null,"qc":2}])"});
  HttpClient admin = administrator();
  const testing::HttpHeaders headers{{"Idempotency-Key", "clean-1"}};

  for (const char* body : {kAddress, R"({"phone":"7165219"})"}) {
    EXPECT_EQ(problem_of(admin.post("/api/v1/lookup/clean", body, headers)), "404 not_recognised");
    EXPECT_EQ(problem_of(admin.post("/api/v1/lookup/clean", body, headers)), "404 not_recognised");
    EXPECT_EQ(problem_of(admin.post("/api/v1/lookup/clean", body)), "404 not_recognised");
  }

  EXPECT_EQ(calls(), 2U);
}

TEST_F(LookupApiTest, OfManyWhoAskTheSameAtOnceOnePays) {
  constexpr int kAtOnce = 4;
  HttpClient admin = administrator();
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < kAtOnce; ++i)
    clients.push_back(
        std::make_unique<HttpClient>(client_of("c" + std::to_string(i), {"crm-administrators"})));
  std::vector<HttpAnswer> answers(kAtOnce);
  {
    std::vector<std::jthread> asking;
    for (int i = 0; i < kAtOnce; ++i) {
      asking.emplace_back([&, i] {
        answers[static_cast<std::size_t>(i)] = clients[static_cast<std::size_t>(i)]->post(
            "/api/v1/lookup/clean", kAddress, {{"Idempotency-Key", "clean-1"}});
      });
    }
  }

  for (const HttpAnswer& answer : answers) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.field("address/value"), "г Москва, ул Вавилова, д 19");
  }
  EXPECT_EQ(calls(), 1U);
}

TEST_F(LookupApiTest, WhatNobodyRecognisesIsNotFoundAndCleaningIsAskedOnce) {
  service_.on(kCleanAddress, {.body = R"([{"result":null,"qc":2}])"});
  service_.on(kCleanPhone, {.status = 500, .body = "{}"});
  HttpClient admin = administrator();

  EXPECT_EQ(problem_of(admin.post("/api/v1/lookup/clean", kAddress)), "404 not_recognised");
  const HttpAnswer failed = admin.post("/api/v1/lookup/clean", R"({"phone":"7165219"})");

  EXPECT_EQ(failed.status, 503) << failed.body;
  EXPECT_NE(failed.header("retry-after"), "");
  EXPECT_EQ(calls(), 2U) << "a repetition may be paid for again";
}

// A refusal as recorded, and what our client is told; never the key.
TEST_F(LookupApiTest, EachRefusalSaysWhetherToComeAgainAndNoSecret) {
  struct Case {
    int status;
    const char* body;
    int told;
  };
  settings_.dadata.secret = Secret();
  for (const Case& one : {Case{401, "401_no_key.json", 502}, Case{403, "403_bad_key.json", 502},
                          Case{403, "403_daily_limit.json", 503}, Case{404, "404.json", 502},
                          Case{429, "429.json", 503}, Case{500, "500.json", 503}}) {
    SCOPED_TRACE(one.body);
    states_ = nullptr;
    sql("DELETE FROM ops.service_gate RETURNING 1");
    connect();
    std::string body = service_fixture("dadata/errors/" + std::string(one.body));
    body.replace(body.find('{'), 1, R"({"told": "PLANTED-KEY",)");
    service_.on(kParties, {.status = one.status, .body = body});
    HttpClient admin = client_of(one.body, {"crm-administrators"});

    const HttpAnswer answer = admin.get("/api/v1/lookup/parties?q=x");

    EXPECT_EQ(answer.status, one.told) << answer.body;
    if (one.told == 503) {
      EXPECT_NE(answer.header("retry-after"), "");
    }
    EXPECT_THAT(answer.body, Not(HasSubstr("PLANTED")));
  }
}

TEST_F(LookupApiTest, NobodyWaitsLongerThanTheBudgetForASilentService) {
  settings_.lookup_budget = std::chrono::milliseconds{300};
  service_.on(kParties, {.body = "{}", .delivery = testing::Delivery::silent});
  connect();
  HttpClient admin = administrator();

  const HttpAnswer answer = admin.get("/api/v1/lookup/parties?q=x");

  EXPECT_THAT(answer.status, AnyOf(503, 504)) << answer.body;
  EXPECT_NE(answer.header("retry-after"), "");
}

TEST_F(LookupApiTest, WhatIsRefusedIsSaidInRussianToo) {
  settings_.cleaning = false;
  connect();
  HttpClient admin = administrator();
  const testing::HttpHeaders ru{{"Accept-Language", "ru"}};

  EXPECT_EQ(admin.post("/api/v1/lookup/clean", kAddress, ru).field("detail"),
            "Стандартизация выключена: она платная, включает её dadata.cleaning = true.");
  EXPECT_EQ(admin.get("/api/v1/lookup/parties?q=", ru).field("detail"),
            "q: текст от 1 до 300 знаков.");
  EXPECT_EQ(admin.get("/api/v1/lookup/banks/1", ru).field("detail"), "В БИК 9 цифр.");
  const HttpAnswer both = admin.post("/api/v1/lookup/clean", R"({"email":"x"})", ru);
  EXPECT_EQ(both.field("errors/0/detail"), "Здесь есть поля: address, phone.") << both.body;
}

TEST_F(LookupApiTest, WithoutARegisterTheRoutesSaySo) {
  restart();
  HttpClient admin = administrator();

  EXPECT_EQ(problem_of(admin.get("/api/v1/lookup/parties?q=x")), "503 not_connected");
  EXPECT_EQ(problem_of(admin.post("/api/v1/lookup/clean", kAddress)), "503 not_connected");
}

}  // namespace
}  // namespace c360::api

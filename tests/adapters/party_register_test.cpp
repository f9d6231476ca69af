// The register behind its gates and its cache, as several daemons on one database ask it: a real
// service over TLS, a real PostgreSQL.
#include "adapters/party_register.h"

#include <atomic>
#include <future>
#include <latch>

#include "adapters/stored_gate_states.h"
#include "tests/adapters/service_setting.h"
#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::adapters {
namespace {

using c360::testing::ManualClock;
using c360::testing::Quiet;
using c360::testing::ServiceServer;
using c360::testing::TempPostgres;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using ServiceReply = c360::testing::ServiceReply;

constexpr const char* kFind = "/suggestions/api/4_1/rs/findById/party";
constexpr const char* kInn = "7707083893";
constexpr const char* kKey = "PLANTED-DADATA-KEY";

const std::string& company() {
  static const std::string kBody = R"({"suggestions":[{"value":"ООО Ромашка","data":{
      "inn":"7707083893","kpp":"773601001","type":"LEGAL","branch_type":"MAIN",
      "state":{"status":"ACTIVE"},"name":{"full_with_opf":"ООО Ромашка PLANTED-DADATA-KEY"}}}]})";
  return kBody;
}

// One daemon: pools, gates and workers of its own.
struct RegisterDaemon {
  RegisterDaemon(const store::DatabaseOptions& options, const PartyRegisterOptions& settings,
                 const Clock& clock, const std::string& holder)
      : database(options, quiet.observer),
        states(database),
        parties(settings, holder,
                {.database = database, .states = states, .clock = clock, .connect = [] {
                   return std::make_unique<CurlHttpClient>("client360/test");
                 }}) {}

  Quiet quiet;
  store::Database database;
  StoredGateStates states;
  PartyRegister parties;
};

class PartyRegisterTest : public ::testing::Test {
 protected:
  PartyRegisterTest() {
    settings.dadata.token = Secret(kKey);
    settings.dadata.suggestions_url = server.url();
    settings.dadata.ca_file = server.ca_file();
    be_patient(settings.dadata.find);
    settings.dadata.find.rate = {.calls = 1'000, .burst = 1'000};
    server.on(kFind, {.body = company()});
  }
  std::unique_ptr<RegisterDaemon> daemon(const std::string& holder = "one") {
    return std::make_unique<RegisterDaemon>(database, settings, clock, holder);
  }
  static CallResult<FoundParty> ask(RegisterDaemon& daemon, bool fresh = false,
                                    const std::string& inn = kInn) {
    return daemon.parties.find({.id = inn, .kpp = {}, .subject = "counterparty 7"}, fresh,
                               {.attempts = 1});
  }
  static Outcome outcome(const CallResult<FoundParty>& found) {
    return found ? Outcome::found : found.error().outcome;
  }
  std::size_t calls() const { return server.requests().size(); }
  std::vector<std::string> sql(const std::string& text) const {
    return TempPostgres::shared().query(database.url, text);
  }

  ServiceServer server;
  ManualClock clock;
  PartyRegisterOptions settings;
  store::DatabaseOptions database = TempPostgres::shared().create_options();
};

TEST_F(PartyRegisterTest, AnAnswerIsBoughtOnceAndOutlivesARestart) {
  const auto first = ask(*daemon());
  const auto second = ask(*daemon());

  ASSERT_TRUE(first) << first.error().detail;
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_TRUE(first->bought);
  EXPECT_FALSE(second->bought);
  EXPECT_EQ(second->party.requisites.kpp, "773601001");
  EXPECT_EQ(second->obtained_at, first->obtained_at);
  EXPECT_EQ(calls(), 1U);
}

TEST_F(PartyRegisterTest, WhereWholeAnswersAreNotKeptNobodyOfTheCompanyIs) {
  settings.keeps_whole = false;
  server.on(kFind, {.body = R"({"suggestions":[{"value":"ООО Ромашка","data":{"inn":"7707083893",
      "kpp":"773601001","type":"LEGAL","founders":[{"inn":"771409116994","share":{"value":5}}],
      "management":{"name":"Белова Анна"},"managers":[{"inn":"771409116994",
      "fio":{"surname":"Чужой"}}]}}]})"});

  const auto first = ask(*daemon());
  const auto second = ask(*daemon());

  ASSERT_TRUE(first && second);
  EXPECT_FALSE(second->bought);
  EXPECT_EQ(second->party.requisites.ceo_name, "Белова Анна");
  EXPECT_EQ(second->party.requisites.kpp, "773601001");
  const std::string kept = sql("SELECT exchange FROM ops.service_answer").front();
  EXPECT_THAT(kept, Not(HasSubstr("771409116994")));
  EXPECT_THAT(kept, Not(HasSubstr("Чужой")));
}

TEST_F(PartyRegisterTest, EightAskersInTwoDaemonsMakeOneCall) {
  auto one = daemon("one");
  auto other = daemon("other");
  std::latch all_asked{8};
  // The service answers when everybody has asked.
  server.on_request([&](const auto&) { all_asked.wait(); });
  std::vector<std::future<CallResult<FoundParty>>> answers;
  for (int i = 0; i < 8; ++i)
    answers.push_back(std::async(std::launch::async, [&, i] {
      all_asked.count_down();
      return ask(i % 2 == 0 ? *one : *other);
    }));

  int bought = 0;
  for (auto& answer : answers) {
    const auto found = answer.get();
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_EQ(found->party.requisites.inn, kInn);
    bought += found->bought ? 1 : 0;
  }
  EXPECT_EQ(bought, 1);
  EXPECT_EQ(calls(), 1U);
}

TEST_F(PartyRegisterTest, AForcedRefreshGoesPastWhatIsKept) {
  auto one = daemon();
  ASSERT_TRUE(ask(*one));
  const auto again = ask(*one, /*fresh=*/true);

  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_TRUE(again->bought);
  EXPECT_EQ(calls(), 2U);
}

TEST_F(PartyRegisterTest, AnAnswerThatRanOutIsBoughtAnew) {
  auto one = daemon();
  ASSERT_TRUE(ask(*one));
  sql("UPDATE ops.service_answer SET valid_until = now() - interval '1 second' RETURNING 1");

  EXPECT_TRUE(ask(*one)->bought);
}

TEST_F(PartyRegisterTest, ThatNothingIsKnownIsRememberedForAWhile) {
  server.on(kFind, {.body = R"({"suggestions":[]})"});
  auto one = daemon();

  EXPECT_EQ(outcome(ask(*one)), Outcome::not_found);
  EXPECT_EQ(outcome(ask(*one)), Outcome::not_found);
  EXPECT_EQ(calls(), 1U);
  EXPECT_THAT(
      sql("SELECT date_trunc('second', valid_until - obtained_at)::text FROM ops.service_answer"),
      ::testing::ElementsAre("01:00:00"));
}

TEST_F(PartyRegisterTest, NothingIsStoredFromAnInvalidAnswerAndTheFormerOneStays) {
  auto one = daemon();
  ASSERT_TRUE(ask(*one));
  const auto before = sql("SELECT md5(exchange) FROM ops.service_answer");
  const std::vector<std::pair<ServiceReply, Outcome>> answers{
      {{.body = R"({"suggestions":[{"value":"x","data":{"inn":"7736207543"}}]})"},
       Outcome::retryable},  // about somebody else
      {{.body = "<html>", .content_type = "text/html"}, Outcome::retryable},
      {{.body = company().substr(0, 100)}, Outcome::retryable},
      {{.status = 400, .body = "{}"}, Outcome::permanent},
      {{.status = 429, .body = "{}", .headers = {{"Retry-After", "1"}}}, Outcome::quota}};
  for (const auto& [reply, expected] : answers) {
    server.next(reply);
    EXPECT_EQ(outcome(ask(*one, /*fresh=*/true)), expected) << reply.body;
    clock.advance(hours{1});
  }
  server.next({.status = 403, .body = R"({"message":"wrong key"})"});
  EXPECT_EQ(outcome(ask(*one, /*fresh=*/true)), Outcome::auth);

  EXPECT_EQ(sql("SELECT md5(exchange) FROM ops.service_answer"), before);
  const auto kept = ask(*one);
  ASSERT_TRUE(kept) << kept.error().detail;
  EXPECT_FALSE(kept->bought);
}

TEST_F(PartyRegisterTest, WhoeverWaitedForACallThatFailedHearsWhyAndDoesNotRepeatIt) {
  auto daemons = std::pair{daemon("one"), daemon("other")};
  AnswerCache first{daemons.first->database, "one"};
  AnswerCache second{daemons.second->database, "other"};
  const CachedQuestion question{.key = {"dadata", "method", "subject"}, .lease = minutes{5}};
  std::promise<void> called;
  std::promise<void> waits;
  auto answer = std::async(std::launch::async, [&] {
    const auto failing = [&]() -> CallResult<RecordedExchange> {
      called.set_value();
      waits.get_future().wait();
      return no_answer(Outcome::quota, "day_limit", "spent", 403);
    };
    return first.obtain(question, failing, [](auto) { return true; });
  });
  called.get_future().wait();
  bool repeated = false;
  bool waited = false;
  const auto told = second.obtain(
      question,
      [&]() -> CallResult<RecordedExchange> {
        repeated = true;
        return no_answer(Outcome::permanent, "", "");
      },
      [&](auto) {
        if (!std::exchange(waited, true)) waits.set_value();
        return true;
      });

  EXPECT_FALSE(answer.get());
  ASSERT_FALSE(told);
  EXPECT_FALSE(repeated);
  EXPECT_EQ(told.error().outcome, Outcome::quota);
  EXPECT_EQ(told.error().reason, "day_limit");
  EXPECT_EQ(told.error().detail, "spent");
  EXPECT_EQ(told.error().http_status, 403);
}

TEST_F(PartyRegisterTest, TheClaimOfADaemonThatDiedEndsAndTheNextOneCalls) {
  sql("INSERT INTO ops.service_answer (service, method, subject, claimed_by, claimed_until) VALUES "
      "('dadata', 'findById/party', '7707083893', 'dead', now() + interval '300 ms') RETURNING 1");
  auto one = daemon();

  const auto found = ask(*one);

  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_TRUE(found->bought);
  EXPECT_EQ(calls(), 1U);
}

TEST_F(PartyRegisterTest, WhoHasABudgetHearsInTimeThatTheServiceIsSilent) {
  server.on(kFind, {.delivery = c360::testing::Delivery::silent});
  const SystemClock real;
  RegisterDaemon one(database, settings, real, "one");
  const Instant began = real.now();

  const auto late = one.parties.find({.id = kInn, .kpp = {}, .subject = "counterparty 7"}, false,
                                     {.attempts = 2, .budget = milliseconds{300}});

  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().outcome, Outcome::retryable);
  EXPECT_EQ(late.error().reason, "timeout");
  ASSERT_TRUE(late.error().retry_at) << "he is told when to come again";
  EXPECT_GE(*late.error().retry_at, began + milliseconds{300});
  EXPECT_EQ(to_error(late.error(), real.now()).code, ErrorCode::timeout);
  // The call he gave up is over for others too.
  server.on(kFind, {.body = company()});
  EXPECT_TRUE(ask(one));
}

TEST_F(PartyRegisterTest, WhoHasABudgetDoesNotWaitForTheCallOfAnotherOneUntilItEnds) {
  sql("INSERT INTO ops.service_answer (service, method, subject, claimed_by, claimed_until) VALUES "
      "('dadata', 'findById/party', '7707083893', 'other', now() + interval '1 hour') RETURNING 1");
  const SystemClock real;
  RegisterDaemon one(database, settings, real, "one");

  const auto late = one.parties.find({.id = kInn, .kpp = {}, .subject = "counterparty 7"}, false,
                                     {.attempts = 2, .budget = milliseconds{300}});

  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().outcome, Outcome::retryable);
  EXPECT_EQ(late.error().reason, "timeout");
  EXPECT_TRUE(late.error().retry_at);
  EXPECT_EQ(calls(), 0U);
  EXPECT_THAT(sql("SELECT claimed_by FROM ops.service_answer"), ::testing::ElementsAre("other"));
}

TEST_F(PartyRegisterTest, AKppTheHeadOfficeHasNotMeansADivisionWhereThereIsOne) {
  const std::string branch = R"({"suggestions":[{"value":"Филиал","data":{"inn":"7707083893",)"
                             R"("kpp":"540602001","type":"LEGAL","branch_type":"BRANCH",)"
                             R"("state":{"status":"ACTIVE"}}}]})";
  auto one = daemon();
  const auto find = [&](const std::string& typed) {
    const auto found =
        one->parties.find({.id = kInn, .kpp = {}, .subject = "counterparty 7", .typed_kpp = typed},
                          false, {.attempts = 1});
    return found ? found->party.requisites.kpp.value_or("") : found.error().detail;
  };

  EXPECT_EQ(find("773601001"), "773601001");
  EXPECT_EQ(calls(), 1U) << "the head office has it";
  server.next({.body = branch});
  EXPECT_EQ(find("540602001"), "540602001");
  EXPECT_THAT(server.requests().back().body, HasSubstr(R"("kpp":"540602001")"));
  EXPECT_EQ(calls(), 2U) << "the answer of the head office was kept";
  server.next({.body = R"({"suggestions":[]})"});
  EXPECT_EQ(find("540602002"), "773601001") << "no such division: the head office";
  server.next({.status = 503, .body = "{}"});
  EXPECT_THAT(find("540602003"), HasSubstr("503")) << "not known yet: no guess";
}

TEST_F(PartyRegisterTest, OwnLimitsOfADayAndAMonthHoldOverDaemonsAndRestarts) {
  settings.dadata.find.day_calls = 2;
  settings.dadata.find.month_calls = 3;
  EXPECT_EQ(outcome(ask(*daemon("one"), true)), Outcome::found);
  EXPECT_EQ(outcome(ask(*daemon("other"), true)), Outcome::found);

  const auto third = ask(*daemon("one"), true);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().outcome, Outcome::quota);
  EXPECT_EQ(third.error().reason, "day_limit");
  EXPECT_EQ(third.error().retry_at, clock.now() + hours{21});  // midnight in Moscow
  EXPECT_EQ(calls(), 2U);

  clock.advance(hours{21});
  EXPECT_EQ(outcome(ask(*daemon("one"), true)), Outcome::found);
  const auto fourth = ask(*daemon("other"), true);
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().reason, "month_limit");
  EXPECT_EQ(calls(), 3U);
}

TEST_F(PartyRegisterTest, ARefusedKeyPausesEveryDaemonUntilTheSettingsChange) {
  server.on(kFind, {.status = 403, .body = R"({"message":"PLANTED-DADATA-KEY is wrong"})"});
  EXPECT_EQ(outcome(ask(*daemon("one"))), Outcome::auth);
  EXPECT_EQ(outcome(ask(*daemon("other"))), Outcome::auth);
  EXPECT_EQ(calls(), 1U);

  server.on(kFind, {.body = company()});
  settings.dadata.token = Secret("another key");
  EXPECT_EQ(outcome(ask(*daemon("other"))), Outcome::found);
}

TEST_F(PartyRegisterTest, ABreakerIsOneForAllDaemonsAndLetsOneTrialThrough) {
  server.on(kFind, {.status = 503, .body = "{}"});
  auto one = daemon("one");
  auto other = daemon("other");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(outcome(ask(i % 2 == 0 ? *one : *other)), Outcome::retryable);
  const auto shut = ask(*daemon("third"));
  ASSERT_FALSE(shut);
  EXPECT_EQ(shut.error().reason, "breaker_open");
  EXPECT_EQ(calls(), 5U);

  clock.advance(minutes{1});
  server.on(kFind, {.body = company()});
  std::promise<void> trial_came;
  std::promise<void> trial_ends;
  auto ends = trial_ends.get_future().share();
  std::atomic<bool> came = false;
  server.on_request([&](const auto&) {
    if (!came.exchange(true)) trial_came.set_value();
    ends.wait();
  });
  auto trial = std::async(std::launch::async, [&] { return ask(*one); });
  trial_came.get_future().wait();
  const auto meanwhile = ask(*other, false, "7736207543");
  ASSERT_FALSE(meanwhile);
  EXPECT_EQ(meanwhile.error().reason, "breaker_open");
  trial_ends.set_value();

  EXPECT_EQ(outcome(trial.get()), Outcome::found);
  const auto later = ask(*other, /*fresh=*/true);
  EXPECT_TRUE(later) << later.error().reason << ": " << later.error().detail;
}

TEST_F(PartyRegisterTest, NoSecretIsInWhatIsKept) {
  ASSERT_TRUE(ask(*daemon()));
  server.on(kFind, {.status = 403, .body = R"({"message":"PLANTED-DADATA-KEY is wrong"})"});
  const auto refused = ask(*daemon(), /*fresh=*/true);

  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, Not(HasSubstr("PLANTED")));
  EXPECT_THAT(sql("SELECT a::text FROM ops.service_answer a WHERE a::text ~ 'PLANTED'"), IsEmpty());
  EXPECT_THAT(sql("SELECT g::text FROM ops.service_gate g WHERE g::text ~ 'PLANTED'"), IsEmpty());
  EXPECT_THAT(sql("SELECT exchange FROM ops.service_answer"),
              ::testing::ElementsAre(HasSubstr("***")));
}

TEST_F(PartyRegisterTest, WhatIsSwitchedOffOrNoNumberIsNeverAsked) {
  EXPECT_EQ(ask(*daemon(), false, "7707083894").error().reason, "bad_id");
  settings.enabled = false;
  EXPECT_EQ(ask(*daemon()).error().reason, "off");
  settings.enabled = true;
  settings.dadata.token = {};
  EXPECT_EQ(ask(*daemon()).error().reason, "off");
  EXPECT_EQ(calls(), 0U);
}

TEST_F(PartyRegisterTest, StoppingEndsACallUnderWay) {
  server.on(kFind, {.delivery = c360::testing::Delivery::silent});
  std::promise<void> came;
  server.on_request([&](const auto&) { came.set_value(); });
  auto one = daemon();
  auto answer = std::async(std::launch::async, [&] { return ask(*one); });
  came.get_future().wait();

  one->parties.stop();

  EXPECT_EQ(answer.get().error().reason, "interrupted");
}

TEST_F(PartyRegisterTest, WhoWorksInTheBackgroundIsInterruptedAndWhoIsWaitedForIsNot) {
  settings.dadata.find.whole = seconds{60};
  std::promise<void> came;
  std::promise<void> both;
  std::atomic<int> calls = 0;
  server.on(kFind, {.delivery = c360::testing::Delivery::silent});
  server.on_request([&](const auto&) {
    if (++calls == 1) came.set_value();
    if (calls == 2) both.set_value();
  });
  auto one = daemon();
  auto job = std::async(std::launch::async, [&] { return ask(*one); });
  came.get_future().wait();
  RetryPolicy patient = RetryPolicy::interactive();
  patient.attempts = 1;
  patient.budget = seconds{2};
  auto person = std::async(std::launch::async, [&] {
    return one->parties.find({.id = "7736050003", .kpp = {}, .subject = {}}, false, patient);
  });
  both.get_future().wait();

  one->parties.interrupt();

  EXPECT_EQ(job.get().error().reason, "interrupted");
  EXPECT_EQ(person.get().error().reason, "timeout") << "his own deadline ended it";
  server.on(kFind, {.body = company()});
  EXPECT_EQ(outcome(ask(*one)), Outcome::found) << "later calls are made as ever";
}

TEST_F(PartyRegisterTest, EachCallIsRecordedWithItsAttempt) {
  struct Attempts final : CallJournal {
    void record(const CallRecord& record) override { seen.push_back(record.attempt); }
    std::vector<int> seen;
  } journal;
  server.next({.status = 502});
  Quiet quiet;
  store::Database own{database, quiet.observer};
  MemoryGateStates states;
  PartyRegister parties{
      settings,
      "one",
      {.database = own,
       .states = states,
       .clock = clock,
       .connect = [] { return std::make_unique<CurlHttpClient>("client360/test"); },
       .journal = &journal}};

  const auto found = parties.find({.id = kInn, .kpp = {}, .subject = {}, .attempt = 3}, false,
                                  {.attempts = 2, .first = milliseconds{1}});

  EXPECT_TRUE(found);
  EXPECT_EQ(journal.seen, (std::vector{3, 4}));
}

TEST(StoredGateStatesTest, AStateIsReadAsItWasWritten) {
  const Instant now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};
  const GateState state{.pause = GatePause{.cause = Outcome::auth,
                                           .until = now + hours{1},
                                           .detail = "the key",
                                           .settings = "abc"},
                        .failures = 3,
                        .throttled = 2,
                        .open_until = now + seconds{30},
                        .trial_until = now + seconds{60},
                        .free_at = {now, now + seconds{1}},
                        .day = {.ends = now + hours{21}, .calls = 7},
                        .month = {.ends = now + hours{213}, .calls = 70}};

  EXPECT_EQ(gate_state(to_json(state)), state);
  EXPECT_EQ(gate_state(to_json(GateState{})), GateState{});
  EXPECT_EQ(gate_state("spoiled"), GateState{});
}

}  // namespace
}  // namespace c360::adapters

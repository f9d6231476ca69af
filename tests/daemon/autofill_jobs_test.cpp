// Cards filled by jobs: two registers over TLS as recorded, a real database.
#include "daemon/jobs/autofill.h"

#include <gmock/gmock.h>

#include <atomic>

#include "adapters/curl_http_client.h"
#include "adapters/stored_gate_states.h"
#include "daemon/jobs/repolicy.h"
#include "store/operations/pedigree.h"
#include "store/operations/repolicy.h"
#include "store/service_quotas.h"
#include "store/service_switches.h"
#include "tests/adapters/service_setting.h"
#include "tests/store/records_fixture.h"

namespace c360::daemon {
namespace {

constexpr const char* kFind = "/suggestions/api/4_1/rs/findById/party";

std::string company(const std::string& status) {
  return R"({"suggestions":[{"value":"ООО Ромашка","data":{"inn":"7707083893","kpp":"773601001",)"
         R"("ogrn":"1027700132195","type":"LEGAL","branch_type":"MAIN","opf":{"short":"ООО"},)"
         R"("state":{"status":")" +
         status +
         R"("},"address":{"unrestricted_value":"117997, г Москва, ул Вавилова, д 19"},)"
         R"("name":{"full_with_opf":"Общество Ромашка","short_with_opf":"ООО Ромашка"}}}]})";
}

class AutofillJobs : public c360::testing::RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    settings_.dadata.token = Secret("key");
    settings_.dadata.suggestions_url = register_.url();
    settings_.dadata.ca_file = register_.ca_file();
    adapters::be_patient(settings_.dadata.find);
    settings_.dadata.find.rate = {.calls = 1'000, .burst = 1'000};
    second_settings_.kontur.base_url = second_.url();
    second_settings_.kontur.ca_file = second_.ca_file();
    adapters::be_patient(second_settings_.kontur.json);
    second_settings_.kontur.json.rate = {.calls = 1'000, .burst = 1'000};
    restart();
    register_.on(kFind, {.body = company("ACTIVE")});
    ASSERT_TRUE(store::set_service_switch(*database_, {.service = "dadata", .is_on = true}));
  }
  // With the settings as they are now.
  void restart() {
    states_ = std::make_unique<adapters::StoredGateStates>(*database_);
    const auto connect = [] { return std::make_unique<adapters::CurlHttpClient>("test"); };
    parties_ = std::make_unique<adapters::PartyRegister>(
        settings_, "one",
        adapters::PartyRegisterPorts{
            .database = *database_, .states = *states_, .clock = clock_, .connect = connect});
    reports_ = std::make_unique<adapters::FocusReports>(
        second_settings_, "one",
        adapters::FocusReportsPorts{
            .database = *database_, .states = *states_, .clock = clock_, .connect = connect});
    handlers_.clear();
    add_autofill_jobs(handlers_, {.database = *database_,
                                  .parties = *parties_,
                                  .second = *reports_,
                                  .clock = clock_,
                                  .policy = {"person", "import", "mail", "dadata", "kontur"},
                                  .records = [this] {
                                    return std::shared_ptr<store::Records>(std::shared_ptr<void>(),
                                                                           records_.get());
                                  }});
    add_repolicy_job(handlers_, {.database = *database_,
                                 .records =
                                     [this] {
                                       return std::shared_ptr<store::Records>(
                                           std::shared_ptr<void>(), records_.get());
                                     },
                                 .slice = policy_slice_});
  }
  // Kontur.Focus has its key, and answers so.
  void second_says(const std::string& requisites) {
    second_settings_.kontur.token = Secret("focus");
    second_.on("/api3/req", {.body = requisites});
    second_.on("/api3/egrDetails", {.body = adapters::service_fixture("kontur/egr_details.json")});
    ASSERT_TRUE(store::set_service_switch(*database_, {.service = "kontur", .is_on = true}));
    restart();
  }
  std::string card(const store::Actor& by, const std::string& inn = "7707083893",
                   const std::string& more = "") {
    return make("counterparty",
                R"({"segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active","inn":")" +
                    inn + "\"" + more + "}",
                by)
        .key;
  }
  std::string run(const std::string& job) {
    const auto jobs = store::take_jobs(*database_, {job}, "a", 1);
    if (!jobs || jobs->size() != 1) return "no job";
    const std::atomic<bool> stopping = false;
    JobRun attempt(*database_, jobs->front(), stopping);
    const auto done = handlers_.at(job)(attempt);
    if (!done) {
      EXPECT_TRUE(store::settle_job(*database_, jobs->front(), {.end = store::JobEnd::retry}));
      return std::string(to_string(done.error().code)) + " " + done.error().reason;
    }
    (void)store::settle_job(
        *database_, jobs->front(),
        {.end = done->again_after ? store::JobEnd::goes_on : store::JobEnd::done});
    return std::to_string(done->processed) + (done->again_after ? ", goes on" : "");
  }
  // As the schedule makes it.
  std::string sweep(const std::string& job) {
    EXPECT_TRUE(store::enqueue_job(*database_, {.kind = job, .priority = 100}));
    return run(job);
  }
  std::string sweep_with(const std::vector<std::string>& policy) {
    sql("DELETE FROM ops.job WHERE kind = 'counterparty_repolicy' RETURNING 1");
    EXPECT_TRUE(*store::queue_repolicy(*database_, policy));
    return run("counterparty_repolicy");
  }
  std::string events(const std::string& key, const std::string& event) {
    return sql("SELECT count(*) FROM crm.history_event WHERE record_id = " + key +
               " AND event = '" + event + "'");
  }
  void age(const std::string& days) {
    sql("UPDATE crm.counterparty_fact SET obtained_at = now() - interval '" + days +
        " days' RETURNING 1");
    sql("UPDATE ops.service_answer SET valid_until = '-infinity' RETURNING 1");
    sql("UPDATE ops.job SET run_at = now() WHERE status = 'queued' RETURNING 1");
  }

  testing::ServiceServer register_;
  std::unique_ptr<adapters::StoredGateStates> states_;
  testing::ServiceServer second_;
  adapters::PartyRegisterOptions settings_;
  adapters::FocusReportsOptions second_settings_;
  std::unique_ptr<adapters::PartyRegister> parties_;
  std::unique_ptr<adapters::FocusReports> reports_;
  std::chrono::milliseconds policy_slice_{60'000};
  JobHandlers handlers_;
};

TEST_F(AutofillJobs, ACounterpartyMadeByItsInnAloneFillsItself) {
  const std::string key = card(admin_);

  EXPECT_EQ(run("counterparty_autofill"), "1");

  EXPECT_EQ(value("counterparty", key, "name"), "ООО Ромашка");
  EXPECT_EQ(value("counterparty", key, "kpp"), "773601001");
  EXPECT_EQ(value("counterparty", key, "legal_form_code"), "ooo");
  EXPECT_EQ(value("counterparty", key, "autofill_source"), "dadata");
  EXPECT_EQ(events(key, "autofilled"), "1");
  EXPECT_EQ(run("counterparty_autofill"), "no job");
}

TEST_F(AutofillJobs, AnswersThatAreNoneChangeNothingAndAnUnknownInnIsNoFailure) {
  const std::string key = card(admin_);
  register_.next({.body = "<html>", .content_type = "text/html"});
  register_.next({.body = R"({"suggestions":[]})"});

  EXPECT_EQ(run("counterparty_autofill"), "unavailable malformed");
  EXPECT_EQ(value("counterparty", key, "kpp"), "null");
  EXPECT_EQ(run("counterparty_autofill"), "0");

  EXPECT_EQ(events(key, "autofilled"), "0");
  EXPECT_EQ(register_.requests().size(), 2U);
}

TEST_F(AutofillJobs, AnImportIsFilledOnlyWhereTheSettingsSaySo) {
  store::Actor importer = admin_;
  importer.origin = "import";
  card(importer);
  EXPECT_EQ(run("counterparty_autofill"), "no job");
  sql("DELETE FROM ops.job RETURNING 1");

  // Every night what is still missing is asked for, whoever made it.
  EXPECT_EQ(sweep("counterparty_autofill"), "1");
}

TEST_F(AutofillJobs, ARefreshTellsOfABankruptcyByAnEventOfItsOwn) {
  const std::string key =
      card(admin_, "7707083893", R"(,"responsible_id":)" + std::to_string(*seller_.user_id));
  ASSERT_EQ(run("counterparty_autofill"), "1");
  EXPECT_EQ(sweep("counterparty_refresh"), "0");  // what is known is fresh
  age("31");
  EXPECT_EQ(sweep("counterparty_refresh"), "1");
  register_.on(kFind, {.body = company("BANKRUPT")});
  age("31");

  EXPECT_EQ(run("counterparty_refresh"), "1");

  EXPECT_EQ(value("counterparty", key, "registry_status"), "bankrupt");
  EXPECT_EQ(sql("SELECT changes::text FROM crm.history_event WHERE event = "
                "'registry_status_changed' AND changes::text LIKE '%bankrupt%'"),
            R"([{"new": "bankrupt", "old": "active", "field": "registry_status"}])");
  EXPECT_EQ(sql("SELECT event FROM crm.notification WHERE record_id = " + key +
                " AND event LIKE 'company%' AND user_id = " + std::to_string(*seller_.user_id)),
            "company_bankrupt")
      << "whoever deals with it hears of it";
  // In trouble it is asked about every week; 90 days after its end never again.
  age("8");
  EXPECT_EQ(sweep("counterparty_refresh"), "1");
  sql("DELETE FROM ops.job RETURNING 1");
  sql("UPDATE crm.counterparty SET registry_status = 'liquidated', liquidated_on = "
      "current_date - 91 RETURNING 1");
  age("31");
  EXPECT_EQ(sweep("counterparty_refresh"), "0");
}

TEST_F(AutofillJobs, TheClockLeavesTheLastOfTheDayToPeople) {
  const std::string key = card(admin_);
  ASSERT_EQ(run("counterparty_autofill"), "1");
  const auto left = [&](const std::string& suggestions) {
    ASSERT_TRUE(
        store::keep_service_quota(*database_, {.service = "dadata",
                                               .name = "suggestions",
                                               .remaining = suggestions,
                                               .total = "10000",
                                               .renews_at = clock_.now() + std::chrono::hours{5}}));
  };
  left("1000");
  age("31");
  ASSERT_EQ(sweep("counterparty_refresh"), "1");
  age("31");

  EXPECT_EQ(run("counterparty_refresh"), "rate_limited quota_reserve");
  EXPECT_EQ(register_.requests().size(), 1U);

  // A card that gets its INN now is somebody's; the clock goes on when there is more.
  left("1001");
  age("31");
  EXPECT_EQ(run("counterparty_refresh"), "1");
  left("1");
  sql("UPDATE ops.service_quota SET renews_at = now() RETURNING 1");
  age("31");
  ASSERT_EQ(sweep("counterparty_refresh"), "1");
  age("31");
  EXPECT_EQ(run("counterparty_refresh"), "1");
  EXPECT_EQ(register_.requests().size(), 3U);
}

TEST_F(AutofillJobs, AnotherPolicyChangesTheCardsWithoutACallAndBackAgain) {
  const std::vector<std::string> register_first{"dadata", "person", "import", "mail", "kontur"};
  const std::vector<std::string> people_first{"person", "import", "mail", "dadata", "kontur"};
  const std::string key = card(admin_);
  ASSERT_TRUE(
      records_->update(kind("counterparty"), key, json(R"({"full_name":"Как мы зовём"})"), admin_));
  ASSERT_EQ(run("counterparty_autofill"), "1");
  ASSERT_EQ(value("counterparty", key, "full_name"), "Как мы зовём");

  ASSERT_TRUE(*store::queue_repolicy(*database_, register_first));
  EXPECT_EQ(run("counterparty_repolicy"), "1");
  EXPECT_EQ(value("counterparty", key, "full_name"), "Общество Ромашка");
  EXPECT_EQ(sql("SELECT progress_done || ' of ' || progress_total FROM ops.job WHERE kind = "
                "'counterparty_repolicy'"),
            "1 of 1");
  EXPECT_EQ(sweep_with(register_first), "0") << "the same again finds nothing to change";

  ASSERT_TRUE(*store::queue_repolicy(*database_, people_first));
  EXPECT_EQ(run("counterparty_repolicy"), "1");
  EXPECT_EQ(value("counterparty", key, "full_name"), "Как мы зовём");
  EXPECT_EQ(events(key, "autofilled"), "3");
  EXPECT_EQ(register_.requests().size(), 1U);
}

TEST_F(AutofillJobs, APassOverManyCardsGivesItsThreadBackBetweenThem) {
  const std::vector<std::string> inns{"7707083893", "6663003127", "7736207543"};
  for (const std::string& inn : inns) {
    const std::string key = card(admin_, inn, R"(,"full_name":"Как мы зовём")");
    sql("INSERT INTO crm.counterparty_fact (counterparty_id, source, facts, obtained_at) VALUES (" +
        key + R"(, 'dadata', '{"full_name": "Общество", "inn": ")" + inn +
        "\"}', now()) RETURNING 1");
  }
  policy_slice_ = std::chrono::milliseconds{0};
  restart();
  ASSERT_TRUE(*store::queue_repolicy(*database_, {"dadata", "person", "import", "mail", "kontur"}));

  for (const std::string& inn : inns) EXPECT_EQ(run("counterparty_repolicy"), "1, goes on") << inn;
  EXPECT_EQ(run("counterparty_repolicy"), "0");

  EXPECT_EQ(run("counterparty_repolicy"), "no job");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty WHERE full_name = 'Общество'"), "3");
  EXPECT_EQ(sql("SELECT status || ' ' || progress_done || ' of ' || progress_total FROM ops.job "
                "WHERE kind = 'counterparty_repolicy'"),
            "done 3 of 3");
}

TEST_F(AutofillJobs, ACardThatIsGoneOrHasAnotherInnKeepsItsPolicyToItself) {
  const std::string gone = card(admin_);
  ASSERT_EQ(run("counterparty_autofill"), "1");
  ASSERT_TRUE(records_->remove(kind("counterparty"), gone, admin_));
  const std::string other = card(admin_);
  sql("INSERT INTO crm.counterparty_fact (counterparty_id, source, facts, obtained_at) VALUES (" +
      other +
      ", 'dadata', '{\"inn\": \"7736207543\", \"ceo_name\": \"Чужой\"}', now()) "
      "RETURNING 1");

  EXPECT_EQ(sweep_with({"dadata", "person", "import", "mail", "kontur"}), "0");

  EXPECT_EQ(value("counterparty", other, "ceo_name"), "null");
}

TEST_F(AutofillJobs, AnOlderPolicyGivesWayToTheOneQueuedAfterIt) {
  const std::string key = card(admin_);
  ASSERT_EQ(run("counterparty_autofill"), "1");
  ASSERT_TRUE(
      records_->update(kind("counterparty"), key, json(R"({"full_name":"Как мы зовём"})"), admin_));
  ASSERT_TRUE(*store::queue_repolicy(*database_, {"dadata", "person", "import", "mail", "kontur"}));
  ASSERT_TRUE(*store::queue_repolicy(*database_, {"person", "import", "mail", "dadata", "kontur"}));

  EXPECT_EQ(run("counterparty_repolicy"), "0");

  EXPECT_EQ(value("counterparty", key, "full_name"), "Как мы зовём");
}

TEST_F(AutofillJobs, ACompanyTheRegisterDroppedIsNotAskedForEveryDay) {
  const std::string key = card(admin_);
  ASSERT_EQ(run("counterparty_autofill"), "1");
  age("31");
  register_.on(kFind, {.body = R"({"suggestions":[]})"});
  ASSERT_EQ(sweep("counterparty_refresh"), "1");
  sql("UPDATE ops.job SET run_at = now() WHERE status = 'queued' RETURNING 1");
  ASSERT_EQ(run("counterparty_refresh"), "0");

  EXPECT_EQ(sweep("counterparty_refresh"), "0");

  EXPECT_EQ(value("counterparty", key, "kpp"), "773601001") << "nothing is cleared";
  sql("UPDATE ops.service_answer SET obtained_at = now() - interval '8 days' RETURNING 1");
  EXPECT_EQ(sweep("counterparty_refresh"), "1");
}

TEST_F(AutofillJobs, ADivisionNobodyKnowsAndACardThatAlwaysFailsHaveTheirTurnInAWeek) {
  register_.on(kFind, {.body = R"({"suggestions":[]})"});
  card(admin_, "7707083893", R"(,"kind":"branch","kpp":"770143001")");
  ASSERT_EQ(run("counterparty_autofill"), "0");
  EXPECT_EQ(sweep("counterparty_autofill"), "0") << "it is kept under INN and KPP";

  const std::string failing = card(admin_, "7736050003");
  sql("UPDATE ops.job SET status = 'failed', finished_at = now() WHERE status = 'queued' AND "
      "record_id = " +
      failing + " RETURNING 1");
  EXPECT_EQ(sweep("counterparty_autofill"), "0");

  sql("UPDATE ops.service_answer SET obtained_at = now() - interval '8 days' RETURNING 1");
  sql("UPDATE ops.job SET finished_at = now() - interval '8 days' WHERE status = 'failed' "
      "RETURNING 1");
  EXPECT_EQ(sweep("counterparty_autofill"), "2");
}

TEST_F(AutofillJobs, WhereDadataIsOffKonturFocusFillsTheCardInItsOwnName) {
  settings_.dadata.token = Secret();
  ASSERT_TRUE(store::set_service_switch(*database_, {.service = "dadata", .is_on = false}));
  second_says(adapters::service_fixture("kontur/req_legal.json"));
  const std::string key = card(admin_, "6663003127");

  EXPECT_EQ(run("counterparty_autofill"), "1");

  EXPECT_EQ(value("counterparty", key, "kpp"), "667101001");
  EXPECT_EQ(value("counterparty", key, "okved"), "62.01");
  EXPECT_EQ(value("counterparty", key, "ogrn_on"), "2002-09-17");
  EXPECT_EQ(value("counterparty", key, "autofill_source"), "kontur");
  EXPECT_EQ(sql("SELECT source FROM crm.counterparty_fact WHERE counterparty_id = " + key),
            "kontur");
  EXPECT_TRUE(register_.requests().empty());
  // It is asked again when what it said is old.
  EXPECT_EQ(sweep("counterparty_refresh"), "0");
  age("31");
  EXPECT_EQ(sweep("counterparty_refresh"), "1");
  age("31");
  EXPECT_EQ(run("counterparty_refresh"), "1");
  EXPECT_EQ(second_.requests().size(), 4U);
}

TEST_F(AutofillJobs, WhileDadataRefusesItsKeyWhatTheSecondSaysOtherwiseIsAConflict) {
  const std::string key = card(admin_);
  ASSERT_EQ(run("counterparty_autofill"), "1");
  second_says(R"([{"inn":"7707083893","ogrn":"1027700132195",)"
              R"("UL":{"kpp":"773601999","okpo":"00032537","legalName":{"full":"Ромашка"}}}])");
  register_.on(
      kFind, {.status = 403, .body = adapters::service_fixture("dadata/errors/403_bad_key.json")});
  age("31");

  ASSERT_EQ(sweep("counterparty_refresh"), "1");
  age("31");
  EXPECT_EQ(run("counterparty_refresh"), "1");

  EXPECT_EQ(value("counterparty", key, "okpo"), "00032537") << "what was empty";
  EXPECT_EQ(value("counterparty", key, "kpp"), "773601001") << "DaData is believed more";
  const auto pedigree = store::pedigree_json(*database_, *records_, std::stoll(key), admin_);
  ASSERT_TRUE(pedigree);
  EXPECT_THAT(*pedigree, ::testing::HasSubstr(R"("theirs":"773601999","source":"kontur")"));
  // One who knows nothing does not end the wait for the key.
  second_.on("/api3/req", {.body = "[]"});
  age("31");
  ASSERT_EQ(sweep("counterparty_refresh"), "1");
  age("31");
  EXPECT_EQ(run("counterparty_refresh"), "upstream_auth paused");
}

TEST_F(AutofillJobs, WhileDadataRefusesItsKeyTheSecondIsNotAskedForImportedCards) {
  second_says(adapters::service_fixture("kontur/req_legal.json"));
  register_.on(
      kFind, {.status = 403, .body = adapters::service_fixture("dadata/errors/403_bad_key.json")});
  store::Actor importer = admin_;
  importer.origin = "import";
  const std::string key = card(importer, "6663003127");

  ASSERT_EQ(sweep("counterparty_autofill"), "1");
  age("1");
  EXPECT_EQ(run("counterparty_autofill"), "upstream_auth ");
  EXPECT_TRUE(second_.requests().empty());

  ASSERT_TRUE(store::set_service_switch(*database_,
                                        {.service = "kontur", .is_on = true, .on_import = true}));
  age("1");
  EXPECT_EQ(run("counterparty_autofill"), "1");
  EXPECT_EQ(value("counterparty", key, "autofill_source"), "kontur");
}

TEST_F(AutofillJobs, WhatDadataDoesNotKnowTheSecondMayButOfADivisionItIsNotAsked) {
  register_.on(kFind, {.body = R"({"suggestions":[]})"});
  second_says(adapters::service_fixture("kontur/req_legal.json"));
  const std::string key = card(admin_, "6663003127");

  EXPECT_EQ(run("counterparty_autofill"), "1");
  EXPECT_EQ(value("counterparty", key, "kpp"), "667101001");
  const std::size_t asked = second_.requests().size();

  card(admin_, "7728168971", R"(,"kind":"branch","kpp":"771543001")");
  EXPECT_EQ(run("counterparty_autofill"), "0");
  EXPECT_EQ(second_.requests().size(), asked);
  second_.on("/api3/req", {.body = "[]"});
  card(admin_, "7702070139");
  EXPECT_EQ(run("counterparty_autofill"), "0") << "both know nothing: no failure";
}

}  // namespace
}  // namespace c360::daemon

// DaData: what is asked, and what every recorded answer and refusal means.
#include "adapters/dadata.h"

#include <tuple>

#include "adapters/dadata_answers.h"
#include "adapters/party_id.h"
#include "tests/adapters/service_setting.h"

namespace c360::adapters {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFind = "/suggestions/api/4_1/rs/findById/party";
constexpr const char* kUsage = "/api/v2/stat/daily";

FieldTexts fields_of(const Requisites& read) {
  const auto optional = [](auto value) -> std::optional<std::string> {
    if (!value) return std::nullopt;
    return std::string(to_string(*value));
  };
  return {{"full_name", read.full_name},
          {"short_name", read.short_name},
          {"inn", read.inn},
          {"kpp", read.kpp},
          {"ogrn", read.ogrn},
          {"okpo", read.okpo},
          {"okved", read.okved},
          {"legal_form", read.legal_form},
          {"type", std::string(to_string(read.type))},
          {"status", std::string(to_string(read.status))},
          {"registered_on", iso(read.registered_on)},
          {"liquidated_on", iso(read.liquidated_on)},
          {"juridical_address", read.juridical_address},
          {"ceo_name", read.ceo_name},
          {"ceo_position", read.ceo_position},
          {"ceo_since", iso(read.ceo_since)},
          {"branch_type", optional(read.branch_type)},
          {"unreliable", read.unreliable ? "true" : "false"},
          {"phones", listed(read.phones)},
          {"emails", listed(read.emails)}};
}

class DadataTest : public ServiceTest {
 protected:
  DadataTest() {
    options.token = Secret("TEST-DADATA-KEY");
    options.suggestions_url = options.cleaner_url = options.profile_url = server.url();
    options.ca_file = server.ca_file();
    be_patient(options.find);
    be_patient(options.clean);
  }
  Dadata dadata() { return Dadata{options, ports(), /*seed=*/1}; }
  CallResult<Party> find(const std::string& id, const std::string& kpp = {}) {
    return dadata().find_party({.id = id, .kpp = kpp, .subject = "counterparty 7"});
  }
  NoAnswer refused(ServiceReply reply) {
    server.next(std::move(reply));
    const auto party = find("7707083893");
    EXPECT_FALSE(party);
    return party ? NoAnswer{} : party.error();
  }
  // An answer with one suggestion, `data` of which is the text.
  static ServiceReply suggestion(const std::string& data) {
    return {.body = R"({"suggestions": [{"value": "ООО «Пример»", "data": )" + data + "}]}"};
  }

  DadataOptions options;
};

TEST_F(DadataTest, EachRecordedAnswerMeansWhatItsDescriptionSays) {
  check_recorded_cases("dadata", [&](const Json& one) -> std::optional<CaseResult> {
    // A refusal pauses its host; each case is the first of its day.
    MemoryGateStates fresh;
    auto set = ports();
    const ServicePorts alone{set.http, fresh, set.clock, set.pause, set.journal};
    const Json& request = *one.find("request");
    const std::string operation = one.find("operation")->as_string();
    const bool wants_secret = request.find("headers")->find("X-Secret") != nullptr;
    options.secret = wants_secret ? Secret("TEST-DADATA-SECRET") : Secret();
    Dadata dadata{options, alone};
    const Json* body = request.find("body");
    const Json* query = body == nullptr ? nullptr : body->find("query");
    if (operation == "findById/party") {
      const Json* kpp = body->find("kpp");
      return case_result<Party>(
          dadata.find_party({.id = query->as_string(), .kpp = kpp ? kpp->as_string() : ""}),
          [](const Party& found) { return fields_of(found.requisites); });
    }
    if (operation == "suggest/party")
      return case_result<std::vector<Party>>(
          dadata.suggest_party(query->as_string(), 5), [](const std::vector<Party>& found) {
            return FieldTexts{{"count", std::to_string(found.size())}};
          });
    if (operation == "findById/bank")
      return case_result<Bank>(dadata.find_bank(query->as_string()), [](const Bank& bank) {
        return FieldTexts{{"bic", bank.bik},
                          {"bank_name", bank.name},
                          {"correspondent_account", bank.correspondent_account},
                          {"bank_city", bank.city},
                          {"bank_status", std::string(to_string(bank.status))}};
      });
    if (operation == "suggest/address")
      return case_result<std::vector<Address>>(
          dadata.suggest_address(query->as_string(), 1), [](const std::vector<Address>& found) {
            return FieldTexts{{"value", found[0].value}, {"postal_code", found[0].postal_code}};
          });
    if (operation == "clean/address" && body->is_array())
      return case_result<CleanAddress>(
          dadata.clean_address(body->as_array()[0].as_string()), [](const CleanAddress& clean) {
            return FieldTexts{{"result", clean.address.value},
                              {"qc", std::to_string(static_cast<int>(clean.quality))}};
          });
    if (operation == "clean/phone")
      return case_result<CleanPhone>(
          dadata.clean_phone(body->as_array()[0].as_string()), [](const CleanPhone& clean) {
            return FieldTexts{{"phone", clean.phone}, {"qc", clean.is_foreign ? "7" : "0"}};
          });
    if (operation == "profile/balance")
      return case_result<std::string>(
          dadata.balance(), [](const std::string& left) { return FieldTexts{{"balance", left}}; });
    if (operation == "stat/daily")
      return case_result<DailyUsage>(dadata.daily_usage(), [](const DailyUsage& usage) {
        return FieldTexts{{"suggestions_used", std::to_string(usage.suggestions_used)},
                          {"suggestions_left", std::to_string(*usage.suggestions_left)}};
      });
    // Not asked by this program: the composite cleaner and the versions.
    server.on("/", {});
    (void)dadata.find_party({.id = "7707083893"});
    return std::nullopt;
  });
}

TEST_F(DadataTest, AsksForTheHeadOfficeOrTheDivisionOrThePerson) {
  server.on(kFind, {.body = service_fixture("dadata/party_unknown.json")});

  (void)find("7707083893");
  (void)find("7707083893", "540602001");
  (void)find("77-0123 456703");
  (void)find("1027700132195");

  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[0].body,
            R"({"query":"7707083893","branch_type":"MAIN","type":"LEGAL","count":10})");
  EXPECT_EQ(seen[1].body, R"({"query":"7707083893","kpp":"540602001","type":"LEGAL","count":10})");
  EXPECT_EQ(seen[2].body, R"({"query":"770123456703","type":"INDIVIDUAL","count":10})");
  EXPECT_EQ(seen[3].body,
            R"({"query":"1027700132195","branch_type":"MAIN","type":"LEGAL","count":10})");
  EXPECT_EQ(seen[0].headers.at("content-type"), "application/json");
  EXPECT_EQ(seen[0].headers.at("accept"), "application/json");
  EXPECT_EQ(seen[0].headers.at("user-agent"), "client360/test");
  EXPECT_FALSE(seen[0].headers.contains("x-secret"));
  EXPECT_EQ(server.connections(), 1) << "the service counts new connections";
}

TEST_F(DadataTest, AWrongIdentifierCostsNoCall) {
  const auto ids = Json::parse(service_fixture("ids.json"));
  for (const Json& inn : ids->find("inn")->find("invalid")->as_array()) {
    const auto party = find(inn.as_string());
    ASSERT_FALSE(party) << inn.as_string();
    EXPECT_EQ(party.error().outcome, Outcome::permanent);
    EXPECT_EQ(party.error().reason, "bad_id");
  }
  EXPECT_EQ(dadata().find_bank("04452522A").error().reason, "bad_id");
  EXPECT_EQ(find("7707083893", "ab3601001").error().reason, "bad_id");
  EXPECT_EQ(dadata().suggest_party(std::string(301, 'x'), 5).error().reason, "bad_query");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(DadataTest, AnAnswerAboutSomebodyElseIsNone) {
  server.next({.body = service_fixture("dadata/party_liquidated.json")});
  const auto party = find("7707083893");
  ASSERT_FALSE(party);
  EXPECT_EQ(party.error().outcome, Outcome::retryable);
  EXPECT_EQ(party.error().reason, "malformed");
  EXPECT_THAT(party.error().detail, HasSubstr("somebody else"));

  server.next(suggestion(R"({"inn": "7707083894", "type": "LEGAL"})"));
  EXPECT_EQ(find("7707083893").error().reason, "malformed") << "its check digit is wrong";
}

TEST_F(DadataTest, AFieldThatIsWrongIsDroppedAndTheRestStays) {
  server.next(
      suggestion(R"({"inn": "7707083893", "inn_old": 1, "kpp": "12", "ogrn": "1027700132196",
      "state": {"status": "MERGED", "registration_date": "677376000000",
                "liquidation_date": 9999999999999999},
      "name": {"full_with_opf": " ООО\u0000 «При\tмер»\r\n", "short_with_opf": ""},
      "management": "nobody", "opf": [], "address": {"value": 5}, "phones": {"a": 1},
      "emails": [{"value": "A@B@C"}, {"value": "Office@Example.RU"}, 7, {"value": null}]})"));

  const auto party = find("7707083893");

  ASSERT_TRUE(party) << party.error().detail;
  const Requisites& read = party->requisites;
  EXPECT_EQ(read.kpp, std::nullopt);
  EXPECT_EQ(read.ogrn, std::nullopt);
  EXPECT_EQ(read.status, RegistryStatus::unknown);
  EXPECT_EQ(iso(read.registered_on), "1991-06-20") << "a numeric text is a number";
  EXPECT_EQ(read.liquidated_on, std::nullopt);
  EXPECT_EQ(read.full_name, "ООО «При мер»");
  EXPECT_EQ(read.short_name, "ООО «Пример»");
  EXPECT_EQ(read.juridical_address, "5");
  EXPECT_EQ(read.emails, std::vector<std::string>{"office@example.ru"});
  EXPECT_GE(read.warnings.size(), 5U);
}

TEST_F(DadataTest, DatesOfBothHabitsAndBefore1970AreRight) {
  for (const auto& [milliseconds, date] :
       std::map<std::string, std::string>{{"1029456000000", "2002-08-16"},
                                          {"1254690000000", "2009-10-05"},
                                          {"-86400000", "1969-12-31"},
                                          {"1254690000000.0", "2009-10-05"}}) {
    server.next(suggestion(R"({"inn": "7707083893", "ogrn_date": )" + milliseconds + "}"));
    const auto party = find("7707083893");
    ASSERT_TRUE(party);
    EXPECT_EQ(iso(party->requisites.ogrn_on), date) << milliseconds;
  }
}

TEST_F(DadataTest, KindsAreTold) {
  const auto kind_of = [&](const std::string& body, const std::string& inn,
                           const std::string& kpp = {}) {
    server.next({.body = service_fixture("dadata/" + body)});
    const auto party = find(inn, kpp);
    return party ? std::string(to_string(party->requisites.kind())) : party.error().detail;
  };
  EXPECT_EQ(kind_of("party_legal_max_tariff.json", "7707083893"), "legal_entity");
  EXPECT_EQ(kind_of("party_branch_by_kpp.json", "7707083893", "540602001"), "branch");
  EXPECT_EQ(kind_of("party_individual.json", "770123456703"), "individual_entrepreneur");
  EXPECT_EQ(kind_of("party_liquidated.json", "7701990013"), "legal_entity");
}

TEST_F(DadataTest, AForbiddenCallIsExplainedByTheUsageOfTheDay) {
  options.secret = Secret("TEST-DADATA-SECRET");
  server.on(kUsage, {.body = R"({"date": "2026-11-22", "services": {"suggestions": 10000},
                                 "remaining": {"suggestions": 0, "clean": 5}})"});

  const NoAnswer none = refused({.status = 403, .body = R"({"message": "Forbidden"})"});

  EXPECT_EQ(none.outcome, Outcome::quota);
  EXPECT_EQ(none.reason, "day_limit");
  // 00:00 in Moscow is 21:00 UTC, and up to a quarter of an hour later.
  const Instant midnight = std::chrono::floor<days>(clock.now()) + hours{21};
  ASSERT_TRUE(none.retry_at);
  EXPECT_GE(*none.retry_at, midnight);
  EXPECT_LE(*none.retry_at, midnight + minutes{15});
  EXPECT_EQ(server.requests().back().headers.at("x-secret"), "TEST-DADATA-SECRET");
}

TEST_F(DadataTest, AForbiddenCallWithQuotaLeftIsARefusedKey) {
  options.secret = Secret("TEST-DADATA-SECRET");
  server.on(kUsage, {.body = service_fixture("dadata/stat_daily.json")});

  const NoAnswer none = refused({.status = 403, .body = R"({"message": "Forbidden"})"});

  EXPECT_EQ(none.outcome, Outcome::auth);
  EXPECT_THAT(none.detail, HasSubstr("check the key"));
  EXPECT_EQ(server.requests().size(), 2U);

  EXPECT_EQ(find("7707083893").error().reason, "paused");
  EXPECT_EQ(server.requests().size(), 2U) << "one alarm, not one per item";
  options.token = Secret("ANOTHER-KEY");
  server.next({.body = service_fixture("dadata/party_legal_max_tariff.json")});
  EXPECT_TRUE(find("7707083893")) << "new settings are tried at once";
}

TEST_F(DadataTest, WithoutItsKeysItIsOffWhichIsNotARefusal) {
  const auto cleaned = dadata().clean_phone("7165219");
  ASSERT_FALSE(cleaned);
  EXPECT_EQ(cleaned.error().reason, "off");
  EXPECT_EQ(to_error(cleaned.error(), clock.now()).code, ErrorCode::conflict);
  options.token = Secret();
  EXPECT_EQ(find("7707083893").error().reason, "off");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(DadataTest, ADoubtfulPhoneOrAddressIsNone) {
  options.secret = Secret("TEST-DADATA-SECRET");
  server.next({.body = R"([{"phone": "+7 495 716-52-19", "qc": 3}])"});
  EXPECT_EQ(dadata().clean_phone("716").error().outcome, Outcome::not_found);
  server.next({.body = R"([{"phone": "+1 212 555-01-00", "qc": "7"}])"});
  const auto foreign = dadata().clean_phone("212");
  ASSERT_TRUE(foreign);
  EXPECT_TRUE(foreign->is_foreign);
  server.next({.body = R"([{"result": null, "qc": 2}])"});
  EXPECT_EQ(dadata().clean_address("x").error().outcome, Outcome::not_found);
  server.next({.body = "[]"});
  EXPECT_EQ(dadata().clean_address("x").error().reason, "malformed");
}

// What is kept where whole answers are not says the same of the company, and nothing of its people.
TEST_F(DadataTest, TheNeededPartOfAnAnswerIsReadAlike) {
  const std::vector<std::tuple<std::string, std::string, std::string>> answers{
      {"party_legal_max_tariff.json", "7707083893", ""},
      {"party_branch_by_kpp.json", "7707083893", "540602001"},
      {"party_individual.json", "770123456703", ""},
      {"party_liquidated.json", "7701990013", ""}};
  for (const auto& [file, inn, kpp] : answers) {
    const std::string whole = service_fixture("dadata/" + file);
    const std::string needed = dadata::needed_of_parties(whole);
    EXPECT_LT(needed.size(), whole.size());
    const auto read = [&, id = *parse_party_id(inn), division = kpp](const std::string& body) {
      auto party = dadata::read_party(*Json::parse(body), id, division);
      EXPECT_TRUE(party) << file;
      return party ? fields_of(party->requisites) : FieldTexts{};
    };
    EXPECT_EQ(read(needed), read(whole)) << file;
  }
  const std::string needed = dadata::needed_of_parties(
      R"({"suggestions": [{"value": "ООО", "data": {"inn": "7707083893", "management": {"name": "А",
      "hid": "x"}, "managers": [{"inn": "771409116994", "fio": {"name": "Б"},
      "invalidity": {"code": "FTS"}}], "founders": [{"inn": "771409116994"}],
      "phones": [{"value": "+7 495", "data": {"contact": "В"}}], "opf": [{"short": "Г"}]}}]})");
  EXPECT_EQ(needed, R"({"suggestions":[{"value":"ООО","data":{"inn":"7707083893","opf":null,)"
                    R"("management":{"name":"А"},"managers":[{"invalidity":{"code":"FTS"}}],)"
                    R"("founders":[{}],"phones":[{"value":"+7 495"}]}}]})");
}

TEST_F(DadataTest, TheReserveIsATenthOfTheDayAndAtLeast200) {
  const auto usage = [](std::int64_t used, std::int64_t left) {
    return DailyUsage{.suggestions_used = used, .suggestions_left = left};
  };
  EXPECT_TRUE(is_reserve_reached(usage(9'000, 1'000)));
  EXPECT_FALSE(is_reserve_reached(usage(8'734, 1'266)));
  EXPECT_TRUE(is_reserve_reached(usage(300, 200)));
  EXPECT_FALSE(is_reserve_reached({}));
}

}  // namespace
}  // namespace c360::adapters

// Kontur.Focus: what is asked, what every recorded answer and refusal means, which PDF is one.
#include "adapters/kontur_focus.h"

#include "adapters/kontur_answers.h"
#include "adapters/party_id.h"
#include "tests/adapters/service_setting.h"

namespace c360::adapters {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kInn = "6663003127";

FieldTexts fields_of(const FocusCompany& company) {
  const Requisites& read = company.requisites;
  return {{"full_name", read.full_name},
          {"short_name", read.short_name},
          {"inn", read.inn},
          {"kpp", read.kpp},
          {"ogrn", read.ogrn},
          {"okpo", read.okpo},
          {"type", std::string(to_string(read.type))},
          {"status", std::string(to_string(read.status))},
          {"registered_on", iso(read.registered_on)},
          {"liquidated_on", iso(read.liquidated_on)},
          {"juridical_address", read.juridical_address},
          {"ceo_name", read.ceo_name},
          {"ceo_position", read.ceo_position},
          {"unreliable", read.unreliable ? "true" : "false"},
          {"risk_level", std::string(to_string(company.risk.level()))}};
}

class KonturTest : public ServiceTest {
 protected:
  KonturTest() {
    options.token = Secret("TEST-FOCUS-KEY");
    options.base_url = server.url();
    options.ca_file = server.ca_file();
    be_patient(options.json);
    be_patient(options.pdf);
  }
  // Each call is the first one: nothing is paused.
  KonturFocus kontur() {
    fresh = std::make_unique<MemoryGateStates>();
    auto set = ports();
    return {options, ServicePorts{set.http, *fresh, set.clock, set.pause, set.journal}};
  }
  NoAnswer report_refused(ServiceReply reply) {
    server.next(std::move(reply));
    const auto risk = kontur().brief_report({.id = kInn, .subject = "counterparty 7"});
    EXPECT_FALSE(risk);
    return risk ? NoAnswer{} : risk.error();
  }
  std::string pdf_fault(ServiceReply reply) {
    server.next(std::move(reply));
    const auto pdf = kontur().brief_report_pdf({.id = kInn});
    return pdf ? "" : pdf.error().reason;
  }

  KonturOptions options;
  std::unique_ptr<MemoryGateStates> fresh;
};

TEST_F(KonturTest, EachRecordedAnswerMeansWhatItsDescriptionSays) {
  check_recorded_cases("kontur", [&](const Json& one) -> std::optional<CaseResult> {
    const Json& asked = *one.find("request")->find("query");
    const Json* inn = asked.find("inn");
    const FocusQuery query{.id = inn == nullptr ? kInn : inn->as_string()};
    const std::string operation = one.find("operation")->as_string();
    if (operation == "req") return case_result<FocusCompany>(kontur().requisites(query), fields_of);
    if (operation == "egrDetails")
      return case_result<RegisterDetails>(
          kontur().register_details(query), [](const RegisterDetails& details) {
            return FieldTexts{{"okved", details.okved}, {"ogrn_on", iso(details.ogrn_on)}};
          });
    if (operation == "briefReport")
      return case_result<Risk>(kontur().brief_report(query), [](const Risk& risk) {
        return FieldTexts{{"risk_level", std::string(to_string(risk.level()))}};
      });
    if (operation == "briefReport.pdf")
      return case_result<ReportPdf>(kontur().brief_report_pdf(query), [](const ReportPdf& pdf) {
        return FieldTexts{{"pdf", pdf.content.starts_with("%PDF-") ? "true" : "false"}};
      });
    if (operation == "stat")
      return case_result<std::vector<MethodUsage>>(
          kontur().usage(), [](const std::vector<MethodUsage>& rows) {
            const auto left = [&](std::string_view method) {
              std::int64_t least = -1;
              for (const MethodUsage& row : rows)
                if (row.covers(method)) least = row.left().value_or(-1);
              return std::to_string(least);
            };
            return FieldTexts{{"briefReport_left", left("briefReport")}, {"req_left", left("req")}};
          });
    if (operation == "monList")
      return case_result<std::vector<WatchedParty>>(
          kontur().watch({kInn, "7700999990"}), [](const std::vector<WatchedParty>& known) {
            std::string unknown;
            for (const std::string wanted : {kInn, "7700999990"})
              if (std::ranges::none_of(known,
                                       [&](const auto& party) { return party.inn == wanted; }))
                unknown += wanted;
            return FieldTexts{{"unknown", unknown}};
          });
    if (operation == "req/mon")
      return case_result<std::vector<WatchedParty>>(
          kontur().changed_on(year{2026} / 4 / 1),
          [](const std::vector<WatchedParty>&) { return FieldTexts{}; });
    // analytics: not asked by this program.
    (void)kontur().requisites(query);
    return std::nullopt;
  });
}

TEST_F(KonturTest, TheNeededPartOfAnAnswerIsReadAlike) {
  const std::string whole = service_fixture("kontur/req_legal.json");
  const std::string needed = kontur::needed_of(whole);
  const auto read = [](const std::string& body) {
    const auto company = kontur::read_company(*Json::parse(body), *parse_party_id(kInn), "");
    EXPECT_TRUE(company);
    return company ? fields_of(*company) : FieldTexts{};
  };

  EXPECT_EQ(read(needed), read(whole));
  EXPECT_EQ(kontur::needed_of(R"([{"inn": "6663003127", "UL": {"history": {"heads": [1]},
                "heads": [{"fio": "А", "innfl": "771409116994"}]}, "contactPhones": {}}])"),
            R"([{"inn":"6663003127","UL":{"heads":[{"fio":"А"}]}}])");
  const std::string brief = service_fixture("kontur/brief_green.json");
  const auto risk_of = [](const std::string& body) {
    return kontur::read_brief(*Json::parse(body), *parse_party_id(kInn), "")->level();
  };
  EXPECT_EQ(risk_of(kontur::needed_of(brief)), risk_of(brief));
  EXPECT_THAT(kontur::needed_of(brief), Not(HasSubstr("href")));
}

TEST_F(KonturTest, TheKnownOgrnTellsTwoRegistrationsApart) {
  const auto ogrn_of = [&](const std::string& known) {
    server.next({.body = service_fixture("kontur/req_two_registrations.json")});
    const auto company = kontur().requisites({.id = kInn, .known_ogrn = known});
    return company ? company->requisites.ogrn.value_or("") : company.error().detail;
  };
  EXPECT_EQ(ogrn_of(""), "1026605606620");
  EXPECT_EQ(ogrn_of("1061515009555"), "1061515009555") << "the one struck off, by name";
  EXPECT_EQ(ogrn_of("1027700132195"), "1026605606620");
}

TEST_F(KonturTest, AnAnswerAboutSomebodyElseIsNone) {
  server.next({.body = service_fixture("kontur/req_legal.json")});
  EXPECT_EQ(kontur().requisites({.id = "7707083893"}).error().reason, "malformed");
  server.next({.body = service_fixture("kontur/brief_green.json")});
  EXPECT_EQ(kontur().brief_report({.id = "7707083893"}).error().reason, "malformed");
}

TEST_F(KonturTest, OnlyAWholePdfIsAReport) {
  const std::string good = service_fixture("kontur/brief_report.pdf");
  const std::string type = "application/pdf";
  server.next({.body = good, .content_type = "application/octet-stream"});
  const auto pdf = kontur().brief_report_pdf({.id = kInn});
  ASSERT_TRUE(pdf);
  EXPECT_EQ(pdf->content, good);
  EXPECT_EQ(pdf->sha256.size(), 64U);

  EXPECT_EQ(pdf_fault({.body = good, .content_type = "text/html"}), "malformed");
  EXPECT_EQ(pdf_fault({.body = "[]"}), "malformed");
  EXPECT_EQ(pdf_fault({.body = "<html>" + std::string(2'000, ' '), .content_type = type}),
            "malformed");
  EXPECT_EQ(pdf_fault({.body = good.substr(0, good.size() - 8), .content_type = type}),
            "malformed");
  EXPECT_EQ(pdf_fault({.body = "%PDF-1.4 %%EOF", .content_type = type}), "malformed")
      << "too small";
  EXPECT_EQ(pdf_fault({.body = std::string(1'100, ' ') + good, .content_type = type}), "malformed");
  EXPECT_EQ(pdf_fault({.body = good, .content_type = type, .delivery = Delivery::short_of_length}),
            "malformed");
  options.pdf.max_answer_bytes = 800;
  EXPECT_EQ(pdf_fault({.body = good, .content_type = type}), "too_large");
}

TEST_F(KonturTest, TheNameOfAReportIsOurs) {
  EXPECT_EQ(express_report_name("7707083893", year{2026} / 11 / 2),
            "express-report_7707083893_2026-11-02.pdf");
}

TEST_F(KonturTest, AForbiddenMethodIsExplainedByTheUsage) {
  const ServiceReply forbidden{.status = 403, .body = "No", .content_type = "text/plain"};
  server.on("/api3/stat", {.body = service_fixture("kontur/stat.json")});
  NoAnswer none = report_refused(forbidden);
  EXPECT_EQ(none.outcome, Outcome::quota) << "500 of 500 are spent";
  EXPECT_EQ(none.scope, RefusalScope::operation);
  EXPECT_EQ(none.retry_at, Instant{sys_days{year{2027} / 1 / 1}} - hours{3});

  server.on("/api3/stat", {.body = R"([{"methodName": "api3/req", "limit": 5, "spent": 1}])"});
  none = report_refused(forbidden);
  EXPECT_EQ(none.outcome, Outcome::auth);
  EXPECT_EQ(none.scope, RefusalScope::operation);
  EXPECT_THAT(none.detail, HasSubstr("no method briefReport"));

  server.on("/api3/stat", forbidden);
  none = report_refused(forbidden);
  EXPECT_EQ(none.outcome, Outcome::auth) << "undecidable";
  EXPECT_EQ(none.scope, RefusalScope::operation);
}

TEST_F(KonturTest, ABadKeyStopsTheServiceAndASpentLimitItsOperationAlone) {
  KonturFocus focus{options, ports()};
  server.on("/api3/stat", {.body = service_fixture("kontur/stat.json")});
  server.on("/api3/req", {.body = service_fixture("kontur/req_legal.json")});
  server.next({.status = 403, .body = "No", .content_type = "text/plain"});
  EXPECT_EQ(focus.brief_report({.id = kInn}).error().outcome, Outcome::quota);
  EXPECT_EQ(focus.brief_report({.id = kInn}).error().reason, "paused");
  clock.advance(seconds{1});
  EXPECT_TRUE(focus.requisites({.id = kInn}));

  clock.advance(seconds{1});
  server.next({.status = 403,
               .body = service_fixture("kontur/errors/403_bad_key.txt"),
               .content_type = "text/plain"});
  EXPECT_EQ(focus.requisites({.id = kInn}).error().outcome, Outcome::auth);
  EXPECT_EQ(focus.brief_report_pdf({.id = kInn}).error().reason, "paused");
}

TEST_F(KonturTest, AWrongIdentifierOrTooManyCostNoCall) {
  EXPECT_EQ(kontur().requisites({.id = "6663003128"}).error().reason, "bad_id");
  EXPECT_EQ(kontur().watch({kInn, "1"}).error().reason, "bad_id");
  EXPECT_EQ(kontur().watch({}).error().reason, "bad_query");
  EXPECT_EQ(kontur().watch(std::vector<std::string>(101, kInn)).error().reason, "bad_query");
  options.token = Secret();
  EXPECT_EQ(kontur().usage().error().reason, "off");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(KonturTest, TheWatchListIsReadAndNobodyChangedIsAnAnswer) {
  server.on("/api3/monList", {.body = R"([{"inn": "6663003127"}, {"inn": "1"}, 5])"});
  const auto watched = kontur().watched();
  ASSERT_TRUE(watched);
  ASSERT_EQ(watched->size(), 1U);
  EXPECT_EQ(watched->front().inn, kInn);
  server.on("/api3/req/mon", {.body = "[]"});
  const auto changed = kontur().changed_on(year{2026} / 4 / 1);
  ASSERT_TRUE(changed);
  EXPECT_TRUE(changed->empty());
}

TEST_F(KonturTest, TheKeyOfTheQueryIsNowhereNorIsTheSignedLink) {
  options.token = Secret("PLANTED+KEY/1=");
  server.next({.body = service_fixture("kontur/brief_green.json")});
  ASSERT_TRUE(kontur().brief_report({.id = kInn}));
  EXPECT_EQ(server.requests().back().query.at("key"), "PLANTED+KEY/1=");
  std::vector<std::string> texts;
  texts.push_back(report_refused({.status = 400,
                                  .body = "GET ?key=PLANTED%2BKEY%2F1%3D failed",
                                  .content_type = "text/plain"})
                      .detail);
  texts.push_back(report_refused({.delivery = Delivery::hang_up}).detail);
  for (const CallRecord& record : journal.records) {
    texts.push_back(record.error);
    if (record.exchange)
      texts.push_back(record.exchange->url + record.exchange->body + record.exchange->content_type);
  }
  ASSERT_GT(texts.size(), 5U);
  for (const std::string& text : texts) {
    EXPECT_THAT(text, Not(HasSubstr("PLANTED"))) << text;
    EXPECT_THAT(text, Not(HasSubstr("TESTMAC"))) << text;
    EXPECT_THAT(text, Not(HasSubstr("TESTLTOKEN"))) << text;
  }
}

TEST(KonturCounters, CountTheMethodsTheyNameHoweverTheyAreSpelled) {
  using kontur::counts;
  for (const char* ours : {"req", "egrDetails, req", "api3/req & api3/egrDetails", "/api3/req"})
    EXPECT_TRUE(counts(ours, kontur::kRequisitesMethods)) << ours;
  for (const char* other : {"", "briefReport", "req/mon", "reqs", "xreq, monList"})
    EXPECT_FALSE(counts(other, kontur::kRequisitesMethods)) << other;
  EXPECT_TRUE(counts("req/mon", kontur::kWatchMethods));
  EXPECT_TRUE(counts("briefReport", kontur::kReportMethods));
}

}  // namespace
}  // namespace c360::adapters

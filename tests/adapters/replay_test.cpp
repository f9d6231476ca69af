// Answers recorded from a service and played again without it.
#include "adapters/replay.h"

#include "adapters/kontur_focus.h"
#include "tests/adapters/service_setting.h"

namespace c360::adapters {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReplayTest : public ServiceTest {
 protected:
  ReplayTest() {
    options.token = Secret("PLANTED-KEY");
    options.base_url = server.url();
    options.ca_file = server.ca_file();
    be_patient(options.json);
    be_patient(options.pdf);
  }
  // What was recorded so far, as it would come back from where it is kept.
  std::vector<RecordedExchange> kept() const {
    std::vector<RecordedExchange> exchanges;
    for (const CallRecord& record : journal.records) {
      const std::string json = to_json(*record.exchange);
      EXPECT_THAT(json, Not(HasSubstr("PLANTED")));
      const auto read = recorded_exchange(json);
      EXPECT_TRUE(read);
      if (read) exchanges.push_back(*read);
    }
    return exchanges;
  }

  KonturOptions options;
};

TEST_F(ReplayTest, TheSameQuestionsGetTheSameAnswersWithoutTheService) {
  const std::string pdf = service_fixture("kontur/brief_report.pdf") + "\xff\xfe%%EOF";
  server.next({.body = service_fixture("kontur/req_legal.json")});
  server.next({.body = pdf, .content_type = "application/pdf"});
  KonturFocus asked{options, ports()};
  const auto company = asked.requisites({.id = "6663003127"});
  const auto report = asked.brief_report_pdf({.id = "6663003127"});
  ASSERT_TRUE(company);
  ASSERT_TRUE(report);

  ReplayClient replay{kept(), Redactor{{options.token}}};
  MemoryGateStates fresh;
  auto set = ports();
  KonturFocus again{options, ServicePorts{replay, fresh, set.clock, set.pause, nullptr}};

  EXPECT_EQ(again.requisites({.id = "6663003127"})->raw, company->raw);
  EXPECT_EQ(again.brief_report_pdf({.id = "6663003127"})->content, pdf);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(ReplayTest, WhatWasNeverAskedIsNotMadeUp) {
  ReplayClient replay{{}, Redactor{{options.token}}};
  const auto answer = replay.send({.url = "https://f/api3/req?key=PLANTED-KEY&inn=1"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, "not_recorded");
  EXPECT_THAT(answer.error().detail, Not(HasSubstr("PLANTED")));
}

TEST(RecordedExchange, WhatIsNoneIsRefused) {
  for (const std::string_view text :
       {"", "[]", "{}", R"({"status": 99})", R"({"status": 200, "body_base64url": "%"})"})
    EXPECT_FALSE(recorded_exchange(text)) << text;
}

}  // namespace
}  // namespace c360::adapters

// Explanations over HTTP: who may read them, and the page that shows one to a person.
#include "tests/api/api_fixture.h"
#include "tests/api/explanation_sample.h"

namespace c360::api {
namespace {

class ExplainApi : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    auto answer = Json::parse(kExplanation);
    ASSERT_TRUE(answer) << answer.error().detail;
    mail_explainer_.answer = *answer;
    sql("INSERT INTO ops.mailbox (code, kind) VALUES ('crm', 'crm') RETURNING id");
    mail_ =
        sql("INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid) "
            "SELECT id, 1, 1 FROM ops.mailbox RETURNING id");
  }
  std::string mail_path() const {
    return "/api/v1/mail/messages/" + std::to_string(mail_) + "/explain";
  }
  // The record in place of the deal 17 of kExplanation.
  void explain_record(std::int64_t id, std::string_view kind = "deal") {
    for (auto& [name, value] : mail_explainer_.answer.as_object()) {
      if (name != "fields") continue;
      for (Json& field : value.as_array())
        if (field.find("record_kind")->as_string() == "deal")
          field.set("record_kind", kind).set("record_id", id);
    }
  }
  // The record was made of the mail; its explanation over HTTP.
  HttpAnswer explained(HttpClient& by, const std::string& path, const std::string& table,
                       std::int64_t id) {
    sql("UPDATE crm." + table + " SET mail_message_id = " + std::to_string(mail_) +
        " WHERE id = " + std::to_string(id) + " RETURNING id");
    return by.get("/api/v1/" + path + "/" + std::to_string(id) + "/explain");
  }
  // "kind.field" of each, with a blank behind it.
  static std::string fields_of(const HttpAnswer& answer) {
    std::string names;
    const Json json = answer.json();
    const Json* fields = json.find("fields");
    if (fields == nullptr) return answer.body;
    for (const Json& field : fields->as_array())
      names +=
          field.find("record_kind")->as_string() + "." + field.find("field")->as_string() + " ";
    return names;
  }
  std::int64_t mail_ = 0;
};

TEST_F(ExplainApi, AMailIsExplainedToWhoMayReadIt) {
  HttpClient admin = administrator();

  const auto answer = admin.get(mail_path());

  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("fields/0/field"), "company_text");
  EXPECT_EQ(answer.field("fields/0/raw_mail/begin"), "109");
  EXPECT_EQ(admin.get("/api/v1/mail/messages/999/explain").status, 404);
  EXPECT_EQ(client_of("stranger", {"crm-manager"}).get(mail_path()).status, 404);
  EXPECT_EQ(client_of("other", {"crm-administrators"}, {"deal:read"}).get(mail_path()).status, 403);
}

TEST_F(ExplainApi, ARecordIsExplainedByItsOwnFieldsAlone) {
  HttpClient admin = administrator();
  const auto deal = make_deal(admin, "From mail");
  sql("UPDATE crm.deal SET mail_message_id = " + std::to_string(mail_) +
      " WHERE id = " + std::to_string(deal) + " RETURNING id");
  explain_record(deal);
  const std::string path = "/api/v1/deals/" + std::to_string(deal) + "/explain";

  const auto answer = admin.get(path);

  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("record/id"), std::to_string(deal));
  std::string names;
  const auto json = Json::parse(answer.body);
  ASSERT_TRUE(json);
  for (const Json& field : json->find("fields")->as_array())
    names += field.find("field")->as_string() + " ";
  EXPECT_EQ(names, "company_text name number_of_users contact.full_name email_message ");
}

TEST_F(ExplainApi, ALeadIsExplainedWithTheContactItCameWith) {
  HttpClient admin = administrator();
  const auto lead = created(admin.post("/api/v1/leads", R"({"name": "From mail"})"));
  explain_record(lead, "lead");

  const auto answer = explained(admin, "leads", "lead", lead);

  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("record/kind"), "lead");
  EXPECT_EQ(answer.field("record/id"), std::to_string(lead));
  EXPECT_EQ(fields_of(answer),
            "lead.company_text lead.name lead.number_of_users contact.contact.full_name "
            "lead.email_message ");
  EXPECT_EQ(answer.field("fields/0/raw_mail/begin"), "109");
}

TEST_F(ExplainApi, AnActivityIsExplainedByItselfWithoutTheContact) {
  HttpClient admin = administrator();
  const auto deal = make_deal(admin, "Parent");
  const auto activity = created(
      admin.post("/api/v1/activities",
                 R"({"type": "call", "activity_date": "2020-05-01T10:00:00Z", "topic": "Call",)"
                 R"("parent_record_id": )" +
                     std::to_string(deal) + "}"));
  explain_record(activity, "activity");

  const auto answer = explained(admin, "activities", "activity", activity);

  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("record/kind"), "activity");
  EXPECT_EQ(fields_of(answer),
            "activity.company_text activity.name activity.number_of_users "
            "activity.email_message ");
}

TEST_F(ExplainApi, ASupportRequestIsExplained) {
  HttpClient admin = administrator();
  const auto customer = created(admin.post(
      "/api/v1/counterparties", R"({"name": "Ромашка", "segment_code": "small",)"
                                R"("acquisition_channel_code": "site", "status_code": "active"})"));
  const auto request =
      created(admin.post("/api/v1/support-requests",
                         R"({"subject": "Не печатает", "content": "Да", "counterparty_id": )" +
                             std::to_string(customer) + "}"));
  explain_record(request, "support_request");

  const auto answer = explained(admin, "support-requests", "support_request", request);

  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("record/kind"), "support_request");
  EXPECT_EQ(answer.field("record/id"), std::to_string(request));
  EXPECT_EQ(answer.field("fields/0/record_kind"), "support_request");
}

TEST_F(ExplainApi, ExplainingARecordNeedsTheMailAsWell) {
  HttpClient admin = administrator();
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto deal = make_deal(manager, "Mine");
  sql("UPDATE crm.deal SET mail_message_id = " + std::to_string(mail_) +
      " WHERE id = " + std::to_string(deal) + " RETURNING id");
  const std::string path = "/api/v1/deals/" + std::to_string(deal) + "/explain";

  const auto person = manager.get(path);
  EXPECT_EQ(person.status, 403) << person.body;
  EXPECT_EQ(person.field("code"), "administrators_only");
  const auto scope = client_of("narrow", {"crm-administrators"}, {"deal:read"}).get(path);
  EXPECT_EQ(scope.status, 403) << scope.body;
  EXPECT_EQ(scope.field("code"), "scope_missing");
  EXPECT_EQ(client_of("mail", {"crm-administrators"}, {"mail:read"}).get(path).status, 403);
  EXPECT_EQ(client_of("both", {"crm-administrators"}, {"deal:read", "mail:read"}).get(path).status,
            200);
}

TEST_F(ExplainApi, ARecordThatNoMailMadeSaysSo) {
  HttpClient admin = administrator();
  const auto deal = make_deal(admin, "By hand");

  const auto answer = admin.get("/api/v1/deals/" + std::to_string(deal) + "/explain");

  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.field("code"), "not_from_mail") << answer.body;
  EXPECT_EQ(admin.get("/api/v1/leads/1/explain").status, 404);
  EXPECT_EQ(admin.get("/api/v1/activities/1/explain").status, 404);
}

TEST_F(ExplainApi, WithoutIntakeThereIsNoExplanation) {
  HttpClient admin = administrator();
  ApiServices services{*database_, *records_, clock_, observer_};
  Api bare{services, options_};
  HttpServer server{server_options_, bare.handler(), observer_};
  ASSERT_TRUE(server.listen());
  server.serve();
  HttpClient client(server.port(),
                    add_token(add_user("second", {"crm-administrators"}), {"admin"}));

  const auto answer = client.get(mail_path());

  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.field("code"), "intake_off") << answer.body;
}

TEST_F(ExplainApi, ThePageRunsNothingAndLoadsNothing) {
  HttpClient admin = administrator();

  const auto page = admin.get(mail_path() + ".html");

  EXPECT_EQ(page.status, 200) << page.body;
  EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8");
  const std::string policy = page.header("content-security-policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; style-src 'sha256-")) << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos) << policy;
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  EXPECT_EQ(page.body.find("<img"), std::string::npos);
  EXPECT_EQ(page.body.find("\u202E"), std::string::npos) << "a control that turns the text";
  EXPECT_NE(page.body.find("U+202E"), std::string::npos) << "it is shown instead";
  EXPECT_NE(page.body.find("&lt;script&gt;alert(1)"), std::string::npos);
  EXPECT_EQ(client_of("stranger", {"crm-manager"}).get(mail_path() + ".html").status, 404);
}

}  // namespace
}  // namespace c360::api

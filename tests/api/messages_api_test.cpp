// Messages to people outside over the API: by text and by template, who may send, what is refused;
// the page by which a customer refuses advertising.
#include <gmock/gmock.h>

#include <map>

#include "store/installation_keys.h"
#include "store/service_switches.h"
#include "store/unsubscribe.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class MessagesApi : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    turn("email", true);
    customer = created(
        admin().post("/api/v1/counterparties",
                     R"({"name":"Ромашка","segment_code":"small","status_code":"active",)"
                     R"("acquisition_channel_code":"site","email":"info@romashka.example"})"));
    contact = created(admin().post("/api/v1/contacts",
                                   R"({"full_name":"Анна Белова","email":"anna@romashka.example",)"
                                   R"("counterparty_id":)" +
                                       std::to_string(customer) + "}"));
  }
  void turn(std::string_view channel, bool is_on) {
    ASSERT_TRUE(
        store::set_service_switch(*database_, {.service = std::string(channel), .is_on = is_on}));
  }
  HttpClient& admin() {
    if (!admin_) admin_ = administrator();
    return *admin_;
  }
  std::string body(const std::string& more = {}) const {
    return R"({"channel":"email","contact_id":)" + std::to_string(contact) +
           R"(,"subject":"Предложение","text":"Здравствуйте!")" + more + "}";
  }
  static std::vector<std::string> wrong_fields(const HttpAnswer& answer) {
    std::vector<std::string> fields;
    const Json json = answer.json();
    const Json* errors = json.find("errors");
    if (errors == nullptr) return fields;
    for (const Json& each : errors->as_array())
      fields.push_back(each.find("pointer")->as_string() + " " + each.find("code")->as_string());
    return fields;
  }
  HttpAnswer put_template(const std::string& more) {
    return admin().post("/api/v1/message-templates",
                        R"({"code":"offer","channel":"email","name_ru":"Предложение",)"
                        R"("name_en":"Offer","subject_ru":"Счёт {{number}}",)"
                        R"("subject_en":"Invoice {{number}}",)" +
                            more + "}");
  }

  std::int64_t customer = 0;
  std::int64_t contact = 0;

 private:
  std::optional<HttpClient> admin_;
};

TEST_F(MessagesApi, TextIsQueuedForTheContactAndShown) {
  const HttpAnswer sent = admin().post("/api/v1/messages", body());

  ASSERT_EQ(sent.status, 201) << sent.body;
  EXPECT_EQ(sent.field("status"), "queued");
  EXPECT_EQ(sent.field("address"), "anna@romashka.example");
  const HttpAnswer shown = admin().get(sent.header("location"));
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.field("body"), "Здравствуйте!");
  EXPECT_EQ(shown.field("counterparty_id"), std::to_string(customer));
  EXPECT_EQ(admin().get("/api/v1/messages?status=queued&count=exact").field("total"), "1");
}

TEST_F(MessagesApi, CustomerWithoutAContactIsWrittenToAtHisOwnAddress) {
  const HttpAnswer sent = admin().post(
      "/api/v1/messages", R"({"channel":"email","counterparty_id":)" + std::to_string(customer) +
                              R"(,"subject":"x","text":"y"})");

  EXPECT_EQ(sent.field("address"), "info@romashka.example") << sent.body;
}

TEST_F(MessagesApi, CustomerWhoMayNotBeReadIsNeitherWrittenToNorNamed) {
  ASSERT_EQ(
      put_template(R"("placeholders":["number"],"body_ru":"{{counterparty.name}} {{number}}",)"
                   R"("body_en":"{{number}}")")
          .status,
      201);
  HttpClient seller = client_of("seller", {});
  const auto id = sql("SELECT id FROM crm.user WHERE login LIKE 'seller%'");
  const auto deal = make_deal(admin(), "A",
                              R"(,"counterparty_id":)" + std::to_string(customer) +
                                  R"(,"responsible_id":)" + std::to_string(id));
  const std::string order =
      R"({"template_code":"offer","parameters":{"number":"5"},"record_id":)" + std::to_string(deal);

  const HttpAnswer refused = seller.post("/api/v1/messages", order + "}");
  const HttpAnswer elsewhere =
      seller.post("/api/v1/messages", order + R"(,"address":"me@company.example"})");
  const HttpAnswer sent = admin().post("/api/v1/messages", order + "}");

  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_THAT(wrong_fields(refused), UnorderedElementsAre("/address address_required"));
  ASSERT_EQ(elsewhere.status, 201) << elsewhere.body;
  EXPECT_THAT(elsewhere.body, Not(HasSubstr("Ромашка")));
  EXPECT_EQ(sent.field("address"), "info@romashka.example") << sent.body;
  EXPECT_EQ(sent.field("text"), "Ромашка 5");
}

TEST_F(MessagesApi, NumberIsKeptAsInE164HoweverItIsWritten) {
  turn("sms", true);
  const auto order = [&](const std::string& number) {
    return admin().post("/api/v1/messages", R"({"channel":"sms","text":"x","contact_id":)" +
                                                std::to_string(contact) + R"(,"address":")" +
                                                number + R"("})");
  };
  EXPECT_EQ(order("8 (495) 123-45-67").field("address"), "+74951234567");
  const HttpAnswer refused = order("no number");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(wrong_fields(refused), UnorderedElementsAre("/address invalid_phone"));

  created(admin().post("/api/v1/contacts",
                       R"({"full_name":"Пётр","phone":"+7 495 123-45-67","no_contact":true})"));
  EXPECT_EQ(order("84951234567").field("reason"), "no_contact");
}

// Each is paid.
TEST_F(MessagesApi, AnSmsGoesToANumberOnACardAndCarriesNoFiles) {
  turn("sms", true);
  HttpClient seller = client_of("seller", {});
  const auto seller_id = sql("SELECT id FROM crm.user WHERE login LIKE 'seller%'");
  const auto deal = make_deal(admin(), "A",
                              R"(,"counterparty_id":)" + std::to_string(customer) +
                                  R"(,"responsible_id":)" + std::to_string(seller_id));
  const auto order = [&](HttpClient& by, const std::string& number, const std::string& more = "") {
    return by.post("/api/v1/messages", R"({"channel":"sms","text":"x","record_id":)" +
                                           std::to_string(deal) + R"(,"address":")" + number +
                                           "\"" + more + "}");
  };
  EXPECT_THAT(wrong_fields(order(seller, "+79160000001")),
              UnorderedElementsAre("/address not_their_number"));
  EXPECT_EQ(order(admin(), "+79160000001").status, 201);

  const auto link = created(
      admin().post("/api/v1/contacts", R"({"full_name":"Пётр","phone":"+7 916 000-00-02"})"));
  sql("INSERT INTO crm.record_contact (record_id, contact_id) VALUES (" + std::to_string(deal) +
      ", " + std::to_string(link) + ") RETURNING contact_id");
  const std::string of_customer = std::to_string(customer);
  sql("UPDATE crm.counterparty SET responsible_id = " + std::to_string(seller_id) +
      " WHERE id = " + of_customer + " RETURNING id");
  const auto now = sql("SELECT row_version FROM crm.counterparty WHERE id = " + of_customer);
  EXPECT_EQ(admin()
                .patch("/api/v1/counterparties/" + of_customer, R"({"phone":"+7 916 000-00-03"})",
                       {{"If-Match", "\"" + std::to_string(now) + "\""}})
                .status,
            200);
  EXPECT_EQ(order(seller, "+79160000003").status, 201) << "of the customer whose deal it is";
  const HttpAnswer theirs = order(seller, "8 916 000-00-02");
  EXPECT_EQ(theirs.status, 201) << theirs.body;

  const auto file = created(
      admin().request("POST", "/api/v1/deals/" + std::to_string(deal) + "/documents?name=a.txt",
                      {{"Content-Type", "text/plain"}}, "hello"));
  const auto version =
      sql("SELECT current_version_id FROM crm.document WHERE id = " + std::to_string(file));
  EXPECT_THAT(wrong_fields(order(seller, "+79160000002",
                                 R"(,"document_version_ids":[)" + std::to_string(version) + "]")),
              UnorderedElementsAre("/document_version_ids no_attachments"));
}

TEST_F(MessagesApi, TemplateIsFilledInTheLanguageAskedFor) {
  ASSERT_EQ(put_template(
                R"("placeholders":["number"],)"
                R"("body_ru":"{{contact.full_name}}, счёт {{number}} для {{counterparty.name}}",)"
                R"("body_en":"{{contact.full_name}}: {{number}}")")
                .status,
            201);
  const std::string order = R"({"template_code":"offer","contact_id":)" + std::to_string(contact) +
                            R"(,"parameters":{"number":"<5> & co"})";

  const HttpAnswer russian = admin().post("/api/v1/messages", order + "}");
  const HttpAnswer english = admin().post("/api/v1/messages", order + R"(,"lang":"en"})");

  ASSERT_EQ(russian.status, 201) << russian.body;
  EXPECT_EQ(russian.field("subject"), "Счёт <5> & co");
  EXPECT_EQ(russian.field("text"), "Анна Белова, счёт <5> & co для Ромашка");
  EXPECT_EQ(english.field("text"), "Анна Белова: <5> & co");
}

TEST_F(MessagesApi, TemplateSaysWhatAnInstallationAddedToContactsAndCustomers) {
  const std::string texts =
      R"("body_ru":"{{contact.custom.nick}}: до {{counterparty.custom.until}}",)"
      R"("body_en":"{{contact.custom.nick}}")";
  EXPECT_THAT(wrong_fields(put_template(R"("placeholders":["number"],)" + texts)),
              ::testing::ElementsAre("/body_ru unknown_field", "/body_ru unknown_field",
                                     "/body_en unknown_field"));
  for (const std::string field : {R"("record_kind":"contact","code":"nick","type":"text")",
                                  R"("record_kind":"counterparty","code":"until","type":"date")"})
    ASSERT_EQ(
        admin()
            .post("/api/v1/custom-fields", "{" + field + R"(,"name_ru":"Поле","name_en":"Field"})")
            .status,
        201);
  ASSERT_EQ(put_template(R"("placeholders":["number"],)" + texts).status, 201);
  sql("UPDATE crm.contact SET custom = '{\"nick\":\"Аня\"}'");
  sql("UPDATE crm.counterparty SET custom = '{\"until\":\"2026-12-31\"}'");

  const HttpAnswer sent = admin().post(
      "/api/v1/messages", R"({"template_code":"offer","contact_id":)" + std::to_string(contact) +
                              R"(,"parameters":{"number":"5"}})");

  ASSERT_EQ(sent.status, 201) << sent.body;
  EXPECT_EQ(sent.field("text"), "Аня: до 31.12.2026");
}

TEST_F(MessagesApi, AChatIsTakenAsTheCardHasIt) {
  turn("telegram", true);
  for (const auto& [kept, taken] :
       std::map<std::string, std::string>{{"https://t.me/Anna_B", "@Anna_B"},
                                          {"T.me/Anna_B", "@Anna_B"},
                                          {"Anna_B", "@Anna_B"},
                                          {"@Anna_B", "@Anna_B"},
                                          {"-10017", "-10017"},
                                          {"77", "77"}}) {
    sql("UPDATE crm.contact SET telegram = '" + kept + "'");
    const HttpAnswer sent =
        admin().post("/api/v1/messages", R"({"channel":"telegram","text":"x","contact_id":)" +
                                             std::to_string(contact) + "}");
    EXPECT_EQ(sent.status, 201) << sent.body;
    EXPECT_EQ(sent.field("address"), taken);
  }
}

TEST_F(MessagesApi, TemplateThatCannotBeFilledIsNotTaken) {
  const HttpAnswer refused =
      put_template(R"("placeholders":["number","Number","contact"],"body_ru":"{{colour}}",)"
                   R"("body_en":"{{#number}}")");

  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(
      wrong_fields(refused),
      UnorderedElementsAre("/placeholders invalid_placeholder", "/placeholders invalid_placeholder",
                           "/body_ru unknown_field", "/body_en unclosed_section"))
      << refused.body;
}

TEST_F(MessagesApi, ParametersThatAreMissingOrUnknownAreNamed) {
  ASSERT_EQ(put_template(R"("placeholders":["number","day"],"body_ru":"{{number}} {{day}}",)"
                         R"("body_en":"{{number}}")")
                .status,
            201);

  const HttpAnswer refused = admin().post(
      "/api/v1/messages", R"({"template_code":"offer","contact_id":)" + std::to_string(contact) +
                              R"(,"parameters":{"number":5,"colour":"red"}})");

  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(wrong_fields(refused),
              UnorderedElementsAre("/parameters/number wrong_type", "/parameters/day required",
                                   "/parameters/colour unknown_field"));
}

TEST_F(MessagesApi, DryRunShowsWhatWouldBeSentAndKeepsNothing) {
  const HttpAnswer shown = admin().post("/api/v1/messages", body(R"(,"dry_run":true)"));
  const HttpAnswer refused =
      admin().post("/api/v1/messages", body(R"(,"dry_run":true,"purpose":"promo")"));

  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.field("text"), "Здравствуйте!");
  EXPECT_EQ(refused.field("status"), "suppressed");
  EXPECT_EQ(refused.field("reason"), "no_consent");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.outbound_message"), 0);
}

TEST_F(MessagesApi, AdvertisingWithoutConsentIsKeptBackWithTheReason) {
  const HttpAnswer sent = admin().post("/api/v1/messages", body(R"(,"purpose":"promo")"));

  EXPECT_EQ(sent.status, 201) << sent.body;
  EXPECT_EQ(sent.field("status"), "suppressed");
  EXPECT_THAT(sent.field("detail"), HasSubstr("has not agreed"));
}

TEST_F(MessagesApi, SendingNeedsTheRightToChangeWhatItIsAbout) {
  HttpClient reader = client_of("reader", {"crm-manager"});
  sql("UPDATE crm.counterparty SET responsible_id = NULL");
  sql("UPDATE crm.counterparty SET responsible_id = created_by");
  HttpClient stranger = client_of("stranger", {});

  EXPECT_EQ(reader.post("/api/v1/messages", body()).status, 403);
  const HttpAnswer unseen = stranger.post("/api/v1/messages", body());
  EXPECT_EQ(unseen.status, 422);
  EXPECT_THAT(wrong_fields(unseen), UnorderedElementsAre("/contact_id not_found"));
  HttpClient bystander = client_of("bystander", {"crm-administrators"}, {"outbound_message:read"});
  EXPECT_EQ(bystander.post("/api/v1/messages", body()).status, 403);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.outbound_message"), 0);
}

TEST_F(MessagesApi, SecondMessageWithTheSameKeyIsAConflict) {
  const HttpAnswer first = admin().post("/api/v1/messages", body(R"(,"dedupe_key":"welcome-17")"));
  const HttpAnswer second = admin().post("/api/v1/messages", body(R"(,"dedupe_key":"welcome-17")"));

  ASSERT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 409);
  EXPECT_EQ(second.field("code"), "duplicate_message");
  EXPECT_THAT(second.field("detail"), HasSubstr("Message " + first.field("id") + " "));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.outbound_message"), 1);
}

TEST_F(MessagesApi, RepeatedRequestIsOneMessage) {
  const testing::HttpHeaders key{{"Idempotency-Key", "k1"}};
  const HttpAnswer first = admin().post("/api/v1/messages", body(), key);
  const HttpAnswer second = admin().post("/api/v1/messages", body(), key);

  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.outbound_message"), 1);
}

TEST_F(MessagesApi, ChannelThatIsNotSetUpTakesNothing) {
  turn("email", false);

  const HttpAnswer refused = admin().post("/api/v1/messages", body());

  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.field("code"), "channel_off");
}

TEST_F(MessagesApi, EverythingWrongIsToldAtOnce) {
  const HttpAnswer types =
      admin().post("/api/v1/messages",
                   R"({"channel":1,"contact_id":"x","parameters":[],"document_version_ids":["a"],)"
                   R"("not_before":"soon","dry_run":"yes","colour":"red"})");
  EXPECT_EQ(types.status, 422);
  EXPECT_THAT(wrong_fields(types),
              UnorderedElementsAre("/channel wrong_type", "/contact_id wrong_type",
                                   "/parameters wrong_type", "/document_version_ids wrong_type",
                                   "/not_before wrong_type", "/dry_run wrong_type",
                                   "/colour unknown_field"));

  const HttpAnswer values = admin().post(
      "/api/v1/messages",
      R"({"channel":"pigeon","purpose":"spam","lang":"de","in_reply_to":"no id",)"
      R"("template_code":"x","text":"y","document_version_ids":[999999],"record_id":999999,)"
      R"("dedupe_key":")" +
          std::string(252, 'k') + "\"}");
  EXPECT_THAT(
      wrong_fields(values),
      UnorderedElementsAre("/channel unknown_code", "/purpose unknown_code", "/lang unknown_code",
                           "/in_reply_to invalid_value", "/template_code template_or_text",
                           "/document_version_ids/0 not_found", "/record_id not_found",
                           "/dedupe_key too_long"));
  EXPECT_THAT(wrong_fields(admin().post("/api/v1/messages", "{}")),
              UnorderedElementsAre("/channel channel_required", "/text text_required",
                                   "/counterparty_id recipient_required"));
}

TEST_F(MessagesApi, ContentHasLimits) {
  const auto refused = [&](const std::string& subject, const std::string& text,
                           const std::string& more = {}) {
    return wrong_fields(
        admin().post("/api/v1/messages", R"({"channel":"email","contact_id":)" +
                                             std::to_string(contact) + R"(,"subject":")" + subject +
                                             R"(","text":")" + text + "\"" + more + "}"));
  };
  EXPECT_THAT(refused(std::string(500, 's'), std::string(65'536, 't')), IsEmpty());
  EXPECT_THAT(refused(std::string(501, 's'), std::string(65'537, 't')),
              UnorderedElementsAre("/subject too_long", "/text too_long"));
  EXPECT_THAT(refused(" ", "\\n"),
              UnorderedElementsAre("/subject subject_required", "/text text_required"));
  EXPECT_THAT(refused("s", "t", R"(,"address":"a@b.example\r\nX: y")"),
              UnorderedElementsAre("/address invalid_address"));
  std::string many = "[1";
  for (int i = 0; i < 20; ++i) many += ",1";
  EXPECT_THAT(refused("s", "t", R"(,"document_version_ids":)" + many + "]"),
              UnorderedElementsAre("/document_version_ids too_many"));
  sql("UPDATE crm.contact SET email = NULL");
  EXPECT_THAT(refused("s", "t"), UnorderedElementsAre("/address address_required"));
}

TEST_F(MessagesApi, RefusalsAreSaidInRussianToo) {
  const HttpAnswer answer =
      admin().post("/api/v1/messages",
                   R"({"channel":"pigeon","purpose":"spam","lang":"de","in_reply_to":"no id",)"
                   R"("template_code":"x","text":"y","record_id":999999,"colour":1})",
                   {{"Accept-Language", "ru"}});
  EXPECT_THAT(answer.body, Not(HasSubstr("Значение не принято"))) << answer.body;
  const HttpAnswer values =
      admin().post("/api/v1/messages",
                   R"({"channel":"pigeon","purpose":"spam","lang":"de","in_reply_to":"no id",)"
                   R"("template_code":"x","text":"y","record_id":999999})",
                   {{"Accept-Language", "ru"}});
  EXPECT_THAT(values.body, Not(HasSubstr("Значение не принято"))) << values.body;
  turn("email", false);
  EXPECT_THAT(admin().post("/api/v1/messages", body(), {{"Accept-Language", "ru"}}).field("detail"),
              HasSubstr("не настроен"));
}

TEST_F(MessagesApi, QueuedMessageIsTakenBackAndSentAgain) {
  const std::string path = admin().post("/api/v1/messages", body()).header("location");

  const HttpAnswer canceled = admin().post(path + "/cancel", "");
  ASSERT_EQ(canceled.status, 200) << canceled.body;
  EXPECT_EQ(canceled.field("status"), "canceled");
  const HttpAnswer again = admin().post(path + "/cancel", "");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.field("code"), "message_not_queued");
  EXPECT_EQ(admin().post(path + "/retry", "", {{"If-Match", "\"1\""}}).status, 412);
  const HttpAnswer retried =
      admin().post(path + "/retry", "", {{"If-Match", canceled.header("etag")}});
  ASSERT_EQ(retried.status, 200) << retried.body;
  EXPECT_EQ(retried.field("status"), "queued");
  EXPECT_EQ(admin().post(path + "/retry", "").field("code"), "message_not_finished");
}

TEST_F(MessagesApi, AddressThatDoesNotExistIsToldWithTheReasonAndMayBeTriedAgain) {
  const std::string path = "/api/v1/contacts/" + std::to_string(contact);
  sql("SELECT count(*) FROM (SELECT crm.note_dead_mail_address('anna@romashka.example', "
      "'550 5.1.1 no such user', NULL, 'job')) AS told");

  const HttpAnswer refused = admin().post("/api/v1/messages", body());

  EXPECT_EQ(refused.field("status"), "suppressed");
  EXPECT_EQ(refused.field("reason"), "no_such_address");
  EXPECT_THAT(refused.field("detail"), HasSubstr("email_fault"));
  const HttpAnswer shown = admin().get(path);
  EXPECT_EQ(shown.field("email_fault"), "550 5.1.1 no such user");
  EXPECT_THAT(admin().get(path + "/history").body, HasSubstr("550 5.1.1 no such user"));
  const HttpAnswer emptied =
      admin().patch(path, R"({"email_fault":null})", {{"If-Match", shown.header("etag")}});
  EXPECT_EQ(emptied.status, 200) << emptied.body;
  EXPECT_EQ(admin().post("/api/v1/messages", body()).field("status"), "queued");
}

TEST_F(MessagesApi, MessageThatMayNotGoIsNotQueuedAgain) {
  const std::string path =
      admin().post("/api/v1/messages", body(R"(,"purpose":"promo")")).header("location");

  EXPECT_EQ(admin().post(path + "/retry", "").field("status"), "suppressed");
  sql("UPDATE crm.counterparty SET promo_emails_allowed = true");
  EXPECT_EQ(admin().post(path + "/retry", "").field("status"), "queued");
}

TEST_F(MessagesApi, LinkLeadsToAPageWhoseButtonWithdrawsTheConsent) {
  sql("UPDATE crm.counterparty SET promo_emails_allowed = true");
  const auto key = store::installation_key(*database_, store::kUnsubscribeKey, {});
  ASSERT_TRUE(key);
  const std::string path =
      "/unsubscribe/" +
      store::sign_unsubscribe(*key, {.counterparty_id = customer, .message_id = 5});
  HttpClient anybody{port()};

  const HttpAnswer page = anybody.get(path);
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("<form method=\"post\">"));
  EXPECT_THAT(page.body, Not(HasSubstr("<script")));
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(sql_text("SELECT promo_emails_allowed FROM crm.counterparty"), "t");

  const HttpAnswer done =
      anybody.request("POST", path, {{"Content-Type", "application/x-www-form-urlencoded"}},
                      "List-Unsubscribe=One-Click");
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(sql_text("SELECT promo_emails_allowed FROM crm.counterparty"), "f");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'consent_changed'"), 1);
}

TEST_F(MessagesApi, LinkTellsNothingOfWhetherThereIsSuchACustomer) {
  const auto key = store::installation_key(*database_, store::kUnsubscribeKey, {});
  ASSERT_TRUE(key);
  const auto path = [&](std::int64_t id) {
    return "/unsubscribe/" +
           store::sign_unsubscribe(*key, {.counterparty_id = id, .message_id = 5});
  };
  HttpClient anybody{port()};
  const testing::HttpHeaders form{{"Content-Type", "application/x-www-form-urlencoded"}};

  EXPECT_EQ(anybody.get(path(customer)).body, anybody.get(path(999'999)).body);
  EXPECT_EQ(anybody.request("POST", path(customer), form).body,
            anybody.request("POST", path(999'999), form).body);
  const std::string forged =
      "/unsubscribe/" + std::to_string(customer) + "-5-" + std::string(32, '0');
  EXPECT_EQ(anybody.get(forged).status, 404);
  EXPECT_EQ(anybody.request("POST", forged, form).status, 404);
  EXPECT_EQ(anybody.request("POST", path(customer), form, std::string(5'000, 'x')).status, 413);
}

}  // namespace
}  // namespace c360::api

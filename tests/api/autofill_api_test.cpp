// Cards filled over the API, with a register that a test speaks for.
#include <gmock/gmock.h>

#include "api/register_lookup.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SpokenRegister final : public RegisterLookup {
 public:
  Result<store::RegisterFacts> find(const RegisterQuestion& question) override {
    asked.push_back(question.id + "/" + question.kpp + (question.refresh ? "!" : ""));
    if (failure) return std::unexpected(*failure);
    return store::RegisterFacts{
        .source = "dadata",
        .obtained_at = std::chrono::sys_days{std::chrono::year{2026} / 11 / 20},
        .values = {{"inn", "7707083893"},
                   {"kpp", "773601001"},
                   {"short_name", "ООО \"Ромашка\""},
                   {"ceo_name", "Иванов Иван Иванович"},
                   {"registry_status", "active"}},
        .legal_form = "ООО",
        .warnings = {"okved: dropped"}};
  }
  std::vector<std::string> policy() const override {
    return {"person", "import", "mail", "dadata", "kontur"};
  }

  std::vector<std::string> asked;
  std::optional<Error> failure;
};

class AutofillApiTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    connect(&parties_);
  }
  // The fixture's API has no register.
  void connect(RegisterLookup* lookup) {
    server_.reset();
    api_ = std::make_unique<Api>(
        ApiServices{*database_, *records_, clock_, observer_, &rule_tester_, &mail_actions_,
                    idempotency_kept_, &mail_importer_, &mail_explainer_, lookup},
        options_);
    server_ = std::make_unique<HttpServer>(server_options_, api_->handler(), observer_);
    ASSERT_TRUE(server_->listen());
    server_->serve();
  }
  static std::string card(HttpClient& by, const std::string& more = R"(,"inn":"7707083893")") {
    return "/api/v1/counterparties/" +
           std::to_string(created(by.post("/api/v1/counterparties",
                                          R"({"name":"Ромашка","segment_code":"small",)"
                                          R"("acquisition_channel_code":"site","status_code":)"
                                          R"("active")" +
                                              more + "}")));
  }
  static std::string problem_of(const HttpAnswer& answer) {
    return std::to_string(answer.status) + " " + answer.json().find("code")->as_string();
  }

  SpokenRegister parties_;
};

TEST_F(AutofillApiTest, ACardIsFilledByItsInnAndSaysWhereEachValueComesFrom) {
  HttpClient admin = administrator();
  const std::string path = card(admin, R"(,"inn":"7707083893","ceo_name":"Петров Пётр")");

  const HttpAnswer filled = admin.post(path + "/autofill", R"({"refresh":true})");

  ASSERT_EQ(filled.status, 200) << filled.body;
  EXPECT_THAT(parties_.asked, ElementsAre("7707083893/!"));
  const Json answer = filled.json();
  EXPECT_EQ(answer.find("record")->find("kpp")->as_string(), "773601001");
  EXPECT_EQ(answer.find("record")->find("legal_form_code")->as_string(), "ooo");
  ASSERT_EQ(answer.find("conflicts")->as_array().size(), 1U);
  EXPECT_EQ(answer.find("conflicts")->as_array()[0].find("ours")->as_string(), "Петров Пётр");
  const HttpAnswer pedigree = admin.get(path + "/pedigree");
  ASSERT_EQ(pedigree.status, 200) << pedigree.body;
  EXPECT_THAT(pedigree.body, HasSubstr(R"("value":"773601001","source":"dadata")"));
  EXPECT_THAT(pedigree.body, HasSubstr(R"("value":"Петров Пётр","source":"person")"));
  EXPECT_EQ(pedigree.json().find("conflicts")->as_array().size(), 1U);
}

TEST_F(AutofillApiTest, ARequestRepeatedUnderItsKeyAsksTheRegisterOnce) {
  HttpClient admin = administrator();
  const std::string path = card(admin) + "/autofill";
  const std::vector<std::pair<std::string, std::string>> headers{
      {"Idempotency-Key", "fill-1"},
      {"If-Match", admin.get(path.substr(0, path.rfind('/'))).header("etag")}};

  const HttpAnswer first = admin.post(path, R"({"refresh":true})", headers);
  const HttpAnswer second = admin.post(path, R"({"refresh":true})", headers);
  const HttpAnswer other = admin.post(path, R"({"refresh":false})", headers);

  ASSERT_EQ(first.status, 200) << first.body;
  ASSERT_EQ(second.status, 200) << second.body;
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.header("idempotency-replayed"), "true");
  EXPECT_EQ(problem_of(other), "422 idempotency_key_reused");
  EXPECT_THAT(parties_.asked, ElementsAre("7707083893/!"));
}

TEST_F(AutofillApiTest, TheCustomerMadeOfALeadIsFilledByItsInn) {
  HttpClient admin = administrator();
  const auto lead =
      created(admin.post("/api/v1/leads", R"({"name":"Лид","company_text":"Ромашка"})"));
  const HttpAnswer made =
      admin.post("/api/v1/leads/" + std::to_string(lead) + "/create-counterparty",
                 R"({"inn":"7707083893","segment_code":"small","status_code":"active",)"
                 R"("acquisition_channel_code":"site"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("inn"), "7707083893");

  const HttpAnswer filled =
      admin.post("/api/v1/counterparties/" + made.field("id") + "/autofill", "{}");

  ASSERT_EQ(filled.status, 200) << filled.body;
  EXPECT_EQ(filled.field("record/kpp"), "773601001");
  EXPECT_EQ(admin.get("/api/v1/leads/" + std::to_string(lead)).field("counterparty_id"),
            made.field("id"));
}

TEST_F(AutofillApiTest, AnInnIsLookedUpWithoutACard) {
  HttpClient admin = administrator();

  const HttpAnswer seen = admin.post("/api/v1/counterparties/autofill", R"({"inn":"7707083893"})");

  ASSERT_EQ(seen.status, 200) << seen.body;
  EXPECT_EQ(seen.json().find("fields")->find("kpp")->as_string(), "773601001");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 0);
}

TEST_F(AutofillApiTest, WhatTheRegisterRefusesIsToldAndTheCardStays) {
  HttpClient admin = administrator();
  const std::string path = card(admin);
  const std::vector<std::pair<ErrorCode, int>> outcomes{{ErrorCode::not_found, 404},
                                                        {ErrorCode::conflict, 409},
                                                        {ErrorCode::unavailable, 503},
                                                        {ErrorCode::upstream_auth, 502},
                                                        {ErrorCode::upstream_rejected, 502}};
  for (const auto& [code, status] : outcomes) {
    parties_.failure = Error{.code = code, .detail = "why", .reason = "because"};
    EXPECT_EQ(admin.post(path + "/autofill", "{}").status, status);
  }

  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty WHERE kpp IS NULL AND row_version = 1"), 1);
}

TEST_F(AutofillApiTest, WhoMayNotWriteTheCardSpendsNoCall) {
  HttpClient admin = administrator();
  const std::string path = card(admin);
  HttpClient viewer = client_of("viewer", {"crm-manager"});
  HttpClient reader = client_of("reader", {"crm-administrators"}, {"counterparty:read"});

  EXPECT_EQ(viewer.post(path + "/autofill", "{}").status, 403);
  EXPECT_EQ(reader.post(path + "/autofill", "{}").status, 403);
  EXPECT_EQ(admin.post("/api/v1/counterparties/99999/autofill", "{}").status, 404);
  EXPECT_EQ(admin.post(path + "/autofill", "{}", {{"If-Match", "\"7\""}}).status, 412);
  EXPECT_EQ(viewer.get(path + "/pedigree").status, 200);
  EXPECT_TRUE(parties_.asked.empty());
}

TEST_F(AutofillApiTest, ACardWithoutAnInnAndAWrongBodyAreRefusedBeforeAnyCall) {
  HttpClient admin = administrator();
  const std::string path = card(admin, "");

  EXPECT_EQ(admin.post(path + "/autofill", "{}").status, 422);
  EXPECT_EQ(admin.post(path + "/autofill", R"({"mode":"all"})").status, 422);
  EXPECT_EQ(admin.post(path + "/autofill", R"({"inn":"1"})").status, 422);
  EXPECT_TRUE(parties_.asked.empty());
}

constexpr const char* kNewCard =
    R"({"inn":"7707083893","segment_code":"small","acquisition_channel_code":"site",)"
    R"("status_code":"active"})";

TEST_F(AutofillApiTest, ACardCanBeMadeFilled) {
  HttpClient admin = administrator();
  sql("UPDATE ops.service_switch SET is_on = true WHERE service = 'dadata' RETURNING 1");

  const HttpAnswer made = admin.post("/api/v1/counterparties?autofill=true", kNewCard);

  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("kpp"), "773601001");
  EXPECT_EQ(made.field("short_name"), "ООО \"Ромашка\"");
  EXPECT_EQ(made.field("autofill_source"), "dadata");
  const HttpAnswer read = admin.get(made.header("location"));
  EXPECT_EQ(read.body, made.body);
  EXPECT_EQ(read.field("row_version"), made.field("row_version"));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.legal_entity WHERE is_primary"), 1);
  EXPECT_EQ(sql("SELECT count(*) FROM ops.job WHERE kind = 'counterparty_autofill'"), 0)
      << "nothing is left for the job of a new card";
  EXPECT_THAT(parties_.asked, ElementsAre("7707083893/"));
}

TEST_F(AutofillApiTest, ACardMadeFilledKeepsWhatItsMakerSaid) {
  HttpClient admin = administrator();
  const std::string body = std::string(kNewCard).insert(1, R"("ceo_name":"Петров Пётр",)");

  const HttpAnswer made = admin.post("/api/v1/counterparties?autofill=true", body);

  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("ceo_name"), "Петров Пётр");
  EXPECT_THAT(admin.get(made.header("location") + "/pedigree").body,
              HasSubstr(R"("theirs":"Иванов Иван Иванович")"));
}

TEST_F(AutofillApiTest, ACardMadeFilledUnderAKeyAsksOnce) {
  HttpClient admin = administrator();
  const std::vector<std::pair<std::string, std::string>> key{{"Idempotency-Key", "made-1"}};

  const HttpAnswer first = admin.post("/api/v1/counterparties?autofill=true", kNewCard, key);
  const HttpAnswer second = admin.post("/api/v1/counterparties?autofill=true", kNewCard, key);

  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(second.body, first.body);
  EXPECT_THAT(parties_.asked, ElementsAre("7707083893/"));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 1);
}

TEST_F(AutofillApiTest, WhereItCannotBeFilledNoCardIsMade) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/counterparties?autofill=true";
  const std::vector<std::pair<ErrorCode, int>> outcomes{{ErrorCode::not_found, 404},
                                                        {ErrorCode::conflict, 409},
                                                        {ErrorCode::unavailable, 503},
                                                        {ErrorCode::timeout, 504}};
  for (const auto& [code, status] : outcomes) {
    parties_.failure = Error{.code = code, .detail = "why", .reason = "because"};
    EXPECT_EQ(admin.post(path, kNewCard).status, status);
  }
  parties_.failure.reset();
  parties_.asked.clear();
  EXPECT_EQ(admin.post(path, R"({"inn":"7707083893"})").status, 422) << "it must be a card";
  EXPECT_TRUE(parties_.asked.empty()) << "and nobody pays for one that is none";
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 0);
}

TEST_F(AutofillApiTest, ACardMadeFilledIsJudgedBeforeAnyCall) {
  HttpClient admin = administrator();
  HttpClient reader = client_of("reader", {"crm-administrators"}, {"counterparty:read"});
  const std::string path = "/api/v1/counterparties?autofill=true";
  const std::string without = R"({"name":"Ромашка","segment_code":"small",)"
                              R"("acquisition_channel_code":"site","status_code":"active"})";

  EXPECT_EQ(problem_of(admin.post(path, without)), "422 inn_required");
  EXPECT_EQ(admin.post(path, R"({"inn":7})").status, 422);
  EXPECT_EQ(admin.post("/api/v1/counterparties?autofill=yes", kNewCard).status, 400);
  EXPECT_EQ(reader.post(path, kNewCard).status, 403);
  EXPECT_TRUE(parties_.asked.empty());
  connect(nullptr);
  HttpClient later = client_of("later", {"crm-administrators"});
  EXPECT_EQ(problem_of(later.post(path, kNewCard)), "503 not_connected");
}

TEST_F(AutofillApiTest, APreviewSavesNothing) {
  HttpClient admin = administrator();
  const std::string path = card(admin);

  const HttpAnswer seen = admin.post(path + "/autofill", R"({"mode":"preview"})");

  ASSERT_EQ(seen.status, 200) << seen.body;
  EXPECT_TRUE(seen.json().find("record")->is_null());
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty WHERE row_version = 1"), 1);
}

TEST_F(AutofillApiTest, WithoutARegisterTheRouteSaysSo) {
  connect(nullptr);
  HttpClient admin = administrator();

  EXPECT_EQ(admin.post(card(admin) + "/autofill", "{}").status, 503);
}

}  // namespace
}  // namespace c360::api

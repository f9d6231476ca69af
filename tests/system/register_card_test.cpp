// A counterparty made over the API by its INN alone, filled by the jobs of the running daemon: each
// field of domain.md 5.10, by hand, for every kind of company, read on the card, in 360 and in the
// history.
#include <fstream>
#include <iterator>
#include <map>

#include "tests/system/autofill_fixture.h"

namespace c360::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Values = std::map<std::string, std::string>;  // "null": the card has none

// What the register of companies and the express report may say (domain.md 5.10).
const std::vector<std::string> kFilled{
    "name",          "name_is_auto", "kind",          "full_name",       "short_name",
    "inn",           "kpp",          "ogrn",          "ogrn_on",         "okpo",
    "okved",         "phone",        "email",         "legal_form_code", "registered_on",
    "liquidated_on", "unreliable",   "ceo_name",      "registry_status", "juridical_address",
    "post_address",  "ceo_position", "ceo_since",     "risk_level",      "check_status",
    "mobile_phone",  "website",      "actual_address"};
// What its primary legal entity repeats (5.3).
const std::vector<std::string> kRepeated{
    "full_name", "short_name", "legal_form_code", "inn",      "kpp",
    "ogrn",      "okpo",       "post_address",    "ceo_name", "juridical_address"};

struct Recorded {
  std::vector<std::string> register_answers;  // files of tests/fixtures/dadata
  std::string statements;                     // of the express report; empty: not known there
};

std::string fixture(const std::string& name) {
  std::ifstream file{std::string(C360_SOURCE_DIR) + "/tests/fixtures/dadata/" + name,
                     std::ios::binary};
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

class RegisterCard : public Autofill {
 protected:
  // The services answer as recorded; the card is made of `body` and what classifies it.
  void fill(const std::string& body, const std::string& inn, const Recorded& recorded) {
    for (const std::string& name : recorded.register_answers)
      register_.next({.body = fixture(name)});
    focus_.next({.body = recorded.statements.empty()
                             ? "[]"
                             : R"([{"inn":")" + inn + R"(","briefReport":{"summary":{)" +
                                   recorded.statements +
                                   R"(},"href":"https://focus.example/"}}])"});
    focus_.next({.body = "%PDF-1.4\n" + std::string(1'000, ' ') + "\n%%EOF\n",
                 .content_type = "application/pdf"});
    const std::string token = daemon_.write("focus-token", "focus\n");
    start(with_register() + "[kontur_focus]\napi_token_file = '" + token + "'\nurl = '" +
          focus_.url() + "'\nca_file = '" + focus_.ca_file() +
          "'\nconnect_timeout_ms = 60000\ntimeout_ms = 120000\n");
    sign_in();
    made_ = post("", "{" + body +
                         R"(,"segment_code":"small","acquisition_channel_code":"site",)"
                         R"("status_code":"active"})");
    ASSERT_EQ(made_.status, 201) << made_.body;
    id_ = made_.field("id");
    ASSERT_TRUE(eventually([&] {
      return one("SELECT count(*) FROM ops.job WHERE record_id = " + id_ +
                 " AND status IN ('queued', 'running')") == "0";
    })) << dump();
  }

  void expect_card(const Values& expected) {
    const HttpAnswer card = get("/" + id_);
    const HttpAnswer whole = get("/" + id_ + "/360");
    const Values history = last_changes();
    ASSERT_EQ(expected.size(), kFilled.size());
    for (const std::string& field : kFilled) {
      const auto value = expected.find(field);
      ASSERT_NE(value, expected.end()) << field;
      EXPECT_EQ(card.field(field), value->second) << field;
      EXPECT_EQ(whole.field("tabs/main/counterparty/" + field), value->second) << field;
      // Who made the card and what its columns begin with is no change.
      if (made_.field(field) == value->second || field == "name_is_auto") continue;
      const auto change = history.find(field);
      ASSERT_NE(change, history.end()) << field << " changed without a trace";
      EXPECT_EQ(change->second, value->second) << field;
    }
  }

  void expect_entity(const Values& expected) {
    const HttpAnswer rows = HttpClient(daemon_.port("api"))
                                .get("/api/v1/legal-entities?counterparty_id=" + id_,
                                     {{"Authorization", "Bearer " + token_}});
    ASSERT_EQ(rows.json().find("items")->as_array().size(), 1U) << rows.body;
    EXPECT_EQ(rows.field("items/0/is_primary"), "true");
    for (const std::string& field : kRepeated)
      EXPECT_EQ(rows.field("items/0/" + field), expected.at(field)) << field;
    EXPECT_EQ(get("/" + id_ + "/360").field("tabs/main/legal_entities/items/0/inn"),
              expected.at("inn"));
  }

  // Of each field the latest value that the history tells.
  Values last_changes() {
    Values values;
    const Json history = get("/" + id_ + "/history?limit=100").json();
    for (const Json& event : history.find("items")->as_array()) {
      const Json* changes = event.find("changes");
      if (changes == nullptr || !changes->is_array()) continue;
      for (const Json& change : changes->as_array()) {
        const Json& now = *change.find("new");
        values.try_emplace(change.find("field")->as_string(),
                           now.is_string() ? now.as_string() : now.dump());
      }
    }
    return values;
  }

  ServiceServer focus_;
  HttpAnswer made_;
  std::string id_;
};

TEST_F(RegisterCard, ACompanyIsFilledWithAllOfItsFields) {
  fill(R"("inn":"7707083893")", "7707083893",
       {{"party_legal_max_tariff.json"}, R"("greenStatements":true)"});

  const Values expected{
      {"name", "ПАО СБЕРБАНК"},
      {"name_is_auto", "false"},
      {"kind", "legal_entity"},
      {"full_name", "ПУБЛИЧНОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО \"СБЕРБАНК РОССИИ\""},
      {"short_name", "ПАО СБЕРБАНК"},
      {"inn", "7707083893"},
      {"kpp", "773601001"},
      {"ogrn", "1027700132195"},
      {"ogrn_on", "2002-08-16"},
      {"okpo", "00032537"},
      {"okved", "64.19"},
      {"legal_form_code", "pao"},
      {"registry_status", "active"},
      {"registered_on", "1991-06-20"},
      {"liquidated_on", "null"},
      {"unreliable", "false"},
      {"juridical_address", "117312, г Москва, Академический р-н, ул Вавилова, д 19"},
      {"post_address", "117312, г Москва, Академический р-н, ул Вавилова, д 19"},
      {"actual_address", "null"},
      {"ceo_name", "Греф Герман Оскарович"},
      {"ceo_position", "ПРЕЗИДЕНТ, ПРЕДСЕДАТЕЛЬ ПРАВЛЕНИЯ"},
      {"ceo_since", "2009-10-05"},
      {"phone", "+7 495 9747387"},
      {"mobile_phone", "null"},
      {"email", "office@example-bank.ru"},
      {"website", "null"},
      {"risk_level", "green"},
      {"check_status", "reliable"}};
  expect_card(expected);
  expect_entity(expected);
  EXPECT_THAT(get("/" + id_ + "/360").body, HasSubstr("express-report_7707083893_"));
  EXPECT_EQ(register_.requests().size(), 1U);
}

TEST_F(RegisterCard, AnEntrepreneurIsFilledAndHasNoKpp) {
  fill(R"("inn":"770123456703")", "770123456703",
       {{"party_individual.json"}, R"("greenStatements":true,"yellowStatements":true)"});

  const Values expected{{"name", "ИП Образцов Иван Петрович"},
                        {"name_is_auto", "false"},
                        {"kind", "individual_entrepreneur"},
                        {"full_name", "Индивидуальный предприниматель Образцов Иван Петрович"},
                        {"short_name", "ИП Образцов Иван Петрович"},
                        {"inn", "770123456703"},
                        {"kpp", "null"},
                        {"ogrn", "317774600123458"},
                        {"ogrn_on", "2017-03-06"},
                        {"okpo", "null"},
                        {"okved", "62.01"},
                        {"legal_form_code", "ip"},
                        {"registry_status", "active"},
                        {"registered_on", "2017-03-06"},
                        {"liquidated_on", "null"},
                        {"unreliable", "false"},
                        {"juridical_address", "г Москва"},
                        {"post_address", "г Москва"},
                        {"actual_address", "null"},
                        {"ceo_name", "Образцов Иван Петрович"},
                        {"ceo_position", "null"},
                        {"ceo_since", "null"},
                        {"phone", "null"},
                        {"mobile_phone", "null"},
                        {"email", "null"},
                        {"website", "null"},
                        {"risk_level", "yellow"},
                        {"check_status", "needs_check"}};
  expect_card(expected);
  expect_entity(expected);
}

// The branch of the recorded answers; it has no head, no form and no dates of its own.
Values branch() {
  return {
      {"name", "ФИЛИАЛ ПАО СБЕРБАНК СИБИРСКИЙ БАНК"},
      {"name_is_auto", "false"},
      {"kind", "branch"},
      {"full_name", "ФИЛИАЛ ПАО СБЕРБАНК СИБИРСКИЙ БАНК"},
      {"short_name", "ФИЛИАЛ ПАО СБЕРБАНК СИБИРСКИЙ БАНК"},
      {"inn", "7707083893"},
      {"kpp", "540602001"},
      {"ogrn", "1027700132195"},
      {"ogrn_on", "2002-08-16"},
      {"okpo", "null"},
      {"okved", "64.19"},
      {"legal_form_code", "null"},
      {"registry_status", "active"},
      {"registered_on", "null"},
      {"liquidated_on", "null"},
      {"unreliable", "false"},
      {"juridical_address", "630007, Новосибирская обл, г Новосибирск, ул Серебренниковская, д 20"},
      {"post_address", "630007, Новосибирская обл, г Новосибирск, ул Серебренниковская, д 20"},
      {"actual_address", "null"},
      {"ceo_name", "null"},
      {"ceo_position", "null"},
      {"ceo_since", "null"},
      {"phone", "null"},
      {"mobile_phone", "null"},
      {"email", "null"},
      {"website", "null"},
      {"risk_level", "none"},
      {"check_status", "no_facts"}};
}

TEST_F(RegisterCard, ABranchThatIsAllTheRegisterKnowsOfAnInnIsFilledAsOne) {
  fill(R"("inn":"7707083893")", "7707083893",
       {{"party_branch_by_kpp.json"}, R"("greenStatements":false)"});

  expect_card(branch());
  expect_entity(branch());
}

TEST_F(RegisterCard, ADivisionIsMeantByItsKppThoughNobodyCallsItOne) {
  fill(
      R"("inn":"7707083893","kpp":"540602001")", "7707083893",
      {{"party_legal_free_tariff.json", "party_branch_by_kpp.json"}, R"("greenStatements":false)"});

  expect_card(branch());
  expect_entity(branch());
  EXPECT_EQ(register_.requests().size(), 2U);
}

TEST_F(RegisterCard, ALiquidatedCompanySaysSinceWhen) {
  fill(R"("inn":"7701990013")", "7701990013",
       {{"party_liquidated.json"}, R"("yellowStatements":true,"redStatements":true)"});

  const Values expected{{"name", "ООО \"АРХИВПРИМЕР\""},
                        {"name_is_auto", "false"},
                        {"kind", "legal_entity"},
                        {"full_name", "ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ \"АРХИВПРИМЕР\""},
                        {"short_name", "ООО \"АРХИВПРИМЕР\""},
                        {"inn", "7701990013"},
                        {"kpp", "770101001"},
                        {"ogrn", "1027700999006"},
                        {"ogrn_on", "2002-10-01"},
                        {"okpo", "null"},
                        {"okved", "62.01"},
                        {"legal_form_code", "ooo"},
                        {"registry_status", "liquidated"},
                        {"registered_on", "2002-10-01"},
                        {"liquidated_on", "2019-12-30"},
                        {"unreliable", "false"},
                        {"juridical_address", "115191, г Москва, Холодильный пер, д 3"},
                        {"post_address", "115191, г Москва, Холодильный пер, д 3"},
                        {"actual_address", "null"},
                        {"ceo_name", "null"},
                        {"ceo_position", "null"},
                        {"ceo_since", "null"},
                        {"phone", "null"},
                        {"mobile_phone", "null"},
                        {"email", "null"},
                        {"website", "null"},
                        {"risk_level", "red"},
                        {"check_status", "risky"}};
  expect_card(expected);
  expect_entity(expected);
  EXPECT_THAT(get("/" + id_ + "/history").body, HasSubstr("\"registry_status_changed\""));
}

TEST_F(RegisterCard, AnUnknownInnChangesNothingAndSaysSo) {
  fill(R"("inn":"7727563778")", "7727563778", {{"party_unknown.json"}, ""});

  Values expected;
  for (const std::string& field : kFilled) expected[field] = "null";
  expected["name"] = made_.field("name");
  expected["name_is_auto"] = "true";
  expected["kind"] = "legal_entity";
  expected["inn"] = "7727563778";
  expected["unreliable"] = "false";
  expected["check_status"] = "not_found";
  expect_card(expected);
  EXPECT_THAT(made_.field("name"), HasSubstr("Клиент №"));
  EXPECT_THAT(get("/" + id_ + "/history").body, Not(HasSubstr("\"autofilled\"")));
  EXPECT_EQ(one("SELECT count(*) FROM crm.legal_entity"), "0");
  const HttpAnswer asked = post("/" + id_ + "/autofill", "{}");
  EXPECT_EQ(asked.status, 404) << asked.body;
  EXPECT_THAT(asked.body, HasSubstr("inn_not_found"));
  EXPECT_EQ(register_.requests().size(), 1U);
}

}  // namespace
}  // namespace c360::testing

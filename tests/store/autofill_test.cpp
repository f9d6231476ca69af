// The facts of a register on the card: what is filled, what stays, where each value comes from.
#include "store/operations/autofill.h"

#include <gmock/gmock.h>

#include "store/operations/pedigree.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::AutofillMode;
using store::AutofillRequest;
using store::AutofillResult;
using store::RegisterFacts;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const std::vector<std::string> kOursFirst{"person", "import", "mail", "dadata", "kontur"};
const std::vector<std::string> kRegisterBeforeMail{"person", "dadata", "import", "mail", "kontur"};

class AutofillTest : public RecordsTest {
 protected:
  static RegisterFacts company() {
    return {.source = "dadata",
            .obtained_at = std::chrono::sys_days{std::chrono::year{2026} / 11 / 20},
            .values = {{"inn", "7707083893"},
                       {"kind", "legal_entity"},
                       {"full_name", "Общество с ограниченной ответственностью \"Ромашка\""},
                       {"short_name", "ООО \"Ромашка\""},
                       {"name", "ООО \"Ромашка\""},
                       {"kpp", "773601001"},
                       {"ogrn", "1027700132195"},
                       {"registered_on", "2002-08-16"},
                       {"juridical_address", "117312, Москва, ул Вавилова, д 19"},
                       {"post_address", "117312, Москва, ул Вавилова, д 19"},
                       {"ceo_name", "Иванов Иван Иванович"},
                       {"unreliable", "false"},
                       {"registry_status", "active"}},
            .legal_form = "ООО",
            .warnings = {}};
  }
  static void set(RegisterFacts& facts, std::string_view field, std::string value) {
    for (auto& fact : facts.values)
      if (fact.first == field) {
        fact.second = std::move(value);
        return;
      }
    facts.values.emplace_back(field, std::move(value));
  }
  std::int64_t card(const std::string& fields, const store::Actor& actor) {
    store::WriteOptions options;
    options.profile = store::Profile::draft;
    return make("counterparty",
                R"({"inn":"7707083893","responsible_id":)" + std::to_string(*manager_.user_id) +
                    fields + "}",
                actor, options)
        .id;
  }
  std::int64_t card(const std::string& fields = "") {
    return card(fields, store::Actor::system("mail"));
  }
  Result<AutofillResult> fill(std::int64_t id, const RegisterFacts& facts,
                              AutofillMode mode = AutofillMode::fill_empty,
                              const std::vector<std::string>& policy = kOursFirst) {
    return store::autofill_counterparty(*database_, *records_,
                                        AutofillRequest{.id = id, .mode = mode, .policy = policy},
                                        facts, manager_);
  }
  Json filled(std::int64_t id, const RegisterFacts& facts,
              AutofillMode mode = AutofillMode::fill_empty,
              const std::vector<std::string>& policy = kOursFirst) {
    const auto done = fill(id, facts, mode, policy);
    EXPECT_TRUE(done) << describe(done.error());
    return done ? json(done->json) : Json();
  }
  std::string of(std::int64_t id, std::string_view field) {
    return value("counterparty", std::to_string(id), field);
  }
  void change(std::int64_t id, std::string_view body, const store::Actor& actor) {
    const auto done = records_->update(kind("counterparty"), std::to_string(id), json(body), actor);
    ASSERT_TRUE(done) << describe(done.error());
  }
  static std::vector<std::string> fields_in(const Json& result, std::string_view list) {
    std::vector<std::string> fields;
    for (const Json& each : result.find(list)->as_array())
      fields.push_back(each.find("field")->as_string());
    return fields;
  }
  // "value by source" of the field, the latest first.
  std::vector<std::string> pedigree(std::int64_t id, std::string_view field) {
    const auto text = store::pedigree_json(*database_, *records_, id, manager_);
    EXPECT_TRUE(text) << describe(text.error());
    std::vector<std::string> values;
    const auto add = [&](const Json& entry) {
      const Json* value = entry.find("value");
      values.push_back((value->is_null() ? "nothing" : value->as_string()) + " by " +
                       entry.find("source")->as_string());
    };
    const Json read = json(*text);
    for (const Json& item : read.find("items")->as_array()) {
      if (item.find("field")->as_string() != field) continue;
      add(item);
      for (const Json& earlier : item.find("earlier")->as_array()) add(earlier);
    }
    return values;
  }
};

TEST_F(AutofillTest, AnEmptyCardIsFilledInOneChangeWithHistoryAndSource) {
  const std::int64_t id = card();
  const Json result = filled(id, company());

  EXPECT_EQ(of(id, "name"), "ООО \"Ромашка\"");
  EXPECT_EQ(of(id, "name_is_auto"), "false");
  EXPECT_EQ(of(id, "kpp"), "773601001");
  EXPECT_EQ(of(id, "legal_form_code"), "ooo");
  EXPECT_EQ(of(id, "registered_on"), "2002-08-16");
  EXPECT_EQ(of(id, "registry_status"), "active");
  EXPECT_EQ(of(id, "post_address"), of(id, "juridical_address"));
  EXPECT_EQ(of(id, "autofill_source"), "dadata");
  EXPECT_EQ(of(id, "row_version"), "2");
  EXPECT_THAT(fields_in(result, "conflicts"), IsEmpty());
  EXPECT_EQ(result.find("record")->find("kpp")->as_string(), "773601001");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'autofilled'"), "1");
  EXPECT_THAT(pedigree(id, "kpp"), ElementsAre("773601001 by dadata", "nothing by mail"));
}

TEST_F(AutofillTest, WhatPeopleWroteStaysAndIsToldAsAConflict) {
  const std::int64_t id = card();
  change(id, R"({"ceo_name":"Петров Пётр","phone":"+7 495 123-45-67"})", manager_);
  RegisterFacts facts = company();
  set(facts, "phone", "+7 495 000-00-00");
  const Json result = filled(id, facts);

  EXPECT_EQ(of(id, "ceo_name"), "Петров Пётр");
  EXPECT_EQ(of(id, "phone"), "+7 495 123-45-67");
  ASSERT_THAT(fields_in(result, "conflicts"), ElementsAre("ceo_name", "phone"));
  const Json& conflict = result.find("conflicts")->as_array().front();
  EXPECT_EQ(conflict.find("ours_source")->as_string(), "person");
  EXPECT_EQ(conflict.find("theirs")->as_string(), "Иванов Иван Иванович");
  EXPECT_THAT(pedigree(id, "ceo_name"), ElementsAre("Петров Пётр by person", "nothing by mail"));
}

TEST_F(AutofillTest, TheAnswerTellsOfTheSameConflictsAsThePedigreeOfTheCard) {
  const std::int64_t id = card(R"(,"ceo_name":"Как в письме")");
  change(id,
         R"({"name":"Цветы","phone":"+7 495 123-45-67","email":"a@mine.example",)"
         R"("post_address":"а/я 7"})",
         manager_);
  RegisterFacts facts = company();
  set(facts, "phone", "+7 495 000-00-00");
  set(facts, "email", "b@theirs.example");

  const Json result = filled(id, facts);

  const auto told = [](const Json& answer) {
    std::vector<std::string> lines;
    for (const Json& each : answer.find("conflicts")->as_array())
      lines.push_back(each.find("field")->as_string() + ": " + each.find("ours")->as_string() +
                      " by " + each.find("ours_source")->as_string() + ", " +
                      each.find("theirs")->as_string() + " by " + each.find("source")->as_string() +
                      " at " + each.find("obtained_at")->as_string());
    std::ranges::sort(lines);
    return lines;
  };
  const auto shown = store::pedigree_json(*database_, *records_, id, manager_);
  ASSERT_TRUE(shown);
  EXPECT_EQ(told(result), told(json(*shown)));
  EXPECT_THAT(
      fields_in(result, "conflicts"),
      ::testing::UnorderedElementsAre("name", "ceo_name", "phone", "email", "post_address"));
}

// Of one INN and KPP there is one card: the other still gets all the rest.
TEST_F(AutofillTest, AKppThatAnotherCardHasIsLeftOutAndTheRestIsTaken) {
  const std::int64_t first = card(R"(,"kpp":"773601001")");
  const std::int64_t second = card();

  const Json result = filled(second, company());

  EXPECT_EQ(of(second, "kpp"), "null");
  EXPECT_EQ(of(second, "ceo_name"), "Иванов Иван Иванович");
  EXPECT_THAT(result.find("warnings")->as_array().front().as_string(),
              ::testing::HasSubstr("counterparty " + std::to_string(first)));
}

// adapters.md, 0.5.
TEST_F(AutofillTest, ARefreshThatFindsNothingNewWritesOnlyItsTime) {
  const std::int64_t id = card();
  filled(id, company());
  const std::string version = of(id, "row_version");
  RegisterFacts again = company();
  again.obtained_at += std::chrono::hours{24 * 30};

  const auto done = store::autofill_counterparty(
      *database_, *records_, {.id = id, .policy = kOursFirst, .only_changes = true}, again,
      manager_);

  ASSERT_TRUE(done) << describe(done.error());
  EXPECT_EQ(of(id, "row_version"), version);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'autofilled'"), "1");
  EXPECT_EQ(sql("SELECT k.obtained_at = c.autofilled_at AND c.autofilled_at = '" +
                to_rfc3339(again.obtained_at) +
                "' FROM crm.counterparty_fact AS k JOIN crm.counterparty AS c "
                "ON c.id = k.counterparty_id"),
            "t");
}

// A refresh that asked before a change and comes to the card after the one that asked behind it.
TEST_F(AutofillTest, OfTwoAnswersTheLaterCountsWhicheverComesLast) {
  const std::int64_t id = card();
  const RegisterFacts before = company();
  RegisterFacts after = company();
  set(after, "ceo_name", "Сидоров Сидор");
  after.obtained_at += std::chrono::minutes{5};

  filled(id, after);
  filled(id, before);

  EXPECT_EQ(of(id, "ceo_name"), "Сидоров Сидор");
  EXPECT_THAT(pedigree(id, "ceo_name"), ElementsAre("Сидоров Сидор by dadata", "nothing by mail"));
}

TEST_F(AutofillTest, ItsOwnValueFollowsTheRegisterAndTheFormerOneIsRemembered) {
  const std::int64_t id = card();
  filled(id, company());
  RegisterFacts later = company();
  set(later, "ceo_name", "Сидоров Сидор");
  later.obtained_at += std::chrono::hours{24};
  filled(id, later);

  EXPECT_THAT(
      pedigree(id, "ceo_name"),
      ElementsAre("Сидоров Сидор by dadata", "Иванов Иван Иванович by dadata", "nothing by mail"));
}

TEST_F(AutofillTest, AnotherPolicyChangesTheCardWithoutAnotherCallAndBack) {
  const std::int64_t id = card(R"(,"ceo_name":"Как в письме")");
  filled(id, company());
  EXPECT_EQ(of(id, "ceo_name"), "Как в письме");

  const auto stored = store::stored_facts(*database_, id, "dadata");
  ASSERT_TRUE(stored && *stored);
  filled(id, **stored, AutofillMode::fill_empty, kRegisterBeforeMail);
  EXPECT_EQ(of(id, "ceo_name"), "Иванов Иван Иванович");

  filled(id, **stored, AutofillMode::fill_empty, kOursFirst);
  EXPECT_EQ(of(id, "ceo_name"), "Как в письме");
  EXPECT_THAT(pedigree(id, "ceo_name"),
              ElementsAre("Как в письме by mail", "Иванов Иван Иванович by dadata",
                          "Как в письме by mail"));
}

TEST_F(AutofillTest, OverwritingIsTheDecisionOfAPersonAndNoPolicyTakesItBack) {
  const std::int64_t id = card(R"(,"ceo_name":"Петров Пётр")");
  const Json result = filled(id, company(), AutofillMode::overwrite);
  EXPECT_THAT(fields_in(result, "conflicts"), IsEmpty());
  EXPECT_EQ(of(id, "ceo_name"), "Иванов Иван Иванович");

  filled(id, company());
  EXPECT_EQ(of(id, "ceo_name"), "Иванов Иван Иванович");
}

TEST_F(AutofillTest, APreviewSaysAllAndSavesNothing) {
  const std::int64_t id = card(R"(,"ceo_name":"Петров Пётр")");
  const Json result = filled(id, company(), AutofillMode::preview);

  EXPECT_THAT(fields_in(result, "written"), ::testing::Contains("kpp"));
  EXPECT_THAT(fields_in(result, "conflicts"), ElementsAre("ceo_name"));
  EXPECT_EQ(of(id, "kpp"), "null");
  EXPECT_EQ(of(id, "row_version"), "1");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty_fact"), "0");
}

TEST_F(AutofillTest, WhatTheRegisterLeavesOutIsNeverCleared) {
  const std::int64_t id = card();
  filled(id, company());
  RegisterFacts poor = company();
  std::erase_if(poor.values, [](const auto& fact) { return fact.first == "ceo_name"; });
  const Json result = filled(id, poor, AutofillMode::overwrite);

  EXPECT_THAT(fields_in(result, "written"), IsEmpty());
  EXPECT_EQ(of(id, "ceo_name"), "Иванов Иван Иванович");
}

TEST_F(AutofillTest, ALiquidationIsWrittenWhoeverSaidOtherwise) {
  const std::int64_t id = card();
  change(id, R"({"registry_status":"active","unreliable":false})", manager_);
  RegisterFacts facts = company();
  set(facts, "registry_status", "liquidated");
  set(facts, "liquidated_on", "2024-03-01");
  set(facts, "unreliable", "true");
  filled(id, facts);

  EXPECT_EQ(of(id, "registry_status"), "liquidated");
  EXPECT_EQ(of(id, "liquidated_on"), "2024-03-01");
  EXPECT_EQ(of(id, "unreliable"), "true");
}

TEST_F(AutofillTest, AnEntrepreneurHasHisKindAndNoKpp) {
  store::WriteOptions options;
  options.profile = store::Profile::draft;
  const std::int64_t id =
      make("counterparty", R"({"inn":"770123456703"})", store::Actor::system("mail"), options).id;
  RegisterFacts facts = company();
  set(facts, "inn", "770123456703");
  set(facts, "kind", "individual_entrepreneur");
  set(facts, "ogrn", "304770000012345");
  std::erase_if(facts.values, [](const auto& fact) { return fact.first == "ogrn"; });
  facts.legal_form = "ИП";
  const Json result = filled(id, facts);

  EXPECT_EQ(of(id, "kind"), "individual_entrepreneur");
  EXPECT_EQ(of(id, "legal_form_code"), "ip");
  EXPECT_EQ(of(id, "kpp"), "null");
  EXPECT_THAT(result.find("warnings")->dump(), HasSubstr("kpp"));
}

TEST_F(AutofillTest, WhatTheCardCannotHoldIsLeftOutWithAWarning) {
  const std::int64_t id = card();
  RegisterFacts facts = company();
  set(facts, "okved", "not a code");
  set(facts, "ceo_position", std::string(301, 'x'));
  facts.legal_form = "Неведомая форма";
  const Json result = filled(id, facts);

  const std::string warnings = result.find("warnings")->dump();
  EXPECT_THAT(warnings, HasSubstr("okved"));
  EXPECT_THAT(warnings, HasSubstr("ceo_position"));
  EXPECT_THAT(warnings, HasSubstr("Неведомая форма"));
  EXPECT_EQ(of(id, "legal_form_code"), "null");
  EXPECT_EQ(of(id, "kpp"), "773601001");
}

TEST_F(AutofillTest, ThePrimaryLegalEntityFollowsTheCard) {
  const std::int64_t id = card();
  const std::string key = std::to_string(id);
  sql("WITH r AS (INSERT INTO crm.record (kind) VALUES ('legal_entity') RETURNING id) INSERT INTO "
      "crm.legal_entity (id, counterparty_id, is_primary, full_name, inn, ceo_name) SELECT id, " +
      key + ", true, 'Своё имя', '7707083893', NULL FROM r RETURNING id");
  filled(id, company());

  EXPECT_EQ(sql("SELECT kpp || ' ' || ceo_name || ' ' || full_name FROM crm.legal_entity"),
            "773601001 Иванов Иван Иванович Своё имя");
}

TEST_F(AutofillTest, ALegalEntitySomebodyDeletedDoesNotComeBackByItself) {
  const std::int64_t id = card();
  filled(id, company());
  const std::string entity = sql("SELECT id FROM crm.legal_entity");
  ASSERT_TRUE(records_->remove(kind("legal_entity"), entity, admin_));

  filled(id, company());
  EXPECT_EQ(sql("SELECT count(*) FROM crm.legal_entity WHERE deleted_at IS NULL"), "0");

  // Of another company there was none.
  sql("UPDATE crm.legal_entity SET inn = '7736207543' RETURNING 1");
  filled(id, company());
  EXPECT_EQ(sql("SELECT count(*) FROM crm.legal_entity WHERE deleted_at IS NULL"), "1");
}

TEST_F(AutofillTest, ACardWithoutALegalEntityGetsItsOwnDataAsTheFirstOne) {
  const std::int64_t id = card(R"(,"ceo_name":"Как в письме")");
  filled(id, company(), AutofillMode::preview);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.legal_entity"), "0");
  filled(id, company());
  filled(id, company());

  EXPECT_EQ(sql("SELECT concat_ws('|', counterparty_id, is_primary, full_name, short_name, "
                "legal_form_code, inn, kpp, ogrn, juridical_address, post_address, ceo_name) "
                "FROM crm.legal_entity"),
            std::to_string(id) +
                "|t|Общество с ограниченной ответственностью \"Ромашка\"|ООО \"Ромашка\"|ooo|"
                "7707083893|773601001|1027700132195|117312, Москва, ул Вавилова, д 19|"
                "117312, Москва, ул Вавилова, д 19|Как в письме");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.legal_entity"), "1");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_kind = 'legal_entity' AND "
                "event = 'created'"),
            "1");
}

TEST_F(AutofillTest, WhatALenientImportLeftOnTheCardIsRepeatedAndNamed) {
  store::WriteOptions options;
  options.profile = store::Profile::draft;
  options.lenient = true;
  const std::int64_t id =
      make("counterparty", R"({"inn":"7707083893","kpp":"773601001","ogrn":"317774600123459"})",
           store::Actor::system("import"), options)
          .id;
  filled(id, company());

  EXPECT_EQ(of(id, "ogrn"), "317774600123459");
  EXPECT_EQ(sql("SELECT concat_ws(' ', is_primary, ogrn, unverified_fields) FROM crm.legal_entity"),
            "t 317774600123459 {ogrn}");
}

TEST_F(AutofillTest, AnUnmarkedEntityOfTheSameInnBecomesThePrimaryOne) {
  const std::int64_t id = card();
  sql("WITH r AS (INSERT INTO crm.record (kind) VALUES ('legal_entity') RETURNING id) INSERT INTO "
      "crm.legal_entity (id, counterparty_id, full_name, inn) SELECT id, " +
      std::to_string(id) + ", 'Своё имя', '7707083893' FROM r RETURNING id");
  filled(id, company());

  EXPECT_EQ(sql("SELECT concat_ws(' ', is_primary, full_name, kpp) FROM crm.legal_entity"),
            "t Своё имя 773601001");
}

TEST_F(AutofillTest, AKppSomebodyTypedMayNameADivisionAndOneOfTheRegisterDoesNot) {
  const std::int64_t id = card(R"(,"kpp":"540602001")");
  const std::int64_t other = card("");
  const auto target = [&](std::int64_t of) {
    const auto read = store::autofill_target(*database_, *records_, of, manager_);
    EXPECT_TRUE(read);
    return read ? "[" + read->kpp + "][" + read->typed_kpp + "]" : std::string();
  };

  EXPECT_EQ(target(id), "[][540602001]");
  change(id, R"({"kind":"branch"})", manager_);
  EXPECT_EQ(target(id), "[540602001][]");
  filled(other, company());
  EXPECT_EQ(of(other, "kpp"), "773601001");
  EXPECT_EQ(target(other), "[][]");
}

TEST_F(AutofillTest, WhereNothingChangesNothingIsWrittenIfOnlyChangesAreWanted) {
  const std::int64_t id = card();
  filled(id, company());
  const auto done = store::autofill_counterparty(
      *database_, *records_, {.id = id, .policy = kOursFirst, .only_changes = true}, company(),
      manager_);

  ASSERT_TRUE(done) << describe(done.error());
  EXPECT_EQ(done->written, 0);
  EXPECT_EQ(of(id, "row_version"), "2");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'autofilled'"), "1");
}

TEST_F(AutofillTest, AnEntityOfAnotherCompanyIsLeftAlone) {
  const std::int64_t id = card();
  sql("WITH r AS (INSERT INTO crm.record (kind) VALUES ('legal_entity') RETURNING id) INSERT INTO "
      "crm.legal_entity (id, counterparty_id, is_primary, full_name, inn) SELECT id, " +
      std::to_string(id) + ", true, 'Другая', '7736207543' FROM r RETURNING id");
  filled(id, company());

  EXPECT_EQ(sql("SELECT concat_ws(' ', full_name, inn, kpp, ceo_name) FROM crm.legal_entity"),
            "Другая 7736207543");
}

TEST_F(AutofillTest, AnAnswerAboutAnInnTheCardNoLongerHasIsRefused) {
  const std::int64_t id = card();
  RegisterFacts facts = company();
  set(facts, "inn", "7736207543");

  EXPECT_EQ(fill(id, facts).error().reason, "inn_changed");
  EXPECT_EQ(of(id, "kpp"), "null");
}

TEST_F(AutofillTest, WhoMayNotWriteTheCardMayNotHaveItFilled) {
  const std::int64_t id = card();
  const AutofillRequest request{.id = id, .policy = kOursFirst};
  const auto by = [&](const store::Actor& actor) {
    return store::autofill_counterparty(*database_, *records_, request, company(), actor)
        .error()
        .code;
  };

  EXPECT_EQ(by(stranger_), ErrorCode::not_found);
  EXPECT_EQ(store::autofill_target(*database_, *records_, id, stranger_).error().code,
            ErrorCode::not_found);
  EXPECT_EQ(store::autofill_target(*database_, *records_, id, manager_)->id, "7707083893");
}

TEST_F(AutofillTest, AStaleVersionIsRefused) {
  const std::int64_t id = card();
  const auto done = store::autofill_counterparty(
      *database_, *records_, {.id = id, .policy = kOursFirst, .version = 7}, company(), manager_);

  EXPECT_EQ(done.error().code, ErrorCode::precondition_failed);
}

}  // namespace
}  // namespace c360::testing

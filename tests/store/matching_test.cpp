// Whom a mail is about (domain.md 18.6, 18.7).
#include <gmock/gmock.h>

#include "daemon/base/company_name.h"
#include "store/operations/match_contact.h"
#include "store/operations/match_counterparty.h"
#include "tests/store/records_fixture.h"

namespace c360::store {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

class MatchingTest : public c360::testing::RecordsTest {
 protected:
  std::int64_t counterparty(const std::string& name, const std::string& more = "{}") {
    auto made =
        sql("WITH r AS (INSERT INTO crm.record (kind) VALUES ('counterparty') RETURNING id)"
            " INSERT INTO crm.counterparty (id, name, name_key, inn, kpp, email_domains)"
            " SELECT id, '" +
            name + "', '" + company_key(name) +
            "', j->>'inn', j->>'kpp',"
            " coalesce((SELECT array_agg(d) FROM jsonb_array_elements_text(j->'domains') d),"
            " '{}') FROM r, (SELECT '" +
            more + "'::jsonb AS j) j RETURNING id");
    return std::stoll(made);
  }
  static std::string company_key(const std::string& name) { return c360::company_name(name).key; }

  void contact(std::int64_t counterparty_id, const std::string& email) {
    sql("WITH r AS (INSERT INTO crm.record (kind) VALUES ('contact') RETURNING id)"
        " INSERT INTO crm.contact (id, full_name, email, counterparty_id)"
        " SELECT id, 'A', '" +
        email + "', " + std::to_string(counterparty_id) + " FROM r RETURNING id");
  }

  CounterpartyMatch match(const CounterpartyClue& clue) {
    auto tx = database_->begin(Pool::work, TxMode::read_only);
    const CounterpartyMatcher matcher(*tx, {&clue, 1});
    const auto done = tx->run();
    EXPECT_TRUE(done) << done.error().detail;
    return matcher.results().at(0);
  }
};

TEST_F(MatchingTest, AValidInnDecidesAndItsKppNarrowsTheBranches) {
  const auto first = counterparty("ООО Ромашка", R"({"inn": "7707083893", "kpp": "773601001"})");
  const auto branch = counterparty("Филиал", R"({"inn": "7707083893", "kpp": "540602001"})");
  const auto other = counterparty("ООО Лютик");

  const auto narrowed =
      match({.inn = "7707083893", .kpp = "540602001", .company_text = "ООО Лютик"});
  EXPECT_EQ(narrowed.counterparty_id, branch);
  EXPECT_EQ(narrowed.reason, "inn");

  const auto ambiguous = match({.inn = "7707083893", .company_text = "ООО Лютик"});
  EXPECT_FALSE(ambiguous.counterparty_id);
  EXPECT_THAT(ambiguous.candidates, ::testing::UnorderedElementsAre(
                                        Field(&CounterpartyCandidate::counterparty_id, first),
                                        Field(&CounterpartyCandidate::counterparty_id, branch)));

  // A wrong check digit says nothing, the name does.
  EXPECT_EQ(match({.inn = "7707083894", .company_text = "ООО Лютик"}).counterparty_id, other);
}

TEST_F(MatchingTest, ANameIsTheSameWhateverItsQuotesAndCaseAndTheLegalFormBreaksATie) {
  const auto company = counterparty(R"(ООО «Ромашка»)");
  EXPECT_EQ(match({.company_text = R"(ооо "РОМАШКА")"}).counterparty_id, company);
  EXPECT_EQ(match({.company_text = "Ромашка"}).counterparty_id, company);

  const auto stock = counterparty("АО Ромашка");
  EXPECT_EQ(match({.company_text = "АО Ромашка"}).counterparty_id, stock);
  const auto ambiguous = match({.company_text = "ЗАО Ромашка"});
  EXPECT_FALSE(ambiguous.counterparty_id);
  EXPECT_EQ(ambiguous.candidates.size(), 2U);
}

TEST_F(MatchingTest, AKnownAddressLeadsToItsCounterpartyWhateverItsCase) {
  const auto company = counterparty("ООО Ромашка");
  contact(company, "Buyer@Romashka.example");
  const auto found = match({.emails = {"buyer@romashka.EXAMPLE"}});
  EXPECT_EQ(found.counterparty_id, company);
  EXPECT_EQ(found.reason, "email");

  const auto other = counterparty("ООО Лютик");
  contact(other, "buyer@romashka.example");
  EXPECT_FALSE(match({.emails = {"buyer@romashka.example"}}).counterparty_id);

  sql("UPDATE crm.counterparty SET deleted_at = now() WHERE id = " + std::to_string(other) +
      " RETURNING id");
  EXPECT_EQ(match({.emails = {"buyer@romashka.example"}}).counterparty_id, company);
}

TEST_F(MatchingTest, ADomainSaysSomethingUnlessItIsPublicOrTheNameContradicts) {
  const auto company = counterparty("ООО Ромашка", R"({"domains": ["romashka.example"]})");
  EXPECT_EQ(match({.sender_domain = "romashka.example"}).counterparty_id, company);
  EXPECT_FALSE(match({.company_text = "Совсем другие люди", .sender_domain = "romashka.example"})
                   .counterparty_id);
  EXPECT_FALSE(match({.sender_domain = "gmail.com"}).counterparty_id);
  EXPECT_ANY_THROW(counterparty("ООО Почта", R"({"domains": ["gmail.com"]})"));
}

TEST_F(MatchingTest, ALikeNameIsASuggestionForAPersonAndNothingMore) {
  const auto company = counterparty("ООО Северсталь-Метиз-Комплект");
  const auto match_of = match({.company_text = "ООО Северсталь-Метиз-Комплекть"});
  EXPECT_FALSE(match_of.counterparty_id);
  EXPECT_THAT(match_of.candidates,
              ElementsAre(Field(&CounterpartyCandidate::counterparty_id, company)));
}

// Plans made while the tables were empty are kept by the session, and statistics come a minute
// later at best: a first sync is long under way by then.
TEST_F(MatchingTest, ABatchReadsTheContactsOnceAtMostAlsoWhereTheServerTakesThemForFew) {
  options_.work_connections = 1;
  Database database{options_, quiet_.observer};
  const CounterpartyClue one{.company_text = "ООО Никто", .emails = {"nobody@c.example"}};
  const std::vector<CounterpartyClue> batch(100, one);
  const auto ask = [&](Transaction& tx) {
    const CounterpartyMatcher matcher(tx, batch);
    const auto done = tx.run();
    ASSERT_TRUE(done) << done.error().detail;
  };
  for (int i = 0; i < 10; ++i) {
    auto tx = database.begin(Pool::work, TxMode::read_only);
    ask(*tx);
  }
  sql("ALTER TABLE crm.contact SET (autovacuum_enabled = false)");
  sql("WITH r AS (INSERT INTO crm.record (kind) SELECT 'contact' FROM generate_series(1, 5000)"
      "           RETURNING id)"
      " INSERT INTO crm.contact (id, full_name, email) SELECT id, 'A', 'a' || id || '@c.example'"
      " FROM r RETURNING id");
  constexpr Sql kRead{"",
                      "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint"
                      " FROM pg_stat_xact_user_tables WHERE relid = 'crm.contact'::regclass"};
  std::int64_t read = 0;
  for (int i = 0; i < 65; ++i) {  // its plans have been made anew by then
    auto tx = database.begin(Pool::work, TxMode::read_only);
    // The figures of a session's transactions add up until it reports them.
    const auto before = tx->query(kRead);
    ASSERT_TRUE(before) << before.error().detail;
    const std::int64_t start = (*before)->int64(0, 0);
    ask(*tx);
    const auto after = tx->query(kRead);
    ASSERT_TRUE(after) << after.error().detail;
    read = (*after)->int64(0, 0) - start;
  }
  EXPECT_LE(read, 2 * 5000);
}

TEST(SameContact, FollowsTheAddressThenThePhoneThenTheName) {
  const ContactIdentity known{
      .full_name = "Иванов Пётр", .email = "p@c.example", .e164 = "+74950000001"};
  EXPECT_TRUE(same_contact(known, {.email = "P@C.EXAMPLE"}));
  EXPECT_TRUE(same_contact(known, {.full_name = "Сидоров", .e164 = "+74950000001"}));
  EXPECT_FALSE(same_contact(known, {.email = "other@c.example", .e164 = "+74950000001"}));
  EXPECT_TRUE(same_contact(known, {.full_name = "иванов  петр"}));
  EXPECT_FALSE(same_contact(known, {.full_name = "Иванов Пётр", .e164 = "+74950000002"}));
  EXPECT_FALSE(same_contact(known, {.full_name = "Сидоров"}));
}

}  // namespace
}  // namespace c360::store

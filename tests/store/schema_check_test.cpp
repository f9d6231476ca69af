#include "store/schema_check.h"

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class SchemaCheck : public RecordsTest {
 protected:
  std::vector<std::string> differences() {
    auto found = store::schema_differences(*database_, registry_);
    EXPECT_TRUE(found) << found.error().detail;
    return found ? *found : std::vector<std::string>{};
  }
};

TEST_F(SchemaCheck, MigrationsAndDeclarationsAgree) {
  EXPECT_THAT(differences(), ::testing::IsEmpty());
}

TEST_F(SchemaCheck, EveryDifferenceIsASentence) {
  sql("ALTER TABLE crm.deal DROP COLUMN offer_text");
  sql("ALTER TABLE crm.deal ADD COLUMN stranger text");
  sql("ALTER TABLE crm.lead ALTER COLUMN company_text TYPE citext");
  sql("ALTER TABLE crm.contact ALTER COLUMN is_main DROP NOT NULL");
  sql("UPDATE crm.deal_status SET name_ru = 'Другое' WHERE code = 'new'");
  sql("DELETE FROM crm.enum_label WHERE domain = 'contact.roles' AND code = 'other'");

  const auto found = differences();

  using ::testing::HasSubstr;
  EXPECT_THAT(found,
              ::testing::UnorderedElementsAre(HasSubstr("crm.deal.offer_text is missing"),
                                              HasSubstr("crm.deal.stranger is unknown"),
                                              HasSubstr("crm.lead.company_text has type citext"),
                                              HasSubstr("crm.contact.is_main may be null"),
                                              HasSubstr("crm.deal_status row new differs"),
                                              HasSubstr("contact.roles=other has no row")));
}

TEST_F(SchemaCheck, AnEmptyDatabaseLacksEveryTable) {
  store::DatabaseOptions options = options_;
  options.url = TempPostgres::shared().create_empty_database();
  store::Database empty(options, quiet_.observer);

  const auto found = store::schema_differences(empty, registry_);

  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_GT(found->size(), registry_.all().size());
}

// Drafts are read by people; that PostgreSQL reads them too keeps them honest.
TEST_F(SchemaCheck, DraftsOfEveryResourceAreValidSql) {
  for (const auto& resource : registry_.all()) {
    sql("DROP TABLE " + std::string(resource->table) + " CASCADE");
    sql("DROP TABLE IF EXISTS " + std::string(resource->table) + "_status CASCADE");
    if (!resource->sequence.empty()) sql("DROP SEQUENCE " + std::string(resource->sequence));
    sql("DELETE FROM crm.enum_label WHERE domain LIKE '" + std::string(resource->kind) + ".%'");
    EXPECT_NO_THROW(sql(store::draft_ddl(*resource))) << resource->kind;
  }
}

}  // namespace
}  // namespace c360::testing

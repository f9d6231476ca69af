#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using store::Parameters;

TEST_F(RecordsTest, ADealIsCreatedReadChangedAndListed) {
  const auto deal = make("deal", R"({"name":"Ромашка","amount":"1000.10"})", manager_);
  EXPECT_EQ(deal.version, 1);
  EXPECT_EQ(member(deal, "number"), "1");
  EXPECT_EQ(member(deal, "status"), "new");
  EXPECT_EQ(member(deal, "stage_code"), "processing");
  EXPECT_EQ(member(deal, "percent"), "0");
  EXPECT_EQ(member(deal, "amount"), "1000.10");
  EXPECT_EQ(member(deal, "responsible_id"), std::to_string(*manager_.user_id));

  const auto read = records_->get(kind("deal"), deal.key, manager_);
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_EQ(read->json, deal.json);

  const auto changed = records_->update(kind("deal"), deal.key, json(R"({"status":"completed"})"),
                                        manager_, {.expected_version = 1});
  ASSERT_TRUE(changed) << describe(changed.error());
  EXPECT_EQ(changed->version, 2);
  EXPECT_NE(member(*changed, "closed_at"), "null");

  const auto page =
      records_->list(kind("deal"), {{"status", "completed"}, {"count", "exact"}}, manager_);
  ASSERT_TRUE(page) << describe(page.error());
  EXPECT_EQ(page->size, 1);
  EXPECT_EQ(page->total, 1);
}

}  // namespace
}  // namespace c360::testing

#include "store/directory_codes.h"

#include "tests/store/records_fixture.h"

namespace c360::store {
namespace {

class DirectoryCodesTest : public testing::RecordsTest {};

TEST_F(DirectoryCodesTest, KnowsActiveEntriesChoicesAndUsersAndLetsOtherFieldsPass) {
  DirectoryReader reader{*database_, registry_};
  const auto codes = reader.current();
  ASSERT_TRUE(codes);

  EXPECT_TRUE(codes->may_store("deal", "request_category_code", "price"));
  EXPECT_FALSE(codes->may_store("deal", "request_category_code", "prize"));
  EXPECT_TRUE(codes->may_store("lead", "request_type", "deal"));
  EXPECT_FALSE(codes->may_store("lead", "request_type", "gift"));
  EXPECT_TRUE(codes->may_store("deal", "responsible_id", std::to_string(*manager_.user_id)));
  EXPECT_FALSE(codes->may_store("deal", "responsible_id", "999999"));
  EXPECT_TRUE(codes->may_store("deal", "company_text", "anything"));
  EXPECT_TRUE(codes->may_store("deal", "inn", "no field of a deal"));
}

TEST_F(DirectoryCodesTest, AChangeOfADirectoryCountsWithoutARestart) {
  DirectoryReader live{*database_, registry_, std::chrono::milliseconds{0}};
  DirectoryReader rare{*database_, registry_, std::chrono::hours{1}};
  ASSERT_TRUE(live.current()->may_store("deal", "request_category_code", "price"));
  ASSERT_TRUE(rare.current());

  ASSERT_TRUE(records_->create(kind("request_category"),
                               json(R"({"code":"fair","name_ru":"Выставка","name_en":"Fair"})"),
                               admin_));
  ASSERT_TRUE(
      records_->update(kind("request_category"), "price", json(R"({"is_active":false})"), admin_));

  EXPECT_TRUE(live.current()->may_store("deal", "request_category_code", "fair"));
  EXPECT_FALSE(live.current()->may_store("deal", "request_category_code", "price"));
  EXPECT_FALSE(rare.current()->may_store("deal", "request_category_code", "fair"));
}

TEST_F(DirectoryCodesTest, KeepsTheLastAnswerWhileTheDatabaseIsAway) {
  DirectoryReader reader{*database_, registry_, std::chrono::milliseconds{0}};
  ASSERT_TRUE(reader.current());
  DirectoryReader late{*database_, registry_, std::chrono::milliseconds{0}};

  database_->shut_down();

  ASSERT_TRUE(reader.current());
  EXPECT_FALSE(reader.current()->may_store("deal", "request_category_code", "prize"));
  EXPECT_FALSE(late.current());
}

}  // namespace
}  // namespace c360::store

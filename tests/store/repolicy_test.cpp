// One job for one change of policy, however many daemons tell of it.
#include "store/operations/repolicy.h"

#include <gmock/gmock.h>

#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

using ::testing::ElementsAre;

const std::vector<std::string> kOursFirst{"person", "import", "mail", "dadata", "kontur"};
const std::vector<std::string> kRegisterFirst{"dadata", "person", "import", "mail", "kontur"};

class RepolicyTest : public RecordsTest {
 protected:
  std::int64_t card_with_facts(const std::string& inn) {
    store::WriteOptions options;
    options.profile = store::Profile::draft;
    const auto id =
        make("counterparty", R"({"inn":")" + inn + R"("})", store::Actor::system("mail"), options)
            .id;
    sql("INSERT INTO crm.counterparty_fact VALUES (" + std::to_string(id) +
        ", 'dadata', '{}', now()) RETURNING 1");
    return id;
  }
  bool queued(const std::vector<std::string>& policy) {
    const auto done = store::queue_repolicy(*database_, policy);
    EXPECT_TRUE(done) << describe(done.error());
    return done && *done;
  }
  // As a worker takes and ends it.
  store::Job take() {
    const auto jobs = store::take_jobs(*database_, {std::string(store::kRepolicyJob)}, "a", 1);
    EXPECT_TRUE(jobs && jobs->size() == 1);
    return jobs->front();
  }
};

TEST_F(RepolicyTest, WithoutAWordOfARegisterThereIsNothingToJudge) {
  EXPECT_FALSE(queued(kOursFirst));
  card_with_facts("7707083893");
  EXPECT_TRUE(queued(kOursFirst));
}

TEST_F(RepolicyTest, EachChangeIsOneJobAndSoIsTheWayBack) {
  card_with_facts("7707083893");
  ASSERT_TRUE(queued(kOursFirst));
  EXPECT_FALSE(queued(kOursFirst)) << "another daemon, while it waits";
  ASSERT_TRUE(store::settle_job(*database_, take(), {}));
  EXPECT_FALSE(queued(kOursFirst)) << "another daemon, when it is done";

  EXPECT_TRUE(queued(kRegisterFirst));
  const store::Job second = take();
  EXPECT_EQ(store::policy_of(second), kRegisterFirst);
  EXPECT_FALSE(*store::is_repolicy_overtaken(*database_, second));
  EXPECT_TRUE(queued(kOursFirst)) << "back while the second runs";
  EXPECT_TRUE(*store::is_repolicy_overtaken(*database_, second));
}

TEST_F(RepolicyTest, FactsAreReadPieceByPieceInTheirOrder) {
  const auto first = card_with_facts("7707083893");
  const auto second = card_with_facts("7736207543");
  sql("INSERT INTO crm.counterparty_fact VALUES (" + std::to_string(first) +
      ", 'kontur', '{}', now()) RETURNING 1");
  const auto page = [&](const store::FactKey& last) {
    std::vector<std::string> keys;
    const auto rows = store::facts_after(*database_, last, 2);
    EXPECT_TRUE(rows);
    for (const auto& key : *rows)
      keys.push_back(std::to_string(key.counterparty_id) + " " + key.source);
    return keys;
  };

  EXPECT_EQ(*store::count_facts(*database_), 3);
  EXPECT_THAT(page({}),
              ElementsAre(std::to_string(first) + " dadata", std::to_string(first) + " kontur"));
  EXPECT_THAT(page({first, "kontur"}), ElementsAre(std::to_string(second) + " dadata"));
}

TEST_F(RepolicyTest, AJobWithoutAPolicyIsRefused) {
  ASSERT_TRUE(store::enqueue_job(*database_, {.kind = std::string(store::kRepolicyJob)}));
  EXPECT_EQ(store::policy_of(take()).error().code, ErrorCode::validation_failed);
}

}  // namespace
}  // namespace c360::testing

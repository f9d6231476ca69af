// The link by which a customer refuses advertising: whom it is of, and that the refusal holds for
// whoever he is or will be merged into.
#include "store/unsubscribe.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "store/operations/action.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class WithdrawnConsent : public RecordsTest {
 protected:
  void SetUp() override {
    RecordsTest::SetUp();
    customer_ = agreeing_customer();
  }
  std::int64_t agreeing_customer() {
    return make("counterparty",
                R"({"name":"Ромашка и Ко","segment_code":"small",)"
                R"("acquisition_channel_code":"site","status_code":"active",)"
                R"("promo_emails_allowed":true})",
                manager_)
        .id;
  }
  std::string consent_of(std::int64_t id) {
    return sql(
        "SELECT promo_emails_allowed || ' ' || coalesce(promo_emails_basis, '') "
        "FROM crm.counterparty WHERE id = " +
        std::to_string(id));
  }
  bool perform(const std::string& action, std::int64_t id, const std::string& body) {
    const store::Actions actions{registry_};
    const auto& counterparty = kind("counterparty");
    const auto done = store::perform(*database_, *records_, counterparty,
                                     *actions.find(counterparty, action), id, json(body), admin_);
    EXPECT_TRUE(done) << describe(done.error());
    return done.has_value();
  }
  bool merge(std::int64_t from, std::int64_t into) {
    return perform("merge", from, R"({"into":)" + std::to_string(into) + R"(,"confirm":true})");
  }
  bool unmerge(std::int64_t target, std::int64_t source) {
    return perform("unmerge", target, R"({"source":)" + std::to_string(source) + "}");
  }

  std::int64_t customer_ = 0;
};

TEST_F(WithdrawnConsent, IsKeptWithItsReasonInTheHistory) {
  const store::UnsubscribeLink link{.counterparty_id = customer_, .message_id = 17};

  ASSERT_TRUE(store::withdraw_consent(*database_, *records_, link, "req-9"));
  ASSERT_TRUE(store::withdraw_consent(*database_, *records_, link, "req-9"));

  EXPECT_EQ(sql("SELECT promo_emails_allowed || ' ' || promo_emails_basis FROM crm.counterparty"),
            "false Отказ по ссылке из сообщения № 17");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'consent_changed' "
                "AND origin = 'portal' AND record_id = " +
                std::to_string(customer_)),
            "1");
}

TEST_F(WithdrawnConsent, IsThatOfTheCustomerHeWasMergedInto) {
  const std::int64_t survivor = agreeing_customer();
  sql("UPDATE crm.counterparty SET deleted_at = now(), merged_into_id = " +
      std::to_string(survivor) + " WHERE id = " + std::to_string(customer_));

  ASSERT_TRUE(store::withdraw_consent(*database_, *records_,
                                      {.counterparty_id = customer_, .message_id = 17}, "req-9"));

  EXPECT_EQ(sql("SELECT promo_emails_allowed FROM crm.counterparty WHERE id = " +
                std::to_string(survivor)),
            "f");
}

TEST_F(WithdrawnConsent, RefusalGoesAlongWithACustomerWhoIsMerged) {
  const std::int64_t survivor = agreeing_customer();
  ASSERT_TRUE(store::withdraw_consent(*database_, *records_,
                                      {.counterparty_id = customer_, .message_id = 17}, "req-9"));

  ASSERT_TRUE(merge(customer_, survivor));

  EXPECT_EQ(consent_of(survivor), "false Отказ по ссылке из сообщения № 17");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE event = 'consent_changed' "
                "AND record_id = " +
                std::to_string(survivor)),
            "1");
  ASSERT_TRUE(unmerge(survivor, customer_));
  EXPECT_EQ(consent_of(survivor), "true ");
  EXPECT_EQ(consent_of(customer_), "false Отказ по ссылке из сообщения № 17");
}

TEST_F(WithdrawnConsent, ConsentGivenAfterTheRefusalOfAMergedCustomerStays) {
  const std::int64_t never_asked = make("counterparty",
                                        R"({"name":"Лютик","segment_code":"small",)"
                                        R"("acquisition_channel_code":"site",)"
                                        R"("status_code":"active"})",
                                        manager_)
                                       .id;
  ASSERT_TRUE(store::withdraw_consent(*database_, *records_,
                                      {.counterparty_id = customer_, .message_id = 17}, "req-9"));
  const std::int64_t survivor = agreeing_customer();

  ASSERT_TRUE(merge(customer_, survivor));
  ASSERT_TRUE(merge(never_asked, survivor));

  EXPECT_EQ(consent_of(survivor), "true ");
}

// The merge has both rows and has not committed when the link is followed.
TEST_F(WithdrawnConsent, LinkFollowedDuringAMergeWithdrawsTheConsentOfTheSurvivor) {
  const std::int64_t survivor = agreeing_customer();
  auto merging = database_->begin(store::Pool::api, store::TxMode::read_write);
  ASSERT_TRUE(merging);
  constexpr store::Sql kMerge{"test_merge", R"sql(
UPDATE crm.counterparty SET deleted_at = now(), merged_into_id = $2 WHERE id = $1)sql"};
  ASSERT_TRUE(merging->query(kMerge, std::move(store::Params{}.add(customer_).add(survivor))));

  std::jthread reader([this] {
    EXPECT_TRUE(store::withdraw_consent(*database_, *records_,
                                        {.counterparty_id = customer_, .message_id = 17}, "req-9"));
  });
  const auto is_waiting = [this] {
    return sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
               "AND wait_event_type = 'Lock'") == "1";
  };
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1}; !is_waiting();)
    ASSERT_LT(std::chrono::steady_clock::now(), end);
  ASSERT_TRUE(merging->commit());
  reader.join();

  EXPECT_EQ(consent_of(survivor), "false Отказ по ссылке из сообщения № 17");
}

TEST(UnsubscribeLink, OnlyWhatWeSignedIsRead) {
  const Secret key{"a key"};
  const std::string token = store::sign_unsubscribe(key, {.counterparty_id = 7, .message_id = 9});

  ASSERT_TRUE(store::read_unsubscribe(key, token));
  EXPECT_FALSE(store::read_unsubscribe(Secret{"another"}, token));
  for (const std::string& forged :
       {std::string(), std::string("7-9"), "8" + token.substr(1), token + "0", "-" + token,
        token.substr(0, token.size() - 1), std::string(1'000, '1')})
    EXPECT_FALSE(store::read_unsubscribe(key, forged)) << forged;
}

}  // namespace
}  // namespace c360::testing

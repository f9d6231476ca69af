// The key under which secrets lie in the database is replaced while they are in use (5.6).
#include "store/sealed_secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "daemon/base/digest.h"
#include "store/installation_keys.h"
#include "store/unsubscribe.h"
#include "store/webhook_queue.h"
#include "store/webhooks.h"
#include "tests/store/records_fixture.h"

namespace c360::store {
namespace {

using ::testing::HasSubstr;

const Secret kFirst{"the first key, of 32 characters.."};
const Secret kSecond{"the second key, of 32 characters."};
const Secret kThird{"a third key that is not set....."};
const Secret kNone;

class SealedSecrets : public c360::testing::RecordsTest {
 protected:
  // Current, former, unsealed, unknown.
  std::string counts(const Secret& key, const Secret& former = kNone) {
    const auto counted = count_sealed(*database_, secret_seals(key, former));
    EXPECT_TRUE(counted) << counted.error().detail;
    return std::to_string(counted->current) + " " + std::to_string(counted->former) + " " +
           std::to_string(counted->unsealed) + " " + std::to_string(counted->unknown);
  }
  std::int64_t reseal(const Secret& key, const Secret& former = kNone) {
    const auto done = reseal_secrets(*database_, secret_seals(key, former));
    EXPECT_TRUE(done) << done.error().detail;
    return done.value_or(-1);
  }
  Result<Secret> key(std::string_view name, const Secret& under, const Secret& former = kNone) {
    return installation_key(*database_, name, secret_seals(under, former).installation);
  }
  NewWebhook subscribe(const Secret& under) {
    auto made = create_webhook(*database_, {.url = "https://receiver.example/hook"},
                               webhook_seal(under), admin_);
    EXPECT_TRUE(made) << made.error().detail;
    return made ? *made : NewWebhook{};
  }
  std::vector<Secret> keys_of_claimed(const Secret& under, const Secret& former = kNone) {
    sql("UPDATE ops.webhook SET next_look_at = now(), claimed_until = NULL, holder = NULL");
    auto claim = claim_webhook(*database_, "a", std::chrono::seconds{60},
                               secret_seals(under, former).webhook);
    EXPECT_TRUE(claim) << claim.error().detail;
    return claim && *claim ? (*claim)->keys : std::vector<Secret>{};
  }
};

TEST_F(SealedSecrets, KeysOfBeforeAreSealedAndWhatTheySignedStaysGood) {
  const Secret before = *key(kUnsubscribeKey, kNone);
  const std::string thread = std::string(key(kThreadKey, kNone)->reveal());
  const std::string link = sign_unsubscribe(before, {.counterparty_id = 3, .message_id = 4});
  ASSERT_EQ(counts(kNone), "0 0 2 0");

  EXPECT_EQ(reseal(kNone), 0) << "there is nothing to seal them with";
  EXPECT_EQ(reseal(kFirst), 2);
  EXPECT_EQ(reseal(kFirst), 0);

  EXPECT_EQ(counts(kFirst), "2 0 0 0");
  EXPECT_TRUE(read_unsubscribe(*key(kUnsubscribeKey, kFirst), link));
  EXPECT_EQ(key(kThreadKey, kFirst)->reveal(), thread);
  for (const std::string& secret : {std::string(before.reveal()), thread})
    EXPECT_EQ(sql("SELECT count(*) FROM ops.installation_key AS k WHERE to_jsonb(k)::text LIKE '%" +
                  to_hex(secret) + "%'"),
              "0");
}

TEST_F(SealedSecrets, AKeyIsReplacedAndNothingFallsSilentMeanwhile) {
  const NewWebhook webhook = subscribe(kFirst);
  const auto rotated = rotate_webhook_key(*database_, webhook.id, std::chrono::hours{1},
                                          webhook_seal(kFirst), admin_);
  ASSERT_TRUE(rotated);
  reseal(kFirst);
  const Secret link_key = *key(kUnsubscribeKey, kFirst);
  ASSERT_EQ(counts(kFirst), "4 0 0 0");

  // Set, and nothing is sealed anew yet.
  EXPECT_EQ(counts(kSecond, kFirst), "0 4 0 0");
  EXPECT_THAT(keys_of_claimed(kSecond, kFirst), ::testing::ElementsAre(*rotated, webhook.key));
  EXPECT_EQ(*key(kUnsubscribeKey, kSecond, kFirst), link_key);

  EXPECT_EQ(reseal(kSecond, kFirst), 4);
  EXPECT_EQ(counts(kSecond), "4 0 0 0") << "the former one may go";
  EXPECT_THAT(keys_of_claimed(kSecond), ::testing::ElementsAre(*rotated, webhook.key));
  EXPECT_EQ(*key(kUnsubscribeKey, kSecond), link_key);
  // A daemon that has the former key alone leaves it to the others.
  EXPECT_TRUE(keys_of_claimed(kFirst).empty());
  EXPECT_EQ(sql("SELECT holder IS NULL FROM ops.webhook"), "t");
}

TEST_F(SealedSecrets, WhatNeitherKeyOpensIsLeftAsItIsAndCounted) {
  subscribe(kFirst);
  reseal(kFirst);
  const std::string before = sql("SELECT string_agg(s::text, ' ') FROM ops.sealed_secret AS s");

  EXPECT_EQ(reseal(kSecond, kThird), 0);

  EXPECT_EQ(counts(kSecond, kThird), "0 0 0 3");
  EXPECT_EQ(sql("SELECT string_agg(s::text, ' ') FROM ops.sealed_secret AS s"), before);
  const auto lost = key(kThreadKey, kSecond, kThird);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().reason, "sealed_by_another_key");
  EXPECT_THAT(lost.error().detail, HasSubstr("webhooks.former_key_file"));
  EXPECT_THAT(key(kThreadKey, kNone).error().detail, HasSubstr("names none"));
}

// Of sealing (0040) before each secret said under which key.
TEST_F(SealedSecrets, WhatDoesNotNameItsKeyIsTriedWithBoth) {
  const NewWebhook webhook = subscribe(kFirst);
  sql("UPDATE ops.webhook SET secret_key_id = NULL");
  EXPECT_THAT(keys_of_claimed(kSecond, kFirst), ::testing::ElementsAre(webhook.key));
  EXPECT_EQ(reseal(kSecond, kFirst), 3);
  EXPECT_THAT(keys_of_claimed(kSecond), ::testing::ElementsAre(webhook.key));
}

TEST_F(SealedSecrets, TwoDaemonsSealEachOnceAndASecretPutMeanwhileStays) {
  for (int i = 0; i < 20; ++i) subscribe(kFirst);
  std::int64_t sum = 0;
  std::mutex mutex;
  {
    std::vector<std::jthread> daemons;
    for (int i = 0; i < 4; ++i)
      daemons.emplace_back([&] {
        const auto sealed = reseal_secrets(*database_, secret_seals(kSecond, kFirst));
        const std::scoped_lock lock{mutex};
        EXPECT_TRUE(sealed) << sealed.error().detail;
        sum += sealed.value_or(0);
      });
  }
  EXPECT_EQ(sum, 22);
  // The lock is another's: nothing is done twice, and nobody waits.
  auto other = database_->begin(Pool::work, TxMode::read_write);
  ASSERT_TRUE(other);
  constexpr Sql kHold{"test_hold", "SELECT pg_advisory_xact_lock(hashtext('ops.sealed_secret'))"};
  ASSERT_TRUE(other->query(kHold));
  EXPECT_EQ(reseal(kThird, kSecond), 0);
  EXPECT_EQ(counts(kThird, kSecond), "0 22 0 0");
}

TEST_F(SealedSecrets, AKeyThatIsGoneIsMadeAnewTheSameForAll) {
  sql("DELETE FROM ops.installation_key");
  const auto made = key(kThreadKey, kFirst);
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_EQ(made->reveal().size(), 32U);
  EXPECT_EQ(*key(kThreadKey, kFirst), *made);
  EXPECT_EQ(counts(kFirst), "1 0 0 0");
  EXPECT_TRUE(key(kUnsubscribeKey, kNone));
  EXPECT_EQ(counts(kFirst), "1 0 1 0");
}

}  // namespace
}  // namespace c360::store

#include "store/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/support/quiet.h"
#include "tests/support/temp_postgres.h"

namespace c360::store {
namespace {

using c360::testing::Quiet;
using c360::testing::TempPostgres;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::StartsWith;

class TokensTest : public ::testing::Test {
 protected:
  TempPostgres& server = TempPostgres::shared();
  std::string url = server.create_database();
  Quiet quiet;
  Database database{{.url = url}, quiet.observer};

  void SetUp() override {
    server.execute(url,
                   "INSERT INTO crm.user (login, last_name, kind) VALUES"
                   " ('Ivanova', 'Ivanova', 'employee'), ('site', 'Site', 'service')");
  }
  NewToken create(std::string login = "ivanova", std::optional<Instant> expires = std::nullopt) {
    auto made = create_token(database, {std::move(login), "test", {"deals:read", "admin"}, expires},
                             Actor::system("system"));
    EXPECT_TRUE(made) << made.error().detail;
    return std::move(made).value_or(NewToken{});
  }
  Result<Principal> authenticate(const NewToken& made) {
    return authenticate_token(database, c360::sha256(made.token.reveal()));
  }
};

TEST_F(TokensTest, ATokenSpeaksForItsUser) {
  const NewToken made = create();
  EXPECT_THAT(std::string(made.token.reveal()), StartsWith(made.prefix));
  EXPECT_EQ(made.token.reveal().size(), kTokenPrefix.size() + 43);  // 256 bits

  auto principal = authenticate(made);

  ASSERT_TRUE(principal) << principal.error().detail;
  EXPECT_EQ(principal->token_id, made.id);
  EXPECT_EQ(principal->actor.login, "Ivanova");
  EXPECT_EQ(principal->kind, "employee");
  EXPECT_FALSE(principal->actor.is_service);
  EXPECT_TRUE(principal->actor.is_person());
  EXPECT_THAT(principal->actor.scopes, ElementsAre("deals:read", "admin"));
  EXPECT_TRUE(authenticate(create("site"))->actor.is_service);
}

TEST_F(TokensTest, TheTokenItselfIsNotInTheDatabase) {
  const NewToken made = create();
  const std::string secret(made.token.reveal());
  EXPECT_EQ(server.query(url, "SELECT count(*) FROM crm.api_token AS t WHERE t::text LIKE '%" +
                                  secret.substr(made.prefix.size()) + "%'"),
            std::vector<std::string>{"0"});
}

TEST_F(TokensTest, GroupsAroundGroupsCountAndACircleEnds) {
  server.execute(url,
                 "INSERT INTO crm.group (id, name_ru, name_en) VALUES ('inner', 'a', 'a'),"
                 " ('middle', 'b', 'b'), ('outer', 'c', 'c'), ('other', 'd', 'd');"
                 // The database refuses a circle; a restored backup may still hold one.
                 "ALTER TABLE crm.group_nesting DISABLE TRIGGER group_nesting_cycle;"
                 "INSERT INTO crm.group_nesting (parent_id, child_id) VALUES ('middle', 'inner'),"
                 " ('outer', 'middle'), ('inner', 'outer'), ('outer', 'other');"
                 "INSERT INTO crm.group_member (group_id, user_id)"
                 " SELECT 'inner', id FROM crm.user WHERE login = 'ivanova'");

  auto principal = authenticate(create());

  ASSERT_TRUE(principal);
  EXPECT_THAT(principal->actor.groups, ElementsAre("inner", "middle", "outer"));
  EXPECT_THAT(principal->actor.groups, Not(Contains("other")));
}

TEST_F(TokensTest, WhatIsRevokedExpiredUnknownOrInactiveOpensNothing) {
  const NewToken revoked = create();
  ASSERT_TRUE(revoke_token(database, revoked.id, Actor::system("system")));
  ASSERT_TRUE(revoke_token(database, revoked.id, Actor::system("system")));
  const NewToken expired = create();
  server.execute(url,
                 "UPDATE crm.api_token SET expires_at = now() - interval '1 second' WHERE id = " +
                     std::to_string(expired.id));
  const NewToken inactive = create("site");
  server.execute(url, "UPDATE crm.user SET is_active = false WHERE login = 'site'");
  const NewToken unknown{.token = Secret("c360_unknown")};

  for (const NewToken* token : {&revoked, &expired, &inactive, &unknown}) {
    auto principal = authenticate(*token);
    ASSERT_FALSE(principal);
    EXPECT_EQ(principal.error().code, ErrorCode::unauthenticated);
    EXPECT_EQ(principal.error().reason, "token_invalid");
  }
  EXPECT_EQ(revoke_token(database, 4711, Actor::system("system")).error().code,
            ErrorCode::not_found);
}

TEST_F(TokensTest, UseIsNotedOnceAMinute) {
  const NewToken made = create();
  const std::string last = "SELECT last_used_at FROM crm.api_token";
  ASSERT_TRUE(authenticate(made));
  const auto first = server.query(url, last);
  ASSERT_TRUE(authenticate(made));
  EXPECT_EQ(server.query(url, last), first);

  server.execute(url, "UPDATE crm.api_token SET last_used_at = now() - interval '61 seconds'");
  const auto aged = server.query(url, last);
  ASSERT_TRUE(authenticate(made));
  EXPECT_NE(server.query(url, last), aged);
}

TEST_F(TokensTest, ARequestDoesNotWaitForAnotherThatNotesTheUse) {
  const NewToken made = create();
  auto holding = *database.begin(Pool::work, TxMode::read_write);
  ASSERT_TRUE(holding.query({"", "SELECT 1 FROM crm.api_token FOR UPDATE"}));
  EXPECT_TRUE(authenticate(made));
}

TEST_F(TokensTest, ListingShowsEverythingButTheToken) {
  const Instant later =
      std::chrono::floor<std::chrono::seconds>(SystemClock().now()) + std::chrono::hours(24);
  const NewToken one = create("ivanova", later);
  create("site");
  auto all = list_tokens(database);
  auto of_one = list_tokens(database, "IVANOVA");
  ASSERT_TRUE(all);
  ASSERT_TRUE(of_one);
  EXPECT_EQ(all->size(), 2U);
  ASSERT_EQ(of_one->size(), 1U);
  EXPECT_EQ(of_one->front().id, one.id);
  EXPECT_EQ(of_one->front().prefix, one.prefix);
  EXPECT_EQ(of_one->front().expires_at, later);
  EXPECT_TRUE(of_one->front().created_at);
  EXPECT_FALSE(of_one->front().revoked_at);
}

TEST_F(TokensTest, WhatCannotBeIsRefusedWithEveryWrongField) {
  auto refused = create_token(
      database, {"ivanova", "", {"admin", "Deals:read", "x"}, Instant(std::chrono::seconds(1))},
      Actor::system("system"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::validation_failed);
  std::vector<std::string> pointers;
  for (const FieldError& field : refused.error().fields) pointers.push_back(field.pointer);
  EXPECT_THAT(pointers, ElementsAre("/name", "/scopes/1", "/scopes/2", "/expires_at"));

  auto no_user =
      create_token(database, {"nobody", "x", {"admin"}, std::nullopt}, Actor::system("system"));
  ASSERT_FALSE(no_user);
  EXPECT_EQ(no_user.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace c360::store

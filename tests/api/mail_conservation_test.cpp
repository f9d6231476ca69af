// GET /mail/conservation: each term is a link to its rows.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using ::testing::HasSubstr;

class ConservationApi : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    mailbox_ = sql("INSERT INTO ops.mailbox (code, kind) VALUES ('crm', 'crm') RETURNING id");
    sql("INSERT INTO ops.mailbox (code, kind) VALUES ('empty', 'crm') RETURNING id");
    sql("INSERT INTO ops.mailbox_folder (mailbox_id, folder, uidvalidity, compared_at, "
        "compared_server, compared_missed, compared_gone, compared_difference) "
        "VALUES (" +
        id() + ", 'Почта & Co', 7, now(), 4, 1, 0, 0) RETURNING mailbox_id");
    add("1, NULL, NULL, NULL");
    add("2, 'vanished', NULL, now()");
    add("3, 'ignored', 'already-seen', now()");
    add("4, 'ignored', 'before-since', now()");
  }
  std::string id() const { return std::to_string(mailbox_); }
  void add(const std::string& row) {
    sql("INSERT INTO ops.mail_message (mailbox_id, folder, uidvalidity, uid, outcome, "
        "rule_id, processed_at) VALUES (" +
        id() + ", 'Почта & Co', 7, " + row + ") RETURNING id");
  }
  std::int64_t mailbox_ = 0;
};

TEST_F(ConservationApi, EachTermHasItsCountAndTheLinkToThatManyRows) {
  HttpClient admin = administrator();

  const auto answer = admin.get("/api/v1/mail/conservation?mailbox=crm");

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("holds"), "true");
  EXPECT_EQ(answer.field("items/0/listed"), "4");
  const Json body = answer.json();
  const Json& mailbox = body.find("items")->as_array().at(0);
  const auto check = [&](const Json& list) {
    for (const Json& part : list.as_array()) {
      const auto rows = admin.get(part.find("link")->as_string() + "&count=exact");
      ASSERT_EQ(rows.status, 200) << rows.body;
      EXPECT_EQ(rows.field("total"), part.find("count")->number_text()) << part.dump();
    }
  };
  check(*mailbox.find("terms"));
  check(*mailbox.find("ignored_by_rule"));
  EXPECT_EQ(mailbox.find("ignored_by_rule")->as_array().size(), 2U);
  const Json& folder = mailbox.find("folders")->as_array().at(0);
  check(*folder.find("terms"));
  EXPECT_EQ(folder.find("folder")->as_string(), "Почта & Co");
  EXPECT_EQ(answer.field("items/0/folders/0/comparison/missed"), "1");
  EXPECT_EQ(answer.field("items/0/folders/0/comparison/difference"), "0");
}

TEST_F(ConservationApi, ASumThatDoesNotHoldIsSaid) {
  HttpClient admin = administrator();
  sql("UPDATE ops.mail_listed SET listed = listed + 1 RETURNING listed");

  const auto all = admin.get("/api/v1/mail/conservation");

  EXPECT_EQ(all.field("holds"), "false");
  EXPECT_EQ(all.field("items/0/holds"), "false");
  EXPECT_EQ(all.field("items/1/mailbox"), "empty");
  EXPECT_EQ(all.field("items/1/holds"), "true");
}

TEST_F(ConservationApi, ItIsTheAffairOfAdministrators) {
  HttpClient stranger = client_of("stranger", {"crm-manager"});
  EXPECT_EQ(stranger.get("/api/v1/mail/conservation").status, 403);
  EXPECT_EQ(stranger.request("POST", "/api/v1/mail/mailboxes/" + id() + "/compare").status, 403);
  EXPECT_EQ(administrator().get("/api/v1/mail/conservation?mailbox=none").status, 404);
}

TEST_F(ConservationApi, AComparisonIsAskedForThroughTheDatabase) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/mail/mailboxes/" + id() + "/compare";

  const auto asked = admin.request("POST", path);

  EXPECT_EQ(asked.status, 202) << asked.body;
  EXPECT_EQ(
      admin.get("/api/v1/mail/conservation?mailbox=crm").field("items/0/compare_requested_at"),
      asked.field("requested_at"));
  EXPECT_EQ(admin.request("POST", "/api/v1/mail/mailboxes/999/compare").status, 404);
  sql("UPDATE ops.mailbox SET enabled = false RETURNING id");
  EXPECT_EQ(admin.request("POST", path).status, 409);
}

}  // namespace
}  // namespace c360::api

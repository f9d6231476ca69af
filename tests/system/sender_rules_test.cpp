// Who may write to us, decided over HTTP while the daemon runs: each change acts on the next mail.
#include <fmt/format.h>

#include "tests/support/dovecot.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

class SenderRules : public SystemTest {
 protected:
  void begin() {
    daemon_.write("box.password", dovecot_.options().password);
    std::string boxes;
    for (const char* name : {"crm", "sales"})
      boxes += fmt::format(
          "[mailbox.{0}]\nkind = 'crm'\nhost = '127.0.0.1'\nport = {1}\nca_file = '{2}'\n"
          "username = '{0}'\npassword_file = 'box.password'\ndelay_ms = 1000\n",
          name, dovecot_.imaps_port(), dovecot_.ca_file());
    start(config(boxes));
    sign_in();
    api_ = std::make_unique<HttpClient>(daemon_.port("api"), token_);
  }

  // What becomes of the next mail of that sender: its outcome and, where it has one, the reason why
  // it is held or the rule that ignored it.
  std::string next_mail(const std::string& sender, const std::string& box = "crm") {
    const std::string id = std::to_string(++delivered_);
    dovecot_.deliver(box, "From: Somebody <" + sender + ">\r\nTo: " + box +
                              "@client360.example\r\nMessage-ID: <rule-" + id +
                              "@mail.example>\r\nSubject: Запрос стоимости\r\n"
                              "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                              "Компания: ООО «Правило " +
                              id + "»\r\nФИО: Петров Иван\r\n");
    const std::string said =
        "SELECT concat_ws(' ', m.outcome, q.reason, nullif(m.rule_id, '')) FROM ops.mail m "
        "LEFT JOIN ops.quarantine q ON q.mail_message_id = m.id WHERE m.message_id = 'rule-" +
        id + "@mail.example' AND m.state = 'done'";
    EXPECT_TRUE(eventually([&] { return !one(said).empty(); })) << daemon_.log();
    const std::string outcome = one(said);
    return outcome.starts_with("deal_created") ? "deal_created" : outcome;
  }
  // Its id.
  std::string says(const std::string& rule) {
    const HttpAnswer made = api_->post("/api/v1/mail/sender-rules", rule);
    EXPECT_EQ(made.status, 201) << made.body;
    return made.field("id");
  }
  void changes(const std::string& id, const std::string& fields) {
    const HttpAnswer now = api_->get("/api/v1/mail/sender-rules/" + id);
    const HttpAnswer changed =
        api_->patch("/api/v1/mail/sender-rules/" + id, fields, {{"If-Match", now.header("ETag")}});
    EXPECT_EQ(changed.status, 200) << changed.body;
  }
  void removes(const std::string& id) {
    const HttpAnswer now = api_->get("/api/v1/mail/sender-rules/" + id);
    EXPECT_EQ(
        api_->del("/api/v1/mail/sender-rules/" + id, {{"If-Match", now.header("ETag")}}).status,
        204);
  }

  Dovecot dovecot_;
  std::unique_ptr<HttpClient> api_;
  int delivered_ = 0;
};

TEST_F(SenderRules, ActFromTheNextMailOnWithoutAReload) {
  begin();
  EXPECT_EQ(next_mail("ads@spam.example"), "deal_created");

  const std::string rule = says(R"({"sender": "@spam.example", "action": "block"})");
  EXPECT_EQ(next_mail("ads@spam.example"), "ignored blocked-sender");
  changes(rule, R"({"action": "quarantine"})");
  EXPECT_TRUE(next_mail("ads@spam.example").starts_with("quarantined "));
  const std::string good = says(R"({"sender": "ads@spam.example", "action": "allow"})");
  EXPECT_EQ(next_mail("ads@spam.example"), "deal_created");
  EXPECT_TRUE(next_mail("other@spam.example").starts_with("quarantined "));
  removes(good);
  EXPECT_TRUE(next_mail("ads@spam.example").starts_with("quarantined "));
  removes(rule);
  EXPECT_EQ(next_mail("ads@spam.example"), "deal_created");
}

TEST_F(SenderRules, HoldWhoIsUnknownInOneMailboxAndNotInAnother) {
  begin();
  const HttpAnswer boxes = api_->get("/api/v1/mail/mailboxes?code=sales&fields=id");
  const std::string sales = boxes.field("items/0/id");
  ASSERT_FALSE(sales.empty()) << boxes.body;

  const std::string rule =
      says(R"({"sender": "unknown", "action": "quarantine", "mailbox_id": )" + sales + "}");
  EXPECT_TRUE(next_mail("new@somewhere.example", "sales").starts_with("quarantined "));
  EXPECT_EQ(next_mail("new@somewhere.example"), "deal_created");
  changes(rule, R"({"action": "allow"})");
  EXPECT_EQ(next_mail("new@somewhere.example", "sales"), "deal_created");
}

TEST_F(SenderRules, AreNotForEverybodyToWrite) {
  begin();
  const std::string rule = says(R"({"sender": "@spam.example", "action": "block"})");
  ASSERT_EQ(api_->post("/api/v1/users", R"({"login": "seller", "last_name": "Seller"})").status,
            201);
  const auto made = run_program({kCommand, "--config=" + daemon_.config_file(), "--json", "token",
                                 "create", "--user=seller", "--name=t", "--scopes=admin"});
  HttpClient seller(daemon_.port("api"), Json::parse(made.output)->find("token")->as_string());

  EXPECT_EQ(
      seller
          .post("/api/v1/mail/sender-rules", R"({"sender": "ads@spam.example", "action": "allow"})")
          .status,
      403);
  EXPECT_NE(seller.del("/api/v1/mail/sender-rules/" + rule, {{"If-Match", "*"}}).status, 204);
  EXPECT_EQ(next_mail("ads@spam.example"), "ignored blocked-sender");
}

}  // namespace
}  // namespace c360::testing

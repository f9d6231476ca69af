// Mail: the ledger, the raw message, the quarantine, a dry run of the rules.
#include "daemon/base/digest.h"
#include "store/blob.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class MailApi : public ApiTest {
 protected:
  static constexpr std::string_view kMail =
      "From: a@example.org\r\nSubject: Test\r\n\r\nHello.\r\n";

  void SetUp() override {
    ApiTest::SetUp();
    auto transaction = database_->begin(store::Pool::work, store::TxMode::read_write);
    ASSERT_TRUE(transaction);
    const std::vector<store::BlobContent> blobs = {store::make_blob(kMail)};
    ASSERT_TRUE(store::put_blobs(*transaction, blobs));
    ASSERT_TRUE(transaction->commit());
    sql("INSERT INTO ops.mailbox (code, kind) VALUES ('crm', 'crm') RETURNING id");
    mail_ =
        sql("INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid, outcome, raw_sha256, "
            "size_bytes, rule_id, processed_at) SELECT id, 1, 1, 'quarantined', '\\x" +
            to_hex(sha256(kMail)) + "', " + std::to_string(kMail.size()) +
            ", 'r', now() FROM ops.mailbox RETURNING id");
    sql("INSERT INTO ops.mail_content (mail_message_id, mailbox_id, raw_sha256, subject, "
        "extracted) "
        "SELECT id, mailbox_id, raw_sha256, 'Test', '{\"values\": []}' FROM ops.mail "
        "RETURNING mail_message_id");
    quarantine_ = sql("INSERT INTO ops.quarantine (mail_message_id, reason) VALUES (" +
                      std::to_string(mail_) + ", 'no_rule') RETURNING id");
  }
  std::int64_t mail_ = 0;
  std::int64_t quarantine_ = 0;
};

TEST_F(MailApi, AMailIsListedReadAndDownloaded) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/mail/messages/" + std::to_string(mail_);

  const auto list = admin.get("/api/v1/mail/messages?outcome=quarantined&count=exact");
  EXPECT_EQ(list.field("total"), "1") << list.body;
  const auto one = admin.get(path + "?include=attachments");
  EXPECT_EQ(one.status, 200) << one.body;
  EXPECT_EQ(one.field("rule_id"), "r");
  EXPECT_EQ(one.field("extracted/values"), "[]");
  EXPECT_EQ(one.field("attachments"), "[]");

  const auto raw = admin.get(path + "/raw");
  EXPECT_EQ(raw.status, 200);
  EXPECT_EQ(raw.header("content-type"), "message/rfc822");
  EXPECT_EQ(raw.body, kMail);
  EXPECT_NE(raw.header("content-disposition").find(".eml"), std::string::npos);
  HttpClient stranger = client_of("stranger", {"crm-manager"});
  EXPECT_EQ(stranger.get(path + "/raw").status, 404);
}

TEST_F(MailApi, OneThatAListingLeftOutIsTakenInByWhoMay) {
  HttpClient admin = administrator();
  const auto left_out =
      sql("INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid, outcome, rule_id, "
          "processed_at, flagged_at) SELECT id, 1, 2, 'ignored', 'already-seen', now(), now() FROM "
          "ops.mailbox RETURNING id");
  sql("INSERT INTO ops.mailbox_folder (mailbox_id, folder, uidvalidity) "
      "SELECT id, 'INBOX', 1 FROM ops.mailbox RETURNING mailbox_id");
  const auto process = [](HttpClient& by, std::int64_t id) {
    return by.request("POST", "/api/v1/mail/messages/" + std::to_string(id) + "/process");
  };
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient reader = client_of("reader", {"crm-administrators"}, {"mail:read"});
  EXPECT_EQ(process(manager, left_out).field("code"), "administrators_only");
  EXPECT_EQ(process(reader, left_out).status, 403);
  EXPECT_EQ(process(admin, 999'999).status, 404);
  EXPECT_EQ(process(admin, mail_).field("code"), "not_left_out") << "it is held";
  sql("UPDATE ops.mailbox SET enabled = false RETURNING id");
  EXPECT_EQ(process(admin, left_out).field("code"), "mailbox_disabled");
  sql("UPDATE ops.mailbox SET enabled = true RETURNING id");

  const auto taken = process(admin, left_out);

  EXPECT_EQ(taken.status, 202) << taken.body;
  EXPECT_EQ(taken.field("state"), "listed");
  const auto mail = admin.get("/api/v1/mail/messages/" + std::to_string(left_out));
  EXPECT_EQ(mail.field("state"), "listed") << mail.body;
  EXPECT_EQ(process(admin, left_out).status, 409) << "it is on its way";
}

TEST_F(MailApi, AMailNeverFetchedHasNoRawForm) {
  HttpClient admin = administrator();
  const auto listed =
      sql("INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid) SELECT id, 1, 2 FROM "
          "ops.mailbox RETURNING id");
  const auto answer = admin.get("/api/v1/mail/messages/" + std::to_string(listed) + "/raw");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.field("code"), "raw_not_stored");
}

TEST_F(MailApi, AttachmentsAreDownloadedUnlessBlocked) {
  HttpClient admin = administrator();
  const auto attachment = [&](std::string_view blocked, int part) {
    return "/api/v1/mail/attachments/" +
           std::to_string(
               sql("INSERT INTO ops.mail_attachment (mail_message_id, part, file_name, mime_type, "
                   "size_bytes, sha256, blocked_reason) VALUES (" +
                   std::to_string(mail_) + ", '" + std::to_string(part) +
                   "', 'письмо.eml', "
                   "'text/plain', " +
                   std::to_string(kMail.size()) + ", '\\x" + to_hex(sha256(kMail)) + "', " +
                   std::string(blocked) + ") RETURNING id")) +
           "/content";
  };
  const auto good = admin.get(attachment("NULL", 1));
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.body, kMail);
  EXPECT_NE(good.header("content-disposition").find("UTF-8''%D0%BF"), std::string::npos);
  EXPECT_EQ(admin.get(attachment("'executable'", 2)).status, 403);
}

TEST_F(MailApi, TheQuarantineIsActedUponThroughThePort) {
  HttpClient admin = administrator();
  const auto list = admin.get("/api/v1/mail/quarantine?status=open");
  EXPECT_EQ(list.field("items/0/reason"), "no_rule") << list.body;
  const std::string row = "/api/v1/mail/quarantine/" + std::to_string(quarantine_);

  const auto retried = admin.request("POST", row + "/retry");
  EXPECT_EQ(retried.status, 200) << retried.body;
  EXPECT_EQ(retried.field("outcome"), "deal_created");
  EXPECT_EQ(retried.field("record_id"), "17");
  EXPECT_EQ(admin.post(row + "/release", "{}").field("reason"), "no_rule");
  EXPECT_EQ(admin.post(row + "/discard", R"({"comment": "спам"})").status, 200);
  EXPECT_EQ(admin.post(row + "/discard", R"({"comment": 1})").status, 400);
  EXPECT_EQ(admin.request("POST", "/api/v1/mail/quarantine/404/retry").status, 404);
  EXPECT_EQ(admin.request("POST", "/api/v1/mail/quarantine/x/retry").status, 404);
  ASSERT_EQ(mail_actions_.calls.size(), 4U);
  EXPECT_TRUE(mail_actions_.calls[2].ends_with(": спам"));
}

TEST_F(MailApi, ATargetIsChosenOrLeftToTheMail) {
  HttpClient admin = administrator();
  const std::string row = "/api/v1/mail/quarantine/" + std::to_string(quarantine_) + "/target";
  const auto put = [&](std::string_view body) {
    return admin.request("PUT", row, {{"Content-Type", "application/json"}}, body);
  };

  EXPECT_EQ(put(R"({"record_id": 17, "comment": "того клиента"})").status, 200);
  EXPECT_EQ(put(R"({"record_id": null})").status, 200);
  EXPECT_EQ(put("{}").status, 400);
  EXPECT_EQ(put(R"({"record_id": "17"})").status, 400);
  EXPECT_EQ(put(R"({"record_id": 17, "kind": "deal"})").status, 400);

  ASSERT_EQ(mail_actions_.calls.size(), 2U);
  EXPECT_TRUE(mail_actions_.calls[0].ends_with("to 17: того клиента"));
  EXPECT_TRUE(mail_actions_.calls[1].ends_with("to 0: "));
}

TEST_F(MailApi, ManyEntriesAreActedUponAndEachIsAnswered) {
  HttpClient admin = administrator();
  const std::string bulk = "/api/v1/mail/quarantine/bulk";

  const auto named = admin.post(bulk, R"({"action": "retry", "ids": [7, 404], "comment": "c"})");
  EXPECT_EQ(named.status, 200) << named.body;
  EXPECT_EQ(named.field("items/0/outcome"), "deal_created");
  EXPECT_EQ(named.field("items/0/error"), "null");
  EXPECT_EQ(named.field("items/1/outcome"), "refused");
  EXPECT_EQ(named.field("items/1/error/code"), "not_found");
  EXPECT_EQ(named.field("next_after"), "null");
  EXPECT_EQ(admin.post(bulk, R"({"action": "retry", "ids": [7, 503, 8]})").status, 503);
  EXPECT_EQ(mail_actions_.calls.size(), 4U) << "nothing goes on without the database";

  const auto all = [&](std::string_view more) {
    return admin.post(bulk, R"({"action": "release", "all": true)" + std::string(more) + "}");
  };
  EXPECT_EQ(all("").field("items/0/id"), std::to_string(quarantine_));
  EXPECT_EQ(all(R"(, "reason": "no_rule", "mailbox": "crm")").field("items/0/reason"), "no_rule");
  EXPECT_EQ(all(R"(, "reason": "oversize")").field("items"), "[]");
  EXPECT_EQ(all(R"(, "mailbox": "activity")").field("items"), "[]");
  EXPECT_EQ(all(R"(, "after": )" + std::to_string(quarantine_)).field("items"), "[]");
}

TEST_F(MailApi, ABulkRequestThatIsNotUnderstoodTouchesNothing) {
  HttpClient admin = administrator();
  for (const std::string_view body :
       {R"({"action": "retry"})", R"({"action": "retry", "all": false})",
        R"({"action": "retry", "all": true, "ids": [1]})", R"({"action": "delete", "all": true})",
        R"({"action": "retry", "ids": []})", R"({"action": "retry", "ids": ["1"]})",
        R"({"action": "retry", "all": true, "resaon": "no_rule"})",
        R"({"action": "retry", "all": true, "after": "1"})"})
    EXPECT_EQ(admin.post("/api/v1/mail/quarantine/bulk", body).status, 400) << body;
  std::string many = "1";
  for (int i = 0; i < 100; ++i) many += ",1";
  EXPECT_EQ(
      admin.post("/api/v1/mail/quarantine/bulk", R"({"action": "retry", "ids": [)" + many + "]}")
          .status,
      400);
  EXPECT_EQ(client_of("manager", {"crm-manager"})
                .post("/api/v1/mail/quarantine/bulk", R"({"action": "retry", "all": true})")
                .status,
            403);
  EXPECT_TRUE(mail_actions_.calls.empty());
}

TEST_F(MailApi, MoreThanARequestTakesAreAskedForAgain) {
  HttpClient admin = administrator();
  sql("WITH mail AS (INSERT INTO ops.mail_message (mailbox_id, uidvalidity, uid, outcome, "
      "rule_id, processed_at) SELECT b.id, 1, 1000 + n, 'quarantined', 'r', now() "
      "FROM ops.mailbox b, generate_series(1, 120) n RETURNING id) "
      "INSERT INTO ops.quarantine (mail_message_id, reason) SELECT id, 'no_rule' FROM mail "
      "RETURNING id");
  const std::string bulk = "/api/v1/mail/quarantine/bulk";

  const auto first = admin.post(bulk, R"({"action": "release", "all": true})");
  const std::string next = first.field("next_after");
  const auto second =
      admin.post(bulk, R"({"action": "release", "all": true, "after": )" + next + "}");

  EXPECT_EQ(first.field("items/99/id"), next) << first.body;
  EXPECT_EQ(second.field("items/20/outcome"), "quarantined") << second.body;
  EXPECT_EQ(second.field("next_after"), "null");
  EXPECT_EQ(mail_actions_.calls.size(), 121U);
}

TEST_F(MailApi, KeptAttemptsAreReadWithTheirEntry) {
  HttpClient admin = administrator();
  sql("INSERT INTO ops.quarantine_attempt (quarantine_id, action, outcome, reason, comment) VALUES "
      "(" +
      std::to_string(quarantine_) + ", 'retry', 'quarantined', 'no_rule', 'once') RETURNING id");
  const std::string row = "/api/v1/mail/quarantine/" + std::to_string(quarantine_);

  const auto attempts = admin.get(row + "/attempts");

  EXPECT_EQ(attempts.field("items/0/comment"), "once") << attempts.body;
  EXPECT_EQ(admin.get(row + "?include=attempts").field("attempts/0/action"), "retry");
}

TEST_F(MailApi, RulesAreTestedWithAnUploadedMail) {
  HttpClient admin = administrator();
  const testing::HttpHeaders type{{"Content-Type", "message/rfc822"}};
  const auto tested = admin.request("POST", "/api/v1/rules/test?kind=crm", type, kMail);
  EXPECT_EQ(tested.status, 200) << tested.body;
  EXPECT_EQ(tested.field("outcome"), "deal_created");
  EXPECT_EQ(rule_tester_.seen, kMail);
  EXPECT_EQ(admin.request("POST", "/api/v1/rules/test?kind=support", type, kMail).status, 400);
  EXPECT_EQ(admin.request("POST", "/api/v1/rules/test", type).status, 400);
  EXPECT_EQ(admin.post("/api/v1/rules/test", "{}").status, 415);
  const auto rules = admin.get("/api/v1/rules");
  EXPECT_EQ(rules.field("items/0/source"), "crm.toml") << rules.body;
  EXPECT_EQ(rules.field("items/0/rules/0/name"), "r");
  EXPECT_EQ(rules.field("items/0/rules/0/action"), "create");
  EXPECT_EQ(rules.field("items/0/rules/0/line"), "17");
  const auto decided =
      sql("SELECT count(*) FROM ops.mail WHERE rule_id = 'r' "
          "AND processed_at > now() - interval '1 hour'");
  EXPECT_EQ(rules.field("items/0/rules/0/matched_last_day"), std::to_string(decided));
}

TEST_F(MailApi, AFileOfMailsIsStreamedToThePort) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/mail/import?mailbox=crm";
  const std::string file = "From a@b.example Mon Nov 10 10:15:00 2025\r\n" + std::string(kMail) +
                           std::string(3'000'000, 'x');

  const auto taken = admin.request("POST", path, {{"Content-Type", "application/mbox"}}, file);

  EXPECT_EQ(taken.status, 200) << taken.body;
  EXPECT_EQ(taken.field("id"), "17");
  EXPECT_EQ(mail_importer_.bytes, file.size());
  EXPECT_EQ(taken.field("mails"), "1");
  EXPECT_EQ(taken.field("outcomes/deal_created"), "1");
  EXPECT_EQ(taken.field("pending"), "0");
  EXPECT_EQ(mail_importer_.mailbox, "crm");
  EXPECT_EQ(mail_importer_.format, MailImporter::Format::mbox);
  EXPECT_EQ(mail_importer_.seen, file);
  admin.request("POST", path, {{"Content-Type", "message/rfc822"}}, kMail);
  EXPECT_EQ(mail_importer_.format, MailImporter::Format::message);
  admin.request("POST", path, {{"Content-Type", "application/octet-stream"}}, kMail);
  EXPECT_EQ(mail_importer_.format, MailImporter::Format::detected);
}

TEST_F(MailApi, HowFarAnImportIsCanBeReadWhileItRuns) {
  const auto id =
      sql("INSERT INTO ops.mail_import (mailbox_id, file_bytes, read_bytes, mails, outcomes, "
          "mails_per_minute, left_seconds) SELECT id, 1000, 400, 3, '{\"deal_created\": 3}', 90, 7 "
          "FROM "
          "ops.mailbox WHERE code = 'crm' RETURNING id");
  HttpClient admin = administrator();

  const auto all = admin.get("/api/v1/mail/imports?status=running");

  EXPECT_EQ(all.field("items/0/id"), std::to_string(id)) << all.body;
  const auto one = admin.get("/api/v1/mail/imports/" + std::to_string(id));
  EXPECT_EQ(one.field("read_bytes"), "400") << one.body;
  EXPECT_EQ(one.field("file_bytes"), "1000");
  EXPECT_EQ(one.field("mails"), "3");
  EXPECT_EQ(one.field("outcomes/deal_created"), "3");
  EXPECT_EQ(one.field("mails_per_minute"), "90");
  EXPECT_EQ(one.field("left_seconds"), "7");
  EXPECT_EQ(client_of("manager", {"crm-manager"}).get("/api/v1/mail/imports").field("items"), "[]");
}

TEST_F(MailApi, AnImportThatBrokeOffSaysWhatWasDone) {
  HttpClient admin = administrator();
  mail_importer_.failure = Error{.code = ErrorCode::unavailable, .detail = "the database is away"};
  const auto answer = admin.request("POST", "/api/v1/mail/import?mailbox=crm",
                                    {{"Content-Type", "message/rfc822"}}, kMail);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.field("detail"),
            "the database is away. 1 mails were taken in before; send the file again, they will be "
            "known");
}

TEST_F(MailApi, AnImportHasItsLimitItsRightsAndItsMailbox) {
  options_.max_import_bytes = 1'000;
  restart();
  HttpClient admin = administrator();
  const testing::HttpHeaders type{{"Content-Type", "message/rfc822"}};
  const std::string path = "/api/v1/mail/import?mailbox=crm";
  EXPECT_EQ(admin.request("POST", path, type, std::string(1'001, 'x')).status, 413);
  EXPECT_EQ(admin.request("POST", "/api/v1/mail/import", type, kMail).status, 400);
  EXPECT_EQ(admin.post(path, "{}").status, 415);
  HttpClient reader = client_of("reader", {"crm-administrators"}, {"mail:read"});
  EXPECT_EQ(reader.request("POST", path, type, kMail).status, 403);
  HttpClient manager = client_of("manager", {"crm-manager"}, {"mail:write"});
  EXPECT_EQ(manager.request("POST", path, type, kMail).status, 403);
  EXPECT_EQ(admin.request("POST", path, type, kMail).status, 200);
}

}  // namespace
}  // namespace c360::api

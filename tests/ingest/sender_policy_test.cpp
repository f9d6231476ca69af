// Blocked and allowed senders, who is unknown, loops, bounces, lists: never a deal, always visible.
#include "ingest/quarantine.h"
#include "ingest/thread_id.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

class SenderPolicy : public IntakeTest {
 protected:
  store::RecordView rule(const std::string& body) {
    const auto made = records.create(registry.get("mail_sender_rule"), *Json::parse(body),
                                     store::Actor::system("api"));
    EXPECT_TRUE(made) << (made ? "" : made.error().detail);
    return made ? *made : store::RecordView{};
  }
  static std::string mail_of(const std::string& address, const std::string& id,
                             const std::string& headers = {}) {
    std::string mail = letter(id, "Вопрос", headers);
    const std::string anna = "anna@romashka.example";
    return mail.replace(mail.find(anna), anna.size(), address);
  }
  std::string decided_by(ingest::Uid uid) {
    return one("SELECT rule_id FROM ops.mail WHERE uid = " + std::to_string(uid));
  }
};

TEST_F(SenderPolicy, ABlockedSenderIsIgnoredByNameFromTheNextMailOn) {
  server.add(1, mail_of("ads@spam.example", "s1@x"));
  pass();
  ASSERT_EQ(outcome(1), "deal_created");
  const auto made = rule(R"({"sender": "@Spam.Example", "action": "block"})");
  server.add(2, mail_of("Ads@SPAM.example", "s2@x"));
  server.add(3, mail_of("ann@notspam.example", "s3@x"));

  pass();

  EXPECT_EQ(outcome(2), "ignored");
  EXPECT_EQ(decided_by(2), "blocked-sender");
  EXPECT_EQ(one("SELECT extracted -> 'sender_rule' ->> 'sender' FROM ops.mail "
                "WHERE uid = 2"),
            "@spam.example");
  EXPECT_EQ(outcome(3), "deal_created");
  EXPECT_TRUE(server.seen(2));

  ASSERT_TRUE(
      records.remove(registry.get("mail_sender_rule"), made.key, store::Actor::system("api")));
  server.add(4, mail_of("ads@spam.example", "s4@x"));
  pass();
  EXPECT_EQ(outcome(4), "deal_created");
}

TEST_F(SenderPolicy, TheMoreParticularRuleDecides) {
  const std::string box = std::to_string(mailbox_id());
  rule(R"({"sender": "@spam.example", "action": "block"})");
  rule(R"({"sender": "good@spam.example", "action": "allow"})");
  rule(R"({"sender": "held@spam.example", "action": "block"})");
  rule(R"({"sender": "held@spam.example", "action": "quarantine", "mailbox_id": )" + box + "}");
  server.add(1, mail_of("good@spam.example", "s1@x"));
  server.add(2, mail_of("held@spam.example", "s2@x"));

  pass();

  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_EQ(reason(2), "unknown_sender");
  EXPECT_NE(one("SELECT details FROM ops.quarantine").find("held@spam.example, this mailbox"),
            std::string::npos);
}

TEST_F(SenderPolicy, AMailboxMayTakeInOnlyWhomTheCrmKnows) {
  rule(R"({"sender": "unknown", "action": "quarantine", "mailbox_id": )" +
       std::to_string(mailbox_id()) + "}");
  query(
      "INSERT INTO crm.user (login, last_name, email) "
      "VALUES ('olga', 'Ольга', 'olga@client360.example')");
  server.add(1, mail_of("olga@client360.example", "s1@x"));
  server.add(2, mail_of("nobody@elsewhere.example", "s2@x"));

  pass();

  EXPECT_EQ(outcome(1), "deal_created");
  EXPECT_EQ(reason(2), "unknown_sender");
}

TEST_F(SenderPolicy, AReleasedMailPassesWhateverTheRulesSay) {
  rule(R"({"sender": "@held.example", "action": "quarantine"})");
  server.add(1, mail_of("ann@held.example", "s1@x"));
  pass();
  const std::int64_t user = std::stoll(
      one("INSERT INTO crm.user (login, last_name) VALUES ('boss', 'Boss') RETURNING id"));
  ingest::QuarantineDesk desk{database,
                              inboxes,
                              [](std::string_view) { return std::nullopt; },
                              {.spool_folder = spool},
                              clock};

  const auto released = desk.release(std::stoll(one("SELECT id FROM ops.quarantine")), user);

  ASSERT_TRUE(released) << released.error().detail;
  EXPECT_EQ(released->outcome, "deal_created");
}

TEST_F(SenderPolicy, ASenderIsAnAddressADomainOrUnknown) {
  for (const char* wrong : {"", "spam", "a@", "@", "a@b@c", "a b@c", "<a@b>"}) {
    const auto made = records.create(
        registry.get("mail_sender_rule"),
        *Json::parse(std::string(R"({"action": "block", "sender": ")") + wrong + "\"}"),
        store::Actor::system("api"));
    ASSERT_FALSE(made) << wrong;
    EXPECT_EQ(made.error().code, ErrorCode::validation_failed) << wrong;
  }
  rule(R"({"sender": "a@b.example", "action": "block"})");
  const auto twice = records.create(registry.get("mail_sender_rule"),
                                    *Json::parse(R"({"sender": "A@B.example", "action": "allow"})"),
                                    store::Actor::system("api"));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, ErrorCode::conflict);
}

TEST_F(SenderPolicy, SomebodyNewOfACustomerIsLetInWhereTheMailboxSaysSo) {
  const auto customer =
      records.create(registry.get("counterparty"),
                     *Json::parse(R"({"name": "Ромашка", "email_domains": ["romashka.example"]})"),
                     store::Actor::system("import"), {.profile = store::Profile::draft});
  ASSERT_TRUE(customer) << customer.error().detail;
  settings.code = "support";
  settings.kind = ingest::MailboxKind::support;
  server.add(1, letter("s1@x", "Вопрос"));
  pass();
  ASSERT_EQ(reason(1), "unknown_sender") << "held unless somebody says otherwise";
  rule(R"({"sender": "unknown", "action": "allow", "mailbox_id": )" + std::to_string(mailbox_id()) +
       "}");
  server.add(2, letter("s2@x", "Вопрос"));
  server.add(3, letter("s3@x", "Ещё вопрос"));
  server.add(4, mail_of("nobody@elsewhere.example", "s4@x"));

  pass();

  EXPECT_EQ(outcome(2), "support_created");
  EXPECT_EQ(outcome(3), "support_created");
  EXPECT_EQ(one("SELECT count(DISTINCT initiator_contact_id) FROM crm.support_request"), "1");
  EXPECT_EQ(one("SELECT full_name || '|' || email || '|' || counterparty_id FROM crm.contact"),
            "Anna|anna@romashka.example|" + std::to_string(customer->id));
  EXPECT_EQ(reason(4), "unknown_sender") << "of nobody's domain: there is no customer to name";
}

TEST_F(SenderPolicy, AnswersThatComeTooFastAreALoop) {
  settings.loop_limit = 3;
  const auto answer = [](int id) {
    return letter("loop" + std::to_string(id) + "@x", "Re: Вопрос",
                  "In-Reply-To: <first@x>\r\nReferences: <first@x>\r\n");
  };
  server.add(1, letter("first@x", "Вопрос"));
  server.add(2, answer(2));
  server.add(3, answer(3));
  pass();
  for (int id = 4; id <= 6; ++id) server.add(static_cast<ingest::Uid>(id), answer(id));
  server.add(7, mail_of("other@romashka.example", "o1@x", "In-Reply-To: <first@x>\r\n"));
  for (int id = 8; id <= 12; ++id)
    server.add(static_cast<ingest::Uid>(id), form_mail(id));  // no answers: no loop

  pass();

  EXPECT_EQ(outcome(4), "activity_added");
  EXPECT_EQ(reason(5), "loop_suspected");
  EXPECT_EQ(reason(6), "loop_suspected");
  EXPECT_EQ(outcome(7), "activity_added") << "another sender";
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "6");

  rule(R"({"sender": "anna@romashka.example", "action": "allow"})");
  server.add(13, answer(13));
  pass();
  EXPECT_EQ(outcome(13), "activity_added");

  query("UPDATE ops.mail_content SET read_at = now() - interval '61 minutes'");
  query("DELETE FROM ops.mail_sender_rule");
  server.add(14, answer(14));
  pass();
  EXPECT_EQ(outcome(14), "activity_added") << "the window has passed";
}

std::string bounce_of(const std::string& message_id) {
  return "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered\r\nReturn-Path: <>\r\n"
         "Message-ID: <b-" +
         message_id +
         ">\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
         "--b\r\n\r\nIt failed.\r\n"
         "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
         "mx.example\r\n\r\n"
         "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\n"
         "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <" +
         message_id + ">\r\n\r\n--b--\r\n";
}

TEST_F(SenderPolicy, ABounceIsIgnoredAndNamesTheRecordWhoseMailCameBack) {
  server.add(1, letter("first@romashka.example", "Вопрос"));
  pass();
  const std::string deal = one("SELECT id FROM crm.deal");
  const Secret key{"a key of the tests"};
  const ingest::Inboxes keyed{
      registry, records, {rules, rules_version}, {.spool_folder = spool, .thread_key = key}};
  const std::string sent = ingest::make_thread_id(key, std::stoll(deal), "0badcafe", "our.example");
  server.add(2, bounce_of("first@romashka.example"));
  server.add(3, bounce_of(sent));
  server.add(4, bounce_of("nobody-knows@elsewhere.example"));
  ingest::Poller poller{
      mailbox_id(), settings, scripted_factory(server),
      ingest::PollerPorts{database, keyed, leases, workers, options, quiet.observer, clock}};

  ASSERT_TRUE(poller.pass());

  for (const ingest::Uid uid : {2U, 3U, 4U}) {
    EXPECT_EQ(outcome(uid), "ignored");
    EXPECT_EQ(decided_by(uid), "bounce");
  }
  EXPECT_EQ(one("SELECT string_agg(bounced_message_id || '|' || "
                "coalesce(outcome_record_id::text, '-'), ' ' ORDER BY uid) "
                "FROM ops.mail WHERE uid > 1"),
            "first@romashka.example|" + deal + " " + sent + "|" + deal +
                " nobody-knows@elsewhere.example|-");
  EXPECT_EQ(one("SELECT count(*) FROM crm.activity"), "0");
}

TEST_F(SenderPolicy, WhatAListSentIsIgnoredByNameAndAFormOfAMailingServiceIsNot) {
  server.add(1, mail_of("news@x.example", "l1@x", "List-Id: News <news.x.example>\r\n"));
  std::string form = form_mail(1);
  server.add(2, form.insert(form.find("Subject:"), "List-Unsubscribe: <mailto:u@x.example>\r\n"));

  pass();

  EXPECT_EQ(outcome(1), "ignored");
  EXPECT_EQ(decided_by(1), "mailing-list");
  EXPECT_EQ(outcome(2), "deal_created");
}

}  // namespace
}  // namespace c360::testing

// Mail to the service desk: whose request it becomes, what an answer does, and what is held.
#include "daemon/base/text.h"
#include "ingest/quarantine.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

class SupportMail : public IntakeTest {
 protected:
  SupportMail() {
    settings.code = "support";
    settings.kind = ingest::MailboxKind::support;
    customer =
        make("counterparty", R"({"name": "Ромашка", "email_domains": ["romashka.example"]})");
    anna = make("contact",
                R"({"full_name": "Anna", "email": "anna@romashka.example", "counterparty_id": )" +
                    customer + "}");
  }

  std::string make(std::string_view kind, const std::string& body) {
    const auto made =
        records.create(registry.get(kind), *Json::parse(body), store::Actor::system("import"),
                       {.profile = store::Profile::draft});
    EXPECT_TRUE(made) << (made ? "" : made.error().detail);
    return made ? std::to_string(made->id) : "";
  }
  std::string request(const std::string& expression) {
    return one("SELECT " + expression + " FROM crm.support_request");
  }
  std::string number() { return request("number"); }
  void reply(ingest::Uid uid, const std::string& headers = {}) {
    server.add(uid, letter("reply-" + std::to_string(uid) + "@romashka.example",
                           "Re: (SD-" + number() + ") Вопрос", headers, "Вот ответ."));
  }

  std::string customer, anna;
};

TEST_F(SupportMail, ALetterOfAContactBecomesARequestOfItsCustomer) {
  server.add(41, with_attachment("s1@romashka.example", "Не печатает"));

  pass();

  EXPECT_EQ(outcome(41), "support_created");
  EXPECT_EQ(request("concat_ws('|', subject, content_text, status, priority, channel, author, "
                    "assignee_group_id, origin, created_automatically)"),
            "Не печатает|См. вложение.|first_line|medium|external|Anna <anna@romashka.example>|"
            "support-line-1|mail|t");
  EXPECT_EQ(request("counterparty_id || '|' || initiator_contact_id"), customer + "|" + anna);
  EXPECT_EQ(one("SELECT (m.outcome_record_id = s.id AND s.mail_message_id = m.id)::text "
                "FROM ops.mail m, crm.support_request s"),
            "true");
  EXPECT_EQ(one("SELECT d.name FROM crm.document d JOIN crm.support_request s "
                "ON s.id = d.parent_record_id"),
            "act.pdf");
  EXPECT_EQ(one("SELECT string_agg(event, ',' ORDER BY id) FROM crm.history_event h "
                "WHERE record_id = (SELECT id FROM crm.support_request) AND "
                "(event <> 'created' OR mail_message_id IS NOT NULL)"),
            "created,document_added");
  EXPECT_EQ(one("SELECT contact_id FROM crm.record_contact"), anna);
  EXPECT_TRUE(server.seen(41));
}

TEST_F(SupportMail, ACriticalWordInTheSubjectMakesItUrgent) {
  server.add(41, letter("s1@romashka.example", "СРОЧНО: не печатает"));

  pass();

  EXPECT_EQ(request("priority"), "urgent");
}

TEST_F(SupportMail, TheLineOfTheCustomerGetsIt) {
  query("INSERT INTO crm.support_client_settings (counterparty_id, line1_group) VALUES (" +
        customer + ", 'support-line-3')");
  server.add(41, letter("s1@romashka.example", "Не печатает"));

  pass();

  EXPECT_EQ(request("assignee_group_id"), "support-line-3");
}

TEST_F(SupportMail, APortalUserIsKnownTooAndABlockedOneIsNot) {
  query(
      "INSERT INTO crm.counterparty_user (counterparty_id, login, email, full_name, status) "
      "VALUES (" +
      customer + ", 'boris', 'boris@romashka.example', 'Борис', 'active'), (" + customer +
      ", 'fired', 'fired@romashka.example', 'Уволен', 'blocked')");
  const auto from = [](std::string mail, const std::string& address) {
    const std::string usual = "anna@romashka.example";
    return mail.replace(mail.find(usual), usual.size(), address);
  };
  server.add(41, from(letter("s1@x", "Вопрос"), "Boris@Romashka.example"));
  server.add(42, from(letter("s2@x", "Вопрос"), "fired@romashka.example"));
  server.add(43, from(letter("s3@x", "Вопрос"), "nobody@elsewhere.example"));

  pass();

  EXPECT_EQ(outcome(41), "support_created");
  EXPECT_EQ(one("SELECT u.login FROM crm.support_request s JOIN crm.counterparty_user u "
                "ON u.id = s.initiator_account_id"),
            "boris");
  EXPECT_EQ(reason(42), "unknown_sender");
  EXPECT_EQ(reason(43), "unknown_sender");
  EXPECT_FALSE(server.seen(43));
}

TEST_F(SupportMail, ASenderOfTwoCustomersIsForAPersonToDecide) {
  const std::string other = make("counterparty", R"({"name": "Филиал"})");
  query("UPDATE crm.counterparty SET email_domains = '{romashka.example}' WHERE id = " + other);
  server.add(41, letter("s1@romashka.example", "Вопрос"));
  pass();
  EXPECT_EQ(outcome(41), "support_created") << "of two with the domain the one that knows her";
  make("contact", R"({"full_name": "Anna", "email": "anna@romashka.example", "counterparty_id": )" +
                      other + "}");
  server.add(42, letter("s2@romashka.example", "Ещё вопрос"));

  pass();

  EXPECT_EQ(reason(42), "ambiguous_target");
}

TEST_F(SupportMail, OneOfUsAsksOnBehalfOfTheDefaultCustomer) {
  const std::string ours = make("counterparty", R"({"name": "Мы", "portal_default": true})");
  query("UPDATE crm.counterparty SET email_domains = '{client360.example}' WHERE id = " + ours);
  const std::string user =
      one("INSERT INTO crm.user (login, last_name, email) "
          "VALUES ('olga', 'Ольга', 'olga@client360.example') RETURNING id");
  std::string mail = letter("s1@x", "Не работает принтер");
  server.add(41, mail.replace(mail.find("anna@romashka"), 13, "olga@client360"));

  pass();

  EXPECT_EQ(request("channel || '|' || initiator_user_id"), "internal|" + user);
}

TEST_F(SupportMail, AnAnswerWithTheNumberIsACommentInTheSendersName) {
  server.add(41, letter("s1@romashka.example", "Не печатает"));
  pass();
  const std::string id = request("id");
  std::string mail = with_attachment("r1@romashka.example", "RE: [SD-" + number() + "] печать");
  server.add(42, mail);

  pass();

  EXPECT_EQ(outcome(42), "comment_added");
  EXPECT_EQ(one("SELECT outcome_record_id FROM ops.mail WHERE uid = 42"), id);
  EXPECT_EQ(one("SELECT concat_ws('|', c.text, c.source, c.author_contact_id, c.record_id) "
                "FROM crm.comment c JOIN crm.activity a ON a.comment_id = c.id "
                "AND a.id = c.activity_id AND a.type = 'comment' "
                "JOIN ops.mail m ON m.id = c.mail_message_id AND m.uid = 42"),
            "См. вложение.<ul><li>act.pdf</li></ul>|mail|" + anna + "|" + id);
  EXPECT_EQ(one("SELECT d.name FROM crm.document d JOIN crm.activity_document x "
                "ON x.document_id = d.id WHERE d.parent_record_id = " +
                id),
            "act.pdf");
  EXPECT_EQ(one("SELECT count(*) FROM crm.history_event h JOIN ops.mail m "
                "ON m.id = h.mail_message_id AND m.uid = 42 "
                "WHERE h.event = 'comment_added' AND h.record_id = " +
                id),
            "1");
  EXPECT_EQ(request("status"), "first_line");
}

TEST_F(SupportMail, AThreadWithoutANumberGoesOnInItsRequest) {
  server.add(41, letter("s1@romashka.example", "Не печатает"));
  server.add(42, letter("s2@romashka.example", "Re: Не печатает",
                        "In-Reply-To: <s1@romashka.example>\r\n"));
  pass();
  server.add(43, letter("s3@romashka.example", "Re: Не печатает",
                        "References: <s1@romashka.example> <s2@romashka.example>\r\n"));

  pass();

  EXPECT_EQ(outcome(42), "comment_added") << "of the same batch";
  EXPECT_EQ(outcome(43), "comment_added");
  EXPECT_EQ(one("SELECT count(*) FROM crm.support_request"), "1");
  EXPECT_EQ(one("SELECT count(*) FROM crm.comment"), "2");
}

TEST_F(SupportMail, AnAnswerReturnsTheRequestToItsLineOrOpensItAgain) {
  server.add(41, letter("s1@romashka.example", "Не печатает"));
  pass();
  query("UPDATE crm.support_request SET status = 'clarification', returns_to = 'second_line_work'");
  reply(42);
  pass();
  EXPECT_EQ(request("status"), "second_line_work");
  query("UPDATE crm.support_request SET status = 'closed', closed_at = now() - interval '6 days'");
  reply(43);

  pass();

  EXPECT_EQ(request("status || '|' || (closed_at IS NULL)"), "first_line|true");
  EXPECT_EQ(one("SELECT count(*) FROM crm.history_event WHERE event = 'status_changed'"), "2");
  EXPECT_EQ(one("SELECT count(*) FROM crm.comment"), "2");
}

TEST_F(SupportMail, AnAnswerToALongClosedRequestIsANewOneThatContinuesIt) {
  server.add(41, letter("s1@romashka.example", "Не печатает"));
  pass();
  query("UPDATE crm.support_request SET status = 'closed', closed_at = now() - interval '8 days'");
  reply(42);

  pass();

  EXPECT_EQ(outcome(42), "support_created");
  EXPECT_EQ(one("SELECT new.status || '|' || old.status FROM crm.support_request new "
                "JOIN crm.support_request old ON old.id = new.continues_id"),
            "first_line|closed");
}

TEST_F(SupportMail, AStrangerDoesNotWriteIntoARequest) {
  server.add(41, letter("s1@romashka.example", "Не печатает"));
  pass();
  query("UPDATE crm.support_request SET status = 'clarification', returns_to = 'first_line_work'");
  std::string mail = letter("evil@x", "Re: (SD-" + number() + ") закрыть");
  server.add(42, mail.replace(mail.find("romashka"), 8, "stranger"));
  server.add(43, letter("s9@romashka.example", "Re: (SD-424242) нет такой"));

  pass();

  EXPECT_EQ(reason(42), "unknown_sender");
  EXPECT_EQ(reason(43), "target_not_found");
  EXPECT_EQ(request("status"), "clarification");
  EXPECT_EQ(one("SELECT count(*) FROM crm.comment"), "0");
}

TEST_F(SupportMail, OurOwnAnswerIsACommentAndChangesNothing) {
  const std::string user =
      one("INSERT INTO crm.user (login, last_name, email) "
          "VALUES ('olga', 'Ольга', 'olga@client360.example') RETURNING id");
  server.add(41, letter("s1@romashka.example", "Не печатает"));
  pass();
  query("UPDATE crm.support_request SET status = 'clarification', returns_to = 'first_line_work'");
  std::string mail = letter("a1@x", "Re: (SD-" + number() + ") Какая версия?");
  server.add(42, mail.replace(mail.find("anna@romashka"), 13, "olga@client360"));

  pass();

  EXPECT_EQ(outcome(42), "comment_added");
  EXPECT_EQ(one("SELECT author_id FROM crm.comment"), user);
  EXPECT_EQ(request("status"), "clarification");
}

// Customers read comments: nobody is said to have written what his domain disowns.
TEST_F(SupportMail, AForgedAnswerIsNobodysComment) {
  settings.authserv_id = "mx.our.example";
  query(
      "INSERT INTO crm.user (login, last_name, email) "
      "VALUES ('olga', 'Ольга', 'olga@client360.example')");
  server.add(41, letter("s1@romashka.example", "Не печатает"));
  pass();
  query("UPDATE crm.support_request SET status = 'clarification', returns_to = 'first_line_work'");
  const std::string fails = "Authentication-Results: mx.our.example; dmarc=fail\r\n";
  std::string mail = letter("a1@x", "Re: (SD-" + number() + ") Пароль?", fails);
  server.add(42, mail.replace(mail.find("anna@romashka"), 13, "olga@client360"));
  reply(43, fails);

  pass();

  EXPECT_EQ(outcome(42), "comment_added");
  EXPECT_EQ(query("SELECT coalesce(author_id, author_contact_id)::text "
                  "FROM crm.comment c JOIN crm.activity a ON a.id = c.activity_id"),
            (std::vector<std::string>{"", ""}));
  EXPECT_EQ(query("SELECT link_grade FROM crm.activity"),
            (std::vector<std::string>{"claimed", "claimed"}));
  EXPECT_EQ(request("status"), "clarification");
}

TEST_F(SupportMail, PicturesInTheTextAreShownFromTheirDocuments) {
  server.add(41,
             "From: Anna <anna@romashka.example>\r\nTo: sd@client360.example\r\n"
             "Message-ID: <p1@romashka.example>\r\nSubject: Снимок\r\nMIME-Version: 1.0\r\n"
             "Content-Type: multipart/related; boundary=b1\r\n\r\n"
             "--b1\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
             "<p>Вот: <img src=\"cid:pic@1\"><img src=\"cid:gone\"></p>\r\n"
             "--b1\r\nContent-Type: image/png; name=a.png\r\nContent-ID: <pic@1>\r\n"
             "Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\n"
             "iVBORw0KGgo=\r\n--b1--\r\n");

  pass();

  const std::string document = one("SELECT id FROM crm.document");
  EXPECT_EQ(request("content"),
            "<p>Вот: <img src=\"/api/v1/documents/" + document + "/content\"></p>");
}

TEST_F(SupportMail, AMailWithoutTextButWithASubjectIsHeldAndMadeARequestByRelease) {
  const std::string user =
      one("INSERT INTO crm.user (login, last_name) VALUES ('boss', 'Boss') RETURNING id");
  server.add(41, letter("s1@romashka.example", "Не печатает", "", " "));
  pass();
  ASSERT_EQ(reason(41), "empty_body");
  ingest::QuarantineDesk desk{database,
                              inboxes,
                              [](std::string_view) { return std::nullopt; },
                              {.spool_folder = spool},
                              clock};

  const auto released =
      desk.release(std::stoll(one("SELECT id FROM ops.quarantine")), std::stoll(user));

  ASSERT_TRUE(released) << released.error().detail;
  EXPECT_EQ(released->outcome, "support_created");
  EXPECT_EQ(released->record_kind, "support_request");
  EXPECT_EQ(request("content"), "Не печатает");
}

// All or nothing, and one bad mail alone.
TEST_F(SupportMail, WhatTheDatabaseRefusesLeavesNothingBehind) {
  postgres.execute(url,
                   "ALTER TABLE crm.support_request ADD CONSTRAINT no_seven "
                   "CHECK (subject <> 'Вопрос 7')");
  for (int i = 1; i <= 9; ++i)
    server.add(static_cast<ingest::Uid>(i), letter("s" + std::to_string(i) + "@romashka.example",
                                                   "Вопрос " + std::to_string(i)));

  pass();

  EXPECT_EQ(one("SELECT count(*) FROM crm.support_request"), "8");
  EXPECT_EQ(reason(7), "parse_error");
  EXPECT_EQ(one("SELECT count(*) FROM crm.record WHERE kind = 'support_request'"), "8");
}

}  // namespace
}  // namespace c360::testing

// Each link from a mail to a record says how sure it is; what is only claimed changes nothing.
#include "ingest/thread_id.h"
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

constexpr std::string_view kPass =
    "Authentication-Results: mx.our.example; dmarc=pass header.from=romashka.example\r\n";
constexpr std::string_view kFail =
    "Authentication-Results: mx.our.example; dmarc=fail header.from=romashka.example\r\n";
constexpr std::string_view kForeign =
    "Authentication-Results: mx.evil.example; dmarc=pass header.from=romashka.example\r\n";

class LinkGrade : public IntakeTest {
 protected:
  LinkGrade() {
    settings.authserv_id = "mx.our.example";
    server.add(1, letter("first@romashka.example", "Вопрос по продукту"));
    pass();
    deal = one("SELECT id FROM crm.deal");
    number = one("SELECT number FROM crm.deal");
  }

  // A mail that claims to answer the deal's first one.
  static std::string answer(const std::string& id, std::string_view headers,
                            const std::string& from = "anna@romashka.example") {
    std::string mail = letter(id, "Re: Вопрос по продукту",
                              std::string(headers) + "In-Reply-To: <first@romashka.example>\r\n");
    const std::string anna = "anna@romashka.example";
    return mail.replace(mail.find(anna), anna.size(), from);
  }
  std::string grade(ingest::Uid uid) {
    return one("SELECT link_grade FROM ops.mail WHERE uid = " + std::to_string(uid));
  }

  std::string deal, number;
};

TEST_F(LinkGrade, OurServersWordAndAKnownAddressMakeIt) {
  server.add(11, answer("a1@x", kPass));
  server.add(12, answer("a2@x", ""));
  server.add(13, answer("a3@x", kFail));
  server.add(14, answer("a4@x", kForeign));
  server.add(15, answer("a5@x", kForeign, "eve@stranger.example"));
  server.add(16, answer("a6@x",
                        "Authentication-Results: mx.our.example; dmarc=pass "
                        "header.from=stranger.example\r\n",
                        "eve@stranger.example"));

  pass();

  EXPECT_EQ(grade(11), "authenticated");
  EXPECT_EQ(grade(12), "known_sender");
  EXPECT_EQ(grade(13), "claimed") << "the domain itself disowns it";
  EXPECT_EQ(grade(14), "known_sender") << "another server's word changes nothing";
  EXPECT_EQ(grade(15), "claimed");
  EXPECT_EQ(grade(16), "claimed") << "proven, but nobody the record knows";
  EXPECT_EQ(one("SELECT count(*) FROM crm.activity WHERE parent_record_id = " + deal), "6")
      << "all of them are shown";
  EXPECT_EQ(one("SELECT string_agg(DISTINCT a.link_grade, ',' ORDER BY a.link_grade) "
                "FROM crm.activity a JOIN ops.mail m ON m.id = a.mail_message_id "
                "WHERE a.link_grade = m.link_grade"),
            "authenticated,claimed,known_sender");
  EXPECT_EQ(one("SELECT auth_results ->> 'proof' FROM ops.mail WHERE uid = 11"), "pass");
  EXPECT_EQ(one("SELECT auth_results FROM ops.mail WHERE uid = 14"), "{}");
}

TEST_F(LinkGrade, WithoutTheNameOfOurServerNobodyIsBelieved) {
  settings.authserv_id.clear();
  poller_.reset();
  leases.release("crm", "INBOX");
  server.add(11, answer("a1@x", kPass));

  pass();

  EXPECT_EQ(grade(11), "known_sender");
}

TEST_F(LinkGrade, AWholeThreadInOneBatchIsGradedToo) {
  server.add(21, letter("new@romashka.example", "Другой вопрос"));
  std::string second =
      letter("new2@x", "Re: Другой вопрос", "In-Reply-To: <new@romashka.example>\r\n");
  server.add(22, second);
  server.add(23, second.replace(second.find("anna@romashka"), 13, "eve@stranger")
                     .replace(second.find("<new2@x>"), 8, "<new3@x>"));

  pass();

  EXPECT_EQ(grade(22), "known_sender");
  EXPECT_EQ(grade(23), "claimed");
}

TEST_F(LinkGrade, WhatMakesARecordHasNoGrade) {
  EXPECT_EQ(one("SELECT link_grade IS NULL FROM ops.mail WHERE uid = 1"), "t");
}

// A customer is not "contacted" because somebody put his number into a subject.
TEST_F(LinkGrade, WhatIsOnlyClaimedDoesNotCountAsContact) {
  const auto company = records.create(
      registry.get("counterparty"), *Json::parse(R"({"name": "Ромашка", "types": ["buyer"]})"),
      store::Actor::system("import"), {.profile = store::Profile::draft});
  ASSERT_TRUE(company) << company.error().detail;
  query("UPDATE crm.deal SET counterparty_id = " + std::to_string(company->id));
  server.add(11, answer("a1@x", "", "eve@stranger.example"));
  pass();
  EXPECT_EQ(one("SELECT last_contact_at IS NULL FROM crm.counterparty"), "t");
  server.add(12, answer("a2@x", ""));

  pass();

  EXPECT_EQ(one("SELECT last_contact_at IS NULL FROM crm.counterparty"), "f");
}

class SupportGrade : public IntakeTest {
 protected:
  SupportGrade() {
    settings.code = "support";
    settings.kind = ingest::MailboxKind::support;
    settings.authserv_id = "mx.our.example";
    const auto made = records.create(
        registry.get("counterparty"),
        *Json::parse(R"({"name": "Ромашка", "email_domains": ["romashka.example"]})"),
        store::Actor::system("import"), {.profile = store::Profile::draft});
    EXPECT_TRUE(made);
    EXPECT_TRUE(
        records.create(registry.get("contact"),
                       *Json::parse(R"({"full_name": "Anna", "email": "anna@romashka.example", )"
                                    R"("counterparty_id": )" +
                                    std::to_string(made->id) + "}"),
                       store::Actor::system("import"), {.profile = store::Profile::draft}));
    server.add(1, letter("s1@romashka.example", "Не печатает"));
    pass();
    number = one("SELECT number FROM crm.support_request");
    query("UPDATE crm.support_request SET status = 'closed', closed_at = now()");
  }
  std::string reply(std::string_view headers, const std::string& local) {
    std::string mail = letter(local + "-1@x", "Re: (SD-" + number + ") Не печатает",
                              std::string(headers) + "References: <s1@romashka.example>\r\n");
    return mail.replace(mail.find("anna@"), 5, local + "@");
  }
  std::string status() { return one("SELECT status FROM crm.support_request"); }
  std::string number;
};

TEST_F(SupportGrade, AForgedReferenceAttachesAndChangesNothing) {
  server.add(11, reply(kFail, "anna"));
  server.add(12, reply(kForeign, "somebody"));  // the customer's domain, but nobody we know

  pass();

  EXPECT_EQ(outcome(11), "comment_added");
  EXPECT_EQ(outcome(12), "comment_added");
  EXPECT_EQ(one("SELECT string_agg(link_grade, ',' ORDER BY uid) FROM ops.mail "
                "WHERE uid > 10"),
            "claimed,claimed");
  EXPECT_EQ(status(), "closed");
  EXPECT_EQ(one("SELECT count(*) FROM crm.support_request"), "1");
}

TEST_F(SupportGrade, AColleagueOnAProvenDomainOfTheCustomerOpensItAgain) {
  server.add(11, reply(kPass, "colleague"));

  pass();

  EXPECT_EQ(one("SELECT link_grade FROM ops.mail WHERE uid = 11"), "authenticated");
  EXPECT_EQ(status(), "first_line");
}

TEST_F(SupportGrade, AnIdOfOursNamesItsRequestAndWhoHasItGotOurMail) {
  const Secret key{"a key of the tests"};
  const ingest::Inboxes keyed{
      registry, records, {rules, rules_version}, {.spool_folder = spool, .thread_key = key}};
  const std::string id = one("SELECT id FROM crm.support_request");
  const std::string ours = ingest::make_thread_id(key, std::stoll(id), "0badcafe", "our.example");
  const std::string forged =
      ingest::make_thread_id(Secret{"guessed"}, std::stoll(id), "0badcafe", "our.example");
  ingest::Poller poller{
      mailbox_id(), settings, scripted_factory(server),
      ingest::PollerPorts{database, keyed, leases, workers, options, quiet.observer, clock}};
  const auto mail = [](const std::string& message_id, const std::string& answers) {
    std::string text = letter(message_id, "Об ответе", "In-Reply-To: <" + answers + ">\r\n");
    return text.replace(text.find("anna@"), 5, "colleague@");
  };
  server.add(11, mail("k1@x", forged));
  server.add(12, mail("k2@x", ours));

  ASSERT_TRUE(poller.pass());

  EXPECT_EQ(reason(11), "unknown_sender") << "no thread, and no contact";
  EXPECT_EQ(outcome(12), "comment_added");
  EXPECT_EQ(one("SELECT link_grade FROM ops.mail WHERE uid = 12"), "known_sender");
  EXPECT_EQ(status(), "first_line");
}

}  // namespace
}  // namespace c360::testing

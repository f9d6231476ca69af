// Mails that name a record which is not there any more, and mails of our own.
#include "tests/ingest/intake_fixture.h"

namespace c360::testing {
namespace {

class MailTargets : public IntakeTest {
 protected:
  // Two deals of forms 1 and 2; the first was merged into the second.
  void merge_first_into_second() {
    server.add(1, form_mail(1));
    server.add(2, form_mail(2));
    pass();
    first_ = one("SELECT number FROM crm.deal ORDER BY id LIMIT 1");
    second_ = one("SELECT id FROM crm.deal ORDER BY id DESC LIMIT 1");
    postgres.execute(url, "UPDATE crm.deal SET merged_into_id = " + second_ +
                              ", deleted_at = now() WHERE number = " + first_);
  }
  std::string first_, second_;
};

TEST_F(MailTargets, ANumberOfAMergedDealMeansTheDealItWasMergedInto) {
  merge_first_into_second();
  server.add(3, letter("r1@romashka.example", "Re: Сделка #" + first_));

  pass();

  EXPECT_EQ(outcome(3), "activity_added");
  EXPECT_EQ(one("SELECT parent_record_id FROM crm.activity"), second_);
}

TEST_F(MailTargets, AThreadOfAMergedDealGoesOnInTheDealItWasMergedInto) {
  merge_first_into_second();
  server.add(3, letter("r2@romashka.example", "Re: Запрос стоимости",
                       "In-Reply-To: <form-1@site.client360.example>\r\n"));

  pass();

  EXPECT_EQ(outcome(3), "activity_added");
  EXPECT_EQ(one("SELECT parent_record_id FROM crm.activity"), second_);
}

TEST_F(MailTargets, AMailOfOurOwnIsIgnoredByName) {
  std::string mail = letter("o1@client360.example", "Запрос стоимости");
  mail.replace(mail.find("Anna <anna@romashka.example>"), 28, "CRM <CRM@client360.example>");
  server.add(1, mail);

  pass();

  EXPECT_EQ(outcome(1), "ignored");
  EXPECT_EQ(one("SELECT rule_id FROM ops.mail"), "own-address");
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "0");
}

// Nothing of the text is taken away: which part is new is said beside it.
TEST_F(MailTargets, AForwardNamesItsOriginalSenderAndAnAnswerWhatItQuotes) {
  server.add(1, letter("f1@romashka.example", "Fwd: Вопрос", "",
                       "Прошу ответить.\r\n\r\n-------- Пересылаемое сообщение --------\r\n"
                       "05.02.2024, 12:00, \"Олег\" <oleg@siren.example>:\r\n\r\nСколько стоит?"));
  server.add(2, letter("f2@romashka.example", "Re: Вопрос",
                       "In-Reply-To: <f1@romashka.example>\r\n", "Дорого.\r\n> Сколько стоит?"));

  pass();

  EXPECT_EQ(one("SELECT concat_ws('|', extracted #>> '{reply,kind}', "
                "extracted #>> '{reply,original_sender,name}', "
                "extracted #>> '{reply,original_sender,address}') "
                "FROM ops.mail WHERE uid = 1"),
            "forward|Олег|oleg@siren.example");
  EXPECT_EQ(one("SELECT (extracted #>> '{reply,kind}') || '|' || convert_from(substring("
                "convert_to(body_text, 'UTF8') FROM (extracted #>> '{reply,quoted,0,0}')::int + 1 "
                "FOR (extracted #>> '{reply,quoted,0,1}')::int - "
                "(extracted #>> '{reply,quoted,0,0}')::int), 'UTF8') "
                "FROM ops.mail WHERE uid = 2"),
            "reply|> Сколько стоит?\n");
}

}  // namespace
}  // namespace c360::testing

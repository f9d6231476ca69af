// What people are told of: in the transaction of its reason, in their language, by the ways they
// want; reminders when they are due.
#include "daemon/jobs/notices.h"

#include <gmock/gmock.h>

#include "store/operations/notices.h"
#include "store/service_switches.h"
#include "tests/daemon/job_fixture.h"

namespace c360::daemon {
namespace {

class NoticesTest : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    add_notice_jobs(handlers_, *database_);
    for (const char* channel : {"email", "telegram", "sms"}) switch_channel(channel, true);
    company_ = company_of(seller_);
    forget();
  }
  void switch_channel(const std::string& channel, bool is_on) {
    ASSERT_TRUE(store::set_service_switch(*database_, {.service = channel, .is_on = is_on}));
  }
  std::string deal(const std::string& more, const store::Actor& by) {
    return make("deal", R"({"name":"Склад","counterparty_id":)" + company_ + more + "}", by).key;
  }
  std::string reminder(const std::string& deal, const std::string& more = "") {
    const std::string key =
        make("activity",
             R"({"type":"reminder","topic":"Позвонить","remind_at":"2030-01-01T00:00:00Z",)"
             R"("parent_record_id":)" +
                 deal + more + "}",
             seller_)
            .key;
    set("activity", key, "remind_at = now() - interval '1 minute'");
    return key;
  }
  void change(std::string_view name, const std::string& key, std::string_view body,
              const store::Actor& by) {
    const auto done = records_->update(kind(name), key, json(body), by);
    EXPECT_TRUE(done) << describe(done.error());
  }
  std::string address_of(const store::Actor& who, const std::string& columns) {
    return sql("UPDATE crm.user SET " + columns + " WHERE id = " + id_of(who) + " RETURNING id");
  }
  void forget_users() {
    sql("WITH gone AS (DELETE FROM crm.notification WHERE user_id IS NOT NULL) SELECT 1");
  }
  std::string messages() {
    return sql(
        "SELECT string_agg(channel || ' ' || purpose || ' ' || address, ', ' ORDER BY id) "
        "FROM crm.outbound_message");
  }
  std::string company_;
};

TEST_F(NoticesTest, ANewResponsiblePersonAndTheOneBeforeAreToldInTheirLanguage) {
  address_of(stranger_, "language = 'en'");
  const std::string key = deal("", seller_);
  const std::string number = value("deal", key, "number");
  EXPECT_EQ(told(seller_), "");  // he did it himself
  change("deal", key, R"({"responsible_id":)" + id_of(stranger_) + "}", cco_);
  EXPECT_EQ(told(stranger_),
            "responsible_assigned: You are responsible now: Deal No. " + number + ": Склад");
  EXPECT_EQ(told(seller_),
            "responsible_removed: Ответственным назначен другой сотрудник: Сделка №" + number +
                ": Склад");
  EXPECT_EQ(told(cco_), "");
}

TEST_F(NoticesTest, NothingIsToldWhereTheChangeDoesNotHappen) {
  const std::string key = deal("", seller_);
  store::WriteOptions stale;
  stale.expected_version = 77;
  EXPECT_FALSE(records_->update(
      kind("deal"), key, json(R"({"responsible_id":)" + id_of(stranger_) + "}"), cco_, stale));
  EXPECT_EQ(told(stranger_), "");
}

TEST_F(NoticesTest, TheManagersAreToldOfWhatWaitsToBeTakenToWork) {
  const std::string key = deal(R"(,"responsible_id":null)", cco_);
  const std::string text =
      "take_to_work: Ждёт взятия в работу: Сделка №" + value("deal", key, "number") + ": Склад";
  EXPECT_EQ(told(manager_), text);
  EXPECT_EQ(told(other_), text);
  EXPECT_EQ(told(stranger_), "");
}

TEST_F(NoticesTest, EachStepOfAnAssignmentIsToldToWhomItConcerns) {
  const std::string key = make("assignment",
                               R"({"title":"Счёт","performer_user_id":)" + id_of(stranger_) +
                                   R"(,"verifier_id":)" + id_of(other_) + "}",
                               seller_)
                              .key;
  EXPECT_EQ(told(stranger_), "assignment_new: Вам дано поручение: Поручение: Счёт");
  change("assignment", key, R"({"status":"clarification"})", stranger_);
  change("assignment", key, R"({"status":"in_progress"})", seller_);
  change("assignment", key, R"({"status":"verification"})", stranger_);
  EXPECT_EQ(told(other_), "assignment_verification: Ждёт вашей проверки: Поручение: Счёт");
  change("assignment", key, R"({"status":"complete"})", other_);
  EXPECT_THAT(told(seller_), ::testing::AllOf(::testing::HasSubstr("assignment_clarification"),
                                              ::testing::HasSubstr("assignment_done")));
  EXPECT_THAT(told(stranger_), ::testing::EndsWith("Поручение выполнено: Поручение: Счёт"));
  forget();
  const std::string second =
      make("assignment", R"({"title":"Акт","performer_user_id":)" + id_of(stranger_) + "}", seller_)
          .key;
  change("assignment", second, R"({"status":"in_progress"})", stranger_);
  EXPECT_EQ(told(seller_), "assignment_taken: Поручение взято в работу: Поручение: Акт");
  change("assignment", second, R"({"performer_user_id":)" + id_of(other_) + "}", seller_);
  EXPECT_EQ(told(other_), "assignment_new: Вам дано поручение: Поручение: Акт");
  EXPECT_THAT(told(stranger_),
              ::testing::EndsWith("Поручение передано другому исполнителю: Поручение: Акт"));
}

TEST_F(NoticesTest, CommentsGoFromTheInitiatorToTheLineAndBackUnlessInternal) {
  const store::Actor line = person("line", {"support-line-1"});
  const std::string key =
      make("support_request",
           R"({"subject":"Сбой","content":"x","counterparty_id":)" + company_ + "}", admin_)
          .key;
  forget();
  const auto comment = [&](const std::string& more, const store::Actor& by) {
    make("comment", R"({"record_id":)" + key + R"(,"text":"<p>да</p>")" + more + "}", by);
  };
  const std::string text = "support_comment: Новый комментарий: Заявка SD-" +
                           value("support_request", key, "number") + ": Сбой";
  comment("", admin_);
  EXPECT_EQ(told(line), text);
  EXPECT_EQ(told(admin_), "");
  comment(R"(,"is_internal":true)", line);
  EXPECT_EQ(told(admin_), "");
  comment("", line);
  EXPECT_EQ(told(admin_), text);
}

TEST_F(NoticesTest, ACustomersContactIsWrittenToWhenTheLineAnswers) {
  const store::Actor line = person("line", {"support-line-1"});
  const std::string contact =
      make("contact",
           R"({"full_name":"Анна","email":"anna@client.example","counterparty_id":)" + company_ +
               "}",
           seller_)
          .key;
  const std::string key = make("support_request",
                               R"({"subject":"Сбой","content":"x","counterparty_id":)" + company_ +
                                   R"(,"initiator_contact_id":)" + contact + "}",
                               admin_)
                              .key;
  make("comment", R"({"record_id":)" + key + R"(,"text":"<p>Готово</p>"})", line);
  EXPECT_EQ(run("notifications"), "1 0");
  EXPECT_EQ(messages(), "email support_reply anna@client.example");
  EXPECT_THAT(sql("SELECT body FROM crm.outbound_message"), ::testing::EndsWith("\n\nГотово"));
}

// The sender of a mail that proves nothing is nobody: what he says is for the line alone.
TEST_F(NoticesTest, AMailOfNobodyGoesToTheLineAndNeverToTheInitiator) {
  const store::Actor line = person("line", {"support-line-1"});
  const std::string contact =
      make("contact",
           R"({"full_name":"Анна","email":"anna@client.example","counterparty_id":)" + company_ +
               "}",
           seller_)
          .key;
  const std::string key = make("support_request",
                               R"({"subject":"Сбой","content":"x","counterparty_id":)" + company_ +
                                   R"(,"initiator_contact_id":)" + contact + "}",
                               admin_)
                              .key;
  forget();
  const auto mail = [&](const std::string& author, const std::string& grade) {
    sql("WITH r AS (INSERT INTO crm.record (kind) VALUES ('activity') RETURNING id), a AS (INSERT "
        "INTO crm.activity (id, parent_record_id, type, status, activity_date, link_grade) SELECT "
        "id, " +
        key + ", 'email', 'completed', now(), '" + grade +
        "' FROM r RETURNING id) INSERT INTO crm.comment (record_id, text, source, author_id, "
        "activity_id) SELECT " +
        key + ", 'Пароль?', 'mail', " + author + ", id FROM a RETURNING id");
  };
  mail("NULL", "claimed");
  mail("NULL", "known_sender");
  mail(id_of(admin_), "claimed");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.notification WHERE user_id IS NULL"), "0");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.notification WHERE user_id = " + id_of(line)), "3");
  mail(id_of(admin_), "authenticated");
  EXPECT_EQ(sql("SELECT contact_id FROM crm.notification WHERE user_id IS NULL"), contact);
}

TEST_F(NoticesTest, AnAnswerThatWasTakenBackIsNotSent) {
  const store::Actor line = person("line", {"support-line-1"});
  const std::string contact =
      make("contact",
           R"({"full_name":"Анна","email":"anna@client.example","counterparty_id":)" + company_ +
               "}",
           seller_)
          .key;
  const auto asked = [&] {
    return make("support_request",
                R"({"subject":"Сбой","content":"x","counterparty_id":)" + company_ +
                    R"(,"initiator_contact_id":)" + contact + "}",
                admin_)
        .key;
  };
  const auto answer = [&](const std::string& key) {
    return make("comment", R"({"record_id":)" + key + R"(,"text":"<p>Готово</p>"})", line).key;
  };
  set("comment", answer(asked()), "deleted_at = now()");
  set("comment", answer(asked()), "is_internal = true");
  const std::string gone = asked();
  answer(gone);
  set("support_request", gone, "deleted_at = now()");
  forget_users();
  EXPECT_EQ(run("notifications"), "3 0");
  EXPECT_EQ(messages(), "");
  answer(asked());
  forget_users();
  EXPECT_EQ(run("notifications"), "1 0");
  EXPECT_EQ(messages(), "email support_reply anna@client.example");
}

TEST_F(NoticesTest, WhatNothingCarriesIsNotKeptForTheDayTheChannelIsSetUp) {
  switch_channel("email", false);
  address_of(stranger_, "email = 'o@us.example'");
  deal(R"(,"responsible_id":)" + id_of(stranger_), cco_);
  const store::Actor line = person("line", {"support-line-1"});
  const std::string contact =
      make("contact",
           R"({"full_name":"Анна","email":"anna@client.example","counterparty_id":)" + company_ +
               "}",
           seller_)
          .key;
  const std::string request = make("support_request",
                                   R"({"subject":"Сбой","content":"x","counterparty_id":)" +
                                       company_ + R"(,"initiator_contact_id":)" + contact + "}",
                                   admin_)
                                  .key;
  make("comment", R"({"record_id":)" + request + R"(,"text":"<p>Готово</p>"})", line);
  run("notifications");
  // Of the customer it is seen that nobody wrote to him; the employee has his inbox.
  EXPECT_EQ(messages(), "email support_reply anna@client.example");
  EXPECT_EQ(sql("SELECT status || ' ' || reason FROM crm.outbound_message"),
            "suppressed channel_off");

  switch_channel("email", true);
  run("notifications");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.outbound_message WHERE status = 'queued'"), "0");
}

TEST_F(NoticesTest, TheMakerOfARecordIsNotAskedToTakeItAndAnImportAsksNobody) {
  deal(R"(,"responsible_id":null)", manager_);
  EXPECT_EQ(told(manager_), "");
  EXPECT_THAT(told(other_), ::testing::StartsWith("take_to_work: "));
  forget();
  const std::string imported =
      sql("WITH r AS (INSERT INTO crm.record (kind) VALUES ('lead') RETURNING id) INSERT INTO "
          "crm.lead (id, name, origin) SELECT id, 'x', 'import' FROM r RETURNING id");
  sql("INSERT INTO crm.task (kind, record_id, title_ru, title_en, assignee_group_id) VALUES "
      "('take_to_work', " +
      imported + ", 'x', 'x', 'crm-manager') RETURNING id");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.notification"), "0");
}

TEST_F(NoticesTest, TheEndOfACompanyIsToldToThoseWhoDealWithIt) {
  set("counterparty", company_, "registry_status = 'active'");
  EXPECT_EQ(told(seller_), "");
  change("counterparty", company_, R"({"registry_status":"bankrupt"})",
         store::Actor::system("job"));
  change("counterparty", company_, R"({"registry_status":"liquidated"})",
         store::Actor::system("job"));
  EXPECT_EQ(told(seller_),
            "company_bankrupt: По данным реестра компания — банкрот: К | company_liquidated: По "
            "данным реестра компания ликвидирована: К");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_id = " + company_ +
                " AND event = 'registry_status_changed' AND origin = 'job'"),
            "2");
}

TEST_F(NoticesTest, APersonsOwnSettingGoesBeforeTheDefaultOfTheEvent) {
  address_of(stranger_, "email = 's@us.example', telegram_chat_id = 5");
  address_of(other_, "email = 'o@us.example'");
  for (const std::string channel : {"inbox", "email"})
    make("notification_setting",
         R"({"event":"responsible_assigned","enabled":false,"channel":")" + channel + "\"}",
         stranger_);
  deal(R"(,"responsible_id":)" + id_of(stranger_), cco_);
  deal(R"(,"responsible_id":)" + id_of(other_), cco_);
  EXPECT_EQ(
      sql("SELECT in_inbox::text || ' ' || ways::text FROM crm.notification WHERE user_id = " +
          id_of(stranger_)),
      "false {telegram}");
  EXPECT_EQ(run("notifications"), "2 0");
  EXPECT_EQ(messages(), "telegram notification 5, email notification o@us.example");
  EXPECT_EQ(run("notifications"), "0 0");
}

TEST_F(NoticesTest, OnlyAdministratorsDecideForOthers) {
  const std::string of_other =
      R"({"event":"reminder","channel":"email","user_id":)" + id_of(other_) + "}";
  EXPECT_EQ(said_to("notification_setting", of_other, stranger_), "forbidden administrators_only");
  EXPECT_EQ(said_to("notification_setting", of_other, admin_), "accepted");
}

TEST_F(NoticesTest, AReminderIsToldOnceWhenItIsDueAndAgainWhenItsTimeWasMoved) {
  const std::string key = reminder(deal("", seller_));
  const std::string ahead = reminder(deal("", seller_));
  set("activity", ahead, "remind_at = now() + interval '1 hour'");
  EXPECT_EQ(run("reminders"), "1 0");
  EXPECT_EQ(run("reminders"), "0 0");
  EXPECT_THAT(told(seller_), ::testing::StartsWith("reminder: Напоминание: Позвонить — Сделка №"));
  EXPECT_NE(value("activity", key, "reminded_at"), "null");
  EXPECT_EQ(value("activity", ahead, "reminded_at"), "null");
  change("activity", key, R"({"remind_at":"2030-02-01T00:00:00Z"})", seller_);
  EXPECT_EQ(value("activity", key, "reminded_at"), "null");
}

TEST_F(NoticesTest, AReminderGoesByTheChannelItNames) {
  address_of(seller_, "email = 's@us.example', telegram_chat_id = 5");
  const std::string where = deal("", seller_);
  reminder(where, R"(,"remind_channel":"telegram")");
  reminder(where, R"(,"remind_channel":"none")");
  EXPECT_EQ(run("reminders"), "2 0");
  EXPECT_EQ(run("notifications"), "1 0");
  EXPECT_EQ(messages(), "telegram reminder 5");
}

TEST_F(NoticesTest, AReminderOfLastWeekIsShownInTheInboxOnly) {
  address_of(seller_, "email = 's@us.example', telegram_chat_id = 5");
  set("activity", reminder(deal("", seller_), R"(,"remind_channel":"telegram")"),
      "remind_at = now() - interval '8 days'");
  EXPECT_EQ(run("reminders"), "1 0");
  EXPECT_EQ(sql("SELECT in_inbox::text || ' ' || ways::text FROM crm.notification"), "true {}");
}

TEST_F(NoticesTest, TheReminderOfADeletedRecordIsSettledWithoutAWord) {
  const std::string where = deal("", seller_);
  reminder(where);
  EXPECT_TRUE(records_->remove(kind("deal"), where, seller_));
  EXPECT_EQ(run("reminders"), "1 0");
  EXPECT_EQ(told(seller_), "");
}

TEST_F(NoticesTest, WhatIsBeingToldByOneDaemonIsLeftAloneByAnother) {
  reminder(deal("", seller_));
  auto one = database_->begin(store::Pool::work, store::TxMode::read_write);
  auto two = database_->begin(store::Pool::work, store::TxMode::read_write);
  EXPECT_EQ(*store::tell_reminders(*one, 10), 1);
  EXPECT_EQ(*store::tell_reminders(*two, 10), 0);
  EXPECT_TRUE(two->commit());
  EXPECT_TRUE(one->commit());
  EXPECT_EQ(sql("SELECT count(*) FROM crm.notification"), "1");
}

TEST_F(NoticesTest, ManyRemindersAreToldOnceByTwoDaemons) {
  const std::string where = deal("", seller_);
  sql("WITH r AS (INSERT INTO crm.record (kind) SELECT 'activity' FROM generate_series(1, 1000) "
      "RETURNING id), a AS (INSERT INTO crm.activity (id, parent_record_id, type, status, topic, "
      "activity_date, responsible_id, remind_at) SELECT id, " +
      where + ", 'reminder', 'planned', 'x', now(), " + id_of(seller_) +
      ", now() - interval '1 hour' FROM r) SELECT 1");
  run_in_two_daemons("reminders", 8);
  EXPECT_EQ(sql("SELECT count(*) || ' ' || count(DISTINCT record_id) FROM crm.notification"),
            "1000 1000");
  EXPECT_EQ(sql("SELECT sum(processed) FROM ops.job_run"), "1000");
}

}  // namespace
}  // namespace c360::daemon

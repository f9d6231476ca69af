// Which batches may be applied before the ones they follow.
#include "ingest/batch_ties.h"

#include <future>

#include "tests/ingest/intake_fixture.h"

namespace c360::ingest {
namespace {

using c360::testing::form_mail;
using c360::testing::letter;

class BatchTiesTest : public c360::testing::IntakeTest {
 protected:
  BatchTies ties(const std::vector<std::string>& mails) {
    ReadBatch batch;
    for (const std::string& mail : mails)
      batch.mails.push_back(inboxes.read({.raw = RawMail{mail}}, settings));
    return ties_of(batch);
  }
  bool overtakes(const std::vector<std::string>& later, const std::vector<std::string>& earlier) {
    return may_overtake(ties(later), ties(earlier));
  }
  static std::string reply(const std::string& id, const std::string& answered) {
    return letter(id, "Re: Вопрос", "In-Reply-To: <" + answered + ">\r\n");
  }
};

TEST_F(BatchTiesTest, MailsThatMakeTheirOwnRecordsWaitForNobody) {
  EXPECT_TRUE(overtakes({form_mail(1), form_mail(2)}, {form_mail(3)}));
  EXPECT_TRUE(overtakes({letter("a@b.example", "Вопрос")}, {form_mail(3)}));
  EXPECT_TRUE(overtakes({form_mail(1)}, {reply("r@b.example", "a@b.example")}));
}

TEST_F(BatchTiesTest, WhatMayFindAnEarlierOneWaits) {
  const std::string first = letter("first@b.example", "Вопрос");
  EXPECT_FALSE(overtakes({reply("r@b.example", "first@b.example")}, {first}));
  EXPECT_FALSE(overtakes({reply("r@b.example", "unknown@b.example")}, {form_mail(1)}))
      << "it may join a record of long ago, as others do";
  EXPECT_FALSE(overtakes({letter("n@b.example", "Re: Сделка #17: уточнение")}, {form_mail(1)}));
  EXPECT_FALSE(overtakes({form_mail(1), reply("r@b.example", "x@b.example")}, {form_mail(2)}));
  EXPECT_FALSE(overtakes({letter("c@b.example", "Вопрос", "Cc: petrov1@primer.example\r\n")},
                         {form_mail(1)}))
      << "a contact of the other takes part in it";
  EXPECT_FALSE(overtakes({form_mail(1)}, {form_mail(1)})) << "the same bytes";
  EXPECT_FALSE(overtakes({form_mail(1, "Другой запрос")}, {form_mail(1)})) << "the same person";
  EXPECT_FALSE(overtakes({first}, {reply("early@b.example", "first@b.example")}))
      << "an answer that came first finds nothing, whoever is quicker";
}

TEST_F(BatchTiesTest, WhatBeganBeforeWaits) {
  ReadBatch again;
  again.suspects.emplace_back();
  EXPECT_FALSE(may_overtake(ties_of(again), ties({form_mail(1)})));
  EXPECT_FALSE(may_overtake(ties({form_mail(1)}), ties_of(again))) << "nobody knows what it makes";
}

class Overtaking : public BatchTiesTest {
 protected:
  // A customer of the first mail, and somebody who holds it.
  void hold_customer() {
    const auto company =
        records.create(registry.get("counterparty"),
                       *Json::parse(R"({"name": "ООО Пример 1", "types": ["buyer"]})"),
                       store::Actor::system("import"), {.profile = store::Profile::draft});
    ASSERT_TRUE(company) << company.error().detail;
    holder_ = *database.begin(store::Pool::work, store::TxMode::read_write);
    constexpr store::Sql kHold{"hold_customers", "SELECT id FROM crm.counterparty FOR UPDATE"};
    ASSERT_TRUE(holder_->query(kHold));
  }
  void await(const std::string& sql, const std::string& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (one(sql) != wanted && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    ASSERT_EQ(one(sql), wanted);
  }

  std::optional<store::Transaction> holder_;
};

TEST_F(Overtaking, AnIndependentBatchIsAppliedWhileTheOneBeforeItWaits) {
  settings.batch_messages = 1;
  hold_customer();
  server.add(1, form_mail(1));
  server.add(2, form_mail(2));
  server.add(3, reply("answer@b.example", "form-1@site.client360.example"));
  auto passing = std::async(std::launch::async, [this] { return poller().pass(); });

  await("SELECT string_agg(uid::text, ',') FROM ops.mail WHERE outcome IS NOT NULL", "2");
  EXPECT_FALSE(server.seen(2)) << "flags go in the order of arrival";
  ASSERT_TRUE(holder_->commit());

  const auto passed = passing.get();
  ASSERT_TRUE(passed) << passed.error().detail;
  EXPECT_EQ(one("SELECT string_agg(outcome, ',' ORDER BY uid) FROM ops.mail"),
            "deal_created,deal_created,activity_added");
  EXPECT_TRUE(server.seen(1) && server.seen(2) && server.seen(3));
  EXPECT_EQ(one("SELECT company_text FROM crm.deal d JOIN crm.activity a "
                "ON a.parent_record_id = d.id"),
            "ООО «Пример 1»");
}

TEST_F(Overtaking, OnePersonInTwoBatchesIsOneContact) {
  settings.batch_messages = 1;
  hold_customer();
  // Known to each other by their phone alone.
  std::string first = form_mail(1);
  std::string second = form_mail(1, "Ещё запрос");
  for (std::string* mail : {&first, &second})
    mail->replace(mail->find("E-mail: petrov1@primer.example\r\n"),
                  std::string("E-mail: petrov1@primer.example\r\n").size(), "");
  server.add(1, first);
  server.add(2, second);
  auto passing = std::async(std::launch::async, [this] { return poller().pass(); });

  await(
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
      "wait_event_type = 'Lock'",
      "2");
  ASSERT_TRUE(holder_->commit());

  ASSERT_TRUE(passing.get());
  EXPECT_EQ(one("SELECT count(*) FROM crm.deal"), "2");
  EXPECT_EQ(one("SELECT count(*) FROM crm.contact"), "1");
}

}  // namespace
}  // namespace c360::ingest

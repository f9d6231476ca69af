// What follows from other rows: the last contact and the next reminder of customers (R-108, R-109),
// events of what the service itself opens, closes and takes away (domain.md 16).
#include <gmock/gmock.h>

#include "store/draft.h"
#include "tests/store/records_fixture.h"

namespace c360::testing {
namespace {

class Followed : public RecordsTest {
 protected:
  std::string customer(const std::string& name = "Ромашка") {
    return make("counterparty",
                R"({"segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active","name":")" +
                    name + "\"}",
                admin_)
        .key;
  }
  static std::string of(const std::string& customer) { return R"(,"counterparty_id":)" + customer; }
  // A call that took place.
  std::string call(const std::string& record, const std::string& date) {
    return make("activity",
                R"({"type":"call","status":"completed","direction":"out","parent_record_id":)" +
                    record + R"(,"activity_date":")" + date + "T10:00:00Z\"}",
                admin_)
        .key;
  }
  std::string reminder(const std::string& record, const std::string& date) {
    return make("activity",
                R"({"type":"reminder","parent_record_id":)" + record + R"(,"remind_at":")" + date +
                    "T10:00:00Z\"}",
                admin_)
        .key;
  }
  void change(std::string_view name, const std::string& key, const std::string& body) {
    const auto done = records_->update(kind(name), key, json(body), admin_);
    EXPECT_TRUE(done) << name << (done ? "" : describe(done.error()));
  }
  // "2020-03-01 2099-01-01": spoken to last, to be reminded of; "-" for none.
  std::string times(const std::string& customer) {
    return sql(
        "SELECT coalesce((last_contact_at AT TIME ZONE 'UTC')::date::text, '-') || ' ' || "
        "coalesce((next_reminder_at AT TIME ZONE 'UTC')::date::text, '-') FROM crm.counterparty "
        "WHERE id = " +
        customer);
  }
  // Of the kind, by id: "created", "updated status active canceled", …
  std::string events(const std::string& of_kind, const std::string& key = {}) {
    return sql(
        "SELECT string_agg(e, '; ' ORDER BY id) FROM (SELECT h.id, concat_ws(' ', h.event, "
        "h.changes #>> '{0,field}', h.changes #>> '{0,old}', h.changes #>> '{0,new}', h.outcome) "
        "AS e FROM crm.history_event h WHERE h.record_kind = '" +
        of_kind + "'" +
        (key.empty() ? "" : " AND coalesce(h.record_id::text, h.record_key) = '" + key + "'") +
        ") x");
  }
};

TEST_F(Followed, WhatIsKnownOfADealComesToItsCustomerWithIt) {
  const std::string first = customer();
  const std::string second = customer("Лютик");
  const std::string deal = make("deal", R"({"name":"x"})", admin_).key;
  call(deal, "2020-03-01");
  reminder(deal, "2099-01-01");
  call(first, "2020-02-01");
  ASSERT_EQ(times(first), "2020-02-01 -");

  change("deal", deal, R"({"counterparty_id":)" + first + "}");
  EXPECT_EQ(times(first), "2020-03-01 2099-01-01");

  change("deal", deal, R"({"counterparty_id":)" + second + "}");
  EXPECT_EQ(times(first), "2020-02-01 -");
  EXPECT_EQ(times(second), "2020-03-01 2099-01-01");

  ASSERT_TRUE(records_->remove(kind("deal"), deal, admin_));
  EXPECT_EQ(times(second), "- -") << "a deleted deal is nothing to remind of";
  ASSERT_TRUE(records_->restore(kind("deal"), deal, admin_));
  EXPECT_EQ(times(second), "2020-03-01 2099-01-01");
}

TEST_F(Followed, RemindersCountOnWhateverNamesTheCustomer) {
  const std::string deal = make("deal", R"({"name":"x"})", admin_).key;
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"lead", R"({"name":"x")"},
      {"contact", R"({"last_name":"Иванов")"},
      {"order", R"({"deal_id":)" + deal},
      {"support_request", R"({"subject":"x","content":"y")"}};
  for (const auto& [name, body] : kinds) {
    const std::string one = customer(name);
    const std::string record = make(name, body + of(one) + "}", admin_).key;
    const std::string key = reminder(record, "2099-01-01");
    EXPECT_EQ(times(one), "- 2099-01-01") << name;
    reminder(record, "2099-02-01");
    change("activity", key, R"({"status":"completed"})");
    EXPECT_EQ(times(one), "- 2099-02-01") << name;
  }
}

TEST_F(Followed, WhatIsTakenBackIsNoContact) {
  const std::string one = customer();
  call(one, "2020-02-01");
  const std::string later = call(one, "2020-03-01");
  ASSERT_EQ(times(one), "2020-03-01 -");

  ASSERT_TRUE(records_->remove(kind("activity"), later, admin_));

  EXPECT_EQ(times(one), "2020-02-01 -");
}

TEST_F(Followed, WhatTheServiceWritesIsNoContact) {
  const std::string one = customer();
  for (const std::string source : {"merge", "system"}) {
    store::WriteOptions write;
    write.also = [&](store::Draft& draft) { draft.set("source", source); };
    make("comment", R"({"text":"x","record_id":)" + one + "}", admin_, write);
    EXPECT_EQ(times(one), "- -") << source;
  }
  const std::string sent = "2020-04-01 10:00+00";
  sql("UPDATE crm.activity SET activity_date = '" + sent + "'");
  EXPECT_EQ(times(one), "- -") << "nor when they are counted anew";
}

TEST_F(Followed, AMessageThatWasSentStaysTheLastContactWhenTheRestIsCounted) {
  const std::string one = customer();
  const std::string later = call(one, "2020-03-01");
  sql("INSERT INTO crm.outbound_message (channel, purpose, status, address, body, counterparty_id) "
      "VALUES ('email', 'service', 'sent', 'a@b.example', 'x', " +
      one + ")");
  sql("UPDATE crm.outbound_message SET sent_at = '2020-02-15 10:00+00'");

  ASSERT_TRUE(records_->remove(kind("activity"), later, admin_));

  EXPECT_EQ(times(one), "2020-02-15 -");
}

// The tables are made of many customers: a recount of one reads rows of that one.
TEST_F(Followed, ACountReadsTheRowsOfItsCustomerAlone) {
  const std::string one = customer();
  const std::string deal = make("deal", R"({"name":"x")" + of(one) + "}", admin_).key;
  sql("WITH r AS (INSERT INTO crm.record (kind) SELECT 'activity' FROM generate_series(1, 20000) "
      "RETURNING id) INSERT INTO crm.activity (id, parent_record_id, type, status, activity_date, "
      "remind_at) SELECT id, " +
      make("deal", R"({"name":"y"})", admin_).key +
      ", CASE WHEN id % 2 = 0 THEN 'call' ELSE 'reminder' END, CASE WHEN id % 2 = 0 THEN "
      "'completed' ELSE 'planned' END, '2020-01-01', '2099-01-01' FROM r");
  sql("ANALYZE crm.activity");
  const std::string plan =
      sql("SELECT pg_stat_get_xact_tuples_returned('crm.activity'::regclass) FROM (SELECT "
          "crm.recount_contacts(ARRAY[" +
          one + "::bigint]) OFFSET 0) x");
  EXPECT_LT(std::stoll(plan), 100) << "rows of the table read in order";
  EXPECT_EQ(times(one), "- -");
  call(deal, "2020-05-01");
  EXPECT_EQ(times(one), "2020-05-01 -");
}

TEST_F(Followed, WhoLosesAMarkSaysSoInItsHistory) {
  const std::string one = customer();
  const auto contact = [&](const std::string& name) {
    return make("contact", R"({"is_main":true,"last_name":")" + name + "\"" + of(one) + "}", admin_)
        .key;
  };
  const std::string first = contact("Иванов");
  const std::string second = contact("Петров");

  EXPECT_EQ(events("contact", first), "created; updated is_main true false");
  EXPECT_EQ(value("contact", first, "row_version"), "2");

  ASSERT_TRUE(records_->remove(kind("contact"), second, admin_));
  EXPECT_EQ(events("contact", first),
            "created; updated is_main true false; updated is_main false true");
  EXPECT_EQ(value("contact", first, "row_version"), "3");
  EXPECT_EQ(events("contact", second), "created; deleted is_main true false");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE changes #>> '{0,field}' = 'is_main' "
                "AND actor_id = " +
                std::to_string(*admin_.user_id) + " AND request_id = 'req-1'"),
            "3");
}

TEST_F(Followed, WhoLosesASoleMarkSaysSoInItsHistory) {
  const auto organisation = [&](const std::string& inn) {
    return make("own_organisation", R"({"is_default":true,"full_name":"Мы","inn":")" + inn + "\"}",
                admin_)
        .key;
  };
  const std::string first = organisation("7727563778");
  organisation("7707083893");
  EXPECT_EQ(events("own_organisation", first), "created; updated is_default true false");
  EXPECT_EQ(value("own_organisation", first, "row_version"), "2");

  const auto account = [&](const std::string& number) {
    return make("bank_account",
                R"({"is_default":true,"bank_name":"Банк","bik":"044525225","account_number":")" +
                    number + R"(","owner_record_id":)" + first + "}",
                admin_)
        .key;
  };
  const std::string former = account("40702810938000000001");
  account("40702810638000000000");
  EXPECT_EQ(events("bank_account", former), "created; updated is_default true false");
}

TEST_F(Followed, TasksOfTheServiceAreToldAsTheyOpenAndClose) {
  const std::string taken = make("deal", R"({"name":"x","responsible_id":null})", manager_).key;
  const std::string task = sql("SELECT id FROM crm.task");
  ASSERT_FALSE(task.empty());
  EXPECT_EQ(events("task", task), "created");

  change("deal", taken, R"({"responsible_id":)" + std::to_string(*manager_.user_id) + "}");
  EXPECT_EQ(events("task", task), "created; updated status active canceled");

  const auto assignment = make(
      "assignment", R"({"title":"x","performer_user_id":)" + std::to_string(*other_.user_id) + "}",
      manager_);
  const std::string step = sql("SELECT max(id) FROM crm.task");
  EXPECT_EQ(sql("SELECT actor_id FROM crm.history_event WHERE record_kind = 'task' AND record_key "
                "= '" +
                step + "'"),
            std::to_string(*manager_.user_id));
  change("assignment", assignment.key, R"({"title":"y"})");
  ASSERT_TRUE(records_->complete_task(std::stoll(step), "to_work", json("{}"), other_));
  EXPECT_THAT(events("task", step),
              ::testing::MatchesRegex("created; updated title_en .*; task_completed status active "
                                      "completed to_work"));
}

TEST_F(Followed, WhatIsSaidToATaskIsToldWithIt) {
  const std::string deal = make("deal", R"({"name":"x","responsible_id":null})", manager_).key;
  const std::string task = sql("SELECT id FROM crm.task");
  ASSERT_TRUE(records_->complete_task(std::stoll(task), "take_to_work",
                                      json(R"({"comment":"Мой регион"})"), manager_));

  EXPECT_EQ(sql("SELECT outcome || ': ' || comment FROM crm.history_event WHERE event = "
                "'task_completed' AND record_id = " +
                deal),
            "take_to_work: Мой регион");
}

TEST_F(Followed, TasksOfPeopleAreToldOnce) {
  const auto asked = make("task", R"({"title_ru":"x"})", manager_);
  ASSERT_TRUE(records_->complete_task(std::stoll(asked.key), "done", json("{}"), manager_));

  EXPECT_EQ(events("task", asked.key), "created; task_completed done");
}

TEST_F(Followed, TheCommentOfACallIsToldOfItsRecord) {
  const std::string one = customer();
  const std::string key = call(one, "2020-03-01");
  const std::string comment = sql("SELECT id FROM crm.comment");
  EXPECT_EQ(sql("SELECT changes #>> '{0,new}' FROM crm.history_event WHERE event = "
                "'comment_added' AND record_id = " +
                one),
            comment);

  change("activity", key, R"({"result":"Договорились"})");
  EXPECT_EQ(events("comment", comment), "updated text — Договорились");
  ASSERT_TRUE(records_->remove(kind("activity"), key, admin_));
  EXPECT_THAT(events("comment", comment), ::testing::HasSubstr("; deleted deleted_at"));
}

}  // namespace
}  // namespace c360::testing

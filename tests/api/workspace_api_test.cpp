// What waits for the caller: tasks, reminders, customers left alone.
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class WorkspaceApi : public ApiTest {
 protected:
  std::int64_t user_id(std::string_view login) {
    return sql("SELECT id FROM crm.user WHERE login LIKE '" + std::string(login) + "%'");
  }
  // Of the seller; `days` ago somebody spoke to him, -1: never.
  std::int64_t customer(HttpClient& by, std::string_view name, int days, bool reminded) {
    const auto id = created(by.post(
        "/api/v1/counterparties",
        R"({"name":")" + std::string(name) +
            R"(","segment_code":"small","acquisition_channel_code":"site","status_code":"active",)"
            R"("responsible_id":)" +
            std::to_string(user_id("seller")) + "}"));
    sql("UPDATE crm.counterparty SET last_contact_at = " +
        (days < 0 ? "NULL" : "now() - interval '" + std::to_string(days) + " days'") +
        ", next_reminder_at = " + (reminded ? "now() + interval '1 day'" : "NULL") +
        " WHERE id = " + std::to_string(id) + " RETURNING id");
    return id;
  }
  void task(std::string_view title, std::string_view columns, std::string_view values) {
    sql("INSERT INTO crm.task (kind, title_ru, title_en, " + std::string(columns) +
        ") VALUES ('custom', '" + std::string(title) + "', '" + std::string(title) + "', " +
        std::string(values) + ") RETURNING id");
  }
  static std::string names(const HttpAnswer& answer, std::string_view list,
                           std::string_view field) {
    std::string all;
    for (int i = 0;; ++i) {
      const auto name = answer.field(std::string(list) + "/items/" + std::to_string(i) + "/" +
                                     std::string(field));
      if (name.empty()) return all;
      all += (all.empty() ? "" : " ") + name;
    }
  }
};

TEST_F(WorkspaceApi, EachListHasItsOwn) {
  HttpClient seller = client_of("seller", {"crm-manager"});
  HttpClient other = client_of("other", {"crm-manager"});
  HttpClient boss = client_of("boss", {});
  const std::string me = std::to_string(user_id("seller"));
  sql("UPDATE crm.user SET line_manager_id = " + std::to_string(user_id("boss")) +
      " WHERE id = " + me + " RETURNING id");
  task("mine", "assignee_user_id, due_at", me + ", now() - interval '1 hour'");
  task("group", "assignee_group_id", "'crm-manager'");
  task("done", "assignee_user_id, status, outcome, completed_by, completed_at",
       me + ", 'completed', 'ok', " + me + ", now()");
  const auto id = customer(seller, "Ромашка", 1, true);
  for (const std::string at : {"2020-01-01", "2040-01-01"}) {
    const auto made = seller.post(
        "/api/v1/activities", R"({"type":"reminder","topic":"Позвонить","remind_at":")" + at +
                                  R"(T09:00:00Z","parent_record_id":)" + std::to_string(id) + "}");
    ASSERT_EQ(made.status, 201) << made.body;
  }

  const auto mine = seller.get("/api/v1/workspace");

  ASSERT_EQ(mine.status, 200) << mine.body;
  EXPECT_EQ(mine.field("user_id"), me);
  EXPECT_EQ(names(mine, "tasks/current", "title_en"), "group mine");
  EXPECT_EQ(names(mine, "tasks/completed", "title_en"), "done");
  EXPECT_EQ(mine.field("tasks/subordinates/total"), "0");
  EXPECT_EQ(mine.field("reminders/total"), "2");
  EXPECT_EQ(mine.field("reminders/items/0/remind_at").substr(0, 4), "2020") << "the oldest first";
  EXPECT_EQ(mine.field("reminders/items/0/topic"), "Позвонить");
  EXPECT_EQ(mine.field("counters/overdue_tasks"), "1");
  EXPECT_EQ(mine.field("counters/due_reminders"), "1");
  EXPECT_EQ(mine.field("counters/my_customers"), "1");
  EXPECT_EQ(mine.field("counters/current"), "2");

  const auto his = boss.get("/api/v1/workspace");
  EXPECT_EQ(names(his, "tasks/subordinates", "title_en"), "mine");
  EXPECT_EQ(his.field("tasks/current/total"), "0");
  EXPECT_EQ(his.field("reminders/total"), "0");
  const auto another = other.get("/api/v1/workspace");
  EXPECT_EQ(names(another, "tasks/current", "title_en"), "group");
  EXPECT_EQ(another.field("counters/my_customers"), "0") << "reads it, answers not for it";
}

TEST_F(WorkspaceApi, CustomersAreStaleOrWithoutReminderOrEither) {
  HttpClient seller = client_of("seller", {});
  customer(seller, "well", 1, true);
  customer(seller, "old", 40, true);
  customer(seller, "never", -1, true);
  customer(seller, "unreminded", 1, false);
  customer(seller, "both", 50, false);

  const auto month = seller.get("/api/v1/workspace");
  ASSERT_EQ(month.status, 200) << month.body;
  EXPECT_EQ(names(month, "customers/stale", "name"), "never both old");
  EXPECT_EQ(names(month, "customers/without_reminder", "name"), "both unreminded");
  EXPECT_EQ(names(month, "customers/neglected", "name"), "never both old unreminded");
  EXPECT_EQ(month.field("customers/stale/items/0/actions/0/name"), "update");

  const auto longer = seller.get("/api/v1/workspace?stale_days=45&limit=1");
  EXPECT_EQ(longer.field("customers/stale/total"), "2");
  EXPECT_EQ(names(longer, "customers/stale", "name"), "never");
  EXPECT_EQ(longer.field("stale_days"), "45");
}

TEST_F(WorkspaceApi, SectionsAreCountedWhenAskedTo) {
  HttpClient seller = client_of("seller", {});
  HttpClient other = client_of("other", {});
  make_deal(seller, "Первая");
  make_deal(seller, "Вторая");
  make_deal(other, "Чужая");
  const auto count = [](const HttpAnswer& answer, std::string_view kind) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    for (int i = 0;; ++i) {
      const std::string at = "sections/" + std::to_string(i);
      const auto found = answer.field(at + "/kind");
      if (found.empty()) return std::string("absent");
      if (found == kind) return answer.field(at + "/count") + answer.field(at + "/count_is_more");
    }
  };
  const auto counted = seller.get("/api/v1/workspace?counts=true");
  EXPECT_EQ(count(counted, "deal"), "2false");
  EXPECT_EQ(count(counted, "lead"), "0false");
  EXPECT_EQ(count(seller.get("/api/v1/workspace"), "deal"), "") << "only when asked";
  HttpClient narrow = client(add_token(user_id("seller"), {"deal:read"}));
  EXPECT_EQ(count(narrow.get("/api/v1/workspace?counts=true"), "lead"), "nullfalse");
  EXPECT_EQ(seller.get("/api/v1/workspace?counts=yes").status, 400);
}

TEST_F(WorkspaceApi, SectionsSayWhatTheCallerMayDo) {
  HttpClient seller = client_of("seller", {});
  const auto section = [](const HttpAnswer& answer, std::string_view kind) {
    for (int i = 0;; ++i) {
      const std::string at = "sections/" + std::to_string(i);
      const auto found = answer.field(at + "/kind");
      if (found.empty()) return std::string("absent");
      if (found == kind) return answer.field(at + "/read") + " " + answer.field(at + "/create");
    }
  };
  const auto all = seller.get("/api/v1/workspace");
  EXPECT_EQ(section(all, "deal"), "true true");
  EXPECT_EQ(section(all, "own_organisation"), "true false");

  HttpClient narrow = client(add_token(user_id("seller"), {"deal:read"}));
  const auto little = narrow.get("/api/v1/workspace");
  EXPECT_EQ(section(little, "deal"), "true false");
  EXPECT_EQ(section(little, "lead"), "false false");
  EXPECT_EQ(little.field("tasks/current/forbidden"), "true");
  EXPECT_EQ(little.field("counters/reminders"), "null");
}

TEST_F(WorkspaceApi, WhatIsAskedWronglyIsRefused) {
  HttpClient seller = client_of("seller", {});
  for (const std::string tail :
       {"stale_days=0", "stale_days=3651", "stale_days=x", "limit=0", "limit=101", "limit="}) {
    const auto answer = seller.get("/api/v1/workspace?" + tail);
    EXPECT_EQ(answer.status, 400) << tail;
    EXPECT_EQ(answer.field("code"), "invalid_value") << tail;
  }
  EXPECT_EQ(seller.get("/api/v1/workspace?colour=red").status, 400);
}

}  // namespace
}  // namespace c360::api

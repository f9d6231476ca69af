// Tasks over HTTP: what an assignment asks stands in everybody's lists, is answered there, and two
// who answer at once answer once; tasks that people make; what a record offers to be made of it.
#include <array>
#include <set>
#include <thread>

#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class TasksApi : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    performer_id_ = add_user("performer");
    performer_ = client(add_token(performer_id_, {"admin"}));
    initiator_ = client_of("initiator", {});
    stranger_ = client_of("stranger", {});
  }
  static std::string id(std::int64_t number) { return std::to_string(number); }
  std::int64_t assignment(std::string_view path = "/api/v1/assignments",
                          std::string_view more = "") {
    return created(initiator_.post(path, R"({"title": "Позвонить", "performer_user_id": )" +
                                             id(performer_id_) + std::string(more) + "}"));
  }
  static std::string total(HttpClient& who, const std::string& query) {
    return who.get("/api/v1/tasks?count=exact&" + query).field("total");
  }
  std::string active(std::int64_t record) {
    return id(sql("SELECT id FROM crm.task WHERE status = 'active' AND record_id = " + id(record)));
  }
  static HttpAnswer complete(HttpClient& who, const std::string& task, std::string_view outcome) {
    return who.post("/api/v1/tasks/" + task + "/complete",
                    R"({"outcome": ")" + std::string(outcome) + "\"}");
  }
  static std::set<std::string> offered(const HttpAnswer& answer) {
    std::set<std::string> names;
    const Json body = answer.json();
    for (const Json& action : body.find("actions")->as_array()) {
      names.insert(action.find("name")->as_string());
    }
    return names;
  }

  std::int64_t performer_id_ = 0;
  HttpClient performer_{0};
  HttpClient initiator_{0};
  HttpClient stranger_{0};
};

TEST_F(TasksApi, AnAssignmentStandsInTheListsOfWhoeverItWaitsFor) {
  const auto boss_id = add_user("boss");
  HttpClient boss = client(add_token(boss_id, {"admin"}));
  sql("UPDATE crm.user SET line_manager_id = " + id(boss_id) + " WHERE id = " + id(performer_id_) +
      " RETURNING id");
  const auto key = assignment();
  EXPECT_EQ(total(performer_, "scope=current"), "1");
  EXPECT_EQ(total(initiator_, "scope=current"), "0");
  EXPECT_EQ(total(boss, "scope=subordinates&status=active"), "1");
  const auto work = performer_.get("/api/v1/workspace");
  EXPECT_EQ(work.field("tasks/current/items/0/title_ru"), "Исполнить поручение: Позвонить");
  EXPECT_EQ(boss.get("/api/v1/workspace").field("tasks/subordinates/total"), "1");
  EXPECT_EQ(performer_.get("/api/v1/assignments/" + id(key) + "/tasks").field("items/0/kind"),
            "assignment_execute");

  const auto done = complete(performer_, active(key), "clarification");
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.field("status"), "clarification");
  EXPECT_EQ(done.header("ETag"), "\"2\"");
  EXPECT_EQ(total(performer_, "scope=current"), "0") << "it waits for the initiator now";
  EXPECT_EQ(total(performer_, "scope=completed"), "1");
  EXPECT_EQ(total(initiator_, "scope=current"), "1");
  EXPECT_EQ(total(boss, "scope=subordinates&status=active"), "0");
  EXPECT_EQ(total(boss, "scope=subordinates&status=completed"), "1");

  // The same by the status of the assignment itself, and by its board.
  ASSERT_EQ(
      initiator_.post("/api/v1/assignments/" + id(key) + "/status", R"({"status": "in_progress"})")
          .status,
      200);
  EXPECT_EQ(total(initiator_, "scope=current"), "0");
  EXPECT_EQ(total(initiator_, "scope=completed&outcome=return_to_work"), "1");
  ASSERT_EQ(performer_
                .post("/api/v1/boards/assignments/move",
                      R"({"status": "complete", "id": )" + id(key) + "}")
                .status,
            200);
  EXPECT_EQ(total(performer_, "scope=current"), "0");
  const auto history =
      performer_.get("/api/v1/assignments/" + id(key) + "/history?event=task_completed");
  EXPECT_EQ(history.field("items/0/outcome"), "done");
  EXPECT_EQ(history.field("items/2/outcome"), "clarification");
}

TEST_F(TasksApi, OfTwoWhoAnswerAtOnceOneIsHeard) {
  for (const std::string_view outcome : {"clarification", "done"}) {
    const auto key = assignment();
    const std::string task = active(key);
    const auto asked = created(performer_.post("/api/v1/tasks", R"({"title_ru": "x"})"));
    const std::string token = add_token(performer_id_, {"admin"});
    std::array<HttpAnswer, 4> answers;
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < answers.size(); ++i) {
        threads.emplace_back([this, i, outcome, task, asked, token, &answers] {
          HttpClient by = client(token);
          answers[i] = i < 2 ? complete(by, task, outcome) : complete(by, id(asked), "done");
        });
      }
    }
    for (const std::size_t pair : {std::size_t{0}, std::size_t{2}}) {
      const auto& first = answers[pair];
      const auto& second = answers[pair + 1];
      EXPECT_EQ(std::set({first.status, second.status}), (std::set{200, 409}))
          << first.body << second.body;
      EXPECT_EQ((first.status == 409 ? first : second).field("code"), "task_not_active");
    }
    EXPECT_EQ(sql("SELECT count(record_id) FROM crm.history_event WHERE event = 'task_completed' "
                  "AND task_id = " +
                  task),
              1);
  }
  EXPECT_EQ(sql("SELECT count(*) FROM crm.task WHERE status = 'active'"), 1)
      << "the initiator, asked to clarify";
}

TEST_F(TasksApi, PeopleAskEachOther) {
  const auto made = initiator_.post(
      "/api/v1/tasks",
      R"({"title_ru": "Проверить", "title_en": "Check", "due_at": "2030-01-01T00:00:00Z",
          "assignee_user_id": )" +
          id(performer_id_) + "}",
      {{"Idempotency-Key", "ask"}});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string task = made.field("id");
  EXPECT_EQ(made.header("Location"), "/api/v1/tasks/" + task);
  EXPECT_EQ(made.field("outcomes/0/id"), "done");
  EXPECT_EQ(initiator_.get("/api/v1/tasks/" + task).status, 200) << "he sees what he asked for";
  EXPECT_EQ(stranger_.get("/api/v1/tasks/" + task).status, 404);
  EXPECT_EQ(total(performer_, "scope=current&kind=custom"), "1");
  EXPECT_EQ(complete(stranger_, task, "done").status, 404);
  EXPECT_EQ(complete(initiator_, task, "done").status, 403);
  EXPECT_EQ(complete(performer_, task, "later").field("code"), "unknown_outcome");
  const auto done = complete(performer_, task, "done");
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.field("status"), "completed");
  EXPECT_EQ(done.field("completed_by"), id(performer_id_));
  EXPECT_EQ(total(performer_, "scope=completed"), "1");
  EXPECT_EQ(initiator_.get("/api/v1/tasks/" + task + "/history").field("items/0/event"),
            "task_completed");

  const auto deal = make_deal(initiator_, "A");
  const std::string of_deal = "/api/v1/deals/" + id(deal) + "/tasks";
  const auto about = initiator_.post(of_deal, R"({"title_ru": "x"})");
  ASSERT_EQ(about.status, 201) << about.body;
  EXPECT_EQ(about.field("record_id"), id(deal));
  EXPECT_EQ(initiator_.get(of_deal + "?scope=current").field("items/0/id"), about.field("id"));
  EXPECT_EQ(stranger_.post(of_deal, R"({"title_ru": "x"})").status, 404);
  EXPECT_EQ(client_of("manager", {"crm-manager"}).post(of_deal, R"({"title_ru": "x"})").status, 403)
      << "he only reads it";
  const auto russian = initiator_.post("/api/v1/tasks", R"({"title_ru": "x", "outcomes": []})",
                                       {{"Accept-Language", "ru"}});
  EXPECT_EQ(russian.status, 422);
  EXPECT_NE(russian.body.find("не повторяются"), std::string::npos) << russian.body;
}

// domain.md 6.4, 7.3, 9; R-218.
TEST_F(TasksApi, OfARecordOrdersPaymentsAndAssignmentsAreOfferedAndMade) {
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto company = created(
      initiator_.post("/api/v1/counterparties",
                      R"({"name": "Р", "segment_code": "small", "acquisition_channel_code": "site",
          "status_code": "active"})"));
  const auto deal = make_deal(initiator_, "A", R"(, "counterparty_id": )" + id(company));
  const auto lead = created(initiator_.post("/api/v1/leads", R"({"name": "L"})"));
  const std::string at = "/api/v1/deals/" + id(deal);
  const auto names = offered(initiator_.get(at + "/actions"));
  for (const std::string name : {"orders", "payments", "assignments", "contracts"}) {
    EXPECT_TRUE(names.contains(name)) << name;
    EXPECT_FALSE(offered(manager.get(at + "/actions")).contains(name)) << name;
  }
  const Json actions = initiator_.get(at + "/actions").json();
  for (const Json& each : actions.find("actions")->as_array()) {
    if (each.find("name")->as_string() != "assignments") continue;
    EXPECT_EQ(each.find("href")->as_string(), at + "/assignments");
    EXPECT_EQ(each.find("method")->as_string(), "POST");
    EXPECT_NE(each.find("schema")->find("properties")->find("title"), nullptr);
  }
  const auto order = created(initiator_.post(at + "/orders", "{}"));
  const std::string of_order = "/api/v1/orders/" + id(order);
  const auto of_orders = offered(initiator_.get(of_order + "/actions"));
  EXPECT_TRUE(of_orders.contains("payments") && of_orders.contains("assignments"));
  EXPECT_FALSE(of_orders.contains("orders"));
  EXPECT_TRUE(
      offered(initiator_.get("/api/v1/leads/" + id(lead) + "/actions")).contains("assignments"));
  const auto initiator = sql("SELECT id FROM crm.user WHERE login LIKE 'initiator%'");
  HttpClient narrow = client(add_token(initiator, {"deal:write", "deal:read", "order:write"}));
  const auto few = offered(narrow.get(at + "/actions"));
  EXPECT_TRUE(few.contains("orders"));
  EXPECT_FALSE(few.contains("assignments")) << "the token may not make one";
  EXPECT_EQ(narrow.post(at + "/assignments", R"({"title": "x"})").status, 403);

  for (const std::string& path : {at, of_order, "/api/v1/leads/" + id(lead)}) {
    const auto key = assignment(path + "/assignments");
    const auto listed = initiator_.get(path + "/assignments");
    EXPECT_EQ(listed.field("items/0/id"), id(key)) << path;
    EXPECT_EQ(listed.field("items/1/id"), "") << path;
    EXPECT_EQ(initiator_.get(path + "/activities?type=assignment").field("items/0/assignment_id"),
              id(key));
    EXPECT_EQ(total(performer_, "scope=current&record_id=" + id(key)), "1");
  }
  EXPECT_EQ(manager.get(at + "/assignments").field("items/0/title"), "Позвонить");
  EXPECT_EQ(manager.post(at + "/assignments", R"({"title": "x"})").status, 403);
  EXPECT_EQ(stranger_.get(at + "/assignments").status, 404);
  EXPECT_EQ(stranger_.post(at + "/assignments", R"({"title": "x"})").status, 404);
  EXPECT_EQ(initiator_.post(at + "/assignments", R"({"title": "x", "parent_record_id": 1})").status,
            400);
}

}  // namespace
}  // namespace c360::api

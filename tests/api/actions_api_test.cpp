// Actions: what is offered to whom, done one by one and in bulk.
#include <algorithm>
#include <set>

#include "store/operations/action.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class ActionsApi : public ApiTest {
 protected:
  static std::string path(std::string_view kind, std::int64_t id, std::string_view tail = {}) {
    return "/api/v1/" + std::string(kind) + "/" + std::to_string(id) +
           (tail.empty() ? "" : "/" + std::string(tail));
  }
  std::int64_t make_lead(HttpClient& by, std::string_view more = {}) {
    return created(by.post("/api/v1/leads", R"({"name": "Lead")" + std::string(more) + "}"));
  }
  static std::set<std::string> offered(const HttpAnswer& answer) {
    std::set<std::string> names;
    const Json body = answer.json();
    const Json* actions = body.find("actions");
    if (actions == nullptr) {
      ADD_FAILURE() << answer.status << " " << answer.body;
      return names;
    }
    for (const auto& each : actions->as_array()) names.insert(each.find("name")->as_string());
    return names;
  }
};

using Names = std::set<std::string>;

TEST_F(ActionsApi, AStatusIsChangedByTheActionWithTheGuardsOfEveryWrite) {
  HttpClient owner = client_of("owner", {});
  const auto lead = make_lead(owner);

  const auto refused = owner.post(path("leads", lead, "status"), R"({"status": "disqualified"})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.field("code"), "disqualification_reason_required");
  EXPECT_EQ(owner.get(path("leads", lead)).field("status"), "new");
  const auto done =
      owner.post(path("leads", lead, "status"),
                 R"({"status": "disqualified", "disqualification_reason_code": "not_target"})");
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.field("status"), "disqualified");
  EXPECT_EQ(done.field("disqualification_reason_code"), "not_target");
  EXPECT_EQ(done.header("etag"), "\"2\"");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_id = " + std::to_string(lead) +
                " AND event = 'status_changed'"),
            1);
  // Left again the reason goes; history keeps it.
  const auto back = owner.post(path("leads", lead, "status"), R"({"status": "interest"})");
  EXPECT_EQ(back.field("disqualification_reason_code"), "null");
}

TEST_F(ActionsApi, WrongParametersAreNamedAllAtOnce) {
  HttpClient owner = client_of("owner", {});
  const auto deal = make_deal(owner, "A");
  const auto missing = owner.post(path("deals", deal, "status"), "{}");
  EXPECT_EQ(missing.status, 422);
  EXPECT_EQ(missing.field("code"), "status_required");
  EXPECT_EQ(owner.post(path("deals", deal, "status"), R"({"status": "nowhere"})").status, 422);
  EXPECT_EQ(owner.post(path("deals", deal, "status"), R"(["new"])").status, 400);
  HttpClient director = client_of("director", {"crm-cco"});
  const auto two = director.post(path("deals", deal, "assign"), R"({"user_id": "me", "x": 1})");
  EXPECT_EQ(two.status, 422);
  EXPECT_EQ(two.json().find("errors")->as_array().size(), 2U) << two.body;
  EXPECT_EQ(director.post(path("deals", deal, "assign"), R"({"user_id": 999999})").field("code"),
            "reference_not_found");
  EXPECT_EQ(owner.post(path("deals", 999999, "status"), R"({"status": "new"})").status, 404);
}

TEST_F(ActionsApi, IfMatchIsHonouredWhenItIsSent) {
  HttpClient owner = client_of("owner", {});
  const auto deal = make_deal(owner, "A");
  const std::string body = R"({"status": "first_contact"})";
  EXPECT_EQ(owner.post(path("deals", deal, "status"), body, {{"If-Match", "\"7\""}}).status, 412);
  EXPECT_EQ(owner.post(path("deals", deal, "status"), body, {{"If-Match", "\"1\""}}).status, 200);
  EXPECT_EQ(owner.post(path("deals", deal, "status"), body).status, 200) << "no change, no version";
  EXPECT_EQ(owner.get(path("deals", deal)).field("row_version"), "2");
}

TEST_F(ActionsApi, ARepetitionUnderAKeyIsHarmless) {
  HttpClient owner = client_of("owner", {});
  const auto deal = make_deal(owner, "A");
  const testing::HttpHeaders key{{"Idempotency-Key", "once"}};
  const std::string body = R"({"status": "paused"})";
  const auto first = owner.post(path("deals", deal, "status"), body, key);
  ASSERT_EQ(first.status, 200) << first.body;
  owner.post(path("deals", deal, "status"), R"({"status": "decision"})");
  const auto again = owner.post(path("deals", deal, "status"), body, key);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(owner.get(path("deals", deal)).field("status"), "decision");
  const testing::HttpHeaders bulk_key{{"Idempotency-Key", "bulk"}};
  const std::string bulk = R"({"ids": [)" + std::to_string(deal) + R"(], "status": "new"})";
  const auto bulk_first = owner.post("/api/v1/deals/status", bulk, bulk_key);
  ASSERT_EQ(bulk_first.status, 200) << bulk_first.body;
  EXPECT_EQ(owner.post("/api/v1/deals/status", bulk, bulk_key).body, bulk_first.body);
}

TEST_F(ActionsApi, InBulkEachRecordIsItsOwnAffair) {
  HttpClient owner = client_of("owner", {});
  HttpClient other = client_of("other", {});
  const auto good = make_lead(owner);
  const auto guarded = make_lead(owner, R"(, "counterparty_id": null)");
  const auto foreign = make_lead(other);
  const auto fine = make_lead(owner);
  const std::string ids = std::to_string(fine) + ", " + std::to_string(guarded) + ", " +
                          std::to_string(foreign) + ", " + std::to_string(good) + ", " +
                          std::to_string(good);

  const auto answer =
      owner.post("/api/v1/leads/status", R"({"ids": [)" + ids + R"(], "status": "paused"})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("failed"), "1");
  const Json body = answer.json();
  const auto& results = body.find("results")->as_array();
  ASSERT_EQ(results.size(), 4U);
  for (const auto& each : results) {
    const bool is_foreign = each.find("id")->as_int64() == foreign;
    EXPECT_EQ(each.find("ok")->as_bool(), !is_foreign);
    EXPECT_EQ(each.find("problem") != nullptr, is_foreign);
  }
  EXPECT_EQ(other.get(path("leads", foreign)).field("status"), "new");
  EXPECT_EQ(owner.get(path("leads", good)).field("status"), "paused");

  const auto none =
      owner.post("/api/v1/leads/status", R"({"ids": [)" + ids + R"(], "status": "disqualified"})");
  EXPECT_EQ(none.field("failed"), "4");
  EXPECT_EQ(owner.get(path("leads", good)).field("status"), "paused");
  EXPECT_EQ(owner.post("/api/v1/leads/status", R"({"status": "new"})").field("code"),
            "ids_required");
  EXPECT_EQ(owner.post("/api/v1/leads/status", R"({"ids": ["1"], "status": "new"})").status, 422);
  std::string many = "1";
  for (std::size_t i = 0; i < store::kMaxBulkIds; ++i) many += ",1";
  EXPECT_EQ(owner.post("/api/v1/leads/status", R"({"ids": [)" + many + R"(], "status": "new"})")
                .field("code"),
            "too_many");
}

TEST_F(ActionsApi, OnlyTheDirectorAndAdministratorsAssign) {
  HttpClient owner = client_of("owner", {});
  HttpClient director = client_of("director", {"crm-cco"});
  HttpClient admin = administrator();
  HttpClient stranger = client_of("stranger", {});
  const auto next = add_user("next");
  const std::string body = R"({"user_id": )" + std::to_string(next) + "}";
  for (const std::string_view kind : {"leads", "deals"}) {
    const auto id = kind == "deals" ? make_deal(owner, "A") : make_lead(owner);
    EXPECT_EQ(stranger.post(path(kind, id, "assign"), body).status, 404);
    const auto refused = owner.post(path(kind, id, "assign"), body);
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.field("code"), "director_only");
    const auto done = director.post(path(kind, id, "assign"), body);
    ASSERT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(done.field("responsible_id"), std::to_string(next));
    EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_id = " + std::to_string(id) +
                  " AND event = 'responsible_changed'"),
              1);
    EXPECT_EQ(admin.post(path(kind, id, "assign"), body).status, 200);
  }
}

TEST_F(ActionsApi, NobodysRecordIsTakenToWorkAndItsTaskIsDone) {
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient second = client_of("second", {"crm-manager"});
  const auto deal = make_deal(manager, "A", R"(, "responsible_id": null)");
  EXPECT_EQ(offered(second.get(path("deals", deal, "actions"))).count("take-to-work"), 1U);

  const auto taken = second.post(path("deals", deal, "take-to-work"), "");
  ASSERT_EQ(taken.status, 200) << taken.body;
  EXPECT_EQ(taken.field("status"), "first_contact");
  EXPECT_NE(taken.field("responsible_id"), "null");
  EXPECT_EQ(sql_text("SELECT status || ' ' || outcome FROM crm.task WHERE record_id = " +
                     std::to_string(deal)),
            "completed take_to_work");
  const auto told = second.get(path("deals", deal, "history?event=task_completed"));
  EXPECT_EQ(told.json().find("items")->as_array().size(), 1U);
  EXPECT_EQ(told.field("items/0/outcome"), "take_to_work");
  EXPECT_EQ(told.field("items/0/task_id"),
            sql_text("SELECT id FROM crm.task WHERE record_id = " + std::to_string(deal)));
  EXPECT_EQ(told.field("items/0/version"), "2");
  EXPECT_EQ(manager.post(path("deals", deal, "take-to-work"), "{}").status, 403);
  EXPECT_EQ(second.post(path("deals", deal, "take-to-work"), "{}").field("code"), "already_taken");
}

// domain.md 3.4, 3.5: who is offered what in which status. The map has every action of every kind
// by name: a new one without a row here fails.
TEST_F(ActionsApi, EveryActionIsOfferedToWhomTheMatrixSays) {
  HttpClient owner = client_of("owner", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient director = client_of("director", {"crm-cco"});
  HttpClient admin = administrator();
  HttpClient stranger = client_of("stranger", {});
  const auto observer_id = add_user("observer");
  HttpClient observer = client(add_token(observer_id, {"admin"}));
  HttpClient reader = client(add_token(add_user("reader", {"crm-administrators"}), {"deal:read"}));

  for (const std::string_view kind : {"leads", "deals"}) {
    Names edit{"update", "delete", "status", "assignments"};
    if (kind == "deals") edit.insert({"orders", "payments"});
    Names all = edit;
    all.insert("assign");
    const auto id = kind == "deals" ? make_deal(owner, "A") : make_lead(owner);
    ASSERT_EQ(
        owner.request("PUT", path(kind, id, "observers/" + std::to_string(observer_id))).status,
        204);
    const store::Resource& resource = *registry_->find_path(kind);
    for (const auto& status : resource.statuses) {
      sql("UPDATE crm." + std::string(resource.kind) + " SET status = '" +
          std::string(status.code) + "'" +
          (status.code == "disqualified" ? ", disqualification_reason_code = 'spam'" : "") +
          (resource.kind == "deal"
               ? ", closed_at = CASE WHEN '" + std::string(status.code) +
                     "' IN ('completed', 'rejected', 'dropped_out') THEN now() END"
               : "") +
          (status.code == "deal_creation"
               ? ", counterparty_id = (SELECT id FROM crm.counterparty LIMIT 1)"
               : "") +
          " WHERE id = " + std::to_string(id) +
          (status.code == "deal_creation" ? " AND EXISTS (SELECT FROM crm.counterparty)" : "") +
          " RETURNING id");
      SCOPED_TRACE(std::string(kind) + " " + std::string(status.code));
      const std::string actions = path(kind, id, "actions");
      const auto only = [&](HttpClient& who) {
        Names names = offered(who.get(actions));
        std::erase_if(names, [&](const std::string& name) { return !all.contains(name); });
        return names;
      };
      EXPECT_EQ(only(owner), edit);
      EXPECT_EQ(only(director), all);
      EXPECT_EQ(only(admin), all);
      EXPECT_EQ(only(manager), Names{});
      EXPECT_EQ(only(observer), Names{});
      EXPECT_EQ(stranger.get(actions).status, 404);
      if (kind == "deals") {
        EXPECT_EQ(only(reader), Names{});
      }
      const std::string any = "/api/v1/records/" + std::to_string(id) + "/actions";
      EXPECT_EQ(owner.get(any).body, owner.get(actions).body);
      EXPECT_EQ(stranger.get(any).status, 404);
    }
  }
  EXPECT_EQ(client(add_token(observer_id, {"lead:read"}))
                .get("/api/v1/records/" + std::to_string(make_deal(owner, "B")) + "/actions")
                .status,
            404)
      << "no scope, no word about its existence";
}

TEST_F(ActionsApi, WhatIsNotOfferedIsRefusedInTheSameWordsForEveryAction) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  const store::Actions actions(*registry_);
  for (const std::string_view kind : {"leads", "deals"}) {
    const auto id = kind == "deals" ? make_deal(owner, "A") : make_lead(owner);
    for (const store::Action& action : actions.of(*registry_->find_path(kind))) {
      SCOPED_TRACE(std::string(kind) + "/" + std::string(action.name));
      const auto unseen = stranger.post(path(kind, id, action.name), "{}");
      EXPECT_EQ(unseen.status, 404);
      EXPECT_EQ(unseen.field("detail"), [&] {
        std::string text = stranger.post(path(kind, 99'999, action.name), "{}").field("detail");
        text.replace(text.find("99999"), 5, std::to_string(id));
        return text;
      }()) << "the words do not tell what is there";
      EXPECT_EQ(manager.post(path(kind, id, action.name), "{}").status, 403);
    }
  }
}

TEST_F(ActionsApi, TheStatusesOfferedAreThoseTheCallerMayChoose) {
  HttpClient owner = client_of("owner", {});
  HttpClient admin = administrator();
  const auto deal = make_deal(owner, "A");
  const auto choices = [&](HttpClient& who) {
    Names codes;
    const Json body = who.get(path("deals", deal, "actions")).json();
    for (const auto& action : body.find("actions")->as_array()) {
      if (action.find("name")->as_string() != "status") continue;
      for (const auto& code :
           action.find("schema")->find("properties")->find("status")->find("enum")->as_array()) {
        codes.insert(code.as_string());
      }
    }
    return codes;
  };
  EXPECT_EQ(choices(owner).count("new"), 0U) << "it is there already";
  EXPECT_EQ(choices(owner).count("historical"), 0U);
  EXPECT_EQ(choices(owner).count("rejected"), 1U);
  EXPECT_EQ(choices(admin).count("historical"), 1U);
  EXPECT_EQ(owner.post(path("deals", deal, "status"), R"({"status": "historical"})").status, 403);
}

// -- Tasks ----------------------------------------------------------------------------------------

TEST_F(ActionsApi, TasksAreListedByWhoseTheyAre) {
  HttpClient admin = administrator();
  const auto boss_id = add_user("boss");
  const auto worker_id = add_user("worker", {"crm-manager"});
  HttpClient boss = client(add_token(boss_id, {"admin"}));
  HttpClient worker = client(add_token(worker_id, {"admin"}));
  HttpClient stranger = client_of("stranger", {});
  sql("UPDATE crm.user SET line_manager_id = " + std::to_string(boss_id) +
      " WHERE id = " + std::to_string(worker_id) + " RETURNING id");
  const auto deal = make_deal(admin, "A", R"(, "responsible_id": null)");
  const auto other = make_deal(admin, "B", R"(, "responsible_id": null)");
  const auto total = [](HttpClient& who, const std::string& query) {
    return who.get("/api/v1/tasks?count=exact&" + query).field("total");
  };
  EXPECT_EQ(total(worker, "scope=current"), "2") << "through the group";
  EXPECT_EQ(total(worker, "scope=current&record_id=" + std::to_string(deal)), "1");
  EXPECT_EQ(total(worker, "scope=completed"), "0");
  EXPECT_EQ(total(boss, "scope=subordinates"), "0");
  EXPECT_EQ(total(stranger, "scope=current"), "0");

  const auto task = sql("SELECT id FROM crm.task WHERE record_id = " + std::to_string(deal));
  const testing::HttpHeaders key{{"Idempotency-Key", "task"}};
  const auto done = worker.post("/api/v1/tasks/" + std::to_string(task) + "/complete",
                                R"({"outcome": "take_to_work"})", key);
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(worker
                .post("/api/v1/tasks/" + std::to_string(task) + "/complete",
                      R"({"outcome": "take_to_work"})", key)
                .body,
            done.body);
  EXPECT_EQ(total(worker, "scope=current"), "1");
  EXPECT_EQ(total(worker, "scope=completed"), "1");
  EXPECT_EQ(total(boss, "scope=subordinates"), "1") << "what his people did";
  EXPECT_EQ(total(boss, "scope=subordinates&status=active"), "0");
  EXPECT_EQ(total(worker, "scope=record&record_id=" + std::to_string(other)), "1");
  EXPECT_EQ(worker.get("/api/v1/tasks?scope=record").status, 400);
  EXPECT_EQ(worker.get("/api/v1/tasks?scope=all").status, 400);
  EXPECT_EQ(worker.get("/api/v1/deals?scope=current").status, 400);
}

}  // namespace
}  // namespace c360::api

// The card of a lead or a deal out of widgets: what `include=` shows in one request (R-157, R-190).
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class WidgetsApi : public ApiTest {
 protected:
  static std::string lead(HttpClient& by) {
    const auto made =
        by.post("/api/v1/leads", R"({"name":"Лид","responsible_id":null,"ym_client_id":"17",)"
                                 R"("request_source_code":"ad"})");
    EXPECT_EQ(made.status, 201) << made.body;
    return "/api/v1/leads/" + made.field("id");
  }
  static std::set<std::string> names(const HttpAnswer& answer, std::string_view list) {
    std::set<std::string> found;
    const Json body = answer.json();
    const Json* items = body.find(list);
    if (items == nullptr || !items->is_array()) return found;
    for (const Json& item : items->as_array()) found.insert(item.find("name")->as_string());
    return found;
  }
};

TEST_F(WidgetsApi, OneRequestShowsAllWidgetsOfALead) {
  HttpClient manager = client_of("manager", {"crm-manager"});
  const std::string path = lead(manager);
  const auto contact = manager.post("/api/v1/contacts", R"({"full_name":"Пётр"})");
  ASSERT_EQ(manager.request("PUT", path + "/contacts/" + contact.field("id")).status, 204);
  ASSERT_EQ(manager.post(path + "/activities", R"({"type":"call","topic":"первый"})").status, 201);
  ASSERT_EQ(manager.post(path + "/activities", R"({"type":"meeting","topic":"второй"})").status,
            201);
  ASSERT_EQ(manager.post(path + "/links", R"({"kind":"web","url":"https://example.org/"})").status,
            201);

  const auto card =
      manager.get(path + "?include=stage,tasks,contacts,marketing,activities,links,actions");

  ASSERT_EQ(card.status, 200) << card.body;
  EXPECT_EQ(card.field("stage/code"), "unprocessed");
  EXPECT_EQ(card.field("stage/ru"), "Не обработан");
  EXPECT_EQ(card.field("tasks/0/kind"), "take_to_work");
  EXPECT_EQ(card.field("tasks/0/status"), "active");
  EXPECT_EQ(card.field("contacts/0/full_name"), "Пётр");
  EXPECT_EQ(card.field("marketing/request_source_code"), "ad");
  EXPECT_EQ(card.field("marketing/ym_client_id"), "17");
  EXPECT_EQ(card.field("activities/0/topic"), "второй") << "newest first";
  EXPECT_EQ(card.field("activities/1/topic"), "первый");
  EXPECT_EQ(card.field("links/0/url"), "https://example.org/");
  EXPECT_EQ(names(card, "actions"), names(manager.get(path + "/actions"), "actions"));
  EXPECT_TRUE(names(card, "actions").contains("take-to-work")) << card.body;
  EXPECT_EQ(card.field("name"), "Лид");
}

TEST_F(WidgetsApi, AWidgetShowsWhatItsOwnListShows) {
  HttpClient owner = client_of("owner", {});
  const auto watcher_id = add_user("watcher");
  HttpClient watcher = client(add_token(watcher_id, {"admin"}));
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(owner, "Сделка"));
  ASSERT_EQ(owner.request("PUT", deal + "/observers/" + std::to_string(watcher_id)).status, 204);
  ASSERT_EQ(owner.post(deal + "/comments", R"({"text":"видно"})").status, 201);

  const auto seen = watcher.get(deal + "?include=comments,stage,actions");
  EXPECT_EQ(seen.field("comments/0/text"), "видно") << seen.body;
  EXPECT_EQ(seen.field("stage/percent"), "0");
  EXPECT_EQ(names(seen, "actions"), std::set<std::string>{}) << "he may only read";
  EXPECT_EQ(client_of("stranger", {}).get(deal + "?include=comments,actions").status, 404);
  const auto list = watcher.get("/api/v1/deals?include=tasks,stage&count=exact");
  EXPECT_EQ(list.field("total"), "1") << list.body;
  EXPECT_EQ(list.field("items/0/stage/code"), "processing");
}

TEST_F(WidgetsApi, AWidgetNeedsTheScopeOfItsKind) {
  HttpClient narrow = client_of("narrow", {"crm-manager"}, {"deal:read"});
  HttpClient seller = client_of("seller", {"crm-manager"});
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(seller, "Сделка"));

  EXPECT_EQ(narrow.get(deal + "?include=activities").field("code"), "scope_missing");
  EXPECT_EQ(narrow.get(deal + "?include=tasks").field("code"), "scope_missing");
  const auto card = narrow.get(deal + "?include=stage,marketing,links,actions");
  EXPECT_EQ(card.status, 200) << card.body;
  EXPECT_EQ(names(card, "actions"), std::set<std::string>{}) << "the token may only read";
  EXPECT_EQ(seller.get(deal + "?include=widgets").field("code"), "unknown_include");
  EXPECT_EQ(seller.get("/api/v1/deals?include=actions").field("code"), "unknown_include")
      << "actions are asked for one record at a time";
}

TEST_F(WidgetsApi, TheMarketingBlockOfALeadIsChangedByItself) {
  HttpClient seller = client_of("seller", {});
  const std::string path = lead(seller) + "/marketing";
  const auto block = seller.get(path);
  ASSERT_EQ(block.status, 200) << block.body;
  EXPECT_EQ(block.field("ym_client_id"), "17");
  EXPECT_EQ(block.json().find("name"), nullptr);

  const auto changed = client_of("cco", {"crm-cco"})
                           .patch(path, R"({"request_source_code":"referral"})",
                                  {{"If-Match", block.header("etag")}});
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.field("request_source_code"), "referral");
  EXPECT_EQ(seller.patch(path, R"({"name":"x"})", {{"If-Match", "*"}}).field("errors/0/code"),
            "unknown_field");
}

}  // namespace
}  // namespace c360::api

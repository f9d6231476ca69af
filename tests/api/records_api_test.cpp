// One record through its life, over the wire.
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

using RecordsApi = ApiTest;

TEST_F(RecordsApi, CreatesReadsChangesDeletesAndRestoresADeal) {
  HttpClient admin = administrator();

  const auto made = admin.post("/api/v1/deals", R"({"name": "Поставка", "amount": "1500.00"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = made.field("id");
  EXPECT_EQ(made.header("location"), "/api/v1/deals/" + id);
  EXPECT_EQ(made.header("etag"), "\"1\"");
  EXPECT_EQ(made.field("amount"), "1500.00");
  const std::string path = "/api/v1/deals/" + id;

  const auto read = admin.get(path);
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.field("name"), "Поставка");
  EXPECT_EQ(read.header("etag"), "\"1\"");
  EXPECT_EQ(admin.get(path, {{"If-None-Match", "\"1\""}}).status, 304);
  EXPECT_EQ(admin.get(path, {{"If-None-Match", "W/\"1\", \"9\""}}).status, 304);
  EXPECT_EQ(admin.get(path, {{"If-None-Match", "\"2\""}}).status, 200);

  const auto changed =
      admin.patch(path, R"({"status": "presentation", "amount": null})", {{"If-Match", "\"1\""}});
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.header("etag"), "\"2\"");
  EXPECT_EQ(changed.field("status"), "presentation");
  EXPECT_EQ(changed.field("amount"), "null");

  EXPECT_EQ(admin.del(path, {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(admin.del(path, {{"If-Match", "\"2\""}}).status, 204);
  EXPECT_EQ(admin.get(path + "/history").status, 200);
  EXPECT_EQ(admin.post(path + "/restore", "").status, 200);
  EXPECT_EQ(admin.get(path).status, 200);

  const auto history = admin.get(path + "/history?limit=2");
  EXPECT_EQ(history.field("items/0/event"), "restored");
  EXPECT_EQ(history.field("items/1/event"), "deleted");
  EXPECT_NE(history.field("next_cursor"), "null");
}

// Links, comments, times of contacts: what is shown may change though the version does not.
TEST_F(RecordsApi, WhatIsShownBesideARecordIsNotAnsweredAsUnchanged) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  const std::string shown = deal + "?include=contacts";
  const auto before = admin.get(shown);
  ASSERT_EQ(before.status, 200) << before.body;
  const std::string tag = before.header("etag");
  EXPECT_EQ(admin.get(shown, {{"If-None-Match", tag}}).status, 304);
  EXPECT_EQ(admin.get(shown, {{"If-None-Match", "\"1\""}}).status, 200);

  const std::string contact =
      std::to_string(created(admin.post("/api/v1/contacts", R"({"full_name": "Иванов"})")));
  ASSERT_EQ(admin.put(deal + "/contacts/" + contact, "{}").status, 204);

  const auto after = admin.get(shown, {{"If-None-Match", tag}});
  EXPECT_EQ(after.status, 200) << "the version is the same, the contacts are not";
  EXPECT_EQ(after.field("row_version"), before.field("row_version"));
  EXPECT_EQ(admin.patch(deal, R"({"name": "B"})", {{"If-Match", after.header("etag")}}).status,
            200);
  EXPECT_EQ(admin.patch(deal, R"({"name": "C"})", {{"If-Match", tag}}).status, 412);
}

TEST_F(RecordsApi, ACustomerThatWasSpokenToIsNotAnsweredAsUnchanged) {
  HttpClient admin = administrator();
  const std::string customer =
      "/api/v1/counterparties/" +
      std::to_string(
          created(admin.post("/api/v1/counterparties", R"({"name": "A", "segment_code": "small",)"
                                                       R"( "acquisition_channel_code": "site",)"
                                                       R"( "status_code": "active"})")));
  const std::string tag = admin.get(customer).header("etag");
  ASSERT_EQ(admin.get(customer, {{"If-None-Match", tag}}).status, 304);

  ASSERT_EQ(admin.post(customer + "/comments", R"({"text": "x"})").status, 201);

  const auto after = admin.get(customer, {{"If-None-Match", tag}});
  EXPECT_EQ(after.status, 200);
  EXPECT_NE(after.field("last_contact_at"), "null");
  EXPECT_EQ(admin.patch(customer, R"({"name": "B"})", {{"If-Match", tag}}).status, 200)
      << "nobody has changed it";
}

TEST_F(RecordsApi, AsksForIfMatchAndRefusesAStaleOne) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));

  const auto without = admin.patch(path, R"({"name": "B"})");
  EXPECT_EQ(without.status, 428);
  EXPECT_EQ(without.field("code"), "if_match_required");
  EXPECT_EQ(admin.patch(path, R"({"name": "B"})", {{"If-Match", "\"7\""}}).status, 412);
  EXPECT_EQ(admin.patch(path, R"({"name": "B"})", {{"If-Match", "W/\"1\""}}).status, 412);
  EXPECT_EQ(admin.patch(path, R"({"name": "B"})", {{"If-Match", "1"}}).status, 400);
  EXPECT_EQ(admin.get(path).field("name"), "A");
  EXPECT_EQ(admin.patch(path, R"({"name": "B"})", {{"If-Match", "*"}}).status, 200);
}

TEST_F(RecordsApi, NamesEveryWrongFieldAtOnce) {
  HttpClient admin = administrator();

  const auto answer = admin.post("/api/v1/deals", R"({"name": "A", "amount": "much",
      "currency": "ZZZ", "status": "nowhere", "site_email": "no address"})");

  EXPECT_EQ(answer.status, 422) << answer.body;
  EXPECT_EQ(answer.header("content-type"), "application/problem+json");
  EXPECT_EQ(answer.field("type"), "validation_failed");
  const Json body = answer.json();
  std::vector<std::string> pointers;
  for (const auto& error : body.find("errors")->as_array()) {
    pointers.push_back(error.find("pointer")->as_string());
  }
  EXPECT_GE(pointers.size(), 3U) << answer.body;
  EXPECT_NE(std::ranges::find(pointers, "/amount"), pointers.end()) << answer.body;
}

TEST_F(RecordsApi, RefusesBodiesThatAreNoJsonObject) {
  HttpClient admin = administrator();
  EXPECT_EQ(admin.post("/api/v1/deals", "{").status, 400);
  EXPECT_EQ(admin.post("/api/v1/deals", "[]").status, 400);
  EXPECT_EQ(admin.post("/api/v1/deals", R"({"name": "a", "name": "b"})").status, 400);
  EXPECT_EQ(admin.post("/api/v1/deals", R"({"no_such_field": 1})").status, 422);
  EXPECT_EQ(admin.request("POST", "/api/v1/deals", {{"Content-Type", "text/plain"}}, "{}").status,
            415);
  EXPECT_EQ(admin.post("/api/v1/deals?colour=red", "{}").status, 400);
  EXPECT_EQ(admin.post("/api/v1/deals?profile=draft", "{}").status, 400);
}

TEST_F(RecordsApi, UnknownIdsAreNotFound) {
  HttpClient admin = administrator();
  EXPECT_EQ(admin.get("/api/v1/deals/999999").status, 404);
  EXPECT_EQ(admin.get("/api/v1/deals/abc").status, 404);
  EXPECT_EQ(admin.get("/api/v1/deals/-1").status, 404);
  EXPECT_EQ(admin.get("/api/v1/deals/99999999999999999999").status, 404);
  EXPECT_EQ(admin.get("/api/v1/deals/999999/history").status, 404);
  EXPECT_EQ(admin.get("/api/v1/deals/999999/comments").status, 404);
  EXPECT_EQ(admin.patch("/api/v1/deals/999999", "{}", {{"If-Match", "\"1\""}}).status, 404);
}

TEST_F(RecordsApi, AMergedRecordIsRedirectedToWhereItWent) {
  HttpClient admin = administrator();
  const auto target = std::to_string(make_deal(admin, "Target"));
  const auto source = std::to_string(make_deal(admin, "Source"));
  sql("UPDATE crm.deal SET merged_into_id = " + target +
      ", deleted_at = now() WHERE id = " + source + " RETURNING id");

  const auto answer = admin.get("/api/v1/deals/" + source);

  EXPECT_EQ(answer.status, 308);
  EXPECT_EQ(answer.header("location"), "/api/v1/deals/" + target);
  EXPECT_EQ(admin.get("/api/v1/deals/" + source + "/comments").header("location"),
            "/api/v1/deals/" + target + "/comments");
}

TEST_F(RecordsApi, ContactsAndObserversAreAttachedAndDetached) {
  HttpClient admin = administrator();
  const std::string deal = "/api/v1/deals/" + std::to_string(make_deal(admin, "A"));
  const auto contact =
      std::to_string(created(admin.post("/api/v1/contacts", R"({"full_name": "Иван Петров"})")));
  const auto observer = std::to_string(add_user("observer"));

  EXPECT_EQ(admin.put(deal + "/contacts/" + contact, R"({"is_main": true})").status, 204);
  EXPECT_EQ(admin.request("PUT", deal + "/observers/" + observer).status, 204);
  EXPECT_EQ(admin.put(deal + "/contacts/" + contact, R"({"is_main": 1})").status, 400);

  EXPECT_EQ(admin.get(deal + "/contacts").field("items/0/full_name"), "Иван Петров");
  EXPECT_EQ(admin.get(deal + "/observers").field("items/0/id"), observer);
  const auto shown = admin.get(deal + "?fields=id,name&include=contacts,observers");
  EXPECT_EQ(shown.field("contacts/0/id"), contact) << shown.body;

  EXPECT_EQ(admin.del(deal + "/contacts/" + contact).status, 204);
  EXPECT_EQ(admin.del(deal + "/observers/" + observer).status, 204);
  EXPECT_EQ(admin.get(deal + "/contacts").field("items/0"), "");
}

TEST_F(RecordsApi, CommentsAndActivitiesAreMadeInsideTheirRecord) {
  HttpClient admin = administrator();
  const std::string deal_id = std::to_string(make_deal(admin, "A"));
  const std::string deal = "/api/v1/deals/" + deal_id;

  const auto comment = admin.post(deal + "/comments", R"({"text": "Позвонить завтра"})");
  EXPECT_EQ(comment.status, 201) << comment.body;
  EXPECT_EQ(comment.field("record_id"), deal_id);
  const auto activity = admin.post(
      deal + "/activities",
      R"({"type": "call", "status": "planned", "activity_date": "2030-01-02T10:00:00Z"})");
  EXPECT_EQ(activity.status, 201) << activity.body;

  EXPECT_EQ(admin.get(deal + "/comments?count=exact").field("total"), "1");
  EXPECT_EQ(admin.get(deal + "/activities?type=call").field("items/0/parent_record_id"), deal_id);
  EXPECT_EQ(admin.get(deal + "/comments?record_id=1").status, 400);
  EXPECT_EQ(admin.post(deal + "/comments", R"({"text": "x", "record_id": 999})").status, 400);
  EXPECT_EQ(admin.post("/api/v1/deals/999999/comments", R"({"text": "x"})").status, 404);
}

TEST_F(RecordsApi, ATaskToTakeToWorkIsCompleted) {
  HttpClient manager = client_of("manager", {"crm-manager"});
  const std::string deal = std::to_string(make_deal(manager, "A", R"(, "responsible_id": null)"));
  const auto tasks = manager.get("/api/v1/deals/" + deal + "/tasks");
  const std::string task = tasks.field("items/0/id");
  ASSERT_NE(task, "") << tasks.body;

  EXPECT_EQ(manager.post("/api/v1/tasks/" + task + "/complete", "{}").status, 400);
  const auto done =
      manager.post("/api/v1/tasks/" + task + "/complete", R"({"outcome": "take_to_work"})");

  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(manager.get("/api/v1/deals/" + deal).field("status"), "first_contact");
}

TEST_F(RecordsApi, TellsWhatAFormNeeds) {
  HttpClient someone = client_of("someone", {}, {});
  const auto enums = someone.get("/api/v1/meta/enums?lang=en");
  EXPECT_EQ(enums.status, 200);
  EXPECT_EQ(enums.field("enums/deal.status/0/code"), "new");
  EXPECT_EQ(enums.field("enums/deal.status/0/name"), "Not Processed");
  EXPECT_EQ(someone.get("/api/v1/meta/enums", {{"Accept-Language", "fr, en;q=0.8"}})
                .field("enums/deal.status/0/name"),
            "Not Processed");
  EXPECT_EQ(someone.get("/api/v1/meta/enums").field("enums/deal.status/0/name"), "Не обработана");
  EXPECT_EQ(someone.get("/api/v1/meta/enums?lang=fr").status, 400);
  HttpClient admin = administrator();
  created(admin.post("/api/v1/custom-fields", R"({"record_kind": "deal", "code": "size",
      "name_ru": "Размер", "name_en": "Size", "type": "enum", "enum_values": ["S", "L"]})"));
  const auto member_of = [](const HttpAnswer& answer, std::string_view kind) {
    const Json body = answer.json();
    for (const auto& item : body.find("items")->as_array()) {
      if (item.find("kind")->as_string() == kind) return item;
    }
    return Json();
  };
  const Json mine = member_of(admin.get("/api/v1/meta/resources?lang=en"), "deal");
  EXPECT_EQ(mine.find("label")->as_string(), "Deal");
  EXPECT_EQ(mine.find("label_ru")->as_string(), "Сделка");
  EXPECT_EQ(*mine.find("may")->find("create"), Json(true));
  EXPECT_EQ(mine.find("custom_fields")->dump(),
            R"([{"name":"custom.size","type":"enum","label":"Size","label_ru":"Размер",)"
            R"("label_en":"Size","needed_on_creation":false,"searchable":false,)"
            R"("values":["S","L"]}])");
  const auto& fields = mine.find("fields")->as_array();
  const auto responsible = std::ranges::find_if(fields, [](const Json& field) {
    return field.find("name")->as_string() == "responsible_id";
  });
  ASSERT_NE(responsible, fields.end());
  EXPECT_EQ(responsible->find("target_path")->as_string(), "/api/v1/users");
  // What a form needs to know of each field is what is declared of it.
  const auto described = admin.get("/api/v1/meta/resources");
  for (const auto& resource : registry_->all()) {
    const Json told = member_of(described, resource->kind);
    ASSERT_TRUE(told.is_object()) << resource->kind;
    const auto& of_kind = told.find("fields")->as_array();
    for (const auto& field : resource->fields) {
      if (field.is_secret) continue;
      const auto one = std::ranges::find_if(
          of_kind, [&](const Json& each) { return each.find("name")->as_string() == field.name; });
      const std::string place = std::string(resource->kind) + "." + std::string(field.name);
      ASSERT_NE(one, of_kind.end()) << place;
      EXPECT_EQ(*one->find("required"), Json(field.is_not_null && !field.default_value)) << place;
      EXPECT_EQ(*one->find("needed_on_creation"), Json(field.needed_on_creation)) << place;
      EXPECT_EQ(one->find("writable")->as_string() == "never",
                field.write == store::WriteRule::never)
          << place;
      const Json* choices = one->find("choices");
      ASSERT_EQ(choices != nullptr, !field.choices.empty()) << place;
      if (choices == nullptr) continue;
      ASSERT_EQ(choices->as_array().size(), field.choices.size()) << place;
      for (std::size_t i = 0; i < field.choices.size(); ++i) {
        const Json& choice = choices->as_array()[i];
        EXPECT_EQ(choice.find("code")->as_string(), field.choices[i].code) << place;
        EXPECT_EQ(choice.find("name_ru")->as_string(), field.choices[i].label.ru) << place;
        EXPECT_EQ(choice.find("name_en")->as_string(), field.choices[i].label.en) << place;
      }
    }
  }
  const auto rule_of = [&](std::string_view name) {
    const auto one = std::ranges::find_if(
        fields, [&](const Json& field) { return field.find("name")->as_string() == name; });
    return one->find("writable")->as_string();
  };
  EXPECT_EQ(rule_of("number"), "never");
  EXPECT_EQ(rule_of("name"), "writers");
  EXPECT_EQ(rule_of("created_from_lead_id"), "creation");
  const Json theirs = member_of(someone.get("/api/v1/meta/resources"), "deal");
  EXPECT_EQ(*theirs.find("may")->find("create"), Json(false)) << "the token has no scope";
  EXPECT_EQ(theirs.find("label")->as_string(), "Сделка");
  const auto me = someone.get("/api/v1/me");
  EXPECT_TRUE(me.field("login").starts_with("someone")) << me.body;
}

}  // namespace
}  // namespace c360::api

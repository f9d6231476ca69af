// Links between records, and to the web (R-201).
#include "store/operations/record_links.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class LinksApi : public ApiTest {
 protected:
  static std::string links(std::int64_t id, std::int64_t link = 0) {
    return "/api/v1/records/" + std::to_string(id) + "/links" +
           (link > 0 ? "/" + std::to_string(link) : "");
  }
  static std::string to(std::int64_t id, const std::string& more = "") {
    return R"({"to_id": )" + std::to_string(id) + more + "}";
  }
  static Json::Array items(const HttpAnswer& answer) {
    const Json body = answer.json();
    const Json* list = body.find("items");
    if (list == nullptr) {
      ADD_FAILURE() << answer.status << " " << answer.body;
      return {};
    }
    return list->as_array();
  }
};

TEST_F(LinksApi, ALinkIsSeenAtBothEndsAndTakenAway) {
  HttpClient owner = client_of("owner", {});
  const auto deal = make_deal(owner, "Сделка");
  const auto lead = created(owner.post("/api/v1/leads", R"({"name": "Лид"})"));
  const testing::HttpHeaders key{{"Idempotency-Key", "link"}};
  const auto made =
      owner.post(links(deal), to(lead, R"(, "kind": "based_on", "title": "Отсюда")"), key);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(
      owner.post(links(deal), to(lead, R"(, "kind": "based_on", "title": "Отсюда")"), key).body,
      made.body);
  ASSERT_EQ(owner.post(links(deal), R"({"kind": "web", "url": "https://example.test/a"})").status,
            201);

  const auto here = items(owner.get("/api/v1/deals/" + std::to_string(deal) + "/links"));
  ASSERT_EQ(here.size(), 2U);
  EXPECT_EQ(here[0].find("url")->as_string(), "https://example.test/a");
  EXPECT_EQ(here[1].find("direction")->as_string(), "out");
  EXPECT_EQ(here[1].find("record_kind")->as_string(), "lead");
  EXPECT_EQ(here[1].find("name")->as_string(), "Лид");
  const auto there = items(owner.get(links(lead)));
  ASSERT_EQ(there.size(), 1U);
  EXPECT_EQ(there[0].find("direction")->as_string(), "in");
  EXPECT_EQ(there[0].find("title")->as_string(), "Отсюда");

  const auto link = std::stoll(made.field("id"));
  EXPECT_EQ(owner.del(links(lead, link)).status, 404) << "it starts at the other end";
  EXPECT_EQ(owner.del(links(deal, link)).status, 204);
  EXPECT_EQ(owner.del(links(deal, link)).status, 404);
  EXPECT_EQ(items(owner.get(links(lead))).size(), 0U);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_id = " + std::to_string(deal) +
                " AND changes @> '[{\"field\": \"links\"}]'"),
            3);
}

TEST_F(LinksApi, WhatIsWrongIsNamedAllAtOnce) {
  HttpClient owner = client_of("owner", {});
  const auto deal = make_deal(owner, "A");
  const auto other = make_deal(owner, "B");
  for (const auto& [body, code] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "to_required"},
           {to(deal), "same_record"},
           {to(other, R"(, "kind": "merged_from")"), "unknown_choice"},
           {to(other, R"(, "url": "https://example.test")"), "not_allowed"},
           {R"({"kind": "web", "url": "ftp://example.test"})", "invalid_url"},
           {R"({"kind": "web", "url": "https://)" + std::string(store::kMaxLinkUrlBytes, 'x') +
                "\"}",
            "invalid_url"},
           {to(other,
               R"(, "title": ")" + std::string(store::kMaxLinkTitleCharacters + 1, 'x') + "\""),
            "too_long"},
           {R"({"to_id": "x"})", "wrong_type"},
           {R"({"colour": "red"})", "unknown_field"}}) {
    const auto answer = owner.post(links(deal), body);
    EXPECT_EQ(answer.status, 422) << body.substr(0, 100);
    EXPECT_EQ(answer.field("code"), code) << body.substr(0, 100);
  }
  ASSERT_EQ(owner.post(links(deal), to(other)).status, 201);
  EXPECT_EQ(owner.post(links(deal), to(other)).field("code"), "already_linked");
}

TEST_F(LinksApi, NobodyLearnsOfARecordByItsLinks) {
  HttpClient owner = client_of("owner", {});
  HttpClient other = client_of("other", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto mine = make_deal(owner, "Mine");
  const auto hidden = make_deal(other, "Hidden");
  EXPECT_EQ(owner.post(links(mine), to(hidden)).status, 404);
  EXPECT_EQ(owner.post(links(mine), to(99'999)).status, 404);
  EXPECT_EQ(owner.get(links(hidden)).status, 404);
  EXPECT_EQ(owner.post(links(hidden), to(mine)).status, 404);
  EXPECT_EQ(manager.post(links(mine), to(hidden)).status, 403);
  ASSERT_EQ(administrator().post(links(mine), to(hidden)).status, 201);
  EXPECT_EQ(items(owner.get(links(mine))).size(), 0U) << "the other end is not his to see";
  EXPECT_EQ(items(manager.get(links(mine))).size(), 1U);
  HttpClient narrow = client(add_token(add_user("narrow", {"crm-administrators"}), {"lead:read"}));
  HttpClient half = client(add_token(add_user("half", {"crm-administrators"}), {"lead:read"}));
  const auto lead = created(administrator().post("/api/v1/leads", R"({"name": "L"})"));
  ASSERT_EQ(administrator().post(links(lead), to(mine)).status, 201);
  EXPECT_EQ(items(half.get(links(lead))).size(), 0U) << "the other end is of a kind out of scope";
  EXPECT_EQ(narrow.get(links(mine)).status, 404) << "no scope of its kind, no word about it";
}

TEST_F(LinksApi, TheLinkOfAMergeStays) {
  HttpClient owner = client_of("owner", {});
  const auto source = make_deal(owner, "Source");
  const auto target = make_deal(owner, "Target");
  ASSERT_EQ(owner
                .post("/api/v1/deals/" + std::to_string(source) + "/merge",
                      R"({"confirm": true, "into": )" + std::to_string(target) + "}")
                .status,
            200);
  const auto link = sql("SELECT id FROM crm.record_link WHERE kind = 'merged_from'");
  EXPECT_EQ(owner.del(links(target, link)).status, 409);
  EXPECT_EQ(owner.get(links(source)).header("location"),
            "/api/v1/deals/" + std::to_string(target) + "/links");
}

}  // namespace
}  // namespace c360::api

// A lead on its way to a deal: disqualified, its counterparty made, converted (domain.md 6.3, 6.4).
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class LeadActionsApi : public ApiTest {
 protected:
  static std::string path(std::int64_t id, std::string_view tail = {}) {
    return "/api/v1/leads/" + std::to_string(id) + (tail.empty() ? "" : "/" + std::string(tail));
  }
  std::int64_t make_lead(HttpClient& by, std::string_view more = {}) {
    return created(by.post("/api/v1/leads", R"({"name": "Lead")" + std::string(more) + "}"));
  }
  std::int64_t make_counterparty(HttpClient& by, const std::string& name = "Ромашка") {
    return created(by.post("/api/v1/counterparties", R"({"name": ")" + name + "\", " + kProfile));
  }
  std::int64_t make_contact(HttpClient& by, const std::string& name) {
    return created(by.post("/api/v1/contacts", R"({"full_name": ")" + name + "\"}"));
  }
  static constexpr const char* kProfile =
      R"("segment_code": "small", "acquisition_channel_code": "site", "status_code": "potential"})";
};

TEST_F(LeadActionsApi, TheReasonOfADisqualificationIsShownInTheCard) {
  HttpClient owner = client_of("owner", {});
  const auto lead = make_lead(owner);
  EXPECT_EQ(owner.post(path(lead, "status"), R"({"status": "disqualified"})").field("code"),
            "disqualification_reason_required");
  EXPECT_EQ(owner
                .post(path(lead, "status"), R"({"status": "disqualified",
                "disqualification_reason_code": "no_such"})")
                .status,
            422);
  ASSERT_EQ(owner
                .post(path(lead, "status"), R"({"status": "disqualified",
                "disqualification_reason_code": "expensive"})")
                .status,
            200);
  const Json card = owner.get(path(lead) + "?include=disqualification_reason").json();
  EXPECT_EQ(card.find("disqualification_reason_code")->as_string(), "expensive");
  EXPECT_EQ(card.find("disqualification_reason")->find("name_ru")->as_string(), "Дорого");
}

TEST_F(LeadActionsApi, TheCounterpartyIsMadeFromTheLeadAndItsContactsJoinIt) {
  HttpClient owner = client_of("owner", {});
  const auto lead = make_lead(owner, R"(, "company_text": "ООО «Ромашка»")");
  const auto second = make_contact(owner, "Второй");
  const auto main = make_contact(owner, "Главный");
  owner.request("PUT", path(lead, "contacts/" + std::to_string(second)));
  owner.put(path(lead, "contacts/" + std::to_string(main)), R"({"is_main": true})");

  const auto incomplete = owner.post(path(lead, "create-counterparty"), "{}");
  EXPECT_EQ(incomplete.status, 422) << "a person fills the whole profile";
  EXPECT_EQ(owner.get(path(lead)).field("counterparty_id"), "null");
  const auto made = owner.post(path(lead, "create-counterparty"), std::string("{") + kProfile);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("name"), "ООО «Ромашка»");
  EXPECT_EQ(made.field("full_name"), "ООО «Ромашка»");
  EXPECT_EQ(made.json().find("types")->dump(), R"(["buyer"])");
  EXPECT_EQ(made.field("responsible_id"), owner.get(path(lead)).field("responsible_id"));
  EXPECT_EQ(made.header("location"), "/api/v1/counterparties/" + made.field("id"));
  EXPECT_EQ(owner.get(path(lead)).field("counterparty_id"), made.field("id"));
  EXPECT_EQ(sql_text("SELECT string_agg(full_name || is_main, ',' ORDER BY id) FROM crm.contact "
                     "WHERE counterparty_id = " +
                     made.field("id")),
            "Второйfalse,Главныйtrue");

  const auto again = owner.post(path(lead, "create-counterparty"), std::string("{") + kProfile);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.field("code"), "counterparty_set");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 1);
}

TEST_F(LeadActionsApi, TheCallerMaySayMoreAndLeaveTheLinkToHimself) {
  HttpClient owner = client_of("owner", {});
  const auto lead = make_lead(owner, R"(, "company_text": "ромашка")");
  const auto made = owner.post(
      path(lead, "create-counterparty"),
      std::string(R"({"link": false, "inn": "7707083893", "full_name": "ПАО Сбербанк", )") +
          kProfile);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("name"), "ПАО Сбербанк");
  EXPECT_EQ(made.field("inn"), "7707083893");
  EXPECT_EQ(owner.get(path(lead)).field("counterparty_id"), "null");
  const auto wrong = owner.post(path(lead, "create-counterparty"),
                                std::string(R"({"inn": "7743013902", )") + kProfile);
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(wrong.field("code"), "inn_checksum");
  const auto twin = owner.post(path(lead, "create-counterparty"),
                               std::string(R"({"inn": "7707083893", )") + kProfile);
  EXPECT_EQ(twin.status, 409) << "no second counterparty of the same INN";
}

TEST_F(LeadActionsApi, ALeadWithoutACounterpartyBecomesNoDeal) {
  HttpClient owner = client_of("owner", {});
  const auto lead = make_lead(owner);
  for (const std::string& way : {path(lead, "convert"), path(lead, "status")}) {
    const auto refused =
        owner.post(way, way.ends_with("convert") ? "{}" : R"({"status": "deal_creation"})");
    EXPECT_EQ(refused.status, 422) << way;
    EXPECT_EQ(refused.field("code"), "counterparty_required") << way;
  }
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 0);
}

TEST_F(LeadActionsApi, ConvertingCarriesOverWhatTheDealNeeds) {
  HttpClient owner = client_of("owner", {});
  const auto observer = add_user("observer");
  const auto company = make_counterparty(owner);
  const auto contact = make_contact(owner, "Иванов");
  const auto lead = make_lead(owner, R"(, "amount": "1000.00", "currency": "USD",
      "description": "<p>text</p>", "company_text": "Ромашка", "number_of_users": "50-100",
      "request_source_code": "direct", "request_category_code": "price",
      "site_page": "https://example.test/a", "counterparty_id": )" +
                                         std::to_string(company));
  owner.request("PUT", path(lead, "contacts/" + std::to_string(contact)));
  owner.request("PUT", path(lead, "observers/" + std::to_string(observer)));

  const auto made = owner.post(path(lead, "convert"), "{}");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("status"), "new");
  EXPECT_EQ(made.field("name"), "Lead");
  EXPECT_EQ(made.field("amount"), "1000.00");
  EXPECT_EQ(made.field("currency"), "USD");
  EXPECT_EQ(made.field("number_of_users_max"), "100");
  EXPECT_EQ(made.field("request_source_code"), "direct");
  EXPECT_EQ(made.field("request_category_code"), "price");
  EXPECT_EQ(made.field("company_text"), "Ромашка");
  EXPECT_EQ(made.field("counterparty_id"), std::to_string(company));
  EXPECT_EQ(made.field("created_from_lead_id"), std::to_string(lead));
  EXPECT_EQ(made.field("site_page"), "null") << "it stays on the lead";
  const std::string deal = "/api/v1/deals/" + made.field("id");
  EXPECT_EQ(owner.get(deal + "/contacts").json().find("items")->as_array().size(), 1U);
  EXPECT_EQ(owner.get(deal + "/observers").json().find("items")->as_array().size(), 1U);
  const auto card = owner.get(path(lead));
  EXPECT_EQ(card.field("status"), "deal_creation");
  EXPECT_EQ(card.field("created_deal_id"), made.field("id"));

  const auto again = owner.post(path(lead, "convert"), "{}");
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.field("id"), made.field("id"));
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 1);
}

TEST_F(LeadActionsApi, WhicheverWayTheStatusIsReachedTheDealIsMade) {
  HttpClient owner = client_of("owner", {});
  const std::string company = R"(, "counterparty_id": )" + std::to_string(make_counterparty(owner));
  const auto by_status = make_lead(owner, company);
  const auto by_patch = make_lead(owner, company);
  const auto changed = owner.post(path(by_status, "status"), R"({"status": "deal_creation"})");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_NE(changed.field("created_deal_id"), "null");
  const auto patched =
      owner.patch(path(by_patch), R"({"status": "deal_creation"})", {{"If-Match", "\"1\""}});
  ASSERT_EQ(patched.status, 200) << patched.body;
  EXPECT_NE(patched.field("created_deal_id"), "null");
  const auto made =
      owner.post("/api/v1/leads", R"({"name": "L", "status": "deal_creation")" + company + "}");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_NE(made.field("created_deal_id"), "null");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal d JOIN crm.lead l ON l.created_deal_id = d.id AND "
                "d.created_from_lead_id = l.id"),
            3);
}

TEST_F(LeadActionsApi, AConvertedLeadGoesBackOnlyWhenItsDealIsGone) {
  HttpClient owner = client_of("owner", {});
  HttpClient admin = administrator();
  const auto lead =
      make_lead(owner, R"(, "counterparty_id": )" + std::to_string(make_counterparty(owner)));
  const auto deal = owner.post(path(lead, "convert"), "{}");
  ASSERT_EQ(deal.status, 201) << deal.body;
  const auto refused = owner.post(path(lead, "status"), R"({"status": "interest"})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.field("code"), "lead_has_deal");
  EXPECT_EQ(admin.post(path(lead, "status"), R"({"status": "interest"})").status, 200);
  ASSERT_EQ(admin.post(path(lead, "status"), R"({"status": "deal_creation"})").status, 200);

  ASSERT_EQ(owner.del("/api/v1/deals/" + deal.field("id"), {{"If-Match", "*"}}).status, 204);
  const auto second = owner.post(path(lead, "convert"), "{}");
  EXPECT_EQ(second.status, 201) << "the deleted deal is none";
  EXPECT_NE(second.field("id"), deal.field("id"));
  ASSERT_EQ(owner.del("/api/v1/deals/" + second.field("id"), {{"If-Match", "*"}}).status, 204);
  EXPECT_EQ(owner.post(path(lead, "status"), R"({"status": "interest"})").status, 200);
}

TEST_F(LeadActionsApi, ADealsCounterpartyIsMadeTheSameWay) {
  HttpClient owner = client_of("owner", {});
  const auto deal = make_deal(owner, "Сделка", R"(, "company_text": "Лютик")");
  const auto made = owner.post("/api/v1/deals/" + std::to_string(deal) + "/create-counterparty",
                               std::string("{") + kProfile);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("name"), "Лютик");
  EXPECT_EQ(owner.get("/api/v1/deals/" + std::to_string(deal)).field("counterparty_id"),
            made.field("id"));
}

// What a person need not say is filled in; what cannot be is asked for, everything at once.
TEST_F(LeadActionsApi, WhatIsLeftOutIsFilledInAndWhatCannotBeIsAskedFor) {
  const auto seller_id = add_user("seller");
  HttpClient seller = client(add_token(seller_id, {"admin"}));
  for (const std::string kind : {"leads", "deals"}) {
    const auto made = seller.post("/api/v1/" + kind, "{}");
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_TRUE(made.field("name").ends_with("№" + made.field("number"))) << made.body;
    EXPECT_EQ(made.field("responsible_id"), std::to_string(seller_id));
    const auto empty =
        seller.post("/api/v1/" + kind, R"({"status": "none", "responsible_id": 99999999})");
    EXPECT_EQ(empty.status, 422) << empty.body;
    EXPECT_EQ(empty.json().find("errors")->as_array().size(), 2U) << empty.body;
  }
  const auto customer = seller.post("/api/v1/counterparties", "{}");
  EXPECT_EQ(customer.status, 422);
  EXPECT_EQ(customer.json().find("errors")->as_array().size(), 3U) << customer.body;
}

// domain.md 13.1.
TEST_F(LeadActionsApi, TheActivitiesOfADealGoOnFromThoseOfItsLead) {
  HttpClient owner = client_of("owner", {});
  const auto lead =
      make_lead(owner, R"(, "counterparty_id": )" + std::to_string(make_counterparty(owner)));
  const auto call = [&](const std::string& of, std::string_view topic) {
    return created(owner.post(of + "/activities",
                              R"({"type": "call", "topic": ")" + std::string(topic) + "\"}"));
  };
  call(path(lead), "до сделки");
  const std::string deal = "/api/v1/deals/" + owner.post(path(lead, "convert"), "{}").field("id");
  call(deal, "после");
  const auto total = [&](const std::string& query) {
    const auto page = owner.get(deal + "/activities?count=exact&type=call" + query);
    EXPECT_EQ(page.status, 200) << page.body;
    return page.field("total");
  };

  EXPECT_EQ(total(""), "1");
  EXPECT_EQ(total("&include=lead"), "2");
  EXPECT_EQ(total("&include=responsible,lead"), "2");
  EXPECT_EQ(owner.get(deal + "/activities?include=lead").field("items/0/topic"), "после");
  const auto alone = make_deal(owner, "Без лида");
  EXPECT_EQ(owner.get("/api/v1/deals/" + std::to_string(alone) + "/activities?include=lead").status,
            200);
  EXPECT_EQ(owner.get(path(lead) + "/activities?include=lead").status, 400) << "a lead has none";
}

// R-041, domain.md 1.5.
TEST_F(LeadActionsApi, ItIsMadeTogetherWithItsContactsAndCalledByThem) {
  HttpClient seller = client_of("seller", {});
  for (const std::string kind : {"leads", "deals"}) {
    const auto made =
        seller.post("/api/v1/" + kind, R"({"site_email": "a@b.example", "contacts": [)"
                                       R"({"last_name": "Иванова", "first_name": "Анна"},)"
                                       R"({"full_name": "Петров", "phone": "+74951234567"}]})");
    ASSERT_EQ(made.status, 201) << kind << made.body;
    EXPECT_EQ(made.field("name"), "Иванова Анна") << kind;
    EXPECT_EQ(made.field("contacts/1/full_name"), "Петров") << kind;
    const std::string path = "/api/v1/" + kind + "/" + made.field("id");
    const auto linked = seller.get(path + "/contacts");
    EXPECT_EQ(linked.field("items/0/full_name"), "Иванова Анна") << kind;
    EXPECT_EQ(linked.field("items/0/is_main"), "true") << kind;
    EXPECT_EQ(linked.field("items/1/full_name"), "Петров") << kind;
    EXPECT_EQ(
        seller.get(path + "/history?event=contact_added").json().find("items")->as_array().size(),
        2U)
        << kind;
  }
  const auto wrong =
      seller.post("/api/v1/deals", R"({"company_text": "ООО", "contacts": [{}, {"phone": "x"}]})");
  EXPECT_EQ(wrong.status, 422) << wrong.body;
  EXPECT_EQ(wrong.field("errors/0/pointer"), "/contacts/0/full_name");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 1) << "all or nothing";
  const std::string customer = std::to_string(
      created(seller.post("/api/v1/counterparties",
                          R"({"name": "A", "segment_code": "small",)"
                          R"( "acquisition_channel_code": "site", "status_code": "active"})")));
  const auto asked =
      seller.post("/api/v1/support-requests",
                  R"({"subject": "x", "content": "y", "contacts": [{"full_name": "Сидоров"}],)"
                  R"( "counterparty_id": )" +
                      customer + "}");
  ASSERT_EQ(asked.status, 201) << asked.body;
  EXPECT_EQ(asked.field("contacts/0/full_name"), "Сидоров");
}

}  // namespace
}  // namespace c360::api

// The contract of a deal: made from it, or chosen (domain.md 7.3; R-209).
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class ContractActionsApi : public ApiTest {
 protected:
  static std::int64_t make(HttpClient& by, std::string_view kind, const std::string& body) {
    const auto made = by.post("/api/v1/" + std::string(kind), body);
    EXPECT_EQ(made.status, 201) << kind << ": " << made.body;
    return made.status == 201 ? created(made) : 0;
  }
  static std::int64_t customer(HttpClient& by) {
    return make(by, "counterparties",
                R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
                R"("status_code":"active"})");
  }
  static std::string number(std::string_view name, std::int64_t value) {
    return "\"" + std::string(name) + "\":" + std::to_string(value);
  }
  static std::string deal(std::int64_t id, std::string_view tail = {}) {
    return "/api/v1/deals/" + std::to_string(id) + std::string(tail);
  }
  static bool offers(HttpClient& by, std::int64_t id, std::string_view action) {
    const auto answer = by.get("/api/v1/records/" + std::to_string(id) + "/actions");
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.body.find("\"" + std::string(action) + "\"") != std::string::npos;
  }
};

TEST_F(ContractActionsApi, AContractIsMadeOfWhatTheDealSays) {
  HttpClient manager = client_of("manager", {"crm-manager"});
  HttpClient admin = administrator();
  const auto ours = make(admin, "own-organisations",
                         R"({"full_name":"Мы","inn":"7727563778","is_default":true})");
  const auto id = customer(admin);
  const auto sale = make(manager, "deals",
                         R"({"name":"Сделка","amount":"1500.00","currency":"EUR",)" +
                             number("counterparty_id", id) + "}");
  EXPECT_TRUE(offers(manager, sale, "contracts"));

  const auto made = manager.post(deal(sale, "/contracts"), R"({"summary":"Поставка"})");

  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("location"), "/api/v1/contracts/" + made.field("id"));
  EXPECT_EQ(made.field("status"), "draft");
  EXPECT_EQ(made.field("counterparty_id"), std::to_string(id));
  EXPECT_EQ(made.field("own_organisation_id"), std::to_string(ours));
  EXPECT_EQ(made.field("amount"), "1500.00");
  EXPECT_EQ(made.field("currency"), "EUR");
  EXPECT_EQ(made.field("summary"), "Поставка");
  EXPECT_NE(made.body.find("\"missing_fields\":[\"party_code\""), std::string::npos)
      << "what is mandatory and still empty: " << made.body;
  EXPECT_EQ(manager.get(deal(sale)).field("contract_id"), made.field("id"));
  EXPECT_FALSE(offers(manager, sale, "contracts"));
  EXPECT_EQ(manager.post(deal(sale, "/contracts"), "{}").field("code"), "contract_set");
}

TEST_F(ContractActionsApi, ADealWithoutCustomerMakesNone) {
  HttpClient admin = administrator();
  const auto sale = make(admin, "deals", R"({"name":"Сделка"})");

  const auto refused = admin.post(deal(sale, "/contracts"), "{}");

  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(refused.field("errors/0/code"), "counterparty_required");
  EXPECT_EQ(refused.field("errors/0/pointer"), "/counterparty_id");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.contract"), 0);
}

TEST_F(ContractActionsApi, WhoMayOnlyReadTheDealMakesNone) {
  HttpClient admin = administrator();
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto sale = make(admin, "deals",
                         R"({"name":"Сделка",)" + number("counterparty_id", customer(admin)) + "}");

  EXPECT_EQ(manager.post(deal(sale, "/contracts"), "{}").status, 403);
  EXPECT_EQ(manager.post(deal(sale, "/link-contract"), R"({"contract_id":1})").status, 403);
  EXPECT_FALSE(offers(manager, sale, "contracts"));
  HttpClient stranger = client_of("stranger", {});
  EXPECT_EQ(stranger.post(deal(sale, "/contracts"), "{}").status, 404);
}

TEST_F(ContractActionsApi, AContractOfTheCustomerIsChosen) {
  HttpClient admin = administrator();
  HttpClient seller = client_of("seller", {});
  const auto id = customer(admin);
  const auto mine = number("counterparty_id", id);
  const auto contract = make(admin, "contracts", "{" + mine + "}");
  const auto other =
      make(admin, "contracts", "{" + number("counterparty_id", customer(admin)) + "}");
  const auto annulled = make(admin, "contracts", "{" + mine + "}");
  sql("UPDATE crm.contract SET status = 'deleted' WHERE id = " + std::to_string(annulled) +
      " RETURNING id");
  const auto sale = make(seller, "deals", R"({"name":"Сделка"})");
  const auto choose = [&](HttpClient& by, std::int64_t which) {
    return by.post(deal(sale, "/link-contract"), "{" + number("contract_id", which) + "}");
  };
  ASSERT_EQ(admin.patch(deal(sale), "{" + mine + "}", {{"If-Match", "*"}}).status, 200);
  EXPECT_TRUE(offers(admin, sale, "link-contract"));

  EXPECT_EQ(choose(seller, contract).field("code"), "reference_not_found") << "he may not read it";
  EXPECT_EQ(choose(admin, 999'999).field("code"), "reference_not_found");
  EXPECT_EQ(choose(admin, annulled).field("code"), "contract_over");
  EXPECT_EQ(choose(admin, other).field("errors/0/code"), "contract_of_other_counterparty");
  EXPECT_EQ(admin.post(deal(sale, "/link-contract"), "{}").status, 422);
  const auto linked = choose(admin, contract);

  ASSERT_EQ(linked.status, 200) << linked.body;
  EXPECT_EQ(linked.field("contract_id"), std::to_string(contract));
  EXPECT_EQ(choose(admin, contract).field("code"), "contract_set");
  EXPECT_FALSE(offers(admin, sale, "link-contract"));
}

}  // namespace
}  // namespace c360::api

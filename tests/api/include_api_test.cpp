// `include=` of references: what is told of a record the reader may not read.
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class IncludeApi : public ApiTest {
 protected:
  static std::int64_t make(HttpClient& by, std::string_view kind, const std::string& body) {
    const auto made = by.post("/api/v1/" + std::string(kind), body);
    EXPECT_EQ(made.status, 201) << kind << ": " << made.body;
    return made.status == 201 ? created(made) : 0;
  }
  static std::string of(std::string_view name, std::int64_t id) {
    return ",\"" + std::string(name) + "\":" + std::to_string(id);
  }
  static std::string json(const HttpAnswer& answer, std::string_view name) {
    const Json body = answer.json();
    const Json* found = body.find(name);
    return found == nullptr ? "" : found->dump();
  }
};

TEST_F(IncludeApi, ARecordThatMayNotBeReadShowsItsIdAndKindAndACustomerItsName) {
  HttpClient admin = administrator();
  HttpClient watcher = client_of("watcher", {});
  const auto customer =
      make(admin, "counterparties",
           R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
           R"("status_code":"active","email":"secret@a.example"})");
  const auto contract = make(admin, "contracts",
                             R"({"number":"СЕКРЕТ-1","contract_date":"2026-01-01")" +
                                 of("counterparty_id", customer) + "}");
  const auto sale = make(
      admin, "deals",
      R"({"name":"Сделка")" + of("counterparty_id", customer) + of("contract_id", contract) + "}");
  const std::string path = "/api/v1/deals/" + std::to_string(sale);
  const auto user = sql("SELECT id FROM crm.user WHERE login LIKE 'watcher%'");
  ASSERT_EQ(admin.put(path + "/observers/" + std::to_string(user), "{}").status, 204);
  const std::string c = std::to_string(customer);
  const std::string hidden_contract =
      R"({"id":)" + std::to_string(contract) + R"(,"kind":"contract"})";
  const std::string hidden_customer =
      R"({"id":)" + c + R"(,"kind":"counterparty","name":"Ромашка"})";

  const auto one = watcher.get(path + "?include=contract,counterparty,responsible");
  const auto list =
      watcher.get("/api/v1/deals?include=contract,counterparty&count=exact&fields=id");
  const auto known = admin.get(path + "?include=contract,counterparty");

  ASSERT_EQ(one.status, 200) << one.body;
  EXPECT_EQ(json(one, "contract"), hidden_contract);
  EXPECT_EQ(json(one, "counterparty"), hidden_customer);
  EXPECT_EQ(one.field("responsible/name"), "Test") << "people are known by name";
  ASSERT_EQ(list.status, 200) << list.body;
  EXPECT_EQ(list.field("total"), "1");
  EXPECT_EQ(list.field("items/0/contract/kind"), "contract");
  EXPECT_EQ(list.field("items/0/contract/number"), "");
  EXPECT_EQ(list.field("items/0/counterparty/name"), "Ромашка");
  EXPECT_EQ(list.body.find("secret@"), std::string::npos);
  EXPECT_EQ(known.field("contract/number"), "СЕКРЕТ-1");
  EXPECT_EQ(known.field("contract/status"), "draft");
}

TEST_F(IncludeApi, WhoReadsAllOfOneKindAsksTheRightsOfTheOther) {
  HttpClient admin = administrator();
  HttpClient manager = client_of("manager", {"crm-manager"});
  const auto customer =
      make(admin, "counterparties",
           R"({"name":"Ромашка","segment_code":"small","acquisition_channel_code":"site",)"
           R"("status_code":"active"})");
  const auto contract =
      make(admin, "contracts", "{" + of("counterparty_id", customer).substr(1) + "}");
  make(admin, "deals",
       R"({"name":"Сделка")" + of("counterparty_id", customer) + of("contract_id", contract) + "}");

  const auto list = manager.get("/api/v1/deals?include=contract&count=exact&sort=name&limit=1");

  ASSERT_EQ(list.status, 200) << list.body;
  EXPECT_EQ(list.field("total"), "1");
  EXPECT_EQ(list.field("items/0/contract/kind"), "contract");
  EXPECT_EQ(list.field("items/0/contract/status"), "");
}

}  // namespace
}  // namespace c360::api

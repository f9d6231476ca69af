// Many records in one request, and records by the keys of others.
#include <algorithm>
#include <future>
#include <set>

#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class BulkApi : public ApiTest {
 protected:
  static std::vector<std::string> pointers(const HttpAnswer& answer) {
    std::vector<std::string> found;
    const Json body = answer.json();
    if (const Json* errors = body.find("errors")) {
      for (const auto& error : errors->as_array()) {
        found.push_back(error.find("pointer")->as_string());
      }
    }
    return found;
  }
  static std::string deals(int count) {
    std::string rows;
    for (int i = 0; i < count; ++i) {
      rows += std::string(i ? "," : "") + R"({"create": {"name": "Deal"}})";
    }
    return "{\"items\": [" + rows + "]}";
  }
};

TEST_F(BulkApi, CreatesAndChangesManyInOneTransaction) {
  HttpClient admin = administrator();
  const std::string id = std::to_string(make_deal(admin, "Old"));

  const auto answer = admin.post("/api/v1/deals/bulk", R"({"items": [
      {"create": {"name": "One", "amount": "10.00"}}, {"create": {"name": "Two"}},
      {"id": )" + id + R"(, "row_version": 1, "update": {"name": "New"}}]})");

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("created"), "2");
  EXPECT_EQ(answer.field("updated"), "1");
  EXPECT_EQ(answer.field("failed"), "0");
  EXPECT_EQ(answer.field("items/0/status"), "201");
  EXPECT_EQ(answer.field("items/0/record/amount"), "10.00");
  EXPECT_EQ(answer.field("items/2/record/row_version"), "2");
  EXPECT_EQ(admin.get("/api/v1/deals/" + id).field("name"), "New");
  EXPECT_EQ(sql("SELECT count(DISTINCT xid) FROM crm.history_event WHERE record_kind = 'deal'"), 2)
      << "of the deal before, and of all the rows";
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_kind = 'deal'"), 4);
}

TEST_F(BulkApi, OneWrongRowAndNothingIsStoredAndEveryWrongFieldIsNamed) {
  HttpClient admin = administrator();

  const auto answer = admin.post("/api/v1/deals/bulk", R"({"items": [
      {"create": {"name": "Good"}},
      {"create": {"name": "A", "amount": "much", "site_email": "no address"}},
      {"create": {"name": "B", "responsible_id": 999999}},
      {"id": 999999, "row_version": 1, "update": {"name": "C"}}]})");

  EXPECT_EQ(answer.status, 404) << answer.body;
  const auto found = pointers(answer);
  for (const std::string wanted : {"/items/1/create/amount", "/items/1/create/site_email",
                                   "/items/2/create/responsible_id", "/items/3"}) {
    EXPECT_NE(std::ranges::find(found, wanted), found.end()) << wanted << answer.body;
  }
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 0);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.history_event WHERE record_kind = 'deal'"), 0);
}

TEST_F(BulkApi, EachRowByItselfGivesAReport) {
  HttpClient admin = administrator();

  const auto answer = admin.post("/api/v1/counterparties/bulk?mode=each&profile=full",
                                 R"({"items": [
      {"create": {"name": "Ромашка", "inn": "7707083893", "segment_code": "small",
                  "acquisition_channel_code": "other", "status_code": "potential"}},
      {"create": {"name": "Лютик", "inn": "7707083894"}},
      {"create": {"name": "Двойник", "inn": "7707083893", "segment_code": "small",
                  "acquisition_channel_code": "other", "status_code": "potential"}}]})");

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("items/0/status"), "201") << answer.body;
  EXPECT_EQ(answer.field("items/1/status"), "422");
  EXPECT_EQ(answer.field("items/1/problem/errors/0/pointer"), "/items/1/create/inn");
  EXPECT_EQ(answer.field("items/1/problem/errors/0/code"), "inn_checksum");
  EXPECT_EQ(answer.field("items/2/status"), "409");
  EXPECT_EQ(answer.field("items/2/problem/code"), "duplicate_inn");
  EXPECT_EQ(answer.field("failed"), "2");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 1);
}

TEST_F(BulkApi, ADryRunShowsTheResultAndStoresNothing) {
  HttpClient admin = administrator();
  const std::string id = std::to_string(make_deal(admin, "Old"));
  const std::string body = R"({"items": [{"create": {"name": "One"}}, {"id": )" + id +
                           R"(, "row_version": "*", "update": {"name": "New"}}]})";

  const auto plain = admin.post("/api/v1/deals/bulk?dry_run=true", body);
  const auto keyed =
      admin.post("/api/v1/deals/bulk?dry_run=true", body, {{"Idempotency-Key", "dry"}});
  const auto replayed =
      admin.post("/api/v1/deals/bulk?dry_run=true", body, {{"Idempotency-Key", "dry"}});
  const auto wrong =
      admin.post("/api/v1/deals/bulk?dry_run=true&mode=each",
                 R"({"items": [{"create": {"name": 1}}, {"create": {"name": ""}}]})");

  ASSERT_EQ(plain.status, 200) << plain.body;
  EXPECT_EQ(plain.field("dry_run"), "true");
  EXPECT_EQ(plain.field("items/0/record/name"), "One");
  EXPECT_EQ(plain.field("items/1/record/name"), "New");
  EXPECT_EQ(keyed.status, 200) << keyed.body;
  EXPECT_EQ(replayed.body, keyed.body);
  EXPECT_EQ(wrong.field("items/0/problem/errors/0/pointer"), "/items/0/create/name") << wrong.body;
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 1);
  EXPECT_EQ(admin.get("/api/v1/deals/" + id).field("row_version"), "1");
}

TEST_F(BulkApi, RowsPastTheLimitAreRefused) {
  options_.limits.max_bulk_rows = 3;
  options_.limits.max_bulk_bytes = 2'000;
  restart();
  HttpClient admin = administrator();

  EXPECT_EQ(admin.post("/api/v1/deals/bulk", deals(3)).status, 200);
  const auto many = admin.post("/api/v1/deals/bulk", deals(4));
  EXPECT_EQ(many.status, 422);
  EXPECT_EQ(many.field("code"), "too_many_rows");
  EXPECT_EQ(admin.post("/api/v1/deals/bulk", deals(0)).status, 422);
  EXPECT_EQ(admin.post("/api/v1/deals/bulk", std::string(2'001, ' ')).status, 413);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 3);
}

TEST_F(BulkApi, RowsThatAreNotWrittenAsTheyShouldBeAreAllNamed) {
  HttpClient admin = administrator();
  const auto answer = admin.post("/api/v1/deals/bulk", R"({"items": [
      {"create": 1}, {"update": {}, "row_version": 1}, {"update": {}, "id": 1}, {"delete": {}},
      {"create": {}, "update": {}}, 7, {"create": {}, "id": 1},
      {"update": {}, "id": 1, "row_version": "x"}]})");

  EXPECT_EQ(answer.status, 422);
  const auto found = pointers(answer);
  for (const std::string wanted :
       {"/items/0/create", "/items/1/id", "/items/2/row_version", "/items/3", "/items/4/update",
        "/items/5", "/items/6/id", "/items/7/row_version"}) {
    EXPECT_NE(std::ranges::find(found, wanted), found.end()) << wanted << answer.body;
  }
  EXPECT_EQ(admin.post("/api/v1/deals/bulk", R"({"rows": []})").status, 400);
  EXPECT_EQ(admin.post("/api/v1/deals/bulk?mode=some", deals(1)).status, 400);
  EXPECT_EQ(admin.post("/api/v1/deals/bulk?dry_run=1", deals(1)).status, 400);
}

TEST_F(BulkApi, ARowNeedsTheRightsItWouldNeedAlone) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  const std::string id = std::to_string(make_deal(owner, "Mine"));
  const std::string body =
      R"({"items": [{"id": )" + id + R"(, "row_version": 1, "update": {"name": "X"}}]})";

  EXPECT_EQ(stranger.post("/api/v1/deals/bulk", body).status, 404);
  EXPECT_EQ(manager.post("/api/v1/deals/bulk", body).status, 403);
  const auto stale = owner.post("/api/v1/deals/bulk?mode=each", R"({"items": [{"id": )" + id +
                                                                    R"(, "row_version": 7,
      "update": {"name": "X"}}]})");
  EXPECT_EQ(stale.field("items/0/status"), "412") << stale.body;
  EXPECT_EQ(owner.post("/api/v1/deals/bulk", body).status, 200);
}

TEST_F(BulkApi, ARepeatedRequestGivesTheFirstAnswer) {
  HttpClient admin = administrator();
  const testing::HttpHeaders key{{"Idempotency-Key", "bulk-1"}};
  const auto first = admin.post("/api/v1/deals/bulk", deals(2), key);
  const auto again = admin.post("/api/v1/deals/bulk", deals(2), key);
  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 2);
}

TEST_F(BulkApi, TwoAtOnceOverTheSameRowsBothSucceed) {
  HttpClient admin = administrator();
  std::string there;
  std::string back;
  for (int i = 0; i < 20; ++i) {
    const std::string row = R"({"row_version": "*", "update": {"description": "WHO"}, "id": )" +
                            std::to_string(make_deal(admin, "Deal")) + "}";
    there += (there.empty() ? "" : ",") + row;
    back = row + (back.empty() ? "" : ",") + back;
  }
  const std::string token = add_token(add_user("admin", {"crm-administrators"}), {"admin"});
  std::vector<std::future<int>> writers;
  for (int i = 0; i < 8; ++i) {
    std::string rows = i % 2 == 0 ? there : back;
    for (std::size_t at = 0; (at = rows.find("WHO", at)) != std::string::npos;) {
      rows.replace(at, 3, std::to_string(i));
    }
    writers.push_back(std::async(std::launch::async, [this, token, rows] {
      HttpClient writer(port(), token);
      return writer.post("/api/v1/deals/bulk", "{\"items\": [" + rows + "]}").status;
    }));
  }
  for (auto& writer : writers) EXPECT_EQ(writer.get(), 200);
  EXPECT_EQ(sql("SELECT count(DISTINCT description) FROM crm.deal"), 1);
}

// -- By natural key -------------------------------------------------------------------------------

constexpr std::string_view kProfile =
    R"("segment_code": "small", "acquisition_channel_code": "other", "status_code": "potential")";

std::string company(std::string_view more) {
  return "{" + std::string(kProfile) + std::string(more.empty() ? "" : ", ") + std::string(more) +
         "}";
}

using UpsertApi = ApiTest;

TEST_F(UpsertApi, CreatesByInnThenChanges) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/counterparties/inn:7707083893";

  const auto made = admin.put(path, company(R"("name": "Банк")"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("inn"), "7707083893");
  EXPECT_EQ(made.header("location"), "/api/v1/counterparties/" + made.field("id"));
  const auto changed = admin.put(path, R"({"website": "https://bank.example"})");
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.field("id"), made.field("id"));
  EXPECT_EQ(changed.field("name"), "Банк") << "what was not sent stays";
  EXPECT_EQ(changed.header("etag"), "\"2\"");

  EXPECT_EQ(admin.put(path, "{}", {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(admin.put(path, "{}", {{"If-None-Match", "*"}}).status, 412);
  EXPECT_EQ(
      admin.put("/api/v1/counterparties/inn:500100732259", company(""), {{"If-Match", "\"1\""}})
          .status,
      412);
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 1);
}

TEST_F(UpsertApi, AKeyOfSeveralPartsTellsBranchesApart) {
  HttpClient admin = administrator();
  const std::string inn = "/api/v1/counterparties/inn:7707083893";
  EXPECT_EQ(admin.put(inn + ",kpp:770701001", company("")).status, 201);
  EXPECT_EQ(admin.put(inn + ",kpp:773601001", company("")).status, 201);
  EXPECT_EQ(admin.put(inn + ",kpp:773601001", R"({"name": "Филиал"})").status, 200);
  const auto both = admin.put(inn, R"({"name": "Который?"})");
  EXPECT_EQ(both.status, 409);
  EXPECT_EQ(both.field("code"), "ambiguous_key");
}

TEST_F(UpsertApi, WhatIsUniqueByItselfIsAKey) {
  HttpClient admin = administrator();
  const auto owner =
      std::to_string(created(admin.post("/api/v1/counterparties", company(R"("name": "Банк")"))));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"products/sku:A-1",
       R"({"name": "Услуга", "kind": "service", "unit_code": "796", "price": "1.00",)"
       R"( "vat_rate_code": "vat20"})"},
      {"projects/code:P-1", R"({"name": "Проект"})"},
      {"personal-accounts/account_no:LS-1", R"({"counterparty_id": )" + owner + "}"}};
  for (const auto& [key, body] : cases) {
    const auto made = admin.put("/api/v1/" + key, body);
    ASSERT_EQ(made.status, 201) << key << made.body;
    const auto again = admin.put("/api/v1/" + key, "{}");
    EXPECT_EQ(again.status, 200) << key << again.body;
    EXPECT_EQ(again.field("id"), made.field("id")) << key;
  }
}

TEST_F(UpsertApi, OutsideSystemsUseTheirOwnIds) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/deals/external_ids.bitrix24:17";

  const auto made = admin.put(path, R"({"name": "Оттуда", "external_ids": {"erp": "4"}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.field("external_ids/bitrix24"), "17");
  EXPECT_EQ(made.field("external_ids/erp"), "4");
  EXPECT_EQ(admin.put(path, R"({"name": "Иначе"})").field("id"), made.field("id"));
  EXPECT_EQ(admin.put("/api/v1/deals/external_ids.erp:4", R"({"name": "И так"})").field("id"),
            made.field("id"));
  EXPECT_EQ(admin.put("/api/v1/deals/external_ids.bitrix24:18", R"({"name": "B"})").status, 201);
}

TEST_F(UpsertApi, AMergedRecordCountsAsWhatItWasMergedInto) {
  HttpClient admin = administrator();
  const auto target = std::to_string(make_deal(admin, "Target"));
  const auto source = admin.put("/api/v1/deals/external_ids.crm:1", R"({"name": "A"})").field("id");
  sql("UPDATE crm.deal SET merged_into_id = " + target +
      ", deleted_at = now() WHERE id = " + source + " RETURNING id");

  const auto answer = admin.put("/api/v1/deals/external_ids.crm:1", R"({"name": "B"})");

  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("id"), target);
}

TEST_F(UpsertApi, DirectoriesArePutByTheirCode) {
  HttpClient admin = administrator();
  const std::string path = "/api/v1/segments/gold";
  const auto made = admin.put(path, R"({"name_ru": "Золото", "name_en": "Gold"})");
  EXPECT_EQ(made.status, 201) << made.body;
  const auto changed = admin.put(path, R"({"name_en": "Golden"})");
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.field("name_ru"), "Золото");
}

TEST_F(UpsertApi, WhatIsNoKeyIsRefusedWithTheKnownOnes) {
  HttpClient admin = administrator();
  const auto id = admin.put("/api/v1/deals/17", R"({"name": "A"})");
  EXPECT_EQ(id.status, 400);
  EXPECT_EQ(id.field("code"), "unknown_natural_key");
  EXPECT_NE(id.field("detail").find("external_ids.SYSTEM"), std::string::npos);
  EXPECT_EQ(admin.put("/api/v1/deals/name:A", R"({"name": "A"})").status, 400);
  EXPECT_EQ(admin.put("/api/v1/deals/external_ids.:A", R"({"name": "A"})").status, 400);
  EXPECT_EQ(admin.put("/api/v1/counterparties/inn:", company("")).status, 400);
  EXPECT_EQ(admin.put("/api/v1/deals/external_ids.a:" + std::string(400, 'x'), "{}").status, 400);
  const auto checksum = admin.put("/api/v1/counterparties/inn:7707083894", company(""));
  EXPECT_EQ(checksum.status, 422);
  EXPECT_EQ(checksum.field("errors/0/pointer"), "/inn");
  EXPECT_EQ(checksum.field("errors/0/code"), "inn_checksum");
  const auto other =
      admin.put("/api/v1/counterparties/inn:7707083893", company(R"("inn": "500100732259")"));
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(other.field("errors/0/code"), "natural_key_mismatch");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 0);
}

TEST_F(UpsertApi, RacedByEightClientsItMakesOneRecord) {
  const std::string token = add_token(add_user("admin", {"crm-administrators"}), {"admin"});
  for (const std::string path :
       {"/api/v1/counterparties/inn:7707083893", "/api/v1/counterparties/external_ids.erp:9"}) {
    std::vector<std::future<HttpAnswer>> answers;
    for (int i = 0; i < 8; ++i) {
      answers.push_back(std::async(std::launch::async, [this, token, path, i] {
        HttpClient racer(port(), token);
        return racer.put(path, company(R"("name": "Racer )" + std::to_string(i) + "\""));
      }));
    }
    int created = 0;
    std::set<std::string> ids;
    for (auto& answer : answers) {
      const HttpAnswer got = answer.get();
      EXPECT_TRUE(got.status == 200 || got.status == 201) << got.body;
      created += got.status == 201 ? 1 : 0;
      ids.insert(got.field("id"));
    }
    EXPECT_EQ(created, 1);
    EXPECT_EQ(ids.size(), 1U);
  }
  EXPECT_EQ(sql("SELECT count(*) FROM crm.counterparty"), 2);
}

TEST_F(UpsertApi, BulkRowsMayUpsertToo) {
  HttpClient admin = administrator();
  const std::string body = R"({"items": [
      {"key": "external_ids.erp:1", "upsert": {"name": "A"}},
      {"key": "external_ids.erp:2", "upsert": {"name": "B"}},
      {"key": "external_ids.erp:1", "upsert": {"name": "C"}}]})";
  const auto first = admin.post("/api/v1/deals/bulk", body);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.field("created"), "2");
  EXPECT_EQ(first.field("updated"), "1");
  EXPECT_EQ(admin.post("/api/v1/deals/bulk", body).field("updated"), "3");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 2);
}

}  // namespace
}  // namespace c360::api

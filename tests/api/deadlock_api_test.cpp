// Deadlocks are retried, never surfaced (domain.md 1): whatever a request writes, a transaction
// that PostgreSQL ended for another one is begun anew, and its client hears of nothing but its
// answer.
#include <map>
#include <set>
#include <thread>

#include "daemon/base/text.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

// How a request of a test is written; `id` and `other` are two deals, `lead` has a counterparty.
struct Write {
  std::string name;
  std::string method;
  std::string path;  // with {id}, {other}, {lead}, {company}
  std::string body = {};
  std::string type = "application/json";
  int status = 200;
  std::string table = "crm.history_event";  // whose writing fails first
  std::string writing = "INSERT";
};

const std::vector<Write>& writes() {
  static const std::vector<Write> kWrites = {
      {"create", "POST", "/deals", R"({"name": "new"})", "application/json", 201},
      {"create with rows inside it", "POST", "/counterparties",
       R"({"name": "new", "segment_code": "small", "acquisition_channel_code": "site",
           "status_code": "potential", "contacts": [{"last_name": "Иванова"}]})",
       "application/json", 201},
      {"change", "PATCH", "/deals/{id}", R"({"name": "changed"})"},
      {"action", "POST", "/deals/{id}/status", R"({"status": "paused"})"},
      {"action on many", "POST", "/deals/status",
       R"({"ids": [{id}, {other}], "status": "paused"})"},
      {"board", "POST", "/boards/deals/move", R"({"id": {id}, "status": "paused"})"},
      {"merge", "POST", "/deals/{id}/merge", R"({"confirm": true, "into": {other}})"},
      {"conversion", "POST", "/leads/{lead}/convert", "{}", "application/json", 201},
      {"all of many rows", "POST", "/deals/bulk",
       R"({"items": [{"create": {"name": "new"}},
           {"id": {id}, "row_version": 1, "update": {"name": "changed"}}]})"},
      {"each of many rows", "POST", "/deals/bulk?mode=each",
       R"({"items": [{"create": {"name": "new"}},
           {"id": {id}, "row_version": 1, "update": {"name": "changed"}}]})"},
      {"upsert", "PUT", "/counterparties/external_ids.probe:{serial}",
       R"({"name": "Банк", "segment_code": "small", "acquisition_channel_code": "site",
           "status_code": "potential"})",
       "application/json", 201},
      {"link", "POST", "/deals/{id}/links", R"({"to_id": {other}})", "application/json", 201},
      {"contact of a record", "PUT", "/deals/{id}/contacts/{contact}", "{}", "application/json",
       204},
      {"contact taken away", "DELETE", "/deals/{id}/contacts/{linked}", {}, {}, 204},
      {"token", "POST", "/tokens", R"({"login": "{login}", "name": "t", "scopes": ["deal:read"]})",
       "application/json", 201},
      {"comment", "POST", "/deals/{id}/comments", R"({"text": "c"})", "application/json", 201},
      {"document", "POST", "/deals/{id}/documents?name=a.txt", "content", "text/plain", 201},
      {"task", "POST", "/tasks/{task}/complete", R"({"outcome": "take_to_work"})"},
      {"rows of a table, all or none", "POST", "/deals/import", "name,amount\nnew,1\n", "text/csv"},
      {"rows of a table, each", "POST", "/deals/import?mode=each", "name,amount\nnew,1\n",
       "text/csv"},
      {"delete", "DELETE", "/deals/{id}", {}, {}, 204},
      {"restore", "POST", "/deals/{gone}/restore", "{}"},
      {"delete for good", "DELETE", "/segments/{segment}", {}, {}, 204, "crm.segment", "DELETE"},
  };
  return kWrites;
}

class DeadlockApi : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    token_ = add_token(add_user("admin", {"crm-administrators", "crm-manager"}), {"admin"});
    sql("CREATE SEQUENCE public.failed");
    // The first two transactions of each request are ended by it: a sequence does not roll back.
    sql("CREATE FUNCTION public.fail_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('public.failed') <= 2 THEN RAISE EXCEPTION 'deadlock detected' "
        "USING ERRCODE = '40P01'; END IF; RETURN coalesce(NEW, OLD); END $$");
  }
  void make_rows(HttpClient& by) {
    const auto text = [](std::int64_t id) { return std::to_string(id); };
    named_["{id}"] = text(make_deal(by, "one", R"(, "responsible_id": null)"));
    named_["{other}"] = text(make_deal(by, "other"));
    named_["{gone}"] = text(make_deal(by, "gone"));
    EXPECT_EQ(by.del("/api/v1/deals/" + named_["{gone}"], {{"If-Match", "*"}}).status, 204);
    const auto company =
        text(created(by.post("/api/v1/counterparties", R"({"name": "К", "segment_code": "small",
            "acquisition_channel_code": "site", "status_code": "potential"})")));
    named_["{lead}"] = text(
        created(by.post("/api/v1/leads", R"({"name": "L", "counterparty_id": )" + company + "}")));
    named_["{contact}"] = text(created(by.post("/api/v1/contacts", R"({"full_name": "Иван"})")));
    named_["{linked}"] = text(created(by.post("/api/v1/contacts", R"({"full_name": "Анна"})")));
    EXPECT_EQ(
        by.put("/api/v1/deals/" + named_["{id}"] + "/contacts/" + named_["{linked}"], "{}").status,
        204);
    named_["{login}"] = sql_text("SELECT login FROM crm.user LIMIT 1");
    const std::string code = "s" + std::to_string(++segments_);
    EXPECT_EQ(by.post("/api/v1/segments",
                      R"({"code": ")" + code + R"(", "name_ru": "С", "name_en": "S"})")
                  .status,
              201);
    named_["{segment}"] = code;
    named_["{serial}"] = std::to_string(segments_);
    named_["{task}"] = text(
        sql("SELECT id FROM crm.task WHERE status = 'active' AND record_id = " + named_["{id}"]));
  }
  std::string filled(std::string text) const {
    for (const auto& [name, value] : named_) text = replaced(std::move(text), name, value);
    return text;
  }
  static std::string replaced(std::string text, const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
      text.replace(at, what.size(), with);
    }
    return text;
  }
  // The first two transactions that write so fail, at once or at COMMIT.
  void fail_first(const Write& write, bool at_commit) {
    sql("ALTER SEQUENCE public.failed RESTART");
    sql(std::string("CREATE ") +
        (at_commit ? "CONSTRAINT TRIGGER fail_first AFTER " : "TRIGGER fail_first BEFORE ") +
        write.writing + " ON " + write.table + (at_commit ? " DEFERRABLE INITIALLY DEFERRED" : "") +
        " FOR EACH ROW EXECUTE FUNCTION public.fail_first()");
  }
  void fail_no_more(const Write& write) { sql("DROP TRIGGER fail_first ON " + write.table); }

  HttpAnswer done(HttpClient& by, const Write& write, const std::string& key) {
    testing::HttpHeaders headers;
    if (!write.type.empty()) headers.emplace_back("Content-Type", write.type);
    if (write.method == "PATCH" || write.method == "DELETE") headers.emplace_back("If-Match", "*");
    if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
    return by.request(write.method, "/api/v1" + filled(write.path), headers, filled(write.body));
  }
  static void expect_told_once(const HttpAnswer& answer) {
    std::set<std::string> names;
    for (const auto& [name, value] : answer.headers) {
      EXPECT_TRUE(names.insert(to_lower(name)).second) << name << " twice";
    }
  }
  void expect_nothing_twice() {
    EXPECT_EQ(
        sql("SELECT count(*) FROM (SELECT FROM crm.history_event WHERE request_id <> '' GROUP "
            "BY request_id, record_id, record_kind, record_key, event, changes HAVING "
            "count(*) > 1) v"),
        0)
        << "written once";
  }

  std::string token_;
  std::map<std::string, std::string> named_;
  int segments_ = 0;
};

TEST_F(DeadlockApi, EveryWayOfWritingIsBegunAnew) {
  HttpClient admin = client(token_);
  int keys = 0;
  for (const Write& write : writes()) {
    for (const bool with_key : {false, true}) {
      // An import has no key: it tells as it goes along, and its rows may have keys of their own.
      if (with_key && write.type == "text/csv") continue;
      for (const bool at_commit : {false, true}) {
        SCOPED_TRACE(write.name + (with_key ? ", with a key" : "") +
                     (at_commit ? ", at COMMIT" : ""));
        make_rows(admin);
        fail_first(write, at_commit);

        const auto answer =
            done(admin, write, with_key ? "key-" + std::to_string(++keys) : std::string());

        EXPECT_EQ(answer.status, write.status) << answer.body;
        EXPECT_EQ(answer.body.find("deadlock"), std::string::npos) << answer.body;
        EXPECT_GE(sql("SELECT last_value FROM public.failed"), 3) << "it met both, and went on";
        expect_told_once(answer);
        if (write.type == "text/csv") {
          EXPECT_NE(answer.body.find("\"end\":true,\"stored\":true,\"rows\":1,\"created\":1"),
                    std::string::npos)
              << answer.body;
        }
        fail_no_more(write);
      }
    }
  }
  expect_nothing_twice();
}

// What an import in one transaction told before it was begun anew is not told again.
TEST_F(DeadlockApi, AnImportBegunAnewTellsEachRowOnce) {
  HttpClient admin = client(token_);
  std::string table = "name,amount\n";
  for (int i = 0; i < 250; ++i) table += "D" + std::to_string(i) + (i == 20 ? ",x\n" : ",1\n");
  // The row that is wrong is told before the batch that fails.
  sql("CREATE TRIGGER fail_first BEFORE INSERT ON crm.deal FOR EACH ROW WHEN (NEW.name = 'D220') "
      "EXECUTE FUNCTION public.fail_first()");

  const auto answer =
      admin.request("POST", "/api/v1/deals/import", {{"Content-Type", "text/csv"}}, table);

  EXPECT_EQ(sql("SELECT last_value FROM public.failed"), 3) << answer.body;
  std::vector<std::string> told;
  for (const auto line : split(answer.body, '\n')) {
    if (line.empty()) continue;
    const auto json = Json::parse(line);
    ASSERT_TRUE(json) << line;
    if (const Json* row = json->find("row")) told.push_back("row " + row->dump());
    if (const Json* progress = json->find("progress"))
      told.push_back("progress " + progress->find("rows")->dump());
    if (json->find("end") != nullptr) told.push_back("end " + json->find("rejected")->dump());
  }
  EXPECT_EQ(told, (std::vector<std::string>{"row 21", "progress 100", "progress 200",
                                            "progress 250", "end 1"}))
      << answer.body;
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal"), 0);
}

// Two clients that wait for each other: PostgreSQL ends one of them, neither hears of it.
TEST_F(DeadlockApi, ATrueOneBetweenTwoClientsIsNobodysTrouble) {
  HttpClient admin = client(token_);
  const std::string one = std::to_string(make_deal(admin, "one"));
  const std::string other = std::to_string(make_deal(admin, "other"));
  // Rows are locked in the order of their ids, so the circle is made of other locks: each change
  // takes its own, waits at the gate, and wants the other's.
  sql("CREATE FUNCTION public.crossing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM nextval('public.failed'); "
      "PERFORM pg_advisory_xact_lock(CASE NEW.name WHEN 'first' THEN 1 ELSE 2 END); "
      "PERFORM pg_advisory_xact_lock_shared(99); "
      "PERFORM pg_advisory_xact_lock(CASE NEW.name WHEN 'first' THEN 2 ELSE 1 END); "
      "RETURN NEW; END $$");
  sql("CREATE TRIGGER crossing BEFORE UPDATE ON crm.deal FOR EACH ROW EXECUTE FUNCTION "
      "public.crossing()");
  auto gate = database_->begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(gate);
  ASSERT_TRUE(gate->query({"", "SELECT pg_advisory_xact_lock(99)"}, {}));
  HttpAnswer first;
  HttpAnswer second;
  const auto change = [this](const std::string& id, const std::string& name, HttpAnswer& answer) {
    return std::jthread([this, id, name, &answer] {
      answer = client(token_).patch("/api/v1/deals/" + id, R"({"name": ")" + name + "\"}",
                                    {{"If-Match", "*"}});
    });
  };
  std::jthread changing = change(one, "first", first);
  std::jthread crossing = change(other, "second", second);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 99 AND NOT "
             "granted") < 2) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::yield();
  }

  ASSERT_TRUE(gate->commit());
  changing.join();
  crossing.join();

  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(second.status, 200) << second.body;
  EXPECT_GT(sql("SELECT last_value FROM public.failed"), 2) << "one of them was begun anew";
  EXPECT_EQ(sql("SELECT count(*) FROM crm.deal WHERE row_version = 2"), 2);
}

}  // namespace
}  // namespace c360::api

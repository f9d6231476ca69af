// Eight clients at once: whatever they convert, merge and move, what must hold holds, and no
// deadlock is ever shown to them.
#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

constexpr int kClients = 8;

class ActionsRace : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    token_ = add_token(add_user("admin", {"crm-administrators"}), {"admin"});
  }

  // The same work in as many threads, each with a client and a seed of its own.
  template <typename Work>
  void at_once(Work work, int clients = kClients) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([this, i, &work] {
        HttpClient by = client(token_);
        std::minstd_rand random(static_cast<unsigned>(i) + 1);
        work(by, random, i);
      });
    }
  }
  // Answers that may be: done, not allowed now, gone elsewhere. Anything else is written down.
  void note(const HttpAnswer& answer) {
    const std::string code = answer.status >= 400 ? answer.field("code") : "";
    const std::lock_guard lock(mutex_);
    ++statuses_[static_cast<std::size_t>(answer.status / 100) % 6];
    const bool shown = code == "deadlock" || code == "serialization_failure";
    if (answer.status >= 500 || answer.status == 0 || shown) {
      bad_.insert(std::to_string(answer.status) + " " + answer.body.substr(0, 300));
    }
  }
  void expect_none_bad() const {
    for (const std::string& each : bad_) ADD_FAILURE() << each;
    EXPECT_GT(statuses_[2], 0);
  }
  void expect_nobody(const std::string& what, const std::string& rows) {
    EXPECT_EQ(sql("SELECT count(*) FROM (" + rows + ") v"), 0) << what;
  }

  std::string token_;
  std::mutex mutex_;
  std::set<std::string> bad_;
  std::array<int, 6> statuses_{};
};

// Two customers and one merge, stopped where a test wants it.
class MergeRace : public ActionsRace {
 protected:
  static std::string customer(HttpClient& by) {
    const auto made =
        by.post("/api/v1/counterparties",
                R"({"name": "К", "segment_code": "small", "acquisition_channel_code": "site",
            "status_code": "potential"})");
    EXPECT_EQ(made.status, 201) << made.body;
    return made.field("id");
  }
  std::jthread merge_beside(const std::string& source, const std::string& target,
                            HttpAnswer& answer) {
    return std::jthread([this, source, target, &answer] {
      answer = client(token_).post("/api/v1/counterparties/" + source + "/merge",
                                   R"({"confirm": true, "into": )" + target + "}");
    });
  }
  // Until so many connections of this server wait for a lock.
  void wait_for_waiting(int count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
               "datname = current_database()") < count) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
  }
  std::int64_t of_customer(const std::string& table, const std::string& column,
                           const std::string& id) {
    return sql("SELECT count(*) FROM crm." + table + " WHERE " + column + " = " + id);
  }
};

TEST_F(MergeRace, WhatIsBeingAddedToTheSourceGoesWithIt) {
  HttpClient admin = client(token_);
  const std::string source = customer(admin);
  const std::string target = customer(admin);
  auto adding = database_->begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(adding);
  for (const std::string& text :
       {"WITH r AS (INSERT INTO crm.record (kind) VALUES ('deal') RETURNING id) INSERT INTO "
        "crm.deal (id, name, counterparty_id) SELECT id, 'x', " +
            source + " FROM r",
        "INSERT INTO crm.comment (record_id, text) VALUES (" + source + ", 'x')"}) {
    ASSERT_TRUE(adding->query({"", text}, {}));
  }
  HttpAnswer merged;
  std::jthread merging = merge_beside(source, target, merged);
  wait_for_waiting(1);

  ASSERT_TRUE(adding->commit());
  merging.join();

  EXPECT_EQ(merged.status, 200) << merged.body;
  EXPECT_EQ(of_customer("deal", "counterparty_id", source), 0);
  EXPECT_EQ(of_customer("deal", "counterparty_id", target), 1);
  EXPECT_EQ(of_customer("comment", "record_id", source), 0);
}

TEST_F(MergeRace, WhatComesAfterItFindsTheSourceGone) {
  HttpClient admin = client(token_);
  const std::string source = customer(admin);
  const std::string target = customer(admin);
  // The merge is written down last, with everything it locks in its hands.
  auto stopping = database_->begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(stopping);
  ASSERT_TRUE(stopping->query({"", "LOCK TABLE crm.merge IN SHARE MODE"}, {}));
  HttpAnswer merged;
  std::jthread merging = merge_beside(source, target, merged);
  wait_for_waiting(1);
  HttpAnswer deal;
  HttpAnswer comment;
  std::jthread dealing([&] {
    deal =
        client(token_).post("/api/v1/deals", R"({"name": "x", "counterparty_id": )" + source + "}");
  });
  std::jthread commenting([&] {
    comment =
        client(token_).post("/api/v1/comments", R"({"text": "x", "record_id": )" + source + "}");
  });
  wait_for_waiting(3);

  ASSERT_TRUE(stopping->commit());
  merging.join();
  dealing.join();
  commenting.join();

  EXPECT_EQ(merged.status, 200) << merged.body;
  EXPECT_EQ(deal.status, 422) << deal.body;
  EXPECT_EQ(deal.field("errors/0/code"), "reference_not_found");
  EXPECT_EQ(comment.status, 422) << comment.body;
  EXPECT_EQ(of_customer("deal", "counterparty_id", source), 0);
  EXPECT_EQ(of_customer("comment", "record_id", source), 0);
}

TEST_F(ActionsRace, ALeadBecomesOneDealHoweverManyConvertIt) {
  HttpClient admin = client(token_);
  const auto company = created(
      admin.post("/api/v1/counterparties",
                 R"({"name": "К", "segment_code": "small", "acquisition_channel_code": "site",
          "status_code": "potential"})"));
  std::vector<std::string> leads;
  for (int i = 0; i < 6; ++i) {
    leads.push_back(std::to_string(created(admin.post(
        "/api/v1/leads", R"({"name": "L", "counterparty_id": )" + std::to_string(company) + "}"))));
  }
  at_once([&](HttpClient& by, std::minstd_rand& random, int self) {
    for (int round = 0; round < 4; ++round) {
      for (const std::string& lead : leads) {
        const std::string path = "/api/v1/leads/" + lead;
        switch (random() % 4) {
          case 0:
            note(by.post(path + "/status", R"({"status": "deal_creation"})"));
            break;
          case 1:
            note(by.post(path + "/status", R"({"status": "interest"})"));
            break;
          case 2:
            note(by.post("/api/v1/leads/status", R"({"ids": [)" + leads.back() + ", " + lead +
                                                     R"(], "status": "deal_creation"})"));
            break;
          default:
            note(by.post(path + "/convert", "{}",
                         {{"Idempotency-Key",
                           std::to_string(self) + "-" + lead + "-" + std::to_string(round)}}));
        }
      }
    }
  });
  expect_none_bad();
  expect_nobody("a lead with two deals",
                "SELECT created_from_lead_id FROM crm.deal WHERE deleted_at IS NULL GROUP BY 1 "
                "HAVING count(*) > 1");
  expect_nobody("a converted lead without its deal",
                "SELECT id FROM crm.lead WHERE status = 'deal_creation' AND created_deal_id IS "
                "NULL");
  expect_nobody("a lead and a deal that do not name each other",
                "SELECT l.id FROM crm.lead l JOIN crm.deal d ON d.id = l.created_deal_id WHERE "
                "d.created_from_lead_id IS DISTINCT FROM l.id");
  expect_nobody("a version without its event",
                "SELECT l.id FROM crm.lead l WHERE l.row_version <> (SELECT count(DISTINCT "
                "h.version) FROM crm.history_event h WHERE h.record_id = l.id)");
}

// A lead that becomes a deal while it is merged into another one, or the other into it.
TEST_F(ActionsRace, MergesOfLeadsAndTheirConversionsAgreeOnOneDeal) {
  HttpClient admin = client(token_);
  const auto company = created(
      admin.post("/api/v1/counterparties",
                 R"({"name": "К", "segment_code": "small", "acquisition_channel_code": "site",
          "status_code": "potential"})"));
  std::vector<std::string> leads;
  for (int i = 0; i < 10; ++i) {
    leads.push_back(std::to_string(created(admin.post(
        "/api/v1/leads", R"({"name": "L", "counterparty_id": )" + std::to_string(company) + "}"))));
    ASSERT_EQ(admin.post("/api/v1/leads/" + leads.back() + "/comments", R"({"text": "c"})").status,
              201);
  }
  at_once([&](HttpClient& by, std::minstd_rand& random, int self) {
    const auto any = [&] { return leads[random() % leads.size()]; };
    for (int step = 0; step < 24; ++step) {
      const std::string one = any();
      const std::string other = any();
      const std::string path = "/api/v1/leads/" + one;
      switch (random() % 6) {
        case 0:
        case 1:
          note(by.post(path + "/merge", R"({"confirm": true, "into": )" + other + "}"));
          break;
        case 2:
          note(by.post(path + "/unmerge", R"({"source": )" + other + "}"));
          break;
        case 3:
          note(by.post("/api/v1/leads/status",
                       R"({"ids": [)" + one + ", " + other + R"(], "status": "interest"})"));
          break;
        case 4:
          note(by.post(path + "/status", R"({"status": "deal_creation"})"));
          break;
        default:
          note(by.post(path + "/convert", "{}",
                       {{"Idempotency-Key", std::to_string(self) + "-" + std::to_string(step)}}));
      }
    }
  });
  expect_none_bad();
  EXPECT_GT(sql("SELECT count(*) FROM crm.merge"), 0) << "some were merged";
  EXPECT_GT(sql("SELECT count(*) FROM crm.deal"), 0) << "some were converted";
  expect_nobody("a lead with two deals of its own",
                "SELECT created_from_lead_id FROM crm.deal WHERE deleted_at IS NULL GROUP BY 1 "
                "HAVING count(*) > 1");
  expect_nobody("a converted lead without its deal",
                "SELECT id FROM crm.lead WHERE status = 'deal_creation' AND created_deal_id IS "
                "NULL");
  expect_nobody("a deal of a lead that names another one, or none",
                "SELECT d.id FROM crm.deal d JOIN crm.lead l ON l.id = d.created_from_lead_id "
                "WHERE l.created_deal_id IS DISTINCT FROM d.id");
  expect_nobody(
      "a merge that is not written down, or stands though it is undone",
      "SELECT l.id FROM crm.lead l FULL JOIN (SELECT g.* FROM crm.merge g JOIN crm.lead s ON s.id "
      "= g.source_id WHERE g.undone_at IS NULL) g ON g.source_id = l.id WHERE l.merged_into_id IS "
      "DISTINCT FROM g.target_id");
  expect_nobody("a merged lead that is alive, or one that was never merged and is not",
                "SELECT id FROM crm.lead WHERE (merged_into_id IS NULL) <> (deleted_at IS NULL)");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.comment WHERE source = 'user' AND deleted_at IS NULL"),
            10);
}

TEST_F(ActionsRace, MergesAndStatusChangesLoseNothingAndEndSomewhere) {
  HttpClient admin = client(token_);
  std::vector<std::string> deals;
  for (int i = 0; i < 16; ++i) {
    deals.push_back(std::to_string(
        make_deal(admin, "Deal " + std::to_string(i), R"(, "responsible_id": null)")));
    ASSERT_EQ(admin.post("/api/v1/deals/" + deals.back() + "/comments", R"({"text": "c"})").status,
              201);
    const auto contact = created(
        admin.post("/api/v1/contacts", R"({"full_name": "Contact )" + std::to_string(i) + "\"}"));
    admin.put("/api/v1/deals/" + deals.back() + "/contacts/" + std::to_string(contact), "{}");
  }
  at_once([&](HttpClient& by, std::minstd_rand& random, int /*self*/) {
    const auto any = [&] { return deals[random() % deals.size()]; };
    for (int step = 0; step < 24; ++step) {
      const std::string one = any();
      const std::string other = any();
      const std::string path = "/api/v1/deals/" + one;
      switch (random() % 6) {
        case 0:
        case 1:
          note(by.post(path + "/merge", R"({"confirm": true, "into": )" + other + "}"));
          break;
        case 2:
          note(by.post(path + "/unmerge", R"({"source": )" + other + "}"));
          break;
        case 3:
          note(by.post("/api/v1/deals/status",
                       R"({"ids": [)" + one + ", " + other + R"(], "status": "paused"})"));
          break;
        case 4:
          note(by.post(path + "/take-to-work", "{}"));
          break;
        default:
          note(
              by.post("/api/v1/boards/deals/move", R"({"status": "decision", "id": )" + one + "}"));
      }
    }
  });
  expect_none_bad();
  expect_nobody("something left with a deal that was merged",
                "SELECT d.id FROM crm.deal d WHERE d.merged_into_id IS NOT NULL AND (EXISTS "
                "(SELECT FROM crm.comment c WHERE c.record_id = d.id AND c.source = 'user') OR "
                "EXISTS (SELECT FROM crm.record_contact c WHERE c.record_id = d.id) OR EXISTS "
                "(SELECT FROM crm.task t WHERE t.record_id = d.id AND t.status = 'active'))");
  expect_nobody("a chain of merges that ends nowhere",
                "WITH RECURSIVE up(start, id) AS (SELECT id, merged_into_id FROM crm.deal WHERE "
                "merged_into_id IS NOT NULL UNION SELECT up.start, d.merged_into_id FROM up JOIN "
                "crm.deal d ON d.id = up.id WHERE d.merged_into_id IS NOT NULL) SELECT start FROM "
                "up GROUP BY start HAVING NOT bool_or(EXISTS (SELECT FROM crm.deal e WHERE e.id = "
                "up.id AND e.deleted_at IS NULL))");
  expect_nobody(
      "a merge that is not written down, or stands though it is undone",
      "SELECT d.id FROM crm.deal d FULL JOIN (SELECT * FROM crm.merge WHERE undone_at IS "
      "NULL) g ON g.source_id = d.id WHERE d.merged_into_id IS DISTINCT FROM g.target_id");
  EXPECT_EQ(sql("SELECT count(*) FROM crm.comment WHERE source = 'user' AND deleted_at IS NULL"),
            16);
  EXPECT_EQ(sql("SELECT count(DISTINCT contact_id) FROM crm.record_contact"), 16);
  expect_nobody("a task to take what somebody has",
                "SELECT t.id FROM crm.task t JOIN crm.deal d ON d.id = t.record_id WHERE t.status "
                "= 'active' AND d.responsible_id IS NOT NULL");
  expect_nobody("two main contacts, or none",
                "SELECT record_id FROM crm.record_contact GROUP BY 1 HAVING count(*) FILTER (WHERE "
                "is_main) <> 1");
}

// More writers than connections: whoever waits too long for one is told when to come again.
bool busy(const HttpAnswer& answer) {
  return answer.status == 503 && answer.field("code") == "pool_exhausted" &&
         answer.has_header("retry-after");
}

// Each reads, adds its name and writes under the ETag it read, until that is the one in force.
TEST_F(ActionsRace, FiftyWritersOfOneRecordLoseNoUpdate) {
  constexpr int kWriters = 50;
  HttpClient admin = client(token_);
  const std::string path = "/api/v1/deals/" + std::to_string(make_deal(admin, "one"));
  ASSERT_EQ(admin.patch(path, R"({"company_text": "0"})", {{"If-Match", "*"}}).status, 200);
  std::atomic<int> stale = 0;
  at_once(
      [&](HttpClient& by, std::minstd_rand&, int self) {
        for (int status = 0; status != 200;) {
          const auto read = by.get(path + "?fields=company_text,row_version");
          if (busy(read)) continue;
          const std::string names = read.field("company_text") + "," + std::to_string(self + 1);
          const auto written = by.patch(path, R"({"company_text": ")" + names + "\"}",
                                        {{"If-Match", read.header("etag")}});
          if (busy(written)) continue;
          note(written);
          status = written.status;
          if (status == 412) ++stale;
          if (status != 200 && status != 412) break;
        }
      },
      kWriters);
  expect_none_bad();
  EXPECT_EQ(sql("SELECT count(DISTINCT n) FROM crm.deal, "
                "string_to_table(company_text, ',') n"),
            kWriters + 1);
  EXPECT_GT(stale, 0) << "they met";
  EXPECT_EQ(sql("SELECT row_version FROM crm.deal"), kWriters + 2);
}

}  // namespace
}  // namespace c360::api

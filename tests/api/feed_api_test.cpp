// The change feed over the wire: pages, waiting, streams, snapshot.
#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "daemon/base/text.h"
#include "tests/api/api_fixture.h"

namespace c360::api {
namespace {

class FeedApi : public ApiTest {
 protected:
  static std::string latest(HttpClient& by) {
    return by.get("/api/v1/events?after=latest").field("next_cursor");
  }
  static std::vector<std::string> events(const HttpAnswer& answer) {
    std::vector<std::string> found;
    const Json body = answer.json();
    const Json* items = body.find("items");
    if (items == nullptr) return found;
    for (const auto& item : items->as_array()) {
      found.push_back(item.find("record_kind")->as_string() + " " +
                      item.find("event")->as_string());
    }
    return found;
  }
  // A stream whose head was read.
  RawConnection stream(const std::string& token, const std::string& target,
                       std::string_view more = "") {
    RawConnection connection(port());
    connection.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                    token + "\r\nAccept: text/event-stream\r\n" + std::string(more) + "\r\n");
    const auto head = connection.read_answer(true);
    EXPECT_EQ(head.status, 200) << target;
    EXPECT_EQ(head.header("content-type"), "text/event-stream");
    return connection;
  }
  // Chunks until one of them holds the text; empty when the stream ends before.
  static std::string read_until(RawConnection& connection, std::string_view text) {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const auto chunk = connection.read_chunk();
      if (!chunk || chunk->empty()) return {};
      all += *chunk;
    }
    return all;
  }
  // A stream is over when another one is let in again.
  void expect_a_free_place(const std::string& token) {
    HttpClient reader(port(), token);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    int status = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      // Waits for an event where there is a place, is refused at once where there is none.
      status = reader.get("/api/v1/events?after=latest&wait=1").status;
      if (status == 200) break;
    }
    EXPECT_EQ(status, 200);
  }
};

TEST_F(FeedApi, TellsWhatChangedInOrderPageByPage) {
  HttpClient admin = administrator();
  const std::string begin = latest(admin);
  const std::string id = std::to_string(make_deal(admin, "A"));
  admin.patch("/api/v1/deals/" + id, R"({"status": "presentation"})", {{"If-Match", "*"}});
  created(admin.post("/api/v1/leads", R"({"name": "L"})"));

  const auto all = admin.get("/api/v1/events?after=" + begin);
  EXPECT_EQ(events(all),
            (std::vector<std::string>{"deal created", "deal status_changed", "lead created"}))
      << all.body;
  EXPECT_EQ(all.field("items/1/record_id"), id);
  EXPECT_EQ(all.field("items/1/changes/0/new"), "presentation");
  EXPECT_EQ(all.field("more"), "false");

  const auto first = admin.get("/api/v1/events?limit=1&after=" + begin);
  EXPECT_EQ(first.field("more"), "true");
  EXPECT_EQ(first.field("next_cursor"), first.field("items/0/cursor"));
  const auto second = admin.get("/api/v1/events?limit=1&after=" + first.field("next_cursor"));
  EXPECT_EQ(events(second), std::vector<std::string>{"deal status_changed"});
  const auto none = admin.get("/api/v1/events?after=" + all.field("next_cursor"));
  EXPECT_TRUE(events(none).empty()) << none.body;

  const std::string from = "&after=" + begin;
  EXPECT_EQ(events(admin.get("/api/v1/events?kind=lead" + from)).size(), 1U);
  EXPECT_EQ(events(admin.get("/api/v1/events?event=created,updated" + from)).size(), 2U);
  EXPECT_EQ(events(admin.get("/api/v1/events?record_id=" + id + from)).size(), 2U);
}

TEST_F(FeedApi, ALateCommitIsNotSkipped) {
  HttpClient admin = administrator();
  std::string cursor = latest(admin);
  auto late = database_->begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(late);
  ASSERT_TRUE(late->query({"",
                           "INSERT INTO crm.history_event (record_key, record_kind, event) "
                           "VALUES ('other', 'segment', 'updated')"}));
  make_deal(admin, "Later begun, sooner committed");

  const auto before = admin.get("/api/v1/events?after=" + cursor);
  EXPECT_TRUE(events(before).empty()) << before.body;
  cursor = before.field("next_cursor");
  ASSERT_TRUE(late->commit());
  const auto after = admin.get("/api/v1/events?wait=30&after=" + cursor);

  EXPECT_EQ(events(after), (std::vector<std::string>{"segment updated", "deal created"}))
      << after.body;
}

TEST_F(FeedApi, WhatRolledBackNeverHappened) {
  HttpClient admin = administrator();
  const std::string cursor = latest(admin);
  {
    auto lost = database_->begin(store::Pool::work, store::TxMode::read_write);
    ASSERT_TRUE(lost);
    ASSERT_TRUE(lost->query({"",
                             "INSERT INTO crm.history_event (record_key, record_kind, event) "
                             "VALUES ('other', 'segment', 'updated')"}));
  }
  make_deal(admin, "A");
  EXPECT_EQ(events(admin.get("/api/v1/events?wait=30&after=" + cursor)),
            std::vector<std::string>{"deal created"});
}

TEST_F(FeedApi, WritersAtOnceAreAllSeenByAReaderThatFollows) {
  HttpClient admin = administrator();
  std::string cursor = latest(admin);
  const std::string token = add_token(add_user("writer", {"crm-administrators"}), {"admin"});
  constexpr int kWriters = 4;
  constexpr int kDeals = 15;
  std::vector<std::future<void>> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.push_back(std::async(std::launch::async, [this, token] {
      HttpClient writer(port(), token);
      for (int deal = 0; deal < kDeals; ++deal) {
        EXPECT_EQ(writer.post("/api/v1/deals", R"({"name": "A"})").status, 201);
      }
    }));
  }
  std::multiset<std::string> seen;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (seen.size() < kWriters * kDeals && std::chrono::steady_clock::now() < deadline) {
    const auto page = admin.get("/api/v1/events?kind=deal&limit=7&wait=5&after=" + cursor);
    ASSERT_EQ(page.status, 200) << page.body;
    const Json body = page.json();
    for (const auto& item : body.find("items")->as_array()) seen.insert(item.find("id")->dump());
    cursor = page.field("next_cursor");
  }
  for (auto& writer : writers) writer.get();
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kWriters * kDeals));
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), seen.size()) << "none twice";
}

TEST_F(FeedApi, AWaitingReaderIsAnsweredWhenSomethingHappens) {
  HttpClient admin = administrator();
  const std::string cursor = latest(admin);
  const std::string token = add_token(add_user("reader", {"crm-administrators"}), {"admin"});
  auto waiting = std::async(std::launch::async, [this, token, cursor] {
    HttpClient reader(port(), token);
    return reader.get("/api/v1/events?wait=60&after=" + cursor);
  });
  make_deal(admin, "A");
  const auto answer = waiting.get();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(events(answer), std::vector<std::string>{"deal created"});
  EXPECT_EQ(events(admin.get("/api/v1/events?wait=1&after=" + answer.field("next_cursor"))).size(),
            0U);
  EXPECT_EQ(admin.get("/api/v1/events?wait=61").status, 400);
  EXPECT_EQ(admin.get("/api/v1/events?wait=soon").status, 400);
}

TEST_F(FeedApi, AUserSeesOnlyEventsOfWhatHeMayRead) {
  HttpClient owner = client_of("owner", {});
  HttpClient stranger = client_of("stranger", {});
  HttpClient manager = client_of("manager", {"crm-manager"});
  const std::string begin = latest(owner);
  make_deal(owner, "Mine");

  EXPECT_EQ(events(owner.get("/api/v1/events?after=" + begin)).size(), 1U);
  EXPECT_EQ(events(manager.get("/api/v1/events?after=" + begin)).size(), 1U);
  const auto nothing = stranger.get("/api/v1/events?after=" + begin);
  EXPECT_TRUE(events(nothing).empty()) << nothing.body;
  EXPECT_EQ(nothing.field("next_cursor"), latest(stranger)) << "the cursor goes on all the same";

  HttpClient leads = client(add_token(add_user("admin", {"crm-administrators"}), {"lead:read"}));
  EXPECT_TRUE(events(leads.get("/api/v1/events?after=" + begin)).empty());
  EXPECT_EQ(leads.get("/api/v1/events?kind=deal").field("code"), "scope_missing");
  EXPECT_EQ(leads.get("/api/v1/events?kind=lead").status, 200);
}

TEST_F(FeedApi, CursorsThatAreNoneAreRefused) {
  HttpClient admin = administrator();
  for (const std::string wrong :
       {"x", "1", "1.", ".1", "-1.1", "1.-1", "1.1x", "99999999999999999999999.1"}) {
    EXPECT_EQ(admin.get("/api/v1/events?after=" + wrong).field("code"), "invalid_cursor") << wrong;
  }
  EXPECT_EQ(admin.get("/api/v1/events?after=9000000000000.1").field("code"), "cursor_unknown");
  EXPECT_EQ(admin.get("/api/v1/events?kind=nothing").field("code"), "unknown_kind");
  EXPECT_EQ(admin.get("/api/v1/events?limit=0").status, 400);
  EXPECT_EQ(admin.get("/api/v1/events?limit=201").status, 400);
  EXPECT_EQ(admin.get("/api/v1/events?colour=red").status, 400);
}

TEST_F(FeedApi, AStretchWithNothingForTheReaderIsWalkedThrough) {
  HttpClient admin = administrator();
  HttpClient stranger = client_of("stranger", {});
  const std::string begin = latest(admin);
  const std::string deal = std::to_string(make_deal(admin, "Hidden"));
  sql("INSERT INTO crm.history_event (record_id, record_kind, event) SELECT " + deal +
      ", 'deal', 'updated' FROM generate_series(1, 5000)");
  make_deal(stranger, "Seen");
  EXPECT_EQ(events(stranger.get("/api/v1/events?after=" + begin)),
            std::vector<std::string>{"deal created"});
}

// -- Streams --------------------------------------------------------------------------------------

TEST_F(FeedApi, AStreamTellsEventsAsTheyHappenAndGoesOnWhereItEnded) {
  HttpClient admin = administrator();
  const std::string token = add_token(add_user("reader", {"crm-administrators"}), {"admin"});
  RawConnection first = stream(token, "/api/v1/events?after=" + latest(admin) + "&kind=deal");
  make_deal(admin, "A");

  const std::string told = read_until(first, "event: created");
  ASSERT_NE(told, "");
  const std::size_t at = told.rfind("id: ");
  const std::string last = told.substr(at + 4, told.find('\n', at) - at - 4);
  const std::size_t data = told.find("data: ");
  const auto event = Json::parse(told.substr(data + 6, told.find('\n', data) - data - 6));
  ASSERT_TRUE(event) << told;
  EXPECT_EQ(event->find("cursor")->as_string(), last);

  make_deal(admin, "Meanwhile");
  RawConnection again =
      stream(token, "/api/v1/events?kind=deal", "Last-Event-ID: " + last + "\r\n");
  const std::string more = read_until(again, "event: created");
  EXPECT_EQ(more.find("id: " + last + "\n"), std::string::npos) << "none twice: " << more;
}

TEST_F(FeedApi, AReaderThatGoesAwayLeavesItsPlace) {
  options_.limits.max_event_readers = 1;
  restart();
  HttpClient admin = administrator();
  const std::string token = add_token(add_user("reader", {"crm-administrators"}), {"admin"});
  {
    RawConnection only = stream(token, "/api/v1/events?after=latest");
    HttpClient second = client(token);
    const auto refused = second.get("/api/v1/events?after=latest&wait=30");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.field("code"), "too_many_readers");
    EXPECT_NE(refused.header("retry-after"), "");
    EXPECT_EQ(second.get("/api/v1/events?after=latest").status, 200) << "without waiting";
  }
  expect_a_free_place(token);
}

TEST_F(FeedApi, ASlowReaderIsCutOffAndHoldsNobodyUp) {
  options_.limits.max_event_readers = 2;
  server_options_.body_grace = std::chrono::milliseconds{500};
  server_options_.min_body_bytes_per_second = 1'000'000;
  restart();
  HttpClient admin = administrator();
  const std::string token = add_token(add_user("reader", {"crm-administrators"}), {"admin"});
  const std::string begin = latest(admin);
  const std::string deal = std::to_string(make_deal(admin, "A"));
  // More than the kernel takes for a client that does not read.
  sql("INSERT INTO crm.history_event (record_id, record_kind, event, comment) SELECT " + deal +
      ", 'deal', 'updated', repeat('x', 100000) FROM generate_series(1, 400)");
  RawConnection slow = stream(token, "/api/v1/events?after=" + begin);
  RawConnection quick = stream(token, "/api/v1/events?after=latest&event=created");
  make_deal(admin, "B");
  EXPECT_NE(read_until(quick, "event: created"), "");
  expect_a_free_place(token);
}

TEST_F(FeedApi, AStreamEndsWithItsToken) {
  HttpClient admin = administrator();
  const auto user = add_user("reader", {"crm-administrators"});
  RawConnection open = stream(add_token(user, {"admin"}), "/api/v1/events?after=latest");
  sql("UPDATE crm.api_token SET revoked_at = now() WHERE user_id = " + std::to_string(user) +
      " RETURNING id");
  bool ended = false;
  while (!ended) {
    const auto chunk = open.read_chunk();
    ASSERT_TRUE(chunk.has_value()) << "it ends as a stream should";
    ended = chunk->empty();
  }
}

TEST_F(FeedApi, AServerThatStopsEndsItsStreams) {
  const std::string token = add_token(add_user("reader", {"crm-administrators"}), {"admin"});
  RawConnection open = stream(token, "/api/v1/events?after=latest");
  EXPECT_TRUE(server_->stop(std::chrono::seconds{30})) << "nothing had to be broken";
}

// -- Snapshot -------------------------------------------------------------------------------------

TEST_F(FeedApi, ASnapshotAndTheFeedBehindItAreEverything) {
  HttpClient admin = administrator();
  for (int i = 0; i < 3; ++i) make_deal(admin, "Deal " + std::to_string(i));
  sql("UPDATE crm.deal SET status = 'historical' WHERE name = 'Deal 2'");  // not in plain lists

  const auto answer = admin.get("/api/v1/events/snapshot?kind=deal,lead");
  ASSERT_EQ(answer.status, 200) << answer.body;
  std::vector<Json> lines;
  for (const auto line : split(answer.body, '\n')) {
    if (line.empty()) continue;
    auto json = Json::parse(line);
    ASSERT_TRUE(json) << line;
    lines.push_back(std::move(*json));
  }
  ASSERT_EQ(lines.size(), 3U) << answer.body;
  const std::string cursor = lines.front().find("cursor")->as_string();
  EXPECT_EQ(lines[1].find("records")->as_array().size(), 3U);
  EXPECT_EQ(*lines.back().find("end"), Json(true));
  EXPECT_EQ(*lines.back().find("records"), Json(3));

  make_deal(admin, "After");
  EXPECT_EQ(events(admin.get("/api/v1/events?kind=deal&wait=30&after=" + cursor)),
            std::vector<std::string>{"deal created"});
  HttpClient stranger = client_of("stranger", {});
  EXPECT_NE(stranger.get("/api/v1/events/snapshot?kind=deal").body.find("\"records\":0"),
            std::string::npos);
}

// Tasks open and close, marks move and calls are noted without anybody asking for it: a client that
// follows the feed has what the tables have.
TEST_F(FeedApi, WhatTheServiceDoesByItselfIsInTheFeed) {
  HttpClient admin = administrator();
  const std::string begin = latest(admin);
  const std::string customer = std::to_string(
      created(admin.post("/api/v1/counterparties",
                         R"({"name": "A", "segment_code": "small",)"
                         R"( "acquisition_channel_code": "site", "status_code": "active"})")));
  const std::string deal = std::to_string(make_deal(admin, "A", R"(, "responsible_id": null)"));
  make_deal(admin, "B", R"(, "responsible_id": null)");
  for (const std::string name : {"Иванов", "Петров"}) {
    created(admin.post("/api/v1/contacts", R"({"is_main": true, "full_name": ")" + name +
                                               R"(", "counterparty_id": )" + customer + "}"));
  }
  ASSERT_EQ(admin.post("/api/v1/deals/" + deal + "/take-to-work", "").status, 200);
  created(
      admin.post("/api/v1/activities",
                 R"({"type": "call", "status": "completed", "topic": "x", "parent_record_id": )" +
                     customer + R"(, "activity_date": "2020-01-01T10:00:00Z"})"));

  std::map<std::string, std::string> tasks;
  std::map<std::string, std::string> contacts;
  std::string comments;
  const Json feed = admin.get("/api/v1/events?limit=200&after=" + begin).json();
  for (const Json& event : feed.find("items")->as_array()) {
    const std::string kind = event.find("record_kind")->as_string();
    const std::string name = event.find("event")->as_string();
    if (kind == "task") {
      tasks[event.find("record_key")->as_string()] =
          name == "created" ? "active"
                            : event.find("changes")->as_array()[0].find("new")->as_string();
    }
    if (kind == "contact") {
      contacts[event.find("record_id")->number_text()] = event.find("version")->number_text();
    }
    if (name == "comment_added") {
      comments += event.find("changes")->as_array()[0].find("new")->number_text();
    }
  }
  const auto joined = [](const std::map<std::string, std::string>& all) {
    std::string text;
    for (const auto& [key, value] : all) text += (text.empty() ? "" : ", ") + key + " " + value;
    return text;
  };
  EXPECT_EQ(joined(tasks), sql_text("SELECT string_agg(id || ' ' || status, ', ' ORDER BY id::text "
                                    "COLLATE \"C\") FROM crm.task"));
  EXPECT_EQ(joined(contacts), sql_text("SELECT string_agg(id || ' ' || row_version, ', ' ORDER BY "
                                       "id::text COLLATE \"C\") FROM crm.contact"));
  EXPECT_EQ(comments, sql_text("SELECT string_agg(id::text, '') FROM crm.comment"));
}

// What a client keeps of each record: its version, and whether it is there.
using Copies = std::map<std::int64_t, std::pair<std::int64_t, bool>>;

void keep(Copies& copies, std::int64_t id, std::int64_t version, bool alive) {
  auto& copy = copies[id];
  if (version >= copy.first) copy = {version, alive};
}

// What was made and deleted before the cursor nobody needs to know of.
bool hold_everything(const Copies& copies, const Copies& all) {
  const auto known = [&](const auto& each) {
    const auto copy = copies.find(each.first);
    return copy == copies.end() ? !each.second.second : copy->second == each.second;
  };
  return std::ranges::all_of(all, known) &&
         std::ranges::all_of(copies, [&](const auto& each) { return all.contains(each.first); });
}

// The cursor is taken while a transaction is open that wrote before, and others write all the while
// the records are read in many pages: what is missing in them is in the feed.
TEST_F(FeedApi, ASnapshotAmongWritersAndTheFeedBehindItMissNothing) {
  options_.max_page = 5;
  restart();
  HttpClient admin = administrator();
  for (int i = 0; i < 60; ++i) make_deal(admin, "Deal " + std::to_string(i));
  const std::string token = add_token(add_user("writer", {"crm-administrators"}), {"admin"});
  auto late = database_->begin(store::Pool::work, store::TxMode::read_write);
  ASSERT_TRUE(late);
  const auto inserted = late->query(
      {"",
       "WITH r AS (INSERT INTO crm.record (kind) VALUES ('deal') RETURNING id), d AS (INSERT INTO "
       "crm.deal (id, name) SELECT id, 'late' FROM r) INSERT INTO crm.history_event (record_id, "
       "record_kind, event, version) SELECT id, 'deal', 'created', 1 FROM r RETURNING record_id"});
  ASSERT_TRUE(inserted);
  const std::int64_t late_deal = (*inserted)->int64(0, 0);
  std::atomic<bool> read = false;
  std::vector<std::jthread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([this, &read, token, i] {
      HttpClient writer(port(), token);
      std::minstd_rand random(static_cast<unsigned>(i) + 1);
      std::vector<std::string> own;
      for (int step = 0; step < 2'000 && (step < 10 || !read); ++step) {
        if (own.empty() || random() % 3 == 0) {
          own.push_back(writer.post("/api/v1/deals", R"({"name": "new"})").field("id"));
        } else if (random() % 3 == 0) {
          EXPECT_EQ(writer.del("/api/v1/deals/" + own.back(), {{"If-Match", "*"}}).status, 204);
          own.pop_back();
        } else {
          const std::string name = "changed " + std::to_string(step);
          EXPECT_EQ(writer
                        .patch("/api/v1/deals/" + own[random() % own.size()],
                               R"({"name": ")" + name + "\"}", {{"If-Match", "*"}})
                        .status,
                    200);
        }
      }
    });
  }

  RawConnection connection(port());
  connection.send(
      "GET /api/v1/events/snapshot?kind=deal HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
      "Bearer " +
      token + "\r\n\r\n");
  ASSERT_EQ(connection.read_answer(true).status, 200);
  std::string text;
  while (text.find('\n') == std::string::npos) text += connection.read_chunk().value_or("\n");
  ASSERT_TRUE(late->commit()) << "once the cursor is told";
  for (;;) {
    const auto chunk = connection.read_chunk();
    ASSERT_TRUE(chunk) << "the snapshot broke off";
    if (chunk->empty()) break;
    text += *chunk;
  }
  read = true;
  writers.clear();

  Copies copies;
  std::string cursor;
  for (const auto line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto json = Json::parse(line);
    ASSERT_TRUE(json) << line;
    if (const Json* told = json->find("cursor")) cursor = told->as_string();
    const Json* records = json->find("kind") != nullptr ? json->find("records") : nullptr;
    if (records == nullptr) continue;
    for (const Json& record : records->as_array()) {
      keep(copies, *record.find("id")->as_int64(), *record.find("row_version")->as_int64(), true);
    }
  }
  EXPECT_GE(copies.size(), 60U);
  const auto rows = database_->execute(
      store::Pool::work, {"", "SELECT id, row_version, deleted_at IS NULL FROM crm.deal"});
  ASSERT_TRUE(rows);
  Copies all;
  for (int row = 0; row < rows->size(); ++row) {
    all[rows->int64(row, 0)] = {rows->int64(row, 1), rows->text(row, 2) == "t"};
  }
  std::set<std::int64_t> heard;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (!hold_everything(copies, all) && std::chrono::steady_clock::now() < deadline) {
    const auto page = admin.get("/api/v1/events?kind=deal&wait=1&after=" + cursor);
    ASSERT_EQ(page.status, 200) << page.body;
    const Json body = page.json();
    for (const Json& event : body.find("items")->as_array()) {
      const std::int64_t id = *event.find("record_id")->as_int64();
      heard.insert(id);
      keep(copies, id, event.find("version")->as_int64().value_or(0),
           event.find("event")->as_string() != "deleted");
    }
    cursor = page.field("next_cursor");
  }

  EXPECT_TRUE(hold_everything(copies, all)) << copies.size() << " of " << all.size();
  EXPECT_TRUE(heard.contains(late_deal)) << "committed behind the cursor";
  EXPECT_GE(heard.size(), 4U) << "those of the writers too";
}

TEST_F(FeedApi, OldClientsGetAStreamUntilItCloses) {
  const std::string token = add_token(add_user("reader", {"crm-administrators"}), {"admin"});
  RawConnection old(port());
  old.send("GET /api/v1/events/snapshot?kind=deal HTTP/1.0\r\nAuthorization: Bearer " + token +
           "\r\n\r\n");
  const auto head = old.read_answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_FALSE(head.has_header("transfer-encoding"));
  EXPECT_FALSE(head.has_header("content-length"));
  EXPECT_EQ(head.header("connection"), "close");
  EXPECT_TRUE(old.wait_for_close());
}

}  // namespace
}  // namespace c360::api

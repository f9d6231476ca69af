// The daemon ended by SIGKILL before and after every step of a delivery that lasts
// (tests/support/step_relay.h), and while the other side has the request in its hands; then begun
// again: webhooks, long Telegram messages and what a new counterparty sets off come to their end,
// with one repetition at the most of what was under way.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "tests/ingest/intake_fixture.h"
#include "tests/support/service_server.h"
#include "tests/support/step_relay.h"
#include "tests/system/system_fixture.h"

namespace c360::testing {
namespace {

using ::testing::ElementsAre;
using Moment = StepRelay::Moment;

constexpr std::size_t kMostSteps = 40;  // more than there are: the test must come to an end

class KillSteps : public SystemTest {
 protected:
  // `settings` stand behind those of every system test; the daemon has run once, and is not
  // running.
  void begin(const std::string& settings) {
    settings_ = settings;
    write_config(database_);
    daemon_.start();
    daemon_.wait_until_ready();
    sign_in();
  }
  void end_daemon() {
    daemon_.signal(SIGKILL);
    ASSERT_EQ(daemon_.wait_for_exit(), -SIGKILL);
  }
  HttpAnswer post(const std::string& path, const std::string& body) {
    return HttpClient(daemon_.port("api"))
        .post("/api/v1" + path, body,
              {{"Authorization", "Bearer " + token_}, {"Content-Type", "application/json"}});
  }
  // One statement, over a connection that stays; the first value of its rows.
  std::string one(const std::string& sql) {
    const auto rows = watching_.execute(store::Pool::api, store::Sql{"", sql});
    if (!rows) throw std::runtime_error(rows.error().detail);
    return rows->empty() ? "" : std::string(rows->text(0, 0));
  }

  // For every step there is, before and after it: `prepare` makes work, the daemon dies at the step
  // and another goes on until `done`, `check` looks at what came of it.
  void die_at_every_step(const std::vector<std::string>& counted,
                         const std::function<void()>& prepare, const std::function<bool()>& done,
                         const std::function<void()>& check);
  // `holder` has the request in its hands when the daemon dies, the `nth` since now.
  void die_at_request(ServiceServer& holder, int nth, const std::function<void()>& prepare,
                      const std::function<bool()>& done);

  Quiet quiet_;
  store::Database watching_{store::DatabaseOptions{.url = database_}, quiet_.observer};

 private:
  void write_config(std::string database) {
    const std::string direct = std::exchange(database_, std::move(database));
    daemon_.write("client360.toml", config(settings_));
    database_ = direct;
  }
  // What minutes do: the leases of the dead one run out, pauses and rates are over.
  void let_time_pass() {
    one("WITH webhook AS (UPDATE ops.webhook SET claimed_until = CASE WHEN holder IS NOT NULL "
        "THEN now() END, next_look_at = now()), "
        "job AS (UPDATE ops.job SET locked_until = now() WHERE status = 'running'), "
        "answer AS (UPDATE ops.service_answer SET claimed_until = '-infinity'), "
        "message AS (UPDATE crm.outbound_message SET claimed_until = now() "
        "WHERE status = 'sending') DELETE FROM ops.service_gate");
  }
  // The next daemon, to the end of the work.
  void go_on(const std::function<bool()>& done) {
    let_time_pass();
    write_config(database_);
    daemon_.start();
    EXPECT_TRUE(eventually([&] { return is_over(done); })) << daemon_.log();
    end_daemon();
  }
  bool is_over(const std::function<bool()>& done) {
    daemon_.notifications();  // a manager reads
    return done();
  }
  // Nothing: there is no such step.
  std::optional<std::string> dies_and_goes_on(StepRelay::Abort abort,
                                              const std::function<bool()>& done);

  StepRelay relay_{TempPostgres::shared(), 0};
  std::string settings_;
};

std::optional<std::string> KillSteps::dies_and_goes_on(StepRelay::Abort abort,
                                                       const std::function<bool()>& done) {
  std::string relayed = database_;
  const std::string& folder = TempPostgres::shared().socket_folder();
  write_config(relayed.replace(relayed.find(folder), folder.size(), relay_.postgres_folder()));
  daemon_.start();
  const StepRelay::Watched watched =
      relay_.watch(daemon_.pid(), abort, [&] { return is_over(done); });
  daemon_.reaped(watched.status);
  if (!watched.aborted) return std::nullopt;
  go_on(done);
  return watched.steps.back();
}

void KillSteps::die_at_every_step(const std::vector<std::string>& counted,
                                  const std::function<void()>& prepare,
                                  const std::function<bool()>& done,
                                  const std::function<void()>& check) {
  relay_.count_only(counted);
  prepare();
  ASSERT_FALSE(dies_and_goes_on({kMostSteps, Moment::before}, done)) << "it finds the steps";
  std::set<std::string> died_at;
  int kills = 0;
  for (const Moment moment : {Moment::before, Moment::after}) {
    for (std::size_t step = 1;; ++step) {
      ASSERT_LE(step, kMostSteps);
      let_time_pass();
      prepare();
      const auto name = dies_and_goes_on({step, moment}, done);
      SCOPED_TRACE(fmt::format("{} step {}, {}", moment == Moment::before ? "before" : "after",
                               step, name.value_or("which there is not")));
      check();
      if (HasFailure()) return;
      if (!name) break;
      died_at.insert(*name);
      ++kills;
    }
  }
  std::cout << fmt::format("{} kills, {} kinds of step\n", kills, died_at.size());
  for (const std::string& part : counted)
    EXPECT_TRUE(std::ranges::any_of(died_at, [&](const auto& name) { return name.contains(part); }))
        << "nothing lasting has " << part;
}

void KillSteps::die_at_request(ServiceServer& holder, int nth, const std::function<void()>& prepare,
                               const std::function<bool()>& done) {
  let_time_pass();
  prepare();
  write_config(database_);
  daemon_.start();
  const auto seen = std::make_shared<std::atomic<int>>(0);
  holder.on_request([seen, nth, daemon = daemon_.pid()](const ServiceRequest&) {
    if (++*seen == nth) kill(daemon, SIGKILL);
  });
  ASSERT_EQ(daemon_.wait_for_exit(), -SIGKILL);
  holder.on_request(nullptr);
  go_on(done);
}

// -- Webhooks -------------------------------------------------------------------------------------

class KillWebhooks : public KillSteps {
 protected:
  static constexpr int kRecords = 2;
  static constexpr int kVersions = 2;

  void SetUp() override {
    receiver_.on("/hook", {.status = 204, .content_type = ""});
    daemon_.write("webhook.key", "a key of 32 characters at least.");
    begin(
        "[webhooks]\nkey_file = 'webhook.key'\nallowed_networks = ['127.0.0.0/8']\nthreads = "
        "1\nca_file = '" +
        receiver_.ca_file() + "'\ntimeout_ms = 30000\n");
    const HttpAnswer made =
        post("/webhooks", R"({"name":"other","url":")" + receiver_.url() + R"(/hook"})");
    ASSERT_EQ(made.status, 201) << made.body;
    end_daemon();
  }
  // The same number of events of each record, in turn.
  void happen() {
    one("DELETE FROM ops.webhook_delivery");
    told_ = receiver_.requests().size();
    one(
        fmt::format("INSERT INTO crm.history_event (record_id, record_kind, event, version) "
                    "SELECT 900000 + r, 'deal', 'updated', n FROM generate_series(1, {}) AS n, "
                    "generate_series(1, {}) AS r ORDER BY n, r",
                    kVersions, kRecords));
  }
  bool all_delivered() {
    return one("SELECT count(*) FROM ops.webhook_delivery WHERE status = 'delivered'") ==
               std::to_string(kRecords * kVersions) &&
           one("SELECT count(*) FROM ops.webhook WHERE holder IS NOT NULL") == "0";
  }
  // Each event came, in the order of its record; `repeated`: the one under way again, and no other.
  void expect_told(int most_repeated) {
    const auto requests = receiver_.requests();
    std::map<std::string, std::vector<std::string>> versions;
    std::set<std::string> ids;
    int repeated = 0;
    std::string last;
    for (std::size_t i = told_; i < requests.size(); ++i) {
      const std::string& id = requests[i].headers.at("webhook-id");
      const auto body = Json::parse(requests[i].body);
      ASSERT_TRUE(body);
      if (!ids.insert(id).second) {
        ++repeated;
        EXPECT_EQ(id, last) << "only what was under way comes again, and at once";
      } else {
        versions[body->find("record_id")->number_text()].push_back(
            body->find("version")->number_text());
      }
      last = id;
    }
    EXPECT_LE(repeated, most_repeated);
    EXPECT_EQ(versions.size(), static_cast<std::size_t>(kRecords));
    for (const auto& [record, seen] : versions) EXPECT_THAT(seen, ElementsAre("1", "2")) << record;
  }

  ServiceServer receiver_;
  std::size_t told_ = 0;  // requests before the events at hand
};

TEST_F(KillWebhooks, EveryEventIsDeliveredInOrderAndOnlyTheOneUnderWayTwice) {
  die_at_every_step(
      {"webhook_queue.claim", "webhook_queue.feed", "webhook_queue.delivered",
       "webhook_queue.release"},
      [this] { happen(); }, [this] { return all_delivered(); }, [this] { expect_told(1); });
}

TEST_F(KillWebhooks, EventTheReceiverHasInItsHandsComesAgainUnderTheSameId) {
  for (int nth = 1; nth <= kRecords * kVersions; ++nth) {
    SCOPED_TRACE(nth);
    die_at_request(receiver_, nth, [this] { happen(); }, [this] { return all_delivered(); });
    expect_told(1);
  }
}

// -- A long message by Telegram -------------------------------------------------------------------

class KillTelegram : public KillSteps {
 protected:
  void SetUp() override {
    bot_.on("/bot1:token/sendMessage", {.body = R"({"ok":true,"result":{"message_id":815}})"});
    begin("[telegram]\nconnections = 1\nmessages_per_second = 1000\noap_authtoken_file = '" +
          daemon_.write("bot-token", "1:token\n") + "'\nurl = '" + bot_.url() + "'\nca_file = '" +
          bot_.ca_file() + "'\ntimeout_ms = 60000\n");
    end_daemon();
  }
  // Of two parts, an "a" in front of the first and a "b" of the second.
  void queue() {
    told_ = bot_.requests().size();
    one("DELETE FROM crm.outbound_message");
    one("INSERT INTO crm.outbound_message (channel, purpose, address, body, next_attempt_at) "
        "VALUES ('telegram', 'notification', '77', repeat('a', 4000) || E'\\n' || "
        "repeat('b', 4000), now())");
  }
  bool is_sent() {
    // What five minutes do.
    one("WITH due AS (UPDATE crm.outbound_message SET next_attempt_at = now() "
        "WHERE status = 'queued' AND next_attempt_at > now() RETURNING 1) "
        "SELECT pg_notify('c360_job', '') FROM due");
    return one("SELECT status FROM crm.outbound_message") == "sent";
  }
  std::string parts() const {
    const auto requests = bot_.requests();
    std::string came;
    for (std::size_t i = told_; i < requests.size(); ++i)
      came += Json::parse(requests[i].body)->find("text")->as_string().front();
    return came;
  }

  ServiceServer bot_;
  std::size_t told_ = 0;
};

TEST_F(KillTelegram, PartsThatWereTakenAreNotSentAgain) {
  std::set<std::string> came;
  die_at_every_step(
      {"messages_claim", "messages_part_begun", "messages_part_taken", "messages_sent"},
      [this] { queue(); }, [this] { return is_sent(); },
      [&] {
        came.insert(parts());
        const std::string unclear = one("SELECT unclear_attempts FROM crm.outbound_message");
        EXPECT_EQ(one("SELECT provider_message_id FROM crm.outbound_message"), "815");
        if (parts() == "aab" || parts() == "abb") {
          EXPECT_EQ(unclear, "1") << "nobody knew whether that part had arrived";
        } else {
          EXPECT_EQ(parts(), "ab");
        }
      });
  EXPECT_THAT(came, ElementsAre("aab", "ab", "abb"));
}

TEST_F(KillTelegram, OnlyThePartTheServiceHasInItsHandsMayComeTwice) {
  for (const auto& [nth, came] : {std::pair{1, "aab"}, std::pair{2, "abb"}}) {
    die_at_request(bot_, nth, [this] { queue(); }, [this] { return is_sent(); });
    EXPECT_EQ(parts(), came);
    EXPECT_EQ(one("SELECT unclear_attempts FROM crm.outbound_message"), "1");
  }
}

// -- A counterparty made by its INN alone ---------------------------------------------------------

class KillCreation : public KillSteps {
 protected:
  void SetUp() override {
    // Nothing but the two jobs of the counterparty: no schedule is due.
    one("UPDATE ops.schedule SET next_run_at = now() + interval '1 year'");
    register_.on_request([this](const ServiceRequest& request) {
      const auto body = Json::parse(request.body);
      register_.next({.body = found(body ? body->find("query")->as_string() : "")});
    });
    focus_.on_request([this](const ServiceRequest& request) {
      if (request.query.contains("pdf")) {
        // Of each its own: a PDF that is there already is not stored again.
        focus_.next({.body = fmt::format("%PDF-1.4\n{:1000}\n%%EOF\n", request.query.at("inn")),
                     .content_type = "application/pdf"});
      } else {
        focus_.next({.body = R"([{"inn":")" + request.query.at("inn") +
                             R"(","briefReport":{"summary":{"redStatements":true},)"
                             R"("href":"https://focus.example/"}}])"});
      }
    });
    const std::string patience = "\nconnect_timeout_ms = 60000\ntimeout_ms = 120000\n";
    // One job after the other, so that each step comes at its place in every run.
    begin("[jobs]\nthreads = 1\n[dadata]\napi_key_file = '" + daemon_.write("dadata-key", "key\n") +
          "'\nsuggestions_url = '" + register_.url() + "'\nca_file = '" + register_.ca_file() +
          "'" + patience + "[kontur_focus]\napi_token_file = '" +
          daemon_.write("focus-token", "token\n") + "'\nurl = '" + focus_.url() + "'\nca_file = '" +
          focus_.ca_file() + "'" + patience);
    ASSERT_TRUE(eventually([this] {
      return one("SELECT count(*) FROM ops.service_switch WHERE is_on AND service IN "
                 "('dadata', 'kontur')") == "2";
    })) << daemon_.log();
    end_daemon();
    maker_.user_id = std::stoll(one("SELECT id FROM crm.user WHERE login = 'ops'"));
    maker_.groups = {"crm-administrators"};
  }
  static std::string found(const std::string& inn) {
    return R"({"suggestions":[{"value":"ООО Ромашка","data":{"inn":")" + inn +
           R"(","kpp":"773601001","type":"LEGAL","branch_type":"MAIN","opf":{"short":"ООО"},)"
           R"("state":{"status":"ACTIVE"},"name":{"full_with_opf":"Общество Ромашка",)"
           R"("short_with_opf":"ООО Ромашка"}}}]})";
  }
  // Another one each time, with its check digit.
  std::string next_inn() {
    const std::string digits = std::to_string(770'700'000 + ++companies_);
    constexpr std::array<int, 9> kWeights = {2, 4, 10, 3, 5, 9, 4, 6, 8};
    int sum = 0;
    for (std::size_t i = 0; i < kWeights.size(); ++i) sum += kWeights[i] * (digits[i] - '0');
    return digits + std::to_string(sum % 11 % 10);
  }
  void create() {
    const Json body = Json::Object{{"inn", next_inn()},
                                   {"segment_code", "small"},
                                   {"acquisition_channel_code", "site"},
                                   {"status_code", "active"}};
    const auto made = records_.create(registry_.get("counterparty"), body, maker_);
    ASSERT_TRUE(made) << made.error().detail;
    company_ = made->key;
    asked_ = {register_.requests().size(), focus_.requests().size()};
  }
  bool is_complete() {
    return one("SELECT count(*) FROM ops.job WHERE record_id = " + company_ +
               " AND status IN ('queued', 'running')") == "0";
  }
  void expect_complete() {
    EXPECT_EQ(one("SELECT concat_ws(' ', name, kpp, check_status, risk_level, autofill_source) "
                  "FROM crm.counterparty WHERE id = " +
                  company_),
              "ООО Ромашка 773601001 risky red dadata");
    EXPECT_EQ(one("SELECT r.status || ' ' || count(d.id) FROM crm.express_report AS r "
                  "JOIN crm.document AS d ON d.parent_record_id = r.counterparty_id "
                  "AND d.id = r.document_id WHERE r.counterparty_id = " +
                  company_ + " GROUP BY r.status"),
              "ready 1");
    EXPECT_EQ(one("SELECT count(*) FROM crm.document WHERE parent_record_id = " + company_), "1");
    EXPECT_EQ(one("SELECT count(*) FROM crm.history_event WHERE event = 'autofilled' "
                  "AND record_id = " +
                  company_),
              "1");
    // What is paid for: the card, the level and the PDF, and whichever was under way once more.
    const std::size_t cards = register_.requests().size() - asked_.first;
    const std::size_t reports = focus_.requests().size() - asked_.second;
    EXPECT_TRUE(cards == 1 || cards == 2) << cards;
    EXPECT_TRUE(reports == 2 || reports == 3) << reports;
  }

  ServiceServer register_;
  ServiceServer focus_;
  const store::Registry registry_ = store::Registry::standard();
  const SystemClock clock_;
  store::Records records_{watching_, registry_, records_options(), clock_};
  store::Actor maker_;
  int companies_ = 0;
  std::string company_;
  std::pair<std::size_t, std::size_t> asked_;  // before it: of the register, of Kontur.Focus
};

TEST_F(KillCreation, IsCompleteWithOnePaidCallMoreAtTheMostOfEachService) {
  die_at_every_step(
      {"jobs.take", "c360_autofill", "express_begin", "answer_claim", "answer_keep", "blob",
       "express_level", "express_ready"},
      [this] { create(); }, [this] { return is_complete(); }, [this] { expect_complete(); });
}

}  // namespace
}  // namespace c360::testing

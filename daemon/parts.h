// Everything long-lived in the daemon, in the order it is built and against the order it ends.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "api/router.h"
#include "daemon/admin.h"
#include "daemon/api_parts.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/base/snapshot.h"
#include "daemon/config.h"
#include "daemon/heartbeats.h"
#include "daemon/job_worker.h"
#include "daemon/listener.h"
#include "daemon/message_sender.h"
#include "daemon/outside_services.h"
#include "daemon/reload_requests.h"
#include "daemon/renderer_check.h"
#include "daemon/scheduler.h"
#include "daemon/webhook_sender.h"
#include "ingest/intake.h"
#include "parsers/rule_set.h"
#include "store/database.h"

namespace c360::daemon {

// A value with a name for a part that other threads look at while the main thread replaces it.
template <typename T>
class Shared {
 public:
  std::shared_ptr<T> get() const {
    const std::scoped_lock lock{mutex_};
    return value_;
  }
  void set(std::shared_ptr<T> value) {
    const std::scoped_lock lock{mutex_};
    value_.swap(value);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<T> value_;
};

struct Parts {
  Parts(Config first, std::shared_ptr<const parsers::RuleSet> first_rules);
  ~Parts();
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  // Ground.
  Log log;
  Metrics metrics;
  Observer observer;
  SystemClock clock;
  Heartbeats heartbeats;
  ReloadRequests reload_requests;

  // What is in force. Written by the main thread.
  Snapshot<Config> config;
  Snapshot<parsers::RuleSet> rules;
  std::atomic<std::int64_t> generation{1};

  // What runs.
  store::Database database;
  std::unique_ptr<api::Router> admin_router;
  Listener admin;
  Gate gate;  // in front of the API
  Listener api;
  Shared<Business> business;         // null until the database has passed its check
  Shared<OutsideServices> services;  // null until then too
  std::unique_ptr<Scheduler> scheduler;
  std::shared_ptr<OutsideServices> job_services;  // those the jobs began with
  std::unique_ptr<JobWorkers> jobs;
  std::unique_ptr<WebhookSender> webhooks;
  std::shared_ptr<OutsideServices> message_services;  // those the messages go out by
  std::unique_ptr<MessageSender> messages;
  std::unique_ptr<RendererCheck> renderer_check;

  // Why the daemon is not serving yet; empty once it is.
  Snapshot<std::string> waiting_for;

  // By the configuration in force; null while they are being replaced.
  std::shared_ptr<store::Records> records_in_use() const;
  Ground ground() { return {database, clock, observer}; }
  // Records and intake by the configuration in force, its mailboxes running.
  Result<void> start_business();
  // By the configuration in force; the API and the jobs take them when they are made.
  void start_services();
  // The routes over them; opens the gate.
  void open_api();
  void start_scheduler();
  // Anew, by the configuration in force; waits for the jobs under way, which give up.
  Result<void> start_jobs();
  // Logs what the renderer of documents lacks on this machine.
  void check_renderer();
  // Anew, by the configuration in force; calls under way are broken off. First seals what is not
  // under the key in force.
  void start_webhooks();
  // The same of messages to people outside.
  Result<void> start_messages();
  Readiness readiness();
  // Hex SHA-256 over configuration and rules.
  static std::string hash_of(const Config& config, const parsers::RuleSet& rules);
  // The four metrics, after a configuration was taken or refused.
  void report_config(ReloadResult result);
  void seal_secrets();
  // Those of the database that is left; the next one has its own.
  void forget_keys() { cursor_secret = thread_secret = unsubscribe_secret = {}; }
  const std::string holder;   // of leases: this process run
  Secret cursor_secret;       // read from the database once
  Secret thread_secret;       // read from the database once
  Secret unsubscribe_secret;  // read from the database once
};

}  // namespace c360::daemon

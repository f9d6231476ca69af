#include "ingest/intake.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "daemon/base/json.h"
#include "daemon/base/retry.h"
#include "ingest/inbox.h"
#include "ingest/lease_keeper.h"
#include "ingest/mailbox_factory.h"
#include "ingest/poller.h"
#include "ingest/worker_pool.h"
#include "store/directory_codes.h"
#include "store/mail_log.h"

namespace c360::ingest {

namespace {

constexpr std::string_view kLoop = "intake";
constexpr std::string_view kLeaseLoop = "leases";
constexpr std::chrono::seconds kBeatInterval{5};
// How soon a mailbox is taken over that another daemon gave back, or a comparison begins.
constexpr std::chrono::seconds kCallInterval{1};
constexpr std::chrono::milliseconds kRulesPatience{500};  // a reload has a second

store::MailboxRow row_of(const MailboxSettings& settings) {
  return {.code = settings.code,
          .kind = std::string(to_string(settings.kind)),
          .uri_masked = settings.uri_masked,
          .host = settings.imap.host,
          .tls = settings.imap.tls == imap::TlsMode::imaps      ? "imaps"
                 : settings.imap.tls == imap::TlsMode::starttls ? "starttls"
                                                                : "none",
          .username = settings.imap.username,
          .secret_ref = settings.secret_ref,
          .folder = settings.folders.empty() ? "INBOX" : settings.folders.front(),
          .target = std::string(to_string(settings.target)),
          .port = settings.imap.port,
          .delete_after = settings.delete_after,
          .unseen_only = settings.unseen_only,
          .poll_ms = std::max<std::int64_t>(settings.delay.count(), 1'000),
          .enabled = true,
          .rules = settings.rules,
          .responsible = settings.responsible};
}

std::vector<store::MailLog::RuleRow> rule_rows(const parsers::RuleSet& rules) {
  std::vector<store::MailLog::RuleRow> rows;
  for (const parsers::RuleSummary& rule : rules.rules())
    rows.push_back({.rules = rule.rules,
                    .mailbox_kind = rule.mailbox_kind,
                    .name = rule.name,
                    .action = rule.action,
                    .priority = rule.priority});
  return rows;
}

}  // namespace

// What configure() asked for is brought about by one thread, because the database may be away: it
// registers mailboxes and rule sets and starts pollers as soon as it can.
struct Intake::State {
  store::Database& database;
  IntakeOptions options;
  const Observer& observer;
  const Clock& clock;
  Inboxes inboxes;
  LeaseKeeper leases;
  WorkerPool workers;
  store::MailLog log;

  mutable std::mutex mutex;  // guards the rest
  std::condition_variable_any changed;
  std::vector<MailboxSettings> wanted;
  std::shared_ptr<const parsers::RuleSet> wanted_rules;
  bool dirty = true;
  bool rules_dirty = true;
  std::string reason = "not configured yet";
  std::map<std::string, std::unique_ptr<Poller>> pollers;
  std::map<std::string, Instant> comparisons_seen;  // of that thread alone: when each was asked for
  std::jthread thread;                              // last: ends before what it uses

  State(store::Database& db, const store::Registry& registry, store::Records& records,
        std::shared_ptr<const parsers::RuleSet> rules, IntakeOptions given, const Observer& observe,
        const Clock& time)
      : database(db),
        options(std::move(given)),
        observer(observe),
        clock(time),
        inboxes(registry, records, RulesInUse{rules, 0},
                {.spool_folder = options.spool_folder,
                 .spool_bytes = options.spool_bytes,
                 .phone_region = options.default_phone_region,
                 .attachment_bytes = options.attachment_bytes,
                 .scanner = options.scanner,
                 .thread_key = options.thread_key,
                 .directories = std::make_shared<store::DirectoryReader>(db, registry)}),
        leases(database, options.holder, observer, [this] { options.beat(kLeaseLoop); }),
        workers(options.prepare_threads),
        log(database),
        wanted_rules(std::move(rules)),
        thread([this](const std::stop_token& stop) { run(stop); }) {}

  void run(const std::stop_token& stop);
  Result<void> reconcile();
  Result<void> register_rules();
  void answer_calls();
};

void Intake::State::run(const std::stop_token& stop) {
  Backoff backoff{{.first = std::chrono::seconds{1}, .limit = std::chrono::seconds{5}}};
  while (!stop.stop_requested()) {
    options.beat(kLoop);
    std::chrono::milliseconds pause = kCallInterval;
    bool work = false;
    bool failed = false;
    {
      const std::scoped_lock lock{mutex};
      work = dirty || rules_dirty;
    }
    if (work) {
      Result<void> done = register_rules();
      if (done) done = reconcile();
      if (done) {
        backoff.reset();
      } else {
        pause = std::min<std::chrono::milliseconds>(backoff.next(), kBeatInterval);
      }
      const std::scoped_lock lock{mutex};
      failed = !done;
      reason = done ? "" : done.error().detail;
    }
    if (!failed) answer_calls();
    std::unique_lock lock{mutex};
    changed.wait_for(lock, stop, pause, [&] { return !failed && (dirty || rules_dirty); });
  }
  options.retire(kLoop);
}

// Daemons have only the database in common. A comparison is asked for there: each demand ends one
// wait, and a pass that finds it unmet compares, whoever began it. And a mailbox that nobody holds
// is taken over now, not when its next pass is due.
void Intake::State::answer_calls() {
  const auto calls = log.calls();
  if (!calls) return;  // told by the layer that found the database away
  const std::scoped_lock lock{mutex};
  for (const auto& [code, asked_at] : calls->comparisons) {
    const auto poller = pollers.find(code);
    if (poller == pollers.end()) continue;
    if (std::exchange(comparisons_seen[code], asked_at) != asked_at) poller->second->poll_now();
  }
  for (const auto& [code, folder] : calls->free) {
    const auto poller = pollers.find(code);
    if (poller == pollers.end() || !poller->second->awaits_lease()) continue;
    const auto& folders = poller->second->settings().folders;
    if (std::ranges::find(folders, folder) != folders.end()) poller->second->poll_now();
  }
}

Result<void> Intake::State::register_rules() {
  std::shared_ptr<const parsers::RuleSet> rules;
  {
    const std::scoped_lock lock{mutex};
    if (!rules_dirty) return {};
    rules = wanted_rules;
  }
  auto version = log.register_rule_set(rules->sha256(), rules->files_json(), rule_rows(*rules));
  if (!version) return std::unexpected(version.error());
  inboxes.use_rules({rules, *version});
  const std::scoped_lock lock{mutex};
  rules_dirty = wanted_rules != rules;
  changed.notify_all();
  return {};
}

// Stops what is gone or changed, then starts what is new. Unchanged ones are not touched.
Result<void> Intake::State::reconcile() {
  std::vector<MailboxSettings> target;
  std::vector<std::unique_ptr<Poller>> stopping;
  {
    const std::scoped_lock lock{mutex};
    if (!dirty) return {};
    target = wanted;
    for (auto poller = pollers.begin(); poller != pollers.end();) {
      const auto same = std::ranges::find(target, poller->first, &MailboxSettings::code);
      if (same != target.end() && *same == poller->second->settings()) {
        ++poller;
        continue;
      }
      poller->second->request_stop();
      stopping.push_back(std::move(poller->second));
      poller = pollers.erase(poller);
    }
  }
  for (const auto& poller : stopping) poller->join();

  std::vector<store::MailboxRow> rows;
  for (const MailboxSettings& settings : target) rows.push_back(row_of(settings));
  auto ids = log.sync_mailboxes(rows);
  if (!ids) return std::unexpected(ids.error());

  const std::scoped_lock lock{mutex};
  for (const auto& [code, id] : *ids) {
    if (pollers.contains(code)) continue;
    const auto settings = std::ranges::find(target, code, &MailboxSettings::code);
    auto poller = std::make_unique<Poller>(
        id, *settings, make_mailbox_factory(*settings, options.holder, database, observer, clock),
        PollerPorts{database, inboxes, leases, workers, options, observer, clock});
    poller->start();
    pollers.emplace(code, std::move(poller));
  }
  dirty = wanted != target;
  return {};
}

Intake::Intake(store::Database& database, const store::Registry& registry, store::Records& records,
               std::shared_ptr<const parsers::RuleSet> rules, IntakeOptions options,
               const Observer& observer, const Clock& clock)
    : state_(std::make_unique<State>(database, registry, records, std::move(rules),
                                     std::move(options), observer, clock)) {}

Intake::~Intake() {
  if (state_) stop();
}

void Intake::configure(std::vector<MailboxSettings> mailboxes) {
  {
    const std::scoped_lock lock{state_->mutex};
    state_->wanted = std::move(mailboxes);
    state_->dirty = true;
  }
  state_->changed.notify_all();
}

void Intake::use_rules(std::shared_ptr<const parsers::RuleSet> rules) {
  {
    const std::scoped_lock lock{state_->mutex};
    state_->wanted_rules = std::move(rules);
    state_->rules_dirty = true;
  }
  state_->changed.notify_all();
  std::unique_lock lock{state_->mutex};
  state_->changed.wait_for(lock, kRulesPatience, [&] { return !state_->rules_dirty; });
}

std::vector<MailboxStatus> Intake::status() const {
  const std::scoped_lock lock{state_->mutex};
  std::vector<MailboxStatus> all;
  for (const MailboxSettings& settings : state_->wanted) {
    const auto poller = state_->pollers.find(settings.code);
    if (poller != state_->pollers.end()) {
      all.push_back(poller->second->status());
    } else {
      all.push_back({.code = settings.code,
                     .kind = settings.kind,
                     .reason = state_->reason.empty() ? "starting" : state_->reason});
    }
  }
  return all;
}

const Inboxes& Intake::inboxes() const { return state_->inboxes; }

std::optional<MailboxSettings> Intake::settings(std::string_view code) const {
  const std::scoped_lock lock{state_->mutex};
  const auto found = std::ranges::find(state_->wanted, code, &MailboxSettings::code);
  if (found == state_->wanted.end()) return std::nullopt;
  return *found;
}

void Intake::poll_now(std::string_view code) {
  const std::scoped_lock lock{state_->mutex};
  for (const auto& [name, poller] : state_->pollers)
    if (code.empty() || name == code) poller->poll_now();
}

void Intake::stop() {
  state_->thread.request_stop();
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  std::map<std::string, std::unique_ptr<Poller>> pollers;
  {
    const std::scoped_lock lock{state_->mutex};
    pollers.swap(state_->pollers);
  }
  // All are told before any is waited for. What they still do is bounded by the database's
  // statement timeout, which the App's shut-down of the pools cuts short.
  for (const auto& [code, poller] : pollers) poller->request_stop();
  for (const auto& [code, poller] : pollers) poller->join();
}

}  // namespace c360::ingest

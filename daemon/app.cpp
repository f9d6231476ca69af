#include "daemon/app.h"

#include <malloc.h>
#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdlib>
#include <thread>

#include "daemon/base/text.h"
#include "daemon/database_check.h"
#include "daemon/rules.h"

namespace c360::daemon {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kLongestWait{1'000};
constexpr seconds kStartExtension{30};
// Some migrations write a large table anew; ended in the middle they would begin again for ever.
constexpr seconds kMigrationExtension{6 * 3'600};
constexpr std::string_view kSupervisor = "supervisor";

// Keeps the promise of a bounded stop: past `soft` the database's statements are cancelled, past
// `hard` the process ends whatever still runs. Nothing is lost by that: the ledger is written first
// and the flag last (design.md 4).
class StopGuard {
 public:
  StopGuard(store::Database& database, const Observer& observer, milliseconds soft,
            milliseconds hard)
      : thread_([this, &database, &observer, soft, hard](const std::stop_token& stop) {
          std::unique_lock lock{mutex_};
          const auto begun = steady_clock::now();
          changed_.wait_until(lock, stop, begun + soft, [] { return false; });
          if (stop.stop_requested()) return;
          database.shut_down();
          changed_.wait_until(lock, stop, begun + hard, [] { return false; });
          if (stop.stop_requested()) return;
          observer.observe(event::part_failed,
                           {{"part", "stop"}, {"detail", "past its limit; ending the process"}});
          std::_Exit(static_cast<int>(ExitCode::failure));
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace

App::App(const std::string& config_file, Config config,
         std::shared_ptr<const parsers::RuleSet> rules)
    : parts_(std::move(config), std::move(rules)),
      reloader_(parts_, config_file),
      database_backoff_({.first = milliseconds{250}, .limit = milliseconds{5'000}}) {}

App::~App() = default;

ExitCode App::run() {
  const Observer& observer = parts_.observer;
  observer.observe(event::daemon_started, {{"version", kVersion}, {"pid", getpid()}});
  parts_.metrics.gauge(Metric::build_info, {kVersion}).set(1);
  for (const FileProblem& warning : parts_.config.get()->warnings)
    observer.observe(event::config_warning, {{"warning", warning.to_string()}});
  for (const auto result : {ReloadResult::applied, ReloadResult::unchanged, ReloadResult::refused})
    parts_.metrics.counter(Metric::config_reloads_total, {to_string(result)}).add(0);
  parts_.report_config(ReloadResult::applied);
  watch_files();
  if (auto opened = open_listeners(); !opened) {
    observer.observe(event::part_failed, {{"part", "listener"}, {"detail", opened.error().detail}});
    return stop(ExitCode::failure);
  }
  while (turn()) {
  }
  return stop(ending_.value_or(ExitCode::ok));
}

Result<void> App::open_listeners() {
  const auto config = parts_.config.get();
  for (auto [listener, options] :
       {std::pair(&parts_.admin, &config->admin), std::pair(&parts_.api, &config->api)}) {
    auto server = listener->prepare(*options);
    if (!server) return std::unexpected(server.error());
    listener->adopt(std::move(*server), *options, {});
  }
  return {};
}

bool App::turn() {
  parts_.heartbeats.beat(kSupervisor);
  std::array<pollfd, 3> events = {pollfd{signals_.descriptor(), POLLIN, 0},
                                  pollfd{files_.descriptor(), POLLIN, 0},
                                  pollfd{parts_.reload_requests.descriptor(), POLLIN, 0}};
  poll(events.data(), events.size(), static_cast<int>(until_next_deadline().count()));

  bool stop = false;
  read_signals(stop);
  if (stop) return false;
  if (files_.drain()) note_change();
  if (parts_.reload_requests.pending()) reload("request");
  if (reload_due_ && steady_clock::now() >= *reload_due_) reload("file");
  if (next_database_try_ && steady_clock::now() >= *next_database_try_) ending_ = try_to_serve();
  feed_watchdog();
  return !ending_;
}

// Editors and deployments write several files: the change is read when it has settled, and at the
// latest after ten delays, so that a file that never rests cannot put it off for ever.
void App::note_change() {
  constexpr int kMostDelays = 10;
  const auto delay = parts_.config.get()->service.reload_delay;
  const auto now = steady_clock::now();
  if (!reload_due_) change_seen_ = now;
  reload_due_ = std::min(now + delay, change_seen_ + kMostDelays * delay);
}

void App::read_signals(bool& stop) {
  bool asked = false;
  while (const auto signal = signals_.next()) {
    stop = stop || *signal == Signal::stop;
    asked = asked || *signal == Signal::reload;
  }
  if (asked && !stop) reload("signal");
}

void App::reload(std::string_view trigger) {
  service_.reloading();
  reload_due_.reset();
  const ReloadAnswer answer = reloader_.reload(trigger);
  watch_files();
  const std::string status =
      answer.result == ReloadResult::refused
          ? fmt::format("Serving generation {}; the last configuration was refused: {}",
                        answer.generation, answer.problems.front().to_string())
          : fmt::format("Serving generation {}", answer.generation);
  // Another database was taken and then went away: begin again with it.
  if (serving_ && !parts_.business.get()) serving_ = false;
  // RELOADING=1 must be answered by READY=1, whatever came of it; before the first READY=1 it
  // would be a lie.
  if (serving_) {
    service_.ready(status);
  } else {
    next_database_try_ = steady_clock::now();  // perhaps the address was put right
  }
  parts_.reload_requests.answer(answer);
}

void App::watch_files() {
  const auto config = parts_.config.get();
  files_.watch(config->watched, rule_folders(config->rules_folder));
}

void App::feed_watchdog() {
  const auto interval = service_.watchdog_interval();
  const auto now = steady_clock::now();
  const auto silent = parts_.heartbeats.silent();
  const std::string names = join(silent, ",");
  if (names != reported_silence_) {
    if (!names.empty()) parts_.observer.observe(event::loop_stalled, {{"loops", names}});
    reported_silence_ = names;
  }
  if (!interval || now < next_watchdog_) return;
  next_watchdog_ = now + *interval;
  if (silent.empty()) service_.feed_watchdog();
}

milliseconds App::until_next_deadline() const {
  const auto now = steady_clock::now();
  auto wait = kLongestWait;
  const auto shorten = [&](Time due) {
    const auto left = std::chrono::ceil<milliseconds>(due - now);
    wait = std::clamp(left, milliseconds{0}, wait);
  };
  if (next_database_try_) shorten(*next_database_try_);
  if (reload_due_) shorten(*reload_due_);
  if (service_.watchdog_interval()) shorten(next_watchdog_);
  return wait;
}

std::optional<ExitCode> App::try_to_serve() {
  const auto config = parts_.config.get();
  DatabaseReport report = check_database(config->database, parts_.observer);
  if (report.state == DatabaseState::behind && config->database.auto_migrate) {
    service_.status("migrating the database", kMigrationExtension);
    auto applied = migrate_database(config->database, parts_.observer);
    report = applied ? check_database(config->database, parts_.observer)
                     : DatabaseReport{applied.error().temporary() ? DatabaseState::away
                                                                  : DatabaseState::differs,
                                      applied.error().detail,
                                      {}};
  }
  switch (report.state) {
    case DatabaseState::fits:
      return begin_serving();
    case DatabaseState::away:
      wait_for_database(report.detail);
      return std::nullopt;
    case DatabaseState::behind:
    case DatabaseState::differs:
      break;
  }
  parts_.observer.observe(event::part_failed, {{"part", "schema"}, {"detail", report.detail}});
  return ExitCode::schema;
}

void App::wait_for_database(const std::string& why) {
  const std::string text = "waiting for the database: " + why;
  // The same news every few seconds is none.
  const bool known = *parts_.waiting_for.get() == text;
  parts_.observer.observe_at(known ? LogLevel::debug : LogLevel::warn, event::database_unavailable,
                             {{"detail", why}});
  parts_.waiting_for.swap(std::make_shared<const std::string>(text));
  parts_.gate.close(text);
  service_.status(text, kStartExtension);
  next_database_try_ = steady_clock::now() + database_backoff_.next();
}

std::optional<ExitCode> App::begin_serving() {
  if (auto started = parts_.start_business(); !started) {
    wait_for_database(started.error().detail);
    return std::nullopt;
  }
  if (auto started = parts_.start_jobs(); !started) {
    parts_.observer.observe(event::part_failed,
                            {{"part", "jobs"}, {"detail", started.error().detail}});
    return ExitCode::failure;
  }
  if (auto started = parts_.start_messages(); !started) {
    wait_for_database(started.error().detail);
    return std::nullopt;
  }
  next_database_try_.reset();
  parts_.start_webhooks();
  parts_.open_api();
  parts_.start_scheduler();
  parts_.check_renderer();
  ::malloc_trim(0);  // what was needed to get here; no other thread would use it
  parts_.waiting_for.swap(std::make_shared<const std::string>());
  serving_ = true;
  service_.ready(fmt::format("Serving generation {}", parts_.generation.load()));
  parts_.observer.observe(event::daemon_ready,
                          {{"api_port", parts_.api.port()},
                           {"admin_port", parts_.admin.port()},
                           {"mailboxes", parts_.config.get()->mailboxes.size()}});
  return std::nullopt;
}

ExitCode App::stop(ExitCode code) {
  const auto limit = parts_.config.get()->service.stop_limit;
  const Observer& observer = parts_.observer;
  observer.observe(event::daemon_stopping, {{"limit_ms", limit.count()}});
  service_.stopping();
  parts_.waiting_for.swap(std::make_shared<const std::string>("stopping"));
  parts_.reload_requests.close();
  parts_.renderer_check.reset();
  {
    const StopGuard guard{parts_.database, observer, limit * 9 / 10, limit + seconds{2}};
    // Requests, mail and jobs end side by side: each has the whole time.
    std::jthread mail([&] {
      if (const auto running = parts_.business.get()) running->intake().stop();
    });
    std::jthread jobs([&] {
      if (parts_.jobs) parts_.jobs->stop();
    });
    std::jthread webhooks([&] {
      if (parts_.webhooks) parts_.webhooks->stop();
    });
    std::jthread messages([&] {
      if (parts_.messages) parts_.messages->stop();
    });
    if (parts_.scheduler) parts_.scheduler->stop();
    parts_.api.stop(limit * 8 / 10);
    mail.join();
    jobs.join();
    webhooks.join();
    messages.join();
    parts_.admin.stop(limit / 10);
    parts_.database.shut_down();
  }
  observer.observe(event::daemon_stopped, {{"exit_code", static_cast<int>(code)}});
  return code;
}

}  // namespace c360::daemon

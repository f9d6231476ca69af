#include "daemon/parts.h"

#include <algorithm>
#include <iterator>

#include "adapters/curl_http_client.h"
#include "daemon/api_parts.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "daemon/cli.h"
#include "daemon/jobs/expiry.h"
#include "daemon/jobs/housekeeping.h"
#include "daemon/jobs/notices.h"
#include "daemon/jobs/print_pages.h"
#include "daemon/jobs/purge.h"
#include "daemon/jobs/service_jobs.h"
#include "daemon/jobs/stale_customers.h"
#include "daemon/jobs/support_sla.h"
#include "daemon/secret_sealing.h"
#include "daemon/service_tasks.h"
#include "daemon/tasks.h"
#include "store/installation_keys.h"
#include "store/lease.h"

namespace c360::daemon {

namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds kReloadAnswerLimit{60'000};

double first_48_bits(const std::string& hex) {
  constexpr std::size_t kDigits = 12;
  return static_cast<double>(std::stoull(hex.substr(0, kDigits), nullptr, 16));
}

}  // namespace

Parts::Parts(Config first, std::shared_ptr<const parsers::RuleSet> first_rules)
    : log(first.log.target, first.log.level),
      observer(log, metrics),
      heartbeats(clock, first.service.loop_limit),
      config(std::make_shared<const Config>(std::move(first))),
      rules(std::move(first_rules)),
      database(config.get()->database.options, observer),
      admin_router(std::make_unique<api::Router>(
          admin_routes({.metrics = [this] { return metrics.serialize(); },
                        .readiness = [this] { return readiness(); },
                        .reload = [this] { return reload_requests.ask(kReloadAnswerLimit); },
                        .config_json = [this] { return config_json(*config.get()); }}),
          nullptr, observer)),
      admin(*admin_router, observer),
      gate("the service is starting"),
      api(gate, observer),
      waiting_for(std::make_shared<const std::string>("starting")),
      holder(store::lease_holder()) {}

Parts::~Parts() = default;

Result<void> Parts::start_business() {
  if (cursor_secret.empty()) {
    auto key = cursor_key(database);
    if (!key) return std::unexpected(key.error());
    cursor_secret = std::move(*key);
  }
  const SealRing seals = seals_of(*config.get()).installation;
  if (thread_secret.empty()) {
    auto key = store::installation_key(database, store::kThreadKey, seals);
    if (!key) return std::unexpected(key.error());
    thread_secret = std::move(*key);
  }
  if (unsubscribe_secret.empty()) {
    auto key = store::installation_key(database, store::kUnsubscribeKey, seals);
    if (!key) return std::unexpected(key.error());
    unsubscribe_secret = std::move(*key);
  }
  const auto in_force = config.get();
  ingest::IntakeOptions options = in_force->intake;
  options.holder = holder;
  options.thread_key = thread_secret;
  options.scanner = scanner_of(*in_force);
  // A mailbox has a limit of its own; the other loops of the intake have the common one.
  options.beat = [this, limit = options.pass_limit](std::string_view loop) {
    if (loop.starts_with("mailbox.")) {
      heartbeats.expect(loop, limit);
    } else {
      heartbeats.beat(loop);
    }
  };
  options.retire = [this](std::string_view loop) { heartbeats.retire(loop); };
  auto made = std::make_shared<Business>(ground(), *in_force, cursor_secret, rules.get(),
                                         std::move(options));
  made->intake().configure(in_force->mailboxes);
  business.set(std::move(made));
  start_services();
  return {};
}

// Where the database does not hear of it, it goes by what it was told last.
void Parts::start_services() {
  auto made = std::make_shared<OutsideServices>(database, clock, observer, *config.get());
  if (auto told = made->announce(); !told)
    observer.observe(event::part_failed, {{"part", "services"}, {"detail", told.error().detail}});
  services.set(std::move(made));
}

void Parts::open_api() {
  auto made = std::make_shared<ApiParts>(ground(), *config.get(), business.get(), services.get());
  gate.open(std::shared_ptr<api::Handler>(made, &made->handler()));
}

void Parts::start_scheduler() {
  if (scheduler) scheduler->stop();
  SchedulerOptions options;
  options.beat = [this](std::string_view loop) { heartbeats.beat(loop); };
  auto tasks = periodic_tasks(database, observer);
  tasks.push_back(service_gauges(database, clock, metrics));
  tasks.push_back(sealing(database, [this] { return config.get(); }, observer));
  scheduler = std::make_unique<Scheduler>(std::move(tasks), std::move(options), observer);
  scheduler->start();
}

Result<void> Parts::start_jobs() {
  const auto in_force = config.get();
  auto zone = TimeZone::named(in_force->timezone);
  if (!zone) return std::unexpected(zone.error());
  if (jobs) jobs->stop();
  JobWorkersOptions options{.holder = holder,
                            .threads = in_force->job_threads,
                            .zone = *zone,
                            .database = in_force->database.options};
  options.service_retry = JobRetry::of_services(in_force->service_retry);
  options.beat = [this](std::string_view loop) { heartbeats.beat(loop); };
  job_services = services.get();
  options.interrupt = [calls = job_services] { calls->interrupt_jobs(); };
  const auto records = [this] { return records_in_use(); };
  JobHandlers handlers;
  add_housekeeping_jobs(handlers, database, in_force->retention);
  add_purge_job(handlers, database, in_force->retention);
  add_expiry_jobs(handlers, database, records);
  add_notice_jobs(handlers, database);
  add_stale_customers_job(handlers, database, in_force->stale_days);
  add_support_jobs(handlers, database, records);
  add_service_jobs(handlers, {.database = database,
                              .clock = clock,
                              .services = *job_services,
                              .records = records,
                              .zone = *zone,
                              .probe_interval = in_force->probe_interval});
  add_print_jobs(handlers, database, renderer_of(*in_force));
  jobs = std::make_unique<JobWorkers>(database, std::move(handlers), std::move(options), observer);
  jobs->start();
  return {};
}

std::shared_ptr<store::Records> Parts::records_in_use() const {
  const auto running = business.get();
  return running ? std::shared_ptr<store::Records>(running, &running->records()) : nullptr;
}

// Not done is no reason to stop: what is sealed by another key is told of where it is wanted, and
// the scheduler tries again.
void Parts::seal_secrets() {
  const auto tell = [&](LogLevel level, const std::string& what) {
    observer.observe_at(level, event::part_failed, {{"part", "sealed_secrets"}, {"detail", what}});
  };
  const auto in_force = config.get();
  const auto counts = daemon::seal_secrets(database, *in_force, observer);
  if (!counts) {
    tell(LogLevel::error, counts.error().detail);
  } else if (counts->unsealed > 0) {
    tell(LogLevel::warn, std::to_string(counts->unsealed) +
                             " secrets lie unsealed in the database: set webhooks.key_file");
  }
}

void Parts::start_webhooks() {
  if (webhooks) webhooks->stop();
  seal_secrets();
  WebhookSenderOptions options{.config = config.get()->webhooks,
                               .holder = holder,
                               .records = [this] { return records_in_use(); }};
  options.connect = [] {
    return std::make_unique<adapters::CurlHttpClient>(std::string(kUserAgent));
  };
  options.beat = [this](std::string_view loop) { heartbeats.beat(loop); };
  options.retire = [this](std::string_view loop) { heartbeats.retire(loop); };
  webhooks = std::make_unique<WebhookSender>(database, std::move(options), clock, observer);
  webhooks->start();
}

Result<void> Parts::start_messages() {
  const auto in_force = config.get();
  auto zone = TimeZone::named(in_force->timezone);
  if (!zone) return std::unexpected(zone.error());
  messages.reset();
  message_services = services.get();
  auto channels = make_message_channels(*in_force, *message_services);
  MessageSenderOptions options{.each = {.zone = *zone,
                                        .thread_key = thread_secret,
                                        .unsubscribe_key = unsubscribe_secret,
                                        .public_url = in_force->messages.public_url},
                               .database = in_force->database.options};
  options.expect = [this](std::string_view loop, std::chrono::milliseconds limit) {
    heartbeats.expect(loop, std::chrono::ceil<seconds>(limit));
  };
  options.retire = [this](std::string_view loop) { heartbeats.retire(loop); };
  messages = std::make_unique<MessageSender>(database, std::move(channels), std::move(options),
                                             clock, observer);
  messages->start();
  return {};
}

void Parts::check_renderer() {
  renderer_check = std::make_unique<RendererCheck>(config.get()->renderer, observer);
}

Readiness Parts::readiness() {
  Readiness result;
  const auto waiting = waiting_for.get();
  const bool serving = waiting->empty();
  const bool reachable = serving && database.healthy();
  result.parts.push_back({"database", reachable,
                          reachable  ? ""
                          : !serving ? *waiting
                                     : "the database cannot be reached; the log says why"});
  result.parts.push_back(
      {"api", serving && api.port() != 0, serving ? "" : "opens when the database is ready"});
  result.parts.push_back({"rules", rules.get() != nullptr, ""});
  const auto silent = heartbeats.silent();
  result.parts.push_back({"loops", silent.empty(),
                          silent.empty() ? "" : "silent for too long: " + join(silent, ", ")});
  if (reachable) {
    if (auto states = adapters::service_states(database, clock.now()))
      std::ranges::copy_if(*states, std::back_inserter(result.hindered),
                           &adapters::ServiceStatus::is_hindered);
  }
  if (const auto running = business.get()) result.mailboxes = running->intake().status();
  return result;
}

std::string Parts::hash_of(const Config& config, const parsers::RuleSet& rules) {
  return to_hex(sha256(config.hash + to_hex(rules.sha256())));
}

void Parts::report_config(ReloadResult result) {
  const bool taken = result != ReloadResult::refused;
  metrics.gauge(Metric::config_last_reload_successful).set(taken ? 1 : 0);
  metrics.counter(Metric::config_reloads_total, {to_string(result)}).add();
  if (!taken) return;
  const auto now = std::chrono::duration<double>(clock.now().time_since_epoch());
  metrics.gauge(Metric::config_last_reload_success_timestamp_seconds).set(now.count());
  metrics.gauge(Metric::config_hash).set(first_48_bits(hash_of(*config.get(), *rules.get())));
  metrics.gauge(Metric::config_generation).set(static_cast<double>(generation.load()));
}

}  // namespace c360::daemon

#include "daemon/webhook_sender.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "store/sealed_secrets.h"

namespace c360::daemon {

namespace {

using adapters::Reception;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kDueAtOnce = 100;
// A receiver may ask for more patience than we have by ourselves, within reason.
constexpr milliseconds kLongestRetryAfter{3'600'000};
constexpr milliseconds kAfterTrouble{1'000};  // of the database
constexpr milliseconds kAfterFault{60'000};   // that does not pass: a cursor of another database
constexpr int kMostDoublings = 20;
constexpr std::string_view kHindered = "webhook_hindered";  // told when it began

std::string loop_of(std::size_t worker) { return "webhooks." + std::to_string(worker); }

// A delivery is work like that of a job, and its gauges are those of jobs.
std::string kind_of(std::int64_t webhook) { return "webhook." + std::to_string(webhook); }

std::string message_id(const store::WebhookClaim& claim, const store::DueDelivery& due) {
  return "wh" + std::to_string(claim.id) + "-" + std::to_string(due.event_id);
}

}  // namespace

WebhookSender::WebhookSender(store::Database& database, WebhookSenderOptions options,
                             const Clock& clock, const Observer& observer)
    : database_(database),
      options_(std::move(options)),
      seals_(store::secret_seals(options_.config.key, options_.config.former_key).webhook),
      clock_(clock),
      observer_(observer) {
  for (std::size_t i = 0; i < options_.config.threads; ++i) clients_.push_back(options_.connect());
}

WebhookSender::~WebhookSender() { stop(); }

void WebhookSender::start() {
  for (std::size_t i = 0; i < clients_.size(); ++i)
    threads_.emplace_back([this, i](const std::stop_token& stop) { work(stop, i); });
}

void WebhookSender::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  for (const auto& client : clients_) client->cancel();
  threads_.clear();
  for (std::size_t i = 0; i < clients_.size(); ++i) options_.retire(loop_of(i));
}

void WebhookSender::tell(const Error& error, std::string_view what) const {
  // A database that is away is told of once, by the layer that found it.
  const bool away = error.code == ErrorCode::unavailable;
  observer_.observe_at(away ? LogLevel::debug : LogLevel::error, event::task_failed,
                       {{"task", what}, {"code", to_string(error.code)}, {"detail", error.detail}});
}

void WebhookSender::work(const std::stop_token& stop, std::size_t worker) {
  auto shown = steady_clock::now() - options_.gauge_interval;
  const std::string loop = loop_of(worker);
  while (!stop.stop_requested()) {
    options_.beat(loop);
    if (worker == 0 && steady_clock::now() - shown >= options_.gauge_interval) {
      show_gauges();
      tell_unread();
      shown = steady_clock::now();
    }
    if (take_turn(stop, worker)) continue;
    std::unique_lock lock{mutex_};
    ending_.wait_for(lock, stop, options_.poll, [] { return false; });
  }
}

bool WebhookSender::take_turn(const std::stop_token& stop, std::size_t worker) {
  const milliseconds lease = options_.config.limits.timeout + options_.lease_margin;
  auto claim = store::claim_webhook(database_, options_.holder, lease, seals_);
  if (!claim) {
    tell(claim.error(), "webhook_claim");
    return false;
  }
  if (!*claim) return false;
  milliseconds wait = options_.poll;
  auto served = [&]() -> Result<void> {
    try {
      return serve(stop, worker, **claim, wait);
    } catch (const std::exception& error) {
      return fail(ErrorCode::internal, error.what());
    }
  }();
  if (!served) {
    const std::string& reason = served.error().reason;
    if (reason != "lease_lost" && reason != kHindered) tell(served.error(), "webhook_deliver");
    wait = std::max(wait, served.error().temporary() ? kAfterTrouble : kAfterFault);
  }
  if (auto released = store::release_webhook(database_, **claim, wait); !released)
    tell(released.error(), "webhook_release");
  return true;
}

// Until nothing is due, the turn is over, or the receiver is not well. `wait`: until it is looked
// at again.
Result<void> WebhookSender::serve(const std::stop_token& stop, std::size_t worker,
                                  store::WebhookClaim& claim, milliseconds& wait) {
  if (auto fine = check_hindrance(claim); !fine) return fine;
  const std::string loop = loop_of(worker);
  const auto end = steady_clock::now() + options_.turn;
  for (;;) {
    // A stretch of the feed may hold nothing to send, and a replay many such.
    options_.beat(loop);
    if (stop.stop_requested() || steady_clock::now() >= end) {
      wait = milliseconds{0};
      return {};
    }
    auto more = fill(claim);
    if (!more) return std::unexpected(more.error());
    auto due = store::due_deliveries(database_, claim, kDueAtOnce);
    if (!due) return std::unexpected(due.error());
    if (due->empty() && !*more) return {};
    std::set<std::string, std::less<>> held;  // whose earlier event has just failed
    for (const store::DueDelivery& each : *due) {
      options_.beat(loop);
      if (stop.stop_requested() || steady_clock::now() >= end) {
        wait = milliseconds{0};
        return {};
      }
      if (held.contains(each.subject)) continue;
      auto went = deliver(*clients_[worker], claim, each, wait);
      if (!went) return std::unexpected(went.error());
      if (*went == Went::end) return {};
      if (*went == Went::back_off) held.insert(each.subject);
    }
    if (!*more && due->size() < kDueAtOnce) return {};
  }
}

std::string WebhookSender::unread() const {
  return std::string("the secret is sealed under ") +
         (seals_.newest() == nullptr ? "a key, and webhooks.key_file names none"
                                     : "another key than those of webhooks.key_file and "
                                       "webhooks.former_key_file") +
         "; set the key it was sealed with, or rotate the secret";
}

void WebhookSender::tell_unread() const {
  auto found = store::note_unread(database_, seals_, unread(), options_.unread_patience);
  if (!found) return tell(found.error(), "webhook_keys");
  for (const std::int64_t id : *found)
    tell({.code = ErrorCode::conflict,
          .detail = "webhook " + std::to_string(id) + ": " + unread(),
          .reason = "webhook_key"},
         "webhook_keys");
}

// Why nothing may be sent. What is not signed waits for the key, or for a rotation that makes
// another (of most that is known before they are claimed: note_unread()); what nobody active owns,
// for him or for an administrator who takes it over.
std::string WebhookSender::hindrance_of(const store::WebhookClaim& claim) const {
  const std::string name = "webhook " + std::to_string(claim.id);
  if (!claim.owner) {
    return "the owner of " + name +
           " is not active any more; an administrator takes it over by PATCH with his owner_id";
  }
  if (!claim.keys.empty()) return {};
  return name + ": " + unread();
}

Result<void> WebhookSender::check_hindrance(const store::WebhookClaim& claim) const {
  const std::string why = hindrance_of(claim);
  if (why.empty() && !claim.hindered) return {};
  const auto is_new = store::note_hindrance(database_, claim, why);
  if (!is_new) return std::unexpected(is_new.error());
  if (why.empty()) return {};
  if (*is_new) observer_.observe(event::job_failed, {{"kind", kind_of(claim.id)}, {"detail", why}});
  return fail(ErrorCode::conflict, why, std::string(kHindered));
}

// Moves what happened into the queue: a stretch of the feed, so that the first of a long backlog is
// sent soon. False: no more for now.
Result<bool> WebhookSender::fill(store::WebhookClaim& claim) {
  const auto records = options_.records();
  if (!records) return fail(ErrorCode::unavailable, "the records are being replaced");
  return store::feed_webhook(database_, *records, claim);
}

Result<WebhookSender::Went> WebhookSender::deliver(adapters::HttpClient& http,
                                                   store::WebhookClaim& claim,
                                                   const store::DueDelivery& due,
                                                   milliseconds& wait) {
  const auto begun = steady_clock::now();
  const auto answer = adapters::post_webhook(
      http, {.url = claim.url, .id = message_id(claim, due), .body = due.body, .keys = claim.keys},
      options_.config.limits, clock_.now());
  const auto took = std::chrono::ceil<milliseconds>(steady_clock::now() - begun);
  if (answer.reception == Reception::interrupted) {
    wait = milliseconds{0};
    return Went::end;
  }
  count(claim, answer.reception, took);
  store::DeliveryAttempt attempt{
      .event_id = due.event_id, .http_status = answer.http_status, .took = took};
  if (answer.reception != Reception::accepted)
    return note_failure(claim, due, answer, std::move(attempt), wait);
  const auto unchanged = store::note_delivered(database_, claim, attempt);
  if (!unchanged) return std::unexpected(unchanged.error());
  claim.failures = 0;
  return *unchanged ? Went::on : Went::end;
}

Result<WebhookSender::Went> WebhookSender::note_failure(store::WebhookClaim& claim,
                                                        const store::DueDelivery& due,
                                                        const adapters::WebhookAnswer& answer,
                                                        store::DeliveryAttempt attempt,
                                                        milliseconds& wait) {
  const bool unwell = answer.reception == Reception::unwell;
  attempt.error = answer.detail;
  attempt.of_receiver = unwell;
  attempt.retry_limit = options_.config.retry_limit;
  attempt.delay =
      unwell ? pause(options_.first_pause, options_.longest_pause, claim.failures, answer)
             : pause(options_.first_refusal, options_.longest_refusal, due.attempts, answer);
  auto parked = store::note_failed(database_, claim, attempt);
  if (!parked) return std::unexpected(parked.error());
  tell_failure(claim, due, answer, *parked);
  if (!unwell) return Went::back_off;
  wait = attempt.delay;
  return Went::end;
}

milliseconds WebhookSender::pause(milliseconds first, milliseconds limit, int failures,
                                  const adapters::WebhookAnswer& answer) {
  const double doubled =
      std::ldexp(static_cast<double>(first.count()), std::clamp(failures, 0, kMostDoublings));
  const double base = std::min(doubled, static_cast<double>(limit.count()));
  double share = 0;
  {
    const std::scoped_lock lock{mutex_};
    share = std::uniform_real_distribution<double>{0.5, 1.0}(random_);
  }
  const milliseconds own{static_cast<std::int64_t>(base * share)};
  if (!answer.retry_at) return own;
  const auto asked = std::chrono::ceil<milliseconds>(*answer.retry_at - clock_.now());
  return std::max(own, std::min(asked, kLongestRetryAfter));
}

// One line when it begins: the log of deliveries has the rest.
void WebhookSender::tell_failure(const store::WebhookClaim& claim, const store::DueDelivery& due,
                                 const adapters::WebhookAnswer& answer, std::int64_t parked) const {
  const std::string kind = kind_of(claim.id);
  if (parked > 0) {
    observer_.observe(event::job_failed,
                      {{"kind", kind}, {"parked", parked}, {"detail", answer.detail}});
    observer_.metrics()
        .counter(Metric::job_runs_total, {kind, "dead"})
        .add(static_cast<double>(parked));
  }
  const bool begins = answer.reception == Reception::unwell && claim.failures == 0;
  observer_.observe_at(begins ? LogLevel::warn : LogLevel::debug, event::job_retried,
                       {{"kind", kind},
                        {"event_id", due.event_id},
                        {"reception", adapters::to_string(answer.reception)},
                        {"status", answer.http_status}});
}

void WebhookSender::count(const store::WebhookClaim& claim, Reception reception,
                          milliseconds took) const {
  Metrics& metrics = observer_.metrics();
  const std::string kind = kind_of(claim.id);
  metrics
      .counter(Metric::job_runs_total, {kind, reception == Reception::accepted ? "done" : "retry"})
      .add();
  metrics.histogram(Metric::job_run_seconds, {kind})
      .observe(std::chrono::duration<double>(took).count());
}

void WebhookSender::show_gauges() {
  auto depths = store::webhook_depths(database_);
  if (!depths) {
    tell(depths.error(), "webhook_gauges");
    return;
  }
  Metrics& metrics = observer_.metrics();
  const auto show = [&](const store::WebhookDepth& depth) {
    const std::string kind = kind_of(depth.id);
    metrics.gauge(Metric::jobs, {kind, "queued"}).set(static_cast<double>(depth.queued));
    metrics.gauge(Metric::jobs, {kind, "dead"}).set(static_cast<double>(depth.parked));
    metrics.gauge(Metric::job_oldest_due_age_seconds, {kind})
        .set(std::chrono::duration<double>(depth.oldest).count());
  };
  std::set<std::int64_t> gone = std::exchange(shown_, {});
  for (const store::WebhookDepth& depth : *depths) {
    show(depth);
    shown_.insert(depth.id);
    gone.erase(depth.id);
  }
  // One that was removed stays as a series with 0.
  for (const std::int64_t id : gone) show({.id = id});
}

}  // namespace c360::daemon

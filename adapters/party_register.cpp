#include "adapters/party_register.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>

#include "adapters/held_exchange.h"
#include "adapters/party_id.h"
#include "daemon/base/identifiers.h"

namespace c360::adapters {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kOperation = "findById/party";

// Given back also where the use of it throws: its place would be lost until a restart.
template <typename Worker, typename Use, typename GiveBack>
void use_and_give_back(Worker& worker, const Use& use, const GiveBack& give_back) {
  try {
    use();
  } catch (...) {
    give_back(std::move(worker));
    throw;
  }
  give_back(std::move(worker));
}

}  // namespace

// One connection. Used by one thread at a time; only http->cancel() is called by others.
struct PartyRegister::Worker {
  explicit Worker(CallJournal* next) : journal(std::string(kOperation), next) {}

  std::unique_ptr<HttpClient> http;
  HeldExchange journal;
  std::unique_ptr<Dadata> dadata;
  bool is_waited_for = false;  // by a person; of the call under way
  bool is_ended = false;       // cancelled: of no more use
};

PartyRegister::PartyRegister(PartyRegisterOptions options, std::string holder,
                             PartyRegisterPorts ports)
    : options_(std::move(options)),
      ports_(std::move(ports)),
      cache_(ports_.database, std::move(holder)) {}

PartyRegister::~PartyRegister() = default;

CallResult<FoundParty> PartyRegister::find(PartyQuery query, bool fresh, const RetryPolicy& retry) {
  if (!options_.enabled || options_.dadata.token.empty())
    return no_answer(Outcome::permanent, "off",
                     options_.enabled ? "DaData is off: no API key is set"
                                      : "DaData is switched off in the settings");
  const auto id = parse_party_id(query.id);
  if (!id) return std::unexpected(id.error());
  // Before it becomes part of a key that is kept.
  if (const auto fault = query.kpp.empty() ? IdentifierCheck{} : check_kpp(query.kpp))
    return no_answer(Outcome::permanent, "bad_id", std::string(fault->detail));
  const bool hurries = retry.budget.count() > 0;
  if (hurries) query.deadline = ports_.clock.steady() + retry.budget;
  auto found = find_meant(query, *id, fresh, retry);
  if (hurries && !found && found.error().outcome == Outcome::retryable && !found.error().retry_at)
    found.error().retry_at = ports_.clock.now() + retry.budget;
  return found;
}

// A quarter of all divisions have no KPP at DaData: what is not found by it stays the head office.
CallResult<FoundParty> PartyRegister::find_meant(const PartyQuery& query, const PartyId& id,
                                                 bool fresh, const RetryPolicy& retry) {
  auto found = find_patiently(query, id, fresh, retry);
  if (!found || !query.kpp.empty() || query.typed_kpp.empty() || check_kpp(query.typed_kpp))
    return found;
  const auto& kpp = found->party.requisites.kpp;
  if (!kpp || *kpp == query.typed_kpp) return found;
  PartyQuery division = query;
  division.kpp = query.typed_kpp;
  auto meant = find_patiently(division, id, fresh, retry);
  return !meant && meant.error().outcome == Outcome::not_found ? found : meant;
}

CallResult<FoundParty> PartyRegister::find_patiently(const PartyQuery& query, const PartyId& id,
                                                     bool fresh, const RetryPolicy& retry) {
  Retries retries{retry};
  const auto began = ports_.clock.steady();
  PartyQuery attempt = query;
  for (;; ++attempt.attempt) {
    auto found = find_once(attempt, id, fresh);
    if (found) return found;
    const auto left = left_of(query);
    const auto spent =
        left ? retry.budget - *left
             : std::chrono::duration_cast<milliseconds>(ports_.clock.steady() - began);
    const auto wait = retries.next(found.error(), spent, ports_.clock.now());
    if (!wait || !pause_for(query, *wait)) return found;
  }
}

std::optional<milliseconds> PartyRegister::left_of(const PartyQuery& query) const {
  if (!query.deadline) return std::nullopt;
  return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(*query.deadline -
                                                                            ports_.clock.steady()));
}

CallResult<FoundParty> PartyRegister::find_once(const PartyQuery& query, const PartyId& id,
                                                bool fresh) {
  const CallLimits& limits = options_.dadata.find;
  const CachedQuestion question{
      .key = {.service = "dadata",
              .method = std::string(kOperation),
              .subject =
                  query.kpp.empty() ? id.digits : fmt::format("{}/{}", id.digits, query.kpp)},
      .found_for = options_.found_for,
      .not_found_for = options_.not_found_for,
      // A worker is waited for, a turn, the call, and with a refusal the question for the usage.
      .lease = 3 * limits.whole + 2 * limits.longest_wait,
      .fresh = fresh,
      .is_late = [&] { return left_of(query) == milliseconds{0}; }};
  auto answer = cache_.obtain(
      question, [&] { return buy(query); },
      [&](milliseconds wait) { return pause_for(query, wait); });
  if (!answer) return std::unexpected(std::move(answer.error()));
  const HttpAnswer recorded{.status = answer->exchange.status,
                            .headers = {{"content-type", answer->exchange.content_type}},
                            .body = std::move(answer->exchange.body)};
  const auto document = json_answer(recorded, JsonKind::object);
  if (!document) return std::unexpected(document.error());
  auto party = dadata::read_party(*document, id, query.kpp);
  if (!party) return std::unexpected(std::move(party.error()));
  return FoundParty{
      .party = std::move(*party),
      .obtained_at = answer->obtained_at == Instant{} ? ports_.clock.now() : answer->obtained_at,
      .bought = answer->bought};
}

CallResult<RecordedExchange> PartyRegister::buy(const PartyQuery& query) {
  const milliseconds longest = options_.dadata.find.whole;
  auto worker = borrow(std::min(longest, left_of(query).value_or(longest)),
                       /*is_waited_for=*/query.deadline.has_value());
  if (!worker)
    return no_answer(Outcome::retryable, "busy", "no worker for DaData was free in time");
  std::optional<CallResult<Party>> party;
  std::optional<RecordedExchange> exchange;
  const auto ask = [&] {
    party.emplace(worker->dadata->find_party(query));
    exchange = worker->journal.take();
  };
  use_and_give_back(worker, ask, [this](auto used) { give_back(std::move(used)); });
  if (!*party) return std::unexpected(party->error());
  if (!exchange)
    return no_answer(Outcome::retryable, "not_recorded", "the answer was not recorded");
  // The question carries nothing of value, and the key of the cache says whom it is about.
  exchange->request_body.clear();
  if (!options_.keeps_whole) exchange->body = dadata::needed_of_parties(exchange->body);
  return std::move(*exchange);
}

std::unique_ptr<PartyRegister::Worker> PartyRegister::make_worker() {
  auto worker = std::make_unique<Worker>(ports_.journal);
  worker->http = ports_.connect();
  worker->dadata = std::make_unique<Dadata>(
      options_.dadata, ServicePorts{.http = *worker->http,
                                    .states = ports_.states,
                                    .clock = ports_.clock,
                                    .pause =
                                        [this, one = worker.get()](milliseconds wait) {
                                          return one->is_waited_for ? pause(wait)
                                                                    : pause_in_background(wait);
                                        },
                                    .journal = &worker->journal});
  return worker;
}

std::unique_ptr<PartyRegister::Worker> PartyRegister::borrow(milliseconds longest,
                                                             bool is_waited_for) {
  std::unique_lock lock{mutex_};
  const std::uint64_t before = interruptions_;
  const auto is_ended = [&] { return stopped_ || (!is_waited_for && interruptions_ != before); };
  const auto usable = [&] {
    return is_ended() || !idle_.empty() || busy_.size() < options_.workers;
  };
  if (!changed_.wait_for(lock, longest, usable) || is_ended()) return nullptr;
  std::unique_ptr<Worker> worker;
  if (idle_.empty()) {
    worker = make_worker();
  } else {
    worker = std::move(idle_.back());
    idle_.pop_back();
  }
  worker->is_waited_for = is_waited_for;
  busy_.insert(worker.get());
  return worker;
}

void PartyRegister::give_back(std::unique_ptr<Worker> worker) {
  const std::scoped_lock lock{mutex_};
  busy_.erase(worker.get());
  if (!worker->is_ended) idle_.push_back(std::move(worker));
  changed_.notify_all();
}

bool PartyRegister::lend(milliseconds wait, const std::function<void(HttpClient&)>& call) {
  auto worker = borrow(wait, /*is_waited_for=*/true);
  if (!worker) return false;
  use_and_give_back(
      worker, [&] { call(*worker->http); }, [this](auto used) { give_back(std::move(used)); });
  return true;
}

bool PartyRegister::pause(milliseconds wait) {
  std::unique_lock lock{mutex_};
  return !changed_.wait_for(lock, wait, [this] { return stopped_; });
}

bool PartyRegister::pause_in_background(milliseconds wait) {
  std::unique_lock lock{mutex_};
  const std::uint64_t before = interruptions_;
  return !changed_.wait_for(lock, wait, [&] { return stopped_ || interruptions_ != before; });
}

bool PartyRegister::pause_for(const PartyQuery& query, milliseconds wait) {
  return query.deadline ? pause(wait) : pause_in_background(wait);
}

void PartyRegister::interrupt() {
  const std::scoped_lock lock{mutex_};
  ++interruptions_;
  for (Worker* worker : busy_) {
    if (worker->is_waited_for) continue;
    worker->http->cancel();
    worker->is_ended = true;
  }
  changed_.notify_all();
}

void PartyRegister::stop() {
  const std::scoped_lock lock{mutex_};
  stopped_ = true;
  for (Worker* worker : busy_) worker->http->cancel();
  changed_.notify_all();
}

}  // namespace c360::adapters

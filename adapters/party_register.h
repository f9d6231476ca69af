// The register of companies as the program asks it: DaData behind its gates and the cache, with a
// few workers that share connections (the service wants at most four).
//
// Built anew with other settings by a reload; calls under way end with the object they began with.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "adapters/answer_cache.h"
#include "adapters/dadata.h"
#include "adapters/service_gate.h"

namespace c360::adapters {

struct PartyRegisterOptions {
  DadataOptions dadata;
  bool enabled = true;
  bool keeps_whole = true;  // answers; otherwise what is read of them
  bool on_import = false;   // cards of imported counterparties are filled too
  bool cleaning = false;    // of addresses and phones, which costs money each (DadataLookups)
  std::size_t workers = 4;
  std::size_t cleanings = 2;  // of them at most so many are in the cleaner at the same time
  std::chrono::seconds found_for{86'400};
  std::chrono::seconds not_found_for{3'600};
  std::chrono::milliseconds lookup_budget{5'000};  // of a question a person waits for
};

struct PartyRegisterPorts {
  store::Database& database;
  GateStates& states;
  const Clock& clock;
  std::function<std::unique_ptr<HttpClient>()> connect;  // one for each worker
  CallJournal* journal = nullptr;  // called from several threads; none: nothing is recorded
};

struct FoundParty {
  Party party;
  Instant obtained_at;
  bool bought = false;  // by this question; otherwise it was kept, or another one bought it
};

class PartyRegister {
 public:
  // `holder` is this process in claims. What the ports name outlives it.
  PartyRegister(PartyRegisterOptions options, std::string holder, PartyRegisterPorts ports);

  ~PartyRegister();
  PartyRegister(const PartyRegister&) = delete;
  PartyRegister& operator=(const PartyRegister&) = delete;

  // permanent/off without a key or when switched off; permanent/bad_id before any call. Retries as
  // the policy says; who has a budget is answered within it, at worst with retryable/timeout, and
  // told when to come again. `fresh` goes past what is kept.
  CallResult<FoundParty> find(PartyQuery query, bool fresh, const RetryPolicy& retry);
  // Runs `call` with one of the connections, so that what else is asked of DaData shares them.
  // False: none was free for so long, or stopped; `call` did not run then.
  bool lend(std::chrono::milliseconds wait, const std::function<void(HttpClient&)>& call);
  // False when stopped.
  bool pause(std::chrono::milliseconds wait);
  // Any thread: calls under way that nobody waits for (their retry policy has no budget) end with
  // retryable, reason interrupted; later ones are made as ever.
  void interrupt();
  // Any thread: ends calls under way and every later one with retryable, reason interrupted.
  void stop();

 private:
  struct Worker;

  CallResult<FoundParty> find_meant(const PartyQuery& query, const PartyId& id, bool fresh,
                                    const RetryPolicy& retry);
  CallResult<FoundParty> find_patiently(const PartyQuery& query, const PartyId& id, bool fresh,
                                        const RetryPolicy& retry);
  CallResult<FoundParty> find_once(const PartyQuery& query, const PartyId& id, bool fresh);
  CallResult<RecordedExchange> buy(const PartyQuery& query);
  std::unique_ptr<Worker> make_worker();
  // Null: none was free in time, or stopped.
  std::unique_ptr<Worker> borrow(std::chrono::milliseconds longest, bool is_waited_for);
  // Of whom nobody waits for: false when interrupted, too.
  bool pause_in_background(std::chrono::milliseconds wait);
  bool pause_for(const PartyQuery& query, std::chrono::milliseconds wait);
  std::optional<std::chrono::milliseconds> left_of(const PartyQuery& query) const;
  void give_back(std::unique_ptr<Worker> worker);

  const PartyRegisterOptions options_;
  const PartyRegisterPorts ports_;
  AnswerCache cache_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Worker>> idle_;
  std::set<Worker*> busy_;
  bool stopped_ = false;
  std::uint64_t interruptions_ = 0;
};

}  // namespace c360::adapters

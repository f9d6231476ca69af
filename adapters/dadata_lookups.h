// What people type, looked up at DaData (R-025; adapters.md, 1.1): companies and addresses that
// fit, a bank by its BIK, and an address or a phone as it should be spelled, which is paid for.
//
// Somebody waits for each answer: a question has `lookup_budget` in all, one that is paid for the
// cleaner's own deadline, the waits for a connection and for a turn and a repetition included. It
// shares the connections, the gates and the kept
// answers of the register. Built anew with other settings by a reload. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <type_traits>
#include <vector>

#include "adapters/answer_cache.h"
#include "adapters/dadata.h"
#include "adapters/party_register.h"

namespace c360::adapters {

class DadataLookups {
 public:
  // Of the service: longer texts are refused with 413, more suggestions are not given.
  static constexpr std::size_t kMaxText = 300;  // characters
  static constexpr int kMaxFound = 20;

  // `register_of` lends its connections; it and what the ports name outlive this.
  DadataLookups(PartyRegisterOptions options, std::string holder, PartyRegister& register_of,
                PartyRegisterPorts ports);

  // permanent/off without a key or when switched off. Nothing fits: an empty list.
  CallResult<std::vector<Party>> parties(const std::string& text, int count);
  CallResult<std::vector<Address>> addresses(const std::string& text, int count);
  // Bought once for as long as an answer is good. permanent/bad_id before any call.
  CallResult<Bank> bank(const std::string& bik);
  // permanent/off unless cleaning is switched on and has its secret key. The answer to a text is
  // bought once in kCleanedFor, whoever asks, also that nothing was recognised, or not surely
  // enough (not_found). A failed call is not repeated: it may be paid for again.
  static constexpr std::chrono::hours kCleanedFor{72};  // as long as an Idempotency-Key is kept
  CallResult<CleanAddress> clean_address(const std::string& text);
  CallResult<CleanPhone> clean_phone(const std::string& text);

 private:
  using milliseconds = std::chrono::milliseconds;
  // How often one question is asked, and how long in all.
  struct Patience {
    RetryPolicy retry;
    milliseconds budget;
    bool cleans = false;
  };
  class Place;
  CallResult<void> check_on() const;
  CallResult<void> check_cleaning() const;
  CachedQuestion question(std::string_view method, std::string subject) const;
  CachedQuestion cleaning(std::string_view method, const std::string& text) const;
  // What is kept of it, or what `call` brings; `read` makes the answer of it.
  template <typename Read, typename Call>
  std::invoke_result_t<Read, const Json&> obtain(const CachedQuestion& question,
                                                 const Patience& patience, JsonKind kind,
                                                 const Read& read, const Call& call);
  template <typename Call>
  std::invoke_result_t<Call, Dadata&> ask(const Patience& patience, CallJournal* journal,
                                          const Call& call);
  Patience looking() const {
    return {.retry = RetryPolicy::interactive(), .budget = options_.lookup_budget};
  }
  Patience paying() const {
    return {.retry = {.attempts = 1}, .budget = options_.dadata.clean.whole, .cleans = true};
  }

  const PartyRegisterOptions options_;
  PartyRegister& register_;
  const PartyRegisterPorts ports_;
  AnswerCache cache_;
  std::atomic<std::size_t> cleaning_ = 0;  // calls in the cleaner
};

}  // namespace c360::adapters

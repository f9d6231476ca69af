// Which counterparty a mail is about (domain.md 18.6): the steps in order, the first unique hit
// wins; ambiguity and mere likeness become candidates for a person. Set-wise: one round trip for a
// batch.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace c360::store {

struct CounterpartyClue {
  std::string inn;                  // as in the mail; an invalid one says nothing
  std::string kpp;                  // narrows several rows of one INN
  std::string company_text;         // as in the mail
  std::vector<std::string> emails;  // of the sender and of the contact
  std::string sender_domain;        // lower case
};

struct CounterpartyCandidate {
  std::int64_t counterparty_id = 0;
  double score = 0;    // 0 to 1
  std::string reason;  // inn, name, email, domain, similar_name
};

struct CounterpartyMatch {
  std::optional<std::int64_t> counterparty_id;
  std::string reason;  // the step that decided; empty without a match
  std::vector<CounterpartyCandidate> candidates;

  std::string candidates_json() const;  // for match_candidates
};

// Queues its lookups in the transaction when made; call results() after run(). One use.
class CounterpartyMatcher {
 public:
  CounterpartyMatcher(Transaction& tx, std::span<const CounterpartyClue> clues);
  std::vector<CounterpartyMatch> results() const;

 private:
  struct Hit;
  Transaction& tx_;
  std::span<const CounterpartyClue> clues_;
  std::vector<std::string> forms_;  // legal form of each clue's company
  Ticket by_inn_ = 0;
  Ticket by_name_ = 0;
  Ticket by_email_ = 0;
  Ticket by_domain_ = 0;
  Ticket by_likeness_ = 0;
};

}  // namespace c360::store

// What the installation says about senders (ops.mail_sender_rule), and how much one of them sent
// lately. Set-wise: one round trip for a batch.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/database.h"

namespace c360::store {

enum class SenderAction : std::uint8_t { allow, quarantine, block };

// The rule that decides about one sender: for his address before one for his domain before one for
// whoever is unknown, and one of the mailbox before one of all.
struct SenderRule {
  std::int64_t id = 0;
  std::string sender;  // "ann@x.example", "@x.example" or "unknown"
  SenderAction action = SenderAction::allow;
  bool of_mailbox = false;
};

struct SenderClue {
  std::string email;
  std::string domain;  // lower case
};

// Queued when made; results() after run().
class SenderRuleLookup {
 public:
  SenderRuleLookup(Transaction& tx, std::int64_t mailbox_id, std::span<const SenderClue> clues);
  std::vector<std::optional<SenderRule>> results() const;

 private:
  Transaction& tx_;
  std::size_t count_;
  Ticket ticket_ = 0;
};

// Queued when made: of each address the answers (In-Reply-To or References) that were processed in
// the last `window`, by whatever mailbox.
class AnswerCount {
 public:
  AnswerCount(Transaction& tx, std::span<const std::string> addresses, std::chrono::seconds window);
  std::map<std::string, std::int64_t> results() const;  // by address in lower case

 private:
  Transaction& tx_;
  Ticket ticket_ = 0;
};

}  // namespace c360::store

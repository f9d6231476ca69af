// Port: what a person may do with a quarantined mail. `ingest` does it; `daemon` wires it in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace c360::api {

struct MailActionResult {
  std::string outcome;         // what became of the mail, such as deal_created or quarantined
  std::string reason;          // of a mail that stays in quarantine
  std::int64_t record_id = 0;  // 0: none
  std::string record_kind;
};

class MailActions {
 public:
  virtual ~MailActions() = default;
  // By quarantine id; `actor` is the user who asks, `comment` their words. not_found, or conflict
  // when it is no longer open.
  // Through the present rules again.
  virtual Result<MailActionResult> retry(std::int64_t quarantine_id, std::int64_t actor,
                                         std::string_view comment) = 0;
  // Process now, as it is: built-in guards (auto-reply, loop, size) do not stop it.
  virtual Result<MailActionResult> release(std::int64_t quarantine_id, std::int64_t actor,
                                           std::string_view comment) = 0;
  // Ignored by the built-in rule `discarded`; validation_failed without a comment.
  virtual Result<MailActionResult> discard(std::int64_t quarantine_id, std::int64_t actor,
                                           std::string_view comment) = 0;
  // The record that retry and release attach it to; none: the mail itself decides again.
  virtual Result<MailActionResult> set_target(std::int64_t quarantine_id, std::int64_t actor,
                                              std::optional<std::int64_t> record_id,
                                              std::string_view comment) = 0;
};

}  // namespace c360::api

// Express reports of many counterparties, asked for together and got by one job: what it
// will cost, its start, its items one after the other, and how it stands.
//
// Rights are those of whoever asks, at the time he asks: what he does not see is not touched, what
// he may only read is left out. An item begins and ends in transactions under the lease of the job,
// so a job that is taken up again goes on behind the last item that ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/jobs.h"
#include "store/records.h"

namespace c360::store {

inline constexpr std::string_view kReportBatchJob = "express_report_batch";
// Unfinished ones of one person; conflict, reason too_many_batches, past it. How many
// counterparties one may have is ServiceSwitch::batch_limit.
inline constexpr int kMaxOpenBatches = 10;

struct BatchWish {
  std::vector<std::int64_t> ids;           // where there is no filter
  std::optional<std::string> filter_text;  // as sent, to be shown
  Parameters filter;                       // of the list of counterparties
  bool fresh = false;                      // what is kept does not do
};

// What it comes to, at most.
struct BatchPlan {
  std::int64_t found = 0;            // that the caller sees
  std::vector<std::int64_t> wanted;  // ascending
  std::int64_t kept = 0;             // whose report is still good
  std::int64_t without_inn = 0;      // or with one that cannot be
  std::int64_t read_only = 0;
  std::int64_t unseen = 0;           // of `ids`
  std::int64_t calls = 0;            // requests to the service
  std::int64_t charged = 0;          // companies that count against the contract
  std::optional<std::int64_t> left;  // of the contract, as it was told last; none: not known
  std::chrono::seconds takes{};

  bool is_enough() const { return !left || *left >= charged; }
};

// conflict, reason adapter_off; validation_failed, reason too_many, pointing to /ids or /filter;
// what the list refuses.
Result<BatchPlan> plan_report_batch(Records& records, Transaction& tx, const BatchWish& wish,
                                    const Actor& actor);
// Id of the job; 0 where nothing is wanted.
Result<std::int64_t> start_report_batch(Transaction& tx, const BatchWish& wish,
                                        const BatchPlan& plan, const Actor& actor);
// {"dry_run", "found", "reports", "kept", …}
std::string to_json(const BatchPlan& plan, bool dry_run);

// -- For the job ----------------------------------------------------------------------------------

struct BatchItem {
  std::int64_t counterparty_id = 0;
  int attempts = 0;
};
struct BatchStep {
  bool rests = false;  // somebody wants it paused or canceled
  std::optional<BatchItem> item;
  bool is_kept = false;  // the report of the item came from elsewhere meanwhile
};
// The next item, asked for: begin_express_report() takes it up. Nothing and not `rests`: that was
// all.
Result<BatchStep> next_batch_item(Transaction& tx, const Job& job);

struct BatchItemEnd {
  std::int64_t counterparty_id = 0;
  std::string_view state;  // ready, kept, not_found, failed, gone
  std::string_view reason = {};
  std::string_view detail = {};
  std::chrono::milliseconds took{};
};
// With its effect; progress moves with it. No round trip.
void queue_batch_item_end(Transaction& tx, const Job& job, const BatchItemEnd& end);
// It comes again after the others. No round trip.
void queue_batch_item_attempt(Transaction& tx, const Job& job, std::int64_t counterparty_id,
                              std::string_view reason, std::string_view detail);
// Why it waits and what to do about it; empty: it does not.
Result<void> note_batch_wait(Database& database, const Job& job, std::string_view reason,
                             std::string_view remedy);
// How many of its items failed.
Result<std::int64_t> failed_batch_items(Database& database, const Job& job);

// -- For people -----------------------------------------------------------------------------------

// Administrators see every batch, others their own. One JSON object each.
Result<std::string> report_batch_json(Database& database, std::int64_t id, const Actor& actor);
struct BatchPage {
  std::vector<std::string> rows;
  std::optional<std::int64_t> next;  // `before` or `above` of the next page
};
// Newest first.
Result<BatchPage> list_report_batches(Database& database, std::optional<std::int64_t> before,
                                      int limit, const Actor& actor);
// By counterparty; `state` empty: all. not_found.
Result<BatchPage> list_batch_items(Database& database, std::int64_t id, std::string_view state,
                                   std::int64_t above, int limit, const Actor& actor);
// States of items, in the order they are shown.
const std::vector<std::string>& batch_item_states();

}  // namespace c360::store

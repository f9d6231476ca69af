// The equation of the ledger (design.md 2), as it stands now: for each folder, and each UIDVALIDITY
// it had, listed = created + attached + ignored + duplicate + quarantined + pending + vanished.
//
// `listed` is counted when rows are made, apart from them; the terms are counted in the rows. Cost:
// one scan of an index over all mails of the mailbox, some 0.2 s for a million; for a person or a
// slow task, not for every pass.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/clock.h"
#include "store/database.h"

namespace c360::store {

enum class Term : std::uint8_t {
  created,
  attached,
  ignored,
  duplicate,
  quarantined,
  pending,
  vanished
};
inline constexpr std::array<std::string_view, 7> kTermNames = {
    "created", "attached", "ignored", "duplicate", "quarantined", "pending", "vanished"};

struct Balance {
  std::int64_t listed = 0;
  std::int64_t rows = 0;
  std::array<std::int64_t, kTermNames.size()> terms{};

  std::int64_t term(Term which) const { return terms[static_cast<std::size_t>(which)]; }
  // Every message listed has its row, and every row is in one term.
  bool holds() const;
  Balance& operator+=(const Balance& other);
};

// What the last full comparison with the server found and healed.
struct ServerComparison {
  Instant begun{};
  std::int64_t server = 0, missed = 0, gone = 0, difference = 0;
};

struct FolderBalance {
  std::string folder;
  std::int64_t uidvalidity = 0;
  bool current = false;  // the UIDVALIDITY the folder has now
  Balance balance;
  std::optional<ServerComparison> comparison;  // of a current one
};

struct MailboxBalance {
  std::int64_t id = 0;
  std::string code;
  bool enabled = false;
  std::optional<Instant> compare_requested_at;
  Balance balance;  // of all its folders
  std::vector<FolderBalance> folders;
  std::vector<std::pair<std::string, std::int64_t>> ignored_by_rule;
  std::vector<std::pair<std::string, std::int64_t>> quarantined_by_reason;
};

// By code; of one mailbox when `code` is given: none when there is no such mailbox.
Result<std::vector<MailboxBalance>> mail_balance(Database& database, Pool pool,
                                                 std::optional<std::string_view> code = {});

// Asks whoever holds the lease for a full comparison with the server; the time of asking.
// not_found, or conflict where no daemon works on the mailbox because it is switched off.
Result<Instant> request_comparison(Database& database, std::int64_t mailbox_id);
// When each folder of the mailbox was last compared.
Result<std::vector<std::pair<std::string, Instant>>> comparisons(Database& database,
                                                                 std::int64_t mailbox_id);

}  // namespace c360::store

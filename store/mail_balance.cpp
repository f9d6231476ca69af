#include "store/mail_balance.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace c360::store {

namespace {

constexpr Sql kMailboxes{"balance_mailboxes", R"sql(
  SELECT id, code, enabled, compare_requested_at FROM ops.mailbox
  WHERE $1::text IS NULL OR code = $1 ORDER BY code)sql"};
constexpr Sql kFolders{"balance_folders", R"sql(
  SELECT mailbox_id, folder, uidvalidity, compared_at, compared_server, compared_missed,
         compared_gone, compared_difference
  FROM ops.mailbox_folder ORDER BY folder)sql"};
constexpr Sql kEquation{"balance_equation", R"sql(
  SELECT mailbox_id, folder, uidvalidity, listed, rows,
         created, attached, ignored, duplicate, quarantined, pending, vanished
  FROM ops.mail_conservation WHERE mailbox_id = $1::bigint ORDER BY folder, uidvalidity)sql"};
constexpr Sql kIgnored{"balance_ignored", R"sql(
  SELECT rule_id, count(*) FROM ops.mail_message
  WHERE outcome = 'ignored' AND mailbox_id = $1::bigint GROUP BY rule_id ORDER BY rule_id)sql"};
constexpr Sql kHeld{"balance_held", R"sql(
  SELECT q.reason, count(*)
  FROM ops.mail_message m JOIN ops.quarantine q ON q.mail_message_id = m.id
  WHERE m.outcome = 'quarantined' AND m.mailbox_id = $1::bigint AND q.status = 'open'
  GROUP BY q.reason ORDER BY q.reason)sql"};

constexpr Sql kRequest{"balance_request", R"sql(
  UPDATE ops.mailbox SET compare_requested_at = now() WHERE id = $1::bigint AND enabled
  RETURNING compare_requested_at)sql"};
constexpr Sql kIsThere{"balance_is_there", "SELECT code FROM ops.mailbox WHERE id = $1::bigint"};

constexpr Sql kComparisons{"balance_comparisons", R"sql(
  SELECT folder, compared_at FROM ops.mailbox_folder
  WHERE mailbox_id = $1::bigint AND compared_at IS NOT NULL)sql"};

std::vector<std::pair<std::string, std::int64_t>> counts_of(const Rows& rows) {
  std::vector<std::pair<std::string, std::int64_t>> counts;
  for (int row = 0; row < rows.size(); ++row)
    counts.emplace_back(rows.text(row, 0), rows.int64(row, 1));
  return counts;
}

Balance balance_at(const Rows& rows, int row) {
  constexpr int kFirstTerm = 5;
  Balance balance{.listed = rows.int64(row, 3), .rows = rows.int64(row, 4)};
  for (std::size_t term = 0; term < balance.terms.size(); ++term)
    balance.terms[term] = rows.int64(row, kFirstTerm + static_cast<int>(term));
  return balance;
}

void add_equation(MailboxBalance& mailbox, const Rows& rows) {
  for (int row = 0; row < rows.size(); ++row) {
    FolderBalance folder{.folder = std::string(rows.text(row, 1)),
                         .uidvalidity = rows.int64(row, 2),
                         .balance = balance_at(rows, row)};
    mailbox.balance += folder.balance;
    mailbox.folders.push_back(std::move(folder));
  }
}

// How the folders stand now: one that never had a mail has a row here alone.
void add_folders(MailboxBalance& mailbox, const Rows& rows) {
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.int64(row, 0) != mailbox.id) continue;
    const std::string_view name = rows.text(row, 1);
    const std::int64_t uidvalidity = rows.int64(row, 2);
    auto folder = std::ranges::find_if(mailbox.folders, [&](const FolderBalance& known) {
      return known.folder == name && known.uidvalidity == uidvalidity;
    });
    if (folder == mailbox.folders.end())
      folder = mailbox.folders.insert(
          folder, FolderBalance{.folder = std::string(name), .uidvalidity = uidvalidity});
    folder->current = true;
    if (const auto begun = rows.instant(row, 3))
      folder->comparison = ServerComparison{.begun = *begun,
                                            .server = rows.int64(row, 4),
                                            .missed = rows.int64(row, 5),
                                            .gone = rows.int64(row, 6),
                                            .difference = rows.int64(row, 7)};
  }
}

}  // namespace

bool Balance::holds() const {
  return listed == rows && rows == std::accumulate(terms.begin(), terms.end(), std::int64_t{0});
}

Balance& Balance::operator+=(const Balance& other) {
  listed += other.listed;
  rows += other.rows;
  std::ranges::transform(terms, other.terms, terms.begin(), std::plus{});
  return *this;
}

Result<std::vector<MailboxBalance>> mail_balance(Database& database, Pool pool,
                                                 std::optional<std::string_view> code) {
  // One snapshot: what is counted in several statements must agree.
  auto tx = database.begin(pool, TxMode::snapshot);
  if (!tx) return std::unexpected(tx.error());
  const Ticket boxes = tx->queue(kMailboxes, std::move(Params{}.add(code)));
  const Ticket folders = tx->queue(kFolders);
  if (auto ran = tx->run(); !ran) return std::unexpected(ran.error());
  std::vector<MailboxBalance> all;
  struct Counted {
    Ticket equation, ignored, held;
  };
  std::vector<Counted> tickets;
  for (int row = 0; row < tx->rows(boxes).size(); ++row) {
    const Rows& rows = tx->rows(boxes);
    all.push_back({.id = rows.int64(row, 0),
                   .code = std::string(rows.text(row, 1)),
                   .enabled = rows.boolean(row, 2),
                   .compare_requested_at = rows.instant(row, 3)});
  }
  for (const MailboxBalance& mailbox : all) {
    const auto count = [&](const Sql& sql) {
      return tx->queue(sql, std::move(Params{}.add(mailbox.id)));
    };
    tickets.push_back({count(kEquation), count(kIgnored), count(kHeld)});
  }
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  for (std::size_t i = 0; i < all.size(); ++i) {
    add_equation(all[i], tx->rows(tickets[i].equation));
    add_folders(all[i], tx->rows(folders));
    all[i].ignored_by_rule = counts_of(tx->rows(tickets[i].ignored));
    all[i].quarantined_by_reason = counts_of(tx->rows(tickets[i].held));
  }
  return all;
}

Result<Instant> request_comparison(Database& database, std::int64_t mailbox_id) {
  auto tx = database.begin(Pool::api, TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  const Ticket known = tx->queue(kIsThere, std::move(Params{}.add(mailbox_id)));
  const Ticket asked = tx->queue(kRequest, std::move(Params{}.add(mailbox_id)));
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  if (tx->rows(known).empty())
    return fail(ErrorCode::not_found, "there is no mailbox " + std::to_string(mailbox_id));
  if (tx->rows(asked).empty())
    return fail(ErrorCode::conflict,
                "mailbox " + std::string(tx->rows(known).text(0, 0)) +
                    " is switched off: no daemon works on it; put it into the configuration",
                "mailbox_disabled");
  return tx->rows(asked).instant(0, 0).value_or(Instant{});
}

Result<std::vector<std::pair<std::string, Instant>>> comparisons(Database& database,
                                                                 std::int64_t mailbox_id) {
  auto rows = database.execute(Pool::api, kComparisons, std::move(Params{}.add(mailbox_id)));
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::pair<std::string, Instant>> made;
  for (int row = 0; row < rows->size(); ++row)
    made.emplace_back(rows->text(row, 0), rows->instant(row, 1).value_or(Instant{}));
  return made;
}

}  // namespace c360::store

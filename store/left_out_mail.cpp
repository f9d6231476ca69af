#include "store/left_out_mail.h"

#include <string>

#include "store/mail_log.h"

namespace c360::store {

namespace {

constexpr Sql kLock{"mail_lock_left_out", R"sql(
  SELECT coalesce(m.outcome, CASE WHEN m.raw_sha256 IS NULL THEN 'listed' ELSE 'stored' END),
         (m.outcome = 'ignored' AND m.raw_sha256 IS NULL AND m.rule_id IN
           ('already-seen', 'already-deleted', 'before-since', 'before-first-sync', 'outside-search')) IS TRUE,
         b.enabled, b.code
  FROM ops.mail_message m JOIN ops.mailbox b ON b.id = m.mailbox_id
  WHERE m.id = $1::bigint FOR UPDATE OF m)sql"};

Result<void> check(const Rows& rows, const std::string& name) {
  if (rows.empty()) return fail(ErrorCode::not_found, "there is no " + name);
  if (!rows.boolean(0, 1))
    return fail(ErrorCode::conflict,
                name + " is " + std::string(rows.text(0, 0)) +
                    ": only what a listing left out is taken in after all; what is held is "
                    "decided in /mail/quarantine",
                "not_left_out");
  if (!rows.boolean(0, 2))
    return fail(ErrorCode::conflict,
                "mailbox " + std::string(rows.text(0, 3)) +
                    " is switched off: no daemon works on it; put it into the configuration",
                "mailbox_disabled");
  return {};
}

}  // namespace

Result<void> process_left_out(Database& database, std::int64_t mail_id) {
  return in_transaction(database, Pool::api, [&](Transaction& tx) -> Result<void> {
    const std::string name = "mail " + std::to_string(mail_id);
    auto found = tx.query(kLock, std::move(Params{}.add(mail_id)));
    if (!found) return std::unexpected(found.error());
    if (auto checked = check(**found, name); !checked) return checked;
    auto listed = MailLog::relist(tx, mail_id);
    if (!listed) return std::unexpected(listed.error());
    if (*listed) return {};
    return fail(ErrorCode::conflict,
                name + " has another number on its server by now: look for the row it got then",
                "renumbered");
  });
}

}  // namespace c360::store

// Why a mail became what it is, and where each value of its records was read (design.md 2, Explain
// and Why not). What was decided is what the ledger kept; the text, the places and the trace of the
// other rules are made again from the raw mail and the rule set of that time, which is pure.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "ingest/inbox.h"
#include "store/database.h"
#include "store/kept_mail.h"

namespace c360::ingest {

// Pure. `raw` is null for a mail whose raw form is not stored; `rules` is null where the set of
// that time is unknown or can no longer be used, `rules_missing` then says why.
//   mail        {id, mailbox, mailbox_kind, folder, uidvalidity, uid, message_id, subject,
//   from_name,
//               from_address, date, date_source, size_bytes}
//   outcome     {state, code, rule, rule_set {version, sha256}, record, duplicate_of_id,
//   quarantine} text        {subject, body, part, media_type, transfer_encoding, charset,
//   charset_path,
//               from_html, truncated}; null without the raw mail
//   records     [{kind, id}] made from it
//   fields      [{record_kind, record_id, field, value, raw, source, header, rule,
//               rule_set_version, mail_message_id, part, prepared {in, begin, end}, raw_mail
//               {begin, end, exact}, raw_mail_reason, charset, charset_path, transformations}];
//               offsets are bytes: of text.subject or text.body in UTF-8, and of the mail as
//               received
//   unusable    the same, of values that were found and could not be used, with `rejected`
//   target      {kind, alias, search_field, value, prepared, raw_mail, raw_mail_reason} it names
//   why_not     {stage, reason, detail, rule, would_match, nearest [{rule, reached, condition,
//               detail, conditions_met, conditions}]} of a mail that made nothing, else null
//   reproduced  whether reading it again gave what was kept; null where that cannot be tried
//   notes       what is missing from this explanation and why
// unavailable when the file of a large mail cannot be read.
Result<Json> explanation(const store::KeptMail& mail, const RawMail* raw,
                         const parsers::RuleSet* rules, std::string_view rules_missing = {});

// Any thread.
class MailExplainer {
 public:
  MailExplainer(store::Database& database, const Inboxes& inboxes, InboxOptions options)
      : database_(database), inboxes_(inboxes), options_(std::move(options)) {}

  // not_found: there is no such mail.
  Result<Json> explain(std::int64_t mail_id);

 private:
  using Rules = std::shared_ptr<const parsers::RuleSet>;
  Result<Rules> rules_of(std::int64_t version);

  store::Database& database_;
  const Inboxes& inboxes_;
  const InboxOptions options_;
  std::mutex mutex_;
  std::pair<std::int64_t, Rules> last_;  // the former set asked for; compiling one costs most
};

}  // namespace c360::ingest

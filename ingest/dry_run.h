// What the rules would make of a mail, for a person or a test: nothing is written (R-190 and
// design.md 2, Explain and Why not).
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "ingest/inbox.h"

namespace c360::ingest {

// The rules of `kind` ("crm", "activity", "support") over one raw mail:
//   outcome   what it would end as, without a look at the database ("activity_added" even when the
//             record it names may not exist)
//   reason    of a quarantined or ignored mail
//   rule      {set, sha256, name, built_in}
//   values    [{field, value, raw, source, part, span {begin, end}, transformations}]
//   rejected  the same, of values that were found and are unusable, with `rejected`
//   effect    {kind, fields} of the record it would make; absent when it makes none
//   target    {kind, alias, search_field, value} of the record it names; absent when it names none
//   nearest   [{rule, condition, detail, conditions_met, conditions}] nearest first, at most five
//   mail      {subject, from, date, date_source, charset, charset_path, attachments, truncations}
// invalid_request for an unknown kind; malformed_message for an empty file.
Result<Json> dry_run(const RulesInUse& rules, const Inboxes& inboxes, std::string_view kind,
                     std::string raw_mail, const MailboxSettings& settings, Instant now);

}  // namespace c360::ingest

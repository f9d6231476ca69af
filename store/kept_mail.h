// What the database keeps of one mail, for a person who asks why it became what it is: the ledger's
// row, the rule set that decided, the quarantine and the records that name it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "store/database.h"

namespace c360::store {

struct KeptQuarantine {
  std::int64_t id = 0;
  std::string reason, details, status, resolution;
};

struct KeptMail {
  std::int64_t id = 0, uid = 0, uidvalidity = 0;
  std::string folder, mailbox, mailbox_kind, mailbox_target;
  std::string state;    // listed, stored, done
  std::string outcome;  // empty while it is pending
  std::optional<Sha256> raw_sha256;
  std::int64_t size_bytes = 0;
  std::optional<Instant> internal_date, fetched_at, sent_at;
  std::string date_source;
  std::string message_id, subject, from_name, from_address;
  std::string error;
  std::optional<std::int64_t> record_id, duplicate_of_id;
  std::string record_kind;
  std::string rule;
  std::optional<std::int64_t> rule_set_version;
  std::string rule_set_sha256;  // hex
  std::string extracted_json;

  std::optional<KeptQuarantine> quarantine;

  struct Record {
    std::int64_t id = 0;
    std::string kind;  // deal, lead, activity, support_request, comment
    std::optional<std::int64_t> counterparty_id, parent_id;
    // What was merged into it was made from the mail: the fields that came along. nullopt: it was
    // made from the mail itself.
    std::optional<std::vector<std::string>> taken_over = {};
  };
  std::vector<Record> records;  // made from it, or heirs of such; deleted ones left out
};

// nullopt: there is no such mail.
Result<std::optional<KeptMail>> kept_mail(Database& database, std::int64_t id);

// ops.rule_set.files of the version, as RuleSet::files_json() wrote it. not_found.
Result<std::string> kept_rule_files(Database& database, std::int64_t version);

}  // namespace c360::store

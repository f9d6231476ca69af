#include "ingest/quarantine.h"

#include <algorithm>
#include <array>

#include "daemon/base/text.h"
#include "ingest/mail_import.h"
#include "store/mail_log.h"
#include "store/operations/find_mail_target.h"
#include "store/quarantine_log.h"

namespace c360::ingest {

namespace {

using Quarantined = store::MailLog::Quarantined;
using store::QuarantineReason;

// Discarding has no rule of its own in any file.
constexpr std::string_view kDiscardedRule = "discarded";

// The row, locked; not_found and conflict as the header says.
Result<Quarantined> lock_open(store::Transaction& tx, std::int64_t quarantine_id) {
  auto found = store::MailLog::lock_quarantined(tx, quarantine_id);
  if (!found) return std::unexpected(found.error());
  const std::string name = "quarantine entry " + std::to_string(quarantine_id);
  if (!*found) return fail(ErrorCode::not_found, "there is no " + name);
  if (!(*found)->open)
    return fail(ErrorCode::conflict, name + " was decided before; reload the list", "not_open");
  return std::move(**found);
}

MailboxSettings settings_from(const Quarantined& entry) {
  MailboxSettings settings;
  settings.code = entry.mailbox_code;
  settings.kind = mailbox_kind_of(entry.mailbox_kind);
  settings.target = entry.mailbox_target == "lead" ? MailTarget::lead : MailTarget::deal;
  return settings;
}

QuarantineDecision decision_of(const store::MailResult& result) {
  using store::Outcome;
  QuarantineDecision decision{.outcome = std::string(store::to_string(result.outcome)),
                              .record_id = result.record_id.value_or(0)};
  if (result.quarantine_reason) decision.reason = store::to_string(*result.quarantine_reason);
  if (result.outcome == Outcome::deal_created) decision.record_kind = "deal";
  if (result.outcome == Outcome::lead_created) decision.record_kind = "lead";
  if (result.outcome == Outcome::activity_added) decision.record_kind = "activity";
  if (result.outcome == Outcome::support_created) decision.record_kind = "support_request";
  return decision;
}

// Records that mail can be attached to (crm.activity_target).
constexpr std::array<std::string_view, 8> kTargets = {
    "deal", "lead", "order", "payment", "contract", "agreement", "counterparty", "support_request"};

// Where a person sends it, whatever the rules found or missed.
void send_to(ReadMail& mail, const store::QuarantineTarget& target) {
  if (!mail.parsed) return;  // nothing could be read that might be attached
  // What the scanner holds goes nowhere.
  if (mail.result.quarantine_reason == QuarantineReason::attachment_blocked) return;
  mail.extraction.action = parsers::RuleAction::add_activity;
  mail.extraction.reason.clear();
  mail.extraction.target = parsers::TargetReference{
      .kind = target.kind, .search_field = "id", .value = std::to_string(target.record_id)};
  mail.result.extracted_json = parsers::to_json(mail.extraction);
  mail.result.quarantine_reason.reset();
  mail.result.quarantine_details.clear();
  mail.ended = false;
}

store::QuarantineAttempt attempt_of(std::int64_t quarantine_id, std::string_view action,
                                    std::int64_t user_id, std::string_view comment,
                                    std::string_view outcome) {
  return {.quarantine_id = quarantine_id,
          .action = std::string(action),
          .user_id = user_id,
          .comment = std::string(comment),
          .outcome = std::string(outcome)};
}

}  // namespace

QuarantineDesk::QuarantineDesk(store::Database& database, const Inboxes& inboxes,
                               SettingsOf settings_of, InboxOptions options, const Clock& clock)
    : database_(database),
      inboxes_(inboxes),
      settings_of_(std::move(settings_of)),
      options_(std::move(options)),
      clock_(clock) {}

Result<QuarantineDecision> QuarantineDesk::retry(std::int64_t quarantine_id, std::int64_t user_id,
                                                 std::string_view comment) {
  return process(quarantine_id, user_id, false, comment);
}

Result<QuarantineDecision> QuarantineDesk::release(std::int64_t quarantine_id, std::int64_t user_id,
                                                   std::string_view comment) {
  return process(quarantine_id, user_id, true, comment);
}

Result<Quarantined> QuarantineDesk::look_at(std::int64_t quarantine_id) {
  auto tx = database_.begin(store::Pool::api, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  return lock_open(*tx, quarantine_id);
}

MailboxSettings QuarantineDesk::settings_for(const Quarantined& entry) const {
  return settings_of_(entry.mailbox_code).value_or(settings_from(entry));
}

Result<ReadMail> QuarantineDesk::read_again(const Quarantined& entry, bool released) {
  auto raw =
      load_raw(database_, entry.mail.raw_sha256, options_.spool_folder, options_.spool_bytes);
  if (!raw) return std::unexpected(raw.error());
  ReadMail mail = inboxes_.read({.ledger_id = entry.mail.id,
                                 .uid = entry.mail.uid,
                                 .stored = true,
                                 .raw = std::move(*raw),
                                 .internal_date = entry.mail.internal_date,
                                 .fetched_at = entry.mail.fetched_at.value_or(clock_.now())},
                                settings_for(entry), {.released = released});
  if (auto scanned = inboxes_.scan(mail); !scanned) return std::unexpected(scanned.error());
  return mail;
}

Result<QuarantineDecision> QuarantineDesk::process(std::int64_t quarantine_id, std::int64_t user_id,
                                                   bool released, std::string_view comment) {
  // The mail is read, and its attachments looked at, before anything is locked for good.
  auto seen = look_at(quarantine_id);
  if (!seen) return std::unexpected(seen.error());
  std::optional<ReadMail> mail;
  if (seen->mail.stored) {
    auto read = read_again(*seen, released);
    if (!read) return std::unexpected(read.error());
    mail = std::move(*read);
  }

  auto tx = database_.begin(store::Pool::api, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  auto entry = lock_open(*tx, quarantine_id);
  if (!entry) return std::unexpected(entry.error());
  const std::string_view status = released ? "released" : "retried";
  const std::string_view action = released ? "release" : "retry";
  if (!mail) {
    auto listed = store::MailLog::relist(*tx, entry->mail.id);
    if (!listed) return std::unexpected(listed.error());
    const std::string outcome{*listed ? "pending" : store::to_string(store::Outcome::vanished)};
    store::MailLog::queue_resolution(*tx, quarantine_id, status, user_id,
                                     *listed ? "fetched again" : "renumbered by the server");
    store::queue_attempt(*tx, attempt_of(quarantine_id, action, user_id, comment, outcome));
    if (auto done = tx->commit(); !done) return std::unexpected(done.error());
    return QuarantineDecision{.outcome = outcome};
  }
  auto target = store::quarantine_target(*tx, quarantine_id);
  if (!target) return std::unexpected(target.error());
  if (*target) send_to(*mail, **target);
  const MailboxSettings settings = settings_for(*entry);
  const MailboxContext context{settings, entry->mailbox_id, entry->mail.folder};
  if (auto applied = inboxes_.apply(*tx, context, {&*mail, 1}); !applied)
    return std::unexpected(applied.error());
  store::MailLog::queue_nobody_to_tell(*tx, entry->mail.id, kImportFolder);
  const store::MailResult& result = mail->result;
  if (result.outcome != store::Outcome::quarantined)
    store::MailLog::queue_resolution(*tx, quarantine_id, status, user_id, comment);
  QuarantineDecision decision = decision_of(result);
  auto attempt = attempt_of(quarantine_id, action, user_id, comment, decision.outcome);
  if (*target) attempt.target_record_id = (*target)->record_id;
  attempt.rule_set_version = result.rule_set_version;
  attempt.rule = result.rule_id;
  attempt.reason = decision.reason;
  attempt.details = result.quarantine_details;
  attempt.record_id = result.record_id;
  store::queue_attempt(*tx, attempt);
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return decision;
}

Result<QuarantineDecision> QuarantineDesk::discard(std::int64_t quarantine_id, std::int64_t user_id,
                                                   std::string_view comment) {
  if (trimmed(comment).empty())
    return std::unexpected(Error{.code = ErrorCode::validation_failed,
                                 .detail = "a mail is discarded with a comment that says why",
                                 .reason = "comment_required",
                                 .fields = {{"/comment", "required", "say why it is discarded"}}});
  auto tx = database_.begin(store::Pool::api, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  auto entry = lock_open(*tx, quarantine_id);
  if (!entry) return std::unexpected(entry.error());
  store::MailLog::queue_ignored(*tx, entry->mail.id, kDiscardedRule);
  store::MailLog::queue_nobody_to_tell(*tx, entry->mail.id, kImportFolder);
  store::MailLog::queue_resolution(*tx, quarantine_id, "rejected", user_id, comment);
  auto attempt = attempt_of(quarantine_id, "discard", user_id, comment,
                            store::to_string(store::Outcome::ignored));
  attempt.rule = kDiscardedRule;
  store::queue_attempt(*tx, attempt);
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return QuarantineDecision{.outcome = std::string(store::to_string(store::Outcome::ignored))};
}

Result<QuarantineDecision> QuarantineDesk::set_target(std::int64_t quarantine_id,
                                                      std::int64_t user_id,
                                                      std::optional<std::int64_t> record_id,
                                                      std::string_view comment) {
  auto tx = database_.begin(store::Pool::api, store::TxMode::read_write);
  if (!tx) return std::unexpected(tx.error());
  auto entry = lock_open(*tx, quarantine_id);
  if (!entry) return std::unexpected(entry.error());
  if (record_id) {
    auto target = store::follow_merges(*tx, *record_id);
    if (!target) return std::unexpected(target.error());
    const bool takes = target->status == store::MailTargetStatus::found &&
                       std::ranges::find(kTargets, target->kind) != kTargets.end();
    if (!takes)
      return std::unexpected(
          Error{.code = ErrorCode::validation_failed,
                .detail = "record " + std::to_string(*record_id) +
                          " is not there, is deleted or is nothing that mail is attached to",
                .reason = "no_such_target",
                .fields = {{"/record_id", "no_such_target",
                            "a deal, lead, order, payment, contract, agreement, counterparty or "
                            "support request"}}});
    record_id = target->record_id;
  }
  store::queue_quarantine_target(*tx, quarantine_id, record_id);
  auto attempt = attempt_of(quarantine_id, "set_target", user_id, comment,
                            store::to_string(store::Outcome::quarantined));
  attempt.target_record_id = record_id;
  attempt.reason = store::to_string(entry->reason);
  store::queue_attempt(*tx, attempt);
  if (auto done = tx->commit(); !done) return std::unexpected(done.error());
  return QuarantineDecision{.outcome = std::string(store::to_string(store::Outcome::quarantined)),
                            .reason = std::string(store::to_string(entry->reason)),
                            .record_id = record_id.value_or(0)};
}

}  // namespace c360::ingest

// What the mails of a batch refer to: the same bytes before, records by number or alias, threads,
// counterparties. The first round trip.
#include <algorithm>
#include <utility>

#include "daemon/base/mail_status.h"
#include "daemon/base/text.h"
#include "ingest/mail_application.h"
#include "ingest/thread_id.h"

namespace c360::ingest {

using parsers::Extraction;
using parsers::RuleAction;
using store::MailTargetStatus;
using store::Outcome;
using store::QuarantineReason;

namespace {

constexpr std::size_t kThreadIds = 50;  // message ids looked up per mail, the nearest ones

bool creates(RuleAction action) {
  return action == RuleAction::create_deal || action == RuleAction::create_lead;
}

std::string sender_domain(const ReadMail& mail) { return to_lower(mail.result.from_domain); }

constexpr std::string_view kRequestKind = "support_request";

// Mail to the service desk goes on in a support request only; other records are not its affair.
bool may_attach(const MailCase& item, bool to_request) {
  return item.kind != MailCase::Kind::request || to_request;
}

void attach(MailCase& item, std::int64_t record_id, const std::string& kind) {
  if (!may_attach(item, kind == kRequestKind)) return;
  item.as_comment = item.kind == MailCase::Kind::request;
  item.kind = MailCase::Kind::attach;
  item.target_id = record_id;
  item.target_kind = kind;
}

// "5.1.1: 550 5.1.1 no such user".
std::string told_by(const parsers::RecipientStatus& failure) {
  if (failure.diagnostic.empty())
    return failure.status.empty() ? "delivery has failed" : failure.status;
  if (failure.status.empty() || failure.diagnostic.contains(failure.status))
    return failure.diagnostic;
  return failure.status + ": " + failure.diagnostic;
}

// What the mail answers, the nearest first.
std::vector<std::string> nearest_ids(const ReadMail& mail) {
  std::vector<std::string> ids = mail.result.in_reply_to;
  ids.insert(ids.end(), mail.result.references.rbegin(), mail.result.references.rend());
  if (ids.size() > kThreadIds) ids.resize(kThreadIds);
  return ids;
}

}  // namespace

// An attempt before may have made a record that was rolled back with it.
void end(ReadMail& mail, Outcome outcome) {
  mail.result.outcome = outcome;
  mail.result.record_id.reset();
  mail.ended = true;
}

void hold(ReadMail& mail, QuarantineReason reason, std::string details) {
  end(mail, Outcome::quarantined);
  mail.result.quarantine_reason = reason;
  mail.result.quarantine_details = std::move(details);
}

void MailApplication::sort_out(std::span<ReadMail> mails) {
  cases_.reserve(mails.size());
  for (ReadMail& mail : mails) {
    MailCase item{.mail = &mail};
    if (!mail.ended) {
      const Extraction& extraction = mail.extraction;
      if (extraction.target) {
        item.kind = MailCase::Kind::attach;
        item.query = queries_.size();
        queries_.push_back({.kind = extraction.target->kind,
                            .alias = extraction.target->alias,
                            .search_field = extraction.target->search_field,
                            .value = extraction.target->value});
        item.as_comment = extraction.action == RuleAction::add_comment;
        if (item.as_comment) add_sender_clue(item);
      } else if (extraction.action == RuleAction::create_support) {
        item.kind = MailCase::Kind::request;
        add_sender_clue(item);
      } else if (creates(extraction.action)) {
        item.kind = MailCase::Kind::create;
        item.clue = clues_.size();
        store::CounterpartyClue clue{.inn = std::string(extraction.value("inn")),
                                     .kpp = std::string(extraction.value("kpp")),
                                     .company_text = std::string(extraction.value("company_text")),
                                     .sender_domain = sender_domain(mail)};
        for (const std::string_view email :
             {extraction.value("contact.email"), std::string_view(mail.result.from_address)}) {
          if (!email.empty()) clue.emails.emplace_back(email);
        }
        clues_.push_back(std::move(clue));
      } else {
        hold(mail, QuarantineReason::unknown_alias, "the mail names no record to attach it to");
      }
    }
    cases_.push_back(std::move(item));
  }
}

void MailApplication::add_sender_clue(MailCase& item) {
  item.sender_clue = sender_clues_.size();
  sender_clues_.push_back(
      {.email = item.mail->result.from_address, .domain = sender_domain(*item.mail)});
}

// Round trip 1.
Result<void> MailApplication::look_up() {
  std::vector<Sha256> digests;
  std::vector<std::string> thread_ids;
  for (const MailCase& item : cases_) {
    if (item.mail->result.outcome != Outcome::quarantined || !item.mail->ended)
      digests.push_back(item.mail->incoming.raw.sha256());
    if (!item.mail->result.bounced_message_id.empty())
      thread_ids.push_back(item.mail->result.bounced_message_id);
    if (item.mail->ended || !item.mail->extraction.may_thread) continue;
    for (std::string& id : nearest_ids(*item.mail)) thread_ids.push_back(std::move(id));
  }
  const store::Ticket originals =
      store::MailLog::queue_originals(tx_, mailbox_.mailbox_id, digests);
  std::optional<store::Ticket> threads;
  if (!thread_ids.empty()) threads = store::MailLog::queue_threads(tx_, thread_ids);
  std::optional<store::MailTargetLookup> targets;
  if (!queries_.empty()) targets.emplace(tx_, queries_);
  std::optional<store::CounterpartyMatcher> matcher;
  if (!clues_.empty()) matcher.emplace(tx_, clues_);
  std::optional<store::SupportSenderLookup> senders;
  if (!sender_clues_.empty()) senders.emplace(tx_, sender_clues_);
  const auto rules = look_up_sender_rules();
  const auto answers = count_answers();
  std::optional<store::EmployeeLookup> responsible;
  if (const std::string& name = mailbox_.settings.responsible; !name.empty())
    responsible.emplace(tx_, name);
  if (auto done = tx_.run(); !done) return done;
  if (responsible) responsible_ = responsible->result();

  judge_senders(rules, answers);
  if (senders) senders_ = senders->results();
  Threads known;
  if (threads) {
    for (store::MailLog::Thread& thread : store::MailLog::threads(tx_, *threads))
      known.emplace(thread.message_id, std::move(thread));
  }
  std::map<Sha256, std::int64_t> first_of;
  for (const auto& [digest, id] : store::MailLog::originals(tx_, originals))
    first_of.emplace(digest, id);
  std::vector<store::MailTarget> found;
  if (targets) {
    auto results = targets->results();
    if (!results) return std::unexpected(results.error());
    found = std::move(*results);
  }
  std::vector<store::CounterpartyMatch> matches;
  if (matcher) matches = matcher->results();

  std::map<std::string, MailCase*> made_here;  // by message id: mails of this batch with a record
  for (MailCase& item : cases_) {
    ReadMail& mail = *item.mail;
    const auto [first, is_first] =
        first_of.try_emplace(mail.incoming.raw.sha256(), mail.incoming.ledger_id);
    if (!is_first && first->second != mail.incoming.ledger_id) {
      end(mail, Outcome::duplicate);
      mail.result.quarantine_reason.reset();
      mail.result.duplicate_of_id = first->second;
      item.kind = MailCase::Kind::ended;
      continue;
    }
    add_bounces(mail);
    if (!mail.result.bounced_message_id.empty() && mail.result.outcome == Outcome::ignored) {
      if (auto linked = link_bounce(mail, known); !linked) return linked;
    }
    if (mail.ended) continue;
    if (item.kind == MailCase::Kind::attach) {
      settle_target(item, found[item.query]);
      note_our_id(item);
    } else if (mail.extraction.may_thread) {
      settle_thread_here(item, made_here);
      if (item.makes_record()) {
        if (auto settled = settle_thread(item, known); !settled) return settled;
      }
    }
    if (item.kind == MailCase::Kind::create) item.counterparty = matches[item.clue];
    if (item.kind != MailCase::Kind::ended && !mail.result.message_id.empty())
      made_here.emplace(mail.result.message_id, &item);
  }
  return {};
}

// A mail of the same batch that this one answers: its record is known only now.
void MailApplication::settle_thread_here(MailCase& item,
                                         const std::map<std::string, MailCase*>& made_here) {
  for (const std::string& id : nearest_ids(*item.mail)) {
    const auto here = made_here.find(id);
    if (here == made_here.end()) continue;
    const MailCase& first = *here->second;
    if (first.kind == MailCase::Kind::attach) {
      attach(item, first.target_id, first.target_kind);
    } else {
      MailCase* maker = first.makes_record() ? here->second : first.thread_of;
      if (!may_attach(item, maker->kind == MailCase::Kind::request)) continue;
      item.as_comment = item.kind == MailCase::Kind::request;
      item.kind = MailCase::Kind::attach_to_new;
      item.thread_of = maker;
    }
    if (!item.makes_record()) return;
  }
}

void MailApplication::settle_target(MailCase& item, const store::MailTarget& target) {
  ReadMail& mail = *item.mail;
  const auto& wanted = *mail.extraction.target;
  const std::string name = (wanted.alias.empty() ? wanted.kind : wanted.alias) + " " + wanted.value;
  const auto refuse = [&](QuarantineReason reason, const std::string& details) {
    item.kind = MailCase::Kind::ended;
    hold(mail, reason, details);
  };
  switch (target.status) {
    case MailTargetStatus::found:
      item.target_id = target.record_id;
      item.target_kind = target.kind;
      return;
    case MailTargetStatus::unknown_alias:
      return refuse(QuarantineReason::unknown_alias,
                    "no enabled activity target is called \"" + wanted.alias + "\"");
    case MailTargetStatus::not_found:
      return refuse(QuarantineReason::target_not_found, "there is no " + name);
    case MailTargetStatus::deleted:
      return refuse(QuarantineReason::target_deleted, name + " is deleted");
    case MailTargetStatus::ambiguous:
      return refuse(QuarantineReason::ambiguous_target, "more than one record is " + name);
  }
}

// The nearest known ancestor whose record still lives; otherwise the mail makes its own record. An
// id of ours names its record itself, others are in the ledger.
Result<void> MailApplication::settle_thread(MailCase& item, const Threads& known) {
  for (const std::string& id : nearest_ids(*item.mail)) {
    const auto thread = known.find(id);
    const auto named = record_of_thread_id(options_.thread_key, id);
    if (!named && thread == known.end()) continue;
    if (auto done = follow(item, named ? *named : thread->second.record_id); !done) return done;
    if (item.makes_record()) continue;
    item.names_our_id = named.has_value();
    return {};
  }
  return {};
}

// A bounce is ignored, and still belongs to the record whose mail came back.
Result<void> MailApplication::link_bounce(ReadMail& mail, const Threads& known) {
  const std::string& id = mail.result.bounced_message_id;
  const auto thread = known.find(id);
  const auto named = record_of_thread_id(options_.thread_key, id);
  if (!named && thread == known.end()) return {};
  auto target = store::follow_merges(tx_, named ? *named : thread->second.record_id);
  if (!target) return std::unexpected(target.error());
  if (target->status == MailTargetStatus::found) mail.result.record_id = target->record_id;
  return {};
}

// A message of ours that will not arrive. Anybody can write a bounce: only who got the message, or
// was to carry it, knows its id.
void MailApplication::add_bounces(const ReadMail& mail) {
  if (mail.failures.empty()) return;
  const auto message = message_of_thread_id(options_.thread_key, mail.result.bounced_message_id);
  if (!message) return;
  for (const parsers::RecipientStatus& failure : mail.failures)
    bounces_.push_back({.message_id = *message,
                        .mail_id = mail.incoming.ledger_id,
                        .recipient = failure.recipient,
                        .no_such_address = denies_address(failure.status),
                        .detail = told_by(failure)});
}

Result<void> MailApplication::follow(MailCase& item, std::int64_t record_id) {
  auto target = store::follow_merges(tx_, record_id);
  if (!target) return std::unexpected(target.error());
  if (target->status == MailTargetStatus::found) attach(item, target->record_id, target->kind);
  return {};
}

// An id of another record of ours says nothing about this one.
void MailApplication::note_our_id(MailCase& item) const {
  item.names_our_id = std::ranges::any_of(nearest_ids(*item.mail), [&](const std::string& id) {
    return record_of_thread_id(options_.thread_key, id) == item.target_id;
  });
}

}  // namespace c360::ingest

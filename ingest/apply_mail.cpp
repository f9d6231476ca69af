// The storing half of an inbox: read mails to records, contacts, activities, documents and the
// ledger's end states. Three round trips for a batch, the caller's commit included:
//   1. what the mails refer to: the same bytes before, threads, targets, counterparties, senders;
//      where some are for the service desk one more for the requests they answer;
//   2. contacts and participants, and ids for everything that will be made;
//   3. all writes.
#include <algorithm>
#include <utility>

#include "ingest/attachments.h"
#include "ingest/mail_application.h"
#include "store/blob.h"

namespace c360::ingest {

using parsers::RuleAction;
using store::NewRecord;
using store::Outcome;

Result<void> MailApplication::run(std::span<ReadMail> mails) {
  sort_out(mails);
  if (auto done = look_up(); !done) return done;
  if (!senders_.empty()) {
    if (auto done = settle_support(); !done) return done;
  }
  if (auto done = prepare(); !done) return done;
  if (auto done = write(); !done) return done;
  std::vector<store::MailResult> results;
  results.reserve(mails.size());
  // Lent and not copied: all that was read of the mails is in them.
  for (ReadMail& mail : mails) results.push_back(std::move(mail.result));
  store::MailLog::queue_finished(tx_, results);
  for (std::size_t i = 0; i < mails.size(); ++i) mails[i].result = std::move(results[i]);
  return {};
}

// Round trip 2.
Result<void> MailApplication::prepare() {
  std::size_t deals = 0;
  std::size_t leads = 0;
  std::size_t requests = 0;
  std::size_t new_contacts = 0;
  std::size_t activities = 0;
  std::size_t documents = 0;
  std::vector<store::ContactClue> contact_clues;
  std::vector<std::vector<std::string>> addresses;
  for (MailCase& item : cases_) {
    ReadMail& mail = *item.mail;
    addresses.emplace_back();
    if (item.keeps_files()) {
      if (auto taken = take_attachments(mail, options_); !taken) return taken;
    }
    if (item.kind == MailCase::Kind::ended) continue;
    // Whatever way a mail took to get here, nothing passes unseen.
    if (options_.scanner && !mail.contents.empty() && !mail.scanned && !mail.released)
      return fail(ErrorCode::unavailable, "an attachment was not looked at by the virus scanner",
                  "not_scanned");
    documents += mail.contents.size();
    const bool create = item.kind == MailCase::Kind::create;
    if (item.kind == MailCase::Kind::request) ++requests;
    if (item.makes_contact) ++new_contacts;
    if (create) (mail.extraction.action == RuleAction::create_lead ? leads : deals) += 1;
    if (create && item.counterparty.counterparty_id) {
      item.contact_lookup = contact_clues.size();
      contact_clues.push_back({*item.counterparty.counterparty_id, contact_of(mail).identity});
    }
    if (!item.has_activity()) continue;
    ++activities;
    const parsers::Message& message = mail.message();
    for (const auto* list : {&message.from, &message.to, &message.cc})
      for (const parsers::Address& address : *list) addresses.back().push_back(address.address);
  }
  const auto allocate = [&](std::string_view kind, std::size_t count) {
    return records_.allocate(tx_, registry_.get(kind), count);
  };
  const store::Allocation deal_ids = allocate("deal", deals);
  const store::Allocation lead_ids = allocate("lead", leads);
  const store::Allocation request_ids = allocate("support_request", requests);
  const store::Allocation contact_ids = allocate("contact", deals + leads + new_contacts);
  const store::Allocation activity_ids = allocate("activity", activities);
  const store::Allocation document_ids = allocate("document", documents);
  std::optional<store::ContactLookup> contacts;
  if (!contact_clues.empty()) contacts.emplace(tx_, contact_clues);
  std::optional<store::ParticipantLookup> participants;
  if (activities > 0) participants.emplace(tx_, addresses);
  const auto senders = look_up_senders();
  if (auto done = tx_.run(); !done) return done;

  grade_links(senders);
  if (contacts) known_contacts_ = contacts->results();
  std::vector<store::Participants> people;
  if (participants) people = participants->results();
  std::vector<store::AllocatedId> new_deals = store::Records::allocated(tx_, deal_ids);
  std::vector<store::AllocatedId> new_leads = store::Records::allocated(tx_, lead_ids);
  std::vector<store::AllocatedId> new_requests = store::Records::allocated(tx_, request_ids);
  contact_ids_ = store::Records::allocated(tx_, contact_ids);
  activity_ids_ = store::Records::allocated(tx_, activity_ids);
  document_ids_ = store::Records::allocated(tx_, document_ids);
  // Taken from the back: the lowest number for the first mail.
  for (auto* ids :
       {&new_deals, &new_leads, &new_requests, &contact_ids_, &activity_ids_, &document_ids_})
    std::ranges::reverse(*ids);
  for (std::size_t i = 0; i < cases_.size(); ++i) {
    MailCase& item = cases_[i];
    if (participants) item.participants = people[i];
    if (item.kind != MailCase::Kind::ended) {
      for (std::size_t file = 0; file < item.mail->contents.size(); ++file)
        item.document_ids.push_back(take(document_ids_));
    }
    if (!item.makes_record()) continue;
    auto& ids = item.kind == MailCase::Kind::request                      ? new_requests
                : item.mail->extraction.action == RuleAction::create_lead ? new_leads
                                                                          : new_deals;
    item.record_id = ids.back().id;
    item.number = ids.back().number;
    ids.pop_back();
  }
  return {};
}

// Round trip 3, up to the commit.
Result<void> MailApplication::write() {
  for (MailCase& item : cases_) {
    if (item.kind != MailCase::Kind::ended) {
      if (auto written = write_one(item); !written) return written;
    }
    if (item.keeps_files()) add_attachments(item);
  }
  if (auto put = put_contents(); !put) return put;
  // The ledger row of a record is there; parents come before children.
  const auto create = [&](std::string_view kind, const std::vector<NewRecord>& records) {
    if (records.empty()) return Result<void>{};
    return records_.create_many(tx_, registry_.get(kind), records, actor_);
  };
  if (auto done = create("lead", leads_); !done) return done;
  if (auto done = create("deal", deals_); !done) return done;
  if (auto done = create("contact", contacts_); !done) return done;
  if (auto done = create("support_request", requests_); !done) return done;
  if (!record_contacts_.empty()) records_.add_record_contacts(tx_, record_contacts_);
  if (auto done = create("activity", activities_); !done) return done;
  store::add_mail_comments(tx_, comments_, actor_);
  if (auto done = store::attach_documents(tx_, records_, documents_, actor_); !done) return done;
  store::MailLog::queue_attachments(tx_, attachments_);
  store::queue_bounces(tx_, bounces_);
  return {};
}

Result<void> MailApplication::write_one(MailCase& item) {
  ReadMail& mail = *item.mail;
  std::int64_t parent = item.makes_record()                          ? item.record_id
                        : item.kind == MailCase::Kind::attach_to_new ? item.thread_of->record_id
                                                                     : item.target_id;
  mail.result.record_id = parent;
  if (item.kind == MailCase::Kind::create) {
    const ContactDraft draft = contact_of(mail);
    add_record(item, draft);
    if (auto written = write_contact(item, draft); !written) return written;
    mail.result.outcome = mail.extraction.action == RuleAction::create_lead ? Outcome::lead_created
                                                                            : Outcome::deal_created;
  } else if (item.kind == MailCase::Kind::request) {
    add_request(item);
    mail.result.outcome = Outcome::support_created;
  } else if (item.as_comment) {
    if (auto written = add_comment(item, parent); !written) return written;
    mail.result.outcome = Outcome::comment_added;
  }
  if (item.has_activity() && !item.as_comment) {
    add_activity(item, parent);
    if (!item.makes_record()) {
      mail.result.outcome = Outcome::activity_added;
      mail.result.record_id = item.activity_id;
    }
  }
  add_documents(item, parent);
  return {};
}

// Small contents travel with the other writes, large ones chunk by chunk before them.
Result<void> MailApplication::put_contents() {
  std::vector<store::BlobContent> small;
  for (const MailCase& item : cases_) {
    if (!item.keeps_files()) continue;
    for (const ReadMail::Content& content : item.mail->contents) {
      if (content.bytes.in_memory()) {
        small.push_back({content.bytes.sha256(), content.bytes.bytes()});
      } else if (auto put = put_raw(tx_, content.bytes); !put) {
        return put;
      }
    }
  }
  if (!small.empty()) store::queue_put_blobs(tx_, small);
  return {};
}

Inboxes::Inboxes(const store::Registry& registry, store::Records& records, RulesInUse rules,
                 InboxOptions options)
    : registry_(registry),
      records_(records),
      options_(std::move(options)),
      rules_(std::make_shared<const RulesInUse>(std::move(rules))) {}

void Inboxes::use_rules(RulesInUse rules) {
  rules_.swap(std::make_shared<const RulesInUse>(std::move(rules)));
}

Result<void> Inboxes::apply(store::Transaction& tx, const MailboxContext& mailbox,
                            std::span<ReadMail> mails) const {
  return MailApplication{tx, registry_, records_, options_, mailbox}.run(mails);
}

}  // namespace c360::ingest

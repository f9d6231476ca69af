// The storing half of an inbox: read mails to records, contacts, activities, documents and the
// ledger's end states. Three round trips for a batch, the caller's commit included:
//   1. what the mails refer to: the same bytes before, threads, targets, counterparties;
//   2. contacts and participants, and ids for everything that will be made;
//   3. all writes.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "daemon/base/text.h"
#include "ingest/inbox.h"
#include "parsers/phone.h"
#include "store/blob.h"
#include "store/operations/attach_documents.h"
#include "store/operations/find_mail_target.h"
#include "store/operations/find_participants.h"
#include "store/operations/match_contact.h"
#include "store/operations/match_counterparty.h"

namespace c360::ingest {

namespace {

using parsers::Extraction;
using parsers::RuleAction;
using store::MailTarget;
using store::MailTargetStatus;
using store::NewRecord;
using store::Outcome;
using store::QuarantineReason;

constexpr std::size_t kThreadIds = 50;  // message ids looked up per mail, the nearest ones

bool creates(RuleAction action) {
  return action == RuleAction::create_deal || action == RuleAction::create_lead;
}

// What one mail turned out to be, and what is known of it before anything is written.
struct Case {
  ReadMail* mail = nullptr;
  enum class Kind { ended, create, attach, attach_to_new } kind = Kind::ended;
  std::size_t clue = 0;        // of creates: index among the counterparty clues
  std::size_t query = 0;       // of mails with a target: index among the queries
  std::int64_t target_id = 0;  // attach
  std::string target_kind;
  Case* thread_of = nullptr;              // attach_to_new: the mail of this batch it answers
  store::CounterpartyMatch counterparty;  // create
  std::size_t contact_lookup = 0;
  std::int64_t record_id = 0;  // create: the deal or lead
  std::int64_t number = 0;
  std::int64_t activity_id = 0;
  store::Participants participants;
};

struct ContactDraft {
  store::ContactIdentity identity;
  std::string phone, position, department;
  bool empty() const {
    return identity.full_name.empty() && identity.email.empty() && phone.empty();
  }
};

std::string sender_domain(const ReadMail& mail) { return to_lower(mail.result.from_domain); }

// One batch on its way into the database.
class Application {
 public:
  Application(store::Transaction& tx, const store::Registry& registry, store::Records& records,
              const InboxOptions& options, const MailboxContext& mailbox)
      : tx_(tx),
        registry_(registry),
        records_(records),
        options_(options),
        mailbox_(mailbox),
        actor_(store::Actor::system("mail")) {}

  Result<void> run(std::span<ReadMail> mails) {
    sort_out(mails);
    if (auto done = look_up(); !done) return done;
    if (auto done = prepare(); !done) return done;
    if (auto done = write(); !done) return done;
    std::vector<store::MailResult> results;
    results.reserve(mails.size());
    for (ReadMail& mail : mails) results.push_back(mail.result);
    store::MailLog::queue_finished(tx_, results);
    return {};
  }

 private:
  void sort_out(std::span<ReadMail> mails);
  Result<void> look_up();
  void settle_target(Case& item, const MailTarget& target);
  static void settle_thread_here(Case& item, const std::map<std::string, Case*>& made_here);
  Result<void> settle_thread(Case& item,
                             const std::map<std::string, store::MailLog::Thread>& known);
  Result<void> prepare();
  Result<void> spool_attachments(ReadMail& mail);
  Result<void> write();
  Result<void> write_contact(Case& item, const ContactDraft& draft);
  Result<void> fill_contact(const store::KnownContact& known, const ContactDraft& draft);
  void add_record(Case& item, const ContactDraft& draft);
  void add_activity(Case& item, std::int64_t parent_id);
  void add_documents(Case& item, std::int64_t parent_id);
  Result<void> put_contents();
  ContactDraft contact_of(const ReadMail& mail) const;
  void set_field(NewRecord& record, const store::Resource& resource, std::string_view field,
                 std::string_view value) const;
  const store::Resource& target_resource(const Case& item) const {
    return registry_.get(item.mail->extraction.action == RuleAction::create_lead ? "lead" : "deal");
  }
  std::int64_t take(std::vector<store::AllocatedId>& ids) {
    const std::int64_t id = ids.back().id;
    ids.pop_back();
    return id;
  }

  store::Transaction& tx_;
  const store::Registry& registry_;
  store::Records& records_;
  const InboxOptions& options_;
  const MailboxContext& mailbox_;
  const store::Actor actor_;

  std::vector<Case> cases_;
  std::vector<store::CounterpartyClue> clues_;
  std::vector<store::MailTargetQuery> queries_;
  std::vector<store::ContactLookup::Found> known_contacts_;
  std::map<std::int64_t, std::vector<store::KnownContact>> batch_contacts_;  // by counterparty
  std::set<std::int64_t> counterparties_with_main_;
  std::vector<store::AllocatedId> contact_ids_, activity_ids_, document_ids_;

  std::vector<NewRecord> deals_, leads_, contacts_, activities_;
  std::vector<store::RecordContact> record_contacts_;
  std::vector<store::NewDocument> documents_;
  std::vector<store::MailLog::AttachmentRow> attachments_;
};

void end(ReadMail& mail, Outcome outcome) {
  mail.result.outcome = outcome;
  mail.ended = true;
}

void hold(ReadMail& mail, QuarantineReason reason, std::string details) {
  end(mail, Outcome::quarantined);
  mail.result.quarantine_reason = reason;
  mail.result.quarantine_details = std::move(details);
}

void Application::sort_out(std::span<ReadMail> mails) {
  cases_.reserve(mails.size());
  for (ReadMail& mail : mails) {
    Case item{.mail = &mail};
    if (!mail.ended) {
      const Extraction& extraction = mail.extraction;
      if (extraction.target) {
        item.kind = Case::Kind::attach;
        item.query = queries_.size();
        queries_.push_back({.kind = extraction.target->kind,
                            .alias = extraction.target->alias,
                            .search_field = extraction.target->search_field,
                            .value = extraction.target->value});
      } else if (creates(extraction.action)) {
        item.kind = Case::Kind::create;
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

// Round trip 1.
Result<void> Application::look_up() {
  std::vector<Sha256> digests;
  std::vector<std::string> thread_ids;
  for (const Case& item : cases_) {
    if (item.mail->result.outcome != Outcome::quarantined || !item.mail->ended)
      digests.push_back(item.mail->incoming.raw.sha256());
    if (item.mail->ended || !item.mail->extraction.may_thread) continue;
    const auto& result = item.mail->result;
    thread_ids.insert(thread_ids.end(), result.in_reply_to.begin(), result.in_reply_to.end());
    const std::size_t skip =
        result.references.size() > kThreadIds ? result.references.size() - kThreadIds : 0;
    thread_ids.insert(thread_ids.end(),
                      result.references.begin() + static_cast<std::ptrdiff_t>(skip),
                      result.references.end());
  }
  const store::Ticket originals =
      store::MailLog::queue_originals(tx_, mailbox_.mailbox_id, digests);
  std::optional<store::Ticket> threads;
  if (!thread_ids.empty()) threads = store::MailLog::queue_threads(tx_, thread_ids);
  std::optional<store::MailTargetLookup> targets;
  if (!queries_.empty()) targets.emplace(tx_, queries_);
  std::optional<store::CounterpartyMatcher> matcher;
  if (!clues_.empty()) matcher.emplace(tx_, clues_);
  if (auto done = tx_.run(); !done) return done;

  std::map<std::string, store::MailLog::Thread> known;
  if (threads) {
    for (store::MailLog::Thread& thread : store::MailLog::threads(tx_, *threads))
      known.emplace(thread.message_id, std::move(thread));
  }
  std::map<Sha256, std::int64_t> first_of;
  for (const auto& [digest, id] : store::MailLog::originals(tx_, originals))
    first_of.emplace(digest, id);
  std::vector<MailTarget> found;
  if (targets) {
    auto results = targets->results();
    if (!results) return std::unexpected(results.error());
    found = std::move(*results);
  }
  std::vector<store::CounterpartyMatch> matches;
  if (matcher) matches = matcher->results();

  std::map<std::string, Case*> made_here;  // by message id: mails of this batch with a record
  for (Case& item : cases_) {
    ReadMail& mail = *item.mail;
    const auto [first, is_first] =
        first_of.try_emplace(mail.incoming.raw.sha256(), mail.incoming.ledger_id);
    if (!is_first && first->second != mail.incoming.ledger_id) {
      end(mail, Outcome::duplicate);
      mail.result.quarantine_reason.reset();
      mail.result.duplicate_of_id = first->second;
      item.kind = Case::Kind::ended;
      continue;
    }
    if (mail.ended) continue;
    if (item.kind == Case::Kind::attach) {
      settle_target(item, found[item.query]);
    } else if (mail.extraction.may_thread) {
      settle_thread_here(item, made_here);
      if (item.kind == Case::Kind::create) {
        if (auto settled = settle_thread(item, known); !settled) return settled;
      }
    }
    if (item.kind == Case::Kind::create) item.counterparty = matches[item.clue];
    if (item.kind != Case::Kind::ended && !mail.result.message_id.empty())
      made_here.emplace(mail.result.message_id, &item);
  }
  return {};
}

// A mail of the same batch that this one answers: its record is known only now.
void Application::settle_thread_here(Case& item, const std::map<std::string, Case*>& made_here) {
  std::vector<std::string> ids = item.mail->result.in_reply_to;
  const auto& references = item.mail->result.references;
  ids.insert(ids.end(), references.rbegin(), references.rend());
  for (const std::string& id : ids) {
    const auto here = made_here.find(id);
    if (here == made_here.end()) continue;
    const Case& first = *here->second;
    if (first.kind == Case::Kind::attach) {
      item.kind = Case::Kind::attach;
      item.target_id = first.target_id;
      item.target_kind = first.target_kind;
    } else {
      item.kind = Case::Kind::attach_to_new;
      item.thread_of = first.kind == Case::Kind::create ? here->second : first.thread_of;
    }
    return;
  }
}

void Application::settle_target(Case& item, const MailTarget& target) {
  ReadMail& mail = *item.mail;
  const auto& wanted = *mail.extraction.target;
  const std::string name = (wanted.alias.empty() ? wanted.kind : wanted.alias) + " " + wanted.value;
  const auto refuse = [&](QuarantineReason reason, const std::string& details) {
    item.kind = Case::Kind::ended;
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

// The nearest known ancestor whose record still lives; otherwise the mail makes its own record.
Result<void> Application::settle_thread(
    Case& item, const std::map<std::string, store::MailLog::Thread>& known) {
  const store::MailResult& result = item.mail->result;
  std::vector<std::string> ids = result.in_reply_to;
  ids.insert(ids.end(), result.references.rbegin(), result.references.rend());
  for (const std::string& id : ids) {
    const auto thread = known.find(id);
    if (thread == known.end()) continue;
    auto target = store::follow_merges(tx_, thread->second.record_id);
    if (!target) return std::unexpected(target.error());
    if (target->status != MailTargetStatus::found) continue;
    item.kind = Case::Kind::attach;
    item.target_id = target->record_id;
    item.target_kind = target->kind;
    return {};
  }
  return {};
}

ContactDraft Application::contact_of(const ReadMail& mail) const {
  const Extraction& extraction = mail.extraction;
  ContactDraft draft{.identity = {.full_name = std::string(extraction.value("contact.full_name")),
                                  .email = std::string(extraction.value("contact.email"))},
                     .phone = std::string(extraction.value("contact.phone")),
                     .position = std::string(extraction.value("contact.position")),
                     .department = std::string(extraction.value("contact.department"))};
  if (const auto phone = parsers::parse_phone(draft.phone, options_.phone_region))
    draft.identity.e164 = phone->e164;
  return draft;
}

// Round trip 2.
Result<void> Application::prepare() {
  std::size_t deals = 0;
  std::size_t leads = 0;
  std::size_t activities = 0;
  std::size_t documents = 0;
  std::vector<store::ContactClue> contact_clues;
  std::vector<std::vector<std::string>> addresses;
  for (Case& item : cases_) {
    ReadMail& mail = *item.mail;
    addresses.emplace_back();
    if (item.kind == Case::Kind::ended) continue;
    if (auto spooled = spool_attachments(mail); !spooled) return spooled;
    documents += mail.contents.size();
    const bool create = item.kind == Case::Kind::create;
    if (create) (mail.extraction.action == RuleAction::create_lead ? leads : deals) += 1;
    if (create && item.counterparty.counterparty_id) {
      item.contact_lookup = contact_clues.size();
      contact_clues.push_back({*item.counterparty.counterparty_id, contact_of(mail).identity});
    }
    if (create && mail.contents.empty()) continue;
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
  const store::Allocation contact_ids = allocate("contact", deals + leads);
  const store::Allocation activity_ids = allocate("activity", activities);
  const store::Allocation document_ids = allocate("document", documents);
  std::optional<store::ContactLookup> contacts;
  if (!contact_clues.empty()) contacts.emplace(tx_, contact_clues);
  std::optional<store::ParticipantLookup> participants;
  if (activities > 0) participants.emplace(tx_, addresses);
  if (auto done = tx_.run(); !done) return done;

  if (contacts) known_contacts_ = contacts->results();
  std::vector<store::Participants> people;
  if (participants) people = participants->results();
  std::vector<store::AllocatedId> new_deals = store::Records::allocated(tx_, deal_ids);
  std::vector<store::AllocatedId> new_leads = store::Records::allocated(tx_, lead_ids);
  contact_ids_ = store::Records::allocated(tx_, contact_ids);
  activity_ids_ = store::Records::allocated(tx_, activity_ids);
  document_ids_ = store::Records::allocated(tx_, document_ids);
  // Taken from the back: the lowest number for the first mail.
  for (auto* ids : {&new_deals, &new_leads, &contact_ids_, &activity_ids_, &document_ids_})
    std::ranges::reverse(*ids);
  for (std::size_t i = 0; i < cases_.size(); ++i) {
    Case& item = cases_[i];
    if (participants) item.participants = people[i];
    if (item.kind != Case::Kind::create) continue;
    auto& ids = item.mail->extraction.action == RuleAction::create_lead ? new_leads : new_deals;
    item.record_id = ids.back().id;
    item.number = ids.back().number;
    ids.pop_back();
  }
  return {};
}

Result<void> Application::spool_attachments(ReadMail& mail) {
  mail.contents.clear();
  const auto& parts = mail.message().parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].is_attachment) continue;
    RawMailWriter writer{options_.spool_folder, options_.spool_bytes};
    if (auto begun = writer.begin(parts[i].size_bytes); !begun) return begun;
    auto read =
        mail.parsed->read_part(i, [&](std::string_view piece) { return writer.write(piece); });
    if (!read) return read;
    mail.contents.push_back({i, writer.finish()});
  }
  return {};
}

// Round trip 3, up to the commit.
Result<void> Application::write() {
  for (Case& item : cases_) {
    ReadMail& mail = *item.mail;
    if (item.kind == Case::Kind::ended) continue;
    std::int64_t parent = item.target_id;
    if (item.kind == Case::Kind::create) {
      const ContactDraft draft = contact_of(mail);
      add_record(item, draft);
      if (auto written = write_contact(item, draft); !written) return written;
      parent = item.record_id;
      mail.result.outcome = mail.extraction.action == RuleAction::create_lead
                                ? Outcome::lead_created
                                : Outcome::deal_created;
      mail.result.record_id = item.record_id;
      if (!mail.contents.empty()) add_activity(item, parent);
    } else {
      if (item.kind == Case::Kind::attach_to_new) parent = item.thread_of->record_id;
      add_activity(item, parent);
      mail.result.outcome = Outcome::activity_added;
      mail.result.record_id = item.activity_id;
    }
    add_documents(item, parent);
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
  if (!record_contacts_.empty()) records_.add_record_contacts(tx_, record_contacts_);
  if (auto done = create("activity", activities_); !done) return done;
  if (auto done = store::attach_documents(tx_, records_, documents_, actor_); !done) return done;
  store::MailLog::queue_attachments(tx_, attachments_);
  return {};
}

// A value of a mail must not cost the mail: what is too long is cut, what the field cannot hold is
// left out. Both stay readable in the ledger's `extracted`.
void Application::set_field(NewRecord& record, const store::Resource& resource,
                            std::string_view name, std::string_view value) const {
  const store::Field* field = resource.find(name);
  if (field == nullptr || value.empty()) return;
  std::string text{trimmed(value)};
  if (text.empty()) return;
  if (field->type == store::FieldType::html) text = html_of_text(text);
  if (field->length_limit > 0 && utf8_length(text) > field->length_limit) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < field->length_limit; ++i) next_code_point(text, at);
    text.resize(at);
  }
  if (field->check != nullptr && field->check(text)) return;
  record.set(field->name, std::move(text));
}

void Application::add_record(Case& item, const ContactDraft& draft) {
  const ReadMail& mail = *item.mail;
  const store::Resource& resource = target_resource(item);
  NewRecord record{.id = item.record_id, .number = item.number};
  for (const parsers::ExtractedValue& value : mail.extraction.values) {
    if (value.field.find('.') != std::string::npos || value.field == "name") continue;
    set_field(record, resource, value.field, value.value);
  }
  // domain.md 1.5: company, contact, address; the store falls back to «Сделка №N».
  std::string_view name = mail.extraction.value("name");
  for (const std::string_view next :
       {mail.extraction.value("company_text"), std::string_view(draft.identity.full_name),
        std::string_view(mail.result.from_address)}) {
    if (trimmed(name).empty()) name = next;
  }
  set_field(record, resource, "name", name);
  set_field(record, resource, "site_email", mail.result.from_address);
  set_field(record, resource, "email_message", mail.message().body.text);
  record.set("date_received", to_rfc3339(mail.date));
  record.set("created_automatically", "true");
  record.set("mail_message_id", std::to_string(mail.incoming.ledger_id));
  if (item.counterparty.counterparty_id)
    record.set("counterparty_id", std::to_string(*item.counterparty.counterparty_id));
  if (!item.counterparty.candidates.empty())
    record.set("match_candidates", item.counterparty.candidates_json());
  (mail.extraction.action == RuleAction::create_lead ? leads_ : deals_)
      .push_back(std::move(record));
}

// domain.md 18.7: known ones are completed, never overwritten; new ones belong to the record and to
// its counterparty. The first of a counterparty without a main contact becomes main.
Result<void> Application::write_contact(Case& item, const ContactDraft& draft) {
  if (draft.empty()) return {};
  const auto counterparty = item.counterparty.counterparty_id;
  if (counterparty) {
    const auto& found = known_contacts_[item.contact_lookup];
    if (found.counterparty_has_main) counterparties_with_main_.insert(*counterparty);
    for (const auto* list : {&found.contacts, &std::as_const(batch_contacts_[*counterparty])}) {
      for (const store::KnownContact& known : *list) {
        if (!store::same_contact(known.identity, draft.identity)) continue;
        record_contacts_.push_back({item.record_id, known.id, true, 0});
        return list == &found.contacts ? fill_contact(known, draft) : Result<void>{};
      }
    }
  }
  const store::Resource& resource = registry_.get("contact");
  const std::int64_t id = take(contact_ids_);
  NewRecord record{.id = id};
  set_field(record, resource, "full_name", draft.identity.full_name);
  set_field(record, resource, "email", draft.identity.email);
  set_field(record, resource, "phone", draft.phone);
  set_field(record, resource, "position", draft.position);
  set_field(record, resource, "department", draft.department);
  if (counterparty) {
    record.set("counterparty_id", std::to_string(*counterparty));
    const bool first = counterparties_with_main_.insert(*counterparty).second;
    record.set("is_main", first ? "true" : "false");
    batch_contacts_[*counterparty].push_back(
        {.id = id, .counterparty_id = *counterparty, .identity = draft.identity});
  }
  contacts_.push_back(std::move(record));
  record_contacts_.push_back({item.record_id, id, true, 0});
  return {};
}

Result<void> Application::fill_contact(const store::KnownContact& known,
                                       const ContactDraft& draft) {
  Json changes;
  const auto fill = [&](std::string name, const std::string& before, const std::string& now) {
    if (before.empty() && !now.empty()) changes.set(std::move(name), Json{now});
  };
  fill("full_name", known.identity.full_name, draft.identity.full_name);
  fill("email", known.identity.email, draft.identity.email);
  fill("phone", known.phone, draft.phone);
  fill("position", known.position, draft.position);
  fill("department", known.department, draft.department);
  if (changes.is_null()) return {};
  auto filled =
      records_.update(tx_, registry_.get("contact"), std::to_string(known.id), changes, actor_,
                      {.profile = store::Profile::draft, .finish = store::Finish::run});
  if (!filled && filled.error().code != ErrorCode::validation_failed)
    return std::unexpected(filled.error());
  return {};
}

void Application::add_activity(Case& item, std::int64_t parent_id) {
  const ReadMail& mail = *item.mail;
  const store::Resource& resource = registry_.get("activity");
  item.activity_id = take(activity_ids_);
  NewRecord record{.id = item.activity_id};
  record.set("parent_record_id", std::to_string(parent_id));
  record.set("type", "email");
  record.set("status", "completed");
  record.set("direction", "in");
  set_field(record, resource, "topic", mail.result.subject);
  if (!mail.message().html.empty()) {
    record.set("text", mail.message().html);  // sanitised by the store
  } else {
    set_field(record, resource, "text", mail.message().body.text);
  }
  record.set("activity_date", to_rfc3339(mail.date));
  record.set("mail_message_id", std::to_string(mail.incoming.ledger_id));
  record.set("participant_user_ids", store::array_literal(item.participants.user_ids));
  record.set("participant_contact_ids", store::array_literal(item.participants.contact_ids));
  if (!item.participants.contact_ids.empty())
    record.set("contact_id", std::to_string(item.participants.contact_ids.front()));
  activities_.push_back(std::move(record));
}

void Application::add_documents(Case& item, std::int64_t parent_id) {
  const ReadMail& mail = *item.mail;
  for (const ReadMail::Content& content : mail.contents) {
    const parsers::Part& part = mail.message().parts[content.part];
    const std::int64_t id = take(document_ids_);
    documents_.push_back({.id = id,
                          .parent_record_id = parent_id,
                          .name = part.file_name,
                          .sha256 = content.bytes.sha256(),
                          .size_bytes = static_cast<std::int64_t>(content.bytes.size()),
                          .media_type = part.media_type,
                          .activity_id = item.activity_id});
    attachments_.push_back({.mail_id = mail.incoming.ledger_id,
                            .part = part.path,
                            .file_name = part.file_name,
                            .mime_type = part.media_type,
                            .detected_type = part.detected_type,
                            .content_id = part.content_id,
                            .size_bytes = static_cast<std::int64_t>(content.bytes.size()),
                            .sha256 = content.bytes.sha256(),
                            .is_inline = part.disposition == "inline",
                            .document_id = id});
  }
}

// Small contents travel with the other writes, large ones chunk by chunk before them.
Result<void> Application::put_contents() {
  std::vector<store::BlobContent> small;
  for (const Case& item : cases_) {
    if (item.kind == Case::Kind::ended) continue;
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

}  // namespace

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
  return Application{tx, registry_, records_, options_, mailbox}.run(mails);
}

}  // namespace c360::ingest

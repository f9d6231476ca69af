// One batch of read mails on its way into the database: apply_mail.cpp has the order of things,
// mail_targets.cpp what the mails refer to, support_mail.cpp what is special about the service
// desk, mail_records.cpp what is written. For these files only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/inbox.h"
#include "store/operations/add_mail_comments.h"
#include "store/operations/attach_documents.h"
#include "store/operations/bounced_messages.h"
#include "store/operations/find_employee.h"
#include "store/operations/find_known_senders.h"
#include "store/operations/find_mail_target.h"
#include "store/operations/find_participants.h"
#include "store/operations/find_sender_rules.h"
#include "store/operations/find_support_requests.h"
#include "store/operations/match_contact.h"
#include "store/operations/match_counterparty.h"

namespace c360::ingest {

// How sure it is that a mail belongs to the record it was attached to.
//   authenticated  our own server proves the sender's domain, and he has to do with the record
//   known_sender   he has to do with the record, or answers what only we could have sent him
//   claimed        anybody could have written it: it is shown, and changes nothing else
enum class LinkGrade : std::uint8_t { authenticated, known_sender, claimed };
std::string_view to_string(LinkGrade grade);

// `knows_address`: the address is one of the record's people; `knows_domain`: its domain is the
// customer's.
LinkGrade link_grade(parsers::SenderProof proof, bool knows_address, bool knows_domain,
                     bool names_our_id);

// What one mail turned out to be, and what is known of it before anything is written.
struct MailCase {
  ReadMail* mail = nullptr;
  // create: a deal or lead; request: a support request; attach: to a record there is;
  // attach_to_new: to what another mail of this batch makes.
  enum class Kind { ended, create, request, attach, attach_to_new } kind = Kind::ended;
  bool as_comment = false;     // attach: a comment, not an e-mail activity
  std::size_t clue = 0;        // of creates: index among the counterparty clues
  std::size_t query = 0;       // of mails with a target: index among the queries
  std::int64_t target_id = 0;  // attach
  std::string target_kind;
  MailCase* thread_of = nullptr;          // attach_to_new: the mail of this batch it answers
  store::CounterpartyMatch counterparty;  // create
  std::size_t contact_lookup = 0;
  std::int64_t record_id = 0;  // of what it makes: deal, lead or support request
  std::int64_t number = 0;
  std::int64_t activity_id = 0;
  std::vector<std::int64_t> document_ids;  // of ReadMail::contents, in their order
  store::Participants participants;
  bool allowed = false;       // a sender rule or a person lets him pass
  bool names_our_id = false;  // it answers an id of this record that only we make
  // attach, attach_to_new: how sure it is who wrote it; none yet while it is not looked up.
  std::optional<LinkGrade> grade;

  // Mail to the service desk.
  std::size_t sender_clue = 0;
  const store::SupportSender* sender = nullptr;
  std::int64_t customer_id = 0;
  bool is_internal = false;  // the customer is our own organisation
  store::SupportInitiator initiator;
  bool makes_contact = false;     // the initiator is a new contact of the customer
  std::string first_line;         // the group that gets a new request
  std::int64_t continues_id = 0;  // the request closed long ago that this mail answers
  std::string next_status;        // of the request it belongs to; empty: it stays

  bool makes_record() const { return kind == Kind::create || kind == Kind::request; }
  bool has_activity() const { return kind != Kind::ended && (!makes_record() || has_files()); }
  bool has_files() const { return !mail->contents.empty(); }
  // Also of a mail that made nothing: whoever decides about it sees its files.
  bool keeps_files() const {
    return kind != Kind::ended ||
           (mail->parsed && mail->result.outcome != store::Outcome::duplicate &&
            mail->result.quarantine_reason != store::QuarantineReason::attachment_blocked);
  }
};

struct ContactDraft {
  store::ContactIdentity identity;
  std::string phone, position, department;
  bool empty() const {
    return identity.full_name.empty() && identity.email.empty() && phone.empty();
  }
};

// Lives for one transaction; the batch and everything referred to outlive it.
class MailApplication {
 public:
  MailApplication(store::Transaction& tx, const store::Registry& registry, store::Records& records,
                  const InboxOptions& options, const MailboxContext& mailbox)
      : tx_(tx),
        registry_(registry),
        records_(records),
        options_(options),
        mailbox_(mailbox),
        actor_(store::Actor::system("mail")) {}

  // Queues everything; the last round trip is the caller's commit.
  Result<void> run(std::span<ReadMail> mails);

 private:
  using Threads = std::map<std::string, store::MailLog::Thread>;  // by message id

  void sort_out(std::span<ReadMail> mails);
  void add_sender_clue(MailCase& item);
  Result<void> look_up();
  Result<void> link_bounce(ReadMail& mail, const Threads& known);
  void add_bounces(const ReadMail& mail);
  std::optional<store::SenderRuleLookup> look_up_sender_rules();
  std::optional<store::AnswerCount> count_answers();
  void judge_senders(const std::optional<store::SenderRuleLookup>& rules,
                     const std::optional<store::AnswerCount>& answers);
  static void obey(MailCase& item, const store::SenderRule& rule);
  void stop_loop(MailCase& item, std::int64_t answers);
  void settle_target(MailCase& item, const store::MailTarget& target);
  static void settle_thread_here(MailCase& item, const std::map<std::string, MailCase*>& made_here);
  Result<void> settle_thread(MailCase& item, const Threads& known);
  Result<void> follow(MailCase& item, std::int64_t record_id);
  void note_our_id(MailCase& item) const;
  Result<void> settle_support();
  void grade_answer(MailCase& item, std::int64_t customer_id);
  std::optional<store::KnownSenderLookup> look_up_senders();
  void grade_links(const std::optional<store::KnownSenderLookup>& lookup);
  void settle_request(MailCase& item);
  void settle_reply(MailCase& item, const store::SupportRequestState* request);
  Result<void> write_one(MailCase& item);
  Result<void> prepare();
  Result<void> write();
  Result<void> write_contact(MailCase& item, const ContactDraft& draft);
  Result<void> fill_contact(const store::KnownContact& known, const ContactDraft& draft);
  void set_responsible(store::NewRecord& record, std::string_view field) const;
  void add_record(MailCase& item, const ContactDraft& draft);
  void add_request(MailCase& item);
  std::int64_t add_sender_contact(MailCase& item);
  Result<void> add_comment(MailCase& item, std::int64_t parent_id);
  void add_activity(MailCase& item, std::int64_t parent_id);
  std::string rich_text(const MailCase& item, const store::Field& field) const;
  void add_documents(MailCase& item, std::int64_t parent_id);
  void add_attachments(const MailCase& item);
  Result<void> put_contents();
  ContactDraft contact_of(const ReadMail& mail) const;
  void set_field(store::NewRecord& record, const store::Resource& resource, std::string_view field,
                 std::string_view value) const;
  const store::Resource& target_resource(const MailCase& item) const;

  store::Transaction& tx_;
  const store::Registry& registry_;
  store::Records& records_;
  const InboxOptions& options_;
  const MailboxContext& mailbox_;
  const store::Actor actor_;

  std::optional<std::int64_t> responsible_;  // of what the mailbox makes
  std::vector<MailCase> cases_;
  std::vector<store::CounterpartyClue> clues_;
  std::vector<store::SupportSenderClue> sender_clues_;
  std::vector<store::SupportSender> senders_;
  std::vector<store::MailTargetQuery> queries_;
  std::vector<store::ContactLookup::Found> known_contacts_;
  std::map<std::int64_t, std::vector<store::KnownContact>> batch_contacts_;  // by counterparty
  std::set<std::int64_t> counterparties_with_main_;
  std::map<std::string, std::int64_t> sender_contacts_;  // made for senders that were let in
  std::vector<store::AllocatedId> contact_ids_, activity_ids_, document_ids_;

  std::vector<store::NewRecord> deals_, leads_, requests_, contacts_, activities_;
  std::vector<store::MailComment> comments_;
  std::vector<store::RecordContact> record_contacts_;
  std::vector<store::NewDocument> documents_;
  std::vector<store::MailLog::AttachmentRow> attachments_;
  std::vector<store::BouncedMessage> bounces_;
};

std::int64_t take(std::vector<store::AllocatedId>& ids);

// What a comment says: the mail, and the names of its files, which lie beside it as documents.
std::string comment_text(const MailCase& item, std::string html);

// The mail has come to its end.
void end(ReadMail& mail, store::Outcome outcome);
void hold(ReadMail& mail, store::QuarantineReason reason, std::string details);

}  // namespace c360::ingest

// How sure it is who wrote a mail that belongs to a record there was: by what our own server says
// of the sender, and by whether the record knows him.
#include "daemon/base/text.h"
#include "ingest/mail_application.h"

namespace c360::ingest {

using parsers::SenderProof;

std::string_view to_string(LinkGrade grade) {
  switch (grade) {
    case LinkGrade::authenticated:
      return "authenticated";
    case LinkGrade::known_sender:
      return "known_sender";
    case LinkGrade::claimed:
      return "claimed";
  }
  return {};
}

LinkGrade link_grade(SenderProof proof, bool knows_address, bool knows_domain, bool names_our_id) {
  // A domain says something only where it is proven: anybody can write it.
  if (proof == SenderProof::pass && (knows_address || knows_domain || names_our_id))
    return LinkGrade::authenticated;
  // Forwarding breaks proofs; who has an id of ours got our mail.
  if (names_our_id) return LinkGrade::known_sender;
  if (knows_address && proof != SenderProof::fail) return LinkGrade::known_sender;
  return LinkGrade::claimed;
}

// Queued: whether each mail's sender has to do with the record it goes to.
std::optional<store::KnownSenderLookup> MailApplication::look_up_senders() {
  std::vector<store::SenderOfRecord> senders;
  for (const MailCase& item : cases_)
    if (item.kind == MailCase::Kind::attach && !item.grade)
      senders.push_back({.email = item.mail->result.from_address, .record_id = item.target_id});
  if (senders.empty()) return std::nullopt;
  return store::KnownSenderLookup{tx_, senders};
}

void MailApplication::grade_links(const std::optional<store::KnownSenderLookup>& lookup) {
  std::vector<bool> known;
  if (lookup) known = lookup->results();
  std::size_t next = 0;
  for (MailCase& item : cases_) {
    const store::MailResult& result = item.mail->result;
    bool knows = false;
    if (item.kind == MailCase::Kind::attach && !item.grade) {
      knows = known[next++];
    } else if (item.kind == MailCase::Kind::attach_to_new) {
      const ReadMail& first = *item.thread_of->mail;
      knows = equal_ignoring_case(result.from_address, first.result.from_address) ||
              equal_ignoring_case(result.from_address, first.extraction.value("contact.email"));
    }
    if (item.kind == MailCase::Kind::attach || item.kind == MailCase::Kind::attach_to_new) {
      if (!item.grade) item.grade = link_grade(item.mail->proof, knows, false, item.names_our_id);
      item.mail->result.link_grade = to_string(*item.grade);
    }
  }
}

}  // namespace c360::ingest

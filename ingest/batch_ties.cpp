#include "ingest/batch_ties.h"

#include <algorithm>

#include "daemon/base/digest.h"
#include "daemon/base/text.h"

namespace c360::ingest {
namespace {

using parsers::RuleAction;
using Words = std::unordered_set<std::string>;

bool stands_alone(const ReadMail& mail) {
  if (mail.ended) return mail.result.bounced_message_id.empty();
  const RuleAction action = mail.extraction.action;
  const bool creates = action == RuleAction::create_deal || action == RuleAction::create_lead;
  const bool answers = !mail.result.in_reply_to.empty() || !mail.result.references.empty();
  return creates && !mail.extraction.target && !answers;
}

void add(Words& words, std::string_view word) {
  if (!word.empty()) words.insert(to_lower(word));
}

bool disjoint(const Words& a, const Words& b) {
  const Words& few = a.size() < b.size() ? a : b;
  const Words& many = &few == &a ? b : a;
  return std::ranges::none_of(few, [&](const std::string& word) { return many.contains(word); });
}

void add_ties(BatchTies& ties, const ReadMail& mail) {
  ties.stands_alone = ties.stands_alone && stands_alone(mail);
  ties.contents.emplace(as_bytes_view(mail.incoming.raw.sha256()));
  if (!mail.result.message_id.empty()) ties.message_ids.insert(mail.result.message_id);
  ties.answered.insert(mail.result.in_reply_to.begin(), mail.result.in_reply_to.end());
  ties.answered.insert(mail.result.references.begin(), mail.result.references.end());
  add(ties.addresses, mail.result.from_address);
  if (mail.parsed) {  // participants of an activity
    const parsers::Message& message = mail.message();
    for (const auto* list : {&message.to, &message.cc})
      for (const parsers::Address& address : *list) add(ties.addresses, address.address);
  }
  const std::string_view contact = mail.extraction.value("contact.email");
  add(ties.addresses, contact);
  add(ties.contacts, contact);
  if (mail.extraction.action == RuleAction::create_support)
    add(ties.contacts, mail.result.from_address);
}

}  // namespace

BatchTies ties_of(const ReadBatch& batch) {
  BatchTies ties;
  ties.is_known = batch.suspects.empty() && batch.given_up.empty();
  for (const ReadMail& mail : batch.mails) add_ties(ties, mail);
  return ties;
}

// Both directions: the earlier one may come second.
bool may_overtake(const BatchTies& later, const BatchTies& earlier) {
  return later.is_known && earlier.is_known && later.stands_alone &&
         disjoint(later.contents, earlier.contents) &&
         disjoint(later.message_ids, earlier.answered) &&
         disjoint(later.addresses, earlier.contacts) && disjoint(later.contacts, earlier.addresses);
}

}  // namespace c360::ingest

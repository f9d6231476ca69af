// Mail to the service desk (domain.md 18.8): whose request it is, and what an answer does to the
// request it belongs to. The round trip between looking up and preparing, made only where a batch
// holds such mail.
#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "ingest/mail_application.h"

namespace c360::ingest {

using store::QuarantineReason;
using store::SupportRequestState;

namespace {

constexpr std::string_view kRequestKind = "support_request";
constexpr std::size_t kSubjectBytes = 1000;

bool is_reply(const MailCase& item) {
  return item.as_comment && item.kind == MailCase::Kind::attach && item.target_kind == kRequestKind;
}

bool answers_new_request(const MailCase& item) {
  return item.as_comment && item.kind == MailCase::Kind::attach_to_new;
}

// At the customer of the request; of another record wherever the sender is a contact.
std::optional<std::int64_t> contact_of_sender(const MailCase& item) {
  if (item.customer_id != 0) {
    const auto* customer = item.sender->customer(item.customer_id);
    return customer == nullptr ? std::nullopt : customer->contact_id;
  }
  for (const auto& customer : item.sender->customers)
    if (customer.contact_id) return customer.contact_id;
  return std::nullopt;
}

void refuse(MailCase& item, QuarantineReason reason, std::string details) {
  item.kind = MailCase::Kind::ended;
  hold(*item.mail, reason, std::move(details));
}

}  // namespace

std::string comment_text(const MailCase& item, std::string html) {
  std::string files;
  for (const ReadMail::Content& content : item.mail->contents) {
    const parsers::Part& part = item.mail->message().parts[content.part];
    if (!part.is_inline) files += "<li>" + html_of_text(part.file_name) + "</li>";
  }
  if (!files.empty()) html += "<ul>" + files + "</ul>";
  if (trimmed(html).empty()) html = html_of_text(item.mail->result.subject);
  if (trimmed(html).empty()) html = html_of_text(item.mail->result.from_address);
  return html;
}

Result<void> MailApplication::settle_support() {
  std::vector<std::int64_t> requests;
  std::vector<std::int64_t> customers;
  for (MailCase& item : cases_) {
    if (item.mail->ended) continue;
    if (item.as_comment || item.kind == MailCase::Kind::request)
      item.sender = &senders_[item.sender_clue];
    // What it answers was held: it is a request of its own.
    if (answers_new_request(item) && item.thread_of->kind == MailCase::Kind::ended) {
      item.kind = MailCase::Kind::request;
      item.as_comment = false;
    }
    if (item.kind == MailCase::Kind::request) settle_request(item);
    if (answers_new_request(item)) {
      item.customer_id = item.thread_of->customer_id;
      if (item.sender->user_id || item.sender->belongs_to(item.customer_id))
        grade_answer(item, item.customer_id);
      else
        refuse(item, QuarantineReason::unknown_sender,
               item.mail->result.from_address +
                   " is neither staff nor of the customer whose request the mail answers");
    }
    if (item.kind == MailCase::Kind::request) customers.push_back(item.customer_id);
    if (is_reply(item)) requests.push_back(item.target_id);
  }
  if (requests.empty() && customers.empty()) return {};
  const store::SupportRequestLookup lookup{tx_, requests, customers};
  if (auto done = tx_.run(); !done) return done;
  const auto states = lookup.requests();
  const auto lines = lookup.first_lines();
  for (MailCase& item : cases_) {
    if (is_reply(item)) {
      const auto state = states.find(item.target_id);
      settle_reply(item, state == states.end() ? nullptr : &state->second);
    }
    if (item.kind != MailCase::Kind::request) continue;
    if (const auto line = lines.find(item.customer_id); line != lines.end())
      item.first_line = line->second;
  }
  return {};
}

// Nobody we know has no request; a person decides.
void MailApplication::settle_request(MailCase& item) {
  const std::string& address = item.mail->result.from_address;
  const store::SupportCustomer found = store::support_customer(*item.sender);
  if (found.ambiguous)
    return refuse(item, QuarantineReason::ambiguous_target,
                  address + " is known at more than one customer");
  if (found.customer == nullptr && item.allowed) {
    if (const auto* customer = store::only_customer_by_domain(*item.sender)) {
      item.customer_id = customer->id;
      item.is_internal = customer->is_default;
      item.makes_contact = true;
      return;
    }
  }
  if (found.customer == nullptr)
    return refuse(item, QuarantineReason::unknown_sender,
                  address + " is neither a contact nor a portal user of a customer");
  item.customer_id = found.customer->id;
  item.is_internal = found.customer->is_default;
  item.initiator = store::support_initiator(*item.sender, item.customer_id);
}

void MailApplication::grade_answer(MailCase& item, std::int64_t customer_id) {
  const auto* customer = item.sender->customer(customer_id);
  const bool known = item.sender->user_id || (customer != nullptr && customer->knows_sender());
  item.grade = link_grade(item.mail->proof, known, customer != nullptr && customer->by_domain,
                          item.names_our_id);
}

void MailApplication::settle_reply(MailCase& item, const SupportRequestState* request) {
  if (request == nullptr)  // deleted between two round trips
    return refuse(item, QuarantineReason::target_deleted, "the support request is deleted");
  const bool staff = item.sender->user_id.has_value();
  if (!staff && !item.sender->belongs_to(request->counterparty_id))
    return refuse(item, QuarantineReason::unknown_sender,
                  item.mail->result.from_address + " is neither staff nor of the customer of SD-" +
                      std::to_string(request->number));
  item.customer_id = request->counterparty_id;
  grade_answer(item, request->counterparty_id);
  if (staff) return;                             // what we write ourselves waits for nobody
  if (item.grade == LinkGrade::claimed) return;  // shown, and no more: anybody can write a number
  if (request->status == "clarification") {
    item.next_status = request->returns_to;
  } else if (request->status == "closed") {
    const auto closed_for = item.mail->incoming.fetched_at - request->closed_at.value_or(Instant{});
    if (closed_for <= mailbox_.settings.reopen_within) {
      item.next_status = "first_line";
      return;
    }
    item.kind = MailCase::Kind::request;
    item.as_comment = false;
    item.continues_id = item.target_id;
    item.initiator = store::support_initiator(*item.sender, item.customer_id);
    if (item.initiator.empty()) item.initiator = request->initiator;
  }
}

void MailApplication::add_request(MailCase& item) {
  const ReadMail& mail = *item.mail;
  const store::Resource& resource = registry_.get(kRequestKind);
  store::NewRecord record{.id = item.record_id, .number = item.number};
  for (const parsers::ExtractedValue& value : mail.extraction.values) {
    if (value.field.find('.') == std::string::npos)
      set_field(record, resource, value.field, value.value);
  }
  const std::string& address = mail.result.from_address;
  const std::string& name = mail.result.from_name;
  const std::string_view body = trimmed(mail.message().body.text);
  const std::string_view first_line = body.substr(0, body.find('\n'));
  std::string_view subject = trimmed(mail.result.subject);
  for (const std::string_view next : {first_line, std::string_view(address)})
    if (subject.empty()) subject = next;
  set_field(record, resource, "subject", utf8_prefix(subject, kSubjectBytes));
  set_field(record, resource, "author", name.empty() ? address : name + " <" + address + ">");
  std::string content = rich_text(item, resource.field("content"));
  if (trimmed(content).empty()) content = html_of_text(subject);
  record.set("content", std::move(content));
  set_field(record, resource, "content_text", body);
  const auto set_id = [&](std::string_view field, std::optional<std::int64_t> id) {
    if (id) record.set(field, std::to_string(*id));
  };
  set_id("counterparty_id", item.customer_id);
  set_id("initiator_user_id", item.initiator.user_id);
  set_id("initiator_contact_id", item.initiator.contact_id);
  set_id("initiator_account_id", item.initiator.account_id);
  if (item.makes_contact) set_id("initiator_contact_id", add_sender_contact(item));
  if (item.continues_id != 0) set_id("continues_id", item.continues_id);
  record.set("channel", item.is_internal ? "internal" : "external");
  if (!item.first_line.empty()) record.set("assignee_group_id", item.first_line);
  set_responsible(record, "assignee_user_id");
  record.set("date_received", to_rfc3339(mail.date));
  record.set("created_automatically", "true");
  set_id("mail_message_id", mail.incoming.ledger_id);
  requests_.push_back(std::move(record));
  if (item.initiator.contact_id)
    record_contacts_.push_back({item.record_id, *item.initiator.contact_id, true, 0});
}

// Somebody of the customer whom nobody has entered yet, and whom a sender rule lets in.
std::int64_t MailApplication::add_sender_contact(MailCase& item) {
  const store::MailResult& result = item.mail->result;
  const store::Resource& resource = registry_.get("contact");
  const auto [known, is_new] = sender_contacts_.try_emplace(to_lower(result.from_address), 0);
  if (!is_new) {
    record_contacts_.push_back({item.record_id, known->second, true, 0});
    return known->second;
  }
  const std::int64_t id = known->second = take(contact_ids_);
  store::NewRecord record{.id = id};
  set_field(record, resource, "full_name", result.from_name);
  set_field(record, resource, "email", result.from_address);
  record.set("counterparty_id", std::to_string(item.customer_id));
  contacts_.push_back(std::move(record));
  record_contacts_.push_back({item.record_id, id, true, 0});
  return id;
}

// A comment in the sender's name, unless his own domain disowns the mail; and what an answer does
// to the request.
Result<void> MailApplication::add_comment(MailCase& item, std::int64_t parent_id) {
  add_activity(item, parent_id);
  store::MailComment comment{.activity_id = item.activity_id};
  if (item.mail->proof != parsers::SenderProof::fail) {
    comment.author_user_id = item.sender->user_id;
    if (!comment.author_user_id) comment.author_contact_id = contact_of_sender(item);
  }
  comments_.push_back(comment);
  if (item.next_status.empty()) return {};
  Json change;
  change.set("status", Json{item.next_status});
  auto changed =
      records_.update(tx_, registry_.get(kRequestKind), std::to_string(parent_id), change, actor_,
                      {.profile = store::Profile::draft, .finish = store::Finish::run});
  if (!changed) return std::unexpected(changed.error());
  return {};
}

}  // namespace c360::ingest

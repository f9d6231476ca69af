// What is written of a mail: the record, its contact, the activity and the attachments.
#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "ingest/mail_application.h"
#include "parsers/html_sanitizer.h"
#include "parsers/phone.h"

namespace c360::ingest {

using parsers::Extraction;
using parsers::RuleAction;
using store::NewRecord;

std::int64_t take(std::vector<store::AllocatedId>& ids) {
  const std::int64_t id = ids.back().id;
  ids.pop_back();
  return id;
}

const store::Resource& MailApplication::target_resource(const MailCase& item) const {
  return registry_.get(item.mail->extraction.action == RuleAction::create_lead ? "lead" : "deal");
}

ContactDraft MailApplication::contact_of(const ReadMail& mail) const {
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

// A value of a mail must not cost the mail: what is too long is cut, what the field cannot hold is
// left out. Both stay readable in the ledger's `extracted`.
void MailApplication::set_field(NewRecord& record, const store::Resource& resource,
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

// Who the mailbox says, unless its rule says who.
void MailApplication::set_responsible(NewRecord& record, std::string_view field) const {
  const bool said = std::ranges::any_of(record.values, [&](const NewRecord::Value& value) {
    return value.field == field && value.text;
  });
  if (responsible_ && !said) record.set(field, std::to_string(*responsible_));
}

void MailApplication::add_record(MailCase& item, const ContactDraft& draft) {
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
  set_responsible(record, "responsible_id");
  if (item.counterparty.counterparty_id)
    record.set("counterparty_id", std::to_string(*item.counterparty.counterparty_id));
  if (!item.counterparty.candidates.empty())
    record.set("match_candidates", item.counterparty.candidates_json());
  (mail.extraction.action == RuleAction::create_lead ? leads_ : deals_)
      .push_back(std::move(record));
}

// domain.md 18.7: known ones are completed, never overwritten; new ones belong to the record and to
// its counterparty. The first of a counterparty without a main contact becomes main.
Result<void> MailApplication::write_contact(MailCase& item, const ContactDraft& draft) {
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

Result<void> MailApplication::fill_contact(const store::KnownContact& known,
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

// The mail as HTML: its own, with pictures that lie inside it shown from their documents, else its
// text. What would not fit becomes text and is cut: a mail must not be lost for its length.
std::string MailApplication::rich_text(const MailCase& item, const store::Field& field) const {
  constexpr std::size_t kLongestEscape = 6;  // &quot;
  const parsers::Message& message = item.mail->message();
  const bool fits = utf8_length(message.html) <= field.length_limit / 2;  // cleaning may add to it
  if (message.html.empty() || !fits)
    return html_of_text(
        trimmed(utf8_prefix(message.body.text, field.length_limit / kLongestEscape)));
  const auto& contents = item.mail->contents;
  std::map<std::string, std::int64_t, std::less<>> pictures;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const parsers::Part& part = message.parts[contents[i].part];
    if (!part.content_id.empty()) pictures.emplace(part.content_id, item.document_ids[i]);
  }
  if (pictures.empty()) return message.html;  // cleaned by the store
  const parsers::SanitizerOptions options{.cid_url = [&](std::string_view id) {
    const auto found = pictures.find(id);
    return found == pictures.end() ? std::string{} : document_url(found->second);
  }};
  return parsers::sanitize_html(message.html, options).html;
}

void MailApplication::add_activity(MailCase& item, std::int64_t parent_id) {
  const ReadMail& mail = *item.mail;
  const store::Resource& resource = registry_.get("activity");
  item.activity_id = take(activity_ids_);
  NewRecord record{.id = item.activity_id};
  record.set("parent_record_id", std::to_string(parent_id));
  record.set("type", item.as_comment ? "comment" : "email");
  record.set("status", item.as_comment ? "created" : "completed");
  if (!item.as_comment) record.set("direction", "in");
  set_field(record, resource, "topic", mail.result.subject);
  std::string text = rich_text(item, resource.field("text"));
  if (item.as_comment) text = comment_text(item, std::move(text));
  if (!text.empty()) record.set("text", std::move(text));
  record.set("activity_date", to_rfc3339(mail.date));
  record.set("mail_message_id", std::to_string(mail.incoming.ledger_id));
  if (item.grade) record.set("link_grade", std::string(to_string(*item.grade)));
  set_responsible(record, "responsible_id");
  record.set("participant_user_ids", store::array_literal(item.participants.user_ids));
  record.set("participant_contact_ids", store::array_literal(item.participants.contact_ids));
  if (!item.participants.contact_ids.empty())
    record.set("contact_id", std::to_string(item.participants.contact_ids.front()));
  activities_.push_back(std::move(record));
}

void MailApplication::add_documents(MailCase& item, std::int64_t parent_id) {
  const ReadMail& mail = *item.mail;
  const auto activity = item.activity_id == 0 ? std::nullopt : std::optional(item.activity_id);
  for (std::size_t i = 0; i < mail.contents.size(); ++i) {
    const ReadMail::Content& content = mail.contents[i];
    const parsers::Part& part = mail.message().parts[content.part];
    documents_.push_back({.id = item.document_ids[i],
                          .parent_record_id = parent_id,
                          .name = part.file_name,
                          .sha256 = content.bytes.sha256(),
                          .size_bytes = static_cast<std::int64_t>(content.bytes.size()),
                          .media_type = part.media_type,
                          .activity_id = activity});
  }
}

void MailApplication::add_attachments(const MailCase& item) {
  const ReadMail& mail = *item.mail;
  for (std::size_t i = 0; i < mail.contents.size(); ++i) {
    const ReadMail::Content& content = mail.contents[i];
    const parsers::Part& part = mail.message().parts[content.part];
    const bool is_document = i < item.document_ids.size();
    attachments_.push_back(
        {.mail_id = mail.incoming.ledger_id,
         .part = part.path,
         .file_name = part.file_name,
         .mime_type = part.media_type,
         .detected_type = part.detected_type,
         .content_id = part.content_id,
         .size_bytes = static_cast<std::int64_t>(content.bytes.size()),
         .sha256 = content.bytes.sha256(),
         .is_inline = part.disposition == "inline",
         .document_id = is_document ? std::optional(item.document_ids[i]) : std::nullopt});
  }
}

}  // namespace c360::ingest

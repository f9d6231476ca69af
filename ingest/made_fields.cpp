#include "ingest/made_fields.h"

#include <algorithm>
#include <utility>

#include "daemon/base/clock.h"
#include "daemon/base/text.h"

namespace c360::ingest {

namespace {

using parsers::ExtractedValue;
using parsers::Extraction;
using parsers::ValueSource;
using Record = store::KeptMail::Record;

constexpr std::string_view kContact = "contact.";
constexpr std::string_view kRequest = "support_request";

class FieldTable {
 public:
  FieldTable(const store::KeptMail& mail, const Extraction& extraction,
             const parsers::Message& message, const parsers::PreparedText& text)
      : mail_(mail), extraction_(extraction), message_(message), text_(text) {}

  std::vector<MadeField> make() {
    const Record* made = nullptr;
    for (const Record& record : mail_.records)
      if (record.kind == "deal" || record.kind == "lead" || record.kind == kRequest) made = &record;
    extracted(made);
    if (made != nullptr) made->kind == kRequest ? support_request(*made) : opportunity(*made);
    for (const Record& record : mail_.records) {
      if (record.kind == "activity") activity(record);
      if (record.kind == "comment") comment(record);
    }
    std::erase_if(fields_, [&](const MadeField& field) {
      return made != nullptr && field.record_id == made->id && !has(*made, field.value.field);
    });
    return std::move(fields_);
  }

 private:
  // An heir of what the mail made has what came along by the merge.
  static bool has(const Record& record, std::string_view field) {
    return !record.taken_over ||
           std::ranges::find(*record.taken_over, field) != record.taken_over->end();
  }
  MadeField& add(const Record& record, ExtractedValue value, std::string source = {}) {
    fields_.push_back({.record_kind = record.kind,
                       .record_id = record.id,
                       .value = std::move(value),
                       .source = std::move(source)});
    return fields_.back();
  }
  void constant(const Record& record, std::string field, std::string value,
                std::string source = "program") {
    ExtractedValue made;
    made.field = std::move(field);
    made.value = std::move(value);
    made.source = ValueSource::derived;
    add(record, std::move(made), std::move(source));
  }

  // What the rule found: of the deal or lead, of its contact, or only kept ("form.…").
  void extracted(const Record* made) {
    for (const ExtractedValue& value : extraction_.values) {
      MadeField field{.value = value};
      if (made != nullptr && value.field.starts_with(kContact)) {
        field.record_kind = "contact";
      } else if (made != nullptr && !value.field.contains('.') && value.field != "name" &&
                 has(*made, value.field)) {
        field.record_kind = made->kind;
        field.record_id = made->id;
      }
      fields_.push_back(std::move(field));
    }
  }

  void opportunity(const Record& record) {
    name(record);
    constant(record, "created_automatically", "true");
    constant(record, "mail_message_id", std::to_string(mail_.id));
    if (record.counterparty_id)
      constant(record, "counterparty_id", std::to_string(*record.counterparty_id), "match");
    if (!mail_.from_address.empty()) add(record, from_address("site_email"));
    whole(record, "email_message");
    date(record, "date_received");
  }

  void activity(const Record& record) {
    const bool of_comment = mail_.outcome == "comment_added";
    constant(record, "type", of_comment ? "comment" : "email");
    if (!of_comment) {
      constant(record, "status", "completed");
      constant(record, "direction", "in");
    }
    constant(record, "mail_message_id", std::to_string(mail_.id));
    parent(record, "parent_record_id");
    subject(record, "topic");
    whole(record, "text");
    date(record, "activity_date");
  }

  void support_request(const Record& record) {
    constant(record, "created_automatically", "true");
    constant(record, "mail_message_id", std::to_string(mail_.id));
    if (record.counterparty_id)
      constant(record, "counterparty_id", std::to_string(*record.counterparty_id), "match");
    subject(record, "subject");
    author(record);
    whole(record, "content_text");
    date(record, "date_received");
  }

  void comment(const Record& record) {
    constant(record, "source", "mail");
    constant(record, "mail_message_id", std::to_string(mail_.id));
    parent(record, "record_id");
    whole(record, "text");
  }

  void author(const Record& record) {
    if (mail_.from_address.empty()) return;
    ExtractedValue value = from_address("author");
    if (!mail_.from_name.empty()) {
      value.value = mail_.from_name + " <" + mail_.from_address + ">";
      value.transformations.emplace_back("with_name");
    }
    add(record, std::move(value));
  }

  void subject(const Record& record, std::string field) {
    ExtractedValue value;
    value.field = std::move(field);
    value.source = ValueSource::subject;
    value.raw = text_.subject;
    value.value = trimmed(message_.subject);
    value.prepared = {0, text_.subject.size()};
    if (!value.value.empty()) add(record, std::move(value));
  }

  // By the number or alias in the subject, by the thread, or the record this mail made itself.
  void parent(const Record& record, std::string field) {
    if (!record.parent_id) return;
    ExtractedValue parent;
    parent.field = std::move(field);
    parent.value = std::to_string(*record.parent_id);
    if (!extraction_.target) {
      parent.source = ValueSource::derived;
      add(record, std::move(parent), "match");
      return;
    }
    if (extraction_.target->search_field == "id") {
      parent.source = ValueSource::derived;
      add(record, std::move(parent), "person");
      return;
    }
    parent.source = ValueSource::subject;
    parent.raw = extraction_.target->value;
    parent.prepared = extraction_.target->subject;
    parent.transformations.emplace_back("record_lookup");
    add(record, std::move(parent));
  }

  // domain.md 1.5.
  void name(const Record& record) {
    for (const std::string_view source : {"name", "company_text", "contact.full_name"}) {
      const ExtractedValue* found = extraction_.find(source);
      if (found == nullptr || trimmed(found->value).empty()) continue;
      ExtractedValue copy = *found;
      copy.field = "name";
      if (source != "name") copy.transformations.push_back("copy_of_" + std::string(source));
      add(record, std::move(copy));
      return;
    }
    if (mail_.from_address.empty()) return constant(record, "name", "");
    add(record, from_address("name"));
  }

  ExtractedValue from_address(std::string field) const {
    ExtractedValue value;
    value.field = std::move(field);
    value.value = value.raw = mail_.from_address;
    value.source = ValueSource::from_address;
    return value;
  }

  void whole(const Record& record, std::string field) {
    if (message_.body.text.empty() && message_.html.empty()) return;
    ExtractedValue value;
    value.field = std::move(field);
    value.part = message_.body.part;
    value.prepared = {0, text_.text.size()};
    std::string_view made = message_.body.from_html ? "html_to_text" : "decoded";
    if (value.field == "text") made = message_.html.empty() ? "escaped_html" : "sanitised_html";
    value.transformations.emplace_back(made);
    add(record, std::move(value)).whole = true;
  }

  void date(const Record& record, std::string field) {
    if (!mail_.sent_at) return;
    ExtractedValue value;
    value.field = std::move(field);
    value.value = to_rfc3339(*mail_.sent_at);
    value.source = ValueSource::derived;
    if (mail_.date_source != "header") {
      add(record, std::move(value), mail_.date_source == "internal" ? "server" : "fetch");
      return;
    }
    value.source = ValueSource::header;
    value.header = "Date";
    if (const auto* header = parsers::find_header(message_, "Date")) value.raw = header->body;
    value.transformations.emplace_back("utc");
    add(record, std::move(value));
  }

  const store::KeptMail& mail_;
  const Extraction& extraction_;
  const parsers::Message& message_;
  const parsers::PreparedText& text_;
  std::vector<MadeField> fields_;
};

}  // namespace

std::vector<MadeField> made_fields(const store::KeptMail& mail, const Extraction& extraction,
                                   const parsers::Message& message,
                                   const parsers::PreparedText& text) {
  return FieldTable(mail, extraction, message, text).make();
}

}  // namespace c360::ingest

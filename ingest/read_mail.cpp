// The pure half of an inbox: raw mail and rules to what the mail says and asks for.
#include <algorithm>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "ingest/inbox.h"
#include "parsers/bounce.h"
#include "parsers/mail_date.h"
#include "parsers/special_formats.h"
#include "store/blob.h"

namespace c360::ingest {

namespace {

using parsers::Message;

std::string addresses_json(const std::vector<parsers::Address>& addresses) {
  JsonWriter json;
  json.begin_array();
  for (const parsers::Address& address : addresses)
    json.begin_object()
        .member("name", address.name)
        .member("address", address.address)
        .end_object();
  json.end_array();
  return json.take();
}

void fill_ledger_fields(ReadMail& mail, const MailboxSettings& settings) {
  const Message& message = mail.message();
  store::MailResult& result = mail.result;
  result.message_id = message.message_id;
  result.in_reply_to = message.in_reply_to;
  result.references = message.references;
  if (!message.from.empty()) {
    result.from_name = message.from.front().name;
    result.from_address = message.from.front().address;
    result.from_domain = message.from.front().domain();
  }
  if (!message.reply_to.empty()) result.reply_to = message.reply_to.front().address;
  result.to_json = addresses_json(message.to);
  result.cc_json = addresses_json(message.cc);
  result.subject = message.subject;
  result.body_text = message.body.text;
  result.body_html = message.html;
  result.charset = message.body.charset;
  result.is_auto_generated = message.is_auto_reply || message.is_list;
  result.is_bounce = message.is_bounce;
  result.special_formats = parsers::special_formats(message);
  const auto results = parsers::read_authentication_results(message, settings.authserv_id);
  result.auth_results_json = parsers::to_json(results);
  mail.proof = results.proof;
}

// Only of mails that look like an answer or a forward: the others are many.
void split_quotes(ReadMail& mail) {
  const Message& message = mail.message();
  const std::string& text = message.body.text;
  const bool may_quote = !message.in_reply_to.empty() || !message.references.empty() ||
                         parsers::subject_kind(message.subject) != parsers::QuoteKind::none ||
                         text.contains("\n>") || text.contains("\n--");
  if (!may_quote) return;
  mail.extraction.reply = parsers::split_reply(text, message.subject);
  mail.extraction.original_sender = parsers::original_sender(text, mail.extraction.reply);
}

void end_in_quarantine(ReadMail& mail, store::QuarantineReason reason, std::string details) {
  mail.result.outcome = store::Outcome::quarantined;
  mail.result.quarantine_reason = reason;
  mail.result.quarantine_details = std::move(details);
  mail.ended = true;
}

// What the rules decided without looking at the database.
void settle(ReadMail& mail) {
  using parsers::RuleAction;
  const parsers::Extraction& extraction = mail.extraction;
  if (extraction.action == RuleAction::ignore) {
    mail.result.outcome = store::Outcome::ignored;
    mail.ended = true;
  } else if (extraction.action == RuleAction::quarantine) {
    end_in_quarantine(
        mail,
        store::quarantine_reason_from(extraction.reason).value_or(store::QuarantineReason::no_rule),
        "rule " + extraction.rule);
  }
}

// A person said: process it as it is. In a CRM mailbox that makes what the mailbox makes, in a
// support mailbox a request.
void let_pass(parsers::Extraction& extraction, const MailboxSettings& settings,
              const store::MailResult& sender) {
  using parsers::RuleAction;
  const bool stopped =
      extraction.action == RuleAction::ignore || extraction.action == RuleAction::quarantine;
  if (!stopped || settings.kind == MailboxKind::activity) return;
  extraction.reason.clear();
  if (settings.kind == MailboxKind::support) {
    extraction.action = RuleAction::create_support;
    return;
  }
  extraction.action =
      settings.target == MailTarget::lead ? RuleAction::create_lead : RuleAction::create_deal;
  const auto known = [&](std::string_view field, const std::string& value,
                         parsers::ValueSource source) {
    if (value.empty() || extraction.find(field) != nullptr) return;
    extraction.values.push_back(
        {.field = std::string(field), .value = value, .raw = value, .source = source});
  };
  known("contact.full_name", sender.from_name, parsers::ValueSource::from_name);
  known("contact.email", sender.from_address, parsers::ValueSource::from_address);
}

}  // namespace

std::string document_url(std::int64_t document_id) {
  return "/api/v1/documents/" + std::to_string(document_id) + "/content";
}

std::string html_of_text(std::string_view text) {
  std::string html;
  html.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\n':
        html += "<br>";
        break;
      case '\r':
        break;
      default:
        html += c;
    }
  }
  return html;
}

ReadMail Inboxes::read(IncomingMail mail, const MailboxSettings& settings,
                       const ReadOptions& options) const {
  return read(std::move(mail), settings, *rules_.get(), options);
}

ReadMail Inboxes::read(IncomingMail incoming, const MailboxSettings& settings,
                       const RulesInUse& rules, const ReadOptions& options) const {
  ReadMail mail;
  mail.incoming = std::move(incoming);
  mail.result.id = mail.incoming.ledger_id;
  if (rules.version != 0) mail.result.rule_set_version = rules.version;

  const RawMail& raw = mail.incoming.raw;
  auto parsed = raw.in_memory() ? Result<parsers::ParsedMail>(parsers::read_mail(raw.bytes()))
                                : parsers::read_mail_file(raw.descriptor());
  if (!parsed) {
    end_in_quarantine(mail, store::QuarantineReason::parse_error, parsed.error().detail);
    return mail;
  }
  mail.parsed = std::make_unique<parsers::ParsedMail>(std::move(*parsed));
  fill_ledger_fields(mail, settings);
  const parsers::ChosenDate chosen = parsers::choose_date(
      mail.message().date, mail.incoming.internal_date, mail.incoming.fetched_at);
  mail.date = chosen.instant;
  mail.result.sent_at = chosen.instant;
  mail.result.date_source = to_string(chosen.source);

  parsers::MatchOptions match{.target = settings.target == MailTarget::lead
                                            ? parsers::CreateTarget::lead
                                            : parsers::CreateTarget::deal,
                              .own_addresses = settings.own_addresses,
                              .trace = options.trace};
  if (options.released) {
    Message& message = mail.parsed->message();
    message.is_auto_reply = message.is_bounce = message.is_list = false;
    match.own_addresses.clear();
  }
  if (const auto codes = options_.directories ? options_.directories->current() : nullptr) {
    match.known_value = [codes](std::string_view kind, std::string_view field,
                                std::string_view value) {
      return codes->may_store(kind, field, value);
    };
  }
  if (mail.result.is_bounce) {
    mail.result.bounced_message_id = parsers::returned_message_id(*mail.parsed);
    mail.failures = parsers::reported_recipients(*mail.parsed);
    std::erase_if(mail.failures, [](const auto& status) { return status.action != "failed"; });
  }
  mail.released = options.released;
  mail.text = parsers::prepare(mail.message());
  mail.extraction =
      parsers::match(*rules.rules, settings.rules_name(), mail.message(), mail.text, match);
  split_quotes(mail);
  if (options.released) let_pass(mail.extraction, settings, mail.result);
  mail.result.rule_id = mail.extraction.rule;
  mail.result.extracted_json = parsers::to_json(mail.extraction);
  settle(mail);
  return mail;
}

Result<RawMail> load_raw(store::Database& database, const Sha256& sha256,
                         const std::string& spool_folder, std::size_t spool_bytes) {
  auto tx = database.begin(store::Pool::work, store::TxMode::read_only);
  if (!tx) return std::unexpected(tx.error());
  RawMailWriter writer{spool_folder, spool_bytes};
  if (auto begun = writer.begin(0); !begun) return std::unexpected(begun.error());
  auto streamed =
      store::stream_blob(*tx, sha256, [&](std::string_view piece) { return writer.write(piece); });
  if (!streamed) return std::unexpected(streamed.error());
  return writer.finish();
}

Result<void> put_raw(store::Transaction& tx, const RawMail& raw) {
  std::uint64_t at = 0;
  const auto reader = [&](std::span<char> into) -> Result<std::size_t> {
    auto got = raw.read_at(at, into);
    if (got) at += *got;
    return got;
  };
  auto put = store::put_blob_stream(tx, reader, raw.sha256());
  if (!put) return std::unexpected(put.error());
  return {};
}

}  // namespace c360::ingest

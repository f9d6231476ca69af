#include "ingest/dry_run.h"

#include <vector>

namespace c360::ingest {

namespace {

using parsers::ExtractedValue;
using parsers::Extraction;
using parsers::RuleAction;

constexpr std::size_t kNearestRules = 5;

Json number(std::size_t value) { return Json{static_cast<std::int64_t>(value)}; }

Json value_json(const ExtractedValue& value) {
  Json json{Json::Object{}};
  json.set("field", value.field).set("value", value.value).set("raw", value.raw);
  json.set("source", to_string(value.source));
  if (!value.header.empty()) json.set("header", value.header);
  if (!value.part.empty()) json.set("part", value.part);
  Json span{Json::Object{}};
  span.set("begin", number(value.prepared.begin)).set("end", number(value.prepared.end));
  json.set("span", std::move(span));
  Json::Array transformations(value.transformations.begin(), value.transformations.end());
  json.set("transformations", std::move(transformations));
  if (!value.rejected.empty()) json.set("rejected", value.rejected);
  return json;
}

Json values_json(const std::vector<ExtractedValue>& values) {
  Json::Array array;
  for (const ExtractedValue& value : values) array.push_back(value_json(value));
  return array;
}

std::string_view outcome_of(const ReadMail& mail) {
  if (mail.ended) return store::to_string(mail.result.outcome);
  switch (mail.extraction.action) {
    case RuleAction::create_deal:
      return store::to_string(store::Outcome::deal_created);
    case RuleAction::create_lead:
      return store::to_string(store::Outcome::lead_created);
    case RuleAction::create_support:
      return store::to_string(store::Outcome::support_created);
    case RuleAction::add_comment:
      return store::to_string(store::Outcome::comment_added);
    default:
      return store::to_string(store::Outcome::activity_added);
  }
}

Json rule_json(const Extraction& extraction) {
  Json rule{Json::Object{}};
  rule.set("set", extraction.rule_set_version).set("sha256", to_hex(extraction.rule_set_sha256));
  rule.set("name", extraction.rule).set("built_in", extraction.built_in);
  return rule;
}

Json effect_json(const Extraction& extraction) {
  Json fields{Json::Object{}};
  for (const ExtractedValue& value : extraction.values) fields.set(value.field, value.value);
  Json effect{Json::Object{}};
  effect.set("kind", extraction.action == RuleAction::create_support ? "support_request"
                     : extraction.action == RuleAction::create_lead  ? "lead"
                                                                     : "deal");
  return effect.set("fields", std::move(fields));
}

Json target_json(const parsers::TargetReference& target) {
  Json json{Json::Object{}};
  return json.set("kind", target.kind)
      .set("alias", target.alias)
      .set("search_field", target.search_field)
      .set("value", target.value);
}

Json nearest_json(const std::vector<parsers::RuleTrace>& trace) {
  Json::Array nearest;
  for (const parsers::RuleTrace& rule : parsers::nearest_rules(trace, kNearestRules)) {
    Json json{Json::Object{}};
    json.set("rule", rule.rule).set("condition", rule.condition).set("detail", rule.detail);
    json.set("conditions_met", rule.conditions_met).set("conditions", rule.conditions);
    nearest.push_back(std::move(json));
  }
  return nearest;
}

Json mail_json(const ReadMail& mail) {
  const parsers::Message& message = mail.message();
  Json json{Json::Object{}};
  json.set("message_id", message.message_id).set("subject", message.subject);
  json.set("from", mail.result.from_address);
  json.set("date", to_rfc3339(mail.date)).set("date_source", mail.result.date_source);
  json.set("charset", message.body.charset);
  json.set("charset_path", parsers::to_string(message.body.charset_path));
  Json::Array attachments;
  for (const parsers::Part& part : message.parts) {
    if (!part.is_attachment) continue;
    Json attachment{Json::Object{}};
    attachment.set("part", part.path).set("file_name", part.file_name);
    attachment.set("media_type", part.media_type).set("detected_type", part.detected_type);
    attachment.set("size_bytes", number(part.size_bytes)).set("sha256", to_hex(part.sha256));
    attachments.push_back(std::move(attachment));
  }
  json.set("attachments", std::move(attachments));
  json.set("truncations", Json::Array(message.truncations.begin(), message.truncations.end()));
  return json;
}

}  // namespace

Result<Json> dry_run(const RulesInUse& rules, const Inboxes& inboxes, std::string_view kind,
                     std::string raw_mail, const MailboxSettings& settings, Instant now) {
  if (rules.rules->find(kind) == nullptr)
    return fail(ErrorCode::invalid_request,
                "there are no rules for mailboxes of kind \"" + std::string(kind) +
                    "\"; known kinds are those of the rule files in use",
                "unknown_mailbox_kind");
  if (raw_mail.empty())
    return fail(ErrorCode::malformed_message, "the mail is empty; send a whole .eml file");
  const ReadMail mail = inboxes.read({.raw = RawMail{std::move(raw_mail)}, .fetched_at = now},
                                     settings, rules, {.trace = true});
  if (!mail.parsed) return fail(ErrorCode::malformed_message, mail.result.quarantine_details);
  const Extraction& extraction = mail.extraction;
  Json answer{Json::Object{}};
  answer.set("outcome", outcome_of(mail));
  std::string reason = extraction.reason;
  if (mail.result.quarantine_reason) reason = store::to_string(*mail.result.quarantine_reason);
  if (!reason.empty()) answer.set("reason", reason);
  answer.set("rule", rule_json(extraction));
  answer.set("values", values_json(extraction.values));
  answer.set("rejected", values_json(extraction.rejected));
  if (!mail.ended && !extraction.target) answer.set("effect", effect_json(extraction));
  if (extraction.target) answer.set("target", target_json(*extraction.target));
  answer.set("nearest", nearest_json(extraction.trace));
  answer.set("mail", mail_json(mail));
  return answer;
}

}  // namespace c360::ingest

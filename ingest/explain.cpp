#include "ingest/explain.h"

#include <algorithm>
#include <string>
#include <vector>

#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "ingest/made_fields.h"
#include "parsers/mail_source.h"
#include "parsers/raw_place.h"
#include "parsers/rule_reader.h"

namespace c360::ingest {

namespace {

using parsers::ExtractedValue;
using parsers::Extraction;
using parsers::Span;
using parsers::ValueSource;

constexpr std::size_t kNearestRules = 10;

Json number(std::size_t value) { return Json{static_cast<std::int64_t>(value)}; }
Json text_or_null(std::string_view text) { return text.empty() ? Json{} : Json{text}; }
template <typename Value>
Json number_or_null(const std::optional<Value>& value) {
  return value ? Json{*value} : Json{};
}

Json span_json(Span span) {
  Json json{Json::Object{}};
  return json.set("begin", number(span.begin)).set("end", number(span.end));
}

Json mail_json(const store::KeptMail& mail) {
  Json json{Json::Object{}};
  json.set("id", mail.id).set("mailbox", mail.mailbox).set("mailbox_kind", mail.mailbox_kind);
  json.set("folder", mail.folder).set("uidvalidity", mail.uidvalidity).set("uid", mail.uid);
  json.set("message_id", text_or_null(mail.message_id)).set("subject", text_or_null(mail.subject));
  json.set("from_name", text_or_null(mail.from_name));
  json.set("from_address", text_or_null(mail.from_address));
  json.set("date", mail.sent_at ? Json{to_rfc3339(*mail.sent_at)} : Json{});
  json.set("date_source", text_or_null(mail.date_source));
  return json.set("size_bytes", mail.raw_sha256 ? Json{mail.size_bytes} : Json{});
}

Json outcome_json(const store::KeptMail& mail) {
  Json set;
  if (mail.rule_set_version) {
    set = Json{Json::Object{}};
    set.set("version", *mail.rule_set_version).set("sha256", mail.rule_set_sha256);
  }
  Json record;
  if (mail.record_id) {
    record = Json{Json::Object{}};
    record.set("kind", mail.record_kind).set("id", *mail.record_id);
  }
  Json quarantine;
  if (mail.quarantine) {
    quarantine = Json{Json::Object{}};
    quarantine.set("id", mail.quarantine->id).set("reason", mail.quarantine->reason);
    quarantine.set("details", mail.quarantine->details).set("status", mail.quarantine->status);
  }
  Json json{Json::Object{}};
  json.set("state", mail.state).set("code", text_or_null(mail.outcome));
  json.set("rule", text_or_null(mail.rule)).set("rule_set", std::move(set));
  json.set("record", std::move(record));
  json.set("duplicate_of_id", number_or_null(mail.duplicate_of_id));
  return json.set("quarantine", std::move(quarantine));
}

// Whether the mail became a record, or part of one.
bool made_something(const store::KeptMail& mail) {
  return mail.outcome.ends_with("_created") || mail.outcome.ends_with("_added");
}

bool was_released(const store::KeptMail& mail) {
  return mail.quarantine && mail.quarantine->status == "released";
}

// What kept the mail from becoming a record: how far it came.
std::string_view stage_of(const store::KeptMail& mail) {
  if (mail.state != "done") return "pending";
  if (mail.outcome == "vanished") return "listing";
  if (mail.outcome == "duplicate") return "duplicate";
  if (mail.outcome == "ignored" && mail.quarantine && mail.quarantine->status == "rejected")
    return "person";
  if (!mail.raw_sha256) return mail.outcome == "ignored" ? "listing" : "fetching";
  if (!mail.quarantine || mail.outcome != "quarantined") return "rules";
  const std::string_view reason = mail.quarantine->reason;
  if (reason == "parse_error" || reason == "charset_error") return "reading";
  if (reason == "too_many_retries") return "storing";
  const bool rule_said = mail.quarantine->details == "rule " + mail.rule;
  return reason == "no_rule" || reason == "empty_body" || rule_said ? "rules" : "target";
}

std::string reason_of(const store::KeptMail& mail) {
  if (mail.outcome == "quarantined" && mail.quarantine) return mail.quarantine->reason;
  if (!mail.outcome.empty()) return mail.outcome;
  return mail.error.empty() ? mail.state : "temporary_failure";
}

std::string detail_of(const store::KeptMail& mail) {
  if (mail.outcome == "quarantined" && mail.quarantine) return mail.quarantine->details;
  if (mail.outcome == "duplicate" && mail.duplicate_of_id)
    return "the same bytes came before as mail " + std::to_string(*mail.duplicate_of_id);
  if (mail.outcome == "vanished") return "it left the mailbox before it could be fetched";
  if (mail.outcome == "ignored") {
    const std::string by = "the rule \"" + mail.rule + "\" ignores it";
    const bool person = mail.quarantine && !mail.quarantine->resolution.empty();
    return person ? by + ": " + mail.quarantine->resolution : by;
  }
  return mail.error;
}

Json nearest_json(const std::vector<parsers::RuleTrace>& trace) {
  Json::Array nearest;
  for (const parsers::RuleTrace& rule : parsers::nearest_rules(trace, kNearestRules)) {
    Json json{Json::Object{}};
    json.set("rule", rule.rule).set("reached", rule.reached);
    json.set("condition", rule.condition).set("detail", rule.detail);
    json.set("conditions_met", rule.conditions_met).set("conditions", rule.conditions);
    nearest.push_back(std::move(json));
  }
  return nearest;
}

// The first rule behind the one that decided which the mail meets as well.
std::string would_match(const std::vector<parsers::RuleTrace>& trace) {
  for (const parsers::RuleTrace& rule : trace)
    if (rule.matched && !rule.reached) return rule.rule;
  return {};
}

Json why_not_json(const store::KeptMail& mail, const std::vector<parsers::RuleTrace>& trace) {
  if (made_something(mail)) return {};
  Json json{Json::Object{}};
  json.set("stage", stage_of(mail)).set("reason", reason_of(mail));
  json.set("detail", detail_of(mail)).set("rule", text_or_null(mail.rule));
  json.set("would_match", text_or_null(would_match(trace)));
  return json.set("nearest", nearest_json(trace));
}

// One mail read again.
class Rereading {
 public:
  Rereading(const store::KeptMail& mail, parsers::ParsedMail parsed, parsers::MailSource source)
      : mail_(mail), parsed_(std::move(parsed)), source_(source), places_(parsed_, source_) {
    parsers::Message& message = parsed_.message();
    // As read() does with a mail that a person let pass.
    if (was_released(mail)) message.is_auto_reply = message.is_bounce = message.is_list = false;
    text_ = parsers::prepare(message);
  }
  Rereading(const Rereading&) = delete;
  Rereading& operator=(const Rereading&) = delete;

  // Through the rules of that time, with what was known of the world then: it is in what was kept.
  Extraction match(const parsers::RuleSet& rules, const Extraction& kept) const {
    const parsers::Message& message = parsed_.message();
    parsers::MatchOptions options{.trace = true};
    const bool lead = mail_.outcome.empty() || !made_something(mail_)
                          ? mail_.mailbox_target == "lead"
                          : mail_.outcome == "lead_created";
    if (lead) options.target = parsers::CreateTarget::lead;
    if (mail_.rule == parsers::kOwnAddressRule)
      for (const parsers::Address& from : message.from)
        options.own_addresses.push_back(from.address);
    options.known_value = [&kept](std::string_view, std::string_view field,
                                  std::string_view value) {
      return std::ranges::none_of(kept.rejected, [&](const ExtractedValue& one) {
        return one.rejected == "unknown_value" && one.field == field && one.value == value;
      });
    };
    const std::string& name = kept.rules.empty() ? mail_.mailbox_kind : kept.rules;
    return parsers::match(rules, name, message, text_, options);
  }

  Json text_json() const {
    const parsers::Message& message = parsed_.message();
    Json json{Json::Object{}};
    json.set("subject", text_.subject).set("body", text_.text);
    json.set("part", text_or_null(message.body.part));
    const auto part = std::ranges::find(message.parts, message.body.part, &parsers::Part::path);
    const bool known = part != message.parts.end();
    json.set("media_type", known ? Json{part->media_type} : Json{});
    json.set("transfer_encoding", known ? text_or_null(part->transfer_encoding) : Json{});
    json.set("charset", text_or_null(message.body.charset));
    json.set("charset_path", known ? Json{to_string(message.body.charset_path)} : Json{});
    json.set("from_html", message.body.from_html);
    return json.set("truncated", text_.truncated || !message.truncations.empty());
  }

  Result<Json> field_json(const MadeField& field) {
    const ExtractedValue& value = field.value;
    Json json{Json::Object{}};
    json.set("record_kind", text_or_null(field.record_kind));
    json.set("record_id", field.record_id == 0 ? Json{} : Json{field.record_id});
    json.set("field", value.field).set("value", field.whole ? Json{} : Json{value.value});
    json.set("raw", text_or_null(value.raw));
    json.set("source", field.source.empty() ? Json{to_string(value.source)} : Json{field.source});
    json.set("header", text_or_null(header_of(value)));
    json.set("rule", text_or_null(mail_.rule));
    json.set("rule_set_version", number_or_null(mail_.rule_set_version));
    json.set("mail_message_id", mail_.id).set("part", text_or_null(value.part));
    json.set("prepared", prepared_json(field));
    if (auto placed = set_place(field, json); !placed) return std::unexpected(placed.error());
    const bool body = !value.part.empty() && value.part == message().body.part;
    json.set("charset", body ? Json{message().body.charset} : Json{});
    json.set("charset_path", body ? Json{to_string(message().body.charset_path)} : Json{});
    Json::Array steps(value.transformations.begin(), value.transformations.end());
    json.set("transformations", std::move(steps));
    if (!value.rejected.empty()) json.set("rejected", value.rejected);
    return json;
  }

  Result<Json> target_json(const parsers::TargetReference& target) {
    Json json{Json::Object{}};
    json.set("kind", text_or_null(target.kind)).set("alias", text_or_null(target.alias));
    json.set("search_field", text_or_null(target.search_field)).set("value", target.value);
    MadeField field;
    field.value.source = ValueSource::subject;
    field.value.raw = target.value;
    field.value.prepared = target.subject;
    json.set("prepared", prepared_json(field));
    if (auto placed = set_place(field, json); !placed) return std::unexpected(placed.error());
    return json;
  }

  const parsers::Message& message() const { return parsed_.message(); }
  const parsers::PreparedText& text() const { return text_; }

 private:
  static std::string header_of(const ExtractedValue& value) {
    if (value.source == ValueSource::subject) return "Subject";
    const bool from =
        value.source == ValueSource::from_name || value.source == ValueSource::from_address;
    return from ? "From" : value.header;
  }

  // Only where the text read today has the value there: what is marked is what was read.
  Json prepared_json(const MadeField& field) const {
    const Span span = field.value.prepared;
    const bool subject = field.value.source == ValueSource::subject;
    const std::string& text = subject ? text_.subject : text_.text;
    if (span.begin >= span.end || span.end > text.size()) return {};
    const bool there = field.whole || std::string_view(text).substr(
                                          span.begin, span.end - span.begin) == raw_of(field.value);
    if (!there) return {};
    Json json{Json::Object{}};
    json.set("in", subject ? "subject" : "body");
    return json.set("begin", number(span.begin)).set("end", number(span.end));
  }

  // The bounds of a range are kept with the range's own words as `raw`, unless they are the same.
  static std::string_view raw_of(const ExtractedValue& value) {
    return value.raw.empty() ? std::string_view(value.value) : std::string_view(value.raw);
  }

  Result<void> set_place(const MadeField& field, Json& json) {
    parsers::RawPlace place;
    if (!field.source.empty()) {
      place.reason = "constant";
    } else if (field.whole) {
      place = whole_part(field.value.part);
    } else {
      auto found = places_.of(field.value);
      if (!found) return std::unexpected(found.error());
      place = *found;
    }
    Json raw;
    if (place.span) {
      raw = span_json(*place.span);
      raw.set("exact", place.exact);
    }
    json.set("raw_mail", std::move(raw)).set("raw_mail_reason", text_or_null(place.reason));
    return {};
  }

  parsers::RawPlace whole_part(std::string_view path) const {
    const auto part = std::ranges::find(message().parts, path, &parsers::Part::path);
    if (part == message().parts.end()) return {.reason = "not_found"};
    return {.span = part->raw, .reason = "whole_part"};
  }

  const store::KeptMail& mail_;
  parsers::ParsedMail parsed_;
  parsers::MailSource source_;
  parsers::RawPlaces places_;
  parsers::PreparedText text_;
};

// A released mail was kept with what was added to let it pass.
bool same_values(const Extraction& kept, const Extraction& again, bool released) {
  if (kept.rule != again.rule) return false;
  if (!released && kept.values.size() != again.values.size()) return false;
  return std::ranges::all_of(again.values, [&](const ExtractedValue& value) {
    const ExtractedValue* before = kept.find(value.field);
    return before != nullptr && before->value == value.value;
  });
}

Result<Json> fields_json(Rereading& reading, const std::vector<MadeField>& fields) {
  Json::Array array;
  for (const MadeField& field : fields) {
    auto json = reading.field_json(field);
    if (!json) return json;
    array.push_back(std::move(*json));
  }
  return array;
}

Json records_json(const store::KeptMail& mail) {
  Json::Array records;
  for (const store::KeptMail::Record& record : mail.records) {
    Json json{Json::Object{}};
    json.set("kind", record.kind).set("id", record.id);
    records.push_back(std::move(json));
  }
  return records;
}

Result<parsers::ParsedMail> parse(const RawMail& raw) {
  if (raw.in_memory()) return parsers::read_mail(raw.bytes());
  return parsers::read_mail_file(raw.descriptor());
}

// The part of an explanation that needs the raw mail.
Result<void> explain_reading(const store::KeptMail& mail, const RawMail& raw,
                             const parsers::RuleSet* rules, Json& json) {
  auto parsed = parse(raw);
  if (!parsed) return std::unexpected(parsed.error());
  Rereading reading(mail, std::move(*parsed),
                    raw.in_memory()
                        ? parsers::MailSource(raw.bytes())
                        : parsers::MailSource(raw.descriptor(), std::size_t(raw.size())));
  auto kept = parsers::extraction_from_json(mail.extracted_json);
  if (!kept) return std::unexpected(kept.error());
  json.set("rules", text_or_null(kept->rules));
  if (auto extracted = Json::parse(mail.extracted_json); extracted && extracted->is_object())
    if (const Json* reply = extracted->find("reply")) json.set("reply", *reply);
  std::vector<parsers::RuleTrace> trace;
  if (rules != nullptr) {
    Extraction again = reading.match(*rules, *kept);
    trace = std::move(again.trace);
    if (!kept->rule.empty()) json.set("reproduced", same_values(*kept, again, was_released(mail)));
  }
  json.set("text", reading.text_json());
  auto fields = fields_json(reading, made_fields(mail, *kept, reading.message(), reading.text()));
  if (!fields) return std::unexpected(fields.error());
  json.set("fields", std::move(*fields));
  std::vector<MadeField> rejected;
  for (ExtractedValue& value : kept->rejected) rejected.push_back({.value = std::move(value)});
  auto unusable = fields_json(reading, rejected);
  if (!unusable) return std::unexpected(unusable.error());
  json.set("unusable", std::move(*unusable));
  if (kept->target) {
    auto target = reading.target_json(*kept->target);
    if (!target) return std::unexpected(target.error());
    json.set("target", std::move(*target));
  }
  json.set("why_not", why_not_json(mail, trace));
  return {};
}

}  // namespace

Result<Json> explanation(const store::KeptMail& mail, const RawMail* raw,
                         const parsers::RuleSet* rules, std::string_view rules_missing) {
  Json json{Json::Object{}};
  json.set("mail", mail_json(mail)).set("outcome", outcome_json(mail)).set("rules", Json{});
  json.set("reply", Json{});
  json.set("text", Json{}).set("records", records_json(mail));
  json.set("fields", Json::Array{}).set("unusable", Json::Array{}).set("target", Json{});
  json.set("why_not", why_not_json(mail, {})).set("reproduced", Json{});
  Json::Array notes;
  if (raw == nullptr) {
    notes.emplace_back("the raw mail was never fetched, so there is no text to show");
  } else if (auto read = explain_reading(mail, *raw, rules, json); !read) {
    return std::unexpected(read.error());
  }
  if (raw != nullptr && rules == nullptr)
    notes.emplace_back(rules_missing.empty() ? "no rule set decided this mail" : rules_missing);
  return json.set("notes", std::move(notes));
}

Result<MailExplainer::Rules> MailExplainer::rules_of(std::int64_t version) {
  if (const auto in_use = inboxes_.rules(); in_use->version == version) return in_use->rules;
  {
    const std::lock_guard lock(mutex_);
    if (last_.first == version) return last_.second;
  }
  auto files = store::kept_rule_files(database_, version);
  if (!files) return std::unexpected(files.error());
  auto rules = parsers::RuleSet::from_files_json(*files);
  if (!rules) return rules;
  const std::lock_guard lock(mutex_);
  last_ = {version, *rules};
  return rules;
}

Result<Json> MailExplainer::explain(std::int64_t mail_id) {
  auto mail = store::kept_mail(database_, mail_id);
  if (!mail) return std::unexpected(mail.error());
  if (!*mail) return fail(ErrorCode::not_found, "there is no mail " + std::to_string(mail_id));
  const store::KeptMail& kept = **mail;
  if (!kept.raw_sha256) return explanation(kept, nullptr, nullptr);
  auto raw = load_raw(database_, *kept.raw_sha256, options_.spool_folder, options_.spool_bytes);
  if (!raw) return std::unexpected(raw.error());
  Rules rules;
  std::string missing;
  if (kept.rule_set_version) {
    auto found = rules_of(*kept.rule_set_version);
    if (!found && found.error().code != ErrorCode::invalid_request)
      return std::unexpected(found.error());
    if (found) rules = std::move(*found);
    if (!found) missing = found.error().detail;
  }
  return explanation(kept, &*raw, rules.get(), missing);
}

}  // namespace c360::ingest

#include <algorithm>
#include <array>

#include "daemon/base/json.h"
#include "parsers/rule_match.h"

namespace c360::parsers {

namespace {

constexpr std::array<std::string_view, 7> kSources = {
    "body", "subject", "header", "from_name", "from_address", "rule", "derived"};

void write_span(JsonWriter& json, std::string_view name, Span span) {
  if (span == Span{}) return;
  json.key(name)
      .begin_array()
      .integer(static_cast<std::int64_t>(span.begin))
      .integer(static_cast<std::int64_t>(span.end))
      .end_array();
}

void write_if(JsonWriter& json, std::string_view name, std::string_view text) {
  if (!text.empty()) json.member(name, text);
}

void write_value(JsonWriter& json, const ExtractedValue& value) {
  json.begin_object().member("field", value.field).member("value", value.value);
  if (value.raw != value.value) write_if(json, "raw", value.raw);
  json.member("source", to_string(value.source));
  write_if(json, "header", value.header);
  write_if(json, "part", value.part);
  write_span(json, "prepared", value.prepared);
  write_span(json, "text", value.text);
  write_span(json, "part_span", value.part_span);
  if (!value.transformations.empty()) {
    json.key("transformations").begin_array();
    for (const std::string& step : value.transformations) json.string(step);
    json.end_array();
  }
  write_if(json, "rejected", value.rejected);
  json.end_object();
}

void write_target(JsonWriter& json, const TargetReference& target) {
  json.key("target").begin_object();
  write_if(json, "kind", target.kind);
  write_if(json, "alias", target.alias);
  write_if(json, "search_field", target.search_field);
  json.member("value", target.value);
  write_span(json, "subject", target.subject);
  json.end_object();
}

void write_spans(JsonWriter& json, std::string_view name, const std::vector<Span>& spans) {
  constexpr std::size_t kMostSpans = 500;
  if (spans.size() > kMostSpans) json.member("cut", true);
  json.key(name).begin_array();
  for (std::size_t i = 0; i < std::min(spans.size(), kMostSpans); ++i)
    json.begin_array()
        .integer(static_cast<std::int64_t>(spans[i].begin))
        .integer(static_cast<std::int64_t>(spans[i].end))
        .end_array();
  json.end_array();
}

// Which part of the text is new and which is another mail's: nothing is taken away.
void write_reply(JsonWriter& json, const Extraction& extraction) {
  const ReplySplit& reply = extraction.reply;
  if (reply.kind == QuoteKind::none) return;
  json.key("reply").begin_object().member("kind", to_string(reply.kind));
  write_spans(json, "typed", reply.typed);
  write_spans(json, "quoted", reply.quoted);
  write_spans(json, "signature", reply.signature);
  if (extraction.original_sender) {
    json.key("original_sender").begin_object();
    json.member("name", extraction.original_sender->name);
    json.member("address", extraction.original_sender->address);
    write_span(json, "text", reply.author);
    json.end_object();
  }
  json.end_object();
}

void write_trace(JsonWriter& json, const RuleTrace& trace) {
  json.begin_object().member("rule", trace.rule).member("matched", trace.matched);
  json.member("reached", trace.reached);
  write_if(json, "condition", trace.condition);
  write_if(json, "detail", trace.detail);
  json.member("conditions_met", trace.conditions_met);
  json.member("conditions", trace.conditions).end_object();
}

// -- reading what was kept ----------------------------------------------------------------------

std::string text_of(const Json& json, std::string_view name) {
  const Json* value = json.find(name);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

bool flag_of(const Json& json, std::string_view name) {
  const Json* value = json.find(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

std::size_t offset_of(const Json& json) {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, json.as_int64().value_or(0)));
}

Span span_of(const Json& json, std::string_view name) {
  const Json* value = json.find(name);
  if (value == nullptr || !value->is_array() || value->as_array().size() != 2) return {};
  const Span span{offset_of(value->as_array()[0]), offset_of(value->as_array()[1])};
  return span.begin <= span.end ? span : Span{};
}

ExtractedValue value_of(const Json& json) {
  ExtractedValue value;
  value.field = text_of(json, "field");
  value.value = text_of(json, "value");
  const Json* raw = json.find("raw");
  const auto source = std::ranges::find(kSources, text_of(json, "source"));
  value.source = source == kSources.end() ? ValueSource::derived
                                          : static_cast<ValueSource>(source - kSources.begin());
  // Left away where it is the same (write_value); constants never had one.
  const bool read = value.source != ValueSource::rule && value.source != ValueSource::derived;
  value.raw = raw != nullptr || !read ? text_of(json, "raw") : value.value;
  value.header = text_of(json, "header");
  value.part = text_of(json, "part");
  value.prepared = span_of(json, "prepared");
  value.text = span_of(json, "text");
  value.part_span = span_of(json, "part_span");
  value.rejected = text_of(json, "rejected");
  if (const Json* steps = json.find("transformations"); steps != nullptr && steps->is_array())
    for (const Json& step : steps->as_array())
      if (step.is_string()) value.transformations.push_back(step.as_string());
  return value;
}

std::vector<ExtractedValue> values_of(const Json& json, std::string_view name) {
  std::vector<ExtractedValue> values;
  const Json* list = json.find(name);
  if (list == nullptr || !list->is_array()) return values;
  for (const Json& item : list->as_array()) values.push_back(value_of(item));
  return values;
}

}  // namespace

Result<Extraction> extraction_from_json(std::string_view text) {
  auto json = Json::parse(text);
  if (!json) return std::unexpected(json.error());
  Extraction extraction;
  if (const Json* set = json->find("rule_set"); set != nullptr && set->is_object())
    extraction.rules = text_of(*set, "rules");
  extraction.rule = text_of(*json, "rule");
  extraction.built_in = flag_of(*json, "built_in");
  extraction.reason = text_of(*json, "reason");
  if (const auto action = action_from(text_of(*json, "action"))) extraction.action = *action;
  if (const Json* target = json->find("target"); target != nullptr && target->is_object())
    extraction.target = TargetReference{.kind = text_of(*target, "kind"),
                                        .alias = text_of(*target, "alias"),
                                        .search_field = text_of(*target, "search_field"),
                                        .value = text_of(*target, "value"),
                                        .subject = span_of(*target, "subject")};
  extraction.subject_category = text_of(*json, "subject_category");
  extraction.subject_phrase = text_of(*json, "subject_phrase");
  extraction.may_thread = flag_of(*json, "may_thread");
  extraction.truncated = flag_of(*json, "truncated");
  extraction.values = values_of(*json, "values");
  extraction.rejected = values_of(*json, "rejected");
  return extraction;
}

std::string_view to_string(ValueSource source) {
  return kSources[static_cast<std::size_t>(source)];
}

std::string to_json(const Extraction& extraction) {
  JsonWriter json;
  json.begin_object().key("rule_set").begin_object();
  json.member("version", extraction.rule_set_version);
  json.member("sha256", to_hex(extraction.rule_set_sha256));
  write_if(json, "rules", extraction.rules);
  json.end_object();
  json.member("rule", extraction.rule).member("built_in", extraction.built_in);
  json.member("action", to_string(extraction.action));
  write_if(json, "reason", extraction.reason);
  if (extraction.target) write_target(json, *extraction.target);
  write_reply(json, extraction);
  write_if(json, "subject_category", extraction.subject_category);
  write_if(json, "subject_phrase", extraction.subject_phrase);
  json.member("may_thread", extraction.may_thread);
  json.member("truncated", extraction.truncated);
  json.key("values").begin_array();
  for (const ExtractedValue& value : extraction.values) write_value(json, value);
  json.end_array();
  if (!extraction.rejected.empty()) {
    json.key("rejected").begin_array();
    for (const ExtractedValue& value : extraction.rejected) write_value(json, value);
    json.end_array();
  }
  if (!extraction.trace.empty()) {
    json.key("trace").begin_array();
    for (const RuleTrace& trace : extraction.trace) write_trace(json, trace);
    json.end_array();
  }
  json.end_object();
  return json.take();
}

}  // namespace c360::parsers

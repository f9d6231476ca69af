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

void write_trace(JsonWriter& json, const RuleTrace& trace) {
  json.begin_object().member("rule", trace.rule).member("matched", trace.matched);
  json.member("reached", trace.reached);
  write_if(json, "condition", trace.condition);
  write_if(json, "detail", trace.detail);
  json.member("conditions_met", trace.conditions_met);
  json.member("conditions", trace.conditions).end_object();
}

}  // namespace

std::string_view to_string(ValueSource source) {
  return kSources[static_cast<std::size_t>(source)];
}

std::string to_json(const Extraction& extraction) {
  JsonWriter json;
  json.begin_object().key("rule_set").begin_object();
  json.member("version", extraction.rule_set_version);
  json.member("sha256", to_hex(extraction.rule_set_sha256)).end_object();
  json.member("rule", extraction.rule).member("built_in", extraction.built_in);
  json.member("action", to_string(extraction.action));
  write_if(json, "reason", extraction.reason);
  if (extraction.target) write_target(json, *extraction.target);
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

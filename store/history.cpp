#include "store/history.h"

#include <algorithm>

#include "daemon/base/json.h"
#include "store/record_json.h"

namespace c360::store {
namespace {

constexpr Sql kInsertHistory{"c360_history", R"sql(
INSERT INTO crm.history_event (record_id, record_key, record_kind, event, changes, actor_id,
                               version, request_id, origin, task_id, outcome, comment)
SELECT $1::bigint, $11::text, $2::text, e.event, e.changes::jsonb, $5::bigint, $6::integer,
       nullif($7::text, ''), $8::text, $9::bigint, nullif($10::text, ''),
       nullif($12::text, '')
FROM unnest($3::text[], $4::text[]) AS e(event, changes)
)sql"};

// Whatever a list shows is kept whole: such texts have 65,536 characters at most. Of the longer
// ones, which no card of the past shows either, history has the beginning and says so.
constexpr std::size_t kMaxTrackedText = std::size_t{4} * 65'536;

std::optional<std::string_view> shortened(std::optional<std::string_view> value) {
  if (!value || value->size() <= kMaxTrackedText) return value;
  std::size_t end = kMaxTrackedText;
  while (end > 0 && (static_cast<unsigned char>((*value)[end]) & 0xC0U) == 0x80U) --end;
  return value->substr(0, end);
}

// {"field", "old", "new"}, and "cut": true where either is longer than what is kept.
void write_change(JsonWriter& out, const Field& field, std::optional<std::string_view> before,
                  std::optional<std::string_view> after) {
  const bool cuttable = field.type != FieldType::json && !field.is_array();
  const auto kept_before = cuttable ? shortened(before) : before;
  const auto kept_after = cuttable ? shortened(after) : after;
  out.begin_object().member("field", field.name).key("old");
  write_value(out, field, kept_before);
  out.key("new");
  write_value(out, field, kept_after);
  if (kept_before != before || kept_after != after) out.member("cut", true);
  out.end_object();
}

}  // namespace

std::vector<HistoryEvent> history_events(const Draft& draft) {
  const auto& fields = draft.resource().fields;
  std::vector<std::string_view> names;  // in the order of the fields; "updated" first
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!draft.changed(i) || !fields[i].is_tracked) continue;
    const std::string_view event = fields[i].own_event.empty() ? "updated" : fields[i].own_event;
    if (std::find(names.begin(), names.end(), event) == names.end()) names.push_back(event);
  }
  std::vector<HistoryEvent> events;
  for (const std::string_view name : names) {
    JsonWriter out;
    out.begin_array();
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const Field& field = fields[i];
      if (!draft.changed(i) || !field.is_tracked) continue;
      if ((field.own_event.empty() ? "updated" : field.own_event) != name) continue;
      write_change(out, field, draft.before(i), draft.get(i));
    }
    out.end_array();
    events.push_back({std::string(name), out.take()});
  }
  return events;
}

HistoryEvent removal_event(const Draft& draft) {
  const auto& fields = draft.resource().fields;
  JsonWriter out;
  out.begin_array();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!fields[i].has_column() || !fields[i].is_tracked || !draft.before(i)) continue;
    write_change(out, fields[i], draft.before(i), std::nullopt);
  }
  out.end_array();
  return {"deleted", out.take()};
}

HistorySubject subject_of(const Resource& resource, std::string_view key) {
  return {resource.kind, key, resource.is_record};
}

void queue_history(Transaction& tx, const HistorySubject& subject,
                   const std::vector<HistoryEvent>& events, std::optional<std::int64_t> version,
                   const Actor& actor, std::optional<std::int64_t> task_id,
                   std::string_view outcome, std::string_view comment) {
  if (events.empty()) return;
  std::vector<std::string_view> names;
  std::vector<std::string_view> changes;
  for (const HistoryEvent& event : events) {
    names.push_back(event.event);
    changes.push_back(event.changes);
  }
  Params params;
  const std::optional<std::string_view> key(subject.key);
  params.add(subject.is_record ? key : std::nullopt).add(subject.kind);
  params.add_array(std::span<const std::string_view>(names));
  params.add_array(std::span<const std::string_view>(changes));
  params.add(actor.user_id).add(version);
  params.add(std::string_view(actor.request_id)).add(std::string_view(actor.origin));
  params.add(task_id).add(outcome);
  params.add(subject.is_record ? std::nullopt : key).add(comment);
  tx.queue(kInsertHistory, std::move(params));
}

}  // namespace c360::store

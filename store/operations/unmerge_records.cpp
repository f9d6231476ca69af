// A merge taken back, row by row as it was written down, while nothing that happened since
// contradicts; otherwise everything that does is named and nothing changes.
#include <algorithm>
#include <array>

#include "store/draft.h"
#include "store/operations/action.h"
#include "store/operations/merge_customers.h"
#include "store/operations/merge_parts.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

constexpr Sql kMerge{"c360_unmerge_read", R"sql(
SELECT id, moved FROM crm.merge
WHERE source_id = $2::bigint AND target_id = $1::bigint AND undone_at IS NULL
)sql"};
constexpr Sql kMarksStand{"c360_unmerge_marks", R"sql(
SELECT m.id FROM unnest($1::bigint[], $2::text[]) AS m(id, mark)
LEFT JOIN crm.comment c ON c.id = m.id
WHERE c.id IS NOT NULL AND c.deleted_at IS NULL
  AND right(c.text, length(m.mark)) IS DISTINCT FROM m.mark
)sql"};
constexpr Sql kRemoveMarks{"c360_unmerge_remove_marks", R"sql(
WITH marked AS (
    UPDATE crm.comment c SET text = left(c.text, length(c.text) - length(m.mark))
    FROM unnest($1::bigint[], $2::text[]) AS m(id, mark)
    WHERE c.id = m.id AND right(c.text, length(m.mark)) = m.mark
    RETURNING c.id, c.text, c.text || m.mark AS before)
INSERT INTO crm.history_event (record_key, record_kind, event, changes, actor_id, request_id, origin)
SELECT v.id::text, 'comment', 'updated',
       jsonb_build_array(jsonb_build_object('field', 'text', 'old', v.before,
                                            'new', v.text)),
       $3::bigint, nullif($4::text, ''), $5::text
FROM marked v
)sql"};
// Those that came by the merge leave; the source has all of its own again.
constexpr Sql kContactsLeave{"c360_unmerge_contacts_leave", R"sql(
DELETE FROM crm.record_contact WHERE record_id = $1::bigint AND contact_id = ANY ($2::bigint[])
)sql"};
constexpr Sql kContactsBack{"c360_unmerge_contacts_back", R"sql(
INSERT INTO crm.record_contact (record_id, contact_id, is_main, position)
SELECT $1::bigint, c.id, c.is_main, c.position
FROM jsonb_to_recordset($2::jsonb) AS c(id bigint, is_main boolean, position integer)
WHERE EXISTS (SELECT FROM crm.contact k WHERE k.id = c.id)
ON CONFLICT DO NOTHING
)sql"};
constexpr Sql kPromoteMain{"c360_unmerge_promote", R"sql(
UPDATE crm.record_contact SET is_main = true
WHERE record_id = $1::bigint
  AND contact_id = (SELECT contact_id FROM crm.record_contact WHERE record_id = $1::bigint
                    ORDER BY position, contact_id LIMIT 1)
  AND NOT EXISTS (SELECT FROM crm.record_contact WHERE record_id = $1::bigint AND is_main)
)sql"};
constexpr Sql kObserversLeave{"c360_unmerge_observers_leave", R"sql(
DELETE FROM crm.record_observer WHERE record_id = $1::bigint AND user_id = ANY ($2::bigint[])
)sql"};
constexpr Sql kObserversBack{"c360_unmerge_observers_back", R"sql(
INSERT INTO crm.record_observer (record_id, user_id, added_by, added_at)
SELECT $1::bigint, o.id, o.added_by::bigint, o.added_at
FROM jsonb_to_recordset($2::jsonb) AS o(id bigint, added_by text, added_at timestamptz)
ON CONFLICT DO NOTHING
)sql"};
constexpr Sql kLinksFrom{"c360_unmerge_links_from", R"sql(
UPDATE crm.record_link SET from_id = $2::bigint
WHERE id = ANY ($3::bigint[]) AND from_id = $1::bigint AND to_id IS DISTINCT FROM $2::bigint
)sql"};
constexpr Sql kLinksTo{"c360_unmerge_links_to", R"sql(
UPDATE crm.record_link SET to_id = $2::bigint
WHERE id = ANY ($3::bigint[]) AND to_id = $1::bigint AND from_id <> $2::bigint
)sql"};
constexpr Sql kDropLink{"c360_unmerge_drop_link", R"sql(
DELETE FROM crm.record_link
WHERE from_id = $1::bigint AND to_id = $2::bigint AND kind = 'merged_from'
)sql"};
constexpr Sql kReopenTasks{"c360_unmerge_tasks", R"sql(
UPDATE crm.task SET status = 'active', completed_at = NULL
WHERE id = ANY ($1::bigint[]) AND status = 'canceled'
)sql"};
constexpr Sql kDropComment{"c360_unmerge_comment", R"sql(
WITH c AS (UPDATE crm.comment SET deleted_at = now() WHERE id = $1::bigint RETURNING id)
UPDATE crm.activity a SET deleted_at = now(), row_version = a.row_version + 1, updated_at = now()
FROM c WHERE a.comment_id = c.id AND a.deleted_at IS NULL
)sql"};
constexpr Sql kLeadsOfDeal{"c360_unmerge_leads_of_deal", R"sql(
UPDATE crm.lead SET created_deal_id = $2::bigint
WHERE created_deal_id = $1::bigint AND id = $3::bigint
)sql"};
constexpr Sql kDealsOfLead{"c360_unmerge_deals_of_lead", R"sql(
UPDATE crm.deal SET created_from_lead_id = $2::bigint
WHERE created_from_lead_id = $1::bigint AND id = $3::bigint
)sql"};
constexpr Sql kUndone{"c360_unmerge_undone", R"sql(
UPDATE crm.merge SET undone_at = now(), undone_by = $2::bigint WHERE id = $1::bigint
)sql"};

std::vector<std::int64_t> ids_in(const Json* list) {
  std::vector<std::int64_t> ids;
  if (list == nullptr || !list->is_array()) return ids;
  for (const Json& each : list->as_array()) {
    const Json* id = each.is_object() ? each.find("id") : &each;
    ids.push_back(id->as_int64().value_or(0));
  }
  return ids;
}

std::vector<std::int64_t> joined_in(const Json* list) {
  std::vector<std::int64_t> ids;
  for (const Json& each : list->as_array()) {
    if (each.find("joined")->as_bool()) ids.push_back(each.find("id")->as_int64().value_or(0));
  }
  return ids;
}

class Unmerge {
 public:
  Unmerge(ActionCall& call, std::int64_t source) : call_(call), source_(source) {}

  Result<void> read();
  Result<void> admit_source();
  Result<void> find_contradictions();
  Result<void> run();
  std::int64_t source() const { return source_; }

 private:
  Params back() const { return Params{}.add(call_.id).add(source_); }
  const Json& moved(std::string_view part) const { return *moved_.find(part); }
  void contradicts(std::string_view where, std::string code, std::string detail);
  Result<void> check_fields();
  Result<void> check_rows();
  Result<void> check_marks();
  Params marks() const;
  Result<void> write_both();
  void move_rows();
  void move_people();

  ActionCall& call_;
  std::int64_t source_;
  std::int64_t merge_ = 0;
  Json moved_;
  std::vector<FieldError> contradictions_;
};

Result<void> Unmerge::read() {
  const auto rows = call_.tx.query(kMerge, back());
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) {
    return fail(ErrorCode::conflict,
                "Record " + std::to_string(source_) + " is not merged into this one.",
                "not_merged");
  }
  merge_ = (*rows)->int64(0, 0);
  auto moved = Json::parse((*rows)->text(0, 1));
  if (!moved) return std::unexpected(moved.error());
  moved_ = std::move(*moved);
  return {};
}

// The right to write the source, as if it still stood.
Result<void> Unmerge::admit_source() {
  const Resource& resource = call_.resource;
  const AccessRules& access = call_.records.access();
  const Predicate write = access.predicate(call_.actor, resource, Right::write, "t", "$2::bigint");
  const Plan plan = call_.records.queries().keep_always(
      "SELECT " + write.sql + ", $2::bigint FROM " + std::string(resource.table) +
      " t WHERE t.id = $1::bigint");
  const auto rows = call_.tx.query(plan.sql, Params{}.add(source_).add(call_.actor.user_id));
  if (!rows) return std::unexpected(rows.error());
  if (!(*rows)->empty() && (*rows)->boolean(0, 0)) return {};
  return fail(ErrorCode::forbidden,
              "You may not change record " + std::to_string(source_) + ", which would come back.",
              "read_only");
}

void Unmerge::contradicts(std::string_view where, std::string code, std::string detail) {
  contradictions_.push_back({"/" + std::string(where), std::move(code), std::move(detail)});
}

// What the merge filled in must still say so.
Result<void> Unmerge::check_fields() {
  const auto& filled = moved("filled").as_object();
  if (filled.empty()) return {};
  std::string sql = "SELECT $1::bigint";
  // As the draft spells them: a cast of a boolean would say "true".
  for (const auto& [name, values] : filled) {
    const bool flag = call_.resource.field(name).type == FieldType::boolean;
    sql += ", " + (flag ? "left(t." + name + "::text, 1)" : "t." + name + "::text");
  }
  const Plan plan = call_.records.queries().keep_always(
      sql + " FROM " + std::string(call_.resource.table) + " t WHERE t.id = $1::bigint");
  const auto rows = call_.tx.query(plan.sql, Params{}.add(call_.id));
  if (!rows) return std::unexpected(rows.error());
  int column = 1;
  for (const auto& [name, values] : filled) {
    if ((*rows)->optional_text(0, column++) == values.find("new")->as_string()) continue;
    contradicts(name, "changed_since", "The field has been changed since the merge.");
  }
  return {};
}

// The rows moved must still be there.
Result<void> Unmerge::check_rows() {
  for (const MergePart& part : merge_parts()) {
    if (!moves_with(part, call_.resource)) continue;
    const auto ids = ids_in(moved_.find(part.name));
    if (ids.empty()) continue;
    const Plan plan = call_.records.queries().keep_always(
        "SELECT v.id, m.id IS NULL FROM unnest($2::bigint[]) AS v(id) LEFT JOIN " +
        std::string(part.table) + " m ON m.id = v.id WHERE m." + std::string(part.column) +
        " IS DISTINCT FROM $1::bigint");
    Params params;
    params.add(call_.id).add_array(std::span<const std::int64_t>(ids));
    const auto rows = call_.tx.query(plan.sql, std::move(params));
    if (!rows) return std::unexpected(rows.error());
    for (int row = 0; row < (*rows)->size(); ++row) {
      const bool gone = (*rows)->boolean(row, 1);
      contradicts(std::string(part.name) + "/" + std::to_string((*rows)->int64(row, 0)),
                  gone ? "gone_since" : "moved_since",
                  gone ? "It is there no more." : "It belongs to another record by now.");
    }
  }
  return {};
}

// A mark that one row of a customer has: it goes back to the row that lost it by the merge, unless
// another that goes back too has got it since.
Result<void> Unmerge::check_marks() {
  struct Mark {
    std::string_view demoted;
    std::string_view part;
    std::string_view sql;
  };
  static constexpr std::array<Mark, 2> kMarks = {{{"contacts_demoted", "contact_persons", R"sql(
SELECT c.id FROM crm.contact c WHERE c.id = ANY ($1::bigint[]) AND c.id <> ALL ($2::bigint[])
  AND c.is_main AND c.deleted_at IS NULL)sql"},
                                                  {"entities_demoted", "legal_entities", R"sql(
SELECT e.id FROM crm.legal_entity e WHERE e.id = ANY ($1::bigint[]) AND e.id <> ALL ($2::bigint[])
  AND e.is_primary AND e.deleted_at IS NULL)sql"}}};
  for (const Mark& mark : kMarks) {
    const auto demoted = ids_in(moved_.find(mark.demoted));
    if (demoted.empty()) continue;
    const auto back = ids_in(moved_.find(mark.part));
    Params params;
    params.add_array(std::span<const std::int64_t>(back));
    params.add_array(std::span<const std::int64_t>(demoted));
    const auto rows = call_.tx.query(Sql{{}, mark.sql}, std::move(params));
    if (!rows) return std::unexpected(rows.error());
    for (int row = 0; row < (*rows)->size(); ++row) {
      contradicts(std::string(mark.part) + "/" + std::to_string((*rows)->int64(row, 0)),
                  "main_since", "It has become the main one since the merge.");
    }
  }
  return {};
}

Params Unmerge::marks() const {
  std::vector<std::int64_t> ids;
  std::vector<std::string> texts;
  for (const Json& each : moved("marks").as_array()) {
    ids.push_back(each.find("id")->as_int64().value_or(0));
    texts.push_back(each.find("mark")->as_string());
  }
  Params params;
  params.add_array(std::span<const std::int64_t>(ids));
  params.add_array(std::span<const std::string>(texts));
  return params;
}

Result<void> Unmerge::find_contradictions() {
  if (auto done = check_fields(); !done) return done;
  if (auto done = check_rows(); !done) return done;
  if (auto done = check_marks(); !done) return done;
  const auto edited = call_.tx.query(kMarksStand, marks());
  if (!edited) return std::unexpected(edited.error());
  for (int row = 0; row < (*edited)->size(); ++row) {
    contradicts("comments/" + std::to_string((*edited)->int64(row, 0)), "edited_since",
                "The comment has been edited since the merge.");
  }
  if (contradictions_.empty()) return {};
  return std::unexpected(
      Error{.code = ErrorCode::conflict,
            .detail = std::to_string(contradictions_.size()) +
                      " things that happened since the merge contradict; see errors.",
            .reason = "merge_contradicted",
            .fields = contradictions_});
}

// The target lets go first: what may stand once only is free then.
Result<void> Unmerge::write_both() {
  const Json nothing = Json(Json::Object{});
  WriteOptions target = call_.write;
  target.events = {"unmerged"};
  target.also = [&](Draft& draft) {
    for (const auto& [name, values] : moved("filled").as_object()) {
      const Json& old = *values.find("old");
      draft.set_stored(name, old.is_string() ? std::optional(old.as_string()) : std::nullopt);
    }
  };
  auto kept =
      call_.records.update(call_.tx, call_.resource, call_.key(), nothing, call_.actor, target);
  if (!kept) return std::unexpected(kept.error());
  WriteOptions source{.finish = Finish::run};
  source.events = {"unmerged"};
  source.deleted_too = true;
  const Json* mail = moved("filled").find("mail_message_id");
  source.also = [mail](Draft& draft) {
    draft.set("merged_into_id", std::nullopt);
    draft.set("deleted_at", std::nullopt);
    if (mail != nullptr) draft.set_stored("mail_message_id", mail->find("new")->as_string());
  };
  auto back = call_.records.update(call_.tx, call_.resource, std::to_string(source_), nothing,
                                   call_.actor, source);
  if (!back) return std::unexpected(back.error());
  return {};
}

void Unmerge::move_rows() {
  for (const MergePart& part : merge_parts()) {
    if (!moves_with(part, call_.resource)) continue;
    const auto ids = ids_in(moved_.find(part.name));
    if (ids.empty()) continue;
    const Plan plan = call_.records.queries().keep_always(move_rows_sql(part));
    call_.tx.queue(plan.sql, move_params(call_.id, source_, ids, call_.actor));
  }
  for (const auto& [name, sql] : {std::pair{"created_from_lead_id", &kLeadsOfDeal},
                                  std::pair{"created_deal_id", &kDealsOfLead}}) {
    const Json* filled = moved("filled").find(name);
    if (filled == nullptr) continue;
    call_.tx.queue(*sql, back().add(std::string_view(filled->find("new")->as_string())));
  }
}

void Unmerge::move_people() {
  const auto with_ids = [](Params params, const std::vector<std::int64_t>& ids) {
    params.add_array(std::span<const std::int64_t>(ids));
    return params;
  };
  call_.tx.queue(kContactsLeave,
                 with_ids(Params{}.add(call_.id), joined_in(moved_.find("contacts"))));
  call_.tx.queue(kContactsBack, Params{}.add(source_).add(moved("contacts").dump()));
  call_.tx.queue(kPromoteMain, Params{}.add(call_.id));
  call_.tx.queue(kObserversLeave,
                 with_ids(Params{}.add(call_.id), joined_in(moved_.find("observers"))));
  call_.tx.queue(kObserversBack, Params{}.add(source_).add(moved("observers").dump()));
  call_.tx.queue(kLinksFrom, with_ids(back(), ids_in(moved_.find("links_from"))));
  call_.tx.queue(kLinksTo, with_ids(back(), ids_in(moved_.find("links_to"))));
  call_.tx.queue(kDropLink, back());
  call_.tx.queue(kReopenTasks, with_ids(Params{}, ids_in(moved_.find("canceled_tasks"))));
}

Result<void> Unmerge::run() {
  // The lines first: they are priced in the currency the target gives back.
  const bool customers = call_.resource.kind == "counterparty";
  if (customers) queue_deferred_pins(call_.tx);
  move_rows();
  if (customers) queue_parting(call_.tx, call_.id, source_, moved_, call_.actor);
  move_people();
  if (auto done = write_both(); !done) return done;
  Params unmarked = marks();
  unmarked.add(call_.actor.user_id).add(std::string_view(call_.actor.request_id));
  call_.tx.queue(kRemoveMarks, std::move(unmarked.add(std::string_view(call_.actor.origin))));
  call_.tx.queue(kDropComment, Params{}.add(moved("comment_id").as_int64().value_or(0)));
  call_.tx.queue(kUndone, Params{}.add(merge_).add(call_.actor.user_id));
  return call_.tx.run();
}

Result<ActionResult> unmerge(ActionCall& call) {
  Unmerge undo(call, call.number("source"));
  if (auto done = undo.read(); !done) return std::unexpected(done.error());
  if (auto done = undo.admit_source(); !done) return std::unexpected(done.error());
  if (auto done = undo.find_contradictions(); !done) return std::unexpected(done.error());
  if (auto done = undo.run(); !done) return std::unexpected(done.error());
  auto view = read_in(call.records, call.tx, call.resource, undo.source(), call.actor);
  if (!view) return std::unexpected(view.error());
  return ActionResult{.json = std::move(view->json), .version = view->version, .id = view->id};
}

}  // namespace

Action unmerge_action() {
  return {.name = "unmerge",
          .label = {"Отменить объединение", "Undo a merge"},
          .doc =
              "The record `source`, merged into this one, comes back with all that came from "
              "it; 409 names what contradicts.",
          .parameters = {integer("source").required().labels("Объединённая запись",
                                                             "The record merged")},
          .condition =
              "EXISTS (SELECT FROM crm.merge g WHERE g.target_id = t.id AND g.undone_at "
              "IS NULL)",
          .refusal = "not_merged",
          .refusal_detail = "Nothing is merged into this record.",
          .locks_too = "source",
          .answers = "self",
          .handler = unmerge};
}

}  // namespace c360::store

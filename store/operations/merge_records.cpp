// Two leads, deals or counterparties become one: everything of the source goes to the target, in
// one transaction, written down so that it can be undone (domain.md 5.1, 6.5; R-215 to R-217).
#include <algorithm>
#include <utility>

#include "store/draft.h"
#include "store/operations/action.h"
#include "store/operations/merge_comment.h"
#include "store/operations/merge_customers.h"
#include "store/operations/merge_parts.h"
#include "store/query_parts.h"
#include "store/record_json.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

constexpr Sql kOtherKind{"c360_merge_kind", R"sql(
SELECT kind FROM crm.record WHERE id = $1::bigint
)sql"};
// The same person: name, position, department, phone, e-mail and comment agree, whatever the case
// and the writing of the phone.
constexpr Sql kContacts{"c360_merge_contacts", R"sql(
WITH known AS (
    SELECT l.record_id, l.contact_id, l.is_main, l.position,
           lower(concat_ws('|', coalesce(c.full_name, ''), coalesce(c.position, ''),
                           coalesce(c.department, ''), coalesce(c.email::text, ''),
                           coalesce(c.comment, ''),
                           coalesce((SELECT min(p.e164 || '#' || p.extension)
                                     FROM crm.record_phone p
                                     WHERE p.record_id = c.id AND p.source_field = 'phone'),
                                    regexp_replace(coalesce(c.phone, ''), '\D', '', 'g')))) AS same
    FROM crm.record_contact l JOIN crm.contact c ON c.id = l.contact_id
    WHERE l.record_id IN ($1::bigint, $2::bigint))
SELECT k.contact_id, k.is_main, k.position,
       NOT EXISTS (SELECT FROM known o WHERE o.record_id = $2::bigint
                   AND (o.contact_id = k.contact_id OR o.same = k.same))
FROM known k WHERE k.record_id = $1::bigint ORDER BY k.position, k.contact_id
)sql"};
constexpr Sql kJoinContacts{"c360_merge_join_contacts", R"sql(
INSERT INTO crm.record_contact (record_id, contact_id, is_main, position)
SELECT $2::bigint, l.contact_id,
       l.is_main AND NOT EXISTS (SELECT FROM crm.record_contact t WHERE t.record_id = $2::bigint),
       l.position + (SELECT coalesce(max(t.position), 0) FROM crm.record_contact t
                     WHERE t.record_id = $2::bigint)
FROM crm.record_contact l
WHERE l.record_id = $1::bigint AND l.contact_id = ANY ($3::bigint[])
ON CONFLICT DO NOTHING
)sql"};
constexpr Sql kLeaveContacts{"c360_merge_leave_contacts", R"sql(
DELETE FROM crm.record_contact WHERE record_id = $1::bigint
)sql"};
constexpr Sql kObservers{"c360_merge_observers", R"sql(
SELECT o.user_id, o.added_by, o.added_at::text,
       NOT EXISTS (SELECT FROM crm.record_observer t
                   WHERE t.record_id = $2::bigint AND t.user_id = o.user_id)
FROM crm.record_observer o WHERE o.record_id = $1::bigint ORDER BY o.user_id
)sql"};
constexpr Sql kJoinObservers{"c360_merge_join_observers", R"sql(
INSERT INTO crm.record_observer (record_id, user_id, added_by, added_at)
SELECT $2::bigint, o.user_id, o.added_by, o.added_at
FROM crm.record_observer o WHERE o.record_id = $1::bigint
ON CONFLICT DO NOTHING
)sql"};
constexpr Sql kLeaveObservers{"c360_merge_leave_observers", R"sql(
DELETE FROM crm.record_observer WHERE record_id = $1::bigint
)sql"};
constexpr Sql kLinksFrom{"c360_merge_links_from", R"sql(
UPDATE crm.record_link SET from_id = $2::bigint
WHERE from_id = $1::bigint AND to_id IS DISTINCT FROM $2::bigint AND kind <> 'merged_from'
RETURNING id
)sql"};
constexpr Sql kLinksTo{"c360_merge_links_to", R"sql(
UPDATE crm.record_link SET to_id = $2::bigint
WHERE to_id = $1::bigint AND from_id <> $2::bigint AND kind <> 'merged_from'
RETURNING id
)sql"};
constexpr Sql kCancelTask{"c360_merge_cancel_task", R"sql(
UPDATE crm.task SET status = 'canceled', completed_at = now()
WHERE record_id = $1::bigint AND kind = 'take_to_work' AND status = 'active'
RETURNING id
)sql"};
constexpr Sql kMarkComments{"c360_merge_mark_comments", R"sql(
WITH marked AS (
    UPDATE crm.comment c SET text = c.text || m.mark
    FROM (SELECT k.id, k.text AS before,
                 '<p>Комментарий от ' || to_char(k.created_at AT TIME ZONE $3::text, 'DD.MM.YYYY')
                     || ' из ' || $2::text || '</p>' AS mark
          FROM crm.comment k WHERE k.id = ANY ($1::bigint[])) m
    WHERE c.id = m.id
      AND c.text !~ 'Комментарий от [0-9]{2}[.][0-9]{2}[.][0-9]{4} из (лида|сделки|контрагента) [0-9]+'
    RETURNING c.id, m.mark, m.before, c.text), told AS (
    INSERT INTO crm.history_event (record_key, record_kind, event, changes, actor_id, request_id,
                                   origin)
    SELECT v.id::text, 'comment', 'updated',
           jsonb_build_array(jsonb_build_object('field', 'text', 'old', v.before,
                                                'new', v.text)),
           $4::bigint, nullif($5::text, ''), $6::text FROM marked v)
SELECT id, mark FROM marked
)sql"};
constexpr Sql kLeadsOfDeal{"c360_merge_leads_of_deal", R"sql(
UPDATE crm.lead SET created_deal_id = $2::bigint WHERE created_deal_id = $1::bigint
)sql"};
constexpr Sql kDealsOfLead{"c360_merge_deals_of_lead", R"sql(
UPDATE crm.deal SET created_from_lead_id = $2::bigint WHERE created_from_lead_id = $1::bigint
)sql"};
constexpr Sql kLinkSource{"c360_merge_link", R"sql(
INSERT INTO crm.record_link (from_id, to_id, kind, created_by)
VALUES ($2::bigint, $1::bigint, 'merged_from', $3::bigint)
)sql"};
constexpr Sql kWriteDown{"c360_merge_write_down", R"sql(
INSERT INTO crm.merge (source_id, target_id, moved, merged_by)
VALUES ($1::bigint, $2::bigint, $3::jsonb, $4::bigint)
)sql"};

Json as_json(const std::optional<std::string>& text) { return text ? Json(*text) : Json(nullptr); }

std::optional<std::string> text_of(const Rows& rows, int row, int column) {
  const auto text = rows.optional_text(row, column);
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

// An empty array or object is nothing too.
bool says_nothing(const std::optional<std::string>& value) {
  return !value || value->empty() || *value == "{}";
}

Json ids_json(const std::vector<std::int64_t>& ids) {
  Json::Array list;
  for (const std::int64_t id : ids) list.emplace_back(id);
  return list;
}

std::vector<std::int64_t> first_column(const Rows& rows) {
  std::vector<std::int64_t> ids;
  for (int row = 0; row < rows.size(); ++row) ids.push_back(rows.int64(row, 0));
  return ids;
}

// One merge under way.
class Merge {
 public:
  Merge(ActionCall& call, std::int64_t target) : call_(call), target_(target) {}

  Result<void> admit_target();
  Result<void> run();
  ActionResult report(bool dry_run) const;

 private:
  struct Filled {
    const Field* field;
    std::optional<std::string> before;
    std::string value;
  };
  Params pair() const { return Params{}.add(call_.id).add(target_); }
  Result<void> read_fields();
  Result<void> read_joined();
  Result<void> read_refusal();
  Result<void> read_moving();
  Result<void> read_shown();
  void write_moved(JsonWriter& out) const;
  Result<void> write_both();
  Result<void> move_rows();
  Result<void> move_people();
  Result<void> mark_comments();
  Result<void> leave_comment();
  void settle_currency(const Rows& rows);
  bool fills(std::string_view field) const;
  std::span<const std::int64_t> ids_of(std::string_view part) const;

  ActionCall& call_;
  std::int64_t target_;
  std::vector<Filled> filled_;
  std::vector<std::pair<const MergePart*, std::vector<std::int64_t>>> moving_;
  std::vector<std::vector<std::int64_t>> shown_;  // of each: what the caller may read
  std::vector<std::int64_t> joining_;             // contacts
  Json contacts_ = Json(Json::Array{});
  Json observers_ = Json(Json::Array{});
  Json customers_ = Json(Json::Object{});  // see join_customers()
  std::vector<std::int64_t> links_from_, links_to_, canceled_, staying_items_;
  Json marks_ = Json(Json::Array{});
  bool target_has_amount_ = false;
  bool target_has_items_ = false;
  std::string number_;  // of the source
  std::string comment_;
  std::int64_t comment_id_ = 0;
};

Result<void> Merge::admit_target() {
  const Resource& resource = call_.resource;
  const AccessRules& access = call_.records.access();
  const Predicate read = access.predicate(call_.actor, resource, Right::read, "t", "$2::bigint");
  const Predicate write = access.predicate(call_.actor, resource, Right::write, "t", "$2::bigint");
  const Plan plan = call_.records.queries().keep_always(
      "SELECT " + write.sql + ", $2::bigint FROM " + std::string(resource.table) +
      " t WHERE t.id = $1::bigint AND t.deleted_at IS NULL AND " + read.sql);
  const auto rows = call_.tx.query(plan.sql, Params{}.add(target_).add(call_.actor.user_id));
  if (!rows) return std::unexpected(rows.error());
  if (!(*rows)->empty()) {
    if ((*rows)->boolean(0, 0)) return {};
    return fail(ErrorCode::forbidden,
                "You may read " + std::string(resource.label.en) + " " + std::to_string(target_) +
                    ", but not change it.",
                "read_only");
  }
  // Of another kind: said only to whom that record may be shown.
  const auto kind = call_.tx.query(kOtherKind, Params{}.add(target_));
  if (!kind) return std::unexpected(kind.error());
  const Resource* other =
      (*kind)->empty() ? nullptr : call_.records.registry().find((*kind)->text(0, 0));
  if (other != nullptr && other->kind != resource.kind) {
    const auto seen = read_in(call_.records, call_.tx, *other, target_, call_.actor);
    if (seen) {
      return fail(ErrorCode::validation_failed,
                  "Record " + std::to_string(target_) + " is a " + std::string(other->label.en) +
                      ": only like goes into like.",
                  "other_kind");
    }
    if (seen.error().code != ErrorCode::not_found) return std::unexpected(seen.error());
  }
  return no_such(resource, std::to_string(target_));
}

bool Merge::fills(std::string_view field) const {
  return std::ranges::any_of(filled_,
                             [&](const Filled& each) { return each.field->name == field; });
}

std::span<const std::int64_t> Merge::ids_of(std::string_view part) const {
  for (const auto& [each, ids] : moving_) {
    if (each->name == part) return ids;
  }
  return {};
}

// Sums never mix currencies: amount and lines bring theirs where the target has neither of its own,
// and stay otherwise.
void Merge::settle_currency(const Rows& rows) {
  const bool brings = fills("amount") || !ids_of("line_items").empty();
  if (!brings) return;
  if (!target_has_amount_ && !target_has_items_) {
    filled_.push_back(
        {&call_.resource.field("currency"), text_of(rows, 0, 2), std::string(rows.text(0, 1))});
    return;
  }
  std::erase_if(filled_, [](const Filled& each) { return each.field->name == "amount"; });
  for (auto& [part, ids] : moving_) {
    if (part->name == "line_items" && !ids.empty()) staying_items_ = std::exchange(ids, {});
  }
}

// What the target lacks and the source has.
Result<void> Merge::read_fields() {
  const Resource& resource = call_.resource;
  std::vector<const Field*> fields;
  const bool has_currency = resource.has_field("currency");
  std::string sql =
      has_currency ? "SELECT s.number, s.currency, t.currency" : "SELECT s.number, '', ''";
  for (const std::string_view name : merged_fields(resource)) {
    fields.push_back(&resource.field(name));
    sql += ", s." + std::string(name) + "::text, t." + std::string(name) + "::text";
  }
  const std::string table(resource.table);
  const Plan plan = call_.records.queries().keep_always(
      sql + " FROM " + table + " s, " + table + " t WHERE s.id = $1::bigint AND t.id = $2::bigint");
  const auto read = call_.tx.query(plan.sql, pair());
  if (!read) return std::unexpected(read.error());
  const Rows& rows = **read;
  number_ = std::string(rows.text(0, 0));
  std::optional<std::string> counterparties[2];
  std::optional<std::string> inns[2];
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const int column = 3 + 2 * static_cast<int>(i);
    const auto source = text_of(rows, 0, column);
    const auto target = text_of(rows, 0, column + 1);
    if (fields[i]->name == "counterparty_id") {
      counterparties[0] = source;
      counterparties[1] = target;
    }
    if (fields[i]->name == "inn") {
      inns[0] = source;
      inns[1] = target;
    }
    if (fields[i]->name == "amount") target_has_amount_ = target.has_value();
    if (says_nothing(source) || !says_nothing(target)) continue;
    filled_.push_back({fields[i], target, *source});
  }
  // A contract goes with its own counterparty only; an amount brings its currency.
  const bool other_customer = counterparties[1] && counterparties[0] != counterparties[1];
  std::erase_if(filled_, [&](const Filled& each) {
    return each.field->name == "contract_id" && other_customer;
  });
  const bool other_company = inns[1] && inns[0] != inns[1];
  std::erase_if(filled_, [&](const Filled& each) {
    return other_company && goes_with_inn(each.field->name);
  });
  if (rows.text(0, 1) != rows.text(0, 2)) settle_currency(rows);
  return read_joined();
}

// Of both: custom fields, where the target has none of that name, and what a customer is to us. The
// mark of the default customer goes along.
Result<void> Merge::read_joined() {
  const Resource& resource = call_.resource;
  // Of fields that are no more the source keeps its values.
  const std::string joined =
      "(SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(s.custom) e "
      "JOIN crm.custom_field_def f ON f.code = e.key AND f.is_active AND f.record_kind = '" +
      std::string(resource.kind) + "') || t.custom";
  std::string sql = "SELECT t.custom::text, (" + joined + ")::text, " + joined + " <> t.custom";
  const bool customer = resource.kind == "counterparty";
  if (customer) {
    sql +=
        ", t.types::text, (t.types || ARRAY(SELECT x FROM unnest(s.types) WITH ORDINALITY AS u(x, "
        "n)"
        " WHERE x <> ALL (t.types) ORDER BY n))::text, NOT s.types <@ t.types,"
        " 'f', 't', s.portal_default AND NOT t.portal_default";
  }
  const std::string table(resource.table);
  const Plan plan = call_.records.queries().keep_always(
      sql + " FROM " + table + " s, " + table + " t WHERE s.id = $1::bigint AND t.id = $2::bigint");
  const auto read = call_.tx.query(plan.sql, pair());
  if (!read) return std::unexpected(read.error());
  const Rows& rows = **read;
  int column = 0;
  for (const std::string_view name : {"custom", "types", "portal_default"}) {
    if (column > 0 && !customer) break;
    if (rows.boolean(0, column + 2)) {
      filled_.push_back(
          {&resource.field(name), text_of(rows, 0, column), std::string(rows.text(0, column + 1))});
    }
    column += 3;
  }
  return {};
}

Result<void> Merge::read_refusal() {
  const auto refusal = carried_refusal(call_.tx, call_.id, target_);
  if (!refusal) return std::unexpected(refusal.error());
  if (!*refusal) return {};
  const Resource& resource = call_.resource;
  filled_.push_back({&resource.field("promo_emails_allowed"), "t", "f"});
  filled_.push_back(
      {&resource.field("promo_emails_basis"), (*refusal)->basis_before, (*refusal)->basis});
  return {};
}

Result<void> Merge::read_moving() {
  std::vector<Ticket> tickets;
  for (const MergePart& part : merge_parts()) {
    if (!moves_with(part, call_.resource)) continue;
    const Plan plan = call_.records.queries().keep_always(moving_rows_sql(part));
    moving_.emplace_back(&part, std::vector<std::int64_t>{});
    tickets.push_back(call_.tx.queue(plan.sql, pair()));
  }
  const Ticket contacts = call_.tx.queue(kContacts, pair());
  const Ticket observers = call_.tx.queue(kObservers, pair());
  constexpr Sql kItems{"c360_merge_items",
                       "SELECT id FROM crm.line_item WHERE parent_id = $1::bigint"};
  const Ticket items = call_.tx.queue(kItems, Params{}.add(call_.id));
  const Ticket own_items = call_.tx.queue(kItems, Params{}.add(target_));
  if (auto done = call_.tx.run(); !done) return done;
  for (std::size_t i = 0; i < moving_.size(); ++i) {
    moving_[i].second = first_column(call_.tx.rows(tickets[i]));
  }
  target_has_items_ = !call_.tx.rows(own_items).empty();
  if (ids_of("line_items").empty()) staying_items_ = first_column(call_.tx.rows(items));
  const Rows& people = call_.tx.rows(contacts);
  for (int row = 0; row < people.size(); ++row) {
    if (people.boolean(row, 3)) joining_.push_back(people.int64(row, 0));
    contacts_.as_array().push_back(Json::Object{{"id", people.int64(row, 0)},
                                                {"is_main", people.boolean(row, 1)},
                                                {"position", people.int64(row, 2)},
                                                {"joined", people.boolean(row, 3)}});
  }
  const Rows& watchers = call_.tx.rows(observers);
  for (int row = 0; row < watchers.size(); ++row) {
    observers_.as_array().push_back(Json::Object{{"id", watchers.int64(row, 0)},
                                                 {"added_by", as_json(text_of(watchers, row, 1))},
                                                 {"added_at", as_json(text_of(watchers, row, 2))},
                                                 {"joined", watchers.boolean(row, 3)}});
  }
  return {};
}

// A customer has rows of kinds that the caller may not read: they move, and are told by number
// only.
Result<void> Merge::read_shown() {
  const Records& records = call_.records;
  std::vector<std::optional<Ticket>> tickets;
  for (const auto& [part, ids] : moving_) {
    const Resource* resource = resource_of(*part, records.registry());
    if (resource == nullptr || ids.empty()) {
      tickets.emplace_back();
      continue;
    }
    const Predicate read =
        records.access().predicate(call_.actor, *resource, Right::read, "t", "$2::bigint");
    const Plan plan = records.queries().keep_always(
        "SELECT t.id, $2::bigint FROM " + std::string(resource->table) +
        " t WHERE t.id = ANY ($1::bigint[]) AND " + read.sql + " ORDER BY t.id");
    Params params;
    params.add_array(std::span<const std::int64_t>(ids)).add(call_.actor.user_id);
    tickets.emplace_back(call_.tx.queue(plan.sql, std::move(params)));
  }
  if (auto done = call_.tx.run(); !done) return done;
  for (std::size_t i = 0; i < moving_.size(); ++i) {
    shown_.push_back(tickets[i] ? first_column(call_.tx.rows(*tickets[i])) : moving_[i].second);
  }
  return {};
}

// The source goes first: what may stand once only is free then.
Result<void> Merge::write_both() {
  WriteOptions source = call_.write;
  source.events = {"merged"};
  source.also = [&](Draft& draft) {
    draft.set("merged_into_id", std::to_string(target_));
    draft.set_now("deleted_at");
    // One mail makes one record: the one that goes on is it.
    if (fills("mail_message_id")) draft.set_stored("mail_message_id", std::nullopt);
  };
  const Json nothing = Json(Json::Object{});
  auto gone =
      call_.records.update(call_.tx, call_.resource, call_.key(), nothing, call_.actor, source);
  if (!gone) return std::unexpected(gone.error());
  WriteOptions target{.finish = Finish::run};
  target.events = {"merged"};
  target.also = [&](Draft& draft) {
    for (const Filled& each : filled_) draft.set_stored(each.field->name, each.value);
  };
  auto kept = call_.records.update(call_.tx, call_.resource, std::to_string(target_), nothing,
                                   call_.actor, target);
  if (!kept) return std::unexpected(kept.error());
  return {};
}

Result<void> Merge::move_rows() {
  for (const auto& [part, ids] : moving_) {
    if (ids.empty()) continue;
    const Plan plan = call_.records.queries().keep_always(move_rows_sql(*part));
    call_.tx.queue(plan.sql, move_params(call_.id, target_, ids, call_.actor));
  }
  if (fills("created_from_lead_id")) call_.tx.queue(kLeadsOfDeal, pair());
  if (fills("created_deal_id")) call_.tx.queue(kDealsOfLead, pair());
  return {};
}

Result<void> Merge::move_people() {
  Params joining = pair();
  joining.add_array(std::span<const std::int64_t>(joining_));
  call_.tx.queue(kJoinContacts, std::move(joining));
  call_.tx.queue(kLeaveContacts, Params{}.add(call_.id));
  call_.tx.queue(kJoinObservers, pair());
  call_.tx.queue(kLeaveObservers, Params{}.add(call_.id));
  const Ticket from = call_.tx.queue(kLinksFrom, pair());
  const Ticket to = call_.tx.queue(kLinksTo, pair());
  const Ticket canceled = call_.tx.queue(kCancelTask, Params{}.add(call_.id));
  if (auto done = call_.tx.run(); !done) return done;
  links_from_ = first_column(call_.tx.rows(from));
  links_to_ = first_column(call_.tx.rows(to));
  canceled_ = first_column(call_.tx.rows(canceled));
  return {};
}

Result<void> Merge::mark_comments() {
  Params params;
  params.add_array(ids_of("comments"));
  params.add(std::string(merge_words(call_.resource).genitive) + " " + number_);
  params.add(std::string_view(call_.records.options().limits.time_zone));
  params.add(call_.actor.user_id).add(std::string_view(call_.actor.request_id));
  params.add(std::string_view(call_.actor.origin));
  const auto rows = call_.tx.query(kMarkComments, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < (*rows)->size(); ++row) {
    marks_.as_array().push_back(
        Json::Object{{"id", (*rows)->int64(row, 0)}, {"mark", std::string((*rows)->text(row, 1))}});
  }
  return {};
}

// Written after the rows went: it stands in the target as its latest.
Result<void> Merge::leave_comment() {
  const Json body = Json::Object{{"record_id", target_}, {"text", "-"}};
  WriteOptions write{.finish = Finish::run};
  write.also = [&](Draft& draft) {
    draft.set_stored("text", comment_);
    draft.set("source", "merge");
  };
  auto made = call_.records.create(call_.tx, call_.records.registry().get("comment"), body,
                                   call_.actor, write);
  if (!made) return std::unexpected(made.error());
  comment_id_ = made->id;
  return {};
}

Result<void> Merge::run() {
  if (auto done = read_moving(); !done) return done;
  if (auto done = read_fields(); !done) return done;
  if (call_.resource.kind == "counterparty") {
    if (auto done = read_refusal(); !done) return done;
  }
  if (auto done = read_shown(); !done) return done;
  // What the source says, while it still says it.
  const Plan text = call_.records.queries().keep_always(
      merge_comment_sql(call_.records.registry(), call_.resource,
                        call_.records.options().limits.time_zone, !staying_items_.empty()));
  const auto comment = call_.tx.query(text.sql, Params{}.add(call_.id));
  if (!comment) return std::unexpected(comment.error());
  comment_ = std::string((*comment)->text(0, 0));
  if (call_.resource.kind == "counterparty") queue_deferred_pins(call_.tx);
  if (auto done = write_both(); !done) return done;
  if (call_.resource.kind == "counterparty") {
    auto joined = join_customers(call_.tx, call_.id, target_, call_.actor);
    if (!joined) return std::unexpected(joined.error());
    customers_ = std::move(*joined);
  }
  if (auto done = move_rows(); !done) return done;
  if (auto done = move_people(); !done) return done;
  if (auto done = mark_comments(); !done) return done;
  if (auto done = leave_comment(); !done) return done;

  Json moved = Json(Json::Object{});
  Json filled = Json(Json::Object{});
  for (const Filled& each : filled_) {
    filled.set(std::string(each.field->name),
               Json::Object{{"old", as_json(each.before)}, {"new", each.value}});
  }
  moved.set("filled", std::move(filled));
  for (const auto& [part, ids] : moving_) moved.set(std::string(part->name), ids_json(ids));
  for (const auto& [name, value] : customers_.as_object()) moved.set(name, value);
  moved.set("contacts", contacts_);
  moved.set("observers", observers_);
  moved.set("links_from", ids_json(links_from_));
  moved.set("links_to", ids_json(links_to_));
  moved.set("canceled_tasks", ids_json(canceled_));
  moved.set("marks", marks_);
  moved.set("comment_id", comment_id_);
  call_.tx.queue(kLinkSource, pair().add(call_.actor.user_id));
  call_.tx.queue(kWriteDown, pair().add(moved.dump()).add(call_.actor.user_id));
  return call_.tx.run();
}

void Merge::write_moved(JsonWriter& out) const {
  out.key("moved").begin_object();
  for (std::size_t i = 0; i < moving_.size(); ++i) {
    out.key(moving_[i].first->name).value(ids_json(shown_[i]));
  }
  std::vector<std::int64_t> links = links_from_;
  links.insert(links.end(), links_to_.begin(), links_to_.end());
  out.key("contacts").value(ids_json(joining_)).key("links").value(ids_json(links));
  const auto joined = [](const Json& list) {
    Json::Array ids;
    for (const Json& each : list.as_array()) {
      if (each.find("joined")->as_bool()) ids.push_back(*each.find("id"));
    }
    return Json(std::move(ids));
  };
  for (const std::string_view links_of : {"projects", "releases"}) {
    if (const Json* list = customers_.find(links_of)) out.key(links_of).value(joined(*list));
  }
  out.key("observers").value(joined(observers_)).end_object();
  out.key("moved_unseen").begin_object();
  for (std::size_t i = 0; i < moving_.size(); ++i) {
    const auto unseen = moving_[i].second.size() - shown_[i].size();
    if (unseen > 0) out.member(moving_[i].first->name, static_cast<std::int64_t>(unseen));
  }
  out.end_object();
}

ActionResult Merge::report(bool dry_run) const {
  JsonWriter out;
  out.begin_object()
      .member("source", call_.id)
      .member("target", target_)
      .member("dry_run", dry_run)
      .key("filled")
      .begin_object();
  for (const Filled& each : filled_) {
    out.key(each.field->name);
    write_value(out, *each.field, each.value);
  }
  out.end_object();
  write_moved(out);
  out.key("stays").begin_object().key("line_items").value(ids_json(staying_items_)).end_object();
  out.member("comment", std::string_view(comment_)).end_object();
  return {.json = out.take()};
}

std::unexpected<Error> wrong(std::string_view name, std::string code, std::string detail) {
  Error error{.code = ErrorCode::validation_failed, .detail = detail, .reason = code};
  error.fields.push_back({"/" + std::string(name), std::move(code), std::move(detail)});
  return std::unexpected(std::move(error));
}

Result<ActionResult> merge(ActionCall& call) {
  const std::int64_t target = call.number("into");
  const bool dry_run = call.flag("dry_run");
  if (target == call.id) {
    return fail(ErrorCode::invalid_request, "A record is not merged into itself.", "same_record");
  }
  if (!dry_run && !call.flag("confirm")) {
    return wrong("confirm", "confirm_required",
                 "Send confirm: true; dry_run: true shows what would happen.");
  }
  Merge merge(call, target);
  if (auto admitted = merge.admit_target(); !admitted) return std::unexpected(admitted.error());
  if (!dry_run) {
    if (auto done = merge.run(); !done) return std::unexpected(done.error());
    return merge.report(false);
  }
  // The same thing, taken back: what it shows is what would happen.
  if (auto marked = call.tx.savepoint(); !marked) return std::unexpected(marked.error());
  if (auto done = merge.run(); !done) return std::unexpected(done.error());
  if (auto undone = call.tx.rollback_to_savepoint(); !undone) {
    return std::unexpected(undone.error());
  }
  return merge.report(true);
}

}  // namespace

Action merge_action() {
  return {.name = "merge",
          .label = {"Объединить с основной записью", "Merge into the main record"},
          .doc = "Everything goes to the record `into`; this one answers 308 from then on.",
          .parameters = {integer("into").required().labels("Основная запись", "Main record"),
                         boolean("confirm").labels("Подтверждаю", "Confirmed"),
                         boolean("dry_run").labels("Показать, что будет", "Only show")},
          .locks_too = "into",
          .answer_schema = R"json({"type": "object",
            "required": ["source", "target", "dry_run", "filled", "moved", "moved_unseen", "stays",
              "comment"],
            "properties": {"source": {"type": "integer"}, "target": {"type": "integer"},
              "dry_run": {"type": "boolean"},
              "filled": {"type": "object", "description": "Fields the target had not"},
              "moved": {"type": "object", "description": "Ids of the rows moved, by their kind",
                "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
              "moved_unseen": {"type": "object",
                "description": "How many besides, of kinds the caller may not read",
                "additionalProperties": {"type": "integer"}},
              "stays": {"type": "object", "description": "Ids of the rows that stay",
                "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
              "comment": {"type": "string", "description": "HTML left in the target"}}})json",
          .handler = merge};
}

}  // namespace c360::store

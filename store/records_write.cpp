// Create, update, remove, restore: one round trip of reading where something must be looked at, one
// of writing, COMMIT included.
#include <algorithm>

#include "store/history.h"
#include "store/query_parts.h"
#include "store/records_state.h"
#include "store/retried.h"

namespace c360::store {
namespace {

// A counterparty with the same INN and KPP is refused, one with the same key is told: by its id to
// those who may read it, else as little as the refusal needs.
std::string duplicates_text(const std::string& readable) {
  return "SELECT d.id, d.same_inn, d.readable FROM (SELECT c.id, coalesce(c.inn = $1::text AND "
         "coalesce(c.kpp, '') = coalesce($2::text, ''), false) AS same_inn, " +
         readable +
         " AS readable FROM crm.counterparty c WHERE c.deleted_at IS NULL AND c.id IS DISTINCT "
         "FROM $4::bigint AND (c.inn = $1::text AND coalesce(c.kpp, '') = coalesce($2::text, '') "
         "OR c.name_key = $3::text AND $3::text <> '') AND ($5::bigint IS NULL OR true)) d "
         "WHERE d.same_inn OR d.readable ORDER BY d.same_inn DESC, d.id LIMIT 1";
}

struct AskedDuplicates {
  Plan plan;
  Ticket ticket;
};

// Whether two counterparties are the same is asked only where it can have changed.
std::optional<AskedDuplicates> queue_duplicates(Transaction& tx, const Draft& draft,
                                                std::optional<std::string_view> id,
                                                const QueryMaker& queries,
                                                const AccessRules& access) {
  if (draft.resource().kind != "counterparty") return std::nullopt;
  const bool inn = draft.changed("inn") || draft.changed("kpp");
  const bool name = draft.changed("name_key");
  if (!inn && !name) return std::nullopt;
  Params params;
  params.add(inn ? draft.get("inn") : std::nullopt).add(draft.get("kpp"));
  params.add(name ? draft.get("name_key") : std::nullopt);
  if (id) {
    params.add(*id);
  } else {
    params.add_null();
  }
  params.add(draft.actor().user_id);
  const Predicate readable =
      access.predicate(draft.actor(), draft.resource(), Right::read, "c", "$5::bigint");
  AskedDuplicates asked{.plan = queries.keep_always(duplicates_text(readable.sql)), .ticket = {}};
  asked.ticket = tx.queue(asked.plan.sql, std::move(params));
  return asked;
}

void read_duplicates(Draft& draft, const Rows& rows) {
  if (rows.empty()) return;
  const std::int64_t id = rows.int64(0, 0);
  const bool same_inn = rows.boolean(0, 1);
  if (same_inn && !rows.boolean(0, 2)) {
    draft.refuse(ErrorCode::conflict,
                 "There is a counterparty with the same INN and KPP, which you may not see.",
                 "duplicate_inn");
    return;
  }
  if (same_inn) {
    draft.refuse(ErrorCode::conflict,
                 "Counterparty " + std::to_string(id) + " has the same INN and KPP.",
                 "duplicate_inn");
    draft.warn({"duplicate_inn", "The same INN and KPP.", id});
    return;
  }
  if (draft.context().strict) {
    draft.refuse(ErrorCode::conflict,
                 "Counterparty " + std::to_string(id) + " has the same name key.",
                 "possible_duplicate");
  }
  draft.warn(
      {"possible_duplicate", "Counterparty " + std::to_string(id) + " has the same name.", id});
}

// A conflict carries the id of the row it is with.
Error with_existing(Error error, const std::vector<Warning>& warnings) {
  if (error.code == ErrorCode::conflict && !warnings.empty() && warnings.front().id) {
    error.fields.push_back({"/id", "existing_id", std::to_string(*warnings.front().id)});
  }
  return error;
}

std::string value_expression(const Draft& draft, std::size_t index, ParameterList& params) {
  const Field& field = draft.resource().fields[index];
  const auto value = draft.get(index);
  std::string placeholder =
      value ? params.add(std::string(*value)) + "::" + field.sql_type() : "NULL";
  if (field.name != "is_main" || draft.resource().kind != "contact") return placeholder;
  const auto counterparty = draft.get("counterparty_id");
  if (!counterparty || !(draft.creating() || draft.changed("counterparty_id"))) return placeholder;
  // The first contact of a counterparty is its main one.
  return "(" + placeholder +
         " OR NOT EXISTS (SELECT FROM crm.contact m WHERE m.counterparty_id = " +
         params.add(std::string(*counterparty)) +
         "::bigint AND m.is_main AND m.deleted_at IS NULL))";
}

std::string insert_record_text(const Draft& draft, ParameterList& params,
                               const std::vector<const Field*>& shown) {
  const Resource& resource = draft.resource();
  const Actor& actor = draft.actor();
  std::string columns = "id";
  std::string values = "r.id";
  if (!resource.sequence.empty()) {
    columns += ", number";
    values += ", n.number";
  }
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    const Field& field = resource.fields[i];
    const bool automatic_name = field.name == "name" && !resource.auto_name.empty();
    const bool numbered = field.name == "number" && !resource.sequence.empty();
    if (!field.has_column() || field.name == "id" || numbered) continue;
    if (!draft.get(i) && !automatic_name) continue;
    columns += ", " + std::string(field.name);
    if (draft.get(i)) {
      values += ", " + value_expression(draft, i, params);
    } else {
      const std::size_t mark = resource.auto_name.find('%');
      values += ", '" + std::string(resource.auto_name.substr(0, mark)) + "' || n.number || '" +
                std::string(resource.auto_name.substr(mark + 1)) + "'";
    }
  }
  const std::string kind(resource.kind);
  std::string text =
      "WITH r AS (INSERT INTO crm.record (kind) VALUES ('" + kind + "') RETURNING id), ";
  if (!resource.sequence.empty()) {
    text += "n AS (SELECT nextval('" + std::string(resource.sequence) + "') AS number), ";
  }
  text += "e AS (INSERT INTO " + std::string(resource.table) + " AS t (" + columns + ") SELECT " +
          values + " FROM r" + (resource.sequence.empty() ? "" : ", n") + " RETURNING " +
          column_list(shown) +
          "), h AS (INSERT INTO crm.history_event (record_id, record_kind, event, actor_id, "
          "version, request_id, origin) SELECT e.id, '" +
          kind + "', 'created', ";
  text += (actor.user_id ? params.add(std::to_string(*actor.user_id)) : std::string("NULL")) +
          "::bigint, 1, ";
  text += actor.request_id.empty() ? std::string("NULL") : params.add(actor.request_id) + "::text";
  return text + ", " + params.add(actor.origin) + "::text FROM e) SELECT * FROM e";
}

// A merge under way is waited for, and a later one waits: nothing is added to a record that has
// gone into another meanwhile.
constexpr Sql kHoldRecords{"c360_hold_records", R"sql(
SELECT r.id FROM crm.record r WHERE r.id = ANY ($1::bigint[]) ORDER BY r.id FOR KEY SHARE OF r
)sql"};

// A comment is an activity of its record too; each names the other.
std::string insert_comment_text(const Draft& draft, ParameterList& params,
                                const std::vector<const Field*>& shown) {
  const Resource& resource = draft.resource();
  const Actor& actor = draft.actor();
  std::string columns = "activity_id";
  std::string values = "r.id";
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    if (!resource.fields[i].has_column() || !draft.get(i)) continue;
    columns += ", " + std::string(resource.fields[i].name);
    values += ", " + value_expression(draft, i, params);
  }
  const std::string user =
      (actor.user_id ? params.add(std::to_string(*actor.user_id)) : std::string("NULL")) +
      "::bigint";
  const std::string origin = params.add(actor.origin) + "::text";
  return "WITH r AS (INSERT INTO crm.record (kind) VALUES ('activity') RETURNING id), "
         "e AS (INSERT INTO crm.comment AS t (" +
         columns + ") SELECT " + values + " FROM r RETURNING " + column_list(shown) +
         "), a AS (INSERT INTO crm.activity (id, parent_record_id, type, status, text, "
         "activity_date, responsible_id, comment_id, created_by, updated_by, origin) "
         "SELECT r.id, e.record_id, 'comment', 'created', e.text, now(), e.author_id, e.id, " +
         user + ", " + user + ", " + origin +
         " FROM e, r), h AS (INSERT INTO crm.history_event (record_id, record_kind, event, "
         "actor_id, changes, request_id, origin) SELECT e.record_id, p.kind, 'comment_added', " +
         user +
         ", jsonb_build_array(jsonb_build_object('field', 'comment', 'old', null, 'new', "
         "e.id)), " +
         (actor.request_id.empty() ? std::string("NULL")
                                   : params.add(actor.request_id) + "::text") +
         ", " + origin + " FROM e JOIN crm.record p ON p.id = e.record_id) SELECT * FROM e";
}

std::string insert_row_text(const Draft& draft, ParameterList& params,
                            const std::vector<const Field*>& shown) {
  const Resource& resource = draft.resource();
  const Actor& actor = draft.actor();
  std::string columns;
  std::string values;
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    if (!resource.fields[i].has_column() || !draft.get(i)) continue;
    columns += (columns.empty() ? "" : ", ") + std::string(resource.fields[i].name);
    values += (values.empty() ? "" : ", ") + value_expression(draft, i, params);
  }
  std::string text = "WITH e AS (INSERT INTO " + std::string(resource.table) + " AS t (" + columns +
                     ") VALUES (" + values + ") RETURNING " + column_list(shown) +
                     "), h AS (INSERT INTO crm.history_event (record_key, record_kind, event, "
                     "actor_id, version, request_id, origin) SELECT e." +
                     std::string(resource.key) + "::text, '" + std::string(resource.kind) +
                     "', 'created', ";
  text += (actor.user_id ? params.add(std::to_string(*actor.user_id)) : std::string("NULL")) +
          "::bigint, " + (resource.has_versions ? "1, " : "NULL, ");
  text += actor.request_id.empty() ? std::string("NULL") : params.add(actor.request_id) + "::text";
  return text + ", " + params.add(actor.origin) + "::text FROM e) SELECT * FROM e";
}

// What row_version will be; none where the rows have none.
std::optional<std::int64_t> next_version(const Draft& draft) {
  if (!draft.resource().has_versions) return std::nullopt;
  return std::stoll(std::string(*draft.before("row_version"))) + 1;
}

void set_if_field(Draft& draft, std::string_view field, std::optional<std::string> value) {
  if (draft.resource().has_field(field)) draft.set(field, std::move(value));
}

std::optional<std::string> user_text(const Actor& actor) {
  return actor.user_id ? std::optional(std::to_string(*actor.user_id)) : std::nullopt;
}

Result<void> offers(const Resource& resource, Operation operation, std::string_view verb) {
  if (resource.offers(operation)) return {};
  return fail(ErrorCode::method_not_allowed,
              std::string(resource.label_plural.en) + " cannot be " + std::string(verb) + " here.",
              "not_offered");
}

}  // namespace

// -- Create ---------------------------------------------------------------------------------------

Result<RecordView> Records::create(const Resource& resource, const Json& body, const Actor& actor,
                                   const WriteOptions& options) {
  return retried(state_->database,
                 [&](Transaction& tx) { return create(tx, resource, body, actor, options); });
}

Result<RecordView> Records::create(Transaction& tx, const Resource& resource, const Json& body,
                                   const Actor& actor, const WriteOptions& options) {
  if (auto offered = offers(resource, Operation::create, "created"); !offered) {
    return std::unexpected(offered.error());
  }
  if (auto allowed = state_->access.may_create(actor, resource); !allowed) {
    return std::unexpected(allowed.error());
  }
  if (options.profile == Profile::draft && actor.is_person()) {
    return fail(ErrorCode::forbidden, "Profile draft is for the service: mail, jobs, import.",
                "profile_not_allowed");
  }
  WriteContext context = state_->context(actor, options);
  if (wants_today(resource)) {
    auto today = state_->today(tx);
    if (!today) return std::unexpected(today.error());
    context.today = std::move(*today);
  }
  Draft draft(resource, actor, context);
  read_body(draft, body);
  if (options.also) options.also(draft);
  if (resource.find_missing != nullptr) {
    if (auto done = resource.find_missing(*this, tx, draft); !done) {
      return std::unexpected(done.error());
    }
  }
  if (auto done = state_->look_around(tx, draft); !done) return std::unexpected(done.error());
  if (auto done = complete(tx, draft); !done) return std::unexpected(done.error());
  if (draft.refusal()) return std::unexpected(*error_of(draft));

  // What is wrong already is said together with references that lead nowhere.
  const bool refused = !draft.problems().empty();
  const ReferenceCheck check = reference_check(draft, state_->registry, state_->access);
  Plan plan;
  const auto references = state_->queue_references(tx, check, plan);
  const auto duplicates =
      refused ? std::nullopt
              : queue_duplicates(tx, draft, std::nullopt, state_->queries, state_->access);
  if (references || duplicates) {
    if (auto done = tx.run(); !done) return std::unexpected(done.error());
    if (references) read_references(draft, check, tx.rows(*references));
    if (duplicates) read_duplicates(draft, tx.rows(duplicates->ticket));
  }
  if (auto error = error_of(draft)) {
    return std::unexpected(with_existing(std::move(*error), draft.warnings()));
  }
  return with_consequence(tx, draft, options, [&](const WriteOptions& write) {
    return state_->write_insert(tx, draft, write);
  });
}

Result<RecordView> Records::with_consequence(
    Transaction& tx, const Draft& draft, const WriteOptions& options,
    const std::function<Result<RecordView>(const WriteOptions& write)>& write) {
  const Consequence& consequence = draft.resource().consequence;
  if (consequence.due == nullptr || !consequence.due(draft)) return write(options);
  WriteOptions open = options;
  open.finish = Finish::run;
  auto written = write(open);
  if (written) written = consequence.bring_about(*this, tx, draft, std::move(*written));
  if (!written || options.finish == Finish::run) return written;
  if (auto done = state_->finish(tx, options, draft.resource()); !done) {
    return std::unexpected(done.error());
  }
  return written;
}

std::optional<Ticket> Records::State::queue_references(Transaction& tx, const ReferenceCheck& check,
                                                       Plan& plan) const {
  if (check.text.empty()) return std::nullopt;
  if (!check.mergeable.empty()) {
    tx.queue(kHoldRecords, Params{}.add_array(std::span<const std::int64_t>(check.mergeable)));
  }
  plan = queries.keep({}, check.text);
  return tx.queue(plan.sql, check.params);
}

// What the caller refers to must be his to use before anything is taken over from it.
Result<void> Records::State::look_around(Transaction& tx, Draft& draft) {
  const auto related = queue_related(tx, draft);
  if (!related) return {};
  const ReferenceCheck check = reference_check(draft, registry, access);
  Plan plan;
  const auto references = queue_references(tx, check, plan);
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  const std::size_t before = draft.problems().size();
  if (references) read_references(draft, check, tx.rows(*references));
  if (draft.refusal() || draft.problems().size() > before) {
    return std::unexpected(*error_of(draft));
  }
  draft.load_related(tx.rows(*related));
  return {};
}

Result<void> Records::complete(Transaction& tx, Draft& draft) {
  merge_objects(draft);
  auto required =
      state_->required_of(tx, draft.resource(), draft.creating(), draft.context().profile);
  if (!required) return std::unexpected(required.error());
  complete_draft(draft, state_->options.sanitise_html, **required);
  if (draft.resource().check_among != nullptr) draft.resource().check_among(*this, draft);
  return state_->check_custom_fields(tx, draft);
}

Result<std::shared_ptr<const RequiredFields>> Records::State::required_of(Transaction& tx,
                                                                          const Resource& resource,
                                                                          bool creates,
                                                                          Profile profile) {
  const bool asks = (creates && profile != Profile::draft) || resource.drafts_may_lack;
  if (resource.is_record && asks) return required_fields.current(tx);
  static const auto kAsDeclared = std::make_shared<const RequiredFields>();
  return kAsDeclared;
}

Result<void> Records::State::check_custom_fields(Transaction& tx, Draft& draft) {
  if (!draft.resource().is_record) return {};
  const bool sets_some = draft.changed("custom") && draft.get("custom") != "{}";
  if (!sets_some && !draft.creating()) return {};
  const auto definitions = sets_some ? read_custom_fields(tx) : custom_fields.current(tx);
  if (!definitions) return std::unexpected(definitions.error());
  const auto references = check_custom(draft, **definitions);
  if (references.empty()) return {};
  const CustomReferenceCheck check = custom_reference_check(draft, references, registry, access);
  const Plan plan = queries.keep({}, check.text);
  const auto rows = tx.query(plan.sql, check.params);
  if (!rows) return std::unexpected(rows.error());
  for (std::size_t i = 0; i < references.size(); ++i) {
    if ((*rows)->boolean(0, static_cast<int>(i) + 1)) continue;
    draft.wrong_at("/custom/" + references[i].code, "reference_not_found",
                   "There is no " + std::string(references[i].target) + " " + references[i].id +
                       " you may use here.");
  }
  return {};
}

Result<RecordView> Records::State::write_insert(Transaction& tx, Draft& draft,
                                                const WriteOptions& write) const {
  const Resource& resource = draft.resource();
  set_if_field(draft, "created_by", user_text(draft.actor()));
  set_if_field(draft, "updated_by", user_text(draft.actor()));
  if (resource.is_record) draft.set("origin", draft.actor().origin);

  const std::vector<const Field*> shown = readable_columns(resource);
  ParameterList params;
  std::string text = resource.is_record           ? insert_record_text(draft, params, shown)
                     : resource.kind == "comment" ? insert_comment_text(draft, params, shown)
                                                  : insert_row_text(draft, params, shown);
  const Plan plan = queries.keep({}, std::move(text));
  queue_effects_before(tx, draft, std::nullopt);
  const Ticket inserted = tx.queue(plan.sql, params.params());
  queue_effects(tx, draft, std::nullopt, options, access);
  if (auto done = finish(tx, write, resource); !done) return std::unexpected(done.error());
  return view_of(resource, shown, {}, tx.rows(inserted), 0, std::move(draft.warnings()));
}

// -- Update ---------------------------------------------------------------------------------------

Records::State::Locked Records::State::queue_lock(Transaction& tx, const Resource& resource,
                                                  std::string_view key, const Actor& actor) const {
  Locked locked;
  locked.columns = readable_columns(resource);
  const Predicate read = access.predicate(actor, resource, Right::read, "t", "$2::bigint");
  const Predicate write = access.predicate(actor, resource, Right::write, "t", "$2::bigint");
  const std::string shape = "lock " + std::string(resource.kind) + " " + access.shape(actor);
  if (const auto known = queries.kept(shape)) {
    locked.plan.sql = *known;
  } else {
    locked.plan = queries.keep(
        shape, "SELECT " + column_list(locked.columns) + ", " + write.sql + ", " +
                   state_of_row(resource) + ", $2::bigint FROM " + std::string(resource.table) +
                   " t WHERE t." + std::string(resource.key) + " = $1::" + key_type_of(resource) +
                   " AND " + read.sql + " FOR NO KEY UPDATE OF t");
  }
  Params params;
  params.add(key).add(actor.user_id);
  locked.ticket = tx.queue(locked.plan.sql, std::move(params));
  return locked;
}

Result<void> Records::State::read_lock(const Transaction& tx, const Locked& locked, Draft& draft,
                                       std::string_view key, const WriteOptions& write,
                                       bool deleted_allowed) const {
  const Resource& resource = draft.resource();
  const Rows& rows = tx.rows(locked.ticket);
  if (rows.empty()) return no_such(resource, key);
  const int rights_column = static_cast<int>(locked.columns.size());
  const bool deleted = rows.boolean(0, rights_column + 1);
  if (deleted && !deleted_allowed) return no_such(resource, key);
  if (!rows.boolean(0, rights_column)) {
    return fail(ErrorCode::forbidden,
                "You may read this " + std::string(resource.label.en) + ", but not change it.",
                "read_only");
  }
  std::vector<std::optional<std::string>> before(resource.fields.size());
  int column = 0;
  for (const Field* field : locked.columns) {
    const auto value = rows.optional_text(0, column++);
    if (!value) continue;
    before[resource.index_of(field->name)] = std::string(*value);
  }
  draft.load_before(std::move(before));
  if (write.expected_version && resource.has_versions &&
      draft.before("row_version") != std::to_string(*write.expected_version)) {
    return fail(ErrorCode::precondition_failed,
                "The " + std::string(resource.label.en) + " is at version " +
                    std::string(draft.before("row_version").value_or("?")) + ", not " +
                    std::to_string(*write.expected_version) + ": read it again.",
                "stale_version");
  }
  return {};
}

Result<RecordView> Records::update(const Resource& resource, std::string_view key,
                                   const Json& changes, const Actor& actor,
                                   const WriteOptions& options) {
  return retried(state_->database, [&](Transaction& tx) {
    return update(tx, resource, key, changes, actor, options);
  });
}

Result<RecordView> Records::update(Transaction& tx, const Resource& resource, std::string_view key,
                                   const Json& changes, const Actor& actor,
                                   const WriteOptions& options) {
  if (auto offered = offers(resource, Operation::update, "changed"); !offered) {
    return std::unexpected(offered.error());
  }
  if (!is_key(resource, key)) return no_such(resource, key);
  WriteContext context = state_->context(actor, options);
  if (wants_today(resource)) {
    auto today = state_->today(tx);
    if (!today) return std::unexpected(today.error());
    context.today = std::move(*today);
  }
  // What the change refers to is asked together with the row, so it is read twice: here without
  // the old values, to know what to ask, below with them.
  Draft probe(resource, actor, context);
  read_body(probe, changes);
  const ReferenceCheck check = reference_check(probe, state_->registry, state_->access);

  const State::Locked locked = state_->queue_lock(tx, resource, key, actor);
  Plan plan;
  const auto references = state_->queue_references(tx, check, plan);
  if (auto done = tx.run(); !done) return std::unexpected(done.error());

  Draft draft(resource, actor, context);
  if (auto read = state_->read_lock(tx, locked, draft, key, options, options.deleted_too); !read) {
    return std::unexpected(read.error());
  }
  read_body(draft, changes);
  if (options.also) options.also(draft);
  if (references) {
    Draft answers(resource, actor, context);
    read_body(answers, changes);
    read_references(answers, check, tx.rows(*references));
    for (const FieldError& problem : answers.problems()) {
      if (problem.code != "reference_not_found") continue;
      const std::string_view field = std::string_view(problem.pointer).substr(1);
      if (draft.changed(field)) draft.wrong(field, problem.code, problem.detail);
    }
    const bool moved = std::ranges::any_of(check.columns, [&](const auto& column) {
      return column.is_parent && draft.changed(column.field);
    });
    if (moved && answers.refusal() && answers.refusal()->reason == "parent_read_only") {
      draft.refuse(answers.refusal()->code, answers.refusal()->detail, answers.refusal()->reason);
    }
  }
  if (!resource.related.sql.empty()) {
    if (auto error = error_of(draft)) return std::unexpected(std::move(*error));
    const auto related = state_->queue_related(tx, draft);
    if (auto done = tx.run(); !done) return std::unexpected(done.error());
    draft.load_related(tx.rows(*related));
  }
  if (auto done = complete(tx, draft); !done) return std::unexpected(done.error());
  if (auto error = error_of(draft)) return std::unexpected(std::move(*error));
  if (const auto duplicates = queue_duplicates(tx, draft, key, state_->queries, state_->access)) {
    if (auto done = tx.run(); !done) return std::unexpected(done.error());
    read_duplicates(draft, tx.rows(duplicates->ticket));
    if (auto error = error_of(draft)) {
      return std::unexpected(with_existing(std::move(*error), draft.warnings()));
    }
  }
  bool changed = !options.events.empty();
  for (std::size_t i = 0; i < resource.fields.size(); ++i) changed = changed || draft.changed(i);
  if (changed) {
    return with_consequence(tx, draft, options, [&](const WriteOptions& write) {
      return state_->write_update(tx, draft, key, write, options.events);
    });
  }

  // Nothing changed: the version stays, and history with it.
  if (auto done = state_->finish(tx, options, resource); !done) {
    return std::unexpected(done.error());
  }
  return view_of(resource, locked.columns, {}, tx.rows(locked.ticket), 0,
                 std::move(draft.warnings()));
}

Result<RecordView> Records::State::write_update(
    Transaction& tx, Draft& draft, std::string_view key, const WriteOptions& write,
    const std::vector<std::string_view>& extra_events) const {
  const Resource& resource = draft.resource();
  const std::vector<const Field*> shown = readable_columns(resource);
  std::vector<HistoryEvent> events = history_events(draft);
  for (const std::string_view event : extra_events) events.push_back({std::string(event), "[]"});

  ParameterList params;
  std::string assignments;
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    const Field& field = resource.fields[i];
    const bool main_of_other =
        field.name == "is_main" && resource.kind == "contact" && draft.changed("counterparty_id");
    if (!draft.changed(i) && !main_of_other) continue;
    assignments += std::string(field.name) + " = " + value_expression(draft, i, params) + ", ";
  }
  if (resource.has_versions) assignments += "row_version = t.row_version + 1, ";
  if (resource.has_field("updated_by")) {
    const auto user = user_text(draft.actor());
    assignments +=
        "updated_by = " + (user ? params.add(*user) : std::string("NULL")) + "::bigint, ";
  }
  assignments += resource.has_field("updated_at") ? "updated_at = now()" : "";
  if (assignments.ends_with(", ")) assignments.resize(assignments.size() - 2);
  const Plan plan = queries.keep(
      {}, "UPDATE " + std::string(resource.table) + " AS t SET " + assignments + " WHERE t." +
              std::string(resource.key) + " = " + params.add(std::string(key)) +
              "::" + key_type_of(resource) + " RETURNING " + column_list(shown));

  std::optional<std::int64_t> id;
  if (resource.key_type == KeyType::number) id = std::stoll(std::string(key));
  queue_effects_before(tx, draft, id);
  const Ticket updated = tx.queue(plan.sql, params.params());
  queue_history(tx, subject_of(resource, key), events, next_version(draft), draft.actor());
  queue_effects(tx, draft, id, options, access);
  if (auto done = finish(tx, write, resource); !done) return std::unexpected(done.error());
  return view_of(resource, shown, {}, tx.rows(updated), 0, std::move(draft.warnings()));
}

// -- Remove and restore ---------------------------------------------------------------------------

Result<void> Records::remove(const Resource& resource, std::string_view key, const Actor& actor,
                             const WriteOptions& options) {
  return retried(state_->database,
                 [&](Transaction& tx) { return remove(tx, resource, key, actor, options); });
}

Result<void> Records::remove(Transaction& tx, const Resource& resource, std::string_view key,
                             const Actor& actor, const WriteOptions& options) {
  if (auto offered = offers(resource, Operation::remove, "deleted"); !offered) {
    return std::unexpected(offered.error());
  }
  if (!is_key(resource, key)) return no_such(resource, key);
  const WriteContext context = state_->context(actor, options);
  const State::Locked locked = state_->queue_lock(tx, resource, key, actor);
  if (auto done = tx.run(); !done) return std::unexpected(done.error());
  Draft draft(resource, actor, context);
  if (auto read = state_->read_lock(tx, locked, draft, key, options); !read) {
    return std::unexpected(read.error());
  }
  if (resource.has_field("is_system") && draft.before("is_system") == "t") {
    return fail(ErrorCode::conflict,
                "The program itself uses " + std::string(key) + "; it can only be deactivated.",
                "is_system");
  }
  const std::string where =
      " WHERE t." + std::string(resource.key) + " = $1::" + key_type_of(resource);
  Params params;
  params.add(key);
  if (!resource.soft_delete) {
    const Plan plan =
        state_->queries.keep({}, "DELETE FROM " + std::string(resource.table) + " AS t" + where);
    tx.queue(plan.sql, std::move(params));
    queue_history(tx, subject_of(resource, key), {removal_event(draft)}, std::nullopt, actor);
    auto done = state_->finish(tx, options, resource);
    if (!done && done.error().code == ErrorCode::conflict && !worth_another_try(done.error())) {
      return fail(ErrorCode::conflict, std::string(key) + " is in use; it can only be deactivated.",
                  "in_use");
    }
    return done;
  }
  const bool contact = resource.kind == "contact";
  const Plan plan = state_->queries.keep(
      {}, "UPDATE " + std::string(resource.table) +
              " AS t SET deleted_at = now(), row_version = t.row_version + 1, updated_at = now(), "
              "updated_by = $2::bigint" +
              (contact ? ", is_main = false" : "") + where);
  params.add(actor.user_id);
  tx.queue(plan.sql, std::move(params));
  const std::int64_t id = std::stoll(std::string(key));
  const bool was_main = contact && draft.before("is_main") == "t";
  const std::string changes =
      was_main ? R"([{"field": "is_main", "old": true, "new": false}])" : "[]";
  queue_history(tx, subject_of(resource, key), {{"deleted", changes}}, next_version(draft), actor);
  queue_removal_effects(tx, draft, id);
  return state_->finish(tx, options, resource);
}

Result<RecordView> Records::restore(const Resource& resource, std::string_view key,
                                    const Actor& actor, const WriteOptions& options) {
  if (!resource.is_record || !resource.offers(Operation::restore)) {
    return std::unexpected(offers(resource, Operation::restore, "restored").error());
  }
  if (!is_key(resource, key)) return no_such(resource, key);
  // Deleted records are seen by administrators only.
  if (!actor.is_administrator()) return no_such(resource, key);
  return retried(state_->database, [&](Transaction& tx) -> Result<RecordView> {
    const WriteContext context = state_->context(actor, options);
    const State::Locked locked = state_->queue_lock(tx, resource, key, actor);
    if (auto done = tx.run(); !done) return std::unexpected(done.error());
    Draft draft(resource, actor, context);
    if (auto read = state_->read_lock(tx, locked, draft, key, options, true); !read) {
      return std::unexpected(read.error());
    }
    if (!draft.has("deleted_at")) {
      return fail(ErrorCode::conflict, "The record is not deleted.", "not_deleted");
    }
    if (resource.has_field("merged_into_id") && draft.has("merged_into_id")) {
      return fail(ErrorCode::conflict,
                  "The record was merged into " + std::string(*draft.get("merged_into_id")) +
                      "; it cannot come back alone.",
                  "merged");
    }
    draft.set("deleted_at", std::nullopt);
    return with_consequence(tx, draft, options, [&](const WriteOptions& write) {
      return state_->write_update(tx, draft, key, write, {"restored"});
    });
  });
}

}  // namespace c360::store

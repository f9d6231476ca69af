#include "store/operations/action.h"

#include <algorithm>
#include <random>
#include <thread>

#include "store/query_parts.h"
#include "store/record_json.h"
#include "store/records_state.h"

namespace c360::store {
namespace {

bool takes_status_changes(const Resource& resource) {
  const Field* status = resource.find("status");
  return resource.is_record && status != nullptr && status->write == WriteRule::writers &&
         resource.offers(Operation::update);
}

bool has_responsible(const Resource& resource) {
  const Field* responsible = resource.find("responsible_id");
  return resource.is_record && responsible != nullptr &&
         responsible->write == WriteRule::responsible;
}

// A lead or a deal: it may know its counterparty by name only (domain.md 6.4, 7.3).
bool has_company_text(const Resource& resource) {
  return resource.has_field("company_text") && resource.has_field("counterparty_id");
}

// Every wrong parameter at once.
Result<void> read_parameters(const Action& action, const Json& body, ActionCall& call) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The action " + std::string(action.name) + " cannot be done as asked."};
  const auto wrong = [&](std::string_view name, std::string code, std::string detail) {
    error.fields.push_back({pointer_segment(name), std::move(code), std::move(detail)});
  };
  if (!body.is_object()) {
    return fail(ErrorCode::invalid_request, "The body must be a JSON object.", "object_expected");
  }
  call.fields = Json(Json::Object{});
  for (const auto& [name, value] : body.as_object()) {
    const auto declared = std::ranges::find(action.parameters, name, &Field::name);
    if (declared == action.parameters.end()) {
      if (action.fields_of.empty()) {
        wrong(name, "unknown_field", "The action has no such parameter.");
      } else {
        call.fields.set(name, value);
      }
      continue;
    }
    ParsedValue parsed = parse_value(*declared, value);
    if (parsed.fault) {
      wrong(name, parsed.fault->code, parsed.fault->detail);
    } else if (parsed.text) {
      call.values.emplace_back(declared->name, std::move(*parsed.text));
    }
  }
  for (const Field& parameter : action.parameters) {
    const bool named = std::ranges::any_of(error.fields, [&](const FieldError& field) {
      return field.pointer == pointer_segment(parameter.name);
    });
    if (parameter.is_not_null && !parameter.default_value && !named &&
        !call.value(parameter.name)) {
      wrong(parameter.name, required_code(parameter.name), "A value is required.");
    }
  }
  if (error.fields.empty()) return {};
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

std::string status_condition(const Action& action, std::string_view alias) {
  if (action.statuses.empty()) return {};
  std::string in = std::string(alias) + ".status IN (";
  for (std::size_t i = 0; i < action.statuses.size(); ++i) {
    in += (i ? ", '" : "'") + std::string(action.statuses[i]) + "'";
  }
  return in + ")";
}

// Where the action is offered, as far as the row decides; "TRUE" for everywhere.
std::string row_condition(const Action& action, std::string_view alias) {
  std::string sql = status_condition(action, alias);
  if (!action.condition.empty()) {
    sql += (sql.empty() ? "(" : " AND (") + moved_to(action.condition, alias) + ")";
  }
  return sql.empty() ? "TRUE" : sql;
}

bool may_direct(const Records& records, const Actor& actor) {
  return actor.is_administrator() || records.access().is_cco(actor);
}

bool permits(const Records& records, const Action& action, const Actor& actor) {
  return action.right != ActionRight::director || may_direct(records, actor);
}

constexpr Sql kLockRecords{"c360_action_lock_records", R"sql(
SELECT r.id FROM crm.record r WHERE r.id = ANY ($1::bigint[]) ORDER BY r.id FOR UPDATE OF r
)sql"};

// Two records of one call, the lower id first: calls that cross never wait in a circle. FOR UPDATE,
// so that what is being added to one of them is there before the call looks, and what comes later
// waits for it and finds where the record went (Records::State::queue_references).
Result<void> lock_both(Records& records, Transaction& tx, const Resource& resource,
                       const Action& action, std::int64_t id, const Json& body) {
  if (action.locks_too.empty()) return {};
  const Json* other = body.find(action.locks_too);
  const auto other_id = other != nullptr && other->is_number() ? other->as_int64() : std::nullopt;
  if (!other_id) return {};
  const std::vector<std::int64_t> ids{id, *other_id};
  const Plan plan = records.queries().keep_always(
      "SELECT t.id FROM " + std::string(resource.table) +
      " t WHERE t.id = ANY ($1::bigint[]) ORDER BY t.id FOR UPDATE OF t");
  const auto params = [&] { return Params{}.add_array(std::span<const std::int64_t>(ids)); };
  tx.queue(kLockRecords, params());
  const auto rows = tx.query(plan.sql, params());
  if (!rows) return std::unexpected(rows.error());
  return {};
}

// Locks the row and says whether the action may be done to it.
Result<void> admit(Records& records, Transaction& tx, const Resource& resource,
                   const Action& action, std::int64_t id, const Actor& actor,
                   std::optional<std::int64_t> version) {
  const AccessRules& access = records.access();
  const Predicate read = access.predicate(actor, resource, Right::read, "t", "$2::bigint");
  const Predicate write = access.predicate(actor, resource, Right::write, "t", "$2::bigint");
  const Plan plan = records.queries().keep_always(
      "SELECT " + write.sql + ", t.row_version, " + row_condition(action, "t") +
      ", $2::bigint FROM " + std::string(resource.table) +
      " t WHERE t.id = $1::bigint AND t.deleted_at IS NULL AND " + read.sql +
      " FOR NO KEY UPDATE OF t");
  const auto rows = tx.query(plan.sql, Params{}.add(id).add(actor.user_id));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return no_such(resource, std::to_string(id));
  if (!(*rows)->boolean(0, 0)) {
    return fail(ErrorCode::forbidden,
                "You may read this " + std::string(resource.label.en) + ", but not change it.",
                "read_only");
  }
  if (!permits(records, action, actor)) {
    return fail(ErrorCode::forbidden,
                "Only the commercial director and CRM administrators may do this.",
                "director_only");
  }
  if (version && (*rows)->int64(0, 1) != *version) {
    return fail(ErrorCode::precondition_failed,
                "The " + std::string(resource.label.en) + " is at version " +
                    std::to_string((*rows)->int64(0, 1)) + ", not " + std::to_string(*version) +
                    ": read it again.",
                "stale_version");
  }
  if (!(*rows)->boolean(0, 2)) {
    return fail(ErrorCode::conflict,
                action.refusal_detail.empty() ? "The action is not offered in this status."
                                              : std::string(action.refusal_detail),
                action.refusal.empty() ? "not_offered_now" : std::string(action.refusal));
  }
  return {};
}

}  // namespace

std::optional<std::string_view> ActionCall::value(std::string_view name) const {
  const auto found =
      std::ranges::find(values, name, &std::pair<std::string_view, std::string>::first);
  if (found == values.end()) return std::nullopt;
  return found->second;
}

std::int64_t ActionCall::number(std::string_view name) const {
  return std::stoll(std::string(value(name).value_or("0")));
}

Actions::Actions(const Registry& registry) {
  for (const auto& each : registry.all()) {
    const Resource& resource = *each;
    std::vector<Action> list;
    if (takes_status_changes(resource)) list.push_back(change_status_action(resource));
    if (has_responsible(resource)) list.push_back(assign_action());
    if (!resource.taken_status.empty()) list.push_back(take_to_work_action());
    if (has_company_text(resource)) list.push_back(create_counterparty_action());
    if (resource.kind == "lead") list.push_back(convert_lead_action());
    if (resource.kind == "deal") {
      list.push_back(create_contract_action());
      list.push_back(link_contract_action());
    }
    if (has_company_text(resource) || resource.kind == "counterparty") {
      list.push_back(merge_action());
      list.push_back(unmerge_action());
    }
    if (resource.kind == "document") list.push_back(restore_version_action());
    if (resource.holds_attached_rows()) list.push_back(generate_any_action(resource.kind));
    if (resource.kind == "deal") list.push_back(create_child_action("order"));
    if (resource.kind == "deal" || resource.kind == "order") {
      list.push_back(create_child_action("payment"));
    }
    if (resource.kind == "lead" || resource.kind == "deal" || resource.kind == "order") {
      list.push_back(create_child_action("assignment"));
    }
    if (resource.kind == "deal") list.push_back(generate_action("proposal"));
    if (resource.kind == "order") {
      list.push_back(generate_action("invoice"));
      list.push_back(generate_action("act"));
    }
    if (resource.kind == "counterparty") list.push_back(express_report_action());
    for (Action& action : list) {
      if (action.answers == "self") action.answers = resource.kind;
      if (action.fields_of == "self") action.fields_of = resource.kind;
    }
    if (!list.empty()) by_kind_.emplace(resource.kind, std::move(list));
  }
}

std::span<const Action> Actions::of(const Resource& resource) const {
  const auto found = by_kind_.find(resource.kind);
  if (found == by_kind_.end()) return {};
  return found->second;
}

const Action* Actions::find(const Resource& resource, std::string_view name) const {
  const auto list = of(resource);
  const auto found = std::ranges::find(list, name, &Action::name);
  return found == list.end() ? nullptr : &*found;
}

bool worth_another_try(const Error& error) {
  return error.reason == "serialization_failure" || error.reason == "deadlock" ||
         error.reason == "connection_lost" || error.reason == "stale_plan";
}

void wait_before_attempt(int attempt) {
  // Those that met go on at different moments.
  thread_local std::minstd_rand random{std::random_device{}()};
  const int most = 5 << attempt;
  std::this_thread::sleep_for(
      std::chrono::milliseconds{std::uniform_int_distribution<int>{1, most}(random)});
}

Result<RecordView> read_in(Records& records, Transaction& tx, const Resource& resource,
                           std::int64_t id, const Actor& actor) {
  auto plan = records.queries().get(resource, std::to_string(id), {}, actor);
  if (!plan) return std::unexpected(plan.error());
  const auto rows = tx.query(plan->plan.sql, std::move(plan->plan.params));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return no_such(resource, std::to_string(id));
  return view_of(resource, plan->columns, plan->includes, **rows, 0);
}

Result<ActionResult> perform(Records& records, Transaction& tx, const Resource& resource,
                             const Action& action, std::int64_t id, const Json& body,
                             const Actor& actor, std::optional<std::int64_t> version) {
  ActionCall call{.records = records,
                  .tx = tx,
                  .resource = resource,
                  .id = id,
                  .actor = actor,
                  .values = {},
                  .fields = Json(Json::Object{}),
                  .write = {.finish = Finish::run}};
  if (auto locked = lock_both(records, tx, resource, action, id, body); !locked) {
    return std::unexpected(locked.error());
  }
  // Who may not do it learns that first, not what he wrote wrong.
  if (auto admitted = admit(records, tx, resource, action, id, actor, version); !admitted) {
    return std::unexpected(admitted.error());
  }
  if (auto read = read_parameters(action, body, call); !read) {
    return std::unexpected(read.error());
  }
  return action.handler(call);
}

Result<ActionResult> perform(Database& database, Records& records, const Resource& resource,
                             const Action& action, std::int64_t id, const Json& body,
                             const Actor& actor, std::optional<std::int64_t> version) {
  for (int attempt = 1;; ++attempt) {
    auto tx = database.begin(Pool::api, TxMode::read_write);
    if (!tx) return std::unexpected(tx.error());
    auto done = perform(records, *tx, resource, action, id, body, actor, version);
    if (done) {
      if (auto committed = tx->commit(); !committed) done = std::unexpected(committed.error());
    }
    if (done || !worth_another_try(done.error()) || attempt == kActionAttempts) return done;
    wait_before_attempt(attempt);
  }
}

Result<std::vector<PerformedItem>> perform_each(Records& records, Transaction& tx,
                                                const Resource& resource, const Action& action,
                                                std::vector<std::int64_t> ids, const Json& body,
                                                const Actor& actor) {
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<PerformedItem> items;
  for (const std::int64_t id : ids) {
    if (auto marked = tx.savepoint(); !marked) return std::unexpected(marked.error());
    auto done = perform(records, tx, resource, action, id, body, actor);
    if (!done && (worth_another_try(done.error()) || done.error().temporary() ||
                  done.error().code == ErrorCode::internal)) {
      return std::unexpected(done.error());
    }
    auto kept = done ? tx.release_savepoint() : tx.rollback_to_savepoint();
    if (kept && !done) kept = tx.release_savepoint();
    if (!kept) return std::unexpected(kept.error());
    items.push_back({id, std::move(done)});
  }
  if (auto sent = tx.run(); !sent) return std::unexpected(sent.error());
  return items;
}

std::string offered_expression(const Records& records, const Actions& actions,
                               const Resource& resource, const Actor& actor, std::string_view alias,
                               std::string_view user) {
  const Predicate write = records.access().predicate(actor, resource, Right::write, alias, user);
  if (write.never) return "'{}'::text[]";
  std::string names;
  const auto add = [&](std::string_view name, const std::string& condition) {
    names += names.empty() ? "" : ", ";
    const std::string text = "'" + std::string(name) + "'";
    names += condition == "TRUE" ? text : "CASE WHEN " + condition + " THEN " + text + " END";
  };
  if (resource.offers(Operation::update)) add("update", "TRUE");
  if (resource.offers(Operation::remove)) add("delete", "TRUE");
  for (const Action& action : actions.of(resource)) {
    if (permits(records, action, actor)) add(action.name, row_condition(action, alias));
  }
  const std::string array = "array_remove(ARRAY[" + names + "]::text[], NULL)";
  return write.always ? array : "CASE WHEN " + write.sql + " THEN " + array + " ELSE '{}' END";
}

Result<Offered> offered_actions(Database& database, const Records& records, const Actions& actions,
                                const Resource& resource, std::int64_t id, const Actor& actor) {
  const Predicate read =
      records.access().predicate(actor, resource, Right::read, "t", "$2::bigint");
  const Plan plan = records.queries().keep_always(
      "SELECT " + offered_expression(records, actions, resource, actor, "t", "$2::bigint") + ", " +
      (resource.has_field("status") ? "t.status" : "''") + ", t.deleted_at IS NOT NULL, " +
      (resource.has_field("merged_into_id") ? "t.merged_into_id" : "NULL::bigint") +
      ", $2::bigint FROM " + std::string(resource.table) + " t WHERE t.id = $1::bigint AND " +
      read.sql);
  auto rows = database.execute(Pool::api, plan.sql, Params{}.add(id).add(actor.user_id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return no_such(resource, std::to_string(id));
  Offered offered;
  offered.moved_to = rows->optional_int64(0, 3);
  if (offered.moved_to) return offered;
  if (rows->boolean(0, 2)) return no_such(resource, std::to_string(id));
  offered.names = rows->text_array(0, 0);
  offered.status = std::string(rows->text(0, 1));
  return offered;
}

}  // namespace c360::store

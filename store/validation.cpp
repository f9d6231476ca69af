#include "store/validation.h"

#include <algorithm>
#include <array>

#include "daemon/base/text.h"
#include "store/array.h"
#include "store/record_json.h"

namespace c360::store {
namespace {

bool is_rule_violated(const Field& field, const Draft& draft) {
  const Actor& actor = draft.actor();
  switch (field.write) {
    case WriteRule::writers:
      return false;
    case WriteRule::never:
      return true;
    case WriteRule::creation:
      return !draft.creating();
    case WriteRule::responsible:
      return !draft.creating() && !actor.is_administrator() && !draft.context().is_cco;
    case WriteRule::administrators:
      return !actor.is_administrator();
  }
  return true;
}

void refuse_field(Draft& draft, const Field& field) {
  const std::string name(field.name);
  switch (field.write) {
    case WriteRule::responsible:
      draft.refuse(ErrorCode::forbidden,
                   "Only the commercial director and CRM administrators assign the responsible "
                   "person (" +
                       name + ").",
                   "assign_responsible");
      return;
    case WriteRule::administrators:
      draft.refuse(ErrorCode::forbidden, "Only CRM administrators set " + name + ".",
                   "administrators_only");
      return;
    case WriteRule::creation:
      draft.wrong(field.name, "creation_only", "The field is set on creation only.");
      return;
    default:
      draft.wrong(field.name, "read_only", "The field is kept by the service.");
      return;
  }
}

void sanitise(Draft& draft, const HtmlSanitiser& sanitise_html) {
  const auto& fields = draft.resource().fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].type != FieldType::html || !draft.is_set(i) || draft.is_stored(i)) continue;
    const auto value = draft.get(i);
    if (!value) continue;
    std::string safe;
    if (sanitise_html) {
      safe = sanitise_html(*value);
    } else {
      for (const char c : *value) {
        if (c == '<') {
          safe += "&lt;";
        } else if (c == '>') {
          safe += "&gt;";
        } else if (c == '&') {
          safe += "&amp;";
        } else {
          safe += c;
        }
      }
    }
    draft.set(i, trimmed(safe).empty() ? std::nullopt : std::optional(std::move(safe)));
  }
}

// What a lenient import stores though its check digits are wrong is named until it is corrected.
void flag_unverified(Draft& draft) {
  const Resource& resource = draft.resource();
  if (!resource.has_field("unverified_fields")) return;
  std::vector<std::string> names;
  if (const auto before = draft.before("unverified_fields")) {
    for (const auto& name : decode_array(*before)) {
      if (name && !draft.is_set(*name)) names.push_back(*name);
    }
  }
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    const Field& field = resource.fields[i];
    const auto value = draft.get(i);
    if (!field.check || !draft.is_set(i) || !value) continue;
    const IdentifierCheck fault = field.check(*value);
    if (!fault) continue;
    names.emplace_back(field.name);
    draft.warn({std::string(fault->code),
                std::string(field.name) + " is stored as it is: " + std::string(fault->detail),
                std::nullopt});
  }
  draft.set("unverified_fields", array_literal(names));
}

void require_values(Draft& draft, const RequiredFields& required) {
  const Resource& resource = draft.resource();
  const Profile profile = draft.context().profile;
  const bool complete =
      resource.drafts_may_lack && !resource.may_lack(draft.get("status").value_or(""));
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    const Field& field = resource.fields[i];
    if (!field.has_column()) continue;
    // An explicit null where there must be a value means the default on creation.
    if (draft.creating() && draft.is_set(i) && !draft.get(i) && field.default_value) draft.unset(i);
    const bool missing =
        draft.creating() ? !draft.get(i) && !field.default_value : draft.is_set(i) && !draft.get(i);
    // The rest is asked for once the first status is left.
    const AskedBy asked_by = required.asked_by(resource, field);
    const bool lacking = complete && asked_by == AskedBy::full && !draft.get(i) &&
                         (draft.creating() || draft.changed("status") || draft.is_set(i));
    if (!missing && !lacking) continue;
    const bool automatic =
        ((field.write == WriteRule::never || field.is_generated) && draft.creating()) ||
        (field.name == "name" && !resource.auto_name.empty() && draft.creating());
    bool needed = (field.is_not_null && !automatic) || lacking;
    if (draft.creating() && profile != Profile::draft && !resource.drafts_may_lack) {
      needed = needed || asked_by == AskedBy::full ||
               (profile == Profile::requisites && asked_by == AskedBy::requisites);
    }
    if (needed && std::none_of(draft.problems().begin(), draft.problems().end(),
                               [&](const FieldError& problem) {
                                 return problem.pointer == "/" + std::string(field.name);
                               })) {
      draft.wrong(field.name, required_code(field.name), "A value is required.");
    }
  }
}

void check_status(Draft& draft) {
  const Resource& resource = draft.resource();
  if (resource.statuses.empty()) return;
  if (!draft.changed("status")) return;
  for (const auto code : {draft.get("status"), draft.before("status")}) {
    const Status* status = code ? resource.find_status(*code) : nullptr;
    if (status && status->administrators_only && !draft.may_administer()) {
      draft.refuse(ErrorCode::forbidden,
                   "Status " + std::string(status->code) +
                       " is set and left by CRM administrators and import only.",
                   "status_administrators_only");
    }
  }
}

std::string live_condition(const Field& field, const Registry& registry, const Draft& draft,
                           const AccessRules& access, const std::string& value,
                           const std::string& user) {
  if (field.target == "record") {
    const Predicate rights = access.record_predicate(draft.actor(), Right::read, value, user);
    return "(coalesce(crm.record_is_live(" + value + "), false) AND " + rights.sql + ")";
  }
  const Resource* target = registry.find(field.target);
  if (!target) {
    return "EXISTS (SELECT FROM " + std::string(field.target_table) + " r WHERE r.id = " + value +
           ")";
  }
  std::string sql = "EXISTS (SELECT FROM " + std::string(target->table) + " r WHERE r." +
                    std::string(target->key) + " = " + value;
  if (target->soft_delete) sql += " AND r.deleted_at IS NULL";
  if (target->has_field("is_active")) sql += " AND r.is_active";
  if (target->is_record) {
    const Predicate rights = access.predicate(draft.actor(), *target, Right::read, "r", user);
    if (!rights.always) sql += " AND " + rights.sql;
  }
  return sql + ")";
}

bool may_be_merged(const Field& field, const Registry& registry) {
  if (field.target == "record") return true;
  const Resource* target = registry.find(field.target);
  return target != nullptr && target->has_field("merged_into_id");
}

std::string write_condition(const Field& field, const Registry& registry, const Draft& draft,
                            const AccessRules& access, const std::string& value,
                            const std::string& user) {
  if (field.target == "record") {
    const Right right = draft.resource().kind == "comment" ? Right::comment : Right::write;
    return access.record_predicate(draft.actor(), right, value, user).sql;
  }
  const Resource& target = registry.get(field.target);
  const Predicate rights = access.predicate(draft.actor(), target, Right::write, "r", user);
  if (rights.always || rights.never) return rights.sql;
  return "EXISTS (SELECT FROM " + std::string(target.table) + " r WHERE r.id = " + value + " AND " +
         rights.sql + ")";
}

}  // namespace

std::string required_code(std::string_view field) {
  for (const std::string_view suffix : {"_id", "_code"}) {
    if (field.ends_with(suffix)) field.remove_suffix(suffix.size());
  }
  return std::string(field) + "_required";
}

void read_body(Draft& draft, const Json& body) {
  const Resource& resource = draft.resource();
  if (!body.is_object()) {
    draft.refuse(ErrorCode::invalid_request, "The body must be a JSON object.", "object_expected");
    return;
  }
  for (const auto& [name, value] : body.as_object()) {
    const std::size_t at = resource.index_of(name);
    if (at == resource.fields.size() || resource.fields[at].is_secret) {
      std::string known;
      for (const Field& field : resource.fields) {
        if (field.is_secret || field.write == WriteRule::never) continue;
        known += (known.empty() ? "" : ", ") + std::string(field.name);
      }
      draft.wrong_at(pointer_segment(name), "unknown_field",
                     "There is no such field; writable fields: " + known + ".");
      continue;
    }
    const Field& field = resource.fields[at];
    ParsedValue parsed = parse_value(field, value, draft.context().lenient);
    if (is_rule_violated(field, draft)) {
      // What was read may be sent back unchanged.
      const auto before = draft.before(at);
      const bool same =
          !draft.creating() && !parsed.fault && same_value(field, parsed.text, before);
      if (!same) refuse_field(draft, field);
      continue;
    }
    // A value that was stored leniently may be sent back as it was read.
    if (parsed.fault && !draft.creating() && value.is_string() &&
        draft.before(at) == value.as_string()) {
      continue;
    }
    if (parsed.fault) {
      draft.wrong(field.name, parsed.fault->code, std::move(parsed.fault->detail));
      continue;
    }
    draft.set(at, std::move(parsed.text));
  }
}

namespace {

// RFC 7396, section 2.
Json merged(Json base, const Json& patch) {
  if (!patch.is_object()) return patch;
  if (!base.is_object()) base = Json(Json::Object{});
  for (const auto& [name, value] : patch.as_object()) {
    if (value.is_null()) {
      std::erase_if(base.as_object(), [&](const Json::Member& each) { return each.first == name; });
      continue;
    }
    const Json* old = base.find(name);
    Json next = merged(old ? *old : Json(), value);
    base.set(name, std::move(next));
  }
  return base;
}

}  // namespace

void merge_objects(Draft& draft) {
  const auto& fields = draft.resource().fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].type != FieldType::json || !draft.is_set(i) || !draft.get(i)) continue;
    if (draft.is_stored(i)) continue;  // whole: it was put together from rows
    const auto sent = Json::parse(*draft.get(i));
    if (!sent || !sent->is_object()) continue;
    auto before = draft.before(i) ? Json::parse(*draft.before(i)) : Result<Json>(Json());
    draft.set(i, merged(before ? std::move(*before) : Json(), *sent).dump());
  }
}

void complete_draft(Draft& draft, const HtmlSanitiser& sanitise_html,
                    const RequiredFields& required) {
  const Resource& resource = draft.resource();
  const Actor& actor = draft.actor();
  if (draft.creating()) {
    // A person's new record is his own, unless it is left open on purpose (null).
    if (actor.is_person() && resource.access.employees_create &&
        resource.has_field("responsible_id") && !draft.is_set("responsible_id")) {
      draft.set_default(resource.index_of("responsible_id"), std::to_string(*actor.user_id));
    }
    for (std::size_t i = 0; i < resource.fields.size(); ++i) {
      const Field& field = resource.fields[i];
      if (field.default_value && field.default_value != "now" && !draft.is_set(i) &&
          field.has_column() && field.name != "row_version" && field.name != "origin") {
        const bool today = field.default_value == "today";
        draft.set_default(i, std::string(today ? draft.context().today : *field.default_value));
      }
    }
  }
  flag_unverified(draft);
  sanitise(draft, sanitise_html);
  if (resource.before_write) resource.before_write(draft);
  check_status(draft);
  require_values(draft, required);
}

std::optional<Error> error_of(const Draft& draft) {
  if (draft.refusal()) return draft.refusal();
  if (draft.problems().empty()) return std::nullopt;
  Error error{ErrorCode::validation_failed,
              std::to_string(draft.problems().size()) + " of the fields of this " +
                  std::string(draft.resource().label.en) + " cannot be accepted; see errors.",
              draft.problems().front().code,
              draft.problems(),
              {}};
  return error;
}

ReferenceCheck reference_check(const Draft& draft, const Registry& registry,
                               const AccessRules& access) {
  ReferenceCheck check;
  const Resource& resource = draft.resource();
  std::string columns;
  // The actor comes first only where a predicate names him; a typed comparison keeps it legal.
  const std::string user = "$1::bigint";
  check.params.add(draft.actor().user_id);
  for (std::size_t i = 0; i < resource.fields.size(); ++i) {
    const Field& field = resource.fields[i];
    if (field.target.empty() || !field.has_column() || !draft.changed(i)) continue;
    if (draft.is_confirmed(i)) continue;
    const auto value = draft.get(i);
    if (!value) continue;
    const bool is_default = field.default_value && *value == *field.default_value;
    const bool is_actor = field.target == "user" && draft.actor().user_id &&
                          *value == std::to_string(*draft.actor().user_id);
    if (is_default || is_actor) continue;
    check.params.add(*value);
    const std::string placeholder =
        "$" + std::to_string(check.params.size()) + "::" + field.sql_type();
    const bool is_parent = field.needs_write || field.name == resource.access.inherits_from;
    columns += ", " + live_condition(field, registry, draft, access, placeholder, user);
    if (is_parent) {
      columns += ", " + write_condition(field, registry, draft, access, placeholder, user);
    }
    check.columns.push_back({i, is_parent});
    if (may_be_merged(field, registry)) check.mergeable.push_back(std::stoll(std::string(*value)));
  }
  if (!check.columns.empty()) check.text = "SELECT $1::bigint" + columns;
  return check;
}

CustomReferenceCheck custom_reference_check(const Draft& draft,
                                            const std::vector<CustomReference>& references,
                                            const Registry& registry, const AccessRules& access) {
  CustomReferenceCheck check;
  check.params.add(draft.actor().user_id);
  std::string columns;
  for (const CustomReference& each : references) {
    check.params.add(std::string_view(each.id));
    const std::string placeholder = "$" + std::to_string(check.params.size()) + "::bigint";
    columns += ", " + live_condition(reference("custom", each.target), registry, draft, access,
                                     placeholder, "$1::bigint");
  }
  check.text = "SELECT $1::bigint" + columns;
  return check;
}

void read_references(Draft& draft, const ReferenceCheck& check, const Rows& rows) {
  int column = 1;
  for (const auto& [index, is_parent] : check.columns) {
    const Field& field = draft.resource().fields[index];
    const bool live = rows.boolean(0, column++);
    const bool writable = is_parent ? rows.boolean(0, column++) : true;
    if (!live) {
      draft.wrong(field.name, "reference_not_found",
                  "There is no " + std::string(field.target == "record" ? "record" : field.target) +
                      " " + std::string(draft.get(index).value_or("")) + " you may use here.");
    } else if (!writable) {
      draft.refuse(ErrorCode::forbidden,
                   "You may read " + std::string(field.name) + " " +
                       std::string(draft.get(index).value_or("")) + ", but not add to it.",
                   "parent_read_only");
    } else {
      draft.confirm(index);
    }
  }
}

namespace {

// What the database refuses by a constraint or trigger of more than one column: the name after the
// table's, in the words of the API.
struct Rule {
  std::string_view constraint;
  std::string_view field;
  ErrorCode code;
  std::string_view reason;
  std::string_view detail;
};
constexpr std::array<Rule, 19> kRules = {{
    {"email_domains_public", "email_domains", ErrorCode::validation_failed, "public_mail_domain",
     "A public mail domain does not belong to one company."},
    {"blacklist_confirmed", "blacklist_confirmed", ErrorCode::validation_failed,
     "confirmation_required",
     "The customer is on the black list: a new deal needs blacklist_confirmed: true, on the lead "
     "where it is made from one."},
    {"contract_of_counterparty", "contract_id", ErrorCode::validation_failed,
     "contract_of_other_counterparty", "The contract belongs to another counterparty."},
    {"of_counterparty", "counterparty_id", ErrorCode::validation_failed,
     "contract_of_other_counterparty", "The counterparty must be that of the contract."},
    {"order_locked", "parent_id", ErrorCode::conflict, "order_locked",
     "The lines of a completed or canceled order are locked."},
    {"has_paid_payments", "status", ErrorCode::validation_failed, "order_has_paid_payments",
     "An order with a paid payment cannot be canceled."},
    {"parent_id_position_key", "position", ErrorCode::conflict, "not_unique",
     "Another line has this position."},
    {"key", "invoice_type_code", ErrorCode::conflict, "not_unique",
     "The counterparty has this invoice type for the product already."},
    {"entity_of_counterparty", "legal_entity_id", ErrorCode::validation_failed,
     "entity_of_other_counterparty", "The legal entity belongs to another counterparty."},
    {"of_canceled_order", "order_id", ErrorCode::validation_failed, "order_canceled",
     "A canceled order takes no payment."},
    {"of_order_deal", "deal_id", ErrorCode::validation_failed, "deal_of_other_order",
     "The payment's deal must be that of its order."},
    {"currency_of_order", "currency", ErrorCode::validation_failed, "currency_differs",
     "The payment's currency must be that of its order."},
    {"cycle", "parent_folder_id", ErrorCode::validation_failed, "folder_cycle",
     "The folder would be, over some steps, inside itself."},
    {"depth", "parent_folder_id", ErrorCode::validation_failed, "folder_depth",
     "Folders are at most 32 deep, with all that is below them."},
    {"parent_deleted", "parent_folder_id", ErrorCode::conflict, "folder_deleted",
     "The parent folder is deleted."},
    {"not_empty", "id", ErrorCode::conflict, "folder_not_empty",
     "The folder is not empty; with recursive=true all that is in it is deleted too."},
    {"folder_deleted", "folder_id", ErrorCode::conflict, "folder_deleted",
     "The folder is deleted."},
    {"folder_name_key", "name", ErrorCode::conflict, "not_unique",
     "The folder holds a document of this name."},
    {"period", "valid_from", ErrorCode::conflict, "period_overlaps",
     "The periods of one product of an account must not overlap."},
}};

const Rule* rule_of(std::string_view constraint) {
  const auto found =
      std::ranges::find_if(kRules, [&](const Rule& each) { return each.constraint == constraint; });
  return found == kRules.end() ? nullptr : &*found;
}

}  // namespace

Error explained(Error error, const Resource& resource) {
  std::string_view constraint = error.reason;
  const std::string_view table = resource.table.substr(resource.table.find('.') + 1);
  if (!constraint.starts_with(table) || constraint.size() <= table.size() + 1) return error;
  constraint.remove_prefix(table.size() + 1);
  const auto field_before = [&](std::string_view suffix) -> const Field* {
    if (!constraint.ends_with(suffix)) return nullptr;
    return resource.find(constraint.substr(0, constraint.size() - suffix.size()));
  };
  if (const Field* field = field_before("_fkey")) {
    error.code = ErrorCode::validation_failed;
    error.reason = "reference_not_found";
    error.fields = {{"/" + std::string(field->name), "reference_not_found",
                     "There is no such " + std::string(field->target) + "."}};
    error.detail = std::string(field->name) + " names something that does not exist.";
  } else if (const Field* checked = field_before("_check")) {
    error.code = ErrorCode::validation_failed;
    error.reason = "invalid_value";
    error.fields = {
        {"/" + std::string(checked->name), "invalid_value", "The value is not allowed here."}};
  } else if (const Field* unique = field_before("_key")) {
    error.code = ErrorCode::conflict;
    error.reason = "not_unique";
    error.detail = "Another " + std::string(resource.label.en) + " has the same " +
                   std::string(unique->name) + ".";
    error.fields = {{"/" + std::string(unique->name), "not_unique", error.detail}};
  } else if (constraint == "nesting_cycle" || constraint == "line_manager_cycle") {
    const bool of_group = constraint == "nesting_cycle";
    error.code = ErrorCode::validation_failed;
    error.reason = of_group ? "group_cycle" : "line_manager_cycle";
    error.detail = of_group ? "The group would be, over some steps, inside itself."
                            : "The user would be, over some steps, his own line manager.";
    error.fields = {{of_group ? "/nested" : "/line_manager_id", error.reason, error.detail}};
  } else if (constraint == "nesting_check") {
    error.code = ErrorCode::validation_failed;
    error.reason = "group_cycle";
    error.detail = "A group cannot be inside itself.";
    error.fields = {{"/nested", error.reason, error.detail}};
  } else if (const Rule* rule = rule_of(constraint)) {
    error.code = rule->code;
    error.reason = std::string(rule->reason);
    error.detail = std::string(rule->detail);
    error.fields = {{"/" + std::string(rule->field), error.reason, error.detail}};
  } else if (constraint == "pkey") {
    error.code = ErrorCode::conflict;
    error.reason = "not_unique";
    error.detail = "There is such a " + std::string(resource.label.en) + " already.";
  }
  return error;
}

}  // namespace c360::store

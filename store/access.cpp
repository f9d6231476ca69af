#include "store/access.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "store/portal.h"

namespace c360::store {
namespace {

std::string column(std::string_view alias, std::string_view name) {
  return std::string(alias) + "." + std::string(name);
}

// The alias of a row that decides over the row `alias`: another one at each depth, so that no inner
// name hides an outer one.
std::string above(std::string_view alias) { return "p" + std::string(alias); }

std::string with_alias(std::string_view text, std::string_view alias) {
  std::string out;
  for (const char c : text) {
    if (c == '%') {
      out += alias;
    } else {
      out += c;
    }
  }
  return out;
}

std::string in_groups_of(std::string_view user) {
  return " IN (WITH RECURSIVE g(id) AS (SELECT m.group_id FROM crm.group_member m"
         " WHERE m.user_id = " +
         std::string(user) +
         " UNION SELECT n.parent_id FROM crm.group_nesting n JOIN g ON n.child_id = g.id)"
         " SELECT g.id FROM g)";
}

// Rights of such a record come from the record it belongs to, which may be of any kind.
bool belongs_to_any_record(const Resource& resource) {
  return !resource.access.inherits_from.empty() &&
         resource.field(resource.access.inherits_from).target == "record";
}

}  // namespace

AccessRules::AccessRules(const Registry& registry, AccessOptions options)
    : registry_(registry), options_(options) {
  for (const auto& resource : registry.all()) {
    for (const Grant& grant : resource->access.grants) {
      groups_.insert(groups_.end(), grant.groups.begin(), grant.groups.end());
    }
  }
  std::sort(groups_.begin(), groups_.end());
  groups_.erase(std::unique(groups_.begin(), groups_.end()), groups_.end());
}

// A disjunction under construction.
struct AccessRules::Terms {
  std::vector<std::string> any;
  bool always = false;

  void add(std::string sql) { any.push_back(std::move(sql)); }
  void add_unless_empty(std::string sql) {
    if (!sql.empty()) any.push_back(std::move(sql));
  }
  void add(const Predicate& predicate) {
    if (predicate.always) always = true;
    if (!predicate.always && !predicate.never) any.push_back(predicate.sql);
  }
  Predicate done() const {
    if (always) return {"TRUE", true, false};
    if (any.empty()) return {"FALSE", false, true};
    std::string sql = "(";
    for (std::size_t i = 0; i < any.size(); ++i) sql += (i ? " OR " : "") + any[i];
    return {sql + ")", false, false};
  }
};

void AccessRules::add_grant(Terms& terms, const Actor& actor, const Grant& grant,
                            std::string_view row, std::string_view user) const {
  const std::string_view alias = grant.on.empty() ? row : "v";
  std::string sql;
  const auto is_user = [&](std::string_view name) {
    return column(alias, name) + " = " + std::string(user);
  };
  switch (grant.role) {
    case Role::manager:
      sql = is_user("responsible_id");
      // Nobody's record is open to every CRM manager, so that anyone can take it to work.
      if (is_crm_manager(actor)) {
        sql = "(" + sql + " OR " + column(alias, "responsible_id") + " IS NULL)";
      }
      break;
    case Role::service_manager:
      sql = is_user("service_manager_id");
      break;
    case Role::viewers:
      sql = "EXISTS (SELECT FROM crm.record_observer o WHERE o.record_id = " + column(alias, "id") +
            " AND o.user_id = " + std::string(user) + ")";
      break;
    case Role::creator:
      sql = is_user("created_by");
      break;
    case Role::self:
      sql = is_user("id");
      break;
    case Role::author:
      sql = is_user("author_id");
      break;
    case Role::assignee:
      sql = "(" + is_user("assignee_user_id") + " OR " + column(alias, "assignee_group_id") +
            in_groups_of(user) + ")";
      break;
    case Role::completer:
      sql = is_user("completed_by");
      break;
    case Role::line_manager:
      sql = "EXISTS (SELECT FROM crm.user m WHERE m.line_manager_id = " + std::string(user) +
            " AND m.id IN (" + column(alias, "assignee_user_id") + ", " +
            column(alias, "completed_by") + "))";
      break;
    case Role::initiator:
      sql = is_user("initiator_user_id");
      break;
    case Role::participant:
      sql = "EXISTS (SELECT FROM crm.support_participant o WHERE o.request_id = " +
            column(alias, "id") + " AND o.user_id = " + std::string(user) + ")";
      break;
    case Role::customer_managers:
      sql = "EXISTS (SELECT FROM crm.counterparty m WHERE m.id = " +
            column(alias, "counterparty_id") + " AND " + std::string(user) +
            " IN (m.responsible_id, m.service_manager_id))";
      break;
    case Role::support_staff:
      if (!actor.is_support_staff()) return;
      break;
    case Role::support_leads:
      if (!actor.is_support_lead()) return;
      break;
    case Role::all_crm_managers:
      if (!is_crm_manager(actor)) return;
      break;
    case Role::cco:
      if (!is_cco(actor)) return;
      break;
    case Role::crm_administrators:
      if (!actor.is_administrator()) return;
      break;
    case Role::everyone:
      break;
    case Role::named:
      sql = is_user(grant.column);
      break;
    case Role::one_of:
      sql = std::string(user) + " = ANY (" + column(alias, grant.column) + ")";
      break;
    case Role::in_named_group:
      sql = column(alias, grant.column) + in_groups_of(user);
      break;
    case Role::member:
      if (std::ranges::none_of(grant.groups, [&](auto group) { return actor.in_group(group); })) {
        return;
      }
      break;
  }
  if (!grant.on.empty()) {
    sql = "EXISTS (SELECT FROM " + with_alias(grant.on, row) + (sql.empty() ? "" : " AND " + sql) +
          ")";
  }
  if (!grant.statuses.empty()) {
    std::string in = column(row, "status") + " IN (";
    for (std::size_t i = 0; i < grant.statuses.size(); ++i) {
      in += (i ? ", '" : "'") + std::string(grant.statuses[i]) + "'";
    }
    sql = sql.empty() ? in + ")" : "(" + sql + " AND " + in + "))";
  }
  if (sql.empty()) {
    terms.always = true;
  } else {
    terms.add(std::move(sql));
  }
}

void AccessRules::add_inherited(Terms& terms, const Actor& actor, const Resource& resource,
                                Right right, std::string_view alias, std::string_view user) const {
  const Access& access = resource.access;
  const Field& parent = resource.field(access.inherits_from);
  const std::string id = column(alias, parent.name);
  if (parent.target == "record") {
    terms.add(inherited_predicate(actor, right, id, user));
  } else {
    const Resource& owner = registry_.get(parent.target);
    const std::string p = above(alias);
    const Predicate rights = predicate(actor, owner, right, p, user);
    // A child always has its parent, unless the parent may be empty (orphans, below).
    if (rights.always && parent.is_not_null) {
      terms.always = true;
    } else if (rights.always) {
      terms.add(id + " IS NOT NULL");
    } else if (!rights.never) {
      terms.add("EXISTS (SELECT FROM " + std::string(owner.table) + " " + p + " WHERE " +
                column(p, owner.key) + " = " + id + " AND " + rights.sql + ")");
    }
  }
  const std::optional<Role> orphan =
      right == Right::read && access.orphan_read ? access.orphan_read : access.orphan_write;
  if (!orphan) return;
  Terms alone;
  add_grant(alone, actor, {*orphan, right, {}}, alias, user);
  if (alone.always) terms.add(id + " IS NULL");
}

Predicate AccessRules::predicate(const Actor& actor, const Resource& resource, Right right,
                                 std::string_view alias, std::string_view user) const {
  Terms terms;
  if (is_portal(actor)) {
    if (right == Right::read) terms.add_unless_empty(portal_reads(resource, alias, user));
    return terms.done();
  }
  if (actor.is_system()) terms.always = true;
  for (const Grant& grant : resource.access.grants) {
    if (terms.always) break;
    if (grant.right < right) continue;
    add_grant(terms, actor, grant, alias, user);
  }
  if (!terms.always && !resource.access.inherits_from.empty()) {
    add_inherited(terms, actor, resource, right, alias, user);
  }
  return terms.done();
}

Predicate AccessRules::personal(const Actor& actor, const Resource& resource,
                                std::string_view alias, std::string_view user) const {
  Terms terms;
  terms.always = actor.is_system();
  for (const Grant& grant : resource.access.personal) {
    if (terms.always || is_portal(actor)) break;
    add_grant(terms, actor, grant, alias, user);
  }
  return terms.done();
}

Predicate AccessRules::record_predicate(const Actor& actor, Right right, std::string_view id,
                                        std::string_view user) const {
  if (is_portal(actor)) {
    Terms terms;
    terms.add(right == Right::read ? portal_reads_record(id, user)
                                   : portal_comments_on_record(id, user));
    return terms.done();
  }
  if (actor.is_administrator()) return {"TRUE", true, false};
  return of_any_kind(id, [&](const Resource& kind, std::string_view alias) {
    return predicate(actor, kind, right, alias, user);
  });
}

Predicate AccessRules::inherited_predicate(const Actor& actor, Right right, std::string_view id,
                                           std::string_view user) const {
  if (is_portal(actor) || actor.is_administrator()) {
    return record_predicate(actor, right, id, user);
  }
  return of_any_kind(id, [&](const Resource& kind, std::string_view alias) {
    return parent_rights(actor, kind, right, alias, user);
  });
}

Predicate AccessRules::of_any_kind(std::string_view id, const RightsOf& rights_of) const {
  Terms terms;
  std::string always;
  std::string cases;
  for (const auto& owner : registry_.all()) {
    if (!owner->is_record) continue;
    const Predicate rights = rights_of(*owner, "pr");
    if (rights.never) continue;
    const std::string kind = "'" + std::string(owner->kind) + "'";
    if (rights.always) {
      always += (always.empty() ? "" : ", ") + kind;
      continue;
    }
    cases += " WHEN " + kind + " THEN EXISTS (SELECT FROM " + std::string(owner->table) +
             " pr WHERE pr.id = k.id AND " + rights.sql + ")";
  }
  if (always.empty() && cases.empty()) return terms.done();
  std::string sql = "EXISTS (SELECT FROM crm.record k WHERE k.id = ";
  sql.append(id).append(" AND (");
  if (!always.empty()) sql += "k.kind IN (" + always + ")";
  if (!cases.empty()) sql += (always.empty() ? "CASE k.kind" : " OR CASE k.kind") + cases + " END";
  terms.add(sql + "))");
  return terms.done();
}

// Every kind by its own declaration. What belongs to a record of any kind itself (a document, an
// activity) is, as a parent, open to the groups of sales.
Predicate AccessRules::parent_rights(const Actor& actor, const Resource& owner, Right right,
                                     std::string_view alias, std::string_view user) const {
  if (!belongs_to_any_record(owner)) return predicate(actor, owner, right, alias, user);
  const bool open = is_cco(actor) || (right == Right::read && is_crm_manager(actor));
  return {open ? "TRUE" : "FALSE", open, !open};
}

// -- The same as sets -----------------------------------------------------------------------------

std::string AccessRules::readable_keys(const Actor& actor, const Resource& resource,
                                       std::string_view user) const {
  const Predicate rights = predicate(actor, resource, Right::read, "t", user);
  if (rights.always || rights.never || is_portal(actor)) return {};
  return keys_of(actor, resource, user, 0);
}

// At depth 0 rows of a list, which are not deleted; further down parents, which may be.
std::string AccessRules::keys_of(const Actor& actor, const Resource& resource,
                                 std::string_view user, int depth) const {
  const std::string row = "s" + std::to_string(depth);
  std::string sql;
  const auto add = [&](const std::string& condition) {
    const std::string branch = "SELECT " + column(row, resource.key) + " FROM " +
                               std::string(resource.table) + " " + row + " WHERE " + condition;
    const std::string deleted = column(row, "deleted_at");
    if (!sql.empty()) sql += " UNION ALL ";
    sql += branch;
    if (!resource.soft_delete) return;
    sql += " AND " + deleted + " IS NULL";
    // Indexes have either the living or the deleted.
    if (depth > 0)
      sql.append(" UNION ALL ").append(branch).append(" AND " + deleted + " IS NOT NULL");
  };
  for (const Grant& grant : resource.access.grants) {
    Terms one;
    add_grant(one, actor, grant, row, user);
    for (const std::string& condition : one.any) add(condition);
  }
  const Access& access = resource.access;
  if (access.inherits_from.empty()) return sql;
  const Field& parent = resource.field(access.inherits_from);
  const std::string id = column(row, parent.name);
  if (parent.target == "record") {
    if (const std::string keys = record_keys(actor, user, depth + 1); !keys.empty()) {
      add(id + " IN (" + keys + ")");
    }
  } else {
    const Resource& owner = registry_.get(parent.target);
    const Predicate rights = predicate(actor, owner, Right::read, above(row), user);
    if (rights.always) {
      add(id + " IS NOT NULL");
    } else if (!rights.never) {
      add(id + " IN (" + keys_of(actor, owner, user, depth + 1) + ")");
    }
  }
  if (access.orphan_read) {
    Terms alone;
    add_grant(alone, actor, {*access.orphan_read, Right::read, {}}, row, user);
    if (alone.always) add(id + " IS NULL");
  }
  return sql;
}

std::string AccessRules::record_keys(const Actor& actor, std::string_view user, int depth) const {
  std::string sql;
  for (const auto& owner : registry_.all()) {
    if (!owner->is_record) continue;
    const Predicate rights = parent_rights(actor, *owner, Right::read, "pr", user);
    if (rights.never) continue;
    if (!sql.empty()) sql += " UNION ALL ";
    sql += rights.always ? "SELECT id FROM " + std::string(owner->table)
                         : keys_of(actor, *owner, user, depth);
  }
  return sql;
}

std::string AccessRules::shape(const Actor& actor) const {
  if (actor.is_system()) return "s";
  if (is_portal(actor)) return "p";
  std::string shape;
  if (actor.is_administrator()) shape += 'a';
  if (is_cco(actor)) shape += 'c';
  if (is_crm_manager(actor)) shape += 'm';
  if (actor.is_support_lead()) shape += 'L';
  if (actor.is_support_staff()) shape += 'l';
  for (const std::string_view group : groups_) shape += actor.in_group(group) ? '1' : '0';
  return shape;
}

Result<void> AccessRules::may_create(const Actor& actor, const Resource& resource) const {
  if (is_portal(actor)) {
    if (resource.kind == "comment") return {};
    return fail(ErrorCode::forbidden, "Portal users do not create this here.", "may_not_create");
  }
  if (actor.is_system() || actor.is_administrator() || resource.access.employees_create) return {};
  for (const Grant& grant : resource.access.grants) {
    if (grant.right != Right::write) continue;
    if (grant.role == Role::everyone) return {};
    if (grant.role == Role::cco && is_cco(actor)) return {};
    if (grant.role == Role::support_leads && actor.is_support_lead()) return {};
    if (grant.role == Role::all_crm_managers && is_crm_manager(actor)) return {};
    if (grant.role == Role::member &&
        std::ranges::any_of(grant.groups, [&](auto group) { return actor.in_group(group); })) {
      return {};
    }
  }
  return fail(ErrorCode::forbidden, "You may not create a " + std::string(resource.label.en) + ".",
              "may_not_create");
}

}  // namespace c360::store

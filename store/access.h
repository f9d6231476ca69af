// Who may see and change what (domain.md 3.3-3.5, design.md 11), as SQL.
//
// One function yields the WHERE predicate of (actor, resource, right); every get, list, count,
// update, delete and history goes through it. No role on a record: not_found. Read but no write:
// forbidden.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

struct AccessOptions {
  // crm.groups.swap_manager_cco: crm-cco are the managers and crm-manager the director (3.2).
  bool swap_manager_cco = false;
};

// A condition over one row, with its parameters appended to the statement's.
struct Predicate {
  std::string sql;      // "TRUE", "FALSE" or an expression over `alias`
  bool always = false;  // sql is TRUE
  bool never = false;   // sql is FALSE
};

class AccessRules {
 public:
  AccessRules(const Registry& registry, AccessOptions options)
      : registry_(registry), options_(options) {}

  // `alias` is the SQL alias of the resource's table. The actor's id is a parameter: `actor_param`
  // is its placeholder such as "$1"; the text depends only on (resource, right, roles of the
  // actor), so it is one of a few shapes.
  Predicate predicate(const Actor& actor, const Resource& resource, Right right,
                      std::string_view alias, std::string_view actor_param) const;
  // May the actor create one at all? forbidden with the reason otherwise. The rights on a parent
  // are checked by the statement that reads the parent.
  Result<void> may_create(const Actor& actor, const Resource& resource) const;
  // Group names after the swap.
  std::string_view manager_group() const;
  std::string_view cco_group() const;
  bool is_cco(const Actor& actor) const { return actor.in_group(cco_group()); }
  bool is_crm_manager(const Actor& actor) const { return actor.in_group(manager_group()); }

 private:
  const Registry& registry_;
  AccessOptions options_;
};

}  // namespace c360::store

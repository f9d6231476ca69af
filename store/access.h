// Who may see and change what (domain.md 3.3-3.5, design.md 11), as SQL.
//
// One function yields the WHERE predicate of (actor, resource, right); every get, list, count,
// update, delete and history goes through it. No role on a record: not_found. Read but no write:
// forbidden.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

struct AccessOptions {
  // crm.groups.swap_manager_cco: crm-cco are the managers and crm-manager the director (3.2).
  bool swap_manager_cco = false;
};

// A condition over one row of the resource.
struct Predicate {
  std::string sql;      // "TRUE", "FALSE" or an expression over the alias
  bool always = false;  // sql is TRUE
  bool never = false;   // sql is FALSE
};

class AccessRules {
 public:
  // The registry must outlive the rules.
  AccessRules(const Registry& registry, AccessOptions options);

  // `alias` is the SQL alias of the resource's table, `user` the placeholder of the actor's id,
  // such as "$1::bigint"; it appears only if neither always nor never. The text depends on the
  // resource, the right and shape(actor) alone: a few shapes, each prepared.
  Predicate predicate(const Actor& actor, const Resource& resource, Right right,
                      std::string_view alias, std::string_view user) const;
  // The same for a record of any kind, known by its id: what its own kind says of it. `id` is SQL.
  Predicate record_predicate(const Actor& actor, Right right, std::string_view id,
                             std::string_view user) const;
  // Over a row the actor may read: is he shown its personal fields (Access::personal)?
  Predicate personal(const Actor& actor, const Resource& resource, std::string_view alias,
                     std::string_view user) const;
  // The keys of the rows the actor may read, as one SELECT whose branches are each led by an index:
  // what predicate() says of a row, said as a set, so that its cost is that of what he may read and
  // not that of the table. Deleted rows are left out. Empty where predicate() is always or never,
  // and for portal users, whose sets are small.
  std::string readable_keys(const Actor& actor, const Resource& resource,
                            std::string_view user) const;
  // What of the actor decides the text of his predicates.
  std::string shape(const Actor& actor) const;

  // May the actor create one at all? forbidden otherwise. Rights on the parent of a child are
  // checked by the statement that reads the parent.
  Result<void> may_create(const Actor& actor, const Resource& resource) const;

  std::string_view manager_group() const {
    return options_.swap_manager_cco ? kCrmCcoGroup : kCrmManagerGroup;
  }
  std::string_view cco_group() const {
    return options_.swap_manager_cco ? kCrmManagerGroup : kCrmCcoGroup;
  }
  bool is_cco(const Actor& actor) const { return actor.in_group(cco_group()); }
  bool is_crm_manager(const Actor& actor) const { return actor.in_group(manager_group()); }

 private:
  struct Terms;
  void add_grant(Terms& terms, const Actor& actor, const Grant& grant, std::string_view alias,
                 std::string_view user) const;
  void add_inherited(Terms& terms, const Actor& actor, const Resource& resource, Right right,
                     std::string_view alias, std::string_view user) const;
  std::string keys_of(const Actor& actor, const Resource& resource, std::string_view user,
                      int depth) const;
  std::string record_keys(const Actor& actor, std::string_view user, int depth) const;
  // Of a record of any kind: by `rights_of` each kind, over the alias given.
  using RightsOf = std::function<Predicate(const Resource& kind, std::string_view alias)>;
  Predicate of_any_kind(std::string_view id, const RightsOf& rights_of) const;
  // What a child inherits of the record it belongs to.
  Predicate inherited_predicate(const Actor& actor, Right right, std::string_view id,
                                std::string_view user) const;
  // Of a kind of record as the parent of something: rights over the rows `alias`.
  Predicate parent_rights(const Actor& actor, const Resource& owner, Right right,
                          std::string_view alias, std::string_view user) const;

  const Registry& registry_;
  AccessOptions options_;
  std::vector<std::string_view> groups_;  // that grants name: what shape() tells apart
};

}  // namespace c360::store

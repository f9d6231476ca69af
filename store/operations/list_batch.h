// Several lists read together, each with its total and with what the caller may do to its rows: the
// Client 360 card and the workspace are made of them.
//
// Two round trips of the caller's transaction whatever the number of rows: add(), count() and the
// caller's own statements, then run(); queue_actions(), then commit(). Rows the actor may not read
// are neither shown nor counted.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/json.h"
#include "store/custom_fields.h"
#include "store/operations/action.h"

namespace c360::store {

// May the caller's token be used for records of the kind? Rights of the user count besides.
using TokenPermits = std::function<bool(const Resource& resource, Right right)>;

// {name, method, href} of each: what may be done to the record at `path`.
void write_actions(JsonWriter& out, const std::string& path, const std::vector<std::string>& names);

struct ShownList {
  std::string_view name;  // "deals"
  Label label;
  const Resource* kind = nullptr;  // as declared: rights and actions are its own
  // As read: the same, or through a view with columns more.
  const Resource* shown = nullptr;
  std::string_view owner;  // the filter that names the record the list belongs to; empty: none
  Parameters parameters;   // filters, order and include besides
};

class ListBatch {
 public:
  using Index = std::size_t;
  using ActionsById = std::map<std::int64_t, std::vector<std::string>>;

  // All of it must outlive the batch. `path_prefix` begins the href of an action: "/api/v1/".
  ListBatch(const Records& records, const Actions& actions, const Actor& actor,
            const TokenPermits& permits, Transaction& tx, std::string_view path_prefix);

  // The list must outlive the batch. `more`: parameters besides its own. Errors of the list.
  Result<Index> add(const ShownList& list, const Parameters& more, int limit);
  Result<Index> count(const ShownList& list, const Parameters& more);  // its total alone
  // By the token, or because no role of the actor reads any record of the kind.
  bool forbidden(Index index) const { return reads_[index].forbidden; }
  const ShownList& list(Index index) const { return *reads_[index].list; }

  void queue_actions();
  // Of records besides those of the lists; none: nothing may be done.
  std::optional<Ticket> queue_offered(const Resource& kind, const std::vector<std::int64_t>& ids);

  std::optional<std::int64_t> total(Index index) const;  // none: forbidden
  // "deals": {forbidden, total, items, next_cursor}
  void write(JsonWriter& out, Index index) const;
  ActionsById offered_by(const std::optional<Ticket>& ticket) const;
  // "actions": [{name, method, href}]
  void write_actions(JsonWriter& out, const Resource& kind, const ActionsById& offered,
                     std::int64_t id) const;

 private:
  struct Read {
    const ShownList* list = nullptr;
    bool forbidden = false;
    ListPlan plan;
    std::optional<Ticket> page;  // none: counted only
    Ticket total = 0;
    std::optional<Ticket> actions;
  };
  bool readable(const Resource& kind) const;

  const Records& records_;
  const Actions& actions_;
  const Actor& actor_;
  const TokenPermits& permits_;
  Transaction& tx_;
  const std::string_view path_prefix_;
  const CustomFields custom_;
  std::deque<Read> reads_;
};

}  // namespace c360::store

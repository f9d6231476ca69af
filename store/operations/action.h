// Actions: what can be done to a record beyond changing its fields, each declared once.
//
// From the declaration come the route, its part of the OpenAPI document, who is offered it in which
// status, and the list of what the caller may do to a record. A handler lives in
// store/operations/NAME.cpp and runs inside the one transaction of the call, the record locked and
// the caller's right to write it established (domain.md 3.5).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/model/resource.h"
#include "store/records.h"

namespace c360::store {

// What an action got: its declared parameters in PostgreSQL text form, and the fields that were
// sent besides.
struct ActionCall {
  Records& records;
  Transaction& tx;
  const Resource& resource;
  std::int64_t id = 0;
  const Actor& actor;
  std::vector<std::pair<std::string_view, std::string>> values;
  Json fields;         // an object
  WriteOptions write;  // If-Match, and Finish::run

  std::optional<std::string_view> value(std::string_view name) const;
  bool flag(std::string_view name) const { return value(name) == "t"; }
  std::int64_t number(std::string_view name) const;  // of a required reference
  std::string key() const { return std::to_string(id); }
};

struct ActionResult {
  std::string json;          // the answer
  std::int64_t version = 0;  // ETag of the record answered; 0: none
  std::int64_t id = 0;       // of the record answered
  bool created = false;      // 201 with its Location
};

enum class ActionRight : std::uint8_t {
  write,     // the right to write the record
  director,  // of those, crm-cco and crm-administrators
};

struct Action {
  std::string_view name;  // last segment of the path: POST /deals/{id}/NAME
  Label label;
  std::string_view doc;
  std::vector<Field> parameters;  // required: must be sent
  std::string_view fields_of;     // kind whose writable fields may be sent besides
  bool fields_are_new = false;    // those of a record to be made, not of a change
  ActionRight right = ActionRight::write;
  std::vector<std::string_view> statuses;  // offered in; empty: in every one
  std::string_view condition;              // SQL over t: offered where it holds; empty: always
  std::string_view refusal;                // conflict, with this reason, where it does not
  std::string_view refusal_detail;
  std::string_view locks_too;      // a parameter that names a record of the same kind, locked too
  std::string_view answers;        // kind of the record answered; empty: answer_schema
  std::string_view answer_schema;  // JSON Schema of another answer
  bool creates = false;            // may answer 201
  bool queues = false;             // answers 202: a job does it
  bool in_bulk = false;            // POST /deals/NAME {ids, …} too
  Result<ActionResult> (*handler)(ActionCall& call) =
      nullptr;  // none: POST to a collection does it
};

// The actions of every resource; immutable, any thread. The registry must outlive it.
class Actions {
 public:
  explicit Actions(const Registry& registry);
  std::span<const Action> of(const Resource& resource) const;
  const Action* find(const Resource& resource, std::string_view name) const;  // or nullptr

 private:
  std::map<std::string_view, std::vector<Action>> by_kind_;
};

// Ids of one bulk call.
inline constexpr std::size_t kMaxBulkIds = 500;

// Does it inside the transaction given, which stays open. not_found where the record is not seen,
// forbidden where it may only be read, precondition_failed, conflict where the action is not
// offered now, validation_failed with every wrong parameter.
Result<ActionResult> perform(Records& records, Transaction& tx, const Resource& resource,
                             const Action& action, std::int64_t id, const Json& body,
                             const Actor& actor, std::optional<std::int64_t> version = {});
// The same in a transaction of its own, begun anew when another one was in the way.
Result<ActionResult> perform(Database& database, Records& records, const Resource& resource,
                             const Action& action, std::int64_t id, const Json& body,
                             const Actor& actor, std::optional<std::int64_t> version = {});

struct PerformedItem {
  std::int64_t id = 0;
  Result<ActionResult> result;
};
// Each of `ids` by itself, in ascending order so that two calls never wait for each other in a
// circle: what fails leaves the others as they are. Errors of the call itself come back as such.
Result<std::vector<PerformedItem>> perform_each(Records& records, Transaction& tx,
                                                const Resource& resource, const Action& action,
                                                std::vector<std::int64_t> ids, const Json& body,
                                                const Actor& actor);

// Names of what the actor may do to the row now, as SQL of type text[] over `alias`: update,
// delete, and the actions. `user` is the placeholder of the actor's id.
std::string offered_expression(const Records& records, const Actions& actions,
                               const Resource& resource, const Actor& actor, std::string_view alias,
                               std::string_view user);
struct Offered {
  std::vector<std::string> names;
  std::string status;  // empty: the resource has none
  std::optional<std::int64_t> moved_to;
};
// not_found where the record is not seen.
Result<Offered> offered_actions(Database& database, const Records& records, const Actions& actions,
                                const Resource& resource, std::int64_t id, const Actor& actor);

// A record as the transaction sees it; not_found where the actor does not.
Result<RecordView> read_in(Records& records, Transaction& tx, const Resource& resource,
                           std::int64_t id, const Actor& actor);

// Whether a transaction that failed so is worth another try.
bool worth_another_try(const Error& error);
// Attempts of one call, with a short wait between them that grows.
inline constexpr int kActionAttempts = 6;
void wait_before_attempt(int attempt);

// -- The declarations, one file each
// ---------------------------------------------------------------
Action change_status_action(const Resource& resource);
Action assign_action();
Action take_to_work_action();
Action create_counterparty_action();
Action convert_lead_action();
Action create_contract_action();
Action create_child_action(std::string_view kind);  // order, payment, assignment
Action link_contract_action();
Action merge_action();
Action unmerge_action();
Action restore_version_action();
Action generate_action(std::string_view type);  // proposal, invoice, act
Action express_report_action();
Action generate_any_action(std::string_view kind);

}  // namespace c360::store

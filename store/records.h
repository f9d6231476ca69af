// Any Resource: create, read, list, change, delete, restore, history.
//
// Validation, rights, guards, numbering, history and everything a write brings with it happen here,
// in one transaction: at most one round trip of reading and one of writing, COMMIT included.
// Representations come back as finished JSON text (record_json.h). Thread-safe: immutable but for
// the kept SQL.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/access.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/model/registry.h"
#include "store/query.h"
#include "store/required_fields.h"
#include "store/sections.h"

namespace c360::store {

struct NormalisedPhone {
  std::string e164;       // "+74951234567"
  std::string extension;  // "12" or empty
};
// Ports that daemon wires to parsers/phone and parsers/html_sanitizer (design.md 11).
using PhoneNormaliser = std::function<std::optional<NormalisedPhone>(std::string_view raw)>;
using HtmlSanitiser = std::function<std::string(std::string_view html)>;

struct RecordsOptions {
  AccessOptions access;
  Secret cursor_key;
  QueryLimits limits;
  PhoneNormaliser normalise_phone;  // none: nothing is normalised
  HtmlSanitiser sanitise_html;      // none: html is stored as escaped text
  // How old the definitions of custom fields, the required fields and the names of sections may be
  // that lists and required values go by; a write that sets custom fields reads them anew.
  std::chrono::milliseconds shaping_max_age = kShapingMaxAge;
};

// What must be there (domain.md 5.1, design.md 11).
enum class Profile : std::uint8_t { full, requisites, draft };

// `commit` sends COMMIT with the writes; `run` leaves the transaction open for the caller, who
// stores what belongs to the request (an idempotency row) and commits.
enum class Finish : std::uint8_t { commit, run };

struct WriteOptions {
  Profile profile = Profile::full;  // draft is for the service itself (mail, jobs, import)
  bool strict = false;              // a possible duplicate is a conflict, not a warning
  bool lenient = false;  // import: a failed checksum is stored and named in missing_fields
  std::optional<std::int64_t> expected_version;  // If-Match
  Finish finish = Finish::commit;
  // For store/operations: what is set besides the body, past the rules of who may set a field, and
  // events of history besides those of the fields.
  std::function<void(Draft& draft)> also;
  std::vector<std::string_view> events;
  bool deleted_too = false;  // the row may be a deleted one
};

// Something to tell, not to refuse: `{"code": "possible_duplicate", "detail": …, "id": 17}`.
struct Warning {
  std::string code;
  std::string detail;
  std::optional<std::int64_t> id;
};

struct RecordView {
  std::string key;           // id or code, as in the path
  std::int64_t id = 0;       // 0 for text keys
  std::int64_t version = 0;  // ETag; 0 for resources without versions
  std::string json;          // the representation, `warnings` included when there are any
  std::vector<Warning> warnings;
  std::optional<std::int64_t> moved_to;  // merged into this id: answer 308; json is empty
};

struct Page {
  std::string items;  // a JSON array
  int size = 0;
  std::optional<std::string> next_cursor;
  std::optional<std::int64_t> total;  // if it was asked for
  bool total_is_estimated = false;
};

// Set-wise creation (ingest): a record to be, its id and number allocated before.
struct NewRecord {
  struct Value {
    std::string_view field;           // a constant name
    std::optional<std::string> text;  // PostgreSQL text form; arrays by array_literal()
  };
  std::int64_t id = 0;
  std::int64_t number = 0;  // 0: the resource has none
  std::vector<Value> values;

  NewRecord& set(std::string_view field, std::optional<std::string> text) {
    values.push_back({field, std::move(text)});
    return *this;
  }
};

struct RecordContact {
  std::int64_t record_id = 0;
  std::int64_t contact_id = 0;
  bool is_main = false;
  int position = 0;
};

// The answer to allocate(), readable after the transaction ran.
struct Allocation {
  Ticket ticket = 0;
  std::size_t count = 0;
  std::shared_ptr<const std::string> keep;
};
struct AllocatedId {
  std::int64_t id = 0;
  std::int64_t number = 0;  // 0 without a series
};

class Records {
 public:
  Records(Database& database, const Registry& registry, RecordsOptions options, const Clock& clock);
  ~Records();
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  // Each operation in its own transaction of Pool::api, or in the caller's transaction, which it
  // finishes as WriteOptions::finish says. Errors: invalid_request, forbidden, not_found,
  // conflict, precondition_failed, validation_failed with every wrong field; unavailable, timeout.
  Result<RecordView> create(const Resource& resource, const Json& body, const Actor& actor,
                            const WriteOptions& options = {});
  Result<RecordView> create(Transaction& tx, const Resource& resource, const Json& body,
                            const Actor& actor, const WriteOptions& options = {});
  Result<RecordView> get(const Resource& resource, std::string_view key, const Actor& actor,
                         const Parameters& parameters = {});
  Result<Page> list(const Resource& resource, const Parameters& parameters, const Actor& actor);
  // What list() would refuse of the parameters; reads nothing of the resource.
  Result<void> check_list(const Resource& resource, const Parameters& parameters,
                          const Actor& actor) const;
  Result<std::int64_t> count(const Resource& resource, const Parameters& parameters,
                             const Actor& actor);
  // `changes`: a JSON object of the fields to change (RFC 7396: null clears).
  Result<RecordView> update(const Resource& resource, std::string_view key, const Json& changes,
                            const Actor& actor, const WriteOptions& options = {});
  Result<RecordView> update(Transaction& tx, const Resource& resource, std::string_view key,
                            const Json& changes, const Actor& actor,
                            const WriteOptions& options = {});
  Result<void> remove(const Resource& resource, std::string_view key, const Actor& actor,
                      const WriteOptions& options = {});
  Result<void> remove(Transaction& tx, const Resource& resource, std::string_view key,
                      const Actor& actor, const WriteOptions& options = {});
  Result<RecordView> restore(const Resource& resource, std::string_view key, const Actor& actor,
                             const WriteOptions& options = {});
  // Newest first; `limit`, `cursor`, `event`.
  Result<Page> history(const Resource& resource, std::string_view key, const Parameters& parameters,
                       const Actor& actor);

  // Rows of a collection: `collection` is "contacts", "observers", "members" or "nested", `child`
  // the key of what is linked. Linked again: no change, no event. validation_failed, reason
  // group_cycle, for a group that would be inside itself.
  Result<void> link(const Resource& resource, std::string_view key, std::string_view collection,
                    std::string_view child, const Actor& actor, bool is_main = false);
  Result<void> link(Transaction& tx, const Resource& resource, std::string_view key,
                    std::string_view collection, std::string_view child, const Actor& actor,
                    bool is_main = false, Finish finish = Finish::commit);
  Result<void> unlink(const Resource& resource, std::string_view key, std::string_view collection,
                      std::string_view child, const Actor& actor);

  // With one of its outcomes (domain.md 14.1): gives the record it moved, or the task of no record.
  Result<RecordView> complete_task(std::int64_t task_id, std::string_view outcome,
                                   const Json& details, const Actor& actor,
                                   const WriteOptions& options = {});
  Result<RecordView> complete_task(Transaction& tx, std::int64_t task_id, std::string_view outcome,
                                   const Json& details, const Actor& actor,
                                   const WriteOptions& options = {});

  // -- For ingest: set-wise, queued, no round trip of their own. ---------------------------------
  // Ids (and numbers) for `count` records of a kind; read with allocated() after tx.run().
  Allocation allocate(Transaction& tx, const Resource& resource, std::size_t count) const;
  static std::vector<AllocatedId> allocated(const Transaction& tx, const Allocation& allocation);
  // Validates all (errors name "/INDEX/field"), then queues one statement per table: crm.record,
  // the entity, history, phones, take-to-work tasks. Rights are the caller's affair: the actor is
  // the service. `profile` is draft.
  Result<void> create_many(Transaction& tx, const Resource& resource,
                           std::span<const NewRecord> records, const Actor& actor) const;
  // Attaches contacts to leads, deals, …; pairs already there stay as they are.
  void add_record_contacts(Transaction& tx, std::span<const RecordContact> pairs) const;

  const AccessRules& access() const;
  const RecordsOptions& options() const;
  const QueryMaker& queries() const;
  const Registry& registry() const;
  // As this installation has them; at most shaping_max_age old, never null.
  std::shared_ptr<const Sections> sections() const;
  Result<std::shared_ptr<const Sections>> sections(Transaction& tx) const;
  std::shared_ptr<const RequiredFields> required_fields() const;

 private:
  struct State;
  // Fills in and checks what the caller sent, as it is about to be stored. An error is of the
  // database; what is wrong goes to the draft.
  Result<void> complete(Transaction& tx, Draft& draft);
  // Writes; then what follows from it in other records, and only then the COMMIT.
  Result<RecordView> with_consequence(
      Transaction& tx, const Draft& draft, const WriteOptions& options,
      const std::function<Result<RecordView>(const WriteOptions& write)>& write);

  std::unique_ptr<State> state_;
};

// The text form of a PostgreSQL array, for NewRecord values.
std::string array_literal(std::span<const std::string> elements);
std::string array_literal(std::span<const std::int64_t> elements);

}  // namespace c360::store

// What the files of Records share; for store/records*.cpp and store/operations only.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/custom_fields.h"
#include "store/draft.h"
#include "store/records.h"
#include "store/validation.h"

namespace c360::store {

// Does a write of it ask which day it is?
bool wants_today(const Resource& resource);

struct Records::State {
  Database& database;
  const Registry& registry;
  RecordsOptions options;
  const Clock& clock;
  AccessRules access;
  QueryMaker queries;
  CustomFieldReader custom_fields;
  RequiredFieldReader required_fields;
  SectionReader sections;
  std::mutex day_mutex;
  std::string day;  // guarded, like its ends: empty ones until it is asked
  Instant day_begins{};
  Instant day_ends{};

  State(Database& the_database, const Registry& the_registry, RecordsOptions the_options,
        const Clock& the_clock)
      : database(the_database),
        registry(the_registry),
        options(std::move(the_options)),
        clock(the_clock),
        access(the_registry, options.access),
        queries(the_registry, access, options.cursor_key, options.limits),
        custom_fields(the_database, options.shaping_max_age),
        required_fields(the_database, options.shaping_max_age),
        sections(the_database, options.shaping_max_age) {}

  WriteContext context(const Actor& actor, const WriteOptions& write) const;
  // The day in the business time zone, asked of the database (which knows the zones) once a day.
  Result<std::string> today(Transaction& tx);
  // What before_write will want to know (Resource::related): queued, and given to the draft once
  // the transaction ran. None: nothing.
  std::optional<Ticket> queue_related(Transaction& tx, const Draft& draft) const;
  // Asks after what a draft refers to; none: it refers to nothing. `plan` keeps the text.
  std::optional<Ticket> queue_references(Transaction& tx, const ReferenceCheck& check,
                                         Plan& plan) const;
  Result<void> look_around(Transaction& tx, Draft& draft);

  // The row as it is, locked, with the right to write it; what update, remove and others begin
  // with. Queues; read() after the transaction ran.
  struct Locked {
    Ticket ticket = 0;
    Plan plan;  // keeps the text
    std::vector<const Field*> columns;
  };
  Locked queue_lock(Transaction& tx, const Resource& resource, std::string_view key,
                    const Actor& actor) const;
  // not_found, forbidden, precondition_failed; the draft gets the old values.
  Result<void> read_lock(const Transaction& tx, const Locked& locked, Draft& draft,
                         std::string_view key, const WriteOptions& write,
                         bool deleted_allowed = false) const;

  // Queues the UPDATE of what the draft changed, history and effects, and finishes.
  Result<RecordView> write_update(Transaction& tx, Draft& draft, std::string_view key,
                                  const WriteOptions& write,
                                  const std::vector<std::string_view>& extra_events = {}) const;
  // What such a write must have, by `profile` where it creates; as declared, and without asking the
  // database, where nothing is asked of it.
  Result<std::shared_ptr<const RequiredFields>> required_of(Transaction& tx,
                                                            const Resource& resource, bool creates,
                                                            Profile profile);
  // The members of `custom` against their definitions, as the transaction sees them where some are
  // set. An error is of the database; what is wrong goes to the draft.
  Result<void> check_custom_fields(Transaction& tx, Draft& draft);
  Result<RecordView> write_insert(Transaction& tx, Draft& draft, const WriteOptions& write) const;
  Result<void> finish(Transaction& tx, const WriteOptions& write, const Resource& resource) const;

  // -- The kinds of tasks (task_completion.cpp) ---------------------------------------------------
  // The record is locked, the task active, the outcome one of its own.
  struct Completion;
  Result<RecordView> complete_taking(Records& records, Transaction& tx, const Completion& done,
                                     Draft& record);
  Result<RecordView> complete_step(Records& records, Transaction& tx, const Completion& done,
                                   const Draft& record);
  Result<RecordView> complete_asked(Records& records, Transaction& tx, const Completion& done);
};

// Every field that is shown.
std::vector<const Field*> readable_columns(const Resource& resource);
RecordView view_of(const Resource& resource, const std::vector<const Field*>& columns,
                   const std::vector<std::string>& includes, const Rows& rows, int row,
                   std::vector<Warning> warnings = {});
// A page out of the rows of its plan.
Page page_of(const ListPlan& plan, const Rows& rows, const QueryMaker& queries);
std::string key_type_of(const Resource& resource);
// not_found in the same words everywhere, so that existence is not revealed.
std::unexpected<Error> no_such(const Resource& resource, std::string_view key);
bool is_key(const Resource& resource, std::string_view key);

// -- What a write brings with it (record_effects.cpp) ---------------------------------------------
// `id` is SQL: "currval('crm.record_id_seq')" or a placeholder is not needed for a known id.
void queue_effects_before(Transaction& tx, const Draft& draft, std::optional<std::int64_t> id);
void queue_effects(Transaction& tx, const Draft& draft, std::optional<std::int64_t> id,
                   const RecordsOptions& options, const AccessRules& access);
void queue_removal_effects(Transaction& tx, const Draft& draft, std::int64_t id);
// The oldest contact of a counterparty without a main one becomes main.
void queue_promote_main(Transaction& tx, const std::vector<std::int64_t>& counterparties,
                        const Actor& actor);
std::string take_to_work_outcomes(const Resource& resource);
// The title in both languages.
inline constexpr std::string_view kTakeToWorkRu = "Взятие в работу";
inline constexpr std::string_view kTakeToWorkEn = "Take to work";

}  // namespace c360::store

#include "store/bulk.h"

#include <algorithm>

#include "store/records_state.h"
#include "store/upsert.h"

namespace c360::store {
namespace {

constexpr Sql kCheckDeferred{"c360_bulk_constraints", "SET CONSTRAINTS ALL IMMEDIATE"};

// Whether the transaction, not the row, is what is wrong.
bool ends_transaction(const Error& error) {
  return error.temporary() || error.code == ErrorCode::internal ||
         error.reason == "serialization_failure" || error.reason == "deadlock" ||
         error.reason == "connection_lost" || error.reason == "stale_plan";
}

void queue_locks(Records& records, Transaction& tx, const Resource& resource,
                 std::span<const BulkItem> items, const Actor& actor) {
  std::vector<std::string> keys;
  for (const BulkItem& item : items) {
    if (item.action == BulkAction::update && is_key(resource, item.key)) keys.push_back(item.key);
  }
  if (keys.size() < 2) return;
  const Predicate rights =
      records.access().predicate(actor, resource, Right::read, "t", "$2::bigint");
  const std::string key = "t." + std::string(resource.key);
  const Plan plan = records.queries().keep(
      {}, "SELECT $2::bigint FROM " + std::string(resource.table) + " t WHERE " + key +
              " = ANY ($1::text[]::" + key_type_of(resource) + "[]) AND " + rights.sql +
              " ORDER BY " + key + " FOR NO KEY UPDATE OF t");
  Params params;
  params.add_array(std::span<const std::string>(keys)).add(actor.user_id);
  tx.queue(plan.sql, std::move(params));
}

Result<BulkRow> write_row(Records& records, Transaction& tx, const Resource& resource,
                          const BulkItem& item, const Actor& actor, WriteOptions write) {
  write.finish = Finish::run;
  write.expected_version = item.expected_version;
  BulkRow row;
  if (item.action == BulkAction::upsert) {
    auto key = parse_natural_key(resource, item.key);
    if (!key) return std::unexpected(std::move(key).error());
    auto done = upsert(records, tx, resource, *key, item.body, actor, {.write = write});
    if (!done) return std::unexpected(std::move(done).error());
    row.view = std::move(done->view);
    row.created = done->created;
    return row;
  }
  row.created = item.action == BulkAction::create;
  auto view = row.created ? records.create(tx, resource, item.body, actor, write)
                          : records.update(tx, resource, item.key, item.body, actor, write);
  if (!view) return std::unexpected(std::move(view).error());
  row.view = std::move(*view);
  return row;
}

Error located(Error error, const BulkItem& item) {
  for (FieldError& field : error.fields) field.pointer.insert(0, item.pointer);
  return error;
}

// One error for all wrong rows. What is no matter of a field is named by its row.
Error together(std::span<const BulkRow> rows, std::span<const BulkItem> items) {
  Error all{ErrorCode::validation_failed, {}, {}, {}, {}};
  std::size_t wrong = 0;
  bool only_fields = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].error) continue;
    const Error& error = *rows[i].error;
    if (wrong++ == 0) all.reason = error.reason;
    if (error.code != ErrorCode::validation_failed && only_fields) {
      all.code = error.code;
      all.reason = error.reason;
      only_fields = false;
    }
    all.fields.insert(all.fields.end(), error.fields.begin(), error.fields.end());
    if (error.fields.empty()) {
      const std::string code(error.reason.empty() ? to_string(error.code) : error.reason);
      all.fields.push_back({items[i].item_pointer, code, error.detail});
    }
  }
  all.detail = std::to_string(wrong) + " of " + std::to_string(rows.size()) +
               " rows cannot be accepted, so nothing was stored; see errors.";
  return all;
}

}  // namespace

Result<std::vector<BulkRow>> bulk(Records& records, Transaction& tx, const Resource& resource,
                                  std::span<const BulkItem> items, const Actor& actor,
                                  const BulkOptions& options) {
  if (options.dry_run) {
    if (auto set = tx.savepoint(); !set) return std::unexpected(set.error());
  }
  queue_locks(records, tx, resource, items, actor);
  std::vector<BulkRow> rows;
  rows.reserve(items.size());
  bool wrong = false;
  for (const BulkItem& item : items) {
    if (auto set = tx.savepoint(); !set) return std::unexpected(set.error());
    auto row = write_row(records, tx, resource, item, actor, options.write);
    if (!row && ends_transaction(row.error())) return std::unexpected(std::move(row).error());
    if (row) {
      rows.push_back(std::move(*row));
    } else {
      wrong = true;
      rows.push_back({located(std::move(row).error(), item), {}, false});
      if (auto back = tx.rollback_to_savepoint(); !back) return std::unexpected(back.error());
    }
    if (auto released = tx.release_savepoint(); !released) {
      return std::unexpected(released.error());
    }
  }
  if (wrong && !options.each) return std::unexpected(together(rows, items));
  if (options.dry_run) {
    // What is checked at COMMIT is checked now; then all of it goes back.
    tx.queue(kCheckDeferred);
    if (auto checked = tx.run(); !checked) return std::unexpected(checked.error());
    if (auto back = tx.rollback_to_savepoint(); !back) return std::unexpected(back.error());
    if (auto done = tx.run(); !done) return std::unexpected(done.error());
  }
  return rows;
}

}  // namespace c360::store

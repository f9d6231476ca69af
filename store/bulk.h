// Many writes of one resource in one transaction: all or nothing, or each by itself with a report.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/records.h"

namespace c360::store {

enum class BulkAction : std::uint8_t { create, update, upsert };

struct BulkItem {
  BulkAction action = BulkAction::create;
  Json body;
  std::string key;                               // of update: id or code; of upsert: a natural key
  std::optional<std::int64_t> expected_version;  // of update and upsert
  std::string pointer;                           // where the fields stand: "/items/3/create"
  std::string item_pointer;                      // "/items/3"
};

struct BulkOptions {
  WriteOptions write;  // `finish` is set by bulk itself
  bool each = false;   // good rows are stored though others are wrong
  bool dry_run = false;
};

struct BulkRow {
  std::optional<Error> error;  // with pointers into the request
  RecordView view;             // without an error
  bool created = false;
};

// Runs the items in their order, in `tx`, and leaves it open: the caller commits, or with
// dry_run finds nothing done in it. Without `each` one wrong row makes the whole an error that
// names every wrong field of every row. Rows to be updated are locked first, in the order of their
// keys, so that two at once do not lock each other out. Errors besides: those that end a
// transaction (unavailable, timeout, serialization_failure, deadlock).
Result<std::vector<BulkRow>> bulk(Records& records, Transaction& tx, const Resource& resource,
                                  std::span<const BulkItem> items, const Actor& actor,
                                  const BulkOptions& options);

}  // namespace c360::store

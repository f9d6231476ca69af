// Files as documents of a record, set-wise: the document, its first version, and the activity that
// brought it (domain.md 12.2, 13.1). Contents are blobs put earlier in the same transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/digest.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/records.h"

namespace c360::store {

struct NewDocument {
  std::int64_t id = 0;  // allocated before (Records::allocate of kind "document")
  std::optional<std::int64_t> parent_record_id;  // none: of the library only
  std::string type_code = "attachment";
  std::string name;                      // cut to what the schema allows
  std::string file_name{};               // of the version; empty: the name
  std::optional<std::string> comment{};  // kept with the version
  Sha256 sha256{};
  std::int64_t size_bytes = 0;
  std::string media_type;
  bool is_generated = false;  // made by a template of ours
  std::optional<std::int64_t> activity_id;
  std::optional<std::int64_t> folder_id;
  std::vector<NewRecord::Value> values{};  // other fields of the document
};

// Queues all of it; no round trip. Errors as Records::create_many.
Result<void> attach_documents(Transaction& tx, const Records& records,
                              std::span<const NewDocument> documents, const Actor& actor);

}  // namespace c360::store

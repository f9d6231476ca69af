// A folder of the library deleted, alone or with what is in it (domain.md 12.2).
#pragma once

#include <cstdint>

#include "store/records.h"

namespace c360::store {

// Folders and documents that go with one folder; more is conflict, reason folder_too_large.
inline constexpr std::int64_t kMaxFolderRemoval = 5'000;

// With `recursive` the folders below it and the documents of the library in them are deleted, each
// with its event in history; documents of a record leave the folder and stay with their record.
// Errors as Records::remove; conflict, reason folder_not_empty, without `recursive`; forbidden,
// reason read_only, where something below is another's; nothing is done then.
Result<void> remove_folder(Records& records, Transaction& tx, std::int64_t id, bool recursive,
                           const Actor& actor, const WriteOptions& options);

}  // namespace c360::store

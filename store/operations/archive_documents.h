// The current versions of all documents of a record, or of a folder and those below it, as one ZIP
// file (domain.md 12.4: «Скачать все документы»).
#pragma once

#include <cstddef>
#include <cstdint>

#include "store/records.h"
#include "store/zip_file.h"

namespace c360::store {

// Of one file; more is validation_failed, reason archive_too_large, before anything is read.
inline constexpr std::size_t kMaxArchiveDocuments = 1'000;
inline constexpr std::int64_t kMaxArchiveBytes = std::int64_t{512} * 1024 * 1024;

// What the actor may read of them, `owner` being the folder resource or that of the record; whether
// he sees the owner is the caller's affair. Two of one name are told apart as "name (2).pdf",
// whatever their case; what file systems do not take in a name becomes '_'. No database connection
// is held for longer than a chunk takes. Errors as ZipFile::make.
Result<ZipFile> archive_documents(Database& database, const Records& records, const Resource& owner,
                                  std::int64_t id, const Actor& actor);

}  // namespace c360::store

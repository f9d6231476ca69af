// The current versions of all documents of a record, or of a folder and those below it, as one ZIP
// file (domain.md 12.4: «Скачать все документы»).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "store/records.h"
#include "store/zip_file.h"

namespace c360::store {

// Of one file; more is validation_failed, reason archive_too_large, before anything is read.
inline constexpr std::size_t kMaxArchiveDocuments = 1'000;
inline constexpr std::int64_t kMaxArchiveBytes = std::int64_t{512} * 1024 * 1024;

// Prints the page of a document, as whoever looks at it does.
using PrintPage = std::function<Result<void>(std::int64_t document_id)>;

// What the actor may read of them, `owner` being the folder resource or that of the record; whether
// he sees the owner is the caller's affair. Two of one name are told apart as "name (2).pdf",
// whatever their case; what file systems do not take in a name becomes '_'. No database connection
// is held for longer than a chunk takes. A generated document is its newest file for people: where
// its page is not printed yet, the DOCX made with it, and without one what `print` makes. Errors as
// ZipFile::make and `print`; unavailable, reason not_printed, where a page came meanwhile.
Result<ZipFile> archive_documents(Database& database, const Records& records, const Resource& owner,
                                  std::int64_t id, const Actor& actor, const PrintPage& print);

}  // namespace c360::store

// Versions of a document: the next content, numbered, as the current one (domain.md 12.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/digest.h"
#include "store/actor.h"
#include "store/database.h"

namespace c360::store {

// A content that is a blob already, or put earlier in the same transaction.
struct NewVersion {
  Sha256 sha256{};
  std::int64_t size_bytes = 0;
  std::string media_type;
  std::string file_name;
  std::optional<std::string> comment;
  // The same content in another form (a PDF of the page): an issued document takes it too.
  bool is_rendering = false;
  bool is_generated = false;  // made by a template of ours
};

// Its version_no. Locks the document, so that two at once get two numbers; history tells of it.
// Rights are the caller's affair. not_found; conflict, reason document_issued, for a generated
// document that is a draft no longer (12.3).
Result<std::int64_t> add_document_version(Transaction& tx, std::int64_t document_id,
                                          const NewVersion& version, const Actor& actor);

}  // namespace c360::store

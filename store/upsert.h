// Create or update by a natural key: what an outside system calls a record, such as its INN or its
// id over there (domain.md 1.2), instead of our id.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/records.h"

namespace c360::store {

// "inn:7707083893", "inn:7707083893,kpp:770701001", "external_ids.bitrix24:17"; of a directory the
// code itself, "gold".
struct NaturalKey {
  struct Part {
    const Field* field = nullptr;
    std::string system;  // of external_ids; empty otherwise
    std::string value;   // as the field stores it
  };
  std::string text;
  std::vector<Part> parts;
};

inline constexpr std::size_t kMaxNaturalKeyBytes = 400;

// Whether records of the resource can be put by such a key at all.
bool has_natural_keys(const Resource& resource);
// The names a key may have, for documentation and errors: "inn, kpp, external_ids.SYSTEM".
std::string natural_key_names(const Resource& resource);
// invalid_request, reason unknown_natural_key, for a name that is none; validation_failed for a
// value that the field does not take.
Result<NaturalKey> parse_natural_key(const Resource& resource, std::string_view text);

struct UpsertOptions {
  WriteOptions write;
  bool only_create = false;  // If-None-Match: *
};

struct Upserted {
  RecordView view;
  bool created = false;
};

// Writers of one key wait for each other, so that of many at once one creates and the others
// update. A record merged into another counts as that one. Fields not sent stay. In the caller's
// transaction, finished as WriteOptions::finish says. Errors: those of create and update; conflict,
// reason ambiguous_key, where several records have the key; precondition_failed where If-Match or
// If-None-Match says so.
Result<Upserted> upsert(Records& records, Transaction& tx, const Resource& resource,
                        const NaturalKey& key, const Json& body, const Actor& actor,
                        const UpsertOptions& options);

}  // namespace c360::store

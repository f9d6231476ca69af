// Compares the declarations with the database at start: the daemon refuses to run on a difference
// (design.md 3). And drafts the DDL of a new Resource for its migration.
#pragma once

#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

// Every difference as a sentence with what to do; empty: they agree. Compared are tables, columns
// with types and nullability in both directions, rows and labels of status tables and
// crm.enum_label. One round trip. Errors: the database could not be asked.
Result<std::vector<std::string>> schema_differences(Database& database, const Registry& registry);

// CREATE TABLE, its sequence, its status table and labels, as a draft to be completed by hand with
// constraints and indexes.
std::string draft_ddl(const Resource& resource);

}  // namespace c360::store

// What a merge moves from one record to another, and how it goes back (domain.md 6.5). Shared by
// merge_records.cpp and unmerge_records.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

// Rows of one table that name their record in one column.
struct MergePart {
  std::string_view name;  // in the report: "activities"
  std::string_view table;
  std::string_view column;
  std::string_view kind;        // of the rows, when they are records: their change is history
  std::string_view where;       // SQL over m: which of them move
  std::string_view of;          // kind merged; empty: any
  std::string_view keyed = {};  // kind of rows that are no records, whose change is history too
};
std::span<const MergePart> merge_parts();
bool moves_with(const MergePart& part, const Resource& resource);
// What the rows are declared as; nullptr: they are no resource.
const Resource* resource_of(const MergePart& part, const Registry& registry);

// Ids of the rows of a part that would move from `source` to `target`.
std::string moving_rows_sql(const MergePart& part);
// UPDATE of the rows $3 from record $1 to record $2 by user $4; their versions and history too. A
// payment may have followed its order there already.
std::string move_rows_sql(const MergePart& part);

// Fields filled in the target where it has nothing.
std::span<const std::string_view> merged_fields(const Resource& resource);

// Of a company with the same INN or with none of its own only.
bool goes_with_inn(std::string_view field);

// "из лида" / "из сделки", «Лид» / «Сделка».
struct MergeWords {
  std::string_view nominative;  // «Сделка»
  std::string_view genitive;    // «сделки»
};
MergeWords merge_words(const Resource& resource);

Params move_params(std::int64_t from, std::int64_t to, std::span<const std::int64_t> ids,
                   const Actor& actor);

}  // namespace c360::store

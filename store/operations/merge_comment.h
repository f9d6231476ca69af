// The comment a merge leaves in its target: everything the source said (domain.md 6.5, R-217).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

// A value of one line is cut behind this many characters; the source row itself stays whole.
inline constexpr int kMaxCommentValue = 20'000;

// One column of HTML: «Сделка объединен(а) успешно.», a line per attribute that says something, the
// contacts, and of a deal its orders, payments and the line items that stay. $1: the source.
std::string merge_comment_sql(const Registry& registry, const Resource& resource,
                              std::string_view time_zone, bool items_stay);

}  // namespace c360::store

#include "daemon/command/answers.h"

namespace c360::daemon::command {

std::string cell(const Json& row, std::string_view key) {
  const Json* value = row.find(key);
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_number()) return value->number_text();
  return value->is_string() ? value->as_string() : value->dump();
}

Result<Json> items_of(Context& context, const std::string& path) {
  auto page = context.api("GET", path);
  if (!page) return std::unexpected(page.error());
  const Json* items = page->find("items");
  if (items == nullptr || !items->is_array())
    return fail(ErrorCode::upstream_rejected, "the answer has no items");
  return *items;
}

}  // namespace c360::daemon::command

#include "daemon/command/answers.h"

namespace c360::daemon::command {

namespace {

// Of a moment such as 2026-11-23T22:22:48.638225Z what people read of it; any other text as it is.
std::string to_the_second(const std::string& text) {
  constexpr std::size_t kDot = 19;
  const bool is_moment = text.size() > kDot && text[4] == '-' && text[10] == 'T' &&
                         text[13] == ':' && text[kDot] == '.';
  if (!is_moment) return text;
  const std::size_t rest = text.find_first_not_of("0123456789", kDot + 1);
  return text.substr(0, kDot) + (rest == std::string::npos ? "" : text.substr(rest));
}

}  // namespace

std::string cell(const Json& row, std::string_view key) {
  const Json* value = row.find(key);
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_number()) return value->number_text();
  return value->is_string() ? to_the_second(value->as_string()) : value->dump();
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

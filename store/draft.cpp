#include "store/draft.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "store/array.h"

namespace c360::store {

std::string timestamp_text(Instant instant) {
  std::string text = to_rfc3339(instant);  // 2026-11-22T10:15:00.000000Z
  text[10] = ' ';
  text.pop_back();
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) {
    text.pop_back();
  }
  return text + "+00";
}

namespace {

// Objects by the order of their names, as jsonb compares them.
void sort_members(Json& value) {
  if (value.is_array()) {
    for (Json& element : value.as_array()) sort_members(element);
  }
  if (!value.is_object()) return;
  for (auto& [name, member] : value.as_object()) sort_members(member);
  std::sort(value.as_object().begin(), value.as_object().end(),
            [](const Json::Member& a, const Json::Member& b) { return a.first < b.first; });
}

bool same_json(std::string_view a, std::string_view b) {
  auto left = Json::parse(a);
  auto right = Json::parse(b);
  if (!left || !right) return false;
  sort_members(*left);
  sort_members(*right);
  return *left == *right;
}

}  // namespace

bool same_value(const Field& field, std::optional<std::string_view> a,
                std::optional<std::string_view> b) {
  if (a == b) return true;
  if (!a || !b) return false;
  if (field.type == FieldType::json) return same_json(*a, *b);
  if (field.is_array()) return decode_array(*a) == decode_array(*b);
  return false;
}

Draft::Draft(const Resource& resource, const Actor& actor, const WriteContext& context)
    : resource_(resource),
      actor_(actor),
      context_(context),
      values_(resource.fields.size()),
      set_(resource.fields.size(), false),
      defaulted_(resource.fields.size(), false),
      confirmed_(resource.fields.size(), false),
      stored_(resource.fields.size(), false) {}

std::size_t Draft::index(std::string_view field) const {
  const std::size_t at = resource_.index_of(field);
  if (at == resource_.fields.size()) {
    throw std::logic_error(std::string(resource_.kind) + " has no field " + std::string(field));
  }
  return at;
}

std::optional<std::string_view> Draft::get(std::size_t field) const {
  if (!set_[field]) return before(field);
  if (!values_[field]) return std::nullopt;
  return *values_[field];
}

std::optional<std::string_view> Draft::before(std::size_t field) const {
  if (before_.empty() || !before_[field]) return std::nullopt;
  return *before_[field];
}

bool Draft::changed(std::size_t field) const {
  return set_[field] && !same_value(resource_.fields[field], get(field), before(field));
}

void Draft::set(std::size_t field, std::optional<std::string> value) {
  values_[field] = std::move(value);
  set_[field] = true;
  defaulted_[field] = false;
  confirmed_[field] = false;
}

void Draft::set_default(std::size_t field, std::string value) {
  set(field, std::move(value));
  defaulted_[field] = true;
}

void Draft::adopt(std::string_view field, std::optional<std::string_view> value) {
  set(field, value ? std::optional(std::string(*value)) : std::nullopt);
  confirmed_[index(field)] = true;
}

std::optional<std::string_view> Draft::related(std::string_view column) const {
  for (const auto& [name, value] : related_) {
    if (name != column) continue;
    return value ? std::optional<std::string_view>(*value) : std::nullopt;
  }
  return std::nullopt;
}

void Draft::load_related(const Rows& rows) {
  related_.clear();
  if (rows.empty()) return;
  for (int column = 0; column < rows.columns(); ++column) {
    const auto value = rows.optional_text(0, column);
    related_.emplace_back(std::string(rows.column_name(column)),
                          value ? std::optional(std::string(*value)) : std::nullopt);
  }
}

void Draft::set_now(std::string_view field) { set(field, timestamp_text(context_.now)); }

void Draft::unset(std::size_t field) {
  values_[field].reset();
  set_[field] = false;
}

void Draft::wrong(std::string_view field, std::string_view code, std::string detail) {
  wrong_at("/" + std::string(field), code, std::move(detail));
}

void Draft::wrong_at(std::string pointer, std::string_view code, std::string detail) {
  problems_.push_back({std::move(pointer), std::string(code), std::move(detail)});
}

void Draft::refuse(ErrorCode code, std::string detail, std::string reason) {
  if (!refusal_) refusal_ = Error{code, std::move(detail), std::move(reason), {}, {}};
}

std::string pointer_segment(std::string_view name) {
  constexpr std::size_t kLongest = 100;  // bytes; the client's own text comes back in the answer
  std::string segment = "/";
  for (const char c : utf8_prefix(name, kLongest)) {
    if (c == '~') {
      segment += "~0";
    } else if (c == '/') {
      segment += "~1";
    } else {
      segment += c;
    }
  }
  return segment;
}

}  // namespace c360::store

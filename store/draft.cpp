#include "store/draft.h"

#include <stdexcept>
#include <utility>

namespace c360::store {

std::string timestamp_text(Instant instant) {
  std::string text = to_rfc3339(instant);  // 2026-11-22T10:15:00.000000Z
  text[10] = ' ';
  text.pop_back();
  return text + "+00";
}

Draft::Draft(const Resource& resource, const Actor& actor, const WriteContext& context)
    : resource_(resource),
      actor_(actor),
      context_(context),
      values_(resource.fields.size()),
      set_(resource.fields.size(), false) {}

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

bool Draft::changed(std::size_t field) const { return set_[field] && get(field) != before(field); }

void Draft::set(std::size_t field, std::optional<std::string> value) {
  values_[field] = std::move(value);
  set_[field] = true;
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

}  // namespace c360::store

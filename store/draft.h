// What a write is about to store, field by field, with the old values beside it. Made by Records,
// seen by the rules of a Resource (before_write), then turned into SQL.
//
// Values are PostgreSQL text forms. One thread; lives for one write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "store/actor.h"
#include "store/model/resource.h"
#include "store/records.h"

namespace c360::store {

// The circumstances of a write.
struct WriteContext {
  Instant now;
  Profile profile = Profile::full;
  bool lenient = false;
  bool strict = false;
  bool is_cco = false;  // the actor, after the swap of groups
  std::string today;    // in the business time zone, "2026-11-22"
};

class Draft {
 public:
  Draft(const Resource& resource, const Actor& actor, const WriteContext& context);

  const Resource& resource() const { return resource_; }
  const Actor& actor() const { return actor_; }
  const WriteContext& context() const { return context_; }
  bool creating() const { return before_.empty(); }
  bool may_administer() const { return actor_.is_administrator() || actor_.origin == "import"; }
  std::int64_t number = 0;  // allocated; 0: the database gives it

  // The value after the write; the old one where the write does not touch the field.
  std::optional<std::string_view> get(std::string_view field) const { return get(index(field)); }
  std::optional<std::string_view> get(std::size_t field) const;
  std::optional<std::string_view> before(std::string_view field) const {
    return before(index(field));
  }
  std::optional<std::string_view> before(std::size_t field) const;
  bool has(std::string_view field) const { return get(field).has_value(); }
  // Sent by the caller or set by a rule in this write, null included.
  bool is_set(std::string_view field) const { return set_[index(field)]; }
  bool is_set(std::size_t field) const { return set_[field]; }
  // The same, defaults aside: what the caller, or a rule, wants.
  bool is_given(std::string_view field) const { return is_set(field) && !defaulted_[index(field)]; }
  // Set to something else than before; on creation: set to a value.
  bool changed(std::string_view field) const { return changed(index(field)); }
  bool changed(std::size_t field) const;
  void set(std::string_view field, std::optional<std::string> value) {
    set(index(field), std::move(value));
  }
  void set(std::size_t field, std::optional<std::string> value);
  // A value taken from another row, or put together from such: HTML is safe already, and what it
  // refers to is not asked after again.
  void set_stored(std::string_view field, std::optional<std::string> value) {
    set(field, std::move(value));
    stored_[index(field)] = true;
    confirmed_[index(field)] = true;
  }
  bool is_stored(std::size_t field) const { return stored_[field]; }
  void set_now(std::string_view field);
  void set_default(std::size_t field, std::string value);
  // Takes over from a row the caller refers to: what that row names is not asked after again.
  void adopt(std::string_view field, std::optional<std::string_view> value);
  // What the field refers to was asked after, and may be used.
  void confirm(std::size_t field) { confirmed_[field] = true; }
  bool is_confirmed(std::size_t field) const { return confirmed_[field]; }
  // A column of Resource::related; none for NULL, and where nothing was asked.
  std::optional<std::string_view> related(std::string_view column) const;
  void load_related(const Rows& rows);
  void unset(std::size_t field);
  void load_before(std::vector<std::optional<std::string>> values) { before_ = std::move(values); }

  // A wrong field: 422 with all of them at once.
  void wrong(std::string_view field, std::string_view code, std::string detail);
  void wrong_at(std::string pointer, std::string_view code, std::string detail);
  void refuse(ErrorCode code, std::string detail, std::string reason);  // the first one wins
  void warn(Warning warning) { warnings_.push_back(std::move(warning)); }

  const std::vector<FieldError>& problems() const { return problems_; }
  const std::optional<Error>& refusal() const { return refusal_; }
  std::vector<Warning>& warnings() { return warnings_; }

 private:
  std::size_t index(std::string_view field) const;

  const Resource& resource_;
  const Actor& actor_;
  const WriteContext& context_;
  std::vector<std::optional<std::string>> values_;
  std::vector<bool> set_;
  std::vector<bool> defaulted_;
  std::vector<bool> confirmed_;
  std::vector<bool> stored_;
  std::vector<std::optional<std::string>> before_;
  std::vector<std::pair<std::string, std::optional<std::string>>> related_;
  std::vector<FieldError> problems_;
  std::optional<Error> refusal_;
  std::vector<Warning> warnings_;
};

// "2026-11-22 10:15:00.25+00", as PostgreSQL writes a timestamptz in UTC.
std::string timestamp_text(Instant instant);
// Equal for the type: JSON without regard to order and blanks, arrays by their elements.
bool same_value(const Field& field, std::optional<std::string_view> a,
                std::optional<std::string_view> b);

// "/name" as a piece of a JSON pointer (RFC 6901, section 3); a name of unreasonable length is cut.
std::string pointer_segment(std::string_view name);

}  // namespace c360::store

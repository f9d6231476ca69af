// Which fields a new record must have, by profile (domain.md 5.1; R-115): as the fields are
// declared, unless this installation says otherwise in crm.required_field.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "store/database.h"
#include "store/model/resource.h"
#include "store/recently_read.h"

namespace c360::store {

// Profile requisites asks for what full asks for, and for more.
enum class AskedBy : std::uint8_t { none, requisites, full };

// Whether it may be asked for at all: whoever creates a record can set it, and nothing else gives
// it a value.
bool may_be_asked_for(const Resource& resource, const Field& field);

// The exceptions of one moment. Immutable.
class RequiredFields {
 public:
  void add(std::string_view record_kind, std::string_view field, AskedBy by);
  AskedBy asked_by(const Resource& resource, const Field& field) const;

 private:
  std::map<std::string, std::map<std::string, AskedBy, std::less<>>, std::less<>> kinds_;
};

class RequiredFieldReader : public RecentlyRead<RequiredFields> {
 public:
  explicit RequiredFieldReader(Database& database,
                               std::chrono::milliseconds max_age = kShapingMaxAge);
};

// SQL over alias t: the names of the fields that either profile asks for and the row has not.
// Empty for a kind of which nothing is asked as declared: it has no `missing_fields`.
std::string missing_fields_sql(const Resource& resource);

}  // namespace c360::store

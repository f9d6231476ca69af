#include "store/model/resource.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace c360::store {

std::size_t Resource::index_of(std::string_view field_name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& each) { return each.name == field_name; });
  return static_cast<std::size_t>(found - fields.begin());
}

const Field* Resource::find(std::string_view field_name) const {
  const std::size_t at = index_of(field_name);
  return at < fields.size() ? &fields[at] : nullptr;
}

const Field& Resource::field(std::string_view field_name) const {
  if (const Field* found = find(field_name)) return *found;
  throw std::logic_error(std::string(kind) + " has no field " + std::string(field_name));
}

bool Resource::offers(Operation operation) const {
  if (operations.empty()) return true;
  return std::find(operations.begin(), operations.end(), operation) != operations.end();
}

bool Resource::may_lack(std::string_view status) const {
  return status == statuses.front().code || status == given_up;
}

const Status* Resource::find_status(std::string_view status_code) const {
  const auto found = std::find_if(statuses.begin(), statuses.end(),
                                  [&](const Status& each) { return each.code == status_code; });
  return found == statuses.end() ? nullptr : &*found;
}

const Stage* Resource::find_stage(std::string_view stage_code) const {
  const auto found = std::find_if(stages.begin(), stages.end(),
                                  [&](const Stage& each) { return each.code == stage_code; });
  return found == stages.end() ? nullptr : &*found;
}

const Collection* Resource::find_collection(std::string_view collection_name) const {
  const auto found =
      std::find_if(collections.begin(), collections.end(),
                   [&](const Collection& each) { return each.name == collection_name; });
  return found == collections.end() ? nullptr : &*found;
}

std::string Resource::enum_domain(const Field& field_of_it) const {
  const bool common = is_record && field_of_it.name == "origin";
  return (common ? std::string("record") : std::string(kind)) + "." + std::string(field_of_it.name);
}

}  // namespace c360::store

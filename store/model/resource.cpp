#include "store/model/resource.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace c360::store {
namespace {

// Of every record that is no attachment itself (domain.md 12.2, 13, 14.1).
constexpr std::array<Collection, 4> kAttached = {{{.name = "comments",
                                                   .kind = "comment",
                                                   .doc = "Comments of the record",
                                                   .parent_column = "record_id",
                                                   .order_by = "c.id DESC"},
                                                  {.name = "activities",
                                                   .kind = "activity",
                                                   .doc = "Activities of the record",
                                                   .parent_column = "parent_record_id",
                                                   .order_by = "c.activity_date DESC, c.id DESC"},
                                                  {.name = "documents",
                                                   .kind = "document",
                                                   .doc = "Documents of the record",
                                                   .parent_column = "parent_record_id",
                                                   .order_by = "c.id DESC"},
                                                  {.name = "tasks",
                                                   .kind = "task",
                                                   .doc = "Tasks about the record",
                                                   .parent_column = "record_id",
                                                   .order_by = "c.id DESC"}}};

}  // namespace

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

const Part* Resource::find_part(std::string_view part_name) const {
  const auto found = std::ranges::find(parts, part_name, &Part::name);
  return found == parts.end() ? nullptr : &*found;
}

bool Resource::holds_attached_rows() const {
  return is_record && kind != "activity" && kind != "document" && kind != "folder";
}

std::vector<const Collection*> Resource::attached() const {
  std::vector<const Collection*> rows;
  if (!holds_attached_rows()) return rows;
  for (const Collection& each : kAttached) {
    if (find_collection(each.name) == nullptr) rows.push_back(&each);
  }
  return rows;
}

const Collection* Resource::find_shown(std::string_view collection_name) const {
  if (const Collection* own = find_collection(collection_name)) return own;
  for (const Collection* each : attached()) {
    if (each->name == collection_name) return each;
  }
  return nullptr;
}

std::string Resource::enum_domain(const Field& field_of_it) const {
  const bool common = is_record && field_of_it.name == "origin";
  return (common ? std::string("record") : std::string(kind)) + "." + std::string(field_of_it.name);
}

}  // namespace c360::store

// All resources in one list. Built once at start, immutable, shared by all threads.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "store/model/resource.h"

namespace c360::store {

class Registry {
 public:
  // Every resource of the program, completed: key and common columns added, targets resolved.
  // Throws std::logic_error on a declaration that contradicts itself (a bug).
  static Registry standard();

  std::span<const std::unique_ptr<const Resource>> all() const { return resources_; }
  const Resource* find(std::string_view kind) const;       // nullptr when there is none
  const Resource* find_path(std::string_view path) const;  // "deals"
  const Resource& get(std::string_view kind) const;        // throws: a bug
  // The table behind a reference, also of kinds that have no Resource yet.
  static std::string_view table_of(std::string_view kind);

 private:
  std::vector<std::unique_ptr<const Resource>> resources_;
};

}  // namespace c360::store

// What waits for the caller: tasks, reminders, customers nobody spoke to, and what he may work with
// (domain.md 14.1, 16; ).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/operations/list_batch.h"

namespace c360::store {

inline constexpr int kDefaultStaleDays = 30;
inline constexpr int kMaxStaleDays = 3'650;
inline constexpr std::int64_t kMaxSectionCount = 10'000;  // more are not counted

// The lists of a workspace. Immutable; any thread. The registry must outlive it.
class WorkspaceLayout {
 public:
  explicit WorkspaceLayout(const Registry& registry);
  WorkspaceLayout(const WorkspaceLayout&) = delete;
  WorkspaceLayout& operator=(const WorkspaceLayout&) = delete;

  std::vector<ShownList> tasks;  // current, completed, subordinates
  std::vector<ShownList> reminders;
  // Of the customers the caller is responsible for: stale, without_reminder, and neglected, which
  // is either.
  std::vector<ShownList> customers;
  // What is counted only: overdue_tasks, due_reminders, customers.
  std::vector<ShownList> counted;
  std::vector<ShownList> sections;  // every kind of record that can be listed
  ShownList added_sections;         // of which each added section is a part

 private:
  std::unique_ptr<const Resource> customer_;
};

struct WorkspaceQuery {
  int limit = 10;
  Instant now{};  // what is due, and from where days are counted back
  int stale_days = kDefaultStaleDays;
  bool counts = false;  // of each section what its list would show, up to kMaxSectionCount
  std::string_view path_prefix = "/api/v1/";
};

// Everything of one moment, in two round trips, as a JSON object.
Result<std::string> read_workspace(Database& database, const Records& records,
                                   const Actions& actions, const WorkspaceLayout& layout,
                                   const WorkspaceQuery& query, const Actor& actor,
                                   const TokenPermits& permits);

}  // namespace c360::store

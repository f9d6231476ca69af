// The tasks that records open by themselves: whom a status asks, and where each answer leads
// (domain.md 11.1, 14.1, 14.3). store/operations/step_tasks opens and closes them.
#pragma once

#include <span>
#include <string_view>

#include "store/model/resource.h"

namespace c360::store {

struct TaskOutcome {
  std::string_view id;  // as sent to POST /tasks/{id}/complete
  Label label;
  std::string_view to;           // the status it leads to; empty: the next step of this status
  std::string_view verified_to;  // the same for a record that names a verifier; empty: `to`
};

struct TaskStep {
  std::string_view status;  // in which the record asks
  std::string_view kind;    // of the task
  Label title;              // % stands for what the record is called
  std::span<const TaskOutcome> outcomes;
  std::string_view user_field;   // of the record: who is asked
  std::string_view group_field;  // of the record: the group that is asked where nobody is named
  std::string_view group;        // asked, whatever the record names
};

// Of a kind of record, in the order they are taken; none for most.
std::span<const TaskStep> task_steps(std::string_view kind);

std::string_view leads_to(const TaskOutcome& outcome, bool has_verifier);

}  // namespace c360::store

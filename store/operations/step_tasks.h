// The task of the status a record is in: opened with the status, closed when it is left, in the
// transaction of the change (domain.md 11.1, 14.1, 14.3; ).
#pragma once

#include <cstdint>
#include <string_view>

#include "store/database.h"
#include "store/model/task_steps.h"

namespace c360::store {

class Draft;

// Of assignments, contracts and agreements. A record that moves on completes the task of the status
// it leaves, with the outcome that leads where it went, or cancels it where none does; another
// performer gets the task of the former one, which is canceled. A record that is restored asks
// again.
Consequence step_tasks();

// The step a task of a record in this status stands for; nullptr where the record has moved on.
const TaskStep* step_of_task(std::string_view kind_of_record, std::string_view status,
                             std::string_view task_kind, std::string_view group);
// What comes in the same status after this one; nullptr after the last.
const TaskStep* step_after(std::string_view kind_of_record, const TaskStep& step);

// Queues the task of the step: nothing where the record names nobody to ask.
void queue_step_task(Transaction& tx, const Draft& draft, const TaskStep& step,
                     std::int64_t record_id, std::string_view name);

}  // namespace c360::store

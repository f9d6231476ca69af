// A wait that ends at once when it is asked to.
#pragma once

#include <chrono>
#include <stop_token>

namespace c360 {

// False: a stop was requested before the time was over.
bool pause(std::chrono::milliseconds wait, const std::stop_token& stop);

}  // namespace c360

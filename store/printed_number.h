// Numbers as a Russian document prints them.
#pragma once

#include <string>
#include <string_view>

namespace c360::store {

// "1 234 567,80" of "1234567.80", the groups parted by no-break spaces; more than two decimals lose
// their last zeros.
std::string printed_number(std::string_view decimal);

}  // namespace c360::store

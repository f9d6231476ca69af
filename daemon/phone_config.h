// What must hold of [telegram] and [sms] as a whole.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "daemon/config.h"

namespace c360::daemon {

// What is wrong with [telegram] and [sms] as a whole, told by setting; reads the fields of the
// form.
void check_phone_channels(
    Config& config, const std::function<void(std::string_view key, std::string detail)>& tell);

}  // namespace c360::daemon

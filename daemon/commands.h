// What each command of client360d does.
#pragma once

#include <span>
#include <string_view>

#include "daemon/cli.h"

namespace c360::daemon {

// Prints to standard output and error. Never throws.
ExitCode run_command_line(std::span<const std::string_view> arguments);

}  // namespace c360::daemon

// client360d: options, App, run.
#include <vector>

#include "daemon/cli.h"
#include "daemon/commands.h"
#include "daemon/service_manager.h"

int main(int count, char** values) {
  c360::daemon::fill_standard_descriptors();
  // Before any thread: all of them inherit the mask.
  c360::daemon::block_handled_signals();
  const std::vector<std::string_view> arguments(values + 1, values + count);
  return static_cast<int>(c360::daemon::run_command_line(arguments));
}

// client360: the operator's command.
#include <vector>

#include "daemon/command/verbs.h"
#include "daemon/service_manager.h"

int main(int count, char** values) {
  c360::daemon::fill_standard_descriptors();
  const std::vector<std::string_view> arguments(values + 1, values + count);
  return static_cast<int>(c360::daemon::command::run_client360(arguments));
}

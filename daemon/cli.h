// The command line of client360d.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/version.h"

namespace c360::daemon {

// What the process ends with; printed by --help.
enum class ExitCode : std::uint8_t {
  ok = 0,
  failure = 1,        // something failed at run time; the log says what
  usage = 2,          // the command line was not understood
  configuration = 3,  // the configuration was refused; every mistake was printed
  schema = 4,         // the database lacks migrations, or differs from the declarations
};

enum class Command : std::uint8_t {
  run,
  check_config,
  print_config,
  print_sample_config,
  print_settings,
  print_openapi,
  print_ddl,
  migrate,
  version,
  help,
};

struct CommandLine {
  Command command = Command::run;
  std::string config_file = "/etc/client360/client360.toml";
};

// `arguments` without the program's name. The error is a sentence for standard error.
std::expected<CommandLine, std::string> parse_command_line(
    std::span<const std::string_view> arguments);
std::string_view help_text();

}  // namespace c360::daemon

#include "daemon/cli.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <optional>
#include <utility>

namespace c360::daemon {

namespace {

constexpr std::string_view kHelp =
    R"(client360d - turns mail into deals and serves the CRM over REST

Usage: client360d [--config=FILE] [COMMAND]

Without a command the service runs in the foreground until SIGTERM or SIGINT.
It re-reads its configuration on SIGHUP, when a file of it changes, and on
POST /-/reload of the admin listener. A configuration with a mistake is refused
as a whole; the one in force keeps working.

  --config=FILE        the configuration; default /etc/client360/client360.toml

Commands
  --check-config       read configuration, secrets and rules, print every mistake
                       with file:line:column, change nothing
  --print=config       the configuration in force, defaults included, secrets masked
  --print=sample-config
                       every setting with its sentence and default, as a TOML file
  --print=settings     the same as a Markdown table
  --print=openapi      the OpenAPI document of the REST interface
  --print=ddl          the tables the declarations ask for, as SQL
  --migrate            bring the database up to this program, then end
  --version            the version
  --help               this text

Exit codes
  0  done
  1  failed while running; the log says what and what to do
  2  the command line was not understood
  3  the configuration was refused
  4  the database needs `client360d --migrate`, or differs from the declarations

First steps
  client360d --print=sample-config > client360.toml    then edit it
  client360d --config=client360.toml --check-config
  client360d --config=client360.toml --migrate
  client360 --config=client360.toml user add --admin you@example.com
  client360d --config=client360.toml

Under systemd: `systemctl reload client360d`, `journalctl -u client360d`.
The operator's command is `client360`; `client360 doctor` checks everything.
)";

constexpr std::array<std::pair<std::string_view, Command>, 5> kPrints = {{
    {"config", Command::print_config},
    {"sample-config", Command::print_sample_config},
    {"settings", Command::print_settings},
    {"openapi", Command::print_openapi},
    {"ddl", Command::print_ddl},
}};

// The value of `--name=value`, or of `--name value` with `at` moved on to it.
std::optional<std::string_view> value_of(std::span<const std::string_view> arguments,
                                         std::size_t& at, std::string_view name) {
  const std::string_view argument = arguments[at];
  if (argument.starts_with(name) && argument.size() > name.size() && argument[name.size()] == '=')
    return argument.substr(name.size() + 1);
  if (argument == name && at + 1 < arguments.size()) return arguments[++at];
  return std::nullopt;
}

std::expected<Command, std::string> command_of(std::span<const std::string_view> arguments,
                                               std::size_t& at) {
  const std::string_view argument = arguments[at];
  if (argument == "--check-config") return Command::check_config;
  if (argument == "--migrate") return Command::migrate;
  if (argument == "--version" || argument == "-V") return Command::version;
  if (argument == "--help" || argument == "-h") return Command::help;
  if (const auto what = value_of(arguments, at, "--print")) {
    for (const auto& [name, command] : kPrints)
      if (name == *what) return command;
    return std::unexpected(fmt::format(
        "--print={}: known are config, sample-config, settings, openapi and ddl", *what));
  }
  return std::unexpected(
      fmt::format("{}: not understood; client360d --help lists everything", argument));
}

}  // namespace

std::string_view help_text() { return kHelp; }

std::expected<CommandLine, std::string> parse_command_line(
    std::span<const std::string_view> arguments) {
  CommandLine line;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    if (const auto file = value_of(arguments, at, "--config")) {
      if (file->empty()) return std::unexpected("--config= needs the name of a file");
      line.config_file = *file;
      continue;
    }
    auto command = command_of(arguments, at);
    if (!command) return std::unexpected(command.error());
    if (line.command != Command::run && line.command != *command)
      return std::unexpected(fmt::format("{}: one command at a time", arguments[at]));
    line.command = *command;
  }
  return line;
}

}  // namespace c360::daemon

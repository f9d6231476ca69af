#include "daemon/commands.h"

#include <spdlog/fmt/fmt.h>

#include <cstdio>
#include <exception>

#include "daemon/app.h"
#include "daemon/config.h"
#include "daemon/database_check.h"
#include "daemon/documents.h"
#include "daemon/rules.h"

namespace c360::daemon {

namespace {

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}
void complain(std::string_view text) { fmt::print(stderr, "{}\n", text); }

ExitCode refuse(const Problems& problems) {
  for (const FileProblem& problem : problems) complain(problem.to_string());
  return ExitCode::configuration;
}

ExitCode run(const std::string& file, Config config) {
  auto rules = load_rules(config);
  if (!rules) return refuse(rules.error());
  return App(file, std::move(config), std::move(*rules)).run();
}

ExitCode check(const Config& config) {
  for (const FileProblem& warning : config.warnings) complain("warning: " + warning.to_string());
  const auto rules = load_rules(config);
  if (!rules) return refuse(rules.error());
  print(fmt::format("{}: good; {} mailbox{}, {} rules, {} examples hold\n", config.file,
                    config.mailboxes.size(), config.mailboxes.size() == 1 ? "" : "es",
                    (*rules)->rules().size(), (*rules)->example_count()));
  return ExitCode::ok;
}

ExitCode migrate(const Config& config) {
  const Log log{LogTarget::standard_error, config.log.level};
  Metrics metrics;
  const Observer observer{log, metrics};
  const auto applied = migrate_database(config.database, observer);
  if (!applied) {
    complain("the database was not migrated: " + applied.error().detail);
    return applied.error().code == ErrorCode::conflict ? ExitCode::schema : ExitCode::failure;
  }
  for (const std::string& stem : *applied) print(fmt::format("applied {}\n", stem));
  if (applied->empty()) print("the database is up to date\n");
  const DatabaseReport report = check_database(config.database, observer);
  if (report.state == DatabaseState::fits) return ExitCode::ok;
  complain(report.detail);
  return report.state == DatabaseState::away ? ExitCode::failure : ExitCode::schema;
}

ExitCode with_config(const CommandLine& line) {
  auto config = load_config(line.config_file, Surroundings::of_process());
  if (!config) return refuse(config.error());
  switch (line.command) {
    case Command::check_config:
      return check(*config);
    case Command::print_config:
      print(print_config(*config));
      return ExitCode::ok;
    case Command::migrate:
      return migrate(*config);
    default:
      return run(line.config_file, std::move(*config));
  }
}

ExitCode execute(const CommandLine& line) {
  switch (line.command) {
    case Command::help:
      print(help_text());
      return ExitCode::ok;
    case Command::version:
      print(fmt::format("client360d {}\n", kVersion));
      return ExitCode::ok;
    case Command::print_sample_config:
      print(sample_config());
      return ExitCode::ok;
    case Command::print_settings:
      print(settings_table());
      return ExitCode::ok;
    case Command::print_openapi:
      print(openapi_document());
      return ExitCode::ok;
    case Command::print_ddl:
      print(ddl_document());
      return ExitCode::ok;
    default:
      return with_config(line);
  }
}

}  // namespace

ExitCode run_command_line(std::span<const std::string_view> arguments) {
  const auto line = parse_command_line(arguments);
  if (!line) {
    complain(line.error());
    return ExitCode::usage;
  }
  try {
    return execute(*line);
  } catch (const std::exception& error) {
    complain(fmt::format("client360d failed: {}", error.what()));
    return ExitCode::failure;
  }
}

}  // namespace c360::daemon

// client360 rules test, check.
#include "daemon/rules.h"

#include <spdlog/fmt/fmt.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/command/verbs.h"
#include "daemon/dry_run.h"

namespace c360::daemon::command {

namespace {

constexpr std::uintmax_t kMaxMailBytes = 50ULL << 20U;

Result<std::string> read_mail(const std::string& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error)
    return fail(ErrorCode::not_found, fmt::format("{}: {}", file, error.message()), "usage");
  if (size > kMaxMailBytes)
    return fail(ErrorCode::payload_too_large,
                fmt::format("{}: {} bytes, the limit is {}", file, size, kMaxMailBytes));
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// By the rules of the running service with a token, otherwise by those of the configuration here.
Result<ExitCode> test(Context& context, const Arguments& arguments) {
  const std::string kind = arguments.option("kind", "crm");
  if (kind != "crm" && kind != "activity" && kind != "support")
    return fail(ErrorCode::invalid_request, "--kind is crm, activity or support", "usage");
  auto mail = read_mail(arguments.positional[0]);
  if (!mail) return std::unexpected(mail.error());
  const bool local = arguments.has("local") || !context.has_token();
  Result<Json> outcome = fail(ErrorCode::internal, "nothing was tested");
  if (local) {
    auto config = context.config();
    if (!config) return std::unexpected(config.error());
    outcome = dry_run_here(**config, kind, std::move(*mail), context.clock().now());
  } else {
    outcome = context.api("POST", "/rules/test?kind=" + kind, std::move(*mail), "message/rfc822");
  }
  if (!outcome) return std::unexpected(outcome.error());
  context.show(*outcome,
               fmt::format("by the rules of {}\n{}",
                           local ? "the configuration" : "the running service", render(*outcome)));
  return ExitCode::ok;
}

Result<ExitCode> check(Context& context, const Arguments& arguments) {
  std::string folder;
  if (arguments.positional.empty()) {
    auto config = context.config();
    if (!config) return std::unexpected(config.error());
    folder = (*config)->rules_folder;
  } else {
    folder = arguments.positional[0];
  }
  const auto rules = load_rules(folder);
  Json value{Json::Object{}};
  Json::Array problems;
  std::string human;
  if (!rules) {
    for (const FileProblem& problem : rules.error()) {
      problems.emplace_back(problem.to_string());
      human += problem.to_string() + "\n";
    }
  } else {
    human = fmt::format("{} rules in {} files, {} examples hold\n", (*rules)->rules().size(),
                        (*rules)->files().size(), (*rules)->example_count());
    value.set("rules", static_cast<std::int64_t>((*rules)->rules().size()));
    value.set("examples", static_cast<std::int64_t>((*rules)->example_count()));
  }
  value.set("problems", std::move(problems));
  context.show(value, human);
  return rules ? ExitCode::ok : ExitCode::configuration;
}

}  // namespace

std::vector<Verb> rules_verbs() {
  return {{"rules",
           "test",
           "FILE.eml",
           "What the rules would make of a mail; writes nothing",
           {{"kind", "KIND", "crm (default), activity or support"},
            {"local", "", "by the configuration here, not by the running service"}},
           test},
          {"rules", "check", "[DIR]", "Check a folder of rules and run their examples", {}, check}};
}

}  // namespace c360::daemon::command

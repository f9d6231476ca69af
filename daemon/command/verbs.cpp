#include "daemon/command/verbs.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <exception>

#include "daemon/base/text.h"
#include "daemon/config_text.h"

namespace c360::daemon::command {

namespace {

constexpr std::array kGlobalOptions = {
    Option{"config", "FILE", "the service's configuration; default /etc/client360/client360.toml"},
    Option{"json", "", "machine-readable output"},
    Option{"color", "WHEN", "auto (on a terminal; default), always or never"},
    Option{"token-file", "FILE", "file with the API token; otherwise $CLIENT360_TOKEN"},
    Option{"api-url", "URL", "the API, when not as configured, such as https://crm.example.org"},
    Option{"admin-url", "URL", "the admin listener, when not as configured"},
    Option{"ca-file", "FILE", "PEM to trust for an https URL"},
};

std::string full_name(const Verb& verb) {
  return verb.name.empty() ? std::string(verb.noun) : fmt::format("{} {}", verb.noun, verb.name);
}

std::string usage_of(const Verb& verb) {
  std::string text = "client360 " + full_name(verb);
  for (const Option& option : verb.options)
    text += option.value.empty() ? fmt::format(" [--{}]", option.name)
                                 : fmt::format(" [--{}={}]", option.name, option.value);
  if (!verb.arguments.empty()) text += fmt::format(" {}", verb.arguments);
  return text;
}

std::string help_of(const Verb& verb) {
  std::string text = fmt::format("{}\n\nUsage: {}\n", verb.sentence, usage_of(verb));
  for (const Option& option : verb.options) {
    const std::string left = option.value.empty()
                                 ? fmt::format("--{}", option.name)
                                 : fmt::format("--{}={}", option.name, option.value);
    text += fmt::format("  {:<22} {}\n", left, option.sentence);
  }
  return text;
}

std::string help_of_all() {
  std::string text =
      "client360 - the operator's command of client360d\n\n"
      "Usage: client360 [OPTIONS] NOUN [VERB] [ARGUMENTS]\n\n";
  for (const Verb& verb : all_verbs()) {
    std::string left = full_name(verb);
    if (!verb.arguments.empty()) left += fmt::format(" {}", verb.arguments);
    text += fmt::format("  {:<28} {}\n", left, verb.sentence);
  }
  text += "\nOptions\n";
  for (const Option& option : kGlobalOptions) {
    const std::string left = option.value.empty()
                                 ? fmt::format("--{}", option.name)
                                 : fmt::format("--{}={}", option.name, option.value);
    text += fmt::format("  {:<28} {}\n", left, option.sentence);
  }
  text +=
      "  --help                       this text; after a noun and verb, theirs\n"
      "  --version                    the version\n\n"
      "check, migrate, doctor, mailbox probe and compare, user and token open the database or the\n"
      "mailboxes by the service's configuration; mailbox list and reload ask the admin listener;\n"
      "mail, quarantine, job, report, adapter and rules test ask the API and need a token:\n"
      "  export CLIENT360_TOKEN=$(client360 --json token create --user=you@example.org \\\n"
      "      --name=operator --scopes=admin | jq -r .token)\n\n"
      "Exit codes: 0 done, 1 failed, 2 not understood, 3 configuration refused, 4 the database\n"
      "needs `client360 migrate`.\n";
  return text;
}

const Verb* find_verb(const std::vector<std::string>& words, std::size_t& used) {
  for (const Verb& verb : all_verbs()) {
    if (words.empty() || words[0] != verb.noun) continue;
    if (verb.name.empty()) {
      used = 1;
      return &verb;
    }
    if (words.size() > 1 && words[1] == verb.name) {
      used = 2;
      return &verb;
    }
  }
  return nullptr;
}

const Option* find_option(std::span<const Option> options, std::string_view name) {
  const auto found = std::ranges::find(options, name, &Option::name);
  return found == options.end() ? nullptr : &*found;
}

// Any option of any verb, to know whether a value follows before the verb is known.
const Option* find_anywhere(std::string_view name) {
  if (const Option* option = find_option(kGlobalOptions, name)) return option;
  for (const Verb& verb : all_verbs())
    if (const Option* option = find_option(verb.options, name)) return option;
  return nullptr;
}

struct Line {
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::string>> options;
  bool help = false;
  bool version = false;
};

std::expected<Line, std::string> split_line(std::span<const std::string_view> arguments) {
  Line line;
  bool only_words = false;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    const std::string_view argument = arguments[at];
    if (only_words || argument.size() < 2 || argument[0] != '-') {
      line.words.emplace_back(argument);
      continue;
    }
    if (argument == "--") {
      only_words = true;
    } else if (argument == "--help" || argument == "-h") {
      line.help = true;
    } else if (argument == "--version" || argument == "-V") {
      line.version = true;
    } else {
      if (!argument.starts_with("--"))
        return std::unexpected(fmt::format("{}: options begin with two dashes", argument));
      const std::size_t equals = argument.find('=');
      const std::string name{argument.substr(2, equals == argument.npos ? equals : equals - 2)};
      const Option* option = find_anywhere(name);
      if (option == nullptr) {
        std::vector<std::string_view> names;
        for (const Option& known : kGlobalOptions) names.push_back(known.name);
        return std::unexpected(
            fmt::format("--{}: not understood{}", name, suggestion(name, names)));
      }
      if (equals != argument.npos) {
        line.options.emplace_back(name, argument.substr(equals + 1));
      } else if (option->value.empty()) {
        line.options.emplace_back(name, "");
      } else if (at + 1 < arguments.size()) {
        line.options.emplace_back(name, arguments[++at]);
      } else {
        return std::unexpected(fmt::format("--{} needs a value: {}", name, option->value));
      }
    }
  }
  return line;
}

// How many words the verb takes: "ID" one, "[DIR]" none or one, "FILE..." at least one.
std::pair<std::size_t, std::size_t> arity(const Verb& verb) {
  std::size_t least = 0;
  std::size_t most = 0;
  for (const std::string_view word : split(verb.arguments, ' ')) {
    if (word.empty()) continue;
    ++most;
    if (!word.starts_with('[')) ++least;
    if (word.ends_with("...")) most = SIZE_MAX;
  }
  return {least, most};
}

ExitCode exit_code_of(const Error& error) {
  if (error.reason == "configuration") return ExitCode::configuration;
  if (error.reason == "usage") return ExitCode::usage;
  if (error.reason == "schema") return ExitCode::schema;
  return ExitCode::failure;
}

ExitCode run_verb(const Verb& verb, std::size_t used, Line line) {
  Arguments globals;
  Arguments own;
  for (auto& [name, value] : line.options) {
    if (find_option(verb.options, name) != nullptr) {
      own.options[name].push_back(std::move(value));
    } else if (find_option(kGlobalOptions, name) != nullptr) {
      globals.options[name].push_back(std::move(value));
    } else {
      complain(fmt::format("--{} does not belong to {}\nUsage: {}", name, full_name(verb),
                           usage_of(verb)));
      return ExitCode::usage;
    }
  }
  own.positional.assign(line.words.begin() + static_cast<std::ptrdiff_t>(used), line.words.end());
  const auto [least, most] = arity(verb);
  if (own.positional.size() < least || own.positional.size() > most) {
    complain(fmt::format("Usage: {}", usage_of(verb)));
    return ExitCode::usage;
  }
  if (!Style::asked_for(globals.option("color", "auto"))) {
    complain(fmt::format("--color={}: known are auto, always and never", globals.option("color")));
    return ExitCode::usage;
  }
  Context context{std::move(globals)};
  auto done = verb.run(context, own);
  if (done) return *done;
  complain(printable(done.error().detail));
  for (const FieldError& field : done.error().fields)
    complain(fmt::format("  {}: {}", field.pointer, printable(field.detail)));
  return exit_code_of(done.error());
}

ExitCode understand(std::span<const std::string_view> arguments) {
  auto line = split_line(arguments);
  if (!line) {
    complain(line.error() + "\nclient360 --help lists everything");
    return ExitCode::usage;
  }
  if (line->version) {
    print(fmt::format("client360 {}\n", kVersion));
    return ExitCode::ok;
  }
  if (line->words.empty()) {
    print(help_of_all());
    return line->help ? ExitCode::ok : ExitCode::usage;
  }
  std::size_t used = 0;
  const Verb* verb = find_verb(line->words, used);
  if (verb != nullptr && line->help) {
    print(help_of(*verb));
    return ExitCode::ok;
  }
  if (verb != nullptr) return run_verb(*verb, used, std::move(*line));

  std::string known;
  for (const Verb& row : all_verbs())
    if (row.noun == line->words[0]) known += fmt::format("  {}\n", usage_of(row));
  if (!known.empty()) {
    complain("Usage:\n" + known);
  } else {
    std::vector<std::string_view> nouns;
    for (const Verb& row : all_verbs()) nouns.push_back(row.noun);
    complain(fmt::format("{}: not understood{}\nclient360 --help lists everything", line->words[0],
                         suggestion(line->words[0], nouns)));
  }
  return ExitCode::usage;
}

}  // namespace

std::string Arguments::option(std::string_view name, std::string_view otherwise) const {
  const auto found = options.find(name);
  return found == options.end() ? std::string(otherwise) : found->second.back();
}

std::vector<std::string> Arguments::list(std::string_view name) const {
  std::vector<std::string> values;
  if (const auto found = options.find(name); found != options.end())
    for (const std::string& text : found->second)
      for (const std::string_view part : split(text, ','))
        if (!trimmed(part).empty()) values.emplace_back(trimmed(part));
  return values;
}

std::span<const Option> global_options() { return kGlobalOptions; }

const std::vector<Verb>& all_verbs() {
  static const std::vector<Verb> kVerbs = [] {
    std::vector<Verb> verbs;
    for (auto part :
         {check_verbs(), mailbox_verbs(), mail_verbs(), import_verbs(), quarantine_verbs(),
          rules_verbs(), job_verbs(), report_verbs(), adapter_verbs(), token_verbs(), user_verbs(),
          service_verbs(), doctor_verbs(), completion_verbs()})
      verbs.insert(verbs.end(), part.begin(), part.end());
    return verbs;
  }();
  return kVerbs;
}

ExitCode run_client360(std::span<const std::string_view> arguments) {
  try {
    const ExitCode code = understand(arguments);
    if (was_printed()) return code;
    complain("client360: what it had to say could not be written to standard output");
    return code == ExitCode::ok ? ExitCode::failure : code;
  } catch (const std::exception& error) {
    complain(fmt::format("client360 failed: {}", error.what()));
    return ExitCode::failure;
  }
}

}  // namespace c360::daemon::command

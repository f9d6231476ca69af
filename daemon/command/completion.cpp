// client360 completion: made from the table of verbs, so it knows what the program knows.
#include <spdlog/fmt/fmt.h>

#include <map>

#include "daemon/base/text.h"
#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

struct Words {
  std::string nouns;
  std::string common;                          // options of every verb
  std::map<std::string, std::string> verbs;    // of a noun
  std::map<std::string, std::string> options;  // of "noun verb"
};

Words collect() {
  Words words;
  for (const Option& option : global_options())
    words.common += fmt::format("--{}{} ", option.name, option.value.empty() ? "" : "=");
  for (const Verb& verb : all_verbs()) {
    const std::string noun{verb.noun};
    if (!words.verbs.contains(noun)) words.nouns += noun + " ";
    words.verbs[noun] += std::string(verb.name) + " ";
    std::string own = words.common;
    for (const Option& option : verb.options)
      own += fmt::format("--{}{} ", option.name, option.value.empty() ? "" : "=");
    words.options[verb.name.empty() ? noun : fmt::format("{} {}", noun, verb.name)] = own;
  }
  return words;
}

std::string bash_script() {
  const Words words = collect();
  std::string text =
      "# eval \"$(client360 completion bash)\"\n_client360() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} noun= verb= last= words= word\n"
      "  COMPREPLY=()\n"
      // bash splits --config=FILE into three words; where we offer nothing it completes files.
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    if [[ $last != = && $word != -* && $word != = ]]; then\n"
      "      if [[ -z $noun ]]; then noun=$word; "
      "elif [[ -z $verb ]]; then verb=$word; fi\n"
      "    fi\n"
      "    last=$word\n"
      "  done\n"
      "  [[ $current == = || $last == = ]] && return\n"
      "  if [[ $current == -* ]]; then\n"
      "    case \"$noun${verb:+ $verb}\" in\n";
  for (const auto& [name, options] : words.options)
    text += fmt::format("      \"{}\") words=\"{}\" ;;\n", name, trimmed(options));
  text += fmt::format(
      "      *) words=\"{} --help --version\" ;;\n    esac\n"
      "  elif [[ -z $noun ]]; then\n    words=\"{}\"\n"
      "  elif [[ -z $verb ]]; then\n    case $noun in\n",
      trimmed(words.common), trimmed(words.nouns));
  for (const auto& [noun, verbs] : words.verbs)
    if (!trimmed(verbs).empty())
      text += fmt::format("      {}) words=\"{}\" ;;\n", noun, trimmed(verbs));
  text +=
      "    esac\n  fi\n"
      "  [[ -z $words ]] && return\n"
      // Not mapfile: zsh has none.
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace 2>/dev/null\n}\n"
      "complete -o default -F _client360 client360\n";
  return text;
}

std::string zsh_script() {
  return "#compdef client360\n# eval \"$(client360 completion zsh)\"\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         bash_script();
}

Result<ExitCode> completion(Context&, const Arguments& arguments) {
  const std::string& shell = arguments.positional[0];
  if (shell != "bash" && shell != "zsh")
    return fail(ErrorCode::invalid_request, shell + ": known are bash and zsh", "usage");
  print(shell == "bash" ? bash_script() : zsh_script());
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> completion_verbs() {
  return {
      {"completion", "", "SHELL", "Completion for bash or zsh, to be evaluated", {}, completion}};
}

}  // namespace c360::daemon::command

// client360 mail show, explain, process.
#include <algorithm>

#include "daemon/command/explain.h"
#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

// A number of the command line, safe to stand in a path.
bool is_id(const std::string& text) {
  constexpr std::size_t kDigits = 18;
  return !text.empty() && text.size() <= kDigits &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<void> needs_id(const std::string& text) {
  if (is_id(text)) return {};
  return fail(ErrorCode::invalid_request, text + ": the id of a mail is a number", "usage");
}

Result<Json> ask(Context& context, const std::string& id, std::string_view tail) {
  if (auto valid = needs_id(id); !valid) return std::unexpected(valid.error());
  return context.api("GET", "/mail/messages/" + id + std::string(tail));
}

Result<ExitCode> show(Context& context, const Arguments& arguments) {
  auto mail = ask(context, arguments.positional[0], "");
  if (!mail) return std::unexpected(mail.error());
  context.show(*mail, render(*mail));
  return ExitCode::ok;
}

Result<ExitCode> explain(Context& context, const Arguments& arguments) {
  auto explanation = ask(context, arguments.positional[0], "/explain");
  if (!explanation) return std::unexpected(explanation.error());
  context.show(*explanation, render_explanation(*explanation, context.style()));
  return ExitCode::ok;
}

Result<ExitCode> process(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.positional[0];
  if (auto valid = needs_id(id); !valid) return std::unexpected(valid.error());
  auto taken = context.api("POST", "/mail/messages/" + id + "/process");
  if (!taken) return std::unexpected(taken.error());
  context.show(*taken, "mail " + id + " is fetched in the next pass; then: client360 mail show " +
                           id + "\n");
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> mail_verbs() {
  return {
      {"mail", "show", "ID", "One mail: what became of it, by which rule, from where", {}, show},
      {"mail",
       "explain",
       "ID",
       "Its text with every value marked; why it made nothing",
       {},
       explain},
      {"mail",
       "process",
       "ID",
       "Take in one that a listing left out (already-seen, before-since, ...)",
       {},
       process},
  };
}

}  // namespace c360::daemon::command

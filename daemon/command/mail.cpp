// client360 mail show, explain.
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

Result<Json> ask(Context& context, const std::string& id, std::string_view tail) {
  if (!is_id(id))
    return fail(ErrorCode::invalid_request, id + ": the id of a mail is a number", "usage");
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
  };
}

}  // namespace c360::daemon::command

// client360 mail show.
#include <algorithm>

#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

// A number of the command line, safe to stand in a path.
bool is_id(const std::string& text) {
  constexpr std::size_t kDigits = 18;
  return !text.empty() && text.size() <= kDigits &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<ExitCode> show(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.positional[0];
  if (!is_id(id))
    return fail(ErrorCode::invalid_request, id + ": the id of a mail is a number", "usage");
  auto mail = context.api("GET", "/mail/messages/" + id);
  if (!mail) return std::unexpected(mail.error());
  context.show(*mail, render(*mail));
  return ExitCode::ok;
}

}  // namespace

std::vector<Verb> mail_verbs() {
  return {
      {"mail", "show", "ID", "One mail: what became of it, by which rule, from where", {}, show}};
}

}  // namespace c360::daemon::command

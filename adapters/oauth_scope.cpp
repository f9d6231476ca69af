#include "adapters/oauth_scope.h"

#include <ranges>

namespace c360::adapters {

bool reads_mail_only(std::string_view scopes) {
  const auto holds = [scopes](std::string_view wanted) {
    for (const auto word : scopes | std::views::split(' ')) {
      if (std::string_view(word) == wanted) return true;
    }
    return false;
  };
  return holds(kReadOnlyScope) && !holds("mail:imap_full");
}

}  // namespace c360::adapters

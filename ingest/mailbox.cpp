#include "ingest/mailbox.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::ingest {

bool FetchedMeta::has_flag(std::string_view flag) const {
  return std::ranges::any_of(
      flags, [flag](const std::string& have) { return equal_ignoring_case(have, flag); });
}

bool ServerFeatures::has(std::string_view capability) const {
  return std::ranges::any_of(capabilities, [capability](const std::string& have) {
    return equal_ignoring_case(have, capability);
  });
}

Result<SelectedMailbox> Mailbox::select_since(std::string_view name, const FolderState&) {
  return select(name, /*read_only=*/false);
}

}  // namespace c360::ingest

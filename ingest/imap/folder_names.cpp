#include "ingest/imap/folder_names.h"

#include <algorithm>

#include "daemon/base/text.h"
#include "ingest/imap/mailbox_name.h"

namespace c360::ingest::imap {
namespace {

constexpr std::size_t kLongestName = 500;
constexpr std::size_t kLongestPrefix = 100;

class NamespaceListener final : public Listener {
 public:
  Result<void> untagged(Response& response) override {
    if (response.kind == Response::Kind::namespaces) {
      prefixes = std::move(response.words);
      own = response.number;
    }
    return {};
  }
  std::vector<std::string> prefixes;
  std::size_t own = 0;  // so many of them, the first ones, are the user's own
};

}  // namespace

Result<std::string> FolderNames::quoted(std::string_view name) {
  auto wire = to_modified_utf7(name);
  if (!wire || wire->empty() || wire->size() > kLongestName) {
    return fail(ErrorCode::invalid_request,
                "a folder name must be UTF-8 without control characters, at most " +
                    std::to_string(kLongestName) + " bytes long");
  }
  if (session_.utf8()) wire = name;
  if (!equal_ignoring_case(name, "INBOX")) {
    if (auto asked = ask_namespaces(); !asked) return std::unexpected(asked.error());
    if (!in_a_namespace(*wire)) wire->insert(0, own_);
  }
  std::string quoted = "\"";
  for (const char c : *wire) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

bool FolderNames::in_a_namespace(std::string_view name) const {
  return std::ranges::any_of(prefixes_, [name](const std::string& prefix) {
    return !prefix.empty() && name.size() > prefix.size() &&
           equal_ignoring_case(name.substr(0, prefix.size()), prefix);
  });
}

// A server that refuses to tell has folders without a prefix, like one that cannot tell.
Result<void> FolderNames::ask_namespaces() {
  if (asked_ || !session_.has("NAMESPACE")) return {};
  NamespaceListener listener;
  auto completion = session_.run("NAMESPACE", listener);
  if (!completion) return std::unexpected(completion.error());
  asked_ = true;
  const bool sound = std::ranges::all_of(listener.prefixes, [](const std::string& prefix) {
    return prefix.size() <= kLongestPrefix && to_modified_utf7(replace_invalid_utf8(prefix));
  });
  if (!sound) return {};
  if (listener.own > 0) own_ = listener.prefixes.front();
  prefixes_ = std::move(listener.prefixes);
  return {};
}

}  // namespace c360::ingest::imap

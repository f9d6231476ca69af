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

// Hears which folder has the use. Names as long as ours at most: nobody could open the others.
class UseListener final : public Listener {
 public:
  explicit UseListener(std::string_view use) : use_(use) {}
  Result<void> untagged(Response& response) override {
    if (response.kind != Response::Kind::list || response.text.size() > kLongestName) return {};
    const bool has = std::ranges::any_of(response.words, [this](std::string_view attribute) {
      // What XLIST called so before RFC 6154.
      if (equal_ignoring_case(attribute, "\\Spam")) attribute = "\\Junk";
      return equal_ignoring_case(attribute, use_);
    });
    if (has && folder.empty()) folder = std::move(response.text);
    return {};
  }
  std::string folder;  // as sent

 private:
  std::string_view use_;
};

std::string in_quotes(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

// RFC 6154; XLIST where a provider never learned the standard (Yandex, Mail.ru).
Result<std::string> FolderNames::marked(std::string_view use) {
  if (const auto known = marked_.find(use); known != marked_.end()) return known->second;
  const bool standard = session_.has("SPECIAL-USE") || !session_.has("XLIST");
  const bool extended = session_.has("SPECIAL-USE") && session_.has("LIST-EXTENDED");
  UseListener listener{use};
  auto completion = session_.run(std::string(standard ? "LIST" : "XLIST") + R"( "" "*")" +
                                     (extended ? " RETURN (SPECIAL-USE)" : ""),
                                 listener);
  if (!completion) return std::unexpected(completion.error());
  if (!completion->ok()) return std::unexpected(session_.refused(*completion, "listing folders"));
  const bool sound =
      std::ranges::none_of(listener.folder, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (listener.folder.empty() || !sound) {
    return fail(ErrorCode::upstream_rejected, "the server marks no folder as " + std::string(use),
                "nonexistent");
  }
  return marked_.emplace(use, std::move(listener.folder)).first->second;
}

Result<std::string> FolderNames::quoted(std::string_view name) {
  auto wire = to_modified_utf7(name);
  if (!wire || wire->empty() || wire->size() > kLongestName) {
    return fail(ErrorCode::invalid_request,
                "a folder name must be UTF-8 without control characters, at most " +
                    std::to_string(kLongestName) + " bytes long");
  }
  if (name.starts_with('\\')) {
    auto folder = marked(name);
    if (!folder) return folder;
    return in_quotes(*folder);
  }
  if (session_.utf8()) wire = name;
  if (!equal_ignoring_case(name, "INBOX")) {
    if (auto asked = ask_namespaces(); !asked) return std::unexpected(asked.error());
    if (!in_a_namespace(*wire)) wire->insert(0, own_);
  }
  return in_quotes(*wire);
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

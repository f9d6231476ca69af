// Folder names as the server of one session wants them: in its namespace (RFC 2342) and, unless it
// accepted UTF-8 (RFC 6855), in modified UTF-7.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/imap/session.h"

namespace c360::ingest::imap {

class FolderNames {
 public:
  explicit FolderNames(Session& session) : session_(session) {}

  // A quoted string for a command. `name` is UTF-8, as the user sees it: Courier and old Cyrus keep
  // all own folders below "INBOX.", which is put in front of a name that stands in no namespace.
  // Asks the server once. invalid_request: no folder can have this name.
  //
  // A name such as "\\Trash" is the folder that the server marks so (RFC 6154), whatever it is
  // called in the user's language; upstream_rejected with reason `nonexistent` when it marks none.
  Result<std::string> quoted(std::string_view name);

 private:
  Result<std::string> marked(std::string_view use);
  Result<void> ask_namespaces();
  bool in_a_namespace(std::string_view name) const;

  Session& session_;
  bool asked_ = false;
  std::string own_;                    // in front of the user's own folders; may be empty
  std::vector<std::string> prefixes_;  // all there are
  std::map<std::string, std::string, std::less<>> marked_;  // names as sent, by their use
};

}  // namespace c360::ingest::imap

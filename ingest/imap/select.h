// The answers to SELECT and EXAMINE (RFC 9051, 6.3.2), with what happened since a former one where
// that was asked for (QRESYNC, RFC 7162, 3.2.5).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/imap/session.h"
#include "ingest/mailbox.h"

namespace c360::ingest::imap {

class SelectListener final : public Listener {
 public:
  // `since` as the command names it; none: it asks for no changes. Of what is told at most `limit`
  // changed messages and `limit` ranges of gone ones are kept: beyond it there are no changes.
  SelectListener(std::optional<FolderState> since, std::size_t limit)
      : since_(since), limit_(limit) {}

  Result<void> untagged(Response& response) override;

  // The server keeps the uids (RFC 4315, UIDNOTSTICKY) and named a UIDVALIDITY.
  bool lasting_uids() const { return selected_.uidvalidity != 0 && sticky_; }
  // The answer as a whole, once; `read_only` comes with the tagged response.
  SelectedMailbox result(std::string_view name, bool read_only);

 private:
  void code(const ResponseCode& code);
  void changed(const FetchItems& items);
  void vanished(const std::vector<UidRange>& uids);
  std::optional<FolderChanges> changes();

  std::optional<FolderState> since_;
  std::size_t limit_;
  SelectedMailbox selected_;
  FolderChanges changes_;
  bool usable_ = true;  // what was told of changes
  std::vector<std::string> flags_;
  bool permanent_ = false;
  bool sticky_ = true;
};

}  // namespace c360::ingest::imap

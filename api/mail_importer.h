// Port: mails that come as a file. `ingest` takes them in; `daemon` wires it in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace c360::api {

struct MailImportResult {
  std::int64_t id = 0;  // of the row that tells the same while it runs: GET /mail/imports/{id}
  std::int64_t mails = 0;
  std::map<std::string, std::int64_t> outcomes;  // how many ended in which state
  std::int64_t pending = 0;                      // stored; tried again by themselves
};

class MailImporter {
 public:
  enum class Format : std::uint8_t { detected, message, mbox };
  // Fills the buffer with what comes next of the file; 0 at its end.
  using Read = std::function<Result<std::size_t>(std::span<char> into)>;

  struct File {
    Format format = Format::detected;
    Read read;
    std::optional<std::uint64_t> bytes;  // where the client said how many
  };

  virtual ~MailImporter() = default;
  // Into a configured mailbox, by its rules. `result` counts what was done, also when an error
  // ended it. not_found: no such mailbox; conflict: another import into it is under way;
  // malformed_message: the file is not what it should be; errors of `read`; unavailable: later.
  virtual Result<void> import_mails(std::string_view mailbox, const File& file,
                                    MailImportResult& result) = 0;
};

}  // namespace c360::api

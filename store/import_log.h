// How far the imports of mail are, and were: a row each in ops.mail_import, the newest 1,000 of a
// mailbox.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "store/database.h"

namespace c360::store {

struct ImportProgress {
  std::int64_t read_bytes = 0;
  std::int64_t mails = 0;
  std::int64_t pending = 0;
  std::map<std::string, std::int64_t> outcomes;  // how many ended in which state
};

// A new row, `running`; its id. The caller holds the lease of imports into the mailbox: what still
// seems to run there is `broken_off`, its process has died. `file_bytes`: the length, where known.
Result<std::int64_t> begin_import(Database& database, std::int64_t mailbox_id,
                                  std::optional<std::int64_t> file_bytes);
// Rate and time left are counted from the beginning, by database time.
Result<void> note_import(Database& database, std::int64_t id, const ImportProgress& progress);
// `done`, or `failed` with what ended it.
Result<void> end_import(Database& database, std::int64_t id, const ImportProgress& progress,
                        const std::optional<std::string>& error);

}  // namespace c360::store

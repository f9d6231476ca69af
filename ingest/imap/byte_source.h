// Where the lexer gets its bytes: the transport, or a test's or fuzzer's memory.
#pragma once

#include <string_view>

#include "daemon/base/error.h"

namespace c360::ingest::imap {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // At least one byte; blocks for it. The view holds until the next call. The end of the stream is
  // an error (`unavailable`, reason connection_lost).
  virtual Result<std::string_view> more() = 0;
};

}  // namespace c360::ingest::imap

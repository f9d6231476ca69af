// An outside virus scanner as the program calls it. ClamdScanner (clamd_scanner.h) speaks to clamd.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "daemon/base/error.h"

namespace c360::adapters {

struct ScanVerdict {
  // What is wrong with the content: the name of a virus, or why the scanner would not look at it.
  // Empty: it is clean.
  std::string finding;
  bool is_clean() const { return finding.empty(); }
};

class VirusScanner {
 public:
  virtual ~VirusScanner() = default;
  // Fills `into` and says how many bytes; 0 at the end.
  using Reader = std::function<Result<std::size_t>(std::span<char> into)>;
  // Any thread. Without an answer that says clean or not there is none: unavailable when the
  // scanner cannot be reached or hangs up, timeout past its limit, upstream_rejected when it says
  // something else. The reader's error is handed on.
  virtual Result<ScanVerdict> scan(const Reader& read) const = 0;
};

}  // namespace c360::adapters

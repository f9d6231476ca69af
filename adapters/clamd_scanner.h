// clamd(8) over TCP or a unix socket, by its INSTREAM command: the content travels in chunks, so
// that a large one never sits in memory and the daemon needs no access to files.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/virus_scanner.h"

namespace c360::adapters {

struct ClamdAddress {
  std::string socket;  // path of a unix socket; empty: TCP
  std::string host;
  std::string port;
  bool operator==(const ClamdAddress&) const = default;
};
// "/run/clamav/clamd.ctl", "127.0.0.1:3310", "[::1]:3310".
std::optional<ClamdAddress> parse_clamd_address(std::string_view text);

struct ClamdOptions {
  ClamdAddress address;
  std::chrono::milliseconds timeout{30'000};  // one content as a whole, the connection included
};

// Every scan has a connection of its own, as clamd wants it.
class ClamdScanner final : public VirusScanner {
 public:
  explicit ClamdScanner(ClamdOptions options);
  // What clamd refuses for its size (StreamMaxLength) is a finding: it was not looked at.
  Result<ScanVerdict> scan(const Reader& read) const override;

 private:
  ClamdOptions options_;
};

}  // namespace c360::adapters

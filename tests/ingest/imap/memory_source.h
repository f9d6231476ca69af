// Bytes from memory for the lexer, in pieces as small as wanted.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "ingest/imap/byte_source.h"

namespace c360::testing {

class MemorySource final : public ingest::imap::ByteSource {
 public:
  explicit MemorySource(std::string bytes, std::size_t piece = 1'000'000)
      : bytes_(std::move(bytes)), piece_(piece) {}

  Result<std::string_view> more() override {
    if (at_ == bytes_.size()) {
      return fail(ErrorCode::unavailable, "the end of the input", "connection_lost");
    }
    const auto next = std::string_view(bytes_).substr(at_, piece_);
    at_ += next.size();
    return next;
  }

 private:
  std::string bytes_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

}  // namespace c360::testing

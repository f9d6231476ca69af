#include "api/http_body.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace c360::api {
namespace {

constexpr std::size_t kFillBytes = std::size_t{16} * 1024;
// A chunk-size line with its extensions, which nobody uses; the trailers likewise.
constexpr std::size_t kMaxChunkLine = 256;
constexpr int kMaxTrailers = 16;

}  // namespace

void InputBuffer::consume(std::size_t count) {
  at_ += count;
  if (at_ == bytes_.size()) {
    bytes_.clear();
    at_ = 0;
  }
}

Result<std::size_t> InputBuffer::fill(Deadline deadline) {
  if (at_ > 0) {
    bytes_.erase(0, at_);
    at_ = 0;
  }
  const std::size_t before = bytes_.size();
  bytes_.resize(before + kFillBytes);
  auto received = receive_(bytes_.data() + before, kFillBytes, deadline);
  bytes_.resize(before + (received ? *received : 0));
  return received;
}

HttpBody::HttpBody(InputBuffer& input, std::optional<std::uint64_t> content_length, bool chunked,
                   BodyLimits limits, std::function<void()> before_first_read)
    : input_(input),
      declared_(content_length),
      chunked_(chunked),
      limits_(limits),
      before_first_read_(std::move(before_first_read)),
      left_(content_length.value_or(0)),
      finished_(!chunked && left_ == 0) {}

std::unexpected<Error> HttpBody::broken(ErrorCode code, std::string detail, std::string reason) {
  broken_ = true;
  return fail(code, std::move(detail), std::move(reason));
}

InputBuffer::Deadline HttpBody::deadline() const {
  return begun_ + limits_.grace +
         std::chrono::milliseconds(received_ * 1'000 /
                                   std::max<std::uint64_t>(limits_.min_bytes_per_second, 1));
}

Result<void> HttpBody::fill() {
  auto received = input_.fill(deadline());
  if (!received) {
    broken_ = true;
    return std::unexpected(std::move(received).error());
  }
  if (*received == 0) {
    return broken(ErrorCode::invalid_request, "the connection ended inside the body",
                  "body_incomplete");
  }
  return {};
}

Result<std::string_view> HttpBody::line() {
  for (;;) {
    const auto data = input_.data();
    const auto end = data.find("\r\n");
    if (end != std::string_view::npos && end <= kMaxChunkLine) return data.substr(0, end);
    if (data.size() > kMaxChunkLine) {
      return broken(ErrorCode::invalid_request,
                    "a chunk-size line or trailer is longer than 256 bytes", "chunk");
    }
    if (auto filled = fill(); !filled) return std::unexpected(filled.error());
  }
}

Result<void> HttpBody::begin_chunk() {
  auto head = line();
  if (!head) return std::unexpected(head.error());
  const auto digits = head->substr(0, head->find_first_of("; \t"));
  std::uint64_t size = 0;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  if (digits.empty() || error != std::errc{} || stop != digits.data() + digits.size()) {
    return broken(ErrorCode::invalid_request, "a chunk size is not a hexadecimal number", "chunk");
  }
  input_.consume(head->size() + 2);
  left_ = size;
  if (size > 0) return {};
  for (int trailers = 0;; ++trailers) {
    auto trailer = line();
    if (!trailer) return std::unexpected(trailer.error());
    const bool last = trailer->empty();
    input_.consume(trailer->size() + 2);
    if (last) break;
    if (trailers == kMaxTrailers) {
      return broken(ErrorCode::invalid_request, "too many trailers", "chunk");
    }
  }
  finished_ = true;
  return {};
}

Result<void> HttpBody::end_chunk() {
  while (input_.data().size() < 2) {
    if (auto filled = fill(); !filled) return filled;
  }
  if (!input_.data().starts_with("\r\n")) {
    return broken(ErrorCode::invalid_request, "a chunk is not followed by CRLF", "chunk");
  }
  input_.consume(2);
  return {};
}

Result<std::size_t> HttpBody::read_data(char* buffer, std::size_t size) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
  if (const auto data = input_.data(); !data.empty()) {
    const std::size_t count = std::min(wanted, data.size());
    std::memcpy(buffer, data.data(), count);
    input_.consume(count);
    return count;
  }
  auto received = input_.receive(buffer, wanted, deadline());
  if (!received) {
    broken_ = true;
  } else if (*received == 0) {
    return broken(ErrorCode::invalid_request, "the connection ended inside the body",
                  "body_incomplete");
  }
  return received;
}

Result<std::size_t> HttpBody::read(char* buffer, std::size_t size) {
  if (finished_ || size == 0) return 0;
  if (broken_) return fail(ErrorCode::invalid_request, "the body is broken", "body_incomplete");
  const auto too_large = [&] {
    return broken(ErrorCode::payload_too_large,
                  "the body is larger than " + std::to_string(limits_.max_bytes) + " bytes",
                  "body_too_large");
  };
  if (!started_) {
    started_ = true;
    begun_ = std::chrono::steady_clock::now();
    if (declared_ && *declared_ > limits_.max_bytes) return too_large();
    if (before_first_read_ && input_.data().empty()) before_first_read_();
  }
  if (chunked_ && left_ == 0) {
    if (auto begun = begin_chunk(); !begun) return std::unexpected(begun.error());
    if (finished_) return 0;
  }
  if (received_ + std::min<std::uint64_t>(left_, size) > limits_.max_bytes) {
    // What is allowed is given out first, so that the limit is exact.
    if (received_ >= limits_.max_bytes) return too_large();
    size = static_cast<std::size_t>(limits_.max_bytes - received_);
  }
  auto count = read_data(buffer, size);
  if (!count) return count;
  left_ -= *count;
  received_ += *count;
  if (left_ == 0) {
    if (!chunked_) {
      finished_ = true;
    } else if (auto ended = end_chunk(); !ended) {
      return std::unexpected(ended.error());
    }
  }
  return count;
}

}  // namespace c360::api

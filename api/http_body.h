// Bytes that come in on a connection, and the body of one request cut out of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/request.h"
#include "daemon/base/error.h"

namespace c360::api {

// What was received and not yet used. `receive` waits until the deadline and answers how many bytes
// it put into the buffer, 0 at the end of the stream, timeout when nothing came.
class InputBuffer {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  using Receive = std::function<Result<std::size_t>(char* buffer, std::size_t size, Deadline)>;

  explicit InputBuffer(Receive receive) : receive_(std::move(receive)) {}

  std::string_view data() const { return std::string_view(bytes_).substr(at_); }
  void consume(std::size_t count);
  // Appends what comes next; 0 at the end of the stream.
  Result<std::size_t> fill(Deadline deadline);
  // Past the buffer, which must be empty.
  Result<std::size_t> receive(char* buffer, std::size_t size, Deadline deadline) {
    return receive_(buffer, size, deadline);
  }

 private:
  Receive receive_;
  std::string bytes_;
  std::size_t at_ = 0;
};

struct BodyLimits {
  std::uint64_t max_bytes = std::uint64_t{1024} * 1024;
  std::chrono::milliseconds grace{10'000};
  std::uint64_t min_bytes_per_second = 1'024;
};

// RFC 9112, 6 and 7.1: by Content-Length or chunked.
class HttpBody final : public BodyReader {
 public:
  // `before_first_read` sends "100 Continue" where the client waits for it.
  HttpBody(InputBuffer& input, std::optional<std::uint64_t> content_length, bool chunked,
           BodyLimits limits, std::function<void()> before_first_read);

  Result<std::size_t> read(char* buffer, std::size_t size) override;
  void set_limit(std::uint64_t bytes) override { limits_.max_bytes = bytes; }
  std::optional<std::uint64_t> declared_size() const override { return declared_; }

  bool finished() const { return finished_; }
  bool started() const { return started_; }
  // The connection cannot be used for another request.
  bool broken() const { return broken_; }

 private:
  Result<std::size_t> read_data(char* buffer, std::size_t size);
  Result<void> begin_chunk();
  Result<void> end_chunk();
  Result<std::string_view> line();
  Result<void> fill();
  std::unexpected<Error> broken(ErrorCode code, std::string detail, std::string reason);
  InputBuffer::Deadline deadline() const;

  InputBuffer& input_;
  std::optional<std::uint64_t> declared_;
  bool chunked_;
  BodyLimits limits_;
  std::function<void()> before_first_read_;
  std::chrono::steady_clock::time_point begun_;
  std::uint64_t left_ = 0;      // of the body, or of the chunk
  std::uint64_t received_ = 0;  // of the body
  bool started_ = false;
  bool finished_ = false;
  bool broken_ = false;
};

}  // namespace c360::api

// The time, as a port: tests move it by hand (tests/support/manual_clock.h).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace c360 {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;                                   // wall clock, UTC
  virtual std::chrono::steady_clock::time_point steady() const = 0;  // for deadlines
};

class SystemClock final : public Clock {
 public:
  Instant now() const override;
  std::chrono::steady_clock::time_point steady() const override;
};

// RFC 3339 in UTC with microseconds: "2026-11-22T10:15:00.000000Z".
std::string to_rfc3339(Instant instant);

// RFC 3339 date-time with any offset, or none where the text is not one (also for impossible days
// and for years outside 0001-9999). A leap second 60 counts as the second after 59.
std::optional<Instant> from_rfc3339(std::string_view text);

}  // namespace c360

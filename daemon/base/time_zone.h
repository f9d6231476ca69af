// A time zone of the system's database (tzdata), as a value: what the clock on the wall shows at an
// instant, and which instant that was.
//
// Thread-safe; copies share nothing that changes. The zone itself lives as long as the program.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"

namespace date {
class time_zone;  // NOLINT(readability-identifier-naming): the library names it so
}

namespace c360 {

// The clock on the wall, in no zone: a count since 1970-01-01 00:00 as that clock tells it.
using LocalSeconds = std::chrono::local_time<std::chrono::seconds>;
using Seconds = std::chrono::sys_seconds;

// A stretch in which the wall clock differs from UTC by `offset`.
struct ZoneStretch {
  Seconds begin;
  Seconds end;  // the first instant of the next stretch
  std::chrono::seconds offset{};
};

class TimeZone {
 public:
  // invalid_request, reason unknown_time_zone, for a name that is none ("Europe/Moscow").
  static Result<TimeZone> named(std::string_view name);

  std::string name() const;
  LocalSeconds local(Seconds instant) const;
  ZoneStretch stretch(Seconds instant) const;
  // The first instant at which the clock shows `local`; where it is put forward over that time, the
  // instant of the change.
  Seconds first_instant(LocalSeconds local) const;

 private:
  explicit TimeZone(const date::time_zone* zone) : zone_(zone) {}
  const date::time_zone* zone_;
};

}  // namespace c360

#include "daemon/base/time_zone.h"

#include <date/tz.h>

#include <exception>

namespace c360 {

namespace {

date::local_seconds of_library(LocalSeconds local) {
  return date::local_seconds{local.time_since_epoch()};
}

}  // namespace

Result<TimeZone> TimeZone::named(std::string_view name) {
  try {
    return TimeZone(date::locate_zone(std::string(name)));
  } catch (const std::exception&) {
    return fail(ErrorCode::invalid_request,
                "'" + std::string(name) + "' is no time zone; names are such as Europe/Moscow",
                "unknown_time_zone");
  }
}

std::string TimeZone::name() const { return zone_->name(); }

LocalSeconds TimeZone::local(Seconds instant) const {
  return LocalSeconds{zone_->to_local(instant).time_since_epoch()};
}

ZoneStretch TimeZone::stretch(Seconds instant) const {
  const date::sys_info info = zone_->get_info(instant);
  return {info.begin, info.end, info.offset};
}

Seconds TimeZone::first_instant(LocalSeconds local) const {
  const date::local_info info = zone_->get_info(of_library(local));
  if (info.result == date::local_info::nonexistent) return info.first.end;
  return Seconds{local.time_since_epoch() - info.first.offset};
}

}  // namespace c360

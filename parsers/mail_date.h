// Dates as mails write them.
#pragma once

#include <optional>
#include <string_view>

#include "daemon/base/clock.h"
#include "parsers/message.h"

namespace c360::parsers {

// RFC 5322, 3.3 with its obsolete forms (two-digit years, named zones, comments), and what is seen
// in the wild: no weekday, no zone (UTC), ISO 8601, asctime, month before day. Text after the date
// is ignored. None where no day, month and year can be made out or the day does not exist.
std::optional<Instant> parse_mail_date(std::string_view text);

struct ChosenDate {
  Instant instant;
  DateSource source = DateSource::fetched;
  bool operator==(const ChosenDate&) const = default;
};

// domain.md 1.3: the Date field unless missing, before 1990 or more than 24 h after `fetched`;
// else INTERNALDATE; else the time of fetching.
ChosenDate choose_date(std::optional<Instant> header, std::optional<Instant> internal,
                       Instant fetched);

}  // namespace c360::parsers

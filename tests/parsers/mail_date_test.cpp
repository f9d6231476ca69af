#include "parsers/mail_date.h"

#include <gtest/gtest.h>

namespace c360::parsers {
namespace {

using std::chrono::hours;

struct Case {
  const char* text;
  const char* utc;  // empty: no date
};

TEST(MailDate, IsReadInEveryFormSeen) {
  for (const Case& one : std::initializer_list<Case>{
           {"Mon, 05 Feb 2024 12:00:41 +0300", "2024-02-05T09:00:41"},
           {"5 Feb 2024 12:00 +0300", "2024-02-05T09:00:00"},
           {"Mon, 5 Feb 24 12:00:41 GMT", "2024-02-05T12:00:41"},
           {"Mon, 5 Feb 99 12:00:41 EST", "1999-02-05T17:00:41"},
           {"5 Feb 103 12:00:41 UT", "2003-02-05T12:00:41"},
           {"Mon,5 Feb 2024 12:00:41 -0000", "2024-02-05T12:00:41"},
           {"Mon, 05 Feb 2024 12:00:41 +0300 (MSK)", "2024-02-05T09:00:41"},
           {"Mon, 05 Feb 2024 12:00:41 (comment (nested)) +0530", "2024-02-05T06:30:41"},
           {"Mon, 05 Feb 2024 12:00:41 MSK", "2024-02-05T09:00:41"},
           {"Mon, 05 Feb 2024 12:00:41", "2024-02-05T12:00:41"},
           {"Mon, 05 Feb 2024 12:00:41 Z", "2024-02-05T12:00:41"},
           {"Mon, 05 Feb 2024 12:00:41 K", "2024-02-05T12:00:41"},
           {"Mon, 05 Feb 2024 12:00:41 GMT+0300", "2024-02-05T09:00:41"},
           {"Mon, 05 Feb 2024 12:00:41 +03:00", "2024-02-05T09:00:41"},
           {"Mon, 05-Feb-2024 12:00:41 +0000", "2024-02-05T12:00:41"},
           {"Mon Feb  5 12:00:41 2024", "2024-02-05T12:00:41"},
           {"February 5, 2024 12:00:41 PM", "2024-02-05T12:00:41"},
           {"Feb 5 2024 1:02 PM", "2024-02-05T13:02:00"},
           {"2024-02-05T12:00:41Z", "2024-02-05T12:00:41"},
           {"2024-02-05 12:00:41.123 +0300", "2024-02-05T09:00:41"},
           {"2024-02-05", "2024-02-05T00:00:00"},
           {"05.02.2024 12:00", "2024-02-05T12:00:00"},
           {"31 Dec 2023 23:59:60 +0000", "2024-01-01T00:00:00"},
           {"Thu, 29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00"},
           {"29 Feb 2023 00:00:00 +0000", ""},
           {"32 Jan 2024 00:00:00 +0000", ""},
           {"5 Feb 2024 25:00:00 +0000", ""},
           {"5 Foo 2024 12:00:00 +0000", ""},
           {"yesterday", ""},
           {"", ""}}) {
    const auto read = parse_mail_date(one.text);
    const std::string have = read ? to_rfc3339(*read).substr(0, 19) : "";
    EXPECT_EQ(have, one.utc) << one.text;
  }
}

TEST(MailDate, AnOverlongFieldIsReadUpToItsLimit) {
  EXPECT_FALSE(parse_mail_date(std::string(100000, '(')));
  EXPECT_TRUE(parse_mail_date("5 Feb 2024 12:00:00 +0000" + std::string(100000, ' ')));
}

TEST(ChooseDate, PrefersTheHeaderWithinItsBounds) {
  const Instant fetched = *from_rfc3339("2024-02-05T12:00:00Z");
  const Instant internal = *from_rfc3339("2024-02-05T11:00:00Z");
  const auto at = [](const char* text) { return from_rfc3339(text); };

  EXPECT_EQ(choose_date(at("2024-02-01T00:00:00Z"), internal, fetched).source, DateSource::header);
  EXPECT_EQ(choose_date(at("1990-01-01T00:00:00Z"), internal, fetched).source, DateSource::header);
  EXPECT_EQ(choose_date(fetched + hours(24), internal, fetched).source, DateSource::header);
}

TEST(ChooseDate, FallsBackToInternalDateAndThenToTheTimeOfFetching) {
  const Instant fetched = *from_rfc3339("2024-02-05T12:00:00Z");
  const Instant internal = *from_rfc3339("2024-02-05T11:00:00Z");

  for (const auto& header :
       {std::optional<Instant>(), from_rfc3339("1989-12-31T23:59:59Z"),
        std::optional<Instant>(fetched + hours(24) + std::chrono::seconds(1))}) {
    EXPECT_EQ(choose_date(header, internal, fetched), (ChosenDate{internal, DateSource::internal}));
    EXPECT_EQ(choose_date(header, std::nullopt, fetched),
              (ChosenDate{fetched, DateSource::fetched}));
  }
}

}  // namespace
}  // namespace c360::parsers

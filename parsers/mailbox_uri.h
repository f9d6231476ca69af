// The mailbox string of the reference: imaps://host?username=...&password=... or "disabled"
// (adapters.md 7, domain.md 17.3).
//
// Differs from adapters.md 7.1 in one point, after design.md 11: the floor of `delay` is 1 s.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/secret.h"

namespace c360::parsers {

enum class MailboxTls : std::uint8_t { implicit, starttls };
std::string_view to_string(MailboxTls tls);

// Which mails of the folder count, beside the flags; all given conditions hold together.
struct MailboxSearch {
  std::string subject, body, subject_or_body, from, to;  // contained, letter case ignored
  // yyyy-MM-dd HH:mm:ss, or relative to now such as now-24h: as written, checked.
  std::string sent_since, sent_before, received_since, received_before;
  bool operator==(const MailboxSearch&) const = default;
  bool empty() const { return *this == MailboxSearch{}; }
  // A mail that is not wanted now may be later: the latest day there may be moves with the clock.
  bool widens() const;
};

enum class SearchBound : std::uint8_t { earliest, latest };
// The day of such a bound, which is as fine as a server searches (RFC 9051, 6.4.4). A date counts
// as written. What is relative to now is an instant, and each mail's day is that of a clock we do
// not know, its server's or its sender's: the earliest or the latest day there is on any clock
// then, so that no mail within the bound is left out. nullopt: it is no such bound.
std::optional<std::chrono::sys_days> search_day(std::string_view bound, Instant now,
                                                SearchBound side);

struct MailboxUri {
  MailboxTls tls = MailboxTls::implicit;
  std::string host;  // ASCII; international names as xn--
  std::uint16_t port = 993;
  std::string username;
  Secret password;
  std::string folder = "INBOX";            // UTF-8
  bool unseen_only = true;                 // only mails without \Seen
  bool delete_after = false;               // \Deleted and expunged after the commit; else \Seen
  std::chrono::milliseconds delay{60000};  // between polls; at least kMinimumDelay
  std::chrono::milliseconds initial_delay{1000};  // before the first poll
  std::optional<std::uint32_t> batch;             // mails a poll
  std::string move_to;                            // folder after success; empty: stays
  std::string copy_to;
  std::chrono::milliseconds connect_timeout{30000};
  std::chrono::milliseconds read_timeout{30000};
  bool keep_connection = true;
  bool greedy = false;  // poll again at once if something came
  MailboxSearch search;
  std::vector<std::string> auth_mechanisms;  // as written; empty: the strongest offered
};

inline constexpr std::chrono::milliseconds kMinimumDelay{1000};
inline constexpr std::size_t kMaximumMailboxUriBytes = 8192;

// One remark on the string: which option, and a sentence that never shows the password.
struct MailboxRemark {
  std::string option;
  std::string text;
};

// What the string means. Exactly one of these holds: there are errors, it is disabled, there is a
// mailbox.
struct MailboxSetting {
  std::optional<MailboxUri> mailbox;  // none when disabled or wrong
  std::vector<MailboxRemark> warnings;
  std::vector<MailboxRemark> errors;

  bool ok() const { return errors.empty(); }
  bool disabled() const { return ok() && !mailbox; }
};

// `password_elsewhere`: the password comes from a secret file, so the string may lack one.
MailboxSetting read_mailbox_uri(std::string_view text, bool password_elsewhere = false);

// The string with every password (also inside the authority) as ***, for logs and dumps. Works on
// anything, also on what read_mailbox_uri refuses.
std::string masked_mailbox_uri(std::string_view text);

}  // namespace c360::parsers

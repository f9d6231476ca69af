// What people are told of (domain.md 13.3, 16): rows of crm.notification, which triggers and jobs
// make by crm.notify(). Here they are read, marked, and given to the ways out.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "store/database.h"

namespace c360::store {

inline constexpr std::size_t kMaxMarkedNotifications = 500;  // of one call

struct ReadCount {
  std::int64_t marked = 0;
  std::int64_t unread = 0;  // what is left
};
Result<std::int64_t> unread_notifications(Database& database, std::int64_t user);
// Those of `ids` that are the user's and unread; without ids all up to `last` (0: all there are).
Result<ReadCount> mark_notifications_read(Database& database, std::int64_t user,
                                          std::span<const std::int64_t> ids, std::int64_t last);

// Tells of reminders that are due, each once however many daemons look: `limit` at most, the
// earliest first. How many were settled. Those of deleted records, and those that have nobody, are
// settled without a word.
Result<std::int64_t> tell_reminders(Transaction& tx, int limit);

// HTML as plain text (parsers/html_text.h; the daemon wires it).
using HtmlToText = std::function<std::string(std::string_view html)>;
// Gives what was not sent yet to the queue of messages, `limit` notifications at most, the oldest
// first; each once however many daemons do it. How many.
Result<std::int64_t> send_notifications(Transaction& tx, int limit, const HtmlToText& to_text);

}  // namespace c360::store

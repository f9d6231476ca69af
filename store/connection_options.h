// How a session is opened: the caller's URL completed with what every session of ours has.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/secret.h"

namespace c360::store {

struct ConnectionOptions {
  std::string url;
  Secret password;
  std::chrono::milliseconds statement_timeout{30'000};
  std::chrono::milliseconds lock_timeout{5'000};
  std::chrono::milliseconds idle_in_transaction_timeout{60'000};
  std::chrono::milliseconds silence_grace{5'000};
  std::string application_name = "client360d";
  bool pooled = false;
  // Now and then the session forgets its plans (Connection::plans_are_old): one made over empty
  // tables would go on scanning them whole while a first sync fills them. For sessions that write
  // much in few transactions.
  bool renew_plans = false;

  bool operator==(const ConnectionOptions&) const = default;
};

// name = value of the session: time zone, date styles, timeouts, search_path, jit.
std::vector<std::pair<std::string, std::string>> session_settings(const ConnectionOptions& options);

// Keywords and values for PQconnectdbParams. Without `pooled` the session settings travel as
// `options`; a pooler would refuse them, so each transaction sets them for itself. What the URL
// says itself wins. invalid_request where the URL cannot be read; it is not repeated in the error,
// a password may stand in it.
Result<std::vector<std::pair<std::string, std::string>>> connection_keywords(
    const ConnectionOptions& options);

}  // namespace c360::store

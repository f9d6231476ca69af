// Reads files an operator names.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace c360::daemon {

// The whole file; nothing where there is no regular file that can be read, or where it is longer
// than `limit` bytes. Never waits: a pipe or a device of that name is refused, not listened to.
std::optional<std::string> read_regular_file(const std::string& path, std::size_t limit);

}  // namespace c360::daemon

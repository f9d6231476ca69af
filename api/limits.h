// How much one request of the generic routes may ask for. Each has a setting of the same name.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace c360::api {

struct ApiLimits {
  std::size_t max_bulk_rows = 1'000;                               // 422
  std::uint64_t max_bulk_bytes = std::uint64_t{16} * 1024 * 1024;  // 413
  std::uint64_t max_export_rows = 1'000'000;                       // 422
  std::size_t max_import_rows = 20'000;                            // all or nothing
  std::size_t max_event_readers = 64;                              // waiting for events: 503
  std::chrono::milliseconds max_event_wait{60'000};                // of one request
};

}  // namespace c360::api

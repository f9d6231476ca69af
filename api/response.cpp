#include "api/response.h"

#include <algorithm>
#include <array>

namespace c360::api {
namespace {

// Larger bodies give their memory back: there are hundreds of connection threads.
constexpr std::size_t kKeptBodyBytes = std::size_t{256} * 1024;

struct Reason {
  int status;
  std::string_view phrase;
};
constexpr std::array kReasons = {
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{206, "Partial Content"},
    Reason{304, "Not Modified"},
    Reason{308, "Permanent Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{414, "URI Too Long"},
    Reason{415, "Unsupported Media Type"},
    Reason{416, "Range Not Satisfiable"},
    Reason{422, "Unprocessable Content"},
    Reason{428, "Precondition Required"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
};

}  // namespace

void Response::clear() {
  std::string kept = std::move(body);
  *this = Response{};
  if (kept.capacity() <= kKeptBodyBytes) {
    kept.clear();
    body = std::move(kept);
  }
}

std::string_view reason_phrase(int status) {
  const auto* row = std::ranges::find(kReasons, status, &Reason::status);
  return row == kReasons.end() ? std::string_view{"Status"} : row->phrase;
}

}  // namespace c360::api

// The head of an HTTP/1.1 request read strictly (RFC 9112): whatever two programs could read in
// two ways is refused, because a proxy in front may have read it the other way (request smuggling).
// Pure functions over bytes.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/request.h"
#include "daemon/base/error.h"

namespace c360::api {

struct HeadLimits {
  std::size_t max_request_line_bytes = 8'192;
  std::size_t max_header_bytes = std::size_t{32} * 1024;
  std::size_t max_header_fields = 100;
  std::size_t max_query_parameters = 100;
};

// Why a request is not taken. The connection is closed after the answer, because what follows
// cannot be told apart from a body.
struct Refusal {
  int status = 400;
  Error error;
};

struct Head {
  std::optional<Method> method;  // nullopt: a token we do not know
  std::string_view method_token;
  std::string_view target;
  std::string_view path;
  std::vector<QueryParameter> query;
  std::vector<HeaderField> headers;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expect_continue = false;
};

// Where the head ends (one past CRLF CRLF), nullopt while it is incomplete, a refusal as soon as a
// limit is crossed. `searched` is kept by the caller between calls, 0 at first.
std::expected<std::optional<std::size_t>, Refusal> find_head_end(std::string_view bytes,
                                                                 std::size_t& searched,
                                                                 const HeadLimits& limits);

// `bytes` ends with the empty line. The views of the head point into it.
std::expected<Head, Refusal> parse_head(std::string_view bytes, const HeadLimits& limits);

}  // namespace c360::api

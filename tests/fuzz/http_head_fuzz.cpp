// The head of an HTTP request, and chunked and multipart bodies, from any bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/http_body.h"
#include "api/http_parser.h"
#include "api/multipart.h"
#include "tests/fuzz/fuzz.h"

using namespace c360;       // NOLINT(google-build-using-namespace): a test
using namespace c360::api;  // NOLINT(google-build-using-namespace): a test

namespace {

// Gives the bytes out in small pieces, then the end.
InputBuffer input_of(std::string_view bytes, std::size_t& at) {
  return InputBuffer(
      [bytes, &at](char* buffer, std::size_t size, InputBuffer::Deadline) -> Result<std::size_t> {
        const std::size_t count = std::min({size, std::size_t{7}, bytes.size() - at});
        bytes.copy(buffer, count, at);
        at += count;
        return count;
      });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = c360::testing::as_text(data, size);
  std::size_t searched = 0;
  std::string_view rest = bytes;
  if (const auto end = find_head_end(bytes, searched, {}); end && *end) {
    (void)parse_head(bytes.substr(0, **end), {});
    rest = bytes.substr(**end);
  }
  std::size_t at = 0;
  InputBuffer input = input_of(rest, at);
  HttpBody chunked(input, std::nullopt, /*chunked=*/true, {.max_bytes = 10'000}, nullptr);
  char buffer[64];
  for (;;) {
    const auto count = chunked.read(buffer, sizeof buffer);
    if (!count || *count == 0) break;
  }
  std::size_t form_at = 0;
  InputBuffer form = input_of(rest, form_at);
  HttpBody plain(form, rest.size(), /*chunked=*/false, {.max_bytes = 100'000}, nullptr);
  (void)read_multipart(plain, "x", [](std::string_view) -> Result<void> { return {}; });
  return 0;
}

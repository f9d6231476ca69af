#include "parsers/file_type.h"

#include <magic.h>

#include <memory>

namespace c360::parsers {
namespace {

struct CookieCloser {
  void operator()(magic_set* cookie) const { magic_close(cookie); }
};
using Cookie = std::unique_ptr<magic_set, CookieCloser>;

// Hostile files make some of libmagic's tests expensive: bounded here.
Cookie open_cookie() {
  Cookie cookie(magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
                           MAGIC_NO_CHECK_ELF));
  if (!cookie || magic_load(cookie.get(), nullptr) != 0) return {};
  std::size_t regex_bytes = 4096;
  magic_setparam(cookie.get(), MAGIC_PARAM_REGEX_MAX, &regex_bytes);
  return cookie;
}

}  // namespace

std::string detect_file_type(std::string_view bytes) {
  // A cookie keeps the last answer inside, so each thread has its own.
  thread_local const Cookie kCookie = open_cookie();
  if (!kCookie || bytes.empty()) return {};
  const char* type = magic_buffer(kCookie.get(), bytes.data(), bytes.size());
  return type == nullptr ? std::string() : std::string(type);
}

}  // namespace c360::parsers

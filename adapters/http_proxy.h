// The proxy by which one outside service is reached (adapters.md, 0.3), for libcurl.
#pragma once

#include <string>

#include "daemon/base/secret.h"

namespace c360::adapters {

struct HttpProxy {
  std::string url;     // http://HOST:PORT or socks5h://HOST:PORT; empty: none of its own
  Secret credentials;  // NAME:PASSWORD, where it asks for them; otherwise empty

  bool operator==(const HttpProxy&) const = default;
};

// To a handle of libcurl (a CURL*), which copies what it is given. Of one without an address
// nothing is set.
void apply_proxy(void* curl, const HttpProxy& proxy);

// " by the proxy http://HOST:PORT", for errors; empty without one.
std::string by_the_proxy(const HttpProxy& proxy);

}  // namespace c360::adapters

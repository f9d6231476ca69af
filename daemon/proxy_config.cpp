#include "daemon/proxy_config.h"

#include <algorithm>
#include <string_view>

#include "daemon/config.h"

namespace c360::daemon {

namespace {

// Without a name and a password, which would stand readable in the file.
bool is_proxy_url(std::string_view url) {
  for (const std::string_view scheme : {"http://", "socks5h://"}) {
    if (!url.starts_with(scheme)) continue;
    const std::string_view rest = url.substr(scheme.size());
    return parse_listen_address(rest).has_value() &&
           rest.find_first_of("/?#@ ") == std::string_view::npos;
  }
  return false;
}

}  // namespace

std::optional<ProxyFault> proxy_fault(const adapters::HttpProxy& proxy) {
  if (!proxy.url.empty() && !is_proxy_url(proxy.url))
    return ProxyFault{.text =
                          "wanted is http://HOST:PORT or socks5h://HOST:PORT; a name and a "
                          "password stand in a file of their own"};
  if (proxy.credentials.empty()) return std::nullopt;
  if (proxy.url.empty())
    return ProxyFault{.text = "is of no use without the proxy", .in_credentials = true};
  const std::string_view both = proxy.credentials.reveal();
  const bool sane =
      both.find(':') != std::string_view::npos && !both.starts_with(':') &&
      std::ranges::all_of(both, [](unsigned char c) { return c >= ' ' && c != 0x7fU; });
  if (!sane) return ProxyFault{.text = "wanted is one line NAME:PASSWORD", .in_credentials = true};
  return std::nullopt;
}

}  // namespace c360::daemon

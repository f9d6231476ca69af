// What may be written for the proxy of a service.
#pragma once

#include <optional>
#include <string>

#include "adapters/http_proxy.h"

namespace c360::daemon {

// What is wrong with it and where: the address, or (`in_credentials`) the file beside it. Nothing
// of a password is shown.
struct ProxyFault {
  std::string text;
  bool in_credentials = false;
};
std::optional<ProxyFault> proxy_fault(const adapters::HttpProxy& proxy);

}  // namespace c360::daemon

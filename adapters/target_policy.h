// Which addresses a call may go to whose url came from a user: none inside the operator's own
// network, whatever the name resolves to at that moment. HttpClient asks it for each connection, so
// a name that is looked up twice (DNS rebinding) gains nothing.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"

namespace c360::adapters {

inline constexpr std::size_t kMaxTargetUrlBytes = 2'000;

// An address; those of IPv4 as IPv6 has them (::ffff:0:0/96, RFC 4291, 2.5.5.2).
using IpAddress = std::array<std::uint8_t, 16>;

struct Network {
  IpAddress address{};
  int prefix = 128;  // bits

  bool contains(const IpAddress& other) const;
  // "10.0.0.0/8", "fd00::/8", or one address; nullopt for anything else, bits beyond the prefix
  // too.
  static std::optional<Network> parse(std::string_view text);
};

class TargetPolicy {
 public:
  bool plain_http = false;       // http:// besides https://
  std::vector<Network> allowed;  // internal networks that may be called all the same

  // What IANA's registries of special addresses do not call globally reachable is internal:
  // loopback, private, link-local, shared, multicast, documentation, and IPv6 that carries an
  // internal IPv4 address (mapped, 6to4, NAT64).
  bool allows(const IpAddress& address) const;
  bool allows(const sockaddr& address) const;
  // An absolute url that may be called: its scheme, no user in it, and where its host is an
  // address, that. invalid_request, reason bad_url, plain_http or internal_address. A name is
  // looked up only when it is called.
  Result<void> check(std::string_view url) const;
};

}  // namespace c360::adapters

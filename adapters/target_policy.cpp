#include "adapters/target_policy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

namespace c360::adapters {

namespace {

constexpr int kAddressBits = 128;
constexpr int kMappedBits = 96;

IpAddress mapped(const in_addr& address) {
  IpAddress bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::memcpy(bytes.data() + 12, &address, sizeof address);
  return bytes;
}

struct ParsedAddress {
  IpAddress bytes{};
  bool is_v4 = false;
};

std::optional<ParsedAddress> parse_address(const std::string& text) {
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return ParsedAddress{mapped(v4), true};
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return std::nullopt;
  ParsedAddress parsed;
  std::memcpy(parsed.bytes.data(), &v6, parsed.bytes.size());
  return parsed;
}

// https://www.iana.org/assignments/iana-ipv4-special-registry and RFC 5771.
const std::vector<Network>& internal_networks() {
  static const std::vector<Network> kNetworks = [] {
    std::vector<Network> networks;
    for (const std::string_view text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
          "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
          "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
          // Of global unicast, IPv6: protocol assignments with Teredo, documentation.
          "2001::/23", "2001:db8::/32", "3fff::/20"})
      networks.push_back(*Network::parse(text));
    return networks;
  }();
  return kNetworks;
}

bool lies_in(const std::vector<Network>& networks, const IpAddress& address) {
  return std::ranges::any_of(networks,
                             [&](const Network& network) { return network.contains(address); });
}

// An IPv4 address inside an IPv6 one, by which a gateway would go on.
std::optional<IpAddress> carried(const IpAddress& address) {
  static const Network kSixToFour = *Network::parse("2002::/16");  // RFC 3056
  static const Network kNat64 = *Network::parse("64:ff9b::/96");   // RFC 6052
  in_addr inner{};
  if (kSixToFour.contains(address)) {
    std::memcpy(&inner, address.data() + 2, sizeof inner);
  } else if (kNat64.contains(address)) {
    std::memcpy(&inner, address.data() + 12, sizeof inner);
  } else {
    return std::nullopt;
  }
  return mapped(inner);
}

bool is_global(const IpAddress& address) {
  static const Network kV4 = *Network::parse("::ffff:0:0/96");
  static const Network kUnicast = *Network::parse("2000::/3");
  if (const auto inner = carried(address)) return is_global(*inner);
  if (!kV4.contains(address) && !kUnicast.contains(address)) return false;
  return !lies_in(internal_networks(), address);
}

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

std::optional<std::string> part_of(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, 0) != CURLUE_OK) return std::nullopt;
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::unexpected<Error> refused(std::string detail, std::string reason = "bad_url") {
  return fail(ErrorCode::invalid_request, std::move(detail), std::move(reason));
}

}  // namespace

bool Network::contains(const IpAddress& other) const {
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (!std::equal(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(whole),
                  other.begin()))
    return false;
  const int rest = prefix % 8;
  return rest == 0 || (address[whole] ^ other[whole]) >> (8 - rest) == 0;
}

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto parsed = parse_address(std::string(text.substr(0, slash)));
  if (!parsed) return std::nullopt;
  Network network{parsed->bytes, kAddressBits};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const int first = parsed->is_v4 ? kMappedBits : 0;
    int bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits < 0 ||
        bits > kAddressBits - first)
      return std::nullopt;
    network.prefix = first + bits;
  }
  for (int bit = network.prefix; bit < kAddressBits; ++bit)
    if ((network.address[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0)
      return std::nullopt;
  return network;
}

bool TargetPolicy::allows(const IpAddress& address) const {
  return lies_in(allowed, address) || is_global(address);
}

bool TargetPolicy::allows(const sockaddr& address) const {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return allows(mapped(v4.sin_addr));
  }
  if (address.sa_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  IpAddress bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return allows(bytes);
}

Result<void> TargetPolicy::check(std::string_view text) const {
  if (text.size() > kMaxTargetUrlBytes)
    return refused("an address has at most " + std::to_string(kMaxTargetUrlBytes) + " bytes");
  const Url url(curl_url());
  if (url == nullptr) throw std::bad_alloc();
  if (curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), 0) != CURLUE_OK)
    return refused("this is no address of the form https://HOST/PATH");
  const std::string scheme = part_of(url, CURLUPART_SCHEME).value_or("");
  if (scheme != "https" && scheme != "http")
    return refused("an address begins with https://, this one with " + scheme + "://");
  if (scheme == "http" && !plain_http)
    return refused("http:// is not allowed here; take https://", "plain_http");
  if (part_of(url, CURLUPART_USER) || part_of(url, CURLUPART_PASSWORD))
    return refused("an address with a name or password in it is not taken");
  std::string host = part_of(url, CURLUPART_HOST).value_or("");
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (const auto address = parse_address(host); address && !allows(address->bytes))
    return refused(host + " is an internal address", "internal_address");
  return {};
}

}  // namespace c360::adapters

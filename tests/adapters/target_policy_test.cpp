// Which addresses a user's url may lead to.
#include "adapters/target_policy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

#include "adapters/curl_http_client.h"
#include "tests/support/service_server.h"

namespace c360::adapters {
namespace {

sockaddr_storage address_of(const std::string& text) {
  sockaddr_storage storage{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    std::memcpy(&storage, &v4, sizeof v4);
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
    v6.sin6_family = AF_INET6;
    std::memcpy(&storage, &v6, sizeof v6);
  }
  return storage;
}

bool allowed(const TargetPolicy& policy, const std::string& text) {
  const sockaddr_storage address = address_of(text);
  return policy.allows(reinterpret_cast<const sockaddr&>(address));
}

TEST(TargetPolicy, OnlyPublicAddressesMayBeCalled) {
  const TargetPolicy policy;
  for (const std::string text :
       {"8.8.8.8", "77.88.8.8", "172.32.0.1", "100.128.0.1", "169.253.0.1", "2a02:6b8::feed:0ff",
        "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808"})
    EXPECT_TRUE(allowed(policy, text)) << text;
  for (const std::string text : {"0.0.0.0",
                                 "10.0.0.1",
                                 "100.64.0.1",
                                 "127.0.0.1",
                                 "127.255.255.254",
                                 "169.254.169.254",
                                 "172.16.0.1",
                                 "172.31.255.255",
                                 "192.0.0.1",
                                 "192.168.1.1",
                                 "198.18.0.1",
                                 "224.0.0.1",
                                 "255.255.255.255",
                                 "::",
                                 "::1",
                                 "::ffff:127.0.0.1",
                                 "::ffff:10.1.1.1",
                                 "::127.0.0.1",
                                 "fe80::1",
                                 "fd00::1",
                                 "ff02::1",
                                 "2001:db8::1",
                                 "2001::1",
                                 "2002:7f00:1::1",
                                 "2002:a00:1::1",
                                 "64:ff9b::7f00:1",
                                 "64:ff9b::a9fe:a9fe",
                                 "64:ff9b:1::1"})
    EXPECT_FALSE(allowed(policy, text)) << text;
}

TEST(TargetPolicy, AnAllowedNetworkIsAnException) {
  const TargetPolicy policy{.allowed = {*Network::parse("10.20.0.0/15"), *Network::parse("::1")}};
  EXPECT_TRUE(allowed(policy, "10.20.0.1"));
  EXPECT_TRUE(allowed(policy, "10.21.255.255"));
  EXPECT_TRUE(allowed(policy, "::1"));
  EXPECT_FALSE(allowed(policy, "10.22.0.0"));
  EXPECT_FALSE(allowed(policy, "127.0.0.1"));
}

TEST(TargetPolicy, NetworksAreReadStrictly) {
  for (const std::string_view text :
       {"10.0.0.0/8", "0.0.0.0/0", "127.0.0.1", "fd00::/8", "::1/128"})
    EXPECT_TRUE(Network::parse(text)) << text;
  for (const std::string_view text : {"", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "10.0.0.0/", "x",
                                      "fd00::/129", "10.0.0.0/-1", "10.0.0.0/8 "})
    EXPECT_FALSE(Network::parse(text)) << text;
}

TEST(TargetPolicy, AddressesAreCheckedBeforeTheyAreKept) {
  const auto reason = [](std::string_view url, TargetPolicy policy = {}) {
    const auto checked = policy.check(url);
    return checked ? std::string("fine") : checked.error().reason;
  };
  EXPECT_EQ(reason("https://hooks.example.com/a?b=c"), "fine");
  EXPECT_EQ(reason("https://8.8.8.8:8443/"), "fine");
  EXPECT_EQ(reason("https://[2a02:6b8::1]/"), "fine");
  EXPECT_EQ(reason("http://hooks.example.com/"), "plain_http");
  EXPECT_EQ(reason("http://hooks.example.com/", {.plain_http = true}), "fine");
  for (const std::string_view url :
       {"https://127.0.0.1/", "https://127.1/", "https://0x7f.0.0.1/", "https://2130706433/",
        "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest"})
    EXPECT_EQ(reason(url), "internal_address") << url;
  EXPECT_EQ(reason("https://10.0.0.1/", {.allowed = {*Network::parse("10.0.0.0/8")}}), "fine");
  for (const std::string_view url :
       {"", "hooks.example.com", "https://", "ftp://hooks.example.com/", "file:///etc/passwd",
        "https://user:word@hooks.example.com/", "https://a b/"})
    EXPECT_EQ(reason(url), "bad_url") << url;
  EXPECT_EQ(reason("https://hooks.example.com/" + std::string(kMaxTargetUrlBytes, 'x')), "bad_url");
}

TEST(TargetPolicy, TheClientConnectsToNoOtherAddress) {
  c360::testing::ServiceServer inside;
  inside.on("/", {.body = "{}"});
  std::string by_name = inside.url() + "/";
  by_name.replace(by_name.find("127.0.0.1"), std::string("127.0.0.1").size(), "localhost");
  CurlHttpClient client("client360/test");
  const TargetPolicy strict;
  for (const std::string& url : {inside.url() + "/", by_name}) {
    const auto answer = client.send({.url = url, .ca_file = inside.ca_file(), .targets = &strict});
    ASSERT_FALSE(answer) << url;
    EXPECT_EQ(answer.error().reason, "internal_address");
  }
  EXPECT_EQ(inside.connections(), 0);
  const TargetPolicy loopback{.allowed = {*Network::parse("127.0.0.0/8")}};
  const auto answer =
      client.send({.url = inside.url() + "/", .ca_file = inside.ca_file(), .targets = &loopback});
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 200);
}

}  // namespace
}  // namespace c360::adapters

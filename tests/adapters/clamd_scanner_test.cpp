#include "adapters/clamd_scanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/support/clamd.h"
#include "tests/support/fake_clamd.h"

namespace c360::adapters {
namespace {

using testing::Clamd;
using testing::FakeClamd;

VirusScanner::Reader reader_of(std::string content) {
  return [content = std::move(content),
          at = std::size_t{0}](std::span<char> into) mutable -> Result<std::size_t> {
    const std::size_t size = std::min(into.size(), content.size() - at);
    std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(at), size, into.begin());
    at += size;
    return size;
  };
}

ClamdScanner scanner_of(const FakeClamd& clamd,
                        std::chrono::milliseconds timeout = std::chrono::seconds{30}) {
  return ClamdScanner{{.address = *parse_clamd_address(clamd.address()), .timeout = timeout}};
}

TEST(ClamdScanner, TellsWhatIsCleanAndWhatIsNot) {
  const FakeClamd clamd;
  const ClamdScanner scanner = scanner_of(clamd);

  for (const std::string& content :
       {std::string(), std::string("hello"), std::string(300'000, 'x')}) {
    const auto verdict = scanner.scan(reader_of(content));
    ASSERT_TRUE(verdict) << verdict.error().detail;
    EXPECT_TRUE(verdict->is_clean()) << verdict->finding;
  }
  // Across the chunks it travels in.
  const auto found = scanner.scan(reader_of(std::string(65'520, 'x') + testing::eicar()));
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(found->finding, "Eicar-Test-Signature");
  EXPECT_EQ(clamd.scans(), 4);
}

TEST(ClamdScanner, WhatClamdWillNotLookAtIsNotClean) {
  const FakeClamd clamd{/*stream_limit=*/100'000};

  const auto verdict = scanner_of(clamd).scan(reader_of(std::string(5'000'000, 'x')));

  ASSERT_TRUE(verdict) << verdict.error().detail;
  EXPECT_FALSE(verdict->is_clean());
  EXPECT_NE(verdict->finding.find("StreamMaxLength"), std::string::npos);
}

TEST(ClamdScanner, WithoutAnAnswerThereIsNoVerdict) {
  FakeClamd clamd;
  clamd.be(FakeClamd::Mood::hangs_up);
  EXPECT_EQ(scanner_of(clamd).scan(reader_of("x")).error().code, ErrorCode::unavailable);
  clamd.be(FakeClamd::Mood::nonsense);
  EXPECT_EQ(scanner_of(clamd).scan(reader_of("x")).error().code, ErrorCode::upstream_rejected);
  clamd.be(FakeClamd::Mood::silent);
  EXPECT_EQ(scanner_of(clamd, std::chrono::milliseconds{50}).scan(reader_of("x")).error().code,
            ErrorCode::timeout);
  clamd.be(FakeClamd::Mood::honest);
  EXPECT_TRUE(scanner_of(clamd).scan(reader_of("x")));

  const ClamdScanner nobody{{.address = {.socket = "/nonexistent/clamd.ctl"}}};
  EXPECT_EQ(nobody.scan(reader_of("x")).error().code, ErrorCode::unavailable);
}

// Debian's own, by either way in: what it says is read rightly, and it reads what we send.
TEST(RealClamd, FindsWhatItsDatabaseKnows) {
  Clamd clamd;
  const auto finding = [](const std::string& address, std::string content) {
    const auto verdict = ClamdScanner{{.address = *parse_clamd_address(address)}}.scan(
        reader_of(std::move(content)));
    return verdict ? verdict->finding : verdict.error().reason;
  };

  for (const std::string& address : {clamd.socket(), clamd.address()}) {
    SCOPED_TRACE(address);
    EXPECT_EQ(finding(address, {}), "");
    EXPECT_EQ(finding(address, "hello"), "");
    EXPECT_EQ(finding(address, std::string(300'000, 'x')), "");
    // Across the chunks it travels in.
    EXPECT_EQ(finding(address, std::string(65'520, 'x') + Clamd::sample()), Clamd::kSignature);
    EXPECT_NE(finding(address, std::string(2 * Clamd::kStreamBytes, 'x')).find("StreamMaxLength"),
              std::string::npos);
  }
  clamd.stop();
  EXPECT_EQ(finding(clamd.socket(), "hello"), "scanner_unavailable");
  EXPECT_EQ(finding(clamd.address(), "hello"), "scanner_unavailable");
  clamd.start();
  EXPECT_EQ(finding(clamd.socket(), Clamd::sample()), Clamd::kSignature);
}

TEST(ClamdScanner, AnErrorOfTheReaderIsHandedOn) {
  const FakeClamd clamd;

  const auto verdict = scanner_of(clamd).scan(
      [](std::span<char>) -> Result<std::size_t> { return fail(ErrorCode::internal, "torn"); });

  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().detail, "torn");
}

TEST(ClamdAddress, IsAPathOrHostAndPort) {
  EXPECT_EQ(parse_clamd_address("/run/clamav/clamd.ctl")->socket, "/run/clamav/clamd.ctl");
  EXPECT_EQ(parse_clamd_address("127.0.0.1:3310")->host, "127.0.0.1");
  EXPECT_EQ(parse_clamd_address("[::1]:3310")->host, "::1");
  EXPECT_EQ(parse_clamd_address("clamav.example:3310")->port, "3310");
  for (const char* wrong : {"", "clamd", ":3310", "host:", "host:0", "host:70000", "host:33x"})
    EXPECT_FALSE(parse_clamd_address(wrong)) << wrong;
}

}  // namespace
}  // namespace c360::adapters

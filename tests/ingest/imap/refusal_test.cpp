#include "ingest/imap/refusal.h"

#include <gtest/gtest.h>

#include "daemon/base/secret.h"
#include "daemon/base/text.h"

namespace c360::ingest::imap {
namespace {

struct AnswerCase {
  Status status;
  std::string_view code;
  std::string_view text;
  ErrorCode expected;
};

TEST(Refusal, SortsTheAnswersOfKnownProvidersToASignIn) {
  const AnswerCase cases[] = {
      {Status::no, "AUTHENTICATIONFAILED", "Invalid credentials", ErrorCode::upstream_auth},
      {Status::no, "ALERT", "Application-specific password required", ErrorCode::upstream_auth},
      {Status::no, "ALERT", "Too many simultaneous connections.", ErrorCode::rate_limited},
      {Status::no, "OVERQUOTA", "Account exceeded its limits", ErrorCode::rate_limited},
      {Status::no, "UNAVAILABLE", "Temporary System Error", ErrorCode::unavailable},
      {Status::no, "", "LOGIN failed.", ErrorCode::upstream_auth},
      {Status::no, "", "Server Unavailable. 15", ErrorCode::unavailable},
      {Status::bad, "", "User is authenticated but not connected.", ErrorCode::unavailable},
      {Status::bad, "", "Request is throttled. Suggested Backoff Time: 299961 milliseconds",
       ErrorCode::rate_limited},
      {Status::bad, "PRIVACYREQUIRED", "Working without TLS is not allowed",
       ErrorCode::upstream_rejected},
      {Status::no, "INUSE", "Mailbox in use", ErrorCode::unavailable},
      {Status::no, "LIMIT", "Too many connections", ErrorCode::rate_limited},
      {Status::no, "EXPIRED", "Password expired", ErrorCode::upstream_auth},
      {Status::no, "NONEXISTENT", "Unknown Mailbox", ErrorCode::upstream_rejected},
  };
  for (const auto& one : cases) {
    const Completion completion{one.status, {std::string(one.code), ""}, std::string(one.text)};
    EXPECT_EQ(refusal(completion, "signing in", one.text, true).code, one.expected) << one.text;
  }
}

TEST(Refusal, ObeysTheWaitTheServerSuggests) {
  const std::string text = "Request is throttled. Suggested Backoff Time: 299961 milliseconds";
  const Error error = refusal({Status::bad, {}, text}, "searching", text, false);
  EXPECT_EQ(error.retry_after, std::chrono::seconds(300));
}

TEST(Refusal, OfACommandSaysWhatWasDoneAndWhatCameBack) {
  const Error error =
      refusal({Status::no, {"TRYCREATE", ""}, "no folder"}, "moving", "no folder", false);
  EXPECT_EQ(error.code, ErrorCode::upstream_rejected);
  EXPECT_EQ(error.detail, "moving: the server answered NO [TRYCREATE] no folder");
  EXPECT_EQ(error.reason, "trycreate");
}

TEST(Refusal, ShowsNoSecretNoControlCharacterAndNotMuch) {
  const std::string text =
      clean_text("bad LOGIN \"ann\" \"hu\\\"nter2\"\r\n\x1b[31m " + std::string(900, 'x') + "\xff",
                 {"hu\\\"nter2", "hu\"nter2"});
  EXPECT_EQ(text.find("nter2"), std::string::npos);
  EXPECT_NE(text.find(kMasked), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_LE(text.size(), 300U);
  EXPECT_TRUE(is_valid_utf8(text));
}

}  // namespace
}  // namespace c360::ingest::imap

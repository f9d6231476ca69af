// Signatures, and the verifiers that docs/webhooks hands out to receivers.
#include "adapters/webhook.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/daemon_process.h"
#include "tests/support/temp_folder.h"

namespace c360::adapters {
namespace {

constexpr std::int64_t kNow = 1'795'487'412;

WebhookMessage message() {
  return {.id = "wh7-1044",
          .body = R"({"event":"created","name":"Ромашка \"1\""})",
          .keys = {Secret(std::string(32, 'k'))}};
}

// The example of the specification, https://www.standardwebhooks.com (its libraries' test).
TEST(Webhook, SignsAsTheStandardWebhooksDo) {
  const WebhookMessage example{
      .id = "msg_p5jXN8AQM9LWM0D4loKWxJek",
      .body = R"({"test": 2432232314})",
      // MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, base64
      .keys = {Secret(std::string("\x31\xf2\x90\xf6\xbf\x06\x29\x8a\xab\x4f\x08\xd4\x3c\x3f\x08\x2c"
                                  "\xf6\x48\xa3\x62\xda\x2d\xa4\xb0"))}};
  EXPECT_EQ(webhook_secret_text(example.keys.front()).reveal(),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  EXPECT_EQ(webhook_signature(example, 1'614'265'330),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

class WebhookVerifiers : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string quoted(const std::string& text) { return "'" + text + "'"; }
  // Whether the published verifier takes the message for ours.
  bool verifies(const WebhookMessage& sent, std::int64_t at, const std::string& signature,
                const Secret& key, std::int64_t now = kNow) const {
    const auto file = folder_.path() / "body";
    std::ofstream(file, std::ios::binary) << sent.body;
    const auto ran = c360::testing::run_program(
        {"/bin/sh", "-c",
         std::string(GetParam()) + " " + quoted(sent.id) + " " + std::to_string(at) + " " +
             quoted(signature) + " " + quoted(std::string(webhook_secret_text(key).reveal())) +
             " " + std::to_string(now) + " < " + file.string()});
    EXPECT_TRUE(ran.exit_code == 0 || ran.exit_code == 1) << ran.output;
    EXPECT_EQ(ran.output, "");
    return ran.exit_code == 0;
  }

  c360::testing::TempFolder folder_;
};

TEST_P(WebhookVerifiers, TakeWhatWeSignedAndNothingElse) {
  const WebhookMessage sent = message();
  const Secret key = sent.keys.front();
  const std::string signature = webhook_signature(sent, kNow);
  EXPECT_TRUE(verifies(sent, kNow, signature, key));
  EXPECT_TRUE(verifies(sent, kNow, signature, key, kNow + 299));
  EXPECT_FALSE(verifies(sent, kNow, signature, key, kNow + 301));
  EXPECT_FALSE(verifies(sent, kNow + 1, signature, key));
  EXPECT_FALSE(verifies(sent, kNow, signature, Secret(std::string(32, 'x'))));
  EXPECT_FALSE(verifies(sent, kNow, "", key));
  WebhookMessage forged = sent;
  forged.body += " ";
  EXPECT_FALSE(verifies(forged, kNow, signature, key));

  // During a rotation either secret will do.
  WebhookMessage rotated = sent;
  const Secret next(std::string(32, 'n'));
  rotated.keys = {next, key};
  const std::string both = webhook_signature(rotated, kNow);
  EXPECT_TRUE(verifies(rotated, kNow, both, key));
  EXPECT_TRUE(verifies(rotated, kNow, both, next));
}

INSTANTIATE_TEST_SUITE_P(Published, WebhookVerifiers,
                         ::testing::Values("python3 " C360_SOURCE_DIR "/docs/webhooks/verify.py",
                                           "node " C360_SOURCE_DIR "/docs/webhooks/verify.js",
                                           "php " C360_SOURCE_DIR "/docs/webhooks/verify.php"),
                         [](const auto& test) {
                           return std::string(test.index == 0   ? "Python"
                                              : test.index == 1 ? "JavaScript"
                                                                : "PHP");
                         });

}  // namespace
}  // namespace c360::adapters

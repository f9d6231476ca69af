#include "ingest/mbox_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace c360::ingest {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kFrom = "From ann@a.example Mon Nov 10 10:15:00 2025\n";

class Collected final : public MessageSink {
 public:
  Result<void> begin() override {
    mails.emplace_back();
    return {};
  }
  Result<void> bytes(std::string_view piece) override {
    mails.back() += piece;
    longest = std::max(longest, piece.size());
    return {};
  }
  Result<void> end() override {
    ++ended;
    return {};
  }
  std::vector<std::string> mails;
  std::size_t ended = 0;
  std::size_t longest = 0;
};

// In pieces of `step` bytes: where they end must not matter.
Result<void> split(std::string_view file, Collected& into, std::size_t step) {
  MboxSplitter splitter{into};
  for (std::size_t at = 0; at < file.size(); at += step)
    if (auto taken = splitter.write(file.substr(at, step)); !taken) return taken;
  return splitter.finish();
}

std::vector<std::string> mails_of(const std::string& file) {
  std::vector<std::string> whole;
  for (const std::size_t step : {file.size() + 1, std::size_t{1}, std::size_t{7}}) {
    Collected collected;
    const auto done = split(file, collected, step);
    EXPECT_TRUE(done) << done.error().detail;
    EXPECT_EQ(collected.ended, collected.mails.size());
    if (whole.empty()) whole = collected.mails;
    EXPECT_EQ(collected.mails, whole) << "in pieces of " << step;
  }
  return whole;
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

TEST(MboxSplitter, CutsAtSeparatorsAndTakesTheEmptyLinesBetweenAway) {
  const std::string from(kFrom);
  EXPECT_THAT(mails_of(from + "Subject: 1\n\none\n\n" + from + "Subject: 2\n\ntwo\n\nmore\n\n"),
              ElementsAre("Subject: 1\n\none\n", "Subject: 2\n\ntwo\n\nmore\n"));
  EXPECT_THAT(mails_of(from + "Subject: 1\n\none\n\n\n" + from + "Subject: 2\n\n"),
              ElementsAre("Subject: 1\n\none\n\n", "Subject: 2\n"));
}

TEST(MboxSplitter, KeepsTheLineEndsOfTheFile) {
  const std::string file = std::string(kFrom) + "Subject: 1\n\n>From me\n\n" + std::string(kFrom) +
                           "Subject: 2\n\ntwo\n";
  EXPECT_THAT(mails_of(with_crlf(file)),
              ElementsAre("Subject: 1\r\n\r\nFrom me\r\n", "Subject: 2\r\n\r\ntwo\r\n"));
}

TEST(MboxSplitter, TakesOneQuotingMarkAway) {
  EXPECT_THAT(mails_of(std::string(kFrom) + "\n>From one\n>>From two\n>Fromage\n> From\n>\n"),
              ElementsAre("\nFrom one\n>From two\n>Fromage\n> From\n>\n"));
}

TEST(MboxSplitter, LeavesALineThatOnlyBeginsLikeASeparator) {
  const std::string text = "\nFrom here on it is a text\n\nFrom the 10:00 onwards\nFrom a 10:00\n";
  // The third stands behind no empty line; the second has a time of day and is one.
  EXPECT_THAT(mails_of(std::string(kFrom) + text),
              ElementsAre("\nFrom here on it is a text\n", "From a 10:00\n"));
  const std::string longline = "\nFrom " + std::string(5'000, 'x') + " 10:00\n";
  EXPECT_THAT(mails_of(std::string(kFrom) + "a\n" + longline), ElementsAre("a\n" + longline));
}

TEST(MboxSplitter, TakesAFileThatWasCutOffAsFarAsItGoes) {
  const std::string from(kFrom);
  EXPECT_THAT(mails_of(from + "Subject: 1\n\none\n\n" + from + "Subject: 2\n\nhalf a li"),
              ElementsAre("Subject: 1\n\none\n", "Subject: 2\n\nhalf a li"));
  EXPECT_THAT(mails_of(from + "Subject: 1\n\none\n\nFrom ann@a.exam"),
              ElementsAre("Subject: 1\n\none\n\nFrom ann@a.exam"));
  EXPECT_THAT(mails_of(from), ElementsAre(""));
}

TEST(MboxSplitter, RefusesWhatIsNoMbox) {
  for (const char* file :
       {"Subject: a mail\n\nbody\n", "", "\n\n", "From nobody\n", "%PDF-1.4 \x01"}) {
    Collected collected;
    const auto done = split(file, collected, 3);
    ASSERT_FALSE(done) << file;
    EXPECT_EQ(done.error().code, ErrorCode::malformed_message);
    EXPECT_EQ(done.error().reason, "not_an_mbox");
    EXPECT_TRUE(collected.mails.empty());
  }
}

TEST(MboxSplitter, HoldsLittleHoweverLongTheLines) {
  Collected collected;
  MboxSplitter splitter{collected};
  ASSERT_TRUE(splitter.write(kFrom));
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(splitter.write(std::string(10'000, '>')));
  ASSERT_TRUE(splitter.finish());
  EXPECT_EQ(collected.mails.front().size(), 10'000'000U);
  EXPECT_LT(collected.longest, 128U * 1024U);
}

TEST(MboxSplitter, StopsWhenTheSinkDoes) {
  class Full final : public MessageSink {
   public:
    Result<void> begin() override { return fail(ErrorCode::unavailable, "full"); }
    Result<void> bytes(std::string_view) override { return {}; }
    Result<void> end() override { return {}; }
  } full;
  MboxSplitter splitter{full};
  EXPECT_EQ(splitter.write(kFrom).error().detail, "full");
}

}  // namespace
}  // namespace c360::ingest

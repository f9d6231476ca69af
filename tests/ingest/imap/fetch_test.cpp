// What becomes of each message of a batch when the server refuses it, whole or in part.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/ingest/imap/client_rig.h"

namespace c360::ingest::imap {
namespace {

using namespace c360::testing;  // NOLINT: the rig is all this file talks about
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void add_mails(ScriptedImapServer& server, int count) {
  for (int i = 1; i <= count; ++i) server.account().add("INBOX", "mail " + std::to_string(i));
}

std::vector<Uid> uids_to(Uid last) {
  std::vector<Uid> uids;
  for (Uid uid = 1; uid <= last; ++uid) uids.push_back(uid);
  return uids;
}

// Whether the sequence set "1:3,7" holds the uid.
bool asks_for(const ImapCommand& command, Uid uid) {
  std::istringstream set(command.arguments.substr(0, command.arguments.find(' ')));
  for (std::string range; std::getline(set, range, ',');) {
    const auto colon = range.find(':');
    const Uid first = static_cast<Uid>(std::stoul(range.substr(0, colon)));
    const Uid last =
        colon == std::string::npos ? first : static_cast<Uid>(std::stoul(range.substr(colon + 1)));
    if (uid >= first && uid <= last) return true;
  }
  return false;
}

TEST(Fetch, NarrowsARefusalDownToTheMessageThatCausesIt) {
  for (const char* refusal : {"NO [SERVERBUG] internal error", "BAD cannot read the message",
                              "NO [UNAVAILABLE] backend error"}) {
    ScriptedImapServer server;
    add_mails(server, 100);
    server.on("UID FETCH", [&](ImapConnection& client, const ImapCommand& command) {
      if (asks_for(command, 37)) {
        client.line(command.tag + " " + refusal);
      } else {
        server.answer(client, command);
      }
    });
    MessageCollector sink;

    const auto fetched = opened(server)->fetch(uids_to(100), sink);

    ASSERT_TRUE(fetched) << fetched.error().detail;
    EXPECT_EQ(sink.messages.size(), 99U);
    ASSERT_EQ(sink.refusals.size(), 1U);
    EXPECT_TRUE(sink.refusals.contains(37));
    EXPECT_THAT(sink.refusals.at(37).detail, HasSubstr("the server answered"));
    EXPECT_THAT(sink.gone, IsEmpty());
    // Halves: two commands for each of seven levels at most.
    const auto commands = server.transcript();
    EXPECT_LE(std::ranges::count_if(
                  commands, [](const std::string& line) { return line.starts_with("UID FETCH"); }),
              15);
  }
}

TEST(Fetch, AsksAgainOnlyForWhatARefusedBatchDidNotBring) {
  ScriptedImapServer server;
  add_mails(server, 4);
  server.on("UID FETCH", [&](ImapConnection& client, const ImapCommand& command) {
    if (command.arguments.starts_with("1:4")) {
      client.line("* 1 FETCH (UID 1 BODY[] {6}\r\nmail 1)");
      client.line("* 2 FETCH (UID 2 BODY[] {6}\r\nmail 2)");
      client.no(command, "that was enough");
    } else {
      server.answer(client, command);
    }
  });
  MessageCollector sink;

  ASSERT_TRUE(opened(server)->fetch(uids_to(4), sink));

  EXPECT_THAT(sink.order, ElementsAre(1, 2, 3, 4));
}

TEST(Fetch, StopsWhenTheServerAsNobodyHasAnything) {
  ScriptedImapServer server;
  add_mails(server, 64);
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "[UNAVAILABLE] the store is away");
  });
  MessageCollector sink;

  const auto fetched = opened(server)->fetch(uids_to(64), sink);

  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, ErrorCode::unavailable);
  EXPECT_LE(sink.refusals.size(), 3U);
}

TEST(Fetch, StopsAtOnceWhenTheServerAsksForPatience) {
  ScriptedImapServer server;
  add_mails(server, 64);
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "[LIMIT] slow down");
  });
  auto mailbox = opened(server);
  MessageCollector sink;

  EXPECT_EQ(mailbox->fetch(uids_to(64), sink).error().code, ErrorCode::rate_limited);
  EXPECT_THAT(sink.refusals, IsEmpty());
  EXPECT_TRUE(mailbox->noop());
}

TEST(Fetch, AMessageListedButNotSentIsRefusedNotMissing) {
  for (const char* instead : {"* 2 FETCH (UID 2 BODY[] NIL)", "* 2 FETCH (UID 2 RFC822.SIZE 6)",
                              "* 2 FETCH (UID 2 FLAGS (\\Seen))", "* OK nothing"}) {
    ScriptedImapServer server;
    add_mails(server, 2);
    server.on("UID FETCH", [&](ImapConnection& client, const ImapCommand& command) {
      client.line("* 1 FETCH (UID 1 BODY[] {6}\r\nmail 1)");
      client.line(instead);
      client.ok(command);
    });
    MessageCollector sink;

    ASSERT_TRUE(opened(server)->fetch(uids_to(2), sink));

    EXPECT_THAT(sink.order, ElementsAre(1));
    EXPECT_TRUE(sink.refusals.contains(2)) << instead;
    EXPECT_THAT(sink.gone, IsEmpty());
  }
}

TEST(Fetch, AMessageRefusedBecauseItWentIsMissing) {
  ScriptedImapServer server;
  add_mails(server, 1);
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand& command) {
    client.no(command, "[EXPUNGEISSUED] some messages no longer exist");
  });
  MessageCollector sink;

  ASSERT_TRUE(opened(server)->fetch(std::vector<Uid>{7}, sink));

  EXPECT_THAT(sink.gone, ElementsAre(7));
}

TEST(Fetch, AnErrorOfTheSinkEndsItAndIsReturned) {
  ScriptedImapServer server;
  add_mails(server, 5);
  class FullDisk final : public FetchSink {
   public:
    Result<void> begin(std::uint64_t) override { return {}; }
    Result<void> bytes(std::string_view) override {
      return fail(ErrorCode::internal, "the disk is full");
    }
    Result<void> end(const FetchedMeta&) override { return {}; }
    void discard() override { ++discarded; }
    void missing(Uid) override {}
    void refused(Uid, const Error&) override {}
    int discarded = 0;
  } sink;
  auto mailbox = opened(server);

  EXPECT_EQ(mailbox->fetch(uids_to(5), sink).error().detail, "the disk is full");
  EXPECT_EQ(sink.discarded, 1);
  EXPECT_FALSE(mailbox->noop());
}

TEST(Fetch, SplitsAListOfUidsThatIsTooLongForOneCommand) {
  ScriptedImapServer server;
  add_mails(server, 2'001);
  std::vector<Uid> odd;
  for (Uid uid = 1; uid <= 2'001; uid += 2) odd.push_back(uid);
  auto mailbox = opened(server);
  MessageCollector sink;

  ASSERT_TRUE(mailbox->fetch(odd, sink));

  EXPECT_EQ(sink.order, odd);
  for (const std::string& line : server.transcript()) EXPECT_LE(line.size(), 8'000U);
}

TEST(Fetch, OfNothingAsksNothing) {
  ScriptedImapServer server;
  auto mailbox = opened(server);
  const std::size_t before = server.transcript().size();
  MessageCollector sink;

  EXPECT_TRUE(mailbox->fetch({}, sink));
  EXPECT_TRUE(mailbox->expunge({}));
  EXPECT_EQ(server.transcript().size(), before);
}

// "VmRSS" or "VmHWM" of this process in bytes.
std::size_t memory(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoul(line.substr(line.find(':') + 1)) * 1024;
  }
  return 0;
}

TEST(Fetch, AMessageOfFiftyMegabytesPassesWithoutStayingInMemory) {
  constexpr std::size_t kSize = 50U << 20U;
  constexpr std::size_t kChunk = 1U << 20U;
  ScriptedImapServer server;
  add_mails(server, 1);
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand& command) {
    const std::string chunk(kChunk, 'x');
    client.send("* 1 FETCH (UID 1 RFC822.SIZE 52428800 BODY[] {" + std::to_string(kSize) + "}\r\n");
    for (std::size_t sent = 0; sent < kSize; sent += kChunk) client.send(chunk);
    client.line(")");
    client.ok(command);
  });
  auto mailbox = opened(server);
  MessageCollector sink;
  sink.keep = false;
  std::ofstream("/proc/self/clear_refs") << "5";  // the high-water mark begins anew
  const std::size_t before = memory("VmRSS");

  const auto fetched = mailbox->fetch(std::vector<Uid>{1}, sink);

  ASSERT_TRUE(fetched) << fetched.error().detail;
  EXPECT_EQ(sink.received, kSize);
  EXPECT_EQ(sink.metas.at(1).literal_size, kSize);
  EXPECT_LT(memory("VmHWM"), before + (16U << 20U));
}

}  // namespace
}  // namespace c360::ingest::imap

// interrupt() from another thread ends whatever call is blocked. Without it each of these tests
// would wait for minutes.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/ingest/imap/client_rig.h"
#include "tests/support/loopback.h"

namespace c360::ingest::imap {
namespace {

using namespace c360::testing;  // NOLINT: the rig is all this file talks about

ImapOptions patient(ImapOptions options) {
  options.connect_timeout = std::chrono::minutes(10);
  options.command_timeout = std::chrono::minutes(10);
  return options;
}

TEST(Interrupt, EndsAReadThatIsBlocked) {
  ScriptedImapServer server;
  server.on("NOOP", [](ImapConnection& client, const ImapCommand&) { client.hang(); });
  auto mailbox = opened(patient(options_for(server)));
  std::thread other([&] {
    server.wait_for("NOOP");
    mailbox->interrupt();
  });

  const auto result = mailbox->noop();

  other.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, "interrupted");
  EXPECT_EQ(mailbox->search({}).error().reason, "interrupted");
}

TEST(Interrupt, EndsAFetchInTheMiddleOfAMessage) {
  ScriptedImapServer server;
  server.on("UID FETCH", [](ImapConnection& client, const ImapCommand&) {
    client.send("* 1 FETCH (UID 1 BODY[] {1000}\r\nhalf");
    client.hang();
  });
  auto mailbox = opened(patient(options_for(server)));
  class InterruptingSink final : public FetchSink {
   public:
    explicit InterruptingSink(Mailbox& mailbox) : mailbox_(mailbox) {}
    Result<void> begin(std::uint64_t) override { return {}; }
    Result<void> bytes(std::string_view) override {
      mailbox_.interrupt();
      return {};
    }
    Result<void> end(const FetchedMeta&) override { return {}; }
    void discard() override { discarded = true; }
    void missing(Uid) override {}
    void refused(Uid, const Error&) override {}
    bool discarded = false;

   private:
    Mailbox& mailbox_;
  } sink{*mailbox};

  EXPECT_EQ(mailbox->fetch(std::vector<Uid>{1}, sink).error().reason, "interrupted");
  EXPECT_TRUE(sink.discarded);
}

TEST(Interrupt, EndsATlsHandshake) {
  ScriptedImapServer server;
  server.on("", [](ImapConnection& client, const ImapCommand&) { client.hang(); });
  ImapOptions options = patient(options_for(server));
  options.tls = TlsMode::imaps;
  auto mailbox = make_imap_mailbox(options);
  std::thread other([&] {
    server.wait_for("");
    mailbox->interrupt();
  });

  const auto result = mailbox->connect();

  other.join();
  EXPECT_EQ(result.error().reason, "interrupted");
}

TEST(Interrupt, BeforeTheConnectionIsMadeCountsToo) {
  ScriptedImapServer server;
  auto mailbox = make_imap_mailbox(patient(options_for(server)));
  mailbox->interrupt();

  EXPECT_EQ(mailbox->connect().error().reason, "interrupted");
}

// A port whose queue of connections is full, so that one more waits for an answer to its SYN.
class FullPort {
 public:
  FullPort() {
    listener_ = make_socket();
    sockaddr_in address = c360::testing::loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    EXPECT_EQ(listen(listener_, 0), 0);
    port_ = ntohs(address.sin_port);
    while (waiting() == 0 && fillers_.size() < 100) {
      fillers_.push_back(make_socket());
      address = c360::testing::loopback(port_);
      connect(fillers_.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    fillers_waiting_ = waiting();
  }
  ~FullPort() {
    for (const int filler : fillers_) close(filler);
    close(listener_);
  }
  FullPort(const FullPort&) = delete;
  FullPort& operator=(const FullPort&) = delete;

  std::uint16_t port() const { return port_; }
  // Until somebody else waits for the port as well.
  void wait_for_another() const {
    while (waiting() <= fillers_waiting_) std::this_thread::yield();
  }

 private:
  static int make_socket() {
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  // Connections to the port in state SYN_SENT (02).
  int waiting() const {
    char remote[16];
    std::snprintf(remote, sizeof remote, ":%04X 02", port_);
    std::ifstream table("/proc/net/tcp");
    int count = 0;
    for (std::string line; std::getline(table, line);) {
      if (line.find(remote) != std::string::npos) ++count;
    }
    return count;
  }

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<int> fillers_;
  int fillers_waiting_ = 0;
};

TEST(Interrupt, EndsAConnectThatIsBlocked) {
  const FullPort full;
  ImapOptions options;
  options.host = "127.0.0.1";
  options.port = full.port();
  auto mailbox = make_imap_mailbox(patient(options));
  std::thread other([&] {
    full.wait_for_another();
    mailbox->interrupt();
  });

  const auto result = mailbox->connect();

  other.join();
  EXPECT_EQ(result.error().reason, "interrupted") << result.error().detail;
}

TEST(Interrupt, IsNotNeededWhereTheDeadlineOfTheConnectEndsIt) {
  const FullPort full;
  ImapOptions options;
  options.host = "127.0.0.1";
  options.port = full.port();
  options.connect_timeout = std::chrono::milliseconds(50);

  EXPECT_EQ(refused_connect(options).code, ErrorCode::timeout);
}

TEST(Wake, IsRememberedUntilTheNextIdle) {
  ScriptedImapServer server;
  auto mailbox = opened(patient(options_for(server)));
  mailbox->wake();

  EXPECT_EQ(mailbox->idle(std::chrono::minutes(10)), IdleOutcome::woken);
  EXPECT_EQ(mailbox->idle(std::chrono::milliseconds(5)), IdleOutcome::timeout);
}

}  // namespace
}  // namespace c360::ingest::imap

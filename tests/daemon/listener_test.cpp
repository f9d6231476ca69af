#include "daemon/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "adapters/curl_http_client.h"
#include "api/request.h"
#include "api/response.h"
#include "tests/support/http_client.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace c360::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HttpClient;

class Answering final : public api::Handler {
 public:
  void handle(api::Request& request, api::Response& response) override {
    if (request.path == "/slow") {
      entered.set_value();
      released.get_future().wait();
    }
    response.text("here");
  }
  std::promise<void> entered;
  std::promise<void> released;
};

class ListenerTest : public ::testing::Test {
 protected:
  Log log_{LogTarget::none};
  Metrics metrics_;
  Observer observer_{log_, metrics_};
  Answering handler_;
  Listener listener_{handler_, observer_};
  api::ServerOptions options_{.linger_timeout = milliseconds{200}};

  void open(const api::ServerOptions& options) {
    auto server = listener_.prepare(options);
    ASSERT_TRUE(server) << server.error().detail;
    listener_.adopt(std::move(*server), options, seconds{10});
  }
  static bool answers(std::uint16_t port) {
    return HttpClient(port).get("/", {{"Connection", "close"}}).status == 200;
  }
};

TEST_F(ListenerTest, MovesToAnotherPortAndFinishesWhatRunsOnTheOldOne) {
  open(options_);
  const std::uint16_t first = listener_.port();
  auto slow = std::async(std::launch::async, [&] { return HttpClient(first).get("/slow").status; });
  handler_.entered.get_future().wait();

  api::ServerOptions moved = options_;
  moved.name = "moved";
  moved.host = "localhost";
  open(moved);

  EXPECT_NE(listener_.port(), first);
  EXPECT_TRUE(answers(listener_.port()));
  handler_.released.set_value();
  EXPECT_EQ(slow.get(), 200);
}

TEST_F(ListenerTest, ANewServerOnTheSameAddressLosesNoRequest) {
  open(options_);
  const std::uint16_t port = listener_.port();
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::atomic<int> lost = 0;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      while (!stop) (answers(port) ? good : lost)++;
    });

  for (int generation = 0; generation < 5; ++generation) {
    const int before = good;
    api::ServerOptions next = options_;
    next.port = port;
    next.max_threads = 64 + static_cast<std::size_t>(generation);
    open(next);
    while (good < before + 20 && lost == 0) std::this_thread::yield();
  }
  stop = true;
  clients.clear();

  EXPECT_EQ(listener_.port(), port);
  EXPECT_EQ(lost, 0);
}

TEST_F(ListenerTest, AnAddressThatCannotBeHadChangesNothing) {
  open(options_);
  const std::uint16_t port = listener_.port();
  const testing::RawConnection somebody_else(port);
  Listener other{handler_, observer_};
  api::ServerOptions taken = options_;
  taken.port = port;

  EXPECT_FALSE(other.prepare(taken));
  EXPECT_TRUE(answers(port));
}

TEST_F(ListenerTest, AMoveIsSeenAsARefusalAndTheNewPlaceAnswersBefore) {
  open(options_);
  std::atomic<std::uint16_t> port = listener_.port();
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::atomic<int> lost = 0;
  const auto ask = [&] {
    testing::RawConnection connection(port);
    if (!connection.connected()) {
      // Who is refused at the old place finds the new one there already.
      connection = testing::RawConnection(listener_.port());
    }
    connection.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    (connection.read_answer().status == 200 ? good : lost)++;
  };
  std::vector<std::jthread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      while (!stop) ask();
    });

  for (int move = 0; move < 8; ++move) {
    const int before = good;
    const std::uint16_t former = port;
    options_.host = move % 2 == 0 ? "localhost" : "127.0.0.1";  // port 0: another one each time
    open(options_);
    EXPECT_FALSE(testing::RawConnection(former).connected()) << "the old place is free again";
    port = listener_.port();
    while (good < before + 20 && lost == 0) std::this_thread::yield();
  }
  stop = true;
  clients.clear();

  EXPECT_EQ(lost, 0);
}

TEST_F(ListenerTest, AKeptConnectionIsToldToCloseAndLosesNoRequest) {
  open(options_);
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  testing::RawConnection kept(listener_.port());
  kept.send(request);
  EXPECT_EQ(kept.read_answer().header("connection"), "keep-alive");

  api::ServerOptions next = options_;
  next.port = listener_.port();
  open(next);

  kept.send(request);
  const auto last = kept.read_answer();
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.header("connection"), "close");
}

TEST_F(ListenerTest, AServerThatWasOnlyPreparedServesNobody) {
  open(options_);
  options_.port = listener_.port();
  {
    const auto dropped = listener_.prepare(options_);
  }
  EXPECT_TRUE(answers(listener_.port()));
}

// What serves TLS with one of two certificates, each from an authority of its own.
class TlsListenerTest : public ListenerTest {
 protected:
  struct Authority {
    testing::TempFolder folder;
    testing::TestAuthority authority{folder.path()};
    testing::CertificateFiles server = authority.issue("server");
  };
  std::array<Authority, 2> authorities_;
  testing::TempFolder folder_;

  void open_with(const Authority& authority) {
    options_.certificate_file = authority.server.certificate.string();
    options_.private_key_file = authority.server.key.string();
    open(options_);
    if (options_.port == 0) options_.port = listener_.port();
  }
  // Empty, or why there was no answer.
  std::string refusal(const std::filesystem::path& trusted) const {
    adapters::CurlHttpClient client{"test"};
    const auto answer =
        client.send({.url = "https://127.0.0.1:" + std::to_string(options_.port) + "/",
                     .ca_file = trusted.string()});
    if (!answer) return answer.error().detail;
    return answer->status == 200 ? "" : std::to_string(answer->status);
  }
  // Either authority will do.
  std::filesystem::path both() const {
    const auto file = folder_.path() / "both.pem";
    std::ofstream out(file);
    for (const Authority& one : authorities_) out << std::ifstream(one.authority.ca_file()).rdbuf();
    return file;
  }
};

TEST_F(TlsListenerTest, AReplacedCertificateIsShownToTheNextConnectionAndNoneIsLost) {
  open_with(authorities_[0]);
  const auto trusting_both = both();
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::array<std::string, 2> lost;
  std::vector<std::jthread> clients;
  for (std::string& why : lost)
    clients.emplace_back([&] {
      while (!stop && why.empty()) {
        why = refusal(trusting_both);
        ++answered;
      }
    });

  for (std::size_t swap = 1; swap <= 24; ++swap) {
    const int before = answered;
    open_with(authorities_[swap % 2]);
    EXPECT_EQ(refusal(authorities_[swap % 2].authority.ca_file()), "") << "at swap " << swap;
    EXPECT_NE(refusal(authorities_[(swap + 1) % 2].authority.ca_file()), "") << "at swap " << swap;
    while (answered < before + 4 && lost[0].empty() && lost[1].empty()) std::this_thread::yield();
  }
  stop = true;
  clients.clear();

  EXPECT_THAT(lost, ::testing::Each(""));
}

TEST(Gate, AnswersWithItsReasonUntilItIsOpened) {
  Gate gate{"the database is away"};
  api::Request request;
  request.path = "/api/v1/deals";
  api::Response response;

  gate.handle(request, response);
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(response.body.find("the database is away"), std::string::npos);

  gate.open(std::make_shared<Answering>());
  api::Response opened;
  gate.handle(request, opened);
  EXPECT_EQ(opened.status, 200);

  gate.close("stopping");
  api::Response closed;
  gate.handle(request, closed);
  EXPECT_EQ(closed.status, 503);
}

}  // namespace
}  // namespace c360::daemon

#include "daemon/listener.h"

#include <gtest/gtest.h>

#include <atomic>
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

TEST_F(ListenerTest, AReplacedCertificateIsShownToTheNextConnection) {
  const testing::TempFolder old_folder;
  const testing::TempFolder new_folder;
  testing::TestAuthority old_authority{old_folder.path()};
  testing::TestAuthority new_authority{new_folder.path()};
  const auto old_files = old_authority.issue("server");
  const auto new_files = new_authority.issue("server");
  options_.certificate_file = old_files.certificate.string();
  options_.private_key_file = old_files.key.string();
  open(options_);
  const std::uint16_t port = listener_.port();
  const auto seen_by = [&](const std::string& authority) {
    adapters::CurlHttpClient client{"test"};
    const auto answer = client.send(
        {.url = "https://127.0.0.1:" + std::to_string(port) + "/", .ca_file = authority});
    return answer && answer->status == 200;
  };
  EXPECT_TRUE(seen_by(old_authority.ca_file()));

  options_.port = port;
  options_.certificate_file = new_files.certificate.string();
  options_.private_key_file = new_files.key.string();
  open(options_);

  // Both servers accept until the old one has stopped; then only the new certificate is shown.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  const auto replaced = [&] {
    return !seen_by(old_authority.ca_file()) && seen_by(new_authority.ca_file());
  };
  bool shown = false;
  while (!shown && std::chrono::steady_clock::now() < deadline) shown = replaced();
  EXPECT_TRUE(shown);
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

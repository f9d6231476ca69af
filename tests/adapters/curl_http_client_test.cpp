// The HTTP client against a server that says exactly what a test wants it to say.
#include "adapters/curl_http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "tests/support/loopback.h"

namespace c360::adapters {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// Serves one connection with `behaviour` and remembers the request.
class OneConnection {
 public:
  explicit OneConnection(std::function<void(int)> behaviour) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = c360::testing::loopback(0);
    bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listening_, 1);
    socklen_t size = sizeof address;
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this, behaviour = std::move(behaviour)] {
      const int connection = accept(listening_, nullptr, nullptr);
      if (connection < 0) return;
      char byte = 0;
      while (!request_.ends_with("\r\n\r\n") && recv(connection, &byte, 1, 0) == 1)
        request_ += byte;
      behaviour(connection);
      close(connection);
    });
  }
  ~OneConnection() {
    shutdown(listening_, SHUT_RDWR);
    thread_.join();
    close(listening_);
  }
  OneConnection(const OneConnection&) = delete;
  OneConnection& operator=(const OneConnection&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/path"; }
  const std::string& request() const { return request_; }

 private:
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::string request_;
  std::jthread thread_;
};

void say(int connection, std::string_view text) {
  (void)!send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

TEST(CurlHttpClient, AnyStatusIsAnAnswerWithItsFieldsAndBody) {
  OneConnection server([](int connection) {
    say(connection, "HTTP/1.1 422 Unprocessable\r\nX-Thing: one\r\nContent-Length: 4\r\n\r\noops");
  });
  CurlHttpClient client{"client360-test"};

  const auto answer = client.send({.method = "PATCH",
                                   .url = server.url(),
                                   .headers = {{"X-Asked", "yes"}},
                                   .allow_plain_http = true});

  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 422);
  EXPECT_EQ(answer->body, "oops");
  EXPECT_EQ(answer->header("x-THING"), "one");
  EXPECT_THAT(server.request(), HasSubstr("PATCH /path HTTP/1.1"));
  EXPECT_THAT(server.request(), HasSubstr("X-Asked: yes"));
  EXPECT_THAT(server.request(), HasSubstr("User-Agent: client360-test"));
}

TEST(CurlHttpClient, ADrippingAnswerIsCutAtTheDeadlineOfTheWholeCall) {
  OneConnection server([](int connection) {
    say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    // A byte whenever the client asks for none: until it hangs up.
    char byte = 0;
    while (send(connection, "x", 1, MSG_NOSIGNAL) == 1 &&
           recv(connection, &byte, 1, MSG_DONTWAIT) != 0)
      std::this_thread::sleep_for(milliseconds{20});
  });
  CurlHttpClient client{"test"};

  const auto answer =
      client.send({.url = server.url(), .timeout = milliseconds{300}, .allow_plain_http = true});

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::timeout);
}

TEST(CurlHttpClient, AnAnswerOverTheLimitIsRefusedWithAndWithoutItsLength) {
  for (const bool announced : {true, false}) {
    OneConnection server([announced](int connection) {
      say(connection, std::string("HTTP/1.1 200 OK\r\n") +
                          (announced ? "Content-Length: 5000\r\n" : "Connection: close\r\n") +
                          "\r\n" + std::string(5'000, 'x'));
    });
    CurlHttpClient client{"test"};

    const auto answer =
        client.send({.url = server.url(), .max_answer_bytes = 1'000, .allow_plain_http = true});

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::upstream_rejected);
    EXPECT_THAT(answer.error().detail, HasSubstr("over 1000 bytes"));
  }
}

TEST(CurlHttpClient, ARedirectIsAnAnswerAndNotFollowed) {
  OneConnection server([](int connection) {
    say(connection,
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
        "Content-Length: 0\r\n\r\n");
  });
  CurlHttpClient client{"test"};

  const auto answer = client.send({.url = server.url(), .allow_plain_http = true});

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
}

TEST(CurlHttpClient, PlainHttpNeedsAWordAndAFileIsNeverRead) {
  CurlHttpClient client{"test"};
  EXPECT_EQ(client.send({.url = "http://127.0.0.1:1/"}).error().code, ErrorCode::invalid_request);
  EXPECT_EQ(client.send({.url = "file:///etc/passwd", .allow_plain_http = true}).error().code,
            ErrorCode::invalid_request);
}

TEST(CurlHttpClient, TellsWhetherTheRequestWasWrittenWhole) {
  CurlHttpClient client{"test"};
  EXPECT_FALSE(client.was_written());
  {
    OneConnection server([](int) {});
    EXPECT_FALSE(client.send(
        {.method = "POST", .url = server.url(), .body = "x", .allow_plain_http = true}));
    EXPECT_TRUE(client.was_written()) << "nobody answered";
  }
  EXPECT_FALSE(client.send({.url = "http://127.0.0.1:1/", .allow_plain_http = true}));
  EXPECT_FALSE(client.was_written()) << "nobody was there";
  {
    // Its head is read and no more.
    OneConnection server([](int) {});
    EXPECT_FALSE(client.send({.method = "POST",
                              .url = server.url(),
                              .body = std::string(std::size_t{32} << 20U, 'x'),
                              .allow_plain_http = true}));
    EXPECT_FALSE(client.was_written());
  }
}

TEST(CurlHttpClient, NobodyThereIsUnavailable) {
  CurlHttpClient client{"test"};
  EXPECT_EQ(client.send({.url = "http://127.0.0.1:1/", .allow_plain_http = true}).error().code,
            ErrorCode::unavailable);
}

}  // namespace
}  // namespace c360::adapters

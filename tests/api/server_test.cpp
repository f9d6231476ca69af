// The listener alone, with routes that need no database: what hostile and slow clients meet.
#include "api/server.h"

#include <Poco/Net/Context.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "api/router.h"
#include "tests/support/http_client.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace c360::api {
namespace {

using std::chrono::milliseconds;
using testing::HttpAnswer;
using testing::HttpClient;
using testing::RawConnection;

class ServerTest : public ::testing::Test {
 protected:
  ServerOptions options_{.header_timeout = milliseconds{300},
                         .body_grace = milliseconds{300},
                         .linger_timeout = milliseconds{200}};
  Log log_{LogTarget::none};
  Metrics metrics_;
  Observer observer_{log_, metrics_};
  std::promise<void> entered_;
  std::promise<void> release_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> server_;

  std::vector<Route> routes() {
    std::vector<Route> all;
    const auto add = [&](Method method, std::string path, RouteHandler handler) {
      all.push_back(Route{.method = method,
                          .path = std::move(path),
                          .access = Access::open,
                          .handler = std::move(handler)});
    };
    add(Method::get, "/hello", [](Request&, Response& response) -> Result<void> {
      response.json(R"({"hello":"world"})");
      return {};
    });
    add(Method::post, "/echo", [](Request& request, Response& response) -> Result<void> {
      auto body = request.read_body(1'000);
      if (!body) return std::unexpected(body.error());
      response.text(*body);
      return {};
    });
    add(Method::post, "/deaf", [](Request&, Response& response) -> Result<void> {
      response.text("no thanks");
      return {};
    });
    add(Method::get, "/items/{id}/parts/{part}",
        [](Request& request, Response& response) -> Result<void> {
          response.text(request.path_value(0) + "|" + request.path_value(1));
          return {};
        });
    add(Method::get, "/items/first/parts/{part}", [](Request&, Response& response) -> Result<void> {
      response.text("literal");
      return {};
    });
    add(Method::get, "/bug", [](Request&, Response&) -> Result<void> {
      throw std::runtime_error("secret inner detail");
    });
    add(Method::get, "/slow", [this](Request&, Response& response) -> Result<void> {
      entered_.set_value();
      release_.get_future().wait();
      response.text("done");
      return {};
    });
    add(Method::get, "/stream", [](Request&, Response& response) -> Result<void> {
      response.stream_size = 300'000;
      response.stream = [](const BodySink& sink) -> Result<void> {
        for (int i = 0; i < 3; ++i) {
          if (auto sent = sink(std::string(100'000, 'x')); !sent) return sent;
        }
        return {};
      };
      return {};
    });
    return all;
  }

  void start() {
    router_ = std::make_unique<Router>(routes(), nullptr, observer_);
    server_ = std::make_unique<HttpServer>(options_, *router_, observer_);
    const auto started = server_->listen();
    ASSERT_TRUE(started) << started.error().detail;
    server_->serve();
  }
  RawConnection connect() const { return RawConnection(server_->port()); }
  HttpAnswer raw(std::string_view bytes) const {
    RawConnection connection = connect();
    connection.send(bytes);
    return connection.read_answer();
  }
  double refused(std::string_view reason) {
    const std::string line =
        "client360_http_refused_total{reason=\"" + std::string(reason) + "\"} ";
    const std::string all = metrics_.serialize();
    const auto at = all.find(line);
    return at == std::string::npos ? 0 : std::stod(all.substr(at + line.size()));
  }
};

// A thousand routes of a dozen series each would make every scrape megabytes.
TEST_F(ServerTest, TheSeriesOfARouteBeginWithItsFirstRequest) {
  start();
  const std::string of_hello = R"(client360_http_request_duration_seconds_count{)"
                               R"(method="GET",route="/hello"})";
  EXPECT_EQ(metrics_.serialize().find("route="), std::string::npos);

  {
    HttpClient client(server_->port());
    for (int i = 0; i < 2; ++i) ASSERT_EQ(client.get("/hello").status, 200);
  }
  // Counted once the answer is on its way.
  server_->stop();

  const std::string all = metrics_.serialize();
  EXPECT_NE(all.find(of_hello + " 2"), std::string::npos) << all;
  EXPECT_NE(
      all.find(R"(client360_http_requests_total{method="GET",route="/hello",status="200"} 2)"),
      std::string::npos);
  EXPECT_EQ(all.find("method=\"POST\""), std::string::npos) << "of routes nobody asked for";
}

TEST_F(ServerTest, AnswersOnAKeptConnectionWithTheUsualFields) {
  start();
  HttpClient client(server_->port());

  const auto first = client.get("/hello", {{"X-Request-Id", "abc-1"}});
  const auto second = client.get("/hello");

  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, R"({"hello":"world"})");
  EXPECT_EQ(first.header("x-request-id"), "abc-1");
  EXPECT_EQ(first.header("connection"), "keep-alive");
  EXPECT_EQ(first.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(first.header("cache-control"), "no-store");
  EXPECT_FALSE(first.has_header("access-control-allow-origin"));
  EXPECT_EQ(second.header("x-request-id").size(), 36U) << "a UUID where none came";
}

TEST_F(ServerTest, ReplacesAnInsaneRequestId) {
  start();
  HttpClient client(server_->port());
  EXPECT_EQ(client.get("/hello", {{"X-Request-Id", "a b\"c"}}).header("x-request-id").size(), 36U);
  EXPECT_EQ(
      client.get("/hello", {{"X-Request-Id", std::string(65, 'a')}}).header("x-request-id").size(),
      36U);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawConnection connection = connect();
  connection.send(
      "GET /items/1/parts/a HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "GET /items/2/parts/b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(connection.read_answer().body, "1|a");
  EXPECT_EQ(connection.read_answer().body, "abc");
  EXPECT_EQ(connection.read_answer().body, "2|b");
}

TEST_F(ServerTest, RoutesHeadOptionsUnknownPathsAndMethods) {
  start();
  HttpClient client(server_->port());

  const auto head = client.request("HEAD", "/hello");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "17");

  const auto options = client.request("OPTIONS", "/hello");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("allow"), "GET, HEAD, OPTIONS");

  const auto missing = client.get("/nowhere");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.header("content-type"), "application/problem+json");
  EXPECT_EQ(missing.field("type"), "not_found");
  EXPECT_EQ(missing.field("instance"), "/nowhere");
  EXPECT_EQ(missing.field("request_id"), missing.header("x-request-id"));

  const auto wrong = client.del("/hello");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(client.get("/items/first/parts/x").body, "literal") << "literals win";
  EXPECT_EQ(client.get("/items/%D1%80/parts/a%2Fb").body, "р|a/b");
  EXPECT_EQ(client.get("/items/%ff/parts/a").status, 400);
  EXPECT_EQ(client.get("/items//parts/a").status, 404);
  EXPECT_EQ(client.get("/hello?x=1").status, 400) << "unknown query parameter";
  EXPECT_EQ(raw("BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n").status, 405);
}

TEST_F(ServerTest, AnExceptionIsAProblemThatTellsNothing) {
  start();
  HttpClient client(server_->port());
  const auto answer = client.get("/bug");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.field("type"), "internal");
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  EXPECT_EQ(client.get("/hello").status, 200);
}

TEST_F(ServerTest, RefusesSmugglingAndClosesTheConnection) {
  start();
  for (const std::string fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1", "Transfer-Encoding: x, chunked", "Content-Length : 5"}) {
    RawConnection connection = connect();
    connection.send("POST /echo HTTP/1.1\r\nHost: x\r\n" + fields +
                    "\r\n\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = connection.read_answer();
    EXPECT_EQ(answer.status, 400) << fields;
    EXPECT_EQ(answer.header("content-type"), "application/problem+json");
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_EQ(connection.read_answer().status, 0) << "the second request was not served";
  }
  EXPECT_GT(refused("content_length"), 0);
}

TEST_F(ServerTest, ReadsChunkedBodiesStrictly) {
  start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(raw(head + "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n").body, "abcde");
  EXPECT_EQ(raw(head + "zz\r\nabc\r\n0\r\n\r\n").status, 400);
  EXPECT_EQ(raw(head + "-3\r\nabc\r\n0\r\n\r\n").status, 400);
  EXPECT_EQ(raw(head + "3\r\nabcX\r\n0\r\n\r\n").status, 400);
  EXPECT_EQ(raw(head + "ffffffffffffffffff\r\n").status, 400);
  EXPECT_EQ(raw(head + std::string(300, '0') + "1\r\na\r\n0\r\n\r\n").status, 400);
  // 1,000 bytes are allowed here, in chunks or not.
  std::string large;
  for (int i = 0; i < 11; ++i) large += "64\r\n" + std::string(100, 'a') + "\r\n";
  EXPECT_EQ(raw(head + large + "0\r\n\r\n").status, 413);
}

TEST_F(ServerTest, RefusesALargeBodyBeforeReadingIt) {
  start();
  RawConnection connection = connect();
  connection.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  const auto answer = connection.read_answer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.field("code"), "body_too_large");
  EXPECT_TRUE(connection.wait_for_close());

  RawConnection polite = connect();
  polite.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  polite.send("abc");
  EXPECT_EQ(polite.read_answer().body, "abc");
}

TEST_F(ServerTest, AnAnswerBeforeTheBodyWasReadReachesTheClient) {
  start();
  RawConnection connection = connect();
  const std::string body(200'000, 'b');
  connection.send("POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
  connection.send(body);
  EXPECT_EQ(connection.read_answer().body, "no thanks");
  // A small body nobody read is skipped and the connection kept.
  RawConnection small = connect();
  small.send(
      "POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"
      "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(small.read_answer().body, "no thanks");
  EXPECT_EQ(small.read_answer().status, 200);
}

TEST_F(ServerTest, RefusesLongRequestLinesLargeHeadersAndManyFields) {
  start();
  const auto uri = raw("GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(uri.status, 414);
  EXPECT_EQ(uri.header("content-type"), "application/problem+json");
  const auto large =
      raw("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: " + std::string(40'000, 'a') + "\r\n\r\n");
  EXPECT_EQ(large.status, 431);
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  EXPECT_EQ(raw("GET /hello HTTP/1.1\r\nHost: x\r\n" + many + "\r\n").status, 431);
  EXPECT_EQ(refused("uri_too_long"), 1);
  EXPECT_EQ(refused("header_too_large"), 2);
}

TEST_F(ServerTest, AHeaderThatDripsIsAnswered408) {
  start();
  RawConnection connection = connect();
  connection.send("GET /hello HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  const auto answer = connection.read_answer();
  EXPECT_EQ(answer.status, 408);
  EXPECT_EQ(answer.field("code"), "request_timeout");
  EXPECT_TRUE(connection.wait_for_close());
}

TEST_F(ServerTest, ABodyThatDripsIsAnswered408) {
  start();
  RawConnection connection = connect();
  connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc");
  EXPECT_EQ(connection.read_answer().status, 408);
  EXPECT_TRUE(connection.wait_for_close());
}

TEST_F(ServerTest, ASilentConnectionIsClosedAfterTheFirstByteTimeout) {
  options_.first_byte_timeout = milliseconds{100};
  options_.keep_alive_timeout = milliseconds{100};
  start();
  RawConnection silent = connect();
  EXPECT_TRUE(silent.wait_for_close());
  RawConnection idle = connect();
  idle.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.read_answer().status, 200);
  EXPECT_TRUE(idle.wait_for_close());
}

TEST_F(ServerTest, StreamsALargeAnswer) {
  start();
  HttpClient client(server_->port());
  EXPECT_EQ(client.get("/stream").body, std::string(300'000, 'x'));
  EXPECT_EQ(client.get("/hello").status, 200);
}

TEST_F(ServerTest, CapsConnectionsOfOneAddress) {
  options_.max_connections_per_address = 2;
  options_.cap_loopback = true;
  start();
  const std::string get = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  RawConnection first = connect();
  first.send(get);
  EXPECT_EQ(first.read_answer().status, 200);
  RawConnection second = connect();
  second.send(get);
  EXPECT_EQ(second.read_answer().status, 200);

  RawConnection third = connect();
  EXPECT_TRUE(third.wait_for_close());
  EXPECT_GT(refused("too_many_connections"), 0);
}

TEST_F(ServerTest, EndsAConnectionAfterItsShareOfRequests) {
  options_.max_keep_alive_requests = 2;
  start();
  RawConnection connection = connect();
  const std::string get = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  connection.send(get);
  EXPECT_EQ(connection.read_answer().header("connection"), "keep-alive");
  connection.send(get);
  EXPECT_EQ(connection.read_answer().header("connection"), "close");
}

TEST_F(ServerTest, AThousandIdleClientsDoNotKeepAFreshOneOut) {
  start();
  std::vector<RawConnection> clients;
  const std::string get = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  int answered = 0;
  for (int i = 0; i < 1'000; ++i) {
    clients.push_back(connect());
    clients.back().send(get);
    if (clients.back().read_answer().status == 200) ++answered;
  }
  EXPECT_EQ(answered, 1'000);
  EXPECT_EQ(raw(get).status, 200);
}

TEST_F(ServerTest, DrippingClientsAreEvictedAndAFreshOneIsServed) {
  start();
  std::vector<RawConnection> clients;
  for (int i = 0; i < 900; ++i) {
    clients.push_back(connect());
    clients.back().send("GET /hello HTTP/1.1\r\nX: ");
  }
  EXPECT_EQ(raw("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  for (auto& client : clients) EXPECT_TRUE(client.wait_for_close());
}

TEST_F(ServerTest, StoppingEndsIdleConnectionsAndFinishesWhatRuns) {
  start();
  RawConnection idle = connect();
  idle.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.read_answer().status, 200);
  RawConnection busy = connect();
  busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  entered_.get_future().wait();

  auto stopped = std::async(std::launch::async, [&] { return server_->stop(); });
  EXPECT_TRUE(idle.wait_for_close());
  release_.set_value();

  EXPECT_EQ(busy.read_answer().body, "done");
  EXPECT_TRUE(stopped.get());
  EXPECT_FALSE(RawConnection(server_->port()).connected());
}

TEST_F(ServerTest, StoppingIsBounded) {
  start();
  RawConnection busy = connect();
  busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  entered_.get_future().wait();

  auto stopped = std::async(std::launch::async, [&] { return server_->stop(milliseconds{50}); });
  EXPECT_TRUE(busy.wait_for_close()) << "broken when the grace is over";
  release_.set_value();
  EXPECT_FALSE(stopped.get());
}

TEST_F(ServerTest, SaysWhyItCannotListen) {
  start();
  ServerOptions taken = options_;
  taken.port = server_->port();
  HttpServer second(taken, *router_, observer_);
  const auto refused = second.listen();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_NE(refused.error().detail.find(std::to_string(taken.port)), std::string::npos);
}

TEST_F(ServerTest, SpeaksTlsWithAReplacedCertificateOnANewListener) {
  const testing::TempFolder folder;
  testing::TestAuthority authority(folder.path());
  const auto files = authority.issue("api", {.names = {"api.example.test"}});
  options_.certificate_file = files.certificate.string();
  options_.private_key_file = files.key.string();
  start();
  RawConnection plain = connect();
  plain.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(plain.read_answer().status, 0) << "plain text is not answered";

  const Poco::Net::Context::Ptr trust =
      new Poco::Net::Context(Poco::Net::Context::CLIENT_USE, "", "", authority.ca_file().string(),
                             Poco::Net::Context::VERIFY_STRICT, 9, false);
  Poco::Net::SecureStreamSocket socket(Poco::Net::SocketAddress("127.0.0.1", server_->port()),
                                       "api.example.test", trust);
  std::string body(40'000, 'b');
  const std::string request =
      "POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  for (int i = 0; i < 2; ++i) {
    socket.sendBytes(request.data(), static_cast<int>(request.size()));
    std::string answer;
    std::array<char, 4096> buffer;
    while (answer.find("no thanks") == std::string::npos) {
      const int count = socket.receiveBytes(buffer.data(), buffer.size());
      ASSERT_GT(count, 0);
      answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
    EXPECT_NE(answer.find("Strict-Transport-Security"), std::string::npos);
  }
}

TEST_F(ServerTest, ATlsHandshakeThatDripsIsEnded) {
  const testing::TempFolder folder;
  testing::TestAuthority authority(folder.path());
  const auto files = authority.issue("api");
  options_.certificate_file = files.certificate.string();
  options_.private_key_file = files.key.string();
  start();

  RawConnection dripping = connect();
  dripping.send(std::string_view("\x16\x03\x01\x3f\xff", 5));  // a record of 16 kB begins
  const std::jthread drip([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && dripping.send("x"))
      std::this_thread::sleep_for(milliseconds{20});
  });

  EXPECT_TRUE(dripping.wait_for_close());
}

TEST_F(ServerTest, AnUnreadableCertificateIsRefused) {
  options_.certificate_file = "/nonexistent/cert.pem";
  options_.private_key_file = "/nonexistent/key.pem";
  router_ = std::make_unique<Router>(routes(), nullptr, observer_);
  HttpServer server(options_, *router_, observer_);
  const auto refused = server.listen();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("/nonexistent"), std::string::npos)
      << refused.error().detail;
}

TEST_F(ServerTest, ARouteWithoutADecisionIsRefused) {
  std::vector<Route> undecided;
  undecided.push_back(Route{.path = "/x"});
  EXPECT_THROW(Router(std::move(undecided), nullptr, observer_), std::logic_error);
}

}  // namespace
}  // namespace c360::api

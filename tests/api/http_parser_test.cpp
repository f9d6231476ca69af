#include "api/http_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace c360::api {
namespace {

std::string request(std::string_view fields, std::string_view line = "GET /a HTTP/1.1") {
  return std::string(line) + "\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

int refused_with(const std::string& bytes) {
  const auto head = parse_head(bytes, {});
  return head ? 0 : head.error().status;
}

TEST(HttpParser, ReadsMethodPathQueryAndFields) {
  const std::string bytes =
      request("X-One:  a b \r\nConnection: close\r\n",
              "POST /api/v1/deals?status=new%2Cpaused&q=%D1%80+x&empty HTTP/1.1");

  const auto head = parse_head(bytes, {});

  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, Method::post);
  EXPECT_EQ(head->path, "/api/v1/deals");
  ASSERT_EQ(head->query.size(), 3U);
  EXPECT_EQ(head->query[0].value, "new,paused");
  EXPECT_EQ(head->query[1].value, "р x");
  EXPECT_EQ(head->query[2].name, "empty");
  ASSERT_EQ(head->headers.size(), 3U);
  EXPECT_EQ(head->headers[1].value, "a b");
  EXPECT_FALSE(head->keep_alive);
}

TEST(HttpParser, RefusesWhatTwoReadersCouldReadInTwoWays) {
  const std::vector<std::string> ambiguous = {
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
      "Content-Length: 5\r\nContent-Length: 6\r\n",
      "Content-Length: 5\r\nContent-Length: 5\r\n",
      "Content-Length: 5, 5\r\n",
      "Content-Length: -5\r\n",
      "Content-Length: +5\r\n",
      "Content-Length: 0x5\r\n",
      "Content-Length: \r\n",
      "Content-Length: 5 5\r\n",
      "Content-Length: 99999999999999999999999\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: identity\r\n",
      "Content-Length : 5\r\n",
      "X-Folded: a\r\n b\r\n",
      "No colon here\r\n",
      ": no name\r\n",
      "X-Nul: a\x01z\r\n",
      "X-Bare: a\nTransfer-Encoding: chunked\r\n",
      "Host: y\r\n",
      "Authorization: Bearer a\r\nauthorization: Bearer b\r\n",
      "Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
  };
  for (const auto& fields : ambiguous) EXPECT_EQ(refused_with(request(fields)), 400) << fields;
  EXPECT_EQ(refused_with("GET / HTTP/1.1\r\n\r\n"), 400) << "without Host";
}

TEST(HttpParser, RefusesBrokenRequestLines) {
  for (const std::string line :
       {"GET", "GET /", "GET  /", "GET /a b HTTP/1.1", "G@T / HTTP/1.1", "GET a HTTP/1.1",
        "GET /a#b HTTP/1.1", "GET /\x80 HTTP/1.1", "GET / HTTPS/1.1", "GET /?a=%zz HTTP/1.1",
        "GET /?a=%ff HTTP/1.1", "GET /?a=%00 HTTP/1.1"}) {
    EXPECT_EQ(refused_with(request("", line)), 400) << line;
  }
  EXPECT_EQ(refused_with(request("", "GET / HTTP/2.0")), 505);
}

TEST(HttpParser, TakesTheAbsoluteFormAndHttp10) {
  const std::string absolute = request("", "GET http://example.org/a/b?c=d HTTP/1.1");
  const auto head = parse_head(absolute, {});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->path, "/a/b");

  const std::string old = "GET /a HTTP/1.0\r\n\r\n";
  const auto simple = parse_head(old, {});
  ASSERT_TRUE(simple);
  EXPECT_FALSE(simple->keep_alive);
}

TEST(HttpParser, FindsTheEndHoweverTheBytesAreCut) {
  const std::string bytes = request("X-One: a\r\n") + "body";
  std::size_t searched = 0;
  for (std::size_t size = 0; size < bytes.size() - 4; ++size) {
    const auto end = find_head_end(std::string_view(bytes).substr(0, size), searched, {});
    ASSERT_TRUE(end);
    EXPECT_FALSE(end->has_value()) << size;
  }
  const auto end = find_head_end(bytes, searched, {});
  ASSERT_TRUE(end && *end);
  EXPECT_EQ(**end, bytes.size() - 4);
}

TEST(HttpParser, CountsQueryParametersAndFields) {
  const HeadLimits limits{.max_header_fields = 3, .max_query_parameters = 2};
  const std::string three = request("A: 1\r\nB: 2\r\n", "GET /?a&b HTTP/1.1");
  EXPECT_TRUE(parse_head(three, limits));

  const std::string four = request("A: 1\r\nB: 2\r\nC: 3\r\n");
  const auto fields = parse_head(four, limits);
  ASSERT_FALSE(fields);
  EXPECT_EQ(fields.error().status, 431);

  const std::string queries = request("", "GET /?a&b&c HTTP/1.1");
  const auto query = parse_head(queries, limits);
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().status, 400);
}

}  // namespace
}  // namespace c360::api

#include "api/http_connection.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <ctime>
#include <exception>

#include "api/problem.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"

namespace c360::api {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// An answer up to this size travels in one send with its header.
constexpr std::size_t kOneSendBytes = std::size_t{64} * 1024;
// What is left of a body that nobody wanted is read up to this size to keep the connection.
constexpr std::size_t kDrainBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxRequestIdBytes = 64;
constexpr std::string_view kDefaultPolicy = "default-src 'none'; frame-ancestors 'none'";

// What may go into a log line and come back in a header.
bool is_sane_request_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestIdBytes && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

// RFC 9110, 5.6.7; made once a second and thread.
std::string_view http_date(std::time_t now) {
  thread_local std::time_t made = -1;
  thread_local std::array<char, 40> text{};
  thread_local std::size_t size = 0;
  if (made != now) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    made = now;
  }
  return {text.data(), size};
}

// What a TLS call that could not go on waits for.
short events_for(int answer) {
  return answer == Poco::Net::SecureStreamSocket::ERR_SSL_WANT_WRITE ? POLLOUT : POLLIN;
}

// Not Poco's poll(), which makes and closes an epoll descriptor for each call. False at the
// deadline.
bool wait_for(const Poco::Net::Socket& socket, InputBuffer::Deadline deadline, short events) {
  pollfd descriptor{socket.impl()->sockfd(), events, 0};
  for (;;) {
    // Rounded up: a wait that ends a fraction too early would be told as a timeout.
    const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now()).count();
    const int ready =
        ::poll(&descriptor, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) throw Poco::Net::NetException("poll", errno);
  }
}

std::unexpected<Error> slow(std::string_view what) {
  return fail(ErrorCode::timeout, std::string(what), "request_timeout");
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "::ffff:127.0.0.1";
}

}  // namespace

ServerContext::ServerContext(ServerOptions o, Handler& h, const Observer& obs)
    : options(std::move(o)),
      handler(h),
      observer(obs),
      open_connections(obs.metrics().gauge(Metric::http_connections, {options.name})) {}

void ServerContext::count_refusal(std::string_view reason, std::string_view address) const {
  observer.metrics().counter(Metric::http_refused_total, {reason}).add();
  // Under an attack these are thousands: the metric counts them, the log keeps quiet.
  observer.observe_at(LogLevel::debug, event::request_refused,
                      {{"listener", options.name}, {"reason", reason}, {"remote", address}});
}

bool ServerContext::admits(const std::string& address) {
  if (options.max_connections_per_address == 0) return true;
  if (is_loopback(address) && !options.cap_loopback) return true;
  const std::scoped_lock lock{mutex};
  const auto found = per_address.find(address);
  return found == per_address.end() || found->second < options.max_connections_per_address;
}

HttpConnection::HttpConnection(const Poco::Net::StreamSocket& socket, ServerContext& context)
    : Poco::Net::TCPServerConnection(socket),
      context_(context),
      input_([this](char* buffer, std::size_t size, Deadline deadline) {
        return receive(buffer, size, deadline);
      }) {
  try {
    address_ = this->socket().peerAddress().host().toString();
  } catch (const Poco::Exception&) {
    address_ = "unknown";  // gone before it was served; the first read ends it
  }
  const std::scoped_lock lock{context_.mutex};
  context_.connections.insert(this);
  ++context_.per_address[address_];
  context_.open_connections.set(static_cast<double>(++context_.running));
}

HttpConnection::~HttpConnection() {
  const std::scoped_lock lock{context_.mutex};
  context_.connections.erase(this);
  const auto found = context_.per_address.find(address_);
  if (--found->second == 0) context_.per_address.erase(found);
  context_.open_connections.set(static_cast<double>(--context_.running));
}

void HttpConnection::interrupt(bool all) {
  constexpr std::chrono::milliseconds kFirstRequest{1'000};
  const bool just_made = fresh_ && SteadyClock::now() - fresh_since_.load() < kFirstRequest;
  if (!all && (!idle_ || just_made || !context_.idle_ends)) return;
  // Not through Poco's socket object: that one belongs to the connection's thread.
  ::shutdown(socket().impl()->sockfd(), all ? SHUT_RDWR : SHUT_RD);
}

void HttpConnection::run() {
  try {
    socket().setNoDelay(true);
    socket().setSendTimeout(Poco::Timespan(
        std::chrono::duration_cast<std::chrono::microseconds>(context_.options.body_grace)
            .count()));
    if (!socket().secure() || shake_hands()) serve();
  } catch (const Poco::Exception&) {
    // The client went away, or the TLS handshake failed; nobody is left to answer.
    context_.observer.metrics().counter(Metric::http_refused_total, {"connection_lost"}).add();
  } catch (const std::exception& bug) {
    context_.observer.observe(event::request_failed,
                              {{"listener", context_.options.name}, {"detail", bug.what()}});
  }
}

bool HttpConnection::shake_hands() {
  idle_ = true;
  const bool begun =
      wait_for(socket(), SteadyClock::now() + context_.options.first_byte_timeout, POLLIN);
  idle_ = false;
  if (!begun) return false;
  Poco::Net::SecureStreamSocket secured(socket());
  const auto deadline = SteadyClock::now() + context_.options.header_timeout;
  for (;;) {
    const int done = secured.completeHandshake();
    if (done >= 0) {
      fresh_since_ = SteadyClock::now();
      return done > 0;
    }
    if (!wait_for(socket(), deadline, events_for(done))) return false;
  }
}

void HttpConnection::serve() {
  // The filter of the listener counts served connections only, so a burst may pass it.
  {
    const std::scoped_lock lock{context_.mutex};
    const bool capped = context_.options.max_connections_per_address > 0 &&
                        (context_.options.cap_loopback || !is_loopback(address_));
    if (capped && context_.per_address[address_] > context_.options.max_connections_per_address) {
      context_.count_refusal("too_many_connections", address_);
      return;
    }
  }
  for (std::size_t number = 1; serve_one(number); ++number) {
  }
}

bool HttpConnection::wait_for_request(std::size_t number) {
  if (!input_.data().empty()) return true;
  // Idle is announced before `idle_ends` is looked at, and stop() sets it before it looks at idle:
  // one of the two sees the other.
  idle_ = true;
  bool received = false;
  if (!context_.idle_ends || number == 1) {
    const auto wait =
        number == 1 ? context_.options.first_byte_timeout : context_.options.keep_alive_timeout;
    const auto filled = input_.fill(SteadyClock::now() + wait);
    received = filled && *filled > 0;
  }
  idle_ = false;
  fresh_ = false;
  return received;
}

bool HttpConnection::read_head(std::size_t number) {
  if (!wait_for_request(number)) return false;
  const HeadLimits limits{.max_request_line_bytes = context_.options.max_request_line_bytes,
                          .max_header_bytes = context_.options.max_header_bytes,
                          .max_header_fields = context_.options.max_header_fields,
                          .max_query_parameters = context_.options.max_query_parameters};
  const auto deadline = SteadyClock::now() + context_.options.header_timeout;
  std::size_t searched = 0;
  for (;;) {
    // RFC 9112, 2.2: empty lines before a request are skipped.
    while (searched == 0 && input_.data().starts_with("\r\n")) input_.consume(2);
    const auto end = find_head_end(input_.data(), searched, limits);
    if (!end) {
      answer_refusal(end.error());
      return false;
    }
    if (*end) {
      head_bytes_.assign(input_.data().substr(0, **end));
      input_.consume(**end);
      return true;
    }
    const auto filled = input_.fill(deadline);
    if (filled && *filled > 0) continue;
    if (!filled && filled.error().code == ErrorCode::timeout) {
      answer_refusal({408, Error{.code = ErrorCode::timeout,
                                 .detail = "the header did not arrive in time",
                                 .reason = "request_timeout"}});
    }
    return false;
  }
}

bool HttpConnection::keeps_alive(const Head& head, std::size_t number) const {
  // A thread is held while a client idles: past half of them nobody may idle any more.
  return head.keep_alive && !context_.stopping &&
         number < context_.options.max_keep_alive_requests &&
         context_.running <= std::max<std::size_t>(context_.options.max_threads / 2, 1);
}

bool HttpConnection::serve_one(std::size_t number) {
  if (!read_head(number)) return false;
  const HeadLimits limits{.max_request_line_bytes = context_.options.max_request_line_bytes,
                          .max_header_bytes = context_.options.max_header_bytes,
                          .max_header_fields = context_.options.max_header_fields,
                          .max_query_parameters = context_.options.max_query_parameters};
  auto head = parse_head(head_bytes_, limits);
  if (!head) {
    answer_refusal(head.error());
    return false;
  }
  if (!head->method) {
    answer_refusal({405, Error{.code = ErrorCode::method_not_allowed,
                               .detail = "this method is not known here",
                               .reason = "method_unknown"}});
    return false;
  }
  // A client that is gone is noticed by the read that follows.
  const auto continue_now = [this] {
    [[maybe_unused]] const auto sent =
        send("HTTP/1.1 100 Continue\r\n\r\n", SteadyClock::now() + context_.options.body_grace);
  };
  HttpBody body(input_, head->content_length, head->chunked,
                {.max_bytes = context_.options.max_body_bytes,
                 .grace = context_.options.body_grace,
                 .min_bytes_per_second = context_.options.min_body_bytes_per_second},
                head->expect_continue ? std::function<void()>(continue_now) : nullptr);
  Request request{.method = *head->method,
                  .target = head->target,
                  .path = head->path,
                  .headers = std::move(head->headers),
                  .query = std::move(head->query),
                  .remote_address = address_,
                  .listener = context_.options.name,
                  .secure = socket().secure(),
                  .body = &body,
                  .peer = this};
  http10_ = std::string_view(head_bytes_).substr(0, head_bytes_.find("\r\n")).ends_with("HTTP/1.0");
  const auto id = request.header("x-request-id");
  request.request_id = id && is_sane_request_id(*id)
                           ? std::string(*id)
                           : uuid_v7(std::chrono::duration_cast<milliseconds>(
                                         context_.clock.now().time_since_epoch())
                                         .count());
  // A client that waits for "100 Continue" and got an answer instead does not send the body.
  return answer(request, body, keeps_alive(*head, number));
}

bool HttpConnection::answer(Request& request, HttpBody& body, bool keep_alive) {
  const auto begun = SteadyClock::now();
  response_.clear();
  context_.handler.handle(request, response_);
  if (body.broken() || response_.close) keep_alive = false;
  if (response_.stream && response_.chunked && http10_) keep_alive = false;  // its end is the end
  const bool expects = request.header("expect").has_value() && !body.started();
  const bool unread = !body.finished();
  if (unread && (expects || !keep_alive)) keep_alive = false;
  auto sent = send_response(request, keep_alive);
  response_.stream = nullptr;  // what it holds on to ends with the answer
  context_.handler.finished(request, response_, SteadyClock::now() - begun);
  if (!sent) return false;
  if (!keep_alive) {
    if (unread || body.broken()) linger();
    return false;
  }
  return !unread || drain(body);
}

// Reads the rest of a small body that the handler did not want, so that the next request begins
// where it should.
bool HttpConnection::drain(HttpBody& body) {
  body.set_limit(kDrainBytes);
  std::array<char, 4096> buffer;
  while (!body.finished()) {
    if (!body.read(buffer.data(), buffer.size())) {
      linger();
      return false;
    }
  }
  return true;
}

void HttpConnection::answer_refusal(const Refusal& refusal) {
  context_.count_refusal(
      refusal.error.reason.empty() ? to_string(refusal.error.code) : refusal.error.reason,
      address_);
  Request request{.remote_address = address_, .listener = context_.options.name};
  request.request_id = uuid_v7(
      std::chrono::duration_cast<milliseconds>(context_.clock.now().time_since_epoch()).count());
  response_.clear();
  write_problem(response_, refusal.error,
                {.instance = "", .request_id = request.request_id, .status = refusal.status});
  if (send_response(request, false)) linger();
}

// Closing while unread bytes wait makes the kernel send a reset, which may overtake the answer
// (RFC 9112, 9.6): first end our side, then read for a moment.
void HttpConnection::linger() {
  if (::shutdown(socket().impl()->sockfd(), SHUT_WR) != 0) return;  // gone already
  const auto deadline = SteadyClock::now() + context_.options.linger_timeout;
  std::array<char, 4096> buffer;
  std::size_t total = 0;
  while (total < context_.options.linger_bytes) {
    const auto received = receive(buffer.data(), buffer.size(), deadline);
    if (!received || *received == 0) return;
    total += *received;
  }
}

Result<std::size_t> HttpConnection::receive(char* buffer, std::size_t size, Deadline deadline) {
  short events = POLLIN;
  for (;;) {
    // A TLS record may hold more than was asked for: poll() does not see what OpenSSL has already.
    const bool pending = socket().secure() && socket().available() > 0;
    if (!pending && !wait_for(socket(), deadline, events)) break;
    if (!pending && SteadyClock::now() >= deadline) break;
    const int received = socket().receiveBytes(buffer, static_cast<int>(size));
    if (received >= 0) return static_cast<std::size_t>(received);
    if (!socket().secure()) return std::size_t{0};
    events = events_for(received);
  }
  return slow("the client sends too slowly");
}

Result<void> HttpConnection::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    // OpenSSL wants the same bytes again where it could not send them.
    const int sent = socket().sendBytes(
        bytes.data(), static_cast<int>(std::min(bytes.size(), kOneSendBytes * 4)), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (!bytes.empty() && SteadyClock::now() > deadline) break;
    } else if (sent == 0 || !socket().secure()) {
      return fail(ErrorCode::unavailable, "the client is gone", "client_gone");
    } else if (!wait_for(socket(), deadline, events_for(sent))) {
      break;
    }
  }
  if (bytes.empty()) return {};
  return slow("the client reads too slowly");
}

void HttpConnection::compose_head(const Request& request, bool keep_alive) {
  const auto field = [this](std::string_view name, std::string_view value) {
    output_.append(name).append(": ");
    // A media type or a name may come from a mail: no value ends its own line.
    const std::size_t from = output_.size();
    output_.append(value);
    for (std::size_t i = from; i < output_.size(); ++i) {
      const auto u = static_cast<unsigned char>(output_[i]);
      if (u < 0x20 || u == 0x7f) output_[i] = ' ';
    }
    output_.append("\r\n");
  };
  output_.clear();
  output_.append("HTTP/1.1 ").append(std::to_string(response_.status)).append(" ");
  output_.append(reason_phrase(response_.status)).append("\r\n");
  field("Date", http_date(std::time(nullptr)));
  field("X-Request-Id", request.request_id);
  if (!response_.content_type.empty()) field("Content-Type", response_.content_type);
  // RFC 9110, 8.6: none with 204 and 304.
  if (response_.stream && response_.chunked) {
    if (!http10_) field("Transfer-Encoding", "chunked");
  } else if (response_.status != 204 && response_.status != 304) {
    field("Content-Length",
          std::to_string(response_.stream ? response_.stream_size : response_.body.size()));
  }
  field("Cache-Control", response_.cache_control.empty() ? "no-store" : response_.cache_control);
  field("Content-Security-Policy", response_.content_security_policy.empty()
                                       ? kDefaultPolicy
                                       : response_.content_security_policy);
  field("X-Content-Type-Options", "nosniff");
  field("Referrer-Policy", "no-referrer");
  if (request.secure) field("Strict-Transport-Security", "max-age=31536000");
  for (const auto& [name, value] : response_.headers) field(name, value);
  field("Connection", keep_alive ? "keep-alive" : "close");
  output_.append("\r\n");
}

Result<void> HttpConnection::send_response(const Request& request, bool keep_alive) {
  compose_head(request, keep_alive);
  const auto begun = SteadyClock::now();
  const bool bodiless =
      request.method == Method::head || response_.status == 204 || response_.status == 304;
  const bool sized = response_.stream && !response_.chunked;
  const std::uint64_t size = sized ? response_.stream_size : response_.body.size();
  const auto deadline =
      begun + context_.options.body_grace +
      milliseconds(size * 1'000 /
                   std::max<std::uint64_t>(context_.options.min_body_bytes_per_second, 1));
  if (bodiless) return send(output_, deadline);
  if (response_.stream) {
    if (auto head = send(output_, deadline); !head) return head;
    return response_.chunked ? send_chunks(!http10_) : send_stream();
  }
  if (response_.body.size() <= kOneSendBytes) {
    output_.append(response_.body);
    return send(output_, deadline);
  }
  if (auto head = send(output_, deadline); !head) return head;
  return send(response_.body, deadline);
}

Result<void> HttpConnection::send_stream() {
  std::uint64_t total = 0;
  const auto begun = SteadyClock::now();
  auto streamed = response_.stream([&](std::string_view piece) -> Result<void> {
    total += piece.size();
    if (total > response_.stream_size) {
      return fail(ErrorCode::internal, "a streamed body is longer than announced");
    }
    return send(piece, begun + context_.options.body_grace +
                           milliseconds(total * 1'000 /
                                        std::max<std::uint64_t>(
                                            context_.options.min_body_bytes_per_second, 1)));
  });
  if (streamed && total != response_.stream_size) {
    return fail(ErrorCode::internal, "a streamed body is shorter than announced");
  }
  return streamed;
}

// RFC 9112, 7.1. A stream that fails ends without the last chunk, so that the client sees that
// something is missing.
Result<void> HttpConnection::send_chunks(bool framed) {
  const auto deadline = [this](std::size_t size) {
    return SteadyClock::now() + context_.options.body_grace +
           milliseconds(size * 1'000 /
                        std::max<std::uint64_t>(context_.options.min_body_bytes_per_second, 1));
  };
  auto streamed = response_.stream([&](std::string_view piece) -> Result<void> {
    if (piece.empty()) return {};  // an empty chunk would be the last
    if (!framed) return send(piece, deadline(piece.size()));
    std::array<char, 20> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), piece.size(), 16);
    output_.assign(size.data(), end.ptr).append("\r\n").append(piece).append("\r\n");
    return send(output_, deadline(output_.size()));
  });
  if (!streamed || !framed) return streamed;
  return send("0\r\n\r\n", deadline(0));
}

bool HttpConnection::gone() const {
  if (context_.stopping) return true;
  pollfd descriptor{const_cast<HttpConnection*>(this)->socket().impl()->sockfd(), POLLRDHUP, 0};
  return ::poll(&descriptor, 1, 0) > 0 &&
         (descriptor.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

}  // namespace c360::api

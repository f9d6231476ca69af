#include "tests/support/http_client.h"
#include "tests/support/loopback.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "daemon/base/text.h"

namespace c360::testing {
namespace {

constexpr int kWaitMs = 30'000;

bool wait_readable(int socket, int timeout_ms) {
  pollfd entry{.fd = socket, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return {};
}

bool HttpAnswer::has_header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return true;
  }
  return false;
}

Json HttpAnswer::json() const {
  auto parsed = Json::parse(body);
  if (!parsed) {
    ADD_FAILURE() << "no JSON (" << parsed.error().detail << "): " << body.substr(0, 300);
    return {};
  }
  return std::move(*parsed);
}

std::string HttpAnswer::field(std::string_view path) const {
  const Json root = json();
  const Json* at = &root;
  for (const auto name : split(path, '/')) {
    if (at->is_array()) {
      const auto index = static_cast<std::size_t>(std::stoul(std::string(name)));
      if (index >= at->as_array().size()) return {};
      at = &at->as_array()[index];
    } else {
      at = at->is_object() ? at->find(name) : nullptr;
    }
    if (at == nullptr) return {};
  }
  if (at->is_string()) return at->as_string();
  return at->dump();
}

RawConnection::RawConnection(std::uint16_t port) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(port);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close();
    return;
  }
  const int yes = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

RawConnection::~RawConnection() { close(); }

RawConnection::RawConnection(RawConnection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), input_(std::move(other.input_)) {}

RawConnection& RawConnection::operator=(RawConnection&& other) noexcept {
  close();
  socket_ = std::exchange(other.socket_, -1);
  input_ = std::move(other.input_);
  return *this;
}

void RawConnection::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawConnection::end_sending() { ::shutdown(socket_, SHUT_WR); }

bool RawConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawConnection::fill() {
  if (socket_ < 0 || !wait_readable(socket_, kWaitMs)) return false;
  std::array<char, 65536> buffer;
  const auto received = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (received <= 0) return false;
  input_.append(buffer.data(), static_cast<std::size_t>(received));
  return true;
}

bool RawConnection::readable() const { return wait_readable(socket_, 0); }

bool RawConnection::wait_for_close() {
  std::array<char, 4096> buffer;
  for (;;) {
    if (!wait_readable(socket_, kWaitMs)) return false;
    if (::recv(socket_, buffer.data(), buffer.size(), 0) <= 0) return true;
  }
}

std::optional<std::string> RawConnection::read_chunk() {
  std::size_t end = 0;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (!fill()) return std::nullopt;
  }
  const std::size_t size = std::stoul(input_.substr(0, end), nullptr, 16);
  while (input_.size() < end + 2 + size + 2) {
    if (!fill()) return std::nullopt;
  }
  std::string chunk = input_.substr(end + 2, size);
  input_.erase(0, end + 2 + size + 2);
  return chunk;
}

HttpAnswer RawConnection::read_answer(bool without_body) {
  HttpAnswer answer;
  std::size_t end = std::string::npos;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return answer;
  }
  const std::string head = input_.substr(0, end);
  input_.erase(0, end + 4);
  for (const auto line : split(head, '\n')) {
    const auto text = trimmed(line);
    if (answer.status == 0) {
      answer.status = std::stoi(std::string(text.substr(9, 3)));
      continue;
    }
    const auto colon = text.find(':');
    answer.headers.emplace_back(text.substr(0, colon), trimmed(text.substr(colon + 1)));
  }
  if (answer.status == 100) return read_answer(without_body);
  if (without_body || answer.status == 204 || answer.status == 304) return answer;
  if (answer.header("transfer-encoding") == "chunked") {
    while (const auto chunk = read_chunk()) {
      if (chunk->empty()) return answer;
      answer.body += *chunk;
    }
    answer.status = 0;  // a body without its last chunk is no answer
    return answer;
  }
  const std::size_t size = std::stoul("0" + answer.header("content-length"));
  while (input_.size() < size) {
    if (!fill()) {
      answer.status = 0;  // a short body is no answer
      return answer;
    }
  }
  answer.body = input_.substr(0, size);
  input_.erase(0, size);
  return answer;
}

HttpAnswer HttpClient::request(std::string_view method, std::string_view target,
                               HttpHeaders headers, std::string_view body) {
  std::string bytes;
  bytes.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (!token_.empty()) bytes.append("Authorization: Bearer ").append(token_).append("\r\n");
  for (const auto& [name, value] : headers) {
    bytes.append(name).append(": ").append(value).append("\r\n");
  }
  if (!body.empty()) {
    bytes.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  bytes.append("\r\n").append(body);

  HttpAnswer answer;
  // A kept connection may have been closed meanwhile: then once more on a new one.
  for (int attempt = 0; attempt < 2 && answer.status == 0; ++attempt) {
    const bool fresh = !connection_ || !connection_->connected() || connection_->readable();
    if (fresh) connection_.emplace(port_);
    if (!connection_->connected()) break;
    connection_->send(bytes);
    answer = connection_->read_answer(method == "HEAD");
    if (answer.status == 0 || answer.header("connection") == "close") connection_.reset();
    if (fresh) break;
  }
  if (observer_) {
    observer_(
        {std::string(method), std::string(target), std::move(headers), std::string(body), answer});
  }
  return answer;
}

namespace {

HttpHeaders with_type(HttpHeaders headers, std::string_view type) {
  headers.emplace_back("Content-Type", type);
  return headers;
}

}  // namespace

HttpAnswer HttpClient::post(std::string_view target, std::string_view json, HttpHeaders headers) {
  return request("POST", target, with_type(std::move(headers), "application/json"), json);
}

HttpAnswer HttpClient::put(std::string_view target, std::string_view json, HttpHeaders headers) {
  return request("PUT", target, with_type(std::move(headers), "application/json"), json);
}

HttpAnswer HttpClient::patch(std::string_view target, std::string_view json, HttpHeaders headers) {
  return request("PATCH", target, with_type(std::move(headers), "application/merge-patch+json"),
                 json);
}

}  // namespace c360::testing

#include "adapters/clamd_scanner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10U;
constexpr std::size_t kLongestAnswer = 4096;
constexpr std::string_view kCommand{"zINSTREAM\0", 10};
constexpr std::string_view kTooLarge = "size limit exceeded";

using SteadyClock = std::chrono::steady_clock;

std::unexpected<Error> away(const std::string& what) {
  return fail(ErrorCode::unavailable, "clamd: " + what, "scanner_unavailable");
}

std::string because(int error) { return std::generic_category().message(error); }

// One connection, with the deadline of the whole scan.
class Connection {
 public:
  explicit Connection(SteadyClock::time_point deadline) : deadline_(deadline) {}
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<void> open(const ClamdAddress& address) {
    return address.socket.empty() ? open_tcp(address) : open_unix(address.socket);
  }

  // Not to the end where the other side has something to say before: it has seen enough.
  Result<void> send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        const auto ready = wait(POLLIN | POLLOUT);
        if (!ready) return std::unexpected(ready.error());
        if ((*ready & POLLIN) != 0) return away("it answered before the end");
      } else if (errno != EINTR) {
        return away("the connection broke: " + because(errno));
      }
    }
    return {};
  }

  // Up to the end of the connection or a NUL.
  Result<std::string> answer() {
    std::string text;
    std::array<char, 512> piece{};
    while (text.size() < kLongestAnswer) {
      const ssize_t got = recv(fd_, piece.data(), piece.size(), 0);
      if (got == 0) return text;
      if (got > 0) {
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (const auto end = text.find('\0'); end != std::string::npos) {
          text.resize(end);
          return text;
        }
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (auto ready = wait(POLLIN); !ready) return std::unexpected(ready.error());
      } else if (errno != EINTR) {
        return away("the connection broke: " + because(errno));
      }
    }
    return text;
  }

 private:
  // Which of them happened.
  Result<short> wait(short events) const {
    pollfd wanted{.fd = fd_, .events = events, .revents = 0};
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline_ - SteadyClock::now());
      if (left.count() <= 0)
        return fail(ErrorCode::timeout, "clamd did not answer in time", "scanner_timeout");
      const int ready = poll(&wanted, 1, static_cast<int>(left.count()));
      if (ready > 0) return wanted.revents;
      if (ready < 0 && errno != EINTR) return away(because(errno));
    }
  }

  Result<void> connect_to(int family, const sockaddr* address, socklen_t size) {
    if (fd_ >= 0) close(fd_);
    fd_ = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return away(because(errno));
    if (connect(fd_, address, size) == 0) return {};
    if (errno != EINPROGRESS) return away(because(errno));
    if (auto ready = wait(POLLOUT); !ready) return std::unexpected(ready.error());
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return away(because(error));
    return {};
  }

  Result<void> open_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return away("the path of the socket is too long");
    std::memcpy(address.sun_path, path.data(), path.size());
    return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  Result<void> open_tcp(const ClamdAddress& to) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found); error != 0)
      return away(to.host + ": " + gai_strerror(error));
    Result<void> opened = away(to.host + " has no address");
    for (const addrinfo* next = found; next != nullptr; next = next->ai_next) {
      opened = connect_to(next->ai_family, next->ai_addr, next->ai_addrlen);
      if (opened) break;
    }
    freeaddrinfo(found);
    return opened;
  }

  SteadyClock::time_point deadline_;
  int fd_ = -1;
};

std::string_view length_of(std::size_t size, std::array<char, 4>& into) {
  const std::uint32_t length = htonl(static_cast<std::uint32_t>(size));
  std::memcpy(into.data(), &length, sizeof length);
  return {into.data(), into.size()};
}

// "stream: OK", "stream: NAME FOUND", "INSTREAM size limit exceeded. ERROR".
Result<ScanVerdict> verdict_of(std::string_view answer) {
  answer = trimmed(answer);
  constexpr std::string_view kStream = "stream: ";
  if (answer.starts_with(kStream)) answer.remove_prefix(kStream.size());
  if (answer == "OK") return ScanVerdict{};
  constexpr std::string_view kFound = " FOUND";
  if (answer.ends_with(kFound) && answer.size() > kFound.size())
    return ScanVerdict{std::string(answer.substr(0, answer.size() - kFound.size()))};
  if (answer.contains(kTooLarge))
    return ScanVerdict{"larger than clamd looks at (its StreamMaxLength)"};
  if (answer.empty()) return away("it hung up without an answer");
  return fail(ErrorCode::upstream_rejected, "clamd said: " + std::string(answer),
              "scanner_refused");
}

}  // namespace

std::optional<ClamdAddress> parse_clamd_address(std::string_view text) {
  if (text.starts_with('/')) return ClamdAddress{.socket = std::string(text)};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string_view::npos;
  if (host.empty() || !digits || std::stoi(std::string(port)) > 65'535 || port == "0")
    return std::nullopt;
  return ClamdAddress{.host = std::string(host), .port = std::string(port)};
}

ClamdScanner::ClamdScanner(ClamdOptions options) : options_(std::move(options)) {}

Result<ScanVerdict> ClamdScanner::scan(const Reader& read) const {
  Connection connection{SteadyClock::now() + options_.timeout};
  if (auto opened = connection.open(options_.address); !opened)
    return std::unexpected(opened.error());
  Result<void> sent = connection.send(kCommand);
  std::vector<char> chunk(kChunk);
  std::array<char, 4> length{};
  while (sent) {
    const auto got = read(chunk);
    if (!got) return std::unexpected(got.error());
    sent = connection.send(length_of(*got, length));
    if (sent && *got > 0) sent = connection.send({chunk.data(), *got});
    if (*got == 0) break;
  }
  // clamd answers and hangs up in the middle of a stream that is too long for it: what it said
  // counts more than the broken pipe.
  auto answer = connection.answer();
  if (!sent && (!answer || answer->empty())) return std::unexpected(sent.error());
  if (!answer) return std::unexpected(answer.error());
  return verdict_of(*answer);
}

}  // namespace c360::adapters

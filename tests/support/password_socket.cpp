#include "tests/support/password_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <stdexcept>

namespace c360::testing {

std::string PasswordQuestion::read(std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    char buffer[256];
    const ssize_t got = recv(descriptor_, buffer, std::min(sizeof buffer, size - bytes.size()), 0);
    if (got <= 0) break;
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
  return bytes;
}

std::string PasswordQuestion::read_line() {
  std::string line;
  for (std::string byte; byte = read(1), !byte.empty() && byte != "\n";) line += byte;
  return line;
}

void PasswordQuestion::answer(const std::string& bytes) {
  // A server that no longer listens asks again by itself.
  [[maybe_unused]] const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

PasswordSocket::PasswordSocket(const std::filesystem::path& path, Handler handler)
    : listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), handler_(std::move(handler)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path.string();
  if (name.size() >= sizeof address.sun_path) throw std::runtime_error("too long a path: " + name);
  name.copy(address.sun_path, name.size());
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 64) != 0) {
    close(listener_);
    throw std::runtime_error("cannot listen on " + name);
  }
  // The server asks as another user than the one who runs the test.
  std::filesystem::permissions(path, std::filesystem::perms(0777));
  thread_ = std::thread([this] { serve(); });
}

PasswordSocket::~PasswordSocket() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void PasswordSocket::serve() {
  while (!stopping_) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    // A server that dies in the middle of its question must not hold the others up.
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    PasswordQuestion question(client);
    handler_(question);
    close(client);
  }
}

}  // namespace c360::testing

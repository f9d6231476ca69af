#include "tests/support/connect_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "tests/support/loopback.h"

namespace c360::testing {

namespace {

constexpr int kLookAgainMs = 50;  // how often a thread looks whether it is to end

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Socket new_socket() {
  Socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (made.get() < 0) throw std::runtime_error("no socket for the proxy");
  return made;
}

bool is_readable(const Socket& socket) {
  pollfd one{.fd = socket.get(), .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, kLookAgainMs) > 0;
}

// False: the other end is gone.
bool hand_on(const Socket& from, const Socket& to) {
  std::array<char, 16'384> bytes{};
  const ssize_t count = ::recv(from.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  return ::send(to.get(), bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
}

}  // namespace

struct ConnectProxy::State {
  explicit State(int answered) : status(answered), listener(new_socket()) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener.get(), 16) != 0 ||
        ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("the proxy cannot listen");
    port = ntohs(address.sin_port);
  }

  void listen(const std::stop_token& stop) {
    std::vector<std::jthread> tunnels;
    while (!stop.stop_requested()) {
      if (!is_readable(listener)) continue;
      Socket client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (client.get() < 0) continue;
      tunnels.emplace_back([this, stop, one = std::move(client)] { serve(stop, one); });
    }
  }

  void serve(const std::stop_token& stop, const Socket& client) {
    const std::string head = read_head(stop, client);
    if (!head.starts_with("CONNECT ") || !head.ends_with("\r\n\r\n")) return;
    const std::size_t begin = head.find(' ') + 1;
    const std::string target = head.substr(begin, head.find(' ', begin) - begin);
    {
      const std::scoped_lock lock(mutex);
      heads.push_back(head);
      targets.push_back(target);
    }
    const std::string said = "HTTP/1.1 " + std::to_string(status) + " x\r\n\r\n";
    (void)::send(client.get(), said.data(), said.size(), MSG_NOSIGNAL);
    if (status != 200) return;
    const Socket server = new_socket();
    const sockaddr_in address =
        loopback(static_cast<std::uint16_t>(std::stoi(target.substr(target.rfind(':') + 1))));
    if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return;
    while (!stop.stop_requested()) {
      std::array<pollfd, 2> both{{{.fd = client.get(), .events = POLLIN, .revents = 0},
                                  {.fd = server.get(), .events = POLLIN, .revents = 0}}};
      if (::poll(both.data(), both.size(), kLookAgainMs) < 0) return;
      if (both[0].revents != 0 && !hand_on(client, server)) return;
      if (both[1].revents != 0 && !hand_on(server, client)) return;
    }
  }

  static std::string read_head(const std::stop_token& stop, const Socket& client) {
    std::string head;
    while (!stop.stop_requested() && !head.ends_with("\r\n\r\n")) {
      char byte = 0;
      if (!is_readable(client)) continue;
      if (::recv(client.get(), &byte, 1, 0) != 1) break;
      head += byte;
    }
    return head;
  }

  const int status;
  Socket listener;
  std::uint16_t port = 0;
  mutable std::mutex mutex;
  std::vector<std::string> heads;
  std::vector<std::string> targets;
  std::jthread thread;  // ends before the rest goes
};

ConnectProxy::ConnectProxy(int status) : state_(std::make_unique<State>(status)) {
  state_->thread =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->listen(stop); });
}

ConnectProxy::~ConnectProxy() = default;

std::string ConnectProxy::url() const { return "http://127.0.0.1:" + std::to_string(state_->port); }

std::vector<std::string> ConnectProxy::asked() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->targets;
}

std::vector<std::string> ConnectProxy::requests() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->heads;
}

}  // namespace c360::testing

#include "tests/support/fake_clamd.h"

#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <sys/socket.h>

#include <list>
#include <mutex>
#include <thread>

namespace c360::testing {

namespace {

using Poco::Net::SocketAddress;
using Poco::Net::StreamSocket;

// False at the end of the connection.
bool read_exactly(StreamSocket& socket, std::string& into, std::size_t size) {
  into.resize(size);
  std::size_t got = 0;
  while (got < size) {
    const int piece = socket.receiveBytes(into.data() + got, static_cast<int>(size - got));
    if (piece <= 0) return false;
    got += static_cast<std::size_t>(piece);
  }
  return true;
}

}  // namespace

std::string eicar() {
  return std::string("X5O!P%@AP[4\\PZX54(P^)7CC)7}") + "$EICAR-STANDARD-ANTIVIRUS-" +
         "TEST-FILE!$H+H*";
}

struct FakeClamd::State {
  explicit State(std::size_t limit)
      : stream_limit(limit), listener(SocketAddress("127.0.0.1", 0)) {}

  const std::size_t stream_limit;
  Poco::Net::ServerSocket listener;
  std::atomic<Mood> mood{Mood::honest};
  std::atomic<int> scans{0};
  std::mutex mutex;
  std::list<StreamSocket> open;
  std::list<std::jthread> clients;
  std::jthread acceptor;

  void accept_all() {
    try {
      for (;;) {
        StreamSocket socket = listener.acceptConnection();
        const std::scoped_lock lock{mutex};
        open.push_back(socket);
        clients.emplace_back([this, socket]() mutable { serve_quietly(socket); });
      }
    } catch (const Poco::Exception&) {
      return;  // closed: the end
    }
  }

  void serve_quietly(StreamSocket& socket) {
    try {
      serve(socket);
      if (mood != Mood::silent) socket.shutdown();
    } catch (const Poco::Exception&) {
      return;  // the client left
    }
  }

  void serve(StreamSocket& socket) {
    if (mood == Mood::hangs_up) return;
    std::string bytes;
    if (!read_exactly(socket, bytes, 10) || bytes != std::string("zINSTREAM\0", 10)) return;
    std::string stream;
    for (;;) {
      if (!read_exactly(socket, bytes, 4)) return;
      std::size_t size = 0;
      for (const char c : bytes) size = (size << 8U) | static_cast<unsigned char>(c);
      if (size == 0) break;
      if (stream.size() + size > stream_limit) {
        answer(socket, "INSTREAM size limit exceeded. ERROR");
        return;
      }
      if (!read_exactly(socket, bytes, size)) return;
      stream += bytes;
    }
    if (mood == Mood::silent) return;
    if (mood == Mood::nonsense) return answer(socket, "UNKNOWN COMMAND");
    ++scans;
    answer(socket, stream.find(eicar()) == std::string::npos
                       ? "stream: OK"
                       : "stream: Eicar-Test-Signature FOUND");
  }

  static void answer(StreamSocket& socket, std::string text) {
    text += '\0';
    socket.sendBytes(text.data(), static_cast<int>(text.size()));
  }
};

FakeClamd::FakeClamd(std::size_t stream_limit) : state_(std::make_unique<State>(stream_limit)) {
  state_->acceptor = std::jthread([state = state_.get()] { state->accept_all(); });
}

FakeClamd::~FakeClamd() {
  ::shutdown(state_->listener.impl()->sockfd(), SHUT_RDWR);  // wakes accept()
  state_->acceptor.join();
  for (StreamSocket& socket : state_->open) ::shutdown(socket.impl()->sockfd(), SHUT_RDWR);
  state_->clients.clear();
}

std::string FakeClamd::address() const { return state_->listener.address().toString(); }
void FakeClamd::be(Mood mood) { state_->mood = mood; }
int FakeClamd::scans() const { return state_->scans; }

}  // namespace c360::testing

#include "ingest/imap/transport.h"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/HostEntry.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace c360::ingest::imap {
namespace {

using Clock = std::chrono::steady_clock;
using Addresses = std::vector<Poco::Net::IPAddress>;

constexpr std::size_t kBufferBytes = 64U << 10U;  // read at a time
// What TLS 1.3 does not decide by itself; none without authentication, none that is broken.
constexpr const char* kCiphers = "HIGH:!aNULL:!eNULL:!MD5:!RC4:!3DES:!PSK:!SRP";

// A counter that poll() can wait for: set from any thread, read by the owner.
class Signal {
 public:
  Signal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw Poco::SystemException("eventfd", errno);
  }
  ~Signal() { ::close(fd_); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  int fd() const { return fd_; }
  void set() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
  }
  // Whether it was set; it is not any more.
  bool take() const {
    std::uint64_t count = 0;
    return ::read(fd_, &count, sizeof count) > 0;
  }

 private:
  int fd_;
};

// Milliseconds for poll(), rounded up so that a wait never ends just before its time.
int poll_timeout(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

// The first complaint of OpenSSL about the certificate under verification in this thread; the
// handshake runs in the thread that asked for it.
thread_local std::string certificate_complaint;

int note_verification(int fine, X509_STORE_CTX* store) {
  if (fine == 0 && certificate_complaint.empty()) {
    certificate_complaint = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
  }
  return fine;
}

// The name is checked by OpenSSL within the handshake. Poco's own check is left off: it comes after
// the handshake only in blocking mode, looks the name up again, and skips loopback addresses.
Poco::Net::Context::Ptr make_context(const ImapOptions& options, const std::string& name) {
  Poco::Net::Context::Ptr context{
      new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", "", options.ca_file,
                             Poco::Net::Context::VERIFY_RELAXED, 9, true, kCiphers)};
  context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
  context->enableExtendedCertificateVerification(false);
  SSL_CTX* ssl = context->sslContext();
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, &note_verification);
  X509_VERIFY_PARAM* parameters = SSL_CTX_get0_param(ssl);
  Poco::Net::IPAddress address;
  const bool set = Poco::Net::IPAddress::tryParse(name, address)
                       ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1
                       : X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) == 1;
  if (!set) throw Poco::InvalidArgumentException("not a server name", name);
  return context;
}

// A lookup cannot be cancelled, so it runs in a thread of its own that may outlive the wait for it.
struct Lookup {
  Signal done;
  Addresses addresses;
  std::string problem;
};

void look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host) {
  try {
    lookup->addresses = Poco::Net::DNS::hostByName(host).addresses();
  } catch (const Poco::Exception& error) {
    lookup->problem = error.displayText();
  } catch (const std::exception& error) {
    lookup->problem = error.what();
  }
  lookup->done.set();
}

void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

struct Transport::State {
  explicit State(const ImapOptions& all) : options(all) {
    where = options.host + ":" + std::to_string(options.port);
  }

  // The library's exceptions end here.
  std::unexpected<Error> lost(const std::string& what) const {
    return fail(ErrorCode::unavailable, where + ": " + what, "connection_lost");
  }
  std::unexpected<Error> timed_out(const char* doing) const {
    return fail(ErrorCode::timeout, where + ": no answer in time while " + doing, "timeout");
  }
  std::unexpected<Error> was_interrupted() const {
    return fail(ErrorCode::unavailable, where + ": interrupted, the program wants to stop",
                "interrupted");
  }

  enum class Ready : std::uint8_t { yes, woken, timeout };

  // Waits for `events` on `fd`; an interrupt is an error. `heed_wake` is for IDLE.
  Result<Ready> await(int fd, short events, Clock::time_point until, bool heed_wake = false) {
    for (;;) {
      std::array<pollfd, 3> waits{pollfd{fd, events, 0}, pollfd{stop.fd(), POLLIN, 0},
                                  pollfd{woken.fd(), POLLIN, 0}};
      const int timeout = poll_timeout(until);
      const int ready = ::poll(waits.data(), heed_wake ? 3 : 2, timeout);
      if (interrupted) return was_interrupted();
      if (ready < 0 && errno != EINTR) return lost(std::strerror(errno));
      if (heed_wake && waits[2].revents != 0 && woken.take()) return Ready::woken;
      if (ready > 0 && waits[0].revents != 0) return Ready::yes;
      if (Clock::now() >= until) return Ready::timeout;
    }
  }

  // Poco answers -1 for "readable wanted" and -2 for "writable wanted" over TLS; over plain TCP -1
  // stands for both.
  short events_for(int answer, bool writing) const {
    constexpr int kWantsWrite = Poco::Net::SecureStreamSocket::ERR_SSL_WANT_WRITE;
    if (secure) return answer == kWantsWrite ? POLLOUT : POLLIN;
    return writing ? POLLOUT : POLLIN;
  }

  Result<Addresses> resolve();
  Result<void> connect_to(const Poco::Net::IPAddress& address, Clock::time_point until);
  // One attempt to read; 0: nothing there yet, and `wanted` says what to wait for.
  Result<std::size_t> receive(short& wanted);

  ImapOptions options;
  std::string where;
  Clock::time_point deadline = Clock::now();
  std::optional<Poco::Net::StreamSocket> socket;
  bool secure = false;
  std::atomic<bool> interrupted{false};
  Signal stop;
  Signal woken;
  // Not cleared: of a connection that idles only the pages it reads into are ever resident.
  std::unique_ptr<char[]> buffer = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  std::size_t received = 0;  // bytes in `buffer` that wait() got for more()
};

Result<Addresses> Transport::State::resolve() {
  Poco::Net::IPAddress literal;
  if (Poco::Net::IPAddress::tryParse(options.host, literal)) return Addresses{literal};
  const auto lookup = std::make_shared<Lookup>();
  std::thread(look_up, lookup, options.host).detach();
  auto ready = await(lookup->done.fd(), POLLIN, deadline);
  if (!ready) return std::unexpected(ready.error());
  if (*ready == Ready::timeout) return timed_out("looking up the name");
  lookup->done.take();  // orders the other thread's writes before our reads
  if (!lookup->problem.empty()) return lost("cannot look up the name: " + lookup->problem);
  if (lookup->addresses.empty()) return lost("the name has no address");
  return lookup->addresses;
}

Result<void> Transport::State::connect_to(const Poco::Net::IPAddress& address,
                                          Clock::time_point until) {
  try {
    socket.emplace();
    socket->connectNB(Poco::Net::SocketAddress(address, options.port));
    auto ready = await(socket->impl()->sockfd(), POLLOUT, until);
    if (!ready) return std::unexpected(ready.error());
    if (*ready == Ready::timeout) return timed_out("connecting");
    if (const int error = socket->impl()->socketError(); error != 0) {
      return lost(std::string("cannot connect: ") + std::strerror(error));
    }
    socket->setNoDelay(true);    // commands are small and wait for their answers
    socket->setKeepAlive(true);  // an IDLE over a dead line ends some day
    return {};
  } catch (const Poco::Exception& error) {
    return lost("cannot connect: " + error.displayText());
  }
}

Result<std::size_t> Transport::State::receive(short& wanted) {
  if (interrupted) return was_interrupted();
  if (!socket) return lost("not connected");
  try {
    const int answer = socket->receiveBytes(buffer.get(), static_cast<int>(kBufferBytes));
    if (answer == 0) return lost("the server closed the connection");
    if (answer > 0) return static_cast<std::size_t>(answer);
    wanted = events_for(answer, false);
    return std::size_t{0};
  } catch (const Poco::Exception& error) {
    return lost("reading: " + error.displayText());
  }
}

Transport::Transport(const ImapOptions& options) : state_(std::make_unique<State>(options)) {
  state_->deadline = Clock::now() + options.connect_timeout;
}
Transport::~Transport() { close(); }

void Transport::set_deadline(TimePoint deadline) { state_->deadline = deadline; }
Transport::TimePoint Transport::deadline() const { return state_->deadline; }
bool Transport::encrypted() const { return state_->secure; }

Result<void> Transport::connect() {
  block_sigpipe();
  auto addresses = state_->resolve();
  if (!addresses) return std::unexpected(addresses.error());
  // Each address gets its share of the time, so that a dead first one leaves some for the others.
  Result<void> connected;
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const auto left = state_->deadline - Clock::now();
    const auto share = left / static_cast<std::int64_t>(addresses->size() - i);
    connected = state_->connect_to((*addresses)[i], Clock::now() + share);
    if (connected || state_->interrupted) break;
  }
  if (!connected) {
    close();
    return connected;
  }
  if (state_->options.tls == TlsMode::imaps) return start_tls();
  return {};
}

Result<void> Transport::start_tls() {
  State& state = *state_;
  if (!state.socket || state.secure) return state.lost("TLS cannot start here");
  const std::string& name =
      state.options.server_name.empty() ? state.options.host : state.options.server_name;
  certificate_complaint.clear();
  try {
    const auto context = make_context(state.options, name);
    Poco::Net::IPAddress address;
    // RFC 6066, 3: no address in the server name indication.
    const bool is_address = Poco::Net::IPAddress::tryParse(name, address);
    auto secured = Poco::Net::SecureStreamSocket::attach(
        *state.socket, is_address ? std::string{} : name, context);
    state.socket = secured;
    state.secure = true;
    for (;;) {
      const int answer = secured.completeHandshake();
      if (answer > 0) return {};
      if (answer == 0) return state.lost("the server closed the connection in the TLS handshake");
      auto ready = state.await(state.socket->impl()->sockfd(), state.events_for(answer, false),
                               state.deadline);
      if (!ready) return std::unexpected(ready.error());
      if (*ready == State::Ready::timeout) return state.timed_out("in the TLS handshake");
    }
  } catch (const Poco::Exception& error) {
    if (!certificate_complaint.empty()) {
      return fail(ErrorCode::unavailable,
                  state.where + ": the certificate is not accepted for " + name + ": " +
                      certificate_complaint +
                      "; check the server's certificate, server_name and ca_file",
                  "certificate_refused");
    }
    return state.lost("TLS: " + error.displayText());
  }
}

Result<void> Transport::write(std::string_view bytes) {
  State& state = *state_;
  if (!state.socket) return state.lost("not connected");
  while (!bytes.empty()) {
    if (state.interrupted) return state.was_interrupted();
    try {
      const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20U));
      // MSG_NOSIGNAL serves plain TCP, TLS ignores it.
      const int answer = state.socket->sendBytes(bytes.data(), size, MSG_NOSIGNAL);
      if (answer > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(answer));
        continue;
      }
      if (answer == 0) return state.lost("the server closed the connection");
      auto ready = state.await(state.socket->impl()->sockfd(), state.events_for(answer, true),
                               state.deadline);
      if (!ready) return std::unexpected(ready.error());
      if (*ready == State::Ready::timeout) return state.timed_out("sending");
    } catch (const Poco::Exception& error) {
      return state.lost("sending: " + error.displayText());
    }
  }
  return {};
}

Result<std::string_view> Transport::more() {
  State& state = *state_;
  std::size_t size = std::exchange(state.received, 0);
  while (size == 0) {
    short wanted = POLLIN;
    auto received = state.receive(wanted);
    if (!received) return std::unexpected(received.error());
    size = *received;
    // A server that always has one more byte must not outlive the deadline either.
    if (Clock::now() >= state.deadline) return state.timed_out("reading");
    if (size > 0) break;
    auto ready = state.await(state.socket->impl()->sockfd(), wanted, state.deadline);
    if (!ready) return std::unexpected(ready.error());
    if (*ready == State::Ready::timeout) return state.timed_out("reading");
  }
  return std::string_view(state.buffer.get(), size);
}

Result<Transport::Waited> Transport::wait(TimePoint until) {
  State& state = *state_;
  while (state.received == 0) {
    // First a read: TLS may hold bytes that poll() does not see.
    short wanted = POLLIN;
    auto received = state.receive(wanted);
    if (!received) return std::unexpected(received.error());
    state.received = *received;
    if (state.received > 0) break;
    auto ready = state.await(state.socket->impl()->sockfd(), wanted, until, true);
    if (!ready) return std::unexpected(ready.error());
    if (*ready == State::Ready::woken) return Waited::woken;
    if (*ready == State::Ready::timeout) return Waited::timeout;
  }
  return Waited::readable;
}

void Transport::close() {
  if (!state_->socket) return;
  try {
    state_->socket->close();
  } catch (const Poco::Exception&) {
    // The goodbye of TLS did not go out; the peer sees the end either way.
    state_->secure = false;
  }
  state_->socket.reset();
  state_->received = 0;
}

void Transport::interrupt() {
  state_->interrupted = true;
  state_->stop.set();
}
void Transport::wake() { state_->woken.set(); }

}  // namespace c360::ingest::imap

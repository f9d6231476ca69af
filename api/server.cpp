#include "api/server.h"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/Net/TCPServerParams.h>
#include <Poco/ThreadPool.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "api/http_connection.h"

namespace c360::api {
namespace {

using std::chrono::milliseconds;

// The sanitizers' frames are several times larger.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kStackFactor = 8;
#else
constexpr std::size_t kStackFactor = 1;
#endif

using TlsContext = Poco::Net::Context::Ptr;

class ConnectionFactory final : public Poco::Net::TCPServerConnectionFactory {
 public:
  ConnectionFactory(ServerContext& context, TlsContext tls)
      : context_(context), tls_(std::move(tls)) {}
  Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& socket) override {
    // TLS is put on here and not on the listening socket, so that two servers with different
    // certificates can share that. The handshake comes on the connection's own thread. Poco's
    // dispatcher takes ownership.
    if (tls_.isNull()) return new HttpConnection(socket, context_);  // NOLINT
    // In blocking mode OpenSSL waits for the rest of a record, and each byte begins a new wait.
    Poco::Net::StreamSocket bare(socket);
    bare.setBlocking(false);
    return new HttpConnection(Poco::Net::SecureStreamSocket::attach(bare, tls_),  // NOLINT
                              context_);
  }

 private:
  ServerContext& context_;
  const TlsContext tls_;
};

// On the accepting thread: an address past its cap costs no thread.
class AddressCap final : public Poco::Net::TCPServerConnectionFilter {
 public:
  explicit AddressCap(ServerContext& context) : context_(context) {}
  bool accept(const Poco::Net::StreamSocket& socket) override {
    try {
      const std::string address = socket.peerAddress().host().toString();
      if (context_.admits(address)) return true;
      ++context_.capped;
      context_.count_refusal("too_many_connections", address);
    } catch (const Poco::Exception&) {
      ++context_.capped;  // gone already
    }
    return false;
  }

 private:
  ServerContext& context_;
};

// The listening socket of one server: says to Poco's accepting thread when there is something to
// accept. Poco's own server begins to accept at once, notices an end a quarter of a second late,
// and drops what waits for a thread then.
class ListeningSocketImpl final : public Poco::Net::ServerSocketImpl {
 public:
  ListeningSocketImpl() : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_ < 0) throw Poco::Net::NetException("no descriptor is left");
  }
  // Shares a socket that another server made.
  explicit ListeningSocketImpl(int descriptor) : ListeningSocketImpl() { reset(descriptor); }
  ~ListeningSocketImpl() override { ::close(wake_); }

  void begin() {
    State expected = State::waiting;
    if (state_.compare_exchange_strong(expected, State::accepting)) wake();
  }
  // Returns when nothing is accepted any more and the descriptor is closed.
  void end(bool successor) {
    State now = state_;
    if (now == State::waiting || now == State::accepting) {
      const bool drain = now == State::accepting && !successor;
      if (drain) refuse_newcomers();
      drain_until_ = std::chrono::steady_clock::now() + kDrainLimit;
      state_ = drain ? State::draining : State::leaving;
      wake();
    }
    while ((now = state_) != State::left) state_.wait(now);
  }
  int accepted() const { return accepted_; }

  // On the accepting thread from here on.
  bool poll(const Poco::Timespan& timeout, int) override {
    switch (state_.load()) {
      case State::waiting:
        await(timeout, false);
        return false;
      case State::accepting:
        return await(timeout, true);
      case State::draining:
        if (std::chrono::steady_clock::now() < drain_until_ && await(0, true)) return true;
        [[fallthrough]];
      case State::leaving:
        close();
        state_ = State::left;
        state_.notify_all();
        return false;
      case State::left:
        std::this_thread::sleep_for(milliseconds{5});  // until Poco's stop()
        return false;
    }
    return false;
  }
  Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress& client) override {
    Poco::Net::SocketImpl* connection = ServerSocketImpl::acceptConnection(client);
    ++accepted_;
    return connection;
  }

 private:
  enum class State : std::uint8_t { waiting, accepting, draining, leaving, left };
  // Of what the kernel holds; longer only where accepting fails, for want of descriptors.
  static constexpr milliseconds kDrainLimit{1'000};

  void wake() const {
    const std::uint64_t one = 1;
    // An eventfd takes eight bytes or the count is full: then it is readable anyway.
    (void)!::write(wake_, &one, sizeof one);
  }
  // Whether somebody waits to be accepted.
  bool await(const Poco::Timespan& timeout, bool accepting) {
    std::array<pollfd, 2> wanted{
        {{.fd = wake_, .events = POLLIN, .revents = 0},
         {.fd = accepting ? sockfd() : -1, .events = POLLIN, .revents = 0}}};
    if (::poll(wanted.data(), wanted.size(), static_cast<int>(timeout.totalMilliseconds())) <= 0)
      return false;
    std::uint64_t count = 0;
    if (wanted[0].revents != 0) (void)!::read(wake_, &count, sizeof count);
    return wanted[1].revents != 0;
  }
  // From here on a SYN is dropped, so that between the last accept and close() nobody gets a
  // connection that ends in a reset: he is refused when he asks again. A kernel without the filter
  // leaves a gap of microseconds.
  void refuse_newcomers() {
    constexpr std::uint32_t kFlagsOffset = 13;  // RFC 9293, 3.1
    constexpr std::uint32_t kSyn = 0x02;
    constexpr std::uint32_t kAck = 0x10;
    std::array<sock_filter, 5> program{{BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
                                        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSyn | kAck),
                                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
                                        BPF_STMT(BPF_RET | BPF_K, 0),
                                        BPF_STMT(BPF_RET | BPF_K, 0xffffffff)}};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    (void)setsockopt(sockfd(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  }

  const int wake_;
  std::atomic<State> state_{State::waiting};
  std::chrono::steady_clock::time_point drain_until_;  // set before `draining`
  std::atomic<int> accepted_{0};
};
class ListeningSocket final : public Poco::Net::ServerSocket {
 public:
  explicit ListeningSocket(ListeningSocketImpl* impl) : Poco::Net::ServerSocket(impl, true) {}
};

ListeningSocketImpl* open_socket(const ServerOptions& options) {
  if (options.listening_socket >= 0) {
    const int copy = fcntl(options.listening_socket, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) throw Poco::Net::NetException("the listening socket is gone");
    return new ListeningSocketImpl(copy);  // NOLINT: Poco counts its owners
  }
  auto impl = std::make_unique<ListeningSocketImpl>();
  // Not SO_REUSEPORT: a second daemon on the address must be told.
  impl->bind(Poco::Net::SocketAddress(options.host, options.port), true, false);
  impl->listen(options.backlog);
  // Where two servers share the socket, the slower one finds nothing to accept and must not wait.
  impl->setBlocking(false);
  return impl.release();
}

TlsContext tls_context(const ServerOptions& options) {
  if (options.certificate_file.empty()) return {};
  TlsContext tls = new Poco::Net::Context(Poco::Net::Context::SERVER_USE, options.private_key_file,
                                          options.certificate_file, "",
                                          Poco::Net::Context::VERIFY_NONE, 9, false);
  tls->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
  return tls;
}

}  // namespace

struct HttpServer::State {
  State(ServerOptions options, Handler& handler, const Observer& observer)
      : context(std::move(options), handler, observer) {}

  ServerContext context;
  std::unique_ptr<Poco::ThreadPool> threads;
  std::unique_ptr<Poco::Net::TCPServer> server;
  std::uint16_t port = 0;
  int descriptor = -1;
  ListeningSocketImpl* listening = nullptr;  // the server's

  // Accepted and not yet on a thread of its own.
  int waiting() const {
    return listening->accepted() - server->totalConnections() - server->refusedConnections() -
           context.capped.load();
  }
};

HttpServer::HttpServer(ServerOptions options, Handler& handler, const Observer& observer)
    : state_(std::make_unique<State>(std::move(options), handler, observer)) {}

HttpServer::~HttpServer() { stop(); }

Result<void> HttpServer::listen() {
  ServerContext& context = state_->context;
  const ServerOptions& options = context.options;
  const std::string place = options.host + ":" + std::to_string(options.port);
  try {
    const TlsContext tls = tls_context(options);
    state_->listening = open_socket(options);
    const ListeningSocket socket(state_->listening);  // its owner
    state_->port = socket.address().port();
    // Two threads of the pool are the dispatcher's own reserve.
    state_->threads =
        std::make_unique<Poco::ThreadPool>(2, static_cast<int>(options.max_threads) + 2, 60,
                                           static_cast<int>(options.stack_bytes * kStackFactor));
    Poco::Net::TCPServerParams::Ptr params = new Poco::Net::TCPServerParams;
    params->setMaxThreads(static_cast<int>(options.max_threads));
    params->setMaxQueued(static_cast<int>(options.max_queued));
    // Also how long stop() takes where a thread misses Poco's call to wake up: it looks whether the
    // server has stopped before it begins to wait, without a lock. The pool keeps the thread.
    params->setThreadIdleTime(Poco::Timespan(0, 250'000));
    state_->descriptor = socket.impl()->sockfd();
    state_->server = std::make_unique<Poco::Net::TCPServer>(new ConnectionFactory(context, tls),
                                                            *state_->threads, socket, params);
    state_->server->setConnectionFilter(new AddressCap(context));
    state_->server->start();  // its thread, which waits for serve()
  } catch (const Poco::Net::NetException& error) {
    return fail(ErrorCode::unavailable, "cannot listen on " + place + ": " + error.displayText() +
                                            "; is another program there?");
  } catch (const Poco::Exception& error) {
    return fail(ErrorCode::invalid_request,
                "cannot listen on " + place + ": " + error.displayText());
  }
  context.observer.observe(event::listener_opened, {{"listener", options.name},
                                                    {"host", options.host},
                                                    {"port", state_->port},
                                                    {"tls", !options.certificate_file.empty()}});
  return {};
}

void HttpServer::serve() { state_->listening->begin(); }

void HttpServer::stop_accepting(bool successor) {
  state_->context.stopping = true;
  if (state_->server) state_->listening->end(successor);
}

void HttpServer::end_idle() { state_->context.idle_ends = true; }

bool HttpServer::stop(milliseconds grace, milliseconds idle_grace) {
  if (!state_->server) return true;
  ServerContext& context = state_->context;
  stop_accepting(false);
  const auto quiet = [&](bool all) {
    const std::scoped_lock lock{context.mutex};
    for (HttpConnection* connection : context.connections) connection->interrupt(all);
    return context.connections.empty();
  };
  const auto begun = std::chrono::steady_clock::now();
  bool clean = false;
  while (!clean && std::chrono::steady_clock::now() < begun + grace) {
    if (std::chrono::steady_clock::now() >= begun + idle_grace) end_idle();
    // Counted before looked at: what leaves the queue is among the connections by then.
    const bool arrived = state_->waiting() <= 0;
    clean = quiet(false) && arrived;
    if (!clean) std::this_thread::sleep_for(milliseconds{5});
  }
  state_->server->stop();
  if (!clean) quiet(true);
  // Joins: a handler that is still inside the database is waited for; Database::shut_down ends it.
  state_->server.reset();
  state_->threads->joinAll();
  state_->threads.reset();
  context.observer.observe(event::listener_closed,
                           {{"listener", context.options.name}, {"clean", clean}});
  return clean;
}

std::uint16_t HttpServer::port() const { return state_->port; }

int HttpServer::listening_socket() const { return state_->descriptor; }

bool HttpServer::shares_socket() const { return state_->context.options.listening_socket >= 0; }

std::size_t HttpServer::connections() const { return state_->context.running; }

}  // namespace c360::api

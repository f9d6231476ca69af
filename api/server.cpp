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

#include <condition_variable>
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
    // certificates can share that. The handshake comes with the first read, on the connection's
    // own thread. Poco's dispatcher takes ownership.
    if (tls_.isNull()) return new HttpConnection(socket, context_);                 // NOLINT
    return new HttpConnection(Poco::Net::SecureStreamSocket::attach(socket, tls_),  // NOLINT
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

// The listening socket. It can be parked: then it takes what the kernel holds for us and gives the
// address up, in one step, so that nobody is connected and never answered. Poco's server has no
// such step: its stop() drops connections that wait for a thread.
class ListeningSocketImpl final : public Poco::Net::ServerSocketImpl {
 public:
  ListeningSocketImpl() = default;
  // Shares a socket that another server made.
  explicit ListeningSocketImpl(int descriptor) { reset(descriptor); }

  // From the stopping thread.
  void park() { parking_ = true; }
  bool parked() const { return parked_; }
  int accepted() const { return accepted_; }

  // On the accepting thread from here on.
  bool poll(const Poco::Timespan& timeout, int mode) override {
    if (parked_) {
      std::this_thread::sleep_for(milliseconds{5});
      return false;
    }
    if (!parking_) return ServerSocketImpl::poll(timeout, mode);
    if (ServerSocketImpl::poll(Poco::Timespan(0), mode)) return true;
    close();
    parked_ = true;
    return false;
  }
  Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress& client) override {
    Poco::Net::SocketImpl* connection = ServerSocketImpl::acceptConnection(client);
    ++accepted_;
    return connection;
  }

 private:
  std::atomic<bool> parking_{false};
  std::atomic<bool> parked_{false};
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

Result<void> HttpServer::start() {
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
    params->setThreadIdleTime(Poco::Timespan(10, 0));
    state_->descriptor = socket.impl()->sockfd();
    state_->server = std::make_unique<Poco::Net::TCPServer>(new ConnectionFactory(context, tls),
                                                            *state_->threads, socket, params);
    state_->server->setConnectionFilter(new AddressCap(context));
    state_->server->start();
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

bool HttpServer::stop(milliseconds grace) {
  if (!state_->server) return true;
  ServerContext& context = state_->context;
  context.stopping = true;
  state_->listening->park();
  const auto quiet = [&](bool all) {
    const std::scoped_lock lock{context.mutex};
    for (HttpConnection* connection : context.connections) connection->interrupt(all);
    return context.connections.empty();
  };
  const auto begun = std::chrono::steady_clock::now();
  bool clean = false;
  while (!clean && std::chrono::steady_clock::now() < begun + grace) {
    // Counted before looked at: what leaves the queue is among the connections by then.
    const bool arrived = state_->listening->parked() && state_->waiting() <= 0;
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

std::size_t HttpServer::connections() const { return state_->context.running; }

}  // namespace c360::api

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
      context_.count_refusal("too_many_connections", address);
    } catch (const Poco::Exception&) {
      // Gone already.
    }
    return false;
  }

 private:
  ServerContext& context_;
};

// A listening socket made by somebody else.
class SharedSocketImpl final : public Poco::Net::ServerSocketImpl {
 public:
  explicit SharedSocketImpl(int descriptor) { reset(descriptor); }
};
class SharedSocket final : public Poco::Net::ServerSocket {
 public:
  explicit SharedSocket(int descriptor)
      : Poco::Net::ServerSocket(new SharedSocketImpl(descriptor), true) {}
};

Poco::Net::ServerSocket open_socket(const ServerOptions& options) {
  if (options.listening_socket >= 0) {
    const int copy = fcntl(options.listening_socket, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) throw Poco::Net::NetException("the listening socket is gone");
    return SharedSocket(copy);
  }
  Poco::Net::ServerSocket socket;
  // Not SO_REUSEPORT: a second daemon on the address must be told.
  socket.bind(Poco::Net::SocketAddress(options.host, options.port), true, false);
  socket.listen(options.backlog);
  // Where two servers share the socket, the slower one finds nothing to accept and must not wait.
  socket.setBlocking(false);
  return socket;
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
    auto socket = open_socket(options);
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
  state_->server->stop();
  const auto interrupt = [&](bool all) {
    const std::scoped_lock lock{context.mutex};
    for (HttpConnection* connection : context.connections) connection->interrupt(all);
    return context.connections.empty();
  };
  const auto deadline = std::chrono::steady_clock::now() + grace;
  bool clean = interrupt(false);
  while (!clean && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds{5});
    clean = interrupt(false);
  }
  if (!clean) interrupt(true);
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

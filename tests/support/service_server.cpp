#include "tests/support/service_server.h"

#include <Poco/DeflatingStream.h>
#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnection.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/ThreadPool.h>
#include <Poco/URI.h>

#include <array>
#include <chrono>
#include <sstream>

#include "daemon/base/text.h"

namespace c360::testing {

using namespace Poco::Net;

namespace {

std::string gzipped(const std::string& body) {
  std::ostringstream packed;
  Poco::DeflatingOutputStream packer(packed, Poco::DeflatingStreamBuf::STREAM_GZIP);
  packer << body;
  packer.close();
  return packed.str();
}

std::string chunk(const std::string& bytes) {
  std::ostringstream text;
  text << std::hex << bytes.size() << "\r\n" << bytes << "\r\n";
  return text.str();
}

// The head of a request and how long its body is.
ServiceRequest parsed_head(const std::string& head, std::size_t& length) {
  ServiceRequest request;
  std::istringstream lines(head);
  std::string target;
  std::string line;
  lines >> request.method >> target;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    request.headers[to_lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
  }
  const Poco::URI uri(target);
  request.path = uri.getPath();
  for (const auto& [name, value] : uri.getQueryParameters()) request.query[name] = value;
  const auto announced = request.headers.find("content-length");
  length = announced == request.headers.end() ? 0 : std::stoul(announced->second);
  return request;
}

}  // namespace

class ServiceServer::Connection final : public TCPServerConnection {
 public:
  Connection(const StreamSocket& socket, ServiceServer& server)
      : TCPServerConnection(socket), server_(server) {}

  void run() override {
    try {
      while (serve_one()) {
      }
    } catch (const Poco::Exception&) {
      // The client has gone, or does not trust us: what the tests are about.
    }
  }

 private:
  bool serve_one() {
    std::size_t end = std::string::npos;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos)
      if (!receive()) return false;
    std::size_t length = 0;
    ServiceRequest request = parsed_head(received_.substr(0, end + 2), length);
    received_.erase(0, end + 4);
    while (received_.size() < length)
      if (!receive()) return false;
    request.body = received_.substr(0, length);
    received_.erase(0, length);
    return deliver(server_.reply_to(request));
  }

  // More of the request; false when the client or the server ends.
  bool receive() {
    std::array<char, 16'384> buffer{};
    while (!socket().poll(Poco::Timespan(0, 50'000), Socket::SELECT_READ))
      if (server_.ends()) return false;
    const int count = socket().receiveBytes(buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) return false;
    received_.append(buffer.data(), static_cast<std::size_t>(count));
    return !server_.has_enough(received_.size());
  }

  void send(const std::string& bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
      const int count = socket().sendBytes(bytes.data() + at, static_cast<int>(bytes.size() - at));
      if (count <= 0) throw Poco::IOException("nobody takes it");
      at += static_cast<std::size_t>(count);
    }
  }

  void send_head(const ServiceReply& reply, const std::string& framing) {
    std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Said\r\n";
    if (!reply.content_type.empty()) head += "Content-Type: " + reply.content_type + "\r\n";
    if (reply.gzip) head += "Content-Encoding: gzip\r\n";
    for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
    send(head + framing + "\r\n\r\n");
  }

  static std::string length_of(std::size_t bytes) {
    return "Content-Length: " + std::to_string(bytes);
  }

  // Whether another request may follow.
  bool deliver(const ServiceReply& reply) {
    const std::string body = reply.gzip ? gzipped(reply.body) : reply.body;
    switch (reply.delivery) {
      case Delivery::whole:
        send_head(reply, length_of(body.size()));
        send(body);
        return true;
      case Delivery::silent:
        while (receive()) {
        }
        return false;
      case Delivery::hang_up:
        return false;
      case Delivery::drip:
        send_head(reply, length_of(1'000'000));
        while (server_.wait_a_little()) send("x");
        return false;
      case Delivery::short_of_length:
        send_head(reply, length_of(body.size()));
        send(body.substr(0, body.size() / 2));
        return false;
      case Delivery::open_chunk:
        send_head(reply, "Transfer-Encoding: chunked");
        send(chunk(body));
        return false;
      case Delivery::endless:
        send_head(reply, "Transfer-Encoding: chunked");
        while (!server_.ends()) send(chunk(body));
        return false;
      case Delivery::no_http:
        send("220 mail.example ESMTP\r\n");
        return false;
      case Delivery::long_header:
        send_head(reply, "X-Long: " + std::string(80'000, 'x'));
        return false;
    }
    return false;
  }

  ServiceServer& server_;
  std::string received_;
};

class ServiceServer::Factory final : public TCPServerConnectionFactory {
 public:
  explicit Factory(ServiceServer& server) : server_(server) {}
  TCPServerConnection* createConnection(const StreamSocket& socket) override {
    {
      const std::scoped_lock lock{server_.mutex_};
      ++server_.connections_;
    }
    return new Connection(socket, server_);
  }

 private:
  ServiceServer& server_;
};

struct ServiceServer::Listener {
  SecureServerSocket socket;
  Poco::ThreadPool threads{2, 16};
  TCPServer server;

  Listener(ServiceServer& owner, const CertificateFiles& files)
      : socket(SocketAddress("127.0.0.1", 0), 64,
               new Context(Context::TLS_SERVER_USE, files.key.string(), files.certificate.string(),
                           "", Context::VERIFY_NONE)),
        server(new Factory(owner), threads, socket) {
    server.start();
  }
  ~Listener() {
    server.stop();
    threads.joinAll();
  }
};

ServiceServer::ServiceServer(const CertificateRequest& certificate)
    : authority_(folder_.path()),
      listener_(std::make_unique<Listener>(*this, authority_.issue("service", certificate))) {}

ServiceServer::~ServiceServer() {
  {
    const std::scoped_lock lock{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
  listener_.reset();
}

std::string ServiceServer::url() const {
  return "https://127.0.0.1:" + std::to_string(listener_->socket.address().port());
}

void ServiceServer::on(const std::string& path, ServiceReply reply) {
  answer(path, [reply = std::move(reply)](const ServiceRequest&) { return reply; });
}

void ServiceServer::answer(const std::string& path,
                           std::function<ServiceReply(const ServiceRequest&)> reply) {
  const std::scoped_lock lock{mutex_};
  replies_[path] = std::move(reply);
}

void ServiceServer::keep_no_requests() {
  const std::scoped_lock lock{mutex_};
  keeps_requests_ = false;
}

void ServiceServer::next(ServiceReply reply) {
  const std::scoped_lock lock{mutex_};
  scripted_.push_back(std::move(reply));
}

void ServiceServer::on_request(std::function<void(const ServiceRequest&)> hook) {
  const std::scoped_lock lock{mutex_};
  hook_ = std::move(hook);
}

std::vector<ServiceRequest> ServiceServer::requests() const {
  const std::scoped_lock lock{mutex_};
  return requests_;
}

int ServiceServer::connections() const {
  const std::scoped_lock lock{mutex_};
  return connections_;
}

ServiceReply ServiceServer::reply_to(const ServiceRequest& request) {
  std::function<void(const ServiceRequest&)> hook;
  {
    const std::scoped_lock lock{mutex_};
    if (keeps_requests_) requests_.push_back(request);
    hook = hook_;
  }
  if (hook) hook(request);
  std::function<ServiceReply(const ServiceRequest&)> reply_of;
  {
    const std::scoped_lock lock{mutex_};
    if (!scripted_.empty()) {
      ServiceReply reply = std::move(scripted_.front());
      scripted_.pop_front();
      return reply;
    }
    const auto found = replies_.find(request.path);
    if (found != replies_.end()) reply_of = found->second;
  }
  if (reply_of) return reply_of(request);
  return {.status = 404, .body = "nothing is here", .content_type = "text/plain"};
}

bool ServiceServer::wait_a_little() {
  std::unique_lock lock{mutex_};
  return !changed_.wait_for(lock, std::chrono::milliseconds{20}, [&] { return ends_; });
}

void ServiceServer::read_at_most(std::size_t bytes) {
  const std::scoped_lock lock{mutex_};
  most_bytes_ = bytes;
}

bool ServiceServer::has_enough(std::size_t bytes) const {
  const std::scoped_lock lock{mutex_};
  return most_bytes_ != 0 && bytes >= most_bytes_;
}

bool ServiceServer::ends() const {
  const std::scoped_lock lock{mutex_};
  return ends_;
}

}  // namespace c360::testing

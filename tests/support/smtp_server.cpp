#include "tests/support/smtp_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include "daemon/base/digest.h"

namespace c360::testing {
namespace {

using Poco::Net::StreamSocket;

struct Gone {};  // the connection is over

void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::string between_brackets(const std::string& arguments) {
  const auto begin = arguments.find('<');
  const auto end = arguments.find('>');
  if (begin == std::string::npos || end == std::string::npos) return {};
  return arguments.substr(begin + 1, end - begin - 1);
}

std::string decoded(std::string base64) {
  std::erase(base64, '=');
  std::ranges::replace(base64, '+', '-');
  std::ranges::replace(base64, '/', '_');
  return from_base64url(base64).value_or("");
}

}  // namespace

class SmtpServer::Client {
 public:
  Client(StreamSocket socket, CertificateFiles certificate)
      : socket_(std::move(socket)), certificate_(std::move(certificate)) {}

  bool is_secret = false;
  bool is_signed_in = false;

  void send(const std::string& bytes) {
    guard([&] {
      std::size_t sent = 0;
      while (sent < bytes.size()) {
        const int now =
            socket_.sendBytes(bytes.data() + sent, static_cast<int>(bytes.size() - sent),
                              is_secret ? 0 : MSG_NOSIGNAL);
        if (now <= 0) throw Gone{};
        sent += static_cast<std::size_t>(now);
      }
    });
  }
  std::string read_line() {
    std::size_t end = 0;
    while ((end = input_.find('\n')) == std::string::npos) fill();
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }
  void start_tls() {
    guard([&] {
      Poco::Net::Context::Ptr context(new Poco::Net::Context(
          Poco::Net::Context::TLS_SERVER_USE, certificate_.key.string(),
          certificate_.certificate.string(), "", Poco::Net::Context::VERIFY_NONE));
      auto secure = Poco::Net::SecureStreamSocket::attach(socket_, context);
      secure.completeHandshake();
      socket_ = secure;
      is_secret = true;
    });
  }
  [[noreturn]] void listen_on() {
    for (;;) {
      fill();
      input_.clear();
    }
  }
  // A byte now and then, for as long as the client waits.
  [[noreturn]] void drip(const std::string& bytes) {
    for (std::size_t i = 0;; ++i) {
      send(std::string(1, i < bytes.size() ? bytes[i] : 'x'));
      bool gone = false;
      guard([&] {
        constexpr long kPause = 20'000;  // microseconds
        gone = socket_.poll(kPause, Poco::Net::Socket::SELECT_READ);
      });
      if (gone) throw Gone{};
    }
  }
  void close() {
    guard([&] { socket_.shutdown(); });
    guard([&] { socket_.close(); });
  }

 private:
  void fill() {
    guard([&] {
      char buffer[16'384];
      const int size = socket_.receiveBytes(buffer, sizeof buffer);
      if (size <= 0) throw Gone{};
      input_.append(buffer, static_cast<std::size_t>(size));
    });
  }
  template <typename Call>
  void guard(const Call& call) {
    try {
      call();
    } catch (const Poco::Exception&) {
      throw Gone{};
    }
  }

  StreamSocket socket_;
  CertificateFiles certificate_;
  std::string input_;
};

struct SmtpServer::Listener {
  Poco::Net::ServerSocket socket{Poco::Net::SocketAddress("127.0.0.1", 0)};
  std::mutex mutex;
  bool stopping = false;
  std::vector<StreamSocket> clients;
  std::vector<std::thread> threads;
  std::thread acceptor;
};

SmtpServer::SmtpServer(SmtpServerOptions options)
    : options_(std::move(options)),
      authority_(folder_.path()),
      certificate_(authority_.issue("smtp", options_.certificate)),
      listener_(std::make_unique<Listener>()) {
  block_sigpipe();  // threads made here inherit it
  listener_->acceptor = std::thread([this] {
    for (;;) {
      StreamSocket socket;
      try {
        socket = listener_->socket.acceptConnection();
      } catch (const Poco::Exception&) {
        return;
      }
      const std::scoped_lock lock(listener_->mutex);
      if (listener_->stopping) return;
      listener_->clients.push_back(socket);
      listener_->threads.emplace_back([this, socket] {
        Client client{socket, certificate_};
        try {
          serve(client);
          client.close();
        } catch (const Gone&) {  // the usual end
        }
      });
    }
  });
}

SmtpServer::~SmtpServer() {
  std::vector<std::thread> threads;
  {
    const std::scoped_lock lock(listener_->mutex);
    listener_->stopping = true;
    threads.swap(listener_->threads);
    for (const StreamSocket& client : listener_->clients)
      ::shutdown(client.impl()->sockfd(), SHUT_RDWR);
  }
  ::shutdown(listener_->socket.impl()->sockfd(), SHUT_RDWR);
  listener_->acceptor.join();
  for (std::thread& thread : threads) thread.join();
}

std::uint16_t SmtpServer::port() const { return listener_->socket.address().port(); }

void SmtpServer::at(const std::string& command, SmtpFault fault) {
  const std::scoped_lock lock(mutex_);
  faults_[command] = std::move(fault);
}

std::vector<ReceivedMail> SmtpServer::mails() const {
  const std::scoped_lock lock(mutex_);
  return mails_;
}

std::vector<std::string> SmtpServer::commands() const {
  const std::scoped_lock lock(mutex_);
  return commands_;
}

int SmtpServer::connections() const {
  const std::scoped_lock lock(mutex_);
  return connections_;
}

std::optional<SmtpFault> SmtpServer::fault_at(const std::string& command) {
  const std::scoped_lock lock(mutex_);
  const auto found = faults_.find(command);
  if (found == faults_.end()) return std::nullopt;
  SmtpFault fault = found->second;
  if (found->second.times > 0 && --found->second.times == 0) faults_.erase(found);
  return fault;
}

void SmtpServer::answer(Client& client, const std::string& command, const std::string& honest) {
  const auto fault = fault_at(command);
  if (!fault) return client.send(honest + "\r\n");
  if (fault->hangs_up) {
    client.close();
    throw Gone{};
  }
  if (fault->is_silent) client.listen_on();
  if (fault->drips) client.drip(honest.substr(0, 4));
  client.send((fault->reply.empty() ? honest : fault->reply) + "\r\n" + fault->behind);
  if (!fault->reply.empty()) throw std::string(fault->reply);
}

std::string SmtpServer::hello() const {
  std::string text = "250-smtp.example.test";
  const auto add = [&](const std::string& word) { text += "\r\n250-" + word; };
  add("SIZE " + std::to_string(options_.size_limit));
  for (const std::string& word : options_.extensions) add(word);
  return text + "\r\n250 HELP";
}

void SmtpServer::serve(Client& client) {
  {
    const std::scoped_lock lock(mutex_);
    ++connections_;
  }
  if (options_.tls == SmtpServerOptions::Tls::implicit) client.start_tls();
  const auto answered = [&](const std::string& command, const std::string& honest) {
    try {
      answer(client, command, honest);
      return true;
    } catch (const std::string&) {  // refused
      return false;
    }
  };
  if (!answered("greeting", "220 smtp.example.test ready")) client.listen_on();
  ReceivedMail mail;
  for (;;) {
    const std::string line = client.read_line();
    const std::string verb = line.substr(0, 4);
    {
      const std::scoped_lock lock(mutex_);
      commands_.push_back(verb == "AUTH" ? line.substr(0, line.find(' ', 5)) : line);
    }
    if (verb == "EHLO" || verb == "HELO") {
      std::string text = hello();
      if (options_.tls == SmtpServerOptions::Tls::starttls && !client.is_secret)
        text.insert(text.rfind("250 "), "250-STARTTLS\r\n");
      answered("EHLO", text);
    } else if (line == "STARTTLS") {
      if (!answered("STARTTLS", "220 go ahead")) continue;
      client.start_tls();
      const std::scoped_lock lock(mutex_);
      commands_.emplace_back("TLS");
    } else if (verb == "AUTH") {
      client.is_signed_in = sign_in(client, line.substr(5));
      answered("AUTH", client.is_signed_in ? "235 2.7.0 welcome" : "535 5.7.8 wrong password");
    } else if (verb == "MAIL") {
      mail = {.from = between_brackets(line), .to = {}, .bytes = {}};
      const bool welcome = client.is_signed_in || options_.user.empty();
      answered("MAIL", welcome ? "250 2.1.0 fine" : "530 5.7.0 sign in first");
    } else if (verb == "RCPT") {
      if (answered("RCPT", "250 2.1.5 fine")) mail.to = between_brackets(line);
    } else if (verb == "DATA") {
      if (answered("DATA", "354 go on")) take_mail(client, mail);
    } else if (verb == "QUIT") {
      client.send("221 bye\r\n");
      return;
    } else {
      client.send("250 2.0.0 fine\r\n");
    }
  }
}

bool SmtpServer::sign_in(Client& client, const std::string& arguments) {
  const auto ask = [&](const std::string& prompt) {
    client.send("334 " + prompt + "\r\n");
    return decoded(client.read_line());
  };
  const std::string way = arguments.substr(0, arguments.find(' '));
  const auto initial = arguments.find(' ');
  const auto first = [&] {
    return initial == std::string::npos ? ask("") : decoded(arguments.substr(initial + 1));
  };
  if (way == "PLAIN")
    return first() == std::string(1, '\0') + options_.user + '\0' + options_.password;
  if (way == "LOGIN") {
    const bool user = ask("VXNlcm5hbWU6") == options_.user;
    return ask("UGFzc3dvcmQ6") == options_.password && user;
  }
  if (first() == "user=" + options_.user + "\1auth=Bearer " + options_.password + "\1\1")
    return true;
  ask("eyJzdGF0dXMiOiI0MDEifQ==");
  return false;
}

void SmtpServer::take_mail(Client& client, ReceivedMail& mail) {
  if (const auto fault = fault_at("body")) {
    client.read_line();
    client.close();
    throw Gone{};
  }
  for (std::string line = client.read_line(); line != "."; line = client.read_line())
    mail.bytes += (line.starts_with('.') ? line.substr(1) : line) + "\r\n";
  const auto keep = [&] {
    const std::scoped_lock lock(mutex_);
    mails_.push_back(mail);
  };
  try {
    answer(client, ".", "250 2.0.0 queued as 17");
    keep();
  } catch (const std::string&) {  // refused
  } catch (const Gone&) {
    keep();  // taken, and nobody was told
    throw;
  }
}

}  // namespace c360::testing

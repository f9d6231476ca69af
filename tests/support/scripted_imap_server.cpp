#include "tests/support/scripted_imap_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <sstream>

namespace c360::testing {
namespace {

using Poco::Net::StreamSocket;

std::string upper_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

// The words of a command; quoted strings without their quotes, lists with their brackets.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  bool quoted = false;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      words.back() += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted && depth == 0) {
      words.emplace_back();
    } else {
      if (!quoted) depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      words.back() += c;
    }
  }
  return words;
}

// The number the text begins with, and what follows it must be `rest`. A client that writes
// something else (TLS where plain text is spoken, for one) is hung up on.
std::uint32_t number_in(std::string_view text, std::string_view rest = {}) {
  std::uint32_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto read = static_cast<std::size_t>(end - text.data());
  if (fault != std::errc{} || text.substr(read) != rest) throw ImapConnection::Closed{};
  return number;
}

// Whether the sequence set holds the number; '*' is the largest there is.
bool holds(const std::string& set, std::uint32_t number, std::uint32_t largest) {
  std::istringstream ranges(set);
  for (std::string range; std::getline(ranges, range, ',');) {
    const auto bound = [largest](const std::string& text) {
      return text == "*" ? largest : number_in(text);
    };
    const auto colon = range.find(':');
    std::uint32_t first = bound(range.substr(0, colon));
    std::uint32_t last = colon == std::string::npos ? first : bound(range.substr(colon + 1));
    if (first > last) std::swap(first, last);
    if (number >= first && number <= last) return true;
  }
  return false;
}

std::uint32_t largest_uid(const std::vector<ImapAccount::Message>& messages) {
  return messages.empty() ? 1 : messages.back().uid;
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

class SocketConnection final : public ImapConnection {
 public:
  SocketConnection(StreamSocket socket, const std::optional<CertificateFiles>& certificate)
      : socket_(std::move(socket)), certificate_(certificate) {}

  std::string folder;    // selected
  std::size_t told = 0;  // how many messages the client knows of

  void send(std::string_view bytes) override {
    guard([&] {
      while (!bytes.empty()) {
        const int sent = socket_.sendBytes(bytes.data(), static_cast<int>(bytes.size()),
                                           encrypted_ ? 0 : MSG_NOSIGNAL);
        if (sent <= 0) throw Closed{};
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
    });
  }

  std::string read_line() override {
    std::string line;
    while (!line.ends_with('\n')) line += read(1);
    line.pop_back();
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }

  std::string read(std::size_t size) override {
    while (input_.size() < size) fill();
    std::string bytes = input_.substr(0, size);
    input_.erase(0, size);
    return bytes;
  }

  bool readable() override {
    bool ready = !input_.empty();
    guard([&] {
      constexpr long kMoment = 2'000;  // microseconds
      ready = ready || socket_.poll(kMoment, Poco::Net::Socket::SELECT_READ);
    });
    return ready;
  }

  void start_tls() override {
    guard([&] {
      Poco::Net::Context::Ptr context(new Poco::Net::Context(
          Poco::Net::Context::TLS_SERVER_USE, certificate_->key.string(),
          certificate_->certificate.string(), "", Poco::Net::Context::VERIFY_NONE));
      auto secure = Poco::Net::SecureStreamSocket::attach(socket_, context);
      secure.completeHandshake();
      socket_ = secure;
      encrypted_ = true;
    });
  }

  void close() override {
    guard([&] { socket_.close(); });
    throw Closed{};
  }
  bool encrypted() const override { return encrypted_; }

 private:
  void fill() {
    guard([&] {
      char buffer[4096];
      const int size = socket_.receiveBytes(buffer, sizeof buffer);
      if (size <= 0) throw Closed{};
      input_.append(buffer, static_cast<std::size_t>(size));
    });
  }

  template <typename Call>
  void guard(const Call& call) {
    try {
      call();
    } catch (const Poco::Exception&) {
      throw Closed{};
    }
  }

  StreamSocket socket_;
  std::optional<CertificateFiles> certificate_;
  std::string input_;
  bool encrypted_ = false;
};

SocketConnection& state_of(ImapConnection& client) {
  return dynamic_cast<SocketConnection&>(client);
}
std::string& folder_of(ImapConnection& client) { return state_of(client).folder; }

}  // namespace

ImapCommand ImapConnection::read_command() {
  std::string text = read_line();
  while (text.ends_with('}')) {
    const auto brace = text.rfind('{');
    const bool waits = !text.ends_with("+}");
    if (brace == std::string::npos) throw Closed{};
    const std::size_t size =
        number_in(std::string_view(text).substr(brace + 1), waits ? "}" : "+}");
    if (waits) line("+ go on");
    text.resize(brace);
    text += '"' + read(size) + '"';
    text += read_line();
  }
  ImapCommand command;
  std::istringstream words(text);
  words >> command.tag >> command.name;
  command.name = upper_case(command.name);
  if (command.name == "UID") {
    std::string second;
    words >> second;
    command.name += " " + upper_case(second);
  }
  // The rest as it is: a literal may hold line ends.
  words >> std::ws;
  if (words) command.arguments = text.substr(static_cast<std::size_t>(words.tellg()));
  return command;
}

bool ImapCommand::asks_for(std::uint32_t uid) const {
  return holds(words_of(arguments).front(), uid, UINT32_MAX);
}

void ImapConnection::drip(std::string_view bytes) {
  for (const char byte : bytes) {
    send(std::string_view(&byte, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void ImapConnection::hang() {
  for (;;) read(1);
}

std::uint32_t ImapAccount::add(const std::string& folder, std::string bytes) {
  const std::scoped_lock lock(mutex_);
  folders_[folder].push_back({next_uid_, std::move(bytes), {}});
  return next_uid_++;
}

void ImapAccount::set_uidvalidity(std::uint32_t uidvalidity) {
  const std::scoped_lock lock(mutex_);
  uidvalidity_ = uidvalidity;
}

std::uint32_t ImapAccount::uidvalidity() const {
  const std::scoped_lock lock(mutex_);
  return uidvalidity_;
}

std::vector<ImapAccount::Message> ImapAccount::messages(const std::string& folder) const {
  const std::scoped_lock lock(mutex_);
  const auto found = folders_.find(folder);
  return found == folders_.end() ? std::vector<Message>{} : found->second;
}

bool ImapAccount::has_folder(const std::string& folder) const {
  const std::scoped_lock lock(mutex_);
  return folders_.contains(folder);
}

void ImapAccount::change(
    const std::function<void(std::map<std::string, std::vector<Message>>&)>& how) {
  const std::scoped_lock lock(mutex_);
  how(folders_);
}

struct ScriptedImapServer::Listener {
  Poco::Net::ServerSocket socket{Poco::Net::SocketAddress("127.0.0.1", 0)};
  mutable std::mutex mutex;
  mutable std::condition_variable noted;
  bool stopping = false;
  std::vector<StreamSocket> clients;
  std::vector<std::thread> threads;
  std::vector<std::string> transcript;
  std::thread acceptor;
};

ScriptedImapServer::ScriptedImapServer(ScriptedImapOptions options)
    : options_(std::move(options)), listener_(std::make_unique<Listener>()) {
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
        std::optional<CertificateFiles> certificate;
        {
          const std::scoped_lock guard(faults_mutex_);
          certificate = options_.certificate;
        }
        SocketConnection client{socket, certificate};
        try {
          if (options_.tls) client.start_tls();
          serve(client);
          client.close();
        } catch (const ImapConnection::Closed&) {  // the usual end
        }
      });
    }
  });
}

ScriptedImapServer::~ScriptedImapServer() {
  std::vector<std::thread> threads;
  {
    const std::scoped_lock lock(listener_->mutex);
    listener_->stopping = true;
    threads.swap(listener_->threads);
  }
  hang_up();
  ::shutdown(listener_->socket.impl()->sockfd(), SHUT_RDWR);
  listener_->acceptor.join();
  for (std::thread& thread : threads) thread.join();
}

void ScriptedImapServer::hang_up() {
  const std::scoped_lock lock(listener_->mutex);
  for (const StreamSocket& client : listener_->clients)
    ::shutdown(client.impl()->sockfd(), SHUT_RDWR);
  listener_->clients.clear();
}

std::uint16_t ScriptedImapServer::port() const { return listener_->socket.address().port(); }

void ScriptedImapServer::note(const ImapCommand& command) {
  const std::scoped_lock lock(listener_->mutex);
  listener_->transcript.push_back(command.name +
                                  (command.arguments.empty() ? "" : " " + command.arguments));
  listener_->noted.notify_all();
}

std::vector<std::string> ScriptedImapServer::transcript() const {
  const std::scoped_lock lock(listener_->mutex);
  return listener_->transcript;
}

bool ScriptedImapServer::wait_for(const std::string& command, int times) const {
  std::unique_lock lock(listener_->mutex);
  return listener_->noted.wait_for(lock, std::chrono::seconds(30), [&] {
    return std::ranges::count_if(listener_->transcript, [&](const std::string& line) {
             return line == command || line.starts_with(command + " ");
           }) >= times;
  });
}

void ScriptedImapServer::on(const std::string& command, Handler handler) {
  const std::scoped_lock lock(faults_mutex_);
  handlers_[command] = std::move(handler);
}

void ScriptedImapServer::misbehave(const std::string& command, int times, Handler handler) {
  const std::scoped_lock lock(faults_mutex_);
  faults_[command] = {
      .before = 0, .left = times, .lasting = times == 0, .handler = std::move(handler)};
}

void ScriptedImapServer::misbehave_at(const std::string& command, int nth, Handler handler) {
  const std::scoped_lock lock(faults_mutex_);
  faults_[command] = {
      .before = nth - 1, .left = 1, .lasting = false, .handler = std::move(handler)};
}

void ScriptedImapServer::heal() {
  const std::scoped_lock lock(faults_mutex_);
  faults_.clear();
}

void ScriptedImapServer::use_certificate(CertificateFiles files) {
  const std::scoped_lock lock(faults_mutex_);
  options_.certificate = std::move(files);
}

ScriptedImapServer::Handler ScriptedImapServer::lie_for(const std::string& command) {
  const std::scoped_lock lock(faults_mutex_);
  const auto fault = faults_.find(command);
  if (fault != faults_.end() && fault->second.before-- <= 0 &&
      (fault->second.lasting || fault->second.left-- > 0)) {
    return fault->second.handler;
  }
  const auto handler = handlers_.find(command);
  return handler == handlers_.end() ? Handler{} : handler->second;
}

void ScriptedImapServer::serve(ImapConnection& client) {
  if (const Handler greeting = lie_for("")) {
    note({"", "", ""});
    greeting(client, {});
  } else {
    client.line(options_.greeting);
  }
  for (;;) {
    const ImapCommand command = client.read_command();
    note(command);
    if (const Handler lie = lie_for(command.name)) {
      lie(client, command);
    } else {
      answer(client, command);
    }
    if (command.name == "LOGOUT") return;
  }
}

void ScriptedImapServer::answer(ImapConnection& client, const ImapCommand& command) {
  const std::string& name = command.name;
  if (name == "CAPABILITY") {
    client.line("* CAPABILITY " + options_.capabilities);
    client.ok(command);
  } else if (name == "STARTTLS") {
    client.ok(command);
    client.start_tls();
  } else if (name == "LOGIN" || name == "AUTHENTICATE") {
    authenticate(client, command);
  } else if (name == "ID") {
    client.line(R"(* ID ("name" "Script" "version" NIL))");
    client.ok(command);
  } else if (name == "ENABLE") {
    client.line("* ENABLED " + command.arguments);
    client.ok(command);
  } else if (name == "NAMESPACE") {
    client.line(R"(* NAMESPACE (("" "/")) NIL NIL)");
    client.ok(command);
  } else if (name == "LIST") {
    client.line(R"(* LIST (\HasNoChildren) "/" "INBOX")");
    client.line(R"(* LIST (\HasNoChildren \Trash) "/" "Bin")");
    client.ok(command);
  } else if (name == "SELECT" || name == "EXAMINE") {
    select(client, command);
  } else if (name == "UID SEARCH") {
    search(client, command);
  } else if (name == "UID FETCH") {
    fetch(client, command);
  } else if (name == "UID STORE") {
    store(client, command);
  } else if (name == "UID EXPUNGE" || name == "EXPUNGE") {
    expunge(client, command);
  } else if (name == "UID MOVE" || name == "UID COPY") {
    transfer(client, command);
  } else if (name == "CREATE") {
    account_.change([&](auto& folders) { folders[words_of(command.arguments).front()]; });
    client.ok(command);
  } else if (name == "IDLE") {
    idle(client, command);
  } else if (name == "NOOP" || name == "SUBSCRIBE") {
    client.ok(command);
  } else if (name == "LOGOUT") {
    client.line("* BYE see you");
    client.ok(command);
  } else {
    client.line(command.tag + " BAD unknown command " + command.name + " " + command.arguments);
  }
}

void ScriptedImapServer::authenticate(ImapConnection& client, const ImapCommand& command) {
  bool known = false;
  if (command.name == "LOGIN") {
    const auto words = words_of(command.arguments);
    known = words.size() == 2 && words[0] == options_.user && words[1] == options_.password;
  } else {
    std::string initial = command.arguments;  // "PLAIN" or "PLAIN <base64>"
    if (initial.find(' ') == std::string::npos) {
      client.line("+ ");
      initial += " " + client.read_line();
    }
    // Compared in base64's clothes: the test knows what it must be.
    const std::string message = '\0' + options_.user + '\0' + options_.password;
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string wanted;
    for (std::size_t i = 0; i < message.size(); i += 3) {
      std::uint32_t bits = 0;
      for (std::size_t j = 0; j < 3; ++j) {
        bits = (bits << 8U) |
               (i + j < message.size() ? static_cast<unsigned char>(message[i + j]) : 0U);
      }
      for (std::size_t j = 0; j < 4; ++j) {
        wanted += i + j <= message.size() ? kAlphabet[(bits >> (18 - 6 * j)) & 63U] : '=';
      }
    }
    known = initial == "PLAIN " + wanted;
  }
  if (known) {
    client.ok(command, "[CAPABILITY " + options_.capabilities + "] welcome");
  } else {
    client.no(command, "[AUTHENTICATIONFAILED] wrong");
  }
}

void ScriptedImapServer::select(ImapConnection& client, const ImapCommand& command) {
  const std::string folder = words_of(command.arguments).front();
  if (!account_.has_folder(folder)) return client.no(command, "[NONEXISTENT] no such folder");
  folder_of(client) = folder;
  client.line(R"(* FLAGS (\Answered \Flagged \Deleted \Seen \Draft))");
  state_of(client).told = account_.messages(folder).size();
  client.line("* " + std::to_string(state_of(client).told) + " EXISTS");
  client.line(R"(* OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] fine)");
  client.line("* OK [UIDVALIDITY " + std::to_string(account_.uidvalidity()) + "] fine");
  client.line("* OK [UIDNEXT 1000] fine");
  client.ok(command, command.name == "SELECT" ? "[READ-WRITE] open" : "[READ-ONLY] open");
}

void ScriptedImapServer::search(ImapConnection& client, const ImapCommand& command) {
  auto words = words_of(command.arguments);
  const bool extended = words.front() == "RETURN";
  if (extended) words.erase(words.begin(), words.begin() + 2);
  const auto messages = account_.messages(folder_of(client));
  std::string found;
  for (const auto& message : messages) {
    bool fits = true;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == "UID") fits = fits && holds(words[++i], message.uid, largest_uid(messages));
      if (words[i] == "UNSEEN") fits = fits && !message.flags.contains("\\Seen");
      if (words[i] == "SEEN") fits = fits && message.flags.contains("\\Seen");
      if (words[i] == "DELETED") fits = fits && message.flags.contains("\\Deleted");
    }
    if (fits) found += (found.empty() ? "" : extended ? "," : " ") + std::to_string(message.uid);
  }
  if (extended) {
    client.line("* ESEARCH (TAG \"" + command.tag + "\") UID" +
                (found.empty() ? "" : " ALL " + found));
  } else {
    client.line("* SEARCH" + (found.empty() ? "" : " " + found));
  }
  client.ok(command);
}

void ScriptedImapServer::fetch(ImapConnection& client, const ImapCommand& command) {
  const std::string set = words_of(command.arguments).front();
  const auto messages = account_.messages(folder_of(client));
  std::size_t sequence = 0;
  for (const auto& message : messages) {
    ++sequence;
    if (!holds(set, message.uid, largest_uid(messages))) continue;
    const std::string size = std::to_string(message.bytes.size());
    client.send("* " + std::to_string(sequence) + " FETCH (UID " + std::to_string(message.uid) +
                " RFC822.SIZE " + size + " INTERNALDATE \"22-Nov-2026 09:00:00 +0300\" FLAGS (" +
                joined(message.flags) + ") BODY[] {" + size + "}\r\n" + message.bytes + ")\r\n");
  }
  client.ok(command);
}

void ScriptedImapServer::store(ImapConnection& client, const ImapCommand& command) {
  const auto words = words_of(command.arguments);  // set +FLAGS.SILENT (\Seen)
  std::istringstream flags(words.at(2).substr(1, words.at(2).size() - 2));
  std::set<std::string> added;
  for (std::string flag; flags >> flag;) added.insert(flag);
  account_.change([&](auto& folders) {
    auto& messages = folders[folder_of(client)];
    for (auto& message : messages) {
      if (holds(words.front(), message.uid, largest_uid(messages))) {
        message.flags.insert(added.begin(), added.end());
      }
    }
  });
  client.ok(command);
}

void ScriptedImapServer::expunge(ImapConnection& client, const ImapCommand& command) {
  const bool all = command.name == "EXPUNGE";
  std::vector<std::size_t> gone;
  account_.change([&](auto& folders) {
    auto& messages = folders[folder_of(client)];
    const std::uint32_t largest = largest_uid(messages);
    for (std::size_t i = messages.size(); i-- > 0;) {
      if (!messages[i].flags.contains("\\Deleted")) continue;
      if (!all && !holds(command.arguments, messages[i].uid, largest)) continue;
      messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i));
      gone.push_back(i + 1);
    }
  });
  for (const std::size_t sequence : gone) client.line("* " + std::to_string(sequence) + " EXPUNGE");
  client.ok(command);
}

void ScriptedImapServer::transfer(ImapConnection& client, const ImapCommand& command) {
  const auto words = words_of(command.arguments);
  if (!account_.has_folder(words.at(1))) return client.no(command, "[TRYCREATE] make it first");
  std::vector<std::string> copies;
  account_.change([&](auto& folders) {
    auto& messages = folders[folder_of(client)];
    const std::uint32_t largest = largest_uid(messages);
    std::erase_if(messages, [&](const ImapAccount::Message& message) {
      if (!holds(words.front(), message.uid, largest)) return false;
      copies.push_back(message.bytes);
      return command.name == "UID MOVE";
    });
  });
  for (std::string& copy : copies) account_.add(words.at(1), std::move(copy));
  client.ok(command);
}

void ScriptedImapServer::idle(ImapConnection& client, const ImapCommand& command) {
  client.line("+ idling");
  do {
    const std::size_t now = account_.messages(folder_of(client)).size();
    if (now > state_of(client).told) client.line("* " + std::to_string(now) + " EXISTS");
    state_of(client).told = now;
  } while (!client.readable());
  client.read_line();  // DONE
  client.ok(command);
}

}  // namespace c360::testing

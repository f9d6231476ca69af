#include "tests/support/step_relay.h"

#include <libpq-fe.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "daemon/base/text.h"
#include "tests/support/loopback.h"
#include "tests/support/temp_folder.h"

namespace c360::testing {
namespace {

constexpr int kPollMilliseconds = 5;  // how late the end of the program may be seen

// Only look, or concern the session alone (RFC 9051, 6.1 to 6.4).
constexpr std::array<std::string_view, 15> kLooking{
    "CAPABILITY", "ID",     "LOGIN", "AUTHENTICATE", "ENABLE", "NAMESPACE", "LIST", "SELECT",
    "EXAMINE",    "SEARCH", "FETCH", "NOOP",         "LOGOUT", "IDLE",      "DONE"};

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the peer is gone: its end is seen by reading
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  check(path.size() < sizeof address.sun_path, "the path of a socket");
  path.copy(address.sun_path, path.size());
  return address;
}

template <typename Address>
int listen_at(const Address& address) {
  const int made =
      socket(reinterpret_cast<const sockaddr*>(&address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(made >= 0 && bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
            listen(made, 64) == 0,
        "listening");
  return made;
}

template <typename Address>
int connect_to(const Address& address) {
  const int made =
      socket(reinterpret_cast<const sockaddr*>(&address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(
      made >= 0 && connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
      "connecting");
  return made;
}

// The run under way: which steps were begun, and whether the program ended at one.
class Run {
 public:
  Run(pid_t program, std::optional<StepRelay::Abort> abort, std::vector<std::string> counted)
      : program_(program), abort_(abort), counted_(std::move(counted)) {}

  // Whether the step may go to the server.
  bool begin(std::string name) {
    began_ = counts(name);
    if (!began_) return !ended;
    steps.push_back(std::move(name));
    if (is_last() && abort_->moment == StepRelay::Moment::before) end();
    return !ended;
  }
  // The step begun last ends the program once it is answered.
  bool ends_after() const {
    return began_ && is_last() && abort_->moment == StepRelay::Moment::after;
  }
  void end() {
    ended = true;
    ::kill(program_, SIGKILL);
  }

  std::vector<std::string> steps;
  bool ended = false;

 private:
  bool is_last() const { return abort_ && steps.size() == abort_->step; }
  bool counts(const std::string& name) const {
    return counted_.empty() || std::ranges::any_of(counted_, [&](const std::string& part) {
             return name.contains(part);
           });
  }

  pid_t program_;
  std::optional<StepRelay::Abort> abort_;
  std::vector<std::string> counted_;  // parts of names; empty: every step
  bool began_ = false;                // the step begun last is counted
};

// One connection of the program, and ours to the server.
class Link {
 public:
  Link(int client, int server) : client_(client), server_(server) {}
  virtual ~Link() {
    close(client_);
    close(server_);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  int client() const { return client_; }
  int server() const { return server_; }
  virtual void said(std::string_view bytes, Run& run) = 0;      // by the program
  virtual void answered(std::string_view bytes, Run& run) = 0;  // by the server

 private:
  int client_;
  int server_;
};

// Which exchanges with PostgreSQL last, by what it says itself.
class Lasting {
 public:
  explicit Lasting(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    check(PQstatus(connection_) == CONNECTION_OK, "connecting to PostgreSQL");
  }
  ~Lasting() { PQfinish(connection_); }
  Lasting(const Lasting&) = delete;
  Lasting& operator=(const Lasting&) = delete;

  bool contains(const std::string& exchange) const { return exchanges_.contains(exchange); }
  void add(const std::string& exchange) { exchanges_.insert(exchange); }
  // Grows with every end of a transaction that had an id.
  std::string ended_transactions() const {
    PGresult* result = PQexec(connection_, "SELECT pg_snapshot_xmax(pg_current_snapshot())");
    check(PQntuples(result) == 1, "asking PostgreSQL for its transactions");
    std::string newest = PQgetvalue(result, 0, 0);
    PQclear(result);
    return newest;
  }

 private:
  PGconn* connection_;
  std::set<std::string> exchanges_;
};

// PostgreSQL's protocol: after the first message each has a type and a length. An exchange is all
// up to a Sync, and ends with ReadyForQuery.
class DatabaseLink final : public Link {
 public:
  DatabaseLink(int client, int server, Lasting& lasting)
      : Link(client, server), lasting_(lasting) {}

  void said(std::string_view bytes, Run& run) override {
    held_ += bytes;
    for (;;) {
      const std::size_t head = started_ ? 1 : 0;
      const std::string_view rest = std::string_view(held_).substr(looked_at_);
      if (rest.size() < head + 4) return;
      const std::size_t size = head + length_at(rest, head);
      if (rest.size() < size) return;
      const char type = started_ ? rest.front() : '\0';
      if (type == 'B') note_statement(rest.substr(5, size - 5));
      if (type == 'Q') note("script");
      started_ = true;
      looked_at_ += size;
      if (type == '\0' || type == 'S' || type == 'Q' || type == 'X') pass_on(run);
      if (run.ended) return;
    }
  }

  void answered(std::string_view bytes, Run& run) override {
    answer_ += bytes;
    std::size_t at = 0;
    bool ready = false;
    while (answer_.size() >= at + 5) {
      const std::size_t size = 1 + length_at(answer_, at + 1);
      if (answer_.size() < at + size) break;
      if (answer_[at] == 'Z') {
        ready = true;
        idle_ = answer_[at + 5] == 'I';
      }
      at += size;
    }
    if (ready && !transaction_.empty() && lasting_.ended_transactions() != ended_before_)
      lasting_.add(transaction_);
    if (ready && ends_program_) return run.end();
    if (ends_program_) return;
    send_all(client(), std::string_view(answer_).substr(0, at));
    answer_.erase(0, at);
  }

 private:
  static std::size_t length_at(std::string_view bytes, std::size_t at) {
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    return ntohl(length);
  }

  // Bind: the portal's name, then the statement's.
  void note_statement(std::string_view bind) {
    bind.remove_prefix(std::min(bind.size(), bind.find('\0') + 1));
    const std::string_view name = bind.substr(0, bind.find('\0'));
    if (name == "discard_plans") return;  // goes along now and then
    note(name.empty() ? "unnamed" : name);
  }

  void note(std::string_view statement) {
    if (std::exchange(idle_, false)) transaction_.clear();
    (transaction_ += transaction_.empty() ? "" : " ") += statement;
  }

  void pass_on(Run& run) {
    ended_before_ = lasting_.ended_transactions();
    if (!idle_ && lasting_.contains(transaction_)) {
      if (!run.begin(transaction_)) return;
      ends_program_ = run.ends_after();
    }
    send_all(server(), std::string_view(held_).substr(0, looked_at_));
    held_.erase(0, looked_at_);
    looked_at_ = 0;
  }

  Lasting& lasting_;
  std::string held_;  // of the program, not passed on
  std::size_t looked_at_ = 0;
  bool started_ = false;
  bool idle_ = true;         // the server is in no transaction
  std::string transaction_;  // what was said in it so far
  std::string ended_before_;
  std::string answer_;
  bool ends_program_ = false;
};

// IMAP, line by line. After a command that lasts the next one waits for its answer.
class MailLink final : public Link {
 public:
  using Link::Link;

  void said(std::string_view bytes, Run& run) override {
    held_ += bytes;
    go_on(run);
  }

  void answered(std::string_view bytes, Run& run) override {
    if (awaited_.empty()) return send_all(client(), bytes);
    answer_ += bytes;
    if (!answer_.ends_with("\r\n") ||
        (!answer_.starts_with(awaited_) && !answer_.contains("\r\n" + awaited_)))
      return;
    if (ends_program_) return run.end();
    awaited_.clear();
    send_all(client(), std::exchange(answer_, ""));
    go_on(run);
  }

 private:
  void go_on(Run& run) {
    while (awaited_.empty() && !run.ended) {
      const std::size_t end = held_.find("\r\n");
      if (end == std::string::npos) return;
      const std::string line = held_.substr(0, end + 2);
      const auto words = split(std::string_view(line).substr(0, end), ' ');
      const std::size_t verb_at = words.size() > 1 && words[1] == "UID" ? 2 : 1;
      // Without a verb it is what AUTHENTICATE asked for.
      if (words.size() > verb_at && std::ranges::find(kLooking, words[verb_at]) == kLooking.end()) {
        if (!run.begin(std::string(words[verb_at]))) return;
        ends_program_ = run.ends_after();
        awaited_ = std::string(words[0]) + " ";
      }
      held_.erase(0, end + 2);
      send_all(server(), line);
    }
  }

  std::string held_;
  std::string awaited_;  // the tag of a command that lasts, and a blank
  std::string answer_;   // to it
  bool ends_program_ = false;
};

}  // namespace

struct StepRelay::State {
  State(const TempPostgres& server, std::uint16_t imap)
      : postgres(server.socket_folder() + socket_name(server)),
        imap_port(imap),
        database_listener(listen_at(unix_address(folder.path().string() + socket_name(server)))),
        mail_listener(listen_at(loopback(0))),
        lasting(server.url()) {}
  ~State() {
    close(database_listener);
    close(mail_listener);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static std::string socket_name(const TempPostgres& server) {
    return "/.s.PGSQL." + std::to_string(server.port());
  }

  void accept_database() {
    const int client = accept4(database_listener, nullptr, nullptr, SOCK_CLOEXEC);
    check(client >= 0, "accept");
    links.push_back(
        std::make_unique<DatabaseLink>(client, connect_to(unix_address(postgres)), lasting));
  }
  void accept_mail() {
    const int client = accept4(mail_listener, nullptr, nullptr, SOCK_CLOEXEC);
    check(client >= 0, "accept");
    const int server = connect_to(loopback(imap_port));
    const int on = 1;
    for (const int end : {client, server})
      setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    links.push_back(std::make_unique<MailLink>(client, server));
  }

  // False: that side has hung up, and the connection with it.
  static bool move(Link& link, bool from_client, Run& run) {
    std::array<char, 65'536> buffer{};
    const ssize_t got =
        recv(from_client ? link.client() : link.server(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (from_client) {
      link.said(bytes, run);
    } else {
      link.answered(bytes, run);
    }
    return true;
  }

  // What was under way is done, and the servers have noticed that the program is gone.
  void hang_up() {
    for (const auto& link : links) {
      shutdown(link->server(), SHUT_WR);
      std::array<char, 65'536> rest{};
      while (recv(link->server(), rest.data(), rest.size(), 0) > 0) {
      }
    }
    links.clear();
  }

  // Whether anything was said.
  bool turn(Run& run) {
    std::vector<pollfd> ends{{database_listener, POLLIN, 0}, {mail_listener, POLLIN, 0}};
    for (const auto& link : links) {
      ends.push_back({link->client(), POLLIN, 0});
      ends.push_back({link->server(), POLLIN, 0});
    }
    if (poll(ends.data(), ends.size(), kPollMilliseconds) <= 0) return false;
    std::set<const Link*> over;
    for (std::size_t i = 2; i < ends.size() && !run.ended; ++i) {
      Link& link = *links[i / 2 - 1];
      if (ends[i].revents != 0 && !over.contains(&link) && !move(link, i % 2 == 0, run))
        over.insert(&link);
    }
    std::erase_if(links, [&](const auto& link) { return over.contains(link.get()); });
    if (ends[0].revents != 0) accept_database();
    if (ends[1].revents != 0) accept_mail();
    return true;
  }

  TempFolder folder{"c360-relay"};
  std::string postgres;  // the socket
  std::uint16_t imap_port;
  int database_listener;
  int mail_listener;
  Lasting lasting;
  std::vector<std::unique_ptr<Link>> links;
  std::vector<std::string> counted;
};

StepRelay::StepRelay(const TempPostgres& postgres, std::uint16_t imap_port)
    : state_(std::make_unique<State>(postgres, imap_port)) {}
StepRelay::~StepRelay() = default;

std::string StepRelay::postgres_folder() const { return state_->folder.path().string(); }

std::uint16_t StepRelay::imap_port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(getsockname(state_->mail_listener, reinterpret_cast<sockaddr*>(&address), &size) == 0,
        "getsockname");
  return ntohs(address.sin_port);
}

void StepRelay::count_only(std::vector<std::string> parts) { state_->counted = std::move(parts); }

StepRelay::Watched StepRelay::watch(pid_t program, std::optional<Abort> abort,
                                    const std::function<bool()>& done) {
  Run run{program, abort, state_->counted};
  Watched watched;
  bool is_done = false;
  while (waitpid(program, &watched.status, run.ended || is_done ? 0 : WNOHANG) == 0) {
    state_->turn(run);
    is_done = !run.ended && done && done();
    if (!is_done) continue;
    // What made it so may still have to be answered.
    while (!run.ended && state_->turn(run)) {
    }
    ::kill(program, SIGKILL);
  }
  state_->hang_up();
  watched.aborted = run.ended;
  watched.steps = std::move(run.steps);
  if (watched.aborted) watched.steps.resize(abort->step);
  return watched;
}

}  // namespace c360::testing

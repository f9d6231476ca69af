// An IMAP server that does whatever a test wants: by default a small honest one over an account in
// memory, command by command replaced by lies.
//
//   ScriptedImapServer server;
//   server.account().add("INBOX", "Subject: x\r\n\r\n");
//   server.on("UID FETCH", [](ImapConnection& client, const ImapCommand& command) {
//     client.send("* 1 FETCH (UID 1 BODY[] {1000}\r\nonly this");
//     client.close();
//   });
//   ... connect to 127.0.0.1:server.port()
//
// A fault that passes is misbehave(COMMAND, times, handler), or for ever and then heal().
//
// Every connection has a thread of its own, where the handlers run; what they throw or a client
// that leaves ends that connection. Gone with the object, which waits for its threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/test_certificates.h"

namespace c360::testing {

struct ImapCommand {
  std::string tag;
  std::string name;       // upper case; with UID in front where it is: "UID FETCH"
  std::string arguments;  // literals as quoted strings would be

  // Whether the set of a UID command holds `uid`.
  bool asks_for(std::uint32_t uid) const;
};

// The server's end of one connection.
class ImapConnection {
 public:
  class Closed {};  // thrown by every call once the client is gone

  virtual ~ImapConnection() = default;
  virtual void send(std::string_view bytes) = 0;
  virtual std::string read_line() = 0;  // without its end
  virtual std::string read(std::size_t size) = 0;
  // Whether the client sent something, after waiting a moment for it.
  virtual bool readable() = 0;
  virtual void start_tls() = 0;
  virtual void close() = 0;
  virtual bool encrypted() const = 0;

  void line(std::string_view text) { send(std::string(text) + "\r\n"); }
  void ok(const ImapCommand& command, std::string_view text = "done") {
    line(command.tag + " OK " + std::string(text));
  }
  void no(const ImapCommand& command, std::string_view text) {
    line(command.tag + " NO " + std::string(text));
  }
  // Reads a command; asks for literals with "+".
  ImapCommand read_command();
  // One byte each 2 ms, until the client is gone.
  void drip(std::string_view bytes);
  // Takes what comes and says nothing until the client is gone.
  [[noreturn]] void hang();
};

// The mail of the one user. Thread-safe.
class ImapAccount {
 public:
  struct Message {
    std::uint32_t uid = 0;
    std::string bytes;
    std::set<std::string> flags;
  };

  std::uint32_t add(const std::string& folder, std::string bytes);
  // Of all folders, 7 at first; the uids stay.
  void set_uidvalidity(std::uint32_t uidvalidity);
  std::uint32_t uidvalidity() const;
  std::vector<Message> messages(const std::string& folder) const;
  bool has_folder(const std::string& folder) const;
  void change(const std::function<void(std::map<std::string, std::vector<Message>>&)>& how);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Message>> folders_{{"INBOX", {}}};
  std::uint32_t next_uid_ = 1;
  std::uint32_t uidvalidity_ = 7;
};

struct ScriptedImapOptions {
  bool tls = false;                               // from the first byte
  std::optional<CertificateFiles> certificate{};  // for TLS and STARTTLS
  std::string greeting = "* OK ready";
  // Before and after the sign-in alike.
  std::string capabilities =
      "IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR LITERAL+ ID IDLE UIDPLUS MOVE ESEARCH";
  std::string user = "ann";
  std::string password = "secret";
};

class ScriptedImapServer {
 public:
  using Handler = std::function<void(ImapConnection&, const ImapCommand&)>;

  explicit ScriptedImapServer(ScriptedImapOptions options = {});
  ~ScriptedImapServer();
  ScriptedImapServer(const ScriptedImapServer&) = delete;
  ScriptedImapServer& operator=(const ScriptedImapServer&) = delete;

  std::uint16_t port() const;
  ImapAccount& account() { return account_; }

  // Instead of the honest answer to this command; "" is the greeting.
  void on(const std::string& command, Handler handler);
  // The same at any time, for the next `times` this command comes on whichever connection; always
  // until heal() when `times` is 0. Goes before on().
  void misbehave(const std::string& command, int times, Handler handler);
  // The same once, when it comes for the `nth` time from now on, 1 being the next.
  void misbehave_at(const std::string& command, int nth, Handler handler);
  // Ends every misbehaviour.
  void heal();
  // Ends every connection there is.
  void hang_up();
  // For TLS that begins from now on.
  void use_certificate(CertificateFiles files);
  // The honest answer, for handlers that only add to it.
  void answer(ImapConnection& client, const ImapCommand& command);

  // Every command of every connection so far, "NAME arguments"; the password is in it.
  std::vector<std::string> transcript() const;
  // Waits until some connection has sent this command so many times; false after 30 s.
  bool wait_for(const std::string& command, int times = 1) const;

 private:
  struct Listener;
  struct Fault {
    int before = 0;  // honest ones
    int left = 0;
    bool lasting = false;
    Handler handler;
  };
  void serve(ImapConnection& client);
  // What answers this command now, if not honesty.
  Handler lie_for(const std::string& command);
  void note(const ImapCommand& command);

  void authenticate(ImapConnection& client, const ImapCommand& command);
  void select(ImapConnection& client, const ImapCommand& command);
  void search(ImapConnection& client, const ImapCommand& command);
  void fetch(ImapConnection& client, const ImapCommand& command);
  void store(ImapConnection& client, const ImapCommand& command);
  void expunge(ImapConnection& client, const ImapCommand& command);
  void transfer(ImapConnection& client, const ImapCommand& command);
  void idle(ImapConnection& client, const ImapCommand& command);

  ScriptedImapOptions options_;
  ImapAccount account_;
  std::map<std::string, Handler> handlers_;
  std::mutex faults_mutex_;  // guards the faults and the certificate in options_
  std::map<std::string, Fault> faults_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace c360::testing

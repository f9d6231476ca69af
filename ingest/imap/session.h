// One connection to an IMAP server, from the greeting to the goodbye: runs commands, pipelined
// where that is allowed, and takes in what the server says unasked.
//
// After an error of run() and its like the session is over: every later call returns that error.
// A refusal by the server (NO, BAD) is a Completion, not an error. One thread, except interrupt()
// and wake().
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/access_tokens.h"
#include "daemon/base/error.h"
#include "ingest/imap/lexer.h"
#include "ingest/imap/options.h"
#include "ingest/imap/refusal.h"
#include "ingest/imap/response.h"
#include "ingest/imap/transport.h"
#include "ingest/mailbox.h"

namespace c360::ingest::imap {

// Hears what the server sends while a command runs. By default nothing is wanted.
class Listener : public BodyHandler {
 public:
  virtual Result<void> untagged(Response& response);
  Result<bool> begin(std::uint64_t size, const FetchItems& so_far) override;
  Result<void> bytes(std::string_view piece) override;
};

class Session {
 public:
  // With `tokens` they are what signs in, instead of the password.
  explicit Session(ImapOptions options, std::shared_ptr<adapters::AccessTokens> tokens = nullptr);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Greeting, STARTTLS where the mode says so, sign-in, capabilities, ID. Once.
  Result<void> connect();
  // LOGOUT within 5 s, then closed.
  void logout();
  void interrupt() {
    transport_.interrupt();
    if (tokens_) tokens_->interrupt();
  }
  void wake() { transport_.wake(); }

  const ImapOptions& options() const { return options_; }
  const ServerFeatures& features() const { return features_; }
  bool has(std::string_view capability) const { return features_.has(capability); }
  // The server takes and sends UTF-8 in quoted strings (RFC 6855).
  bool utf8() const { return utf8_; }
  // Folders have a mod-sequence (RFC 7162).
  bool keeps_modseq() const { return keeps_modseq_; }
  // SELECT can tell what happened since a mod-sequence (QRESYNC).
  bool resyncs() const { return resyncs_; }

  Result<Completion> run(const std::string& command, Listener& listener);
  Result<Completion> run(const std::string& command);
  // All of them, several under way at a time, so they must not depend on the answers to each
  // other. One completion for each, in order.
  Result<std::vector<Completion>> run_all(std::span<const std::string> commands,
                                          Listener& listener);

  // One command, with `answers` to what the server asks for in it, such as its literals one after
  // the other (RFC 9051, 4.3). More than `most` responses end the connection.
  Result<Completion> converse(const std::string& line, std::span<const std::string> answers,
                              Listener& listener, std::size_t most);

  // The error a refused command makes; never holds the password.
  Error refused(const Completion& completion, std::string_view doing,
                bool signing_in = false) const;

  // The running command may take this long from now on.
  void allow(std::chrono::milliseconds time);
  // Moves the deadline: time that was spent on our side.
  void forgive(std::chrono::steady_clock::duration spent);

  // Whether messages arrived since forget_arrivals().
  bool arrivals() const { return arrivals_; }
  void forget_arrivals() { arrivals_ = false; }
  std::uint32_t exists() const { return exists_; }

  // Of the folder that is open: when the server names another one unasked, every uid under way is
  // void, and the session ends with reason `uidvalidity_changed`. 0: none is open.
  void expect_uidvalidity(std::uint32_t uidvalidity) { uidvalidity_ = uidvalidity; }

  Result<IdleOutcome> idle(std::chrono::milliseconds timeout);

 private:
  enum class Round : std::uint8_t { over, woken, unsupported };

  Result<void> establish();
  Result<void> greeting();
  Result<void> switch_to_tls();
  Result<void> sign_in();
  Result<Completion> log_in();
  Result<Completion> authenticate_plain();
  Result<Completion> authenticate_bearer();
  Result<void> sign_in_by_password();
  Result<void> sign_in_by_token();
  Result<void> take_token(const Secret& refused);
  Error refused_token(const Completion& completion) const;
  Result<void> ask_capabilities();
  Result<void> enable_utf8();
  Result<void> enable_modseq();
  Result<void> introduce_ourselves();

  std::string next_tag();
  Result<void> write(std::string_view bytes);
  Result<Response> next(Listener& listener);
  Result<void> absorb(const Response& response);
  bool changes_uidvalidity(const ResponseCode& code) const;
  // Sends `line`, and one of `answers` at each continuation; "*" (cancel) when there are no more.
  Result<Completion> converse(const std::string& line, std::span<const std::string> answers);
  Result<Round> idle_round(Transport::TimePoint until);
  Result<Round> quiet_round(Transport::TimePoint until);
  Result<Round> listen(Transport::TimePoint until, std::string_view tag);
  std::unexpected<Error> broken(Error error);
  std::unexpected<Error> broken(std::string_view what, std::string_view reason);
  std::string where() const;

  ImapOptions options_;
  std::shared_ptr<adapters::AccessTokens> tokens_;  // null: the password signs in
  Secret token_;
  Transport transport_;
  Lexer lexer_;
  ServerFeatures features_;
  std::vector<std::string> secrets_;  // every spelling that must not appear in a text
  std::optional<Error> broken_;
  std::uint64_t tags_ = 0;
  std::size_t unasked_ = 0;  // untagged responses since the last command began
  std::uint32_t exists_ = 0;
  std::uint32_t uidvalidity_ = 0;
  bool arrivals_ = false;
  bool preauthenticated_ = false;
  bool leaving_ = false;
  bool idle_refused_ = false;
  bool utf8_ = false;
  bool keeps_modseq_ = false;
  bool resyncs_ = false;
};

}  // namespace c360::ingest::imap

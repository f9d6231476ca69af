// Session's first part: from the connection to the signed-in state.
#include <algorithm>
#include <array>

#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "ingest/imap/session.h"

namespace c360::ingest::imap {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kFrames{"\0\x01", 2};

// RFC 7628, 3.1: the user name in a GS2 header (RFC 5801, section 4, `saslname`).
std::string sasl_name(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

std::string xoauth2_message(const ImapOptions& options, const Secret& token) {
  return "user=" + options.username + "\x01" + "auth=Bearer " + std::string(token.reveal()) +
         "\x01\x01";
}
std::string oauthbearer_message(const ImapOptions& options, const Secret& token) {
  return "n,a=" + sasl_name(options.username) + ",\x01" + "host=" + options.host + "\x01" +
         "port=" + std::to_string(options.port) + "\x01" + "auth=Bearer " +
         std::string(token.reveal()) + "\x01\x01";
}

std::optional<std::string> decoded(std::string_view base64) {
  std::string text(base64.substr(0, base64.find('=')));
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return from_base64url(text);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// RFC 3501 allows no 8-bit character and no line end in a quoted string.
bool fits_quoted(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || byte == '\r' || byte == '\n') return false;
  }
  return true;
}

// A command with string arguments, cut where a synchronising literal needs the server's consent.
class ArgumentWriter {
 public:
  ArgumentWriter(std::string command, bool literal_plus) : plus_(literal_plus) {
    pieces_.push_back(std::move(command));
  }
  void add(std::string_view text) {
    pieces_.back() += ' ';
    if (fits_quoted(text)) {
      pieces_.back() += '"' + escaped(text) + '"';
      return;
    }
    pieces_.back() += '{' + std::to_string(text.size()) + (plus_ ? "+}\r\n" : "}");
    if (!plus_) pieces_.emplace_back();
    pieces_.back() += text;
  }
  const std::vector<std::string>& pieces() const { return pieces_; }

 private:
  std::vector<std::string> pieces_;
  bool plus_;
};

// Hears the answer to ID: ("name" "Dovecot" "version" ...).
class IdListener final : public Listener {
 public:
  Result<void> untagged(Response& response) override {
    if (response.kind == Response::Kind::id) words = std::move(response.words);
    return {};
  }
  std::vector<std::string> words;
};

}  // namespace

Result<void> Session::connect() {
  if (broken_) return std::unexpected(*broken_);
  auto established = establish();
  // A refused sign-in is no error of the line, but nothing can be done with the line either.
  if (!established && !broken_) return broken(established.error());
  return established;
}

Result<void> Session::establish() {
  // They frame the parts of a SASL message (RFC 4616, RFC 7628).
  if (options_.username.find_first_of(kFrames) != std::string::npos ||
      options_.password.reveal().contains('\0')) {
    return fail(ErrorCode::upstream_auth,
                where() + ": user name or password holds a control character", "login_refused");
  }
  if (tokens_) {
    // Before the connection: a server does not wait long for who has not signed in.
    if (auto taken = take_token(Secret()); !taken) return taken;
  } else {
    const std::string password(options_.password.reveal());
    secrets_ = {to_base64('\0' + options_.username + '\0' + password), escaped(password), password};
  }
  transport_.set_deadline(Clock::now() + options_.connect_timeout);
  if (auto connected = transport_.connect(); !connected) return broken(connected.error());
  if (auto greeted = greeting(); !greeted) return greeted;
  if (options_.tls == TlsMode::starttls) {
    if (auto secured = switch_to_tls(); !secured) return secured;
  }
  features_.encrypted = transport_.encrypted();
  if (!preauthenticated_) {
    if (auto signed_in = sign_in(); !signed_in) return signed_in;
  }
  if (features_.capabilities.empty()) {
    if (auto asked = ask_capabilities(); !asked) return asked;
  }
  if (auto enabled = enable_utf8(); !enabled) return enabled;
  if (auto enabled = enable_modseq(); !enabled) return enabled;
  return introduce_ourselves();
}

Result<void> Session::greeting() {
  Listener nobody;
  auto response = next(nobody);
  if (!response) return std::unexpected(response.error());
  if (response->kind != Response::Kind::status ||
      (response->status != Status::ok && response->status != Status::preauth)) {
    return broken("the greeting is not IMAP's; is this the right port?", "malformed_response");
  }
  preauthenticated_ = response->status == Status::preauth;
  return {};
}

Result<void> Session::switch_to_tls() {
  // Signed in already, a server cannot be asked for STARTTLS any more (RFC 9051, 7.1.4): somebody
  // in between may have said so to keep the line plain.
  if (preauthenticated_) {
    return broken("the server signs us in before TLS, which is not accepted", "tls_required");
  }
  if (features_.capabilities.empty()) {
    if (auto asked = ask_capabilities(); !asked) return asked;
  }
  if (!has("STARTTLS")) {
    return broken("the server offers no STARTTLS; no password is sent without TLS", "tls_required");
  }
  auto completion = run("STARTTLS");
  if (!completion) return std::unexpected(completion.error());
  if (!completion->ok()) return broken("the server refused STARTTLS", "tls_required");
  // What came in the clear after the OK is not the server's (RFC 9051, 6.2.1; CVE-2011-0411).
  if (!lexer_.drained()) {
    return broken("somebody put bytes between STARTTLS and TLS", "tls_required");
  }
  allow(options_.connect_timeout);
  if (auto secured = transport_.start_tls(); !secured) return broken(secured.error());
  features_.capabilities.clear();
  exists_ = 0;
  arrivals_ = false;
  return {};
}

Result<void> Session::sign_in() {
  if (features_.capabilities.empty()) {
    if (auto asked = ask_capabilities(); !asked) return asked;
  }
  return tokens_ ? sign_in_by_token() : sign_in_by_password();
}

Result<void> Session::sign_in_by_password() {
  const bool plain_offered = has("AUTH=PLAIN");
  const bool login_offered = !has("LOGINDISABLED");
  const bool by_sasl = options_.auth == AuthMechanism::plain ||
                       (options_.auth == AuthMechanism::automatic && plain_offered);
  if (!by_sasl && !login_offered) {
    return fail(ErrorCode::upstream_auth,
                where() + ": the server takes no password here (LOGINDISABLED)" +
                    (transport_.encrypted() ? "" : "; use TLS"),
                "login_disabled");
  }
  auto completion = by_sasl ? authenticate_plain() : log_in();
  if (!completion) return std::unexpected(completion.error());
  if (!completion->ok()) {
    return std::unexpected(refused(*completion, "signing in", true));
  }
  return {};
}

// RFC 4616, with RFC 4959's initial response where the server takes one.
Result<Completion> Session::authenticate_plain() {
  const std::string initial = secrets_.front();
  const bool at_once = has("SASL-IR");
  features_.capabilities.clear();  // signed in there are others
  if (at_once) return converse("AUTHENTICATE PLAIN " + initial, {});
  return converse("AUTHENTICATE PLAIN", std::array{initial});
}

Result<Completion> Session::log_in() {
  ArgumentWriter command{"LOGIN", has("LITERAL+") || has("LITERAL-")};
  command.add(options_.username);
  command.add(options_.password.reveal());
  features_.capabilities.clear();
  return converse(command.pieces().front(), std::span(command.pieces()).subspan(1));
}

Result<void> Session::take_token(const Secret& refused) {
  auto token = tokens_->token(refused);
  if (!token) return std::unexpected(token.error());
  token_ = std::move(*token);
  secrets_ = {to_base64(xoauth2_message(options_, token_)),
              to_base64(oauthbearer_message(options_, token_)), std::string(token_.reveal())};
  return {};
}

// A provider may withdraw a token before its time: a refused one is exchanged once. What is refused
// then is the account.
Result<void> Session::sign_in_by_token() {
  const std::vector<std::string> announced = features_.capabilities;
  auto completion = authenticate_bearer();
  if (!completion) return std::unexpected(completion.error());
  if (completion->ok()) return {};
  if (Error refusal = refused_token(*completion); refusal.code != ErrorCode::upstream_auth) {
    return std::unexpected(std::move(refusal));
  }
  const Secret refused = token_;
  if (auto taken = take_token(refused); !taken) return taken;
  features_.capabilities = announced;
  completion = authenticate_bearer();
  if (!completion) return std::unexpected(completion.error());
  if (!completion->ok()) return std::unexpected(refused_token(*completion));
  return {};
}

// A refusal comes as a challenge with the reason in JSON and is complete only when that is answered
// (RFC 7628, 3.2.3; XOAUTH2 wants an empty line).
Result<Completion> Session::authenticate_bearer() {
  const bool standard = options_.auth == AuthMechanism::oauthbearer ||
                        (options_.auth == AuthMechanism::automatic && has("AUTH=OAUTHBEARER") &&
                         !has("AUTH=XOAUTH2"));
  const std::string initial = secrets_[standard ? 1 : 0];
  const std::string assent = standard ? "AQ==" : "";
  const std::string command = standard ? "AUTHENTICATE OAUTHBEARER" : "AUTHENTICATE XOAUTH2";
  const bool at_once =
      has("SASL-IR") && command.size() + initial.size() < options_.limits.command_bytes;
  features_.capabilities.clear();  // signed in there are others
  if (at_once) return converse(command + " " + initial, std::array{assent});
  return converse(command, std::array{initial, assent});
}

Error Session::refused_token(const Completion& completion) const {
  Error error = refused(completion, "signing in with a token", true);
  if (const auto reason = decoded(completion.challenge); reason && !reason->empty()) {
    error.detail += " (" + clean_text(*reason, secrets_) + ")";
  }
  return error;
}

Result<void> Session::ask_capabilities() {
  auto completion = run("CAPABILITY");
  if (!completion) return std::unexpected(completion.error());
  if (!completion->ok()) return std::unexpected(refused(*completion, "asking for capabilities"));
  if (features_.capabilities.empty()) {
    return broken("the server announces no capability", "malformed_response");
  }
  return {};
}

// Before a folder is opened, as RFC 5161 wants it. Without it a server may refuse mails with UTF-8
// in their headers, or send a substitute (RFC 6858). A refusal leaves folder names in modified
// UTF-7.
Result<void> Session::enable_utf8() {
  if (!has("UTF8=ACCEPT") && !has("UTF8=ONLY")) return {};
  auto completion = run("ENABLE UTF8=ACCEPT");
  if (!completion) return std::unexpected(completion.error());
  utf8_ = completion->ok();
  return {};
}

// A server may keep no mod-sequences before somebody wants them (RFC 7162, 3.1). QRESYNC includes
// CONDSTORE (3.2.3).
Result<void> Session::enable_modseq() {
  if (!has("ENABLE")) return {};
  if (has("QRESYNC")) {
    auto completion = run("ENABLE QRESYNC");
    if (!completion) return std::unexpected(completion.error());
    resyncs_ = keeps_modseq_ = completion->ok();
    if (resyncs_) return {};
  }
  if (!has("CONDSTORE")) return {};
  auto completion = run("ENABLE CONDSTORE");
  if (!completion) return std::unexpected(completion.error());
  keeps_modseq_ = completion->ok();
  return {};
}

// Some providers want to know who calls; a refusal does not matter.
Result<void> Session::introduce_ourselves() {
  if (!has("ID")) return {};
  IdListener listener;
  auto completion = run(R"(ID ("name" "client360"))", listener);
  if (!completion) return std::unexpected(completion.error());
  for (std::size_t i = 0; i + 1 < listener.words.size(); i += 2) {
    if (equal_ignoring_case(listener.words[i], "name")) {
      features_.software = clean_text(listener.words[i + 1], secrets_);
    }
  }
  return {};
}

}  // namespace c360::ingest::imap

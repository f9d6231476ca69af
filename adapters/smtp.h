// The way out by mail: submission to a server over TLS (RFC 6409, 5321; adapters.md, 5.2), by
// libcurl, which keeps deadlines over the whole exchange.
//
// Until the mail is handed over whole nothing was sent, whatever happens. After that an answer says
// what became of it, and where none comes the mail may have arrived: `unknown`. What phase an
// exchange was in is read from its commands and replies as they pass.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "adapters/access_tokens.h"
#include "adapters/http_proxy.h"
#include "adapters/message_channel.h"
#include "adapters/service_call.h"
#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/secret.h"

namespace c360::adapters {

enum class SmtpTls : std::uint8_t {
  implicit,  // from the first byte
  starttls,  // required: a server without it gets nothing
  none,      // clear text, never with a sign-in
};

struct SmtpOptions {
  std::string host;
  std::uint16_t port = 587;
  SmtpTls tls = SmtpTls::starttls;
  std::string username;                       // empty: no sign-in
  Secret password;                            // not used where there are AccessTokens
  std::string ca_file;                        // PEM; empty: the system's authorities
  std::string from;                           // of the envelope: where bounces go
  std::string greets_as = "localhost";        // our name in EHLO
  std::chrono::milliseconds connect{10'000};  // name lookup, connection and TLS
  std::chrono::milliseconds reply{60'000};    // of one reply
  std::chrono::milliseconds whole{180'000};   // the complete exchange, a hard clock
  std::size_t max_mail_bytes = std::size_t{25} << 20U;
  HttpProxy proxy{};  // by CONNECT or SOCKS; without one the server is reached directly
};

// A mail as it goes over the wire: lines end with CRLF and have at most 998 bytes.
struct WrittenMail {
  std::string bytes;
  std::string message_id;  // without brackets
};
// Writes a message as a mail: a port, because MIME is not known here. An error is final.
using MailWriter = std::function<Result<WrittenMail>(const ChannelMessage& message)>;

// A temporary refusal is not repeated before this: what grey-listing servers wait for.
inline constexpr std::chrono::minutes kGreylistWait{5};

class SmtpChannel final : public MessageChannel {
 public:
  // `clock` and `journal` outlive it. With `tokens` it signs in by OAuth (XOAUTH2, OAUTHBEARER).
  // Each exchange is recorded, with the server's last reply code for a status and nothing of the
  // mail; without a journal none is.
  SmtpChannel(SmtpOptions options, MailWriter write, const Clock& clock,
              std::unique_ptr<AccessTokens> tokens = nullptr, CallJournal* journal = nullptr);
  ~SmtpChannel() override;
  SmtpChannel(const SmtpChannel&) = delete;
  SmtpChannel& operator=(const SmtpChannel&) = delete;

  CallResult<CarriedMessage> send(const ChannelMessage& message, std::stop_token stop) override;
  CallResult<std::string> probe(std::stop_token stop) override;

 private:
  struct Exchange;
  struct Errand {
    std::string to;
    std::string subject;        // of its record
    const WrittenMail* mail{};  // null: signs in and asks for nothing
  };
  Exchange exchange(const Errand& errand, const Secret& token, const std::stop_token& stop);
  Exchange recorded_exchange(const Errand& errand, const Secret& token,
                             const std::stop_token& stop);
  // With another token where the first was refused.
  CallResult<Exchange> signed_in_exchange(const Errand& errand, const std::stop_token& stop);
  NoAnswer refusal(const Exchange& exchange) const;
  NoAnswer reply_refusal(const Exchange& exchange) const;

  const SmtpOptions options_;
  const MailWriter write_;
  const Clock& clock_;
  const std::unique_ptr<AccessTokens> tokens_;
  CallJournal* const journal_;
};

}  // namespace c360::adapters

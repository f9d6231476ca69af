#include "adapters/smtp.h"

#include <curl/curl.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <new>
#include <utility>

#include "adapters/mail_address.h"
#include "adapters/redactor.h"
#include "daemon/base/mail_status.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What was said last, and so what a reply is about.
enum class Phase : std::uint8_t { connect, hello, tls, sign_in, sender, recipient, data, end };

constexpr std::array<std::pair<std::string_view, Phase>, 7> kCommands = {
    {{"EHLO", Phase::hello},
     {"HELO", Phase::hello},
     {"STARTTLS", Phase::tls},
     {"AUTH", Phase::sign_in},
     {"MAIL FROM", Phase::sender},
     {"RCPT TO", Phase::recipient},
     {"DATA", Phase::data}}};

constexpr std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::connect:
      return "the greeting";
    case Phase::hello:
      return "EHLO";
    case Phase::tls:
      return "STARTTLS";
    case Phase::sign_in:
      return "AUTH";
    case Phase::sender:
      return "MAIL FROM";
    case Phase::recipient:
      return "RCPT TO";
    case Phase::data:
      return "DATA";
    case Phase::end:
      return "the mail";
  }
  return {};
}

constexpr std::size_t kMaxReplyBytes = 300;          // kept for people
constexpr std::size_t kMaxDialogueBytes = 64 << 10;  // of all replies; a server says less
constexpr milliseconds kPatienceAtStop{5'000};       // for the reply to a mail handed over whole
constexpr milliseconds kPatienceForQuit{2'000};
constexpr std::chrono::hours kQuotaPause{1};

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
}

// The text of a reply as one may show it.
std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) shown += c >= ' ' && c != '\x7f' ? c : ' ';
  return std::string(
      utf8_prefix(is_valid_utf8(shown) ? shown : std::string("(not UTF-8)"), kMaxReplyBytes));
}

struct Reply {
  int code = 0;          // 0: none yet
  std::string enhanced;  // RFC 3463: "5.1.1"; may be empty
  std::string text;      // without codes
};

struct CurlHandle {
  CURL* handle;
  CurlHandle() : handle(curl_easy_init()) {
    if (handle == nullptr) throw std::bad_alloc();
  }
  ~CurlHandle() { curl_easy_cleanup(handle); }
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;
};

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

struct SmtpChannel::Exchange {
  Phase phase = Phase::connect;
  Reply reply;  // to what was said last
  std::string_view mail;
  std::size_t given = 0;       // bytes of the mail handed over
  bool is_encrypted = false;   // or clear text is what was asked for
  bool offers_utf8 = false;    // RFC 6531
  std::size_t size_limit = 0;  // RFC 1870; 0: none was announced
  bool needs_utf8 = false;
  bool is_leaving = false;
  std::size_t dialogue_bytes = 0;
  std::string given_up;  // why we ended it: a stable word
  std::stop_token stop;
  std::optional<steady_clock::time_point> stop_seen;
  std::optional<steady_clock::time_point> accepted_at;
  CURLcode result = CURLE_OK;
  std::string error;  // libcurl's

  // At the challenge that comes before the refusal proper (XOAUTH2) libcurl ends.
  bool refuses_token() const {
    return phase == Phase::sign_in && result == CURLE_LOGIN_DENIED &&
           (reply.code == 334 || reply.code >= 500);
  }

  bool accepted() const { return accepted_at.has_value(); }
  // With a mail: it was taken. Without: the server let us in.
  bool succeeded() const { return mail.empty() ? result == CURLE_OK : accepted(); }

  void said(std::string_view command) {
    // What is answered to that says nothing of the mail.
    if (command.starts_with("QUIT")) is_leaving = true;
    for (const auto& [verb, next] : kCommands) {
      if (!command.starts_with(verb)) continue;
      // What a server offered in clear text is forgotten (RFC 3207, 4.2).
      if (next == Phase::hello) {
        is_encrypted = is_encrypted || phase == Phase::tls;
        offers_utf8 = false;
        size_limit = 0;
      }
      phase = next;
      reply = {};
      return;
    }
  }

  // False: no further.
  bool heard(std::string_view line) {
    dialogue_bytes += line.size();
    if (dialogue_bytes > kMaxDialogueBytes) return give_up("reply_too_long");
    line = trimmed(line);
    int code = 0;
    const std::string_view digits = line.substr(0, 3);
    const auto [end, fault] = std::from_chars(digits.begin(), digits.end(), code);
    if (fault != std::errc{} || end != digits.end() || digits.size() != 3 || is_leaving)
      return true;
    const bool last = line.size() < 4 || line[3] == ' ';
    std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view{};
    if (phase == Phase::hello) note_extension(text);
    if (reply.enhanced.empty()) reply.enhanced = mail_status(text);
    // What a server says of a sign-in may hold what was sent.
    if (phase != Phase::sign_in && reply.text.size() < kMaxReplyBytes)
      reply.text += (reply.text.empty() ? "" : " ") + printable(text);
    if (!last) return true;
    reply.code = code;
    if (phase == Phase::end && code / 100 == 2) accepted_at = steady_clock::now();
    if (phase == Phase::hello && code / 100 == 2 && is_encrypted) return fits_the_server();
    return true;
  }

  void note_extension(std::string_view text) {
    const std::string word = to_lower(text.substr(0, text.find(' ')));
    if (word == "smtputf8") offers_utf8 = true;
    if (word != "size") return;
    const std::string_view number = trimmed(text.substr(std::min(text.size(), word.size())));
    std::from_chars(number.data(), number.data() + number.size(), size_limit);
  }

  bool fits_the_server() {
    if (size_limit > 0 && mail.size() > size_limit) return give_up("too_large");
    if (needs_utf8 && !offers_utf8) return give_up("no_smtputf8");
    return true;
  }

  bool give_up(std::string_view why) {
    given_up = why;
    return false;
  }

  std::size_t give(char* buffer, std::size_t room) {
    const std::size_t size = std::min(room, mail.size() - given);
    mail.copy(buffer, size, given);
    given += size;
    if (size == 0) {  // the final dot follows
      phase = Phase::end;
      reply = {};
    }
    return size;
  }

  // Asked at least once a second.
  bool wants_to_end() {
    const auto now = steady_clock::now();
    if (accepted_at) return now - *accepted_at > kPatienceForQuit;
    if (!stop.stop_requested()) return false;
    if (!stop_seen) stop_seen = now;
    return phase != Phase::end || now - *stop_seen > kPatienceAtStop;
  }
};

namespace {

template <typename Exchange>
std::size_t give_mail(char* buffer, std::size_t size, std::size_t count, void* user) {
  return static_cast<Exchange*>(user)->give(buffer, size * count);
}

template <typename Exchange>
std::size_t take_reply(char* data, std::size_t size, std::size_t count, void* user) {
  const std::size_t bytes = size * count;
  return static_cast<Exchange*>(user)->heard({data, bytes}) ? bytes : 0;  // 0 ends the exchange
}

// Nothing of this is kept but the verb: a sign-in passes here too.
template <typename Exchange>
int take_command(CURL*, curl_infotype type, char* data, std::size_t size, void* user) {
  if (type == CURLINFO_HEADER_OUT) static_cast<Exchange*>(user)->said({data, size});
  return 0;
}

template <typename Exchange>
int ask_whether_to_end(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(user)->wants_to_end() ? 1 : 0;
}

std::size_t ignore_body(char*, std::size_t size, std::size_t count, void*) { return size * count; }

bool is_about_tls(CURLcode result) {
  return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
         result == CURLE_SSL_CONNECT_ERROR || result == CURLE_SSL_CIPHER;
}

// Of an address, of a mailbox, or of the size of one mail (RFC 3463), whatever word it uses; before
// a recipient is named the mailbox is ours.
bool is_of_the_mail(const Reply& reply, Phase phase) {
  const std::string_view subject =
      reply.enhanced.empty() ? std::string_view{} : std::string_view(reply.enhanced).substr(1);
  if (subject == ".3.4") return true;
  return phase >= Phase::recipient && (subject.starts_with(".1.") || subject.starts_with(".2."));
}

// A limit of the provider, which passes with time (adapters.md, 5.2).
bool is_about_quota(const Reply& reply, Phase phase) {
  if (reply.code == 432 || reply.enhanced == "4.7.28" || reply.enhanced == "5.4.5") return true;
  if (reply.code == 452 && reply.enhanced == "4.5.3") return true;
  const bool may_be = reply.code == 421 || reply.code == 450 || reply.code == 550;
  return may_be && !is_of_the_mail(reply, phase) &&
         to_lower(reply.text).find("limit") != std::string::npos;
}

}  // namespace

SmtpChannel::SmtpChannel(SmtpOptions options, MailWriter write, const Clock& clock,
                         std::unique_ptr<AccessTokens> tokens, CallJournal* journal)
    : options_(std::move(options)),
      write_(std::move(write)),
      clock_(clock),
      tokens_(std::move(tokens)),
      journal_(journal) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

SmtpChannel::~SmtpChannel() = default;

SmtpChannel::Exchange SmtpChannel::recorded_exchange(const Errand& errand, const Secret& token,
                                                     const std::stop_token& stop) {
  const Secret& key = tokens_ ? token : options_.password;
  CallRecord record{.service = "email",
                    .operation = errand.mail == nullptr ? "sign_in" : "submit",
                    .subject = errand.subject,
                    .key_fingerprint = key.empty() ? "" : fingerprint(key.reveal()),
                    .started_at = clock_.now()};
  const auto begun = steady_clock::now();
  Exchange done = exchange(errand, token, stop);
  if (journal_ == nullptr) return done;
  record.duration = std::chrono::ceil<milliseconds>(steady_clock::now() - begun);
  record.http_status = done.reply.code;
  record.bytes_in = done.dialogue_bytes;
  if (!done.succeeded()) {
    const NoAnswer none = refusal(done);
    record.outcome = none.outcome;
    record.reason = none.reason;
    record.error = Redactor({options_.password, token}).line(none.detail, NoAnswer::kMaxDetail);
    record.retry_at = none.retry_at;
  }
  journal_->record(record);
  return done;
}

SmtpChannel::Exchange SmtpChannel::exchange(const Errand& errand, const Secret& token,
                                            const std::stop_token& stop) {
  const WrittenMail* mail = errand.mail;
  Exchange going;
  going.stop = stop;
  going.is_encrypted = options_.tls != SmtpTls::starttls;
  going.needs_utf8 = !is_ascii(errand.to) || !is_ascii(options_.from);
  if (mail != nullptr) going.mail = mail->bytes;

  const CurlHandle curl;
  std::array<char, CURL_ERROR_SIZE> text{};
  std::unique_ptr<curl_slist, FreeList> recipients;
  const std::string url =
      fmt::format("{}://{}:{}/{}", options_.tls == SmtpTls::implicit ? "smtps" : "smtp",
                  options_.host, options_.port, options_.greets_as);
  const std::string sender = "<" + options_.from + ">";
  const std::string secret = std::string(options_.password.reveal());
  const std::string bearer = std::string(token.reveal());
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(curl.handle, option, value);
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set(CURLOPT_PROXY, "");  // whatever the environment says
  apply_proxy(curl.handle, options_.proxy);
  set(CURLOPT_HTTPPROXYTUNNEL, 1L);  // no proxy reads a mail, or a sign-in
  set(CURLOPT_USE_SSL,
      static_cast<long>(options_.tls == SmtpTls::starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  if (!options_.username.empty()) {
    set(CURLOPT_USERNAME, options_.username.c_str());
    if (tokens_) {
      set(CURLOPT_XOAUTH2_BEARER, bearer.c_str());
      set(CURLOPT_LOGIN_OPTIONS, "AUTH=XOAUTH2;AUTH=OAUTHBEARER");
    } else {
      set(CURLOPT_PASSWORD, secret.c_str());
      set(CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");
    }
  }
  if (mail != nullptr) {
    recipients.reset(curl_slist_append(nullptr, ("<" + errand.to + ">").c_str()));
    if (!recipients) throw std::bad_alloc();
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_MAIL_FROM, sender.c_str());
    set(CURLOPT_MAIL_RCPT, recipients.get());
    set(CURLOPT_READFUNCTION, give_mail<Exchange>);
    set(CURLOPT_READDATA, &going);
  } else {
    set(CURLOPT_CUSTOMREQUEST, "NOOP");
  }
  set(CURLOPT_WRITEFUNCTION, ignore_body);
  set(CURLOPT_HEADERFUNCTION, take_reply<Exchange>);
  set(CURLOPT_HEADERDATA, &going);
  set(CURLOPT_VERBOSE, 1L);
  set(CURLOPT_DEBUGFUNCTION, take_command<Exchange>);
  set(CURLOPT_DEBUGDATA, &going);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, ask_whether_to_end<Exchange>);
  set(CURLOPT_XFERINFODATA, &going);
  set(CURLOPT_ERRORBUFFER, text.data());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.whole.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect.count()));
  set(CURLOPT_SERVER_RESPONSE_TIMEOUT,
      static_cast<long>(std::chrono::ceil<std::chrono::seconds>(options_.reply).count()));
  going.result = curl_easy_perform(curl.handle);
  going.error = text[0] != '\0' ? text.data() : curl_easy_strerror(going.result);
  return going;
}

CallResult<SmtpChannel::Exchange> SmtpChannel::signed_in_exchange(const Errand& errand,
                                                                  const std::stop_token& stop) {
  if (!tokens_) return recorded_exchange(errand, Secret(), stop);
  // A token may take long to get, and nobody who ends us waits for it.
  const std::stop_callback on_stop(stop, [this] { tokens_->interrupt(); });
  Secret refused;
  for (int attempt = 1;; ++attempt) {
    auto token = tokens_->token(refused);
    if (!token) {
      const bool final = token.error().code == ErrorCode::upstream_auth;
      return no_answer(final ? Outcome::auth : Outcome::retryable,
                       final ? "token" : "token_unavailable", token.error().detail);
    }
    Exchange done = recorded_exchange(errand, *token, stop);
    if (attempt > 1 || !done.refuses_token()) return done;
    refused = std::move(*token);
  }
}

CallResult<CarriedMessage> SmtpChannel::send(const ChannelMessage& message, std::stop_token stop) {
  if (!is_mail_address(message.address))
    return no_answer(Outcome::permanent, "recipient", "The recipient is no mail address.");
  auto mail = write_(message);
  if (!mail)
    return no_answer(Outcome::permanent, "unwritable",
                     "The mail cannot be written: " + mail.error().detail);
  if (mail->bytes.size() > options_.max_mail_bytes)
    return no_answer(Outcome::permanent, "too_large",
                     fmt::format("The mail has {} bytes; smtp.max_mail_bytes allows {}.",
                                 mail->bytes.size(), options_.max_mail_bytes));
  auto done =
      signed_in_exchange({.to = message.address, .subject = message.key, .mail = &*mail}, stop);
  if (!done) return std::unexpected(std::move(done).error());
  if (done->accepted())
    return CarriedMessage{.provider_id = mail->message_id,
                          .detail = fmt::format("{} {}", done->reply.code, done->reply.text)};
  if (done->phase == Phase::end && done->reply.code == 0)
    return CarriedMessage{
        .state = Carried::unknown,
        .provider_id = mail->message_id,
        .detail = fmt::format("The mail was handed over to {} and no answer came: {}",
                              options_.host, done->error)};
  return std::unexpected(refusal(*done));
}

CallResult<std::string> SmtpChannel::probe(std::stop_token stop) {
  auto done = signed_in_exchange({}, stop);
  if (!done) return std::unexpected(std::move(done).error());
  if (done->result != CURLE_OK) return std::unexpected(refusal(*done));
  std::string found =
      options_.username.empty() ? "The server answers" : "Signed in as " + options_.username;
  if (done->size_limit > 0) found += fmt::format("; it takes mails of {} bytes", done->size_limit);
  return found + ".";
}

NoAnswer SmtpChannel::refusal(const Exchange& exchange) const {
  const auto none = [&](Outcome outcome, std::string reason, const std::string& detail) {
    NoAnswer answer{.outcome = outcome, .reason = std::move(reason)};
    answer.detail = utf8_prefix(detail, NoAnswer::kMaxDetail);
    return answer;
  };
  if (exchange.given_up == "too_large")
    return none(Outcome::permanent, "too_large",
                fmt::format("The mail has {} bytes; {} takes {}.", exchange.mail.size(),
                            options_.host, exchange.size_limit));
  if (exchange.given_up == "no_smtputf8")
    return none(Outcome::permanent, "recipient",
                options_.host + " takes no addresses beyond ASCII (it offers no SMTPUTF8).");
  if (exchange.reply.code >= 400) return reply_refusal(exchange);
  const bool stopped = exchange.stop_seen && exchange.result == CURLE_ABORTED_BY_CALLBACK;
  if (stopped) return none(Outcome::retryable, "interrupted", "The service is stopping.");
  if (is_about_tls(exchange.result) ||
      (exchange.phase == Phase::tls && exchange.result == CURLE_WEIRD_SERVER_REPLY)) {
    NoAnswer answer = none(Outcome::retryable, "tls", options_.host + ": " + exchange.error);
    answer.retry_at = clock_.now() + kGreylistWait;
    return answer;
  }
  if (exchange.result == CURLE_USE_SSL_FAILED)
    return none(Outcome::permanent, "no_starttls",
                options_.host + " offers no STARTTLS, and nothing goes out in clear text.");
  if (exchange.refuses_token())
    return none(Outcome::auth, "sign_in", options_.host + " refused the access token.");
  if (exchange.result == CURLE_LOGIN_DENIED)
    return none(Outcome::auth, "no_mechanism",
                options_.host + " offers no way to sign in that we know: PLAIN, LOGIN, XOAUTH2.");
  return none(Outcome::retryable,
              exchange.result == CURLE_OPERATION_TIMEDOUT ? "timeout" : "unreachable",
              fmt::format("{}{} at {}: {}", options_.host, by_the_proxy(options_.proxy),
                          phase_name(exchange.phase), exchange.error));
}

NoAnswer SmtpChannel::reply_refusal(const Exchange& exchange) const {
  const Reply& reply = exchange.reply;
  NoAnswer answer{.outcome = Outcome::permanent};
  answer.detail = utf8_prefix(
      fmt::format("{} answered {} with {} {}", options_.host, phase_name(exchange.phase),
                  reply.code, reply.text.empty() ? reply.enhanced : reply.text),
      NoAnswer::kMaxDetail);
  const auto becomes = [&](Outcome outcome, std::string_view reason) {
    answer.outcome = outcome;
    answer.reason = reason;
  };
  if (is_about_quota(reply, exchange.phase)) {
    becomes(Outcome::quota, "limit");
    answer.retry_at = clock_.now() + kQuotaPause;
  } else if (reply.code < 500) {
    becomes(Outcome::retryable, "deferred");
    answer.retry_at = clock_.now() + kGreylistWait;
  } else if (reply.code == 530 || reply.code == 538) {
    becomes(Outcome::permanent, "configuration");
  } else if (exchange.phase == Phase::sign_in || reply.code == 534 || reply.code == 535) {
    becomes(Outcome::auth, "sign_in");
  } else if (exchange.phase == Phase::recipient) {
    becomes(Outcome::permanent, denies_address(reply.enhanced) ? kNoSuchAddress : "recipient");
  } else if (exchange.phase == Phase::sender) {
    becomes(Outcome::permanent, reply.code == 552 ? "too_large" : "sender");
  } else if (exchange.phase == Phase::data || exchange.phase == Phase::end) {
    becomes(Outcome::permanent, "rejected");
  } else {
    // It wants nobody now: that says nothing of this mail.
    becomes(Outcome::retryable, "refused");
    answer.retry_at = clock_.now() + kGreylistWait;
  }
  return answer;
}

}  // namespace c360::adapters

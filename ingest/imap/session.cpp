#include "ingest/imap/session.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "daemon/base/text.h"

namespace c360::ingest::imap {
namespace {

using Clock = std::chrono::steady_clock;

// Commands under way at a time: their answers are short, so neither side's buffers fill up while
// both write.
constexpr std::size_t kPipelined = 8;
constexpr std::chrono::milliseconds kGoodbyeTimeout{5'000};

}  // namespace

Result<void> Listener::untagged(Response&) { return {}; }
Result<bool> Listener::begin(std::uint64_t, const FetchItems&) { return false; }
Result<void> Listener::bytes(std::string_view) { return {}; }

Session::Session(ImapOptions options, std::shared_ptr<adapters::AccessTokens> tokens)
    : options_(std::move(options)),
      tokens_(std::move(tokens)),
      transport_(options_),
      lexer_(transport_, options_.limits) {}

std::string Session::where() const { return options_.host + ":" + std::to_string(options_.port); }

std::unexpected<Error> Session::broken(Error error) {
  if (error.reason == "malformed_response" || error.reason == "limit_crossed") {
    error.detail = where() + ": " + error.detail;
  }
  transport_.close();
  broken_ = std::move(error);
  return std::unexpected(*broken_);
}

std::unexpected<Error> Session::broken(std::string_view what, std::string_view reason) {
  return broken(Error{.code = ErrorCode::unavailable,
                      .detail = where() + ": " + std::string(what),
                      .reason = std::string(reason)});
}

Error Session::refused(const Completion& completion, std::string_view doing,
                       bool signing_in) const {
  return refusal(completion, where() + ": " + std::string(doing),
                 clean_text(completion.text, secrets_), signing_in);
}

void Session::allow(std::chrono::milliseconds time) {
  transport_.set_deadline(Clock::now() + time);
}
void Session::forgive(Clock::duration spent) {
  transport_.set_deadline(transport_.deadline() + spent);
}

std::string Session::next_tag() { return "a" + std::to_string(++tags_); }

Result<void> Session::write(std::string_view bytes) {
  if (broken_) return std::unexpected(*broken_);
  if (auto written = transport_.write(bytes); !written) return broken(written.error());
  return {};
}

Result<Response> Session::next(Listener& listener) {
  if (broken_) return std::unexpected(*broken_);
  auto response = read_response(lexer_, options_.limits, listener);
  if (!response) return broken(response.error());
  if (auto taken = absorb(*response); !taken) return std::unexpected(taken.error());
  return response;
}

// What may come with any command or none (RFC 9051, section 7).
Result<void> Session::absorb(const Response& response) {
  using Kind = Response::Kind;
  switch (response.kind) {
    case Kind::capability:
      features_.capabilities = response.words;
      break;
    case Kind::tagged:
    case Kind::status:
      if (response.code.name == "CAPABILITY") {
        features_.capabilities =
            upper_case_words(response.code.arguments, options_.limits.capabilities);
      }
      if (changes_uidvalidity(response.code)) {
        return broken("the folder was built anew (UIDVALIDITY " + response.code.arguments + ")",
                      "uidvalidity_changed");
      }
      if (response.kind == Kind::status && response.status == Status::bye && !leaving_) {
        return broken("the server said goodbye: " + clean_text(response.text, secrets_),
                      "server_bye");
      }
      break;
    case Kind::exists:
      if (response.number > exists_) arrivals_ = true;
      exists_ = response.number;
      break;
    case Kind::expunge:
      if (exists_ > 0) --exists_;
      break;
    case Kind::vanished:
      if (!response.earlier) {
        const auto gone = std::min<std::uint64_t>(exists_, total_size(response.uids));
        exists_ -= static_cast<std::uint32_t>(gone);
      }
      break;
    default:
      break;
  }
  return {};
}

bool Session::changes_uidvalidity(const ResponseCode& code) const {
  if (uidvalidity_ == 0 || code.name != "UIDVALIDITY") return false;
  const std::string& digits = code.arguments;
  std::uint32_t now = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), now);
  return error == std::errc{} && now != uidvalidity_;
}

Result<Completion> Session::run(const std::string& command, Listener& listener) {
  auto completions = run_all(std::span(&command, 1), listener);
  if (!completions) return std::unexpected(completions.error());
  return std::move(completions->front());
}

Result<Completion> Session::run(const std::string& command) {
  Listener nobody;
  return run(command, nobody);
}

Result<std::vector<Completion>> Session::run_all(std::span<const std::string> commands,
                                                 Listener& listener) {
  std::vector<Completion> completions(commands.size());
  std::vector<std::string> tags;  // of the commands sent so far; empty once answered
  std::size_t answered = 0;
  unasked_ = 0;
  while (answered < commands.size()) {
    std::string lines;
    while (tags.size() < commands.size() && tags.size() - answered < kPipelined) {
      tags.push_back(next_tag());
      lines += tags.back() + " " + commands[tags.size() - 1] + "\r\n";
    }
    if (!lines.empty()) {
      allow(options_.command_timeout);
      if (auto written = write(lines); !written) return std::unexpected(written.error());
    }
    auto response = next(listener);
    if (!response) return std::unexpected(response.error());
    if (response->kind == Response::Kind::continuation) {
      return broken("the server asks for more where a command is complete", "malformed_response");
    }
    if (response->kind != Response::Kind::tagged) {
      if (++unasked_ > options_.limits.responses) {
        return broken(
            "more than " + std::to_string(options_.limits.responses) + " responses to one command",
            "limit_crossed");
      }
      if (auto heard = listener.untagged(*response); !heard) return broken(heard.error());
      continue;
    }
    const auto tag = std::ranges::find(tags, response->tag);
    if (tag == tags.end() || response->tag.empty()) {
      return broken("the server answered a command nobody sent", "malformed_response");
    }
    completions[static_cast<std::size_t>(tag - tags.begin())] = {
        response->status, std::move(response->code), std::move(response->text), {}};
    tag->clear();
    ++answered;
  }
  return completions;
}

Result<Completion> Session::converse(const std::string& line,
                                     std::span<const std::string> answers) {
  Listener nobody;
  return converse(line, answers, nobody, options_.limits.capabilities);
}

Result<Completion> Session::converse(const std::string& line, std::span<const std::string> answers,
                                     Listener& listener, std::size_t most) {
  const std::string tag = next_tag();
  allow(options_.command_timeout);
  if (auto written = write(tag + " " + line + "\r\n"); !written) {
    return std::unexpected(written.error());
  }
  std::string challenge;
  for (std::size_t rounds = 0; rounds < most; ++rounds) {
    auto response = next(listener);
    if (!response) return std::unexpected(response.error());
    if (response->kind == Response::Kind::continuation) {
      challenge = std::move(response->text);
      const std::string answer = answers.empty() ? "*" : answers.front();
      if (!answers.empty()) answers = answers.subspan(1);
      if (auto written = write(answer + "\r\n"); !written) return std::unexpected(written.error());
    } else if (response->kind == Response::Kind::tagged) {
      if (response->tag != tag) {
        return broken("the server answered a command nobody sent", "malformed_response");
      }
      return Completion{response->status, std::move(response->code), std::move(response->text),
                        std::move(challenge)};
    } else if (auto heard = listener.untagged(*response); !heard) {
      return broken(heard.error());
    }
  }
  return broken("the answer does not come to an end", "limit_crossed");
}

Result<IdleOutcome> Session::idle(std::chrono::milliseconds timeout) {
  const auto end = Clock::now() + timeout;
  for (;;) {
    if (arrivals_) return IdleOutcome::changed;
    if (Clock::now() >= end) return IdleOutcome::timeout;
    const bool by_idle = has("IDLE") && !idle_refused_;
    auto round = by_idle ? idle_round(std::min(end, Clock::now() + options_.idle_renewal))
                         : quiet_round(end);
    if (!round) return std::unexpected(round.error());
    if (*round == Round::woken) return IdleOutcome::woken;
    if (*round == Round::unsupported) idle_refused_ = true;
  }
}

// RFC 2177: IDLE, "+", whatever happens, DONE, tagged OK.
Result<Session::Round> Session::idle_round(Transport::TimePoint until) {
  const std::string tag = next_tag();
  allow(options_.command_timeout);
  if (auto written = write(tag + " IDLE\r\n"); !written) return std::unexpected(written.error());
  Listener nobody;
  for (unasked_ = 0;;) {
    auto response = next(nobody);
    if (!response) return std::unexpected(response.error());
    if (response->kind == Response::Kind::continuation) break;
    if (response->kind == Response::Kind::tagged) return Round::unsupported;
    if (++unasked_ > options_.limits.responses) {
      return broken("IDLE does not begin", "limit_crossed");
    }
  }
  auto round = listen(until, tag);
  if (!round || *round == Round::unsupported) return round;
  allow(options_.command_timeout);
  if (auto written = write("DONE\r\n"); !written) return std::unexpected(written.error());
  for (;;) {
    auto response = next(nobody);
    if (!response) return std::unexpected(response.error());
    if (response->kind == Response::Kind::tagged && response->tag == tag) return round;
  }
}

Result<Session::Round> Session::quiet_round(Transport::TimePoint until) {
  auto round = listen(until, {});
  if (round && *round == Round::unsupported) {
    return broken("the server answered a command nobody sent", "malformed_response");
  }
  return round;
}

// Until mail arrives, wake() is called or the time is up. A tagged answer means that the server
// ended the IDLE by itself: `unsupported`, or we would begin it again and again.
Result<Session::Round> Session::listen(Transport::TimePoint until, std::string_view tag) {
  Listener nobody;
  while (!arrivals_ && Clock::now() < until) {
    if (lexer_.drained()) {
      auto waited = transport_.wait(until);
      if (!waited) return broken(waited.error());
      if (*waited == Transport::Waited::woken) return Round::woken;
      if (*waited == Transport::Waited::timeout) break;
    }
    allow(options_.command_timeout);
    auto response = next(nobody);
    if (!response) return std::unexpected(response.error());
    if (response->kind == Response::Kind::tagged) {
      if (response->tag == tag) return Round::unsupported;
      return broken("the server answered a command nobody sent", "malformed_response");
    }
  }
  return Round::over;
}

void Session::logout() {
  if (!broken_) {
    leaving_ = true;
    options_.command_timeout = std::min(options_.command_timeout, kGoodbyeTimeout);
    [[maybe_unused]] const auto answered = run("LOGOUT");
  }
  transport_.close();
  if (!broken_) {
    broken_ = Error{.code = ErrorCode::unavailable,
                    .detail = where() + ": signed out",
                    .reason = "connection_lost"};
  }
}

}  // namespace c360::ingest::imap

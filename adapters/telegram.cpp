#include "adapters/telegram.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>

#include "adapters/answer_fields.h"
#include "adapters/form_body.h"
#include "adapters/message_text.h"
#include "daemon/base/foreign_json.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kLongestCaption = 1024;
// A 429 for so short a time is about the chat.
constexpr std::int64_t kChatWait = 3;
constexpr std::int64_t kLongestWait = 86'400;
// Of a part that follows one the service took.
constexpr int kPartAttempts = 3;
constexpr seconds kPartPatience{30};

bool has_only(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kWord =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

std::optional<std::int64_t> chat_number(std::string_view chat) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(chat.data(), chat.data() + chat.size(), number);
  if (fault != std::errc{} || end != chat.data() + chat.size() || number == 0) return std::nullopt;
  return number;
}

bool is_chat(std::string_view chat) {
  constexpr std::size_t kLongestName = 64;
  if (chat.starts_with('@')) return chat.size() <= kLongestName && has_only(chat.substr(1), kWord);
  return chat_number(chat).has_value();
}

// Groups, supergroups and channels.
bool is_group(std::string_view chat) { return chat.starts_with('-') || chat.starts_with('@'); }

std::string chat_key(const std::string& chat) { return "telegram_chat:" + chat; }

GatePolicy chat_policy(const TelegramOptions& options, const std::string& chat) {
  GatePolicy policy;
  policy.rates = {options.chat_rate};
  if (is_group(chat)) policy.rates.push_back(options.group_rate);
  policy.longest_wait = options.longest_chat_wait;
  policy.longest_call = options.document_whole;
  // What fails is the service's affair, whose breaker is another.
  policy.failures_to_open = std::numeric_limits<int>::max();
  return policy;
}

bool is_html(const HttpAnswer& answer) {
  return answer.header("content-type").value_or("").starts_with("text/html") ||
         trimmed(answer.body).starts_with('<');
}

// An answer that is none of the service's own.
NoAnswer foreign(const HttpAnswer& answer, Instant now) {
  auto none = refusal_of(answer, "", now);
  if (none && none->reason == "redirect") return *none;
  const int status = answer.status;
  if (is_html(answer) || status >= 500 || status == 408) {
    NoAnswer page{.outcome = Outcome::retryable,
                  .reason = "malformed",
                  .detail = fmt::format("the answer {} is a page, not the service's JSON: a proxy "
                                        "or maintenance",
                                        status),
                  .http_status = status};
    if (none) page.retry_at = none->retry_at;
    if (status == 413) page.outcome = Outcome::permanent;
    return page;
  }
  if (none && status >= 400) {
    if (status == 404) none->outcome = Outcome::auth;  // a token of a wrong form
    if (status == 403) none->outcome = Outcome::permanent;
    return *none;
  }
  // A success that cannot be read may be one.
  NoAnswer cut = malformed(answer, "the answer is no JSON with `ok`").error();
  cut.maybe_done = true;
  return cut;
}

std::unexpected<NoAnswer> not_kept(const Error& error) {
  return no_answer(Outcome::retryable, "state_unavailable",
                   "how far the message has come cannot be kept: " + error.detail);
}

}  // namespace

milliseconds TelegramOptions::longest_step() const {
  return std::max(document_whole, limits.whole) + longest_chat_wait + limits.longest_wait +
         kPartPatience;
}

Telegram::Telegram(TelegramOptions options, const ChannelPorts& ports)
    : options_(std::move(options)),
      ports_(ports),
      settings_(fingerprint(fmt::format("{} {}", options_.token.reveal(), options_.base_url))),
      http_(ports_),
      caller_(Redactor({options_.token}), fingerprint(options_.token.reveal()), http_.ports()),
      gate_({"telegram", "bot", "messages"}, settings_, options_.limits.policy(), ports.states) {}

CallResult<CarriedMessage> Telegram::send(const ChannelMessage& message, std::stop_token stop) {
  if (auto usable = check_token(); !usable) return std::unexpected(std::move(usable.error()));
  if (!is_chat(message.address))
    return no_answer(Outcome::permanent, "recipient",
                     "a chat of Telegram is a number other than 0, or @name");
  const auto parts = parts_of(message);
  if (!parts) return std::unexpected(parts.error());
  http_.end_with(std::move(stop));
  return send_parts(*parts, message);
}

CallResult<CarriedMessage> Telegram::send_parts(const std::vector<Part>& parts,
                                                const ChannelMessage& message) {
  Chat chat{.id = message.address};
  CarriedMessage carried{.provider_id = message.provider_id};
  const int count = static_cast<int>(parts.size());
  for (int number = std::min(message.parts_taken, count) + 1; number <= count; ++number) {
    const Part& part = parts[static_cast<std::size_t>(number) - 1];
    const Errand errand{.part = number, .message = message};
    auto taken = number == 1 ? deliver(part, chat, errand) : deliver_on(part, chat, errand);
    if (taken) {
      if (number == 1) carried.provider_id = *taken;
      continue;
    }
    NoAnswer none = std::move(taken).error();
    if (number > 1)
      none.detail =
          fmt::format("{} of {} parts were taken, then: {}", number - 1, count, none.detail);
    if (!none.maybe_done) return std::unexpected(std::move(none));
    carried.state = Carried::unknown;
    carried.detail = std::move(none.detail);
    break;
  }
  if (chat.moved) carried.new_address = chat.id;
  return carried;
}

CallResult<std::string> Telegram::probe(std::stop_token stop) {
  if (auto usable = check_token(); !usable) return std::unexpected(std::move(usable.error()));
  http_.end_with(std::move(stop));
  return caller_.run(
      gate_, call("getMe"), [&](const HttpAnswer& answer) -> CallResult<std::string> {
        Refusal refusal;
        const auto body = read(answer, refusal);
        if (!body) return std::unexpected(body.error());
        std::vector<std::string> warnings;
        return "the bot @" + AnswerFields{*body, warnings}.text("result.username").value_or("?");
      });
}

CallResult<void> Telegram::check_token() const {
  if (!options_.is_on())
    return no_answer(Outcome::permanent, "off",
                     "Telegram is off: no token is set, or it is switched off in the settings");
  const std::string_view token = options_.token.reveal();
  const std::size_t colon = token.find(':');
  // Anything else would be another path.
  const bool sane = colon != std::string_view::npos && has_only(token.substr(0, colon), kDigits) &&
                    has_only(token.substr(colon + 1), std::string(kWord) + "-");
  if (!sane)
    return no_answer(Outcome::auth, "bad_token",
                     "the token is not DIGITS:LETTERS as @BotFather gives it; correct its file");
  return {};
}

CallResult<std::vector<Telegram::Part>> Telegram::parts_of(const ChannelMessage& message) const {
  const std::string text = replace_invalid_utf8(message.text);
  std::vector<Part> parts;
  const bool as_caption = message.attachments.size() == 1 && utf16_units(text) <= kLongestCaption;
  if (!as_caption)
    for (std::string& piece : split_at_line_ends(text, kLongestText))
      parts.push_back({.text = std::move(piece)});
  for (const MessageAttachment& file : message.attachments) {
    if (file.content.size() > options_.max_document_bytes)
      return no_answer(Outcome::permanent, "too_large",
                       fmt::format("the file '{}' is over {} bytes", file.file_name,
                                   options_.max_document_bytes));
    parts.push_back({.text = as_caption ? text : "", .document = &file});
  }
  if (parts.empty())
    return no_answer(Outcome::permanent, "empty", "the message has neither text nor file");
  if (parts.size() > options_.max_parts)
    return no_answer(Outcome::permanent, "too_long",
                     fmt::format("the message would take {} messages of Telegram, at most {} are "
                                 "allowed by telegram.max_parts",
                                 parts.size(), options_.max_parts));
  return parts;
}

// Later parts: what was certainly not sent is tried again here, while somebody reads the first.
CallResult<std::string> Telegram::deliver_on(const Part& part, Chat& chat, const Errand& errand) {
  for (int attempt = 1;; ++attempt) {
    auto taken = deliver(part, chat, errand);
    if (taken || attempt == kPartAttempts) return taken;
    const NoAnswer& none = taken.error();
    const bool worth_it = none.outcome == Outcome::retryable || none.outcome == Outcome::quota;
    const milliseconds wait = std::chrono::ceil<milliseconds>(
        std::max<Instant::duration>(none.retry_at.value_or(Instant{}) - caller_.now(), seconds{1}));
    if (none.maybe_done || !worth_it || wait > kPartPatience || !http_.pause(wait)) return taken;
  }
}

CallResult<std::string> Telegram::deliver(const Part& part, Chat& chat, const Errand& errand) {
  for (;;) {
    Refusal refusal;
    auto taken = ask(part, chat, errand, refusal);
    if (taken) return taken;
    if (!chat.moved && is_chat(refusal.new_chat)) {
      chat.id = refusal.new_chat;
      chat.moved = true;
    } else if (!chat.plain && taken.error().reason == "markup") {
      chat.plain = true;
    } else {
      return taken;
    }
  }
}

CallResult<std::string> Telegram::ask(const Part& part, const Chat& chat, const Errand& errand,
                                      Refusal& refusal) {
  PartLog* log = errand.message.parts;
  if (log != nullptr) {
    if (auto begun = log->begins(errand.part); !begun) return not_kept(begun.error());
  }
  if (auto entered = enter_chat(chat.id); !entered)
    return std::unexpected(std::move(entered.error()));
  ServiceCall question = call_for(part, chat);
  question.subject = errand.message.key;
  auto taken =
      caller_.run(gate_, question, [&](const HttpAnswer& answer) -> CallResult<std::string> {
        const auto body = read(answer, refusal);
        if (!body) return std::unexpected(body.error());
        std::vector<std::string> warnings;
        return AnswerFields{*body, warnings}.text("result.message_id").value_or("");
      });
  leave_chat(chat.id, taken ? nullptr : &taken.error());
  if (!taken || log == nullptr) return taken;
  // A part that is not known to have been taken may be sent once more: no other may follow it.
  if (auto kept = log->taken(errand.part, *taken); !kept) {
    auto lost = not_kept(kept.error());
    lost.error().maybe_done = true;
    return lost;
  }
  return taken;
}

CallResult<void> Telegram::enter_chat(const std::string& chat) {
  const Instant now = caller_.now();
  CallResult<Instant> start = now;
  const auto kept = ports_.states.change(chat_key(chat), [&](GateState& state) {
    if (auto none = paused(state, settings_, now)) {
      none->scope = RefusalScope::recipient;
      start = std::unexpected(std::move(*none));
    } else {
      start = admit(state, chat_policy(options_, chat), now);
    }
  });
  if (!kept) return no_answer(Outcome::retryable, "state_unavailable", kept.error().detail);
  if (!start) return std::unexpected(std::move(start.error()));
  if (*start > now && !http_.pause(std::chrono::ceil<milliseconds>(*start - now)))
    return no_answer(Outcome::retryable, "interrupted", "interrupted while waiting for its turn");
  return {};
}

void Telegram::leave_chat(const std::string& chat, const NoAnswer* none) {
  const bool pauses = none != nullptr && none->outcome == Outcome::quota &&
                      none->scope == RefusalScope::recipient && none->retry_at;
  if (!pauses) return;
  // A pause that cannot be kept is not kept: the answer itself counts more.
  (void)ports_.states.change(chat_key(chat), [&](GateState& state) {
    state.pause = GatePause{.cause = Outcome::quota,
                            .until = *none->retry_at,
                            .detail = none->detail,
                            .settings = settings_};
  });
}

ServiceCall Telegram::call(const std::string& method) const {
  ServiceCall call{.operation = method};
  HttpRequest& request = call.request;
  request.url = fmt::format("{}/bot{}/{}", options_.base_url, options_.token.reveal(), method);
  request.headers = {{"Accept", "application/json"}};
  request.ca_file = options_.ca_file;
  request.allow_plain_http = options_.base_url.starts_with("http://");
  options_.limits.apply_to(request);
  return call;
}

ServiceCall Telegram::call_for(const Part& part, const Chat& chat) const {
  ServiceCall question = call(part.document == nullptr ? "sendMessage" : "sendDocument");
  HttpRequest& request = question.request;
  request.method = "POST";
  request.once = true;
  if (part.document != nullptr) {
    FormFields fields{{"chat_id", chat.id}};
    if (!part.text.empty()) fields.emplace_back("caption", part.text);
    if (chat.plain) fields.emplace_back("caption_entities", "[]");
    MultipartForm form = multipart(fields, {.field = "document",
                                            .file_name = part.document->file_name,
                                            .media_type = part.document->media_type,
                                            .content = part.document->content});
    request.headers.emplace_back("Content-Type", std::move(form.content_type));
    request.body = std::move(form.body);
    request.timeout = options_.document_whole;
    return question;
  }
  JsonWriter json;
  json.begin_object().key("chat_id");
  const auto number = chat_number(chat.id);
  number ? json.integer(*number) : json.string(chat.id);
  json.member("text", part.text);
  if (chat.plain) json.key("entities").begin_array().end_array();
  request.body = json.end_object().take();
  request.headers.emplace_back("Content-Type", "application/json");
  return question;
}

CallResult<Json> Telegram::read(const HttpAnswer& answer, Refusal& refusal) const {
  auto body = parse_foreign_json(answer.body);
  if (!body || !body->is_object() || body->find("ok") == nullptr)
    return std::unexpected(foreign(answer, caller_.now()));
  std::vector<std::string> warnings;
  const AnswerFields fields{*body, warnings};
  if (fields.flag("ok")) return std::move(*body);
  refusal.new_chat = fields.text("parameters.migrate_to_chat_id").value_or("");
  NoAnswer none = refused(fields.integer("error_code").value_or(answer.status),
                          fields.text("description").value_or("without a reason"),
                          fields.integer("parameters.retry_after"));
  none.http_status = answer.status;
  if (none.outcome == Outcome::quota && !none.retry_at)
    none.retry_at = retry_after(answer, caller_.now());
  return std::unexpected(std::move(none));
}

NoAnswer Telegram::refused(std::int64_t code, const std::string& said,
                           std::optional<std::int64_t> wait) const {
  NoAnswer none{.outcome = Outcome::permanent,
                .detail = fmt::format("Telegram answered {}: {}", code, said)};
  if (code == 401 || code == 404) {
    none.outcome = Outcome::auth;
    none.detail += "; check the token that @BotFather gave";
  } else if (code == 403) {
    none.reason = "recipient";
  } else if (code == 413) {
    none.reason = "too_large";
  } else if (code == 429) {
    none.outcome = Outcome::quota;
    none.reason = "rate";
    if (wait) {
      none.retry_at = caller_.now() + seconds{std::clamp<std::int64_t>(*wait, 1, kLongestWait) + 1};
      if (*wait <= kChatWait) none.scope = RefusalScope::recipient;
    }
  } else if (code >= 500) {
    none.outcome = Outcome::retryable;
  } else if (said.contains("can't parse entities")) {
    none.reason = "markup";
  }
  return none;
}

}  // namespace c360::adapters

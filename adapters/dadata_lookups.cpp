#include "adapters/dadata_lookups.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "adapters/held_exchange.h"
#include "adapters/retried.h"
#include "daemon/base/digest.h"
#include "daemon/base/identifiers.h"

namespace c360::adapters {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kBank = "findById/bank";
constexpr std::string_view kCleanAddress = "clean/address";
constexpr std::string_view kCleanPhone = "clean/phone";

// The key of an answer says nothing of what somebody typed.
std::string digest_of(const std::string& text) { return to_hex(sha256(text)); }

CachedQuestion cleaning(CachedQuestion question) {
  question.found_for = question.not_found_for = DadataLookups::kCleanedFor;
  return question;
}

// A quarter of what is left at most goes by waiting for a turn.
void fit(CallLimits& limits, milliseconds left) {
  limits.longest_wait = std::min(limits.longest_wait, left / 4);
  limits.whole = std::min(limits.whole, left - limits.longest_wait);
}

template <typename T>
CallResult<std::vector<T>> none_is_empty(CallResult<std::vector<T>> found) {
  if (!found && found.error().outcome == Outcome::not_found) return std::vector<T>{};
  return found;
}

}  // namespace

DadataLookups::DadataLookups(PartyRegisterOptions options, std::string holder,
                             PartyRegister& register_of, PartyRegisterPorts ports)
    : options_(std::move(options)),
      register_(register_of),
      ports_(std::move(ports)),
      cache_(ports_.database, std::move(holder)) {}

CallResult<std::vector<Party>> DadataLookups::parties(const std::string& text, int count) {
  if (auto on = check_on(); !on) return std::unexpected(std::move(on.error()));
  return none_is_empty(ask(RetryPolicy::interactive(), ports_.journal,
                           [&](Dadata& dadata) { return dadata.suggest_party(text, count); }));
}

CallResult<std::vector<Address>> DadataLookups::addresses(const std::string& text, int count) {
  if (auto on = check_on(); !on) return std::unexpected(std::move(on.error()));
  return none_is_empty(ask(RetryPolicy::interactive(), ports_.journal,
                           [&](Dadata& dadata) { return dadata.suggest_address(text, count); }));
}

CallResult<Bank> DadataLookups::bank(const std::string& bik) {
  if (auto on = check_on(); !on) return std::unexpected(std::move(on.error()));
  // Before it becomes a key that is kept.
  if (const auto fault = check_bik(bik))
    return no_answer(Outcome::permanent, "bad_id", std::string(fault->detail));
  return obtain(
      question(kBank, bik), RetryPolicy::interactive(), JsonKind::object,
      [&](const Json& answer) { return dadata::read_bank(answer, bik); },
      [&](Dadata& dadata) { return dadata.find_bank(bik); });
}

CallResult<CleanAddress> DadataLookups::clean_address(const std::string& text) {
  if (auto on = check_cleaning(); !on) return std::unexpected(std::move(on.error()));
  return obtain(cleaning(question(kCleanAddress, digest_of(text))), {.attempts = 1},
                JsonKind::array, dadata::read_clean_address,
                [&](Dadata& dadata) { return dadata.clean_address(text); });
}

CallResult<CleanPhone> DadataLookups::clean_phone(const std::string& text) {
  if (auto on = check_cleaning(); !on) return std::unexpected(std::move(on.error()));
  return obtain(cleaning(question(kCleanPhone, digest_of(text))), {.attempts = 1}, JsonKind::array,
                dadata::read_clean_phone, [&](Dadata& dadata) { return dadata.clean_phone(text); });
}

CallResult<void> DadataLookups::check_on() const {
  if (!options_.enabled)
    return no_answer(Outcome::permanent, "off", "DaData is switched off in the settings");
  if (options_.dadata.token.empty())
    return no_answer(Outcome::permanent, "off", "DaData is off: no API key is set");
  return {};
}

CallResult<void> DadataLookups::check_cleaning() const {
  if (auto on = check_on(); !on) return on;
  if (!options_.cleaning)
    return no_answer(Outcome::permanent, "off",
                     "cleaning is off: it is paid for, so dadata.cleaning must say true");
  if (options_.dadata.secret.empty())
    return no_answer(Outcome::permanent, "off",
                     "cleaning and usage of DaData are off: no secret key is set");
  return {};
}

CachedQuestion DadataLookups::question(std::string_view method, std::string subject) const {
  return {
      .key = {.service = "dadata", .method = std::string(method), .subject = std::move(subject)},
      .found_for = options_.found_for,
      .not_found_for = options_.not_found_for,
      // The call, and with a refusal the question for the usage.
      .lease = 3 * options_.lookup_budget};
}

template <typename Read, typename Call>
std::invoke_result_t<Read, const Json&> DadataLookups::obtain(const CachedQuestion& question,
                                                              const RetryPolicy& retry,
                                                              JsonKind kind, const Read& read,
                                                              const Call& call) {
  const auto until = ports_.clock.steady() + options_.lookup_budget;
  const auto buy = [&]() -> CallResult<RecordedExchange> {
    HeldExchange journal{question.key.method, ports_.journal};
    if (auto answer = ask(retry, &journal, call); !answer)
      return std::unexpected(std::move(answer.error()));
    auto exchange = journal.take();
    if (!exchange)
      return no_answer(Outcome::retryable, "not_recorded", "the answer was not recorded");
    // The key of the cache says what it is about.
    exchange->request_body.clear();
    return std::move(*exchange);
  };
  const auto answer = cache_.obtain(question, buy, [&](milliseconds wait) {
    return ports_.clock.steady() < until && register_.pause(wait);
  });
  if (!answer) return std::unexpected(answer.error());
  const auto document = json_answer({.status = answer->exchange.status,
                                     .headers = {{"content-type", answer->exchange.content_type}},
                                     .body = answer->exchange.body},
                                    kind);
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

template <typename Call>
std::invoke_result_t<Call, Dadata&> DadataLookups::ask(const RetryPolicy& retry,
                                                       CallJournal* journal, const Call& call) {
  using Answer = std::invoke_result_t<Call, Dadata&>;
  const auto until = ports_.clock.steady() + options_.lookup_budget;
  const auto left = [&] {
    return std::chrono::duration_cast<milliseconds>(until - ports_.clock.steady());
  };
  const auto pause = [this](milliseconds wait) { return register_.pause(wait); };
  return retried(retry, ports_.clock, pause, [&]() -> Answer {
    std::optional<Answer> answer;
    const bool lent = register_.lend(left(), [&](HttpClient& http) {
      DadataOptions hurried = options_.dadata;
      fit(hurried.find, left());
      fit(hurried.clean, left());
      if (hurried.find.whole <= milliseconds{0}) return;
      Dadata dadata(hurried, {.http = http,
                              .states = ports_.states,
                              .clock = ports_.clock,
                              .pause = pause,
                              .journal = journal});
      answer.emplace(call(dadata));
    });
    if (!lent || !answer)
      return no_answer(Outcome::retryable, "busy", "no connection to DaData was free in time");
    return std::move(*answer);
  });
}

}  // namespace c360::adapters

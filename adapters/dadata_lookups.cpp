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
constexpr milliseconds kLook{20};  // how often a place in the cleaner is looked for

// The key of an answer says nothing of what somebody typed.
std::string digest_of(const std::string& text) { return to_hex(sha256(text)); }

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
  return none_is_empty(ask(looking(), ports_.journal,
                           [&](Dadata& dadata) { return dadata.suggest_party(text, count); }));
}

CallResult<std::vector<Address>> DadataLookups::addresses(const std::string& text, int count) {
  if (auto on = check_on(); !on) return std::unexpected(std::move(on.error()));
  return none_is_empty(ask(looking(), ports_.journal,
                           [&](Dadata& dadata) { return dadata.suggest_address(text, count); }));
}

CallResult<Bank> DadataLookups::bank(const std::string& bik) {
  if (auto on = check_on(); !on) return std::unexpected(std::move(on.error()));
  // Before it becomes a key that is kept.
  if (const auto fault = check_bik(bik))
    return no_answer(Outcome::permanent, "bad_id", std::string(fault->detail));
  return obtain(
      question(kBank, bik), looking(), JsonKind::object,
      [&](const Json& answer) { return dadata::read_bank(answer, bik); },
      [&](Dadata& dadata) { return dadata.find_bank(bik); });
}

CallResult<CleanAddress> DadataLookups::clean_address(const std::string& text) {
  if (auto on = check_cleaning(); !on) return std::unexpected(std::move(on.error()));
  return obtain(cleaning(kCleanAddress, text), paying(), JsonKind::array,
                dadata::read_clean_address,
                [&](Dadata& dadata) { return dadata.clean_address(text); });
}

CallResult<CleanPhone> DadataLookups::clean_phone(const std::string& text) {
  if (auto on = check_cleaning(); !on) return std::unexpected(std::move(on.error()));
  return obtain(cleaning(kCleanPhone, text), paying(), JsonKind::array, dadata::read_clean_phone,
                [&](Dadata& dadata) { return dadata.clean_phone(text); });
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

CachedQuestion DadataLookups::cleaning(std::string_view method, const std::string& text) const {
  CachedQuestion cleaned = question(method, digest_of(text));
  cleaned.found_for = cleaned.not_found_for = kCleanedFor;
  cleaned.lease = 3 * options_.dadata.clean.whole;
  return cleaned;
}

// In the cleaner, while it exists, unless all were taken for so long.
class DadataLookups::Place {
 public:
  Place(DadataLookups& lookups, milliseconds wait) : lookups_(lookups) {
    const auto until = lookups.ports_.clock.steady() + wait;
    while (!(taken_ = take())) {
      if (lookups.ports_.clock.steady() >= until || !lookups.register_.pause(kLook)) return;
    }
  }
  ~Place() {
    if (taken_) --lookups_.cleaning_;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool is_taken() const { return taken_; }

 private:
  bool take() {
    if (++lookups_.cleaning_ <= lookups_.options_.cleanings) return true;
    --lookups_.cleaning_;
    return false;
  }

  DadataLookups& lookups_;
  bool taken_ = false;
};

template <typename Read, typename Call>
std::invoke_result_t<Read, const Json&> DadataLookups::obtain(const CachedQuestion& question,
                                                              const Patience& patience,
                                                              JsonKind kind, const Read& read,
                                                              const Call& call) {
  const auto until = ports_.clock.steady() + patience.budget;
  const auto buy = [&]() -> CallResult<RecordedExchange> {
    HeldExchange journal{question.key.method, ports_.journal};
    if (auto answer = ask(patience, &journal, call); !answer)
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
std::invoke_result_t<Call, Dadata&> DadataLookups::ask(const Patience& patience,
                                                       CallJournal* journal, const Call& call) {
  using Answer = std::invoke_result_t<Call, Dadata&>;
  const auto until = ports_.clock.steady() + patience.budget;
  const auto left = [&] {
    return std::chrono::duration_cast<milliseconds>(until - ports_.clock.steady());
  };
  const auto pause = [this](milliseconds wait) { return register_.pause(wait); };
  int attempt = 0;
  return retried(patience.retry, ports_.clock, pause, [&]() -> Answer {
    ++attempt;
    std::optional<Answer> answer;
    std::optional<Place> place;
    if (patience.cleans && !place.emplace(*this, left()).is_taken())
      return no_answer(Outcome::retryable, "busy", "no place in the cleaner was free in time");
    const bool lent = register_.lend(left(), [&](HttpClient& http) {
      DadataOptions hurried = options_.dadata;
      fit(hurried.find, left());
      fit(hurried.clean, left());
      if (hurried.find.whole <= milliseconds{0}) return;
      // What is sent is paid for, whether or not there is time to wait for it.
      if (patience.cleans && hurried.clean.whole < options_.dadata.clean.whole / 2) return;
      Dadata dadata(hurried, {.http = http,
                              .states = ports_.states,
                              .clock = ports_.clock,
                              .pause = pause,
                              .journal = journal,
                              .attempt = attempt});
      answer.emplace(call(dadata));
    });
    if (!lent || !answer)
      return no_answer(Outcome::retryable, "busy", "no connection to DaData was free in time");
    return std::move(*answer);
  });
}

}  // namespace c360::adapters

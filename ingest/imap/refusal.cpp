#include "ingest/imap/refusal.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/base/secret.h"
#include "daemon/base/text.h"

namespace c360::ingest::imap {
namespace {

constexpr std::size_t kShownText = 300;

constexpr std::array<std::string_view, 4> kAuthCodes{"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED",
                                                     "EXPIRED", "CONTACTADMIN"};
constexpr std::array<std::string_view, 2> kAbsentCodes{"UNAVAILABLE", "INUSE"};
constexpr std::array<std::string_view, 3> kPatienceCodes{"LIMIT", "OVERQUOTA", "THROTTLED"};
// Exchange and Gmail say these without a code.
constexpr std::array<std::string_view, 2> kPatienceWords{"throttled", "too many simultaneous"};
constexpr std::array<std::string_view, 3> kAbsentWords{"server unavailable", "but not connected",
                                                       "temporary system error"};

constexpr std::string_view word(Status status) {
  return status == Status::no ? "NO" : status == Status::bad ? "BAD" : "BYE";
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

template <std::size_t N>
bool mentions_one_of(const std::array<std::string_view, N>& words, std::string_view text) {
  const std::string lower = to_lower(text);
  return std::ranges::any_of(
      words, [&lower](std::string_view each) { return lower.find(each) != std::string::npos; });
}

ErrorCode code_of(const Completion& completion, std::string_view text, bool signing_in) {
  const std::string& name = completion.code.name;
  if (signing_in && is_one_of(kAuthCodes, name)) return ErrorCode::upstream_auth;
  if (is_one_of(kPatienceCodes, name)) return ErrorCode::rate_limited;
  if (is_one_of(kAbsentCodes, name)) return ErrorCode::unavailable;
  if (mentions_one_of(kPatienceWords, text)) return ErrorCode::rate_limited;
  if (mentions_one_of(kAbsentWords, text)) return ErrorCode::unavailable;
  if (name == "PRIVACYREQUIRED" || name == "NONEXISTENT") return ErrorCode::upstream_rejected;
  if (signing_in && completion.status == Status::no) return ErrorCode::upstream_auth;
  return ErrorCode::upstream_rejected;
}

// "Suggested Backoff Time: 299961 milliseconds" of Exchange.
std::optional<std::chrono::seconds> suggested_wait(std::string_view text) {
  constexpr std::string_view kLabel = "Suggested Backoff Time: ";
  const auto at = text.find(kLabel);
  if (at == std::string_view::npos) return std::nullopt;
  const auto digits = text.substr(at + kLabel.size());
  std::uint32_t milliseconds = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), milliseconds);
  if (error != std::errc{}) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(std::chrono::milliseconds{milliseconds});
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  if (what.empty()) return;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

Error refusal(const Completion& completion, std::string_view doing, std::string_view text,
              bool signing_in) {
  Error error;
  error.code = code_of(completion, text, signing_in);
  error.detail = std::string(doing) + ": the server answered " +
                 std::string(word(completion.status)) +
                 (completion.code.name.empty() ? "" : " [" + completion.code.name + "]") +
                 (text.empty() ? "" : " " + std::string(text));
  error.reason = to_lower(completion.code.name);
  error.retry_after = suggested_wait(text);
  return error;
}

std::string clean_text(std::string_view text, const std::vector<std::string>& secrets) {
  std::string clean(text);
  for (const std::string& secret : secrets) replace_all(clean, secret, kMasked);
  std::erase_if(clean, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  clean = replace_invalid_utf8(clean);
  return std::string(utf8_prefix(clean, kShownText));
}

}  // namespace c360::ingest::imap

#include "ingest/thread_id.h"

#include <charconv>

#include "daemon/base/digest.h"
#include "daemon/base/text.h"

namespace c360::ingest {

namespace {

constexpr std::string_view kPrefix = "c360-";
constexpr std::size_t kProofDigits = 32;
constexpr std::size_t kLongestId = 200;

std::string proof_of(const Secret& key, std::string_view what) {
  return to_hex(hmac_sha256(key.reveal(), what)).substr(0, kProofDigits);
}

// "RECORD-NONCE" of an id of ours; empty for every other id, and with an empty key.
std::string proven(const Secret& key, std::string_view message_id) {
  if (key.empty() || message_id.size() > kLongestId) return {};
  const std::string id = to_lower(message_id.substr(0, message_id.find('@')));
  if (!id.starts_with(kPrefix)) return {};
  const std::size_t dash = id.rfind('-');
  if (dash <= kPrefix.size()) return {};
  std::string what = id.substr(kPrefix.size(), dash - kPrefix.size());
  const bool ours = equal_constant_time(proof_of(key, what), std::string_view(id).substr(dash + 1));
  return ours && what.contains('-') ? what : std::string();
}

std::optional<std::int64_t> number_in(std::string_view digits, int base) {
  std::int64_t number = 0;
  const char* begin = digits.data();
  const char* end = begin + digits.size();
  const auto [at, error] = std::from_chars(begin, end, number, base);
  if (digits.empty() || error != std::errc{} || at != end) return std::nullopt;
  return number;
}

}  // namespace

std::string make_thread_id(const Secret& key, std::int64_t record_id, std::string_view nonce,
                           std::string_view domain) {
  std::string what = std::to_string(record_id);
  what.append("-").append(nonce);
  std::string id{kPrefix};
  return id.append(what).append("-").append(proof_of(key, what)).append("@").append(domain);
}

std::optional<std::int64_t> record_of_thread_id(const Secret& key, std::string_view message_id) {
  const std::string what = proven(key, message_id);
  const auto record = number_in(std::string_view(what).substr(0, what.find('-')), 10);
  return record && *record > 0 ? record : std::nullopt;
}

std::optional<std::int64_t> message_of_thread_id(const Secret& key, std::string_view message_id) {
  const std::string what = proven(key, message_id);
  const auto message = number_in(std::string_view(what).substr(what.find('-') + 1), 16);
  return message && *message > 0 ? message : std::nullopt;
}

}  // namespace c360::ingest

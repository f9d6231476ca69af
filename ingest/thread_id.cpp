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

}  // namespace

std::string make_thread_id(const Secret& key, std::int64_t record_id, std::string_view nonce,
                           std::string_view domain) {
  std::string what = std::to_string(record_id);
  what.append("-").append(nonce);
  std::string id{kPrefix};
  return id.append(what).append("-").append(proof_of(key, what)).append("@").append(domain);
}

std::optional<std::int64_t> record_of_thread_id(const Secret& key, std::string_view message_id) {
  if (key.empty() || message_id.size() > kLongestId) return std::nullopt;
  const std::string id = to_lower(message_id.substr(0, message_id.find('@')));
  if (!id.starts_with(kPrefix)) return std::nullopt;
  const std::size_t dash = id.rfind('-');
  if (dash <= kPrefix.size()) return std::nullopt;
  const std::string what = id.substr(kPrefix.size(), dash - kPrefix.size());
  if (!equal_constant_time(proof_of(key, what), std::string_view(id).substr(dash + 1)))
    return std::nullopt;
  std::int64_t record = 0;
  const char* end = what.data() + what.size();
  const auto [at, error] = std::from_chars(what.data(), end, record);
  if (error != std::errc{} || at == end || *at != '-' || record <= 0) return std::nullopt;
  return record;
}

}  // namespace c360::ingest

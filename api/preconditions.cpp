#include "api/preconditions.h"

#include <charconv>

#include "daemon/base/digest.h"
#include "daemon/base/text.h"

namespace c360::api {
namespace {

constexpr char kDigestMark = '-';  // between the version and the digest of what was shown

std::optional<std::int64_t> version_in(std::string_view tag) {
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"') return std::nullopt;
  tag = tag.substr(1, tag.size() - 2);
  tag = tag.substr(0, tag.find(kDigestMark));
  std::int64_t version = 0;
  const auto [stop, error] = std::from_chars(tag.data(), tag.data() + tag.size(), version);
  if (error != std::errc{} || stop != tag.data() + tag.size() || version <= 0) return std::nullopt;
  return version;
}

}  // namespace

std::string etag_of(std::int64_t version) { return '"' + std::to_string(version) + '"'; }

std::string etag_of(std::int64_t version, std::string_view shown) {
  constexpr std::size_t kDigits = 16;
  return '"' + std::to_string(version) + kDigestMark + to_hex(sha256(shown)).substr(0, kDigits) +
         '"';
}

Result<std::optional<std::int64_t>> offered_version(const Request& request) {
  const auto field = request.header("if-match");
  if (!field) return std::nullopt;
  if (*field == "*") return std::nullopt;
  if (const auto version = version_in(*field)) return version;
  const bool tag = field->ends_with('"') && field->find('"') + 1 < field->size();
  if (!tag) {
    return fail(ErrorCode::invalid_request,
                "If-Match is not the ETag of the record, such as \"7\", or *", "if_match");
  }
  // Weak tags never match here (RFC 9110, 13.1.1), and no list of tags is ever given out.
  return fail(ErrorCode::precondition_failed,
              "If-Match names no version of this record; read it again and use its ETag",
              "row_version_stale");
}

Result<std::optional<std::int64_t>> required_version(const Request& request) {
  if (!request.header("if-match")) {
    return fail(ErrorCode::precondition_required,
                "send If-Match with the ETag of the record as you read it", "if_match_required");
  }
  return offered_version(request);
}

bool if_none_match(const Request& request, std::string_view etag) {
  const auto field = request.header("if-none-match");
  if (!field) return false;
  if (*field == "*") return true;
  for (auto tag : split(*field, ',')) {
    tag = trimmed(tag);
    if (tag.starts_with("W/")) tag.remove_prefix(2);  // weak comparison (RFC 9110, 13.1.2)
    if (tag == etag) return true;
  }
  return false;
}

}  // namespace c360::api

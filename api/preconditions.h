// ETag, If-Match, If-None-Match (RFC 9110, 8.8.3, 13.1) over row versions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/request.h"
#include "daemon/base/error.h"

namespace c360::api {

std::string etag_of(std::int64_t version);  // "\"7\""
// The same of what shows more than the row of that version: a digest of it follows, `"7-5f1c…"`.
// If-Match takes it for the version.
std::string etag_of(std::int64_t version, std::string_view shown);

// The version a change expects; nullopt for `If-Match: *`. precondition_required without the field,
// precondition_failed for a tag that can match no version (weak, foreign), invalid_request for what
// is no tag.
Result<std::optional<std::int64_t>> required_version(const Request& request);
// The same where If-Match is optional.
Result<std::optional<std::int64_t>> offered_version(const Request& request);

// Whether the caller has what the tag stands for.
bool if_none_match(const Request& request, std::string_view etag);

}  // namespace c360::api

// A stored content (store/blob.h) as an answer: whole or a range (RFC 9110, 14), never more than a
// chunk of it in memory, no database connection held while the client reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/request.h"
#include "api/response.h"
#include "api/router.h"
#include "store/database.h"

namespace c360::api {

struct StoredContent {
  std::string sha256;  // 32 bytes
  std::int64_t size = 0;
  std::string media_type;
  std::string file_name;
};

// 200, 206 with one range, 304 for a known ETag, 416. Several ranges are answered whole. Shown as
// an attachment, so that no browser runs what somebody mailed.
// `shown`: inline, for what the caller knows to be harmless in a browser.
Result<void> send_content(store::Database& database, const Request& request, Response& response,
                          const StoredContent& content, bool shown = false);

Parameter range_parameter();
std::vector<Answer> content_answers(std::string media_type);

// Content-Disposition with the name in both forms (RFC 6266).
std::string attachment_disposition(std::string_view file_name);
std::string inline_disposition(std::string_view file_name);

}  // namespace c360::api

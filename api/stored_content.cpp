#include "api/stored_content.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "api/schema.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"
#include "store/blob.h"

namespace c360::api {
namespace {

struct ByteRange {
  std::int64_t first = 0;
  std::int64_t last = 0;  // inclusive
};

enum class RangeKind : std::uint8_t { whole, part, unsatisfiable };

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || stop != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

// RFC 9110, 14.1.2. What is no single byte range is ignored, as section 14.2 allows.
RangeKind parse_range(std::string_view field, std::int64_t size, ByteRange& range) {
  if (!field.starts_with("bytes=") || field.find(',') != std::string_view::npos) {
    return RangeKind::whole;
  }
  field.remove_prefix(6);
  const auto dash = field.find('-');
  if (dash == std::string_view::npos) return RangeKind::whole;
  const auto first = number_in(trimmed(field.substr(0, dash)));
  const auto last = number_in(trimmed(field.substr(dash + 1)));
  if (trimmed(field.substr(0, dash)).empty()) {
    if (!last) return RangeKind::whole;
    if (*last == 0 || size == 0) return RangeKind::unsatisfiable;
    range = {.first = std::max<std::int64_t>(size - *last, 0), .last = size - 1};
    return RangeKind::part;
  }
  const bool open = trimmed(field.substr(dash + 1)).empty();
  if (!first || (!open && !last) || (last && *last < *first)) return RangeKind::whole;
  if (*first >= size) return RangeKind::unsatisfiable;
  range = {.first = *first, .last = open ? size - 1 : std::min(*last, size - 1)};
  return RangeKind::part;
}

// Each piece is read in a transaction of its own: a blob never changes, and a slow client must not
// hold a connection.
Result<void> send_piecewise(store::Database& database, const Sha256& sha256, ByteRange range,
                            const BodySink& sink) {
  const auto chunk = static_cast<std::int64_t>(store::kBlobChunkBytes);
  while (range.first <= range.last) {
    // Pieces end where chunks end, so that each costs one chunk.
    const std::int64_t until = std::min(range.last + 1, (range.first / chunk + 1) * chunk);
    std::string piece;
    {
      auto transaction = database.begin(store::Pool::api, store::TxMode::read_only);
      if (!transaction) return std::unexpected(transaction.error());
      auto read = store::read_blob_range(*transaction, sha256, range.first, until - range.first);
      if (!read) return std::unexpected(std::move(read).error());
      piece = std::move(*read);
    }
    if (piece.empty())
      return fail(ErrorCode::internal, "a stored content is shorter than recorded");
    range.first += static_cast<std::int64_t>(piece.size());
    if (auto sent = sink(piece); !sent) return sent;
  }
  return {};
}

std::string disposition(std::string_view kind, std::string_view file_name) {
  std::string plain;
  for (const char c : file_name) {
    const bool safe = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '%';
    plain.push_back(safe ? c : '_');
  }
  return std::string(kind) + "; filename=\"" + plain + "\"; filename*=UTF-8''" +
         percent_encoded(file_name);
}

}  // namespace

std::string attachment_disposition(std::string_view file_name) {
  return disposition("attachment", file_name);
}

std::string inline_disposition(std::string_view file_name) {
  return disposition("inline", file_name);
}

Parameter range_parameter() {
  return {.name = "Range",
          .place = ParameterPlace::header,
          .doc = "One byte range",
          .schema = schema::string()};
}

std::vector<Answer> content_answers(std::string media_type) {
  return {{.status = 200,
           .doc = "The whole content",
           .media_type = media_type,
           .headers = {"ETag", "Content-Disposition", "Accept-Ranges"}},
          {.status = 206,
           .doc = "The range asked for",
           .media_type = std::move(media_type),
           .headers = {"Content-Range"}},
          {.status = 304, .doc = "Not changed", .headers = {"ETag"}}};
}

Result<void> send_content(store::Database& database, const Request& request, Response& response,
                          const StoredContent& content, bool shown) {
  Sha256 sha256{};
  if (content.sha256.size() != sha256.size()) {
    return fail(ErrorCode::internal, "a stored content has no digest");
  }
  std::memcpy(sha256.data(), content.sha256.data(), sha256.size());
  const std::string etag = '"' + to_hex(sha256) + '"';
  response.add_header("ETag", etag);
  if (request.header("if-none-match") == etag) {
    response.status = 304;
    return {};
  }
  ByteRange range{.first = 0, .last = content.size - 1};
  const auto field = request.header("range");
  const auto if_range = request.header("if-range");
  const bool wanted = field && (!if_range || *if_range == etag);
  switch (wanted ? parse_range(*field, content.size, range) : RangeKind::whole) {
    case RangeKind::whole:
      break;
    case RangeKind::part:
      response.status = 206;
      response.add_header("Content-Range", "bytes " + std::to_string(range.first) + "-" +
                                               std::to_string(range.last) + "/" +
                                               std::to_string(content.size));
      break;
    case RangeKind::unsatisfiable:
      response.add_header("Content-Range", "bytes */" + std::to_string(content.size));
      return fail(ErrorCode::invalid_request,
                  "the range lies behind the end; the content has " + std::to_string(content.size) +
                      " bytes",
                  "range_not_satisfiable");
  }
  response.content_type = content.media_type;
  response.cache_control = "private, no-cache";
  response.add_header("Accept-Ranges", "bytes");
  response.add_header("Content-Disposition", shown ? inline_disposition(content.file_name)
                                                   : attachment_disposition(content.file_name));
  response.stream_size = static_cast<std::uint64_t>(range.last + 1 - range.first);
  response.stream = [&database, sha256, range](const BodySink& sink) {
    return send_piecewise(database, sha256, range, sink);
  };
  return {};
}

}  // namespace c360::api

#include "api/http_parser.h"

#include <algorithm>
#include <charconv>

#include "daemon/base/text.h"

namespace c360::api {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

std::unexpected<Refusal> refuse(int status, ErrorCode code, std::string reason,
                                std::string detail) {
  return std::unexpected(Refusal{
      status, Error{.code = code, .detail = std::move(detail), .reason = std::move(reason)}});
}

std::unexpected<Refusal> bad_request(std::string reason, std::string detail) {
  return refuse(400, ErrorCode::invalid_request, std::move(reason), std::move(detail));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// RFC 9110, 5.5: visible, blank, tab and obs-text; no control characters.
bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u == '\t' || (u >= 0x20 && u != 0x7f);
  });
}

// A field read so far, for the checks that need all of them together.
struct Framing {
  std::size_t content_lengths = 0;
  std::size_t transfer_encodings = 0;
  std::size_t hosts = 0;
  std::size_t authorizations = 0;
  std::size_t idempotency_keys = 0;
};

std::expected<void, Refusal> parse_target(std::string_view target, const HeadLimits& limits,
                                          Head& head) {
  head.target = target;
  if (!std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return bad_request("target", "the request target holds blanks or bytes outside ASCII");
  }
  std::string_view rest = target;
  // The absolute form is what a client sends to a proxy (RFC 9112, 3.2.2): the authority is ours.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!rest.starts_with(scheme)) continue;
    const auto slash = rest.find('/', scheme.size());
    rest = slash == std::string_view::npos ? "/" : rest.substr(slash);
    break;
  }
  if (rest.find('#') != std::string_view::npos) {
    return bad_request("target", "the request target holds a fragment");
  }
  const auto question = rest.find('?');
  head.path = rest.substr(0, question);
  if (head.path != "*" && !head.path.starts_with('/')) {
    return bad_request("target", "the request target does not begin with '/'");
  }
  if (question == std::string_view::npos) return {};
  for (const auto pair : split(rest.substr(question + 1), '&')) {
    if (pair.empty()) continue;
    if (head.query.size() == limits.max_query_parameters) {
      return bad_request(
          "query_parameters",
          "more than " + std::to_string(limits.max_query_parameters) + " query parameters");
    }
    const auto equal = pair.find('=');
    auto name = percent_decoded(pair.substr(0, equal), true);
    auto value = equal == std::string_view::npos ? std::string{}
                                                 : percent_decoded(pair.substr(equal + 1), true);
    if (!name || !value) {
      return bad_request("query_encoding",
                         "a query parameter is not percent-encoded UTF-8 without control "
                         "characters");
    }
    head.query.push_back({std::move(*name), std::move(*value)});
  }
  return {};
}

std::expected<void, Refusal> parse_request_line(std::string_view line, const HeadLimits& limits,
                                                Head& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return bad_request("request_line", "the request line is not 'METHOD target HTTP/1.1'");
  }
  head.method_token = line.substr(0, first);
  if (!is_token(head.method_token)) {
    return bad_request("request_line", "the method is not a token");
  }
  head.method = method_from(head.method_token);
  const auto version = line.substr(last + 1);
  if (version == "HTTP/1.0") {
    head.keep_alive = false;
  } else if (version != "HTTP/1.1") {
    const bool http = version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
                      version[6] == '.' && is_digit(version[7]);
    if (!http) return bad_request("request_line", "the request line has no HTTP version");
    return refuse(505, ErrorCode::invalid_request, "http_version",
                  "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  return parse_target(line.substr(first + 1, last - first - 1), limits, head);
}

std::expected<void, Refusal> note_framing(const HeaderField& field, Framing& framing, Head& head) {
  if (equal_ignoring_case(field.name, "content-length")) {
    ++framing.content_lengths;
    std::uint64_t length = 0;
    const auto [stop, error] =
        std::from_chars(field.value.data(), field.value.data() + field.value.size(), length);
    // from_chars takes no sign for an unsigned number; the first character decides the rest.
    if (field.value.empty() || !is_digit(field.value.front()) || error != std::errc{} ||
        stop != field.value.data() + field.value.size()) {
      return bad_request("content_length", "Content-Length is not one number of bytes");
    }
    head.content_length = length;
  } else if (equal_ignoring_case(field.name, "transfer-encoding")) {
    ++framing.transfer_encodings;
    if (!equal_ignoring_case(field.value, "chunked")) {
      return bad_request("transfer_encoding", "the only transfer coding taken here is 'chunked'");
    }
    head.chunked = true;
  } else if (equal_ignoring_case(field.name, "host")) {
    ++framing.hosts;
  } else if (equal_ignoring_case(field.name, "authorization")) {
    ++framing.authorizations;
  } else if (equal_ignoring_case(field.name, "idempotency-key")) {
    ++framing.idempotency_keys;
  } else if (equal_ignoring_case(field.name, "connection")) {
    for (const auto option : split(field.value, ',')) {
      if (equal_ignoring_case(trimmed(option), "close")) head.keep_alive = false;
    }
  } else if (equal_ignoring_case(field.name, "expect")) {
    head.expect_continue = equal_ignoring_case(field.value, "100-continue");
  }
  return {};
}

std::expected<void, Refusal> parse_field(std::string_view line, Framing& framing, Head& head) {
  if (line.front() == ' ' || line.front() == '\t') {
    return bad_request("header_folding", "a header field is folded over lines");
  }
  const auto colon = line.find(':');
  // A blank before the colon is how one field hides from one of two readers (RFC 9112, 5.1).
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return bad_request("header_name", "a header line is not 'Name: value'");
  }
  const HeaderField field{line.substr(0, colon), trimmed(line.substr(colon + 1))};
  if (!is_field_value(field.value)) {
    return bad_request("header_value", "a header value holds control characters");
  }
  head.headers.push_back(field);
  return note_framing(field, framing, head);
}

std::expected<void, Refusal> check_framing(const Framing& framing, bool http10) {
  if (framing.content_lengths > 1) {
    return bad_request("content_length", "Content-Length stands more than once");
  }
  if (framing.transfer_encodings > 1) {
    return bad_request("transfer_encoding", "Transfer-Encoding stands more than once");
  }
  if (framing.content_lengths > 0 && framing.transfer_encodings > 0) {
    return bad_request("content_length", "Content-Length stands beside Transfer-Encoding");
  }
  if (framing.hosts > 1 || (framing.hosts == 0 && !http10)) {
    return bad_request("host", "a request has exactly one Host");
  }
  // Of two, a proxy in front may have looked at the other.
  if (framing.authorizations > 1) {
    return bad_request("authorization", "Authorization stands more than once");
  }
  if (framing.idempotency_keys > 1) {
    return bad_request("idempotency_key", "Idempotency-Key stands more than once");
  }
  return {};
}

}  // namespace

std::expected<std::optional<std::size_t>, Refusal> find_head_end(std::string_view bytes,
                                                                 std::size_t& searched,
                                                                 const HeadLimits& limits) {
  const std::size_t from = searched > 3 ? searched - 3 : 0;
  const auto end = bytes.find("\r\n\r\n", from);
  searched = bytes.size();
  const auto line = bytes.substr(0, limits.max_request_line_bytes + 2).find(kLineEnd);
  if (line == std::string_view::npos && bytes.size() > limits.max_request_line_bytes) {
    return refuse(414, ErrorCode::invalid_request, "uri_too_long",
                  "the request line is longer than " +
                      std::to_string(limits.max_request_line_bytes) + " bytes");
  }
  const std::size_t size = end == std::string_view::npos ? bytes.size() : end + 4;
  if (size > limits.max_header_bytes) {
    return refuse(
        431, ErrorCode::invalid_request, "header_too_large",
        "the header is larger than " + std::to_string(limits.max_header_bytes) + " bytes");
  }
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

std::expected<Head, Refusal> parse_head(std::string_view bytes, const HeadLimits& limits) {
  Head head;
  Framing framing;
  bytes.remove_suffix(2);  // the empty line
  auto end = bytes.find(kLineEnd);
  const auto first = bytes.substr(0, end);
  if (auto line = parse_request_line(first, limits, head); !line) {
    return std::unexpected(line.error());
  }
  const bool http10 = first.ends_with("HTTP/1.0");
  bytes.remove_prefix(end + 2);
  while (!bytes.empty()) {
    end = bytes.find(kLineEnd);
    const auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    if (head.headers.size() == limits.max_header_fields) {
      return refuse(431, ErrorCode::invalid_request, "header_too_large",
                    "more than " + std::to_string(limits.max_header_fields) + " header fields");
    }
    if (auto field = parse_field(line, framing, head); !field) {
      return std::unexpected(field.error());
    }
  }
  if (auto checked = check_framing(framing, http10); !checked) {
    return std::unexpected(checked.error());
  }
  return head;
}

}  // namespace c360::api

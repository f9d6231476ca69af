#include "api/multipart.h"

#include <array>
#include <utility>

#include "daemon/base/text.h"

namespace c360::api {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxBoundary = 70;  // RFC 2046, 5.1.1

std::unexpected<Error> broken(std::string detail) {
  return fail(ErrorCode::invalid_request, "the multipart body: " + std::move(detail), "multipart");
}

// The value of a parameter of a header field, with quotes taken off.
std::optional<std::string> parameter_of(std::string_view field, std::string_view name) {
  std::size_t at = field.find(';');
  while (at != std::string_view::npos) {
    field.remove_prefix(at + 1);
    const auto equal = field.find('=');
    if (equal == std::string_view::npos) return std::nullopt;
    const auto key = trimmed(field.substr(0, equal));
    field.remove_prefix(equal + 1);
    field = trimmed(field);
    std::string value;
    if (field.starts_with('"')) {
      std::size_t end = 1;
      while (end < field.size() && field[end] != '"') {
        // Browsers send '"' as %22; a backslash escapes (RFC 9110, 5.6.4).
        if (field[end] == '\\' && end + 1 < field.size()) ++end;
        value.push_back(field[end++]);
      }
      if (end == field.size()) return std::nullopt;
      field.remove_prefix(end + 1);
    } else {
      value = trimmed(field.substr(0, field.find(';')));
    }
    if (equal_ignoring_case(key, name)) return value;
    at = field.find(';');
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(BodyReader& body, std::string_view boundary, const FileSink& file,
         const MultipartLimits& limits)
      : body_(body), file_(file), limits_(limits), delimiter_("\r\n--" + std::string(boundary)) {}

  Result<MultipartForm> read() {
    // The first delimiter has no CRLF before it: give it one.
    buffer_ = "\r\n";
    if (auto preamble = part_data([](std::string_view) -> Result<void> { return {}; }); !preamble) {
      return std::unexpected(preamble.error());
    }
    for (std::size_t parts = 0;; ++parts) {
      auto last = at_the_end();
      if (!last) return std::unexpected(last.error());
      if (*last) return std::move(form_);
      if (parts == limits_.max_parts) {
        return broken("more than " + std::to_string(limits_.max_parts) + " parts");
      }
      if (auto part = read_part(); !part) return std::unexpected(part.error());
    }
  }

 private:
  // More bytes into the buffer; false at the end.
  Result<bool> more() {
    std::array<char, kReadBytes / 4> piece;
    auto count = body_.read(piece.data(), piece.size());
    if (!count) return std::unexpected(std::move(count).error());
    buffer_.append(piece.data(), *count);
    return *count > 0;
  }

  Result<void> at_least(std::size_t size) {
    while (buffer_.size() < size) {
      auto grown = more();
      if (!grown) return std::unexpected(grown.error());
      if (!*grown) return broken("it ends before the last boundary");
    }
    return {};
  }

  // After a delimiter: "--" ends the body, CRLF begins a part.
  Result<bool> at_the_end() {
    if (auto enough = at_least(2); !enough) return std::unexpected(enough.error());
    if (buffer_.starts_with("--")) {
      // What follows is an epilogue nobody reads.
      for (;;) {
        buffer_.clear();
        auto grown = more();
        if (!grown) return std::unexpected(grown.error());
        if (!*grown) return true;
      }
    }
    if (!buffer_.starts_with("\r\n")) return broken("no line end after a boundary");
    buffer_.erase(0, 2);
    return false;
  }

  Result<std::string> part_header() {
    for (;;) {
      if (buffer_.starts_with("\r\n")) {
        buffer_.erase(0, 2);
        return std::string{};
      }
      const auto end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos && end <= limits_.max_part_header_bytes) {
        std::string header = buffer_.substr(0, end + 2);
        buffer_.erase(0, end + 4);
        return header;
      }
      if (buffer_.size() > limits_.max_part_header_bytes) {
        return broken("the header of a part is larger than " +
                      std::to_string(limits_.max_part_header_bytes) + " bytes");
      }
      auto grown = more();
      if (!grown) return std::unexpected(grown.error());
      if (!*grown) return broken("it ends inside the header of a part");
    }
  }

  // What stands before the next delimiter, piece by piece; takes the delimiter off.
  Result<void> part_data(const FileSink& sink) {
    for (;;) {
      const auto end = buffer_.find(delimiter_);
      // The delimiter may be cut at the end of what has arrived.
      const std::size_t ready = end != std::string::npos ? end
                                : buffer_.size() >= delimiter_.size()
                                    ? buffer_.size() - delimiter_.size() + 1
                                    : 0;
      if (ready > 0) {
        if (auto taken = sink(std::string_view(buffer_).substr(0, ready)); !taken) return taken;
      }
      if (end != std::string::npos) {
        buffer_.erase(0, end + delimiter_.size());
        return {};
      }
      buffer_.erase(0, ready);
      auto grown = more();
      if (!grown) return std::unexpected(grown.error());
      if (!*grown) return broken("it ends before the last boundary");
    }
  }

  Result<void> read_part() {
    auto header = part_header();
    if (!header) return std::unexpected(header.error());
    std::string disposition;
    std::string media_type;
    for (const auto line : split(*header, '\n')) {
      const auto colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      const auto name = trimmed(line.substr(0, colon));
      const auto value = trimmed(line.substr(colon + 1));
      if (equal_ignoring_case(name, "content-disposition")) disposition = value;
      if (equal_ignoring_case(name, "content-type")) media_type = value;
    }
    const auto field = parameter_of(disposition, "name");
    if (!field || !is_valid_utf8(*field)) return broken("a part has no field name");
    const auto file_name = parameter_of(disposition, "filename");
    if (!file_name) return read_field(*field);
    if (form_.file) return broken("more than one file");
    form_.file = UploadedFile{
        .field = *field, .file_name = replace_invalid_utf8(*file_name), .media_type = media_type};
    return part_data(file_);
  }

  Result<void> read_field(const std::string& name) {
    std::string value;
    auto read = part_data([&](std::string_view piece) -> Result<void> {
      if (value.size() + piece.size() > limits_.max_field_bytes) {
        return broken("the field '" + name + "' is larger than " +
                      std::to_string(limits_.max_field_bytes) + " bytes");
      }
      value.append(piece);
      return {};
    });
    if (!read) return read;
    if (!is_valid_utf8(value)) return broken("the field '" + name + "' is not UTF-8");
    form_.fields.insert_or_assign(name, std::move(value));
    return {};
  }

  BodyReader& body_;
  const FileSink& file_;
  const MultipartLimits& limits_;
  std::string delimiter_;
  std::string buffer_;
  MultipartForm form_;
};

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  if (!equal_ignoring_case(trimmed(content_type.substr(0, content_type.find(';'))),
                           "multipart/form-data")) {
    return std::nullopt;
  }
  auto boundary = parameter_of(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary) return std::nullopt;
  return boundary;
}

Result<MultipartForm> read_multipart(BodyReader& body, std::string_view boundary,
                                     const FileSink& file, const MultipartLimits& limits) {
  return Reader(body, boundary, file, limits).read();
}

}  // namespace c360::api

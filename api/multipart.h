// multipart/form-data (RFC 7578) read as it arrives: small fields in memory, one file into a sink.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/request.h"
#include "daemon/base/error.h"

namespace c360::api {

struct MultipartLimits {
  std::size_t max_parts = 20;
  std::size_t max_part_header_bytes = 8'192;
  std::size_t max_field_bytes = std::size_t{64} * 1024;
};

struct UploadedFile {
  std::string field;       // name of the form field
  std::string file_name;   // as sent; empty when none
  std::string media_type;  // as sent; empty when none
};

struct MultipartForm {
  std::map<std::string, std::string, std::less<>> fields;
  std::optional<UploadedFile> file;
};

using FileSink = std::function<Result<void>(std::string_view piece)>;

// The boundary of a Content-Type; nullopt when it is no multipart/form-data or has none.
std::optional<std::string> multipart_boundary(std::string_view content_type);

// invalid_request for broken syntax, a second file or a crossed limit; the sink's error as it is.
Result<MultipartForm> read_multipart(BodyReader& body, std::string_view boundary,
                                     const FileSink& file, const MultipartLimits& limits = {});

}  // namespace c360::api

// Bodies of HTML forms as services take them: application/x-www-form-urlencoded, and
// multipart/form-data (RFC 7578) where a file goes along.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace c360::adapters {

using FormFields = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kUrlEncoded = "application/x-www-form-urlencoded";

// Values as UTF-8, everything but unreserved characters as %XX.
std::string url_encoded(const FormFields& fields);

struct FormFile {
  std::string field;
  std::string file_name;  // UTF-8; quotes and line ends are taken out of harm's way
  std::string media_type;
  std::string_view content;
};

struct MultipartForm {
  std::string content_type;  // with its boundary
  std::string body;
};
MultipartForm multipart(const FormFields& fields, const FormFile& file);

}  // namespace c360::adapters

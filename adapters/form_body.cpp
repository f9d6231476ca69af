#include "adapters/form_body.h"

#include <spdlog/fmt/fmt.h>

#include "adapters/redactor.h"
#include "daemon/base/digest.h"
#include "daemon/base/text.h"

namespace c360::adapters {

namespace {

// As the HTML standard has it ("multipart/form-data encoding algorithm").
std::string in_quotes(std::string_view text) {
  std::string quoted;
  for (const char c : replace_invalid_utf8(text)) {
    if (c == '"') {
      quoted += "%22";
    } else if (c == '\r') {
      quoted += "%0D";
    } else if (c == '\n') {
      quoted += "%0A";
    } else if (c != '\0') {
      quoted += c;
    }
  }
  return quoted;
}

// TYPE/SUBTYPE of RFC 6838; anything else could carry another header field.
std::string safe_media_type(const std::string& type) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+/";
  const bool sane = type.contains('/') && type.find_first_not_of(kAllowed) == std::string::npos;
  return sane ? type : "application/octet-stream";
}

}  // namespace

std::string url_encoded(const FormFields& fields) {
  std::string body;
  for (const auto& [name, value] : fields) {
    if (!body.empty()) body += '&';
    body += percent_encoded(name) + '=' + percent_encoded(replace_invalid_utf8(value));
  }
  return body;
}

MultipartForm multipart(const FormFields& fields, const FormFile& file) {
  // 128 random bits stand in no file.
  constexpr std::size_t kRandomBytes = 16;
  const std::string boundary = "client360-" + to_hex(random_bytes(kRandomBytes));
  MultipartForm form{.content_type = "multipart/form-data; boundary=" + boundary, .body = {}};
  for (const auto& [name, value] : fields)
    form.body += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                             boundary, in_quotes(name), replace_invalid_utf8(value));
  form.body += fmt::format(
      "--{}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n"
      "Content-Type: {}\r\n\r\n",
      boundary, in_quotes(file.field), in_quotes(file.file_name), safe_media_type(file.media_type));
  form.body += file.content;
  form.body += fmt::format("\r\n--{}--\r\n", boundary);
  return form;
}

}  // namespace c360::adapters

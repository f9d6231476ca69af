#include "parsers/file_name.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

constexpr std::size_t kLongestExtension = 20;

// Invisible marks that make "gpj.exe" of "exe.jpg" (Unicode TR 36, 3.1) or hide a difference.
bool is_deceptive(char32_t c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x2069) || c == 0x061C || c == 0xFEFF || c == 0x00AD ||
         (c >= 0xE0000 && c <= 0xE007F) || c == 0x2028 || c == 0x2029;
}

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

bool is_refused(char32_t c) {
  return c == '<' || c == '>' || c == ':' || c == '"' || c == '|' || c == '?' || c == '*';
}

// CON, COM1 and the rest open devices on Windows, with any extension.
bool is_reserved(std::string_view name) {
  const std::string stem = to_lower(name.substr(0, name.find('.')));
  if (stem == "con" || stem == "prn" || stem == "aux" || stem == "nul") return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) &&
         stem[3] >= '0' && stem[3] <= '9';
}

std::string shortened(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  const bool has_extension =
      dot != std::string::npos && dot > 0 && name.size() - dot <= kLongestExtension;
  const std::string extension = has_extension ? name.substr(dot) : std::string();
  return std::string(
             utf8_prefix(std::string_view(name).substr(0, has_extension ? dot : name.size()),
                         kMaximumFileNameBytes - extension.size())) +
         extension;
}

constexpr auto kExtensions = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"application/gzip", ".gz"},
    {"application/json", ".json"},
    {"application/ms-tnef", ".dat"},
    {"application/msword", ".doc"},
    {"application/pdf", ".pdf"},
    {"application/pgp-encrypted", ".asc"},
    {"application/pgp-keys", ".asc"},
    {"application/pgp-signature", ".asc"},
    {"application/pkcs7-mime", ".p7m"},
    {"application/pkcs7-signature", ".p7s"},
    {"application/rtf", ".rtf"},
    {"application/vnd.ms-excel", ".xls"},
    {"application/vnd.ms-powerpoint", ".ppt"},
    {"application/vnd.ms-tnef", ".dat"},
    {"application/vnd.oasis.opendocument.spreadsheet", ".ods"},
    {"application/vnd.oasis.opendocument.text", ".odt"},
    {"application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"},
    {"application/vnd.rar", ".rar"},
    {"application/x-7z-compressed", ".7z"},
    {"application/x-pkcs7-mime", ".p7m"},
    {"application/x-pkcs7-signature", ".p7s"},
    {"application/x-rar-compressed", ".rar"},
    {"application/x-tar", ".tar"},
    {"application/x-zip-compressed", ".zip"},
    {"application/xml", ".xml"},
    {"application/zip", ".zip"},
    {"audio/mpeg", ".mp3"},
    {"audio/ogg", ".ogg"},
    {"audio/wav", ".wav"},
    {"audio/x-wav", ".wav"},
    {"image/bmp", ".bmp"},
    {"image/gif", ".gif"},
    {"image/heic", ".heic"},
    {"image/jpeg", ".jpg"},
    {"image/jpg", ".jpg"},
    {"image/png", ".png"},
    {"image/svg+xml", ".svg"},
    {"image/tiff", ".tif"},
    {"image/webp", ".webp"},
    {"message/delivery-status", ".txt"},
    {"message/disposition-notification", ".txt"},
    {"message/global", ".eml"},
    {"message/news", ".eml"},
    {"message/rfc822", ".eml"},
    {"text/calendar", ".ics"},
    {"text/csv", ".csv"},
    {"text/css", ".css"},
    {"text/html", ".html"},
    {"text/plain", ".txt"},
    {"text/rfc822-headers", ".txt"},
    {"text/richtext", ".rtf"},
    {"text/rtf", ".rtf"},
    {"text/vcard", ".vcf"},
    {"text/x-amp-html", ".html"},
    {"text/x-vcard", ".vcf"},
    {"text/xml", ".xml"},
    {"video/mp4", ".mp4"},
    {"video/mpeg", ".mpg"},
    {"video/quicktime", ".mov"},
});

}  // namespace

std::string safe_file_name(std::string_view decoded) {
  const std::size_t slash = decoded.find_last_of("/\\");
  if (slash != std::string_view::npos) decoded.remove_prefix(slash + 1);
  std::string name;
  for (std::size_t at = 0; at < decoded.size();) {
    const char32_t c = next_code_point(decoded, at);
    if (is_control(c) || is_deceptive(c)) continue;
    append_utf8(name, is_refused(c) ? U'_' : c);
  }
  // Windows drops dots and blanks at the end, so two names would become one.
  while (!name.empty() && (name.back() == ' ' || name.back() == '.')) name.pop_back();
  name.erase(0, std::min(name.find_first_not_of(' '), name.size()));
  if (name.empty()) return name;
  if (is_reserved(name)) name.insert(0, 1, '_');
  return name.size() > kMaximumFileNameBytes ? shortened(name) : name;
}

std::string_view extension_of(std::string_view media_type) {
  for (const auto& [type, extension] : kExtensions) {
    if (type == media_type) return extension;
  }
  return media_type.starts_with("text/") ? ".txt" : ".bin";
}

std::string generated_file_name(std::string_view media_type, std::size_t number) {
  return "attachment-" + std::to_string(number) + std::string(extension_of(media_type));
}

}  // namespace c360::parsers

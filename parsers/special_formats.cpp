#include "parsers/special_formats.h"

#include <algorithm>

#include "daemon/base/text.h"

namespace c360::parsers {

namespace {

bool is_tnef(const Part& part) {
  return part.media_type == "application/ms-tnef" || part.media_type == "application/vnd.ms-tnef" ||
         part.detected_type == "application/vnd.ms-tnef" ||
         equal_ignoring_case(part.file_name, "winmail.dat");
}

bool is_smime(const Part& part) {
  const std::string_view type = part.media_type;
  return type == "application/pkcs7-mime" || type == "application/x-pkcs7-mime" ||
         type == "application/pkcs7-signature" || type == "application/x-pkcs7-signature" ||
         equal_ignoring_case(part.file_name, "smime.p7m") ||
         equal_ignoring_case(part.file_name, "smime.p7s");
}

bool is_pgp(const Part& part) {
  return part.media_type == "application/pgp-encrypted" ||
         part.media_type == "application/pgp-signature";
}

bool is_inline_pgp(std::string_view text) {
  text = trimmed(text);
  return text.starts_with("-----BEGIN PGP MESSAGE-----") ||
         text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----");
}

}  // namespace

std::vector<std::string> special_formats(const Message& message) {
  std::vector<std::string> found;
  const auto any = [&](bool (*is)(const Part&)) { return std::ranges::any_of(message.parts, is); };
  if (any(is_tnef)) found.emplace_back(kSpecialFormats[0]);
  if (any(is_smime)) found.emplace_back(kSpecialFormats[1]);
  if (any(is_pgp) || is_inline_pgp(message.body.text)) found.emplace_back(kSpecialFormats[2]);
  return found;
}

}  // namespace c360::parsers

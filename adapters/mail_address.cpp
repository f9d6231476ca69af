#include "adapters/mail_address.h"

#include "daemon/base/text.h"

namespace c360::adapters {
namespace {

constexpr std::size_t kMaxLocalPartBytes = 64;
constexpr std::size_t kMaxDomainBytes = 255;  // RFC 5321, 4.5.3.1

}  // namespace

bool is_mail_address(std::string_view text) {
  if (!is_valid_utf8(text)) return false;
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return false;
  if (at > kMaxLocalPartBytes || text.size() - at - 1 > kMaxDomainBytes) return false;
  constexpr std::string_view kNever = "<>()[]\\,;:\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') return false;
    if (kNever.find(c) != std::string_view::npos) return false;
  }
  return text.find('@') == at && text[at + 1] != '.' && text[at + 1] != '-' && !text.ends_with('.');
}

}  // namespace c360::adapters

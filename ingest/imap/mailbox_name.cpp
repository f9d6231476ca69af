#include "ingest/imap/mailbox_name.h"

#include <array>
#include <cstdint>

#include "daemon/base/text.h"

namespace c360::ingest::imap {
namespace {

// Base64 with ',' for '/', without padding (RFC 3501, 5.1.3).
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

bool is_direct(char32_t c) { return c >= 0x20 && c <= 0x7e; }

// 6 bits out for every 6 bits of UTF-16BE in; the rest is padded with zero bits.
class ShiftedWriter {
 public:
  explicit ShiftedWriter(std::string& out) : out_(out) {}

  void put(char32_t c) {
    if (c >= 0x10000) {
      const char32_t offset = c - 0x10000;
      put_unit(0xd800U | (offset >> 10U));
      put_unit(0xdc00U | (offset & 0x3ffU));
    } else {
      put_unit(c);
    }
  }

  void finish() {
    if (count_ > 0) out_ += kAlphabet[(bits_ << (6 - count_)) & 0x3fU];
    bits_ = 0;
    count_ = 0;
  }

 private:
  void put_unit(std::uint32_t unit) {
    bits_ = (bits_ << 16U) | unit;
    count_ += 16;
    while (count_ >= 6) {
      count_ -= 6;
      out_ += kAlphabet[(bits_ >> count_) & 0x3fU];
    }
    bits_ &= (1U << count_) - 1U;
  }

  std::string& out_;
  std::uint32_t bits_ = 0;
  unsigned count_ = 0;
};

// Decodes the inside of one "&...-"; false where it is not what an encoder makes.
bool decode_shifted(std::string_view base64, std::string& out) {
  std::uint32_t bits = 0;
  unsigned count = 0;
  char32_t high = 0;
  for (const char c : base64) {
    const auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) return false;
    bits = ((bits << 6U) | static_cast<std::uint32_t>(value)) & 0xffffffU;
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const std::uint32_t unit = (bits >> count) & 0xffffU;
    bits &= (1U << count) - 1U;
    if (high != 0) {
      if (unit < 0xdc00 || unit > 0xdfff) return false;
      append_utf8(out, 0x10000U + ((high - 0xd800U) << 10U) + (unit - 0xdc00U));
      high = 0;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
      high = unit;
    } else if (unit < 0x80 || (unit >= 0xdc00 && unit <= 0xdfff)) {
      return false;
    } else {
      append_utf8(out, unit);
    }
  }
  return high == 0 && count < 6 && bits == 0;
}

}  // namespace

std::optional<std::string> to_modified_utf7(std::string_view name) {
  if (!is_valid_utf8(name)) return std::nullopt;
  std::string out;
  ShiftedWriter shifted{out};
  bool inside = false;
  for (std::size_t at = 0; at < name.size();) {
    const char32_t c = next_code_point(name, at);
    if (c < 0x20 || c == 0x7f) return std::nullopt;
    if (is_direct(c) && inside) {
      shifted.finish();
      out += '-';
      inside = false;
    }
    if (c == U'&') {
      out += "&-";
    } else if (is_direct(c)) {
      out += static_cast<char>(c);
    } else {
      if (!inside) out += '&';
      inside = true;
      shifted.put(c);
    }
  }
  if (inside) {
    shifted.finish();
    out += '-';
  }
  return out;
}

std::optional<std::string> from_modified_utf7(std::string_view wire) {
  std::string out;
  for (std::size_t at = 0; at < wire.size(); ++at) {
    const auto c = static_cast<unsigned char>(wire[at]);
    if (!is_direct(c)) return std::nullopt;
    if (c != '&') {
      out += wire[at];
      continue;
    }
    const auto end = wire.find('-', at);
    if (end == std::string_view::npos) return std::nullopt;
    if (end == at + 1) {
      out += '&';
    } else if (!decode_shifted(wire.substr(at + 1, end - at - 1), out)) {
      return std::nullopt;
    }
    at = end;
  }
  return out;
}

}  // namespace c360::ingest::imap

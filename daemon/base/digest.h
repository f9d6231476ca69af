// SHA-256, HMAC, random bytes and their text forms, by OpenSSL EVP.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace c360 {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view bytes);

// Fed piece by piece: what streams is never held whole.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  void update(std::string_view bytes);
  Sha256 finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256 hmac_sha256(std::string_view key, std::string_view message);
bool equal_constant_time(std::string_view a, std::string_view b);

std::string to_hex(std::string_view bytes);
std::string to_hex(const Sha256& digest);
std::optional<std::string> from_hex(std::string_view hex);

// RFC 4648, section 5, without padding.
std::string to_base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);
// RFC 4648, section 4, with padding.
std::string to_base64(std::string_view bytes);

std::string random_bytes(std::size_t count);
// RFC 9562, section 5.7: sorts by time.
std::string uuid_v7(std::int64_t unix_ms);

inline std::string_view as_bytes_view(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace c360

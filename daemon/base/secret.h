// A password, key or token in memory: prints as *** and is wiped when it goes.
#pragma once

#include <string>
#include <string_view>

namespace c360 {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  // The one way to the value; grep for it to see every use.
  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  // For "did the setting change": constant time in the length of the value.
  bool operator==(const Secret& other) const;

 private:
  void wipe() noexcept;
  std::string value_;
};

// What every log line, dump and error shows in place of a secret.
inline constexpr std::string_view kMasked = "***";

}  // namespace c360

// A clamd that speaks INSTREAM: finds EICAR's test string, takes streams up to a limit, and may
// hang or drop a connection when a test says so. Listens on a free port of 127.0.0.1.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace c360::testing {

// What every scanner finds and nobody is harmed by; put together here so that no file holds it.
std::string eicar();

class FakeClamd {
 public:
  enum class Mood : std::uint8_t { honest, hangs_up, silent, nonsense };

  explicit FakeClamd(std::size_t stream_limit = 1U << 20U);
  ~FakeClamd();  // waits for its threads
  FakeClamd(const FakeClamd&) = delete;
  FakeClamd& operator=(const FakeClamd&) = delete;

  std::string address() const;  // 127.0.0.1:PORT
  void be(Mood mood);
  int scans() const;  // answered streams

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::testing

// The daemon on a Unix socket that a mail server asks about a password: saslauthd for Cyrus,
// authdaemond for Courier. It knows every user, by one password.
//
// Throws std::runtime_error where it cannot listen. Answers in a thread of its own.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

namespace c360::testing {

// The server's end of one question.
class PasswordQuestion {
 public:
  explicit PasswordQuestion(int descriptor) : descriptor_(descriptor) {}
  // Fewer than `size` where the server hung up.
  std::string read(std::size_t size);
  std::string read_line();  // without its end
  void answer(const std::string& bytes);

 private:
  int descriptor_;
};

class PasswordSocket {
 public:
  using Handler = std::function<void(PasswordQuestion&)>;

  PasswordSocket(const std::filesystem::path& path, Handler handler);
  ~PasswordSocket();
  PasswordSocket(const PasswordSocket&) = delete;
  PasswordSocket& operator=(const PasswordSocket&) = delete;

 private:
  void serve();

  int listener_;
  Handler handler_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace c360::testing

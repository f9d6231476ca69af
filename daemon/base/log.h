// Lines of key=value on standard output, or fields in the journal when systemd reads it.
// Synchronous: what was logged before a crash is there. Any thread.
//
// Values are ids, codes and counts: never bodies, addresses, tokens or passwords (style 10).
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace c360 {

enum class LogLevel : std::uint8_t { debug, info, warn, error };
std::string_view to_string(LogLevel level);
std::optional<LogLevel> log_level_from(std::string_view name);

struct LogField {
  std::string key;
  std::string value;
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, double v);
};

enum class LogTarget : std::uint8_t {
  automatic,  // the journal when standard output is connected to it (JOURNAL_STREAM), else stdout
  standard_output,
  standard_error,
  none,
};

class Log {
 public:
  explicit Log(LogTarget target = LogTarget::automatic, LogLevel level = LogLevel::info);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const;
  void set_level(LogLevel level);
  void set_target(LogTarget target);
  LogLevel level() const;
  bool enabled(LogLevel level) const;

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

// A value as it stands in a line: quoted when it holds a blank, '=', '"' or is empty; control
// characters escaped, cut at 2,000 bytes.
std::string quoted_log_value(std::string_view value);

}  // namespace c360

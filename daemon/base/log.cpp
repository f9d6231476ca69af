#include "daemon/base/log.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#define SD_JOURNAL_SUPPRESS_LOCATION  // always this file: the event says where
#include <systemd/sd-journal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/text.h"

namespace c360 {

namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};
constexpr std::array<int, 4> kJournalPriorities = {7, 6, 4, 3};  // sd-daemon(3)
constexpr std::size_t kValueLimit = 2'000;

// systemd.exec(5): JOURNAL_STREAM holds device:inode of the stream it connected us to.
bool stdout_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  if (stream == nullptr) return false;
  struct stat status{};
  if (fstat(1, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

std::shared_ptr<spdlog::logger> make_logger(LogTarget target) {
  spdlog::sink_ptr sink;
  if (target == LogTarget::none) {
    sink = std::make_shared<spdlog::sinks::null_sink_mt>();
  } else if (target == LogTarget::standard_error) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
  }
  auto logger = std::make_shared<spdlog::logger>("client360", std::move(sink));
  logger->set_level(spdlog::level::trace);
  logger->set_pattern("%v");
  logger->flush_on(spdlog::level::trace);
  return logger;
}

std::string journal_key(std::string_view key) {
  std::string name = "CLIENT360_";
  for (const char c : key) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += letter ? static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c) : '_';
  }
  return name;
}

void send_to_journal(LogLevel level, std::string_view event, const std::string& message,
                     std::initializer_list<LogField> fields) {
  std::vector<std::string> entries;
  entries.reserve(fields.size() + 4);
  entries.push_back("MESSAGE=" + message);
  entries.push_back(
      fmt::format("PRIORITY={}", kJournalPriorities[static_cast<std::size_t>(level)]));
  entries.push_back("SYSLOG_IDENTIFIER=client360d");
  entries.push_back(fmt::format("CLIENT360_EVENT={}", event));
  for (const LogField& field : fields)
    entries.push_back(
        fmt::format("{}={}", journal_key(field.key), utf8_prefix(field.value, kValueLimit)));
  std::vector<iovec> vectors;
  vectors.reserve(entries.size());
  for (std::string& entry : entries) vectors.push_back({entry.data(), entry.size()});
  sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size()));
}

}  // namespace

std::string_view to_string(LogLevel level) { return kLevelNames[static_cast<std::size_t>(level)]; }

std::optional<LogLevel> log_level_from(std::string_view name) {
  const auto found = std::ranges::find(kLevelNames, name);
  if (found == kLevelNames.end()) return std::nullopt;
  return static_cast<LogLevel>(found - kLevelNames.begin());
}

LogField::LogField(std::string_view k, double v) : key(k), value(fmt::format("{:.6g}", v)) {}

struct Log::Sink {
  std::mutex mutex;  // guards logger
  std::shared_ptr<spdlog::logger> logger;
  std::atomic<bool> journal = false;
  std::atomic<LogLevel> level;
};

Log::Log(LogTarget target, LogLevel level) : sink_(std::make_unique<Sink>()) {
  set_target(target);
  sink_->level = level;
}
Log::~Log() = default;

void Log::set_target(LogTarget target) {
  auto logger = make_logger(target);
  const std::scoped_lock lock{sink_->mutex};
  sink_->journal = target == LogTarget::automatic && stdout_is_journal();
  sink_->logger.swap(logger);
}

void Log::set_level(LogLevel level) { sink_->level = level; }
LogLevel Log::level() const { return sink_->level; }
bool Log::enabled(LogLevel level) const { return level >= sink_->level.load(); }

void Log::write(LogLevel level, std::string_view event,
                std::initializer_list<LogField> fields) const {
  if (!enabled(level)) return;
  std::string message = fmt::format("event={}", event);
  for (const LogField& field : fields) {
    message += ' ';
    message += field.key;
    message += '=';
    message += quoted_log_value(field.value);
  }
  if (sink_->journal) {
    send_to_journal(level, event, message, fields);
    return;
  }
  const auto now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const std::shared_ptr<spdlog::logger> logger = [this] {
    const std::scoped_lock lock{sink_->mutex};
    return sink_->logger;
  }();
  logger->info("ts={} level={} {}", to_rfc3339(now), to_string(level), message);
}

std::string quoted_log_value(std::string_view value) {
  const std::string_view cut = utf8_prefix(value, kValueLimit);
  const bool plain = !cut.empty() && std::ranges::none_of(cut, [](char c) {
    return c == ' ' || c == '=' || c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 ||
           c == 0x7F;
  });
  if (plain) return std::string(cut);
  std::string quoted = "\"";
  for (const char c : cut) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace c360

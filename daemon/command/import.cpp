// client360 mail import: files of mail, streamed to the service.
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "daemon/command/verbs.h"

namespace c360::daemon::command {

namespace {

constexpr std::uint64_t kMegabyte = 1'000'000;

// One line that is written over, on a terminal only. Bytes are sent no faster than the mails in
// them are taken in.
class Progress {
 public:
  Progress(std::string name, std::uint64_t size)
      : name_(std::move(name)), size_(size), shown_(::isatty(STDERR_FILENO) == 1) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (shown_) write("\r\033[K");
  }
  void sent(std::uint64_t bytes) {
    sent_ += bytes;
    if (!shown_ || size_ == 0) return;
    write(fmt::format("\r\033[K{}: {} % of {:.1f} MB", printable(name_), sent_ * 100 / size_,
                      static_cast<double>(size_) / kMegabyte));
  }

 private:
  static void write(const std::string& text) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  }

  std::string name_;
  std::uint64_t size_;
  std::uint64_t sent_ = 0;
  bool shown_;
};

bool is_mailbox_name(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// The service finds out whether it is one mail or an mbox.
Result<Json> import_file(Context& context, const std::string& mailbox, const std::string& file) {
  std::error_code unknown;
  std::ifstream in(file, std::ios::binary);
  if (!std::filesystem::is_regular_file(file, unknown) || !in)
    return fail(ErrorCode::invalid_request, file + " is no file that can be read", "unreadable");
  const std::uint64_t size = std::filesystem::file_size(file, unknown);
  Progress progress{file, size};
  const auto read = [&](std::span<char> into) -> Result<std::size_t> {
    in.read(into.data(), static_cast<std::streamsize>(into.size()));
    if (in.bad()) return fail(ErrorCode::invalid_request, file + " cannot be read", "unreadable");
    progress.sent(static_cast<std::uint64_t>(in.gcount()));
    return static_cast<std::size_t>(in.gcount());
  };
  return context.api_upload("/mail/import?mailbox=" + mailbox, {.size = size, .read = read},
                            "application/octet-stream");
}

std::int64_t count_in(const Json& result, std::string_view name) {
  const Json* value = result.find(name);
  return value == nullptr ? 0 : value->as_int64().value_or(0);
}

std::string outcomes_of(const Json& result) {
  std::string text;
  const Json* outcomes = result.find("outcomes");
  if (outcomes == nullptr || !outcomes->is_object()) return text;
  for (const auto& [outcome, count] : outcomes->as_object())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.as_int64().value_or(0), outcome);
  if (const auto pending = count_in(result, "pending"); pending > 0)
    text += fmt::format("{}{} pending", text.empty() ? "" : ", ", pending);
  return text;
}

// Each file by itself: one that is no mail leaves the others alone.
Result<ExitCode> import(Context& context, const Arguments& arguments) {
  const std::string mailbox = arguments.option("mailbox", "crm");
  if (!is_mailbox_name(mailbox))
    return fail(ErrorCode::invalid_request, "--mailbox names a mailbox of the configuration",
                "usage");
  Table table{{"FILE", "MAILS", "WHAT BECAME OF THEM"}, {}};
  Json::Array files;
  bool failed = false;
  for (const std::string& file : arguments.positional) {
    auto result = import_file(context, mailbox, file);
    const bool nobody_was_asked =
        !result && (result.error().reason == "usage" || result.error().reason == "configuration");
    if (nobody_was_asked) return std::unexpected(result.error());
    Json entry{Json::Object{}};
    entry.set("file", file);
    if (result) {
      table.add(
          {printable(file), std::to_string(count_in(*result, "mails")), outcomes_of(*result)});
      entry.set("result", std::move(*result));
    } else {
      failed = true;
      table.add({printable(file), "-", {printable(result.error().detail), Tone::bad}});
      entry.set("error", result.error().detail);
    }
    files.push_back(std::move(entry));
  }
  Json answer{Json::Object{}};
  answer.set("files", std::move(files));
  context.show(answer, render(table, context.style()));
  return failed ? ExitCode::failure : ExitCode::ok;
}

}  // namespace

std::vector<Verb> import_verbs() {
  return {{"mail",
           "import",
           "FILE...",
           "Take in mails of .eml and mbox files as if they had come to a mailbox",
           {{"mailbox", "NAME", "whose rules decide; default crm"}},
           import}};
}

}  // namespace c360::daemon::command

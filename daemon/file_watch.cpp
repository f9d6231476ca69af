#include "daemon/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace c360::daemon {

namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kChanges =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB;

std::string folder_of(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  return folder.empty() ? "." : folder.string();
}

// Editors' side files: not a change of the rules.
bool is_editor_file(std::string_view name) {
  return name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp") || name == "4913";
}

}  // namespace

FileWatch::FileWatch() : descriptor_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "inotify_init1");
}

FileWatch::~FileWatch() { close(descriptor_); }

void FileWatch::watch(const std::vector<std::string>& files,
                      const std::vector<std::string>& folders) {
  std::map<std::string, Folder> wanted;
  for (const std::string& file : files) {
    wanted[folder_of(file)].names.insert(fs::path(file).filename().string());
    std::error_code error;
    const fs::path target = fs::read_symlink(file, error);
    if (error) continue;
    // A link into a folder that is itself a link which is switched (..data/secret).
    if (target.is_relative()) wanted[folder_of(file)].names.insert(target.begin()->string());
    const fs::path whole = target.is_absolute() ? target : fs::path(folder_of(file)) / target;
    wanted[folder_of(whole.string())].names.insert(whole.filename().string());
  }
  for (const std::string& folder : folders) wanted[folder].whole = true;

  for (auto& [path, folder] : wanted) {
    const auto known = folders_.find(path);
    // Adding again returns the same id for the same folder, and a new one when the folder was
    // replaced by another of that name.
    const int id = inotify_add_watch(descriptor_, path.c_str(), kChanges | IN_ONLYDIR);
    folder.id = id;
    if (known != folders_.end() && known->second.id >= 0 && known->second.id != id)
      inotify_rm_watch(descriptor_, known->second.id);
  }
  for (const auto& [path, folder] : folders_)
    if (!wanted.contains(path) && folder.id >= 0) inotify_rm_watch(descriptor_, folder.id);
  folders_ = std::move(wanted);
}

bool FileWatch::drain() {
  alignas(inotify_event) std::array<char, 16'384> buffer{};
  bool relevant = false;
  while (true) {
    const ssize_t got = read(descriptor_, buffer.data(), buffer.size());
    if (got <= 0) return relevant;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string_view name =
          event.len > 0 ? std::string_view(buffer.data() + at + sizeof event) : std::string_view();
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) relevant = true;
      for (const auto& [path, folder] : folders_) {
        if (folder.id != event.wd) continue;
        if (folder.names.contains(std::string(name))) relevant = true;
        if (folder.whole && !name.empty() && !is_editor_file(name)) relevant = true;
      }
    }
  }
}

}  // namespace c360::daemon

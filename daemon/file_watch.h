// Tells when a watched file may have changed. Folders are watched, not files: editors write a new
// file and rename it over the old one, and a secret may not exist yet. Main thread only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace c360::daemon {

class FileWatch {
 public:
  FileWatch();  // throws std::system_error when inotify is not available
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Exactly these from now on: `files` by name within their folders, and everything directly inside
  // `folders`. Folders that do not exist are left out; symbolic links are followed one step, so
  // that a link switched to another target is seen at the link.
  void watch(const std::vector<std::string>& files, const std::vector<std::string>& folders);

  int descriptor() const { return descriptor_; }  // readable when something happened
  // Reads all that is pending; true when a watched name was among it.
  bool drain();

 private:
  struct Folder {
    int id = -1;
    bool whole = false;
    std::set<std::string> names;
  };
  int descriptor_ = -1;
  std::map<std::string, Folder> folders_;
};

}  // namespace c360::daemon

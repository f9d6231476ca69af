// A folder under the system's temporary one, removed with everything in it.
#pragma once

#include <filesystem>
#include <string>

namespace c360::testing {

class TempFolder {
 public:
  // Other users may enter it (servers drop their rights); throws std::runtime_error.
  explicit TempFolder(const std::string& prefix = "c360");
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // A new file in it with this content.
  std::filesystem::path write(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
};

}  // namespace c360::testing

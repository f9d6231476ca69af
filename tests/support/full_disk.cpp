// Preloaded into a PostgreSQL of the tests: while the file $C360_FULL_DISK is there, no relation
// can grow, as on a full disk. What was allocated before can be written, and the log of
// transactions lies on another disk.
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

using Write = ssize_t (*)(int, const void*, size_t, off_t);

bool no_space(int descriptor, off_t offset) {
  const char* flag = std::getenv("C360_FULL_DISK");
  if (flag == nullptr || access(flag, F_OK) != 0) return false;
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  struct stat file{};
  return std::strstr(path, "/base/") != nullptr && fstat(descriptor, &file) == 0 &&
         offset >= file.st_size;
}

ssize_t write_at(const char* name, int descriptor, const void* bytes, size_t count, off_t offset) {
  if (no_space(descriptor, offset)) {
    errno = ENOSPC;
    return -1;
  }
  const auto real = reinterpret_cast<Write>(dlsym(RTLD_NEXT, name));
  return real(descriptor, bytes, count, offset);
}

}  // namespace

extern "C" {

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  return write_at("pwrite", descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
  return write_at("pwrite64", descriptor, bytes, count, offset);
}
}

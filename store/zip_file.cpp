#include "store/zip_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace c360::store {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;

// libzip writes none without entries: the end of the central directory alone (APPNOTE.TXT, 4.3.16).
constexpr std::string_view kEmptyZip("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);

std::unexpected<Error> no_zip(std::string_view what) {
  return fail(ErrorCode::unavailable,
              "The archive cannot be made in the temporary folder (TMPDIR): " + std::string(what),
              "zip");
}

// A folder of its own, with what is in it.
class ZipFolder {
 public:
  ZipFolder() {
    const char* above = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): set before threads
    path_ = (above == nullptr || *above == '\0' ? std::string("/tmp") : std::string(above)) +
            "/client360-zip-XXXXXX";
    made_ = ::mkdtemp(path_.data()) != nullptr;
  }
  ~ZipFolder() {
    if (!made_) return;
    ::unlink(file().c_str());
    ::rmdir(path_.c_str());
  }
  ZipFolder(const ZipFolder&) = delete;
  ZipFolder& operator=(const ZipFolder&) = delete;

  bool made() const { return made_; }
  std::string file() const { return path_ + "/documents.zip"; }

 private:
  std::string path_;
  bool made_ = false;
};

// What libzip asks for an entry's content.
struct EntrySource {
  const ZipEntry& entry;
  BlobReader reader;
  std::optional<Error> failure;
  zip_error_t error{};

  explicit EntrySource(const ZipEntry& of) : entry(of) { zip_error_init(&error); }

  zip_int64_t read(void* data, zip_uint64_t length) {
    auto count = reader(std::span(static_cast<char*>(data), length));
    if (count) return static_cast<zip_int64_t>(*count);
    failure = std::move(count).error();
    zip_error_set(&error, ZIP_ER_READ, EIO);
    return -1;
  }

  zip_int64_t tell_stat(void* data) const {
    auto* stat = static_cast<zip_stat_t*>(data);
    zip_stat_init(stat);
    stat->size = static_cast<zip_uint64_t>(entry.size_bytes);
    stat->valid = ZIP_STAT_SIZE;
    return sizeof(zip_stat_t);
  }
};

zip_int64_t answer_libzip(void* source, void* data, zip_uint64_t length, zip_source_cmd_t command) {
  auto* self = static_cast<EntrySource*>(source);
  switch (command) {
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                            ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
    case ZIP_SOURCE_OPEN:
      self->reader = self->entry.open();
      return 0;
    case ZIP_SOURCE_READ:
      return self->read(data, length);
    case ZIP_SOURCE_STAT:
      return self->tell_stat(data);
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&self->error, data, length);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
      return 0;
    default:
      return -1;
  }
}

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using ZipArchive = std::unique_ptr<zip_t, DiscardZip>;

Result<void> add_entry(zip_t* archive, EntrySource& source) {
  zip_source_t* from = zip_source_function(archive, answer_libzip, &source);
  if (from == nullptr) return no_zip(zip_strerror(archive));
  const zip_int64_t index =
      zip_file_add(archive, source.entry.path.c_str(), from, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(from);
    return no_zip(zip_strerror(archive));
  }
  const auto at = static_cast<zip_uint64_t>(index);
  const std::time_t modified = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(source.entry.modified));
  if (zip_set_file_compression(archive, at, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_mtime(archive, at, modified, 0) != 0) {
    return no_zip(zip_strerror(archive));
  }
  return {};
}

Result<void> write_archive(const std::string& path, const std::vector<ZipEntry>& entries) {
  int code = 0;
  ZipArchive archive(zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) return no_zip("libzip error " + std::to_string(code));
  std::vector<std::unique_ptr<EntrySource>> sources;  // read by zip_close()
  for (const ZipEntry& entry : entries) {
    sources.push_back(std::make_unique<EntrySource>(entry));
    if (auto added = add_entry(archive.get(), *sources.back()); !added) return added;
  }
  if (zip_close(archive.get()) == 0) {
    (void)archive.release();  // zip_close() freed it
    return {};
  }
  for (const auto& source : sources) {
    if (source->failure) return std::unexpected(*source->failure);
  }
  return no_zip(zip_strerror(archive.get()));
}

Result<void> write_empty(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return no_zip(std::strerror(errno));
  const auto written = ::write(file, kEmptyZip.data(), kEmptyZip.size());
  ::close(file);
  return written == static_cast<ssize_t>(kEmptyZip.size()) ? Result<void>{}
                                                           : no_zip("the disk is full");
}

}  // namespace

Result<ZipFile> ZipFile::make(const std::vector<ZipEntry>& entries) {
  const ZipFolder folder;
  if (!folder.made()) return no_zip(std::strerror(errno));
  auto written =
      entries.empty() ? write_empty(folder.file()) : write_archive(folder.file(), entries);
  if (!written) return std::unexpected(std::move(written).error());
  const int file = ::open(folder.file().c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return no_zip(std::strerror(errno));
  ZipFile made(file, 0);
  struct stat status{};
  if (::fstat(file, &status) != 0) return no_zip(std::strerror(errno));
  made.size_ = static_cast<std::uint64_t>(status.st_size);
  return made;
}

ZipFile::ZipFile(ZipFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)), size_(other.size_) {}

ZipFile& ZipFile::operator=(ZipFile&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(size_, other.size_);
  return *this;
}

ZipFile::~ZipFile() {
  if (file_ >= 0) ::close(file_);
}

Result<void> ZipFile::read(const BlobSink& sink) const {
  std::string piece(kPieceBytes, '\0');
  std::uint64_t at = 0;
  while (at < size_) {
    const auto count = ::pread(file_, piece.data(), piece.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return no_zip("it cannot be read back");
    at += static_cast<std::uint64_t>(count);
    auto sent = sink(std::string_view(piece).substr(0, static_cast<std::size_t>(count)));
    if (!sent) return sent;
  }
  return {};
}

}  // namespace c360::store

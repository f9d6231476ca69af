#include "store/documents/docx_package.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

namespace c360::store {
namespace {

constexpr std::string_view kContentTypes = "[Content_Types].xml";
constexpr std::string_view kRelations = "_rels/.rels";
constexpr std::string_view kMainType = "wordprocessingml.document.main+xml";

std::unexpected<Error> damaged(std::string_view what) {
  return docx_refused("docx_damaged", "The file cannot be unpacked: " + std::string(what) +
                                          ". Open it in Word and save it anew.");
}

std::unexpected<Error> no_docx(std::string_view why) {
  return docx_refused("not_docx", "The file is no DOCX: " + std::string(why) + ".");
}

struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

// A ZIP file in memory, ours as long as the source is: libzip writes back into that.
struct MemoryZip {
  std::unique_ptr<zip_source_t, FreeSource> source;
  std::unique_ptr<zip_t, DiscardZip> archive;

  static std::optional<MemoryZip> open(std::string_view bytes, int flags) {
    zip_error_t error;
    zip_error_init(&error);
    MemoryZip opened;
    opened.source.reset(zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error));
    if (opened.source) {
      zip_source_keep(opened.source.get());
      opened.archive.reset(zip_open_from_source(opened.source.get(), flags, &error));
      if (!opened.archive) zip_source_free(opened.source.get());  // the share it did not take
    }
    zip_error_fini(&error);
    if (!opened.archive) return std::nullopt;
    return opened;
  }

  // The file as it is now.
  Result<std::string> written() {
    if (zip_close(archive.get()) != 0) {
      return fail(ErrorCode::internal, "The filled document cannot be packed: " +
                                           std::string(zip_strerror(archive.get())));
    }
    (void)archive.release();  // zip_close() freed it
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_source_stat(source.get(), &stat) != 0 || (stat.valid & ZIP_STAT_SIZE) == 0 ||
        zip_source_open(source.get()) != 0) {
      return fail(ErrorCode::internal, "The filled document cannot be read back.");
    }
    std::string bytes(stat.size, '\0');
    const zip_int64_t got = zip_source_read(source.get(), bytes.data(), bytes.size());
    zip_source_close(source.get());
    if (got < 0 || static_cast<zip_uint64_t>(got) != stat.size) {
      return fail(ErrorCode::internal, "The filled document cannot be read back.");
    }
    return bytes;
  }
};

struct Entry {
  std::string name;
  std::uint64_t index = 0;
};

// Word reads the first of two with one name, others the second: such a file is refused.
Result<std::vector<Entry>> list_entries(zip_t* archive, const DocxLimits& limits) {
  const auto count = static_cast<std::uint64_t>(zip_get_num_entries(archive, 0));
  if (count > limits.entries) {
    return docx_refused("docx_too_many_entries",
                        "The file holds more than " + std::to_string(limits.entries) + " files.");
  }
  std::vector<Entry> entries;
  std::set<std::string_view> names;
  std::uint64_t unpacked = 0;
  entries.reserve(count);
  for (std::uint64_t index = 0; index < count; ++index) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t kWanted = ZIP_STAT_NAME | ZIP_STAT_SIZE;
    if (zip_stat_index(archive, index, 0, &stat) != 0 || (stat.valid & kWanted) != kWanted)
      return damaged("an entry has no name or size");
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE)
      return docx_refused("docx_encrypted", "The file is protected by a password.");
    unpacked += std::min<std::uint64_t>(stat.size, limits.unpacked_bytes + 1);
    if (unpacked > limits.unpacked_bytes) {
      return docx_refused(
          "docx_unpacks_too_large",
          "The file unpacks to more than " + std::to_string(limits.unpacked_bytes) + " bytes.");
    }
    entries.push_back({stat.name, index});
    if (!names.insert(entries.back().name).second) return damaged("two entries have one name");
  }
  return entries;
}

// Never more than is left of the limit, whatever the entry says of its size.
Result<std::string> read_entry(zip_t* archive, const Entry& entry, std::size_t& left) {
  const std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen_index(archive, entry.index, 0));
  if (!file) return damaged(entry.name);
  std::string content;
  std::array<char, std::size_t{16} * 1024> piece{};
  for (;;) {
    const zip_int64_t got = zip_fread(file.get(), piece.data(), piece.size());
    if (got < 0) return damaged(entry.name);
    if (got == 0) return content;
    const auto count = static_cast<std::size_t>(got);
    if (count > left) {
      return docx_refused("docx_unpacks_too_large",
                          entry.name + " unpacks to more bytes than are allowed.");
    }
    left -= count;
    content.append(piece.data(), count);
  }
}

bool is_word_part(std::string_view name) {
  return name.starts_with("word/") && name.ends_with(".xml") &&
         name.find('/', 5) == std::string_view::npos;
}

// What its table of contents says it is; names and labels of the sender count for nothing.
Result<void> check_kind(const std::vector<Entry>& entries, std::string_view types) {
  const auto has = [&](std::string_view name) {
    return std::ranges::find(entries, name, &Entry::name) != entries.end();
  };
  if (types.find("macroEnabled") != std::string_view::npos || has("word/vbaProject.bin")) {
    return docx_refused("docx_macros",
                        "The file holds macros. Save it as a Word document (.docx).");
  }
  if (types.find(kMainType) == std::string_view::npos)
    return no_docx("[Content_Types].xml names no document. Save it as a Word document (.docx)");
  if (!has(kRelations)) return no_docx("_rels/.rels is missing");
  return {};
}

bool add_part(zip_t* archive, const DocxPart& part, std::optional<std::uint64_t> at) {
  zip_source_t* from = zip_source_buffer(archive, part.xml.data(), part.xml.size(), 0);
  if (from == nullptr) return false;
  zip_int64_t index = static_cast<zip_int64_t>(at.value_or(0));
  if (at) {
    if (zip_file_replace(archive, *at, from, 0) != 0) index = -1;
  } else {
    index = zip_file_add(archive, part.name.c_str(), from, ZIP_FL_ENC_UTF_8);
  }
  if (index < 0) {
    zip_source_free(from);
    return false;
  }
  // 1980-01-01, the first day a ZIP file knows: the same parts are the same bytes.
  return zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_DEFLATE, 6) ==
             0 &&
         zip_file_set_dostime(archive, static_cast<zip_uint64_t>(index), 0, (1 << 5) | 1, 0) == 0;
}

std::unexpected<Error> cannot_pack(zip_t* archive) {
  return fail(ErrorCode::internal,
              "The filled document cannot be packed: " + std::string(zip_strerror(archive)));
}

}  // namespace

std::unexpected<Error> docx_refused(std::string_view code, std::string detail) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The template cannot be used.",
              .reason = std::string(code)};
  error.fields.push_back({"/docx", std::string(code), std::move(detail)});
  return std::unexpected(std::move(error));
}

Result<DocxPackage> DocxPackage::open(std::string_view bytes, const DocxLimits& limits) {
  if (bytes.size() > limits.package_bytes) {
    return docx_refused("docx_too_large", "A template has at most " +
                                              std::to_string(limits.package_bytes) + " bytes.");
  }
  if (!looks_like_docx(bytes)) return no_docx("it is not a ZIP file");
  const auto zip = MemoryZip::open(bytes, ZIP_RDONLY);
  if (!zip) return damaged("its table of contents is broken");
  const auto entries = list_entries(zip->archive.get(), limits);
  if (!entries) return std::unexpected(entries.error());
  DocxPackage package(bytes);
  std::string types;
  std::size_t left = limits.unpacked_bytes;
  for (const Entry& entry : *entries) {
    if (entry.name != kContentTypes && !is_word_part(entry.name)) continue;
    auto content = read_entry(zip->archive.get(), entry, left);
    if (!content) return std::unexpected(std::move(content).error());
    if (entry.name == kContentTypes) {
      types = std::move(*content);
    } else {
      package.parts_.push_back({entry.name, std::move(*content)});
    }
  }
  if (auto fine = check_kind(*entries, types); !fine) return std::unexpected(fine.error());
  return package;
}

Result<std::string> DocxPackage::with(std::span<const DocxPart> changed) const {
  auto zip = MemoryZip::open(bytes_, 0);
  if (!zip) return damaged("its table of contents is broken");
  zip_t* archive = zip->archive.get();
  for (const DocxPart& part : changed) {
    const zip_int64_t index = zip_name_locate(archive, part.name.c_str(), ZIP_FL_ENC_RAW);
    if (index < 0) return cannot_pack(archive);
    if (!add_part(archive, part, static_cast<std::uint64_t>(index))) return cannot_pack(archive);
  }
  return zip->written();
}

Result<std::string> make_docx(std::span<const DocxPart> parts) {
  auto zip = MemoryZip::open({}, ZIP_CREATE | ZIP_TRUNCATE);
  if (!zip) return fail(ErrorCode::internal, "A document cannot be packed.");
  for (const DocxPart& part : parts) {
    if (!add_part(zip->archive.get(), part, std::nullopt)) return cannot_pack(zip->archive.get());
  }
  return zip->written();
}

}  // namespace c360::store

#include "store/operations/archive_documents.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/text.h"
#include "store/documents/docx.h"
#include "store/operations/rendered_pages.h"

namespace c360::store {
namespace {

// A page of ours is what a PDF is printed from, and goes to nobody: as long as it is the current
// version, the DOCX made with it stands for it.
std::string versions_text() {
  const std::string page = "p.is_generated AND p.mime_type = '" + std::string(kPageType) + "'";
  return " JOIN crm.document_version p ON p.id = d.current_version_id"
         " LEFT JOIN crm.document_version w ON w.document_id = d.id"
         " AND w.version_no = p.version_no - 1 AND w.is_generated AND w.mime_type = '" +
         std::string(kDocxType) + "' AND " + page +
         " JOIN crm.document_version v ON v.id = coalesce(w.id, p.id)";
}

// $1 the owner, $2 the actor, $3 rows.
std::string documents_text(const Records& records, const Resource& owner, const Actor& actor) {
  const auto seen = [&](std::string_view kind, std::string_view alias) {
    return records.access()
        .predicate(actor, records.registry().get(kind), Right::read, alias, "$2::bigint")
        .sql;
  };
  const bool in_folder = owner.kind == "folder";
  const std::string tree =
      "WITH RECURSIVE tree(id, path) AS (SELECT $1::bigint, '' UNION ALL"
      " SELECT f.id, tree.path || f.name || '/' FROM crm.folder f"
      " JOIN tree ON f.parent_folder_id = tree.id WHERE f.deleted_at IS NULL AND " +
      seen("folder", "f") + ") ";
  return (in_folder ? tree : std::string()) + "SELECT " + (in_folder ? "tree.path" : "''") +
         ", d.name, v.file_name, v.content_sha256, v.size_bytes, v.created_at, d.id,"
         " v.is_generated AND v.mime_type = '" +
         std::string(kPageType) + "', $2::bigint FROM " +
         (in_folder ? "tree JOIN crm.document d ON d.folder_id = tree.id" : "crm.document d") +
         versions_text() + " WHERE d.deleted_at IS NULL" +
         (in_folder ? "" : " AND d.parent_record_id = $1::bigint") + " AND " +
         seen("document", "d") + " ORDER BY 1, d.id LIMIT $3::bigint";
}

// "pdf", "7z"; not what stands behind the last dot of a date, as in «Счет №5 от 23.11.2026».
bool is_extension(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto fits = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  constexpr std::size_t kLongest = 9;
  return text.size() <= kLongest && std::ranges::all_of(text, fits) &&
         std::ranges::any_of(text, is_letter);
}

// Position of the dot before "pdf" of "a.pdf"; the size where there is none.
std::size_t extension_at(std::string_view name) {
  const auto dot = name.rfind('.');
  const bool has_one =
      dot != std::string_view::npos && dot > 0 && is_extension(name.substr(dot + 1));
  return has_one ? dot : name.size();
}

// As a file may be called everywhere; the extension is that of the content, where the name has
// none.
std::string file_name_of(std::string_view name, std::string_view content_name) {
  std::string safe(name);
  if (extension_at(safe) == safe.size()) safe += content_name.substr(extension_at(content_name));
  for (char& c : safe) {
    const bool refused = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ||
                         std::string_view("/\\:*?\"<>|").find(c) != std::string_view::npos;
    if (refused) c = '_';
  }
  return safe == "." || safe == ".." ? "_" : safe;
}

std::string free_path(const std::string& folder, const std::string& name,
                      std::set<std::string>& taken) {
  const std::size_t dot = extension_at(name);
  std::string path = folder + name;
  for (int number = 2; !taken.insert(to_lower(path)).second; ++number) {
    path = folder + name.substr(0, dot) + " (" + std::to_string(number) + ")" + name.substr(dot);
  }
  return path;
}

// One chunk in memory at a time, each read in a transaction of its own: a blob never changes.
class ContentReader {
 public:
  ContentReader(Database& database, const Sha256& sha256, std::int64_t size)
      : database_(&database), sha256_(sha256), left_(size) {}

  Result<std::size_t> operator()(std::span<char> into) {
    if (used_ == chunk_.size() && left_ > 0) {
      if (auto more = next_chunk(); !more) return std::unexpected(std::move(more).error());
    }
    const std::size_t count = std::min(into.size(), chunk_.size() - used_);
    std::memcpy(into.data(), chunk_.data() + used_, count);
    used_ += count;
    return count;
  }

 private:
  Result<void> next_chunk() {
    auto tx = database_->begin(Pool::api, TxMode::read_only);
    if (!tx) return std::unexpected(tx.error());
    auto read = read_blob_range(*tx, sha256_, at_, kBlobChunkBytes);
    if (!read) return std::unexpected(std::move(read).error());
    const auto count = static_cast<std::int64_t>(read->size());
    if (count == 0 || count > left_) {
      return fail(ErrorCode::internal, "a stored content has not the size recorded",
                  "blob_corrupt");
    }
    chunk_ = std::move(*read);
    used_ = 0;
    at_ += count;
    left_ -= count;
    return {};
  }

  Database* database_;
  Sha256 sha256_;
  std::int64_t left_;
  std::int64_t at_ = 0;
  std::string chunk_;
  std::size_t used_ = 0;
};

ZipEntry entry_of(Database& database, const Rows& rows, int row, std::set<std::string>& taken) {
  Sha256 sha256{};
  const std::string digest = rows.bytes(row, 3);
  std::memcpy(sha256.data(), digest.data(), sha256.size());
  const std::int64_t size = rows.int64(row, 4);
  return {.path = free_path(std::string(rows.text(row, 0)),
                            file_name_of(rows.text(row, 1), rows.text(row, 2)), taken),
          .size_bytes = size,
          .modified = rows.instant(row, 5).value_or(Instant{}),
          .open = [&database, sha256, size] { return ContentReader(database, sha256, size); }};
}

std::unexpected<Error> too_much(const std::string& what) {
  return fail(ErrorCode::validation_failed,
              "One archive holds at most " + what + "; download the documents one by one.",
              "archive_too_large");
}

// Documents that are a page alone.
std::vector<std::int64_t> pages_in(const Rows& rows) {
  std::vector<std::int64_t> documents;
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.boolean(row, 7)) documents.push_back(rows.int64(row, 6));
  }
  return documents;
}

Result<ZipFile> zip_of(Database& database, const Rows& rows) {
  std::vector<ZipEntry> entries;
  std::set<std::string> taken;
  std::int64_t bytes = 0;
  for (int row = 0; row < rows.size(); ++row) {
    bytes += rows.int64(row, 4);
    if (bytes > kMaxArchiveBytes) return too_much(std::to_string(kMaxArchiveBytes) + " bytes");
    entries.push_back(entry_of(database, rows, row, taken));
  }
  return ZipFile::make(entries);
}

}  // namespace

Result<ZipFile> archive_documents(Database& database, const Records& records, const Resource& owner,
                                  std::int64_t id, const Actor& actor, const PrintPage& print) {
  const Plan plan = records.queries().keep_always(documents_text(records, owner, actor));
  const auto read = [&] {
    return database.execute(
        Pool::api, plan.sql,
        std::move(Params{}
                      .add(id)
                      .add(actor.user_id)
                      .add(static_cast<std::int64_t>(kMaxArchiveDocuments) + 1)));
  };
  auto rows = read();
  if (!rows) return std::unexpected(std::move(rows).error());
  if (rows->size() > static_cast<int>(kMaxArchiveDocuments)) {
    return too_much(std::to_string(kMaxArchiveDocuments) + " documents");
  }
  const auto pages = pages_in(*rows);
  for (const std::int64_t document : pages) {
    if (auto printed = print(document); !printed) return std::unexpected(printed.error());
  }
  if (!pages.empty()) rows = read();
  if (!rows) return std::unexpected(std::move(rows).error());
  if (!pages_in(*rows).empty()) {
    return fail(ErrorCode::unavailable, "A document was made anew meanwhile; ask again.",
                "not_printed");
  }
  return zip_of(database, *rows);
}

}  // namespace c360::store

#include "store/operations/rendered_pages.h"

#include <cstring>

#include "store/blob.h"
#include "store/documents/template.h"
#include "store/operations/document_versions.h"

namespace c360::store {
namespace {

constexpr Sql kShown{"document_shown", R"sql(
SELECT v.version_no, v.mime_type, v.file_name, v.content_sha256, v.size_bytes
FROM crm.document d JOIN crm.document_version v ON v.id = d.current_version_id
WHERE d.id = $1 AND d.deleted_at IS NULL)sql"};

constexpr Sql kLock{"document_print_lock", R"sql(
SELECT FROM crm.document WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE)sql"};

// What a person added is no page of ours, whatever it is called.
constexpr Sql kUnprinted{"document_unprinted", R"sql(
SELECT v.version_no, v.file_name, v.content_sha256
FROM crm.document d JOIN crm.document_version v ON v.id = d.current_version_id
WHERE d.id = $1 AND d.deleted_at IS NULL AND d.generated_from IS NOT NULL
  AND v.is_generated AND v.mime_type = $2)sql"};

std::string print_name(std::string_view page_name) {
  const auto dot = page_name.rfind('.');
  return std::string(page_name.substr(0, dot)) + ".pdf";
}

}  // namespace

Result<StoredVersion> shown_version(Transaction& tx, std::int64_t document_id) {
  const auto rows = tx.query(kShown, Params{}.add(document_id));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return fail(ErrorCode::not_found, "There is no such document.");
  return StoredVersion{.version_no = (*rows)->int64(0, 0),
                       .media_type = std::string((*rows)->text(0, 1)),
                       .file_name = std::string((*rows)->text(0, 2)),
                       .sha256 = (*rows)->bytes(0, 3),
                       .size_bytes = (*rows)->int64(0, 4)};
}

Result<std::optional<UnprintedPage>> unprinted_page(Transaction& tx, std::int64_t document_id) {
  const auto rows = tx.query(kUnprinted, std::move(Params{}.add(document_id).add(kPageType)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return std::nullopt;
  UnprintedPage page{.version_no = (*rows)->int64(0, 0),
                     .file_name = std::string((*rows)->text(0, 1)),
                     .html = {}};
  Sha256 sha256{};
  const std::string digest = (*rows)->bytes(0, 2);
  std::memcpy(sha256.data(), digest.data(), sha256.size());
  auto html = read_blob(tx, sha256, static_cast<std::int64_t>(kMaxFilledBytes));
  if (!html) return std::unexpected(std::move(html).error());
  page.html = std::move(*html);
  return page;
}

Result<void> add_print(Transaction& tx, std::int64_t document_id, const UnprintedPage& page,
                       std::string_view pdf, const Actor& actor) {
  tx.queue(kLock, Params{}.add(document_id));
  const auto rows = tx.query(kUnprinted, std::move(Params{}.add(document_id).add(kPageType)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty() || (*rows)->int64(0, 0) != page.version_no) return {};
  const BlobContent content = make_blob(pdf);
  if (auto put = put_blobs(tx, {&content, 1}); !put) return put;
  auto added = add_document_version(tx, document_id,
                                    {.sha256 = content.sha256,
                                     .size_bytes = static_cast<std::int64_t>(pdf.size()),
                                     .media_type = std::string(kPrintType),
                                     .file_name = print_name(page.file_name),
                                     .comment = std::nullopt,
                                     .is_rendering = true,
                                     .is_generated = true},
                                    actor);
  if (!added) return std::unexpected(std::move(added).error());
  return {};
}

}  // namespace c360::store

// Files of generated documents (domain.md 12.2, 12.4), each a version: generating leaves the DOCX
// and then the HTML page as the current one, as far as the template has them; printing adds the PDF
// of the page as the next one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/digest.h"
#include "store/actor.h"
#include "store/database.h"

namespace c360::store {

// The job that prints a page; `record_id` is the document.
inline constexpr std::string_view kPrintPageJob = "print_page";

inline constexpr std::string_view kPageType = "text/html";
inline constexpr std::string_view kPrintType = "application/pdf";

struct StoredVersion {
  std::int64_t version_no = 0;
  std::string media_type;
  std::string file_name;
  std::string sha256;  // 32 bytes
  std::int64_t size_bytes = 0;
};

// The current one; not_found.
Result<StoredVersion> shown_version(Transaction& tx, std::int64_t document_id);

// The page of a generated document that is not printed yet; none: nothing to do.
struct UnprintedPage {
  std::int64_t version_no = 0;
  std::string file_name;
  std::string html;
};
Result<std::optional<UnprintedPage>> unprinted_page(Transaction& tx, std::int64_t document_id);

// Adds the print as a version, unless another one was faster or the page is not the newest any
// more: then nothing happens. Once per page, whoever asks.
Result<void> add_print(Transaction& tx, std::int64_t document_id, const UnprintedPage& page,
                       std::string_view pdf, const Actor& actor);

}  // namespace c360::store

// Templates in use: those an installation has put, in versions, over those that come with the
// program (version 0). Read at each use, so that a new one counts at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/digest.h"
#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/actor.h"
#include "store/database.h"
#include "store/model/registry.h"

namespace c360::store {

struct DocumentTemplate {
  std::string code;
  std::int64_t version = 0;  // 0: shipped
  std::string name;
  std::string kind;       // of the records it is for: any that hold documents
  std::string type_code;  // of the documents made
  std::string page;       // HTML; empty: makes no PDF
  bool has_docx = false;
  std::optional<Sha256> docx_sha256;  // none: the shipped one
  std::string docx;                   // as it was sent, of a template that is to be
  std::int64_t based_on = 0;          // of such a one: the version in use it was completed from
};

// The one in use, or that version of it. not_found, reason template_not_found.
Result<DocumentTemplate> find_template(Transaction& tx, std::string_view code,
                                       std::optional<std::int64_t> version = std::nullopt);

// Its DOCX file; not_found, reason template_not_found, where it has none.
Result<std::string> read_template_docx(Transaction& tx, const DocumentTemplate& of);

// {"items": [{code, name, kind, type_code, version, has_page, has_docx, created_at, created_by},
// …]} by code.
Result<std::string> templates_json(Transaction& tx);

// The kinds of records that documents can be made of.
std::vector<std::string> documented_kinds(const Registry& registry);

// Fills in what the template with this code says already and a shipped one fixes, and says what is
// wrong with the rest: validation_failed at /code, /name, /kind, /type_code, /page, /docx. The page
// or the file that is not sent stays as it was, and is tried anew for another kind; a file is
// filled once. Nothing is stored.
Result<DocumentTemplate> completed_template(Transaction& tx, const Registry& registry,
                                            DocumentTemplate wanted);

// Its number. The template is completed, and was tried. conflict, reason template_changed, where
// based_on is not in use any more: somebody was faster. Two at once: conflict, by the key.
Result<std::int64_t> add_template(Transaction& tx, const DocumentTemplate& made,
                                  const std::optional<std::string>& comment, const Actor& actor);

// What the installation put is out of use: the shipped one counts again, or none. `version` is the
// one in use; conflict, reason template_changed, where that is another meanwhile. not_found.
Result<void> retire_template(Transaction& tx, std::string_view code, std::int64_t version);

}  // namespace c360::store

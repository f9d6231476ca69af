// Templates in use: those an installation has put, in versions, over those that come with the
// program (version 0). Read at each use, so that a new one counts at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/json.h"
#include "store/actor.h"
#include "store/database.h"

namespace c360::store {

struct DocumentTemplate {
  std::string code;
  std::int64_t version = 0;  // 0: shipped
  std::string name;
  std::string kind;       // of the record it is for: counterparty, contract, deal, order
  std::string type_code;  // of the documents made
  std::string page;       // HTML
};

// The one in use, or that version of it. not_found, reason template_not_found.
Result<DocumentTemplate> find_template(Transaction& tx, std::string_view code,
                                       std::optional<std::int64_t> version = std::nullopt);

// {"items": [{code, name, kind, type_code, version, created_at, created_by}, …]} by code.
Result<std::string> templates_json(Transaction& tx);

// Fills in what the template with this code says already and a shipped one fixes, and says what is
// wrong with the rest: validation_failed at /code, /name, /kind, /type_code, /text. Nothing is
// stored.
Result<DocumentTemplate> completed_template(Transaction& tx, DocumentTemplate wanted);

// Its number. The template is completed, and was tried. Two at once: conflict, by the key.
Result<std::int64_t> add_template(Transaction& tx, const DocumentTemplate& made,
                                  const std::optional<std::string>& comment, const Actor& actor);

// What the installation put is out of use: the shipped one counts again, or none. not_found.
Result<void> retire_template(Transaction& tx, std::string_view code);

}  // namespace c360::store

#include "store/documents/stored_templates.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "daemon/base/text.h"
#include "store/blob.h"
#include "store/documents/content.h"
#include "store/documents/docx.h"
#include "store/documents/shipped_templates.h"
#include "store/documents/template.h"

namespace c360::store {
namespace {

constexpr Sql kFind{"find_template", R"sql(
SELECT version_no, name, kind, type_code, coalesce(page, ''), docx_sha256
FROM crm.document_template
WHERE code = $1 AND CASE WHEN $2::int IS NULL THEN retired_at IS NULL ELSE version_no = $2::int END
ORDER BY version_no DESC LIMIT 1)sql"};

constexpr Sql kList{"list_templates", R"sql(
SELECT DISTINCT ON (code) code, name, kind, type_code, version_no, created_at, created_by,
       page IS NOT NULL, docx_sha256 IS NOT NULL
FROM crm.document_template WHERE retired_at IS NULL ORDER BY code, version_no DESC)sql"};

constexpr Sql kAdd{"add_template", R"sql(
INSERT INTO crm.document_template (code, version_no, name, kind, type_code, page, comment,
                                   created_by, docx_sha256)
SELECT $1, coalesce(max(version_no), 0) + 1, $2, $3, $4, nullif($5, ''), $6, $7::bigint, $8::bytea
FROM crm.document_template WHERE code = $1
HAVING coalesce(max(version_no) FILTER (WHERE retired_at IS NULL), 0) = $9
RETURNING version_no)sql"};

constexpr Sql kRetire{"retire_template", R"sql(
UPDATE crm.document_template SET retired_at = now()
WHERE code = $1 AND retired_at IS NULL
  AND (SELECT max(version_no) FROM crm.document_template
        WHERE code = $1 AND retired_at IS NULL) = $2)sql"};

constexpr Sql kTypeExists{"template_type", R"sql(
SELECT EXISTS (SELECT FROM crm.document_type WHERE code = $1 AND is_active))sql"};

// What the shipped ones are; their documents have numbers, guards and statuses of their own.
struct ShippedRow {
  std::string_view code;
  std::string_view name;
  std::string_view kind;
  std::string_view type_code;
};
constexpr std::array kShipped = {
    ShippedRow{"act", "Акт", "order", "act"},
    ShippedRow{"company_card", "Карточка контрагента", "counterparty", "counterparty"},
    ShippedRow{"invoice", "Счет", "order", "invoice"},
    ShippedRow{"proposal", "Коммерческое предложение", "deal", "proposal"},
};

const ShippedRow* shipped_row(std::string_view code) {
  const auto found = std::ranges::find(kShipped, code, &ShippedRow::code);
  return found == kShipped.end() ? nullptr : found;
}

std::optional<DocumentTemplate> shipped(std::string_view code) {
  const ShippedRow* row = shipped_row(code);
  if (row == nullptr) return std::nullopt;
  const auto list = shipped_templates();
  const auto text = std::ranges::find(list, code, &ShippedTemplate::code);
  if (text == list.end()) return std::nullopt;
  return DocumentTemplate{.code = std::string(code),
                          .name = std::string(row->name),
                          .kind = std::string(row->kind),
                          .type_code = std::string(row->type_code),
                          .page = std::string(text->text),
                          .has_docx = !shipped_docx(code).empty()};
}

std::unexpected<Error> no_such_template(std::string_view code) {
  return fail(ErrorCode::not_found, "There is no document template " + std::string(code) + ".",
              "template_not_found");
}

bool is_code(std::string_view code) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !code.empty() && code.size() <= 50 && code.front() >= 'a' && code.front() <= 'z' &&
         std::ranges::all_of(code, fits);
}

// Proposals are made of deals, invoices and acts of orders.
std::string_view kind_of_type(std::string_view type) {
  const ShippedRow* row = shipped_row(type);
  return row != nullptr && row->code == row->type_code ? row->kind : std::string_view();
}

void write_row(JsonWriter& json, std::string_view code, std::string_view name,
               std::string_view kind, std::string_view type_code, std::int64_t version,
               bool has_page, bool has_docx) {
  json.begin_object()
      .member("code", code)
      .member("name", name)
      .member("kind", kind)
      .member("type_code", type_code)
      .member("version", version)
      .member("has_page", has_page)
      .member("has_docx", has_docx);
}

Sha256 digest_of(const std::string& bytes) {
  Sha256 sha256{};
  std::memcpy(sha256.data(), bytes.data(), sha256.size());
  return sha256;
}

// As it will be met: its tags, and a filling with everything there is.
std::vector<FieldError> docx_faults(const std::string& docx, const Json& sample) {
  if (auto fine = check_docx(docx, &sample); !fine) return fine.error().fields;
  if (auto tried = fill_docx(docx, sample); !tried) return tried.error().fields;
  return {};
}

// The digest of its file in the content store; none: it has none.
Result<std::optional<Sha256>> put_docx(Transaction& tx, const DocumentTemplate& made) {
  if (!made.has_docx) return std::nullopt;
  if (made.docx.empty() && made.docx_sha256) return made.docx_sha256;
  const std::string_view bytes =
      made.docx.empty() ? shipped_docx(made.code) : std::string_view(made.docx);
  const BlobContent content = make_blob(bytes);
  if (auto put = put_blobs(tx, {&content, 1}); !put) return std::unexpected(put.error());
  return content.sha256;
}

}  // namespace

Result<DocumentTemplate> find_template(Transaction& tx, std::string_view code,
                                       std::optional<std::int64_t> version) {
  if (version != 0) {
    const auto rows = tx.query(kFind, std::move(Params{}.add(code).add(version)));
    if (!rows) return std::unexpected(rows.error());
    if (!(*rows)->empty()) {
      DocumentTemplate found{.code = std::string(code),
                             .version = (*rows)->int64(0, 0),
                             .name = std::string((*rows)->text(0, 1)),
                             .kind = std::string((*rows)->text(0, 2)),
                             .type_code = std::string((*rows)->text(0, 3)),
                             .page = std::string((*rows)->text(0, 4)),
                             .has_docx = !(*rows)->is_null(0, 5)};
      if (found.has_docx) found.docx_sha256 = digest_of((*rows)->bytes(0, 5));
      return found;
    }
    if (version) return no_such_template(code);
  }
  auto found = shipped(code);
  if (!found) return no_such_template(code);
  return std::move(*found);
}

Result<std::string> read_template_docx(Transaction& tx, const DocumentTemplate& of) {
  if (of.docx_sha256)
    return read_blob(tx, *of.docx_sha256, static_cast<std::int64_t>(DocxLimits{}.package_bytes));
  if (of.has_docx) return std::string(shipped_docx(of.code));
  return fail(ErrorCode::not_found, "The document template " + of.code + " has no DOCX file.",
              "template_not_found");
}

Result<std::string> templates_json(Transaction& tx) {
  const auto rows = tx.query(kList);
  if (!rows) return std::unexpected(rows.error());
  JsonWriter json;
  json.begin_object().key("items").begin_array();
  for (const ShippedRow& row : kShipped) {
    bool replaced = false;
    for (int each = 0; each < (*rows)->size(); ++each)
      replaced = replaced || (*rows)->text(each, 0) == row.code;
    if (replaced) continue;
    write_row(json, row.code, row.name, row.kind, row.type_code, 0, true,
              !shipped_docx(row.code).empty());
    json.key("created_at").null().key("created_by").null().end_object();
  }
  for (int row = 0; row < (*rows)->size(); ++row) {
    write_row(json, (*rows)->text(row, 0), (*rows)->text(row, 1), (*rows)->text(row, 2),
              (*rows)->text(row, 3), (*rows)->int64(row, 4), (*rows)->boolean(row, 7),
              (*rows)->boolean(row, 8));
    json.member("created_at", to_rfc3339((*rows)->instant(row, 5).value_or(Instant{})));
    json.key("created_by");
    if (const auto by = (*rows)->optional_int64(row, 6)) {
      json.integer(*by);
    } else {
      json.null();
    }
    json.end_object();
  }
  return json.end_array().end_object().take();
}

std::vector<std::string> documented_kinds(const Registry& registry) {
  std::vector<std::string> kinds;
  for (const auto& resource : registry.all()) {
    if (resource->holds_attached_rows()) kinds.emplace_back(resource->kind);
  }
  std::ranges::sort(kinds);
  return kinds;
}

Result<DocumentTemplate> completed_template(Transaction& tx, const Registry& registry,
                                            DocumentTemplate wanted) {
  Error error{.code = ErrorCode::validation_failed, .detail = "The template cannot be used."};
  const auto wrong = [&](std::string pointer, std::string code, std::string detail) {
    error.fields.push_back({std::move(pointer), std::move(code), std::move(detail)});
  };
  auto before = find_template(tx, wanted.code);
  if (!before && before.error().code != ErrorCode::not_found)
    return std::unexpected(before.error());
  if (before && wanted.name.empty()) wanted.name = before->name;
  if (before && wanted.kind.empty()) wanted.kind = before->kind;
  if (before && wanted.type_code.empty()) wanted.type_code = before->type_code;
  wanted.based_on = before ? before->version : 0;
  const bool sends_page = !wanted.page.empty();
  if (before && !sends_page) wanted.page = before->page;
  if (before && wanted.docx.empty()) wanted.docx_sha256 = before->docx_sha256;
  wanted.has_docx = !wanted.docx.empty() || (before && before->has_docx);
  if (!is_code(wanted.code))
    wrong("/code", "invalid_code",
          "Latin small letters, digits and _, 50 at most, a letter first.");
  if (wanted.name.empty() || wanted.name.size() > 200)
    wrong("/name", "name_required", "A name of 1 to 200 bytes is wanted.");
  const Resource* resource = registry.find(wanted.kind);
  if (resource == nullptr || !resource->holds_attached_rows())
    wrong("/kind", "unknown_choice", "One of " + join(documented_kinds(registry), ", ") + ".");
  const ShippedRow* row = shipped_row(wanted.code);
  const auto type = tx.query(kTypeExists, Params{}.add(std::string_view(wanted.type_code)));
  if (!type) return std::unexpected(type.error());
  if (!(*type)->boolean(0, 0))
    wrong("/type_code", "unknown", "There is no such document type.");
  else if (row != nullptr && (wanted.kind != row->kind || wanted.type_code != row->type_code))
    wrong("/type_code", "fixed", "Kind and type of a shipped template stay as they are.");
  else if (const auto kind = kind_of_type(wanted.type_code); !kind.empty() && kind != wanted.kind)
    wrong("/kind", "kind_of_type",
          "Documents of this type are made of records of kind " + std::string(kind) + ".");
  const auto custom = read_custom_fields(tx);
  if (!custom) return std::unexpected(custom.error());
  const Json sample = resource == nullptr ? sample_content() : sample_content(*resource, **custom);
  std::vector<FieldError> faults;
  // What was made for records of another kind may name fields these do not have.
  const bool other_kind = before && before->kind != wanted.kind;
  if (!wanted.docx.empty()) {
    faults = docx_faults(wanted.docx, sample);
  } else if (other_kind && wanted.has_docx) {
    const auto kept = read_template_docx(tx, *before);
    if (!kept) return std::unexpected(kept.error());
    faults = docx_faults(*kept, sample);
  }
  if (sends_page || (other_kind && !wanted.page.empty())) {
    if (auto fine = check_template(wanted.page, &sample); !fine)
      faults.insert(faults.end(), fine.error().fields.begin(), fine.error().fields.end());
  }
  error.fields.insert(error.fields.end(), faults.begin(), faults.end());
  if (wanted.page.empty() && !wanted.has_docx)
    wrong("/page", "page_required", "Neither HTML nor a DOCX file is sent.");
  if (error.fields.empty()) return wanted;
  error.reason = error.fields.front().code;
  return std::unexpected(std::move(error));
}

Result<std::int64_t> add_template(Transaction& tx, const DocumentTemplate& made,
                                  const std::optional<std::string>& comment, const Actor& actor) {
  const auto docx = put_docx(tx, made);
  if (!docx) return std::unexpected(docx.error());
  Params params;
  params.add(std::string_view(made.code))
      .add(std::string_view(made.name))
      .add(std::string_view(made.kind))
      .add(std::string_view(made.type_code))
      .add(std::string_view(made.page))
      .add(comment)
      .add(actor.user_id);
  if (*docx) {
    params.add_bytes(as_bytes_view(**docx));
  } else {
    params.add_null();
  }
  params.add(made.based_on);
  const auto rows = tx.query(kAdd, std::move(params));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) {
    return fail(ErrorCode::conflict,
                "The template was changed meanwhile; read it and send your change again.",
                "template_changed");
  }
  return (*rows)->int64(0, 0);
}

Result<void> retire_template(Transaction& tx, std::string_view code, std::int64_t version) {
  const auto rows = tx.query(kRetire, std::move(Params{}.add(code).add(version)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->affected() > 0) return {};
  const auto found = find_template(tx, code);
  if (!found) return std::unexpected(found.error());
  if (found->version == 0) return no_such_template(code);
  return fail(ErrorCode::conflict, "Somebody has just changed the template: read it again.",
              "template_changed");
}

}  // namespace c360::store

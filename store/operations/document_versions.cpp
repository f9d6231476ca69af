#include "store/operations/document_versions.h"

#include <cstring>

#include "store/operations/action.h"

namespace c360::store {
namespace {

constexpr Sql kLockDocument{"lock_document", R"sql(
SELECT status <> 'draft' AND generated_from IS NOT NULL
FROM crm.document WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE)sql"};

// A statement of its own: it sees what the one before waited for.
constexpr Sql kAddVersion{"add_document_version", R"sql(
WITH last AS (
    SELECT max(version_no) AS version_no FROM crm.document_version WHERE document_id = $1
), version AS (
    INSERT INTO crm.document_version (document_id, version_no, content_sha256, size_bytes,
                                      mime_type, file_name, storage_key, comment, created_by,
                                      is_generated)
    SELECT $1, l.version_no + 1, $2::bytea, $3::bigint, $4, $5, encode($2::bytea, 'hex'), $6,
           $7::bigint, $10::boolean
    FROM last l
    RETURNING id, version_no
), changed AS (
    UPDATE crm.document d SET current_version_id = v.id, updated_at = now(),
                              updated_by = $7::bigint, row_version = d.row_version + 1
    FROM version v WHERE d.id = $1
    RETURNING d.id, d.row_version, v.version_no
), event AS (
    INSERT INTO crm.history_event (record_id, record_kind, event, actor_id, version, changes,
                                   request_id, origin)
    SELECT c.id, 'document', 'version_added', $7::bigint, c.row_version,
           jsonb_build_array(jsonb_build_object('field', 'version_no', 'old', c.version_no - 1,
                                                'new', c.version_no)), nullif($8, ''), $9
    FROM changed c
)
SELECT version_no FROM changed)sql"};

constexpr Sql kOldVersion{"read_document_version", R"sql(
SELECT v.content_sha256, v.size_bytes, v.mime_type, v.file_name, v.id = d.current_version_id,
       v.is_generated
FROM crm.document_version v JOIN crm.document d ON d.id = v.document_id
WHERE v.document_id = $1 AND v.version_no = $2::bigint)sql"};

std::unexpected<Error> no_such_version(std::string_view number) {
  Error error{.code = ErrorCode::validation_failed,
              .detail = "The document has no version " + std::string(number) + ".",
              .reason = "unknown_version"};
  error.fields.push_back({"/version_no", error.reason, error.detail});
  return std::unexpected(std::move(error));
}

Result<ActionResult> restore_version(ActionCall& call) {
  const std::string_view number = *call.value("version_no");
  const auto rows = call.tx.query(kOldVersion, std::move(Params{}.add(call.id).add(number)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->empty()) return no_such_version(number);
  if ((*rows)->boolean(0, 4)) {
    return fail(ErrorCode::conflict, "Version " + std::string(number) + " is the current one.",
                "already_current");
  }
  const auto comment = call.value("comment");
  NewVersion version{.size_bytes = (*rows)->int64(0, 1),
                     .media_type = std::string((*rows)->text(0, 2)),
                     .file_name = std::string((*rows)->text(0, 3)),
                     .comment = comment ? std::string(*comment)
                                        : "Restored from version_no " + std::string(number),
                     .is_generated = (*rows)->boolean(0, 5)};
  const std::string digest = (*rows)->bytes(0, 0);
  std::memcpy(version.sha256.data(), digest.data(), version.sha256.size());
  if (auto added = add_document_version(call.tx, call.id, version, call.actor); !added) {
    return std::unexpected(added.error());
  }
  auto view = read_in(call.records, call.tx, call.resource, call.id, call.actor);
  if (!view) return std::unexpected(view.error());
  return ActionResult{.json = std::move(view->json), .version = view->version, .id = view->id};
}

}  // namespace

Result<std::int64_t> add_document_version(Transaction& tx, std::int64_t document_id,
                                          const NewVersion& version, const Actor& actor) {
  const auto locked = tx.query(kLockDocument, std::move(Params{}.add(document_id)));
  if (!locked) return std::unexpected(locked.error());
  if ((*locked)->empty()) return fail(ErrorCode::not_found, "There is no such document.");
  if ((*locked)->boolean(0, 0) && !version.is_rendering) {
    return fail(ErrorCode::conflict,
                "A generated document that is no draft any more keeps its content; generate a new "
                "one.",
                "document_issued");
  }
  const auto rows = tx.query(kAddVersion, std::move(Params{}
                                                        .add(document_id)
                                                        .add_bytes(as_bytes_view(version.sha256))
                                                        .add(version.size_bytes)
                                                        .add(version.media_type)
                                                        .add(version.file_name)
                                                        .add(version.comment)
                                                        .add(actor.user_id)
                                                        .add(std::string_view(actor.request_id))
                                                        .add(std::string_view(actor.origin))
                                                        .add(version.is_generated)));
  if (!rows) return std::unexpected(rows.error());
  return (*rows)->int64(0, 0);
}

Action restore_version_action() {
  Field version = integer("version_no");
  version.of_small_type("integer").required().labels("Номер версии", "Version number");
  return {
      .name = "restore-version",
      .label = {"Вернуть версию", "Restore a version"},
      .doc = "The content of an old version becomes the newest one; nothing is lost.",
      .parameters = {version, text("comment").max_length(1000).labels("Комментарий", "Comment")},
      .answers = "self",
      .handler = restore_version};
}

}  // namespace c360::store

#include "store/operations/remove_folder.h"

#include <string>

namespace c360::store {
namespace {

// As the triggers of migration 0007 do: the tree stands still while it is looked at.
constexpr Sql kHoldTree{"remove_folder_hold",
                        "SELECT pg_advisory_xact_lock(hashtext('crm.folder'))"};

constexpr Sql kReleaseDocuments{"remove_folder_release", R"sql(
WITH leaving AS (
    SELECT id, folder_id FROM crm.document
    WHERE folder_id IN (SELECT crm.folders_under($1)) AND deleted_at IS NULL
      AND parent_record_id IS NOT NULL
    FOR NO KEY UPDATE
), changed AS (
    UPDATE crm.document d SET folder_id = NULL, updated_at = now(), updated_by = $2::bigint,
                              row_version = d.row_version + 1
    FROM leaving l WHERE d.id = l.id
    RETURNING d.id, d.row_version, l.folder_id
)
INSERT INTO crm.history_event (record_id, record_kind, event, actor_id, version, changes,
                               request_id, origin)
SELECT c.id, 'document', 'updated', $2::bigint, c.row_version,
       jsonb_build_array(jsonb_build_object('field', 'folder_id', 'old', c.folder_id, 'new', null)),
       nullif($3, ''), $4
FROM changed c)sql"};

// What is deleted has nothing to be done about it any more. The documents of records have left.
constexpr Sql kCancelTasks{"remove_folder_tasks", R"sql(
UPDATE crm.task SET status = 'canceled', completed_at = now()
WHERE status = 'active' AND record_id IN (
    SELECT id FROM crm.document
    WHERE folder_id IN (SELECT crm.folders_under($1)) AND deleted_at IS NULL
    UNION ALL SELECT crm.folders_under($1)))sql"};

constexpr Sql kDeleteDocuments{"remove_folder_documents", R"sql(
WITH gone AS (
    UPDATE crm.document d SET deleted_at = now(), updated_at = now(), updated_by = $2::bigint,
                              row_version = d.row_version + 1
    WHERE d.folder_id IN (SELECT crm.folders_under($1)) AND d.deleted_at IS NULL
    RETURNING d.id, d.row_version
)
INSERT INTO crm.history_event (record_id, record_kind, event, actor_id, version, request_id, origin)
SELECT g.id, 'document', 'deleted', $2::bigint, g.row_version, nullif($3, ''), $4 FROM gone g)sql"};

constexpr Sql kDeleteFolders{"remove_folder_folders", R"sql(
WITH gone AS (
    UPDATE crm.folder f SET deleted_at = now(), updated_at = now(), updated_by = $2::bigint,
                            row_version = f.row_version + 1
    WHERE f.id IN (SELECT crm.folders_under($1)) AND f.id <> $1
    RETURNING f.id, f.row_version
)
INSERT INTO crm.history_event (record_id, record_kind, event, actor_id, version, request_id, origin)
SELECT g.id, 'folder', 'deleted', $2::bigint, g.row_version, nullif($3, ''), $4 FROM gone g)sql"};

// How much there is, and whether the actor may delete all of it.
Result<void> admit_contents(const Records& records, Transaction& tx, std::int64_t id,
                            const Actor& actor) {
  const Resource& folder = records.registry().get("folder");
  const Resource& document = records.registry().get("document");
  const auto writes = [&](const Resource& resource) {
    return records.access().predicate(actor, resource, Right::write, "t", "$2::bigint").sql;
  };
  const Plan plan = records.queries().keep_always(
      "SELECT count(*), coalesce(bool_and(coalesce(w, false)), true), $2::bigint FROM (SELECT " +
      writes(folder) +
      " AS w FROM crm.folder t WHERE t.id IN (SELECT crm.folders_under($1)) UNION ALL SELECT " +
      writes(document) +
      " FROM crm.document t WHERE t.folder_id IN (SELECT crm.folders_under($1))"
      " AND t.deleted_at IS NULL AND t.parent_record_id IS NULL"
      // Documents of records are taken out of the folder, not deleted: counted alone.
      " UNION ALL SELECT true FROM crm.document d WHERE d.folder_id IN"
      " (SELECT crm.folders_under($1)) AND d.deleted_at IS NULL AND d.parent_record_id IS NOT NULL)"
      " contents");
  const auto rows = tx.query(plan.sql, std::move(Params{}.add(id).add(actor.user_id)));
  if (!rows) return std::unexpected(rows.error());
  if ((*rows)->int64(0, 0) > kMaxFolderRemoval) {
    return fail(ErrorCode::conflict,
                "The folder holds " + std::to_string((*rows)->int64(0, 0)) +
                    " folders and documents; at most " + std::to_string(kMaxFolderRemoval) +
                    " are deleted at once: delete the folders inside it first.",
                "folder_too_large");
  }
  if ((*rows)->boolean(0, 1)) return {};
  return fail(ErrorCode::forbidden,
              "The folder holds folders or documents that you may read, but not delete.",
              "read_only");
}

}  // namespace

Result<void> remove_folder(Records& records, Transaction& tx, std::int64_t id, bool recursive,
                           const Actor& actor, const WriteOptions& options) {
  if (recursive) {
    tx.queue(kHoldTree);
    if (auto admitted = admit_contents(records, tx, id, actor); !admitted) return admitted;
    const auto queue = [&](const Sql& sql) {
      tx.queue(sql, std::move(Params{}
                                  .add(id)
                                  .add(actor.user_id)
                                  .add(std::string_view(actor.request_id))
                                  .add(std::string_view(actor.origin))));
    };
    queue(kReleaseDocuments);
    tx.queue(kCancelTasks, Params{}.add(id));
    queue(kDeleteDocuments);
    queue(kDeleteFolders);
  }
  return records.remove(tx, records.registry().get("folder"), std::to_string(id), actor, options);
}

}  // namespace c360::store

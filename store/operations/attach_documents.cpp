#include "store/operations/attach_documents.h"

#include <vector>

#include "daemon/base/text.h"

namespace c360::store {

namespace {

constexpr std::size_t kNameBytes = 250;  // within the 255 characters of crm.document.name

// The first version has the document's id (migration 0007).
constexpr Sql kVersions{"attach_document_versions", R"sql(
  INSERT INTO crm.document_version (id, document_id, version_no, content_sha256, size_bytes, mime_type,
                                    file_name, storage_key, created_by, comment, is_generated)
  SELECT u.id, u.id, 1, decode(u.sha, 'hex'), u.size, u.type, u.name, u.sha, $6::bigint,
         nullif(u.comment, ''), u.id = ANY ($8::bigint[])
  FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $7::text[])
    AS u (id, sha, size, type, name, comment))sql"};
constexpr Sql kLinks{"attach_document_links", R"sql(
  INSERT INTO crm.activity_document (activity_id, document_id)
  SELECT u.activity_id, u.document_id FROM unnest($1::bigint[], $2::bigint[]) AS u (activity_id, document_id))sql"};

}  // namespace

Result<void> attach_documents(Transaction& tx, const Records& records,
                              std::span<const NewDocument> documents, const Actor& actor) {
  if (documents.empty()) return {};
  std::vector<NewRecord> rows;
  std::vector<std::int64_t> ids;
  std::vector<std::string> digests;
  std::vector<std::int64_t> sizes;
  std::vector<std::string> types;
  std::vector<std::string> names;
  std::vector<std::string> comments;
  std::vector<std::int64_t> activities;
  std::vector<std::int64_t> linked;
  std::vector<std::int64_t> generated;
  for (const NewDocument& document : documents) {
    const std::string name{utf8_prefix(document.name, kNameBytes)};
    NewRecord row{.id = document.id};
    if (document.parent_record_id) {
      row.set("parent_record_id", std::to_string(*document.parent_record_id));
    }
    if (document.folder_id) row.set("folder_id", std::to_string(*document.folder_id));
    row.set("type_code", document.type_code)
        .set("name", name)
        .set("current_version_id", std::to_string(document.id));
    row.values.insert(row.values.end(), document.values.begin(), document.values.end());
    rows.push_back(std::move(row));
    ids.push_back(document.id);
    digests.push_back(to_hex(document.sha256));
    sizes.push_back(document.size_bytes);
    types.push_back(document.media_type.empty() ? "application/octet-stream" : document.media_type);
    names.push_back(document.file_name.empty()
                        ? name
                        : std::string(utf8_prefix(document.file_name, kNameBytes)));
    comments.push_back(document.comment.value_or(""));
    if (document.is_generated) generated.push_back(document.id);
    if (document.activity_id) {
      activities.push_back(*document.activity_id);
      linked.push_back(document.id);
    }
  }
  if (auto created = records.create_many(tx, records.registry().get("document"), rows, actor);
      !created)
    return created;
  Params versions;
  versions.add_array(std::span<const std::int64_t>(ids))
      .add_array(std::span<const std::string>(digests))
      .add_array(std::span<const std::int64_t>(sizes))
      .add_array(std::span<const std::string>(types))
      .add_array(std::span<const std::string>(names))
      .add(actor.user_id)
      .add_array(std::span<const std::string>(comments))
      .add_array(std::span<const std::int64_t>(generated));
  tx.queue(kVersions, std::move(versions));
  if (!linked.empty())
    tx.queue(kLinks, std::move(Params{}
                                   .add_array(std::span<const std::int64_t>(activities))
                                   .add_array(std::span<const std::int64_t>(linked))));
  return {};
}

}  // namespace c360::store
